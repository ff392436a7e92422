//! Webhooks that come twice.

use hookmill_engine::time::{Span, Timestamp};
use hookmill_server::listen::Limits;
use hookmill_store::deliveries::Outcome;
use hookmill_store::retention::Policy;
use hookmill_testkit::postgres::fresh_database;
use hookmill_worker::Which;

use crate::door::Door;
use crate::raw::Answer;

const KEYED: &str = "hookmill: 1\nname: K\ntriggers:\n  - webhook: { dedupe: { path: '$.id' } }\nsteps:\n  - set: { a: 1 }\n";
const PLAIN: &str = "hookmill: 1\nname: P\ntriggers:\n  - webhook: {}\nsteps:\n  - set: { a: 1 }\n";
const WAITING: &str = "hookmill: 1\nname: W\ntriggers:\n  - webhook: { response: { mode: when_finished } }\nsteps:\n  - set: { a: '{{ webhook.n }}' }\n";
const COPIES: usize = 20;

async fn copies_at_the_same_instant(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let path = door.publish(KEYED).await;
    let answers = futures_util::future::join_all((0..COPIES).map(|_| door.json(&path, r#"{"id":"evt_1"}"#))).await;
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.body == answers[0].body), "{answers:?}");
    let originals: Vec<&Answer> = answers.iter().filter(|answer| answer.header("hookmill-duplicate").is_none()).collect();
    assert_eq!(originals.len(), 1, "one is the original");
    let run = door.ended(originals[0]).await;
    let runs = door.store.runs_of_delivery(run.delivery.unwrap()).await.unwrap();
    assert_eq!(runs, [run.id]);
    door.close().await;
}

#[tokio::test]
async fn twenty_copies_at_the_same_instant_give_one_run_on_sqlite() {
    copies_at_the_same_instant(None).await;
}

#[tokio::test]
async fn twenty_copies_at_the_same_instant_give_one_run_on_postgresql() {
    copies_at_the_same_instant(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn an_idempotency_key_gives_the_original_answer_again_and_refuses_another_body() {
    let door = Door::open().await;
    let path = door.publish(PLAIN).await;
    let headers = "Idempotency-Key: \"k 1\"\r\nContent-Type: application/json\r\n";
    let first = door.post(&path, headers, r#"{"n":1}"#).await;
    let again = door.post(&path, headers, r#"{"n":1}"#).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!((first.header("hookmill-duplicate"), again.header("hookmill-duplicate")), (None, Some("true")));
    let other = door.post(&path, headers, r#"{"n":2}"#).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    let odd = door.post(&path, "Idempotency-Key: \"k\r\nContent-Type: application/json\r\n", "{}").await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "bad_idempotency_key"));
    let without = door.json(&path, r#"{"n":1}"#).await;
    assert_ne!(without.body, first.body, "what has no key repeats nothing");
    door.close().await;
}

#[tokio::test]
async fn a_copy_gets_the_very_answer_of_its_original_whatever_the_template_says() {
    const ANSWER: &str = "hookmill: 1\nname: A\ntriggers:\n  - webhook:\n      dedupe: { path: '$.id' }\n      response:\n        body: { r: '{{ uuid() }}', at: '{{ webhook.received_at }}', now: '{{ now() }}', n: '{{ webhook.body.n }}' }\nsteps: []\n";
    let door = Door::open().await;
    let path = door.publish(ANSWER).await;
    let first = door.json(&path, r#"{"id":"a","n":1}"#).await;
    let again = door.json(&path, r#"{"id":"a","n":2}"#).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!((first.header("hookmill-duplicate"), again.header("hookmill-duplicate")), (None, Some("true")));
    assert_ne!(door.json(&path, r#"{"id":"b","n":1}"#).await.body, first.body);
    door.close().await;
}

#[tokio::test]
async fn copies_of_a_request_that_waits_for_its_run_get_its_answer_too() {
    let door = Door::open().await;
    let path = door.publish(WAITING).await;
    let headers = "Idempotency-Key: w\r\nContent-Type: application/json\r\n";
    let answers = futures_util::future::join_all((0..4).map(|_| door.post(&path, headers, r#"{"n":7}"#))).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "a": 7 })), "{answer:?}");
    }
    let later = door.post(&path, headers, r#"{"n":7}"#).await;
    assert_eq!((later.json(), later.header("hookmill-duplicate")), (serde_json::json!({ "a": 7 }), Some("true")));
    door.close().await;
}

#[tokio::test]
async fn what_the_condition_leaves_out_is_kept_and_starts_nothing() {
    let door = Door::open().await;
    let path = door
        .publish("hookmill: 1\nname: F\ntriggers:\n  - webhook: { only_if: '{{ webhook.body.total > 10 }}' }\nsteps: []\n")
        .await;
    assert_eq!(door.json(&path, r#"{"total":11}"#).await.status, 202);
    let left_out = door.json(&path, r#"{"total":9}"#).await;
    assert_eq!((left_out.status, &left_out.json()["filtered"]), (200, &true.into()), "{left_out:?}");
    let delivery = door.delivery(&left_out).await;
    assert_eq!((delivery.outcome, delivery.reason.as_deref()), (Outcome::Filtered, Some("only_if")));
    assert!(door.store.runs_of_delivery(delivery.id).await.unwrap().is_empty());
    let undecided = door.json(&path, r#"{"n":9}"#).await;
    assert_eq!((undecided.status, undecided.code().as_str()), (422, "condition_error"));
    door.close().await;
}

/// A whole pass of retention, an hour later: how many runs and deliveries it took.
async fn pruned(door: &Door, policy: &Policy) -> (u64, u64) {
    let later = Timestamp(hookmill_store::ids::system_clock()().0 + 3_600_000);
    let mut pass = door.store.plan_pruning(policy, later).await.unwrap();
    let (mut runs, mut deliveries) = (0, 0);
    loop {
        let pruned = door.store.prune(&mut pass).await.unwrap();
        (runs, deliveries) = (runs + pruned.runs, deliveries + pruned.deliveries);
        if pruned.done {
            return (runs, deliveries);
        }
    }
}

async fn a_copy_of_what_retention_took_names_no_other_run(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let plain = door.publish(KEYED).await;
    let told = KEYED.replace("'$.id' }", "'$.id' }, response: { body: { run_id: '{{ run.id }}' } }").replace(": K", ": T");
    let told = door.publish(&told).await;
    let send = async |path: &str| door.json(path, r#"{"id":"evt_1"}"#).await;
    let (first, first_told) = (send(&plain).await, send(&told).await);
    door.ended(&first).await;
    door.ended(&first_told).await;
    assert_eq!(pruned(&door, &Policy { runs: Some(Span(0)), ..Policy::default() }).await, (2, 0));
    assert_eq!((send(&plain).await.body, send(&told).await.body), (first.body.clone(), first_told.body));
    assert_eq!(pruned(&door, &Policy { deliveries: Some(Span(0)), ..Policy::default() }).await, (0, 2));
    let (plain, told) = (send(&plain).await.json(), send(&told).await.json());
    assert_eq!(plain["delivery_id"], first.json()["delivery_id"]);
    assert_eq!((&plain["run_id"], &told["run_id"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert!(told.get("run_id").is_some() && plain.get("run_id").is_some());
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_retention_took_names_no_other_run_on_sqlite() {
    a_copy_of_what_retention_took_names_no_other_run(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_retention_took_names_no_other_run_on_postgresql() {
    a_copy_of_what_retention_took_names_no_other_run(Some(fresh_database().await)).await;
}

async fn a_copy_of_what_retention_took_is_not_run_again(url: Option<String>) {
    // Accepting a refused copy after all must not repeat the work of its original, though nothing of it is left but its key.
    let door = Door::open_with(url, Limits::default()).await;
    let hook = "dedupe: { path: $.id }, auth: { any: [{ shared_key: k }] }";
    let path = door.publish(&format!("hookmill: 1\nname: K\ntriggers:\n  - webhook: {{ {hook} }}\nsteps: []\n")).await;
    door.set_secret("k", "open");
    let refused = door.json(&path, r#"{"id":1}"#).await;
    let refused = door.refused(&refused, 401, "unauthorized").await.id;
    let original = door.json(&format!("{path}?key=open"), r#"{"id":1}"#).await;
    door.ended(&original).await;
    let policy = Policy { runs: Some(Span(0)), ..Policy::default() };
    assert_eq!(pruned(&door, &policy).await, (1, 0), "the run of the original is gone");
    let error = door.worker.accept_after_all(refused, Which::Latest, "owner").await.unwrap_err().to_string();
    let original = original.json()["delivery_id"].as_str().unwrap().to_owned();
    assert!(error.contains(&original) && error.contains("not kept any more"), "{error}");
    assert!(door.store.runs_of_delivery(refused).await.unwrap().is_empty());
    assert_eq!(door.store.acceptance(refused).await.unwrap(), None, "it can be asked again once the key has expired");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_retention_took_is_not_run_again_on_sqlite() {
    a_copy_of_what_retention_took_is_not_run_again(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_retention_took_is_not_run_again_on_postgresql() {
    a_copy_of_what_retention_took_is_not_run_again(Some(fresh_database().await)).await;
}
