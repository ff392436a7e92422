//! Keeps secrets: sealed in the database, open only in memory, struck out of everything that is shown.
//!
//! Envelope encryption with XChaCha20-Poly1305. Each value has a data key of its own; the data key is wrapped by the
//! master key, so that a change of the master key re-wraps 32 bytes and not the values. Workspace, name and version are
//! bound into both seals: a sealed value moved to another name, or an old one put back, does not open.
//!
//! The bytes: format (1), master key's id (8), nonce (24) and wrapped data key (48), nonce (24) and sealed value.

mod master_key;
mod redact;
mod secrets;

pub use master_key::{MASTER_KEY_VARIABLE, MasterKey};
pub use secrets::{Held, LiveSecrets, OpenSecret, SecretValue, SecretValues};

use std::path::PathBuf;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hookmill_engine::id::{DeliveryId, HookId, WorkspaceId};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES + WRAPPED_BYTES + NONCE_BYTES;
/// The largest value that is sealed.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The version of what is sealed under a [`pending_name`]: each name has one value.
pub const PENDING_VERSION: u32 = 1;

/// The name under which is sealed what a handshake handed over. No secret that documents can name has such a name.
#[must_use]
pub fn pending_name(hook: HookId, handshake: DeliveryId) -> String {
    format!("{hook}:{handshake}")
}

/// Why a secret cannot be sealed or opened, or the master key not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of the master key cannot be read or made.
    #[error("cannot use the master key file {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// The variable does not hold a key.
    #[error("{MASTER_KEY_VARIABLE} must be 64 hexadecimal digits; `openssl rand -hex 32` makes such a key")]
    Variable,
    /// Sealed with another master key.
    #[error(
        "sealed with master key {sealed_with}, but this server has {have}; start it with the former key \
         (data folder's master.key or HOOKMILL_MASTER_KEY), or set the secret again"
    )]
    OtherKey {
        /// The id of the key that it was sealed with.
        sealed_with: String,
        /// The id of the present key.
        have: String,
    },
    /// The bytes are not what was sealed under this name.
    #[error("its sealed value is damaged, or was sealed for another name or version; set the secret again")]
    Damaged,
    /// The value is too large.
    #[error("a secret may have {VALUE_BYTES_MAX} bytes, this one has {0}")]
    TooLarge(usize),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(String),
}

/// Seals and opens with one master key.
pub struct Vault {
    master: MasterKey,
}

/// What a sealed value belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The secret's name.
    pub name: &'a str,
    /// Which value of that name, counted from 1.
    pub version: u32,
}

impl Binding<'_> {
    /// Length-prefixed, so that no two bindings have the same bytes.
    fn associated(&self, part: u8) -> Vec<u8> {
        let name_bytes = self.name.len() as u64;
        let mut bytes = vec![FORMAT, part];
        bytes.extend_from_slice(&self.workspace.0.to_le_bytes());
        bytes.extend_from_slice(&name_bytes.to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes
    }
}

const PART_KEY: u8 = 0;
const PART_VALUE: u8 = 1;

impl Vault {
    /// A vault under this master key.
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self { master }
    }

    /// The id of the master key, stored beside what it seals.
    #[must_use]
    pub fn key_id(&self) -> String {
        hex::encode(self.master.id())
    }

    /// Seals a value.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::NoRandomness`].
    pub fn seal(&self, binding: Binding<'_>, value: &str) -> Result<Vec<u8>, Error> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::TooLarge(value.len()));
        }
        let mut data_key = Zeroizing::new([0u8; KEY_BYTES]);
        random(&mut *data_key)?;
        let (mut key_nonce, mut value_nonce) = ([0u8; NONCE_BYTES], [0u8; NONCE_BYTES]);
        random(&mut key_nonce)?;
        random(&mut value_nonce)?;
        let encrypt = |key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], msg: &[u8], part| {
            let payload = Payload { msg, aad: &binding.associated(part) };
            XChaCha20Poly1305::new(Key::from_slice(key))
                .encrypt(XNonce::from_slice(nonce), payload)
                .expect("the value is far below the cipher's limit")
        };
        let mut sealed = Vec::with_capacity(HEAD_BYTES + value.len() + TAG_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.master.id());
        sealed.extend_from_slice(&key_nonce);
        sealed.extend(encrypt(self.master.bytes(), &key_nonce, &*data_key, PART_KEY));
        sealed.extend_from_slice(&value_nonce);
        sealed.extend(encrypt(&data_key, &value_nonce, value.as_bytes(), PART_VALUE));
        Ok(sealed)
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`Error::OtherKey`], [`Error::Damaged`].
    pub fn open(&self, binding: Binding<'_>, sealed: &[u8]) -> Result<Zeroizing<String>, Error> {
        if sealed.len() < HEAD_BYTES + TAG_BYTES || sealed[0] != FORMAT {
            return Err(Error::Damaged);
        }
        let (key_id, rest) = sealed[1..].split_at(KEY_ID_BYTES);
        if key_id != self.master.id() {
            return Err(Error::OtherKey { sealed_with: hex::encode(key_id), have: self.key_id() });
        }
        let (key_nonce, rest) = rest.split_at(NONCE_BYTES);
        let (wrapped, rest) = rest.split_at(WRAPPED_BYTES);
        let (value_nonce, value) = rest.split_at(NONCE_BYTES);
        let decrypt = |key: &[u8], nonce: &[u8], msg: &[u8], part| {
            let payload = Payload { msg, aad: &binding.associated(part) };
            let opened = XChaCha20Poly1305::new(Key::from_slice(key)).decrypt(XNonce::from_slice(nonce), payload);
            opened.map(Zeroizing::new).map_err(|_| Error::Damaged)
        };
        let data_key = decrypt(self.master.bytes(), key_nonce, wrapped, PART_KEY)?;
        let value = decrypt(&data_key, value_nonce, value, PART_VALUE)?;
        std::str::from_utf8(&value).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| Error::Damaged)
    }
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| Error::NoRandomness(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: Binding<'static> = Binding { workspace: WorkspaceId(1), name: "shop_key", version: 3 };

    fn vault(byte: u8) -> Vault {
        Vault::new(MasterKey::from_bytes([byte; KEY_BYTES]))
    }

    #[test]
    fn what_was_sealed_opens_and_is_never_the_same_twice() {
        for value in ["", "hunter2", "päß \u{1F511}\0", &"x".repeat(VALUE_BYTES_MAX)] {
            let (one, two) = (vault(1).seal(BINDING, value).unwrap(), vault(1).seal(BINDING, value).unwrap());
            assert_ne!(one, two);
            assert_eq!(*vault(1).open(BINDING, &one).unwrap(), value);
        }
        assert!(matches!(vault(1).seal(BINDING, &"x".repeat(VALUE_BYTES_MAX + 1)), Err(Error::TooLarge(_))));
    }

    #[test]
    fn another_name_version_or_workspace_does_not_open() {
        let sealed = vault(1).seal(BINDING, "hunter2").unwrap();
        for other in [
            Binding { name: "shop_keY", ..BINDING },
            Binding { version: 2, ..BINDING },
            Binding { workspace: WorkspaceId(2), ..BINDING },
        ] {
            assert!(matches!(vault(1).open(other, &sealed), Err(Error::Damaged)), "{other:?}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let sealed = vault(1).seal(BINDING, "hunter2").unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(vault(1).open(BINDING, &changed).is_err(), "byte {position}");
            assert!(vault(1).open(BINDING, &sealed[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn another_master_key_is_named() {
        let sealed = vault(1).seal(BINDING, "hunter2").unwrap();
        let error = vault(2).open(BINDING, &sealed).unwrap_err().to_string();
        assert!(error.contains(&vault(1).key_id()) && error.contains(&vault(2).key_id()), "{error}");
        assert!(error.contains("HOOKMILL_MASTER_KEY"), "{error}");
    }
}
