//! Secrets: used, struck out, never shown.

use serde_json::json;

use super::run_in;
use crate::running::Running;

const GUARDED: &str = "
hookmill: 1
name: Guarded
triggers: [{ webhook: { auth: { any: [{ header: { name: X-Token, secret: token } }] } } }]
steps:
  - id: leak
    use: log
    with: { message: 'the token is {{ secrets.token }}' }
";

#[tokio::test]
async fn a_secret_opens_the_door_and_shows_nowhere() {
    // Set, used by hook and step, changed, removed.
    let server = Running::start().await;
    let client = &server.client;
    client.secret("token", "correct horse battery").await;
    let published = client.publish(GUARDED).await;
    let send = async |token: &str| {
        client.answer(client.to_hook(published.hook()).header("x-token", token).json(&json!({ "say": token }))).await
    };
    assert_eq!(send("wrong horse").await.status, 401);
    let accepted = send("correct horse battery").await;
    let run = run_in(client, &accepted.run_id(), &["succeeded", "failed"]).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert!(run["steps"][0]["logs"][0]["message"].as_str().unwrap().contains("***"), "{run}");
    assert!(!run.to_string().contains("correct horse"), "{run}");
    let delivery = client.get(&format!("/api/v1/deliveries/{}", accepted.delivery_id())).await;
    assert!(!delivery.to_string().contains("correct horse"), "{delivery}");
    let listed = client.call("GET", "/api/v1/secrets", None).await.text();
    assert!(listed.contains("\"token\"") && !listed.contains("horse"), "{listed}");
    client.secret("token", "another horse").await;
    assert_eq!(send("correct horse battery").await.status, 401, "the old value is out at once");
    assert_eq!(send("another horse").await.status, 202);
    assert_eq!(client.call("DELETE", "/api/v1/secrets/token", None).await.status, 204);
    assert_eq!(send("another horse").await.status, 503, "nobody can be checked without the secret");
    server.stop().await;
}
