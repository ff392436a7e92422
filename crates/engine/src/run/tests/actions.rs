//! Attempts, pauses, questions, inputs.

use super::*;

#[test]
fn a_failed_attempt_is_repeated_as_the_policy_says() {
    let mut owner = Owner::start("- { id: a, use: patient, timeout: 9s }");
    let attempt =
        |attempt| Change::Attempt { step: StepAt::new("a"), action: "patient".into(), attempt, timeout: Some(Span(9_000)) };
    assert_eq!(owner.changes, [attempt(1)]);
    let again = || Failure { retryable: true, ..oops() };
    for number in 1..3 {
        let due = owner.now.plus(Span(1_001));
        assert_eq!(owner.failed("a", number, again()), [Change::Wake { step: StepAt::new("a"), due }]);
        assert_eq!(owner.wake(), [attempt(number + 1)]);
    }
    owner.failed("a", 3, again());
    assert_eq!(owner.failure(), &Failure { step: Some(StepAt::new("a")), ..again() });
    let steps = owner.state.steps();
    assert_eq!(steps.steps[0].attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    owner.check_fold();
}

#[test]
fn events_that_do_not_fit_change_nothing() {
    let mut owner = Owner::start("- { id: a, use: patient }\n- { id: b, use: act }");
    let once = Failure { retryable: true, ..oops() };
    owner.failed("a", 1, once);
    let started_at = owner.now;
    let late = |attempt| Event::AttemptEnded {
        step: StepAt::new("a"),
        attempt,
        result: AttemptResult::Done { output: json!(1) },
        logs: vec![],
        started_at,
    };
    for event in [
        late(1),
        late(2),
        Event::Woke { step: StepAt::new("a") },
        Event::Woke { step: StepAt::new("nobody") },
        Event::AttemptStarted { step: StepAt::new("a"), attempt: 1 },
        Event::OutcomeUnknown { step: StepAt::new("a"), attempt: 1 },
        Event::Resolved { step: StepAt::new("a"), resolution: Resolution::Retry },
    ] {
        assert_eq!(owner.tell(event.clone()), [], "{event:?}");
    }
    assert_eq!(owner.waits(), ["a +1001"]);
    owner.wake();
    assert_eq!(owner.tell(late(1)), []);
    owner.done("a", 2, json!("ok"));
    assert_eq!(owner.waits(), ["b #1"]);
    assert_eq!(owner.tell(late(2)), []);
    owner.check_fold();
}

#[test]
fn an_unknown_outcome_is_asked_about() {
    for (resolution, expected) in [
        (Resolution::Retry, vec!["a #2"]),
        (Resolution::TakeAsDone { output: json!(5) }, vec!["b #1"]),
        (Resolution::TakeAsFailed { message: "it did not arrive".into() }, vec![]),
    ] {
        let mut owner = Owner::start("- { id: a, use: patient }\n- { id: b, use: act, with: { v: '{{ steps.a }}' } }");
        owner.tell(Event::AttemptStarted { step: StepAt::new("a"), attempt: 1 });
        assert!(matches!(owner.state.pending()[..], [Pending::Attempt { started: true, .. }]));
        assert_eq!(
            owner.tell(Event::OutcomeUnknown { step: StepAt::new("a"), attempt: 1 }),
            [Change::Ask { step: StepAt::new("a") }]
        );
        assert_eq!((owner.waits(), owner.states()), (vec!["a ?".to_owned()], vec!["a asking".to_owned()]));
        assert_eq!(owner.tell(Event::OutcomeUnknown { step: StepAt::new("a"), attempt: 1 }), []);
        owner.tell(Event::Resolved { step: StepAt::new("a"), resolution });
        assert_eq!(owner.waits(), expected);
        if expected.is_empty() {
            assert_eq!(owner.failure().code, code::OUTCOME_DECLINED);
        }
        owner.check_fold();
    }
}

#[test]
fn an_unknown_outcome_is_repeated_where_that_is_declared_safe() {
    let mut owner =
        Owner::start("- { id: a, use: act, retry: { attempts: 2, delay: 2s, backoff: fixed, on: [outcome_unknown] } }");
    owner.tell(Event::AttemptStarted { step: StepAt::new("a"), attempt: 1 });
    owner.tell(Event::OutcomeUnknown { step: StepAt::new("a"), attempt: 1 });
    assert_eq!(owner.waits(), ["a +2002"]);
    owner.wake();
    assert_eq!(owner.waits(), ["a #2"]);
    owner.tell(Event::OutcomeUnknown { step: StepAt::new("a"), attempt: 2 });
    assert_eq!(owner.failure().code, code::OUTCOME_UNKNOWN);
    owner.check_fold();
}

#[test]
fn a_step_says_what_follows_an_unknown_outcome() {
    let unknown = |attempt| Event::OutcomeUnknown { step: StepAt::new("a"), attempt };
    // Without a word about pauses or attempts it is attempted again at once, but not for ever.
    let mut owner = Owner::start("- { id: a, use: act, on_unknown: retry }");
    for attempt in 1..ATTEMPTS_MAX {
        owner.tell(Event::AttemptStarted { step: StepAt::new("a"), attempt });
        owner.tell(unknown(attempt));
        assert_eq!(owner.waits(), [format!("a #{}", attempt + 1)]);
    }
    owner.tell(unknown(ATTEMPTS_MAX));
    assert_eq!(owner.waits(), ["a ?"]);
    owner.check_fold();

    let mut owner = Owner::start("- { id: a, use: patient, on_unknown: fail }");
    owner.tell(unknown(1));
    assert_eq!(owner.failure().code, code::OUTCOME_UNKNOWN, "and not repeated like other failures");
    owner.check_fold();

    let both = "- { id: a, use: act, on_unknown: ask, retry: { attempts: 2, on: [outcome_unknown] } }";
    let mut owner = Owner::start(both);
    owner.tell(unknown(1));
    assert_eq!(owner.waits(), ["a ?"], "what it says of this case wins");
    owner.check_fold();
}

#[test]
fn inputs_are_rendered_when_asked_for_and_alone_see_secrets() {
    let owner = Owner::start(
        "- set: { n: 5 }\n- id: a\n  use: act\n  with: { key: 'Bearer {{ secrets.KEY }}', n: '{{ n }}', u: '{{ uuid() }}', o: \"{{ secrets.OTHER | default('none') }}\" }",
    );
    let step = StepAt::new("a");
    let secrets = |name: &str| (name == "KEY").then(|| "hush".to_owned());
    let rendered = attempt_input(&owner.state, &step, &secrets, START).expect("it renders");
    assert_eq!((&rendered["key"], &rendered["n"], &rendered["o"]), (&json!("Bearer hush"), &json!(5), &json!("none")));
    let later = attempt_input(&owner.state, &step, &secrets, START.plus(Span(5))).expect("it renders");
    assert_eq!(rendered, later, "also its random values, so that a repeated attempt is recognised");
    let failure = attempt_input(&owner.state, &step, &|_| None, START).expect_err("a secret is missing");
    assert_eq!((failure.code.as_str(), failure.message.as_str()), (code::UNKNOWN_SECRET, "there is no secret `KEY`"));
    let nobody = attempt_input(&owner.state, &StepAt::new("b"), &secrets, START).expect_err("nothing is pending");
    assert_eq!(nobody.code, code::NOT_PENDING);
}

#[test]
fn the_journal_reads_as_it_was_written() {
    let step = StepAt::new("each[3].stock");
    let failure =
        Failure { retryable: true, retry_after: Some(Span(5_000)), details: Some(json!({"status": 503})), ..oops() }.at(&step);
    let logs = vec![LogLine { at: START, level: LogLevel::Warn, message: "slow".into() }];
    let entries: Vec<Entry> = [
        Event::AttemptStarted { step: step.clone(), attempt: 1 },
        Event::AttemptEnded { step: step.clone(), attempt: 1, result: AttemptResult::Failed(failure), logs, started_at: START },
        Event::AttemptEnded {
            step: step.clone(),
            attempt: 2,
            result: AttemptResult::Done { output: json!([1, null]) },
            logs: vec![],
            started_at: START,
        },
        Event::Woke { step: step.clone() },
        Event::Resolved { step: step.clone(), resolution: Resolution::TakeAsDone { output: json!({}) } },
        Event::Resolved { step: step.clone(), resolution: Resolution::Retry },
        Event::OutcomeUnknown { step, attempt: 1 },
        Event::Cancelled { reason: "x".into() },
        Event::TimedOut,
    ]
    .map(|event| Entry { at: START, event })
    .into();
    let text = serde_json::to_string(&entries).expect("it is written");
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&text).expect("it is read"), entries);
    insta::assert_snapshot!(serde_json::to_string(&entries[0]).expect("it is written"), @r#"{"at":1773480413000,"event":"attempt_started","step":"each[3].stock","attempt":1}"#);
    insta::assert_snapshot!(serde_json::to_string(&entries[2]).expect("it is written"), @r#"{"at":1773480413000,"event":"attempt_ended","step":"each[3].stock","attempt":2,"result":{"done":{"output":[1,null]}},"started_at":1773480413000}"#);
}
