//! Stored secrets that a document names.

use super::Checker;
use crate::workflow::problem::quoted;

impl Checker<'_> {
    /// A secret that is not stored (yet) is no reason not to publish: it can be added before the first call.
    pub(super) fn secret(&mut self, name: &str) {
        if name.trim().is_empty() {
            self.at.problem("empty", "the name of a secret must not be empty");
        } else if self.catalog.secret_exists(name) == Some(false) {
            self.at.warn("missing_secret", format!("there is no secret with the name {} yet", quoted(name)), None);
        }
    }
}
