//! `[intake]`: how much is taken in.

use std::fmt;
use std::str::FromStr;

use hookmill_engine::time::Span;
use hookmill_engine::workflow::RateLimit;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much is taken in, beside what the hooks themselves say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// Requests that the hooks of a workspace take together.
    pub workspace_rate: Rate,
    /// Requests with wrong credentials from one address to one hook. Who sends more is refused unseen until its window
    /// ends. Counted by each node. Behind a proxy, set `server.trusted_proxies`: its senders share one address otherwise.
    pub failing_rate: Rate,
}

impl Default for Intake {
    fn default() -> Self {
        let failing = RateLimit { requests: 300, per: Span(60_000) };
        Self { workspace_rate: Rate::Unlimited, failing_rate: Rate::Limit(failing) }
    }
}

/// So many in a length of time, `300/1m`, or `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As many as come.
    Unlimited,
    /// So many.
    Limit(RateLimit),
}

const UNLIMITED: &str = "unlimited";

/// Why a text is not a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a number and a length of time such as 300/1m, or {UNLIMITED}")]
pub struct RateError;

impl Rate {
    /// The limit, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<RateLimit> {
        match self {
            Self::Unlimited => None,
            Self::Limit(limit) => Some(limit),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text.trim() == UNLIMITED {
            return Ok(Self::Unlimited);
        }
        let (requests, per) = text.split_once('/').ok_or(RateError)?;
        let requests: u32 = requests.trim().parse().map_err(|_| RateError)?;
        let per: Span = per.trim().parse().map_err(|_| RateError)?;
        if requests == 0 || per.0 == 0 {
            return Err(RateError);
        }
        Ok(Self::Limit(RateLimit { requests, per }))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str(UNLIMITED),
            Self::Limit(limit) => write!(f, "{}/{}", limit.requests, limit.per),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_in_one_canonical_form() {
        for (text, written) in [("300/1m", "300/1m"), (" 5 / 60s ", "5/1m"), ("unlimited", "unlimited")] {
            assert_eq!(text.parse::<Rate>().expect(text).to_string(), written);
        }
        for text in ["", "300", "0/1m", "5/0s", "-1/1m", "5/", "/1m", "5/1 month", "99999999999/1m"] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }
}
