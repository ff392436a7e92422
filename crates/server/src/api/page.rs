//! Pages of lists, newest first, with a cursor that clients pass back as they got it.

use serde::Serialize;

use crate::problem::{Problem, Result};

/// Items of a page unless the client says otherwise.
pub(crate) const LIMIT_DEFAULT: usize = 50;
/// Items of a page at most.
pub(crate) const LIMIT_MAX: usize = 500;

/// One page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PageOut<T> {
    /// The items, newest first. A page may be short, even empty, and still have a next one.
    pub(crate) items: Vec<T>,
    /// Pass as `cursor` for the next page; null at the end.
    pub(crate) next: Option<String>,
}

/// Checks how many items are asked for.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        other => Err(Problem::bad_request(format!("`limit` must be 1 to {LIMIT_MAX}, not {other}."))),
    }
}

/// Reads a cursor made by this API.
pub(crate) fn cursor<T: std::str::FromStr>(given: Option<&str>) -> Result<Option<T>> {
    given
        .map(|text| {
            text.parse().map_err(|_| {
                Problem::bad_request("This `cursor` is not one that a page of this list gave; leave it out to start again.")
            })
        })
        .transpose()
}

/// Reads a filter whose values are words.
pub(crate) fn word<T: std::str::FromStr<Err = hookmill_store::Error>>(name: &str, given: Option<&str>) -> Result<Option<T>> {
    given.map(|text| text.parse().map_err(|error| Problem::bad_request(format!("`{name}`: {error}.")))).transpose()
}
