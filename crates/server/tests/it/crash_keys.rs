//! kill -9 while idempotency keys are moved to their index: no key of an acknowledged webhook is forgotten, and whoever sends
//! one again gets the ids of the original.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::StreamExt as _;
use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Client, Hook};

use crate::crash::Random;
use crate::crash_load::{Ack, Load, body};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const ROUNDS: i64 = 8;
const SENDERS: usize = 4;
/// Moving all keys of a round takes about two seconds under this load; later kills meet the deleting of their rows.
const LOAD_MS_MAX: u64 = 3_000;
/// Half of what SQLite keeps beside the index, from which on it moves keys.
const MOVED_FROM: i64 = 1 << 16;

const WORKFLOW: &str = "
hookmill: 1
name: Keys
triggers:
  - webhook: { dedupe: { path: $.n } }
steps:
  - set: { n: '{{ webhook.n }}' }
";

/// Until when the keys are valid that fill up the table in a round: long, and told apart from all others.
fn valid_until(round: i64) -> i64 {
    i64::MAX - round
}

/// Puts so many keys beside the index that they are moved from the next commit on. They are the hook's, with random hashes, so
/// that those of its webhooks lie anywhere among them.
async fn fill_up(app: &TestApp, round: i64) {
    app.execute_sql(&format!(
        "DELETE FROM fresh_keys WHERE expires_at > {last};
         WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MOVED_FROM})
         INSERT INTO fresh_keys (hook, key_hash, body_hash, delivery, expires_at)
         SELECT (SELECT MIN(id) FROM hooks), randomblob(16), randomblob(16), 1, {until} FROM numbers;",
        last = valid_until(ROUNDS + 1),
        until = valid_until(round),
    ))
    .await;
}

/// How many of the keys of a round are in the index, and how many are still beside it.
async fn moved(app: &TestApp, round: i64) -> (i64, i64) {
    let count = async |table: &str| {
        app.read_number(&format!("SELECT COUNT(*) FROM {table} WHERE expires_at = {}", valid_until(round))).await
    };
    (count("idempotency").await, count("fresh_keys").await)
}

/// Sends what was acknowledged once more. How many answers came; each is that of the original.
async fn repeat(client: &Client, hook: &Hook, acks: &[Ack]) -> usize {
    let again = futures_util::stream::iter(acks).map(async |ack| {
        let answer = client.try_answer(client.to_hook(hook).json(&body(ack.number))).await.ok()?;
        let ids = (answer.run_id(), answer.delivery_id());
        assert_eq!(ids, (ack.run.clone(), ack.delivery.clone()), "{ack:?} was forgotten");
        Some(())
    });
    again.buffer_unordered(SENDERS).filter_map(async |answered| answered).count().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_forgotten_when_killed_while_keys_are_moved() {
    let mut app = TestApp::builder(BINARY).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    app.kill_9();
    let (numbers, mut random) = (Arc::new(AtomicU64::new(1)), Random::new());
    let (mut acks, mut repeated, mut moving, mut deleting) = (Vec::new(), 0, 0, 0);
    for round in 1..=ROUNDS {
        fill_up(&app, round).await;
        app.restart();
        let load = Load::start(app.client(), &hook, SENDERS, &numbers);
        load.acknowledged(1).await;
        // Meanwhile those of the rounds before come again.
        let meanwhile = repeat(app.client(), &hook, &acks);
        let until = Duration::from_millis(random.below(LOAD_MS_MAX));
        let (again, ()) = tokio::join!(tokio::time::timeout(until, meanwhile), tokio::time::sleep(until));
        repeated += again.unwrap_or(0);
        app.kill_9();
        acks.extend(load.finish().await);
        let (indexed, beside) = moved(&app, round).await;
        moving += usize::from(indexed > 0 && indexed < MOVED_FROM);
        deleting += usize::from(indexed == MOVED_FROM && beside > 0);
        println!("round {round}: {} acknowledged so far, {indexed} keys moved, {beside} not deleted", acks.len());
    }
    let seed = random.seed;
    assert!(moving > 0, "no kill met the moving: the test proves nothing (seed {seed})");
    app.restart();
    let all = repeat(app.client(), &hook, &acks).await;
    assert_eq!(all, acks.len(), "everybody gets an answer (seed {seed})");
    println!(
        "seed {seed}: {} acknowledged, {moving} kills while moving and {deleting} while deleting, {} repeated, none forgotten",
        acks.len(),
        repeated + all
    );
}
