//! SMASHSEND: `/v1/flows/{flowId}/{workspaceId}/call`.

use hookmill_store::contacts::Contact;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use serde_json::json;

use super::door;
use crate::door::Door;

const HOOK: &str = "      preset: smashsend\n      ids: { workspace: YOUR_WORKSPACE_ID, workflow: YOUR_FLOW_ID }";
const URL: &str = "/v1/flows/YOUR_FLOW_ID/YOUR_WORKSPACE_ID/call";
const CONTACT: &str =
    r#"{"email":"user@example.com","firstName":"John","lastName":"Doe","company":"Acme Corp","customField":"any value"}"#;

async fn contacts(door: &Door) -> Vec<Contact> {
    door.store.contacts(FIRST_WORKSPACE, None, None, 100).await.unwrap().items
}

#[tokio::test]
async fn flow_webhooks_trigger_flows_using_simple_post_requests() {
    let door = door(HOOK, &[]).await;
    assert_eq!(door.json(URL, CONTACT).await.status, 200);
    let answer = door.get(URL).await;
    assert_eq!(answer.status, 405, "{answer:?}");
    assert_eq!(door.count_of(hookmill_store::deliveries::Outcome::Accepted).await, 1);
    door.close().await;
}

#[tokio::test]
async fn smashsend_generates_a_unique_url() {
    let door = door("      preset: smashsend", &[]).await;
    let hooks = door.store.active_hooks(None).await.unwrap();
    let alias = hooks[0].alias.clone().unwrap();
    assert_eq!(alias, format!("/v1/flows/{}/main/call", hooks[0].token), "the id of the flow cannot be guessed");
    assert_eq!(door.json(&alias, CONTACT).await.status, 200);
    assert_eq!(door.json("/v1/flows/another/main/call", CONTACT).await.status, 404);
    door.close().await;
}

#[tokio::test]
async fn successful_calls_return_a_200_status_code_with_a_json_response() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, CONTACT).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["success"], &body["message"]), (&true.into(), &"Flow triggered successfully".into()));
    assert!(body["flowRunId"].as_str().unwrap().starts_with("run_"), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 3);
    door.close().await;
}

#[tokio::test]
async fn webhooks_accept_json_form_data_and_url_encoded_payloads() {
    let door = door(HOOK, &[]).await;
    assert_eq!(door.json(URL, r#"{"email":"json@example.com","firstName":"John"}"#).await.status, 200);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(door.post(URL, form, "email=urlencoded%40example.com&firstName=John").await.status, 200);
    let multipart = "Content-Type: multipart/form-data; boundary=xyz\r\n";
    let body = "--xyz\r\nContent-Disposition: form-data; name=email\r\n\r\nform@example.com\r\n\
                --xyz\r\nContent-Disposition: form-data; name=firstName\r\n\r\nJohn\r\n--xyz--\r\n";
    assert_eq!(door.post(URL, multipart, body).await.status, 200);
    let found = contacts(&door).await;
    let emails: Vec<&str> = found.iter().map(|contact| contact.email.as_str()).collect();
    assert_eq!(emails, ["form@example.com", "urlencoded@example.com", "json@example.com"]);
    assert!(found.iter().all(|contact| contact.fields["firstName"] == "John"), "{found:?}");
    door.close().await;
}

#[tokio::test]
async fn every_webhook_request_must_include_an_email_field() {
    let door = door(HOOK, &[]).await;
    let expected = r#"{"error":"Validation failed","message":"Email field is required","statusCode":400}"#;
    for body in [r#"{"firstName":"John"}"#, r#"{"email":""}"#, r#"{"email":null}"#, r#"{"email":"  "}"#, "[]", "{}"] {
        let answer = door.json(URL, body).await;
        assert_eq!((answer.status, &*answer.body), (400, expected.as_bytes()), "{body}");
    }
    for body in [r#"{"email":5}"#, r#"{"email":"nobody"}"#, r#"{"email":"a b@example.com"}"#, r#"{"email":{"a":1}}"#] {
        let answer = door.json(URL, body).await;
        let said = answer.json();
        assert_eq!((answer.status, &said["error"]), (400, &"Validation failed".into()), "{body}");
        assert_eq!((&said["message"], &said["statusCode"]), (&"`email` must be an e-mail address".into(), &400.into()), "{body}");
    }
    assert!(contacts(&door).await.is_empty(), "nobody is known");
    door.close().await;
}

#[tokio::test]
async fn the_email_field_identifies_the_contact_for_the_automation() {
    // Once by its address in whatever case; what a request does not mention stays.
    let door = door(HOOK, &[]).await;
    door.json(URL, CONTACT).await;
    door.json(URL, r#"{"email":"User@Example.com","company":"New Corp"}"#).await;
    let found = contacts(&door).await;
    assert_eq!((found.len(), found[0].email.as_str()), (1, "User@Example.com"));
    let fields = json!({ "firstName": "John", "lastName": "Doe", "company": "New Corp", "customField": "any value" });
    assert_eq!(&found[0].fields, fields.as_object().unwrap());
    door.close().await;
}

#[tokio::test]
async fn all_data_is_available_throughout_the_automation_flow() {
    let document = "hookmill: 1\nname: Flow\ntriggers:\n  - webhook:\n      preset: smashsend\n\
                    \x20     ids: { workspace: w, workflow: f }\n\
                    steps:\n  - set: { first: '{{ webhook.firstName }} of {{ webhook.company }}' }\n\
                    \x20 - set: { later: '{{ first }}, {{ webhook.customField }}', body: '{{ webhook.body }}' }\n";
    let door = Door::open().await;
    door.publish(document).await;
    let answer = door.json("/v1/flows/f/w/call", CONTACT).await;
    let run = crate::seeds::run_of(&door, &answer.json()["flowRunId"]).await;
    let output = run.output.unwrap();
    assert!(output.contains("John of Acme Corp, any value") && output.contains("lastName"), "{output}");
    door.close().await;
}

#[tokio::test]
async fn errors_have_an_appropriate_status_code_with_details() {
    let door = door(HOOK, &[]).await;
    let packed = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let large = vec![b' '; usize::try_from(crate::door::BODY_BYTES_MAX).unwrap() + 1];
    for (answer, status) in [
        (door.get(URL).await, 405),
        (door.json(URL, "{").await, 400),
        (door.post(URL, packed, "x").await, 415),
        (door.json(URL, large).await, 413),
    ] {
        let body = answer.json();
        assert_eq!((answer.status, &body["statusCode"]), (status, &status.into()), "{answer:?}");
        assert!(body["error"].is_string() && body["message"].is_string() && body.as_object().unwrap().len() == 3, "{body}");
    }
    door.close().await;
}

#[tokio::test]
async fn a_repeated_call_changes_the_contact_once_and_starts_nothing() {
    let door = door(HOOK, &[]).await;
    let headers = "Content-Type: application/json\r\nIdempotency-Key: one\r\n";
    let first = door.post(URL, headers, CONTACT).await;
    door.json(URL, r#"{"email":"user@example.com","company":"Newer"}"#).await;
    let again = door.post(URL, headers, CONTACT).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let found = contacts(&door).await;
    assert_eq!((found.len(), &found[0].fields["company"]), (1, &"Newer".into()));
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
