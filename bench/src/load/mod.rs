//! The load generator: one thread, one epoll, keep-alive connections, no runtime.
//!
//! It shares the machine with what it measures, so it is as lean as possible. *Closed loop*: every connection sends its
//! next request when it has its answer; gives the throughput. *Open loop*: requests are due at fixed times whether or not
//! earlier ones are answered, and a latency counts from the time a request was **due**; gives honest percentiles.

mod connection;
mod generator;
mod histogram;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use histogram::Histogram;

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as a connection is free.
    Closed,
    /// So many a second, evenly.
    Open {
        /// Requests a second.
        rate: f64,
    },
}

/// A measurement to be made.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Whole requests as sent on the wire, taken in turn. Where one says [`SERIAL`], a number stands that no other has.
    pub(crate) requests: Vec<Arc<[u8]>>,
    pub(crate) pace: Pace,
    /// Sent before anything is counted.
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
    /// A closed loop ends early after so many requests.
    pub(crate) requests_max: Option<u64>,
}

impl Plan {
    /// Makes the measurement; blocks until it is over.
    pub(crate) fn run(&self) -> std::io::Result<Outcome> {
        generator::Generator::new(self)?.run()
    }
}

/// What a measurement showed.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// Answers of status 2xx that arrived within the measured time (closed loop) or were due in it (open loop).
    pub(crate) succeeded: u64,
    /// All requests ever answered with 2xx, warm-up included.
    pub(crate) succeeded_in_all: u64,
    /// Other answers by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Connections that broke, and requests that never got an answer.
    pub(crate) broken: u64,
    /// How long was measured.
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
}

impl Outcome {
    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        self.succeeded as f64 / self.elapsed.as_secs_f64()
    }

    /// An error unless every request was answered with success.
    pub(crate) fn all_succeeded(self) -> anyhow::Result<Self> {
        anyhow::ensure!(
            self.refused.is_empty() && self.broken == 0,
            "not every request succeeded: {} did, refused by status: {:?}, broken: {}",
            self.succeeded_in_all,
            self.refused,
            self.broken,
        );
        Ok(self)
    }
}

/// Stands in a prepared request where each one that is sent has another number.
pub(crate) const SERIAL: &str = "SERIAL-NUMBER-16";

/// A whole OPTIONS request for the wire.
pub(crate) fn options(address: SocketAddr, path: &str) -> Arc<[u8]> {
    format!("OPTIONS {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: hookmill-bench\r\n\r\n").into_bytes().into()
}

/// A whole POST request for the wire. Its media type is JSON; `headers` come beside the usual ones.
pub(crate) fn post(address: SocketAddr, path_and_query: &str, headers: &[(&str, &str)], body: &[u8]) -> Arc<[u8]> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut request = format!(
        "POST {path_and_query} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: hookmill-bench\r\n\
         Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request.into()
}
