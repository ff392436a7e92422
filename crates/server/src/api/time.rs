//! Instants: RFC 3339; in answers in UTC with milliseconds.

use hookmill_engine::time::Timestamp;
use serde::{Serialize, Serializer};

use crate::problem::{self, Problem};

/// An instant, written `2026-03-14T09:26:53.589Z`.
#[derive(Clone, Copy, Debug, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub(crate) struct Time(pub(crate) Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Reads an instant from a query.
pub(crate) fn read(name: &str, given: Option<&str>) -> problem::Result<Option<Timestamp>> {
    let read = |text: &str| {
        let at: jiff::Timestamp = text
            .parse()
            .map_err(|_| Problem::bad_request(format!("`{name}` must be an instant such as 2026-03-14T09:26:53Z (RFC 3339).")))?;
        Ok(Timestamp(at.as_millisecond()))
    };
    given.map(read).transpose()
}
