//! JSON Schemas of what a hook takes.

use hookmill_engine::workflow::{Source, Variable, VariableType, WebhookTrigger};
use serde_json::{Map, Value, json};

/// Keywords whose members are named by people, and hold schemas.
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords that hold data, not schemas.
const DATA: [&str; 5] = ["const", "enum", "default", "examples", "example"];
/// Keywords with which references mean something else than a place; tools that show descriptions do not follow them.
const DYNAMIC: [&str; 4] = ["$id", "$dynamicAnchor", "$dynamicRef", "$recursiveRef"];

/// Where a value stands: whether it has a type of its own there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// JSON: null stands for what is absent.
    Typed,
    /// Texts, converted to the declared type.
    Text,
}

/// The schema of a declared variable.
pub(super) fn of(variable: &Variable, spelling: Spelling) -> Value {
    let mut schema = Map::new();
    let kind = match variable.kind {
        VariableType::String => "string",
        VariableType::Number => "number",
        VariableType::Boolean => "boolean",
        VariableType::Object => "object",
        VariableType::Array => "array",
    };
    let may_be_null = spelling == Spelling::Typed && (!variable.required || variable.default.is_some());
    schema.insert("type".to_owned(), if may_be_null { json!([kind, "null"]) } else { kind.into() });
    if let Some(description) = &variable.description {
        schema.insert("description".to_owned(), description.clone().into());
    }
    if let Some(items) = variable.items.as_deref().filter(|_| variable.kind == VariableType::Array) {
        schema.insert("items".to_owned(), of(items, spelling));
    }
    if variable.kind == VariableType::Object && !variable.fields.is_empty() {
        let fields = variable.fields.iter().map(|(name, field)| (name.clone(), of(field, spelling)));
        schema.insert("properties".to_owned(), Value::Object(fields.collect()));
        let required: Vec<&String> = variable.fields.iter().filter(|(_, field)| is_needed(field)).map(|(name, _)| name).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
    }
    if let Some(default) = &variable.default {
        schema.insert("default".to_owned(), default.clone());
    }
    if let Some(example) = &variable.example {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(schema)
}

/// Whether a request without it is refused.
pub(super) fn is_needed(variable: &Variable) -> bool {
    variable.required && variable.default.is_none()
}

/// The path into the body at which a variable is looked for; `None` if it is somewhere else.
pub(super) fn in_body<'a>(name: &'a str, variable: &'a Variable, path_parameters: &[String]) -> Option<Vec<&'a str>> {
    match &variable.source {
        None if path_parameters.iter().any(|parameter| parameter == name) => None,
        None => Some(vec![name]),
        Some(Source::Body(path)) => Some(path.split('.').collect()),
        Some(Source::Query(_) | Source::Header(_) | Source::Path(_)) => None,
    }
}

/// What the variables ask of the body; `None` if they ask nothing.
pub(super) fn body(
    trigger: &WebhookTrigger,
    required: Option<&str>,
    path_parameters: &[String],
    spelling: Spelling,
) -> Option<Value> {
    let mut object = Map::new();
    for (name, variable) in &trigger.variables {
        if let Some(path) = in_body(name, variable, path_parameters) {
            put(&mut object, &path, of(variable, spelling), is_needed(variable));
        }
    }
    // What a product requires whether it is declared or not.
    if let Some(name) = required {
        let declared = object.get("properties").and_then(|properties| properties.get(name)).cloned();
        put(&mut object, &[name], declared.unwrap_or_else(|| json!({ "type": "string" })), true);
    }
    (!object.is_empty()).then(|| {
        object.insert("type".to_owned(), "object".into());
        Value::Object(object)
    })
}

/// Declares a member at a path. Below an element of an array nothing more is said than that the array has to be there.
fn put(object: &mut Map<String, Value>, path: &[&str], schema: Value, needed: bool) {
    let Some((name, rest)) = path.split_first() else { return };
    if needed {
        let required = object.entry("required").or_insert_with(|| json!([]));
        let required = required.as_array_mut().expect("`required` is made as a list");
        if !required.iter().any(|known| known == name) {
            required.push((*name).into());
        }
    }
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    let properties = properties.as_object_mut().expect("`properties` is made as an object");
    let Some(next) = rest.first() else {
        properties.insert((*name).to_owned(), schema);
        return;
    };
    if next.bytes().all(|byte| byte.is_ascii_digit()) {
        properties.entry(*name).or_insert_with(|| json!({ "type": ["array", "object"] }));
        return;
    }
    let child = properties.entry(*name).or_insert_with(|| json!({ "type": "object" }));
    if let Some(child) = child.as_object_mut() {
        put(child, rest, schema, needed);
    }
}

/// A whole schema as it can stand at `pointer` of another document, where it means the same.
pub(super) fn embedded(schema: &Value, pointer: &str) -> Value {
    if mentions(schema, &DYNAMIC) {
        return json!({ "description": "Checked against a schema that cannot be shown here." });
    }
    let mut anchors = Vec::new();
    find_anchors(schema, pointer, &mut anchors);
    Moved { pointer, anchors }.schema(schema)
}

fn mentions(schema: &Value, keys: &[&str]) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(key, value)| keys.contains(&key.as_str()) || mentions(value, keys)),
        Value::Array(elements) => elements.iter().any(|element| mentions(element, keys)),
        _ => false,
    }
}

/// The names that places in a schema have, and where those will be.
fn find_anchors(schema: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$anchor").and_then(Value::as_str) {
                found.push((name.to_owned(), pointer.to_owned()));
            }
            for (key, value) in members {
                find_anchors(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                find_anchors(element, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// A schema that is moved: references inside of it lead to its new place.
struct Moved<'a> {
    pointer: &'a str,
    anchors: Vec<(String, String)>,
}

impl Moved<'_> {
    fn schema(&self, schema: &Value) -> Value {
        match schema {
            Value::Array(elements) => elements.iter().map(|element| self.schema(element)).collect(),
            Value::Object(members) => {
                let members = members.iter().filter(|(key, value)| key.as_str() != "$anchor" || !value.is_string());
                Value::Object(members.map(|(key, value)| (key.clone(), self.member(key, value))).collect())
            }
            other => other.clone(),
        }
    }

    fn member(&self, key: &str, value: &Value) -> Value {
        match (key, value) {
            ("$ref", Value::String(to)) => self.reference(to).into(),
            (key, Value::Object(named)) if NAMED.contains(&key) => {
                Value::Object(named.iter().map(|(name, schema)| (name.clone(), self.schema(schema))).collect())
            }
            (key, value) if DATA.contains(&key) => value.clone(),
            (_, value) => self.schema(value),
        }
    }

    fn reference(&self, to: &str) -> String {
        let Some(place) = to.strip_prefix('#') else { return to.to_owned() };
        let anchor = self.anchors.iter().find(|(name, _)| name == place);
        anchor.map_or_else(|| format!("{}{place}", self.pointer), |(_, pointer)| pointer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_declared_where_they_are_looked_for() {
        let mut object = Map::new();
        put(&mut object, &["order", "id"], json!({ "type": "number" }), true);
        put(&mut object, &["order", "note"], json!({ "type": "string" }), false);
        put(&mut object, &["items", "0", "sku"], json!({ "type": "string" }), true);
        let expected = json!({
            "required": ["order", "items"],
            "properties": {
                "order": {
                    "type": "object",
                    "required": ["id"],
                    "properties": { "id": { "type": "number" }, "note": { "type": "string" } }
                },
                "items": { "type": ["array", "object"] }
            }
        });
        assert_eq!(Value::Object(object), expected);
    }

    #[test]
    fn references_mean_the_same_elsewhere_and_data_is_left_alone() {
        let schema = json!({
            "$defs": { "$ref": { "type": "string" }, "n": { "type": "number" } },
            "properties": { "a": { "$ref": "#/$defs/n" }, "self": { "$ref": "#" }, "$ref": { "$ref": "#/$defs/$ref" } },
            "const": { "$ref": "#/x" }
        });
        let moved = embedded(&schema, "#/components/schemas/b");
        assert_eq!(moved["properties"]["a"]["$ref"], "#/components/schemas/b/$defs/n");
        assert_eq!(moved["properties"]["self"]["$ref"], "#/components/schemas/b");
        assert_eq!(moved["properties"]["$ref"]["$ref"], "#/components/schemas/b/$defs/$ref");
        assert_eq!(moved["const"]["$ref"], "#/x");
        let anchored = json!({ "$ref": "#a", "$defs": { "x": { "$anchor": "a" } } });
        assert_eq!(embedded(&anchored, "#/y")["$ref"], "#/y/$defs/x");
        let dynamic = json!({ "$dynamicRef": "#a" });
        assert!(embedded(&dynamic, "#/y")["$dynamicRef"].is_null());
    }
}
