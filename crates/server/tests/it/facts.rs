//! What the door learns of a request beyond its bytes reaches its runs, whenever they run.

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Database, Hook};
use hookmill_testkit::postgres::fresh_database;
use hookmill_testkit::upstream::{Answer, Upstream};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// GitLab's token proves the request; its event stands in a header, as nothing in the body does.
async fn send(app: &TestApp, hook: &Hook, token: &str, event: &str) -> hookmill_testkit::app::Answer {
    let request = app.client().to_hook(hook).header("x-gitlab-token", token).header("x-gitlab-event", event);
    app.client().answer(request.json(&json!({ "event": "what the body says" }))).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

async fn the_event_outlives_a_kill(database: Database) {
    let upstream = Upstream::start().await;
    upstream.next("/send", [Answer::never()]);
    upstream.otherwise(Answer::json(&json!({ "ok": true })));
    let allowed = "[net]\nallow = [\"127.0.0.1\"]\n";
    let mut app = TestApp::builder(BINARY).database(database).config(allowed).start().await;
    app.secret("gitlab", "t0ken").await;
    let workflow = format!(
        "hookmill: 1\nname: Event\ntriggers:\n  - webhook: {{ preset: gitlab, secret: gitlab, dedupe: false }}\nsteps:\n  \
         - set: {{ before: '{{{{ webhook.event }}}}' }}\n  - id: send\n    use: http.request\n    \
         with: {{ method: POST, url: \"{}\", json: {{}} }}\n  - id: after\n    set: {{ event: '{{{{ webhook.event }}}} {{{{ before }}}}' }}\n",
        upstream.url("/send")
    );
    let hook = app.publish(&workflow).await.hook().clone();
    let accepted = send(&app, &hook, "t0ken", "Push Hook").await;
    upstream.wait_for(1).await;
    app.kill_9();
    app.restart();
    let after = |run: Value| run["steps"].as_array().unwrap().iter().find(|step| step["id"] == "after").unwrap().clone();
    let run = app.finished(&accepted.run_id()).await;
    assert_eq!(after(run)["output"]["event"], "Push Hook Push Hook");
    let kept = app.client().get(&format!("/api/v1/deliveries/{}", accepted.delivery_id())).await;
    assert_eq!(kept["event"], "Push Hook");
    let shown = app.remote_command(&["deliveries", "show", &accepted.delivery_id()]).output();
    assert!(shown.stdout.contains("Push Hook") && !shown.stdout.contains("t0ken"), "{}", shown.stdout);

    // Replayed as it came in, and edited: then the event is what the edited headers say.
    let again = |delivery: &str| format!("/api/v1/deliveries/{delivery}/replay");
    for (edit, event) in [
        (json!({}), "Push Hook Push Hook"),
        (json!({ "headers": [["x-gitlab-event", "Tag Push Hook"]] }), "Tag Push Hook Tag Push Hook"),
    ] {
        let answer = app.client().call("POST", &again(&accepted.delivery_id()), Some(&edit)).await;
        let run = app.finished(&text(&answer.json()["run_id"])).await;
        assert_eq!(after(run)["output"]["event"], event);
    }

    // Refused before anything was learned, and accepted after all.
    let refused = send(&app, &hook, "wrong", "Issue Hook").await;
    assert_eq!(refused.status, 401);
    let path = format!("/api/v1/deliveries/{}", text(&refused.json()["delivery_id"]));
    app.wait_for("it is in the ledger", async || (app.client().call("GET", &path, None).await.status == 200).then_some(())).await;
    assert_eq!(app.client().get(&path).await.get("event"), None);
    let answer = app.client().call("POST", &format!("{path}/accept"), Some(&json!({}))).await;
    let run = app.finished(&text(&answer.json()["run_id"])).await;
    assert_eq!(after(run)["output"]["event"], "Issue Hook Issue Hook");
    assert_eq!(app.client().get(&path).await["event"], "Issue Hook", "a recovery would see it too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_of_a_provider_outlives_a_kill_on_sqlite() {
    the_event_outlives_a_kill(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_of_a_provider_outlives_a_kill_on_postgres() {
    the_event_outlives_a_kill(Database::Postgres(fresh_database().await)).await;
}
