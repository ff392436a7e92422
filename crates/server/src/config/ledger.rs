//! `[ledger]`: what is kept of the requests that reached a hook.

use serde::{Deserialize, Serialize};

use crate::config::Size;

/// What is kept of the requests that reached a hook. How long it is kept stands in `[worker.retention]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// Bytes that refused requests may take in the database, apart from everything else. When they are used up, the hooks
    /// that take the most lose their oldest refused requests first. 0: refused requests are not kept.
    pub refused_bytes_max: Size,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { refused_bytes_max: Size::bytes(hookmill_store::deliveries::REFUSED_BYTES_MAX) }
    }
}
