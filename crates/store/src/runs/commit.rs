//! What came of a run, written by its owner.

use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_engine::time::Timestamp;

use super::State;
use crate::db::{Batch, Expect};
use crate::journal::{self, NewEntry};
use crate::watch::Changed;
use crate::{Error, Result, Store, args};

/// The new state of a run with what led to it. All of it is stored, or nothing.
#[derive(Clone, Debug)]
pub struct RunCommit {
    /// The run.
    pub run: RunId,
    /// Its workflow, for those who watch.
    pub workflow: WorkflowId,
    /// The epoch under which this owner has the run.
    pub epoch: i64,
    /// Number of journal entries that are stored already.
    pub from_seq: u32,
    /// What happened since.
    pub entries: Vec<NewEntry>,
    /// Where the run stands now.
    pub state: State,
    /// When it goes on by itself; required for ready, running and waiting, ignored for the others.
    pub due_at: Option<Timestamp>,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended; required for final states.
    pub finished_at: Option<Timestamp>,
    /// The output as JSON.
    pub output: Option<String>,
    /// The error as JSON.
    pub error: Option<String>,
    /// Whether the sender's answer is decided.
    pub answered: bool,
    /// Number of steps that ended.
    pub steps_done: u32,
    /// The run has ended but its lane stands still until somebody reruns or cancels it.
    pub holds_lane: bool,
    /// Gives the run back: it leaves memory and is claimed again when it is due. Final states are given back by themselves.
    pub release: bool,
}

const COMMIT: &str = "
    UPDATE runs
       SET state = $3, due_at = $4, started_at = $5, finished_at = $6, output = $7, error = $8,
           entries = $9, steps_done = $10, answered = $11, holds_lane = $12
     WHERE id = $1
       AND epoch = $2";

const COMMIT_AND_RELEASE: &str = "
    UPDATE runs
       SET state = $3, due_at = $4, started_at = $5, finished_at = $6, output = $7, error = $8,
           entries = $9, steps_done = $10, answered = $11, holds_lane = $12, epoch = 0
     WHERE id = $1
       AND epoch = $2";

const EPOCH: &str = "SELECT epoch FROM runs WHERE id = $1";

impl RunCommit {
    fn check(&self) -> Result<()> {
        if self.epoch <= 0 {
            return Err(Error::NotOwner);
        }
        if self.state.is_due_sometime() && self.due_at.is_none() {
            return Err(Error::Invalid(format!("{}: {} without a due time would never go on", self.run, self.state)));
        }
        if self.state.is_final() != self.finished_at.is_some() {
            return Err(Error::Invalid(format!("{}: {} does not fit its end time", self.run, self.state)));
        }
        Ok(())
    }
}

impl Store {
    /// Stores what came of a run.
    ///
    /// [`Error::NotOwner`]: somebody else has the run by now; forget it. [`Error::Conflict`]: an entry of that number
    /// is stored already, so this commit was made before or its maker's picture is stale; load the run again.
    pub async fn commit_run(&self, commit: RunCommit) -> Result<()> {
        commit.check()?;
        let (run, epoch) = (commit.run, commit.epoch);
        let changed = Changed::RunCommitted { id: commit.run, workflow: commit.workflow, state: commit.state };
        let mut batch = Batch::new();
        commit.into_batch(&mut batch)?;
        match self.db().write(batch).await {
            Ok(_) => {}
            Err(Error::Conflict { statement: 0 }) => return Err(Error::NotOwner),
            // PostgreSQL meets the taken number of an entry before it looks at the epoch.
            Err(Error::Conflict { .. }) if !self.is_owned_under(run, epoch).await? => return Err(Error::NotOwner),
            Err(error) => return Err(error),
        }
        self.watch().tell(changed);
        Ok(())
    }

    async fn is_owned_under(&self, run: RunId, epoch: i64) -> Result<bool> {
        let rows = self.db().read(EPOCH, args![run.0]).await?;
        rows.first().map_or(Ok(false), |row| row.int(0).map(|stored| stored == epoch))
    }
}

impl RunCommit {
    fn into_batch(self, batch: &mut Batch) -> Result<()> {
        let entries = u32::try_from(self.entries.len()).ok().and_then(|new| self.from_seq.checked_add(new));
        let entries = entries.ok_or_else(|| Error::Invalid("too many journal entries".into()))?;
        let sql = if self.release && !self.state.is_final() { COMMIT_AND_RELEASE } else { COMMIT };
        let row = args![
            self.run.0,
            self.epoch,
            self.state,
            self.due_at.filter(|_| self.state.is_due_sometime()).map(|at| at.0),
            self.started_at.map(|at| at.0),
            self.finished_at.map(|at| at.0),
            self.output,
            self.error,
            entries,
            self.steps_done,
            self.answered,
            self.holds_lane,
        ];
        batch.execute(sql, row, Expect::Exactly(1));
        journal::append(batch, self.run, self.from_seq, self.entries);
        Ok(())
    }
}
