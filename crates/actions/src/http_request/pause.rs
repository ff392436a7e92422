//! `Retry-After`: how long the other side asks to be left alone.

use hookmill_engine::time::Span;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The pause that the headers ask for, from seconds or from an HTTP date.
pub(super) fn requested(headers: &HeaderMap, now: Timestamp) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let seconds: u64 = text.parse().ok()?;
        return seconds.checked_mul(1000).map(Span);
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Span(u64::try_from(until.as_millisecond() - now.as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_nonsense_is_not() {
        let now: Timestamp = "2026-03-14T09:26:50Z".parse().expect("a time");
        for (text, pause) in [
            ("120", Some(120_000)),
            (" 0 ", Some(0)),
            ("Sat, 14 Mar 2026 09:27:50 GMT", Some(60_000)),
            ("Sat, 14 Mar 2026 09:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999", None),
            ("18446744073709551615", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a header value"))]);
            assert_eq!(requested(&headers, now), pause.map(Span), "{text}");
        }
        assert_eq!(requested(&HeaderMap::new(), now), None);
    }
}
