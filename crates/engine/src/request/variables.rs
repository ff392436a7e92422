//! The declared variables: found where the trigger says, converted or checked, and every problem told at once.

use minijinja::Value;
use minijinja::value::{Serde, ValueKind};
use smallvec::SmallVec;

use super::body::{Body, BodyKind, Container, Content, Member, member};
use super::form::Query;
use super::refusal::VariableProblem;
use super::{Refusal, Request, json};
use crate::workflow::{Source, Variable, VariableType, WebhookTrigger};

/// The declared variables in the order declared. The names are values: short ones need no memory of their own.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(Value, Held)>);

/// What is known of a variable.
#[derive(Debug)]
enum Held {
    /// The request does not have it.
    Absent,
    Value(Value),
    /// It is this member of the body, which nobody has built yet.
    InBody(Box<str>),
}

impl Variables {
    pub(super) fn declares(&self, name: &str) -> bool {
        self.held(name).is_some()
    }

    /// The variable's value; `body` is the one that it was found in.
    pub(super) fn get(&self, name: &str, body: &Content) -> Option<Value> {
        match self.held(name)? {
            Held::Absent => None,
            Held::Value(value) => Some(value.clone()),
            Held::InBody(name) => member(body.value(), name),
        }
    }

    pub(super) fn present(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(|(_, held)| !matches!(held, Held::Absent)).map(|(name, _)| name)
    }

    fn held(&self, name: &str) -> Option<&Held> {
        self.0.iter().find(|(declared, _)| declared.as_str() == Some(name)).map(|(_, held)| held)
    }
}

/// A value as it was found.
enum Found {
    /// It has a type of its own.
    Typed(Value),
    /// It is a container in the body, of this name.
    Unbuilt(Container, Box<str>),
    /// It is a text that stands for something (or several, or nested ones, from a form).
    Spelled(Value),
}

/// The members of the body that `collect` asks for.
pub(super) fn wanted(trigger: &WebhookTrigger) -> SmallVec<[&str; 16]> {
    let mut wanted = SmallVec::new();
    for (name, variable) in &trigger.variables {
        match &variable.source {
            None => wanted.push(name.as_str()),
            Some(Source::Body(path)) => wanted.extend(path.split('.').next()),
            Some(Source::Query(_) | Source::Path(_) | Source::Header(_)) => {}
        }
    }
    wanted
}

/// Collects the variables that a trigger declares.
pub(super) fn collect(
    trigger: &WebhookTrigger,
    request: &Request<'_>,
    body: &Body<'_>,
    query: &Query,
) -> Result<Variables, Refusal> {
    let mut variables = Vec::with_capacity(trigger.variables.len());
    let mut problems = Vec::new();
    for (name, variable) in &trigger.variables {
        match one(name, variable, request, body, query) {
            Ok(held) => variables.push((Value::from(name), held)),
            Err((code, message)) => problems.push(VariableProblem { name: name.clone(), code, message }),
        }
    }
    if problems.is_empty() { Ok(Variables(variables)) } else { Err(Refusal::Variables(problems)) }
}

fn one(
    name: &str,
    variable: &Variable,
    request: &Request<'_>,
    body: &Body<'_>,
    query: &Query,
) -> Result<Held, (&'static str, String)> {
    let default = || variable.default.as_ref().map(|value| Value::from(Serde(value)));
    let mistyped = |message: String| ("mistyped", format!("`{name}` {message}"));
    let (value, sent_as_null) = match find(name, variable.source.as_ref(), request, body, query) {
        None => (None, false),
        Some(Found::Typed(value)) if value.is_none() => (None, true),
        Some(Found::Typed(value)) => (Some(check(variable.kind, value).map_err(mistyped)?), false),
        Some(Found::Unbuilt(container, name)) => {
            return fits(variable.kind, container).map(|()| Held::InBody(name)).map_err(mistyped);
        }
        Some(Found::Spelled(value)) => (convert(variable.kind, value).map_err(mistyped)?, false),
    };
    match value.or_else(default) {
        Some(value) => Ok(Held::Value(value)),
        None if variable.required => {
            let place = place(name, variable.source.as_ref());
            Err(("missing", format!("`{name}` is missing: expected {} {place}", article(variable.kind))))
        }
        // Sent as null is `none` in expressions; not sent at all is not defined.
        None if sent_as_null => Ok(Held::Value(Value::from(()))),
        None => Ok(Held::Absent),
    }
}

fn find(name: &str, source: Option<&Source>, request: &Request<'_>, body: &Body<'_>, query: &Query) -> Option<Found> {
    let as_found = |name: &str, member| match member {
        Member::Value(value) if body.kind == BodyKind::Form => Found::Spelled(value),
        Member::Value(value) => Found::Typed(value),
        Member::Unbuilt(container) => Found::Unbuilt(container, name.into()),
    };
    let in_query = |name: &str| member(query.value(), name).map(Found::Spelled);
    let in_path = |name: &str| {
        let parameter = request.path_params.iter().find(|(parameter, _)| parameter == name);
        parameter.map(|(_, value)| Found::Spelled(Value::from(value)))
    };
    match source {
        None => body.member(name).map(|found| as_found(name, found)).or_else(|| in_query(name)).or_else(|| in_path(name)),
        Some(Source::Body(path)) => body.at(path).map(|found| as_found(path, found)),
        Some(Source::Query(name)) => in_query(name),
        Some(Source::Path(name)) => in_path(name),
        Some(Source::Header(name)) => request.headers.joined(name).map(Found::Spelled),
    }
}

/// A value with a type of its own must have the declared one.
fn check(kind: VariableType, value: Value) -> Result<Value, String> {
    let right = match kind {
        VariableType::String => value.kind() == ValueKind::String,
        VariableType::Number => value.is_number(),
        VariableType::Boolean => value.kind() == ValueKind::Bool,
        VariableType::Object => value.kind() == ValueKind::Map,
        VariableType::Array => value.kind() == ValueKind::Seq,
    };
    if right { Ok(value) } else { Err(unfit(kind, found(&value))) }
}

fn fits(kind: VariableType, container: Container) -> Result<(), String> {
    match (kind, container) {
        (VariableType::Array, Container::Array) | (VariableType::Object, Container::Object) => Ok(()),
        (_, Container::Array) => Err(unfit(kind, "an array")),
        (_, Container::Object) => Err(unfit(kind, "an object")),
    }
}

fn unfit(kind: VariableType, found: &str) -> String {
    format!("must be {}; found {found}", article(kind))
}

/// A text becomes what is declared. An empty text is a string, and nothing else.
fn convert(kind: VariableType, value: Value) -> Result<Option<Value>, String> {
    let Some(text) = value.as_str() else {
        // `a[b]=1` is an object and `a=1&a=2` an array already.
        return check(kind, value).map(Some);
    };
    let trimmed = text.trim();
    if kind != VariableType::String && trimmed.is_empty() {
        return Ok(None);
    }
    let converted = match kind {
        VariableType::String => Some(value.clone()),
        VariableType::Number => number(trimmed),
        VariableType::Boolean => boolean(trimmed),
        VariableType::Object => json::value(trimmed).ok().filter(|value| value.kind() == ValueKind::Map),
        VariableType::Array if trimmed.starts_with('[') => json::value(trimmed).ok(),
        // A field that can be repeated was sent once.
        VariableType::Array => Some(Value::from(vec![value.clone()])),
    };
    let expected = match kind {
        VariableType::Object | VariableType::Array => format!("{} as JSON text", article(kind)),
        VariableType::String | VariableType::Number | VariableType::Boolean => article(kind).to_owned(),
    };
    converted.map(Some).ok_or_else(|| format!("must be {expected}; found another text"))
}

fn number(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Value::from(number));
    }
    if let Ok(number) = text.parse::<i128>() {
        return Some(Value::from(number));
    }
    // Not what only programmers write: `inf`, `NaN`, `infinity`.
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
    number.map(Value::from)
}

fn boolean(text: &str) -> Option<Value> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "1", "yes", "on"]) {
        return Some(Value::from(true));
    }
    is(["false", "0", "no", "off"]).then(|| Value::from(false))
}

fn article(kind: VariableType) -> &'static str {
    match kind {
        VariableType::String => "a string",
        VariableType::Number => "a number",
        VariableType::Boolean => "a boolean",
        VariableType::Object => "an object",
        VariableType::Array => "an array",
    }
}

fn found(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "an array",
        ValueKind::Map => "an object",
        _ => "something else",
    }
}

fn place(name: &str, source: Option<&Source>) -> String {
    match source {
        None => "in the body or the query".to_owned(),
        Some(Source::Body(path)) => format!("in the body at `{path}`"),
        Some(Source::Query(parameter)) => format!("in the query as `{parameter}`"),
        Some(Source::Header(header)) => format!("in the header `{header}`"),
        Some(Source::Path(parameter)) if parameter == name => "in the path".to_owned(),
        Some(Source::Path(parameter)) => format!("in the path as `:{parameter}`"),
    }
}
