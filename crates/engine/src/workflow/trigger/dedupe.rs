//! When two requests are the same delivery.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::body_path::BodyPath;
use crate::time::Span;

/// When two requests are the same delivery, of which only the first starts a run. Written `false`, or as a map with one
/// of the keys of [`DedupeKey`], `window`, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dedupe {
    /// Never.
    Off,
    /// When they have the same key.
    On {
        /// What tells deliveries apart. Default: the preset's delivery id, or the header `Idempotency-Key`.
        key: Option<DedupeKey>,
        /// For how long a key is remembered. Default: [`Dedupe::WINDOW`].
        window: Option<Span>,
    },
}

/// What tells deliveries apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DedupeKey {
    /// The value of a header, matched without case.
    Header(String),
    /// What is at this place of the body.
    Path(BodyPath),
    /// What this expression gives.
    Expression(String),
    /// The bytes of the body.
    Body,
}

impl Dedupe {
    /// For how long a key is remembered unless the document says otherwise: three days.
    pub const WINDOW: Span = Span(3 * 24 * 60 * 60 * 1_000);
}

impl Serialize for Dedupe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::On { key, window } = self else { return serializer.serialize_bool(false) };
        let mut map = serializer.serialize_map(None)?;
        match key {
            None => {}
            Some(DedupeKey::Header(name)) => map.serialize_entry("header", name)?,
            Some(DedupeKey::Path(path)) => map.serialize_entry("path", path)?,
            Some(DedupeKey::Expression(expression)) => map.serialize_entry("expression", expression)?,
            Some(DedupeKey::Body) => map.serialize_entry("body", &true)?,
        }
        if let Some(window) = window {
            map.serialize_entry("window", window)?;
        }
        map.end()
    }
}

impl JsonSchema for Dedupe {
    fn schema_name() -> Cow<'static, str> {
        "Dedupe".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (path, span) = (generator.subschema_for::<BodyPath>(), generator.subschema_for::<Span>());
        json_schema!({
            "description": "When two requests are the same delivery, of which only the first starts a run: `false` for \
                            never, or at most one of the keys `header`, `path`, `expression`, `body`.",
            "anyOf": [
                { "type": "boolean", "const": false },
                {
                    "type": "object",
                    "properties": {
                        "header": { "type": "string", "description": "The value of this header tells deliveries apart." },
                        "path": path,
                        "expression": { "type": "string", "description": "What this gives tells deliveries apart." },
                        "body": { "type": "boolean", "const": true, "description": "The whole body does." },
                        "window": span
                    },
                    "minProperties": 1,
                    "not": { "anyOf": [
                        { "required": ["header", "path"] },
                        { "required": ["header", "expression"] },
                        { "required": ["header", "body"] },
                        { "required": ["path", "expression"] },
                        { "required": ["path", "body"] },
                        { "required": ["expression", "body"] }
                    ] }
                }
            ]
        })
    }
}
