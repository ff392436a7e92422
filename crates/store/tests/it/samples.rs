//! Listening for a sample, and the sample of a hook.

use bytes::Bytes;
use hookmill_engine::id::HookId;
use hookmill_store::deliveries::{DeliveryFilter, NewDelivery, Outcome};
use hookmill_store::hooks::{Hook, WantedHook};
use hookmill_store::listening::{LISTENINGS_MAX, State};
use hookmill_store::samples::{Origin, SAMPLE_BYTES_MAX, Sample};
use hookmill_store::watch::Changed;
use hookmill_store::workflows::Publication;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, on_both};

on_both!(
    of_twenty_requests_at_once_one_is_captured,
    a_listening_survives_a_restart_and_ends_by_itself,
    a_listening_can_be_stopped_and_begun_anew,
    a_hook_has_one_sample,
);

const HOOK: HookId = HookId(7);
const THREE_MINUTES: i64 = 180_000;

fn captured(opened: &Opened) -> NewDelivery {
    NewDelivery { outcome: Outcome::Captured, status: 200, ..opened.delivery(HOOK.0) }
}

async fn listen(opened: &Opened) {
    let now = opened.now();
    let deadline = hookmill_engine::time::Timestamp(now.0 + THREE_MINUTES);
    opened.store.listen_to(HOOK, "somebody", now, deadline).await.unwrap();
}

async fn of_twenty_requests_at_once_one_is_captured(opened: Opened) {
    listen(&opened).await;
    let other = opened.another().await;
    let stores = [&opened.store, &other];
    let attempts = (0..20).map(|n| stores[n % 2].capture(captured(&opened), opened.now()));
    let taken: Vec<bool> = futures_util::future::try_join_all(attempts).await.unwrap();
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
    let stored = opened.store.deliveries(&DeliveryFilter::default(), 100).await.unwrap().items;
    assert_eq!(stored.len(), 1, "those that were not captured are not stored as such");
    assert_eq!((stored[0].outcome, stored[0].run), (Outcome::Captured, None));
    let listening = opened.store.listening(HOOK).await.unwrap().unwrap();
    assert_eq!(listening.state(opened.now()), State::Captured(stored[0].id));
    assert!(opened.store.armed(opened.now()).await.unwrap().is_empty());
    other.close().await;
}

async fn a_listening_survives_a_restart_and_ends_by_itself(mut opened: Opened) {
    let mut news = opened.store.watch().listen();
    listen(&opened).await;
    assert!(matches!(news.next().await, Some(Changed::Catalog { .. })), "other nodes are told");
    opened.reopen().await;
    let armed = opened.store.armed(opened.now()).await.unwrap();
    assert_eq!((armed.len(), armed[0].hook, armed[0].author.as_str()), (1, HOOK, "somebody"));
    assert_eq!(armed[0].state(opened.now()), State::Armed);
    opened.pass(THREE_MINUTES);
    assert!(opened.store.armed(opened.now()).await.unwrap().is_empty());
    assert!(!opened.store.capture(captured(&opened), opened.now()).await.unwrap(), "too late");
    assert_eq!(opened.store.listening(HOOK).await.unwrap().unwrap().state(opened.now()), State::Expired);
    assert!(!opened.store.stop_listening(HOOK, opened.now()).await.unwrap());
}

async fn a_listening_can_be_stopped_and_begun_anew(opened: Opened) {
    let store = &opened.store;
    assert_eq!(store.listening(HOOK).await.unwrap(), None);
    listen(&opened).await;
    let first = store.listening(HOOK).await.unwrap().unwrap();
    assert!(store.stop_listening(HOOK, opened.now()).await.unwrap());
    assert_eq!(store.listening(HOOK).await.unwrap().unwrap().state(opened.now()), State::Cancelled);
    assert!(!store.capture(captured(&opened), opened.now()).await.unwrap());
    listen(&opened).await;
    let second = store.listening(HOOK).await.unwrap().unwrap();
    assert_eq!(second.state(opened.now()), State::Armed);
    assert_ne!(first.number, second.number);
    // Beginning anew while it goes on gives it its full time again.
    opened.pass(1_000);
    listen(&opened).await;
    assert_eq!(store.listening(HOOK).await.unwrap().unwrap().deadline.0, opened.now().0 + THREE_MINUTES);
    let deadline = hookmill_engine::time::Timestamp(opened.now().0 + 1);
    for hook in 0..LISTENINGS_MAX as i64 - 1 {
        store.listen_to(HookId(1_000 + hook), "somebody", opened.now(), deadline).await.unwrap();
    }
    let refused = store.listen_to(HookId(1), "somebody", opened.now(), deadline).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    listen(&opened).await;
}

async fn a_hook(store: &Store, opened: &Opened) -> Hook {
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: "Orders".into(),
        document: "hookmill: 1\nname: Orders\n".into(),
        author: "somebody".into(),
        hooks: vec![WantedHook { label: "webhook".into(), path: None, alias: None }],
        draft: None,
    };
    store.publish(&publication, opened.now()).await.unwrap().hooks.remove(0)
}

async fn a_hook_has_one_sample(opened: Opened) {
    let store = &opened.store;
    let hook = a_hook(store, &opened).await.id;
    assert_eq!(store.sample(hook).await.unwrap(), None);
    assert_eq!(store.delete_sample(hook).await, Err(Error::NotFound));
    let mut sample = Sample {
        origin: Origin::Json,
        method: "POST".into(),
        query: "a=1".into(),
        headers: [("content-type", "application/json"), ("x-odd", "\u{1F600} ' \" \\")].into_iter().collect(),
        body: Bytes::from_static(b"{\"a\": \"\0\xff\"}"),
        author: "somebody".into(),
        updated_at: opened.now(),
    };
    assert_eq!(store.put_sample(HookId(hook.0 + 1), &sample).await, Err(Error::NotFound), "no such hook");
    store.put_sample(hook, &sample).await.unwrap();
    assert_eq!(store.sample(hook).await.unwrap(), Some(sample.clone()));
    sample.origin = Origin::Delivery;
    sample.body = Bytes::new();
    sample.updated_at = opened.pass(5);
    store.put_sample(hook, &sample).await.unwrap();
    assert_eq!(store.sample(hook).await.unwrap(), Some(sample.clone()));
    sample.body = vec![0; SAMPLE_BYTES_MAX + 1].into();
    assert!(matches!(store.put_sample(hook, &sample).await, Err(Error::Invalid(_))));
    store.delete_sample(hook).await.unwrap();
    assert_eq!(store.sample(hook).await.unwrap(), None);
}
