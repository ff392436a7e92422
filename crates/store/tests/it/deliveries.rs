//! What is accepted is stored, exactly.

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Span;
use hookmill_store::Error;
use hookmill_store::deliveries::{DeliveryFilter, Facts, NewDelivery, Outcome, RUNS_PER_DELIVERY_MAX};
use hookmill_store::retention::Policy;
use hookmill_store::watch::Changed;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::both::{Opened, on_both};

on_both!(
    a_delivery_comes_back_as_it_was_with_its_runs,
    nul_and_emoji_everywhere,
    a_delivery_and_its_runs_are_stored_together_or_not_at_all,
    refused_deliveries_are_stored_when_there_is_room,
    facts_stay_with_their_delivery_and_are_learned_once,
    replays_belong_to_their_delivery,
    a_flood_of_refused_requests_stays_in_its_budget_and_pushes_out_its_own_oldest_only,
    the_budget_of_refused_requests_is_kept_over_a_restart,
);

/// Text that databases, indexes and terminals like least.
const ODD: &str = "a\0b \u{1F600}\u{200D}\u{1F525} \u{FFFF} é \u{202E} ' \" \\ ; --";
/// What is left of it: NUL is replaced, because PostgreSQL has none.
const ODD_STORED: &str = "a\u{FFFD}b \u{1F600}\u{200D}\u{1F525} \u{FFFF} é \u{202E} ' \" \\ ; --";

async fn a_delivery_comes_back_as_it_was_with_its_runs(opened: Opened) {
    let store = &opened.store;
    for body in [Bytes::new(), Bytes::from_static(&[0, 255, 10, 13]), Bytes::from(vec![b'x'; 100_000])] {
        let mut delivery = opened.delivery(7);
        delivery.body = body.clone();
        delivery.reason = Some("why".into());
        let runs = vec![opened.run(Some(delivery.id), 1), opened.run(Some(delivery.id), 2)];
        let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
        let wanted = delivery.clone();
        store.accept(delivery, runs).await.unwrap();

        let stored = store.delivery(wanted.id).await.unwrap().unwrap();
        assert_eq!(
            (stored.hook, stored.outcome, stored.status, stored.reason, stored.headers, stored.received_at),
            (wanted.hook, wanted.outcome, wanted.status, wanted.reason, wanted.headers, wanted.received_at)
        );
        assert_eq!(
            (stored.method, stored.path_and_query, stored.address),
            ("POST".into(), wanted.path_and_query, wanted.address)
        );
        assert_eq!((stored.duration_us, stored.body_bytes), (412, body.len() as u64));
        assert_eq!(store.delivery_body(wanted.id).await.unwrap(), body);
        assert_eq!(store.runs_of_delivery(wanted.id).await.unwrap(), ids);
        let run = store.run(ids[0]).await.unwrap().unwrap();
        assert_eq!((run.delivery, run.seed, run.created_at), (Some(wanted.id), u64::MAX - 7, opened.now()));
    }
    assert!(store.delivery(DeliveryId(1)).await.unwrap().is_none());
    assert_eq!(store.delivery_body(DeliveryId(1)).await, Err(Error::NotFound));
}

async fn nul_and_emoji_everywhere(opened: Opened) {
    let store = &opened.store;
    let mut delivery = opened.delivery(7);
    delivery.reason = Some(ODD.into());
    delivery.detail = Some(ODD.into());
    delivery.method = ODD.into();
    delivery.path_and_query = ODD.into();
    delivery.address = ODD.into();
    delivery.headers = [(ODD, ODD)].into_iter().collect();
    delivery.body = ODD.into();
    let id = delivery.id;
    let mut run = opened.run(Some(id), 1);
    run.lane = Some(ODD.into());
    // JSON escapes NUL.
    run.input = Some(serde_json::to_string(ODD).unwrap());
    let run_id = run.id;
    store.accept(delivery, vec![run]).await.unwrap();

    let stored = store.delivery(id).await.unwrap().unwrap();
    let some = Some(ODD_STORED.to_owned());
    assert_eq!((&stored.reason, &stored.detail), (&some, &some));
    assert_eq!((&*stored.method, &*stored.path_and_query, &*stored.address), (ODD_STORED, ODD_STORED, ODD_STORED));
    assert_eq!(stored.headers, [(ODD, ODD)].into_iter().collect(), "headers are JSON, which keeps everything");
    assert_eq!(store.delivery_body(id).await.unwrap(), ODD);
    let run = store.run(run_id).await.unwrap().unwrap();
    assert_eq!(run.lane, some);
    assert_eq!(serde_json::from_str::<String>(&run.input.unwrap()).unwrap(), ODD);
}

async fn a_delivery_and_its_runs_are_stored_together_or_not_at_all(opened: Opened) {
    let store = &opened.store;
    let first = opened.delivery(7);
    let taken = opened.run(Some(first.id), 1);
    store.accept(first, vec![taken.clone()]).await.unwrap();

    let second = opened.delivery(7);
    let id = second.id;
    let refused = store.accept(second.clone(), vec![opened.run(Some(id), 1), taken]).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert!(store.delivery(id).await.unwrap().is_none());
    assert_eq!(store.runs_of_delivery(id).await.unwrap(), []);

    let many = (0..=RUNS_PER_DELIVERY_MAX).map(|_| opened.run(Some(id), 1)).collect();
    assert!(matches!(store.accept(second, many).await, Err(Error::Invalid(_))));
}

async fn refused_deliveries_are_stored_when_there_is_room(opened: Opened) {
    let store = &opened.store;
    let mut news = store.watch().listen();
    let mut delivery = opened.delivery(7);
    delivery.outcome = Outcome::Refused;
    delivery.status = 401;
    let id = delivery.id;
    store.refuse(delivery.clone());
    assert_eq!(news.next().await, Some(Changed::Delivery { id, hook: delivery.hook, outcome: Outcome::Refused }));
    assert_eq!(store.delivery(id).await.unwrap().unwrap().status, 401);
    assert_eq!(store.refused_dropped(), 0);

    // One that is larger than the share of the refused is dropped, and counted.
    delivery.body = vec![0; 9 * 1024 * 1024].into();
    delivery.id = DeliveryId(store.next_id());
    store.refuse(delivery);
    assert_eq!(store.refused_dropped(), 1);
}

async fn replays_belong_to_their_delivery(opened: Opened) {
    let store = &opened.store;
    let delivery = opened.delivery(7);
    let id = delivery.id;
    let first = opened.run(Some(id), 1);
    let mut ids = vec![first.id];
    store.accept(delivery, vec![first]).await.unwrap();
    let page = store.deliveries(&DeliveryFilter::default(), 10).await.unwrap();
    assert_eq!((page.items[0].run, page.items[0].more_runs), (Some(ids[0]), false));

    for _ in 0..3 {
        let other = opened.delivery(7);
        let run = opened.run(Some(other.id), 1);
        store.accept(other, vec![run]).await.unwrap();
        let replay = opened.run(Some(id), 1);
        ids.push(replay.id);
        store.create_run(replay, Vec::new()).await.unwrap();
    }
    assert_eq!(store.runs_of_delivery(id).await.unwrap(), ids);
    let page = store.deliveries(&DeliveryFilter::default(), 10).await.unwrap();
    let summary = page.items.iter().find(|summary| summary.id == id).unwrap();
    assert!(summary.more_runs);
}

async fn facts_stay_with_their_delivery_and_are_learned_once(opened: Opened) {
    let store = &opened.store;
    let fact = |event: &str| Facts::of_event(Some(event.to_owned()));
    for (outcome, first, learned) in [
        (Outcome::Accepted, fact(ODD), fact(ODD)),
        // Its runs saw that there was none.
        (Outcome::Accepted, Facts::default(), Facts::default()),
        (Outcome::Held, Facts::default(), Facts::default()),
        (Outcome::Refused, Facts::default(), fact("push")),
        (Outcome::Filtered, fact("pull_request"), fact("pull_request")),
    ] {
        let mut delivery = opened.delivery(7);
        (delivery.outcome, delivery.facts) = (outcome, first.clone());
        let id = delivery.id;
        store.accept(delivery, Vec::new()).await.unwrap();
        assert_eq!(store.delivery(id).await.unwrap().unwrap().facts, first);
        store.learn(id, &fact("push")).await.unwrap();
        store.learn(id, &fact("later")).await.unwrap();
        store.learn(id, &Facts::default()).await.unwrap();
        let run = opened.run(Some(id), 1);
        store.create_run(run.clone(), Vec::new()).await.unwrap();
        let row = store.run(run.id).await.unwrap().unwrap();
        let [claimed] = &store.with_deliveries(vec![row]).await.unwrap()[..] else { panic!("one run") };
        assert_eq!(claimed.delivery.as_ref().unwrap().facts, learned);
        assert_eq!(claimed.body.as_ref().unwrap(), &Bytes::from_static(b"{\"total\": 1250}"));
    }
}

/// A refused delivery of a hook with a body of so many bytes that do not compress.
fn refused(opened: &Opened, hook: i64, bytes: usize) -> NewDelivery {
    let mut body = vec![0; bytes];
    StdRng::seed_from_u64(bytes as u64).fill(&mut body[..]);
    NewDelivery {
        outcome: Outcome::Refused,
        status: 401,
        reason: Some("unauthorized".into()),
        body: body.into(),
        ..opened.delivery(hook)
    }
}

async fn listed(opened: &Opened, hook: i64) -> Vec<DeliveryId> {
    let filter = DeliveryFilter { hook: Some(HookId(hook)), ..DeliveryFilter::default() };
    opened.store.deliveries(&filter, 500).await.unwrap().items.iter().map(|item| item.id).collect()
}

async fn a_flood_of_refused_requests_stays_in_its_budget_and_pushes_out_its_own_oldest_only(mut opened: Opened) {
    const BUDGET: u64 = 512 * 1024;
    opened.reopen_with(|config| config.refused_bytes_max = BUDGET).await;
    let store = &opened.store;
    let mut news = store.watch().listen();
    let mut stored = async |delivery: NewDelivery| {
        let id = delivery.id;
        store.refuse(delivery);
        while !matches!(news.next().await.unwrap(), Changed::Delivery { id: stored, .. } if stored == id) {}
        id
    };
    let quiet = [stored(refused(&opened, 7, 2_000)).await, stored(refused(&opened, 7, 2_000)).await];
    // One of the flood is run again: it is accepted data from then on.
    let saved = stored(refused(&opened, 8, 2_000)).await;
    store.create_run(opened.run(Some(saved), 1), Vec::new()).await.unwrap();
    let good = opened.delivery(8);
    let (good_id, run) = (good.id, opened.run(Some(good.id), 1));
    let mut flood = Vec::new();
    for n in 0..600 {
        // Nobody is promised anything by the answers to these either.
        let outcome = [Outcome::Refused, Outcome::Duplicate, Outcome::Handshake][n % 3];
        flood.push(stored(NewDelivery { outcome, ..refused(&opened, 8, 4_000) }).await);
        // Some are listed by the indexer when they go, some are not.
        if n % 50 == 0 {
            opened.pass(20_000);
            while store.index_lists(opened.now()).await.unwrap().more {}
        }
        assert!(store.refused_bytes().await.unwrap() <= BUDGET, "after {n}");
    }
    assert_eq!(store.refused_dropped(), 0);
    drop(news);
    store.accept(good, vec![run]).await.unwrap();
    opened.pass(60_000);
    while store.index_lists(opened.now()).await.unwrap().more {}

    assert_eq!(listed(&opened, 7).await, [quiet[1], quiet[0]], "another hook's flood pushes out nothing");
    let kept = listed(&opened, 8).await;
    let (newest, rest) = kept.split_at(kept.len() - 1);
    assert_eq!(rest, [saved], "what was run again stays");
    let newest: Vec<_> = newest.iter().copied().filter(|id| *id != good_id).collect();
    let wanted: Vec<_> = flood.iter().rev().take(newest.len()).copied().collect();
    assert_eq!(newest, wanted, "the oldest went first");
    assert!((80..130).contains(&newest.len()), "{} of 512 KiB are kept", newest.len());
    assert!(store.delivery(flood[0]).await.unwrap().is_none());
    assert_eq!(store.delivery_body(saved).await.unwrap().len(), 2_000);
    let mut by_outcome = 0;
    for outcome in [Outcome::Refused, Outcome::Duplicate, Outcome::Handshake] {
        let filter = DeliveryFilter { outcome: Some(outcome), ..DeliveryFilter::default() };
        by_outcome += store.deliveries(&filter, 500).await.unwrap().items.len();
    }
    assert_eq!(by_outcome, newest.len() + 3);

    // What is larger than the whole budget is not kept, and pushes out nothing.
    store.refuse(refused(&opened, 7, 600 * 1024));
    hookmill_testkit::patience::until("it is counted as dropped", async || (store.refused_dropped() == 1).then_some(())).await;
    assert_eq!(listed(&opened, 7).await.len(), 2);
}

async fn the_budget_of_refused_requests_is_kept_over_a_restart(mut opened: Opened) {
    for _ in 0..20 {
        opened.store.accept(refused(&opened, 7, 10_000), Vec::new()).await.unwrap();
    }
    assert!(opened.store.refused_bytes().await.unwrap() > 200_000);
    opened.reopen_with(|config| config.refused_bytes_max = 100_000).await;
    let delivery = refused(&opened, 8, 10);
    let (id, mut news) = (delivery.id, opened.store.watch().listen());
    opened.store.refuse(delivery);
    assert!(matches!(news.next().await, Some(Changed::Delivery { id: stored, .. }) if stored == id));
    assert!(opened.store.refused_bytes().await.unwrap() <= 100_000);
    assert_eq!(listed(&opened, 8).await, [id]);
    assert_eq!(listed(&opened, 7).await.len(), 8);
    // Retention by age takes them out of the sum.
    opened.pass(10 * 86_400_000);
    let policy = Policy { refused_deliveries: Some(Span(1)), ..Policy::default() };
    let mut pass = opened.store.plan_pruning(&policy, opened.now()).await.unwrap();
    while !opened.store.prune(&mut pass).await.unwrap().done {}
    assert_eq!(opened.store.refused_bytes().await.unwrap(), 0);
}
