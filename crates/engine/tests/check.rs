//! One list for everything that is wrong with a text.

use hookmill_engine::workflow::{ActionInfo, Backoff, Catalog, Retry, check};
use serde_json::json;

/// A catalogue of one action, which wants a message.
struct OnlyLog;

impl Catalog for OnlyLog {
    fn action(&self, name: &str) -> Option<ActionInfo> {
        let input_schema = json!({
            "type": "object", "properties": { "message": true }, "required": ["message"], "additionalProperties": false
        });
        let retry = Retry { attempts: 1, backoff: Backoff::Fixed, delay: None, max_delay: None, on: vec![] };
        (name == "log").then(|| ActionInfo { input_schema, output_schema: json!({ "type": "object" }), retry })
    }

    fn action_names(&self) -> Vec<String> {
        vec!["log".to_owned()]
    }

    fn secret_exists(&self, _: &str) -> Option<bool> {
        None
    }
}

#[test]
fn problems_of_shape_do_not_hide_those_of_meaning() {
    let all = |text: &str| -> Vec<String> {
        let (workflow, problems) = check(text, &OnlyLog);
        assert!(workflow.is_none());
        problems.iter().map(|problem| format!("{}: {}", problem.path, problem.code)).collect()
    };
    // Nothing that makes names is left out: names are checked too.
    let small = all("hookmill: 1
name: Small
triggers: [{ webhook: {} }]
steps:
  - { id: a, use: logg, with: { message: x }, retries: 3 }
  - { use: log, with: { massage: '{{ steps.b }}' }, timeout: soon }
  - { use: log, with: { message: '{{ nmae }} {{' }, retry: { attempts: often } }
  - { use: log, with: { message: '{{ nmae }}' } }
");
    let expected = [
        "steps[0].retries: unknown_key",
        "steps[1].timeout: bad_duration",
        "steps[2].retry.attempts: wrong_type",
        "steps[0].use: unknown_action",
        "steps[1].with.massage: unknown_step",
        "steps[1].with: missing_field",
        "steps[1].with.massage: unknown_field",
        "steps[2].with.message: bad_expression",
        "steps[3].with.message: unknown_name",
    ];
    assert_eq!(small, expected);
    // The step left out may make the name; it keeps its place, and those after it theirs.
    let large = all("hookmill: 1
steps:
  - 5
  - { id: a, sett: { nmae: 1 } }
  - { use: log, with: { message: '{{ nmae }}{{ steps.a.x }}' } }
  - { use: log, with: { message: '{{ nmae }' } }
  - { if: '{{ true }}', then: [{ use: logg }], else: 1 }
");
    let expected = [
        ": missing_key",
        "steps[0]: wrong_type",
        "steps[1]: no_kind",
        "steps[1].sett: unknown_key",
        "steps[4].else: wrong_type",
        "steps[3].with.message: bad_expression",
        "steps[4].then[0].use: unknown_action",
    ];
    assert_eq!(large, expected);
}
