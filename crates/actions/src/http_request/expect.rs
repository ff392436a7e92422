//! Which statuses count as success: `2xx`, `404`, `200-204`, or a list of them.

use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// The most entries of a list.
const ENTRIES_MAX: usize = 50;

/// The statuses that count as success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected(Vec<RangeInclusive<u16>>);

impl Default for Expected {
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

impl Expected {
    /// Whether `status` counts as success.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = match Value::deserialize(deserializer)? {
            Value::Array(entries) if entries.is_empty() || entries.len() > ENTRIES_MAX => {
                return Err(de::Error::custom(format!("`expect` takes 1 to {ENTRIES_MAX} statuses")));
            }
            Value::Array(entries) => entries,
            one => vec![one],
        };
        let ranges = entries.iter().map(|entry| {
            read(entry).ok_or_else(|| de::Error::custom(format!("{entry} is not a status; write 404, \"2xx\" or \"200-204\"")))
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

fn read(entry: &Value) -> Option<RangeInclusive<u16>> {
    let status = |status: u64| u16::try_from(status).ok().filter(|status| (100..=599).contains(status));
    match entry {
        Value::Number(number) => number.as_u64().and_then(status).map(|status| status..=status),
        Value::String(text) => {
            let text = text.trim();
            if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
                let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
                return Some(class * 100..=class * 100 + 99);
            }
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let number = |text: &str| text.trim().parse().ok().and_then(status);
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        }
        _ => None,
    }
}

impl JsonSchema for Expected {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        let text =
            json_schema!({ "type": "string", "pattern": "^\\s*([1-5][xX]{2}|[1-5][0-9]{2}(\\s*-\\s*[1-5][0-9]{2})?)\\s*$" });
        let list =
            json_schema!({ "type": "array", "minItems": 1, "maxItems": ENTRIES_MAX, "items": { "anyOf": [number, text] } });
        json_schema!({ "anyOf": [number, text, list] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        let read = |value| serde_json::from_value::<Expected>(value);
        let list = read(json!(["2xx", 404, "410-412", "503"])).expect("a valid list");
        assert!([200, 299, 404, 410, 412, 503].iter().all(|status| list.contains(*status)));
        assert!([199, 300, 403, 405, 413, 502].iter().all(|status| !list.contains(*status)));
        assert!(read(json!("5xx")).expect("one class").contains(599));
        assert!(read(json!(204)).expect("one number").contains(204));
        for wrong in [json!([]), json!("6xx"), json!("xx"), json!(99), json!("204-200"), json!(null), json!(-1), json!([[200]])] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
