//! Secrets, API keys, idempotency keys.

use bytes::Bytes;
use hookmill_engine::id::{HookId, KeyId};
use hookmill_engine::time::Timestamp;
use hookmill_store::Error;
use hookmill_store::idempotency::{Key, Original};
use hookmill_store::keys::Role;
use hookmill_store::retention::Policy;
use hookmill_store::secrets::NewSecret;
use hookmill_store::workspaces::FIRST_WORKSPACE;

use crate::both::{Opened, on_both};

on_both!(
    a_secret_changes_version_by_version,
    the_expiry_of_a_secret_changes_with_its_value,
    a_key_is_known_by_its_text_only,
    of_two_equal_requests_one_is_accepted,
    a_restarted_store_still_knows_every_key,
    an_expired_key_can_be_used_again,
    a_change_of_the_catalog_is_told_once_whoever_made_it,
);

fn sealed<'a>(name: &'a str, version: u32, value: &'static [u8]) -> NewSecret<'a> {
    NewSecret { name, version, key_id: "k1", sealed: Bytes::from_static(value), expires_at: None }
}

async fn a_change_of_the_catalog_is_told_once_whoever_made_it(opened: Opened) {
    let (store, other) = (&opened.store, opened.another().await);
    store.notice_catalog().await.unwrap();
    store.watch().catalog_changed().await;
    other.put_secret(FIRST_WORKSPACE, sealed("a", 1, b""), opened.now()).await.unwrap();
    let told = store.watch().told();
    let version = store.notice_catalog().await.unwrap();
    store.watch().catalog_changed().await;
    assert_eq!((store.watch().catalog(), version), (other.watch().catalog(), other.watch().catalog()));
    assert_eq!(store.notice_catalog().await.unwrap(), version);
    assert_eq!(store.watch().told(), told + 1, "nothing new is no news");
    // Its own changes wake the same loop.
    store.put_secret(FIRST_WORKSPACE, sealed("b", 1, b""), opened.now()).await.unwrap();
    store.watch().catalog_changed().await;
    other.close().await;
}

async fn a_secret_changes_version_by_version(opened: Opened) {
    let store = &opened.store;
    let put = async |name: &str, version, value: &'static [u8]| {
        store.put_secret(FIRST_WORKSPACE, sealed(name, version, value), opened.now()).await
    };
    let catalog = store.catalog_version().await.unwrap();
    put("shop_key", 1, b"sealed\0one").await.unwrap();
    assert!(matches!(put("shop_key", 1, b"other").await, Err(Error::Conflict { .. })));
    assert!(matches!(put("shop_key", 3, b"other").await, Err(Error::Conflict { .. })));
    assert!(matches!(put("unknown", 2, b"other").await, Err(Error::Conflict { .. })));
    put("shop_key", 2, b"two").await.unwrap();
    put("a \u{1F600}", 1, b"").await.unwrap();
    assert_eq!(store.catalog_version().await.unwrap(), catalog + 3);
    let secret = store.secret(FIRST_WORKSPACE, "shop_key").await.unwrap().unwrap();
    assert_eq!((secret.version, &*secret.key_id, &secret.sealed[..]), (2, "k1", &b"two"[..]));
    let names: Vec<_> = store.secrets(FIRST_WORKSPACE).await.unwrap().into_iter().map(|secret| secret.name).collect();
    assert_eq!(names, ["a \u{1F600}", "shop_key"]);
    for name in ["", "a\0", &"x".repeat(201)] {
        assert!(matches!(put(name, 1, b"").await, Err(Error::Invalid(_))));
    }
    store.delete_secret(FIRST_WORKSPACE, "shop_key").await.unwrap();
    assert_eq!(store.delete_secret(FIRST_WORKSPACE, "shop_key").await, Err(Error::NotFound));
    assert!(store.secret(FIRST_WORKSPACE, "shop_key").await.unwrap().is_none());
}

async fn the_expiry_of_a_secret_changes_with_its_value(opened: Opened) {
    let store = &opened.store;
    let expires_at = Some(Timestamp(opened.now().0 + 1_000));
    let put = async |secret: NewSecret<'_>| store.put_secret(FIRST_WORKSPACE, secret, opened.now()).await.unwrap();
    let stored = async || store.secrets(FIRST_WORKSPACE).await.unwrap().remove(0).expires_at;
    put(sealed("old", 1, b"one")).await;
    assert_eq!(stored().await, None);
    put(NewSecret { expires_at, ..sealed("old", 2, b"one") }).await;
    assert_eq!(
        (stored().await, store.secret(FIRST_WORKSPACE, "old").await.unwrap().unwrap().expires_at),
        (expires_at, expires_at)
    );
    put(sealed("old", 3, b"two")).await;
    assert_eq!(stored().await, None, "a new value without an expiry has none");
}

async fn a_key_is_known_by_its_text_only(opened: Opened) {
    let store = &opened.store;
    let now = opened.now();
    let expires_at = Some(Timestamp(now.0 + 1_000));
    let (key, text) = store.create_key(FIRST_WORKSPACE, "ci \u{1F600}", Role::Editor, expires_at, now).await.unwrap();
    let (_, other) = store.create_key(FIRST_WORKSPACE, "ci \u{1F600}", Role::Owner, None, now).await.unwrap();
    assert_ne!(text, other);
    assert!(text.starts_with(&key.prefix) && text.len() > 40 && key.prefix.len() < 12);
    assert_eq!(store.key_by_text(&text, now).await.unwrap().unwrap(), key);
    assert!(store.key_by_text(&format!("{text}x"), now).await.unwrap().is_none());
    assert!(store.key_by_text("", now).await.unwrap().is_none());
    assert!(store.key_by_text(&text, Timestamp(now.0 + 1_000)).await.unwrap().is_none(), "expired");

    store.note_key_use(&key, now).await.unwrap();
    let noted = store.key_by_text(&text, now).await.unwrap().unwrap();
    assert_eq!(noted.last_used, Some(now));
    store.note_key_use(&noted, Timestamp(now.0 + 59_000)).await.unwrap();
    assert_eq!(store.keys(FIRST_WORKSPACE).await.unwrap()[0].last_used, Some(now), "at most once a minute");

    store.delete_key(FIRST_WORKSPACE, key.id).await.unwrap();
    assert_eq!(store.delete_key(FIRST_WORKSPACE, key.id).await, Err(Error::NotFound));
    assert_eq!(store.delete_key(FIRST_WORKSPACE, KeyId(1)).await, Err(Error::NotFound));
    assert!(store.key_by_text(&text, now).await.unwrap().is_none());
    assert_eq!(store.keys(FIRST_WORKSPACE).await.unwrap().len(), 1);
    assert!(Role::Owner.allows(Role::Viewer) && Role::Viewer.allows(Role::Viewer) && !Role::Viewer.allows(Role::Operator));
}

fn key(expires_at: Timestamp) -> Key {
    Key { key_hash: vec![7; 16].into(), body_hash: vec![8; 16].into(), expires_at }
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
    let mistaken = Key { body_hash: vec![9; 16].into(), ..key(expires_at) };
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
    assert_eq!(store.likely_original(HookId(7), &key(expires_at), now).await.unwrap(), None, "nothing was met since");
    // Together with what is not repeated: only the repetition is turned away.
    let (fresh, run, again) = (opened.delivery(8), opened.run(None, 1), key(expires_at));
    let (repeated, other) =
        tokio::join!(store.accept_once(opened.delivery(7), Vec::new(), &again, now), store.accept(fresh.clone(), vec![run]),);
    assert_eq!((repeated, other), (Ok(known.clone()), Ok(())));
    assert!(store.delivery(fresh.id).await.unwrap().is_some());
    assert_eq!(store.likely_original(HookId(7), &key(expires_at), now).await.unwrap(), known, "now it is met");
}

async fn an_expired_key_can_be_used_again(opened: Opened) {
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
