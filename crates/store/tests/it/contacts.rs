//! Contacts: made and updated with the delivery that brings them, once.

use hookmill_engine::contact::Contact as NewContact;
use hookmill_engine::id::{ContactId, DeliveryId};
use hookmill_engine::time::Timestamp;
use hookmill_store::contacts::CONTACT_FIELDS_MAX;
use hookmill_store::deliveries::DeliveryFilter;
use hookmill_store::idempotency::Key;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};
use serde_json::{Map, Value, json};

use crate::both::{Opened, on_both};

on_both!(
    fields_are_merged_and_addresses_compared_without_case,
    forty_requests_at_once_lose_nothing,
    a_repetition_changes_nothing,
    a_contact_that_cannot_be_stored_stores_nothing,
    contacts_are_listed_in_pages_found_by_text_and_removed,
);

fn contact(email: &str, fields: Value) -> NewContact {
    let Value::Object(fields) = fields else { panic!("{fields}") };
    NewContact { email: email.into(), fields }
}

async fn accept(opened: &Opened, store: &Store, contact: &NewContact) -> DeliveryId {
    let delivery = opened.delivery(7);
    let id = delivery.id;
    let runs = vec![opened.run(Some(id), 1)];
    assert_eq!(store.accept_with_contact(delivery, runs, None, contact, opened.now()).await, Ok(None));
    assert_eq!(store.runs_of_delivery(id).await.unwrap().len(), 1);
    id
}

async fn fields_are_merged_and_addresses_compared_without_case(opened: Opened) {
    let store = &opened.store;
    accept(&opened, store, &contact("John@Example.com", json!({ "firstName": "John", "tags": ["a"] }))).await;
    let first = store.contact_by_email(FIRST_WORKSPACE, "john@example.COM").await.unwrap().unwrap();
    let later = opened.pass(1_000);
    accept(&opened, store, &contact(" JOHN@example.com ", json!({ "tags": ["b"], "odd": "\u{0}\u{1F600}" }))).await;
    let second = store.contact_by_email(FIRST_WORKSPACE, "john@example.com").await.unwrap().unwrap();
    assert_eq!(second.fields, *json!({ "firstName": "John", "tags": ["b"], "odd": "\u{0}\u{1F600}" }).as_object().unwrap());
    assert_eq!((second.id, second.created_at, second.updated_at), (first.id, first.created_at, later));
    assert_eq!(second.email, "JOHN@example.com");
    assert_eq!(store.contact(FIRST_WORKSPACE, first.id).await.unwrap(), Some(second));
    store.put_contact(FIRST_WORKSPACE, &contact("straße@example.com", json!({})), later).await.unwrap();
    assert!(store.contact_by_email(FIRST_WORKSPACE, "STRAßE@EXAMPLE.COM").await.unwrap().is_some());
}

async fn forty_requests_at_once_lose_nothing(opened: Opened) {
    let other = opened.another().await;
    let stores = [&opened.store, &other];
    let contacts: Vec<NewContact> =
        (0..40).map(|n| contact("a@b.c", Value::Object(Map::from_iter([(format!("f{n}"), json!(n))])))).collect();
    let all = contacts.iter().enumerate().map(|(n, contact)| accept(&opened, stores[n % 2], contact));
    futures_util::future::join_all(all).await;
    let stored = opened.store.contacts(FIRST_WORKSPACE, None, None, 10).await.unwrap().items;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].fields.len(), 40, "each added its field: {:?}", stored[0].fields);
    other.close().await;
}

async fn a_repetition_changes_nothing(opened: Opened) {
    let store = &opened.store;
    let key = Key { key_hash: [1; 16], body_hash: [2; 16], expires_at: Timestamp(opened.now().0 + 10_000) };
    let send = async |fields| {
        let delivery = opened.delivery(7);
        let (id, runs) = (delivery.id, vec![opened.run(Some(delivery.id), 1)]);
        (id, store.accept_with_contact(delivery, runs, Some(&key), &contact("a@b.c", fields), opened.now()).await.unwrap())
    };
    let (first, original) = send(json!({ "n": 1 })).await;
    assert_eq!(original, None);
    let (_, original) = send(json!({ "n": 2 })).await;
    assert_eq!(original.unwrap().delivery, first);
    let stored = store.contact_by_email(FIRST_WORKSPACE, "a@b.c").await.unwrap().unwrap();
    assert_eq!(stored.fields["n"], 1);
}

async fn a_contact_that_cannot_be_stored_stores_nothing(opened: Opened) {
    let store = &opened.store;
    let many: Map<String, Value> = (0..=CONTACT_FIELDS_MAX).map(|n| (n.to_string(), Value::Null)).collect();
    let large = json!({ "text": "x".repeat(300_000) });
    for (email, fields) in
        [("", json!({})), ("  ", json!({})), (&*"a".repeat(255), json!({})), ("a@b.c", many.into()), ("a@b.c", large)]
    {
        let delivery = opened.delivery(7);
        let runs = vec![opened.run(Some(delivery.id), 1)];
        let refused = store.accept_with_contact(delivery, runs, None, &contact(email, fields), opened.now()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert!(store.deliveries(&DeliveryFilter::default(), 10).await.unwrap().items.is_empty());
    assert!(store.contacts(FIRST_WORKSPACE, None, None, 10).await.unwrap().items.is_empty());
}

async fn contacts_are_listed_in_pages_found_by_text_and_removed(opened: Opened) {
    let store = &opened.store;
    for n in 0..7 {
        accept(
            &opened,
            store,
            &contact(&format!("p{n}@example.com"), json!({ "company": if n == 3 { "ACME Corp" } else { "-" } })),
        )
        .await;
    }
    let first = store.contacts(FIRST_WORKSPACE, None, None, 5).await.unwrap();
    let emails: Vec<&str> = first.items.iter().map(|contact| contact.email.as_str()).collect();
    assert_eq!(emails, ["p6@example.com", "p5@example.com", "p4@example.com", "p3@example.com", "p2@example.com"]);
    let second = store.contacts(FIRST_WORKSPACE, None, first.older.map(ContactId), 5).await.unwrap();
    assert_eq!((second.items.len(), second.older), (2, None));
    for text in ["acme", "P3@"] {
        let found = store.contacts(FIRST_WORKSPACE, Some(text), None, 5).await.unwrap().items;
        assert_eq!(found.iter().map(|contact| contact.email.as_str()).collect::<Vec<_>>(), ["p3@example.com"], "{text}");
    }
    let id = second.items[0].id;
    store.delete_contact(FIRST_WORKSPACE, id).await.unwrap();
    assert_eq!(store.delete_contact(FIRST_WORKSPACE, id).await, Err(Error::NotFound));
    assert_eq!(store.contact(FIRST_WORKSPACE, id).await.unwrap(), None);
    let elsewhere = hookmill_engine::id::WorkspaceId(2);
    assert_eq!(store.contact(elsewhere, first.items[0].id).await.unwrap(), None, "of another workspace");
}
