//! The open values of all stored secrets, in memory: for the door's credentials, for steps, and to strike them out.

use std::collections::HashMap;
use std::sync::Arc;

use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use parking_lot::RwLock;
use serde_json::Value;
use zeroize::Zeroizing;

use super::redact::Redactor;
use super::{Binding, Vault};
use crate::log;

/// An open value. Wiped from memory when the last holder drops it.
pub type SecretValue = Arc<Zeroizing<String>>;

/// A secret that is open.
#[derive(Clone, Debug)]
pub struct OpenSecret {
    /// Its value.
    pub value: SecretValue,
    /// When callers stop being compared with it.
    pub expires_at: Option<Timestamp>,
}

impl OpenSecret {
    /// Whether callers are no longer compared with it.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl From<String> for OpenSecret {
    fn from(value: String) -> Self {
        Self { value: Arc::new(value.into()), expires_at: None }
    }
}

/// What a hook finds under the name of a secret.
#[derive(Clone, Debug)]
pub enum Held {
    /// Callers are compared with this.
    Live(SecretValue),
    /// It is stored, but no longer good since then.
    Expired(Timestamp),
    /// Nothing of that name opens.
    Missing,
}

/// The open secrets by workspace and name.
pub type SecretValues = HashMap<(WorkspaceId, String), OpenSecret>;

/// What is open at the moment. Reading never waits for a refresh.
pub struct LiveSecrets {
    current: RwLock<Arc<Opened>>,
    /// One refresh at a time, so that an older look never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

struct Opened {
    /// By workspace, then by name: looked up without making a key.
    values: HashMap<WorkspaceId, HashMap<String, OpenSecret>>,
    redactor: Redactor,
}

impl Default for LiveSecrets {
    fn default() -> Self {
        Self { current: RwLock::new(Arc::new(Opened::new(SecretValues::new()))), refreshing: tokio::sync::Mutex::default() }
    }
}

impl Opened {
    fn new(values: SecretValues) -> Self {
        let redactor = Redactor::new(values.values().map(|secret| secret.value.as_str()));
        let mut by_workspace: HashMap<WorkspaceId, HashMap<String, OpenSecret>> = HashMap::new();
        for ((workspace, name), secret) in values {
            by_workspace.entry(workspace).or_default().insert(name, secret);
        }
        Self { values: by_workspace, redactor }
    }
}

impl LiveSecrets {
    /// The value of a secret, expired or not, if there is one that opens: for steps.
    #[must_use]
    pub fn get(&self, workspace: WorkspaceId, name: &str) -> Option<SecretValue> {
        self.current.read().values.get(&workspace)?.get(name).map(|secret| Arc::clone(&secret.value))
    }

    /// What callers are compared with at this time.
    #[must_use]
    pub fn at_door(&self, workspace: WorkspaceId, name: &str, now: Timestamp) -> Held {
        let current = self.current.read();
        match current.values.get(&workspace).and_then(|secrets| secrets.get(name)) {
            None => Held::Missing,
            Some(OpenSecret { expires_at: Some(at), .. }) if *at <= now => Held::Expired(*at),
            Some(secret) => Held::Live(Arc::clone(&secret.value)),
        }
    }

    /// All that open, expired or not, in no order.
    #[must_use]
    pub fn all(&self, workspace: WorkspaceId) -> Vec<(String, OpenSecret)> {
        let current = self.current.read();
        let all = current.values.get(&workspace).into_iter().flatten();
        all.map(|(name, secret)| (name.clone(), secret.clone())).collect()
    }

    /// Opens what is stored now. A secret that does not open is logged and is as good as missing.
    ///
    /// # Errors
    /// When the store cannot be read; the values known before stay in use.
    pub async fn refresh(&self, store: &Store, vault: &Vault) -> hookmill_store::Result<()> {
        let _one = self.refreshing.lock().await;
        let mut values = SecretValues::new();
        for workspace in store.workspaces().await? {
            for secret in store.secrets(workspace.id).await? {
                let binding = Binding { workspace: workspace.id, name: &secret.name, version: secret.version };
                match vault.open(binding, &secret.sealed) {
                    Ok(value) => {
                        let open = OpenSecret { value: Arc::new(value), expires_at: secret.expires_at };
                        values.insert((workspace.id, secret.name), open);
                    }
                    Err(problem) => log::secret_closed(&secret.name, &problem),
                }
            }
        }
        self.replace(values);
        Ok(())
    }

    /// Takes these values for the present ones.
    pub fn replace(&self, values: SecretValues) {
        let opened = Arc::new(Opened::new(values));
        *self.current.write() = opened;
    }

    /// Strikes every live value out of every text inside `value`.
    pub fn redact(&self, value: &mut Value) {
        self.current().redactor.redact(value);
    }

    /// The same for one text.
    pub fn redact_text(&self, text: &mut String) {
        self.current().redactor.redact_text(text);
    }

    fn current(&self) -> Arc<Opened> {
        Arc::clone(&self.current.read())
    }
}

impl hookmill_worker::Secrets for LiveSecrets {
    fn resolve(&self, workspace: WorkspaceId, name: &str) -> Option<String> {
        self.get(workspace, name).map(|value| String::clone(&value))
    }

    fn redact(&self, value: &mut Value) {
        Self::redact(self, value);
    }

    fn redact_text(&self, text: &mut String) {
        Self::redact_text(self, text);
    }
}
