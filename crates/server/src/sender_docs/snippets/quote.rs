//! Texts as literals of each language, and what is put together of them.

use serde_json::Value;

use crate::sender_docs::call::Piece;

/// The largest whole number that every JavaScript engine keeps.
const SAFE_INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Whether a reader could not see a character, or would be misled by it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffd}')
        || c as u32 >= 0xe_0000
}

/// The expression that puts pieces together: texts as the language quotes them, the rest in variables, before which it writes
/// `sigil`.
pub(super) fn joined(pieces: &[Piece], quoted: fn(&str) -> String, sigil: &str, operator: &str) -> String {
    let said = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => quoted(text),
        Piece::Body => format!("{sigil}body"),
        Piece::Time => format!("{sigil}timestamp"),
        Piece::Id => format!("{sigil}id"),
        Piece::Signature => format!("{sigil}signature"),
    });
    said.collect::<Vec<_>>().join(operator)
}

/// JSON text with nothing hidden in it.
pub(super) fn json(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a JSON value is representable as text");
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // A line feed stands between members only; in texts it is escaped already.
        if is_hidden(c) && c != '\n' { push_utf16(&mut shown, c) } else { shown.push(c) }
    }
    shown
}

fn push_utf16(text: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
}

/// A word of a POSIX shell.
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A string of JavaScript, which also may stand in a page.
pub(super) fn javascript(text: &str) -> String {
    json(&Value::from(text)).replace("</", "<\\/").replace("<!--", "<\\!--")
}

/// A JSON value as JavaScript: an object where that means the same, else its text.
pub(super) fn javascript_body(value: &Value) -> String {
    if is_same_in_javascript(value) {
        format!("JSON.stringify({})", json(value).replace("</", "<\\/").replace("<!--", "<\\!--"))
    } else {
        javascript(&json(value))
    }
}

fn is_same_in_javascript(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() || number.as_i64().is_some_and(|number| number.unsigned_abs() <= SAFE_INTEGER_MAX)
        }
        Value::Array(elements) => elements.iter().all(is_same_in_javascript),
        // In a literal it would set the prototype.
        Value::Object(members) => members.iter().all(|(name, value)| name != "__proto__" && is_same_in_javascript(value)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// A string of Python.
pub(super) fn python(text: &str) -> String {
    escaped(text, |c| if c as u32 > 0xffff { format!("\\U{:08x}", c as u32) } else { format!("\\u{:04x}", c as u32) })
}

/// A JSON value as Python.
pub(super) fn python_value(value: &Value, indent: usize) -> String {
    let (inner, outer) = (" ".repeat(indent + 4), " ".repeat(indent));
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python(text),
        Value::Array(elements) if elements.is_empty() => "[]".to_owned(),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Array(elements) => {
            let lines: Vec<String> =
                elements.iter().map(|element| format!("{inner}{},\n", python_value(element, indent + 4))).collect();
            format!("[\n{}{outer}]", lines.concat())
        }
        Value::Object(members) => {
            let line =
                |(name, value): (&String, &Value)| format!("{inner}{}: {},\n", python(name), python_value(value, indent + 4));
            format!("{{\n{}{outer}}}", members.iter().map(line).collect::<String>())
        }
    }
}

/// A string of Go.
pub(super) fn go(text: &str) -> String {
    escaped(text, |c| if c as u32 > 0xffff { format!("\\U{:08x}", c as u32) } else { format!("\\u{:04x}", c as u32) })
}

/// A text of several lines in Go, as it is if that is possible.
pub(super) fn go_lines(text: &str) -> String {
    let raw = !text.contains('`') && !text.chars().any(|c| is_hidden(c) && c != '\n');
    if raw { format!("`{text}`") } else { go(text) }
}

/// A string of PHP: without variables in it.
pub(super) fn php(text: &str) -> String {
    if text.chars().any(is_hidden) {
        // Only between double quotes can characters be escaped, and a dollar has to be.
        return escaped(text, |c| format!("\\u{{{:x}}}", c as u32)).replace('$', "\\$");
    }
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

fn escaped(text: &str, hidden: impl Fn(char) -> String) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if is_hidden(c) => quoted.push_str(&hidden(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A note as a comment: it stays on its line.
pub(super) fn comment(mark: &str, note: &str) -> String {
    let line: String = note.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    // A closing tag would end PHP even in a comment.
    format!("{mark} {}\n", line.replace("?>", "? >"))
}
