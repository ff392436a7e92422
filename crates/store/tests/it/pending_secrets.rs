//! Secrets that wait for their hook's owner.

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_store::hooks::{Hook, WantedHook};
use hookmill_store::pending_secrets::{Pending, PendingSecret};
use hookmill_store::secrets::NewSecret;
use hookmill_store::workflows::{Dropped, NewDraft, Publication};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store, args};

use crate::both::{Opened, on_both};

on_both!(
    a_hook_has_the_newest_secret_that_was_handed_over_to_it,
    what_is_decided_about_is_the_handshake_that_was_looked_at,
    confirming_stores_the_secret_or_changes_nothing,
    what_comes_to_the_test_url_stands_beside_what_waits_for_production,
    nothing_is_handed_over_to_a_hook_that_is_gone,
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
    hand_over_to(opened, hook, false, sealed).await
}

/// What waits for production.
async fn pending(store: &Store, hook: HookId) -> Option<Pending> {
    store.pending_secrets_of(hook).await.unwrap().into_iter().find(|pending| !pending.secret.test)
}

async fn hand_over_to(opened: &Opened, hook: HookId, test: bool, sealed: &'static [u8]) -> DeliveryId {
    let pending = handed_over(opened, hook, test, sealed);
    let handshake = pending.handshake;
    opened.store.keep_pending_secret(pending).await.unwrap();
    handshake
}

fn handed_over(opened: &Opened, hook: HookId, test: bool, sealed: &'static [u8]) -> PendingSecret {
    PendingSecret {
        hook,
        test,
        handshake: DeliveryId(opened.store.next_id()),
        key_id: "k1".into(),
        sealed: Bytes::from_static(sealed),
        received_at: opened.now(),
        address: "192.0.2.7".into(),
    }
}

fn sealed<'a>(name: &'a str, version: u32) -> NewSecret<'a> {
    NewSecret { name, version, key_id: "k1", sealed: Bytes::from_static(b"again"), expires_at: None }
}

async fn a_hook_has_the_newest_secret_that_was_handed_over_to_it(mut opened: Opened) {
    let (one, two) = (hook(&opened, "one").await.id, hook(&opened, "two").await.id);
    assert_eq!(pending(&opened.store, one).await, None);
    hand_over(&opened, one, b"first\0").await;
    let newest = hand_over(&opened, one, b"second").await;
    hand_over(&opened, two, b"other").await;
    opened.reopen().await;
    let stored = pending(&opened.store, one).await.unwrap();
    assert_eq!((stored.times, stored.secret.handshake, &stored.secret.sealed[..]), (2, newest, &b"second"[..]));
    assert_eq!((stored.secret.address.as_str(), stored.secret.received_at), ("192.0.2.7", opened.now()));
    let listed = async |before, limit| {
        let pending = opened.store.pending_secrets(FIRST_WORKSPACE, before, limit).await.unwrap();
        pending.iter().map(|pending| pending.secret.hook).collect::<Vec<_>>()
    };
    assert_eq!(
        (listed(None, 10).await, listed(None, 1).await, listed(Some((two, false)), 10).await),
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
    assert_eq!(pending(store, hook).await.unwrap().secret.handshake, newest);
    store.discard_pending_secret(hook, newest).await.unwrap();
    assert_eq!(store.discard_pending_secret(hook, newest).await, Err(Error::NotFound));
    assert!(none_is_stored(store).await);
    hand_over(&opened, hook, b"next").await;
    assert_eq!(pending(store, hook).await.unwrap().times, 1, "what was decided about is not counted");
}

async fn confirming_stores_the_secret_or_changes_nothing(opened: Opened) {
    let store = &opened.store;
    let hook = hook(&opened, "one").await.id;
    let handshake = hand_over(&opened, hook, b"mine").await;
    let confirm = |secret| store.confirm_pending_secret((hook, handshake), FIRST_WORKSPACE, secret, opened.now());
    assert!(matches!(confirm(sealed("a", 2)).await, Err(Error::Conflict { .. })), "there is no first version");
    assert!(matches!(confirm(sealed("", 1)).await, Err(Error::Invalid(_))));
    assert!(pending(store, hook).await.is_some() && none_is_stored(store).await);
    let catalog = store.catalog_version().await.unwrap();
    confirm(sealed("a", 1)).await.unwrap();
    assert_eq!(store.catalog_version().await.unwrap(), catalog + 1, "other nodes open it");
    let stored = store.secret(FIRST_WORKSPACE, "a").await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.sealed[..]), (1, &b"again"[..]));
    assert_eq!(pending(store, hook).await, None);
    assert_eq!(confirm(sealed("a", 2)).await, Err(Error::NotFound), "twice is once");
}

async fn what_comes_to_the_test_url_stands_beside_what_waits_for_production(mut opened: Opened) {
    let (one, two) = (hook(&opened, "one").await.id, hook(&opened, "two").await.id);
    let waits = hand_over(&opened, one, b"production").await;
    hand_over_to(&opened, one, true, b"test").await;
    let test = hand_over_to(&opened, one, true, b"test again").await;
    let other = hand_over_to(&opened, two, true, b"other").await;
    opened.reopen().await;
    let store = &opened.store;
    let known = |pending: &[Pending]| -> Vec<_> {
        pending.iter().map(|one| (one.secret.hook, one.secret.test, one.secret.handshake, one.times)).collect()
    };
    let of_one = [(one, false, waits, 1), (one, true, test, 2)];
    assert_eq!(known(&store.pending_secrets_of(one).await.unwrap()), of_one);
    // Every page goes on where the one before ended, also between the two of a hook.
    let (mut before, mut listed) = (None, Vec::new());
    while let Some(next) = store.pending_secrets(FIRST_WORKSPACE, before, 1).await.unwrap().pop() {
        before = Some((next.secret.hook, next.secret.test));
        listed.extend(known(&[next]));
    }
    assert_eq!(listed, [(two, true, other, 1), of_one[1], of_one[0]]);
    store.confirm_pending_secret((one, test), FIRST_WORKSPACE, sealed("a", 1), opened.now()).await.unwrap();
    assert_eq!(known(&store.pending_secrets_of(one).await.unwrap()), [of_one[0]]);
    store.discard_pending_secret(one, waits).await.unwrap();
    assert_eq!(store.pending_secrets_of(one).await.unwrap(), []);
}

async fn nothing_is_handed_over_to_a_hook_that_is_gone(opened: Opened) {
    let other = opened.another().await;
    let left = async || {
        let rows = opened.store.db().read("SELECT COUNT(*) FROM pending_secrets", args![]).await.unwrap();
        rows[0].int(0).unwrap()
    };
    let never = handed_over(&opened, HookId(1), true, b"nobody's");
    assert_eq!(opened.store.keep_pending_secret(never).await, Err(Error::NotFound));
    for n in 0..12 {
        let draft = NewDraft {
            workspace: FIRST_WORKSPACE,
            name: format!("flow {n}"),
            document: "one".into(),
            author: "writer".into(),
            labels: vec!["a".into()],
        };
        let saved = opened.store.save_draft(&draft, opened.now()).await.unwrap();
        let hook = saved.hooks[0].id;
        let pending = || handed_over(&opened, hook, true, b"test");
        let (kept, dropped) = match n % 2 {
            0 => tokio::join!(opened.store.keep_pending_secret(pending()), other.drop_draft(saved.workflow)),
            _ => tokio::join!(other.keep_pending_secret(pending()), opened.store.drop_draft(saved.workflow)),
        };
        assert_eq!(dropped, Ok(Dropped::Workflow));
        assert!(matches!(kept, Ok(()) | Err(Error::NotFound)), "{kept:?}");
        assert_eq!(left().await, 0, "what came before the hook went, went with it");
        assert_eq!(opened.store.keep_pending_secret(pending()).await, Err(Error::NotFound));
        assert_eq!(left().await, 0);
    }
    other.close().await;
}

async fn none_is_stored(store: &Store) -> bool {
    store.secrets(FIRST_WORKSPACE).await.unwrap().is_empty()
}
