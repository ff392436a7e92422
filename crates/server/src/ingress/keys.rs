//! API keys of a workspace as credentials of its hooks.
//!
//! All keys of a workspace are looked up together, by the SHA-256 of their text, and kept until the catalogue changes
//! (making and revoking a key changes it) or for a few seconds. So a right key costs no query, and neither does a wrong
//! one: whoever guesses makes the database read once a second, however many guesses there are. What is compared are
//! hashes of 256 random bits, so that time tells nothing of a key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use hookmill_store::keys::{ApiKey, KEY_PREFIX, Role};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

/// Workspaces whose keys are kept.
const WORKSPACES_MAX: u64 = 256;
/// How long keys are believed that another process may have revoked without anybody noticing (`hookmill key` beside a server).
const KEPT_MS: i64 = 5_000;
/// How old the keys may be among which one was not found.
const MISSING_KEPT_MS: i64 = 1_000;
/// The use of a key is noted at most this often.
const NOTED_EVERY_MS: i64 = 60_000;
/// What the holder of a key must be allowed to: as with the API, whoever may start runs.
const NEEDED: Role = Role::Operator;
/// Longer texts are not keys.
const KEY_BYTES_MAX: usize = 256;

/// What a presented text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A key that may call.
    Good,
    /// A key that has expired.
    Expired,
    /// A key that may only look.
    Weak,
    /// No key of this workspace.
    Unknown,
}

/// The keys of a workspace at one moment.
#[derive(Debug)]
pub(super) struct Keys {
    version: i64,
    read_at: Timestamp,
    by_hash: HashMap<[u8; 32], Key>,
}

#[derive(Debug)]
struct Key {
    about: ApiKey,
    noted_at: AtomicI64,
}

/// The keys of the workspaces whose hooks ask for them.
pub(super) struct HookKeys {
    store: Store,
    kept: Cache<WorkspaceId, Arc<Keys>>,
    reading: Mutex<()>,
}

impl HookKeys {
    pub(super) fn new(store: Store) -> Self {
        Self { store, kept: Cache::new(WORKSPACES_MAX), reading: Mutex::new(()) }
    }

    /// The keys of a workspace among which these texts are looked for.
    pub(super) async fn of(
        &self,
        workspace: WorkspaceId,
        presented: &[&[u8]],
        now: Timestamp,
    ) -> hookmill_store::Result<Arc<Keys>> {
        let version = self.store.watch().catalog();
        let good = |keys: &Arc<Keys>| keys.version == version && keys.are_good_for(presented, now);
        if let Some(keys) = self.kept.get(&workspace).filter(good) {
            return Ok(keys);
        }
        let _one_at_a_time = self.reading.lock().await;
        if let Some(keys) = self.kept.get(&workspace).filter(good) {
            return Ok(keys);
        }
        let stored = self.store.keys_by_hash(workspace).await?;
        let key = |about: ApiKey| Key { noted_at: AtomicI64::new(about.last_used.map_or(i64::MIN, |at| at.0)), about };
        let by_hash = stored.into_iter().map(|(hash, about)| (hash, key(about))).collect();
        let keys = Arc::new(Keys { version, read_at: now, by_hash });
        self.kept.insert(workspace, Arc::clone(&keys));
        Ok(keys)
    }

    /// Notes that a key has let somebody in; nobody waits for it.
    pub(super) fn note_use(&self, keys: &Keys, presented: &[&[u8]], now: Timestamp) {
        let Some(key) = presented.iter().find_map(|text| keys.get(text)) else { return };
        let noted_at = key.noted_at.load(Ordering::Relaxed);
        if noted_at > now.0 - NOTED_EVERY_MS {
            return;
        }
        // Whoever loses the race leaves it to the winner.
        if key.noted_at.compare_exchange(noted_at, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (store, key) = (self.store.clone(), key.about.clone());
            tokio::spawn(async move {
                if let Err(error) = store.note_key_use(&key, now).await {
                    tracing::debug!(%error, "The use of key {} was not noted: {error}", key.id);
                }
            });
        }
    }
}

impl Keys {
    fn are_good_for(&self, presented: &[&[u8]], now: Timestamp) -> bool {
        let age_ms = now.0.saturating_sub(self.read_at.0);
        let all_known = || presented.iter().filter(|text| looks_right(text)).all(|text| self.get(text).is_some());
        (0..MISSING_KEPT_MS).contains(&age_ms) || (0..KEPT_MS).contains(&age_ms) && all_known()
    }

    fn get(&self, text: &[u8]) -> Option<&Key> {
        if !looks_right(text) {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(text).into();
        self.by_hash.get(&hash)
    }

    /// What a presented text is.
    pub(super) fn find(&self, text: &[u8], now: Timestamp) -> Found {
        match self.get(text) {
            None => Found::Unknown,
            Some(key) if key.about.expires_at.is_some_and(|at| at <= now) => Found::Expired,
            Some(key) if !key.about.role.allows(NEEDED) => Found::Weak,
            Some(_) => Found::Good,
        }
    }
}

fn looks_right(text: &[u8]) -> bool {
    text.len() <= KEY_BYTES_MAX && text.starts_with(KEY_PREFIX.as_bytes())
}
