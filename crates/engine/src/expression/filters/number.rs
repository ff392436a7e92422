//! Numbers: `number` reads one, `currency` writes one (`int`, `float`, `round`, `abs` are Jinja's own).

use minijinja::Error;
use minijinja::value::{Kwargs, Value, ValueKind};

use super::{Entry, invalid, shown};

/// The most digits after the point.
const DECIMALS_MAX: usize = 20;

pub(super) fn filters() -> Vec<Entry> {
    vec![("number", Value::from_function(number), None), ("currency", Value::from_function(currency), None)]
}

/// A number from a number, a truth value or a text such as `12`, `-1.5`, `1e3`; whole numbers stay whole.
fn number(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Number => Ok(value.clone()),
        ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            if let Ok(whole) = text.parse::<i64>() {
                return Ok(Value::from(whole));
            }
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::from(number)),
                _ => Err(invalid(format!("{} is not a number", shown(value)))),
            }
        }
        _ => Err(invalid(format!("{} is not a number", shown(value)))),
    }
}

/// `{{ 1234.5 | currency("€") }}` gives `€1,234.50`. Options: `decimals`, `thousands`, `point`, `after` (the sign last).
fn currency(value: &Value, sign: Option<&str>, kwargs: Kwargs) -> Result<String, Error> {
    let decimals = kwargs.get::<Option<usize>>("decimals")?.unwrap_or(2).min(DECIMALS_MAX);
    let thousands = kwargs.get::<Option<&str>>("thousands")?.unwrap_or(",");
    let point = kwargs.get::<Option<&str>>("point")?.unwrap_or(".");
    let after = kwargs.get::<Option<bool>>("after")?.unwrap_or(false);
    kwargs.assert_all_used()?;
    if [thousands, point, sign.unwrap_or_default()].iter().any(|text| text.len() > 16) {
        return Err(invalid("a sign of a currency is at most 16 bytes long"));
    }
    let number = number(value)?;
    let number = f64::try_from(number).map_err(|_| invalid(format!("{} is not a number", shown(value))))?;
    let written = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let mut out = String::new();
    // What is rounded to zero has no sign.
    if number < 0.0 && written.contains(|c: char| ('1'..='9').contains(&c)) {
        out.push('-');
    }
    let sign = sign.unwrap_or_default();
    if !after {
        out.push_str(sign);
    }
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            out.push_str(thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(point);
        out.push_str(fraction);
    }
    if after && !sign.is_empty() {
        out.push('\u{a0}');
        out.push_str(sign);
    }
    Ok(out)
}
