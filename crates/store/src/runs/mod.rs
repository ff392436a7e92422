//! Runs: one row each, and who may write it.
//!
//! A run is appended ready (or held) and changes by commits of its owner only ([`Store::commit_run`]): every commit
//! carries the epoch under which the owner took the run, in its WHERE. A new owner raises the epoch of the bucket and
//! takes the runs over with it ([`Store::claim_runs`]), so whatever the former owner still tries meets no row.
//!
//! Epoch 0 means that nobody has the run in memory: it was accepted for another node, or parked until it is due.
//! Three partial indexes, none of which holds a succeeded run: `runs_due` (open runs by due time, for start-up, takeover
//! and the backlog), `runs_free` (of these, the ones with epoch 0: all that polling has to look at) and
//! `runs_by_state` (rare states, for lists). An open run therefore always has a due time.
//! A run that finishes without effects writes this row twice and no journal.

pub(crate) mod claim;
mod commit;
mod lane;
mod list;
#[cfg(test)]
mod plans;

use hookmill_engine::id::{DeliveryId, RunId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::db::{Arg, Batch, Column, OnConflict, Row, Table};
use crate::journal::{self, NewEntry};
use crate::watch::Changed;
use crate::words::{word, words};
use crate::workflows::tried;
use crate::{Error, Result, Store, args, narrow, row};

pub use claim::{CLAIM_BODY_BYTES_MAX, CLAIM_MAX, ClaimedRun, Free, HELD_MAX};
pub use commit::RunCommit;
pub use lane::NEVER;
pub use list::{BACKLOG_COUNTED_MAX, RunFilter, RunSummary};

words! {
    /// Where a run stands.
    pub enum State {
        /// Waits until somebody lets it start.
        Held = "held",
        /// May start as soon as its owner gets to it.
        Ready = "ready",
        /// Was started; the journal tells how far it got.
        Running = "running",
        /// Waits for a time.
        Waiting = "waiting",
        /// Waits for somebody's decision about an unknown outcome.
        Asking = "asking",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended with an error.
        Failed = "failed",
        /// Was ended by somebody.
        Cancelled = "cancelled",
    }
}

impl State {
    /// Goes on by itself when it is due.
    pub fn is_due_sometime(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::Waiting)
    }

    /// Ended; it never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A run to be stored.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id, from [`Store::next_id`]; runs of one delivery should be numbered one after the other.
    pub id: RunId,
    /// The delivery that it belongs to.
    pub delivery: Option<DeliveryId>,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The revision that it is pinned to.
    pub revision: u32,
    /// Whether that is a draft which was tried. Then the run is stored only if it is still kept ([`Error::DraftGone`]), as it is
    /// until the run has ended.
    pub draft: bool,
    /// Position of the trigger in the document.
    pub trigger: u16,
    /// The bucket that owns it, see [`crate::bucket_of`].
    pub bucket: u16,
    /// The epoch of that bucket if this node owns it and takes the run into memory, else 0.
    pub epoch: i64,
    /// Runs of the same lane go one after the other.
    pub lane: Option<String>,
    /// Ready or held.
    pub state: State,
    /// When it may start.
    pub due_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
    /// For a run that goes on from another's journal: when that one started.
    pub started_at: Option<Timestamp>,
    /// For a run that has nothing to do and so is finished when it is stored: now.
    pub finished_at: Option<Timestamp>,
    /// What its random values come from.
    pub seed: u64,
    /// The input as JSON, if it was started by hand or with an edited input.
    pub input: Option<String>,
    /// The run that this one repeats.
    pub origin: Option<RunId>,
    /// The position of the element that it is about, if its delivery was split.
    pub element: Option<u32>,
}

/// A stored run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in NewRun and RunCommit")]
pub struct RunRow {
    pub id: RunId,
    pub delivery: Option<DeliveryId>,
    pub workspace: WorkspaceId,
    pub workflow: WorkflowId,
    pub revision: u32,
    pub trigger: u16,
    pub bucket: u16,
    pub epoch: i64,
    pub lane: Option<String>,
    pub state: State,
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub seed: u64,
    /// Length of the journal.
    pub entries: u32,
    pub steps_done: u32,
    pub answered: bool,
    pub origin: Option<RunId>,
    pub element: Option<u32>,
    pub input: Option<String>,
    pub output: Option<String>,
    pub error: Option<String>,
}

pub(crate) const RUN_COLUMNS: usize = 22;

pub(crate) static RUNS: Table = Table {
    name: "runs",
    columns: &[
        Column::int("id"),
        Column::int("epoch"),
        Column::text("state"),
        Column::int("due_at"),
        Column::int("delivery"),
        Column::int("workspace"),
        Column::int("workflow"),
        Column::int("revision"),
        Column::int("bucket"),
        Column::int("trigger_no"),
        Column::int("created_at"),
        Column::int("seed"),
        Column::int("entries"),
        Column::int("steps_done"),
        Column::int("answered"),
        Column::int("holds_lane"),
        Column::int("started_at"),
        Column::int("finished_at"),
        Column::int("origin"),
        Column::text("lane"),
        Column::text("input"),
        Column::int("element"),
    ],
    on_conflict: OnConflict::Fail,
};

/// The columns of a [`RunRow`], in the order in which [`read_run`] wants them.
macro_rules! run_columns {
    () => {
        "id, delivery, workspace, workflow, revision, trigger_no, bucket, epoch, lane, state, due_at, created_at,
         started_at, finished_at, seed, entries, steps_done, answered, origin, input, output, error, element"
    };
}
pub(crate) use run_columns;

const RUN: &str = concat!("SELECT ", run_columns!(), " FROM runs WHERE id = $1");

impl NewRun {
    pub(crate) fn into_row(self) -> [Arg; RUN_COLUMNS] {
        self.into_row_with(0)
    }

    fn into_row_with(self, entries: u32) -> [Arg; RUN_COLUMNS] {
        row![
            self.id.0,
            self.epoch,
            self.state,
            self.state.is_due_sometime().then_some(self.due_at.0),
            self.delivery.map(|id| id.0),
            self.workspace.0,
            self.workflow.0,
            self.revision,
            self.bucket,
            self.trigger,
            self.created_at.0,
            // The bits of a u64 in a signed column.
            self.seed.cast_signed(),
            entries,
            0,
            false,
            false,
            self.started_at.map(|at| at.0),
            self.finished_at.map(|at| at.0),
            self.origin.map(|id| id.0),
            self.lane,
            self.input,
            self.element,
        ]
    }
}

pub(crate) fn read_run(row: &mut Row) -> Result<RunRow> {
    Ok(RunRow {
        id: RunId(row.int(0)?),
        delivery: row.opt_int(1)?.map(DeliveryId),
        workspace: WorkspaceId(row.int(2)?),
        workflow: WorkflowId(row.int(3)?),
        revision: narrow(row.int(4)?)?,
        trigger: narrow(row.int(5)?)?,
        bucket: narrow(row.int(6)?)?,
        epoch: row.int(7)?,
        lane: row.take_opt_text(8)?,
        state: word(row, 9)?,
        due_at: row.opt_int(10)?.map(Timestamp),
        created_at: Timestamp(row.int(11)?),
        started_at: row.opt_int(12)?.map(Timestamp),
        finished_at: row.opt_int(13)?.map(Timestamp),
        seed: row.int(14)?.cast_unsigned(),
        entries: narrow(row.int(15)?)?,
        steps_done: narrow(row.int(16)?)?,
        answered: row.int(17)? != 0,
        origin: row.opt_int(18)?.map(RunId),
        input: row.take_opt_text(19)?,
        output: row.take_opt_text(20)?,
        error: row.take_opt_text(21)?,
        element: row.opt_int(22)?.map(narrow).transpose()?,
    })
}

impl Store {
    /// Stores a run that no new delivery starts: by hand, a replay, a rerun. `entries` is the part of another run's
    /// journal that it goes on from. [`Error::NotFound`]: its delivery is not stored any more.
    pub async fn create_run(&self, run: NewRun, entries: Vec<NewEntry>) -> Result<()> {
        let changed = Changed::Run { id: run.id, workflow: run.workflow, state: run.state };
        let mut batch = Batch::new();
        if run.state.is_final() {
            return Err(Error::Invalid(format!("a run cannot start as {}", run.state)));
        }
        let count = u32::try_from(entries.len()).map_err(|_| Error::Invalid("too many journal entries".into()))?;
        journal::append(&mut batch, run.id, 0, entries);
        let replayed = run.delivery.map(|delivery| Self::replay_into(&mut batch, delivery, run.id));
        let pinned = tried::pin_of([&run]);
        batch.insert(&RUNS, run.into_row_with(count));
        tried::pin_into(&mut batch, pinned.as_ref());
        match self.db().write(batch).await {
            Ok(_) => {}
            Err(Error::Conflict { statement }) if Some(statement) == replayed => return Err(Error::NotFound),
            Err(error) => return Err(self.unpinned(pinned, error).await),
        }
        self.watch().tell(changed);
        Ok(())
    }

    /// Stores runs that a stored delivery starts once more: all of them, or none. [`Error::NotFound`]: it is not stored any
    /// more.
    pub async fn run_again(&self, runs: Vec<NewRun>) -> Result<()> {
        let mut batch = Batch::new();
        let pinned = tried::pin_of(&runs);
        let changed = Self::run_again_into(&mut batch, runs);
        if let Err(error) = self.db().write(batch).await {
            return Err(match self.unpinned(pinned, error).await {
                Error::Conflict { .. } => Error::NotFound,
                other => other,
            });
        }
        self.watch().tell_all(changed);
        Ok(())
    }

    /// Adds all of that to a batch; conflicts if the delivery is gone, or the draft that they are pinned to.
    pub(crate) fn run_again_into(batch: &mut Batch, runs: Vec<NewRun>) -> Vec<Changed> {
        let pinned = tried::pin_of(&runs);
        let mut changed = Vec::with_capacity(runs.len());
        for run in runs {
            changed.push(Changed::Run { id: run.id, workflow: run.workflow, state: run.state });
            if let Some(delivery) = run.delivery {
                Self::replay_into(batch, delivery, run.id);
            }
            batch.insert(&RUNS, run.into_row());
        }
        tried::pin_into(batch, pinned.as_ref());
        changed
    }

    /// A run.
    pub async fn run(&self, id: RunId) -> Result<Option<RunRow>> {
        let mut rows = self.db().read(RUN, args![id.0]).await?;
        rows.pop().map(|mut row| read_run(&mut row)).transpose()
    }
}
