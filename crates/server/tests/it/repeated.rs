//! Webhooks that come twice.

use hookmill_server::listen::Limits;
use hookmill_store::deliveries::Outcome;
use hookmill_testkit::postgres::fresh_database;

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
