//! The canonical text of a document: the same workflow always gives the same text, and reading it gives the same
//! workflow. Comments and the writer's layout are the only things lost.

use serde_json::Value;

use super::Workflow;

/// The document as YAML.
#[must_use]
pub fn to_yaml(workflow: &Workflow) -> String {
    serde_yaml_ng::to_string(&to_value(workflow)).expect("a JSON value can be written as YAML")
}

/// The document as indented JSON with a line end.
#[must_use]
pub fn to_json(workflow: &Workflow) -> String {
    format!("{:#}\n", to_value(workflow))
}

/// By way of a JSON value, because YAML would spell enums with tags.
fn to_value(workflow: &Workflow) -> Value {
    serde_json::to_value(workflow).expect("a workflow has only text keys and finite numbers")
}
