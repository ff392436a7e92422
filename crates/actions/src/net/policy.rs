//! What outgoing requests may reach beyond the public internet: the operator's list.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::{is_public, plain};
use super::error::NetError;

/// Longest URL that is requested.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// Names under which clouds serve machine credentials. Their addresses are refused too; the name says it sooner.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// What may be reached. The default is the public internet and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetPolicy {
    allowed_networks: Vec<IpNet>,
    allowed_names: Vec<String>,
    refused_networks: Vec<IpNet>,
}

/// Why an entry of the operator's list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a network (10.0.0.0/8), an address, a host name nor a pattern (*.corp.example)")]
pub struct PolicyError(pub String);

impl NetPolicy {
    /// The public internet, and what `entries` name: addresses, networks (`10.0.0.0/8`), host names, and all names below
    /// a domain (`*.corp.example`). A named host may have any address.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn allowing<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        for entry in entries {
            let entry = entry.as_ref().trim();
            match read_network(entry) {
                Some(network) => policy.allowed_networks.push(network),
                None => policy.allowed_names.push(read_name(entry).ok_or_else(|| PolicyError(entry.to_owned()))?),
            }
        }
        Ok(policy)
    }

    /// Refuses `networks` although they are public, for example the server's own addresses. What is allowed by name or
    /// network stays allowed.
    #[must_use]
    pub fn refusing(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.refused_networks.extend(networks);
        self
    }

    /// Whether a connection to `address`, found under `name` (none for an address in the URL), may be made.
    #[must_use]
    pub fn allows(&self, name: Option<&str>, address: IpAddr) -> bool {
        let address = plain(address);
        let listed = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        name.is_some_and(|name| self.allows_name(name))
            || listed(&self.allowed_networks)
            || (is_public(address) && !listed(&self.refused_networks))
    }

    /// What can be said about a URL before its name is looked up.
    ///
    /// # Errors
    /// Another scheme than http and https, a user name inside, a host that is not allowed.
    pub fn check(&self, url: &Url) -> Result<(), NetError> {
        let invalid = |why: &str| Err(NetError::InvalidUrl { url: shown(url), why: why.to_owned() });
        if !matches!(url.scheme(), "http" | "https") {
            return invalid("only http and https are possible");
        }
        if url.as_str().len() > URL_BYTES_MAX {
            return invalid(&format!("it is longer than {URL_BYTES_MAX} bytes"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("user name and password belong into `credential`, not into the URL");
        }
        let literal = match url.host() {
            None => return invalid("it has no host"),
            Some(Host::Domain(name)) => return self.check_name(name),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if self.allows(None, literal) {
            return Ok(());
        }
        Err(NetError::NotAllowed { host: literal.to_string(), address: Some(literal) })
    }

    fn check_name(&self, name: &str) -> Result<(), NetError> {
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        if METADATA_NAMES.contains(&bare.as_str()) && !self.allows_name(&bare) {
            return Err(NetError::NotAllowed { host: bare, address: None });
        }
        Ok(())
    }

    fn allows_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.allowed_names.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some(domain) => name.len() > domain.len() && name.ends_with(domain),
            None => name == *allowed,
        })
    }
}

/// A URL as errors and logs show it: without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail only for URLs that cannot have them, which then have none to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().chars().take(300).collect()
}

fn read_network(entry: &str) -> Option<IpNet> {
    entry.parse::<IpNet>().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from))
}

fn read_name(entry: &str) -> Option<String> {
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    let labels = name.trim_end_matches('.').split('.');
    let valid = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (labels.clone().all(valid) && name.len() <= 253 && !numeric).then(|| entry.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_can_open_networks_addresses_and_names() {
        let policy = NetPolicy::allowing(["10.0.0.0/8", "192.168.1.5", "fd00::/8", "stock.internal", "*.corp.example"])
            .expect("all entries are valid");
        let at = |name, address: &str| policy.allows(name, address.parse().expect(address));
        assert!(at(None, "10.9.8.7") && at(None, "::ffff:10.9.8.7") && at(None, "192.168.1.5") && at(None, "fd12::1"));
        assert!(at(Some("stock.internal"), "127.0.0.1") && at(Some("STOCK.internal."), "127.0.0.1"));
        assert!(at(Some("a.b.corp.example"), "172.16.0.1"));
        assert!(!at(Some("corp.example"), "172.16.0.1") && !at(Some("xcorp.example"), "172.16.0.1"));
        assert!(!at(None, "192.168.1.6") && !at(Some("other.internal"), "127.0.0.1"));
    }

    #[test]
    fn what_the_operator_refuses_is_refused_although_public() {
        let policy = NetPolicy::default().refusing(["198.41.0.0/24".parse().expect("a network")]);
        assert!(!policy.allows(None, "198.41.0.4".parse().expect("an address")));
        assert!(policy.allows(None, "198.41.1.4".parse().expect("an address")));
    }

    #[test]
    fn entries_that_are_nothing_are_named() {
        for entry in ["", "10.0.0.0/33", "300.1.1.1", "a b", "*", "**.x", "http://x", "x:80", "\u{1F600}.de"] {
            assert_eq!(NetPolicy::allowing([entry]), Err(PolicyError(entry.to_owned())), "{entry}");
        }
    }
}
