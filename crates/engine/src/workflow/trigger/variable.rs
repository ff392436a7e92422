//! Declared variables: what must be, and what may be, in a request.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::indexed;

/// A value that the sender is to provide. Elements of arrays and members of objects are declared the same way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Variable {
    /// Its type. Values from forms, query, headers and path are converted; JSON values must already have it.
    #[serde(rename = "type")]
    pub kind: VariableType,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a request without it is refused. Default: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it is when the request does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it may look like: for documentation, previews and test runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// Where it is found. Default: the body's member of the same name, then the query's, then the path's.
    /// Only of the trigger's own variables.
    #[serde(rename = "from", skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// With `type: array`: what each element is. Default: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Variable>>,
    /// With `type: object`: its members by name. Others may be there too. Default: anything.
    #[serde(skip_serializing_if = "indexed::is_empty")]
    #[schemars(with = "BTreeMap<String, Variable>")]
    pub fields: indexed::Map<Variable>,
}

impl Variable {
    /// Whether more is declared than the type.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        self.items.is_some() || !self.fields.is_empty()
    }
}

/// The types a variable can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the types of JSON")]
pub enum VariableType {
    #[default]
    String,
    Number,
    Boolean,
    Object,
    Array,
}

/// Where a variable's value is found. Written as a map with one key: `{ header: X-Total }`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A path into the parsed body: `customer.email`, `items.0.sku`.
    Body(String),
    /// A query parameter.
    Query(String),
    /// A header, matched without case.
    Header(String),
    /// A `:name` segment of the hook's own path.
    Path(String),
}
