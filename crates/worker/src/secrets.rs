//! What the worker needs to know about secrets: their value for a step's input, and how to keep it out of everything else.

use hookmill_engine::id::WorkspaceId;
use serde_json::Value;

/// Opens secrets for steps and strikes them out of what steps give back.
pub trait Secrets: Send + Sync + 'static {
    /// The value of a stored secret, if there is one of that name.
    fn resolve(&self, workspace: WorkspaceId, name: &str) -> Option<String>;

    /// Replaces every live secret value in any text inside `value` by stars.
    fn redact(&self, value: &mut Value);

    /// The same for one text.
    fn redact_text(&self, text: &mut String);
}
