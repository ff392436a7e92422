//! kill -9 while a draft is tested: the run ends as the draft said that was tested, whatever is saved and published meanwhile.

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::fresh_database;
use hookmill_testkit::upstream::{Answer, Upstream};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// A test delivery is accepted, the server is killed while its run waits, the draft is edited and published: the run ends
/// as the draft said that was tested.
async fn a_test_outlives_a_kill(database: Database) {
    let upstream = Upstream::start().await;
    upstream.next("/send", [Answer::never()]);
    upstream.otherwise(Answer::json(&json!({ "ok": true })));
    let mut app = TestApp::builder(BINARY).database(database).config("[net]\nallow = [\"127.0.0.1\"]\n").start().await;
    let text = |gives: &str| {
        format!(
            "hookmill: 1\nname: Killed\ntriggers:\n  - webhook: {{}}\nsteps:\n  - id: send\n    use: http.request\n    \
             with: {{ method: POST, url: \"{}\", json: {{}} }}\n  - id: last\n    set: {{ gives: {gives} }}\n",
            upstream.url("/send")
        )
    };
    let save = async |app: &TestApp, gives: &str| {
        let saved = app.client().call("POST", "/api/v1/workflows/draft", Some(&json!({ "text": text(gives) }))).await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        saved.json()
    };
    let saved = save(&app, "first").await;
    let url = saved["hooks"][0]["test_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{}", app.address())).unwrap().to_owned();
    let accepted = app.client().answer(app.client().request("POST", &path).json(&json!({ "n": 1 }))).await;
    upstream.wait_for(1).await;
    app.kill_9();
    app.restart();
    save(&app, "second").await;
    let published = app.client().call("POST", "/api/v1/workflows/publish", Some(&json!({ "text": text("second") }))).await;
    assert_eq!(published.json()["revision"], 2, "{}", published.text());
    let run = app.finished(&accepted.run_id()).await;
    assert_eq!((&run["state"], &run["revision"], &run["test"]), (&json!("succeeded"), &json!(1), &json!(true)), "{run}");
    let last = run["steps"].as_array().unwrap().iter().find(|step| step["id"] == "last").unwrap();
    assert_eq!(last["output"]["gives"], "first");
    let after = app.client().answer(app.client().request("POST", &path).json(&json!({ "n": 2 }))).await;
    assert_eq!(app.finished(&after.run_id()).await["revision"], 2, "the draft that said the same is done with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_outlives_a_kill_on_the_draft_that_was_tested_on_sqlite() {
    a_test_outlives_a_kill(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_outlives_a_kill_on_the_draft_that_was_tested_on_postgresql() {
    a_test_outlives_a_kill(Database::Postgres(fresh_database().await)).await;
}
