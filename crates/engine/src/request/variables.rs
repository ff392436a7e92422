//! The declared variables: found where the trigger says, converted or checked, and every problem told at once.
//!
//! What a value becomes is decided in `fit`; what the trigger's JSON Schema says against the body comes after that.

mod fit;
mod problems;
mod schema;

use bytes::Bytes;
use minijinja::Value;
use smallvec::SmallVec;

use super::body::{Body, BodyKind, Container, Content, Member, member};
use super::form::Query;
use super::media::Texts;
use super::webhook::Raw;
use super::{Encoding, Refusal, Request};
use crate::workflow::{PresetInfo, Source, Variable, WebhookTrigger};
use fit::{Fitted, Fitting};
use problems::Problems;

pub use problems::VARIABLE_PROBLEMS_MAX;
pub(crate) use schema::plain;

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
    /// It is the whole body as text.
    Whole(Raw),
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
            Held::Whole(raw) => Some(raw.value()),
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
    bytes: &Bytes,
    body: &Body<'_>,
    query: &Query,
) -> Result<Variables, Refusal> {
    let mut variables = Vec::with_capacity(trigger.variables.len() + usize::from(trigger.full_body.is_some()));
    let mut problems = Problems::default();
    for (name, variable) in &trigger.variables {
        if let Some(held) = one(name, variable, request, body, query, &mut problems) {
            variables.push((Value::from(name), held));
        }
    }
    if let Some(name) = &trigger.full_body {
        variables.push((Value::from(name), Held::Whole(whole(request, bytes, body))));
    }
    if let Some(schema) = &trigger.schema {
        schema::check(schema, body.content.value(), &mut problems);
    }
    problems.into_refusal().map_or(Ok(Variables(variables)), Err)
}

/// The bytes that a full body variable stands for. Of a GET the query is the body.
fn whole(request: &Request<'_>, bytes: &Bytes, body: &Body<'_>) -> Raw {
    let bytes = if request.method == "GET" { Bytes::copy_from_slice(request.query.as_bytes()) } else { bytes.clone() };
    Raw { bytes, binary: body.kind == BodyKind::Binary }
}

/// What a request says without any declaration, and whether its values are texts that stand for something.
pub(crate) fn undeclared(request: &Request<'_>, preset: Option<&PresetInfo>) -> Result<(serde_json::Value, bool), Refusal> {
    let query = Query::of(request.query)?;
    let bytes = super::encoding::undo(request, Encoding::ALL, None)?;
    let body = super::media::parse_body(request, &bytes, &query, (&[], Texts::of(preset)), &mut Vec::new())?;
    Ok((plain(body.content.value()), body.kind == BodyKind::Form))
}

/// A form or query as plain data: texts, nested and repeated as their names say.
pub(crate) fn fields(text: &str) -> Result<serde_json::Value, Refusal> {
    Query::of(text).map(|query| plain(query.value()))
}

/// One variable; `None` if there is a problem with it, which has been told.
fn one(
    name: &str,
    variable: &Variable,
    request: &Request<'_>,
    body: &Body<'_>,
    query: &Query,
    problems: &mut Problems,
) -> Option<Held> {
    let found = find(name, variable.source.as_ref(), request, body, query);
    let mut fitting = Fitting::of(name, problems);
    let fitted = match found {
        None => fitting.absent(variable, || place(name, variable.source.as_ref())),
        Some(Found::Unbuilt(container, member)) if !variable.is_nested() => {
            return fitting.fits(variable.kind, container).then_some(Held::InBody(member));
        }
        Some(Found::Unbuilt(_, key)) => {
            let value = member(body.content.value(), &key).expect("an unbuilt member is a member of the body");
            fitting.typed(variable, value, || place(name, variable.source.as_ref()))
        }
        Some(Found::Typed(value)) => fitting.typed(variable, value, || place(name, variable.source.as_ref())),
        Some(Found::Spelled(value)) => fitting.spelled(variable, value, || place(name, variable.source.as_ref())),
    };
    match fitted? {
        Fitted::Value(value) => Some(Held::Value(value)),
        // Sent as null is `none` in expressions; not sent at all is not defined.
        Fitted::Null => Some(Held::Value(Value::from(()))),
        Fitted::Absent => Some(Held::Absent),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Trigger, read};

    /// Whether the body has been built once the variables are collected.
    fn is_built(webhook: &str) -> bool {
        let text = format!("hookmill: 1\nname: t\ntriggers: [{{ webhook: {webhook} }}]\nsteps: []\n");
        let workflow = read(&text).unwrap();
        let Trigger::Webhook(trigger) = &workflow.triggers[0];
        let bytes = Bytes::from_static(br#"{"list":[{"a":1}],"more":{}}"#);
        let request = Request {
            method: "POST",
            path_params: &[],
            query: "",
            headers: &[("content-type", "application/json")].into_iter().collect(),
            body: &bytes,
            event: None,
            address: "",
            received_at: crate::time::Timestamp(0),
            delivery: crate::id::DeliveryId(1),
        };
        let query = Query::of("").unwrap();
        let body =
            super::super::media::parse_body(&request, &bytes, &query, (&wanted(trigger), Texts::Plain), &mut Vec::new()).unwrap();
        let variables = collect(trigger, &request, &bytes, &body, &query).unwrap();
        assert_eq!(variables.get("list", &body.content).is_some(), trigger.variables.contains_key("list"));
        // Asking for the value builds it; a second reading shows what collecting alone did.
        let body =
            super::super::media::parse_body(&request, &bytes, &query, (&wanted(trigger), Texts::Plain), &mut Vec::new()).unwrap();
        collect(trigger, &request, &bytes, &body, &query).unwrap();
        body.content.is_built()
    }

    #[test]
    fn a_body_is_built_only_for_what_looks_into_it() {
        assert!(!is_built("{ variables: { list: { type: array }, more: { type: object } }, full_body: all }"));
        assert!(is_built("{ variables: { list: { type: array, items: { type: object } } } }"));
        assert!(is_built("{ schema: { type: object } }"));
    }
}
