//! Bodies that are split: what is declared is declared of each element, and the body is what is around them.

use hookmill_engine::request::ELEMENTS_MAX;
use hookmill_engine::workflow::{BodyPath, Segment};
use serde_json::{Value, json};

/// The longest array before the one that is split that is made up.
const INDEX_MAX: usize = 16;

/// A body with a value at a place, and no more than what leads there.
pub(super) fn around(path: &BodyPath, value: Value) -> Value {
    path.segments().iter().rev().fold(value, |inner, segment| match segment {
        Segment::Name(name) => json!({ name: inner }),
        Segment::Index(index) => {
            let mut elements = vec![Value::Null; (*index).min(INDEX_MAX)];
            elements.push(inner);
            Value::Array(elements)
        }
    })
}

/// The elements that a body is split into.
pub(super) fn elements<'b>(path: &BodyPath, body: &'b Value) -> Option<&'b Vec<Value>> {
    let found = path.segments().iter().try_fold(body, |value, segment| match segment {
        Segment::Name(name) => value.get(name),
        Segment::Index(index) => value.get(index),
    });
    found?.as_array()
}

/// The schema of a body whose elements at a place have this schema.
pub(super) fn schema(path: &BodyPath, element: Value) -> Value {
    let array = json!({ "type": "array", "items": element, "maxItems": ELEMENTS_MAX });
    path.segments().iter().rev().fold(array, |inner, segment| match segment {
        Segment::Name(name) => json!({ "type": "object", "required": [name], "properties": { name: inner } }),
        Segment::Index(index) => json!({ "type": "array", "minItems": index + 1 }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_elements_is_told_too() {
        let path: BodyPath = "$.data[1].items".parse().unwrap();
        let body = around(&path, json!([{ "a": 1 }]));
        assert_eq!(body, json!({ "data": [null, { "items": [{ "a": 1 }] }] }));
        assert_eq!(elements(&path, &body), Some(&vec![json!({ "a": 1 })]));
        assert_eq!(elements(&path, &json!({ "data": [] })), None);
        assert_eq!(around(&"$".parse().unwrap(), json!([])), json!([]));
        let path: BodyPath = "$.items".parse().unwrap();
        let items = json!({ "type": "array", "items": { "type": "string" }, "maxItems": ELEMENTS_MAX });
        let whole = json!({ "type": "object", "required": ["items"], "properties": { "items": items } });
        assert_eq!(schema(&path, json!({ "type": "string" })), whole);
    }
}
