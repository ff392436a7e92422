//! Reading JSON without building it: the whole text is checked, of an object the wanted members are kept. Those that are
//! arrays or objects stay unbuilt too: a variable that is only passed on never becomes a value.
//!
//! Two readers do this. The scanner ([`scan`]) is quick and knows only what is good: valid JSON in which no key stands
//! twice. The other ([`explained`]) is the one that builds values, without building any. It is asked when the scanner
//! stops, and says what is wrong and where, or which keys stand twice.

mod cursor;
mod explained;
mod keys;
mod scan;

use super::body::Member;
use super::json::Duplicates;

/// An object with more keys than this is not searched key by key for one that stands twice: that stays near linear.
const SCANNED_KEYS_MAX: usize = 16;

/// What was found in a text.
#[derive(Debug)]
pub(super) struct Skimmed<'t> {
    /// The wanted members in the order found; of one that stood twice the last value. `None`: it is not an object.
    pub(super) members: Option<Vec<(&'t str, Member)>>,
    /// Whether one of them is a float that may have been an integer beyond 64 bits.
    pub(super) wide: bool,
}

/// Why the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The text is not valid.
    Refused,
    /// The text may be valid: a key stands twice, or is spelled with escapes.
    Unsure,
}

/// Accepts and refuses exactly what building the value does, with the same errors and the same duplicates.
pub(super) fn read<'t>(text: &str, wanted: &[&'t str], duplicates: &mut Duplicates) -> Result<Skimmed<'t>, serde_json::Error> {
    scan::scan(text, wanted).or_else(|stop| {
        let explained = explained::read(text, wanted, duplicates);
        debug_assert!(stop == Stop::Unsure || explained.is_err(), "the scanner refused a valid text");
        explained
    })
}

#[cfg(test)]
mod tests;
