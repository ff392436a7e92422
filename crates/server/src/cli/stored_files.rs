//! The files of runs beside their database: copied by `backup` and `restore`, looked at by `verify`.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hookmill_actions::RunFolder;
use hookmill_store::Store;
use hookmill_store::verify::{Finding, Part};

use super::exit::{Failed, Result};
use super::{progress, restore};

/// What is added to the name of a backup for the folder of its files.
const SUFFIX: &str = ".files";

/// Where the files of a backup are.
pub(crate) fn beside(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// Copies all complete files; how many, and their bytes. None, and no folder, if there are none to copy. Files that
/// retention removes meanwhile are left out: their runs are gone too.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Result<(u64, u64)> {
    let unreadable = |error: io::Error| Failed::file("read", from, &error);
    let (mut count, mut bytes) = (0, 0);
    let folders = RunFolder::list(from).map_err(unreadable)?;
    let bar = progress::bar("Copying files", folders.len() as u64);
    for folder in folders {
        bar.inc(1);
        for path in folder.complete().map_err(unreadable)? {
            let name = path.file_name().unwrap_or_default();
            let target = to.join(folder.run.to_string());
            make(&target)?;
            // What is known about a file comes with it, or it would not be taken for complete.
            for extension in ["json", "data"] {
                let source = path.with_extension(extension);
                if source.exists() {
                    bytes += restore::copy(&source, &target.join(name).with_extension(extension))?;
                }
            }
            count += 1;
        }
    }
    bar.finish_and_clear();
    if count > 0 {
        let synced = File::open(to).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Failed::file("write", to, &error))?;
    }
    Ok((count, bytes))
}

fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failed::file("write", folder, &error))
}

/// Files of which a part is missing, and how many runs own files but are not stored: what retention was killed over, or a
/// backup taken, and removes within a day.
pub(crate) async fn check(store: &Store, folder: &Path) -> Result<(Vec<Finding>, usize)> {
    let unreadable = |error: io::Error| Failed::file("read", folder, &error);
    let (mut found, mut without_run) = (Vec::new(), 0);
    for of_run in RunFolder::list(folder).map_err(unreadable)? {
        if store.run(of_run.run).await?.is_none() {
            without_run += 1;
            continue;
        }
        for name in of_run.damaged().map_err(unreadable)? {
            let what = format!("the content of {name} is missing or has another length than it had");
            found.push(Finding { part: Part::Files, id: of_run.run.to_string(), what });
        }
    }
    Ok((found, without_run))
}
