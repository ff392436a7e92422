//! A node on PostgreSQL is killed and started again on its data folder: its runs go on at once, not when the lease of its
//! former life ends.

use std::time::{Duration, Instant};

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::fresh_database;
use hookmill_testkit::upstream::{Answer, Upstream};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const RUNS: usize = 20;
/// A lease lasts ten seconds. On a quiet machine this takes a tenth of a second.
const AT_ONCE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_goes_on_at_once_when_it_is_started_again() {
    let upstream = Upstream::start().await;
    // Nobody answers the former life, so that all of its runs are under way when it dies.
    upstream.next("/send", (0..RUNS).map(|_| Answer::never()));
    upstream.otherwise(Answer::json(&json!({ "ok": true })));
    let database = Database::Postgres(fresh_database().await);
    let allowed = "[net]\nallow = [\"127.0.0.1\"]\n";
    let mut app = TestApp::builder(BINARY).database(database).config(allowed).start().await;
    let url = upstream.url("/send");
    let workflow = format!(
        "hookmill: 1\nname: Restart\ntriggers:\n  - webhook: {{}}\nsteps:\n  - id: send\n    use: http.request\n    \
         with: {{ method: POST, url: \"{url}\", json: {{}} }}\n"
    );
    let hook = app.publish(&workflow).await.hook().clone();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(app.send(&hook, &json!({})).await.run_id());
    }
    upstream.wait_for(RUNS).await;

    app.kill_9();
    app.restart();
    let ready = Instant::now();
    for run in &runs {
        assert_eq!(app.finished(run).await["state"], "succeeded");
    }
    let took = ready.elapsed();
    assert!(took < AT_ONCE, "the runs finished {took:?} after the start");
    let received = upstream.received();
    let keys: std::collections::HashSet<&str> = received.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!((received.len(), keys.len()), (2 * RUNS, RUNS), "each was repeated once, under its key");
}
