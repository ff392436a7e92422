//! `[net]`: where actions may connect to.

use hookmill_engine::time::Span;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Size;

/// Where actions may connect to, and how much they may bring back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Net {
    /// Networks that are reachable although they are not public: `10.1.0.0/16`, `127.0.0.1/32`.
    pub allow: Vec<IpNet>,
    /// Host names that are reachable although their addresses are not public.
    pub allow_hosts: Vec<String>,
    /// How long connecting may take.
    pub connect_timeout: Span,
    /// Bytes of a response, after decompression.
    pub response_max: Size,
}

impl Default for Net {
    fn default() -> Self {
        Self { allow: Vec::new(), allow_hosts: Vec::new(), connect_timeout: Span(10_000), response_max: Size::mib(10) }
    }
}
