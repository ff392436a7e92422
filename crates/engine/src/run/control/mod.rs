//! What each kind of step does when it begins and when a block inside it ends.

use std::sync::Arc;

use super::RunState;
use super::fiber::{Doing, Fiber, FiberId, Flow, Occurrence};
use super::machine::{RUN_STATE_BYTES_MAX, Turn};
use super::program::{Kind, WaitFor};
use super::{Change, Failure, Outcome, code};
use crate::expression::{Scope, Template, Value, bytes_up_to, to_json};

mod action;
mod join;
mod repeat;
mod respond;
mod wait;

/// Evaluates a template; an error is the step's failure.
fn eval(template: &Template, scope: &Scope) -> Result<Value, Failure> {
    template.eval(scope).map_err(|error| Failure::expression(&error))
}

/// The block of the first case with this value.
fn case(value: &Template, cases: &[(Template, usize)], default: usize, scope: &Scope) -> Result<usize, Failure> {
    let value = eval(value, scope)?;
    for (when, block) in cases {
        if eval(when, scope)? == value {
            return Ok(*block);
        }
    }
    Ok(default)
}

/// A step that could not even begin.
fn failed(failure: Failure) -> Flow {
    Flow::StepEnded(Err(failure))
}

impl RunState {
    /// Begins the step on top of the stack.
    pub(super) fn begin_kind(&mut self, id: FiberId, fiber: &mut Fiber, kind: &Kind, turn: &mut Turn) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        match kind {
            Kind::Action { .. } => self.begin_action(id, step, turn),
            Kind::Set(variables) => Flow::StepEnded(self.set(step, variables, turn)),
            Kind::If { condition, then, otherwise } => {
                let holds = eval(condition, &self.step_scope(step, turn)).map(|value| value.is_true());
                self.choose(fiber, holds.map(|holds| if holds { *then } else { *otherwise }))
            }
            Kind::Switch { value, cases, default } => {
                let block = case(value, cases, *default, &self.step_scope(step, turn));
                self.choose(fiber, block)
            }
            Kind::ForEach { items, item, index, concurrency, body } => {
                let scope = self.step_scope(step, turn);
                match repeat::elements(items, &scope) {
                    Err(failure) => failed(failure),
                    Ok(items) if *concurrency == 1 || items.len() < 2 => {
                        step.doing = Doing::Each { items, next: 0, results: Vec::new(), bytes: 0 };
                        self.next_iteration(fiber, item, index, *body)
                    }
                    Ok(items) => self.begin_iterations(id, fiber, items, *concurrency),
                }
            }
            Kind::While { .. } => {
                step.doing = Doing::While { iterations: 0 };
                self.next_while(fiber, kind, turn)
            }
            Kind::Parallel { blocks, .. } => self.begin_branches(id, fiber, blocks),
            Kind::Try { attempt, .. } => {
                step.doing = Doing::Trying;
                let frame = Arc::clone(&step.frame);
                Self::run_block(fiber, *attempt, frame)
            }
            Kind::Wait(wait) => self.begin_wait(id, step, wait, turn),
            Kind::Respond(answer) => Flow::StepEnded(self.respond(step, answer, turn)),
            Kind::StopSuccess(output) => match eval(output, &self.step_scope(step, turn)) {
                Ok(value) => self.stop(fiber, &value, Outcome::Succeeded { output: to_json(&value) }, turn),
                Err(failure) => failed(failure),
            },
            Kind::StopFailure(message) => match eval(message, &self.step_scope(step, turn)) {
                Ok(value) => {
                    let message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let failure = Failure::new(code::STOPPED, message).at(&step.at);
                    self.stop(fiber, &value, Outcome::Failed(failure), turn)
                }
                Err(failure) => failed(failure),
            },
        }
    }

    /// Goes on after a block inside the step on top of the stack has ended.
    pub(super) fn block_ended(&mut self, fiber: &mut Fiber, result: Result<Value, Failure>, turn: &mut Turn) -> Flow {
        let program = Arc::clone(&self.program);
        let Some(step) = fiber.step() else { return Flow::Parked };
        let kind = &program.nodes[step.node].kind;
        let outer = Arc::clone(&step.frame);
        let inner = std::mem::replace(&mut fiber.frame, outer);
        let Some(step) = fiber.step() else { return Flow::Parked };
        match (&mut step.doing, kind) {
            (Doing::Trying, Kind::Try { catch, finally, .. }) => match (result, catch) {
                (Err(failure), Some(catch)) => {
                    step.doing = Doing::Catching;
                    let frame = step.frame.with("error", failure.to_value());
                    Self::run_block(fiber, *catch, frame)
                }
                (result, _) => Self::finally(fiber, *finally, result),
            },
            (Doing::Catching, Kind::Try { finally, .. }) => Self::finally(fiber, *finally, result),
            (Doing::Finishing { result: before }, _) => {
                let before = std::mem::replace(before, Ok(Value::default()));
                // A failure of `finally` hides what came before it, as everywhere.
                Flow::StepEnded(result.and(before))
            }
            (Doing::Each { .. }, Kind::ForEach { item, index, body, .. }) => match self.iteration_ended(step, &inner, result) {
                Ok(()) => self.next_iteration(fiber, item, index, *body),
                Err(failure) => failed(failure),
            },
            (Doing::While { iterations }, Kind::While { .. }) => {
                *iterations += 1;
                let freed = self.charge(0, inner.bytes());
                match result.and(freed.map(|()| Value::default())) {
                    Ok(_) => self.next_while(fiber, kind, turn),
                    Err(failure) => failed(failure),
                }
            }
            (Doing::Joining(_), _) => self.joined(fiber, result, turn),
            // `if`, `switch` and `on_error` give what their block gives.
            _ => Flow::StepEnded(result),
        }
    }

    /// What the step's expressions can see.
    fn step_scope(&self, step: &Occurrence, turn: &Turn) -> Scope {
        self.scope(&step.frame, step.at.as_str(), turn.now, None)
    }

    /// Runs the block that a condition leads to, if it can be told which.
    fn choose(&mut self, fiber: &mut Fiber, block: Result<usize, Failure>) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        match block {
            Ok(block) => {
                step.doing = Doing::Choosing;
                let frame = Arc::clone(&step.frame);
                Self::run_block(fiber, block, frame)
            }
            Err(failure) => failed(failure),
        }
    }

    fn finally(fiber: &mut Fiber, finally: Option<usize>, result: Result<Value, Failure>) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        let Some(finally) = finally else { return Flow::StepEnded(result) };
        step.doing = Doing::Finishing { result };
        let frame = Arc::clone(&step.frame);
        Self::run_block(fiber, finally, frame)
    }

    /// Variables are set one after the other, so that a later one can use an earlier one.
    fn set(&mut self, step: &Occurrence, variables: &[(Arc<str>, Template)], turn: &Turn) -> Result<Value, Failure> {
        let scope = self.step_scope(step, turn);
        let mut output = Vec::with_capacity(variables.len());
        for (name, template) in variables {
            let value = eval(template, &scope)?;
            let bytes = bytes_up_to(&value, RUN_STATE_BYTES_MAX);
            let changed = step.frame.set(name, value.clone(), bytes);
            self.charge(changed.more, changed.less)?;
            output.push((Value::from(Arc::clone(name)), value));
        }
        Ok(Value::from_pairs(output))
    }

    /// Ends the whole run at once, from wherever the step stands. `finally` blocks do not run.
    fn stop(&mut self, fiber: &mut Fiber, value: &Value, outcome: Outcome, turn: &mut Turn) -> Flow {
        if let Some(super::fiber::Activation::Step(mut step)) = fiber.stack.pop() {
            self.steps_done += 1;
            step.record.output = Some(value.clone());
            let in_loop = self.program.nodes[step.node].in_loop;
            self.shown.end(step.record, super::StepState::Succeeded, in_loop, turn.now);
        }
        self.finish(outcome, turn);
        Flow::Next
    }

    /// The step waits for something that a worker tells by its name.
    fn park(&mut self, id: FiberId, step: &Occurrence, change: Change, turn: &mut Turn) -> Flow {
        self.waiting.insert(step.at.clone(), id);
        turn.changes.push(change);
        Flow::Parked
    }
}

impl WaitFor {
    /// The template, unless it is fixed.
    fn template(&self) -> Option<&Template> {
        match self {
            Self::Fixed(_) => None,
            Self::Span(template) | Self::Until(template) => Some(template),
        }
    }
}
