//! Where in a request a value stands.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::sent::Reading;

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A header, by its lower-case name.
    Header(Cow<'static, str>),
    /// Headers that are numbered from 1 after this, in lower case: `x-docusign-signature-`. Only for signatures.
    Numbered(Cow<'static, str>),
    /// A query parameter.
    Query(Cow<'static, str>),
    /// A member of a JSON body: `$.event-data.id`, `$.events[0].id`; `[*]` is the only element of an array, so that a batch of
    /// many has no value there.
    Body(Cow<'static, str>),
    /// A key of the signature's own list, as `t` in `t=…,v1=…`. Only for timestamps.
    Pair(Cow<'static, str>),
    /// The token of `Authorization: Bearer …`.
    Bearer,
}

impl Place {
    /// Every value that stands there. [`Place::Pair`] has none: the signature's value is read elsewhere.
    pub(crate) fn values<'r>(&self, reading: &'r Reading<'_>) -> Vec<Cow<'r, [u8]>> {
        match self {
            Self::Header(name) => reading.sent.header_values(name).map(Cow::Borrowed).collect(),
            Self::Numbered(prefix) => {
                let is_number = |rest: &str| matches!(rest.as_bytes(), [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']);
                let is_one = |name: &str| name.strip_prefix(prefix.as_ref()).is_some_and(is_number);
                let values = reading.sent.headers.iter().filter(|(name, _)| is_one(name)).map(|(_, value)| value.trim_ascii());
                values.map(Cow::Borrowed).collect()
            }
            Self::Query(name) => reading.sent.query_values(name),
            Self::Body(path) => reading.text_at(path).map(|text| text.into_bytes().into()).into_iter().collect(),
            Self::Bearer => {
                let tokens = reading.sent.header_values("authorization").filter_map(crate::credentials::bearer);
                tokens.map(Cow::Borrowed).collect()
            }
            Self::Pair(_) => Vec::new(),
        }
    }

    /// The only value that stands there, as text. `None` if there is none, if it is empty, or if several differ.
    pub(crate) fn text<'r>(&self, reading: &'r Reading<'_>) -> Option<Cow<'r, str>> {
        let mut values = self.values(reading);
        let value = values.pop()?;
        if value.is_empty() || values.iter().any(|other| *other != value) {
            return None;
        }
        match value {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(formatter, "the header {name}"),
            Self::Numbered(prefix) => write!(formatter, "the headers {prefix}1, {prefix}2 and so on"),
            Self::Query(name) => write!(formatter, "the query parameter {name}"),
            Self::Body(path) => write!(formatter, "{path} of the body"),
            Self::Pair(key) => write!(formatter, "{key}= of the signature"),
            Self::Bearer => formatter.write_str("the header Authorization (Bearer …)"),
        }
    }
}

/// Whether a path of [`Place::Body`] can be read.
#[must_use]
pub fn path_is_valid(path: &str) -> bool {
    path.strip_prefix('$').is_some_and(|rest| !rest.is_empty() && Steps(rest).all(|step| step.is_ok()))
}

/// The value at a path.
pub(crate) fn find<'v>(body: &'v Value, path: &str) -> Option<&'v Value> {
    Steps(path.strip_prefix('$')?).try_fold(body, |value, step| match step.ok()? {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
        Step::Only => match value.as_array()?.as_slice() {
            [only] => Some(only),
            _ => None,
        },
    })
}

/// Writes a value at a path, and what is missing on the way to it. `None` if something else stands in its way.
pub(crate) fn put(body: &mut Value, path: &str, value: Value) -> Option<()> {
    let mut at = body;
    for step in Steps(path.strip_prefix('$')?) {
        let step = step.ok()?;
        if at.is_null() {
            *at = if matches!(step, Step::Member(_)) { Value::Object(serde_json::Map::new()) } else { Value::Array(Vec::new()) };
        }
        at = match step {
            Step::Member(name) => at.as_object_mut()?.entry(name).or_insert(Value::Null),
            Step::Element(index) => element(at, index)?,
            Step::Only if at.as_array()?.len() > 1 => return None,
            Step::Only => element(at, 0)?,
        };
    }
    *at = value;
    Some(())
}

/// The element of an array, or the one after its last.
fn element(array: &mut Value, index: usize) -> Option<&mut Value> {
    let elements = array.as_array_mut()?;
    if index == elements.len() {
        elements.push(Value::Null);
    }
    elements.get_mut(index)
}

/// A string or a number as it is written.
pub(crate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One step of a path.
pub(crate) enum Step<'p> {
    Member(&'p str),
    Element(usize),
    Only,
}

/// The steps of a path after its `$`.
#[derive(Clone)]
pub(crate) struct Steps<'p>(pub(crate) &'p str);

impl<'p> Iterator for Steps<'p> {
    type Item = Result<Step<'p>, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0;
        if rest.is_empty() {
            return None;
        }
        let step = if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            self.0 = &name[end..];
            (end > 0).then_some(Step::Member(&name[..end]))
        } else if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            self.0 = after;
            if inside == "*" { Some(Step::Only) } else { inside.parse().ok().map(Step::Element) }
        } else {
            None
        };
        if step.is_none() {
            self.0 = "";
        }
        Some(step.ok_or(()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_members_elements_and_the_only_element() {
        let body = json!({"a-b": {"c": [{"d": 1}]}, "many": [{"d": 1}, {"d": 2}]});
        for (path, expected) in [
            ("$.a-b.c[0].d", Some("1")),
            ("$.a-b.c[*].d", Some("1")),
            ("$.many[*].d", None),
            ("$.many[1].d", Some("2")),
            ("$.many[2].d", None),
            ("$.nothing", None),
            ("$.a-b", None),
            ("a-b", None),
        ] {
            assert_eq!(find(&body, path).and_then(scalar).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_put_somewhere_is_found_there() {
        for (body, path, expected) in [
            (json!({"a": 1}), "$.b.c", Some(json!({"a": 1, "b": {"c": "x"}}))),
            (json!({"a": 1}), "$.a", Some(json!({"a": "x"}))),
            (json!({}), "$.list[*].id", Some(json!({"list": [{"id": "x"}]}))),
            (json!([{"id": 1}]), "$[*].id", Some(json!([{"id": "x"}]))),
            (json!([{"id": 1}]), "$[1].id", Some(json!([{"id": 1}, {"id": "x"}]))),
            (json!([1, 2]), "$[*].id", None),
            (json!([]), "$[1]", None),
            (json!({"a": 1}), "$.a.b", None),
            (json!([]), "$.a", None),
            (json!({}), "$.", None),
        ] {
            let mut written = body.clone();
            let put = put(&mut written, path, json!("x"));
            assert_eq!(put.map(|()| written.clone()), expected, "{body} {path}");
            assert!(put.is_none() || find(&written, path) == Some(&json!("x")), "{body} {path}");
        }
    }

    #[test]
    fn broken_paths_are_told_apart() {
        for path in ["$.a", "$[0]", "$[*].x", "$.a.b[1][2].c"] {
            assert!(path_is_valid(path), "{path}");
        }
        for path in ["", "$", "a", "$a", "$.", "$..a", "$[", "$[]", "$[-1]", "$[x]", "$.a."] {
            assert!(!path_is_valid(path), "{path}");
        }
    }
}
