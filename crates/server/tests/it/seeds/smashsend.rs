//! SMASHSEND: `/v1/flows/{flowId}/{workspaceId}/call`.

use super::door;

const HOOK: &str = "      preset: smashsend\n      ids: { workspace: wrk_1, workflow: flw_1 }";
const URL: &str = "/v1/flows/flw_1/wrk_1/call";
const CONTACT: &str =
    r#"{"email":"user@example.com","firstName":"John","lastName":"Doe","company":"Acme Corp","customField":"any value"}"#;

#[tokio::test]
async fn a_successful_call_is_answered_200_with_the_id_of_the_run() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, CONTACT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["success"], &body["message"]), (&true.into(), &"Flow triggered successfully".into()));
    assert!(body["flowRunId"].as_str().unwrap().starts_with("run_"), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 3);
    door.close().await;
}

#[tokio::test]
async fn url_encoded_payloads_are_accepted() {
    let door = door(HOOK, &[]).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(door.post(URL, form, "email=user%40example.com&firstName=John").await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn every_request_must_include_an_email_field() {
    let door = door(HOOK, &[]).await;
    for body in [r#"{"firstName":"John"}"#, r#"{"email":""}"#, r#"{"email":null}"#] {
        let answer = door.json(URL, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let expected = r#"{"error":"Validation failed","message":"Email field is required","statusCode":400}"#;
        assert_eq!(answer.body, expected.as_bytes(), "{body}");
    }
    door.close().await;
}

#[tokio::test]
async fn other_errors_have_the_same_shape() {
    let door = door(HOOK, &[]).await;
    let answer = door.get(URL).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["statusCode"]), (405, &405.into()));
    assert!(body["error"].is_string() && body["message"].is_string());
    door.close().await;
}

#[tokio::test]
async fn an_unknown_flow_a_failed_run_and_a_hook_that_is_not_ready_have_the_same_shape() {
    let shaped = |answer: &crate::raw::Answer, status: u16| {
        let body = answer.json();
        assert_eq!((answer.status, &body["statusCode"]), (status, &status.into()), "{answer:?}");
        assert!(body["error"].is_string() && body["message"].is_string() && body.get("code").is_none(), "{body}");
    };
    let door = door(HOOK, &[]).await;
    shaped(&door.json("/v1/flows/flw_2/wrk_1/call", CONTACT).await, 404);
    let failing = |more: &str| {
        let steps = "steps:\n  - stop: { failure: no }\n";
        format!(
            "hookmill: 1\nname: Seed\ntriggers:\n  - webhook:\n{HOOK}\n      response: {{ mode: when_finished{more} }}\n{steps}"
        )
    };
    door.publish(&failing("")).await;
    shaped(&door.json(URL, CONTACT).await, 500);
    door.publish(&failing(", on_failure: { status: 502 }")).await;
    shaped(&door.json(URL, CONTACT).await, 502);
    door.publish(&super::document(&format!("{HOOK}\n      only_if: '{{{{ ( }}}}'"))).await;
    shaped(&door.json(URL, CONTACT).await, 503);
    door.close().await;
}
