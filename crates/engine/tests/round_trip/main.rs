//! Whatever can be in a document survives both texts exactly.

mod triggers;

use hookmill_engine::time::Span;
use hookmill_engine::workflow::{
    Backoff, Case, FORMAT, OnError, OnUnknown, Retry, Settings, Step, StepKind, StopOutcome, Wait, Workflow, read, to_json,
    to_yaml,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use triggers::trigger;

/// Texts that look like something else in YAML, and texts that are hard to write.
const TRICKY: &[&str] = &[
    "",
    " ",
    "yes",
    "No",
    "on",
    "~",
    "null",
    "Null",
    "true",
    "1",
    "-1",
    "0x10",
    "0o7",
    "1e3",
    "1_000",
    ".5",
    ".inf",
    ".nan",
    "2024-03-15",
    "12:30:00",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "? a",
    ": a",
    "a:",
    "{",
    "}",
    "[",
    "]",
    "{{ a }}",
    "'",
    "\"",
    "''",
    "a'b\"c",
    "\\",
    "\\n",
    "a\nb",
    "a\n",
    "\na",
    "\n",
    "\n\n",
    " a",
    "a ",
    " a\nb ",
    "a\n\n\nb\n\n",
    "  indented\nless",
    "\ttab",
    "a\tb",
    "a\r\nb",
    "\r",
    "nul\0nul",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{1f600}",
    "\u{10ffff}",
    "---",
    "...",
    "--- a",
    "<<",
    "=",
    "é",
    "\u{1b}[0m",
    "007",
    "+1",
    "1.",
    "0.1",
    "1e999",
    "Infinity",
    "NaN",
    "y",
    "n",
    "nan",
    "0b1",
    "١",
];

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        proptest::sample::select(TRICKY).prop_map(str::to_owned),
        "[a-z]{1,8}",
        "\\PC{0,20}",
        "[ -~\n\t]{0,40}",
        vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Value::Number)),
        proptest::sample::select(&[0.0, -0.0, 0.1, 1e21, 1e300, 5e-324, 150.0][..]).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn object() -> BoxedStrategy<Map<String, Value>> {
    vec((text(), value()), 0..3).prop_map(|members| members.into_iter().collect()).boxed()
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![0u64..100_000, any::<u64>()].prop_map(Span)
}

fn retry() -> impl Strategy<Value = Retry> {
    let backoff = prop_oneof![Just(Backoff::Exponential), Just(Backoff::Fixed)];
    (any::<u32>(), backoff, option::of(span()), option::of(span()), vec(text(), 0..2))
        .prop_map(|(attempts, backoff, delay, max_delay, on)| Retry { attempts, backoff, delay, max_delay, on })
}

fn leaf_kind() -> impl Strategy<Value = StepKind> {
    prop_oneof![
        (text(), object()).prop_map(|(action, with)| StepKind::Use { action, with }),
        object().prop_map(|set| StepKind::Set { set }),
        object().prop_map(|respond| StepKind::Respond { respond }),
        span().prop_map(|span| StepKind::Wait { wait: Wait::Fixed(span) }),
        text().prop_map(|span| StepKind::Wait { wait: Wait::For { span } }),
        text().prop_map(|until| StepKind::Wait { wait: Wait::Until { until } }),
        value().prop_map(|value| StepKind::Stop { stop: StopOutcome::Success(value) }),
        text().prop_map(|text| StepKind::Stop { stop: StopOutcome::Failure(text) }),
    ]
}

fn block_kind(steps: BoxedStrategy<Vec<Step>>) -> impl Strategy<Value = StepKind> {
    let case = (value(), steps.clone()).prop_map(|(when, body)| Case { when, body });
    prop_oneof![
        (value(), steps.clone(), steps.clone()).prop_map(|(condition, then, otherwise)| StepKind::If {
            condition,
            then,
            otherwise
        }),
        (value(), vec(case, 0..3), steps.clone()).prop_map(|(switch, cases, default)| StepKind::Switch {
            switch,
            cases,
            default
        }),
        (value(), option::of(text()), option::of(text()), option::of(any::<u32>()), steps.clone()).prop_map(
            |(for_each, item, index, concurrency, body)| StepKind::ForEach { for_each, item, index, concurrency, body }
        ),
        (value(), option::of(any::<u32>()), steps.clone()).prop_map(|(condition, max, body)| StepKind::While {
            condition,
            max,
            body
        }),
        vec((text(), steps.clone()), 0..3).prop_map(|branches| StepKind::Parallel { parallel: branches.into_iter().collect() }),
        (steps.clone(), steps.clone(), steps).prop_map(|(attempt, catch, finally)| StepKind::Try { attempt, catch, finally }),
    ]
}

fn step(kind: BoxedStrategy<StepKind>, steps: BoxedStrategy<Vec<Step>>) -> impl Strategy<Value = Step> {
    let on_error = prop_oneof![Just(OnError::Fail), Just(OnError::Continue), steps.prop_map(OnError::Do)];
    let on_unknown = prop_oneof![Just(OnUnknown::Ask), Just(OnUnknown::Retry), Just(OnUnknown::Fail)];
    let attempts = (option::of(retry()), option::of(span()), option::of(on_unknown));
    (option::of(text()), option::of(text()), kind, attempts, option::of(on_error)).prop_map(
        |(id, title, kind, (retry, timeout, on_unknown), on_error)| Step {
            id,
            title,
            kind,
            retry,
            timeout,
            on_unknown,
            on_error,
        },
    )
}

fn steps(depth: usize) -> BoxedStrategy<Vec<Step>> {
    if depth == 0 {
        return Just(Vec::new()).boxed();
    }
    let inner = steps(depth - 1);
    let kind = prop_oneof![2 => leaf_kind(), 1 => block_kind(inner.clone())].boxed();
    vec(step(kind, inner), 0..3).boxed()
}

fn workflow() -> impl Strategy<Value = Workflow> {
    let settings = (option::of(any::<u32>()), option::of(text()), any::<bool>(), option::of(span())).prop_map(
        |(concurrency, lane, park_lane_on_failure, timeout)| Settings { concurrency, lane, park_lane_on_failure, timeout },
    );
    (text(), option::of(text()), vec(trigger(), 0..3), settings, steps(3)).prop_map(
        |(name, description, triggers, settings, steps)| Workflow {
            format: FORMAT,
            name,
            description,
            triggers,
            settings,
            steps,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_document_survives_both_texts(workflow in workflow()) {
        let (yaml, json) = (to_yaml(&workflow), to_json(&workflow));
        prop_assert_eq!(read(&yaml), Ok(workflow.clone()), "{}", yaml);
        prop_assert_eq!(read(&json), Ok(workflow), "{}", json);
    }
}

#[test]
fn texts_that_look_like_something_else_stay_texts() {
    for text in TRICKY {
        let set = json!({ "v": text, *text: [text, {"k": text}] });
        let Value::Object(set) = set else { unreachable!("it is an object") };
        let step = Step {
            id: None,
            title: None,
            kind: StepKind::Set { set },
            retry: None,
            timeout: None,
            on_unknown: None,
            on_error: None,
        };
        let workflow = Workflow {
            format: FORMAT,
            name: (*text).to_owned(),
            description: None,
            triggers: vec![],
            settings: Settings::default(),
            steps: vec![step],
        };
        let yaml = to_yaml(&workflow);
        assert_eq!(read(&yaml).as_ref(), Ok(&workflow), "{text:?}: {yaml}");
        assert_eq!(read(&to_json(&workflow)).as_ref(), Ok(&workflow), "{text:?}");
    }
}
