//! `hookmill draft`: documents in the making, tested at URLs of their own before they are published.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Remote, segment};
use super::exit::{Exit, Result};
use super::screen::{Screen, complain, member, single_line};
use super::{apply, workflow};

/// Save, show, drop or publish the draft of a workflow.
#[derive(Subcommand)]
pub(crate) enum Draft {
    /// Save a draft, valid or not, under the name that the document says; prints the URLs at which it answers.
    Save(Save),
    /// Print the text of a draft; what is wrong with it goes to standard error.
    Show(Which),
    /// Throw a draft away. What is published stays as it is; a workflow that was never published goes with its draft and its
    /// URLs.
    Drop(Which),
    /// Publish a draft, if nothing is wrong with it.
    Publish(Which),
}

/// What is saved.
#[derive(Args)]
pub(crate) struct Save {
    /// The file, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The name of the workflow, where it cannot be read in the document.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Whose draft.
#[derive(Args)]
pub(crate) struct Which {
    /// The workflow, by id or name.
    workflow: String,
    #[command(flatten)]
    remote: Remote,
}

impl Draft {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Save(save) => save.run().await,
            Self::Show(which) => {
                let (client, path) = which.find().await?;
                let draft = client.get(&path, &[]).await?;
                let screen = which.remote.screen();
                if screen.json {
                    screen.json_line(&draft);
                    return Ok(());
                }
                complain_of(&draft);
                screen.text(draft["text"].as_str().unwrap_or_default());
                Ok(())
            }
            Self::Drop(which) => {
                let (client, path) = which.find().await?;
                client.delete(&path).await?;
                let is_left = match client.get(path.trim_end_matches("/draft"), &[]).await {
                    Ok(_) => true,
                    Err(failed) if failed.exit == Exit::NotFound => false,
                    Err(failed) => return Err(failed),
                };
                let gone = if is_left { "" } else { " The workflow was never published, so it is gone with all its URLs." };
                which.remote.screen().say(&format!("Dropped the draft of {}.{gone}", single_line(&which.workflow)));
                Ok(())
            }
            Self::Publish(which) => {
                let (client, path) = which.find().await?;
                let published = client.post(&format!("{path}/publish"), &json!({})).await?;
                apply::tell(&published, which.remote.screen(), "");
                Ok(())
            }
        }
    }
}

impl Save {
    async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let text = apply::read(&self.file)?;
        let saved = client.post("/api/v1/workflows/draft", &json!({ "text": text, "name": self.name })).await?;
        complain_of(&saved);
        tell(&saved, self.remote.screen());
        Ok(())
    }
}

impl Which {
    /// Where the draft is.
    async fn find(&self) -> Result<(Client, String)> {
        let client = self.remote.client()?;
        let id = workflow::id_of(&client, &self.workflow).await?;
        Ok((client, format!("/api/v1/workflows/{}/draft", segment(&id))))
    }
}

fn complain_of(draft: &Value) {
    for problem in draft["problems"].as_array().into_iter().flatten() {
        let kind = if problem["severity"] == "warning" { "warning: " } else { "" };
        complain(&format!("{kind}{}", apply::problem_line(problem)));
    }
}

fn tell(saved: &Value, screen: Screen) {
    if screen.json {
        screen.json_line(saved);
        return;
    }
    let what = if saved["publishable"] == true { "draft saved" } else { "draft saved; it is not valid, so nothing answers" };
    screen.say(&format!("{}: {what} ({})", member(saved, "name"), member(saved, "workflow")));
    for hook in saved["hooks"].as_array().into_iter().flatten() {
        screen.say(&format!("  {}: {}", member(hook, "label"), member(hook, "test_url")));
    }
}
