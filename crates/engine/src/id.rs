//! Ids: 64-bit, time-ordered, shown with a prefix that says what they name (`run_01h…`).
//!
//! The number is what the database sorts and stores; the text is Crockford base32 of all 13 digits, so that texts sort
//! like numbers. Who makes them (and keeps them unique across nodes) is the store.

use std::fmt;
use std::str::FromStr;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGIT_COUNT: usize = 13;

/// Why a text is not the id that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form {prefix}_… (13 characters after the underscore)")]
pub struct IdError {
    /// What was given.
    pub text: String,
    /// The prefix that was expected.
    pub prefix: &'static str,
}

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, id: i64) -> fmt::Result {
    let mut text = [0u8; DIGIT_COUNT];
    for (position, digit) in text.iter_mut().enumerate() {
        let shift = 5 * (DIGIT_COUNT - 1 - position);
        *digit = DIGITS[(id as u64 >> shift) as usize & 31];
    }
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(std::str::from_utf8(&text).expect("the digits are ASCII"))
}

fn read_id(text: &str, prefix: &'static str) -> Result<i64, IdError> {
    let fail = || IdError { text: text.chars().take(40).collect(), prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(fail)?;
    if digits.len() != DIGIT_COUNT {
        return Err(fail());
    }
    let mut id = 0u64;
    for digit in digits.bytes() {
        let value = DIGITS.iter().position(|d| *d == digit).ok_or_else(fail)?;
        if id >> 58 != 0 {
            return Err(fail());
        }
        id = id << 5 | value as u64;
    }
    i64::try_from(id).map_err(|_| fail())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// What its text form starts with, without the underscore.
            pub const PREFIX: &'static str = $prefix;
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read_id(text, $prefix).map(Self)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One webhook request that reached a hook.
    DeliveryId = "dlv";
    /// One execution of one revision of a workflow.
    RunId = "run";
    /// A workflow through all its revisions.
    WorkflowId = "wf";
    /// The place where a trigger's URL answers.
    HookId = "hook";
    /// A workspace.
    WorkspaceId = "ws";
    /// An API key.
    KeyId = "key";
    /// Many deliveries run again.
    ReplayId = "rpl";
    /// A person in the workspace's contacts.
    ContactId = "ctc";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_and_sort_like_it() {
        let numbers = [0, 1, 31, 32, 1 << 40, i64::MAX - 1, i64::MAX];
        let texts: Vec<String> = numbers.iter().map(|n| RunId(*n).to_string()).collect();
        assert!(texts.is_sorted());
        for (number, text) in numbers.iter().zip(&texts) {
            assert_eq!(text.parse::<RunId>(), Ok(RunId(*number)));
        }
    }

    #[test]
    fn texts_that_are_not_ids_are_refused() {
        for text in
            ["", "run_", "dlv_0000000000000", "run_000000000000", "run_zzzzzzzzzzzzz", "run_000000000000u", "run_\u{1F600}"]
        {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
