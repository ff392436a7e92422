//! Drafts that were tried go while a run still waits on one of them, and the server is killed in the middle: the run ends as its
//! draft said, and what is told of runs whose draft went says so.

use hookmill_store::ids::system_clock;
use hookmill_store::retention::Policy;
use hookmill_store::workflows::TRIED_DRAFTS_KEPT;
use hookmill_store::{Config, Store};
use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Answer, Database};
use hookmill_testkit::postgres::fresh_database;
use hookmill_testkit::upstream::{Answer as Reply, Upstream};
use serde_json::json;

use crate::cli::code;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// The store of a running server, beside it.
async fn beside(app: &TestApp, database: &Database) -> Store {
    let url = match database {
        Database::Sqlite => {
            let files = std::fs::read_dir(app.data()).unwrap().map(|entry| entry.unwrap().path());
            let file = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
            format!("sqlite:{}", file.display())
        }
        Database::Postgres(url) => url.clone(),
    };
    let mut config = Config::new(&url).unwrap().guest();
    config.db.disk_floor_bytes = Some(0);
    Store::open(config).await.unwrap()
}

fn document(number: usize, url: &str) -> String {
    format!(
        "hookmill: 1\nname: Tried\ntriggers:\n  - webhook: {{}}\nsteps:\n  - id: send\n    use: http.request\n    \
         with: {{ method: POST, url: \"{url}\", json: {{}} }}\n  - id: last\n    set: {{ gives: {number} }}\n"
    )
}

async fn drafts_go_and_the_server_is_killed(database: Database) {
    let upstream = Upstream::start().await;
    upstream.next("/send", [Reply::never()]);
    upstream.otherwise(Reply::json(&json!({ "ok": true })));
    let started = TestApp::builder(BINARY).database(database.clone());
    let mut app = started.config("[net]\nallow = [\"127.0.0.1\"]\n").start().await;
    let mut tests: Vec<Answer> = Vec::new();
    let mut workflow = String::new();
    for number in 1..=TRIED_DRAFTS_KEPT + 2 {
        let text = json!({ "text": document(number, &upstream.url("/send")) });
        let saved = app.client().call("POST", "/api/v1/workflows/draft", Some(&text)).await.json();
        workflow = saved["workflow"].as_str().unwrap().to_owned();
        let url = saved["hooks"][0]["test_url"].as_str().unwrap();
        let path = url.strip_prefix(&format!("http://{}", app.address())).unwrap();
        tests.push(app.client().answer(app.client().request("POST", path).json(&json!({ "n": number }))).await);
        // The first one waits until the server is killed.
        if number == 1 {
            upstream.wait_for(1).await;
        } else {
            app.finished(&tests[number - 1].run_id()).await;
        }
    }

    let guest = beside(&app, &database).await;
    let mut pass = guest.plan_pruning(&Policy::default(), system_clock()()).await.unwrap();
    let mut gone = Vec::new();
    loop {
        let pruned = guest.prune(&mut pass).await.unwrap();
        if !pruned.drafts.is_empty() {
            app.kill_9();
            gone.extend(pruned.drafts.into_iter().map(|(_, number)| number));
        }
        if pruned.done {
            break;
        }
    }
    guest.close().await;
    assert_eq!(gone, [2], "the first one is needed");
    app.restart();

    let run = app.finished(&tests[0].run_id()).await;
    assert_eq!(
        (&run["state"], &run["revision"], &run["steps"][1]["output"]["gives"]),
        (&json!("succeeded"), &json!(1), &json!(1))
    );
    let (run_id, delivery) = (tests[1].run_id(), tests[1].delivery_id());
    let run = app.run(&run_id).await;
    assert_eq!((&run["state"], &run["test"], &run["steps"]), (&json!("succeeded"), &json!(true), &json!([])), "{run}");
    let is_told = |text: &str| text.contains("evision 2 was a draft that was tried, and is not kept any more");
    assert!(is_told(run["steps_problem"].as_str().unwrap()), "{run}");
    let shown = app.remote_command(&["runs", &run_id]).output();
    assert!(code(&shown) == 0 && is_told(&shown.stdout), "{}{}", shown.stdout, shown.stderr);
    for (method, path, body, status) in [
        ("POST", format!("/api/v1/deliveries/{delivery}/replay"), Some(json!({ "revision": "original" })), 409),
        ("POST", format!("/api/v1/deliveries/{delivery}/replay"), Some(json!({ "revision": 2 })), 409),
        ("POST", format!("/api/v1/runs/{run_id}/rerun"), Some(json!({ "from": "start" })), 409),
        ("POST", format!("/api/v1/workflows/{workflow}/runs"), Some(json!({ "revision": 2 })), 409),
        ("GET", format!("/api/v1/workflows/{workflow}/revisions/2"), None, 404),
        ("GET", format!("/api/v1/workflows/{workflow}/export?revision=2"), None, 404),
    ] {
        let answer = app.client().call(method, &path, body.as_ref()).await;
        assert!(answer.status == status && is_told(&answer.text()), "{path}: {} {}", answer.status, answer.text());
    }
    let never = app.client().call("GET", &format!("/api/v1/workflows/{workflow}/revisions/99"), None).await;
    assert!(never.status == 404 && !never.text().contains("draft"), "{}", never.text());
    let newest = TRIED_DRAFTS_KEPT + 2;
    let again = json!({ "revision": newest });
    let again = app.client().call("POST", &format!("/api/v1/deliveries/{delivery}/replay"), Some(&again)).await;
    let run = app.finished(&again.run_id()).await;
    assert_eq!((&run["state"], &run["steps"][1]["output"]["gives"]), (&json!("succeeded"), &json!(newest)), "{run}");
    let verified = app.command(&["verify"]).output();
    assert_eq!(code(&verified), 0, "what is not kept is no damage: {}{}", verified.stdout, verified.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_test_outlives_the_end_of_other_drafts_and_a_kill_on_sqlite() {
    drafts_go_and_the_server_is_killed(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_test_outlives_the_end_of_other_drafts_and_a_kill_on_postgresql() {
    drafts_go_and_the_server_is_killed(Database::Postgres(fresh_database().await)).await;
}
