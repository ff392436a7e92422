//! Regular expressions: `regex_match`, `regex_find`, `regex_find_all`, `regex_replace`.
//!
//! The engine behind them takes linear time whatever the pattern; the compiled size is bounded.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::Error;
use minijinja::value::Value;
use regex::{Captures, Regex, RegexBuilder};

use super::super::environment::too_large;
use super::super::{REGEX_BYTES_MAX, RESULT_BYTES_MAX};
use super::{Entry, invalid};

/// Compiled patterns that are kept, since a workflow uses the same ones again and again.
const KEPT_MAX: usize = 256;
/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 2_048;
/// The most matches that `regex_find_all` gives.
const FOUND_MAX: usize = 100_000;

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("regex_match", Value::from_function(|text: &str, pattern: &str| Ok(compiled(pattern)?.is_match(text))), None),
        ("regex_find", Value::from_function(find), None),
        ("regex_find_all", Value::from_function(find_all), None),
        ("regex_replace", Value::from_function(replace), None),
    ]
}

fn compiled(pattern: &str) -> Result<Arc<Regex>, Error> {
    static KEPT: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = kept.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(invalid(format!("the regular expression is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    let regex = Arc::new(regex.map_err(|e| invalid(format!("the regular expression `{pattern}`: {e}")))?);
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

/// The first match, or of it the group with this number or name; null if there is none.
fn find(text: &str, pattern: &str, group: Option<Value>) -> Result<Value, Error> {
    let regex = compiled(pattern)?;
    Ok(regex.captures(text).map_or(Value::from(()), |captures| picked(&captures, group.as_ref())))
}

fn find_all(text: &str, pattern: &str, group: Option<Value>) -> Result<Value, Error> {
    let regex = compiled(pattern)?;
    let found: Vec<_> = regex.captures_iter(text).take(FOUND_MAX + 1).map(|captures| picked(&captures, group.as_ref())).collect();
    if found.len() > FOUND_MAX {
        return Err(invalid(format!("`{pattern}` is found more than {FOUND_MAX} times")));
    }
    Ok(Value::from(found))
}

fn picked(captures: &Captures<'_>, group: Option<&Value>) -> Value {
    let picked = match group {
        None => captures.get(0),
        Some(name) => match (name.as_usize(), name.as_str()) {
            (Some(number), _) => captures.get(number),
            (None, Some(name)) => captures.name(name),
            (None, None) => None,
        },
    };
    picked.map_or(Value::from(()), |found| Value::from(found.as_str()))
}

/// Replaces every match; `$1` and `${name}` stand for groups.
fn replace(text: &str, pattern: &str, replacement: &str) -> Result<String, Error> {
    let regex = compiled(pattern)?;
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for captures in regex.captures_iter(text) {
        let whole = captures.get_match();
        out.push_str(&text[done..whole.start()]);
        captures.expand(replacement, &mut out);
        done = whole.end();
        if out.len() > RESULT_BYTES_MAX {
            return Err(too_large());
        }
    }
    out.push_str(&text[done..]);
    Ok(out)
}
