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

async fn system_errors_are_answered_500_internal_server_error_on(url: Option<String>) {
    let door = crate::door::Door::open_with(url, Default::default()).await;
    door.set_secrets(&[("key", "webhook-secret-key-2024")]);
    door.publish(&super::document(HOOK)).await;
    assert_eq!(door.json(URL, PAYMENT).await.status, 200);
    door.set_secrets(&[]);
    let unready = door.json(URL, PAYMENT).await;
    assert_eq!((unready.status, &*unready.body), (500, &br#"{"error":"Internal server error"}"#[..]), "the owner's fault");
    door.set_secrets(SECRETS);
    door.store.close().await;
    let unstored = door.json(URL, PAYMENT).await;
    assert_eq!((unstored.status, &*unstored.body), (500, &br#"{"error":"Internal server error"}"#[..]), "{unstored:?}");
    assert!(unstored.header("retry-after").is_some(), "it may be sent again");
    door.close().await;
}

#[tokio::test]
async fn system_errors_are_answered_500_internal_server_error() {
    system_errors_are_answered_500_internal_server_error_on(None).await;
}

#[tokio::test]
async fn system_errors_are_answered_500_internal_server_error_on_postgres() {
    let url = hookmill_testkit::postgres::fresh_database().await;
    system_errors_are_answered_500_internal_server_error_on(Some(url)).await;
}

#[tokio::test]
async fn headers_and_body_are_provided_as_the_configured_variables() {
    // As JSON objects for expressions, with all request headers; the key is in neither.
    let text = format!(
        "hookmill: 1\nname: Seed\ntriggers:\n  - webhook:\n{HOOK}\nsteps:\n  - set: {{ email: '{{{{ requestBody.customer.email }}}}', \
         agent: '{{{{ requestHeaders[\"user-agent\"] }}}}', event: '{{{{ requestHeaders[\"x-github-event\"] }}}}', \
         all: '{{{{ requestBody }}}}', query: '{{{{ webhook.query.key }}}}' }}\n"
    );
    let door = crate::door::Door::open().await;
    door.set_secrets(SECRETS);
    door.publish(&text).await;
    let headers = "Content-Type: application/json\r\nUser-Agent: GitHub-Hookshot/abc123\r\nX-GitHub-Event: push\r\n";
    assert_eq!(door.post(URL, headers, PAYMENT).await.status, 200);
    let delivery = door.store.deliveries(&Default::default(), 1).await.unwrap().items.remove(0);
    let run = super::run_of(&door, &delivery.run.unwrap().to_string().into()).await;
    let output: serde_json::Value = serde_json::from_str(&run.output.unwrap()).unwrap();
    assert_eq!((&output["email"], &output["event"]), (&"customer@example.com".into(), &"push".into()));
    assert_eq!((&output["agent"], &output["all"]["amount"]), (&"GitHub-Hookshot/abc123".into(), &99.99.into()));
    assert_eq!(output["query"], "***", "the key is in no run");
    assert!(!delivery.path_and_query.contains("webhook-secret-key-2024"), "nor in the ledger");
    door.close().await;
}

#[tokio::test]
async fn various_content_types_are_supported_and_detected() {
    let door = door(HOOK, SECRETS).await;
    for (content_type, body, seen) in [
        ("application/json", r#"{"a":1}"#, r#"{"a":1}"#),
        ("application/vnd.api+json", r#"{"a":1}"#, r#"{"a":1}"#),
        ("text/plain", "hello", "\"hello\""),
        ("application/x-www-form-urlencoded", "a=1", r#"{"a":"1"}"#),
        ("application/xml", "<a>1</a>", "{\"a\":\"1\"}"),
        ("text/csv", "a,b\n1,2\n", "\"a,b\\n1,2\\n\""),
    ] {
        let answer = door.post(URL, &format!("Content-Type: {content_type}\r\n"), body).await;
        assert_eq!(answer.status, 200, "{content_type}: {answer:?}");
        let newest = door.store.deliveries(&Default::default(), 1).await.unwrap().items.remove(0);
        let run = super::run_of(&door, &newest.run.unwrap().to_string().into()).await;
        assert_eq!(run.output.unwrap(), format!("{{\"seen\":{seen}}}"), "{content_type}");
    }
    door.close().await;
}

#[tokio::test]
async fn the_shared_key_is_validated_on_every_request_and_keys_can_be_rotated() {
    let hook = HOOK.replace("secret: key", "secret: [key, next]");
    let door = door(&hook, &[("key", "webhook-secret-key-2024"), ("next", "k 2")]).await;
    let at = |key: &str| format!("/api/webhook/workspace-id/workflow-id?key={key}");
    for (key, status) in
        [("webhook-secret-key-2024", 200), ("k%202", 200), ("k+2", 200), ("webhook-secret-key-202", 401), ("", 401)]
    {
        let answer = door.json(&at(key), PAYMENT).await;
        assert_eq!(answer.status, status, "{key}: {answer:?}");
    }
    // The first one is taken away.
    door.set_secrets(&[("key", "another"), ("next", "k 2")]);
    assert_eq!(door.json(&at("webhook-secret-key-2024"), PAYMENT).await.status, 401);
    assert_eq!(door.json(&at("k%202"), PAYMENT).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn request_sizes_are_limited() {
    let door = door(HOOK, SECRETS).await;
    let large = vec![b' '; usize::try_from(crate::door::BODY_BYTES_MAX).unwrap() + 1];
    let answer = door.json(URL, large).await;
    assert_eq!((answer.status, answer.json().as_object().unwrap().len()), (413, 1), "{answer:?}");
    assert!(answer.json()["error"].is_string());
    door.close().await;
}
