//! Secrets that wait for their hook's owner.

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_store::hooks::{Hook, WantedHook};
use hookmill_store::pending_secrets::PendingSecret;
use hookmill_store::secrets::NewSecret;
use hookmill_store::workflows::Publication;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, on_both};

on_both!(
    a_hook_has_the_newest_secret_that_was_handed_over_to_it,
    what_is_decided_about_is_the_handshake_that_was_looked_at,
    confirming_stores_the_secret_or_changes_nothing,
);

async fn hook(opened: &Opened, name: &str) -> Hook {
    let wanted = WantedHook { label: "webhook".into(), path: Some(name.into()), alias: None };
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: name.into(),
        document: format!("name: {name}"),
        author: "test".into(),
        hooks: vec![wanted],
        draft: None,
    };
    opened.store.publish(&publication, opened.now()).await.unwrap().hooks.remove(0)
}

async fn hand_over(opened: &Opened, hook: HookId, sealed: &'static [u8]) -> DeliveryId {
    let handshake = DeliveryId(opened.store.next_id());
    let pending = PendingSecret {
        hook,
        handshake,
        key_id: "k1".into(),
        sealed: Bytes::from_static(sealed),
        received_at: opened.now(),
        address: "192.0.2.7".into(),
    };
    opened.store.keep_pending_secret(pending).await.unwrap();
    handshake
}

fn sealed<'a>(name: &'a str, version: u32) -> NewSecret<'a> {
    NewSecret { name, version, key_id: "k1", sealed: Bytes::from_static(b"again"), expires_at: None }
}

async fn a_hook_has_the_newest_secret_that_was_handed_over_to_it(mut opened: Opened) {
    let (one, two) = (hook(&opened, "one").await.id, hook(&opened, "two").await.id);
    assert_eq!(opened.store.pending_secret(one).await.unwrap(), None);
    hand_over(&opened, one, b"first\0").await;
    let newest = hand_over(&opened, one, b"second").await;
    hand_over(&opened, two, b"other").await;
    opened.reopen().await;
    let pending = opened.store.pending_secret(one).await.unwrap().unwrap();
    assert_eq!((pending.times, pending.secret.handshake, &pending.secret.sealed[..]), (2, newest, &b"second"[..]));
    assert_eq!((pending.secret.address.as_str(), pending.secret.received_at), ("192.0.2.7", opened.now()));
    let listed = async |before, limit| {
        let pending = opened.store.pending_secrets(FIRST_WORKSPACE, before, limit).await.unwrap();
        pending.iter().map(|pending| pending.secret.hook).collect::<Vec<_>>()
    };
    assert_eq!(
        (listed(None, 10).await, listed(None, 1).await, listed(Some(two), 10).await),
        (vec![two, one], vec![two], vec![one])
    );
}

async fn what_is_decided_about_is_the_handshake_that_was_looked_at(opened: Opened) {
    let store = &opened.store;
    let hook = hook(&opened, "one").await.id;
    let looked_at = hand_over(&opened, hook, b"mine").await;
    let newest = hand_over(&opened, hook, b"a stranger's").await;
    let confirm = |handshake| store.confirm_pending_secret((hook, handshake), FIRST_WORKSPACE, sealed("a", 1), opened.now());
    assert_eq!(confirm(looked_at).await, Err(Error::NotFound));
    assert_eq!(store.discard_pending_secret(hook, looked_at).await, Err(Error::NotFound));
    assert_eq!(store.pending_secret(hook).await.unwrap().unwrap().secret.handshake, newest);
    store.discard_pending_secret(hook, newest).await.unwrap();
    assert_eq!(store.discard_pending_secret(hook, newest).await, Err(Error::NotFound));
    assert!(none_is_stored(store).await);
    hand_over(&opened, hook, b"next").await;
    assert_eq!(store.pending_secret(hook).await.unwrap().unwrap().times, 1, "what was decided about is not counted");
}

async fn confirming_stores_the_secret_or_changes_nothing(opened: Opened) {
    let store = &opened.store;
    let hook = hook(&opened, "one").await.id;
    let handshake = hand_over(&opened, hook, b"mine").await;
    let confirm = |secret| store.confirm_pending_secret((hook, handshake), FIRST_WORKSPACE, secret, opened.now());
    assert!(matches!(confirm(sealed("a", 2)).await, Err(Error::Conflict { .. })), "there is no first version");
    assert!(matches!(confirm(sealed("", 1)).await, Err(Error::Invalid(_))));
    assert!(store.pending_secret(hook).await.unwrap().is_some() && none_is_stored(store).await);
    let catalog = store.catalog_version().await.unwrap();
    confirm(sealed("a", 1)).await.unwrap();
    assert_eq!(store.catalog_version().await.unwrap(), catalog + 1, "other nodes open it");
    let stored = store.secret(FIRST_WORKSPACE, "a").await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.sealed[..]), (1, &b"again"[..]));
    assert_eq!(store.pending_secret(hook).await.unwrap(), None);
    assert_eq!(confirm(sealed("a", 2)).await, Err(Error::NotFound), "twice is once");
}

async fn none_is_stored(store: &Store) -> bool {
    store.secrets(FIRST_WORKSPACE).await.unwrap().is_empty()
}
