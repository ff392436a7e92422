//! Instants in answers: RFC 3339 in UTC with milliseconds.

use hookmill_engine::time::Timestamp;
use serde::{Serialize, Serializer};

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
