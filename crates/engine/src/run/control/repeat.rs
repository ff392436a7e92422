//! `for_each` one by one, and `while`.

use std::sync::Arc;

use minijinja::value::ValueKind;

use super::super::RunState;
use super::super::fiber::{Doing, Fiber, Flow, Occurrence};
use super::super::frame::Frame;
use super::super::machine::{RUN_STATE_BYTES_MAX, Turn};
use super::super::program::Kind;
use super::super::{Failure, code};
use super::{eval, failed};
use crate::expression::{Scope, Template, Value, bytes_up_to};

/// The most elements that a `for_each` takes.
pub(super) const ELEMENTS_MAX: usize = 1_000_000;

/// The elements of a list, or `{key, value}` for each member of an object.
pub(super) fn elements(items: &Template, scope: &Scope) -> Result<Vec<Value>, Failure> {
    let value = eval(items, scope)?;
    let count = value.len().unwrap_or(0);
    if count > ELEMENTS_MAX {
        return Err(Failure::new(code::LOOP_LIMIT, format!("for_each takes at most {ELEMENTS_MAX} elements, these are {count}")));
    }
    let all = |value: &Value| value.try_iter().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(all(&value)),
        ValueKind::Map => Ok(all(&value)
            .into_iter()
            .map(|key| {
                let member = value.get_item(&key).unwrap_or_default();
                Value::from_pairs([("key", key), ("value", member)])
            })
            .collect()),
        kind => Err(Failure::new(code::NOT_A_LIST, format!("for_each needs a list or an object, this is a {kind}"))),
    }
}

impl RunState {
    /// Begins the next iteration, or ends the loop with what all of them gave.
    pub(super) fn next_iteration(&mut self, fiber: &mut Fiber, item: &Arc<str>, index: &Arc<str>, body: usize) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        let Doing::Each { items, next, results, bytes } = &mut step.doing else { return Flow::Parked };
        let Some(element) = items.get_mut(*next).map(std::mem::take) else {
            let output = Value::from(std::mem::take(results));
            let freed = std::mem::take(bytes);
            return Flow::StepEnded(self.charge(0, freed).map(|()| output));
        };
        let number = *next;
        *next += 1;
        let names = vec![(Arc::clone(index), Value::from(number)), (Arc::clone(item), element)];
        let frame = step.frame.iteration(step.at.as_str(), number, names);
        Self::run_block(fiber, body, frame)
    }

    /// Keeps what an iteration gave; its frame goes.
    pub(super) fn iteration_ended(
        &mut self,
        step: &mut Occurrence,
        inner: &Frame,
        result: Result<Value, Failure>,
    ) -> Result<(), Failure> {
        self.charge(0, inner.bytes())?;
        let Doing::Each { results, bytes, .. } = &mut step.doing else { return Ok(()) };
        match result {
            Ok(value) => {
                let more = bytes_up_to(&value, RUN_STATE_BYTES_MAX);
                results.push(value);
                *bytes += more;
                self.charge(more, 0)
            }
            Err(failure) => {
                let freed = std::mem::take(bytes);
                self.charge(0, freed)?;
                Err(failure)
            }
        }
    }

    /// Begins the next iteration if the condition is still true.
    pub(super) fn next_while(&mut self, fiber: &mut Fiber, kind: &Kind, turn: &mut Turn) -> Flow {
        let Kind::While { condition, max, body } = kind else { return Flow::Parked };
        let Some(step) = fiber.step() else { return Flow::Parked };
        let Doing::While { iterations } = step.doing else { return Flow::Parked };
        let number = usize::try_from(iterations).unwrap_or(usize::MAX);
        let names = vec![(Arc::from("index"), Value::from(iterations))];
        let frame = step.frame.iteration(step.at.as_str(), number, names);
        let scope = self.scope(&frame, frame.prefix(), turn.now, None);
        match eval(condition, &scope) {
            Err(failure) => failed(failure),
            Ok(value) if !value.is_true() => Flow::StepEnded(Ok(Value::from_pairs([("iterations", Value::from(iterations))]))),
            Ok(_) if iterations >= *max => {
                failed(Failure::new(code::LOOP_LIMIT, format!("the condition is still true after {max} iterations (`max`)")))
            }
            Ok(_) => Self::run_block(fiber, *body, frame),
        }
    }
}
