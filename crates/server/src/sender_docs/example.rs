//! What a request to a hook may look like: made of examples, defaults and types.

use hookmill_engine::sample;
use hookmill_engine::workflow::{Variable, VariableType, WebhookTrigger};
use serde_json::{Map, Value, json};

use super::schema::{in_body, is_needed};
use super::{Described, split};

/// How deep an example of a schema goes.
const DEPTH_MAX: usize = 8;
/// The highest position of an array that is filled for the sake of a variable in it.
const INDEX_MAX: usize = 15;

/// A value of a variable: its example, or one of its type.
pub(super) fn of(variable: &Variable) -> Value {
    if variable.example.is_none() && variable.default.is_none() {
        match variable.kind {
            VariableType::Array => {
                return variable.items.as_deref().map_or_else(|| json!([]), |items| json!([of(items)]));
            }
            VariableType::Object => return variable.fields.iter().map(|(name, field)| (name.clone(), of(field))).collect(),
            VariableType::String | VariableType::Number | VariableType::Boolean => {}
        }
    }
    sample::example(variable).unwrap_or_else(|| match variable.kind {
        VariableType::String => "text".into(),
        VariableType::Number => 1.into(),
        VariableType::Boolean => true.into(),
        VariableType::Object => json!({}),
        VariableType::Array => json!([]),
    })
}

/// A body that the hook takes, as far as can be told; `None` if nothing is known of it, or if what can be made of the
/// declarations is not what the trigger's schema asks for.
pub(super) fn body(described: &Described<'_>, path_parameters: &[String]) -> Option<Value> {
    let trigger = described.trigger;
    if let Some(sample) = described.sample.filter(|sample| is_taken(trigger, sample)) {
        return Some(sample.clone());
    }
    let one = one(described, path_parameters);
    match &trigger.split {
        None => one,
        Some(path) => Some(split::around(path, json!([one.unwrap_or_else(|| json!({}))]))),
    }
}

/// Whether the trigger's schema has nothing against a whole body: against each of its elements if it is split.
fn is_taken(trigger: &WebhookTrigger, body: &Value) -> bool {
    let fits = |body: &Value| fitting(trigger, body.clone()).is_some();
    match &trigger.split {
        None => fits(body),
        Some(path) => split::elements(path, body).is_some_and(|elements| elements.iter().all(fits)),
    }
}

/// What a run is about: the body, or one element of it.
fn one(described: &Described<'_>, path_parameters: &[String]) -> Option<Value> {
    let trigger = described.trigger;
    let required = described.required();
    let start = trigger.schema.as_ref().and_then(|schema| instance(schema.value(), schema.value(), DEPTH_MAX));
    let mut members = match start {
        Some(Value::Object(members)) => members,
        Some(other) if trigger.variables.is_empty() && required.is_none() => return fitting(trigger, other),
        _ => Map::new(),
    };
    for (name, variable) in &trigger.variables {
        let Some(path) = in_body(name, variable, path_parameters) else { continue };
        // What the schema knows better is left as it is, unless the owner gave an example.
        let is_known = path.len() == 1 && members.contains_key(path[0]);
        if !is_known || variable.example.is_some() || is_needed(variable) && members[path[0]].is_null() {
            put(&mut members, &path, of(variable));
        }
    }
    if let Some(name) = required {
        let example = if name == "email" { "person@example.com" } else { "text" };
        members.entry(name).or_insert_with(|| example.into());
    }
    if members.is_empty() { None } else { fitting(trigger, Value::Object(members)) }
}

/// The body, if the trigger's schema has nothing against it.
fn fitting(trigger: &WebhookTrigger, body: Value) -> Option<Value> {
    let fits = trigger.schema.as_ref().is_none_or(|schema| schema.check(&body, 1).is_ok_and(|findings| findings.is_empty()));
    fits.then_some(body)
}

fn put(members: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        members.insert((*name).to_owned(), value);
        return;
    }
    let index = rest[0].parse::<usize>().ok().filter(|index| *index <= INDEX_MAX);
    let child = members.entry(*name).or_insert_with(|| if index.is_some() { json!([]) } else { json!({}) });
    match (child, index) {
        (Value::Object(inner), _) => put(inner, rest, value),
        (Value::Array(elements), Some(index)) => {
            elements.resize(elements.len().max(index + 1), Value::Null);
            if rest.len() == 1 {
                elements[index] = value;
            } else {
                if !elements[index].is_object() {
                    elements[index] = json!({});
                }
                if let Some(inner) = elements[index].as_object_mut() {
                    put(inner, &rest[1..], value);
                }
            }
        }
        _ => {}
    }
}

/// A value for a schema: what it offers itself, else the least of its type. Whether it fits is asked afterwards.
fn instance(schema: &Value, root: &Value, depth: usize) -> Option<Value> {
    let Value::Object(members) = schema else { return Some(json!({})) };
    let depth = depth.checked_sub(1)?;
    if let Some(offered) = members.get("const").or_else(|| members.get("default")) {
        return Some(offered.clone());
    }
    if let Some(first) = ["examples", "enum"].iter().find_map(|key| members.get(*key)?.as_array()?.first()) {
        return Some(first.clone());
    }
    if let Some(to) = members.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) {
        return instance(root.pointer(to)?, root, depth);
    }
    let parts = members.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let choice = ["anyOf", "oneOf"].iter().filter_map(|key| members.get(*key)?.as_array()?.first());
    let mut made = Map::new();
    let mut single = None;
    for part in parts.chain(choice) {
        match instance(part, root, depth)? {
            Value::Object(members) => made.extend(members),
            other => single = Some(other),
        }
    }
    let kind = match members.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    match kind {
        Some("string") => Some(text(members)),
        Some("integer" | "number") => Some(number(members)),
        Some("boolean") => Some(true.into()),
        Some("null") => Some(Value::Null),
        Some("array") => {
            let count = members.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16);
            let element = members.get("items").and_then(|items| instance(items, root, depth));
            Some(element.map_or_else(|| json!([]), |element| vec![element; usize::try_from(count).unwrap_or(1)].into()))
        }
        _ if single.is_some() && made.is_empty() => single,
        _ => {
            let required = members.get("required").and_then(Value::as_array);
            let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
            for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                // Below the top only what must be there: schemas refer to themselves.
                if (depth + 1 == DEPTH_MAX || is_required(name))
                    && let Some(value) = instance(property, root, depth)
                {
                    made.insert(name.clone(), value);
                }
            }
            Some(Value::Object(made))
        }
    }
}

fn text(schema: &Map<String, Value>) -> Value {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("email") => "person@example.com",
        Some("date-time") => "2026-03-14T09:26:53Z",
        Some("date") => "2026-03-14",
        Some("time") => "09:26:53Z",
        Some("uuid") => "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        Some("uri" | "url") => "https://example.com/",
        Some("ipv4") => "203.0.113.7",
        Some("hostname") => "example.com",
        _ => "text",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let most = schema.get("maxLength").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let text: String = text.chars().chain(std::iter::repeat('x')).take(text.len().max(least.min(1_000))).collect();
    most.map_or_else(|| text.clone(), |most| text.chars().take(most).collect()).into()
}

fn number(schema: &Map<String, Value>) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|bound| bound + 1.0));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|bound| bound - 1.0));
    let step = bound("multipleOf");
    let wanted = least.unwrap_or(1.0).max(step.unwrap_or(f64::MIN)).min(most.unwrap_or(f64::MAX));
    if wanted.fract() == 0.0 && wanted.abs() < 9e15 {
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
        return (wanted as i64).into();
    }
    json!(wanted)
}
