//! Enums that are a word in the database, in the API and in filters.

/// Declares an enum whose variants are stored and shown as words.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::Error::Invalid(format!(
                        "`{}` is none of {}",
                        text.chars().take(40).collect::<String>(),
                        [$($word),*].join(", ")
                    ))),
                }
            }
        }

        impl From<$name> for $crate::db::Arg {
            fn from(value: $name) -> Self {
                Self::from(value.as_str())
            }
        }
    };
}

pub(crate) use words;

use crate::Error;
use crate::db::Row;

/// The word in a column; an unknown one is damage, not a wrong request.
pub(crate) fn word<T: std::str::FromStr<Err = Error>>(row: &Row, column: usize) -> Result<T, Error> {
    row.text(column)?.parse().map_err(|error: Error| Error::corrupt(error.to_string()))
}
