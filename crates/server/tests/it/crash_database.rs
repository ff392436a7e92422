//! PostgreSQL goes away while the server runs, and comes back.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::postgres::{Cluster, PASSWORD, Sync};

use crate::crash_load::{Load, body};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// More than there are connections.
const READS: usize = 12;

const WORKFLOW: &str = r#"
hookmill: 1
name: Database
triggers:
  - webhook:
      variables:
        n: { type: number, required: true }
steps:
  - use: log
    with: { message: "{{ webhook.n }}" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_answered_as_soon_as_postgres_is_back() {
    // Every connection has been in use, dies, and meets a server that is away; none of that is a caller's business later.
    let mut cluster = Cluster::start(Sync::Off).await;
    let app = TestApp::builder(BINARY).database(Database::Postgres(cluster.create_database().await)).start().await;
    assert_eq!(statuses(&app).await, [200; READS]);
    for reads_meanwhile in [true, false] {
        cluster.kill();
        if reads_meanwhile {
            assert_eq!(statuses(&app).await, [503; READS]);
        }
        cluster.restart().await;
        assert_eq!(statuses(&app).await, [200; READS], "reads meanwhile: {reads_meanwhile}");
    }
}

/// What many reads at the same time are answered with.
async fn statuses(app: &TestApp) -> [u16; READS] {
    let client = app.client();
    futures_util::future::join_all((0..READS).map(|_| client.call("GET", "/api/v1/runs", None)))
        .await
        .iter()
        .map(|answer| answer.status)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_webhooks_are_refused_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start(Sync::On).await;
    let database = Database::Postgres(cluster.create_database().await);
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    let load = Load::start(app.client(), &hook, 8, &Arc::new(AtomicU64::new(1)));
    load.acknowledged(50).await;

    cluster.kill();
    let refused = app
        .wait_for("a refusal", async || {
            let answer = app.send(&hook, &body(0)).await;
            (answer.status != 202).then_some(answer)
        })
        .await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert!(!refused.text().contains(PASSWORD), "{}", refused.text());
    let client = app.client();
    let ready = client.answer(client.request("GET", "/readyz")).await;
    assert_eq!(ready.status, 503, "not ready without its database: {}", ready.text());
    let alive = client.answer(client.request("GET", "/healthz")).await;
    assert_eq!(alive.status, 200, "but alive: {}", alive.text());

    cluster.restart().await;
    app.wait_for("webhooks to be accepted again", async || (app.send(&hook, &body(0)).await.status == 202).then_some(())).await;
    let acks = load.finish().await;
    for ack in &acks {
        assert_eq!(app.finished(&ack.run).await["state"], "succeeded", "{ack:?}");
    }
    assert!(!app.process().stderr().contains(PASSWORD), "the password is in no log line");
}
