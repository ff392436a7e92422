//! A parsed body. Of JSON, only what is needed at once is built; the rest is when an expression asks for it.

use std::sync::OnceLock;

use bytes::Bytes;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::cloudevents::CloudEvents;
use super::file::File;
use super::json;

/// How the values in a body were spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// With types of their own.
    Json,
    /// As texts (of a form, of XML) that are converted to the type a variable asks for.
    Form,
    /// One text.
    Text,
    /// Bytes that nobody here understands.
    Binary,
    /// There is no body.
    Absent,
}

/// A parsed body.
#[derive(Debug)]
pub(super) struct Body<'t> {
    pub(super) kind: BodyKind,
    pub(super) content: Content,
    /// The wanted members of an object that has not been built.
    members: Option<Vec<(&'t str, Member)>>,
    /// The files that were uploaded with it.
    pub(super) files: Vec<File>,
    /// What it says as an event.
    pub(super) events: CloudEvents,
}

/// A member of a body that is an object.
#[derive(Clone, Debug)]
pub(super) enum Member {
    Value(Value),
    /// It will be part of the body's value, when that is built.
    Unbuilt(Container),
}

/// What an unbuilt member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Array,
    Object,
}

impl<'t> Body<'t> {
    pub(super) fn built(kind: BodyKind, value: Value) -> Self {
        Self::of(kind, Content::built(value), None)
    }

    pub(super) fn absent() -> Self {
        Self::built(BodyKind::Absent, Value::from(()))
    }

    /// A JSON text that is known to be good, and the wanted members if it is an object.
    pub(super) fn skimmed(text: Bytes, members: Option<Vec<(&'t str, Member)>>) -> Self {
        Self::of(BodyKind::Json, Content { text, value: OnceLock::new() }, members)
    }

    fn of(kind: BodyKind, content: Content, members: Option<Vec<(&'t str, Member)>>) -> Self {
        Self { kind, content, members, files: Vec::new(), events: CloudEvents::None }
    }

    pub(super) fn is_object(&self) -> bool {
        self.members.is_some() || self.content.value().kind() == ValueKind::Map
    }

    /// The member of this name, which must be among those that were wanted when the body was parsed.
    pub(super) fn member(&self, name: &str) -> Option<Member> {
        match &self.members {
            Some(members) => members.iter().find(|(member, _)| *member == name).map(|(_, member)| member.clone()),
            None => member(self.content.value(), name).map(Member::Value),
        }
    }

    /// What is at a path whose first segment was wanted.
    pub(super) fn at(&self, path: &str) -> Option<Member> {
        let first = path.split('.').next()?;
        if self.members.is_some() {
            let member = self.member(first)?;
            if first.len() == path.len() {
                return Some(member);
            }
        }
        self.content.at(path).map(Member::Value)
    }
}

/// The value of a body, built when it is first asked for.
#[derive(Debug)]
pub(super) struct Content {
    /// The JSON text, checked, if there is no value yet.
    text: Bytes,
    value: OnceLock<Value>,
}

impl Content {
    fn built(value: Value) -> Self {
        Self { text: Bytes::new(), value: OnceLock::from(value) }
    }

    #[cfg(test)]
    pub(super) fn is_built(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value at a path of names and positions.
    pub(super) fn at(&self, path: &str) -> Option<Value> {
        let mut segments = path.split('.');
        let first = step_into(self.value(), segments.next()?)?;
        segments.try_fold(first, |value, segment| step_into(&value, segment))
    }

    pub(super) fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            let text = std::str::from_utf8(&self.text).expect("a text was skimmed");
            json::value(text).expect("what was skimmed without an error is valid JSON")
        })
    }
}

/// The member of an object; of nothing else.
pub(super) fn member(value: &Value, name: &str) -> Option<Value> {
    if value.kind() != ValueKind::Map {
        return None;
    }
    value.as_object()?.get_value_by_str(name)
}

fn step_into(value: &Value, segment: &str) -> Option<Value> {
    match value.kind() {
        ValueKind::Map => member(value, segment),
        ValueKind::Seq => value.get_item_by_index(segment.parse().ok()?).ok().filter(|value| !value.is_undefined()),
        _ => None,
    }
}
