//! Times on the command line: points, or how long ago or from now.

use hookmill_engine::time::Span;

use super::exit::{Failed, Result};

/// Reads the value of a flag.
pub(crate) fn read(flag: &str, text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp> {
    if let Ok(span) = text.parse::<Span>() {
        let ago = i64::try_from(span.0).ok().and_then(|ms| now.checked_sub(jiff::SignedDuration::from_millis(ms)).ok());
        return ago.ok_or_else(|| Failed::usage(format!("{flag}: {text} is too long ago")));
    }
    text.parse().map_err(|_| Failed::usage(format!("{flag}: write a time such as 2026-03-14T09:26:53Z or a span such as 2h")))
}

/// Reads the value of a flag that is about the future.
pub(crate) fn read_ahead(flag: &str, text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp> {
    if let Ok(span) = text.parse::<Span>() {
        let ahead = i64::try_from(span.0).ok().and_then(|ms| now.checked_add(jiff::SignedDuration::from_millis(ms)).ok());
        return ahead.ok_or_else(|| Failed::usage(format!("{flag}: {text} is too far away")));
    }
    text.parse().map_err(|_| Failed::usage(format!("{flag}: write a time such as 2026-03-14T09:26:53Z or a span such as 30d")))
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn times_are_points_or_spans() {
        let now: jiff::Timestamp = "2026-03-14T10:00:00Z".parse().unwrap();
        assert_eq!(read("--from", "1h30m", now).unwrap().to_string(), "2026-03-14T08:30:00Z");
        assert_eq!(read("--from", "2026-03-01T00:00:00+01:00", now).unwrap().to_string(), "2026-02-28T23:00:00Z");
        assert_eq!(read_ahead("--expires", "30d", now).unwrap().to_string(), "2026-04-13T10:00:00Z");
        assert_eq!(read_ahead("--expires", "2026-04-01T00:00:00Z", now).unwrap().to_string(), "2026-04-01T00:00:00Z");
        for wrong in ["", "yesterday", "1y", "99999999999d"] {
            assert_eq!(read("--from", wrong, now).unwrap_err().exit, Exit::Usage, "{wrong}");
            assert_eq!(read_ahead("--expires", wrong, now).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }
}
