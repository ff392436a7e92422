//! What the body of an answer is sent as: JSON, text, or XML.

use bytes::Bytes;
use hookmill_engine::workflow::ContentType;
use http::HeaderValue;
use serde_json::Value;

use super::xml;

pub(in super::super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");

/// The content type and the bytes of a body. Unless the document says what it is, a text is sent as a text and anything
/// else as JSON.
pub(crate) fn written(form: Option<ContentType>, value: Value) -> (HeaderValue, Bytes) {
    match (form, value) {
        (None | Some(ContentType::Text), Value::String(text)) => (TEXT, text.into()),
        (Some(ContentType::Text), other) => (TEXT, other.to_string().into()),
        (None | Some(ContentType::Json), value) => (JSON, value.to_string().into()),
        (Some(ContentType::Xml), Value::String(text)) => (XML, text.into()),
        (Some(ContentType::Xml), value) => (XML, xml::document(&value).into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_sends_texts_and_values_its_own_way() {
        let of = |form, value: &Value| {
            let (content_type, body) = written(form, value.clone());
            (content_type.to_str().unwrap().to_owned(), String::from_utf8(body.to_vec()).unwrap())
        };
        let text = json!("<a>\"1\"</a>");
        let map = json!({ "a": 1 });
        for (form, value, content_type, body) in [
            (None, &text, "text/plain; charset=utf-8", "<a>\"1\"</a>"),
            (None, &map, "application/json", r#"{"a":1}"#),
            (Some(ContentType::Json), &text, "application/json", r#""<a>\"1\"</a>""#),
            (Some(ContentType::Json), &map, "application/json", r#"{"a":1}"#),
            (Some(ContentType::Text), &text, "text/plain; charset=utf-8", "<a>\"1\"</a>"),
            (Some(ContentType::Text), &map, "text/plain; charset=utf-8", r#"{"a":1}"#),
            (Some(ContentType::Xml), &text, "application/xml; charset=utf-8", "<a>\"1\"</a>"),
            (
                Some(ContentType::Xml),
                &map,
                "application/xml; charset=utf-8",
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>1</a>",
            ),
        ] {
            assert_eq!(of(form, value), (content_type.to_owned(), body.to_owned()), "{form:?} {value}");
        }
    }
}
