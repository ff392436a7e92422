//! When a failed attempt is followed by another one.

use super::{Failure, StepAt};
use crate::time::Span;
use crate::workflow::{Backoff, Retry};

/// The first pause of a policy that does not say.
pub const DELAY_DEFAULT: Span = Span(1_000);
/// The longest pause of a policy that does not say.
pub const DELAY_MAX_DEFAULT: Span = Span(300_000);
/// The longest `Retry-After` that is respected.
pub const RETRY_AFTER_MAX: Span = Span(86_400_000);
/// No policy makes more attempts than this.
pub const ATTEMPTS_MAX: u32 = 100;

/// The pause before the attempt after `attempt` (from 1), or `None` if there is none.
///
/// The jitter takes up to half of an exponential pause away; it comes from the run's seed, so that folding the journal
/// gives the same pause again. A longer `Retry-After` wins, up to [`RETRY_AFTER_MAX`].
#[must_use]
pub fn delay(retry: &Retry, attempt: u32, failure: &Failure, seed: u64, step: &StepAt) -> Option<Span> {
    let wanted = if retry.on.is_empty() { failure.retryable } else { retry.on.contains(&failure.code) };
    if !wanted || attempt >= retry.attempts.min(ATTEMPTS_MAX) {
        return None;
    }
    let first = retry.delay.unwrap_or(DELAY_DEFAULT).0;
    let longest = retry.max_delay.unwrap_or(DELAY_MAX_DEFAULT).0;
    let pause = match retry.backoff {
        Backoff::Fixed => first.min(longest),
        Backoff::Exponential => {
            let doubled = first.saturating_mul(1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX)).min(longest);
            doubled - jitter(seed, step, attempt) % (doubled / 2 + 1)
        }
    };
    let asked = failure.retry_after.map_or(0, |span| span.0.min(RETRY_AFTER_MAX.0));
    Some(Span(pause.max(asked)))
}

fn jitter(seed: u64, step: &StepAt, attempt: u32) -> u64 {
    crate::expression::mix(seed, step.as_str(), u64::from(attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(attempts: u32, backoff: Backoff) -> Retry {
        Retry { attempts, backoff, delay: Some(Span(1_000)), max_delay: Some(Span(20_000)), on: vec![] }
    }

    fn failure(retryable: bool, retry_after: Option<u64>) -> Failure {
        Failure { retryable, retry_after: retry_after.map(Span), ..Failure::new("http_status", "503") }
    }

    fn pause(retry: &Retry, attempt: u32, failure: &Failure) -> Option<u64> {
        delay(retry, attempt, failure, 7, &StepAt::new("s")).map(|span| span.0)
    }

    #[test]
    fn only_what_may_be_repeated_is_repeated() {
        let retry = policy(3, Backoff::Fixed);
        let coded = |codes: &[&str]| Retry { on: codes.iter().map(ToString::to_string).collect(), ..retry.clone() };
        for (retry, attempt, retryable, expected) in [
            (retry.clone(), 1, true, Some(1_000)),
            (retry.clone(), 2, true, Some(1_000)),
            (retry.clone(), 3, true, None),
            (retry.clone(), 1, false, None),
            (coded(&["http_status"]), 1, false, Some(1_000)),
            (coded(&["other"]), 1, true, None),
            (policy(0, Backoff::Fixed), 1, true, None),
            (policy(u32::MAX, Backoff::Fixed), 99, true, Some(1_000)),
            (policy(u32::MAX, Backoff::Fixed), 100, true, None),
        ] {
            assert_eq!(pause(&retry, attempt, &failure(retryable, None)), expected, "{retry:?} after {attempt}");
        }
    }

    #[test]
    fn exponential_pauses_double_up_to_their_maximum_and_keep_at_least_half() {
        let retry = policy(100, Backoff::Exponential);
        for (attempt, full) in [(1, 1_000), (2, 2_000), (3, 4_000), (5, 16_000), (6, 20_000), (64, 20_000), (99, 20_000)] {
            let pause = pause(&retry, attempt, &failure(true, None)).expect("attempts are left");
            assert!((full / 2..=full).contains(&pause), "{attempt}: {pause}");
        }
    }

    #[test]
    fn retry_after_wins_if_longer_but_not_without_end() {
        let retry = policy(5, Backoff::Fixed);
        for (asked, expected) in [(10, 1_000), (30_000, 30_000), (u64::MAX, RETRY_AFTER_MAX.0)] {
            assert_eq!(pause(&retry, 1, &failure(true, Some(asked))), Some(expected));
        }
    }

    #[test]
    fn the_jitter_depends_on_seed_step_and_attempt_only() {
        let retry = policy(9, Backoff::Exponential);
        let at = |seed, step: &str| delay(&retry, 5, &failure(true, None), seed, &StepAt::new(step));
        assert_eq!(at(1, "a"), at(1, "a"));
        assert_ne!(at(1, "a"), at(2, "a"));
        assert_ne!(at(1, "a"), at(1, "b"));
    }
}
