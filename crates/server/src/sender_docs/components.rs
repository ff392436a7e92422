//! The parts of a description that several hooks share: the same thing is said once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The `components` of a description.
#[derive(Debug, Default)]
pub(super) struct Components {
    kinds: Map<String, Value>,
    /// Kind and text to name.
    names: HashMap<(&'static str, String), String>,
    bytes: usize,
}

impl Components {
    /// A reference to a thing of a kind (`schemas`, `responses`, …). `hint` is what it is called if nothing else is.
    pub(super) fn refer(&mut self, kind: &'static str, hint: &str, value: Value) -> Value {
        let name = self.name(kind, hint, value);
        json!({ "$ref": format!("#/components/{kind}/{name}") })
    }

    /// The name of a thing of a kind.
    pub(super) fn name(&mut self, kind: &'static str, hint: &str, value: Value) -> String {
        let text = value.to_string();
        if let Some(name) = self.names.get(&(kind, text.clone())) {
            return name.clone();
        }
        let all = self.kinds.entry(kind).or_insert_with(|| Value::Object(Map::new()));
        let all = all.as_object_mut().expect("a kind is an object of its things");
        let plain: String = hint.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
        let name = match all.contains_key(&plain) {
            false => plain,
            true => format!("{plain}-{}", all.len() + 1),
        };
        self.bytes += text.len() + name.len();
        all.insert(name.clone(), value);
        self.names.insert((kind, text), name.clone());
        name
    }

    /// About how much text they are, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_one_name_and_different_ones_have_two() {
        let mut components = Components::default();
        let first = components.refer("schemas", "a b", json!({ "type": "string" }));
        assert_eq!(first, json!({ "$ref": "#/components/schemas/a_b" }));
        assert_eq!(components.refer("schemas", "other", json!({ "type": "string" })), first);
        assert_ne!(components.refer("schemas", "a b", json!({ "type": "number" })), first);
        assert_eq!(components.into_value()["schemas"].as_object().unwrap().len(), 2);
    }
}
