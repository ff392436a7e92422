//! Drafts that were tried: the newest are kept, and those that runs still need. No run is stored without its draft.

use hookmill_engine::contact::Contact;
use hookmill_engine::id::{DeliveryId, HookId, ReplayId, WorkflowId};
use hookmill_engine::time::Timestamp;
use hookmill_store::bulk::{self, Bulk, Kind, Step};
use hookmill_store::deliveries::{AfterAll, AfterAllRun, DeliveryFilter, ElementRun, Outcome, Splitted};
use hookmill_store::idempotency::Key;
use hookmill_store::retention::Policy;
use hookmill_store::runs::{NewRun, RunCommit, State};
use hookmill_store::workflows::{NewDraft, Publication, TRIED_DRAFTS_KEPT};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, commit, on_both};

on_both!(
    the_newest_drafts_are_kept_and_whatever_was_published,
    a_draft_is_kept_until_its_runs_have_ended,
    a_run_of_a_draft_that_is_gone_is_not_stored_in_any_way,
    runs_that_need_no_draft_are_stored_without_it,
    whatever_ends_a_pass_every_open_run_has_its_draft,
    tests_and_passes_at_the_same_time_leave_no_run_without_its_draft,
);

const KEPT: u32 = TRIED_DRAFTS_KEPT as u32;
/// How often old drafts are run again while they go.
const ROUNDS: usize = 8;

/// Saves a draft and tries it.
async fn try_one(store: &Store, name: &str, text: &str, now: Timestamp) -> (WorkflowId, Option<u32>) {
    let draft = NewDraft {
        workspace: FIRST_WORKSPACE,
        name: name.into(),
        document: text.into(),
        author: "writer".into(),
        labels: Vec::new(),
    };
    let workflow = store.save_draft(&draft, now).await.unwrap().workflow;
    let Some(draft) = store.draft(workflow).await.unwrap() else { return (workflow, None) };
    let canonical = draft.document.clone();
    (workflow, store.try_draft(&draft, &canonical, now).await.unwrap())
}

/// Tries so many texts; the number of the last.
async fn try_many(opened: &Opened, name: &str, count: u32) -> (WorkflowId, u32) {
    let mut last = (WorkflowId(0), 0);
    for _ in 0..count {
        let text = format!("{name} {}", opened.store.next_id());
        let (workflow, number) = try_one(&opened.store, name, &text, opened.now()).await;
        last = (workflow, number.unwrap());
    }
    last
}

async fn publish(opened: &Opened, name: &str) -> u32 {
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: name.into(),
        document: format!("published {}", opened.store.next_id()),
        author: "publisher".into(),
        hooks: Vec::new(),
        draft: None,
    };
    opened.store.publish(&publication, opened.now()).await.unwrap().revision
}

/// A whole pass; which drafts went.
async fn pass(store: &Store, now: Timestamp) -> Vec<(WorkflowId, u32)> {
    let mut pass = store.plan_pruning(&Policy::default(), now).await.unwrap();
    let mut gone = Vec::new();
    loop {
        let pruned = store.prune(&mut pass).await.unwrap();
        gone.extend(pruned.drafts);
        if pruned.done {
            gone.sort_unstable();
            return gone;
        }
    }
}

/// The drafts that are stored: as revisions, and as what is kept, which must be the same.
async fn kept(store: &Store, workflow: WorkflowId) -> Vec<u32> {
    let last = store.workflow(workflow).await.unwrap().unwrap().last_revision;
    let mut kept = Vec::new();
    for number in 1..=last {
        let is_draft = store.revision(workflow, number).await.unwrap().is_some_and(|revision| !revision.published);
        assert_eq!(store.is_draft_kept(workflow, number).await.unwrap(), is_draft, "{number}");
        kept.extend(is_draft.then_some(number));
    }
    kept
}

/// A run that is pinned to a draft.
fn run_of(opened: &Opened, delivery: Option<DeliveryId>, (workflow, revision): (WorkflowId, u32)) -> NewRun {
    NewRun { revision, draft: true, ..opened.run(delivery, workflow.0) }
}

async fn the_newest_drafts_are_kept_and_whatever_was_published(opened: Opened) {
    let store = &opened.store;
    try_many(&opened, "flow", 3).await;
    assert_eq!(publish(&opened, "flow").await, 4);
    let (flow, last) = try_many(&opened, "flow", 2 * KEPT + 3).await;
    let (few, fewest) = try_many(&opened, "few", KEPT).await;
    let gone = pass(store, opened.now()).await;
    let expected: Vec<_> = (1..=3).chain(5..=last - KEPT).map(|number| (flow, number)).collect();
    assert_eq!(gone, expected, "in more than one batch, and none of a workflow that has few");
    assert_eq!(kept(store, flow).await, (last - KEPT + 1..=last).collect::<Vec<_>>());
    assert_eq!(kept(store, few).await, (1..=fewest).collect::<Vec<_>>());
    assert!(store.revision(flow, 4).await.unwrap().unwrap().published);
    assert_eq!(store.draft(flow).await.unwrap().unwrap().tried, Some(last), "the draft that there is");
    assert_eq!(pass(store, opened.now()).await, []);
    // Numbers are never given twice, and publishing takes none away.
    assert_eq!(publish(&opened, "flow").await, last + 1);
    assert_eq!(try_many(&opened, "flow", 1).await, (flow, last + 2));
    assert_eq!(pass(store, opened.now()).await, [(flow, last - KEPT + 1)]);
}

/// Ends a run, or leaves it in some state.
async fn set(opened: &Opened, run: &NewRun, from_seq: u32, state: State, holds_lane: bool) {
    let commit = RunCommit { from_seq, holds_lane, ..commit(run.id, run.epoch, state, opened.now()) };
    opened.store.commit_run(commit).await.unwrap();
}

async fn a_draft_is_kept_until_its_runs_have_ended(mut opened: Opened) {
    opened.store.claim_buckets(1024, opened.now()).await.unwrap();
    let owned = opened.store.owned_buckets().await.unwrap();
    let states = [State::Held, State::Ready, State::Running, State::Waiting, State::Asking, State::Failed];
    let mut runs = Vec::new();
    for state in states {
        let draft = try_many(&opened, "flow", 1).await;
        let delivery = opened.delivery(7);
        let mut run = run_of(&opened, Some(delivery.id), draft);
        run.lane = Some("lane".into());
        run.epoch = owned.epoch(run.bucket).unwrap();
        if state == State::Held {
            run.state = State::Held;
        }
        opened.store.accept(delivery, vec![run.clone()]).await.unwrap();
        if !matches!(state, State::Held | State::Ready) {
            // One that failed stops its lane until somebody decides.
            set(&opened, &run, 0, state, state == State::Failed).await;
        }
        runs.push((draft, run));
    }
    let (flow, last) = try_many(&opened, "flow", KEPT).await;
    assert_eq!(pass(&opened.store, opened.now()).await, []);
    assert_eq!(kept(&opened.store, flow).await, (1..=last).collect::<Vec<_>>());
    opened.reopen().await;
    opened.store.claim_buckets(1024, opened.now()).await.unwrap();
    for (draft, run) in runs {
        match run.state {
            State::Ready if opened.store.unpark_lane(run.id, opened.now()).await.unwrap() => {}
            _ => {
                let stored = opened.store.run(run.id).await.unwrap().unwrap();
                set(&opened, &NewRun { epoch: stored.epoch, ..run }, stored.entries, State::Succeeded, false).await;
            }
        }
        assert_eq!(pass(&opened.store, opened.now()).await, [draft], "its run has ended");
    }
}

fn key(opened: &Opened) -> Key {
    let mut key_hash = [0; 16];
    key_hash[..8].copy_from_slice(&opened.store.next_id().to_be_bytes());
    Key { key_hash, body_hash: [2; 16], expires_at: Timestamp(opened.now().0 + 10_000) }
}

fn bulk_of(opened: &Opened, kind: Kind) -> Bulk {
    Bulk {
        id: ReplayId(opened.store.next_id()),
        workspace: FIRST_WORKSPACE,
        kind,
        filter: DeliveryFilter::default(),
        revision: -1,
        wanted: 10,
        author: "somebody".into(),
        created_at: opened.now(),
        at: DeliveryId(-1),
        done: 0,
        failed: 0,
        state: bulk::State::Running,
        finished_at: None,
        error: None,
    }
}

/// Stores a run of a draft in every way there is; what came of each.
async fn in_every_way(opened: &Opened, draft: (WorkflowId, u32)) -> Vec<Result<(), Error>> {
    let (store, now) = (&opened.store, opened.now());
    let run = |delivery| run_of(opened, delivery, draft);
    let (plain, once, known, split) = (opened.delivery(7), opened.delivery(7), opened.delivery(7), opened.delivery(7));
    let ids = [plain.id, once.id, known.id, split.id];
    let [runs, once_runs, known_runs] = [&plain, &once, &known].map(|delivery| vec![run(Some(delivery.id))]);
    let element =
        |at| ElementRun { run: NewRun { element: Some(at), ..run(Some(split.id)) }, key: Some(key(opened)), contact: None };
    let (elements, contact) = (vec![element(0), element(1)], Contact { email: "a@b.c".into(), fields: Default::default() });
    let mut done = vec![
        store.accept(plain, runs).await,
        store.accept_once(once, once_runs, &key(opened), now).await.map(|original| assert_eq!(original, None)),
        store.accept_with_contact(known, known_runs, Some(&key(opened)), &contact, now).await.map(drop),
        store
            .accept_split(split, elements, Some(&key(opened)), now)
            .await
            .map(|stored| assert_ne!(stored, Splitted::Stored(vec![]))),
    ];
    for (id, done) in ids.iter().zip(&done) {
        assert_eq!(store.delivery(*id).await.unwrap().is_some(), done.is_ok(), "all or nothing");
    }
    let stored = opened.delivery(7);
    let refused = || {
        let mut refused = opened.delivery(7);
        refused.outcome = Outcome::Refused;
        refused
    };
    let (first, second) = (refused(), refused());
    let (id, first_id, second_id) = (stored.id, first.id, second.id);
    for delivery in [stored, first, second] {
        store.accept(delivery, Vec::new()).await.unwrap();
    }
    let after_all = |id, claim| AfterAll { hook: HookId(7), runs: vec![AfterAllRun { run: run(Some(id)), key: None }], claim };
    let (mut replays, mut accepts) = (bulk_of(opened, Kind::Replay), bulk_of(opened, Kind::Accept));
    store.create_bulk(&replays).await.unwrap();
    store.create_bulk(&accepts).await.unwrap();
    done.extend([
        store.create_run(run(Some(id)), Vec::new()).await,
        store.run_again(vec![run(Some(id))]).await,
        store.bulk_step(&mut replays, id, Step::Runs(vec![run(Some(id))])).await.map(|moved| assert!(moved)),
        store.accept_after_all(first_id, after_all(first_id, Some(key(opened))), "somebody").await.map(drop),
        store.bulk_step(&mut accepts, second_id, Step::AfterAll(after_all(second_id, None))).await.map(|moved| assert!(moved)),
    ]);
    for bulk in [replays, accepts] {
        store.end_bulk(bulk.id, bulk::State::Cancelled, now).await.unwrap();
    }
    done
}

async fn a_run_of_a_draft_that_is_gone_is_not_stored_in_any_way(opened: Opened) {
    let store = &opened.store;
    let (flow, _) = try_many(&opened, "flow", 1).await;
    assert_eq!(in_every_way(&opened, (flow, 1)).await, vec![Ok(()); 9]);
    try_many(&opened, "flow", KEPT).await;
    assert_eq!(pass(store, opened.now()).await, [], "its runs have not ended");
    try_many(&opened, "flow", 1).await;
    assert_eq!(pass(store, opened.now()).await, [(flow, 2)]);
    assert_eq!(in_every_way(&opened, (flow, 2)).await, vec![Err(Error::DraftGone); 9]);
    let elsewhere = WorkflowId(store.next_id());
    assert_eq!(in_every_way(&opened, (elsewhere, 1)).await, vec![Err(Error::DraftGone); 9]);
}

async fn runs_that_need_no_draft_are_stored_without_it(opened: Opened) {
    // Published revisions are not looked for, nor is what a run ran on that is over when it is stored.
    let (store, delivery) = (&opened.store, opened.delivery(7));
    let ended = NewRun {
        state: State::Succeeded,
        started_at: Some(opened.now()),
        finished_at: Some(opened.now()),
        ..run_of(&opened, Some(delivery.id), (WorkflowId(1), 9))
    };
    let published = opened.run(Some(delivery.id), 1);
    store.accept(delivery, vec![ended, published]).await.unwrap();
}

async fn whatever_ends_a_pass_every_open_run_has_its_draft(mut opened: Opened) {
    let mut open = Vec::new();
    let mut last = (WorkflowId(0), 0);
    for n in 0..3 * KEPT {
        last = try_many(&opened, "flow", 1).await;
        if n % 7 == 0 {
            let run = run_of(&opened, None, last);
            opened.store.create_run(run.clone(), Vec::new()).await.unwrap();
            open.push(last.1);
        }
    }
    // The process ends after so many batches of a pass, and the next one begins anew.
    for batches in 0.. {
        let mut pass = opened.store.plan_pruning(&Policy::default(), opened.now()).await.unwrap();
        let mut done = false;
        for _ in 0..batches {
            done = opened.store.prune(&mut pass).await.unwrap().done;
        }
        opened.reopen().await;
        let left = kept(&opened.store, last.0).await;
        assert!(open.iter().all(|number| left.contains(number)), "{left:?}");
        assert!((last.1 - KEPT + 1..=last.1).all(|number| left.contains(&number)), "{left:?}");
        if done {
            let older = open.iter().filter(|number| **number + KEPT <= last.1).count();
            assert_eq!(left.len(), TRIED_DRAFTS_KEPT + older);
            return;
        }
    }
}

/// Runs all old drafts again at once, so that they share their commits with what lets drafts go; what was stored.
async fn run_all_again(opened: &Opened, store: &Store, flow: WorkflowId) -> Vec<NewRun> {
    let runs: Vec<NewRun> = (1..=2 * KEPT).map(|number| run_of(opened, None, (flow, number))).collect();
    let done = runs.iter().map(|run| store.create_run(run.clone(), Vec::new()));
    let done = futures_util::future::join_all(done).await;
    let is_stored = |done: Result<(), Error>| match done {
        Ok(()) => true,
        Err(Error::DraftGone) => false,
        Err(error) => panic!("{error}"),
    };
    runs.into_iter().zip(done).filter_map(|(run, done)| is_stored(done).then_some(run)).collect()
}

async fn edit_and_test(store: &Store, name: &str, now: Timestamp) {
    for n in 0..5 {
        // The other one may save between the two.
        try_one(store, name, &format!("{n} {}", store.next_id()), now).await;
    }
}

async fn tests_and_passes_at_the_same_time_leave_no_run_without_its_draft(opened: Opened) {
    let other = opened.another().await;
    let (now, mine) = (opened.now(), &opened.store);
    for round in 0..ROUNDS {
        let name = format!("flow {round}");
        let (flow, _) = try_many(&opened, &name, 2 * KEPT).await;
        let (first, second, ..) = tokio::join!(
            run_all_again(&opened, mine, flow),
            run_all_again(&opened, &other, flow),
            pass(mine, now),
            pass(&other, now),
            edit_and_test(mine, &name, now),
            edit_and_test(&other, &name, now),
        );
        for run in first.iter().chain(&second) {
            assert!(mine.run(run.id).await.unwrap().is_some());
            let revision = mine.revision(run.workflow, run.revision).await.unwrap();
            assert!(revision.is_some(), "round {round}: an acknowledged run needs revision {}", run.revision);
        }
        pass(mine, now).await;
        let kept = kept(mine, flow).await;
        assert!(first.iter().chain(&second).all(|run| kept.contains(&run.revision)), "{kept:?}");
    }
    other.close().await;
}
