//! Going on: from what a fiber has reached to where it must wait.
//!
//! Nothing here calls itself for a nested step: nesting is the fiber's stack, branches are the queue of ready fibers.

use std::sync::Arc;

use super::fiber::{Activation, Doing, Fiber, FiberId, Flow, Occurrence};
use super::program::{BlockIndex, Handling, NodeIndex};
use super::view::StepState;
use super::{Change, Failure, Outcome, RunState, StepAt, code};
use crate::expression::{Value, bytes_up_to};
use crate::time::Timestamp;

/// The most data that a run may hold: variables, outputs, results of loops under way.
pub const RUN_STATE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The most steps that a run may go through without waiting for anything.
pub const STEPS_AT_ONCE_MAX: u32 = 1_000_000;

/// One going on: the time it happens at, what it asks for, and how long it may last.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) now: Timestamp,
    pub(super) changes: Vec<Change>,
    steps_left: u32,
}

impl Turn {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, changes: Vec::new(), steps_left: STEPS_AT_ONCE_MAX }
    }
}

impl RunState {
    /// Adds a fiber that goes on from its first step.
    pub(super) fn spawn(&mut self, fiber: Fiber) -> FiberId {
        let id = self.next_fiber;
        self.next_fiber += 1;
        self.fibers.insert(id, fiber);
        self.ready.push_back((id, Flow::Next));
        id
    }

    /// Goes on with every ready fiber until all wait or the run has ended.
    pub(super) fn go_on(&mut self, turn: &mut Turn) {
        while let Some((id, flow)) = self.ready.pop_front() {
            if self.outcome.is_some() {
                self.ready.clear();
                return;
            }
            // A fiber that was ready may have been cancelled since.
            if let Some(fiber) = self.fibers.remove(&id) {
                self.drive(id, fiber, flow, turn);
            }
        }
    }

    /// What must be done after a turn. A branch that began and was cancelled in the same turn asks for nothing any more.
    pub(super) fn wanted(&self, turn: Turn) -> Vec<Change> {
        let mut changes = turn.changes;
        changes.retain(|change| match change {
            Change::Attempt { step, .. } | Change::Wake { step, .. } | Change::Ask { step } => self.waiting.contains_key(step),
            Change::Respond(_) | Change::Finish(_) => true,
        });
        changes
    }

    fn drive(&mut self, id: FiberId, mut fiber: Fiber, mut flow: Flow, turn: &mut Turn) {
        loop {
            if self.outcome.is_some() {
                return self.close(fiber, turn.now);
            }
            flow = match flow {
                Flow::Parked => {
                    self.fibers.insert(id, fiber);
                    return;
                }
                Flow::Next => self.next_step(id, &mut fiber, turn),
                Flow::StepEnded(result) => self.step_ended(&mut fiber, result, turn),
                Flow::BlockEnded(result) => match fiber.stack.last() {
                    Some(_) => self.block_ended(&mut fiber, result, turn),
                    None => return self.fiber_ended(&fiber, result, turn),
                },
            };
        }
    }

    fn next_step(&mut self, id: FiberId, fiber: &mut Fiber, turn: &mut Turn) -> Flow {
        let Some(Activation::Block { block, next, last }) = fiber.stack.last_mut() else { return Flow::Parked };
        let Some(node) = self.program.blocks[*block].get(*next).copied() else {
            let last = std::mem::take(last);
            fiber.stack.pop();
            return Flow::BlockEnded(Ok(last));
        };
        *next += 1;
        if turn.steps_left == 0 {
            let message = format!("the run went through {STEPS_AT_ONCE_MAX} steps without waiting for anything");
            self.finish(Outcome::Failed(Failure::new(code::LOOP_LIMIT, message)), turn);
            return Flow::Next;
        }
        turn.steps_left -= 1;
        self.begin(id, fiber, node, turn)
    }

    fn begin(&mut self, id: FiberId, fiber: &mut Fiber, node: NodeIndex, turn: &mut Turn) -> Flow {
        let program = Arc::clone(&self.program);
        let at = occurrence_name(&program.nodes[node].label, fiber.frame.prefix());
        let record = self.shown.begin(at.clone(), node, turn.now);
        let frame = Arc::clone(&fiber.frame);
        fiber.stack.push(Activation::Step(Box::new(Occurrence { node, at, record, frame, doing: Doing::Beginning })));
        self.begin_kind(id, fiber, &program.nodes[node].kind, turn)
    }

    fn step_ended(&mut self, fiber: &mut Fiber, result: Result<Value, Failure>, turn: &mut Turn) -> Flow {
        let program = Arc::clone(&self.program);
        let Some(step) = fiber.step() else { return Flow::Parked };
        let node = &program.nodes[step.node];
        let frame = Arc::clone(&step.frame);
        let handled = matches!(step.doing, Doing::Handling);
        let result = match result {
            Ok(value) => self.keep_output(step, value),
            Err(failure) => Err(failure.at(&step.at)),
        };
        let result = match (result, node.on_error) {
            (Err(failure), Handling::Continue) => {
                step.record.error = Some(failure.clone());
                self.keep_output(step, Value::from_pairs([("error", failure.to_value())]))
            }
            (Err(failure), Handling::Do(block)) if !handled => {
                step.record.error = Some(failure.clone());
                step.doing = Doing::Handling;
                fiber.frame = frame.with("error", failure.to_value());
                fiber.push_block(block);
                return Flow::Next;
            }
            (result, _) => result,
        };
        fiber.frame = frame;
        let Some(Activation::Step(ended)) = fiber.stack.pop() else { return Flow::Parked };
        self.steps_done += 1;
        let mut record = ended.record;
        let state = match &result {
            Ok(_) if record.error.is_none() => StepState::Succeeded,
            // The run goes on, but the step did fail.
            Ok(_) => StepState::Failed,
            Err(failure) => {
                record.error = Some(failure.clone());
                StepState::Failed
            }
        };
        self.shown.end(record, state, node.in_loop, turn.now);
        match (result, fiber.stack.last_mut()) {
            (Ok(value), Some(Activation::Block { last, .. })) => {
                *last = value;
                Flow::Next
            }
            (result, _) => {
                fiber.stack.pop();
                Flow::BlockEnded(result)
            }
        }
    }

    /// Leaves the output where expressions and people find it.
    fn keep_output(&mut self, step: &mut Occurrence, value: Value) -> Result<Value, Failure> {
        if let Some(id) = &self.program.nodes[step.node].id {
            let bytes = bytes_up_to(&value, RUN_STATE_BYTES_MAX);
            let changed = step.frame.set_output(id, value.clone(), bytes);
            self.charge(changed.more, changed.less).map_err(|failure| failure.at(&step.at))?;
        }
        step.record.output = Some(value.clone());
        Ok(value)
    }

    /// Counts what the run holds.
    pub(super) fn charge(&mut self, more: usize, less: usize) -> Result<(), Failure> {
        self.bytes = (self.bytes + more).saturating_sub(less);
        if more > 0 && self.bytes > RUN_STATE_BYTES_MAX {
            let limit = RUN_STATE_BYTES_MAX / (1024 * 1024);
            return Err(Failure::new(code::STATE_TOO_LARGE, format!("the run holds more than {limit} MiB of data")));
        }
        Ok(())
    }

    fn fiber_ended(&mut self, fiber: &Fiber, result: Result<Value, Failure>, turn: &mut Turn) {
        if let Some(parent) = fiber.parent {
            return self.branch_ended(parent, fiber.frame_bytes(), result);
        }
        let outcome = match result {
            Ok(value) => Outcome::Succeeded { output: crate::expression::to_json(&value) },
            Err(failure) => Outcome::Failed(failure),
        };
        self.finish(outcome, turn);
    }

    /// Ends the run, with everything that is under way.
    pub(super) fn finish(&mut self, outcome: Outcome, turn: &mut Turn) {
        self.outcome = Some(outcome.clone());
        let mut ids: Vec<FiberId> = self.fibers.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(fiber) = self.fibers.remove(&id) {
                self.close(fiber, turn.now);
            }
        }
        self.waiting.clear();
        self.ready.clear();
        turn.changes.push(Change::Finish(outcome));
    }

    /// Cancels a fiber and those that it waits for. What they still hear is ignored.
    pub(super) fn cancel(&mut self, id: FiberId, now: Timestamp) {
        let mut rest = vec![id];
        while let Some(id) = rest.pop() {
            let Some(fiber) = self.fibers.remove(&id) else { continue };
            for occurrence in fiber.occurrences() {
                if let Doing::Joining(join) = &occurrence.doing {
                    rest.extend(join.live.values());
                }
            }
            self.close(fiber, now);
        }
    }

    fn close(&mut self, fiber: Fiber, now: Timestamp) {
        let results: usize = fiber.occurrences().map(|occurrence| occurrence.doing.bytes()).sum();
        self.bytes = self.bytes.saturating_sub(fiber.frame_bytes() + results);
        for activation in fiber.stack {
            let Activation::Step(step) = activation else { continue };
            self.waiting.remove(&step.at);
            let in_loop = self.program.nodes[step.node].in_loop;
            self.shown.end(step.record, StepState::Cancelled, in_loop, now);
        }
    }

    /// Runs a block of the step on top of the stack, in `frame`.
    pub(super) fn run_block(fiber: &mut Fiber, block: BlockIndex, frame: Arc<super::frame::Frame>) -> Flow {
        fiber.frame = frame;
        fiber.push_block(block);
        Flow::Next
    }
}

fn occurrence_name(label: &Arc<str>, prefix: &Arc<str>) -> StepAt {
    if prefix.is_empty() { StepAt::new(Arc::clone(label)) } else { StepAt::new(format!("{prefix}{label}")) }
}
