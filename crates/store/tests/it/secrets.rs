//! Secrets and API keys.

use bytes::Bytes;
use hookmill_engine::id::KeyId;
use hookmill_engine::time::Timestamp;
use hookmill_store::Error;
use hookmill_store::keys::Role;
use hookmill_store::secrets::NewSecret;
use hookmill_store::workspaces::FIRST_WORKSPACE;

use crate::both::{Opened, on_both};

on_both!(
    a_secret_changes_version_by_version,
    the_expiry_of_a_secret_changes_with_its_value,
    a_key_is_known_by_its_text_only,
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
