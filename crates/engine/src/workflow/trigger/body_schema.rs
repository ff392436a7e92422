//! The JSON Schema (2020-12) that a body must match. Compiled once, when it is first asked.
//!
//! Nothing is fetched: a `$ref` that leads out of the schema is a mistake. Patterns run in time linear in the text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What one compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// A JSON Schema for the body.
#[derive(Debug)]
pub struct BodySchema {
    value: Value,
    compiled: OnceLock<Result<Validator, SchemaFinding>>,
}

/// One thing that a schema says against a body, or that is wrong with the schema itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFinding {
    /// Where: `order.items[2].sku`. Empty for the whole.
    pub path: String,
    /// What was expected, without the value that was found.
    pub message: String,
}

impl BodySchema {
    /// The schema as it was written. Whether it is one shows when it is compiled.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self { value, compiled: OnceLock::new() }
    }

    /// The schema as it was written.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What is wrong with the schema, if it is none.
    #[must_use]
    pub fn flaw(&self) -> Option<&SchemaFinding> {
        self.compiled().as_ref().err()
    }

    /// What it says against a body, at most so many things.
    ///
    /// # Errors
    /// The flaw of a schema that is none.
    pub fn check(&self, body: &Value, findings_max: usize) -> Result<Vec<SchemaFinding>, &SchemaFinding> {
        let validator = self.compiled().as_ref()?;
        if validator.is_valid(body) {
            return Ok(Vec::new());
        }
        Ok(validator.iter_errors(body).take(findings_max).map(|error| finding(&error)).collect())
    }

    fn compiled(&self) -> &Result<Validator, SchemaFinding> {
        self.compiled.get_or_init(|| compile(&self.value))
    }
}

impl Clone for BodySchema {
    /// What was compiled is compiled again when it is asked for.
    fn clone(&self) -> Self {
        Self::new(self.value.clone())
    }
}

impl PartialEq for BodySchema {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Serialize for BodySchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl JsonSchema for BodySchema {
    fn schema_name() -> Cow<'static, str> {
        "BodySchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A JSON Schema (2020-12), complete in itself.", "type": ["object", "boolean"] })
    }
}

/// Fetches nothing.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`{uri}` is not part of the schema, and nothing is fetched").into())
    }
}

fn compile(schema: &Value) -> Result<Validator, SchemaFinding> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err(SchemaFinding { path: String::new(), message: "a JSON Schema is a map, `true` or `false`".to_owned() });
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_retriever(Nowhere)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| finding(&error))
}

fn finding(error: &ValidationError<'_>) -> SchemaFinding {
    let pointer = error.instance_path().as_str();
    SchemaFinding { path: path_of(pointer), message: error.masked().to_string() }
}

/// A JSON pointer (RFC 6901) in the way in which places are told everywhere else.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            let _ = write!(path, "[{part}]");
        } else {
            crate::workflow::report::push_key(&mut path, &part);
        }
    }
    path
}
