//! `[server]`: the listening side and its limits.

use std::net::SocketAddr;

use hookmill_engine::time::Span;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Size;

/// The listening side and its limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// What the URLs of hooks begin with, as senders see them. Default: `http://` and the listening address.
    pub public_url: Option<String>,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// Connections at once from one address.
    pub connections_per_address_max: usize,
    /// How long a new connection may stay silent.
    pub first_byte_timeout: Span,
    /// How long the headers of a request may take.
    pub header_timeout: Span,
    /// How long the body of a request may take.
    pub body_timeout: Span,
    /// How long a connection may stay open between two requests.
    pub idle_timeout: Span,
    /// Bytes of all headers of a request.
    pub header_bytes_max: Size,
    /// Headers of a request.
    pub headers_max: usize,
    /// Bytes of a webhook's body, unless its hook says otherwise.
    pub hook_body_default: Size,
    /// The most that a hook may allow.
    pub hook_body_max: Size,
    /// Bytes of an API request's body.
    pub api_body_max: Size,
    /// Live feeds (server-sent events) at once.
    pub live_feeds_max: usize,
    /// How long requests and running steps may take to end when the server is told to stop.
    pub drain_timeout: Span,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            connections_max: 10_000,
            connections_per_address_max: 5_000,
            first_byte_timeout: Span(10_000),
            header_timeout: Span(10_000),
            body_timeout: Span(30_000),
            idle_timeout: Span(75_000),
            header_bytes_max: Size::kib(64),
            headers_max: 100,
            hook_body_default: Size::mib(5),
            hook_body_max: Size::mib(64),
            api_body_max: Size::mib(8),
            live_feeds_max: 256,
            drain_timeout: Span(30_000),
        }
    }
}
