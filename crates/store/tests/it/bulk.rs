//! Bulk replays: each delivery is run once, whoever works on it.

use hookmill_engine::id::{DeliveryId, HookId, ReplayId};
use hookmill_store::bulk::{Bulk, Kind, State, Step};
use hookmill_store::deliveries::{AfterAll, AfterAllRun, DeliveryFilter, Outcome};
use hookmill_store::runs::NewRun;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, on_both};

on_both!(a_step_is_taken_once_by_whoever_comes_first, an_acceptance_and_its_place_are_stored_together,);

async fn wish(opened: &Opened, kind: Kind) -> Bulk {
    let filter = DeliveryFilter { outcome: Some(Outcome::Refused), until: Some(opened.now()), ..DeliveryFilter::default() };
    let bulk = Bulk {
        id: ReplayId(opened.store.next_id()),
        workspace: FIRST_WORKSPACE,
        kind,
        filter,
        revision: -1,
        wanted: 10,
        author: "somebody".into(),
        created_at: opened.now(),
        at: DeliveryId(-1),
        done: 0,
        failed: 0,
        state: State::Running,
        finished_at: None,
        error: None,
    };
    opened.store.create_bulk(&bulk).await.unwrap();
    bulk
}

async fn stored(store: &Store, bulk: &Bulk) -> (DeliveryId, u64, u64, State) {
    let found = store.bulk(bulk.id).await.unwrap().unwrap();
    assert_eq!((found.filter.outcome, found.filter.until), (bulk.filter.outcome, bulk.filter.until));
    assert_eq!((found.kind, found.revision, found.wanted, found.author.as_str()), (bulk.kind, -1, 10, "somebody"));
    (found.at, found.done, found.failed, found.state)
}

async fn a_step_is_taken_once_by_whoever_comes_first(opened: Opened) {
    let store = &opened.store;
    let delivery = opened.delivery(7);
    let id = delivery.id;
    store.accept(delivery, Vec::new()).await.unwrap();
    let mut mine = wish(&opened, Kind::Replay).await;
    let mut other = store.open_bulks().await.unwrap().pop().unwrap();
    let step = || Step::Runs(vec![opened.run(Some(id), 1)]);
    assert_eq!(store.bulk_step(&mut mine, id, step()).await, Ok(true));
    assert_eq!(store.bulk_step(&mut other, id, step()).await, Ok(false), "somebody else was here");
    assert_eq!(store.runs_of_delivery(id).await.unwrap().len(), 1);
    let gone = DeliveryId(store.next_id());
    let lost = store.bulk_step(&mut mine, gone, Step::Runs(vec![opened.run(Some(gone), 1)])).await;
    assert!(matches!(lost, Err(Error::Conflict { .. })), "{lost:?}");
    assert_eq!(store.bulk_step(&mut mine, gone, Step::Failed("it is gone".into())).await, Ok(true));
    assert_eq!(stored(store, &mine).await, (gone, 1, 1, State::Running));
    assert_eq!(store.bulk(mine.id).await.unwrap().unwrap().error.as_deref(), Some("it is gone"));

    assert_eq!(store.end_bulk(mine.id, State::Cancelled, opened.now()).await, Ok(true));
    assert_eq!(store.end_bulk(mine.id, State::Finished, opened.now()).await, Ok(false), "it ends once");
    let late = DeliveryId(store.next_id());
    assert_eq!(store.bulk_step(&mut mine, late, Step::Nothing).await, Ok(false), "nothing happens after its end");
    assert_eq!(stored(store, &mine).await, (gone, 1, 1, State::Cancelled));
    assert!(store.open_bulks().await.unwrap().is_empty());
}

fn all(run: NewRun) -> AfterAll {
    AfterAll { hook: HookId(7), runs: vec![AfterAllRun { run, key: None }], claim: None }
}

async fn an_acceptance_and_its_place_are_stored_together(opened: Opened) {
    let store = &opened.store;
    let mut delivery = opened.delivery(7);
    delivery.outcome = Outcome::Refused;
    let id = delivery.id;
    store.accept(delivery, Vec::new()).await.unwrap();
    assert!(store.refused_bytes().await.unwrap() > 0);
    let mut bulk = wish(&opened, Kind::Accept).await;
    let run = opened.run(Some(id), 1);
    let run_id = run.id;
    assert_eq!(store.bulk_step(&mut bulk, id, Step::AfterAll(all(run))).await, Ok(true));
    let accepted = store.acceptance(id).await.unwrap().unwrap();
    assert_eq!((accepted.run, accepted.accepted_at, accepted.author.as_str()), (run_id, opened.now(), "somebody"));
    assert_eq!(store.refused_bytes().await.unwrap(), 0, "it is no refused traffic any more");
    assert_eq!(store.accept_after_all(id, all(opened.run(Some(id), 1)), "another").await, Ok(run_id), "once");
    assert_eq!(store.runs_of_delivery(id).await.unwrap(), [run_id]);
    let mut second = wish(&opened, Kind::Accept).await;
    let again = store.bulk_step(&mut second, id, Step::AfterAll(all(opened.run(Some(id), 1)))).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    assert_eq!(stored(store, &second).await, (DeliveryId(-1), 0, 0, State::Running), "all of it or nothing");
}
