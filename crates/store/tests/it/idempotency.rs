//! Idempotency keys: each is taken once, whatever happens meanwhile.

use std::collections::HashMap;

use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;
use hookmill_store::db::Args;
use hookmill_store::idempotency::{Key, Original};
use hookmill_store::retention::Policy;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::both::{Opened, on_both};

on_both!(
    of_two_equal_requests_one_is_accepted,
    a_restarted_store_still_knows_every_key,
    an_expired_key_can_be_used_again,
    keys_stay_known_while_they_are_moved_to_their_index,
    any_sequence_of_claims_is_answered_as_by_a_plain_map,
);

/// So many keys are kept beside the index here, so that they are moved all the time.
const FRESH: usize = 8;

fn numbered(number: u8, expires_at: Timestamp) -> Key {
    Key { key_hash: [number; 16], body_hash: [number; 16], expires_at }
}

/// The original that a request with this key learns of.
async fn claim(opened: &Opened, hook: i64, key: &Key) -> (DeliveryId, Option<Original>) {
    let delivery = opened.delivery(hook);
    (delivery.id, opened.store.accept_once(delivery, Vec::new(), key, opened.now()).await.unwrap())
}

async fn rows(opened: &Opened, sql: &'static str) -> i64 {
    opened.store.db().read(sql, Args::new()).await.unwrap()[0].int(0).unwrap()
}

async fn keys_stay_known_while_they_are_moved_to_their_index(mut opened: Opened) {
    opened.reopen_with(|config| config.db.limits.fresh_keys = FRESH).await;
    let expires_at = Timestamp(opened.now().0 + 1_000);
    let mut known = Vec::new();
    for number in 0..100 {
        let key = numbered(number, expires_at);
        let (id, original) = claim(&opened, 7, &key).await;
        assert_eq!(original, None, "{number}");
        known.push((key, Some(Original { delivery: id, same_body: true })));
        let (key, original) = &known[usize::from(number) / 2];
        assert_eq!(claim(&opened, 7, key).await.1, *original, "{} after {number}", key.key_hash[0]);
    }
    let (fresh, indexed) =
        (rows(&opened, "SELECT COUNT(*) FROM fresh_keys").await, rows(&opened, "SELECT COUNT(*) FROM idempotency").await);
    assert!(fresh + indexed >= 100 && fresh <= 2 * FRESH as i64, "{fresh} beside the index, {indexed} in it");
    assert_eq!(opened.store.is_shared(), fresh == 0, "PostgreSQL has none beside the index");
    opened.reopen_with(|config| config.db.limits.fresh_keys = FRESH).await;
    for (key, original) in &known {
        assert_eq!(claim(&opened, 7, key).await.1, *original, "{} after a restart", key.key_hash[0]);
        assert_eq!(opened.store.original(HookId(7), key, opened.now()).await.unwrap(), *original);
    }
}

async fn any_sequence_of_claims_is_answered_as_by_a_plain_map(mut opened: Opened) {
    opened.reopen_with(|config| config.db.limits.fresh_keys = FRESH).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut model: HashMap<(i64, u8), (DeliveryId, Timestamp)> = HashMap::new();
    for step in 0..600 {
        match random.random_range(0..100) {
            0..2 => opened.reopen_with(|config| config.db.limits.fresh_keys = FRESH).await,
            2..12 => drop(opened.pass(random.random_range(1..40))),
            _ => {
                let (hook, number) = (random.random_range(7..9), random.random_range(0..40));
                let key = numbered(number, Timestamp(opened.now().0 + random.random_range(1..200)));
                let holder = model.get(&(hook, number)).filter(|(_, until)| *until > opened.now());
                let expected = holder.map(|(delivery, _)| Original { delivery: *delivery, same_body: true });
                // Two at once: one of them takes it, unless it is taken.
                let ((first, one), (second, two)) = tokio::join!(claim(&opened, hook, &key), claim(&opened, hook, &key));
                if expected.is_some() {
                    assert_eq!((&one, &two), (&expected, &expected), "step {step}");
                } else {
                    let (taken_by, other) = if one.is_none() { (first, two) } else { (second, one) };
                    assert_eq!(other, Some(Original { delivery: taken_by, same_body: true }), "step {step}");
                    model.insert((hook, number), (taken_by, key.expires_at));
                    let fresh = rows(&opened, "SELECT COUNT(*) FROM fresh_keys").await;
                    assert!(fresh <= 4 * FRESH as i64, "{fresh} beside the index at step {step}");
                }
            }
        }
    }
}

fn key(expires_at: Timestamp) -> Key {
    Key { key_hash: [7; 16], body_hash: [8; 16], expires_at }
}

async fn of_two_equal_requests_one_is_accepted(opened: Opened) {
    let other = opened.another().await;
    let expires_at = Timestamp(opened.now().0 + 1_000);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = if n % 2 == 0 { opened.store.clone() } else { other.clone() };
        let delivery = opened.delivery(7);
        let run = opened.run(Some(delivery.id), 1);
        let now = opened.now();
        tasks.spawn(async move { (delivery.id, store.accept_once(delivery, vec![run], &key(expires_at), now).await.unwrap()) });
    }
    let (mut accepted, mut originals) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            (id, None) => accepted.push(id),
            (id, Some(original)) => {
                assert!(opened.store.delivery(id).await.unwrap().is_none());
                originals.push(original);
            }
        }
    }
    assert_eq!(accepted.len(), 1);
    assert!(originals.iter().all(|original| *original == Original { delivery: accepted[0], same_body: true }));
    let mistaken = Key { body_hash: [9; 16], ..key(expires_at) };
    let original = opened.store.original(HookId(7), &mistaken, opened.now()).await.unwrap().unwrap();
    assert!(!original.same_body);
    assert!(opened.store.original(HookId(8), &mistaken, opened.now()).await.unwrap().is_none(), "another hook");
    other.close().await;
}

async fn a_restarted_store_still_knows_every_key(mut opened: Opened) {
    let (first, expires_at) = (opened.delivery(7), Timestamp(opened.now().0 + 1_000));
    let id = first.id;
    assert_eq!(opened.store.accept_once(first, Vec::new(), &key(expires_at), opened.now()).await.unwrap(), None);
    let known = Some(Original { delivery: id, same_body: true });
    assert_eq!(opened.store.likely_original(HookId(7), &key(expires_at), opened.now()).await.unwrap(), known);
    opened.reopen().await;
    let (store, now) = (&opened.store, opened.now());
    let likely = store.likely_original(HookId(7), &key(expires_at), now).await.unwrap();
    match store.is_shared() {
        true => assert_eq!(likely, None, "PostgreSQL is not asked: nothing was met since"),
        false => assert_eq!(likely, known, "what is not in the index yet is in memory"),
    }
    // Together with what is not repeated: only the repetition is turned away.
    let (fresh, run, again) = (opened.delivery(8), opened.run(None, 1), key(expires_at));
    let (repeated, other) =
        tokio::join!(store.accept_once(opened.delivery(7), Vec::new(), &again, now), store.accept(fresh.clone(), vec![run]),);
    assert_eq!((repeated, other), (Ok(known.clone()), Ok(())));
    assert!(store.delivery(fresh.id).await.unwrap().is_some());
    assert_eq!(store.likely_original(HookId(7), &key(expires_at), now).await.unwrap(), known, "now it is met");
}

async fn an_expired_key_can_be_used_again(mut opened: Opened) {
    // SQLite prunes those that are in the index.
    opened.reopen_with(|config| config.db.limits.fresh_keys = 0).await;
    let store = &opened.store;
    let first = opened.delivery(7);
    let expires_at = Timestamp(opened.now().0 + 1_000);
    assert_eq!(store.accept_once(first, Vec::new(), &key(expires_at), opened.now()).await.unwrap(), None);
    let now = opened.pass(1_000);
    let second = opened.delivery(7);
    let later = Timestamp(now.0 + 1_000);
    assert_eq!(store.accept_once(second.clone(), Vec::new(), &key(later), now).await.unwrap(), None);
    assert_eq!(store.original(HookId(7), &key(later), now).await.unwrap().unwrap().delivery, second.id);

    let now = opened.pass(1_000);
    let mut pass = store.plan_pruning(&Policy::default(), now).await.unwrap();
    let mut keys = 0;
    loop {
        let pruned = store.prune(&mut pass).await.unwrap();
        keys += pruned.keys;
        if pruned.done {
            break;
        }
    }
    assert_eq!(keys, 1);
}
