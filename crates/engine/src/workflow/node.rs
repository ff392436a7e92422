//! A document as a plain tree, before anybody knows what it means.
//!
//! YAML and JSON end in the same tree. Duplicate keys are kept here, so that they can be told with their path. The
//! tree is bounded in depth and weight *while* it is built: neither deep nesting nor YAML aliases can exhaust memory
//! or the stack.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::problem::Problem;

/// A document longer than this is refused unread.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// A document nested deeper than this is refused.
pub const DOCUMENT_DEPTH_MAX: usize = 120;
/// What a document may weigh once YAML aliases are expanded: bytes of text, and 16 for each value.
pub const DOCUMENT_WEIGHT_MAX: usize = 16 * DOCUMENT_BYTES_MAX;
/// Opening brackets and braces in a YAML document, those in texts (`{{ … }}`) included.
const YAML_BRACKETS_MAX: usize = 20_000;
/// Opening brackets and braces in a YAML document that are not closed, those in texts included.
const YAML_OPEN_BRACKETS_MAX: usize = 1_000;
/// What one value weighs, whatever its text.
const NODE_WEIGHT: usize = 16;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// Something that the document language has and a workflow document does not.
    Foreign(&'static str),
}

impl Node {
    /// What to call it in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Foreign(what) => what,
        }
    }

    /// The tree as a JSON value. Duplicate keys and foreign values have been told as problems before.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null | Self::Foreign(_) => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.to_value())).collect::<Map<_, _>>())
            }
        }
    }
}

/// Reads the text as JSON if it looks like JSON, else as YAML.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let message = format!("the document has {} bytes; the limit is {DOCUMENT_BYTES_MAX}", text.len());
        return Err(Problem::error("", "too_large", message));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with(['{', '[']) {
        return parse_yaml(text);
    }
    match parse_json(text) {
        Ok(node) => Ok(node),
        // `{a: 1}` is YAML that looks like JSON; but if it is neither, JSON was meant.
        Err(problem) if problem.code == "invalid_json" => parse_yaml(text).map_err(|_| problem),
        Err(problem) => Err(problem),
    }
}

fn parse_json(text: &str) -> Result<Node, Problem> {
    let limits = Limits::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Our own depth limit is lower than the parser's, and its error is clearer.
    let read = limits.seed().deserialize(&mut deserializer).and_then(|node| deserializer.end().map(|()| node));
    read.map_err(|error| limits.problem().unwrap_or_else(|| Problem::error("", "invalid_json", format!("invalid JSON: {error}"))))
}

fn parse_yaml(text: &str) -> Result<Node, Problem> {
    let limits = Limits::default();
    bracketed_within_limits(text)?;
    limits.seed().deserialize(serde_yaml_ng::Deserializer::from_str(text)).map_err(|error| {
        limits.problem().unwrap_or_else(|| {
            let message = error.to_string();
            if message.starts_with("repetition limit") {
                return Exceeded::Weight.problem();
            }
            let place = match error.location() {
                Some(at) if !message.contains(" at line ") => format!(" at line {} column {}", at.line(), at.column()),
                _ => String::new(),
            };
            // The commonest slip: `if: {{ … }}` without quotes is a map in YAML.
            let line = error.location().and_then(|at| text.lines().nth(at.line().saturating_sub(1)));
            let hint = match line {
                Some(line) if line.contains(": {{") || line.contains("- {{") => "; a text that begins with {{ needs quotes",
                _ => "",
            };
            Problem::error("", "invalid_yaml", format!("invalid YAML: {message}{place}{hint}"))
        })
    })
}

/// The YAML scanner needs time in proportion to the tokens times the open brackets, so the brackets are counted before
/// it is let loose. Those in texts count too; `YAML_BRACKETS_MAX` bounds what a text made to mislead can cost.
fn bracketed_within_limits(text: &str) -> Result<(), Problem> {
    let (mut open, mut total) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => (open, total) = (open + 1, total + 1),
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > YAML_OPEN_BRACKETS_MAX {
            return Err(Exceeded::Depth.problem());
        }
    }
    if total > YAML_BRACKETS_MAX {
        let message =
            format!("the document has {total} opening brackets; the limit is {YAML_BRACKETS_MAX} in YAML, JSON has none");
        return Err(Problem::error("", "too_large", message));
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Exceeded {
    Depth,
    Weight,
}

impl Exceeded {
    fn problem(self) -> Problem {
        match self {
            Self::Depth => {
                Problem::error("", "too_deep", format!("the document is nested deeper than {DOCUMENT_DEPTH_MAX} levels"))
            }
            Self::Weight => Problem::error("", "too_large", "the document is too large once its aliases are expanded"),
        }
    }
}

/// What is left of the limits, and which one was hit: parsers turn our errors into texts of their own.
#[derive(Default)]
struct Limits {
    weight: Cell<usize>,
    exceeded: Cell<Option<Exceeded>>,
}

impl Limits {
    fn seed(&self) -> Seed<'_> {
        Seed { limits: self, depth: 0 }
    }

    fn problem(&self) -> Option<Problem> {
        self.exceeded.get().map(Exceeded::problem)
    }

    fn exceed<E: serde::de::Error>(&self, limit: Exceeded) -> E {
        self.exceeded.set(Some(limit));
        E::custom("a limit was exceeded")
    }

    fn add<E: serde::de::Error>(&self, text_bytes: usize) -> Result<(), E> {
        self.weight.set(self.weight.get() + NODE_WEIGHT + text_bytes);
        if self.weight.get() > DOCUMENT_WEIGHT_MAX { Err(self.exceed(Exceeded::Weight)) } else { Ok(()) }
    }
}

#[derive(Clone, Copy)]
struct Seed<'l> {
    limits: &'l Limits,
    depth: usize,
}

impl Seed<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DOCUMENT_DEPTH_MAX {
            return Err(self.limits.exceed(Exceeded::Depth));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn number<E: serde::de::Error>(self, number: f64) -> Result<Node, E> {
        self.limits.add(0)?;
        Ok(Number::from_f64(number).map_or(Node::Foreign("a number that JSON cannot spell"), Node::Number))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.limits.add(0).map(|()| Node::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Node, E> {
        self.limits.add(0).map(|()| Node::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.limits.add(0).map(|()| Node::Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.limits.add(0).map(|()| Node::Number(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Node, E> {
        self.number(value as f64)
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Node, E> {
        self.number(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        self.number(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        self.limits.add(text.len()).map(|()| Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        self.limits.add(0)?;
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        self.limits.add(0)?;
        let inner = self.inner()?;
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            self.limits.add(key.len())?;
            entries.push((key, map.next_value_seed(inner)?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (Key(_), content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>()?;
        self.limits.add(0).map(|()| Node::Foreign("a YAML tag"))
    }
}

/// A key as it was spelled: in YAML `404:`, `yes:` and `null:` are keys too.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self).map_err(D::Error::custom)
    }
}
