//! What a data folder remembers of the node that last served from it, so that a restarted process need not wait until the
//! lease of its former life ends.
//!
//! The folder's lock is given up by the kernel when its owner dies. Whoever gets it therefore knows that the node written
//! down beside it is dead and may take over its buckets at once, but only if it is the same lock under the same kernel:
//! a folder that was copied, restored from a snapshot or moved to another machine has a lock of its own, which proves
//! nothing about a node that may well be alive elsewhere. So the node is remembered together with the file that was
//! locked (device and inode) and the boot of the machine; if any of them differs, the lease is waited for as ever.
//!
//! Should that be deceived all the same (a virtual machine cloned while it runs), the epochs hold: a takeover raises
//! them, and whatever the other one still writes of a run meets no row. It learns of its loss at its next renewal.

use std::fs::{File, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::folder::{DataFolder, unusable};
use crate::nodes::NodeId;
use crate::{Error, Result};

/// The file with the node and what proves its death.
const NODE_FILE: &str = "hookmill.node";
/// Another number after every start of the machine. Containers see that of their host.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An owned data folder, with what it remembers.
#[derive(Debug)]
pub(crate) struct Home {
    folder: DataFolder,
    /// What must be the same for the lock to prove anything; `None` where it cannot be told.
    proof: Option<String>,
}

impl Home {
    /// Becomes the folder's owner; `None` if another process is. Nodes of one machine may share a folder (and so the
    /// master key in it): the first of them is remembered, the others wait for leases.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>> {
        let folder = match DataFolder::take(path) {
            Ok(folder) => folder,
            Err(Error::InUse { pid, .. }) => {
                tracing::info!(
                    pid,
                    "Another process uses the data folder {}; after a kill this node's lease has to end",
                    path.display()
                );
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        let lock = folder.lock_metadata().map_err(|error| unusable(path, &error))?;
        let boot = std::fs::read_to_string(BOOT_ID).ok();
        Ok(Some(Self { folder, proof: boot.map(|boot| proof(&lock, &boot)) }))
    }

    /// The node that served from here before and is dead for certain.
    pub(crate) fn former(&self) -> Option<NodeId> {
        let text = std::fs::read_to_string(self.file()).ok()?;
        let (node, proof) = text.trim().split_once(' ')?;
        if self.proof.as_deref() != Some(proof) {
            return None;
        }
        node.parse().ok().map(NodeId)
    }

    /// Remembers that this node serves from here.
    pub(crate) fn remember(&self, node: NodeId) -> Result<()> {
        let Some(proof) = &self.proof else { return Ok(()) };
        let written = replace(&self.file(), &format!("{} {proof}\n", node.0));
        written.map_err(|error| unusable(self.folder.path(), &error))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(NODE_FILE)
    }
}

fn proof(lock: &Metadata, boot: &str) -> String {
    format!("{}:{} {}", lock.dev(), lock.ino(), boot.trim())
}

/// Writes a file so that it is there whole or not at all. Not synced: after a crash of the machine it proves nothing.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("node.new");
    let mut opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    opened.write_all(text.as_bytes())?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_lock_under_the_same_kernel_proves_a_death() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::take(folder.path()).unwrap().unwrap();
        assert_eq!(home.former(), None, "nobody has been here");
        home.remember(NodeId(7)).unwrap();
        assert!(Home::take(folder.path()).unwrap().is_none(), "its owner lives");
        drop(home);

        let again = Home::take(folder.path()).unwrap().unwrap();
        assert_eq!(again.former(), Some(NodeId(7)));
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        assert_eq!(Home::take(copy.path()).unwrap().unwrap().former(), None, "a copy");

        let after_a_reboot = Home { proof: again.proof.as_ref().map(|proof| format!("{proof}0")), ..again };
        assert_eq!(after_a_reboot.former(), None);
        std::fs::write(folder.path().join(NODE_FILE), "\u{0} nonsense").unwrap();
        assert_eq!(after_a_reboot.former(), None, "a damaged file is no file");
    }
}
