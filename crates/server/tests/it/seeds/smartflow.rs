//! SmartFlow: `/webhooks/{workflowId}`, with an API key as bearer token.

use super::door;

const HOOK: &str = "      preset: smartflow\n      secret: api\n      ids: { workflow: abc123 }";
const URL: &str = "/webhooks/abc123";
const USER: &str = r#"{"event":"user_registered","userId":"67890","name":"Jane Doe","email":"jane@example.com"}"#;

#[tokio::test]
async fn the_documented_request_triggers_the_workflow() {
    let door = door(HOOK, &[("api", "123456789")]).await;
    let headers = "Authorization: Bearer 123456789\r\nContent-Type: application/json\r\n";
    let answer = door.post(URL, headers, USER).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(door.ended(&answer).await.output.unwrap().contains("user_registered"));
    door.close().await;
}

#[tokio::test]
async fn a_wrong_api_key_is_refused() {
    let door = door(HOOK, &[("api", "123456789")]).await;
    let answer = door.post(URL, "Authorization: Bearer 1234567\r\nContent-Type: application/json\r\n", USER).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"hook\""));
    door.close().await;
}

#[tokio::test]
async fn each_workflow_gets_a_unique_url() {
    let door = door("      preset: smartflow\n      auth: { any: [] }", &[]).await;
    let hooks = door.store.active_hooks(None).await.unwrap();
    let alias = hooks[0].alias.clone().unwrap();
    assert_eq!(alias, format!("/webhooks/{}", hooks[0].token));
    assert_eq!(door.json(&alias, USER).await.status, 200, "headers are not required");
    assert_eq!(door.get(&alias).await.status, 405, "with POST");
    door.close().await;
}

#[tokio::test]
async fn the_payload_must_match_the_structure_required_by_the_workflow() {
    let hook = format!("{HOOK}\n      variables: {{ event: {{ type: string, required: true }}, customer: {{ type: object }} }}");
    let door = door(&hook, &[("api", "123456789")]).await;
    let headers = "Authorization: Bearer 123456789\r\nContent-Type: application/json\r\n";
    let order = r#"{"event":"order_created","orderId":"12345","customer":{"name":"John Doe","email":"john@example.com"}}"#;
    assert_eq!(door.post(URL, headers, order).await.status, 200);
    for body in [r#"{"orderId":"12345"}"#, r#"{"event":"e","customer":"John"}"#, "{"] {
        assert_eq!(door.post(URL, headers, body).await.status, 400, "{body}");
    }
    door.close().await;
}

#[tokio::test]
async fn it_returns_a_response_if_necessary() {
    let hook = format!("{HOOK}\n      response: {{ mode: when_finished, body: {{ hello: '{{{{ webhook.name }}}}' }} }}");
    let door = door(&hook, &[("api", "123456789")]).await;
    let headers = "Authorization: Bearer 123456789\r\nContent-Type: application/json\r\n";
    let answer = door.post(URL, headers, USER).await;
    assert_eq!((answer.status, &*answer.body), (200, &br#"{"hello":"Jane Doe"}"#[..]), "{answer:?}");
    door.close().await;
}

#[tokio::test]
async fn activity_logs_track_requests_and_failed_ones_show_their_error() {
    let door = door(HOOK, &[("api", "123456789")]).await;
    let headers = "Authorization: Bearer 123456789\r\nContent-Type: application/json\r\n";
    let accepted = door.post(URL, headers, USER).await;
    assert_eq!(door.delivery(&accepted).await.status, 200);
    let refused = door.delivery(&door.json(URL, USER).await).await;
    assert_eq!((refused.status, refused.reason.as_deref()), (401, Some("unauthorized")));
    assert!(refused.detail.is_some_and(|detail| !detail.is_empty()));
    door.close().await;
}
