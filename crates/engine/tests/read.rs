//! Reading documents: good ones come through, and of bad ones every problem is told at once.

use hookmill_engine::workflow::{Problem, read, to_json, to_yaml};

const EVERYTHING: &str = r#"
hookmill: 1
name: Everything
description: |
  Two
  lines
triggers:
  - webhook:
      label: Main
      path: orders/:shop
      methods: [POST, PUT]
      auth: { any: [{ shared_key: a }, { bearer: b }, { header: { name: X-Token, secret: c } }] }
      variables:
        order_id: { type: string, required: true, description: Order number, example: A-1 }
        total: { type: number, default: 0, from: { body: sums.total } }
        shop: { from: { path: shop } }
        nothing: { type: object, default: null }
      memory: { headers: h, body: b }
      body_bytes_max: 1000
      response: { mode: respond, status: 201, headers: { X-A: b }, body: { ok: true }, deadline: 90s, on_failure: { status: 502, body: no } }
  - webhook:
settings: { concurrency: 3, lane: "{{ webhook.shop }}", park_lane_on_failure: true, timeout: 1h30m }
steps:
  - { id: a, title: T, use: log, with: { message: hi }, retry: { attempts: 3, backoff: fixed, delay: 1s, max_delay: 1m, on: [x] }, timeout: 5s, on_error: continue }
  - { set: { x: 1, y: "{{ x }}" }, on_error: fail }
  - { if: "{{ true }}", then: [{ set: { z: 1 } }], else: [{ stop: { success: null } }] }
  - { switch: "{{ webhook.total }}", cases: [{ when: 1, do: [] }], default: [{ stop: { failure: bad } }] }
  - { for_each: "{{ webhook.body }}", as: x, index: i, concurrency: 4, do: [{ wait: 250ms }] }
  - { while: "{{ false }}", max: 10, do: [{ wait: { for: "{{ 5 }}" } }, { wait: { until: "{{ x }}" } }] }
  - { parallel: { one: [], "two words": [{ respond: { status: 200 } }] } }
  - { try: [{ use: log }], catch: [{ respond: }], finally: [{ set: {} }], on_error: { do: [{ set: { q: 1 } }] } }
"#;

#[test]
fn a_document_with_everything_survives_both_texts() {
    let workflow = read(EVERYTHING).expect("it is well-formed");
    assert_eq!(workflow.steps.len(), 8);
    let (yaml, json) = (to_yaml(&workflow), to_json(&workflow));
    assert_eq!(read(&yaml).as_ref(), Ok(&workflow), "{yaml}");
    assert_eq!(read(&json).as_ref(), Ok(&workflow), "{json}");
    assert_eq!(to_yaml(&read(&json).expect("it was just written")), yaml);
}

/// `path: code (suggestion)` of each problem.
fn problems(text: &str) -> Vec<String> {
    let tell = |p: Problem| match p.suggestion {
        Some(suggestion) => format!("{}: {} ({suggestion})", p.path, p.code),
        None => format!("{}: {}", p.path, p.code),
    };
    read(text).expect_err("the document is wrong").into_iter().map(tell).collect()
}

#[test]
fn all_problems_of_shape_are_told_at_once_with_path_and_suggestion() {
    let text = r#"
hookmill: 2
nam: Wrong
triggers:
  - webhok: {}
  - webhook: { methds: [POST], methods: [post, PSOT], memory: { body: 5 }, auth: { any: [{ sharedkey: x }] } }
  - webhook: { variables: { total: { type: numbr, requird: true, from: { boddy: x } } } }
  - webhook: { response: { mode: later, status: 70000, deadline: 5 } }
  - { webhook: {}, schedule: {} }
settings: { timeout: soon, lane: [1], park_lane_on_failure: yes }
steps:
  - use: log
    use: http.request
  - { id: b, ues: log, with: {} }
  - { if: "{{ x }}", then: [], for_each: [1], do: [] }
  - { if: "{{ x }}", els: [] }
  - { retry: { attempts: -1, delay: 5x }, timeout: 1.5h, on_error: contine, set: 5 }
  - just a text
  - { wait: "{{ x }}" }
  - { stop: { succes: 1 } }
  - { set: { a: !secret x, b: .nan } }
"#;
    let expected = [
        "steps[0].use: duplicate_key",
        "steps[8].set.a: not_json",
        "steps[8].set.b: not_json",
        "hookmill: wrong_format (1)",
        ": missing_key",
        "triggers[0].webhok: unknown_trigger (webhook)",
        "triggers[1].webhook.methods[0]: unknown_value (POST)",
        "triggers[1].webhook.methods[1]: unknown_value (POST)",
        "triggers[1].webhook.auth.any[0].sharedkey: unknown_credential (shared_key)",
        "triggers[1].webhook.memory.body: wrong_type",
        "triggers[1].webhook.methds: unknown_key",
        "triggers[2].webhook.variables.total.type: unknown_value (number)",
        "triggers[2].webhook.variables.total.from.boddy: unknown_source (body)",
        "triggers[2].webhook.variables.total.requird: unknown_key (required)",
        "triggers[3].webhook.response.mode: unknown_value",
        "triggers[3].webhook.response.status: out_of_range",
        "triggers[3].webhook.response.deadline: bad_duration (5s)",
        "triggers[4]: unknown_trigger",
        "settings.lane: wrong_type",
        "settings.park_lane_on_failure: wrong_type (true)",
        "settings.timeout: bad_duration",
        "steps[1]: no_kind (use)",
        "steps[1].ues: unknown_key (use)",
        "steps[2]: several_kinds",
        "steps[3]: missing_key",
        "steps[3].els: unknown_key (else)",
        "steps[4].retry.attempts: out_of_range",
        "steps[4].retry.delay: bad_duration",
        "steps[4].timeout: bad_duration",
        "steps[4].on_error: unknown_value (continue)",
        "steps[4].set: wrong_type",
        "steps[5]: wrong_type",
        "steps[6].wait: bad_duration",
        "steps[7].stop.succes: unknown_outcome (success)",
        "nam: unknown_key (name)",
    ];
    assert_eq!(problems(text), expected);
}
