//! The open values of all stored secrets, in memory: for the door's credentials, for steps, and to strike them out.

use std::collections::HashMap;
use std::sync::Arc;

use hookmill_engine::id::WorkspaceId;
use parking_lot::RwLock;
use serde_json::Value;
use zeroize::Zeroizing;

use super::redact::Redactor;

/// An open value. Wiped from memory when the last holder drops it.
pub type SecretValue = Arc<Zeroizing<String>>;

/// The open values by workspace and name.
pub type SecretValues = HashMap<(WorkspaceId, String), SecretValue>;

/// What is open at the moment. Reading never waits for a refresh.
pub struct LiveSecrets {
    current: RwLock<Arc<Opened>>,
}

struct Opened {
    values: SecretValues,
    redactor: Redactor,
}

impl Default for LiveSecrets {
    fn default() -> Self {
        Self { current: RwLock::new(Arc::new(Opened::new(SecretValues::new()))) }
    }
}

impl Opened {
    fn new(values: SecretValues) -> Self {
        let redactor = Redactor::new(values.values().map(|value| value.as_str()));
        Self { values, redactor }
    }
}

impl LiveSecrets {
    /// The value of a secret, if there is one that opens.
    #[must_use]
    pub fn get(&self, workspace: WorkspaceId, name: &str) -> Option<SecretValue> {
        self.current().values.get(&(workspace, name.to_owned())).cloned()
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
