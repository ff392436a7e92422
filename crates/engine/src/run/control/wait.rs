//! `wait`: until a point in time.

use minijinja::value::ValueKind;

use super::super::RunState;
use super::super::fiber::{Doing, FiberId, Flow, Occurrence};
use super::super::machine::Turn;
use super::super::program::WaitFor;
use super::super::view::StepState;
use super::super::{Change, Failure, code};
use super::{eval, failed};
use crate::expression::Value;
use crate::time::{Span, Timestamp};

/// The longest wait.
pub(super) const WAIT_MAX: Span = Span(10 * 365 * 86_400_000);

impl RunState {
    pub(super) fn begin_wait(&mut self, id: FiberId, step: &mut Occurrence, wait: &WaitFor, turn: &mut Turn) -> Flow {
        let value = match wait.template().map(|template| eval(template, &self.step_scope(step, turn))).transpose() {
            Ok(value) => value,
            Err(failure) => return failed(failure),
        };
        let due = match (wait, &value) {
            (WaitFor::Fixed(span), _) => Ok(turn.now.plus(*span)),
            (WaitFor::Span(_), Some(value)) => length(value).map(|span| turn.now.plus(span)),
            (WaitFor::Until(_), Some(value)) => instant(value),
            (_, None) => Err(Failure::new(code::BAD_WAIT, "there is nothing to wait for")),
        };
        match due {
            Err(failure) => failed(failure),
            Ok(due) if due > turn.now.plus(WAIT_MAX) => {
                failed(Failure::new(code::BAD_WAIT, format!("a wait until {due} is longer than {WAIT_MAX}")))
            }
            Ok(due) if due <= turn.now => Flow::StepEnded(Ok(waited(due))),
            Ok(due) => {
                step.doing = Doing::Waiting { due };
                step.record.state = StepState::Waiting;
                let change = Change::Wake { step: step.at.clone(), due };
                self.park(id, step, change, turn)
            }
        }
    }
}

/// The output of a `wait` step.
pub(super) fn waited(due: Timestamp) -> Value {
    Value::from_pairs([("until", Value::from(due.to_string()))])
}

/// A text such as `5m`, or a number of seconds. What is past has passed.
fn length(value: &Value) -> Result<Span, Failure> {
    let fail = || {
        Failure::new(code::BAD_WAIT, format!("`{value}` is not a length of time; give a text such as 5m or a number of seconds"))
    };
    match value.kind() {
        ValueKind::String => value.as_str().unwrap_or_default().parse().map_err(|_| fail()),
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(seconds) if seconds.is_finite() => Ok(Span((seconds * 1_000.0).round().max(0.0) as u64)),
            _ => Err(fail()),
        },
        _ => Err(fail()),
    }
}

/// RFC 3339, or milliseconds since 1970.
fn instant(value: &Value) -> Result<Timestamp, Failure> {
    let fail = || {
        let what = "is not a point in time; give RFC 3339 (2026-03-14T09:26:53Z) or milliseconds since 1970";
        Failure::new(code::BAD_WAIT, format!("`{value}` {what}"))
    };
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default().trim();
            text.parse::<jiff::Timestamp>().map(|instant| Timestamp(instant.as_millisecond())).map_err(|_| fail())
        }
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(ms) if ms.is_finite() => Ok(Timestamp(ms as i64)),
            _ => Err(fail()),
        },
        _ => Err(fail()),
    }
}
