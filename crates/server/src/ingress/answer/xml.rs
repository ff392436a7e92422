//! Values written as XML 1.0, always well-formed: `{"order": {"@id": 7, "item": ["a", "b"], "#text": "…"}}` is
//! `<order id="7"><item>a</item><item>b</item>…</order>`, as bodies of requests are read.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What stands around a value that is no element by itself.
const ROOT: &str = "response";
/// What an element of a list is called that lies directly in a list.
const ITEM: &str = "item";
/// The key of an element's text.
const TEXT: &str = "#text";
/// What the key of an attribute begins with.
const ATTRIBUTE: char = '@';

/// A value as a document.
pub(super) fn document(value: &Value) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    let only = value.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
    match only {
        Some((name, inner)) if !inner.is_array() && !name.starts_with([ATTRIBUTE, '#']) => element(&mut out, name, inner),
        _ => element(&mut out, ROOT, value),
    }
    out
}

fn element(out: &mut String, name: &str, value: &Value) {
    let name = &*name_of(name);
    match value {
        Value::Array(items) => {
            open(out, name, &Map::new());
            items.iter().for_each(|item| element(out, ITEM, item));
        }
        Value::Object(members) => {
            open(out, name, members);
            for (key, value) in members.iter().filter(|(key, _)| !key.starts_with(ATTRIBUTE)) {
                match value {
                    value if key == TEXT => escaped(out, &plain(value)),
                    Value::Array(items) => items.iter().for_each(|item| element(out, key, item)),
                    value => element(out, key, value),
                }
            }
        }
        scalar => {
            open(out, name, &Map::new());
            escaped(out, &plain(scalar));
        }
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "</{name}>");
}

/// The start tag; a name that two attributes would have is given to the first.
fn open(out: &mut String, name: &str, members: &Map<String, Value>) {
    let _ = write!(out, "<{name}");
    let mut written: Vec<Cow<'_, str>> = Vec::new();
    for (key, value) in members {
        let Some(name) = key.strip_prefix(ATTRIBUTE).map(name_of) else { continue };
        if written.contains(&name) {
            continue;
        }
        let _ = write!(out, " {name}=\"");
        escaped(out, &plain(value));
        out.push('"');
        written.push(name);
    }
    out.push('>');
}

/// A value as a text: nothing for null, JSON for what has members.
fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// White space that a reader would change is written by reference, and what XML cannot hold becomes U+FFFD.
fn escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' | '\n' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

/// A name that elements and attributes can have: other characters become `_`.
fn name_of(key: &str) -> Cow<'_, str> {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    let goes_on = |c: char| starts(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    let usable = |c: char| c.is_ascii() || ('\u{C0}'..='\u{2FF}').contains(&c) && c != '\u{D7}' && c != '\u{F7}';
    if key.starts_with(starts) && key.chars().all(|c| goes_on(c) && usable(c)) {
        return Cow::Borrowed(key);
    }
    let mut name: String = key.chars().map(|c| if goes_on(c) && usable(c) { c } else { '_' }).collect();
    if !name.starts_with(starts) {
        name.insert(0, '_');
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hookmill_engine::expression::to_json;
    use hookmill_engine::id::DeliveryId;
    use hookmill_engine::request::{Request, parse};
    use hookmill_engine::time::Timestamp;
    use hookmill_engine::workflow::WebhookTrigger;
    use serde_json::json;

    use super::*;

    /// What the parser of bodies reads; none if it is not well-formed.
    fn read(document: &str) -> Option<Value> {
        let headers = [("content-type", "application/xml")].into_iter().collect();
        let request = Request {
            method: "POST",
            path_params: &[],
            query: "",
            headers: &headers,
            body: &Bytes::copy_from_slice(document.as_bytes()),
            event: None,
            address: "",
            received_at: Timestamp(0),
            delivery: DeliveryId(1),
        };
        let parsed = parse(&WebhookTrigger::default(), &request).ok()?;
        Some(to_json(&parsed.webhook.get_attr("body").unwrap()))
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (value, body, back) in [
            (
                json!({ "order": { "@id": 7, "item": ["a", "b"], "#text": "x" } }),
                "<order id=\"7\"><item>a</item><item>b</item>x</order>",
                json!({ "order": { "@id": "7", "item": ["a", "b"], "#text": "x" } }),
            ),
            (
                json!({ "a": "</a><!-- &amp; \"' ]]>", "b": { "@c": "\"><d/>" } }),
                "<response><a>&lt;/a&gt;&lt;!-- &amp;amp; &quot;' ]]&gt;</a><b c=\"&quot;&gt;&lt;d/&gt;\"></b></response>",
                json!({ "response": { "a": "</a><!-- &amp; \"' ]]>", "b": { "@c": "\"><d/>" } } }),
            ),
            (
                json!([1, [true, null]]),
                "<response><item>1</item><item><item>true</item><item></item></item></response>",
                json!({ "response": { "item": ["1", { "item": ["true", ""] }] } }),
            ),
            (json!({ "a": [1, 2] }), "<response><a>1</a><a>2</a></response>", json!({ "response": { "a": ["1", "2"] } })),
            (json!(null), "<response></response>", json!({ "response": "" })),
            (json!({ "größe": 1.5 }), "<größe>1.5</größe>", json!({ "größe": "1.5" })),
        ] {
            let written = document(&value);
            assert_eq!(written.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), Some(body));
            assert_eq!(read(&written), Some(back), "{written}");
        }
    }

    #[test]
    fn hostile_names_and_texts_stay_well_formed() {
        for value in [
            json!({ "a b><c": 1, "": 2, "1": 3, "-": 4, "×": 5, "\u{1F600}": 6, "@": 7 }),
            json!({ "@a b": 1, "@a_b": 2, "x": 1 }),
            json!({ "a": { "@x": { "y": "\"" }, "@z": null, "#text": ["]]>", "<"] } }),
            json!({ "#text": "a", "b": 1 }),
            json!({ "a": "\0\u{1}\u{FFFF}\u{FFFE} \r\n\t" }),
        ] {
            let written = document(&value);
            assert!(read(&written).is_some(), "{written}");
        }
    }
}
