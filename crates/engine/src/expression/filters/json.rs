//! JSON as text: `json` (also `tojson`) and `from_json`.

use minijinja::Error;
use minijinja::value::{Kwargs, Value};

use super::super::{from_json, to_json};
use super::builtin::printable;
use super::{Entry, invalid};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("json", Value::from_function(write), Some(printable)),
        ("tojson", Value::from_function(write), Some(printable)),
        ("from_json", Value::from_function(read), None),
    ]
}

/// Compact, or with `indent=true` over several lines. Unlike Jinja's, it does not escape for HTML.
fn write(value: &Value, kwargs: Kwargs) -> Result<String, Error> {
    let indent = kwargs.get::<Option<Value>>("indent")?.is_some_and(|indent| indent.is_true());
    kwargs.assert_all_used()?;
    let json = to_json(value);
    let text = if indent { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
    text.map_err(|e| invalid(e.to_string()))
}

fn read(text: &str) -> Result<Value, Error> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|e| invalid(format!("not JSON: {e}")))?;
    Ok(from_json(&json))
}
