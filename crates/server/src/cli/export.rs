//! `hookmill export`: the canonical text of published workflows.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::client::{Client, Remote, segment};
use super::exit::{Failed, Result};
use super::screen::{complain, member};
use super::{progress, workflow};

/// The longest file name that is made of a workflow's name.
const FILE_NAME_CHARS_MAX: usize = 80;

/// Print a published workflow, or write all of them to a folder.
#[derive(Args)]
pub(crate) struct Export {
    /// The workflow, by id or name.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    workflow: Option<String>,
    /// Write all workflows to this folder, one file each.
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Which revision; the published one if not given.
    #[arg(long, conflicts_with = "all", value_name = "N")]
    revision: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }
}

impl Export {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        match (&self.workflow, &self.all) {
            (Some(named), _) => {
                let id = workflow::id_of(&client, named).await?;
                let text = self.text(&client, &id).await?;
                self.remote.screen().text(&text);
                Ok(())
            }
            (None, Some(folder)) => self.write_all(&client, folder).await,
            (None, None) => Err(Failed::usage("name a workflow, or a folder with --all")),
        }
    }

    async fn write_all(&self, client: &Client, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|error| Failed::file("make", folder, &error))?;
        let workflows = client.list("/api/v1/workflows", &[], usize::MAX).await?;
        let (workflows, drafts): (Vec<_>, Vec<_>) = workflows.into_iter().partition(|workflow| !workflow["revision"].is_null());
        for draft in &drafts {
            complain(&format!("{} was never published; `hookmill draft show` prints its draft", member(draft, "name")));
        }
        let bar = progress::bar("Exporting", workflows.len() as u64);
        for workflow in &workflows {
            let (id, name) = (workflow["id"].as_str().unwrap_or_default(), workflow["name"].as_str().unwrap_or_default());
            let text = self.text(client, id).await?;
            let file = folder.join(format!("{}.{}", file_name(name, id), self.format.name()));
            std::fs::write(&file, text).map_err(|error| Failed::file("write", &file, &error))?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let screen = self.remote.screen();
        screen.say(&format!("Wrote {} workflows to {}.", workflows.len(), folder.display()));
        if self.remote.json {
            workflows.iter().for_each(|workflow| screen.json_line(workflow));
        }
        Ok(())
    }

    async fn text(&self, client: &Client, id: &str) -> Result<String> {
        let mut query = vec![("format", self.format.name().to_owned())];
        query.extend(self.revision.map(|revision| ("revision", revision.to_string())));
        client.get_text(&format!("/api/v1/workflows/{}/export", segment(id)), &query).await
    }
}

/// A name that stays in its folder and that no two workflows share.
fn file_name(name: &str, id: &str) -> String {
    let words: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let short: String = words.join("-").chars().take(FILE_NAME_CHARS_MAX).collect();
    format!("{short}.{}", id.strip_prefix("wf_").unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_plain_file_names() {
        assert_eq!(file_name("../Order: fulfilment!", "wf_01"), "order-fulfilment.01");
        assert_eq!(file_name("/", "wf_01"), ".01");
    }
}
