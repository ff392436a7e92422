//! A run in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::fiber::{ActionWaits, Activation, Doing, Fiber, FiberId, Flow};
use super::frame::{Facts, Frame, Sight};
use super::machine::Turn;
use super::program::{Kind, Program};
use super::shown::Shown;
use super::{Answer, Change, Entry, Failure, Outcome, Pending, StepAt, StepsView, code, decide};
use crate::expression::{Names, Scope, Value, to_json};
use crate::id::RunId;
use crate::time::Timestamp;

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct RunInput {
    /// The run.
    pub run: RunId,
    /// The workflow's name, for `{{ run.workflow }}`.
    pub workflow_name: String,
    /// The revision that the run is pinned to.
    pub revision: u32,
    /// Where random values of the run come from.
    pub seed: u64,
    /// The `webhook` object.
    pub webhook: Value,
    /// Variables that exist from the beginning: header and body memory.
    pub variables: Vec<(String, Value)>,
}

/// The state of a run: what its journal means for its program. Made by [`RunState::start`] or [`fold`].
#[derive(Debug)]
pub struct RunState {
    pub(super) program: Arc<Program>,
    pub(super) facts: Arc<Facts>,
    pub(super) frame: Arc<Frame>,
    pub(super) fibers: HashMap<FiberId, Fiber>,
    pub(super) next_fiber: FiberId,
    /// Fibers to go on with.
    pub(super) ready: VecDeque<(FiberId, Flow)>,
    /// By the step it waits in.
    pub(super) waiting: HashMap<StepAt, FiberId>,
    pub(super) shown: Shown,
    pub(super) answer: Option<Answer>,
    pub(super) outcome: Option<Outcome>,
    pub(super) bytes: usize,
    pub(super) steps_done: u64,
}

impl RunState {
    /// Begins a run, and goes on until it must wait for something. Also tells what must be done.
    #[must_use]
    pub fn start(program: &Arc<Program>, input: RunInput, now: Timestamp) -> (Self, Vec<Change>) {
        let run = Value::from_pairs([
            ("id", Value::from(input.run.to_string())),
            ("workflow", Value::from(input.workflow_name)),
            ("revision", Value::from(input.revision)),
            ("started_at", Value::from(now.to_string())),
        ]);
        let frame = Frame::outermost(input.variables);
        let mut state = Self {
            program: Arc::clone(program),
            facts: Arc::new(Facts { webhook: input.webhook, run, seed: input.seed }),
            fibers: HashMap::new(),
            next_fiber: 0,
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            shown: Shown::new(program.nodes.len()),
            answer: None,
            outcome: None,
            bytes: 0,
            steps_done: 0,
            frame,
        };
        let mut turn = Turn::new(now);
        let first = Fiber::new(program.root, Arc::clone(&state.frame), None);
        state.spawn(first);
        state.go_on(&mut turn);
        let changes = state.wanted(turn);
        (state, changes)
    }

    /// What the run waits for, in the order of the steps' names.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let mut pending: Vec<Pending> = self.waiting.values().filter_map(|id| self.pending_of(*id)).collect();
        pending.sort_by(|a, b| a.step().cmp(b.step()));
        pending
    }

    fn pending_of(&self, fiber: FiberId) -> Option<Pending> {
        let Some(Activation::Step(occurrence)) = self.fibers.get(&fiber)?.stack.last() else { return None };
        let step = occurrence.at.clone();
        let node = &self.program.nodes[occurrence.node];
        match (&occurrence.doing, &node.kind) {
            (Doing::Waiting { due }, _) => Some(Pending::Timer { step, due: *due }),
            (Doing::Action { attempt, waits }, Kind::Action { action, .. }) => Some(match waits {
                ActionWaits::End { started } => Pending::Attempt {
                    step,
                    action: Arc::clone(action),
                    attempt: *attempt,
                    timeout: node.timeout,
                    started: *started,
                },
                ActionWaits::Pause { due } => Pending::Timer { step, due: *due },
                ActionWaits::Decision => Pending::Ask { step, attempt: *attempt },
            }),
            _ => None,
        }
    }

    /// The earliest point in time that the run waits for.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = |id: &FiberId| match self.pending_of(*id)? {
            Pending::Timer { due, .. } => Some(due),
            Pending::Attempt { .. } | Pending::Ask { .. } => None,
        };
        self.waiting.values().filter_map(due).min()
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What a `respond` step said, if one was reached.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// What an expression outside of all loops can see: `webhook`, `run`, the variables, the outputs of the steps. No secrets.
    #[must_use]
    pub fn names(&self) -> Arc<dyn Names> {
        Arc::new(Sight { frame: Arc::clone(&self.frame), facts: Arc::clone(&self.facts), secrets: None })
    }

    /// How many step occurrences have ended.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.steps_done
    }

    /// The program that the run executes.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The steps, for people.
    #[must_use]
    pub fn steps(&self) -> StepsView {
        let live = self.fibers.values().flat_map(Fiber::occurrences).map(|occurrence| &occurrence.record);
        self.shown.view(&self.program, live, self.outcome.is_some())
    }

    pub(super) fn scope(&self, frame: &Arc<Frame>, at: &str, now: Timestamp, secrets: Option<Value>) -> Scope {
        let sight = Sight { frame: Arc::clone(frame), facts: Arc::clone(&self.facts), secrets };
        Scope::new(Arc::new(sight), now, self.facts.seed, Arc::from(at))
    }
}

/// Rebuilds a run from its journal. What must still be done is told by [`RunState::pending`].
#[must_use]
pub fn fold(program: &Arc<Program>, input: RunInput, started_at: Timestamp, entries: &[Entry]) -> RunState {
    let (mut state, _) = RunState::start(program, input, started_at);
    for entry in entries {
        decide(&mut state, &entry.event, entry.at);
    }
    state
}

/// The rendered input of a pending attempt. `secrets` gives the secret with a name.
///
/// # Errors
/// An expression gives no value, a secret does not exist, or no attempt of the step is pending. Tell it as the end of the
/// attempt.
pub fn attempt_input(
    state: &RunState,
    step: &StepAt,
    secrets: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Result<serde_json::Value, Failure> {
    let fiber = state.waiting.get(step).and_then(|id| state.fibers.get(id));
    let Some(Activation::Step(occurrence)) = fiber.and_then(|fiber| fiber.stack.last()) else {
        return Err(Failure::new(code::NOT_PENDING, "no attempt of the step is pending").at(step));
    };
    let Kind::Action { with, secrets: uses, .. } = &state.program.nodes[occurrence.node].kind else {
        return Err(Failure::new(code::NOT_PENDING, "the step is no action").at(step));
    };
    let mut known = Vec::new();
    for secret in uses {
        match secrets(&secret.name) {
            Some(value) => known.push((Value::from(secret.name.as_str()), Value::from(value))),
            None if secret.optional => {}
            None => return Err(Failure::new(code::UNKNOWN_SECRET, format!("there is no secret `{}`", secret.name)).at(step)),
        }
    }
    let scope = state.scope(&occurrence.frame, step.as_str(), now, Some(Value::from_pairs(known)));
    with.eval(&scope).map(|value| to_json(&value)).map_err(|error| Failure::expression(&error).at(step))
}
