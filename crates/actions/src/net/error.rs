//! Why an outgoing request got no answer, told apart by what the caller can do about it.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;

use hookmill_engine::run::Failure;
use serde_json::json;

use crate::failure::{failed, failed_for_now, with_details};

/// Why an outgoing request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The URL cannot be requested as it is written.
    #[error("the URL {url} cannot be requested: {why}")]
    InvalidUrl {
        /// The URL without query and credentials.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The host is not on the public internet and not on the operator's list.
    #[error("requests to {host} are not allowed: it is not a public address; the operator can allow it in the configuration")]
    NotAllowed {
        /// The host as named in the URL.
        host: String,
        /// The address that was refused, if it came to one.
        address: Option<IpAddr>,
    },
    /// The name could not be resolved.
    #[error("the name {host} could not be resolved: {why}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No connection came about.
    #[error("no connection to {host}: {why}")]
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        why: String,
    },
    /// The other side's certificate or TLS answer is not acceptable.
    #[error("no secure connection to {host}: {why}")]
    Tls {
        /// Host and port.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// The connection ended or broke while the answer was awaited or read.
    #[error("the connection to {host} broke: {why}")]
    Lost {
        /// Host and port.
        host: String,
        /// What was seen.
        why: String,
    },
    /// The answer is not HTTP, or its encoding is broken.
    #[error("{host} sent an answer that cannot be read: {why}")]
    BadAnswer {
        /// Host and port.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// A redirect that is not followed.
    #[error("a redirect from {from} was not followed: {why}")]
    Redirect {
        /// Where it came from, without query.
        from: String,
        /// The reason.
        why: String,
    },
    /// The body to send could not be read.
    #[error("the body to send could not be read: {0}")]
    Body(io::Error),
}

impl NetError {
    /// Whether the other side may have seen the request: what it asked for may have happened.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Lost { .. } | Self::BadAnswer { .. } | Self::Redirect { .. } => true,
            Self::InvalidUrl { .. }
            | Self::NotAllowed { .. }
            | Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Body(_) => false,
        }
    }

    /// As the failure of a step.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let message = self.to_string();
        match self {
            Self::InvalidUrl { .. } => failed("invalid_url", message),
            Self::NotAllowed { host, address } => {
                let details = json!({ "host": host, "address": address.map(|a| a.to_string()) });
                with_details(failed("address_not_allowed", message), details)
            }
            Self::Dns { .. } => failed_for_now("dns_failed", message),
            Self::Connect { .. } => failed_for_now("connect_failed", message),
            Self::Tls { .. } => failed("tls_failed", message),
            Self::Lost { .. } => failed_for_now("connection_lost", message),
            Self::BadAnswer { .. } => failed("invalid_response", message),
            Self::Redirect { .. } => failed("redirect_refused", message),
            Self::Body(_) => failed("invalid_input", message),
        }
    }

    /// What `error`, met on the way to `host`, means.
    pub(super) fn from_reqwest(error: &reqwest::Error, host: &str) -> Self {
        let why = root_cause(error);
        let host = host.to_owned();
        if let Some(refusal) = find::<Refusal>(error) {
            return refusal.0.clone().into();
        }
        if find::<rustls::Error>(error).is_some() {
            return Self::Tls { host, why };
        }
        if error.is_connect() {
            return Self::Connect { host, why: if error.is_timeout() { "it timed out".to_owned() } else { why } };
        }
        // A body that ends too early is reported as one that cannot be decoded; what it means is a broken connection.
        let broke_off = find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
            || find::<hyper::Error>(error).is_some_and(|error| error.is_incomplete_message());
        let unreadable = error.is_decode() || find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
        if unreadable && !broke_off { Self::BadAnswer { host, why } } else { Self::Lost { host, why } }
    }
}

/// What the resolver has to say, in a form that survives the trip through the HTTP client's boxes.
#[derive(Clone, Debug)]
pub(super) enum Unresolved {
    NotAllowed { host: String, address: IpAddr },
    Failed { host: String, why: String },
}

#[derive(Debug)]
pub(super) struct Refusal(pub(super) Unresolved);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl StdError for Refusal {}

impl From<Unresolved> for NetError {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::NotAllowed { host, address } => Self::NotAllowed { host, address: Some(address) },
            Unresolved::Failed { host, why } => Self::Dns { host, why },
        }
    }
}

/// The first error of type `E` in the chain of causes. An `io::Error` hides the error it wraps from `source()`, so it is
/// opened by hand.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            let inner: &(dyn StdError + 'static) = inner;
            next = Some(inner);
            continue;
        }
        next = error.source();
    }
    None
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string().chars().take(300).collect()
}
