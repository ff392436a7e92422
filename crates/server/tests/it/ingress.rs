//! Webhooks that are accepted, and the ways in which they are answered.

use hookmill_store::deliveries::Outcome;
use hookmill_testkit::postgres::fresh_database;

use crate::door::{Door, succeeded};
use crate::raw::{Raw, exchange};

use hookmill_server::listen::Limits;

const ORDER: &str = "
hookmill: 1
name: Order
triggers:
  - webhook:
      path: orders/:region
      auth: { any: [ { shared_key: shop }, { bearer: shop }, { header: { name: X-Shop-Token, secret: shop } } ] }
      variables:
        order_id: { type: string, required: true }
        total: { type: number }
        region: { type: string }
steps:
  - id: sum
    set: { doubled: '{{ webhook.total * 2 }}', where: '{{ webhook.region }}' }
";

fn waiting(mode: &str, steps: &str, more: &str) -> String {
    format!("hookmill: 1\nname: W\ntriggers:\n  - webhook: {{ response: {{ mode: {mode}{more} }} }}\nsteps:\n{steps}\n")
}

async fn accepted_and_run(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    door.set_secret("shop", "s3cret");
    let path = door.publish(ORDER).await;
    let body = r#"{"order_id": "7", "total": 21}"#;
    let answer = door.json(&format!("{path}?key=s3cret&region=eu"), body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let run = door.ended(&answer).await;
    succeeded(&run);
    assert_eq!(run.output.as_deref(), Some(r#"{"doubled":42,"where":"eu"}"#));
    let delivery = door.delivery(&answer).await;
    assert_eq!(
        (delivery.outcome, delivery.status, delivery.path_and_query.as_str()),
        (Outcome::Accepted, 202, &*format!("{path}?key=***&region=eu"))
    );
    assert_eq!(door.store.delivery_body(delivery.id).await.unwrap(), body.as_bytes());
    door.close().await;
}

#[tokio::test]
async fn a_webhook_is_stored_answered_and_run_on_sqlite() {
    accepted_and_run(None).await;
}

#[tokio::test]
async fn a_webhook_is_stored_answered_and_run_on_postgresql() {
    accepted_and_run(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn own_paths_answer_with_their_parameters() {
    let door = Door::open().await;
    door.set_secret("shop", "s3cret");
    door.publish(ORDER).await;
    let answer = door
        .post(
            "/hooks/main/orders/s%C3%BCd",
            "Authorization: Bearer s3cret\r\nContent-Type: application/json\r\n",
            r#"{"order_id": "7", "total": 1}"#,
        )
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(door.ended(&answer).await.output.unwrap().contains("süd"));
    let elsewhere = door.json("/hooks/main/orders/a/b", "{}").await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (404, "hook_not_found"));
    door.close().await;
}

#[tokio::test]
async fn what_was_published_a_moment_ago_answers() {
    let door = Door::open().await;
    let plain =
        "hookmill: 1\nname: P\ntriggers:\n  - webhook: { path: p, response: { status: STATUS } }\nsteps:\n  - set: { a: 1 }\n";
    assert_eq!(door.json("/hooks/main/p", "{}").await.status, 404);
    for status in [200, 201, 202] {
        door.publish(&plain.replace("STATUS", &status.to_string())).await;
        assert_eq!(door.json("/hooks/main/p", "{}").await.status, status);
    }
    door.close().await;
}

#[tokio::test]
async fn stored_requests_hold_no_credentials() {
    let door = Door::open().await;
    door.set_secret("shop", "s3cret");
    let path = door.publish(ORDER).await;
    let headers = "X-Shop-Token: s3cret\r\nCookie: a=s3cret\r\nAuthorization: Basic s3cret\r\nX-Two: a\r\nX-Two: b\r\nContent-Type: application/json\r\n";
    let good = door.post(&path, headers, r#"{"order_id": "7", "total": 1}"#).await;
    assert_eq!(good.status, 202, "{good:?}");
    let delivery = door.delivery(&good).await;
    let twos: Vec<_> = delivery.headers.iter().filter(|(name, _)| *name == "x-two").map(|(_, value)| value).collect();
    assert_eq!(twos, ["a", "b"]);
    assert!(!format!("{delivery:?}").contains("s3cret"), "{delivery:?}");
    let bad = door.post(&format!("{path}?key=s3cret2"), "Authorization: Bearer s3cret2\r\n", "{}").await;
    let delivery = door.refused(&bad, 401, "unauthorized").await;
    assert!(!format!("{delivery:?}").contains("s3cret"), "{delivery:?}");
    assert_eq!(door.store.delivery_body(delivery.id).await.unwrap(), "{}");
    door.close().await;
}

#[tokio::test]
async fn a_sender_can_wait_for_the_end_for_a_respond_step_and_for_a_failure() {
    let door = Door::open().await;
    let end = door.publish(&waiting("when_finished", "  - set: { total: '{{ webhook.total + 1 }}' }", "")).await;
    let answer = door.json(&end, r#"{"total": 1}"#).await;
    assert_eq!((answer.status, answer.json()["total"].as_f64()), (200, Some(2.0)), "{answer:?}");

    let steps = "  - respond: { status: 201, headers: { X-Done: 'yes', Set-Cookie: a=b, Content-Type: text/html }, body: '<b>{{ webhook.total }}</b>' }\n  - set: { a: 1 }";
    let respond = door.publish(&waiting("respond", steps, "")).await;
    let answer = door.json(&respond, r#"{"total": 1}"#).await;
    assert_eq!((answer.status, answer.body.as_slice(), answer.header("x-done")), (201, b"<b>1</b>".as_slice(), Some("yes")));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((answer.header("set-cookie"), answer.header("content-security-policy")), (None, Some("sandbox")));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));

    let fails = "  - stop: { failure: 'no stock' }";
    let failure = door
        .publish(&waiting("when_finished", fails, ", on_failure: { status: 502, body: { why: '{{ run.error.message }}' } }"))
        .await;
    let answer = door.json(&failure, "{}").await;
    assert_eq!((answer.status, answer.json()["why"].as_str()), (502, Some("no stock")), "{answer:?}");

    let plain = door.publish(&waiting("when_finished", fails, "")).await;
    let answer = door.json(&plain, "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "run_failed"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("no stock"), "{answer:?}");
    door.close().await;
}

#[tokio::test]
async fn a_sender_that_waited_long_enough_gets_the_ids() {
    let door = Door::open().await;
    let path = door.publish(&waiting("when_finished", "  - wait: 1h", ", deadline: 100ms")).await;
    let answer = door.json(&path, "{}").await;
    assert_eq!(answer.status, 202);
    assert!(answer.json()["run_id"].as_str().unwrap().starts_with("run_"));
    door.close().await;
}

#[tokio::test]
async fn a_sender_that_goes_away_while_it_waits_loses_nothing() {
    let door = Door::open().await;
    let path = door.publish(&waiting("when_finished", "  - set: { a: 1 }", "")).await;
    let mut raw = Raw::connect(door.address).await;
    raw.send(format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}")).await;
    drop(raw);
    hookmill_testkit::patience::until("the run ends", async || {
        let runs = door.store.runs(&Default::default(), 10).await.unwrap().items;
        runs.first().is_some_and(|run| run.state.is_final()).then_some(())
    })
    .await;
    door.close().await;
}

#[tokio::test]
async fn answers_are_made_from_templates_and_a_failing_one_turns_nothing_away() {
    let door = Door::open().await;
    let text = "hookmill: 1\nname: T\ntriggers:\n  - webhook: { response: { status: 200, headers: { X-Run: '{{ run.id }}' }, body: { ok: true, id: '{{ webhook.id }}' } } }\nsteps:\n  - set: { a: 1 }\n";
    let path = door.publish(text).await;
    let answer = door.json(&path, r#"{"id": 5}"#).await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "ok": true, "id": 5 })));
    assert!(answer.header("x-run").unwrap().starts_with("run_"));
    let answer = door.json(&path, "{}").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(door.delivery(&answer).await.detail.unwrap().contains("template"));
    succeeded(&door.ended(&answer).await);
    door.close().await;
}

#[tokio::test]
async fn questions_about_a_hook_are_answered_and_start_nothing() {
    let door = Door::open().await;
    let path = door.publish(ORDER).await;
    for (method, status) in [("HEAD", 200), ("OPTIONS", 204)] {
        let answer = exchange(door.address, format!("{method} {path} HTTP/1.1\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("allow")), (status, Some("POST, HEAD, OPTIONS")));
    }
    assert_eq!(door.count().await, 0);
    door.close().await;
}
