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
