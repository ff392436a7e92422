//! Where something is in a body: `$.order.items[0].sku`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use minijinja::Value;
use minijinja::value::ValueKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A path with more segments than this is refused: no body is nested deeper.
const SEGMENTS_MAX: usize = 128;

/// The place of one value in a body: `$`, then names and positions. The singular paths of RFC 9535 (JSONPath), without
/// positions counted from the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BodyPath(Vec<Segment>);

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Into the member of an object.
    Name(String),
    /// Into the element of an array, from 0.
    Index(usize),
}

/// Why a text is no [`BodyPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyPathError {
    /// It says something else.
    #[error("a path into the body is written like `$.order.items[0].sku`, with `[\"any text\"]` for other names")]
    Malformed,
    /// It goes deeper than a body can.
    #[error("a path into the body has at most {SEGMENTS_MAX} segments")]
    TooDeep,
}

impl BodyPath {
    /// The segments behind `$`.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The value at this place of a body; `None` if there is none.
    #[must_use]
    pub fn find(&self, body: &Value) -> Option<Value> {
        self.0.iter().try_fold(body.clone(), |value, segment| match (segment, value.kind()) {
            (Segment::Name(name), ValueKind::Map) => value.as_object()?.get_value_by_str(name),
            (Segment::Index(index), ValueKind::Seq) => value.get_item_by_index(*index).ok().filter(|value| !value.is_undefined()),
            _ => None,
        })
    }
}

/// A name that needs no brackets.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

impl FromStr for BodyPath {
    type Err = BodyPathError;

    fn from_str(text: &str) -> Result<Self, BodyPathError> {
        let mut rest = text.trim().strip_prefix('$').ok_or(BodyPathError::Malformed)?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if segments.len() == SEGMENTS_MAX {
                return Err(BodyPathError::TooDeep);
            }
            let (segment, after) = match rest.strip_prefix('.') {
                Some(named) => {
                    let end = named.find(|c| !is_plain(c)).unwrap_or(named.len());
                    (Some(Segment::Name(named[..end].to_owned())).filter(|_| end > 0), &named[end..])
                }
                None => match rest.strip_prefix('[') {
                    Some(inner) => bracketed(inner).map_or((None, ""), |(segment, after)| (Some(segment), after)),
                    None => (None, ""),
                },
            };
            segments.push(segment.ok_or(BodyPathError::Malformed)?);
            rest = after;
        }
        Ok(Self(segments))
    }
}

/// What stands behind an opening bracket, and the rest behind the closing one.
fn bracketed(text: &str) -> Option<(Segment, &str)> {
    let quote = text.chars().next()?;
    if quote != '"' && quote != '\'' {
        let (digits, rest) = text.split_once(']')?;
        let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        return Some((Segment::Index(digits.parse().ok()?), rest));
    }
    let mut json = String::from('"');
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            // Between single quotes the two quotes change places.
            '\'' if escaped && quote == '\'' => {
                json.pop();
                json.push('\'');
            }
            '"' if !escaped && quote == '\'' => json.push_str("\\\""),
            c if c == quote && !escaped => {
                json.push('"');
                let name = serde_json::from_str(&json).ok()?;
                return Some((Segment::Name(name), text[at + 1..].strip_prefix(']')?));
            }
            c => json.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

impl fmt::Display for BodyPath {
    /// The shortest way to write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Name(name) if !name.is_empty() && name.chars().all(is_plain) => write!(f, ".{name}"),
            Segment::Name(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str())),
        })
    }
}

impl Serialize for BodyPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for BodyPath {
    fn schema_name() -> Cow<'static, str> {
        "BodyPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A place in the body: $.order.items[0].sku, with [\"any text\"] for names with other characters.",
            "pattern": "^\\s*\\$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_written_and_followed() {
        let body: serde_json::Value =
            serde_json::from_str(r#"{"a":{"b":[{"c":1},[2]]},"x-y":3,"a b":4,"it's \"":5,"":6,"é":7,"0":8}"#).expect("JSON");
        let body = Value::from(minijinja::value::Serde(&body));
        for (text, written, expected) in [
            ("$.a.b[0].c", "$.a.b[0].c", Some("1")),
            ("$['a'][\"b\"][1][0]", "$.a.b[1][0]", Some("2")),
            (" $.x-y ", "$.x-y", Some("3")),
            ("$[\"a b\"]", "$[\"a b\"]", Some("4")),
            ("$['it\\'s \"']", "$[\"it's \\\"\"]", Some("5")),
            ("$['']", "$[\"\"]", Some("6")),
            ("$.é", "$.é", Some("7")),
            ("$['0']", "$.0", Some("8")),
            ("$[0]", "$[0]", None),
            ("$.a.b[2]", "$.a.b[2]", None),
            ("$.a.b.0", "$.a.b.0", None),
            ("$.a.b[0].c.d", "$.a.b[0].c.d", None),
        ] {
            let path: BodyPath = text.parse().expect(text);
            assert_eq!(path.to_string(), written, "{text}");
            assert_eq!(written.parse(), Ok(path.clone()), "{text}");
            assert_eq!(path.find(&body).map(|value| value.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!("$".parse::<BodyPath>().expect("the whole").find(&body), Some(body));
        for text in
            ["", "a.b", "$a", "$.", "$..a", "$.a.", "$[", "$[]", "$[-1]", "$[+1]", "$['a]", "$['a'", "$[*]", "$.a b", "$['\\x']"]
        {
            assert_eq!(text.parse::<BodyPath>(), Err(BodyPathError::Malformed), "{text}");
        }
        let deep = format!("${}", ".a".repeat(SEGMENTS_MAX + 1));
        assert_eq!(deep.parse::<BodyPath>(), Err(BodyPathError::TooDeep));
    }
}
