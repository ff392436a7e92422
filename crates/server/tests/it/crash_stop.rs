//! An orderly stop in the middle of work.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::fresh_database;

use crate::crash_load::Load;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const PROMPTLY: Duration = Duration::from_secs(10);

const WORKFLOW: &str = r#"
hookmill: 1
name: Stop
triggers:
  - webhook:
      variables:
        n: { type: number, required: true }
steps:
  - set: { doubled: "{{ webhook.n * 2 }}" }
  - use: log
    with: { message: "{{ doubled }}" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_on_sqlite() {
    stop_under_load(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_on_postgres() {
    stop_under_load(Database::Postgres(fresh_database().await)).await;
}

/// The stop itself is checked by the application: it must end with exit code 0.
async fn stop_under_load(database: Database) {
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    let load = Load::start(app.client(), &hook, 8, &Arc::new(AtomicU64::new(1)));
    load.acknowledged(100).await;
    let took = app.stop().await;
    assert!(took < PROMPTLY, "the stop took {took:?}");
    let acks = load.finish().await;
    app.restart();
    for ack in &acks {
        let run = app.finished(&ack.run).await;
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(run["delivery"], ack.delivery.as_str());
    }
}
