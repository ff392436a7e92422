//! `[net]`: where actions may connect to.

use serde::{Deserialize, Serialize};

/// Where actions may connect to. Public addresses always; others only if they are named here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Net {
    /// Hosts, addresses and networks that are reachable although they are not public: `crm.internal`, `127.0.0.1`,
    /// `10.1.0.0/16`.
    pub allow: Vec<String>,
}
