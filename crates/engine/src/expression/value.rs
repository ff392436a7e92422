//! Values at the borders: from and to JSON, and how large they are.

use minijinja::value::{Value, ValueKind};

use super::{ExpressionError, RESULT_BYTES_MAX, RESULT_DEPTH_MAX};

/// What a value costs beside its texts.
const VALUE_BYTES: usize = 24;

/// The value that a JSON value stands for.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect::<Vec<_>>().into(),
        serde_json::Value::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, member)| (name.as_str(), from_json(member))))
        }
    }
}

/// The JSON value that stands for a value. What JSON cannot say (not a number, bytes, undefined) becomes `null` or text.
#[must_use]
pub fn to_json(value: &Value) -> serde_json::Value {
    json_within(value, RESULT_DEPTH_MAX)
}

fn json_within(value: &Value, depth: usize) -> serde_json::Value {
    use serde_json::Value as Json;
    if depth == 0 {
        return Json::Null;
    }
    match value.kind() {
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number_to_json(value),
        ValueKind::String => Json::String(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
            Ok(items) => Json::Array(items.map(|item| json_within(&item, depth - 1)).collect()),
            Err(_) => Json::Null,
        },
        ValueKind::Map => match value.try_iter() {
            Ok(keys) => Json::Object(
                keys.map(|key| {
                    let member = value.get_item(&key).unwrap_or_default();
                    (key.to_string(), json_within(&member, depth - 1))
                })
                .collect(),
            ),
            Err(_) => Json::Null,
        },
        ValueKind::Bytes => Json::String(String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()),
        _ => Json::Null,
    }
}

fn number_to_json(value: &Value) -> serde_json::Value {
    if !value.is_integer() {
        return f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64).into();
    }
    match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
        (Ok(whole), _) => whole.into(),
        (_, Ok(whole)) => whole.into(),
        _ => value.to_string().parse::<f64>().ok().and_then(serde_json::Number::from_f64).into(),
    }
}

/// How many bytes a value takes, counted only up to `limit`: a larger one gives some number above it.
pub(crate) fn bytes_up_to(value: &Value, limit: usize) -> usize {
    let mut bytes = 0;
    let mut rest = vec![value.clone()];
    while let Some(value) = rest.pop() {
        bytes += VALUE_BYTES;
        match value.kind() {
            ValueKind::String => bytes += value.as_str().map_or(0, str::len),
            ValueKind::Bytes => bytes += value.as_bytes().map_or(0, <[u8]>::len),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                for item in value.try_iter().into_iter().flatten() {
                    // Long lists of large things are not collected only to find out that they are too large.
                    if bytes > limit {
                        return bytes;
                    }
                    if value.kind() == ValueKind::Map {
                        rest.push(value.get_item(&item).unwrap_or_default());
                    }
                    match item.as_str() {
                        Some(text) => bytes += VALUE_BYTES + text.len(),
                        None => rest.push(item),
                    }
                }
            }
            _ => {}
        }
        if bytes > limit {
            return bytes;
        }
    }
    bytes
}

/// The same value without anything lazy in it, checked for size and depth, so that keeping it costs what it seems to.
pub(crate) fn settle(value: Value, expression: &str) -> Result<Value, ExpressionError> {
    match value.kind() {
        ValueKind::Bool | ValueKind::Number | ValueKind::None => Ok(value),
        ValueKind::String if value.as_str().is_some_and(|text| text.len() <= RESULT_BYTES_MAX) => Ok(value),
        _ => {
            let mut room = RESULT_BYTES_MAX;
            settle_within(value, RESULT_DEPTH_MAX, &mut room).map_err(|why| ExpressionError::new(why.to_string(), expression))
        }
    }
}

fn spend(room: &mut usize, bytes: usize) -> Result<(), TooMuch> {
    *room = room.checked_sub(bytes).ok_or(TooMuch::Large)?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum TooMuch {
    #[error("the value is larger than {} MiB", RESULT_BYTES_MAX / (1024 * 1024))]
    Large,
    #[error("the value is nested deeper than {RESULT_DEPTH_MAX} levels")]
    Deep,
    #[error("a {0} is not a value that can be kept")]
    NotData(ValueKind),
    #[error("{0}")]
    Invalid(minijinja::Error),
}

/// Whether nothing inside is lazy, so that the value itself can be shared instead of built again.
fn settle_within(value: Value, depth: usize, room: &mut usize) -> Result<Value, TooMuch> {
    if depth == 0 {
        return Err(TooMuch::Deep);
    }
    spend(room, VALUE_BYTES)?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None | ValueKind::Bool | ValueKind::Number => Ok(value),
        ValueKind::String => {
            spend(room, value.as_str().map_or(0, str::len))?;
            Ok(value)
        }
        ValueKind::Bytes => {
            spend(room, value.as_bytes().map_or(0, <[u8]>::len))?;
            Ok(value)
        }
        ValueKind::Seq | ValueKind::Iterable => settle_list(value, depth, room),
        ValueKind::Map => settle_map(value, depth, room),
        ValueKind::Invalid => Err(value.try_iter().err().map_or(TooMuch::NotData(ValueKind::Invalid), TooMuch::Invalid)),
        kind => Err(TooMuch::NotData(kind)),
    }
}

fn settle_list(value: Value, depth: usize, room: &mut usize) -> Result<Value, TooMuch> {
    let own = value.downcast_object_ref::<Vec<Value>>();
    if let Some(items) = own.filter(|items| items.iter().all(is_plain)) {
        for item in items {
            spend(room, VALUE_BYTES + item.as_str().map_or(0, str::len))?;
        }
        return Ok(value);
    }
    let mut settled = Vec::with_capacity(own.map_or(0, Vec::len));
    for item in value.try_iter().map_err(TooMuch::Invalid)?.checked() {
        settled.push(settle_within(item.map_err(TooMuch::Invalid)?, depth - 1, room)?);
    }
    Ok(Value::from(settled))
}

fn settle_map(value: Value, depth: usize, room: &mut usize) -> Result<Value, TooMuch> {
    let mut settled = Vec::with_capacity(value.len().unwrap_or(0).min(1024));
    for key in value.try_iter().map_err(TooMuch::Invalid)?.checked() {
        let key = key.map_err(TooMuch::Invalid)?;
        let member = value.get_item(&key).map_err(TooMuch::Invalid)?;
        // Objects have names, whatever was written: `{1: 2}` means `{"1": 2}`, as in JSON.
        let name = if key.as_str().is_some() { key } else { Value::from(key.to_string()) };
        spend(room, VALUE_BYTES + name.as_str().map_or(0, str::len))?;
        settled.push((name, settle_within(member, depth - 1, room)?));
    }
    Ok(Value::from_pairs(settled))
}

fn is_plain(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Bool | ValueKind::Number | ValueKind::String | ValueKind::None)
}
