//! A copy of the SQLite database while it is in use.
//!
//! The copy is of one moment: everything committed before it, nothing after. Writers go on meanwhile; what they write
//! stays in the write-ahead log until the copy is made.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use crate::Error;
use crate::db::Db;
use crate::db::sqlite::open::open_reader;

/// Pages copied between two reports of the progress: 4 MiB.
const PAGES_PER_STEP: i32 = 1_024;

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pages copied.
    pub done: u64,
    /// Pages in all.
    pub total: u64,
}

impl Db {
    /// Copies the database to a new file, which appears only when it is complete, checked and on the disk.
    /// `progress` is called on another thread, some times a second.
    pub async fn back_up(&self, target: &Path, progress: impl Fn(Progress) + Send + 'static) -> Result<(), Error> {
        let Some(file) = self.file() else {
            return Err(Error::Invalid(
                "a PostgreSQL database is backed up with PostgreSQL's own tools: pg_dump --format=custom --file=FILE URL".into(),
            ));
        };
        let (file, target) = (file.to_owned(), target.to_owned());
        let copied = tokio::task::spawn_blocking(move || copy(&file, &target, &progress)).await;
        copied.unwrap_or_else(|_| Err(Error::unavailable("the backup ended unexpectedly")))
    }
}

fn copy(file: &Path, target: &Path, progress: &dyn Fn(Progress)) -> Result<(), Error> {
    if target.exists() {
        return Err(Error::Invalid(format!("{} is there already; choose another name", target.display())));
    }
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = write_partial(file, &partial, progress).and_then(|()| keep(&partial, target));
    if written.is_err() {
        // The error that is told is the first one; a left-over file is named so that one sees what it is.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

fn write_partial(file: &Path, partial: &Path, progress: &dyn Fn(Progress)) -> Result<(), Error> {
    let source = open_reader(file)?;
    // The moment of the copy: without an open transaction every commit would start it from the beginning.
    let pinned =
        source.execute_batch("BEGIN").and_then(|()| source.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(())));
    pinned.map_err(|error| failed(partial, &error))?;
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial);
    made.map_err(|error| Error::Invalid(format!("cannot write {}: {error}", partial.display())))?;
    let mut copy = Connection::open(partial).map_err(|error| failed(partial, &error))?;
    copy_pages(&source, &mut copy, progress).map_err(|error| failed(partial, &error))?;
    // One file that can be moved about, not one with a log beside it.
    let mode = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    mode.map_err(|error| failed(partial, &error))?;
    let checked: String =
        copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| failed(partial, &error))?;
    if checked != "ok" {
        return Err(Error::corrupt(format!("the copy is not sound, so the database is not: {checked}")));
    }
    copy.close().map_err(|(_, error)| failed(partial, &error))
}

fn copy_pages(source: &Connection, copy: &mut Connection, progress: &dyn Fn(Progress)) -> rusqlite::Result<()> {
    let backup = Backup::new(source, copy)?;
    loop {
        let result = backup.step(PAGES_PER_STEP)?;
        let pages = backup.progress();
        let [total, left] = [pages.pagecount, pages.remaining].map(|pages| u64::try_from(pages).unwrap_or(0));
        progress(Progress { done: total.saturating_sub(left), total });
        if result == StepResult::Done {
            return Ok(());
        }
    }
}

/// Gives the copy its name once its bytes are on the disk, and the name too.
fn keep(partial: &Path, target: &Path) -> Result<(), Error> {
    let keep = || {
        File::open(partial)?.sync_all()?;
        std::fs::rename(partial, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    keep().map_err(|error| Error::Invalid(format!("cannot write {}: {error}", target.display())))
}

fn failed(partial: &Path, error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            let folder = partial.parent().unwrap_or(Path::new("."));
            Error::Full { free_bytes: crate::disk::space(folder).map_or(0, |(free_bytes, _)| free_bytes) }
        }
        Some(ErrorCode::DatabaseCorrupt) => Error::corrupt(error.to_string()),
        _ => Error::unavailable(format!("cannot make the backup {}: {error}", partial.display())),
    }
}
