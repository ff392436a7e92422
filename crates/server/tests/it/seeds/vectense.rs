//! Vectense: `/api/webhook/{workspace-id}/{workflow-id}?key={shared key}`.

use super::door;

const HOOK: &str = "      preset: vectense
      secret: key
      ids: { workspace: workspace-id, workflow: workflow-id }
      memory: { headers: requestHeaders, body: requestBody }";
const URL: &str = "/api/webhook/workspace-id/workflow-id?key=webhook-secret-key-2024";
const SECRETS: &[(&str, &str)] = &[("key", "webhook-secret-key-2024")];
const PAYMENT: &str = r#"{"event":"payment_completed","order_id":"ORD-12345","amount":99.99,"customer":{"email":"customer@example.com","name":"John Doe"}}"#;

#[tokio::test]
async fn a_call_with_the_shared_key_is_answered_200_accepted_and_starts_the_workflow() {
    let door = door(HOOK, SECRETS).await;
    let answer = door.json(URL, PAYMENT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, br#"{"status":"accepted","workflow_started":true}"#);
    assert_eq!(door.count().await, 1);
    door.close().await;
}

#[tokio::test]
async fn a_wrong_or_missing_shared_key_is_answered_401_invalid_shared_key() {
    let door = door(HOOK, SECRETS).await;
    for url in ["/api/webhook/workspace-id/workflow-id?key=wrong", "/api/webhook/workspace-id/workflow-id"] {
        let answer = door.json(url, PAYMENT).await;
        assert_eq!((answer.status, &*answer.body), (401, &br#"{"error":"Invalid shared key"}"#[..]), "{url}");
        assert!(answer.header("www-authenticate").is_some());
    }
    door.close().await;
}

#[tokio::test]
async fn invalid_data_is_answered_400_invalid_request_format() {
    let door = door(HOOK, SECRETS).await;
    let answer = door.json(URL, "{\"event\":").await;
    assert_eq!((answer.status, &*answer.body), (400, &br#"{"error":"Invalid request format"}"#[..]));
    door.close().await;
}

#[tokio::test]
async fn only_post_is_answered() {
    let door = door(HOOK, SECRETS).await;
    let answer = door.get(URL).await;
    assert_eq!(answer.status, 405, "{answer:?}");
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")));
    door.close().await;
}

#[tokio::test]
async fn an_unknown_workflow_and_a_failed_run_are_told_in_the_same_form() {
    let door = door(HOOK, SECRETS).await;
    let nowhere = door.json("/api/webhook/workspace-id/other?key=webhook-secret-key-2024", PAYMENT).await;
    assert_eq!((nowhere.status, &*nowhere.body), (404, &br#"{"error":"No hook answers here"}"#[..]));
    let failing = super::document(&format!("{HOOK}\n      response: {{ mode: when_finished }}"));
    let failing = failing.split("steps:").next().unwrap().to_owned() + "steps:\n  - stop: { failure: no }\n";
    door.publish(&failing).await;
    let failed = door.json(URL, PAYMENT).await;
    assert_eq!((failed.status, &*failed.body), (500, &br#"{"error":"Internal server error"}"#[..]));
    door.close().await;
}
