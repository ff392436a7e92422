//! The keys of the objects that are open, and whether one stands twice in an object.

use smallvec::SmallVec;

use super::SCANNED_KEYS_MAX;

/// So many keys are at hand without an allocation.
const KEYS_INLINE: usize = 32;

/// The keys of the objects that are open, those of the innermost last.
#[derive(Default)]
pub(super) struct Keys<'d>(SmallVec<[Key<'d>; KEYS_INLINE]>);

/// A key as it stands in the text. Equality and order look at the head first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'d> {
    /// Its first eight bytes. No key has a byte zero, so one that is shorter is this and nothing else.
    head: u64,
    text: &'d [u8],
}

impl<'d> Keys<'d> {
    /// Where the keys of an object begin that is opened now.
    pub(super) fn next(&self) -> usize {
        self.0.len()
    }

    /// Adds the key that is the first so many bytes of the rest of a text, and returns it.
    #[inline]
    pub(super) fn add(&mut self, rest: &'d [u8], length: usize) -> &'d [u8] {
        let text = &rest[..length];
        self.0.push(Key { head: head(rest, text), text });
        text
    }

    /// Forgets the keys of the object whose keys began there, and tells whether all were different.
    pub(super) fn close(&mut self, first: usize) -> bool {
        let differ = all_differ(&mut self.0[first..]);
        self.0.truncate(first);
        differ
    }
}

fn all_differ(keys: &mut [Key<'_>]) -> bool {
    if keys.len() > SCANNED_KEYS_MAX {
        keys.sort_unstable();
        return keys.array_windows().all(|[one, next]| one != next);
    }
    keys.iter().enumerate().all(|(index, key)| !keys[..index].contains(key))
}

#[inline]
fn head(rest: &[u8], text: &[u8]) -> u64 {
    let Some(word) = rest.first_chunk::<8>() else {
        return text.iter().fold(0, |head, byte| head << 8 | u64::from(*byte));
    };
    let word = u64::from_be_bytes(*word);
    match text.len() {
        0 => 0,
        1..8 => word >> (64 - 8 * text.len()),
        _ => word,
    }
}
