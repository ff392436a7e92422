//! Small readers that turn a [`Node`] into a typed value and collect every problem on the way.
//!
//! `None` always means that a problem has been told (or that an optional key is absent); nothing stops at the first.

use serde_json::{Map, Value};

use super::node::Node;
use super::problem::{closest, listed, quoted};
use super::report::Report;
use super::trigger::indexed;
use crate::time::Span;

pub(super) fn wrong_type(expected: &str, found: &Node, at: &mut Report) {
    at.problem("wrong_type", format!("expected {expected}, found {}", found.kind()));
}

/// A type that can be read from a document.
pub(super) trait Decode: Sized {
    /// Whether `key:` with nothing behind it means the same as no key. True for all but free-form values.
    const NULL_IS_ABSENT: bool = true;

    fn decode(node: &Node, at: &mut Report) -> Option<Self>;
}

impl Decode for String {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Text(text) => Some(text.clone()),
            Node::Bool(_) | Node::Number(_) => {
                at.problem("wrong_type", format!("expected a text, found {}; put it in quotes", node.kind()));
                None
            }
            other => {
                wrong_type("a text", other, at);
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Bool(value) => Some(*value),
            Node::Text(text) if matches!(text.as_str(), "yes" | "on" | "Yes" | "On") => {
                at.suggest("wrong_type", format!("expected `true` or `false`, found {}", quoted(text)), Some("true"));
                None
            }
            Node::Text(text) if matches!(text.as_str(), "no" | "off" | "No" | "Off") => {
                at.suggest("wrong_type", format!("expected `true` or `false`, found {}", quoted(text)), Some("false"));
                None
            }
            other => {
                wrong_type("`true` or `false`", other, at);
                None
            }
        }
    }
}

fn whole_number(node: &Node, max: u64, at: &mut Report) -> Option<u64> {
    let expected = format!("a whole number from 0 to {max}");
    match node {
        Node::Number(number) => match number.as_u64().filter(|value| *value <= max) {
            Some(value) => Some(value),
            None => {
                at.problem("out_of_range", format!("expected {expected}, found {number}"));
                None
            }
        },
        other => {
            wrong_type(&expected, other, at);
            None
        }
    }
}

impl Decode for u64 {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        whole_number(node, i64::MAX as u64, at)
    }
}

impl Decode for u32 {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        whole_number(node, u64::from(Self::MAX), at).and_then(|value| value.try_into().ok())
    }
}

impl Decode for u16 {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        whole_number(node, u64::from(Self::MAX), at).and_then(|value| value.try_into().ok())
    }
}

impl Decode for Span {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Text(text) => match text.parse() {
                Ok(span) => Some(span),
                Err(_) => {
                    at.problem("bad_duration", not_a_span(&quoted(text)));
                    None
                }
            },
            Node::Number(number) => {
                at.suggest("bad_duration", not_a_span(&number.to_string()), Some(&format!("{number}s")));
                None
            }
            other => {
                at.problem("bad_duration", not_a_span(other.kind()));
                None
            }
        }
    }
}

fn not_a_span(found: &str) -> String {
    format!("expected a length of time such as 250ms, 30s, 5m, 2h or 3d, found {found}")
}

impl Decode for Value {
    const NULL_IS_ABSENT: bool = false;

    fn decode(node: &Node, _: &mut Report) -> Option<Self> {
        Some(node.to_value())
    }
}

impl Decode for Map<String, Value> {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Map(entries) => Some(entries.iter().map(|(key, node)| (key.clone(), node.to_value())).collect()),
            other => {
                wrong_type("a map", other, at);
                None
            }
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let Node::List(items) = node else {
            wrong_type("a list", node, at);
            return None;
        };
        let items: Vec<Option<T>> =
            items.iter().enumerate().map(|(index, item)| at.element(index, |at| T::decode(item, at))).collect();
        items.into_iter().collect()
    }
}

impl<T: Decode> Decode for indexed::Map<T> {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let Node::Map(entries) = node else {
            wrong_type("a map", node, at);
            return None;
        };
        let entries: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|(key, value)| at.member(key, |at| T::decode(value, at)).map(|value| (key.clone(), value)))
            .collect();
        entries.into_iter().collect()
    }
}

impl<T: Decode> Decode for Box<T> {
    const NULL_IS_ABSENT: bool = T::NULL_IS_ABSENT;

    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        T::decode(node, at).map(Box::new)
    }
}

/// Reads one of a few words.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&'static str, T)], at: &mut Report) -> Option<T> {
    let names = || words.iter().map(|(name, _)| *name);
    let Node::Text(text) = node else {
        wrong_type(&listed(names(), "or"), node, at);
        return None;
    };
    let found = words.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
    if found.is_none() {
        let message = format!("expected {}, found {}", listed(names(), "or"), quoted(text));
        at.suggest("unknown_value", message, closest(text, names()));
    }
    found
}

/// How the content of a one-key map is read.
pub(super) type Variant<T> = (&'static str, fn(&Node, &mut Report) -> Option<T>);

/// Reads a map with exactly one key, which tells what its content is: `webhook: { … }`.
pub(super) fn tagged<T>(node: &Node, code: &'static str, variants: &[Variant<T>], at: &mut Report) -> Option<T> {
    let names = || variants.iter().map(|(name, _)| *name);
    let entries = match node {
        Node::Map(entries) => entries,
        other => {
            wrong_type(&format!("a map with the key {}", listed(names(), "or")), other, at);
            return None;
        }
    };
    let [(key, content)] = entries.as_slice() else {
        at.problem(code, format!("expected a map with exactly one key, {}; found {}", listed(names(), "or"), entries.len()));
        return None;
    };
    match variants.iter().find(|(name, _)| name == key) {
        Some((_, read)) => at.member(key, |at| read(content, at)),
        None => {
            let message = format!("{} is not known here; expected {}", quoted(key), listed(names(), "or"));
            at.member(key, |at| at.suggest(code, message, closest(key, names())));
            None
        }
    }
}

/// The keys of a map: hands out values and reports at the end which keys nobody asked for.
pub(super) struct Fields<'n, 'd> {
    entries: &'n [(String, Node)],
    known: Vec<&'static str>,
    pub(super) at: &'d mut Report,
}

impl<'n, 'd> Fields<'n, 'd> {
    /// The fields of `node`, if it is a map.
    pub(super) fn of(node: &'n Node, what: &str, at: &'d mut Report) -> Option<Self> {
        match node {
            Node::Map(entries) => Some(Self { entries, known: Vec::new(), at }),
            other => {
                wrong_type(what, other, at);
                None
            }
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// The keys that nobody asked for so far.
    pub(super) fn unknown_keys(&self) -> Vec<&'n str> {
        let keys = self.entries.iter().map(|(key, _)| key.as_str());
        keys.filter(|key| !self.known.contains(key)).collect()
    }

    /// Takes note that a key may be here, without reading it.
    pub(super) fn know(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        // The last of duplicate keys; the duplicate itself has been told.
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn optional<T: Decode>(&mut self, key: &'static str) -> Option<T> {
        match self.know(key) {
            None => None,
            Some(Node::Null) if T::NULL_IS_ABSENT => None,
            Some(node) => self.at.member(key, |at| T::decode(node, at)),
        }
    }

    pub(super) fn or_default<T: Decode + Default>(&mut self, key: &'static str) -> T {
        self.optional(key).unwrap_or_default()
    }

    pub(super) fn required<T: Decode>(&mut self, key: &'static str) -> Option<T> {
        match self.know(key) {
            Some(node) if !(T::NULL_IS_ABSENT && *node == Node::Null) => self.at.member(key, |at| T::decode(node, at)),
            _ => {
                self.at.problem("missing_key", format!("`{key}` is missing"));
                None
            }
        }
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let unknown = self.unknown_keys();
        let Self { entries, known, at } = self;
        let absent: Vec<&str> = known.into_iter().filter(|known| !entries.iter().any(|(key, _)| key == known)).collect();
        for key in unknown {
            let suggestion = if at.is_full() { None } else { closest(key, absent.iter().copied()) };
            let message = format!("{} is not known here", quoted(key));
            at.member(key, |at| at.suggest("unknown_key", message, suggestion));
        }
    }
}
