//! HAP: `/workflow/hooks/{base64 of the process id}`.

use super::door;

const HOOK: &str = "      preset: hap
      ids: { workflow: 0123456789abcdef01234567 }
      variables: { name: { type: string, required: true } }";
const WITH_APP: &str = "      preset: hap
      secret: app
      ids: { workflow: 0123456789abcdef01234567 }";
const URL: &str = "/workflow/hooks/MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

#[tokio::test]
async fn a_received_request_is_answered_with_status_1_and_the_instance() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, r#"{"name":"x"}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["status"], &body["msg"]), (&1.into(), &"成功".into()));
    assert!(body["data"]["sourceId"].is_string() && body["data"]["instanceId"].is_string());
    door.close().await;
}

#[tokio::test]
async fn get_requests_trigger_with_the_query_as_data() {
    let door = door(HOOK, &[]).await;
    assert_eq!(door.get(&format!("{URL}?name=x")).await.status, 200);
    door.close().await;
}

#[tokio::test]
async fn a_missing_required_parameter_is_told() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, "{}").await;
    assert_eq!((answer.status, &answer.json()["msg"]), (400, &"Missing required parameter".into()));
    door.close().await;
}

#[tokio::test]
async fn request_authentication_asks_for_app_key_and_sign() {
    let door = door(WITH_APP, &[("app", "k1:s1")]).await;
    assert_eq!(door.json(URL, r#"{"appKey":"k1","sign":"s1"}"#).await.status, 200);
    assert_eq!(door.get(&format!("{URL}?AppKey=k1&Sign=s1")).await.status, 200);
    let refused = door.json(URL, r#"{"appKey":"k1","sign":"s2"}"#).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.json()["msg"].is_string());
    door.close().await;
}

#[tokio::test]
async fn only_addresses_of_the_whitelist_may_send() {
    let allowed = format!("{HOOK}\n      allow_ips: [ 127.0.0.1, '::1' ]");
    let allowed = door(&allowed, &[]).await;
    assert_eq!(allowed.json(URL, r#"{"name":"x"}"#).await.status, 200);
    allowed.close().await;
    let denied = door(&format!("{HOOK}\n      allow_ips: [ 203.0.113.7 ]"), &[]).await;
    let answer = denied.json(URL, r#"{"name":"x"}"#).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    denied.close().await;
}

#[tokio::test]
async fn app_key_and_sign_are_found_in_multipart_forms_too() {
    let door = door(WITH_APP, &[("app", "k1:s1")]).await;
    let form = |about: &str, sign: &str| {
        let part = |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
        [part("name=\"appKey\"", "k1"), part(about, sign), "--x--\r\n".to_owned()].concat()
    };
    let multipart = "Content-Type: multipart/form-data; boundary=x\r\n";
    let right = door.post(URL, multipart, form("name=\"sign\"", "s1")).await;
    assert_eq!(right.status, 200, "{right:?}");
    assert_eq!(door.post(URL, multipart, form("name=\"sign\"", "s2")).await.status, 401);
    assert_eq!(door.post(URL, multipart, form("name=\"sign\"; filename=\"f\"", "s1")).await.status, 401, "a file is no field");
    door.close().await;
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_told_in_the_same_form() {
    let door = door(HOOK, &[]).await;
    let answer = door.json("/workflow/hooks/bm93aGVyZQ==", "{}").await;
    assert_eq!((answer.status, &answer.json()["status"]), (404, &0.into()), "{answer:?}");
    assert!(answer.json()["msg"].is_string());
    door.close().await;
}
