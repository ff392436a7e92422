//! The filters, tests and functions of the language, one file a family.
//!
//! A filter that can make much out of little has a guard, which looks at the arguments and refuses before anything is made.

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

mod builtin;
mod encoding;
mod hash;
mod json;
mod number;
mod operator;
mod regex;
mod tests;
mod time;

/// Looks at the arguments of a filter (the value first) before it is called.
pub(super) type Guard = fn(&[Value]) -> Result<(), Error>;

/// A filter under its name.
pub(super) type Entry = (&'static str, Value, Option<Guard>);

/// All filters.
pub(super) fn all() -> Vec<Entry> {
    [
        builtin::filters(),
        json::filters(),
        time::filters(),
        hash::filters(),
        encoding::filters(),
        regex::filters(),
        number::filters(),
    ]
    .concat()
}

/// All tests.
pub(super) fn tests() -> Vec<(&'static str, Value)> {
    tests::all()
}

/// All functions, those that stand for operators included.
pub(super) fn functions() -> Vec<(&'static str, Value)> {
    [builtin::functions(), time::functions(), operator::functions()].concat()
}

/// The names of all filters.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    static NAMES: std::sync::LazyLock<Vec<&'static str>> =
        std::sync::LazyLock::new(|| all().into_iter().map(|(name, ..)| name).collect());
    NAMES.iter().copied()
}

/// The names of all tests.
pub(super) fn test_names() -> impl Iterator<Item = &'static str> {
    static NAMES: std::sync::LazyLock<Vec<&'static str>> =
        std::sync::LazyLock::new(|| tests().into_iter().map(|(name, _)| name).collect());
    NAMES.iter().copied()
}

/// The error of a filter that was given something it cannot work with.
fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// A value for use in a message: not too long.
fn shown(value: &Value) -> String {
    let text: String = value.to_string().chars().take(60).collect();
    format!("`{text}`")
}
