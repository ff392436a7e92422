//! JSON straight into values: no tree in between, order of keys kept, numbers exact where that is possible.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use indexmap::IndexMap;
use minijinja::Value;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::body::{Body, BodyKind};
use super::refusal::Position;
use super::{Refusal, skim};

/// JSON nested deeper than this is refused.
pub const JSON_DEPTH_MAX: usize = 128;
/// More notes than this about one request are counted, not told.
pub const NOTES_MAX: usize = 20;
/// A JSON text larger than this is built at once: whoever asks for its value should not have to wait for it.
const SKIMMED_BYTES_MAX: usize = 64 * 1024;
/// From here on a float may stand for an integer that does not fit 64 bits.
pub(super) const WIDE: f64 = 9.2e18;

/// Parses the JSON body that `bytes` were decoded to. The wanted members are those that it will be asked for.
pub(super) fn parse<'t>(
    text: Cow<'_, str>,
    bytes: &Bytes,
    wanted: &[&'t str],
    notes: &mut Vec<String>,
) -> Result<Body<'t>, Refusal> {
    let mut duplicates = Duplicates::default();
    let read = match text {
        Cow::Borrowed(text) if text.len() <= SKIMMED_BYTES_MAX => skimmed(text, bytes, wanted, &mut duplicates),
        text => read(&text, &mut duplicates).map(|value| Body::built(BodyKind::Json, value)),
    };
    match read {
        Ok(body) => {
            duplicates.tell(notes);
            Ok(body)
        }
        Err(error) => {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            let position = Position { line: error.line(), column: error.column() };
            Err(Refusal::bad_body(format!("the body is not valid JSON: {what}"), Some(position)))
        }
    }
}

/// Reads a text that should be JSON; duplicate keys in it are nobody's business.
pub(super) fn value(text: &str) -> Result<Value, serde_json::Error> {
    read(text, &mut Duplicates::default())
}

fn skimmed<'t>(
    text: &str,
    bytes: &Bytes,
    wanted: &[&'t str],
    duplicates: &mut Duplicates,
) -> Result<Body<'t>, serde_json::Error> {
    let skimmed = skim::read(text, wanted, duplicates)?;
    if !skimmed.wide {
        return Ok(Body::skimmed(bytes.slice_ref(text.as_bytes()), skimmed.members));
    }
    // Rare: only a reading of the whole can tell what number was meant.
    *duplicates = Duplicates::default();
    read(text, duplicates).map(|value| Body::built(BodyKind::Json, value))
}

fn read(text: &str, duplicates: &mut Duplicates) -> Result<Value, serde_json::Error> {
    let mut reader = Reader { duplicates, wide: false, tokens: None };
    let value = read_with(text, &mut reader)?;
    if !reader.wide {
        return Ok(value);
    }
    // Rare: an integer beyond 64 bits came as a float. Read again with the tokens at hand.
    *reader.duplicates = Duplicates::default();
    reader.tokens = Some(NumberTokens { text: text.as_bytes(), position: 0 });
    read_with(text, &mut reader)
}

fn read_with(text: &str, reader: &mut Reader<'_>) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // The seed counts the depth itself, and its error is clearer.
    deserializer.disable_recursion_limit();
    let value = Seed { reader, depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Keys that stood twice in an object; the last value counts.
#[derive(Default)]
pub(super) struct Duplicates {
    keys: Vec<String>,
    untold: usize,
}

impl Duplicates {
    pub(super) fn add(&mut self, key: &str) {
        if self.keys.len() < NOTES_MAX {
            self.keys.push(key.chars().take(60).collect());
        } else {
            self.untold += 1;
        }
    }

    pub(super) fn tell(self, notes: &mut Vec<String>) {
        notes.extend(self.keys.iter().map(|key| format!("the key `{key}` stands twice in an object; the last value counts")));
        if self.untold > 0 {
            notes.push(format!("{} more keys stand twice in an object", self.untold));
        }
    }
}

struct Reader<'r> {
    duplicates: &'r mut Duplicates,
    /// Whether a number came as a float that may have been an integer beyond 64 bits.
    wide: bool,
    /// The number tokens of the text, in step with the numbers that are visited.
    tokens: Option<NumberTokens<'r>>,
}

/// The tokens of the numbers in a valid JSON text, in order.
struct NumberTokens<'t> {
    text: &'t [u8],
    position: usize,
}

impl<'t> Iterator for NumberTokens<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let mut in_string = false;
        while let Some(byte) = self.text.get(self.position) {
            match byte {
                b'\\' if in_string => self.position += 1,
                b'"' => in_string = !in_string,
                b'-' | b'0'..=b'9' if !in_string => {
                    let rest = &self.text[self.position..];
                    let length = rest
                        .iter()
                        .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                        .unwrap_or(rest.len());
                    self.position += length;
                    return std::str::from_utf8(&rest[..length]).ok();
                }
                _ => {}
            }
            self.position += 1;
        }
        None
    }
}

/// Builds one value.
struct Seed<'s, 'r> {
    reader: &'s mut Reader<'r>,
    /// In how many containers it stands.
    depth: usize,
}

/// The depth of what stands in a container at `depth`.
pub(super) fn enter<E: serde::de::Error>(depth: usize) -> Result<usize, E> {
    if depth >= JSON_DEPTH_MAX {
        return Err(E::custom(format_args!("nested deeper than {JSON_DEPTH_MAX} levels")));
    }
    Ok(depth + 1)
}

impl<'r> Seed<'_, 'r> {
    fn token(&mut self) -> Option<&'r str> {
        self.reader.tokens.as_mut().and_then(Iterator::next)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: serde::de::Error>(mut self, value: i64) -> Result<Value, E> {
        self.token();
        Ok(Value::from(value))
    }

    fn visit_u64<E: serde::de::Error>(mut self, value: u64) -> Result<Value, E> {
        self.token();
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<Value, E> {
        if value.abs() < WIDE {
            self.token();
            return Ok(Value::from(value));
        }
        self.reader.wide = true;
        match self.token().and_then(|token| token.parse::<i128>().ok()) {
            Some(exact) => Ok(Value::from(exact)),
            None => Ok(Value::from(value)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = enter(self.depth)?;
        let mut list: Vec<Value> = Vec::new();
        while let Some(item) = items.next_element_seed(Seed { reader: &mut *self.reader, depth })? {
            list.push(item);
        }
        Ok(Value::from(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let depth = enter(self.depth)?;
        let mut object: IndexMap<Value, Value> = IndexMap::new();
        while let Some(Key(key)) = map.next_key()? {
            let value = map.next_value_seed(Seed { reader: &mut *self.reader, depth })?;
            match object.entry(key) {
                indexmap::map::Entry::Occupied(mut entry) => {
                    self.reader.duplicates.add(entry.key().as_str().unwrap_or_default());
                    entry.insert(value);
                }
                indexmap::map::Entry::Vacant(entry) => {
                    entry.insert(value);
                }
            }
        }
        Ok(Value::from_object(object))
    }
}

/// A key as a value, without a `String` in between.
struct Key(Value);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(Value::from(text)))
            }
        }
        deserializer.deserialize_str(KeyVisitor).map_err(D::Error::custom)
    }
}
