//! What a request to a hook has: parameters, and a body by content type.

use hookmill_engine::workflow::{Dedupe, DedupeKey, Source, Variable, VariableType, WebhookTrigger};
use serde_json::{Value, json};

use super::address::Address;
use super::callers::{Shown, WaysIn};
use super::components::Components;
use super::schema::{self, Spelling, is_needed};
use super::security::titled;
use super::signer::Signer;
use super::{Described, example, split};

/// Headers that OpenAPI describes in other places.
const ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];

/// The parameters of an operation.
pub(super) fn parameters(
    described: &Described<'_>,
    address: &Address,
    is_get: bool,
    ways: &WaysIn,
    signer: Option<&Signer>,
) -> Vec<Value> {
    let trigger = described.trigger;
    let mut parameters: Vec<Value> = address.parameters.iter().map(|name| path_parameter(described, name)).collect();
    for (name, variable) in &trigger.variables {
        match &variable.source {
            Some(Source::Query(key)) => parameters.push(parameter("query", key, variable)),
            Some(Source::Header(key)) => parameters.push(parameter("header", key, variable)),
            None | Some(Source::Body(_)) if is_get && !address.parameters.contains(name) => {
                let key = match &variable.source {
                    Some(Source::Body(path)) => bracketed(path),
                    _ => name.clone(),
                };
                parameters.push(parameter("query", &key, variable));
            }
            None | Some(Source::Body(_) | Source::Path(_)) => {}
        }
    }
    if is_get
        && let Some(name) = described.required()
        && !trigger.variables.contains_key(name)
    {
        parameters.push(json!({ "name": name, "in": "query", "required": true, "schema": { "type": "string" } }));
    }
    let text = |name: &str, what: &str, required: bool| json!({ "name": name, "in": "header", "required": required, "description": what, "schema": { "type": "string" } });
    if let Some(signer) = signer.filter(|_| ways.mentions(&Shown::Signature)) {
        let needed = ways.ways.iter().all(|way| way.contains(&Shown::Signature)) && !signer.is_optional(trigger);
        parameters.extend(signer.further_headers().into_iter().map(|(name, what)| text(&titled(&name), what, needed)));
    }
    if is_cloudevents(trigger) && !is_get {
        parameters.extend(CLOUDEVENT.map(|(name, what)| text(name, what, false)));
    }
    if !trigger.encodings.is_empty() && !is_get {
        let mut encoding = text("Content-Encoding", "How the body is compressed.", false);
        encoding["schema"]["enum"] = json!(trigger.encodings);
        parameters.push(encoding);
    }
    if let Some(name) = idempotency_header(described, signer) {
        let what = "The same for every repetition of a request: only the first starts a run.";
        parameters.push(text(&name, what, false));
    }
    distinct(parameters)
}

/// The header by which a sender may say that requests are the same.
fn idempotency_header(described: &Described<'_>, signer: Option<&Signer>) -> Option<String> {
    match &described.trigger.dedupe {
        None | Some(Dedupe::On { key: None, .. }) => signer.is_none().then(|| "Idempotency-Key".to_owned()),
        Some(Dedupe::On { key: Some(DedupeKey::Header(name)), .. }) => Some(name.clone()),
        Some(Dedupe::On { .. } | Dedupe::Off) => None,
    }
}

/// A place of a parameter can be described once.
fn distinct(parameters: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    let is_header = |parameter: &Value| parameter["in"] == "header";
    let key = |parameter: &Value| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let name = if is_header(parameter) { name.to_lowercase() } else { name.to_owned() };
        (parameter["in"].as_str().unwrap_or_default().to_owned(), name)
    };
    let told = |parameter: &Value| !is_header(parameter) || !ELSEWHERE.contains(&key(parameter).1.as_str());
    parameters.into_iter().filter(told).filter(|parameter| seen.insert(key(parameter))).collect()
}

/// A path into a body as it is written in a query: `order[id]`.
fn bracketed(path: &str) -> String {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| format!("{all}[{part}]"))
}

fn path_parameter(described: &Described<'_>, name: &str) -> Value {
    let of_path = |(own, variable): &(&String, &Variable)| match &variable.source {
        None => own.as_str() == name,
        Some(Source::Path(parameter)) => parameter == name,
        Some(Source::Body(_) | Source::Query(_) | Source::Header(_)) => false,
    };
    match described.trigger.variables.iter().find(of_path) {
        Some((_, variable)) => {
            let mut described = parameter("path", name, variable);
            described["required"] = true.into();
            described
        }
        None => json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
    }
}

fn parameter(place: &str, name: &str, variable: &Variable) -> Value {
    let mut schema = schema::of(variable, Spelling::Text);
    let mut parameter = json!({ "name": name, "in": place, "required": is_needed(variable) });
    let members = schema.as_object_mut().expect("the schema of a variable is an object");
    if let Some(description) = members.remove("description") {
        parameter["description"] = description;
    }
    members.remove("examples");
    if let Some(example) = &variable.example {
        parameter["example"] = example.clone();
    }
    match (place, variable.kind) {
        ("query", VariableType::Object) => parameter["style"] = "deepObject".into(),
        ("query", VariableType::Array) => parameter["explode"] = true.into(),
        _ => {}
    }
    parameter["schema"] = schema;
    parameter
}

/// Whether the sender is known to send CloudEvents.
fn is_cloudevents(trigger: &WebhookTrigger) -> bool {
    matches!(trigger.preset.as_deref(), Some("cloudevents" | "azure-event-grid"))
}

/// The headers of a CloudEvent in binary mode (CloudEvents 1.0, HTTP protocol binding, section 3.1.3).
const CLOUDEVENT: [(&str, &str); 4] = [
    ("ce-specversion", "In binary mode: `1.0`."),
    ("ce-id", "In binary mode: the id of the event; with `ce-source` the same when it is sent again."),
    ("ce-source", "In binary mode: where it happened."),
    ("ce-type", "In binary mode: what happened."),
];

/// The body of a request, by content type.
pub(super) fn body(described: &Described<'_>, address: &Address, components: &mut Components) -> Value {
    let trigger = described.trigger;
    let required = described.required();
    let typed = schema::body(trigger, required, &address.parameters, Spelling::Typed);
    let text = schema::body(trigger, required, &address.parameters, Spelling::Text);
    let needed = typed.as_ref().is_some_and(|schema| schema.get("required").is_some())
        || trigger.schema.is_some()
        || trigger.split.is_some();
    let hook = described.hook.id;
    let own = trigger.schema.as_ref().map(|schema| {
        let name = format!("{hook}.body");
        let pointer = format!("#/components/schemas/{name}");
        let embedded = schema::embedded(schema.value(), &pointer);
        components.refer("schemas", &name, embedded)
    });
    let mut shared = |hint: &str, declared: Option<Value>| {
        let declared = declared.map(|schema| components.refer("schemas", &format!("{hook}.{hint}"), schema));
        let one = match (declared, own.clone()) {
            (Some(declared), Some(own)) => json!({ "allOf": [declared, own] }),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => json!({}),
        };
        trigger.split.as_ref().map_or(one.clone(), |path| split::schema(path, one))
    };
    let mut json_body = json!({ "schema": shared("fields", typed) });
    let text = shared("form", text);
    if let Some(example) = example::body(described, &address.parameters) {
        json_body["example"] = example;
    }
    let mut content = json!({ "application/json": json_body });
    for media in ["application/x-www-form-urlencoded", "multipart/form-data"] {
        content[media] = json!({ "schema": text });
    }
    if is_cloudevents(trigger) {
        content["application/cloudevents+json"] = json!({ "schema": { "type": "object" } });
        content["application/cloudevents-batch+json"] = json!({ "schema": { "type": "array", "items": { "type": "object" } } });
    }
    if trigger.preset_info().is_some_and(|preset| preset.calls_json_text) {
        // Its JSON comes under this name.
        content["text/plain"] = content["application/json"].clone();
    }
    if !needed {
        content["*/*"] = json!({ "schema": {} });
    }
    json!({ "required": needed, "content": content })
}
