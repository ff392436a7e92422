//! `hookmill backup`: the whole SQLite database in one file, also while the server runs; files of runs in a folder beside it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failed, Result};
use super::local::{Local, open_beside};
use super::screen::Screen;
use super::{progress, stored_files};
use crate::serve::files_folder;

/// Copy the database to one file, also while the server runs.
///
/// Files of runs, if there are any, are copied to the folder FILE.files beside it.
///
/// The master key is not part of it: keep `master.key` (or HOOKMILL_MASTER_KEY) elsewhere, so that who finds a backup
/// cannot open the secrets in it.
#[derive(Args)]
pub(crate) struct Backup {
    /// The file to make; it must not exist.
    file: PathBuf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

impl Backup {
    pub(crate) async fn run(self) -> Result<()> {
        let config = self.local.load(Vec::new())?;
        let files = stored_files::beside(&self.file);
        if files.exists() {
            return Err(Failed::new(Exit::Failed, format!("{} is there already; nothing is overwritten", files.display())));
        }
        let store = open_beside(&config).await?;
        let bar = progress::bar("Copying pages", 0);
        let shown = bar.clone();
        let copied = store
            .db()
            .back_up(&self.file, move |progress| {
                shown.set_length(progress.total);
                shown.set_position(progress.done);
            })
            .await;
        bar.finish_and_clear();
        store.close().await;
        copied?;
        // After the database, so that every file that it names is there.
        let (files_copied, files_bytes) = stored_files::copy_all(&files_folder(&config), &files)?;
        let bytes = std::fs::metadata(&self.file).map_err(|error| Failed::file("read", &self.file, &error))?.len();
        let screen = Screen { json: self.json };
        if self.json {
            screen.json_line(&json!({ "file": self.file, "bytes": bytes, "files": files_copied, "files_bytes": files_bytes }));
        } else {
            screen.say(&format!("Backed up to {} ({bytes} bytes).", self.file.display()));
            if files_copied > 0 {
                screen.say(&format!("{files_copied} files of runs are in {} ({files_bytes} bytes).", files.display()));
            }
            let key = config.vault.file(&config.store.data);
            screen.say(&format!("Secrets in it open only with the master key; keep a copy of {} elsewhere.", key.display()));
        }
        Ok(())
    }
}
