//! Secrets: used, struck out, never shown.

use hookmill_testkit::patience::until;
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

const ROTATING: &str = "
hookmill: 1
name: Rotating
triggers: [{ webhook: { auth: { any: [{ bearer: [old, new] }] } } }]
steps: []
";

#[tokio::test]
async fn an_old_key_ends_by_itself_and_the_last_one_is_missed_by_name() {
    // Two live secrets; one expires while the server runs; then the other is gone too.
    let server = Running::start().await;
    let client = &server.client;
    let expires_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    let body = json!({ "value": "before", "expires_at": expires_at.to_string() });
    assert_eq!(client.call("PUT", "/api/v1/secrets/old", Some(&body)).await.status, 204);
    client.secret("new", "after").await;
    let published = client.publish(ROTATING).await;
    let send = async |token: &str| client.answer(client.to_hook(published.hook()).bearer_auth(token).json(&json!({}))).await;
    assert_eq!((send("before").await.status, send("after").await.status), (202, 202));
    until("the old key has ended", async || (send("before").await.status == 401).then_some(())).await;
    assert_eq!(send("after").await.status, 202);
    let listed = client.call("GET", "/api/v1/secrets", None).await.json();
    let expired: Vec<_> = listed["items"].as_array().unwrap().iter().map(|secret| secret["expired"].clone()).collect();
    assert_eq!(expired, [false, true], "{listed}");

    client.publish(&ROTATING.replace("old, new", "old")).await;
    let refused = send("before").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("hook_not_ready")));
    let id = refused.json()["delivery_id"].as_str().unwrap().to_owned();
    let kept = until("it is in the ledger", async || {
        let kept = client.call("GET", &format!("/api/v1/deliveries/{id}"), None).await;
        (kept.status == 200).then(|| kept.text())
    })
    .await;
    assert!(kept.contains("have expired: `old` (on 20"), "{kept}");

    for (wrong, status) in [("2020-01-01T00:00:00Z", 422), ("tomorrow", 400)] {
        let body = json!({ "value": "x", "expires_at": wrong });
        assert_eq!(client.call("PUT", "/api/v1/secrets/old", Some(&body)).await.status, status, "{wrong}");
    }
    client.secret("old", "before").await;
    assert_eq!(send("before").await.status, 202, "set anew without an expiry it is good again");
    server.stop().await;
}
