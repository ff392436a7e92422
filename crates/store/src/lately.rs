//! Which idempotency keys this process has claimed lately from PostgreSQL: spares nearly every request a look into the database.
//!
//! It only decides where it is cheaper to find a repetition: a key that is not in here is claimed without looking, and the
//! claim itself finds out whether it was used before. A repetition that is met this way makes its whole group of commits
//! start over, so those that are likely are looked up first.

use std::collections::HashSet;

use hookmill_engine::id::HookId;
use parking_lot::Mutex;

use crate::idempotency::Key;

/// Keys that are known at the same time, at most; about 18 bytes each.
const LATELY_MAX: usize = 1 << 18;

/// The newest keys, in two generations: when the younger is full, the older is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Lately(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<u64>,
    old: HashSet<u64>,
}

impl Lately {
    /// Remembers a key.
    pub(crate) fn note(&self, hook: HookId, key: &Key) {
        let mut known = self.0.lock();
        if known.young.len() >= LATELY_MAX / 2 {
            known.old = std::mem::take(&mut known.young);
        }
        known.young.insert(fingerprint(hook, key));
    }

    /// Whether a key was remembered; another key rarely has the same fingerprint.
    pub(crate) fn knows(&self, hook: HookId, key: &Key) -> bool {
        let (known, fingerprint) = (self.0.lock(), fingerprint(hook, key));
        known.young.contains(&fingerprint) || known.old.contains(&fingerprint)
    }
}

/// The hash of a key is cryptographic already: its first bytes are as good as any.
fn fingerprint(hook: HookId, key: &Key) -> u64 {
    let (first, _) = key.key_hash.split_first_chunk().expect("a hash has more than eight bytes");
    u64::from_le_bytes(*first) ^ hook.0.cast_unsigned().rotate_left(32)
}

#[cfg(test)]
mod tests {
    use hookmill_engine::time::Timestamp;

    use super::*;

    fn key(number: u64) -> Key {
        Key { key_hash: u128::from(number).to_le_bytes(), body_hash: [0; 16], expires_at: Timestamp(0) }
    }

    #[test]
    fn the_newest_keys_are_known_and_the_number_is_bounded() {
        let (lately, hook) = (Lately::default(), HookId(7));
        let last = 3 * LATELY_MAX as u64;
        (0..=last).for_each(|number| lately.note(hook, &key(number)));
        assert!(lately.knows(hook, &key(last)) && lately.knows(hook, &key(last - LATELY_MAX as u64 / 2 + 1)));
        assert!(!lately.knows(hook, &key(0)) && !lately.knows(HookId(8), &key(last)));
        let known = lately.0.lock();
        assert!(known.young.len() + known.old.len() <= LATELY_MAX);
    }
}
