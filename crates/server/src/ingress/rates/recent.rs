//! A map of bounded size that forgets what was not used for longest, in constant time whatever the keys.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used is in the newer one, and when that is full the older one is forgotten.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
    generation_max: usize,
}

impl<K: Eq + Hash + Copy, V> Recent<K, V> {
    /// Holds `max` entries at most, and the last `max / 2` that were used for certain.
    pub(super) fn new(max: usize) -> Self {
        Self { newer: HashMap::new(), older: HashMap::new(), generation_max: (max / 2).max(1) }
    }

    /// The value of a key, if it is known.
    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        match self.newer.get_mut(key) {
            Some(value) => Some(value),
            None => self.older.get_mut(key),
        }
    }

    /// The value of a key, made if it is not known.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.newer.contains_key(&key) && self.newer.len() >= self.generation_max {
            self.older = std::mem::take(&mut self.newer);
        }
        let older = &mut self.older;
        self.newer.entry(key).or_insert_with(|| older.remove(&key).unwrap_or_else(make))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_no_more_than_the_limit_is_held() {
        let mut recent = Recent::new(100);
        *recent.entry(0u32, || 0) = 7;
        for key in 1..10_000u32 {
            recent.entry(key, || 0);
            assert_eq!(*recent.entry(0, || 0), 7, "after {key}");
            assert!(recent.newer.len() + recent.older.len() <= 100);
        }
        assert!(recent.get(&9_999).is_some() && recent.get(&1).is_none());
    }
}
