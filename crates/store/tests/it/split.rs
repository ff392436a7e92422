//! Deliveries that start a run for each element of their body: together, each element once.

use std::collections::HashMap;

use hookmill_engine::contact::Contact;
use hookmill_engine::id::{DeliveryId, HookId, RunId};
use hookmill_engine::time::Timestamp;
use hookmill_store::deliveries::{ElementRun, NewDelivery, Splitted};
use hookmill_store::idempotency::{Key, Original};
use hookmill_store::runs::NewRun;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};
use serde_json::{Map, json};

use crate::both::{Opened, on_both};

on_both!(
    elements_that_were_there_before_start_nothing,
    the_key_of_the_request_is_that_of_all_its_elements,
    another_process_knows_the_keys_of_elements_too,
    of_copies_at_the_same_instant_each_element_runs_once,
    people_are_stored_with_the_runs_that_are_about_them,
    what_cannot_be_stored_stores_nothing,
);

fn key(opened: &Opened, name: &str) -> Key {
    let mut key_hash = [0; 16];
    key_hash[..name.len()].copy_from_slice(name.as_bytes());
    Key { key_hash, body_hash: [2; 16], expires_at: Timestamp(opened.now().0 + 10_000) }
}

fn delivery(opened: &Opened, keys: &[Option<&str>]) -> (NewDelivery, Vec<ElementRun>) {
    let delivery = opened.delivery(7);
    let element = |(at, key_name): (usize, &Option<&str>)| {
        let run = NewRun { element: Some(u32::try_from(at).unwrap()), ..opened.run(Some(delivery.id), 1) };
        ElementRun { run, key: key_name.map(|name| key(opened, name)), contact: None }
    };
    let runs = keys.iter().enumerate().map(element).collect();
    (delivery, runs)
}

async fn accept(opened: &Opened, store: &Store, keys: &[Option<&str>], request: Option<&str>) -> (DeliveryId, Splitted) {
    let (delivery, runs) = delivery(opened, keys);
    let (id, request) = (delivery.id, request.map(|name| key(opened, name)));
    (id, store.accept_split(delivery, runs, request.as_ref(), opened.now()).await.unwrap())
}

/// Two processes that accept: with SQLite only one does.
fn both<'s>(opened: &'s Opened, other: &'s Store) -> [&'s Store; 2] {
    [&opened.store, if opened.database.starts_with("sqlite") { &opened.store } else { other }]
}

fn repeats(splitted: &Splitted) -> Option<DeliveryId> {
    match splitted {
        Splitted::Stored(_) => None,
        Splitted::Repeats(original) => Some(original.delivery),
    }
}

async fn elements_that_were_there_before_start_nothing(opened: Opened) {
    let store = &opened.store;
    let (first, stored) = accept(&opened, store, &[Some("a"), None, Some("b"), Some("a"), None], None).await;
    assert_eq!(stored, Splitted::Stored(vec![0, 1, 2, 4]), "nor do those that repeat one of the same delivery");
    assert_eq!(store.elements_of_delivery(first).await.unwrap(), [0, 1, 2, 4]);
    let (second, stored) = accept(&opened, store, &[Some("b"), Some("c")], None).await;
    assert_eq!(stored, Splitted::Stored(vec![1]));
    assert_eq!(store.elements_of_delivery(second).await.unwrap(), [1]);
    let (third, stored) = accept(&opened, store, &[Some("c"), Some("a")], None).await;
    assert_eq!(repeats(&stored), Some(second), "all were there: the original of the first");
    assert!(store.delivery(third).await.unwrap().is_none());
    let many: Vec<String> = (0..100).map(|n| format!("n{n}")).chain(["c".to_owned()]).collect();
    let many: Vec<Option<&str>> = many.iter().map(|name| Some(name.as_str())).collect();
    assert_eq!(accept(&opened, store, &many, None).await.1, Splitted::Stored((0..100).collect()), "more than one query looks up");
    let (empty, stored) = accept(&opened, store, &[], None).await;
    assert_eq!(stored, Splitted::Stored(Vec::new()));
    assert!(store.delivery(empty).await.unwrap().is_some());
    opened.pass(10_000);
    assert_eq!(accept(&opened, store, &[Some("a")], None).await.1, Splitted::Stored(vec![0]), "keys expire");
}

async fn the_key_of_the_request_is_that_of_all_its_elements(mut opened: Opened) {
    let (first, stored) = accept(&opened, &opened.store, &[None, None], Some("r")).await;
    assert_eq!(stored, Splitted::Stored(vec![0, 1]));
    opened.reopen().await;
    let (_, again) = accept(&opened, &opened.store, &[None, None], Some("r")).await;
    assert_eq!(repeats(&again), Some(first));
}

/// With SQLite the other one is a guest, who does not see what the owner keeps in memory until it is in the index.
async fn another_process_knows_the_keys_of_elements_too(opened: Opened) {
    let other = opened.another().await;
    let (first, _) = accept(&opened, &opened.store, &[Some("a"), Some("b")], None).await;
    let (a, b, c) = (key(&opened, "a"), key(&opened, "b"), key(&opened, "c"));
    let mistaken = Key { body_hash: [9; 16], ..b };
    let found = other.originals(HookId(7), &[&a, &mistaken, &c], opened.now()).await.unwrap();
    let of_first = |same_body| Original { delivery: first, same_body };
    assert_eq!(found, HashMap::from([(a.key_hash, of_first(true)), (b.key_hash, of_first(false))]));
    assert!(other.originals(HookId(8), &[&a], opened.now()).await.unwrap().is_empty(), "another hook");
    let (_, some) = accept(&opened, &other, &[Some("b"), Some("c")], None).await;
    assert_eq!(some, Splitted::Stored(vec![1]), "only what was not there before");
    let (_, none) = accept(&opened, &other, &[Some("a"), Some("b")], None).await;
    assert_eq!(repeats(&none), Some(first));
    opened.pass(10_000);
    assert!(other.originals(HookId(7), &[&a], opened.now()).await.unwrap().is_empty(), "keys expire");
    other.close().await;
}

async fn of_copies_at_the_same_instant_each_element_runs_once(opened: Opened) {
    let other = opened.another().await;
    let stores = both(&opened, &other);
    let names = ["a", "b", "c", "d"];
    let attempts = (0..16).map(|n| {
        let keys = [Some(names[n % 4]), Some(names[(n + 1) % 4])];
        let (opened, store) = (&opened, stores[n % 2]);
        async move { (keys, accept(opened, store, &keys, None).await.1) }
    });
    let mut started: Vec<&str> = Vec::new();
    for (keys, splitted) in futures_util::future::join_all(attempts).await {
        if let Splitted::Stored(places) = splitted {
            assert!(!places.is_empty());
            started.extend(places.iter().filter_map(|at| keys[*at]));
        }
    }
    started.sort_unstable();
    assert_eq!(started, names);
    other.close().await;
}

fn about(mut one: ElementRun, email: &str, field: &str) -> ElementRun {
    let fields = Map::from_iter([(field.to_owned(), json!(1))]);
    one.contact = Some(Contact { email: email.into(), fields });
    one
}

async fn people_are_stored_with_the_runs_that_are_about_them(opened: Opened) {
    let other = opened.another().await;
    let stores = both(&opened, &other);
    // Forty deliveries about the same forty people, each in another order, from two processes.
    let people = 40;
    let attempts = (0..people).map(|n| {
        let (opened, store) = (&opened, stores[n % 2]);
        async move {
            let (delivery, runs) = delivery(opened, &vec![None; people]);
            let about_somebody = |(at, one)| about(one, &format!("p{}@x.org", (at + n) % people), &format!("f{n}"));
            let runs = runs.into_iter().enumerate().map(about_somebody).collect();
            store.accept_split(delivery, runs, None, opened.now()).await.unwrap()
        }
    });
    for splitted in futures_util::future::join_all(attempts).await {
        assert_eq!(splitted, Splitted::Stored((0..people).collect()));
    }
    let stored = opened.store.contacts(FIRST_WORKSPACE, None, None, 100).await.unwrap().items;
    assert_eq!(stored.len(), people);
    assert!(stored.iter().all(|one| one.fields.len() == people), "nothing that was told is lost");

    let (first, runs) = delivery(&opened, &[Some("a")]);
    let told = |runs: Vec<ElementRun>, field: &str| runs.into_iter().map(|one| about(one, "a@x.org", field)).collect();
    opened.store.accept_split(first, told(runs, "x"), None, opened.now()).await.unwrap();
    let (again, runs) = delivery(&opened, &[Some("a")]);
    assert!(repeats(&opened.store.accept_split(again, told(runs, "y"), None, opened.now()).await.unwrap()).is_some());
    let known = opened.store.contact_by_email(FIRST_WORKSPACE, "a@x.org").await.unwrap().unwrap();
    assert_eq!(known.fields.keys().collect::<Vec<_>>(), ["x"], "a repetition changes nobody");
    other.close().await;
}

async fn what_cannot_be_stored_stores_nothing(opened: Opened) {
    let store = &opened.store;
    let (unstored, runs) = delivery(&opened, &[Some("a"), Some("b")]);
    let id = unstored.id;
    let runs = runs.into_iter().enumerate().map(|(at, one)| about(one, ["a@x.org", ""][at], "x")).collect();
    assert!(matches!(store.accept_split(unstored, runs, None, opened.now()).await, Err(Error::Invalid(_))));
    let (stored, mut runs) = delivery(&opened, &[Some("a"), Some("b")]);
    // A run that is there already: the batch fails as a whole.
    let (existing, run) = (opened.delivery(7), opened.run(None, 1));
    runs[1].run.id = run.id;
    store.accept(existing, vec![run]).await.unwrap();
    let failed = stored.id;
    assert!(store.accept_split(stored, runs, None, opened.now()).await.is_err());
    for gone in [id, failed] {
        assert!(store.delivery(gone).await.unwrap().is_none());
        assert_eq!(store.runs_of_delivery(gone).await.unwrap(), Vec::<RunId>::new());
    }
    assert!(store.contact_by_email(FIRST_WORKSPACE, "a@x.org").await.unwrap().is_none());
    let (_, both) = accept(&opened, store, &[Some("a"), Some("b")], None).await;
    assert_eq!(both, Splitted::Stored(vec![0, 1]), "no key was taken");
}
