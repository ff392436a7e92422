//! AI SmartTalk: `/api/webhook/{unique-id}`, with typed variables.

use hookmill_store::workspaces::FIRST_WORKSPACE;

use super::door;

const HOOK: &str = "      preset: smarttalk
      ids: { workflow: 5b2c }
      variables:
        order_id: { type: string, required: true }
        customer_email: { type: string, required: true }
        total: { type: number }
        items: { type: array }";
const URL: &str = "/api/webhook/5b2c";

#[tokio::test]
async fn the_documented_order_starts_the_flow() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, r#"{"order_id":"7","customer_email":"a@b.c","total":12.5,"items":[{"sku":"x"}]}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(door.ended(&answer).await.output.unwrap().contains("customer_email"));
    door.close().await;
}

#[tokio::test]
async fn defined_variables_validate_incoming_data_and_all_problems_are_told() {
    let door = door(HOOK, &[]).await;
    let answer = door.json(URL, r#"{"total":"12.5","items":{}}"#).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let names: Vec<String> =
        answer.json()["errors"].as_array().unwrap().iter().map(|error| error["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["order_id", "customer_email", "total", "items"]);
    door.close().await;
}

#[tokio::test]
async fn every_generated_url_is_unique_and_unguessable() {
    let door = door("      preset: smarttalk", &[]).await;
    let hooks = door.store.hooks(FIRST_WORKSPACE, None, None, 10).await.unwrap();
    let alias = hooks[0].hook.alias.clone().unwrap();
    assert_eq!(alias, format!("/api/webhook/{}", hooks[0].hook.token));
    assert_eq!(door.json(&alias, "{}").await.status, 200);
    assert_eq!(door.json("/api/webhook/guessed", "{}").await.status, 404);
    door.close().await;
}

#[tokio::test]
async fn variables_body_and_headers_are_available_as_webhook_members() {
    let text = format!(
        "hookmill: 1\nname: Seed\ntriggers:\n  - webhook:\n{HOOK}\nsteps:\n  - set: {{ to: '{{{{webhook.customer_email}}}}', \
         more: '{{{{webhook.total + 1}}}}', note: '{{{{webhook.body.note}}}}', agent: '{{{{webhook.headers[\"x-shop\"]}}}}', \
         first: '{{{{webhook.items[0].sku}}}}' }}\n"
    );
    let door = crate::door::Door::open().await;
    door.publish(&text).await;
    let headers = "Content-Type: application/json\r\nX-Shop: Ulm\r\n";
    let body = r#"{"order_id":"7","customer_email":"a@b.c","total":12.5,"items":[{"sku":"x"}],"note":"hi"}"#;
    let answer = door.post(URL, headers, body).await;
    let expected = r#"{"to":"a@b.c","more":13.5,"note":"hi","agent":"Ulm","first":"x"}"#;
    assert_eq!(door.ended(&answer).await.output.as_deref(), Some(expected));
    door.close().await;
}

#[tokio::test]
async fn every_declared_type_is_checked() {
    let hook = "      preset: smarttalk
      ids: { workflow: 5b2c }
      variables: { s: { type: string }, n: { type: number }, b: { type: boolean }, o: { type: object }, a: { type: array } }";
    let door = door(hook, &[]).await;
    assert_eq!(door.json(URL, r#"{"s":"x","n":1,"b":true,"o":{},"a":[]}"#).await.status, 200);
    for wrong in [r#"{"s":1}"#, r#"{"n":"1"}"#, r#"{"b":"true"}"#, r#"{"o":[]}"#, r#"{"a":{}}"#] {
        assert_eq!(door.json(URL, wrong).await.status, 400, "{wrong}");
    }
    door.close().await;
}

#[tokio::test]
async fn authentication_headers_can_be_added_in_the_external_system() {
    let hook = format!("{HOOK}\n      auth: {{ any: [{{ header: {{ name: X-Key, secret: key }} }}] }}");
    let door = door(&hook, &[("key", "s3cret")]).await;
    let body = r#"{"order_id":"7","customer_email":"a@b.c"}"#;
    assert_eq!(door.post(URL, "Content-Type: application/json\r\nX-Key: s3cret\r\n", body).await.status, 200);
    assert_eq!(door.json(URL, body).await.status, 401);
    door.close().await;
}
