//! `hookmill workspace`: settings of a workspace.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::client::{Remote, segment};
use super::exit::Result;
use super::screen::member;

/// Settings of a workspace.
#[derive(Subcommand)]
pub(crate) enum Workspace {
    /// Show where the documentation for senders is, and who may read it; or change that.
    Docs(Docs),
}

#[derive(Args)]
pub(crate) struct Docs {
    /// `on`: everyone may read it. `off`: only holders of an API key.
    switch: Option<Switch>,
    /// Which workspace, by slug or id.
    #[arg(long, default_value = "main", value_name = "SLUG|ID")]
    workspace: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Workspace {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Docs(docs) => docs.run().await,
        }
    }
}

impl Docs {
    async fn run(self) -> Result<()> {
        let (screen, client) = (self.remote.screen(), self.remote.client()?);
        let path = format!("/api/v1/workspaces/{}", segment(&self.workspace));
        let workspace = match self.switch {
            None => client.get(&path, &[]).await?,
            Some(switch) => client.patch(&path, &json!({ "public_docs": switch == Switch::On })).await?,
        };
        if screen.json {
            screen.json_line(&workspace);
        } else {
            let readers = if workspace["public_docs"] == true { "everyone" } else { "holders of an API key" };
            screen.say(&format!("{}: for {readers}", member(&workspace, "docs_url")));
        }
        Ok(())
    }
}
