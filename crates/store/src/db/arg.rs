//! One argument of a statement: the four kinds of value that both databases store alike.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

/// The arguments of one statement.
pub type Args = SmallVec<[Arg; 16]>;

/// One argument. It is bound by reference; making one from a `String`, an `Arc<str>` or `Bytes` copies nothing.
///
/// The order says nothing about values; it is one that all processes agree on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arg {
    /// SQL NULL.
    Null,
    /// A 64-bit integer; also times in milliseconds and flags.
    Int(i64),
    /// A text without NUL characters.
    Text(Text),
    /// Bytes, stored as they are.
    Bytes(Bytes),
}

/// A text that both databases can store.
///
/// PostgreSQL has no NUL character in texts, SQLite's functions stop at one. So that hostile input can neither fail an
/// insert nor look different on the two, a NUL becomes U+FFFD (the replacement character) here, before either sees it.
/// JSON texts are not affected: JSON escapes NUL.
#[derive(Clone, Debug)]
pub struct Text(Source);

#[derive(Clone, Debug)]
enum Source {
    Static(&'static str),
    Owned(String),
    Shared(Arc<str>),
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Source::Static(text) => text,
            Source::Owned(text) => text,
            Source::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

fn without_nul(text: &str) -> Option<Text> {
    text.as_bytes().contains(&0).then(|| Text(Source::Owned(text.replace('\0', "\u{FFFD}"))))
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        without_nul(text).unwrap_or(Self(Source::Static(text)))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        without_nul(&text).unwrap_or(Self(Source::Owned(text)))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        without_nul(&text).unwrap_or(Self(Source::Shared(text)))
    }
}

impl Arg {
    /// A text that is copied, for those that live too short to be taken over.
    pub fn text(text: &str) -> Self {
        Self::Text(Text::from(text.to_owned()))
    }

    /// Bytes that this argument holds, for the limits on what waits in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.as_str().len() + 8,
            Self::Bytes(bytes) => bytes.len() + 8,
        }
    }
}

macro_rules! arg_from {
    ($($from:ty => |$value:ident| $arg:expr;)*) => {$(
        impl From<$from> for Arg {
            fn from($value: $from) -> Self {
                $arg
            }
        }
    )*};
}

arg_from! {
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    u16 => |value| Self::Int(value.into());
    u8 => |value| Self::Int(value.into());
    bool => |value| Self::Int(value.into());
    &'static str => |value| Self::Text(value.into());
    String => |value| Self::Text(value.into());
    Arc<str> => |value| Self::Text(value.into());
    Text => |value| Self::Text(value);
    Bytes => |value| Self::Bytes(value);
    Vec<u8> => |value| Self::Bytes(value.into());
    hookmill_engine::time::Timestamp => |value| Self::Int(value.0);
}

impl<T: Into<Self>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a row, in the order of its table's columns: `row![id, "ready", body]`.
#[macro_export]
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        [$($crate::db::Arg::from($value)),*]
    };
}

/// The arguments of a statement, each converted to an [`Arg`]: `args![id, "ready", body]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {{
        let mut args = $crate::db::Args::new();
        $(args.push($crate::db::Arg::from($value));)*
        args
    }};
}
