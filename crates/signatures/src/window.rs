//! Reading a timestamp strictly, and how far from now it may be.

use crate::failure::{Code, Failure};
use crate::scheme::{Timestamp, Unit, Window};

/// Longer than any time in milliseconds within the next ten thousand years.
const DIGITS_MAX: usize = 15;

/// The time that a text stands for, in milliseconds since 1970.
///
/// Only the one spelling that senders use: no sign, no leading zero, no fraction, no exponent. A lenient reader and a strict
/// one would disagree about which requests are fresh.
pub(crate) fn parse(text: &str, unit: Unit) -> Option<i64> {
    let digits = || {
        let only_digits = !text.is_empty() && text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
        (only_digits && !text.starts_with('0')).then(|| text.parse::<i64>().ok()).flatten()
    };
    match unit {
        Unit::Seconds => digits()?.checked_mul(1000),
        Unit::Millis => digits(),
        Unit::Rfc3339 => {
            let plausible = text.is_ascii() && (20..=40).contains(&text.len()) && text.as_bytes()[10] == b'T';
            plausible.then(|| text.parse::<jiff::Timestamp>().ok()).flatten().map(jiff::Timestamp::as_millisecond)
        }
    }
}

/// Refuses a time that is too far from now.
pub(crate) fn check(timestamp: &Timestamp, tolerance_ms: Option<u64>, signed_at_ms: i64, now_ms: i64) -> Result<(), Failure> {
    let Some(window) = effective(timestamp.window, tolerance_ms) else { return Ok(()) };
    let age_ms = now_ms.saturating_sub(signed_at_ms);
    let distance_ms = age_ms.unsigned_abs();
    let seconds = |ms: u64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    if age_ms > 0 && distance_ms > window.past_ms {
        let text = format!("The request was signed too long ago; at most {} are allowed.", seconds(window.past_ms));
        let for_owner = format!("{text} It was signed {} ago by this server's clock.", seconds(distance_ms));
        return Err(Failure { code: Code::TimestampStale, for_sender: text, for_owner });
    }
    if let Some(future_ms) = window.future_ms
        && age_ms < 0
        && distance_ms > future_ms
    {
        let text = format!("The request was signed in the future; clocks may differ by {}.", seconds(future_ms));
        let for_owner = format!("{text} It was signed {} ahead of this server's clock.", seconds(distance_ms));
        return Err(Failure { code: Code::TimestampFuture, for_sender: text, for_owner });
    }
    Ok(())
}

/// The window of a scheme with the hook's own tolerance.
fn effective(window: Option<Window>, tolerance_ms: Option<u64>) -> Option<Window> {
    match (window, tolerance_ms) {
        (window, None) => window,
        (Some(Window { future_ms: None, .. }), Some(past_ms)) => Some(Window { past_ms, future_ms: None }),
        (_, Some(tolerance_ms)) => Some(Window::both(tolerance_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn times_have_one_spelling() {
        assert_eq!(parse("1614265330", Unit::Seconds), Some(1_614_265_330_000));
        assert_eq!(parse("1614265330123", Unit::Millis), Some(1_614_265_330_123));
        assert_eq!(parse("2021-03-25T05:09:27Z", Unit::Rfc3339), Some(1_616_648_967_000));
        for text in
            ["", "0", "01614265330", "+1614265330", "-1", "1.5", "1e9", "1e400", " 1", "1 ", "0x10", "١", "9999999999999999"]
        {
            assert_eq!(parse(text, Unit::Seconds), None, "{text}");
            assert_eq!(parse(text, Unit::Rfc3339), None, "{text}");
        }
        assert_eq!(parse("2021-03-25 05:09:27Z", Unit::Rfc3339), None);
    }

    #[test]
    fn the_window_counts_both_ways_and_the_tolerance_replaces_it() {
        let timestamp = |window| Timestamp { place: Place::Header("t".into()), unit: Unit::Seconds, window };
        let both = timestamp(Some(Window::both(1000)));
        let past_only = timestamp(Some(Window { past_ms: 1000, future_ms: None }));
        let code =
            |timestamp: &Timestamp, tolerance, signed_at| check(timestamp, tolerance, signed_at, 10_000).err().map(|it| it.code);
        assert_eq!(code(&both, None, 9_000), None);
        assert_eq!(code(&both, None, 8_999), Some(Code::TimestampStale));
        assert_eq!(code(&both, None, 11_000), None);
        assert_eq!(code(&both, None, 11_001), Some(Code::TimestampFuture));
        assert_eq!(code(&past_only, None, 99_000), None);
        assert_eq!(code(&both, Some(5), 9_994), Some(Code::TimestampStale));
        assert_eq!(code(&timestamp(None), None, 1), None);
        assert_eq!(code(&timestamp(None), Some(5), 1), Some(Code::TimestampStale));
    }
}
