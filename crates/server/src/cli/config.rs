//! `hookmill config`: what is in effect, and where to start from.

use clap::Args;

use super::exit::{Exit, Failed, Result};
use super::local::Local;
use super::screen::Screen;
use crate::config::DEFAULT_FILE;

/// Print the effective configuration, secrets as stars.
#[derive(Args)]
pub(crate) struct Config {
    /// Print the commented default file instead.
    #[arg(long, conflicts_with = "json")]
    default: bool,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

impl Config {
    pub(crate) fn run(self) -> Result<()> {
        let screen = Screen { json: self.json };
        if self.default {
            screen.text(DEFAULT_FILE);
            return Ok(());
        }
        let config = self.local.load(Vec::new())?;
        if self.json {
            let value = serde_json::to_value(&config).map_err(|error| Failed::new(Exit::Failed, error))?;
            screen.json_line(&value);
        } else {
            screen.text(&config.to_toml());
        }
        Ok(())
    }
}
