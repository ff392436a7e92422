//! What was learned of a request when it came in, beyond its bytes and headers.
//!
//! A run is given the same when it is recovered months later, by another version of this program and after its hook's
//! settings have changed: hence it is kept with the delivery, not worked out anew.

use hookmill_engine::id::DeliveryId;
use serde::{Deserialize, Serialize};

use crate::db::{Batch, Expect};
use crate::{Result, Store, args};

/// Bytes of the longest name of an event that is kept; a longer one is none.
pub const EVENT_BYTES_MAX: usize = 256;

/// What was learned of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The type of the event as the sender's preset tells it: `push`, `invoice.paid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// A delivery that started runs has shown them its facts, or their absence: those stay.
const LEARN: &str = "
    UPDATE deliveries
       SET facts = $2
     WHERE id = $1
       AND facts IS NULL
       AND outcome <> 'accepted'
       AND outcome <> 'held'";

impl Facts {
    /// Facts with what a request calls its event.
    #[must_use]
    pub fn of_event(event: Option<String>) -> Self {
        Self { event: event.filter(|event| event.len() <= EVENT_BYTES_MAX) }
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The text that is stored; none if nothing was learned.
    pub(super) fn text(&self) -> Option<String> {
        (!self.is_empty()).then(|| serde_json::to_string(self).expect("texts are always JSON"))
    }

    /// Reads the text that is stored.
    pub(crate) fn of_text(text: Option<&str>) -> serde_json::Result<Self> {
        text.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }
}

impl Store {
    /// Keeps what was learned only now of a delivery that started no run when it came in. To be called before a run of it
    /// is stored. Does nothing if something is known already, or if its runs have seen that nothing was.
    pub async fn learn(&self, delivery: DeliveryId, facts: &Facts) -> Result<()> {
        let Some(text) = facts.text() else { return Ok(()) };
        let mut batch = Batch::new();
        batch.execute(LEARN, args![delivery.0, text], Expect::Any);
        self.db().write(batch).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_learned_takes_no_room_and_what_is_too_long_is_nothing() {
        assert_eq!(Facts::of_event(None).text(), None);
        assert_eq!(Facts::of_event(Some("x".repeat(EVENT_BYTES_MAX + 1))).text(), None);
        assert_eq!(Facts::of_event(Some("a\0\"".into())).text().unwrap(), r#"{"event":"a\u0000\""}"#);
    }
}
