//! PostgreSQL: writers that want the same rows at the same moment take them one after the other, and none is turned away.

use futures_util::future::{BoxFuture, join_all};
use hookmill_engine::contact::Contact;
use hookmill_engine::id::HookId;
use hookmill_engine::time::{Span, Timestamp};
use hookmill_store::deliveries::{ElementRun, Splitted};
use hookmill_store::idempotency::Key;
use hookmill_store::rates::Limited;
use hookmill_store::{Config, Store};
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::connect;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Map, json};

use crate::both::Opened;

const ROUNDS: u8 = 12;
const HOOKS: i64 = 12;
const KEYS: u8 = 6;

fn with_writers(config: &mut Config) {
    config.db.limits.writers = 4;
}

fn key(opened: &Opened, round: u8, number: u8) -> Key {
    let mut key_hash = [number; 16];
    key_hash[0] = round;
    Key { key_hash, body_hash: [0; 16], expires_at: Timestamp(opened.now().0 + 100_000) }
}

/// Keys that a request took, as hook and number.
type Took = Vec<(i64, u8)>;

async fn with_key(opened: &Opened, store: &Store, hook: i64, round: u8, number: u8) -> Took {
    let delivery = opened.delivery(hook);
    let runs = vec![opened.run(Some(delivery.id), 1)];
    let original = store.accept_once(delivery, runs, &key(opened, round, number), opened.now()).await.unwrap();
    if original.is_none() { vec![(hook, number)] } else { Vec::new() }
}

async fn split(opened: &Opened, store: &Store, hook: i64, round: u8, numbers: Vec<u8>) -> Took {
    let delivery = opened.delivery(hook);
    let element =
        |number: &u8| ElementRun { run: opened.run(Some(delivery.id), 1), key: Some(key(opened, round, *number)), contact: None };
    let runs = numbers.iter().map(element).collect();
    match store.accept_split(delivery, runs, None, opened.now()).await.unwrap() {
        Splitted::Stored(places) => places.into_iter().map(|at| (hook, numbers[at])).collect(),
        Splitted::Repeats(_) => Vec::new(),
    }
}

async fn about(opened: &Opened, store: &Store, hook: i64, round: u8, person: u8) -> Took {
    let contact = Contact { email: format!("p{person}@x.org"), fields: Map::from_iter([(format!("r{round}"), json!(hook))]) };
    let delivery = opened.delivery(hook);
    assert_eq!(store.accept_with_contact(delivery, Vec::new(), None, &contact, opened.now()).await, Ok(None));
    Vec::new()
}

async fn limited(opened: &Opened, store: &Store, hook: i64) -> Took {
    store.take_permits(Limited::Hook(HookId(hook)), 1, Span(1_000_000), opened.now()).await.unwrap();
    Vec::new()
}

/// What one node is asked for in one round, all at once.
fn requests<'t>(opened: &'t Opened, store: &'t Store, round: u8, random: &mut StdRng) -> Vec<BoxFuture<'t, Took>> {
    let mut requests: Vec<BoxFuture<'t, Took>> = Vec::new();
    for hook in 0..HOOKS {
        for number in 0..KEYS {
            requests.push(Box::pin(with_key(opened, store, hook, round, number)));
            requests.push(Box::pin(about(opened, store, hook, round, number)));
        }
        // Half of its elements come for themselves too.
        let mut numbers: Vec<u8> = (KEYS / 2..2 * KEYS).collect();
        numbers.shuffle(random);
        requests.push(Box::pin(split(opened, store, hook, round, numbers)));
        requests.push(Box::pin(limited(opened, store, hook)));
    }
    requests
}

/// Deadlocks that the server had to resolve in the database. Its processes tell when they end.
async fn deadlocks(database: &str) -> i64 {
    const OTHERS: &str = "SELECT COUNT(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let client = connect(database).await;
    let alone = async || (client.query_one(OTHERS, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(());
    until("the connections of the closed stores to end", alone).await;
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Two nodes with several writers each get the same keys, splits, contacts and rate limits in another order, all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_somebody_who_waits_for_him() {
    let mut opened = Opened::postgres().await;
    opened.reopen_with(with_writers).await;
    let other = opened.another_with(with_writers).await;
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..ROUNDS {
        let mut all = requests(&opened, &opened.store, round, &mut random);
        all.extend(requests(&opened, &other, round, &mut random));
        all.shuffle(&mut random);
        let mut took: Took = join_all(all).await.concat();
        took.sort_unstable();
        let each: Took = (0..HOOKS).flat_map(|hook| (0..2 * KEYS).map(move |number| (hook, number))).collect();
        assert_eq!(took, each, "each key is taken once, round {round}");
    }
    opened.store.close().await;
    other.close().await;
    assert_eq!(deadlocks(&opened.database).await, 0);
}

/// Whoever keeps to no order can still make a deadlock. All that the store did in it is undone, so it tries again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lost_a_deadlock_is_tried_again() {
    const TAKE: &str = "INSERT INTO idempotency (hook, key_hash, body_hash, delivery, expires_at) VALUES (7, $1, $1, 1, 0)";
    const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()";
    let mut opened = Opened::postgres().await;
    let (stubborn, onlooker) = (connect(&opened.database).await, connect(&opened.database).await);
    // Time to get into the store's way before its connection looks whether that is a deadlock; the other one never looks.
    let name: String = onlooker.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
    onlooker.batch_execute(&format!("ALTER DATABASE {name} SET deadlock_timeout = '3s'")).await.unwrap();
    opened.reopen().await;
    let [first, last] = [0, 9].map(|number| key(&opened, 0, number).key_hash.to_vec());
    stubborn.batch_execute("SET deadlock_timeout = '1h'; BEGIN").await.unwrap();
    stubborn.execute(TAKE, &[&last]).await.unwrap();

    let ours = split(&opened, &opened.store, 7, 0, vec![9, 0]);
    let theirs = async {
        let waiting = async || (onlooker.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) == 1).then_some(());
        until("the store to wait for the last key", waiting).await;
        // Comes back once the store has lost.
        stubborn.execute(TAKE, &[&first]).await.unwrap();
        until("the store to wait for the first key", waiting).await;
        stubborn.batch_execute("ROLLBACK").await.unwrap();
    };
    assert_eq!(tokio::join!(ours, theirs).0, [(7, 9), (7, 0)]);
    opened.store.close().await;
    drop((stubborn, onlooker));
    assert_eq!(deadlocks(&opened.database).await, 1);
}
