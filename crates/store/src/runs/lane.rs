//! Lanes: runs with the same key go one after the other.
//!
//! A lane is held by its oldest open run, or by a failed one that was told to stop it. Runs behind the holder that are
//! not in memory wait with the due time [`NEVER`]; whoever sees the holder end wakes the next.

use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Expect};
use crate::{Result, Store, args, narrow};

/// The due time of a ready run whose lane is held.
pub const NEVER: Timestamp = Timestamp(i64::MAX);

/// The condition of the index `runs_lane`; both databases use it only if the text says the same.
macro_rules! in_lane {
    () => {
        "lane IS NOT NULL AND (holds_lane = 1 OR (state <> 'succeeded' AND state <> 'failed' AND state <> 'cancelled'))"
    };
}

pub(super) const HOLDER: &str =
    concat!("SELECT id FROM runs WHERE workflow = $1 AND lane = $2 AND id < $3 AND ", in_lane!(), " ORDER BY id LIMIT 1");

const BLOCK: &str = "
    UPDATE runs
       SET epoch = 0, due_at = $3
     WHERE id = $1
       AND epoch = $2
       AND state = 'ready'";

const WAKE: &str = concat!(
    "UPDATE runs
        SET due_at = $3
      WHERE epoch = 0
        AND state = 'ready'
        AND due_at = $4
        AND id = (SELECT id FROM runs WHERE workflow = $1 AND lane = $2 AND ",
    in_lane!(),
    " ORDER BY id LIMIT 1)
     RETURNING id"
);

const WAKE_ALL: &str = "
    UPDATE runs
       SET due_at = $1
     WHERE epoch = 0
       AND state = 'ready'
       AND due_at = $2";

pub(super) const BLOCKED: &str = "
    SELECT COUNT(*)
      FROM (SELECT id
              FROM runs
             WHERE epoch = 0
               AND due_at = $1
             LIMIT $2) AS blocked";

const UNPARK: &str = "
    UPDATE runs
       SET holds_lane = 0
     WHERE id = $1
       AND holds_lane = 1
    RETURNING workflow, lane";

impl Store {
    /// The run that holds the lane before `run`, if it has to wait for one.
    pub async fn lane_holder(&self, workflow: WorkflowId, lane: &str, run: RunId) -> Result<Option<RunId>> {
        let rows = self.db().read(HOLDER, args![workflow.0, lane.to_owned(), run.0]).await?;
        rows.first().map(|row| row.int(0).map(RunId)).transpose()
    }

    /// Gives a ready run back until its lane is woken. Nothing happens if it is not ours any more.
    pub async fn block_on_lane(&self, run: RunId, epoch: i64) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(BLOCK, args![run.0, epoch, NEVER.0], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }

    /// Makes the oldest run of a lane due if it waits for its lane. `false`: there is none, or an open one is before it.
    pub async fn wake_lane(&self, workflow: WorkflowId, lane: &str, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(WAKE, args![workflow.0, lane.to_owned(), now.0, NEVER.0], Expect::Any);
        let written = self.db().write(batch).await?;
        Ok(written.rows.first().is_some_and(|rows| !rows.is_empty()))
    }

    /// Makes every run due that waits for its lane: at start-up, when somebody may have died before waking the next.
    /// Those whose lane is still held are put back by whoever takes them up.
    pub async fn wake_lanes(&self, now: Timestamp) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(WAKE_ALL, args![now.0, NEVER.0], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }

    /// How many runs wait in the database for the end of another one of their lane. Counts to `at_most`.
    pub async fn count_blocked(&self, at_most: u64) -> Result<u64> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = self.db().read(BLOCKED, args![NEVER.0, at_most]).await?;
        rows.first().map_or(Ok(0), |row| narrow(row.int(0)?))
    }

    /// Lets the lane of a failed run go on. `false`: the run does not stop a lane.
    pub async fn unpark_lane(&self, run: RunId, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(UNPARK, args![run.0], Expect::Any);
        let mut written = self.db().write(batch).await?;
        let Some(mut row) = written.rows.pop().and_then(|mut rows| rows.pop()) else { return Ok(false) };
        let (workflow, lane) = (WorkflowId(row.int(0)?), row.take_opt_text(1)?);
        if let Some(lane) = lane {
            self.wake_lane(workflow, &lane, now).await?;
        }
        Ok(true)
    }
}
