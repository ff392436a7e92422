//! `[server]`: the listening side and its limits.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::config::Size;
use crate::listen::Limits;

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
    /// Bytes of a webhook's body, unless its hook says otherwise.
    pub hook_body_default: Size,
    /// The most that a hook may allow.
    pub hook_body_max: Size,
    /// Bytes of an API request's body.
    pub api_body_max: Size,
    /// Live feeds (server-sent events) at once.
    pub live_feeds_max: usize,
    /// What a connection may cost.
    pub limits: Limits,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            hook_body_default: Size::mib(5),
            hook_body_max: Size::mib(64),
            api_body_max: Size::mib(8),
            live_feeds_max: 256,
            limits: Limits::default(),
        }
    }
}
