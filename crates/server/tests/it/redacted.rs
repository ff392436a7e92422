//! What the ledger and workflows never see of a request.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_server::ingress::REDACTED;
use hookmill_store::deliveries::{Delivery, DeliveryFilter, Outcome};
use hookmill_store::hook_states::{OffAnswer, Switch};
use hookmill_testkit::patience::until;
use hookmill_worker::Which;

use crate::door::{Door, succeeded};

fn document(webhook: &str, step: &str) -> String {
    format!("hookmill: 1\nname: R\ntriggers:\n  - webhook: {{ {webhook} }}\nsteps:\n  - {step}\n")
}

#[tokio::test]
async fn only_what_a_hook_takes_for_a_credential_is_taken_out_of_its_query() {
    let door = Door::open().await;
    let step = "set: { all: '{{ webhook.query }}', data: '{{ webhook.body }}' }";
    let path = door.publish(&document("path: open, methods: [ GET ]", step)).await;
    let query = "key=3&sign=aries&access_token=s3cret&hub.verify_token=s3cret";
    let answer = door.get(&format!("{path}?{query}")).await;
    let seen: serde_json::Value = serde_json::from_str(&door.ended(&answer).await.output.unwrap()).unwrap();
    let wanted = serde_json::json!({ "key": "3", "sign": "aries", "access_token": "***", "hub.verify_token": "***" });
    assert_eq!((&seen["all"], &seen["data"]), (&wanted, &wanted));
    let kept = door.delivery(&answer).await.path_and_query;
    assert_eq!(kept, format!("{path}?key=3&sign=aries&access_token=***&hub.verify_token=***"));

    door.set_secret("shop", "s3cret");
    let path = door.publish(&document("path: closed, auth: { any: [ { shared_key: shop } ] }", step)).await;
    let answer = door.json(&format!("{path}?key=s3cret&sign=aries"), "{}").await;
    assert_eq!(door.delivery(&answer).await.path_and_query, format!("{path}?key=***&sign=aries"));
    door.close().await;
}

#[tokio::test]
async fn a_handshake_is_kept_without_its_verify_token() {
    let door = Door::open().await;
    door.set_secrets(&[("app", "s"), ("verify", "my-token")]);
    let path = door.publish(&document("preset: meta, secret: app, verify_token: verify", "set: {}")).await;
    door.get(&format!("{path}?hub.mode=subscribe&hub.challenge=11&hub.verify_token=my-token")).await;
    assert_eq!(door.count_of(hookmill_store::deliveries::Outcome::Handshake).await, 1);
    let kept = door.store.deliveries(&Default::default(), 10).await.unwrap().items.remove(0).path_and_query;
    assert_eq!(kept, format!("{path}?hub.mode=subscribe&hub.challenge=11&hub.verify_token=***"));
    door.close().await;
}

#[tokio::test]
async fn a_hook_that_is_not_ready_keeps_no_credential_either() {
    let door = Door::open().await;
    let headers = "X-Shop: s3cret\r\nX-Region: eu\r\nContent-Type: application/json\r\n";
    let kept = async |document: &str| {
        let path = door.publish(document).await;
        let answer = door.post(&format!("{path}?key=s3cret&page=2"), headers, "{}").await;
        let delivery = door.refused(&answer, 503, "hook_not_ready").await;
        assert_eq!(delivery.path_and_query, format!("{path}?key=***&page=2"));
        let header = |name| delivery.headers.get(name).unwrap().to_owned();
        (header("x-shop"), header("x-region"), header("content-type"))
    };
    let auth = "auth: { any: [ { shared_key: a }, { header: { name: X-Shop, secret: a } } ] }";
    let (shop, region, media) = kept(&document(&format!("path: a, preset: nobody, {auth}"), "set: {}")).await;
    assert_eq!((&*shop, &*region, &*media), ("***", "eu", "application/json"), "the trigger is known");
    let (shop, region, media) = kept(&document(&format!("path: b, {auth}"), "set: { a: '{{ ( }}' }")).await;
    assert_eq!((&*shop, &*region, &*media), ("***", "***", "application/json"), "the revision cannot be read");
    door.close().await;
}

const APP_KEY: &str = "auth: { any: [ { app_key: app } ] }";

/// What is kept of the only delivery that became this.
async fn kept(door: &Door, outcome: Outcome) -> (Delivery, Bytes) {
    let filter = DeliveryFilter { outcome: Some(outcome), ..DeliveryFilter::default() };
    let found = until("the delivery is stored", async || {
        let mut found = door.store.deliveries(&filter, 10).await.unwrap().items;
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    });
    let id = found.await.id;
    (door.store.delivery(id).await.unwrap().unwrap(), door.store.delivery_body(id).await.unwrap())
}

#[tokio::test]
async fn a_refused_body_is_kept_without_app_key_and_sign_and_can_be_accepted_after_all() {
    let door = Door::open().await;
    door.set_secret("app", "k1:s1");
    let path = door.publish(&document(APP_KEY, "set: { n: '{{ webhook.body.n }}', s: '{{ webhook.body.sign }}' }")).await;
    let multipart = |key: &str, sign: &str| {
        let part = |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        [part("AppKey", key), part("n", "1.50"), part("sign", sign), "--x--\r\n".to_owned()].concat()
    };
    for (content_type, sent, expected, said) in [
        (
            "application/json",
            r#"{ "n": 1.50, "appKey": "k1", "sign": "s2" }"#.to_owned(),
            r#"{ "n": 1.50, "appKey": "***", "sign": "***" }"#.to_owned(),
            r#"{"n":1.5,"s":"***"}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "n=1.50&appKey=k1&sign=s2".to_owned(),
            "n=1.50&appKey=***&sign=***".to_owned(),
            r#"{"n":"1.50","s":"***"}"#,
        ),
        ("multipart/form-data; boundary=x", multipart("k1", "s2"), multipart(REDACTED, REDACTED), r#"{"n":"1.50","s":"***"}"#),
    ] {
        let answer = door.post(&path, &format!("Content-Type: {content_type}\r\n"), &sent).await;
        let refused = door.refused(&answer, 401, "unauthorized").await.id;
        assert_eq!(door.store.delivery_body(refused).await.unwrap(), expected, "nothing else changes");
        // Whoever accepts it vouches for it: no credential is asked for again.
        let run = door.worker.accept_after_all(refused, Which::Latest, "owner").await.unwrap();
        let run = until("the run has ended", async || {
            let run = door.store.run(run).await.unwrap().unwrap();
            run.state.is_final().then_some(run)
        })
        .await;
        succeeded(&run);
        assert_eq!(run.output.as_deref(), Some(said), "{content_type}");
    }
    door.close().await;
}

#[tokio::test]
async fn an_accepted_body_is_kept_byte_for_byte_with_app_key_and_sign() {
    let door = Door::open().await;
    door.set_secret("app", "k1:s1");
    let path = door.publish(&document(APP_KEY, "set: { s: '{{ webhook.body.sign }}' }")).await;
    let body = r#"{ "appKey": "k1", "sign": "s1" }"#;
    let answer = door.json(&path, body).await;
    succeeded(&door.ended(&answer).await);
    let delivery: DeliveryId = answer.json()["delivery_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(door.store.delivery_body(delivery).await.unwrap(), body);
    let again = door.worker.replay(delivery, Which::Same).await.unwrap();
    let run = until("the run has ended", async || {
        let run = door.store.run(again[0]).await.unwrap().unwrap();
        run.state.is_final().then_some(run)
    })
    .await;
    assert_eq!(run.output.as_deref(), Some(r#"{"s":"s1"}"#), "it says what it said");
    door.close().await;
}

#[tokio::test]
async fn whatever_starts_nothing_is_kept_without_app_key_and_sign() {
    let door = Door::open().await;
    door.set_secret("app", "k1:s1");
    let hook = format!("{APP_KEY}, dedupe: {{ path: $.id }}, only_if: '{{{{ webhook.body.id > 0 }}}}'");
    let path = door.publish(&document(&hook, "set: {}")).await;
    let body = |id: u32| format!(r#"{{"id":{id}, "appKey":"k1","sign":"s1"}}"#);
    let struck = |id: u32| format!(r#"{{"id":{id}, "appKey":"***","sign":"***"}}"#);
    assert_eq!(door.json(&path, body(1)).await.status, 202);
    assert_eq!(door.json(&path, body(1)).await.header("hookmill-duplicate"), Some("true"));
    assert_eq!(kept(&door, Outcome::Duplicate).await.1, struck(1));
    assert_eq!(door.json(&path, body(0)).await.status, 200);
    let (filtered, left_out) = kept(&door, Outcome::Filtered).await;
    assert_eq!(left_out, struck(0));
    let now = hookmill_store::ids::system_clock()();
    let deadline = hookmill_engine::time::Timestamp(now.0 + 60_000);
    door.store.listen_to(filtered.hook, "somebody", now, deadline).await.unwrap();
    assert_eq!(door.json(&path, body(2)).await.json()["captured"], true);
    assert_eq!(kept(&door, Outcome::Captured).await.1, struck(2));
    assert_eq!(kept(&door, Outcome::Accepted).await.1, body(1));
    door.close().await;
}

#[tokio::test]
async fn a_refused_body_is_the_same_as_its_accepted_copy_without_app_key_and_sign() {
    let door = Door::open().await;
    door.set_secrets(&[("app", "k1:s1")]);
    for (name, dedupe, header) in [("body", "dedupe: { body: true }, ", ""), ("key", "", "Idempotency-Key: a\r\n")] {
        let path =
            door.publish(&document(&format!("{dedupe}{APP_KEY}"), "set: {}").replace("name: R", &format!("name: {name}"))).await;
        let headers = format!("{header}Content-Type: application/json\r\n");
        let body = r#"{"appKey":"k1","sign":"s1","n":1}"#;
        door.switch(&path, Switch::Off(OffAnswer::Unavailable)).await;
        let refused = door.post(&path, &headers, body).await;
        let refused = door.refused(&refused, 503, "hook_away").await.id;
        door.switch(&path, Switch::On).await;
        let accepted = door.ended(&door.post(&path, &headers, body).await).await.id;
        let run = door.worker.accept_after_all(refused, Which::Latest, "owner").await.unwrap();
        assert_eq!(run, accepted, "{name}: its copy was run");
        assert!(door.store.runs_of_delivery(refused).await.unwrap().is_empty());
        let another = door.post(&path, &headers, body.replace("\"n\":1", "\"n\":2")).await;
        assert_eq!(another.status, if header.is_empty() { 202 } else { 422 }, "{name}: {another:?}");
    }
    door.close().await;
}
