//! `hookmill restore`: a data folder from a backup.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hookmill_store::db::Target;
use hookmill_store::folder::DataFolder;
use serde_json::json;

use super::exit::{Exit, Failed, Result};
use super::local::Local;
use super::screen::Screen;
use super::{progress, stored_files};
use crate::serve::{files_folder, open_store};

/// How much is copied at once.
const CHUNK_BYTES: usize = 1024 * 1024;
/// What every SQLite file begins with.
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Make a data folder from a backup.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup.
    file: PathBuf,
    /// The master key that the secrets in it were sealed with (a copy of `master.key`).
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

impl Restore {
    pub(crate) async fn run(self) -> Result<()> {
        let config = self.local.load(Vec::new())?;
        let data = config.store.data.clone();
        let target = match Target::parse(&config.store.address())? {
            Target::Sqlite(file) => file,
            Target::Postgres(_) => {
                let how = "a PostgreSQL database is restored with PostgreSQL's own tools: pg_restore --dbname=URL FILE";
                return Err(Failed::usage(how));
            }
        };
        refuse_unless_backup(&self.file)?;
        refuse_unless_empty(&data, &target)?;
        DataFolder::create(&data)?;
        copy(&self.file, &target)?;
        let made = self.complete(&config, &data).await;
        if made.is_err() {
            // What was copied is not a database of ours, or not all of it could be; the folder, which was empty, is again.
            let _ = std::fs::remove_file(&target);
            let _ = std::fs::remove_dir_all(files_folder(&config));
        }
        made?;
        let screen = Screen { json: self.json };
        if self.json {
            screen.json_line(&json!({ "data": data, "restored": true }));
        } else {
            screen.say(&format!("Restored to {}. Start it with: hookmill serve --data {}", data.display(), data.display()));
            if self.master_key.is_none() {
                screen.say(
                    "Secrets open only with the former master key: copy it there as master.key, or set HOOKMILL_MASTER_KEY.",
                );
            }
        }
        Ok(())
    }

    /// Opens the copy as a server would, which also brings an older one up to date, and puts files and key beside it.
    async fn complete(&self, config: &crate::config::Config, data: &Path) -> Result<()> {
        open_store(config).await?.close().await;
        stored_files::copy_all(&stored_files::beside(&self.file), &files_folder(config))?;
        if let Some(key) = &self.master_key {
            copy(key, &config.vault.file(data))?;
        }
        Ok(())
    }
}

fn refuse_unless_backup(file: &Path) -> Result<()> {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|source| source.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut start));
    read.map_err(|error| Failed::file("read", file, &error))?;
    if start != SQLITE_MAGIC {
        return Err(Failed::new(Exit::Invalid, format!("{} is not a backup of Hookmill", file.display())));
    }
    Ok(())
}

fn refuse_unless_empty(data: &Path, target: &Path) -> Result<()> {
    let refuse = |path: &Path| {
        let why = format!("{} is not empty; restore into a new folder with --data DIR", path.display());
        Err(Failed::new(Exit::Failed, why))
    };
    match std::fs::read_dir(data).map(Iterator::count) {
        Ok(1..) => refuse(data),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failed::file("read", data, &error)),
        _ if target.exists() => refuse(target),
        _ => Ok(()),
    }
}

/// Copies a file, for the owner's eyes only, and waits until it is on the disk.
pub(super) fn copy(from: &Path, to: &Path) -> Result<u64> {
    let mut source = File::open(from).map_err(|error| Failed::file("read", from, &error))?;
    let total = source.metadata().map_err(|error| Failed::file("read", from, &error))?.len();
    let bar = progress::bar("Copying", total);
    let unwritable = |error: io::Error| Failed::file("write", to, &error);
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(unwritable)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut copied = 0;
    loop {
        let bytes = source.read(&mut chunk).map_err(|error| Failed::file("read", from, &error))?;
        if bytes == 0 {
            target.sync_all().map_err(unwritable)?;
            bar.finish_and_clear();
            return Ok(copied);
        }
        target.write_all(&chunk[..bytes]).map_err(unwritable)?;
        copied += bytes as u64;
        bar.inc(bytes as u64);
    }
}
