//! `[vault]`: where the key that seals secrets comes from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where the master key comes from. `HOOKMILL_MASTER_KEY` (64 hexadecimal digits) wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// The file with the master key, readable by its owner only. Made at the first start. Default: `master.key` in the
    /// data folder. Several nodes on one database need the same key.
    pub master_key_file: Option<PathBuf>,
}

/// The name of the file inside the data folder.
const FILE: &str = "master.key";

impl Vault {
    /// The file to use: the one set, or the one in the data folder.
    #[must_use]
    pub fn file(&self, data: &Path) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| data.join(FILE))
    }
}
