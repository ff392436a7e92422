//! The input of an action against its JSON Schema, as far as it is constant.
//!
//! Not a full validator: an action checks its own input when it runs. This finds what can be seen beforehand: missing,
//! unknown and mistyped fields, and words that are not among the allowed ones.

use serde_json::{Map, Value};

use super::Checker;
use crate::workflow::problem::{closest, listed, quoted};

/// How many `$ref`s are followed in a row: a schema may refer to itself.
const REFERENCES_MAX: usize = 16;

impl Checker<'_> {
    pub(super) fn input(&mut self, with: &Map<String, Value>, schema: &Value) {
        self.object(with, schema, schema);
    }

    fn object(&mut self, object: &Map<String, Value>, schema: &Value, root: &Value) {
        let schema = resolve(schema, root);
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                self.at.problem("missing_field", format!("`{name}` is missing"));
            }
        }
        // Alternatives may know fields of their own.
        let open = ["anyOf", "oneOf", "allOf", "patternProperties"].iter().any(|key| schema.get(key).is_some());
        let more = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
        for (name, value) in object {
            match (properties.get(name), more) {
                (Some(property), _) => self.at_member(name, |this| this.field(value, property, root)),
                (None, Some(Value::Bool(false))) if !open => {
                    let absent = properties.keys().map(String::as_str).filter(|known| !object.contains_key(*known));
                    let near = closest(name, absent);
                    let message = format!("the action has no field {}", quoted(name));
                    self.at.member(name, |at| at.suggest("unknown_field", message, near));
                }
                (None, Some(schema @ Value::Object(_))) => self.at_member(name, |this| this.field(value, schema, root)),
                (None, _) => {}
            }
        }
    }

    fn field(&mut self, value: &Value, schema: &Value, root: &Value) {
        let schema = resolve(schema, root);
        if is_computed(value) {
            return;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
                return self.alternatives(value, alternatives, root);
            }
        }
        if !has_type(value, schema) {
            let expected = listed(types(schema), "or");
            self.at.problem("mistyped_field", format!("must be {expected}, not {}", kind(value)));
            return;
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            self.one_of(value, &words.iter().collect::<Vec<_>>());
        }
        if let Some(number) = value.as_f64() {
            self.bounds(number, schema);
        }
        match value {
            Value::Object(members) => self.object(members, schema, root),
            Value::Array(items) => {
                let Some(inner) = schema.get("items") else { return };
                for (index, item) in items.iter().enumerate() {
                    self.at_element(index, |this| this.field(item, inner, root));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn one_of(&mut self, value: &Value, words: &[&Value]) {
        if words.contains(&value) || contains_expression(value) {
            return;
        }
        let words: Vec<&str> = words.iter().filter_map(|word| word.as_str()).collect();
        let near = value.as_str().and_then(|text| closest(text, words.iter().copied()));
        self.at.suggest("bad_value", format!("must be {}", listed(words.iter().copied(), "or")), near);
    }

    fn bounds(&mut self, number: f64, schema: &Value) {
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        if let Some(min) = bound("minimum").filter(|min| number < *min) {
            self.at.problem("bad_value", format!("must be at least {min}"));
        }
        if let Some(max) = bound("maximum").filter(|max| number > *max) {
            self.at.problem("bad_value", format!("must be at most {max}"));
        }
    }

    /// If one alternative has the right type its problems are told, because that is the one that was meant.
    fn alternatives(&mut self, value: &Value, alternatives: &[Value], root: &Value) {
        let words: Option<Vec<&Value>> = alternatives.iter().map(|schema| resolve(schema, root).get("const")).collect();
        if let Some(words) = words {
            return self.one_of(value, &words);
        }
        let fitting: Vec<&Value> =
            alternatives.iter().map(|schema| resolve(schema, root)).filter(|schema| has_type(value, schema)).collect();
        match fitting.as_slice() {
            [] => {
                let mut expected: Vec<&str> = alternatives.iter().flat_map(|schema| types(resolve(schema, root))).collect();
                expected.dedup();
                let message = format!("must be {}, not {}", listed(expected, "or"), kind(value));
                self.at.problem("mistyped_field", message);
            }
            [schema] => self.field(value, schema, root),
            // Which one was meant cannot be told.
            _ => {}
        }
    }
}

/// Follows `$ref` inside of the document.
fn resolve<'s>(mut schema: &'s Value, root: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#')) else { break };
        let Some(target) = root.pointer(pointer) else { break };
        schema = target;
    }
    schema
}

/// Whether the value is one whole expression, so that its type is not known before it runs.
fn is_computed(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with("{{") && text.trim_end().ends_with("}}"))
}

fn contains_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

fn has_type(value: &Value, schema: &Value) -> bool {
    let types = types(schema);
    let is = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    types.is_empty() || types.iter().any(is)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "`null`",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
