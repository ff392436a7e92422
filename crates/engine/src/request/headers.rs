//! The headers of a request: in the order sent, in one piece of memory, shared by all who keep them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{DynObject, Enumerator, Object};
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

/// Headers in the order sent, with lower-case names. Clones share them. As JSON a list of pairs.
#[derive(Clone, Default)]
pub struct Headers(Arc<Packed>);

#[derive(Debug, Default)]
struct Packed {
    text: String,
    /// Name and value: the ends of each in `text`, alternating.
    ends: SmallVec<[usize; 32]>,
}

impl Headers {
    /// The headers from first to last.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter()
    }

    /// The value of the first header of this (lower-case) name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(header, _)| *header == name).map(|(_, value)| value)
    }

    /// All values of a name, without regard to case, joined as RFC 9110 5.3 says.
    pub(super) fn joined(&self, name: &str) -> Option<Value> {
        self.0.joined(name)
    }

    /// The same as text, of a (lower-case) name.
    pub(super) fn joined_text(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.iter().filter(|(header, _)| *header == name).map(|(_, value)| value);
        let first = values.next()?;
        Some(values.fold(Cow::Borrowed(first), |joined, value| Cow::Owned(format!("{joined}, {value}"))))
    }

    /// What expressions see: an object that is asked without regard to case.
    pub(super) fn value(&self) -> Value {
        Value::from_dyn_object(DynObject::new(Arc::clone(&self.0)))
    }
}

impl Packed {
    fn push(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.text.push_str(part);
            self.ends.push(self.text.len());
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.chunks_exact(2).map(move |ends| {
            let pair = (&self.text[start..ends[0]], &self.text[ends[0]..ends[1]]);
            start = ends[1];
            pair
        })
    }

    fn joined(&self, name: &str) -> Option<Value> {
        let mut values = self.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next()?;
        let rest: Vec<&str> = values.collect();
        if rest.is_empty() {
            return Some(Value::from(first));
        }
        Some(Value::from(format!("{first}, {}", rest.join(", "))))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        /// What the headers of most requests come to.
        const USUAL_BYTES: usize = 512;
        let mut packed = Packed { text: String::with_capacity(USUAL_BYTES), ends: SmallVec::new() };
        for (name, value) in pairs {
            packed.push(name.as_ref(), value.as_ref());
        }
        Self(Arc::new(packed))
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.ends.len() / 2))?;
        for pair in self.iter() {
            list.serialize_element(&pair)?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Headers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names and values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Headers, A::Error> {
                let mut packed = Packed::default();
                while let Some((name, value)) = list.next_element::<(String, String)>()? {
                    packed.push(&name, &value);
                }
                Ok(Headers(Arc::new(packed)))
            }
        }
        deserializer.deserialize_seq(Pairs)
    }
}

impl Object for Packed {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.joined(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.joined(name)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names: indexmap::IndexSet<&str> = self.iter().map(|(name, _)| name).collect();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_survive_json_in_their_order_and_are_asked_without_case() {
        let sent: Headers = [("accept", "a"), ("x-\u{e9}", "\"\n"), ("accept", "")].into_iter().collect();
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(text, "[[\"accept\",\"a\"],[\"x-\u{e9}\",\"\\\"\\n\"],[\"accept\",\"\"]]");
        assert_eq!(serde_json::from_str::<Headers>(&text).unwrap(), sent);
        assert_eq!(sent.get("accept"), Some("a"));
        assert_eq!(sent.value().get_attr("Accept").unwrap().as_str(), Some("a, "));
        assert_eq!(sent.value().try_iter().unwrap().count(), 2);
        assert_eq!(Headers::default().get("accept"), None);
    }
}
