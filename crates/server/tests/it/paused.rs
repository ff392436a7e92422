//! Hooks that are paused or off.

use hookmill_server::listen::Limits;
use hookmill_store::deliveries::Outcome;
use hookmill_store::hook_states::{OffAnswer, Switch};
use hookmill_store::runs::State;
use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::fresh_database;
use serde_json::json;

use crate::door::{Door, succeeded};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const PLAIN: &str = "hookmill: 1\nname: P\ntriggers:\n  - webhook: {}\nsteps:\n  - set: { a: '{{ webhook.n }}' }\n";
const WITHOUT_STEPS: &str = "hookmill: 1\nname: E\ntriggers:\n  - webhook: {}\nsteps: []\n";
const WAITING: &str = "hookmill: 1\nname: W\ntriggers:\n  - webhook: { response: { mode: when_finished } }\nsteps:\n  - set: { a: '{{ webhook.n }}' }\n";
const IN_LANES: &str =
    "hookmill: 1\nname: L\nsettings: { lane: '{{ webhook.k }}' }\ntriggers:\n  - webhook: {}\nsteps:\n  - set: { a: 1 }\n";
/// More than one batch lets go.
const HELD: usize = 450;

async fn what_a_paused_hook_takes_starts_when_it_is_resumed(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    for document in [PLAIN, WITHOUT_STEPS, IN_LANES] {
        let path = door.publish(document).await;
        door.switch(&path, Switch::Pause).await;
        let mut answers = Vec::new();
        for n in 0..3 {
            let answer = door.json(&path, format!(r#"{{"n":{n},"k":"one"}}"#)).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            let delivery = door.delivery(&answer).await;
            assert_eq!((delivery.outcome, delivery.status), (Outcome::Held, 202));
            let runs = door.store.runs_of_delivery(delivery.id).await.unwrap();
            let run = door.store.run(runs[0]).await.unwrap().unwrap();
            assert_eq!((run.state, run.started_at), (State::Held, None));
            answers.push(answer);
        }
        door.switch(&path, Switch::Resume).await;
        let mut ended = Vec::new();
        for answer in &answers {
            let run = door.ended(answer).await;
            succeeded(&run);
            ended.push((run.started_at, run.id));
            assert_eq!(door.delivery(answer).await.outcome, Outcome::Accepted);
        }
        // Without a lane they are taken in their order, but several begin at the same time.
        assert!(document != IN_LANES || ended.is_sorted(), "in the order of reception: {ended:?}");
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_paused_hook_takes_starts_when_it_is_resumed_on_sqlite() {
    what_a_paused_hook_takes_starts_when_it_is_resumed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_paused_hook_takes_starts_when_it_is_resumed_on_postgresql() {
    what_a_paused_hook_takes_starts_when_it_is_resumed(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn senders_to_a_paused_hook_do_not_wait_and_repetitions_are_told_the_same() {
    let door = Door::open().await;
    let path = door.publish(WAITING).await;
    door.switch(&path, Switch::Pause).await;
    let headers = "Idempotency-Key: w\r\nContent-Type: application/json\r\n";
    let first = door.post(&path, headers, r#"{"n":7}"#).await;
    let again = door.post(&path, headers, r#"{"n":7}"#).await;
    assert_eq!((first.status, again.status, &first.body), (202, 202, &again.body), "as at the deadline");
    assert_eq!((first.header("hookmill-duplicate"), again.header("hookmill-duplicate")), (None, Some("true")));
    door.switch(&path, Switch::Resume).await;
    let run = door.ended(&first).await;
    succeeded(&run);
    let later = door.post(&path, headers, r#"{"n":7}"#).await;
    assert_eq!((later.status, later.json()), (200, json!({ "a": 7 })), "now there is an end to tell");
    let fresh = door.json(&path, r#"{"n":8}"#).await;
    assert_eq!(fresh.json(), json!({ "a": 8 }));
    door.close().await;
}

#[tokio::test]
async fn a_hook_that_is_off_says_so_and_keeps_what_came() {
    let door = Door::open().await;
    let path = door.publish(PLAIN).await;
    door.switch(&path, Switch::Off(OffAnswer::NotFound)).await;
    let gone = door.json(&path, r#"{"n":1}"#).await;
    let kept = door.refused(&gone, 404, "hook_off").await;
    assert_eq!(door.store.delivery_body(kept.id).await.unwrap(), r#"{"n":1}"#);
    assert_eq!(gone.header("retry-after"), None);
    door.switch(&path, Switch::Off(OffAnswer::Unavailable)).await;
    let away = door.json(&path, r#"{"n":2}"#).await;
    door.refused(&away, 503, "hook_away").await;
    assert_eq!(away.header("retry-after"), Some("60"));
    door.switch(&path, Switch::On).await;
    succeeded(&door.ended(&door.json(&path, r#"{"n":3}"#).await).await);
    door.close().await;
}

async fn switch(app: &TestApp, hook: &str, how: &str) -> serde_json::Value {
    let answer = app.client().call("POST", &format!("/api/v1/hooks/{hook}/{how}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Killed while it lets go what was held: it goes on at the next start, and every run runs once.
async fn killed_while_it_lets_go(database: Database) {
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(PLAIN).await.hook().clone();
    let id = hook.id.clone();
    switch(&app, &id, "pause").await;
    let sent = futures_util::future::join_all((0..HELD).map(async |n| app.send(&hook, &json!({ "n": n })).await.run_id()));
    let runs = sent.await;
    let listed = app.client().list("/api/v1/deliveries?outcome=held&limit=1").await;
    assert_eq!(listed[0]["outcome"], "held");
    assert_eq!(switch(&app, &id, "pause").await["held"], HELD);
    switch(&app, &id, "resume").await;
    app.kill_9();
    app.restart();
    for run in &runs {
        assert_eq!(app.finished(run).await["state"], "succeeded");
    }
    let state = switch(&app, &id, "resume").await;
    assert_eq!((&state["state"], &state["held"]), (&json!("active"), &json!(0)));
    let all = app.client().pages("/api/v1/runs?limit=100").await;
    assert_eq!(all.len(), HELD, "none twice");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_lets_go_goes_on_at_its_next_start_on_sqlite() {
    killed_while_it_lets_go(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_while_it_lets_go_goes_on_at_its_next_start_on_postgresql() {
    killed_while_it_lets_go(Database::Postgres(fresh_database().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_are_switched_by_the_command_line_and_by_every_node() {
    let database = Database::Postgres(fresh_database().await);
    let app = TestApp::builder(BINARY).database(database.clone()).start().await;
    let other = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(PLAIN).await.hook().clone();
    let said = app.remote_command(&["hook", "pause", &hook.id]).output();
    assert!(said.status.success(), "{said:?}");
    // The other node learns of the hook, and that it is paused, within its poll.
    let held = other
        .wait_for("the other node holds", async || {
            let answer = other.client().answer(other.client().to_hook(&hook).json(&json!({ "n": 1 }))).await;
            let delivery = app.client().get(&format!("/api/v1/deliveries/{}", answer.delivery_id())).await;
            (delivery["outcome"] == "held").then(|| answer.run_id())
        })
        .await;
    assert_eq!(app.run(&held).await["state"], "held");
    let said = app.remote_command(&["hook", "resume", &hook.id, "--json"]).output();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(other.finished(&held).await["state"], "succeeded");
    let said = app.remote_command(&["hook", "off", &hook.id, "--answer", "503"]).output();
    assert!(said.stdout.contains("is off"), "{said:?}");
    let conflict = app.remote_command(&["hook", "resume", &hook.id]).output();
    assert!(conflict.stderr.contains("switch it on"), "{conflict:?}");
    assert_eq!(app.send(&hook, &json!({})).await.status, 503);
}
