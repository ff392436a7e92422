//! Checking documents: what makes no sense is told with its place, what does is left in peace.

use hookmill_engine::workflow::{
    ActionInfo, Backoff, Catalog, Problem, Retry, Severity, json_schema, read, to_json, to_yaml, validate,
};
use serde_json::{Value, json};

/// A catalogue with the two actions in the form in which they describe themselves.
struct Actions;

impl Catalog for Actions {
    fn action(&self, name: &str) -> Option<ActionInfo> {
        let input_schema = match name {
            "log" => json!({
                "type": "object",
                "properties": { "message": true, "level": { "$ref": "#/$defs/Level" } },
                "required": ["message"],
                "additionalProperties": false,
                "$defs": { "Level": { "oneOf": [
                    { "type": "string", "const": "debug" }, { "type": "string", "const": "info" },
                    { "type": "string", "const": "warn" }, { "type": "string", "const": "error" }
                ] } }
            }),
            "http.request" => json!({
                "type": "object",
                "properties": {
                    "method": { "type": "string" },
                    "url": { "type": "string" },
                    "headers": { "type": "object", "additionalProperties": { "$ref": "#/$defs/Scalars" } },
                    "json": true,
                    "redirects": { "type": "integer", "minimum": 0, "maximum": 5 },
                    "parts": { "type": ["array", "null"], "items": {
                        "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"],
                        "additionalProperties": false
                    } }
                },
                "required": ["url"],
                "additionalProperties": false,
                "$defs": { "Scalars": { "anyOf": [{ "type": "string" }, { "type": "number" }, { "type": "null" }] } }
            }),
            _ => return None,
        };
        let retry = Retry { attempts: 1, backoff: Backoff::Fixed, delay: None, max_delay: None, on: vec![] };
        let output_schema = json!({ "type": "object", "properties": { "status": {}, "headers": {}, "body": {} } });
        Some(ActionInfo { input_schema, output_schema, retry })
    }

    fn action_names(&self) -> Vec<String> {
        vec!["log".to_owned(), "http.request".to_owned()]
    }

    fn secret_exists(&self, name: &str) -> Option<bool> {
        Some(name != "absent")
    }
}

fn check(text: &str) -> Vec<Problem> {
    let workflow = read(text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
    validate(&workflow, &Actions)
}

fn tell(problem: &Problem) -> String {
    let mark = if problem.severity == Severity::Warning { "~" } else { "" };
    match &problem.suggestion {
        Some(suggestion) => format!("{}: {mark}{} ({suggestion})", problem.path, problem.code),
        None => format!("{}: {mark}{}", problem.path, problem.code),
    }
}

fn steps(steps: &str) -> Vec<String> {
    let text = format!(
        "hookmill: 1\nname: t\ntriggers: [{{ webhook: {{ variables: {{ total: {{ type: number }}, customer: {{}} }} }} }}]\nsteps:\n{steps}"
    );
    check(&text).iter().map(tell).collect()
}

fn webhook(webhook: &str) -> Vec<String> {
    let text = format!("hookmill: 1\nname: t\ntriggers: [{{ webhook: {webhook} }}]\nsteps: [{{ set: {{ a: 1 }} }}]\n");
    check(&text).iter().map(tell).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn the_examples_read_and_check_clean_and_survive_both_texts() {
    for (name, text) in [
        ("github-push", include_str!("../../../examples/github-push.yaml")),
        ("order", include_str!("../../../examples/order.yaml")),
        ("alert", include_str!("../../../examples/alert.yaml")),
        ("contact", include_str!("../../../examples/contact.yaml")),
    ] {
        let workflow = read(text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        let problems = validate(&workflow, &Actions);
        assert!(problems.is_empty(), "{name}: {problems:#?}");
        assert_eq!(read(&to_yaml(&workflow)).as_ref(), Ok(&workflow), "{name}");
        assert_eq!(read(&to_json(&workflow)).as_ref(), Ok(&workflow), "{name}");
        assert!(text.starts_with("# "), "{name} says what it is for");
    }
}

#[test]
fn ids_are_unique_well_formed_and_not_reserved() {
    let found = steps(
        "  - { id: a, set: { x: 1 } }
  - { id: 1a, set: { x: 1 } }
  - { id: the-step, set: { x: 1 } }
  - { id: true_, if: \"{{ webhook.a }}\", then: [{ id: a, set: { x: 1 } }] }
  - { id: none, set: { x: 1 } }
",
    );
    let expected = [
        "steps[3].then[0].id: duplicate_id",
        "steps[1].id: bad_id",
        "steps[2].id: bad_id (the_step)",
        "steps[4].id: reserved_id",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_action_is_known_and_its_constant_input_fits() {
    let found = steps(
        "  - { use: lgo, with: { a: \"{{ nobody }}\" } }
  - { use: log, with: { mesage: x, level: wran } }
  - { use: http.request, with: { url: 5, headers: { a: [1], b: 1, c: null }, redirects: 9, parts: [{ nam: x }, 3] } }
  - { use: http.request, with: { url: \"{{ webhook.url }}\", redirects: \"{{ 1 }}\", parts: \"{{ [] }}\", json: { x: [1] } } }
  - { use: http.request, with: { url: \"https://x.example/{{ webhook.a }}\", redirects: \"a{{ 1 }}\" } }
",
    );
    let expected = [
        "steps[0].use: unknown_action (log)",
        "steps[0].with.a: unknown_name",
        "steps[1].with: missing_field",
        "steps[1].with.mesage: unknown_field (message)",
        "steps[1].with.level: bad_value (warn)",
        "steps[2].with.url: mistyped_field",
        "steps[2].with.headers.a: mistyped_field",
        "steps[2].with.redirects: bad_value",
        "steps[2].with.parts[0]: missing_field",
        "steps[2].with.parts[0].nam: unknown_field (name)",
        "steps[2].with.parts[1]: mistyped_field",
        "steps[4].with.redirects: mistyped_field",
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_exist_where_they_are_used() {
    for (text, expected) in [
        ("  - set: { a: \"{{ steps.b.x }}\" }\n  - { id: b, set: { c: 1 } }", &["steps[0].set.a: step_not_reached"][..]),
        (
            "  - { id: confirm, set: { c: 1 } }\n  - set: { a: \"{{ steps.confrim.c }}\" }",
            &["steps[1].set.a: unknown_step (steps.confirm)"],
        ),
        ("  - set: { a: \"{{ b }}\", b: 1, c: \"{{ a + b }}\" }", &["steps[0].set.a: unknown_name"]),
        (
            "  - set: { amount: 1 }\n  - set: { a: \"{{ amuont }}\", b: \"{{ total }}\" }",
            &["steps[1].set.a: unknown_name (amount)", "steps[1].set.b: unknown_name (webhook.total)"],
        ),
        (
            "  - set: { a: \"{{ webhook.totl }}\", b: \"{{ webhook.other }}\", c: \"{{ webhook.raw }}\" }",
            &["steps[0].set.a: ~undeclared_variable (webhook.total)"],
        ),
        (
            "  - set: { a: \"{{ secrets.k }}\" }\n  - { use: log, with: { message: \"{{ secrets.absent }}\" } }",
            &["steps[0].set.a: secret_not_allowed", "steps[1].with.message: ~missing_secret"],
        ),
        (
            "  - set: { a: \"{{ error.message }}\" }\n  - { try: [], catch: [{ set: { b: \"{{ error.message }}\" } }], finally: [{ set: { c: \"{{ error }}\" } }] }",
            &["steps[0].set.a: error_not_here", "steps[1].finally[0].set.c: error_not_here"],
        ),
        ("  - { use: log, with: { message: x }, on_error: { do: [{ set: { b: \"{{ error.code }}\" } }] } }", &[]),
        (
            "  - set: { a: \"{{ run.id }}\", b: \"{{ run.idd }}\", c: \"{{ now() }}{{ uuid() }}\" }",
            &["steps[0].set.b: unknown_name (id)"],
        ),
        ("  - set: { a: \"{{ nobody | default(1) }}\", b: \"{{ nobody is defined }}\" }", &[]),
        (
            "  - set: { a: \"{{ 1 + }}\" }\n  - set: { b: \"{{ x | nofilter }}\" }",
            &["steps[0].set.a: bad_expression", "steps[1].set.b: bad_expression"],
        ),
        (
            "  - { id: h, use: http.request, with: { url: x } }\n  - set: { a: \"{{ steps.h.statsu }}\", b: \"{{ steps.h.body.x }}\" }",
            &["steps[1].set.a: ~unknown_member (steps.h.status)"],
        ),
    ] {
        assert_eq!(steps(text), expected, "{text}");
    }
}

#[test]
fn what_a_block_leaves_behind_depends_on_its_kind() {
    let inside = "{ id: i, set: { v: 1 } }";
    let after = "\n  - set: { a: \"{{ steps.i }}\", b: \"{{ v }}\" }";
    let maybe = ["steps[1].set.a: ~step_maybe_skipped", "steps[1].set.b: ~variable_maybe_unset"];
    for (block, expected) in [
        (format!("if: \"{{{{ webhook.x }}}}\", then: [{inside}]"), maybe.to_vec()),
        (format!("if: \"{{{{ webhook.x }}}}\", then: [{inside}], else: [{{ stop: {{ failure: no }} }}]"), vec![]),
        (format!("if: \"{{{{ webhook.x }}}}\", then: [], else: [{inside}]"), maybe.to_vec()),
        (format!("switch: \"{{{{ webhook.x }}}}\", cases: [{{ when: 1, do: [{inside}] }}]"), maybe.to_vec()),
        (
            format!("for_each: \"{{{{ webhook.x }}}}\", do: [{inside}]"),
            vec!["steps[1].set.a: step_not_reached", "steps[1].set.b: ~variable_maybe_unset"],
        ),
        (
            format!("while: \"{{{{ index < 3 }}}}\", do: [{inside}]"),
            vec!["steps[1].set.a: step_not_reached", "steps[1].set.b: ~variable_maybe_unset"],
        ),
        (format!("parallel: {{ one: [{inside}], two: [] }}"), vec![]),
        (format!("try: [{inside}]"), vec![]),
        (format!("try: [{inside}], catch: [{{ set: {{ w: 1 }} }}]"), maybe.to_vec()),
        (format!("try: [{inside}], catch: [{{ stop: {{ failure: no }} }}]"), vec![]),
        (format!("try: [], finally: [{inside}]"), vec![]),
        (format!("try: [{inside}], on_error: continue"), maybe.to_vec()),
    ] {
        assert_eq!(steps(&format!("  - {{ {block} }}{after}")), expected, "{block}");
    }
    let branches = "  - parallel: { one: [{ id: p, set: { v: 1 } }], two: [{ set: { a: \"{{ steps.p }}\" } }] }
  - { if: \"{{ webhook.x }}\", then: [{ id: t, set: { w: 1 } }], else: [{ set: { a: \"{{ steps.t }}\" } }] }
  - { for_each: \"{{ [1] }}\", as: x, do: [{ id: l, set: { s: \"{{ x + index }}\" } }, { set: { a: \"{{ steps.l.s }}\" } }] }
  - set: { a: \"{{ x }}\" }
";
    let expected = [
        "steps[0].parallel.two[0].set.a: step_not_reached",
        "steps[1].else[0].set.a: step_not_reached",
        "steps[3].set.a: unknown_name",
    ];
    assert_eq!(steps(branches), expected);
}

#[test]
fn conditions_are_expressions_and_numbers_have_limits() {
    let found = steps(
        "  - { if: webhook.total > 5, then: [] }
  - { while: \"yes\", max: 0, do: [] }
  - { for_each: webhook.items, concurrency: 0, as: steps, index: 5x, do: [] }
  - { switch: a, cases: [] }
  - { for_each: 5, as: i, index: i, do: [] }
  - { use: log, with: { message: x }, retry: { attempts: 101, delay: 5m, max_delay: 1s, on: [\"\"] }, timeout: 0s }
  - { set: { webhook: 1, a-b: 2 }, retry: { attempts: 2 }, on_unknown: fail }
  - { respond: { status: 99, headers: { Set-Cookie: a, \"b c\": d, x: \"a\\nb\" }, bdy: 1 } }
  - { wait: { for: soon } }
  - { wait: { until: tomorrow } }
  - { parallel: {} }
  - stop: { success: 1 }
  - set: { never: 1 }
",
    );
    let expected = [
        "steps[0].if: constant_condition ({{ webhook.total > 5 }})",
        "steps[1].while: constant_condition ({{ yes }})",
        "steps[1].max: out_of_range",
        "steps[2].for_each: constant_condition ({{ webhook.items }})",
        "steps[2].concurrency: out_of_range",
        "steps[2].as: reserved_name",
        "steps[2].index: bad_name",
        "steps[3].switch: constant_condition ({{ a }})",
        "steps[3].cases: empty",
        "steps[4].for_each: wrong_type",
        "steps[4]: duplicate_name",
        "steps[5].timeout: out_of_range",
        "steps[5].retry.attempts: out_of_range",
        "steps[5].retry.delay: out_of_range",
        "steps[5].retry.on[0]: empty",
        "steps[6].set.webhook: reserved_name",
        "steps[6].set.a-b: bad_name",
        "steps[6].retry: ~unused_setting",
        "steps[6].on_unknown: ~unused_setting",
        "steps[7].respond.status: out_of_range",
        "steps[7].respond.headers.Set-Cookie: denied_header",
        "steps[7].respond.headers[\"b c\"]: bad_header",
        "steps[7].respond.headers.x: bad_header",
        "steps[7].respond.bdy: unknown_key (body)",
        "steps[8].wait.for: bad_duration",
        "steps[9].wait.until: bad_time",
        "steps[10].parallel: empty",
        "steps[12]: ~never_reached",
        "steps: ~nobody_waits",
    ];
    assert_eq!(found, expected);
}

#[test]
fn triggers_make_sense() {
    for (text, expected) in [
        ("{ path: orders/:shop/x-1, auth: { any: [{ shared_key: k }] } }", &NOTHING[..]),
        ("{ path: /orders/ }", &["triggers[0].webhook.path: bad_path (orders)"]),
        ("{ path: a//b }", &["triggers[0].webhook.path: bad_path"]),
        ("{ path: a/../b }", &["triggers[0].webhook.path: bad_path"]),
        ("{ path: \"a b\" }", &["triggers[0].webhook.path: bad_path"]),
        ("{ path: \":a/:a\" }", &["triggers[0].webhook.path: bad_path"]),
        ("{ path: \":1\" }", &["triggers[0].webhook.path: bad_path"]),
        ("{ path: test/x }", &["triggers[0].webhook.path: reserved_path"]),
        ("{ label: \" \" }", &["triggers[0].webhook.label: empty"]),
        ("{ auth: { any: [] } }", &["triggers[0].webhook.auth.any: ~no_credentials"]),
        (
            "{ auth: { any: [{ bearer: absent }, { header: { name: \"a b\", secret: \"\" } }] } }",
            &[
                "triggers[0].webhook.auth.any[0].bearer: ~missing_secret",
                "triggers[0].webhook.auth.any[1].header.name: bad_header",
                "triggers[0].webhook.auth.any[1].header.secret: empty",
            ],
        ),
        (
            "{ path: \":shop\", variables: { body: {}, a: { default: x, type: number }, b: { required: true, default: y }, c: { from: { path: shpo } }, d: { from: { body: a..b } } } }",
            &[
                "triggers[0].webhook.variables.body: reserved_name",
                "triggers[0].webhook.variables.a.default: wrong_type",
                "triggers[0].webhook.variables.b.default: ~unused_setting",
                "triggers[0].webhook.variables.c.from.path: unknown_parameter (shop)",
                "triggers[0].webhook.variables.d.from.body: bad_source",
            ],
        ),
        (
            "{ memory: { headers: steps, body: a b } }",
            &["triggers[0].webhook.memory.headers: reserved_name", "triggers[0].webhook.memory.body: bad_name"],
        ),
        ("{ memory: { headers: m, body: m } }", &["triggers[0].webhook.memory: duplicate_name"]),
        (
            "{ methods: [POST, POST], body_bytes_max: 0 }",
            &["triggers[0].webhook.methods[1]: ~duplicate_method", "triggers[0].webhook.body_bytes_max: out_of_range"],
        ),
        (
            "{ response: { status: 100, headers: { Content-Length: 5, X-A: [1] }, deadline: 5s, body: \"{{ secrets.a }}{{ steps.x }}{{ run.id }}\" } }",
            &[
                "triggers[0].webhook.response.status: out_of_range",
                "triggers[0].webhook.response.headers.Content-Length: denied_header",
                "triggers[0].webhook.response.headers.X-A: wrong_type",
                "triggers[0].webhook.response.body: secret_not_allowed",
                "triggers[0].webhook.response.body: unknown_name",
                "triggers[0].webhook.response.deadline: ~unused_setting",
            ],
        ),
        ("{ response: { mode: respond } }", &["triggers: ~no_respond_step"]),
        (
            "{ response: { mode: when_finished, body: \"{{ output }}\", on_failure: { status: 1, body: \"{{ run.error.message }}\" } } }",
            &["triggers[0].webhook.response.on_failure.status: out_of_range"],
        ),
    ] {
        assert_eq!(webhook(text), expected, "{text}");
    }
}

#[test]
fn a_document_as_a_whole_makes_sense() {
    let text = format!(
        "hookmill: 1\nname: \" \"\ntriggers: [{{ webhook: {{ path: \"a/:x\" }} }}, {{ webhook: {{ path: \"a/:y\" }} }}]\n\
         settings: {{ concurrency: 0, lane: \"{{{{ steps.a }}}}\", timeout: 0s }}\nsteps:\n{}",
        "  - set: { a: 1 }\n".repeat(1001)
    );
    let found: Vec<String> = check(&text).iter().map(tell).collect();
    let expected = [
        "name: empty",
        "steps: too_many",
        "triggers[1].webhook.label: duplicate_label",
        "triggers[1].webhook.path: duplicate_path",
        "settings.concurrency: out_of_range",
        "settings.lane: unknown_name",
        "settings.timeout: out_of_range",
    ];
    assert_eq!(found, expected);
    let deep = |depth: usize| {
        let nested = "{\"if\":\"{{ webhook.a }}\",\"then\":[".repeat(depth) + &"]}".repeat(depth);
        check(&format!("{{\"hookmill\":1,\"name\":\"t\",\"steps\":[{nested}]}}")).iter().map(tell).collect::<Vec<_>>()
    };
    assert_eq!(deep(20), NOTHING);
    assert_eq!(deep(21), ["steps: too_many"]);
}

/// The schema names the same keys that the reader knows: what one refuses, the other does.
#[test]
fn the_schema_closes_every_object() {
    fn closed(schema: &Value, path: &str) {
        let Some(members) = schema.as_object() else {
            return schema.as_array().into_iter().flatten().for_each(|inner| closed(inner, path));
        };
        let whole_is_closed = members.contains_key("unevaluatedProperties");
        if members.contains_key("properties") && members.get("type") == Some(&json!("object")) {
            assert!(whole_is_closed || members.contains_key("additionalProperties"), "{path} allows any key");
        }
        for (key, inner) in members {
            // The alternatives of what is closed as a whole are open each.
            if !(whole_is_closed && matches!(key.as_str(), "anyOf" | "oneOf")) {
                closed(inner, &format!("{path}/{key}"));
            }
        }
    }
    closed(&json_schema(), "");
}
