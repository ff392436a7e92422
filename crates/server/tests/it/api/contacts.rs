//! Contacts through the API: brought by deliveries, there after kill -9, found, removed.

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::fresh_database;
use serde_json::json;

use crate::running::Running;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const FLOW: &str = "
hookmill: 1
name: Flow
triggers:
  - webhook:
      preset: smashsend
      ids: { workspace: w, workflow: f }
steps:
  - set: { who: '{{ webhook.email }}' }
";
const URL: &str = "/v1/flows/f/w/call";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_answered_200_is_a_contact_after_kill_9() {
    // The process dies while requests are under way: every one that was answered has its contact and its run, each once.
    for database in [Database::Sqlite, Database::Postgres(fresh_database().await)] {
        let mut app = TestApp::builder(BINARY).database(database).start().await;
        app.publish(FLOW).await;
        let client = app.client().clone();
        let send = |n: usize| {
            let client = client.clone();
            tokio::spawn(async move {
                let body = json!({ "email": format!("p{}@example.com", n % 50), format!("f{n}"): n });
                let answer = client.try_answer(client.request("POST", URL).json(&body)).await.ok()?;
                (answer.status == 200).then(|| (n, answer.json()["flowRunId"].as_str().unwrap().to_owned()))
            })
        };
        let mut sent: Vec<_> = (0..100).map(send).collect();
        let mut answered = vec![sent.remove(0).await.unwrap().expect("the first one is answered")];
        app.kill_9();
        for one in sent {
            answered.extend(one.await.unwrap());
        }
        app.restart();
        for (n, run) in &answered {
            assert_eq!(app.finished(run).await["state"], "succeeded");
            let found = app.client().list(&format!("/api/v1/contacts?email=P{}@example.com", n % 50)).await;
            assert_eq!((found.len(), found[0]["fields"][format!("f{n}")].as_u64()), (1, Some(*n as u64)), "{found:?}");
        }
        let contacts = app.client().pages("/api/v1/contacts?limit=20").await;
        let fields: usize = contacts.iter().map(|contact| contact["fields"].as_object().unwrap().len()).sum();
        assert_eq!(fields, app.client().pages("/api/v1/runs?limit=500").await.len(), "as many as runs: both or none");
    }
}

#[tokio::test]
async fn contacts_are_found_removed_and_made_by_what_is_accepted_after_all() {
    let server = Running::start().await;
    let client = &server.client;
    client.publish(&FLOW.replace("preset: smashsend", "preset: smashsend\n      allow_ips: [203.0.113.7]")).await;
    let refused =
        client.answer(client.request("POST", URL).json(&json!({ "email": "Ada@Example.com", "company": "ACME" }))).await;
    assert_eq!(refused.status, 403);
    assert!(client.list("/api/v1/contacts").await.is_empty());
    let delivery = until("it is in the ledger", async || {
        client.list("/api/v1/deliveries").await.first().map(|delivery| delivery["id"].as_str().unwrap().to_owned())
    })
    .await;
    let accepted = client.call("POST", &format!("/api/v1/deliveries/{delivery}/accept"), None).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    for query in ["email=ada@example.com", "text=acme", "text=ADA@"] {
        let found = client.list(&format!("/api/v1/contacts?{query}")).await;
        assert_eq!((found.len(), &found[0]["email"]), (1, &"Ada@Example.com".into()), "{query}");
    }
    assert!(client.list("/api/v1/contacts?text=nobody").await.is_empty());
    let id = client.list("/api/v1/contacts").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/contacts/{id}");
    assert_eq!(client.get(&path).await["fields"], json!({ "company": "ACME" }));
    assert_eq!(client.call("DELETE", &path, None).await.status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(client.call(method, &path, None).await.status, 404);
    }
    server.stop().await;
}
