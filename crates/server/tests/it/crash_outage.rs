//! PostgreSQL goes away under load and comes back, sooner and later than the lease of the node ends: every acknowledged
//! webhook has one finished run, no step is done twice, and lanes keep their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::Database;
use hookmill_testkit::line::{Line, text};
use hookmill_testkit::patience;
use hookmill_testkit::postgres::{Cluster, Sync};
use hookmill_testkit::upstream::{Answer, Upstream};
use serde_json::{Value, json};

use crate::crash_load::{Ack, Load};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const SENDERS: usize = 8;
/// The senders from this one on use no lane.
const LANES: usize = 4;
/// The node renews its lease of ten seconds every three, so after this it is still an owner…
const SHORT: Duration = Duration::from_secs(1);
/// …and after this it is none: its buckets are claimed anew, under new epochs, while its runs are in memory.
const LONG: Duration = Duration::from_secs(14);
/// From the return of the database to the last run. What nobody knows of any more is found within half a minute.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);
/// A sender gives up after ten seconds at the latest; with nobody at the other end a refusal needs no time at all.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);

const STEPS: [&str; 3] = ["one", "two", "three"];
const REACHES_UPSTREAM: &str = "[net]\nallow = [\"127.0.0.1\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_of_postgres_loses_and_repeats_nothing() {
    outage(SHORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_longer_than_the_lease_loses_and_repeats_nothing() {
    outage(LONG).await;
}

async fn outage(length: Duration) {
    let mut cluster = Cluster::start(Sync::On).await;
    let line = Line::to(&cluster.create_database().await).await;
    let database = Database::Postgres(line.url().to_owned());
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::json(&json!({ "ok": true })));
    let app = TestApp::builder(BINARY).database(database).config(REACHES_UPSTREAM).start().await;
    let hook = app.publish(&workflow(&upstream)).await.hook().clone();
    let load = Load::start_with(app.client(), &hook, SENDERS, &Arc::new(AtomicU64::new(1)), body);
    load.acknowledged(SENDERS * 10).await;
    upstream.wait_for(SENDERS * 10).await;
    // Attempts that are under way over the whole outage, in every lane and beside.
    upstream.hold("/two");
    load.acknowledged(load.answered().acknowledged + SENDERS * 4).await;

    // A webhook that is stored, and nobody is told.
    let mut silent = line.catch_answer(vec![text(r#""lane":"lane-0""#)]);
    silent.caught().await;
    cluster.kill();
    drop(silent);
    load.refused(SENDERS * 2).await;
    // Attempts that end while nothing can be stored.
    upstream.release("/two");
    upstream.hold("/three");
    tokio::time::sleep(length).await;
    cluster.restart().await;
    load.acknowledged(load.answered().acknowledged + SENDERS * 4).await;
    upstream.release("/three");
    let answered = load.answered();
    let acks = load.finish().await;

    settle(&app).await;
    println!("{answered:?}; calls of the upstream: {}", upstream.received().len());
    assert!(answered.slowest < REFUSED_WITHIN, "somebody waited {:?} for an answer", answered.slowest);
    let runs = app.client().pages("/api/v1/runs?limit=200").await;
    assert!(runs.len() > acks.len(), "the silent one is stored: {} runs, {} acknowledged", runs.len(), acks.len());
    verify_runs(&runs, &acks);
    verify_calls(&upstream, &runs);
    verify_lanes(&upstream, &runs);
}

/// Webhooks of one sender are accepted one after the other, so their order is known.
fn body(sender: usize, number: u64) -> Value {
    let lane = (sender < LANES).then(|| format!("lane-{sender}"));
    json!({ "n": number, "lane": lane })
}

fn workflow(upstream: &Upstream) -> String {
    let mut text = String::from(
        "
hookmill: 1
name: Outage
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.lane }}\" }
steps:
",
    );
    for step in STEPS {
        let url = upstream.url(&format!("/{step}"));
        let call = "{ n: \"{{ webhook.n }}\", lane: \"{{ webhook.lane }}\" }";
        text += &format!("  - {{ id: {step}, use: http.request, with: {{ method: POST, url: \"{url}\", json: {call} }} }}\n");
    }
    text
}

async fn settle(app: &TestApp) {
    patience::until_deadline("the end of all runs", RECOVERED_WITHIN, async || {
        app.client().no_run_is(&["ready", "running", "waiting"]).await.then_some(())
    })
    .await;
}

/// Every acknowledged webhook has exactly one run; every run succeeded, also those that nobody was told of.
fn verify_runs(runs: &[Value], acks: &[Ack]) {
    let by_id: HashMap<&str, &Value> = runs.iter().map(|run| (run["id"].as_str().unwrap(), run)).collect();
    let deliveries: HashSet<&str> = runs.iter().filter_map(|run| run["delivery"].as_str()).collect();
    assert_eq!((by_id.len(), deliveries.len()), (runs.len(), runs.len()), "every delivery started one run");
    for run in runs {
        assert_eq!(run["state"], "succeeded", "{run}");
    }
    for ack in acks {
        let run = by_id.get(ack.run.as_str()).unwrap_or_else(|| panic!("{ack:?} was acknowledged and has no run"));
        assert_eq!(run["delivery"], ack.delivery.as_str(), "{ack:?}");
    }
}

/// The node never died, so it knows the end of every attempt that it began: no call is made twice.
fn verify_calls(upstream: &Upstream, runs: &[Value]) {
    let mut calls: HashMap<String, usize> = HashMap::new();
    for request in upstream.received() {
        *calls.entry(request.header("idempotency-key").to_owned()).or_default() += 1;
    }
    for run in runs {
        for step in STEPS {
            let key = format!("{}/{step}", run["id"].as_str().unwrap());
            assert_eq!(calls.remove(&key), Some(1), "calls of {key}");
        }
    }
    assert!(calls.is_empty(), "calls of runs that are not stored: {calls:?}");
}

/// In a lane the calls of one run stand together, and the runs in the order in which they were sent.
fn verify_lanes(upstream: &Upstream, runs: &[Value]) {
    let mut lanes: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for request in upstream.received() {
        let call = request.json();
        if let Some(lane) = call["lane"].as_str() {
            lanes.entry(lane.to_owned()).or_default().push((call["n"].as_u64().unwrap(), request.path.replace('/', "")));
        }
    }
    assert_eq!(lanes.len(), LANES);
    for (lane, calls) in lanes {
        let mut expected = calls.clone();
        expected.sort_by_key(|(number, step)| (*number, STEPS.iter().position(|one| one == step)));
        assert_eq!(calls, expected, "{lane}, {} runs in all", runs.len());
    }
}
