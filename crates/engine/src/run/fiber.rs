//! The cursor of a run: one fiber a live branch, each with the stack of what it is inside of.
//!
//! An event finds its fiber by the step it is about and goes on from the top of the stack, so that it costs the same after
//! ten thousand iterations as after one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::frame::Frame;
use super::program::{BlockIndex, NodeIndex};
use super::shown::Record;
use super::{Failure, StepAt};
use crate::expression::Value;
use crate::time::Timestamp;

pub(super) type FiberId = u64;

/// A live branch.
#[derive(Debug)]
pub(super) struct Fiber {
    pub(super) stack: Vec<Activation>,
    /// What its expressions can see.
    pub(super) frame: Arc<Frame>,
    /// The frame it began in.
    pub(super) base: Arc<Frame>,
    pub(super) parent: Option<Parent>,
}

/// The fiber that waits for another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    pub(super) fiber: FiberId,
    /// Which of its branches or iterations this is.
    pub(super) branch: usize,
    /// The frame is that of an iteration: it goes when the fiber goes.
    pub(super) own_frame: bool,
}

/// Something that has begun and not ended.
#[derive(Debug)]
pub(super) enum Activation {
    /// A block: its next step, and what the last one gave.
    Block { block: BlockIndex, next: usize, last: Value },
    /// A step.
    Step(Box<Occurrence>),
}

/// A step that has begun and not ended.
#[derive(Debug)]
pub(super) struct Occurrence {
    pub(super) node: NodeIndex,
    pub(super) at: StepAt,
    pub(super) record: Record,
    /// The frame in which the step began; its blocks may have frames of their own within.
    pub(super) frame: Arc<Frame>,
    pub(super) doing: Doing,
}

/// How far a step is.
#[derive(Debug)]
pub(super) enum Doing {
    /// It has only begun.
    Beginning,
    /// An action: which attempt, and what it waits for.
    Action { attempt: u32, waits: ActionWaits },
    /// A `wait` step.
    Waiting { due: Timestamp },
    /// `if` or `switch`: the chosen block runs.
    Choosing,
    /// `for_each`, one iteration after the other.
    Each { items: Vec<Value>, next: usize, results: Vec<Value>, bytes: usize },
    /// `while`.
    While { iterations: u64 },
    /// `parallel` or `for_each` with several iterations at once.
    Joining(Box<Join>),
    /// `try`.
    Trying,
    /// The `catch` block runs.
    Catching,
    /// The `finally` block runs; this is what comes after it.
    Finishing { result: Result<Value, Failure> },
    /// The `on_error` block runs.
    Handling,
}

/// What an action waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionWaits {
    /// The end of the attempt.
    End { started: bool },
    /// The next attempt.
    Pause { due: Timestamp },
    /// Somebody's decision about the attempt.
    Decision,
}

/// Fibers that run at the same time, and what they gave so far.
#[derive(Debug)]
pub(super) struct Join {
    /// By branch or iteration.
    pub(super) live: BTreeMap<usize, FiberId>,
    pub(super) results: Vec<Option<Value>>,
    pub(super) bytes: usize,
    /// Of a `for_each`: the elements, and which iteration comes next.
    pub(super) items: Vec<Value>,
    pub(super) next: usize,
    /// Whether what follows is known already: then the step goes on in this turn, and what still ends in it changes nothing.
    pub(super) decided: bool,
}

/// What follows.
#[derive(Debug)]
pub(super) enum Flow {
    /// The block on top of the stack goes on.
    Next,
    /// The block that was on top of the stack has ended.
    BlockEnded(Result<Value, Failure>),
    /// The step on top of the stack has ended.
    StepEnded(Result<Value, Failure>),
    /// The fiber waits for an event or for other fibers.
    Parked,
}

impl Doing {
    /// How many bytes of results go when the step goes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Each { bytes, .. } => *bytes,
            Self::Joining(join) => join.bytes,
            _ => 0,
        }
    }
}

impl Fiber {
    pub(super) fn new(block: BlockIndex, frame: Arc<Frame>, parent: Option<Parent>) -> Self {
        let mut fiber = Self { stack: Vec::with_capacity(4), base: Arc::clone(&frame), frame, parent };
        fiber.push_block(block);
        fiber
    }

    /// How many bytes of names and outputs go when the fiber goes.
    pub(super) fn frame_bytes(&self) -> usize {
        let own = match self.parent {
            Some(parent) if parent.own_frame => self.base.bytes(),
            _ => 0,
        };
        own + self.frame.bytes_within(&self.base)
    }

    pub(super) fn push_block(&mut self, block: BlockIndex) {
        self.stack.push(Activation::Block { block, next: 0, last: Value::from(()) });
    }

    /// The step on top of the stack.
    pub(super) fn step(&mut self) -> Option<&mut Occurrence> {
        match self.stack.last_mut() {
            Some(Activation::Step(step)) => Some(step),
            _ => None,
        }
    }

    pub(super) fn occurrences(&self) -> impl Iterator<Item = &Occurrence> {
        self.stack.iter().filter_map(|activation| match activation {
            Activation::Step(step) => Some(&**step),
            Activation::Block { .. } => None,
        })
    }
}
