//! Ready calls of a hook in six languages. Secrets come from environment variables.
//!
//! Names and examples are whatever people wrote: every text is quoted by the rules of its language, and characters that
//! are invisible or change the direction of writing are escaped.

mod curl;
mod go;
mod javascript;
mod php;
mod python;
mod quote;

use serde::Serialize;

use super::call::Call;
use super::{Audience, Described};

/// A call in one language.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Snippet {
    /// `curl`, `fetch`, `axios`, `python`, `php` or `go`.
    pub(crate) lang: &'static str,
    /// The same for people.
    pub(crate) label: &'static str,
    /// The program.
    pub(crate) source: String,
}

/// What a language is called, and how it says a call.
type Language = (&'static str, &'static str, fn(&Call) -> String);

const LANGUAGES: [Language; 6] = [
    ("curl", "cURL", curl::say),
    ("fetch", "JavaScript (fetch)", javascript::fetch),
    ("axios", "JavaScript (axios)", javascript::axios),
    ("python", "Python (requests)", python::say),
    ("php", "PHP", php::say),
    ("go", "Go", go::say),
];

/// The names of the languages.
pub(crate) fn languages() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|(lang, ..)| *lang)
}

/// The calls of a hook; none if its readers may not know where it is.
pub(crate) fn of(described: &Described<'_>, audience: Audience) -> Vec<Snippet> {
    let call = Call::of(described, audience);
    let say = |call: Call| LANGUAGES.map(|(lang, label, say)| Snippet { lang, label, source: say(&call) });
    call.map(say).into_iter().flatten().collect()
}
