//! Points in time: texts in RFC 3339, computed with by `date`, `date_add`, `timestamp`, `parse_date`; and `now()`, `uuid()`.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Zoned};
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, State};

use super::super::scope::Scope;
use super::{Entry, invalid, shown};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("date", Value::from_function(date), None),
        ("date_add", Value::from_function(date_add), None),
        ("parse_date", Value::from_function(parse_date), None),
        ("timestamp", Value::from_function(timestamp), None),
    ]
}

pub(super) fn functions() -> Vec<(&'static str, Value)> {
    vec![("now", Value::from_function(now)), ("uuid", Value::from_function(uuid))]
}

/// `{{ webhook.due | date("%d.%m.%Y", tz="Europe/Berlin") }}`; without a format RFC 3339.
fn date(value: &Value, format: Option<&str>, kwargs: Kwargs) -> Result<String, Error> {
    let zoned = instant(value)?.to_zoned(zone(&kwargs)?);
    kwargs.assert_all_used()?;
    let Some(format) = format else { return Ok(rfc3339(&zoned)) };
    jiff::fmt::strtime::format(format, &zoned).map_err(|e| invalid(format!("the date format {format:?}: {e}")))
}

/// `{{ now() | date_add("2 days") }}`, also `-1h30m`, `P1M`; days and months are those of the time zone `tz`.
fn date_add(value: &Value, span: &str, kwargs: Kwargs) -> Result<String, Error> {
    let zoned = instant(value)?.to_zoned(zone(&kwargs)?);
    kwargs.assert_all_used()?;
    let span: Span = span.parse().map_err(|_| invalid(format!("`{span}` is not a length of time such as 2 days or 1h30m")))?;
    let moved = zoned.checked_add(span).map_err(|e| invalid(e.to_string()))?;
    Ok(rfc3339(&moved))
}

/// `{{ "14.03.2026 09:26" | parse_date("%d.%m.%Y %H:%M", tz="Europe/Berlin") }}`
fn parse_date(text: &str, format: &str, kwargs: Kwargs) -> Result<String, Error> {
    let zone = zone(&kwargs)?;
    kwargs.assert_all_used()?;
    let fail = |e: jiff::Error| invalid(format!("`{text}` is not a date of the form {format:?}: {e}"));
    let parsed = jiff::fmt::strtime::parse(format, text).map_err(fail)?;
    if let Ok(instant) = parsed.to_timestamp() {
        return Ok(rfc3339(&instant.to_zoned(zone)));
    }
    let local = match parsed.to_datetime() {
        Ok(local) => local,
        Err(_) => parsed.to_date().map_err(fail)?.at(0, 0, 0, 0),
    };
    Ok(rfc3339(&local.to_zoned(zone).map_err(fail)?))
}

/// Milliseconds since 1970.
fn timestamp(value: &Value) -> Result<i64, Error> {
    Ok(instant(value)?.as_millisecond())
}

fn now(state: &State<'_, '_>) -> Result<String, Error> {
    Scope::now_of(state).map(|now| now.to_string()).ok_or_else(|| invalid("there is no time here"))
}

/// A random UUID (version 4) that the same evaluation gives again.
fn uuid(state: &State<'_, '_>) -> Result<String, Error> {
    let draw = || Scope::draw_of(state).ok_or_else(|| invalid("there is nothing random here"));
    let high = draw()? & !0xf000 | 0x4000;
    let low = draw()? & (u64::MAX >> 2) | 1 << 63;
    Ok(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    ))
}

fn zone(kwargs: &Kwargs) -> Result<TimeZone, Error> {
    match kwargs.get::<Option<&str>>("tz")? {
        None => Ok(TimeZone::UTC),
        // The built-in database: the answer does not depend on what is installed.
        Some(name) => TimeZoneDatabase::bundled().get(name).map_err(|_| invalid(format!("there is no time zone `{name}`"))),
    }
}

/// A text in RFC 3339, or a date alone (midnight UTC), or milliseconds since 1970.
fn instant(value: &Value) -> Result<Timestamp, Error> {
    let fail = || invalid(format!("{} is not a point in time such as 2026-03-14T09:26:53Z", shown(value)));
    match value.kind() {
        ValueKind::Number => {
            let ms =
                i64::try_from(value.clone()).or_else(|_| f64::try_from(value.clone()).map(|ms| ms as i64)).map_err(|_| fail())?;
            Timestamp::from_millisecond(ms).map_err(|_| fail())
        }
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            if let Ok(instant) = text.parse::<Timestamp>() {
                return Ok(instant);
            }
            let local: jiff::civil::DateTime = text.parse().map_err(|_| fail())?;
            Ok(local.to_zoned(TimeZone::UTC).map_err(|_| fail())?.timestamp())
        }
        _ => Err(fail()),
    }
}

fn rfc3339(zoned: &Zoned) -> String {
    if zoned.time_zone() == &TimeZone::UTC {
        return zoned.timestamp().to_string();
    }
    zoned.timestamp().display_with_offset(zoned.offset()).to_string()
}
