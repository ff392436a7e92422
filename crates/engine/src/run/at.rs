//! Where in a run something happens: a step, and in which iteration of the loops around it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// A step occurrence, as text: `stock`, `each[3].stock`, `steps.2.then.0`.
///
/// A step is named by its id, or by its place if it has none; each loop around it adds the loop and the iteration. The
/// text is stable for a revision: journal, API and idempotency keys use it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepAt(Arc<str>);

impl StepAt {
    /// The occurrence with this text form.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StepAt {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a receiver can recognise a repeated attempt by: the same for all attempts of a step occurrence.
#[must_use]
pub fn idempotency_key(run: RunId, step: &StepAt) -> String {
    format!("{run}/{step}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idempotency_key_names_run_and_occurrence_but_not_the_attempt() {
        assert_eq!(idempotency_key(RunId(5), &StepAt::new("each[3].stock")), "run_0000000000005/each[3].stock");
    }
}
