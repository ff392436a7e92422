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
