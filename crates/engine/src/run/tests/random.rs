//! Random documents under random events: folding the journal gives the run as it was, after every single entry.
//!
//! This is what recovery after a crash relies on: whatever prefix of the journal is on disk, the run goes on from there.

use proptest::prelude::*;

use super::*;
use crate::workflow::{Case, OnError, StopOutcome, Wait};

fn step(kind: StepKind, id: Option<String>, on_error: Option<OnError>) -> Step {
    let retry = match &kind {
        StepKind::Use { .. } => {
            Some(Retry { attempts: 2, backoff: Backoff::Exponential, delay: Some(Span(50)), max_delay: None, on: vec![] })
        }
        _ => None,
    };
    Step { id, title: None, kind, retry, timeout: None, on_unknown: None, on_error }
}

fn leaf() -> impl Strategy<Value = StepKind> {
    let text = prop_oneof![
        Just("{{ webhook.total + 1 }}"),
        Just("{{ kept }}"),
        Just("{{ nope }}"),
        Just("{{ item }}"),
        Just("{{ uuid() }}"),
        Just("{{ now() }}"),
        Just("{{ v1 | default(0) }}"),
        Just("{{ steps | json }}"),
        Just("plain"),
    ];
    prop_oneof![
        6 => text.clone().prop_map(|text| StepKind::Use { action: "act".into(), with: [("v".to_owned(), json!(text))].into_iter().collect() }),
        3 => ("[vw][12]", text.clone()).prop_map(|(name, text)| StepKind::Set { set: [(name, json!(text))].into_iter().collect() }),
        2 => (0u64..2_000).prop_map(|ms| StepKind::Wait { wait: Wait::Fixed(Span(ms)) }),
        1 => Just(StepKind::Respond { respond: [("body".to_owned(), json!("{{ webhook.total }}"))].into_iter().collect() }),
        1 => text.prop_map(|text| StepKind::Stop { stop: StopOutcome::Success(json!(text)) }),
        1 => Just(StepKind::Stop { stop: StopOutcome::Failure("enough".into()) }),
    ]
}

fn block(inner: impl Strategy<Value = Step> + Clone + 'static) -> impl Strategy<Value = Vec<Step>> + Clone {
    proptest::collection::vec(inner, 0..3)
}

fn on_error(inner: impl Strategy<Value = Step> + Clone + 'static) -> impl Strategy<Value = Option<OnError>> {
    prop_oneof![4 => Just(None), 1 => Just(Some(OnError::Continue)), 1 => block(inner).prop_map(|steps| Some(OnError::Do(steps)))]
}

fn tree() -> impl Strategy<Value = Step> {
    let leaf = leaf().prop_map(|kind| step(kind, None, None)).boxed();
    leaf.prop_recursive(3, 24, 4, |inner| {
        let steps = block(inner.clone());
        let condition =
            prop_oneof![Just(json!("{{ webhook.total > 50 }}")), Just(json!("{{ v1 is defined }}")), Just(json!("{{ oops }}"))];
        let list = prop_oneof![
            Just(json!("{{ webhook.items }}")),
            Just(json!("{{ webhook.body }}")),
            Just(json!([1, 2])),
            Just(json!(7))
        ];
        let kind = prop_oneof![
            leaf_kind(&inner),
            (condition, steps.clone(), steps.clone()).prop_map(|(condition, then, otherwise)| StepKind::If {
                condition,
                then,
                otherwise
            }),
            (steps.clone(), steps.clone()).prop_map(|(body, default)| StepKind::Switch {
                switch: json!("{{ kept }}"),
                cases: vec![Case { when: json!("memory"), body }],
                default
            }),
            (list, 1u32..4, steps.clone()).prop_map(|(for_each, concurrency, body)| StepKind::ForEach {
                for_each,
                item: None,
                index: None,
                concurrency: Some(concurrency),
                body
            }),
            (1u32..4, steps.clone()).prop_map(|(turns, body)| StepKind::While {
                condition: json!(format!("{{{{ index < {turns} }}}}")),
                max: Some(3),
                body
            }),
            (steps.clone(), steps.clone()).prop_map(|(a, b)| StepKind::Parallel {
                parallel: [("a".to_owned(), a), ("b".to_owned(), b)].into_iter().collect()
            }),
            (steps.clone(), steps.clone(), steps).prop_map(|(attempt, catch, finally)| StepKind::Try { attempt, catch, finally }),
        ];
        (kind, on_error(inner)).prop_map(|(kind, on_error)| step(kind, None, on_error))
    })
}

fn leaf_kind(_: &BoxedStrategy<Step>) -> BoxedStrategy<StepKind> {
    leaf().boxed()
}

/// Gives every step an id that is its own, as reading a document would demand.
fn name_all(steps: &mut [Step], next: &mut usize) {
    for step in steps {
        // Some stay without, so that places are used as names as well.
        if !next.is_multiple_of(3) {
            step.id = Some(format!("s{next}"));
        }
        *next += 1;
        if let Some(OnError::Do(steps)) = &mut step.on_error {
            name_all(steps, next);
        }
        match &mut step.kind {
            StepKind::If { then, otherwise, .. } => [then, otherwise].into_iter().for_each(|steps| name_all(steps, next)),
            StepKind::Switch { cases, default, .. } => {
                cases.iter_mut().for_each(|case| name_all(&mut case.body, next));
                name_all(default, next);
            }
            StepKind::ForEach { body, .. } | StepKind::While { body, .. } => name_all(body, next),
            StepKind::Parallel { parallel } => parallel.values_mut().for_each(|steps| name_all(steps, next)),
            StepKind::Try { attempt, catch, finally } => {
                [attempt, catch, finally].into_iter().for_each(|steps| name_all(steps, next))
            }
            _ => {}
        }
    }
}

/// What the world does next, chosen by `choice` among what fits, and sometimes what does not.
fn next_event(owner: &mut Owner, choice: u32) -> Event {
    let pending = owner.state.pending();
    if choice.is_multiple_of(41) {
        return Event::Cancelled { reason: "random".into() };
    }
    if choice.is_multiple_of(43) {
        return Event::TimedOut;
    }
    if choice.is_multiple_of(11) && !owner.journal.is_empty() {
        // Something told before is told again.
        return owner.journal[choice as usize / 11 % owner.journal.len()].event.clone();
    }
    match pending[choice as usize / 3 % pending.len()].clone() {
        Pending::Timer { step, due } => {
            owner.now = owner.now.max(due);
            Event::Woke { step }
        }
        Pending::Ask { step, .. } => {
            let resolution = match choice % 3 {
                0 => Resolution::Retry,
                1 => Resolution::TakeAsDone { output: json!(choice) },
                _ => Resolution::TakeAsFailed { message: "declined".into() },
            };
            Event::Resolved { step, resolution }
        }
        Pending::Attempt { step, attempt, started: false, .. } if choice.is_multiple_of(4) => {
            Event::AttemptStarted { step, attempt }
        }
        Pending::Attempt { step, attempt, started: true, .. } if choice % 4 == 1 => Event::OutcomeUnknown { step, attempt },
        Pending::Attempt { step, attempt, .. } => {
            let result = match attempt_input(&owner.state, &step, &|_| None, owner.now) {
                Err(failure) => AttemptResult::Failed(failure),
                Ok(input) if !choice.is_multiple_of(5) => AttemptResult::Done { output: json!({"of": input, "n": choice}) },
                Ok(_) => AttemptResult::Failed(Failure { retryable: choice.is_multiple_of(2), ..oops() }),
            };
            let logs = vec![LogLine { at: owner.now, level: LogLevel::Info, message: format!("{choice}") }];
            Event::AttemptEnded { step, attempt, result, logs, started_at: owner.now }
        }
    }
}

/// What was asked for and is still to be done, as the changes tell it, is exactly what is pending.
fn check_changes(asked: &[Change], pending: &[Pending], after: &[Change]) {
    for change in after {
        let fits = |pending: &Pending| match (change, pending) {
            (Change::Attempt { step, attempt, .. }, Pending::Attempt { step: s, attempt: a, started, .. }) => {
                step == s && attempt == a && !started
            }
            (Change::Wake { step, due }, Pending::Timer { step: s, due: d }) => step == s && due == d,
            (Change::Ask { step }, Pending::Ask { step: s, .. }) => step == s,
            _ => false,
        };
        let once = matches!(change, Change::Respond(_) | Change::Finish(_));
        assert!(once || pending.iter().any(fits), "{change:?} is asked for but not pending: {pending:?}");
    }
    let ends = asked.iter().filter(|change| matches!(change, Change::Finish(_))).count();
    let answers = asked.iter().filter(|change| matches!(change, Change::Respond(_))).count();
    assert!(ends <= 1 && answers <= 1, "{asked:?}");
    for waiting in pending {
        let told = asked.iter().any(|change| match (change, waiting) {
            (Change::Attempt { step, attempt, .. }, Pending::Attempt { step: s, attempt: a, .. }) => step == s && attempt == a,
            (Change::Wake { step, due }, Pending::Timer { step: s, due: d }) => step == s && due == d,
            (Change::Ask { step }, Pending::Ask { step: s, .. }) => step == s,
            _ => false,
        });
        assert!(told, "{waiting:?} is pending but was never asked for");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_prefix_of_a_journal_folds_to_the_run_as_it_was(
        mut steps in proptest::collection::vec(tree(), 1..5), choices in proptest::collection::vec(any::<u32>(), 60)
    ) {
        name_all(&mut steps, &mut 1);
        let program = compile(steps);
        let mut owner = Owner::of(Arc::clone(&program));
        let mut asked = owner.changes.clone();
        owner.check_fold();
        for choice in choices {
            if owner.state.outcome().is_some() {
                break;
            }
            prop_assert!(!owner.state.pending().is_empty(), "the run neither waits nor has ended");
            let event = next_event(&mut owner, choice);
            let after = owner.tell(event).to_vec();
            asked.extend(after.iter().cloned());
            check_changes(&asked, &owner.state.pending(), &after);
            // What is on disk is text.
            let text = serde_json::to_string(&owner.journal).expect("it is written");
            owner.journal = serde_json::from_str(&text).expect("it is read");
            owner.check_fold();
        }
        if owner.state.outcome().is_some() {
            prop_assert!(owner.state.fibers.is_empty() && owner.state.waiting.is_empty() && owner.state.ready.is_empty());
            let live = [StepState::Running, StepState::Waiting, StepState::Asking];
            prop_assert!(owner.state.steps().steps.iter().all(|step| !live.contains(&step.state)));
        }
    }

    #[test]
    fn going_on_from_any_prefix_ends_as_the_run_did(
        mut steps in proptest::collection::vec(tree(), 1..4), choices in proptest::collection::vec(any::<u32>(), 40), cut in any::<u32>()
    ) {
        name_all(&mut steps, &mut 1);
        let program = compile(steps);
        let mut owner = Owner::of(Arc::clone(&program));
        for choice in choices {
            if owner.state.outcome().is_some() {
                break;
            }
            let event = next_event(&mut owner, choice);
            owner.tell(event);
        }
        let cut = cut as usize % (owner.journal.len() + 1);
        let mut state = fold(&program, input(), START, &owner.journal[..cut]);
        for entry in &owner.journal[cut..] {
            decide(&mut state, &entry.event, entry.at);
        }
        assert_same(&state, &owner.state);
    }
}
