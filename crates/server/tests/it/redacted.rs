//! What the ledger and workflows never see of a request.

use crate::door::Door;

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
