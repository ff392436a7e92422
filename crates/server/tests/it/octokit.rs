//! Real payloads: all 329 examples of `@octokit/webhooks-examples`, as GitHub sends them. Each run saw exactly the bytes
//! that were sent, and they are kept.

use std::fmt::Write as _;
use std::path::Path;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::fresh_database;
use serde_json::Value;
use sha2::{Digest, Sha256};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const EXAMPLES: usize = 329;

const WORKFLOW: &str = r#"
hookmill: 1
name: GitHub
triggers:
  - webhook:
      variables:
        event: { type: string, required: true, from: { header: X-GitHub-Event } }
steps:
  - id: seen
    set:
      event: "{{ webhook.event }}"
      raw: "{{ webhook.raw | sha256 }}"
      body: "{{ webhook.body }}"
      action: "{{ webhook.body.action | default(none) }}"
      sender: "{{ (webhook.body.sender | default({})).login | default(none) }}"
"#;

struct Example {
    event: String,
    body: String,
    value: Value,
}

/// From the package's own file: a list of events with their examples.
fn examples() -> Vec<Example> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/@octokit/webhooks-examples");
    let path = root.join("api.github.com/index.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `make test`, which installs it", path.display()));
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let examples: Vec<Example> = events
        .iter()
        .flat_map(|event| event["examples"].as_array().unwrap().iter().map(move |example| (event, example)))
        .map(|(event, example)| Example {
            event: event["name"].as_str().unwrap().to_owned(),
            body: example.to_string(),
            value: example.clone(),
        })
        .collect();
    assert_eq!(examples.len(), EXAMPLES, "the package in package-lock.json has so many");
    examples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_sees_exactly_the_bytes_sent_on_sqlite() {
    send_all(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_sees_exactly_the_bytes_sent_on_postgres() {
    send_all(Database::Postgres(fresh_database().await)).await;
}

async fn send_all(database: Database) {
    let app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    let mut sent = Vec::new();
    for (number, example) in examples().into_iter().enumerate() {
        let request = app
            .client()
            .to_hook(&hook)
            .header("content-type", "application/json")
            .header("x-github-event", &example.event)
            .header("x-github-delivery", format!("00000000-0000-4000-8000-{number:012}"))
            .header("user-agent", "GitHub-Hookshot/044aadd")
            .body(example.body.clone());
        let answer = app.client().answer(request).await;
        sent.push((answer.delivery_id(), answer.run_id(), example));
    }
    for (delivery, run, example) in &sent {
        let stored = app.client().call("GET", &format!("/api/v1/deliveries/{delivery}/body"), None).await;
        assert_eq!(stored.status, 200);
        assert!(stored.body == example.body.as_bytes(), "{delivery} ({}) is stored with other bytes", example.event);
        let run = app.finished(run).await;
        assert_eq!(run["state"], "succeeded", "{}: {run}", example.event);
        let seen = &run["output"];
        assert_eq!(seen["event"], example.event.as_str());
        assert_eq!(seen["raw"], hex(&Sha256::digest(&example.body)), "{}", example.event);
        assert_eq!(seen["body"], example.value, "{}", example.event);
        assert_eq!(seen["action"], example.value["action"], "{}", example.event);
        assert_eq!(seen["sender"], example.value["sender"]["login"], "{}", example.event);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
