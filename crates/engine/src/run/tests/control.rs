//! Every control step, alone and within others.

use super::*;

/// Runs documents that need nothing from outside, and compares the output of the last step.
#[test]
fn pure_documents_end_at_once_with_the_output_of_their_last_step() {
    for (yaml, expected) in [
        ("- set: { a: 1 }", json!({"a": 1})),
        (
            "- set: { a: '{{ webhook.total * 2 }}', b: '{{ a + 1 }}', c: 'is {{ b }}' }",
            json!({"a": 200, "b": 201, "c": "is 201"}),
        ),
        ("- { id: x, set: { a: 1 } }\n- set: { b: '{{ steps.x.a + a }}' }", json!({"b": 2})),
        ("- set: { m: '{{ kept }}', r: '{{ run.revision }} {{ run.id }}' }", json!({"m": "memory", "r": "3 run_0000000000007"})),
        ("- if: '{{ webhook.total > 50 }}'\n  then: [{ set: { s: big } }]\n  else: [{ set: { s: small } }]", json!({"s": "big"})),
        (
            "- if: '{{ webhook.total > 500 }}'\n  then: [{ set: { s: big } }]\n  else: [{ set: { s: small } }]",
            json!({"s": "small"}),
        ),
        ("- if: '{{ false }}'\n  then: [{ set: { s: big } }]", json!(null)),
        (
            "- switch: '{{ webhook.total }}'\n  cases:\n  - { when: 1, do: [{ set: { s: one } }] }\n  - { when: '{{ 50 * 2 }}', do: [{ set: { s: hundred } }] }\n  default: [{ set: { s: other } }]",
            json!({"s": "hundred"}),
        ),
        ("- switch: x\n  cases:\n  - { when: y, do: [] }\n  default: [{ set: { s: other } }]", json!({"s": "other"})),
        (
            "- for_each: '{{ webhook.items }}'\n  do: [{ set: { v: '{{ index }}{{ item }}' } }]",
            json!([{"v": "0a"}, {"v": "1b"}, {"v": "2c"}]),
        ),
        (
            "- for_each: '{{ webhook.body }}'\n  as: m\n  index: n\n  do: [{ set: { v: '{{ m.key }}{{ m.value + n }}' } }]",
            json!([{"v": "x1"}, {"v": "y3"}]),
        ),
        ("- for_each: []\n  do: [{ set: { v: 1 } }]", json!([])),
        (
            "- for_each: '{{ webhook.items }}'\n  concurrency: 2\n  do: [{ set: { v: '{{ item }}' } }]",
            json!([{"v": "a"}, {"v": "b"}, {"v": "c"}]),
        ),
        (
            "- for_each: '{{ webhook.nested }}'\n  as: row\n  do:\n  - for_each: '{{ row }}'\n    as: cell\n    do: [{ set: { v: '{{ cell * 10 }}' } }]",
            json!([[{"v": 10}, {"v": 20}], [{"v": 30}]]),
        ),
        ("- set: { n: 0 }\n- while: '{{ n < 5 }}'\n  do: [{ set: { n: '{{ n + 1 }}' } }]", json!({"iterations": 5})),
        (
            "- set: { n: 0 }\n- while: '{{ index < 4 }}'\n  do: [{ set: { n: '{{ n + index }}' } }]\n- set: { m: '{{ n }}' }",
            json!({"m": 6}),
        ),
        ("- while: '{{ false }}'\n  do: [{ set: { n: 1 } }]", json!({"iterations": 0})),
        ("- parallel: { a: [{ set: { x: 1 } }], b: [{ set: { y: 2 } }] }", json!({"a": {"x": 1}, "b": {"y": 2}})),
        ("- try: [{ set: { x: 1 } }]\n  catch: [{ set: { x: 2 } }]", json!({"x": 1})),
        (
            "- try: [{ set: { x: '{{ nope }}' } }]\n  catch: [{ set: { x: '{{ error.code }}' } }]",
            json!({"x": "expression_error"}),
        ),
        ("- set: { n: 0 }\n- try: [{ set: { x: 1 } }]\n  finally: [{ set: { n: 9 } }]\n- set: { m: '{{ n }}' }", json!({"m": 9})),
        ("- { id: w, wait: 0s }\n- set: { u: '{{ steps.w.until }}' }", json!({"u": "2026-03-14T09:26:53.000Z"})),
        ("- wait: { for: '{{ 0 - 5 }}' }\n- set: { a: 1 }", json!({"a": 1})),
        ("- wait: { until: '2020-01-01T00:00:00Z' }\n- set: { a: 1 }", json!({"a": 1})),
        ("- stop: { success: { total: '{{ webhook.total }}' } }\n- set: { never: 1 }", json!({"total": 100})),
        (
            "- for_each: '{{ webhook.items }}'\n  do:\n  - if: '{{ item == \"b\" }}'\n    then: [{ stop: { success: '{{ item }}' } }]",
            json!("b"),
        ),
        ("- parallel: { a: [{ stop: { success: 1 } }], b: [{ set: { y: 2 } }] }", json!(1)),
        (
            "- { id: bad, set: { x: '{{ nope }}' }, on_error: continue }\n- set: { c: '{{ steps.bad.error.code }}' }",
            json!({"c": "expression_error"}),
        ),
        (
            "- set: { x: '{{ nope }}' }\n  on_error: { do: [{ set: { c: '{{ error.message }}' } }] }",
            json!({"c": "`nope` is not defined (in `nope`)"}),
        ),
        (
            "- for_each: '{{ webhook.items }}'\n  do:\n  - try:\n    - if: '{{ item == \"b\" }}'\n      then: [{ set: { v: '{{ nope }}' } }]\n      else: [{ set: { v: '{{ item }}' } }]\n    catch: [{ set: { v: '{{ error.step }}' } }]",
            json!([{"v": "a"}, {"v": "do.0.try.0.then.0"}, {"v": "c"}]),
        ),
        ("[]", json!(null)),
    ] {
        let owner = if yaml == "[]" { Owner::of(compile(vec![])) } else { Owner::start(yaml) };
        let output = owner.output();
        // The step that failed is named with its iteration; the table is easier to read without.
        let output: Json = serde_json::from_str(&output.to_string().replace("steps.0[1].", "")).expect("it is JSON");
        assert_eq!(output, expected, "{yaml}");
        assert_eq!(owner.changes.last(), Some(&Change::Finish(owner.state.outcome().expect("it ended").clone())));
        assert_eq!(owner.waits(), Vec::<String>::new());
        owner.check_fold();
    }
}

#[test]
fn pure_documents_fail_with_code_and_place() {
    for (yaml, code, at, message) in [
        ("- { id: x, set: { a: '{{ webhook.totl }}' } }", "expression_error", "x", "did you mean `webhook.total`?"),
        ("- set: { a: 1 }\n- set: { a: '{{ b }}' }", "expression_error", "steps.1", "`b` is not defined"),
        ("- for_each: '{{ webhook.total }}'\n  do: []", "not_a_list", "steps.0", "this is a number"),
        (
            "- { id: l, for_each: '{{ webhook.items }}', do: [{ id: s, set: { a: '{{ item.x }}' } }] }",
            "expression_error",
            "l[0].s",
            "`item.x`",
        ),
        ("- { id: l, while: '{{ true }}', max: 3, do: [] }", "loop_limit", "l", "after 3 iterations"),
        ("- { id: l, while: '{{ true }}', do: [] }", "loop_limit", "l", "after 1000 iterations"),
        ("- stop: { failure: 'no {{ webhook.total }}' }", "stopped", "steps.0", "no 100"),
        ("- respond: { status: 201 }\n- respond: { status: 202 }", "already_responded", "steps.1", "answered"),
        ("- respond: { status: 99 }", "bad_answer", "steps.0", "`99` is not a status"),
        ("- respond: { headers: { X-A: \"a\\nb\" } }", "bad_answer", "steps.0", "line break"),
        ("- respond: { headers: { 'X A': 1 } }", "bad_answer", "steps.0", "cannot be a header"),
        ("- wait: { for: soon }", "bad_wait", "steps.0", "`soon`"),
        ("- wait: { until: '{{ webhook.items }}' }", "bad_wait", "steps.0", "point in time"),
        ("- wait: { for: 4000d }", "bad_wait", "steps.0", "longer than"),
        ("- try: [{ stop: { failure: x } }]\n  catch: [{ set: { a: 1 } }]", "stopped", "steps.0.try.0", "x"),
        ("- try: [{ set: { a: '{{ nope }}' } }]\n  finally: [{ set: { b: 1 } }]", "expression_error", "steps.0.try.0", "nope"),
        (
            "- try: [{ set: { a: '{{ nope }}' } }]\n  finally: [{ set: { b: '{{ also }}' } }]",
            "expression_error",
            "steps.0.finally.0",
            "also",
        ),
        (
            "- try: [{ set: { a: '{{ nope }}' } }]\n  catch: [{ set: { b: '{{ worse }}' } }]",
            "expression_error",
            "steps.0.catch.0",
            "worse",
        ),
        (
            "- set: { a: '{{ nope }}' }\n  on_error: { do: [{ set: { b: '{{ worse }}' } }] }",
            "expression_error",
            "steps.0.on_error.0",
            "worse",
        ),
        (
            "- try: [{ set: { a: '{{ nope }}' } }]\n  catch: [{ set: { b: 1 } }]\n- set: { c: '{{ error }}' }",
            "expression_error",
            "steps.1",
            "`error`",
        ),
        (
            "- { id: p, parallel: { a: [{ set: { x: '{{ nope }}' } }], b: [{ set: { y: 1 } }] } }",
            "expression_error",
            "p.0.0",
            "nope",
        ),
        (
            "- for_each: '{{ webhook.items }}'\n  do: [{ id: in, set: { a: 1 } }]\n- set: { b: '{{ steps.in.a }}' }",
            "expression_error",
            "steps.1",
            "steps.in",
        ),
        ("- set: { a: '{{ secrets.KEY }}' }", "expression_error", "steps.0", "input of an action"),
    ] {
        let owner = Owner::start(yaml);
        let failure = owner.failure();
        let step = failure.step.as_ref().map_or("", StepAt::as_str);
        assert_eq!((failure.code.as_str(), step), (code, at), "{yaml}: {failure:?}");
        assert!(failure.message.contains(message), "{yaml}: {failure:?}");
        owner.check_fold();
    }
}

#[test]
fn a_wait_is_a_timer_from_the_time_of_the_event() {
    let mut owner = Owner::start(
        "- { id: a, wait: 5m }\n- { id: b, wait: { for: '{{ 1.5 }}' } }\n- { id: c, wait: { until: '2026-03-14T10:00:00Z' } }",
    );
    assert_eq!(owner.changes, [Change::Wake { step: StepAt::new("a"), due: START.plus(Span(300_000)) }]);
    assert_eq!(owner.states(), ["a waiting"]);
    assert_eq!(owner.tell(Event::Woke { step: StepAt::new("a") }), [], "it is not due yet");
    owner.wake();
    assert_eq!(owner.waits(), ["b +301500"]);
    owner.wake();
    assert_eq!(owner.waits(), ["c +1987000"]);
    owner.wake();
    assert_eq!(owner.output(), json!({"until": "2026-03-14T10:00:00.000Z"}));
    owner.check_fold();
}

#[test]
fn respond_answers_once_and_the_run_goes_on() {
    let mut owner = Owner::start(
        "- respond: { status: '201', headers: { X-Total: '{{ webhook.total }}' }, body: { ok: '{{ true }}' } }\n- { id: a, use: act }",
    );
    let answer = Answer { status: 201, headers: vec![("X-Total".into(), "100".into())], body: json!({"ok": true}) };
    assert_eq!(owner.changes[0], Change::Respond(answer.clone()));
    assert_eq!(owner.state.answer(), Some(&answer));
    assert_eq!(owner.waits(), ["a #1"]);
    owner.done("a", 1, json!(1));
    assert_eq!(owner.output(), json!(1));
    owner.check_fold();
}

#[test]
fn parallel_branches_wait_for_each_other_whatever_the_order() {
    let yaml = "- id: p\n  parallel:\n    x: [{ id: a, use: act }, { id: b, use: act, with: { v: '{{ steps.a }}' } }]\n    y: [{ id: c, use: act }]\n- set: { all: '{{ steps.p }}', c: '{{ steps.c }}' }";
    for order in [["a", "b", "c"], ["a", "c", "b"], ["c", "a", "b"]] {
        let mut owner = Owner::start(yaml);
        assert_eq!(owner.waits(), ["a #1", "c #1"]);
        for step in order {
            owner.done(step, 1, json!(step));
            owner.check_fold();
        }
        assert_eq!(owner.output(), json!({"all": {"x": "b", "y": "c"}, "c": "c"}), "{order:?}");
    }
}

#[test]
fn a_failing_branch_cancels_the_others_and_their_late_results_are_ignored() {
    let yaml = "- id: t\n  try:\n  - id: p\n    parallel:\n      x: [{ id: a, use: act }]\n      y: [{ id: w, wait: 1h }]\n      z:\n      - id: l\n        for_each: '{{ webhook.items }}'\n        concurrency: 2\n        do: [{ id: s, use: act }]\n  catch: [{ id: c, set: { v: '{{ error.code }}' } }]\n  finally: [{ id: f, use: act }]";
    let mut owner = Owner::start(yaml);
    assert_eq!(owner.waits(), ["a #1", "l[0].s #1", "l[1].s #1", "w +3600000"]);
    owner.done("l[1].s", 1, json!(1));
    assert_eq!(owner.waits(), ["a #1", "l[0].s #1", "l[2].s #1", "w +3600000"]);
    assert!(owner.failed("a", 1, oops()).iter().all(|change| matches!(change, Change::Attempt { .. })));
    assert_eq!(owner.waits(), ["f #1"]);
    for late in ["l[0].s", "l[2].s", "a"] {
        assert_eq!(owner.done(late, 1, json!("late")), [], "{late}");
    }
    owner.done("f", 1, json!(null));
    assert_eq!(owner.output(), json!({"v": "oops"}));
    let states = owner.states();
    for expected in [
        "a failed",
        "w cancelled",
        "l cancelled",
        "l[0].s cancelled",
        "l[1].s succeeded",
        "p failed",
        "c succeeded",
        "t succeeded",
    ] {
        assert!(states.contains(&expected.to_owned()), "{expected}: {states:?}");
    }
    owner.check_fold();
}

#[test]
fn branches_that_end_in_the_same_turn_as_the_first_failure_change_nothing() {
    let bad = "{ set: { x: '{{ nope }}' } }";
    for others in ["b: []", "b: [{ set: { y: 1 } }]", &format!("b: [{bad}]"), &format!("b: [{bad}], c: [{bad}], d: []")] {
        let parallel = format!("parallel: {{ a: [{bad}], {others} }}");
        let loops = "for_each: '{{ range(3) }}'\n    concurrency: 3\n    do: [{ set: { x: '{{ 1 if index else nope }}' } }]";
        for failing in [parallel.as_str(), loops] {
            for yaml in [
                format!("- try:\n  - id: p\n    {failing}\n  catch: [{{ id: c, use: act }}]\n- {{ id: d, use: act }}"),
                format!(
                    "- if: true\n  on_error: {{ do: [{{ id: c, use: act }}] }}\n  then:\n  - id: p\n    {failing}\n- {{ id: d, use: act }}"
                ),
            ] {
                let mut owner = Owner::start(&yaml);
                for step in ["c", "d"] {
                    assert_eq!(owner.waits(), [format!("{step} #1")], "{yaml}");
                    owner.done(step, 1, json!(step));
                    owner.check_fold();
                }
                assert_eq!(owner.output(), json!("d"));
            }
        }
    }
}

#[test]
fn iterations_run_as_many_at_once_as_wanted_and_collect_in_order() {
    let mut owner = Owner::start(
        "- id: each\n  for_each: '{{ [1, 2, 3, 4] }}'\n  concurrency: 2\n  do: [{ id: s, use: act, with: { n: '{{ item }}' } }]",
    );
    assert_eq!(owner.waits(), ["each[0].s #1", "each[1].s #1"]);
    for (step, next) in [("each[1].s", "each[2].s #1"), ("each[2].s", "each[3].s #1")] {
        owner.done(step, 1, json!(step));
        assert_eq!(owner.waits(), ["each[0].s #1", next]);
    }
    let rendered = attempt_input(&owner.state, &StepAt::new("each[3].s"), &|_| None, owner.now);
    assert_eq!(rendered, Ok(json!({"n": 4})));
    owner.done("each[3].s", 1, json!(4));
    owner.done("each[0].s", 1, json!(1));
    assert_eq!(owner.output(), json!([1, "each[1].s", "each[2].s", 4]));
    owner.check_fold();
}

#[test]
fn cancelling_and_the_time_limit_end_everything_at_once() {
    let yaml = "- id: t\n  try:\n  - parallel: { x: [{ id: a, use: act }], y: [{ id: w, wait: 1h }] }\n  catch: [{ set: { never: 1 } }]\n  finally: [{ id: f, use: act }]\n- { id: later, use: act }";
    let mut owner = Owner::start(yaml);
    let outcome = Outcome::Cancelled { reason: "by hand".into() };
    assert_eq!(owner.tell(Event::Cancelled { reason: "by hand".into() }), [Change::Finish(outcome.clone())]);
    assert_eq!(owner.state.outcome(), Some(&outcome));
    assert_eq!(owner.waits(), Vec::<String>::new());
    assert_eq!(owner.tell(Event::TimedOut), [], "it has ended already");
    let states = owner.states();
    assert!(states.contains(&"a cancelled".to_owned()) && states.contains(&"later skipped".to_owned()), "{states:?}");
    owner.check_fold();

    let mut owner = Owner::start(yaml);
    owner.tell(Event::TimedOut);
    assert_eq!(owner.failure().code, code::TIMED_OUT);
    owner.check_fold();
}

#[test]
fn ways_not_taken_are_shown_as_skipped() {
    let owner = Owner::start(
        "- id: i\n  if: '{{ true }}'\n  then: [{ id: a, set: { x: 1 } }]\n  else: [{ id: b, set: { x: 2 } }]\n- { id: w, wait: 1h }\n- { id: z, set: { x: 3 } }",
    );
    assert_eq!(owner.states(), ["i succeeded", "a succeeded", "w waiting", "b skipped"]);
}

#[test]
fn mistakes_in_expressions_are_all_found_when_compiling() {
    let found = Program::compile(
        &workflow(steps(
            "- set: { a: '{{ 1 + }}' }\n- if: '{{ x | uper }}'\n  then: [{ use: act, with: { u: ['{{'] } }]\n- wait: { for: '{% x %}' }",
        )),
        &|_| None,
    );
    let paths: Vec<String> = found.expect_err("there are mistakes").into_iter().map(|problem| problem.path).collect();
    assert_eq!(paths, ["steps[0].set.a", "steps[1].if", "steps[1].then[0].with", "steps[2].wait.for"]);
}
