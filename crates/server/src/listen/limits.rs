//! What a connection may cost.

use std::time::Duration;

use hookmill_engine::time::Span;
use serde::{Deserialize, Serialize};

use crate::config::Size;

/// What a connection may cost, in number, time and bytes. A limit that is reached is answered where an answer can still
/// be read, and always ends in a closed connection rather than a hanging one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once; one more is answered 503 and closed.
    pub connections_max: u32,
    /// Connections at once from one address (an IPv6 /64 counts as one); one more is answered 503 and closed.
    /// Behind a reverse proxy all connections come from the proxy's address.
    pub connections_per_peer_max: u32,
    /// A new connection must send its first byte within this time.
    pub first_byte: Span,
    /// A request's line and headers must arrive within this time after their first byte; else 408.
    pub head: Span,
    /// A request's whole body must arrive within this time; else 408.
    pub body: Span,
    /// After `body_grace` a body must have arrived at this many bytes a second on average; else 408. 0 switches it off.
    pub body_rate_min: Size,
    /// How long a body may be slower than `body_rate_min`.
    pub body_grace: Span,
    /// A connection without a request is closed after this time.
    pub keep_alive: Span,
    /// A peer that does not take a byte of its answer for this long is cut off.
    pub write_stall: Span,
    /// Headers in a request; more are answered 431.
    pub headers_max: u32,
    /// Bytes of a request's line and headers; more are answered 431.
    pub head_bytes_max: Size,
    /// Bytes of a request's target (path and query); more are answered 414.
    pub target_bytes_max: Size,
    /// How long requests in flight may take to finish when the server stops.
    pub drain: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            connections_per_peer_max: 2048,
            first_byte: Span(10_000),
            head: Span(10_000),
            body: Span(30_000),
            body_rate_min: Size::kib(1),
            body_grace: Span(5_000),
            keep_alive: Span(75_000),
            write_stall: Span(30_000),
            headers_max: 100,
            head_bytes_max: Size::kib(32),
            target_bytes_max: Size::kib(8),
            drain: Span(30_000),
        }
    }
}

pub(super) fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_limits_are_refused_and_absent_ones_are_the_default() {
        let limits: Limits = serde_json::from_str(r#"{"body": "2s", "head_bytes_max": "16KiB"}"#).unwrap();
        assert_eq!(limits, Limits { body: Span(2_000), head_bytes_max: Size::kib(16), ..Limits::default() });
        let error = serde_json::from_str::<Limits>(r#"{"bodies": "2s"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `bodies`"), "{error}");
    }
}
