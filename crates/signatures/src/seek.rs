//! One text in a JSON body, found without building the body: what nearly every delivery is asked for its id and event type.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::place::{Step, Steps};

/// The string or number at a path, as [`crate::place::find`] and [`crate::place::scalar`] would find it in the built body. The
/// body is read to its end: of a member that is there twice the last counts, and what is no JSON has nothing.
pub(crate) fn seek(body: &[u8], path: &str) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let found = Seek(Steps(path.strip_prefix('$')?)).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    found
}

/// What is left of the path.
struct Seek<'p>(Steps<'p>);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(mut self, reader: D) -> Result<Self::Value, D::Error> {
        match self.0.next() {
            None => reader.deserialize_any(Scalar),
            Some(Ok(step)) => reader.deserialize_any(At { step, rest: self.0 }),
            Some(Err(())) => Err(D::Error::custom("the path cannot be read")),
        }
    }
}

/// Everything that is no string and no number has no text.
macro_rules! without_text {
    () => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    };
}

/// The end of the path.
struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map(|number| number.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_members(map).map(|()| None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Self::Value, A::Error> {
        skip_elements(elements).map(|_| None)
    }

    without_text!();
}

/// A step of the path that leads on.
struct At<'p> {
    step: Step<'p>,
    rest: Steps<'p>,
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Step::Member(wanted) = self.step else { return skip_members(map).map(|()| None) };
        let mut found = None;
        while let Some(is_wanted) = map.next_key_seed(Named(wanted))? {
            if is_wanted {
                found = map.next_value_seed(Seek(self.rest.clone()))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let (wanted, is_only) = match self.step {
            Step::Member(_) => return skip_elements(elements).map(|_| None),
            Step::Element(index) => (index, false),
            Step::Only => (0, true),
        };
        for _ in 0..wanted {
            if elements.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = elements.next_element_seed(Seek(self.rest))?.flatten();
        let more = skip_elements(elements)?;
        Ok(found.filter(|_| !is_only || more == 0))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    without_text!();
}

/// Whether the name of a member is this one.
struct Named<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

fn skip_members<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Returns how many they were.
fn skip_elements<'de, A: SeqAccess<'de>>(mut elements: A) -> Result<usize, A::Error> {
    let mut count = 0;
    while elements.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::place::{find, scalar};

    const PATHS: &[&str] =
        &["$.a", "$.b", "$.a.b", "$.a.a.b", "$[0]", "$[1].a", "$[*]", "$[*].a", "$.a[*].b", "$.a[2]", "$.a[0][*]", "$.é"];

    fn in_the_built(body: &[u8], path: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        find(&body, path).and_then(scalar).map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn hostile_bodies_have_what_the_built_body_has() {
        let bodies: &[&[u8]] = &[
            br#"{"a":"x","a":{"b":1}}"#,
            br#"{"a":{"b":1},"a":{}}"#,
            br#"{"\u0061":"escaped"}"#,
            br#"{"a":"x"} "#,
            br#"{"a":"x"}, 1"#,
            br#"{"a":"x""#,
            br#"{"a":"x","b":}"#,
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            br#"{"a":1e400}"#,
            br#"{"a":1.0,"b":-0}"#,
            br#"{"a":123456789012345678901234567890}"#,
            br#"{"a":null,"b":true}"#,
            br#"[1,{"a":2}]"#,
            br#"[{"a":2}]"#,
            br#"[]"#,
            b"",
        ];
        for body in bodies {
            for path in PATHS {
                assert_eq!(seek(body, path), in_the_built(body, path), "{} {path}", String::from_utf8_lossy(body));
            }
        }
        assert_eq!(seek(br#"{"a":"x","a":"y"}"#, "$.a").as_deref(), Some("y"), "the last counts");
        assert_eq!(seek(br#"{"a":1}"#, "a"), None, "no path");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof![Just("a"), Just("b"), Just("é")];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_built_body_has_is_found(body in any_json()) {
            let text = body.to_string();
            for path in PATHS {
                prop_assert_eq!(seek(text.as_bytes(), path), in_the_built(text.as_bytes(), path), "{} {}", text, path);
            }
        }
    }
}
