//! The master key: from the environment, or from a file that is made at the first start.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Error, KEY_BYTES, KEY_ID_BYTES, random};

/// The environment variable that wins over the file.
pub const MASTER_KEY_VARIABLE: &str = "HOOKMILL_MASTER_KEY";

/// Permission bits of group and others; none may be set on the file.
const SHARED_BITS: u32 = 0o077;
/// A key file is 64 digits and perhaps a line end; nothing longer is read.
const FILE_BYTES_MAX: u64 = 1024;
/// Separates the key's id from every other hash of it.
const ID_CONTEXT: &[u8] = b"hookmill master key id";

/// 32 bytes that wrap all data keys. Wiped from memory when dropped; has no debug form.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// The key from the variable if it is set, else from the file, which is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Variable`], [`Error::File`].
    pub fn load(variable: Option<&str>, file: &Path) -> Result<Self, Error> {
        match variable {
            Some(digits) => Self::from_hex(digits).ok_or(Error::Variable),
            None => match Self::read(file) {
                Err(Error::File { .. }) if !file.exists() => Self::make(file),
                read => read,
            },
        }
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Names the key without telling anything about it.
    pub(super) fn id(&self) -> [u8; KEY_ID_BYTES] {
        let hash = Sha256::new().chain_update(ID_CONTEXT).chain_update(*self.0).finalize();
        hash[..KEY_ID_BYTES].try_into().expect("a hash has more bytes")
    }

    fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        hex::decode_to_slice(digits.trim(), &mut *bytes).ok()?;
        Some(Self(bytes))
    }

    fn read(file: &Path) -> Result<Self, Error> {
        let fail = |why: String| Error::File { path: file.to_owned(), why };
        let opened = OpenOptions::new().read(true).open(file).map_err(|error| fail(error.to_string()))?;
        let mode = opened.metadata().map_err(|error| fail(error.to_string()))?.mode();
        if mode & SHARED_BITS != 0 {
            return Err(fail(format!(
                "others may read it (mode {:04o}); make it yours alone with `chmod 600 {}`",
                mode & 0o7777,
                file.display()
            )));
        }
        let mut digits = Zeroizing::new(String::new());
        opened.take(FILE_BYTES_MAX).read_to_string(&mut digits).map_err(|error| fail(error.to_string()))?;
        Self::from_hex(&digits).ok_or_else(|| fail("it must hold 64 hexadecimal digits; restore it from a backup".to_owned()))
    }

    /// Makes a key and its file. The file appears complete or not at all, so a crash leaves no half of a key.
    fn make(file: &Path) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::File { path: file.to_owned(), why: error.to_string() };
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        random(&mut *bytes)?;
        let digits = Zeroizing::new(format!("{}\n", hex::encode(*bytes)));
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(fail)?;
        let draft = file.with_extension(format!("new-{}", std::process::id()));
        let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(fail)?;
        written.write_all(digits.as_bytes()).and_then(|()| written.sync_all()).map_err(fail)?;
        // A link, not a rename: whoever made the key first keeps it.
        let linked = std::fs::hard_link(&draft, file);
        std::fs::remove_file(&draft).map_err(fail)?;
        match linked {
            Ok(()) => {
                std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
                Ok(Self(bytes))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(file),
            Err(error) => Err(fail(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_start_makes_a_private_file_and_later_ones_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/master.key");
        let made = MasterKey::load(None, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(MasterKey::load(None, &file).unwrap().id(), made.id());
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        MasterKey::load(None, &file).unwrap();
        for mode in [0o644, 0o640, 0o604] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let Err(error) = MasterKey::load(None, &file) else { panic!("mode {mode:o} was accepted") };
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn the_variable_wins_and_must_be_a_key() {
        let nowhere = Path::new("/nonexistent/master.key");
        let key = MasterKey::load(Some(&"ab".repeat(32)), nowhere).unwrap();
        assert_eq!(key.id(), MasterKey::from_bytes([0xab; KEY_BYTES]).id());
        for wrong in ["", "ab", &"xy".repeat(32), &"ab".repeat(33)] {
            assert!(matches!(MasterKey::load(Some(wrong), nowhere), Err(Error::Variable)), "{wrong}");
        }
    }

    #[test]
    fn a_file_with_something_else_in_it_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        std::fs::write(&file, "half a k").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let Err(error) = MasterKey::load(None, &file) else { panic!("it was accepted") };
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "half a k");
    }
}
