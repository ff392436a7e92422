//! Runs: commits, journals, parked waits.

use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_store::Error;
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{Free, RunCommit, RunFilter, State};

use crate::both::{Opened, commit, on_both};

on_both!(
    a_commit_stores_state_and_journal_together,
    a_commit_that_does_not_fit_is_refused,
    only_what_is_due_is_claimed_and_only_once,
    a_run_can_be_claimed_by_its_id_unless_somebody_has_it,
    a_rerun_goes_on_from_a_journal,
    every_state_can_be_listed_and_counted,
);

fn entry(n: i64) -> NewEntry {
    NewEntry { at: hookmill_engine::time::Timestamp(n), entry: format!("{{\"n\":{n}}}") }
}

async fn a_commit_stores_state_and_journal_together(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let delivery = opened.delivery(7);
    let (body, id) = (delivery.body.clone(), delivery.id);
    let run = opened.run(Some(id), 1);
    store.accept(delivery, vec![run.clone()]).await.unwrap();

    let claimed = store.claim_runs(&owned, Free::Unclaimed, opened.now(), 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].run.id, claimed[0].body.as_ref().unwrap()), (run.id, &body));
    assert_eq!(claimed[0].delivery.as_ref().unwrap().id, id);
    let epoch = claimed[0].run.epoch;
    assert_eq!(Some(epoch), owned.epoch(run.bucket));

    let waiting = commit(run.id, epoch, State::Waiting, opened.now());
    store.commit_run(RunCommit { entries: vec![entry(0), entry(1)], steps_done: 2, ..waiting }).await.unwrap();
    let done = commit(run.id, epoch, State::Failed, opened.now());
    let error = Some("{\"code\":\"x\"}".to_owned());
    let done = RunCommit { from_seq: 2, entries: vec![entry(2)], error: error.clone(), output: Some("1".into()), ..done };
    store.commit_run(RunCommit { answered: true, steps_done: 3, ..done }).await.unwrap();

    let stored = store.run(run.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.entries, stored.steps_done, stored.answered), (State::Failed, 3, 3, true));
    assert_eq!((stored.error, stored.output, stored.due_at), (error, Some("1".into()), None));
    let journal = store.journal(run.id).await.unwrap();
    let texts: Vec<_> = journal.iter().map(|entry| (entry.seq, &*entry.entry)).collect();
    assert_eq!(texts, [(0, "{\"n\":0}"), (1, "{\"n\":1}"), (2, "{\"n\":2}")]);
    assert_eq!(store.journal(RunId(1)).await.unwrap(), []);
}

async fn a_commit_that_does_not_fit_is_refused(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut run = opened.run(None, 1);
    run.epoch = owned.epoch(run.bucket).unwrap();
    store.create_run(run.clone(), vec![entry(0)]).await.unwrap();
    let good = commit(run.id, run.epoch, State::Waiting, opened.now());

    let stale = RunCommit { epoch: run.epoch - 1, from_seq: 1, entries: vec![entry(1)], ..good.clone() };
    assert_eq!(store.commit_run(stale).await, Err(Error::NotOwner));
    assert_eq!(store.commit_run(RunCommit { epoch: 0, ..good.clone() }).await, Err(Error::NotOwner));
    assert_eq!(store.commit_run(RunCommit { run: RunId(1), ..good.clone() }).await, Err(Error::NotOwner));
    let twice = RunCommit { from_seq: 0, entries: vec![entry(9)], ..good.clone() };
    assert!(matches!(store.commit_run(twice).await, Err(Error::Conflict { .. })));
    assert!(matches!(store.commit_run(RunCommit { due_at: None, ..good.clone() }).await, Err(Error::Invalid(_))));
    let unfinished = RunCommit { finished_at: None, ..commit(run.id, run.epoch, State::Succeeded, opened.now()) };
    assert!(matches!(store.commit_run(unfinished).await, Err(Error::Invalid(_))));

    let stored = store.run(run.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.entries), (State::Ready, 1), "none of them left a trace");
    assert_eq!(store.journal(run.id).await.unwrap().len(), 1);
}

async fn only_what_is_due_is_claimed_and_only_once(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut ids = Vec::new();
    for minutes in [30, 10, 20, 40] {
        let mut run = opened.run(None, 1);
        run.epoch = owned.epoch(run.bucket).unwrap();
        store.create_run(run.clone(), Vec::new()).await.unwrap();
        let parked = commit(run.id, run.epoch, State::Waiting, opened.now());
        let due_at = Some(hookmill_engine::time::Timestamp(opened.now().0 + minutes * 60_000));
        store.commit_run(RunCommit { due_at, release: true, ..parked }).await.unwrap();
        ids.push(run.id);
    }
    assert!(store.claim_runs(&owned, Free::Unclaimed, opened.now(), 10).await.unwrap().is_empty());
    let now = opened.pass(30 * 60_000);
    let claimed = store.claim_runs(&owned, Free::Unclaimed, now, 2).await.unwrap();
    let order: Vec<_> = claimed.iter().map(|claimed| claimed.run.id).collect();
    assert_eq!(order, [ids[1], ids[2]], "in the order in which they are due");
    assert_eq!(claimed[0].run.state, State::Waiting);
    assert_eq!(store.claim_runs(&owned, Free::Unclaimed, now, 10).await.unwrap()[0].run.id, ids[0]);
    assert!(store.claim_runs(&owned, Free::Unclaimed, now, 10).await.unwrap().is_empty());
    assert!(store.claim_runs(&owned, Free::Abandoned, now, 10).await.unwrap().is_empty());

    // Given back unchanged, it can be claimed again.
    store.release_run(ids[2], claimed[1].run.epoch).await.unwrap();
    assert_eq!(store.claim_runs(&owned, Free::Unclaimed, now, 10).await.unwrap()[0].run.id, ids[2]);
}

async fn a_run_can_be_claimed_by_its_id_unless_somebody_has_it(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut run = opened.run(None, 1);
    run.state = State::Held;
    store.create_run(run.clone(), Vec::new()).await.unwrap();
    assert!(store.claim_runs(&owned, Free::Unclaimed, opened.pass(1_000_000), 10).await.unwrap().is_empty(), "held");
    let claimed = store.claim_run(&owned, run.id).await.unwrap().unwrap();
    assert!(store.claim_run(&owned, run.id).await.unwrap().is_none(), "we have it");
    store.commit_run(commit(run.id, claimed.run.epoch, State::Cancelled, opened.now())).await.unwrap();
    assert!(store.claim_run(&owned, run.id).await.unwrap().is_none(), "it has ended");
    assert!(store.claim_run(&owned, RunId(1)).await.unwrap().is_none());
}

async fn a_rerun_goes_on_from_a_journal(opened: Opened) {
    let store = &opened.store;
    let mut run = opened.run(None, 1);
    run.origin = Some(RunId(5));
    store.create_run(run.clone(), (0..2_500).map(entry).collect()).await.unwrap();
    let journal = store.journal(run.id).await.unwrap();
    assert_eq!(journal.len(), 2_500);
    assert!(journal.iter().zip(0..).all(|(entry, n)| entry.seq == n && entry.at.0 == i64::from(n)));
    let stored = store.run(run.id).await.unwrap().unwrap();
    assert_eq!((stored.entries, stored.origin), (2_500, Some(RunId(5))));
}

async fn every_state_can_be_listed_and_counted(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut made = Vec::new();
    for (n, state) in State::ALL.iter().cycle().take(40).enumerate() {
        let mut run = opened.run(None, 1 + n as i64 % 3);
        run.epoch = owned.epoch(run.bucket).unwrap();
        store.create_run(run.clone(), Vec::new()).await.unwrap();
        store.commit_run(commit(run.id, run.epoch, *state, opened.now())).await.unwrap();
        made.push((run.id, run.workflow, *state));
    }
    for state in State::ALL {
        for workflow in [None, Some(WorkflowId(1)), Some(WorkflowId(2)), Some(WorkflowId(9))] {
            let filter = RunFilter { state: Some(*state), workflow, ..RunFilter::default() };
            let page = store.runs(&filter, 100).await.unwrap();
            let wanted = made.iter().rev().filter(|(_, of, is)| is == state && workflow.is_none_or(|one| one == *of));
            let wanted: Vec<_> = wanted.map(|(id, _, _)| *id).collect();
            assert_eq!(page.items.iter().map(|run| run.id).collect::<Vec<_>>(), wanted, "{state} {workflow:?}");
        }
    }
    assert_eq!(store.backlog(opened.now()).await.unwrap(), 15, "ready, running and waiting");
    assert_eq!(store.backlog(hookmill_engine::time::Timestamp(0)).await.unwrap(), 0);
}
