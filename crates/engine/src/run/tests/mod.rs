//! Events in, changes out. No time passes here but the one that is told.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::expression::{Value, from_json};
use crate::id::RunId;
use crate::time::{Span, Timestamp};
use crate::workflow::{Backoff, Retry, Step, StepKind, Workflow};

mod actions;
mod control;
mod limits;
mod random;

pub(super) const START: Timestamp = Timestamp(1_773_480_413_000);

pub(super) fn workflow(steps: Vec<Step>) -> Workflow {
    Workflow {
        format: 1,
        name: "test".to_owned(),
        description: None,
        triggers: Vec::new(),
        settings: crate::workflow::Settings::default(),
        steps,
    }
}

/// The steps written in YAML.
pub(super) fn steps(yaml: &str) -> Vec<Step> {
    let indented: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("hookmill: 1\nname: test\nsteps:\n{indented}");
    crate::workflow::read(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).steps
}

pub(super) fn compile(steps: Vec<Step>) -> Arc<Program> {
    let default = |action: &str| {
        (action == "patient").then(|| Retry {
            attempts: 3,
            backoff: Backoff::Fixed,
            delay: Some(Span(1_000)),
            max_delay: None,
            on: vec![],
        })
    };
    Arc::new(Program::compile(&workflow(steps), &default).unwrap_or_else(|problems| panic!("{problems:?}")))
}

pub(super) fn input() -> RunInput {
    let webhook = json!({"total": 100, "items": ["a", "b", "c"], "nested": [[1, 2], [3]], "body": {"x": 1, "y": 2}});
    RunInput {
        run: RunId(7),
        workflow_name: "test".to_owned(),
        revision: 3,
        seed: 99,
        webhook: from_json(&webhook),
        variables: vec![("kept".to_owned(), Value::from("memory"))],
    }
}

/// A run and its obedient owner, who writes down what was told.
pub(super) struct Owner {
    pub(super) state: RunState,
    pub(super) changes: Vec<Change>,
    pub(super) journal: Vec<Entry>,
    pub(super) now: Timestamp,
}

impl Owner {
    pub(super) fn start(yaml: &str) -> Self {
        Self::of(compile(steps(yaml)))
    }

    pub(super) fn of(program: Arc<Program>) -> Self {
        let (state, changes) = RunState::start(&program, input(), START);
        Self { state, changes, journal: Vec::new(), now: START }
    }

    /// Tells an event, a millisecond after the last one.
    pub(super) fn tell(&mut self, event: Event) -> &[Change] {
        self.now = self.now.plus(Span(1));
        self.changes = decide(&mut self.state, &event, self.now);
        self.journal.push(Entry { at: self.now, event });
        &self.changes
    }

    pub(super) fn done(&mut self, step: &str, attempt: u32, output: Json) -> &[Change] {
        self.ended(step, attempt, AttemptResult::Done { output })
    }

    pub(super) fn failed(&mut self, step: &str, attempt: u32, failure: Failure) -> &[Change] {
        self.ended(step, attempt, AttemptResult::Failed(failure))
    }

    fn ended(&mut self, step: &str, attempt: u32, result: AttemptResult) -> &[Change] {
        let started_at = self.now;
        self.tell(Event::AttemptEnded { step: StepAt::new(step), attempt, result, logs: vec![], started_at })
    }

    /// Lets the earliest timer go off.
    pub(super) fn wake(&mut self) -> &[Change] {
        let due = self.state.next_due().expect("a timer runs");
        let step = self
            .state
            .pending()
            .into_iter()
            .find_map(|pending| match pending {
                Pending::Timer { step, due: at } if at == due => Some(step),
                _ => None,
            })
            .expect("the timer is pending");
        self.now = self.now.max(Timestamp(due.0 - 1));
        self.tell(Event::Woke { step })
    }

    /// What waits, in short.
    pub(super) fn waits(&self) -> Vec<String> {
        self.state
            .pending()
            .iter()
            .map(|pending| match pending {
                Pending::Attempt { step, attempt, .. } => format!("{step} #{attempt}"),
                Pending::Timer { step, due } => format!("{step} +{}", due.ms_since(START)),
                Pending::Ask { step, .. } => format!("{step} ?"),
            })
            .collect()
    }

    pub(super) fn output(&self) -> Json {
        match self.state.outcome() {
            Some(Outcome::Succeeded { output }) => output.clone(),
            other => panic!("not succeeded: {other:?}, waits for {:?}", self.waits()),
        }
    }

    pub(super) fn failure(&self) -> &Failure {
        match self.state.outcome() {
            Some(Outcome::Failed(failure)) => failure,
            other => panic!("not failed: {other:?}, waits for {:?}", self.waits()),
        }
    }

    /// The states of all steps, in short.
    pub(super) fn states(&self) -> Vec<String> {
        self.state.steps().steps.iter().map(|step| format!("{} {:?}", step.at, step.state).to_lowercase()).collect()
    }

    /// Folding the journal gives the run as it is.
    pub(super) fn check_fold(&self) {
        let folded = fold(self.state.program(), input(), START, &self.journal);
        assert_same(&folded, &self.state);
    }
}

pub(super) fn assert_same(folded: &RunState, live: &RunState) {
    assert_eq!(folded.pending(), live.pending());
    assert_eq!(folded.outcome(), live.outcome());
    assert_eq!(folded.answer(), live.answer());
    assert_eq!(folded.next_due(), live.next_due());
    assert_eq!(folded.steps(), live.steps());
    assert_eq!(folded.steps_done(), live.steps_done());
    assert_eq!(folded.bytes, live.bytes);
}

pub(super) fn oops() -> Failure {
    Failure::new("oops", "it broke")
}
