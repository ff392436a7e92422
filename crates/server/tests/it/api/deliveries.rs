//! Deliveries: exact bytes, headers without secrets, replay.

use hookmill_testkit::patience::until;
use serde_json::json;

use super::{DOUBLE, run_in, steady};
use crate::running::Running;

#[tokio::test]
async fn a_delivery_keeps_the_exact_bytes_and_runs_again() {
    // Bytes in, the same bytes out, whatever they are; then once more.
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let body = "{ \"n\" : 4,\r\n \"emoji\": \"\u{1F600}\", \"x\": 1.50 }\n";
    let request = server.client.to_hook(published.hook()).header("content-type", "application/json").body(body);
    let answer = server.client.answer(request).await;
    let (delivery, run) = (answer.delivery_id(), answer.run_id());
    run_in(&server.client, &run, &["succeeded"]).await;
    let bytes = server.client.call("GET", &format!("/api/v1/deliveries/{delivery}/body"), None).await;
    assert_eq!(bytes.body, body.as_bytes());
    assert_eq!(bytes.header("content-type"), Some("application/octet-stream"));
    assert_eq!(bytes.header("x-content-type-options"), Some("nosniff"));
    assert!(bytes.header("content-disposition").unwrap().starts_with("attachment"));
    let replay = format!("/api/v1/deliveries/{delivery}/replay");
    let again = server.client.call("POST", &replay, None).await.run_id();
    assert_ne!(again, run);
    run_in(&server.client, &again, &["succeeded"]).await;
    let mut seen = server.client.get(&format!("/api/v1/deliveries/{delivery}")).await;
    assert_eq!(seen["runs"], json!([run, again]));
    assert!(seen["duration_us"].as_u64().is_some());
    for member in ["duration_us", "headers", "path", "address"] {
        seen[member] = json!(format!("[{member}]"));
    }
    insta::assert_json_snapshot!("delivery", steady(seen));
    let listed = server.client.list("/api/v1/deliveries?outcome=accepted&status=202").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], delivery);
    assert!(server.client.list("/api/v1/deliveries?outcome=refused").await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_leads_to_the_page_about_its_code() {
    // Whoever reads the answer finds out what it means from the same server, without a key.
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let refused = server.client.answer(server.client.to_hook(published.hook()).json(&json!({}))).await;
    assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("/errors/invalid_variables")));
    let page = server.client.answer(server.client.request("GET", refused.json()["type"].as_str().unwrap())).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/markdown; charset=utf-8")));
    assert!(page.text().starts_with("# `invalid_variables`"), "{}", page.text());
    let unknown = server.client.answer(server.client.request("GET", "/errors/..%2Ferrors")).await;
    assert_eq!(unknown.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn the_budget_of_refused_requests_is_a_setting() {
    // 0 keeps nothing of what is refused, and everything of what is accepted.
    let server = Running::with(|config| config.ledger.refused_bytes_max = "0B".parse().unwrap()).await;
    let published = server.client.publish(DOUBLE).await;
    let refused = server.client.answer(server.client.to_hook(published.hook()).json(&json!({}))).await;
    assert_eq!(refused.status, 400);
    until("it is counted as not kept", async || {
        (server.client.get("/api/v1/server").await["refused_dropped"] == 1).then_some(())
    })
    .await;
    let accepted = server.client.answer(server.client.to_hook(published.hook()).json(&json!({ "n": 1 }))).await;
    let kept = server.client.list("/api/v1/deliveries").await;
    assert_eq!(kept.iter().map(|delivery| delivery["id"].clone()).collect::<Vec<_>>(), [json!(accepted.delivery_id())]);
    server.stop().await;
}
