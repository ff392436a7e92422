//! What all parts of the running server share.

use std::sync::Arc;

use hookmill_actions::Registry;
use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use hookmill_store::hooks::TEST_PATHS;
use hookmill_store::ids::Clock;
use hookmill_store::workspaces::{FIRST_SLUG, FIRST_WORKSPACE};
use hookmill_worker::Worker;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::api::KeyCache;
use crate::config::Config;
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::vault::{LiveSecrets, Vault};

/// What handlers get as their state. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts. All of them are there before the first request is.
pub struct Parts {
    /// What was set.
    pub config: Config,
    /// Everything that is kept.
    pub store: Store,
    /// What happens to runs.
    pub worker: Worker,
    /// What steps can do.
    pub registry: Registry,
    /// Seals secrets.
    pub vault: Arc<Vault>,
    /// Open secrets.
    pub secrets: Arc<LiveSecrets>,
    /// What is counted.
    pub metrics: Metrics,
    /// API keys seen lately.
    pub keys: KeyCache,
    /// What the last look at the database found.
    pub readiness: Readiness,
    /// Places for descriptions of hooks that are being made: each takes memory.
    pub descriptions: Semaphore,
    /// Places for live feeds.
    pub live_feeds: Arc<Semaphore>,
    /// What the URLs of hooks begin with, without a slash at the end.
    pub public_url: String,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the server is told to stop.
    pub stopping: CancellationToken,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The workspace that requests are about: for now the only one.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceId {
        FIRST_WORKSPACE
    }

    /// The unguessable URL of a hook.
    #[must_use]
    pub fn token_url(&self, token: &str) -> String {
        format!("{}/hooks/{token}", self.public_url)
    }

    /// The URL at which a hook's draft is tested.
    #[must_use]
    pub fn test_url(&self, token: &str) -> String {
        format!("{}{TEST_PATHS}{token}", self.public_url)
    }

    /// The URL of a hook's own path.
    #[must_use]
    pub fn path_url(&self, path: &str) -> String {
        format!("{}/hooks/{FIRST_SLUG}/{}", self.public_url, path.trim_start_matches('/'))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
