//! Requests that start a run for each element of an array.

use std::collections::HashMap;

use hookmill_engine::id::RunId;
use hookmill_server::listen::Limits;
use hookmill_store::deliveries::Outcome;
use hookmill_store::hook_states::Switch;
use hookmill_store::runs::{RunRow, State};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::fresh_database;
use hookmill_worker::Which;
use serde_json::{Value, json};

use crate::door::{Door, succeeded};
use crate::raw::Answer;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

fn workflow(trigger: &str) -> String {
    format!(
        "hookmill: 1\nname: S\ntriggers:\n  - webhook:\n      split: $.items\n{trigger}steps:\n  \
         - set: {{ sku: '{{{{ webhook.sku }}}}', at: '{{{{ webhook.split.index }}}}', of: '{{{{ webhook.split.count }}}}', \
         order: '{{{{ (webhook.raw | from_json).order }}}}' }}\n"
    )
}

fn ids(answer: &Answer) -> Vec<RunId> {
    let runs = answer.json()["run_ids"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
    runs.iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect()
}

async fn ended(door: &Door, id: RunId) -> RunRow {
    until("the run has ended", async || {
        let run = door.store.run(id).await.unwrap().expect("an acknowledged run is stored");
        run.state.is_final().then_some(run)
    })
    .await
}

fn output(run: &RunRow) -> Value {
    succeeded(run);
    serde_json::from_str(run.output.as_deref().unwrap()).unwrap()
}

async fn each_element_starts_a_run_of_its_own(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let path = door.publish(&workflow("      variables: { sku: { type: string, required: true } }\n")).await;
    let body = r#"{"order":7,"items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}"#;
    let answer = door.json(&path, body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let runs = ids(&answer);
    assert_eq!(runs.len(), 3);
    for (at, id) in runs.iter().enumerate() {
        let run = ended(&door, *id).await;
        let sku = ["a", "b", "c"][at];
        assert_eq!(output(&run), json!({ "sku": sku, "at": at, "of": 3, "order": 7 }));
        assert_eq!(run.element, Some(u32::try_from(at).unwrap()));
    }
    let delivery = door.delivery(&answer).await;
    assert_eq!(door.store.runs_of_delivery(delivery.id).await.unwrap(), runs);
    let empty = door.json(&path, r#"{"items":[]}"#).await;
    assert_eq!((empty.status, &empty.json()["run_ids"]), (202, &json!([])), "accepted, and nothing to run");
    assert_eq!(door.delivery(&empty).await.outcome, Outcome::Accepted);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_element_starts_a_run_of_its_own_on_sqlite() {
    each_element_starts_a_run_of_its_own(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_element_starts_a_run_of_its_own_on_postgresql() {
    each_element_starts_a_run_of_its_own(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn what_cannot_be_split_is_refused_with_the_place() {
    let door = Door::open().await;
    let path = door.publish(&workflow("      variables: { sku: { type: string, required: true } }\n")).await;
    for body in [r#"{"items":{"sku":"a"}}"#, r#"{"items":"ab"}"#, r#"{"order":1}"#, r#"[]"#] {
        let refused = door.json(&path, body).await;
        door.refused(&refused, 422, "split_error").await;
        assert!(refused.json()["detail"].as_str().unwrap().contains("$.items"), "{refused:?}");
    }
    let many = format!(r#"{{"items":[{}]}}"#, vec![r#"{"sku":"a"}"#; 1_001].join(","));
    let refused = door.json(&path, &many).await;
    door.refused(&refused, 422, "split_error").await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("the limit is 1000"), "{refused:?}");
    let mistyped = door.json(&path, r#"{"items":[{"sku":"a"},{"sku":1},{}]}"#).await;
    door.refused(&mistyped, 400, "invalid_variables").await;
    let errors = mistyped.json()["errors"].clone();
    let names: Vec<&str> = errors.as_array().unwrap().iter().map(|error| error["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["$.items[1].sku", "$.items[2].sku"], "all of them, and nothing of it is run");
    door.close().await;
}

#[tokio::test]
async fn conditions_and_keys_are_asked_of_each_element() {
    let door = Door::open().await;
    let path = door.publish(&workflow("      only_if: '{{ webhook.sku != \"x\" }}'\n      dedupe: { path: $.sku }\n")).await;
    let first = door.json(&path, r#"{"order":1,"items":[{"sku":"a"},{"sku":"x"},{"sku":"b"},{"sku":"a"}]}"#).await;
    let runs = ids(&first);
    assert_eq!(runs.len(), 2, "without what is left out and what repeats another element");
    assert_eq!(output(&ended(&door, runs[1]).await)["at"], 2, "the position is that in the array");
    let more = door.json(&path, r#"{"order":2,"items":[{"sku":"b"},{"sku":"c"}]}"#).await;
    let fresh = ids(&more);
    assert_eq!((fresh.len(), more.header("hookmill-duplicate")), (1, None));
    assert_eq!(output(&ended(&door, fresh[0]).await)["sku"], "c");
    let again = door.json(&path, r#"{"order":3,"items":[{"sku":"b"},{"sku":"a"}]}"#).await;
    assert_eq!((again.header("hookmill-duplicate"), ids(&again)), (Some("true"), runs), "as the original was answered");
    let none = door.json(&path, r#"{"items":[{"sku":"x"}]}"#).await;
    assert_eq!(none.json()["filtered"], true);
    door.close().await;
}

async fn copies_at_the_same_instant_start_each_element_once(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let path = door.publish(&workflow("      dedupe: { path: $.sku }\n")).await;
    let body = |n: usize| format!(r#"{{"order":{n},"items":[{{"sku":"a"}},{{"sku":"b{}"}},{{"sku":"c"}}]}}"#, n % 3);
    let answers = futures_util::future::join_all((0..12).map(|n| door.json(&path, body(n)))).await;
    let mut started: HashMap<RunId, String> = HashMap::new();
    for answer in &answers {
        assert_eq!(answer.status, 202, "{answer:?}");
        for run in ids(answer) {
            let sku = output(&ended(&door, run).await)["sku"].as_str().unwrap().to_owned();
            started.insert(run, sku);
        }
    }
    let mut skus: Vec<String> = started.into_values().collect();
    skus.sort();
    assert_eq!(skus, ["a", "b0", "b1", "b2", "c"]);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_at_the_same_instant_start_each_element_once_on_sqlite() {
    copies_at_the_same_instant_start_each_element_once(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_at_the_same_instant_start_each_element_once_on_postgresql() {
    copies_at_the_same_instant_start_each_element_once(Some(fresh_database().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_elements_share_what_was_read_of_their_body() {
    // Each for itself they would read a thousand megabytes: within the patience of a test that does not end.
    let door = Door::open().await;
    let path = door.publish(&workflow("      variables: { sku: { type: string, required: true } }\n")).await;
    let items: Vec<Value> = (0..1_000).map(|n| json!({ "sku": n.to_string(), "pad": "x".repeat(1_000) })).collect();
    let began = std::time::Instant::now();
    let answer = door.json(&path, json!({ "order": 1, "items": items }).to_string()).await;
    assert_eq!(answer.status, 202);
    let accepted = began.elapsed();
    let runs = ids(&answer);
    for at in [0, 500, 999] {
        assert_eq!(output(&ended(&door, runs[at]).await)["sku"], at.to_string());
    }
    let all = began.elapsed();
    println!("accepted after {accepted:?}, all ended after {all:?}");
    door.close().await;
}

async fn the_people_of_all_elements_are_known_with_their_runs(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let path =
        door.publish(&workflow("      preset: smashsend\n      dedupe: { path: $.sku }\n").replace("$.items", "$.people")).await;
    let body = r#"{"people":[{"email":"a@x.org","n":1},{"email":"b@x.org"},{"email":" A@X.org ","m":2,"n":3}]}"#;
    let answer = door.json(&path, body).await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{answer:?}");
    let known = async || {
        let mut all = door.store.contacts(FIRST_WORKSPACE, None, None, 10).await.unwrap().items;
        all.sort_by_key(|one| one.email.to_lowercase());
        all.into_iter().map(|one| (one.email, Value::Object(one.fields))).collect::<Vec<_>>()
    };
    let two = [("A@X.org".to_owned(), json!({ "n": 3, "m": 2 })), ("b@x.org".to_owned(), json!({}))];
    assert_eq!(known().await, two);
    let newest = door.store.deliveries(&Default::default(), 1).await.unwrap().items.remove(0);
    assert_eq!(door.store.runs_of_delivery(newest.id).await.unwrap().len(), 3);
    for (body, place) in [
        (r#"{"people":[{"email":"c@x.org"},{"name":"nobody"}]}"#, "$.people[1].email"),
        (r#"{"people":[{"email":"c@x.org"},{"email":"nobody"}]}"#, "$.people[1].email"),
    ] {
        let refused = door.json(&path, body).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.json()["message"].as_str().unwrap().contains(place), "{refused:?}");
    }
    // What repeats an earlier element changes nobody.
    assert_eq!(door.json(&path, r#"{"people":[{"sku":"1","email":"b@x.org","x":1}]}"#).await.status, 200);
    let mixed = r#"{"people":[{"sku":"1","email":"b@x.org","x":2},{"sku":"2","email":"c@x.org"}]}"#;
    assert_eq!(door.json(&path, mixed).await.status, 200);
    let emails: Vec<_> = known().await.into_iter().map(|(email, fields)| (email, fields["x"].clone())).collect();
    assert_eq!(emails[1..], [("b@x.org".to_owned(), json!(1)), ("c@x.org".to_owned(), Value::Null)]);
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_all_elements_are_known_with_their_runs_on_sqlite() {
    the_people_of_all_elements_are_known_with_their_runs(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_all_elements_are_known_with_their_runs_on_postgresql() {
    the_people_of_all_elements_are_known_with_their_runs(Some(fresh_database().await)).await;
}

async fn a_split_delivery_that_is_accepted_after_all_claims_the_keys_of_its_elements(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let hook = "      dedupe: { path: $.sku }\n      auth: { any: [{ shared_key: k }] }\n";
    let path = door.publish(&workflow(hook)).await;
    door.set_secret("k", "open");
    let open = format!("{path}?key=open");
    let body = |skus: &[&str]| {
        let items: Vec<Value> = skus.iter().map(|sku| json!({ "sku": sku })).collect();
        json!({ "order": 1, "items": items }).to_string()
    };
    let refused = door.json(&path, body(&["a", "b", "a"])).await;
    let refused = door.refused(&refused, 401, "unauthorized").await.id;
    let overlapping = door.json(&path, body(&["b", "c"])).await;
    let overlapping = door.refused(&overlapping, 401, "unauthorized").await.id;
    let copy = door.json(&path, body(&["b", "a"])).await;
    let copy = door.refused(&copy, 401, "unauthorized").await.id;

    let first = door.worker.accept_after_all(refused, Which::Latest, "owner").await.unwrap();
    let runs = door.store.runs_of_delivery(refused).await.unwrap();
    assert_eq!((runs.len(), runs[0]), (2, first), "what repeats another element starts nothing");
    assert_eq!(output(&ended(&door, runs[1]).await)["sku"], "b");
    // Copies that come later are repetitions, at the door and among those accepted after all.
    let later = door.json(&open, body(&["b", "a"])).await;
    assert_eq!((later.status, later.header("hookmill-duplicate"), ids(&later)), (202, Some("true"), runs.clone()));
    let mixed = door.json(&open, body(&["a", "d"])).await;
    assert_eq!(output(&ended(&door, ids(&mixed)[0]).await)["sku"], "d");
    door.worker.accept_after_all(overlapping, Which::Latest, "owner").await.unwrap();
    let started = door.store.runs_of_delivery(overlapping).await.unwrap();
    assert_eq!(started.len(), 1);
    assert_eq!(output(&ended(&door, started[0]).await)["sku"], "c");
    assert_eq!(door.worker.accept_after_all(copy, Which::Latest, "owner").await.unwrap(), first, "the run that counts");
    assert!(door.store.runs_of_delivery(copy).await.unwrap().is_empty());
    for run in runs {
        ended(&door, run).await;
    }
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_delivery_that_is_accepted_after_all_claims_the_keys_of_its_elements_on_sqlite() {
    a_split_delivery_that_is_accepted_after_all_claims_the_keys_of_its_elements(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_delivery_that_is_accepted_after_all_claims_the_keys_of_its_elements_on_postgresql() {
    a_split_delivery_that_is_accepted_after_all_claims_the_keys_of_its_elements(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn a_key_in_a_header_is_one_for_the_whole_request_and_a_paused_hook_holds_all_of_it() {
    let door = Door::open().await;
    let path = door.publish(&workflow("")).await;
    door.switch(&path, Switch::Pause).await;
    let headers = "Idempotency-Key: k\r\nContent-Type: application/json\r\n";
    let body = r#"{"order":1,"items":[{"sku":"a"},{"sku":"b"}]}"#;
    let first = door.post(&path, headers, body).await;
    let again = door.post(&path, headers, body).await;
    assert_eq!((&first.body, again.header("hookmill-duplicate")), (&again.body, Some("true")));
    let other = door.post(&path, headers, r#"{"items":[]}"#).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    let runs = ids(&first);
    assert_eq!(door.store.run(runs[1]).await.unwrap().unwrap().state, State::Held);
    door.switch(&path, Switch::Resume).await;
    for (run, sku) in runs.iter().zip(["a", "b"]) {
        assert_eq!(output(&ended(&door, *run).await)["sku"], sku);
    }
    let delivery = door.delivery(&first).await.id;
    for again in door.worker.replay(delivery, Which::Latest).await.unwrap() {
        ended(&door, again).await;
    }
    let copy = door.post(&path, headers, body).await;
    assert_eq!(
        (copy.header("hookmill-duplicate"), &copy.body),
        (Some("true"), &first.body),
        "what was replayed is no part of it"
    );
    door.close().await;
}

/// Killed after the answer: every run goes on with its own element, and a replay starts all of them again.
async fn elements_survive_a_kill(database: Database) {
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let document = "hookmill: 1\nname: K\ntriggers:\n  - webhook: { split: $, dedupe: { path: $.n } }\nsteps:\n  \
                    - wait: { for: 300ms }\n  - set: { n: '{{ webhook.n }}' }\n";
    let hook = app.publish(document).await.hook().clone();
    app.send(&hook, &json!([{ "n": 3 }])).await;
    let answer = app.send(&hook, &(0..40).map(|n| json!({ "n": n })).collect::<Value>()).await;
    app.kill_9();
    app.restart();
    let answer_ids = answer.json()["run_ids"].clone();
    let runs = answer_ids.as_array().unwrap();
    assert_eq!(runs.len(), 39, "one element was there before");
    let expected: Vec<u64> = (0..40).filter(|n| *n != 3).collect();
    for (run, n) in runs.iter().zip(&expected) {
        let run = app.finished(run.as_str().unwrap()).await;
        assert_eq!((&run["state"], &run["output"]["n"]), (&json!("succeeded"), &json!(n)), "{run}");
    }
    let replay = app.client().call("POST", &format!("/api/v1/deliveries/{}/replay", answer.delivery_id()), None).await;
    assert_eq!(replay.status, 202, "{}", replay.text());
    let again = replay.json()["run_ids"].as_array().unwrap().clone();
    assert_eq!((again.len(), &again[0]), (39, &replay.json()["run_id"]));
    for (run, n) in again.iter().zip(&expected) {
        assert_eq!(app.finished(run.as_str().unwrap()).await["output"]["n"], json!(n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elements_survive_a_kill_on_sqlite() {
    elements_survive_a_kill(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elements_survive_a_kill_on_postgresql() {
    elements_survive_a_kill(Database::Postgres(fresh_database().await)).await;
}
