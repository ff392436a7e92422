//! Keys that can be taken once, for a time: the databases differ in how.
//!
//! Such keys come in no order, so that each touches another page of their index: for SQLite, which writes whole pages, that
//! is three times the work of everything else in an accepted delivery. PostgreSQL takes them in the index at once. SQLite
//! appends them to a table in the order they come and keeps the newest in memory, and moves them to the index many at a
//! time and sorted.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::batch::Table;

/// Bytes of a key's hash.
pub const HASH_BYTES: usize = 16;

/// A 128-bit hash.
pub type Hash = [u8; HASH_BYTES];

/// Where keys are kept. Declared as a `static` beside the aggregate that owns it.
#[derive(Debug)]
pub struct KeyTable {
    /// Takes a key in the index: meets one row, or none if it is taken. `$1` scope, `$2` key, `$3` content, `$4` owner,
    /// `$5` until when, `$6` now.
    pub take: &'static str,
    /// SQLite: a row if the index has the key: `$1` scope, `$2` key, `$3` now.
    pub is_taken: &'static str,
    /// SQLite: the keys that are not in the index yet, in the order they came. Its columns are the first five of `take`.
    pub fresh: &'static Table,
    /// SQLite: all rows of `fresh` in their order.
    pub load: &'static str,
    /// SQLite: a row if `fresh` has the key; for who does not have them in memory. Like `is_taken`.
    pub is_fresh: &'static str,
    /// SQLite: puts a key into the index that was in `fresh`. The first five of `take`.
    pub settle: &'static str,
    /// SQLite: the last place in `fresh`.
    pub last: &'static str,
    /// SQLite: deletes the first `$2` rows of `fresh` up to the place `$1`.
    pub forget: &'static str,
    /// SQLite: a row if `fresh` has any up to the place `$1`.
    pub is_left: &'static str,
}

/// A key within its scope.
pub(crate) type KeyId = (i64, Hash);

/// Who took a key, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) content: Hash,
    pub(crate) owner: i64,
    pub(crate) expires_at: i64,
}

/// The committed keys that are not in the index yet. The writer changes it, everybody looks into it.
#[derive(Debug, Default)]
pub(crate) struct FreshKeys(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<KeyId, Taken>,
    /// Those that are being moved to the index.
    settling: HashMap<KeyId, Taken>,
}

impl FreshKeys {
    pub(crate) fn get(&self, key: &KeyId) -> Option<Taken> {
        let keys = self.0.lock();
        keys.young.get(key).or_else(|| keys.settling.get(key)).copied()
    }

    /// Adds what was committed.
    pub(crate) fn add(&self, taken: impl IntoIterator<Item = (KeyId, Taken)>) {
        self.0.lock().young.extend(taken);
    }

    /// Makes the young ones those that are settling, and returns them in the order of the index.
    pub(crate) fn begin_settling(&self) -> Vec<(KeyId, Taken)> {
        let mut keys = self.0.lock();
        keys.settling = std::mem::take(&mut keys.young);
        let mut sorted: Vec<_> = keys.settling.iter().map(|(key, taken)| (*key, *taken)).collect();
        drop(keys);
        sorted.sort_unstable_by_key(|(key, _)| *key);
        sorted
    }

    /// Forgets those that are settled.
    pub(crate) fn end_settling(&self) {
        let settled = std::mem::take(&mut self.0.lock().settling);
        drop(settled);
    }
}
