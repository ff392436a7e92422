//! Expressions: `{{ webhook.total * 1.19 }}` and the texts, lists and objects they stand in.
//!
//! [`Template`] is what a document holds, compiled once per revision and evaluated in a [`Scope`]. The language is Jinja's
//! (run by minijinja): filters, tests, inline conditions, and in texts `{% if %}` and `{% for %}`. What is different:
//!
//! - An undefined name is an error that names it and the closest one there is, unless `default` or `is defined` asks.
//! - A value that is one whole `{{ … }}` keeps its type.
//! - `now()` and `uuid()` come from the scope, so that the same evaluation gives the same value again.
//! - Time, size and depth are bounded by the constants below, whatever the expression and the data. Nothing in a text can
//!   keep a value under a name and use it twice (`{% set %}`, macros), so sizes cannot double their way up.
//!
//! What a document means, and in which scope its parts are evaluated, is told by [`crate::run`].

mod compiled;
mod environment;
mod filters;
mod names;
mod rewrite;
mod scope;
mod template;
mod text;
mod value;

pub use minijinja::Value;

pub use names::NameUse;
pub use scope::{Names, Scope};
pub use template::Template;
pub use value::{from_json, to_json};

pub(crate) use scope::mix;
pub(crate) use value::{bytes_up_to, settle};

/// The longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 8 * 1024;
/// The most tokens (names, operators, constants) of an expression.
pub const EXPRESSION_TOKENS_MAX: usize = 1_000;
/// The most operators that put texts or lists together (`+`, `~`) in one expression.
pub const EXPRESSION_JOINS_MAX: usize = 64;
/// The longest text with expressions in it, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting of `{% if %}` and `{% for %}`.
pub const TEXT_DEPTH_MAX: usize = 16;
/// The most instructions of one evaluation of an expression.
pub const FUEL_MAX: u64 = 100_000;
/// The most pieces that one evaluation of a text may go through in its loops.
pub const TEXT_PIECES_MAX: usize = 200_000;
/// The most bytes that the filters of one evaluation may read and write.
pub const WORK_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The largest value that an expression or a text may give, in bytes as counted: a request of many small values counts
/// about ten times its length.
pub const RESULT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The deepest value that an expression may give.
pub const RESULT_DEPTH_MAX: usize = 256;
/// The largest compiled form of a regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Why a text of a document is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line in the text, from 1.
    pub line: u32,
    /// The column in the line, from 1.
    pub column: u32,
    /// The expression.
    pub expression: String,
}

/// Why an expression gives no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// The expression.
    pub expression: String,
}

impl ExpressionError {
    pub(crate) fn new(message: impl Into<String>, expression: impl Into<String>) -> Self {
        Self { message: message.into(), expression: expression.into() }
    }
}

#[cfg(test)]
mod tests;
