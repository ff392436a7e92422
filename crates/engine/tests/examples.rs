//! The examples do what they say: their documented calls run to success, also when nobody answers outside.

use std::sync::Arc;

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::request::{Request, parse};
use hookmill_engine::run::{AttemptResult, Change, Event, Failure, Outcome, Program, RunInput, RunState, attempt_input, decide};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Trigger, read};
use serde_json::{Value, json};

/// Runs one call of an example. `log` succeeds, every HTTP request fails. Gives the outcome and the lines logged.
fn run(document: &str, headers: &[(&str, &str)], body: &Value) -> (Outcome, Vec<String>) {
    let workflow = read(document).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let Trigger::Webhook(trigger) = &workflow.triggers[0];
    let headers = [("content-type", "application/json")].iter().chain(headers).copied().collect();
    let now = Timestamp(1_773_480_413_589);
    let request = Request {
        method: "POST",
        path_params: &[],
        query: "",
        headers: &headers,
        body: &Bytes::from(body.to_string()),
        event: None,
        address: "192.0.2.1",
        received_at: now,
        delivery: DeliveryId(1),
    };
    let parsed = parse(trigger, &request).unwrap_or_else(|refusal| panic!("{refusal}"));
    let program = Program::compile(&workflow, &|_| None).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let input = RunInput {
        run: RunId(1),
        workflow_name: workflow.name.clone(),
        revision: 1,
        seed: 7,
        webhook: parsed.webhook,
        variables: parsed.variables,
    };
    let (mut state, mut changes) = RunState::start(&Arc::new(program), input, now);
    let mut lines = Vec::new();
    loop {
        let mut next = Vec::new();
        for change in std::mem::take(&mut changes) {
            match change {
                Change::Attempt { step, action, attempt, .. } => {
                    let input =
                        attempt_input(&state, &step, &|_| None, now).unwrap_or_else(|failure| panic!("{step:?}: {failure:?}"));
                    let result = if &*action == "log" {
                        lines.push(input["message"].as_str().unwrap_or_default().to_owned());
                        AttemptResult::Done { output: json!({}) }
                    } else {
                        AttemptResult::Failed(Failure::new("unreachable", "nobody answers"))
                    };
                    let event = Event::AttemptEnded { step, attempt, result, logs: vec![], started_at: now };
                    next.extend(decide(&mut state, &event, now));
                }
                Change::Wake { step, due } => next.extend(decide(&mut state, &Event::Woke { step }, due)),
                Change::Finish(outcome) => return (outcome, lines),
                Change::Respond(_) | Change::Ask { .. } => {}
            }
        }
        assert!(!next.is_empty(), "the run stands still");
        changes = next;
    }
}

#[test]
fn the_documented_calls_succeed() {
    let order = include_str!("../../../examples/order.yaml");
    let alert = include_str!("../../../examples/alert.yaml");
    let contact = include_str!("../../../examples/contact.yaml");
    let push = include_str!("../../../examples/github-push.yaml");
    let order_body = |reserve: bool| {
        json!({"event": "order_completed", "order_id": "ORD-12345", "customer_email": "ada@example.com",
        "total_amount": 1500.5, "items": [{"sku": "A-1", "qty": 2}, {"sku": "B-7", "qty": 1}], "reserve": reserve})
    };
    let alert_body = |severity: &str| {
        json!({"alert": "high_cpu_usage", "severity": severity, "server": "web-01",
        "cpu_usage": 85.2, "timestamp": "2024-03-15T10:30:00Z", "page": true})
    };
    let contact_body = |sync: bool| {
        json!({"event": "contact_updated", "contact_id": "12345", "sync": sync,
        "changes": {"email": "new-email@example.com", "status": "qualified_lead"}, "updated_by": "sales_user"})
    };
    let push_body = json!({"ref": "refs/heads/main", "after": "abc", "deploy_url": "yes", "sender": {"login": "octocat"},
        "repository": {"full_name": "octo/hello"}, "commits": [{"id": "abc", "message": "Fix it"}, {"id": "def"}]});
    for (name, document, headers, body, line) in [
        ("order", order, &[][..], order_body(false), "2 × A-1"),
        ("order, unreachable", order, &[], order_body(true), "Check order ORD-12345"),
        ("alert", alert, &[], alert_body("warning"), "WARNING: high_cpu_usage on web-01 (85.2)"),
        ("alert, unreachable", alert, &[], alert_body("critical"), "Nobody could be paged: nobody answers"),
        ("contact", contact, &[], contact_body(false), "status is now qualified_lead (by sales_user)"),
        ("contact, unreachable", contact, &[], contact_body(true), "Not synchronised: nobody answers"),
        ("push", push, &[("x-github-event", "push")], push_body.clone(), "abc Fix it"),
        ("ping", push, &[("x-github-event", "ping")], json!({"zen": "x"}), "no repository is connected"),
        ("other", push, &[("x-github-event", "star")], push_body, "octocat: star in octo/hello"),
    ] {
        let (outcome, lines) = run(document, headers, &body);
        assert!(matches!(outcome, Outcome::Succeeded { .. }), "{name}: {outcome:?}");
        assert!(lines.iter().any(|found| found.contains(line)), "{name}: {lines:#?}");
    }
}
