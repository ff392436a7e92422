//! What can be set, where it comes from, and what it is when nothing is set.
//!
//! Three sources, later ones win: a TOML file, environment variables (`HOOKMILL_SERVER__LISTEN`), flags. Each section is
//! a struct in a file of its own; every key has a default, so an empty configuration serves. Reading ends either in a
//! complete [`Config`] or in an [`Error`] that names the key, where it was set, and what to write instead.
//! `docs/hookmill.toml` is the commented default file; a test keeps it equal to [`Config::default`].

mod database;
mod intake;
mod known;
mod ledger;
mod log;
mod net;
mod server;
mod size;
mod source;
mod store;
mod vault;

pub use database::Database;
pub use intake::{Intake, Rate, RateError};
pub use ledger::Ledger;
pub use log::{Log, LogFormat};
pub use net::Net;
pub use server::Server;
pub use size::{Size, SizeError};
pub use source::Flag;
pub use store::Store;
pub use vault::Vault;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use source::Setting;

/// The commented default file, as documentation and as a start for one's own.
pub const DEFAULT_FILE: &str = include_str!("../../../docs/hookmill.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listening side.
    pub server: Server,
    /// Where things are kept.
    pub store: Store,
    /// How much is taken in.
    pub intake: Intake,
    /// What is kept of the requests that reached a hook.
    pub ledger: Ledger,
    /// How runs are executed, and how long they are kept.
    pub worker: hookmill_worker::Config,
    /// Where actions may connect to.
    pub net: Net,
    /// Where the key that seals secrets comes from.
    pub vault: Vault,
    /// What is logged, and how.
    pub log: Log,
}

/// Why there is no configuration. Every variant says where the mistake is and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        why: String,
    },
    /// A key that does not exist.
    #[error("unknown key `{key}` in {place}{}", suggestion.as_ref().map(|known| format!("; did you mean {known}?")).unwrap_or_default())]
    Unknown {
        /// The key as written.
        key: String,
        /// Where it was written.
        place: String,
        /// The closest key that exists, spelled as in that place.
        suggestion: Option<String>,
    },
    /// A value that the key cannot have.
    #[error("`{key}` in {place} cannot be {value}: {why}")]
    Invalid {
        /// The key.
        key: String,
        /// Where it was set.
        place: String,
        /// The value as written; stars if it is a secret.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Config {
    /// Reads all sources. `environment` is usually [`std::env::vars`]; variables of other programs are ignored.
    ///
    /// # Errors
    /// The first mistake found; see [`Error`].
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Self, Error> {
        let mut settings = Vec::new();
        if let Some(path) = file {
            source::from_file(path, &mut settings)?;
        }
        source::from_environment(environment, &mut settings)?;
        source::from_flags(flags, &mut settings);
        Self::default().with(settings)
    }

    fn with(self, settings: Vec<Setting>) -> Result<Self, Error> {
        let known = serde_json::to_value(Self::default()).expect("a configuration is representable as JSON");
        let mut tree = self.unredacted();
        let mut config = self;
        for setting in settings {
            known::check(&known, &setting)?;
            let leaf = known::leaf(&mut tree, &setting.key).expect("the key was just found to be known");
            *leaf = setting.value.shaped_like(known::find(&known, &setting.key).expect("the key is known"));
            config = Self::deserialize(&tree).map_err(|why| setting.invalid(&why))?;
        }
        config.check()
    }

    /// What the types do not show: zeros where something is needed, settings that contradict each other.
    fn check(self) -> Result<Self, Error> {
        let (server, store, worker) = (&self.server, &self.store, &self.worker);
        let counts = [
            ("server.limits.connections_max", u64::from(server.limits.connections_max)),
            ("server.limits.headers_max", u64::from(server.limits.headers_max)),
            ("server.api_body_max", server.api_body_max.0),
            ("store.queue_writes_max", store.queue_writes_max as u64),
            ("store.queue_bytes_max", store.queue_bytes_max.0),
            ("store.write_connections", store.write_connections as u64),
            ("store.read_connections", store.read_connections as u64),
            ("worker.runs_at_once", worker.runs_at_once as u64),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(contradiction(key, "0", "nothing would work; it must be at least 1".to_owned()));
        }
        if server.hook_body_default > server.hook_body_max {
            let why = format!("it is larger than server.hook_body_max, which is {}", server.hook_body_max);
            return Err(contradiction("server.hook_body_default", &server.hook_body_default.to_string(), why));
        }
        if let Some(url) = &server.public_url
            && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            let why = "write the beginning of a URL, such as https://hooks.example.com".to_owned();
            return Err(contradiction("server.public_url", &format!("{url:?}"), why));
        }
        Ok(self)
    }

    /// The effective configuration as TOML, secrets as stars: what `hookmill config` prints.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is representable as TOML")
    }

    /// A copy whose secrets survive serialisation, to lay further settings over it.
    fn unredacted(&self) -> Value {
        let mut tree = serde_json::to_value(self).expect("a configuration is representable as JSON");
        if let Some(database) = &self.store.database {
            tree["store"]["database"] = Value::from(database.reveal());
        }
        tree
    }
}

fn contradiction(key: &str, value: &str, why: String) -> Error {
    Error::Invalid { key: key.to_owned(), place: "the configuration".to_owned(), value: value.to_owned(), why }
}

#[cfg(test)]
mod tests;
