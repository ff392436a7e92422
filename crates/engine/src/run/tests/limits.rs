//! What bounds a run, and that long loops cost what they should.

use super::*;
use crate::run::machine::RUN_STATE_BYTES_MAX;

#[test]
fn a_run_cannot_hold_data_without_bound() {
    let yaml = "- set: { all: [] }\n- id: l\n  while: '{{ true }}'\n  max: 100000\n  do: [{ set: { all: '{{ [all, \"x\" * 1000000] }}' } }]";
    let owner = Owner::start(yaml);
    assert!(["state_too_large", "expression_error"].contains(&owner.failure().code.as_str()), "{:?}", owner.failure());
    let many: String = (0..20).map(|n| format!("- set: {{ v{n}: '{{{{ \"x\" * 10000000 }}}}' }}\n")).collect();
    assert_eq!(Owner::start(&many).failure().code, code::STATE_TOO_LARGE);
    let collected = "- for_each: '{{ range(20) }}'\n  do: [{ set: { v: '{{ \"x\" * 10000000 }}' } }]";
    assert_eq!(Owner::start(collected).failure().code, code::STATE_TOO_LARGE);
}

#[test]
fn what_iterations_hold_goes_with_them() {
    let yaml = "- set: { n: 0 }\n- for_each: '{{ range(50) }}'\n  do:\n  - { id: big, set: { n: '{{ n + 1 }}' } }\n  - { id: copy, if: '{{ true }}', then: [{ id: big2, for_each: '{{ [\"x\" * 10000000] }}', do: [{ set: { n: 0 } }] }] }\n  - set: { n: 1 }";
    let owner = Owner::start(yaml);
    owner.output();
    assert!(owner.state.bytes < 100_000, "{} bytes are still counted", owner.state.bytes);
}

#[test]
fn cancelled_branches_give_back_what_they_held() {
    let yaml = "- try:\n  - parallel:\n      x:\n      - for_each: '{{ range(3) }}'\n        concurrency: 2\n        do:\n        - for_each: '{{ range(2) }}'\n          do: [{ id: s, use: act }]\n      y: [{ id: a, use: act }]\n  catch: [{ set: { done: 1 } }]";
    let mut owner = Owner::start(yaml);
    for step in owner.waits() {
        if let Some(step) = step.strip_suffix(" #1").filter(|step| *step != "a") {
            owner.done(step, 1, json!("x".repeat(100_000)));
        }
    }
    assert!(owner.state.bytes > 100_000);
    owner.failed("a", 1, oops());
    assert_eq!(owner.output(), json!({"done": 1}));
    assert!(owner.state.bytes < 2_000, "{} bytes are still counted", owner.state.bytes);
    owner.check_fold();
}

#[test]
fn pure_steps_do_not_go_on_for_ever() {
    let yaml =
        "- for_each: '{{ range(1500) }}'\n  do: [{ for_each: '{{ range(1500) }}', do: [{ if: '{{ false }}', then: [] }] }]";
    let owner = Owner::start(yaml);
    assert_eq!(owner.failure().code, code::LOOP_LIMIT);
}

#[test]
fn what_is_shown_of_a_long_loop_is_bounded_and_keeps_what_failed() {
    let yaml = "- id: l\n  for_each: '{{ range(2000) }}'\n  do:\n  - { id: s, set: { v: '{{ 1 // (item % 100) }}' }, on_error: continue }\n- { id: after, set: { x: 1 } }";
    let owner = Owner::start(yaml);
    let view = owner.state.steps();
    let kept = STEPS_SHOWN_FIRST_MAX + STEPS_SHOWN_LAST_MAX + 19;
    assert_eq!((view.steps.len(), view.left_out), (kept + 2, 2_000 - kept as u64));
    let failed = view.steps.iter().filter(|step| step.state == StepState::Failed).count();
    assert_eq!(failed, 20, "one in a hundred");
    assert_eq!(view.steps.first().map(|step| step.at.as_str()), Some("l"));
    assert!(view.steps.iter().any(|step| step.at.as_str() == "l[1999].s"));
    owner.check_fold();
}

#[test]
fn large_outputs_in_loops_are_not_shown() {
    let owner = Owner::start("- id: l\n  for_each: '{{ [1] }}'\n  do: [{ id: s, set: { v: '{{ \"x\" * 20000 }}' } }]");
    let view = owner.state.steps();
    let step = view.steps.iter().find(|step| step.at.as_str() == "l[0].s").expect("it is kept");
    assert!(step.output_left_out && step.output.is_none());
}

/// How many steps are gone through is what costs; it must grow as the loop does. Memory must not.
#[test]
fn loops_cost_in_proportion_to_their_length() {
    for body in ["for_each: '{{ range(N) }}'\n  do:", "while: '{{ index < N }}'\n  max: 100000\n  do:"] {
        let run = |n: usize| {
            let owner = Owner::start(&format!(
                "- id: l\n  {} [{{ set: {{ v: '{{{{ index }}}}' }} }}]",
                body.replace('N', &n.to_string())
            ));
            owner.output();
            owner.state.steps_done()
        };
        let (once, twice) = (run(10_000), run(20_000));
        assert_eq!((once, twice), (10_001, 20_001), "{body}");
    }
}

/// An event costs the same after ten thousand iterations as after one: nothing is walked that grows with them.
#[test]
fn an_event_late_in_a_loop_touches_as_much_as_an_early_one() {
    let mut owner = Owner::start("- id: l\n  for_each: '{{ range(10000) }}'\n  do: [{ id: s, use: act }]");
    for n in 0..10_000 {
        assert_eq!((owner.state.fibers.len(), owner.state.waiting.len(), owner.state.ready.len()), (1, 1, 0));
        let depth: usize = owner.state.fibers.values().map(|fiber| fiber.stack.len()).sum();
        assert_eq!(depth, 4);
        owner.done(&format!("l[{n}].s"), 1, json!(n));
    }
    assert_eq!(owner.output().as_array().map(Vec::len), Some(10_000));
    assert!(owner.state.bytes <= RUN_STATE_BYTES_MAX);
}
