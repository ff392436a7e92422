//! Retention: what goes, what stays.

use hookmill_engine::id::{HookId, RunId, WorkflowId};
use hookmill_engine::time::Span;
use hookmill_store::Store;
use hookmill_store::deliveries::{DeliveryFilter, Outcome};
use hookmill_store::journal::NewEntry;
use hookmill_store::retention::{Policy, Pruned};
use hookmill_store::runs::{RunCommit, RunFilter, State};

use crate::both::{Opened, commit, on_both};

on_both!(
    old_runs_go_with_everything_of_theirs_and_open_ones_stay,
    only_so_many_runs_are_kept,
    deliveries_stay_as_long_as_their_runs,
);

const DAY: i64 = 86_400_000;

async fn prune(store: &Store, policy: Policy, opened: &Opened) -> Pruned {
    let mut pass = store.plan_pruning(&policy, opened.now()).await.unwrap();
    let mut all = Pruned::default();
    while !all.done {
        let one = store.prune(&mut pass).await.unwrap();
        assert_eq!(one.removed.len() as u64, one.runs);
        all.runs += one.runs;
        all.entries += one.entries;
        all.deliveries += one.deliveries;
        all.done = one.done;
    }
    all
}

/// A delivery with a run in some state and two journal entries.
async fn make(opened: &Opened, state: State) -> RunId {
    let owned = opened.store.owned_buckets().await.unwrap();
    let delivery = opened.delivery(7);
    let mut run = opened.run(Some(delivery.id), 1);
    run.epoch = owned.epoch(run.bucket).unwrap();
    let (id, epoch) = (run.id, run.epoch);
    opened.store.accept(delivery, vec![run]).await.unwrap();
    let entries = vec![NewEntry { at: opened.now(), entry: "{}".into() }; 2];
    opened.store.commit_run(RunCommit { entries, ..commit(id, epoch, state, opened.now()) }).await.unwrap();
    id
}

async fn list(store: &Store) -> Vec<RunId> {
    let filter = RunFilter { workflow: Some(WorkflowId(1)), ..RunFilter::default() };
    store.runs(&filter, 500).await.unwrap().items.iter().map(|run| run.id).collect()
}

async fn old_runs_go_with_everything_of_theirs_and_open_ones_stay(opened: Opened) {
    let store = &opened.store;
    store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..2 {
        for state in State::ALL {
            made.push((make(&opened, *state).await, *state));
        }
        opened.pass(10 * DAY);
    }
    while store.index_lists(opened.now()).await.unwrap().more {}
    let days = |days: u64| Some(Span(days * 86_400_000));
    let all = Policy::default();
    assert_eq!(prune(store, all, &opened).await, Pruned { done: true, ..Pruned::default() }, "everything is kept by default");

    // The first half is 20 days old, the second 10.
    let policy = Policy { runs: days(15), failed_runs: days(25), deliveries: days(1), ..all };
    let pruned = prune(store, policy, &opened).await;
    assert_eq!((pruned.runs, pruned.entries, pruned.deliveries), (1, 2, 1));
    let policy = Policy { failed_runs: days(15), ..policy };
    let pruned = prune(store, policy, &opened).await;
    assert_eq!((pruned.runs, pruned.entries, pruned.deliveries), (2, 4, 2), "failed and cancelled ones");

    let gone: Vec<_> = made[..8].iter().filter(|(_, state)| state.is_final()).map(|(id, _)| *id).collect();
    let kept: Vec<_> = made.iter().rev().map(|(id, _)| *id).filter(|id| !gone.contains(id)).collect();
    assert_eq!(list(store).await, kept);
    for id in gone {
        assert!(store.run(id).await.unwrap().is_none());
        assert!(store.journal(id).await.unwrap().is_empty());
    }
    let filter = DeliveryFilter { hook: Some(HookId(7)), ..DeliveryFilter::default() };
    assert_eq!(store.deliveries(&filter, 500).await.unwrap().items.len(), kept.len());
}

async fn only_so_many_runs_are_kept(opened: Opened) {
    let store = &opened.store;
    store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut made = Vec::new();
    for n in 0..20 {
        made.push(make(&opened, if n == 3 { State::Waiting } else { State::Succeeded }).await);
    }
    let policy = Policy { runs_max: Some(5), ..Policy::default() };
    assert_eq!(prune(store, policy, &opened).await.runs, 0, "what has just ended is left alone");
    opened.pass(120_000);
    assert_eq!(prune(store, policy, &opened).await.runs, 14);
    let mut wanted: Vec<_> = made[15..].to_vec();
    wanted.insert(0, made[3]);
    wanted.reverse();
    assert_eq!(list(store).await, wanted);
    assert_eq!(prune(store, Policy { runs_max: Some(100), ..policy }, &opened).await.runs, 0);
}

async fn deliveries_stay_as_long_as_their_runs(opened: Opened) {
    let store = &opened.store;
    store.claim_buckets(1024, opened.now()).await.unwrap();
    let with_replay = opened.delivery(7);
    let id = with_replay.id;
    store.accept(with_replay, Vec::new()).await.unwrap();
    store.create_run(opened.run(Some(id), 1), Vec::new()).await.unwrap();
    let mut refused = opened.delivery(7);
    refused.outcome = Outcome::Refused;
    store.accept(refused.clone(), Vec::new()).await.unwrap();
    let alone = opened.delivery(7);
    store.accept(alone.clone(), Vec::new()).await.unwrap();
    opened.pass(10 * DAY);
    while store.index_lists(opened.now()).await.unwrap().more {}

    let day = Some(Span(86_400_000));
    let policy = Policy { refused_deliveries: day, ..Policy::default() };
    assert_eq!(prune(store, policy, &opened).await.deliveries, 1);
    assert!(store.delivery(refused.id).await.unwrap().is_none());
    let filter = DeliveryFilter { outcome: Some(Outcome::Refused), ..DeliveryFilter::default() };
    assert!(store.deliveries(&filter, 10).await.unwrap().items.is_empty());

    let policy = Policy { deliveries: day, ..policy };
    assert_eq!(prune(store, policy, &opened).await.deliveries, 1);
    assert!(store.delivery(alone.id).await.unwrap().is_none());
    assert!(store.delivery(id).await.unwrap().is_some(), "its replay is open");
    // What is gone cannot be replayed.
    let late = store.create_run(opened.run(Some(alone.id), 1), Vec::new()).await;
    assert_eq!(late, Err(hookmill_store::Error::NotFound));
}
