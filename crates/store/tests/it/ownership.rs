//! Ownership: a former owner writes nothing, whoever it thinks it is.

use std::collections::BTreeMap;

use hookmill_engine::id::RunId;
use hookmill_store::buckets::{BUCKET_LEASE, Owned};
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{Free, RunCommit, State};
use hookmill_store::{Error, Store};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::both::{Opened, commit, on_both};

on_both!(
    the_former_owner_cannot_commit_after_a_takeover,
    a_bucket_has_one_owner_at_a_time,
    runs_never_go_back_and_never_lose_entries_in_any_order_of_events,
    a_restart_takes_up_every_open_run,
);

/// Lets leases end and gives all buckets to a store.
async fn take_over(opened: &Opened, store: &Store) -> Owned {
    let now = opened.pass(i64::try_from(BUCKET_LEASE.0).unwrap() + 1);
    store.claim_buckets(1024, now).await.unwrap()
}

async fn the_former_owner_cannot_commit_after_a_takeover(opened: Opened) {
    let old = &opened.store;
    let old_owned = take_over(&opened, old).await;
    let run = opened.run(None, 1);
    old.create_run(run.clone(), Vec::new()).await.unwrap();
    let of_old = old.claim_runs(&old_owned, Free::Unclaimed, opened.now(), 10).await.unwrap().remove(0).run;

    let new = opened.another().await;
    let new_owned = take_over(&opened, &new).await;
    assert!(new.claim_runs(&new_owned, Free::Unclaimed, opened.now(), 10).await.unwrap().is_empty(), "the old one had it");
    let of_new = new.claim_runs(&new_owned, Free::Abandoned, opened.now(), 10).await.unwrap().remove(0).run;
    assert!(of_new.epoch > of_old.epoch);

    let entries = vec![NewEntry { at: opened.now(), entry: "{}".into() }];
    let late = RunCommit { entries: entries.clone(), ..commit(run.id, of_old.epoch, State::Succeeded, opened.now()) };
    assert_eq!(old.commit_run(late).await, Err(Error::NotOwner));
    old.release_run(run.id, of_old.epoch).await.unwrap();
    // What the old one believes to own does not let it claim anything either.
    assert!(old.claim_runs(&old_owned, Free::Abandoned, opened.now(), 10).await.unwrap().is_empty());
    assert!(old.claim_run(&old_owned, run.id).await.unwrap().is_none());
    assert_eq!(old.run(run.id).await.unwrap().unwrap().epoch, of_new.epoch);
    assert_eq!(old.journal(run.id).await.unwrap(), []);

    let done = RunCommit { entries, ..commit(run.id, of_new.epoch, State::Succeeded, opened.now()) };
    new.commit_run(done).await.unwrap();
    assert_eq!(old.run(run.id).await.unwrap().unwrap().state, State::Succeeded);
    new.close().await;
}

async fn a_bucket_has_one_owner_at_a_time(opened: Opened) {
    let other = opened.another().await;
    let first = opened.store.claim_buckets(1024, opened.now()).await.unwrap();
    assert_eq!(first.count(), 1024);
    if opened.store.is_shared() {
        // While the lease holds nobody else gets any, also not after it was renewed.
        assert_eq!(other.claim_buckets(1024, opened.now()).await.unwrap().count(), 0);
        let half = i64::try_from(BUCKET_LEASE.0).unwrap() / 2 + 1;
        assert_eq!(opened.store.renew_buckets(opened.pass(half)).await.unwrap().count(), 1024);
        assert_eq!(other.claim_buckets(1024, opened.pass(half)).await.unwrap().count(), 0);
        // A part can be given up.
        opened.store.release_buckets(600).await.unwrap();
        assert_eq!(other.claim_buckets(100, opened.now()).await.unwrap().count(), 100);
        assert_eq!(opened.store.owned_buckets().await.unwrap().count(), 600);
    }
    let taken = take_over(&opened, &other).await;
    assert_eq!(taken.count(), 1024);
    assert_eq!(opened.store.renew_buckets(opened.now()).await.unwrap().count(), 0, "all were lost");
    assert!((0..1024).all(|bucket| taken.epoch(bucket) > first.epoch(bucket)));
    other.close().await;
}

/// What must be true of a run, whatever its owners did.
#[derive(Debug)]
struct Model {
    state: State,
    entries: u32,
}

async fn runs_never_go_back_and_never_lose_entries_in_any_order_of_events(opened: Opened) {
    let mut random = StdRng::seed_from_u64(7);
    let stores = [opened.store.clone(), opened.another().await];
    // What each node believes: its buckets, and the runs it has in memory.
    let mut owned = [Owned::nothing(stores[0].node()), Owned::nothing(stores[1].node())];
    let mut memory: [BTreeMap<RunId, (i64, u32)>; 2] = Default::default();
    let mut model: BTreeMap<RunId, Model> = BTreeMap::new();
    for step in 0..400 {
        let node = random.random_range(0..2);
        let store = &stores[node];
        match random.random_range(0..10) {
            0 => owned[node] = take_over(&opened, store).await,
            1..4 => {
                let mut run = opened.run(None, 1);
                run.epoch = owned[node].epoch(run.bucket).filter(|_| random.random_bool(0.5)).unwrap_or(0);
                store.create_run(run.clone(), Vec::new()).await.unwrap();
                if run.epoch > 0 {
                    memory[node].insert(run.id, (run.epoch, 0));
                }
                model.insert(run.id, Model { state: State::Ready, entries: 0 });
            }
            4 | 5 => {
                let which = if random.random_bool(0.5) { Free::Unclaimed } else { Free::Abandoned };
                for claimed in store.claim_runs(&owned[node], which, opened.now(), 5).await.unwrap() {
                    let stored = &model[&claimed.run.id];
                    assert_eq!((claimed.run.state, claimed.run.entries), (stored.state, stored.entries), "step {step}");
                    memory[node].insert(claimed.run.id, (claimed.run.epoch, claimed.run.entries));
                }
            }
            _ => {
                let Some((&run, &(epoch, from_seq))) = memory[node].iter().min_by_key(|_| random.random_range(0..1_000)) else {
                    continue;
                };
                let states = [State::Running, State::Waiting, State::Succeeded, State::Failed];
                let state = states[random.random_range(0..states.len())];
                let count = random.random_range(0..3);
                let entries = (0..count).map(|_| NewEntry { at: opened.now(), entry: format!("{{\"by\":{node}}}") }).collect();
                let release = random.random_bool(0.3);
                let change = RunCommit { from_seq, entries, release, ..commit(run, epoch, state, opened.now()) };
                let stored = store.run(run).await.unwrap().unwrap();
                let result = store.commit_run(change).await;
                if stored.epoch == epoch && !model[&run].state.is_final() {
                    assert_eq!(result, Ok(()), "step {step}");
                    model.insert(run, Model { state, entries: from_seq + count });
                    memory[node].insert(run, (epoch, from_seq + count));
                    if release || state.is_final() {
                        memory[node].remove(&run);
                    }
                } else {
                    assert_eq!(result, Err(Error::NotOwner), "step {step}");
                    memory[node].remove(&run);
                }
            }
        }
    }
    for (id, wanted) in &model {
        let stored = opened.store.run(*id).await.unwrap().unwrap();
        assert_eq!((stored.state, stored.entries), (wanted.state, wanted.entries));
        assert_eq!(opened.store.journal(*id).await.unwrap().len(), wanted.entries as usize);
    }
    // Nothing is lost: the next owner gets every open run, once.
    let next = opened.another().await;
    let owned = take_over(&opened, &next).await;
    let mut claimed = Vec::new();
    for which in [Free::Unclaimed, Free::Abandoned] {
        loop {
            let page = next.claim_runs(&owned, which, opened.now(), 7).await.unwrap();
            if page.is_empty() {
                break;
            }
            claimed.extend(page.into_iter().map(|claimed| claimed.run.id));
        }
    }
    claimed.sort_unstable();
    let open: Vec<_> = model.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
    assert_eq!(claimed, open);
    next.close().await;
    stores[1].close().await;
}

async fn a_restart_takes_up_every_open_run(mut opened: Opened) {
    let owned = opened.store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut wanted = Vec::new();
    for n in 0..1_200 {
        let delivery = opened.delivery(1);
        let mut run = opened.run(Some(delivery.id), 1);
        run.epoch = if n % 3 == 0 { 0 } else { owned.epoch(run.bucket).unwrap() };
        let (id, epoch) = (run.id, run.epoch);
        opened.store.accept(delivery, vec![run]).await.unwrap();
        if n % 6 == 1 {
            opened.store.commit_run(commit(id, epoch, State::Succeeded, opened.now())).await.unwrap();
        } else {
            wanted.push(id);
        }
    }
    opened.reopen().await;
    let newest = opened.store.next_id();
    assert!(wanted.iter().all(|id| id.0 < newest), "ids go on behind the stored ones");
    let owned = take_over(&opened, &opened.store).await;
    let mut claimed = Vec::new();
    loop {
        let page = opened.store.claim_runs(&owned, Free::Abandoned, opened.now(), 500).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.iter().all(|one| one.delivery.is_some() && one.body.as_ref().unwrap() == "{\"total\": 1250}"));
        claimed.extend(page.into_iter().map(|claimed| claimed.run.id));
    }
    assert_eq!(claimed, wanted, "in the order in which they were accepted");
}
