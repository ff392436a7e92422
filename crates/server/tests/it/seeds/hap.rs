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

#[tokio::test]
async fn synchronous_urls_with_hooks2_lead_to_the_same_workflow() {
    let waits = HOOK.replace(
        "preset: hap",
        "preset: hap\n      response: { mode: when_finished, body: { said: '{{ run.output.seen.name }}' } }",
    );
    let door = door(&waits, &[]).await;
    let answer = door.json(&URL.replace("/hooks/", "/hooks2/"), r#"{"name":"x"}"#).await;
    assert_eq!((answer.status, answer.json()["said"].as_str()), (200, Some("x")), "{answer:?}");
    door.close().await;
}

#[tokio::test]
async fn each_workflow_generates_a_unique_url() {
    let door = door("      preset: hap", &[]).await;
    let hooks = door.store.active_hooks(None).await.unwrap();
    let alias = hooks[0].alias.clone().unwrap();
    assert_eq!(alias, format!("/workflow/hooks/{}", hooks[0].token));
    assert_eq!(door.json(&alias, "{}").await.status, 200);
    assert_eq!(door.json("/workflow/hooks/MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY4", "{}").await.status, 404);
    door.close().await;
}

#[tokio::test]
async fn the_system_parses_the_fields_of_body_parameters_and_headers() {
    let hook = "      preset: hap
      ids: { workflow: 0123456789abcdef01234567 }
      variables:
        name: { type: string, required: true }
        page: { type: number, from: { query: page } }
        source: { type: string, from: { header: x-source } }
      full_body: all";
    let text = format!(
        "hookmill: 1\nname: Seed\ntriggers:\n  - webhook:\n{hook}\nsteps:\n  - set: {{ seen: '{{{{ webhook.name }}}} \
         {{{{ webhook.page + 1 }}}} {{{{ webhook.source }}}} {{{{ webhook.all }}}}' }}\n"
    );
    let door = crate::door::Door::open().await;
    door.publish(&text).await;
    let headers = "Content-Type: application/json\r\nX-Source: shop\r\n";
    let answer = door.post(&format!("{URL}?page=2"), headers, r#"{"name":"x"}"#).await;
    let run = super::run_of(&door, &answer.json()["data"]["instanceId"]).await;
    assert_eq!(run.output.as_deref(), Some(r#"{"seen":"x 3 shop {\"name\":\"x\"}"}"#));
    door.close().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_read_says_so_instead_of_naming_a_parameter() {
    let door = door(&HOOK.replace("type: string", "type: number"), &[]).await;
    for body in ["{", r#"{"name":"x"}"#] {
        let answer = door.json(URL, body).await;
        let said = answer.json();
        assert_eq!((answer.status, &said["status"]), (400, &0.into()), "{answer:?}");
        assert_ne!(said["msg"], "Missing required parameter", "{body}");
    }
    door.close().await;
}

#[tokio::test]
async fn request_parameters_include_app_key_and_sign_wherever_they_stand_in_either_spelling() {
    let door = door(WITH_APP, &[("app", "k1:s1")]).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json = "Content-Type: application/json\r\n";
    let headed = |key: &str, sign: &str| format!("{json}HAP-Appkey: {key}\r\nHAP-Sign: {sign}\r\n");
    for body in [r#"{"appKey":"k1","sign":"s1"}"#, r#"{"AppKey":"k1","Sign":"s1"}"#, r#"{"HAP-Appkey":"k1","HAP-Sign":"s1"}"#] {
        assert_eq!(door.post(URL, json, body).await.status, 200, "{body}");
    }
    assert_eq!(door.post(URL, form, "appKey=k1&sign=s1&a=1").await.status, 200);
    assert_eq!(door.post(URL, &headed("k1", "s1"), "{}").await.status, 200);
    for query in ["AppKey=k1&Sign=s1", "appKey=k1&sign=s1", "HAP-Appkey=k1&HAP-Sign=s1"] {
        assert_eq!(door.get(&format!("{URL}?{query}")).await.status, 200, "{query}");
        assert_eq!(door.get(&format!("{URL}?{}", query.replace("=s1", "=s2"))).await.status, 401, "{query}");
    }
    assert_eq!(door.post(URL, &headed("k1", "s2"), "{}").await.status, 401);
    assert_eq!(door.post(URL, &headed("k1", ""), r#"{"sign":"s1"}"#).await.status, 401, "half here, half there");
    assert_eq!(door.json(URL, "{}").await.status, 401);
    door.close().await;
}

#[tokio::test]
async fn the_whitelist_takes_ranges_and_an_empty_one_allows_everyone() {
    for (list, status) in [("[ 127.0.0.0/8, '::1/128' ]", 200), ("[ 10.0.0.0/8, '2001:db8::/32' ]", 403), ("[]", 200)] {
        let door = door(&format!("{HOOK}\n      allow_ips: {list}"), &[]).await;
        let answer = door.json(URL, r#"{"name":"x"}"#).await;
        assert_eq!(answer.status, status, "{list}: {answer:?}");
        door.close().await;
    }
}
