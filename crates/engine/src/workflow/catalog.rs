//! What a document may refer to: the actions and secrets that exist where it is published.

use serde_json::Value;

use super::Retry;

/// What validation needs to know about an action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionInfo {
    /// The JSON Schema of its input (`with`).
    pub input_schema: Value,
    /// The JSON Schema of its output (`steps.ID`).
    pub output_schema: Value,
    /// How often it is attempted when the step does not say.
    pub retry: Retry,
}

/// The surroundings of a document.
pub trait Catalog {
    /// The action of this name.
    fn action(&self, name: &str) -> Option<ActionInfo>;

    /// The names of all actions, for suggestions.
    fn action_names(&self) -> Vec<String>;

    /// Whether a secret of this name is stored; `None` if that cannot be told here.
    fn secret_exists(&self, name: &str) -> Option<bool>;
}
