//! `parallel`, and `for_each` with several iterations at once: fibers and the step that waits for them.
//!
//! The first failure cancels the others; what they were waiting for is ignored when it comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::RunState;
use super::super::fiber::{Doing, Fiber, FiberId, Flow, Join, Parent};
use super::super::machine::{RUN_STATE_BYTES_MAX, Turn};
use super::super::program::{BlockIndex, Kind};
use super::super::{Failure, StepAt};
use crate::expression::{Value, bytes_up_to};

impl RunState {
    pub(super) fn begin_branches(&mut self, id: FiberId, fiber: &mut Fiber, blocks: &[BlockIndex]) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        if blocks.is_empty() {
            return Flow::StepEnded(Ok(Value::from_pairs(Vec::<(Value, Value)>::new())));
        }
        let mut live = BTreeMap::new();
        for (branch, block) in blocks.iter().enumerate() {
            let parent = Parent { fiber: id, branch, own_frame: false };
            live.insert(branch, self.spawn(Fiber::new(*block, Arc::clone(&step.frame), Some(parent))));
        }
        let results = vec![None; blocks.len()];
        let (items, next) = (Vec::new(), blocks.len());
        step.doing = Doing::Joining(Box::new(Join { live, results, bytes: 0, items, next, decided: false }));
        Flow::Parked
    }

    pub(super) fn begin_iterations(&mut self, id: FiberId, fiber: &mut Fiber, items: Vec<Value>, concurrency: usize) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        let results = vec![None; items.len()];
        let mut join = Join { live: BTreeMap::new(), results, bytes: 0, items, next: 0, decided: false };
        for _ in 0..concurrency.min(join.items.len()) {
            self.spawn_iteration(id, step.node, &step.at, &step.frame, &mut join);
        }
        step.doing = Doing::Joining(Box::new(join));
        Flow::Parked
    }

    fn spawn_iteration(
        &mut self,
        id: FiberId,
        node: usize,
        at: &StepAt,
        frame: &Arc<super::super::frame::Frame>,
        join: &mut Join,
    ) {
        let program = Arc::clone(&self.program);
        let Kind::ForEach { item, index, body, .. } = &program.nodes[node].kind else { return };
        let Some(element) = join.items.get_mut(join.next).map(std::mem::take) else { return };
        let number = join.next;
        join.next += 1;
        let names = vec![(Arc::clone(index), Value::from(number)), (Arc::clone(item), element)];
        let frame = frame.iteration(at.as_str(), number, names);
        let parent = Parent { fiber: id, branch: number, own_frame: true };
        join.live.insert(number, self.spawn(Fiber::new(*body, frame, Some(parent))));
    }

    /// A fiber that another one waits for has ended: hands its result over.
    pub(in crate::run) fn branch_ended(&mut self, parent: Parent, frame_bytes: usize, result: Result<Value, Failure>) {
        let Some(mut fiber) = self.fibers.remove(&parent.fiber) else { return };
        if let Some(flow) = self.keep_branch(parent, &mut fiber, frame_bytes, result) {
            self.ready.push_back((parent.fiber, flow));
        }
        self.fibers.insert(parent.fiber, fiber);
    }

    /// What follows for the waiting step, once something does.
    fn keep_branch(
        &mut self,
        parent: Parent,
        fiber: &mut Fiber,
        frame_bytes: usize,
        result: Result<Value, Failure>,
    ) -> Option<Flow> {
        let step = fiber.step()?;
        let (node, at, frame) = (step.node, step.at.clone(), Arc::clone(&step.frame));
        let Doing::Joining(join) = &mut step.doing else { return None };
        join.live.remove(&parent.branch)?;
        if join.decided {
            // What it held is free. Whoever needs no more cannot need too much.
            self.charge(0, frame_bytes).ok()?;
            return None;
        }
        let more = result.as_ref().map_or(0, |value| bytes_up_to(value, RUN_STATE_BYTES_MAX));
        join.bytes += more;
        let kept = self.charge(more, frame_bytes);
        let ended = match result.and_then(|value| kept.map(|()| value)) {
            Err(failure) => Some(Err(failure)),
            Ok(value) => {
                join.results[parent.branch] = Some(value);
                self.spawn_iteration(parent.fiber, node, &at, &frame, join);
                join.live.is_empty().then(|| Ok(Value::default()))
            }
        };
        join.decided = ended.is_some();
        ended.map(Flow::BlockEnded)
    }

    /// All have ended, or one has failed.
    pub(super) fn joined(&mut self, fiber: &mut Fiber, result: Result<Value, Failure>, turn: &Turn) -> Flow {
        let Some(step) = fiber.step() else { return Flow::Parked };
        let node = step.node;
        let Doing::Joining(join) = std::mem::replace(&mut step.doing, Doing::Choosing) else { return Flow::Parked };
        for id in join.live.values() {
            self.cancel(*id, turn.now);
        }
        let freed = self.charge(0, join.bytes);
        let results = join.results.into_iter().map(Option::unwrap_or_default);
        Flow::StepEnded(result.and(freed).map(|()| match &self.program.nodes[node].kind {
            Kind::Parallel { names, .. } => {
                Value::from_pairs(names.iter().map(|name| Value::from(Arc::clone(name))).zip(results))
            }
            _ => Value::from(results.collect::<Vec<_>>()),
        }))
    }
}
