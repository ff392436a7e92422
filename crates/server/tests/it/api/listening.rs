//! Listening to a hook for a sample: live, once, over restarts and nodes.

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Answer, Client, Database, Published};
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::fresh_database;
use serde_json::{Value, json};

use super::events::reads_on;
use crate::running::Running;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// Takes PUT only and asks for what no sample has.
const STRICT: &str = "
hookmill: 1
name: Strict
triggers:
  - webhook:
      methods: [PUT]
      auth: { any: [{ shared_key: door }] }
      variables: { never: { type: number, required: true } }
steps:
  - set: { x: 1 }
";

const OPEN: &str = "hookmill: 1\nname: Open\ntriggers: [{ webhook: {} }]\nsteps: [{ set: { x: 1 } }]\n";

pub(super) async fn hook_id(client: &Client, published: &Published) -> String {
    let workflow = client.get(&format!("/api/v1/workflows/{}", published.workflow)).await;
    workflow["hooks"][0]["id"].as_str().unwrap().to_owned()
}

fn path(hook: &str) -> String {
    format!("/api/v1/hooks/{hook}/listen")
}

async fn follow(client: &Client, hook: &str) -> reqwest::Response {
    let response = client.request("GET", &path(hook)).bearer_auth(client.key()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

fn data_of(feed: &str, event: &str) -> Value {
    let (_, rest) = feed.split_once(&format!("event: {event}\ndata: ")).unwrap_or_else(|| panic!("no {event} in {feed}"));
    serde_json::from_str(rest.lines().next().unwrap()).unwrap()
}

async fn post(client: &Client, url: &str, body: &str) -> Answer {
    let path = url.split_once("//").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap();
    client.answer(client.request("POST", path).header("content-type", "application/json").body(body.to_owned())).await
}

#[tokio::test]
async fn the_next_request_that_may_call_is_captured_shown_live_and_starts_nothing() {
    // Without the key: refused and told live. With it: captured, although the trigger takes neither POST nor this body.
    let server = Running::start().await;
    let client = &server.client;
    client.secret("door", "s3cret").await;
    let published = client.publish(STRICT).await;
    let (url, hook) = (published.hook().url.clone(), hook_id(client, &published).await);
    assert_eq!(client.call("GET", &path(&hook), None).await.status, 404, "nobody has listened yet");
    let armed = client.call("POST", &path(&hook), None).await;
    assert_eq!((armed.status, &armed.json()["state"]), (200, &"armed".into()), "{}", armed.text());
    assert!((170..=180).contains(&armed.json()["seconds_left"].as_u64().unwrap()));
    let (mut feed, mut text) = (follow(client, &hook).await, String::new());
    assert_eq!(post(client, &url, "{}").await.status, 401);
    assert_eq!(post(client, &format!("{url}?key=s3cret"), "{").await.status, 400, "nobody can read this");
    reads_on(&mut feed, &mut text, &["event: armed", "\"unauthorized\"", "\"bad_body\""]).await;
    let answer = post(client, &format!("{url}?key=s3cret&page=2"), r#"{"id":"A-1","total":12.5,"items":[{"sku":"x"}]}"#).await;
    assert_eq!((answer.status, &answer.json()["captured"]), (200, &true.into()), "{}", answer.text());
    reads_on(&mut feed, &mut text, &["event: captured\ndata: ", "\"yaml\":", "}\n\n"]).await;
    let captured = data_of(&text, "captured");
    let delivery = answer.json()["delivery_id"].as_str().unwrap().to_owned();
    assert_eq!((captured["delivery_id"].as_str(), &captured["request"]["method"]), (Some(&*delivery), &"POST".into()));
    assert_eq!(captured["request"]["query"], "key=***&page=2");
    let names: Vec<&str> =
        captured["inferred"]["variables"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["id", "total", "items", "key", "page"]);
    assert!(
        captured["inferred"]["yaml"].as_str().unwrap().starts_with("variables:\n  id:\n    type: string\n    example: A-1\n")
    );
    let kept = client.get(&format!("/api/v1/deliveries/{delivery}")).await;
    assert_eq!((&kept["outcome"], &kept["status"], &kept["runs"]), (&"captured".into(), &200.into(), &json!([])));
    assert_eq!(post(client, &format!("{url}?key=s3cret"), "{}").await.status, 405, "the next one goes its usual way");
    let again = follow(client, &hook).await.text().await.unwrap();
    assert_eq!(data_of(&again, "captured")["delivery_id"], *delivery, "whoever comes late is told at once, and it ends");
    server.stop().await;
}

#[tokio::test]
async fn listening_can_be_cancelled_and_tried_again() {
    let server = Running::start().await;
    let client = &server.client;
    let published = client.publish(OPEN).await;
    let (url, hook) = (published.hook().url.clone(), hook_id(client, &published).await);
    client.call("POST", &path(&hook), None).await;
    let mut feed = follow(client, &hook).await;
    assert_eq!(client.call("DELETE", &path(&hook), None).await.status, 204);
    assert_eq!(client.call("DELETE", &path(&hook), None).await.status, 404);
    reads_on(&mut feed, &mut String::new(), &["event: cancelled"]).await;
    assert_eq!(post(client, &url, "{}").await.status, 202);
    assert_eq!(client.call("POST", &path(&hook), None).await.status, 200);
    assert_eq!(post(client, &url, "{}").await.json()["captured"], true);
    let missing = client.call("POST", &path("hook_0000000000001"), None).await;
    assert_eq!(missing.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_requests_at_the_same_instant_one_is_captured() {
    let server = Running::start().await;
    let client = &server.client;
    let published = client.publish(OPEN).await;
    let (url, hook) = (published.hook().url.clone(), hook_id(client, &published).await);
    client.call("POST", &path(&hook), None).await;
    let answers = futures_util::future::join_all((0..20).map(|_| post(client, &url, r#"{"n":1}"#))).await;
    let captured = answers.iter().filter(|answer| answer.status == 200).count();
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((captured, accepted), (1, 19));
    until("all runs have ended", async || client.no_run_is(&["ready", "running"]).await.then_some(())).await;
    assert_eq!(client.list("/api/v1/runs?limit=100").await.len(), 19);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_armed_hook_is_armed_after_kill_9_and_no_longer_than_its_time() {
    for database in [Database::Sqlite, Database::Postgres(fresh_database().await)] {
        let mut app = TestApp::builder(BINARY).database(database).start().await;
        let published = app.publish(OPEN).await;
        let hook = hook_id(app.client(), &published).await;
        assert_eq!(app.client().call("POST", &path(&hook), None).await.status, 200);
        app.kill_9();
        app.restart();
        let answer = post(app.client(), &published.hook().url, r#"{"n":1}"#).await;
        assert_eq!((answer.status, &answer.json()["captured"]), (200, &true.into()), "{}", answer.text());
        app.kill_9();
        app.restart();
        let kept = follow(app.client(), &hook).await.text().await.unwrap();
        assert_eq!(data_of(&kept, "captured")["delivery_id"], answer.json()["delivery_id"]);
        // Three minutes pass.
        assert_eq!(app.client().call("POST", &path(&hook), None).await.status, 200);
        let (mut feed, mut text) = (follow(app.client(), &hook).await, String::new());
        reads_on(&mut feed, &mut text, &["event: armed"]).await;
        app.execute_sql("UPDATE listenings SET deadline = 1").await;
        reads_on(&mut feed, &mut text, &["event: expired", "\"seconds_left\":0"]).await;
        assert_eq!(post(app.client(), &published.hook().url, "{}").await.status, 202);
    }
}
