//! Writing what a run has come to. The only place where the worker writes runs.
//!
//! An effect may have happened that only this memory knows of, so a commit is tried again until the store has it or
//! says that the run belongs to somebody else. It is never given up for want of room or of a connection.

use std::time::Duration;

use hookmill_engine::run::{Entry, Failure, Outcome, code};
use hookmill_engine::time::Timestamp;
use hookmill_store as store;
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{RunCommit, State};
use tracing::{error, warn};

use crate::execute::Execution;
use crate::handed::Head;
use crate::queue::Leave;
use crate::worker::Inner;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The run is not ours any more; whoever owns it now goes on from what is stored.
#[derive(Debug)]
pub(crate) struct Lost;

/// Stores what has happened so far; the run stays in memory.
pub(crate) async fn progress(run: &mut Execution) -> Result<(), Lost> {
    let now = run.inner.clock.now();
    let commit = RunCommit { due_at: Some(now), ..commit(run, State::Running) };
    let epoch = write(&run.inner, commit).await?;
    stored(run, epoch);
    Ok(())
}

/// Stores where the run stands and gives it back until `due`.
pub(crate) async fn parked(run: &mut Execution, state: State, due: Option<Timestamp>) -> Result<(), Lost> {
    let commit = RunCommit { due_at: due, release: true, ..commit(run, state) };
    let epoch = write(&run.inner, commit).await?;
    stored(run, epoch);
    if state == State::Asking {
        run.inner.observer.asks(&run.head);
    }
    Ok(())
}

/// Stores the end of the run.
pub(crate) async fn finished(run: &mut Execution, outcome: &Outcome) -> Result<(), Lost> {
    let (state, output, error) = match outcome {
        Outcome::Succeeded { output } => (State::Succeeded, Some(text(output)), None),
        Outcome::Failed(failure) => (State::Failed, None, Some(text(failure))),
        Outcome::Cancelled { reason } => (State::Cancelled, None, Some(text(&Failure::new(code::CANCELLED, reason.clone())))),
    };
    let now = run.inner.clock.now();
    let finished_at = Some(now);
    let holds_lane = run.parks_lane(outcome);
    let commit = RunCommit { finished_at, output, error, holds_lane, ..commit(run, state) };
    let epoch = write(&run.inner, commit).await?;
    stored(run, epoch);
    run.inner.observer.ended(&run.head, state, now.ms_since(run.head.created_at));
    Ok(())
}

/// Ends a run that cannot be brought into memory: its revision or its delivery cannot be read any more. Says how it leaves.
pub(crate) async fn unloadable(inner: &Inner, head: &Head, failure: &Failure) -> Leave {
    let now = inner.clock.now();
    let journal = inner.store.journal(head.id).await.map_or(0, |entries| entries.len());
    let commit = RunCommit {
        run: head.id,
        workflow: head.workflow,
        epoch: head.epoch,
        from_seq: u32::try_from(journal).unwrap_or(u32::MAX),
        entries: Vec::new(),
        state: State::Failed,
        due_at: None,
        started_at: head.started_at.or(Some(now)),
        finished_at: Some(now),
        output: None,
        error: Some(text(failure)),
        answered: false,
        steps_done: 0,
        holds_lane: false,
        release: false,
    };
    // If it belongs to another node by now, that node finds the same problem and says so.
    if write(inner, commit).await.is_err() {
        return Leave::Parked;
    }
    inner.observer.ended(head, State::Failed, now.ms_since(head.created_at));
    inner.answers.finished(head.id, &Outcome::Failed(failure.clone()), None);
    Leave::Ended
}

fn commit(run: &Execution, state: State) -> RunCommit {
    RunCommit {
        run: run.head.id,
        workflow: run.head.workflow,
        epoch: run.head.epoch,
        from_seq: run.next_seq,
        entries: run.fresh.iter().map(new_entry).collect(),
        state,
        due_at: None,
        started_at: Some(run.started_at),
        finished_at: None,
        output: None,
        error: None,
        answered: run.state.answer().is_some(),
        steps_done: u32::try_from(run.state.steps_done()).unwrap_or(u32::MAX),
        holds_lane: false,
        release: false,
    }
}

pub(crate) fn new_entry(entry: &Entry) -> NewEntry {
    NewEntry { at: entry.at, entry: text(&entry.event) }
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("journal entries and JSON values have text keys only")
}

fn stored(run: &mut Execution, epoch: i64) {
    run.head.epoch = epoch;
    run.next_seq += u32::try_from(run.fresh.len()).expect("a run's journal is bounded far below four billion entries");
    run.fresh.clear();
    run.start_stored = true;
}

/// What has become of a run whose commit is refused.
enum Standing {
    /// An earlier try stored the commit and its answer got lost. The run is ours under this epoch.
    Stored(i64),
    /// This node lost the run's bucket for a while and has claimed the run anew under this epoch. Nobody wrote it since.
    Ours(i64),
    /// Somebody else goes on from what is stored.
    Lost,
}

/// Tries until the commit is stored, and gives the epoch under which the run is ours then.
async fn write(inner: &Inner, mut commit: RunCommit) -> Result<i64, Lost> {
    let mut pause = FIRST_PAUSE;
    loop {
        let problem = match inner.store.commit_run(commit.clone()).await {
            Ok(()) => return Ok(commit.epoch),
            Err(store::Error::NotOwner | store::Error::Conflict { .. }) => match standing(inner, &commit).await {
                Ok(Standing::Stored(epoch)) => return Ok(epoch),
                Ok(Standing::Ours(epoch)) => {
                    commit.epoch = epoch;
                    continue;
                }
                Ok(Standing::Lost) => {
                    warn!(run.id = %commit.run, "Run {} belongs to another owner now; left to it", commit.run);
                    inner.doubt();
                    return Err(Lost);
                }
                Err(problem) => problem,
            },
            Err(problem) => problem,
        };
        if inner.abandon.is_cancelled() {
            error!(run.id = %commit.run, error = %problem, "Run {} could not be stored before the end; its last step will be repeated", commit.run);
            return Err(Lost);
        }
        warn!(run.id = %commit.run, error = %problem, "Run {} waits for the store: {problem}", commit.run);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = inner.abandon.cancelled() => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn standing(inner: &Inner, commit: &RunCommit) -> store::Result<Standing> {
    // Whoever is claiming now is waited for, so that a run that was claimed anew is in memory when its row says so.
    let _settled = inner.claims.read().await;
    let Some(row) = inner.store.run(commit.run).await? else { return Ok(Standing::Lost) };
    let written = commit.from_seq as usize + commit.entries.len();
    let stored = row.entries as usize == written && row.state == commit.state;
    if row.epoch == commit.epoch || (commit.release && row.epoch == 0) {
        return Ok(if stored { Standing::Stored(commit.epoch) } else { Standing::Lost });
    }
    match inner.ownership.still(row.bucket, row.epoch) {
        None => return Err(store::Error::unavailable("the lease of this node has to be renewed first")),
        Some(false) => return Ok(Standing::Lost),
        Some(true) => {}
    }
    let untouched = row.entries == commit.from_seq;
    let ours = untouched || (stored && !commit.release && journal_ends_with(inner, commit).await?);
    // A run that was told something when it was claimed hears it when it goes on from what is stored.
    if !ours || !inner.queue.forget_again(commit.run) {
        return Ok(Standing::Lost);
    }
    Ok(if untouched { Standing::Ours(row.epoch) } else { Standing::Stored(row.epoch) })
}

/// Whether the entries of a commit are the last ones of the stored journal: another owner may have written as many.
async fn journal_ends_with(inner: &Inner, commit: &RunCommit) -> store::Result<bool> {
    let journal = inner.store.journal(commit.run).await?;
    let last = journal.iter().skip(commit.from_seq as usize);
    Ok(last.map(|entry| (entry.at, &entry.entry)).eq(commit.entries.iter().map(|entry| (entry.at, &entry.entry))))
}
