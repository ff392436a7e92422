//! What follows from an event.

use super::machine::Turn;
use super::{Change, Event, Failure, Outcome, RunState, code};
use crate::time::Timestamp;

/// Lets `event` happen to the run at `now`, and tells what must be done.
///
/// Performs nothing. An event that does not fit (any more) changes nothing and gives nothing: the late result of a
/// cancelled branch, a duplicate, anything after the end. Cancelling and the run's time limit end the run at once: `catch`
/// and `finally` do not run.
pub fn decide(state: &mut RunState, event: &Event, now: Timestamp) -> Vec<Change> {
    let mut turn = Turn::new(now);
    if state.outcome.is_some() {
        return turn.changes;
    }
    match event {
        Event::AttemptStarted { step, attempt } => state.attempt_started(step, *attempt, &mut turn),
        Event::AttemptEnded { step, attempt, result, logs, started_at } => {
            state.attempt_ended(step, *attempt, result, logs, *started_at, &mut turn);
        }
        Event::Woke { step } => state.woke(step, &mut turn),
        Event::Resolved { step, resolution } => state.resolved(step, resolution, &mut turn),
        Event::OutcomeUnknown { step, attempt } => state.outcome_unknown(step, *attempt, &mut turn),
        Event::Cancelled { reason } => state.finish(Outcome::Cancelled { reason: reason.clone() }, &mut turn),
        Event::TimedOut => {
            let limit = state.program.workflow().settings.timeout;
            let message = match limit {
                Some(limit) => format!("the run took longer than {limit} (settings.timeout)"),
                None => "the run took too long".to_owned(),
            };
            state.finish(Outcome::Failed(Failure::new(code::TIMED_OUT, message)), &mut turn);
        }
    }
    state.wanted(turn)
}
