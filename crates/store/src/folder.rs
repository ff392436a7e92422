//! The data folder: made if missing, checked to be writable, and locked so that one process at a time owns it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::Error;

/// The file whose lock is the ownership. It stays when the owner goes: removing it would let two owners lock two files.
const LOCK_FILE: &str = "hookmill.lock";

/// Owned data folder; given up when dropped, also by the death of the process.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Makes the folder if it is missing, for its owner's eyes only.
    pub fn create(path: &Path) -> Result<(), Error> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| unusable(path, &error))
    }

    /// Makes the folder if it is missing and becomes its only owner.
    pub fn take(path: &Path) -> Result<Self, Error> {
        Self::create(path)?;
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path.join(LOCK_FILE));
        let mut lock = lock.map_err(|error| unusable(path, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // Only for the message: an owner that is still writing its number is in use without one.
                let pid = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(Error::InUse { path: path.to_owned(), pid });
            }
            Err(errno) => return Err(unusable(path, &errno.into())),
        }
        note_owner(&mut lock).map_err(|error| unusable(path, &error))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// About the file that is locked.
    pub(crate) fn lock_metadata(&self) -> std::io::Result<std::fs::Metadata> {
        self.lock.metadata()
    }
}

fn note_owner(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

/// What is wrong with a folder, and what to do about it.
pub(crate) fn unusable(path: &Path, error: &std::io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::PermissionDenied => {
            "no permission to write to it; give it to the user that runs hookmill, or choose another with --data".into()
        }
        ErrorKind::ReadOnlyFilesystem => {
            "its file system is read-only; mount it writable, or choose another folder with --data".into()
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "there is a file of that name; choose another folder with --data".into()
        }
        ErrorKind::StorageFull => "the disk is full; free some space".into(),
        _ => format!("{error}; check the path, or choose another folder with --data"),
    };
    Error::Folder { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let owner = DataFolder::take(&path).unwrap();
        let refused = DataFolder::take(&path).unwrap_err();
        assert_eq!(refused, Error::InUse { path: path.clone(), pid: Some(std::process::id()) });
        assert!(refused.to_string().contains(path.to_str().unwrap()));
        drop(owner);
        DataFolder::take(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let refused = DataFolder::take(&path).unwrap_err().to_string();
        assert!(refused.contains("there is a file of that name"), "{refused}");
    }
}
