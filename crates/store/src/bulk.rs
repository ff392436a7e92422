//! Many deliveries run again, or accepted after all, as one wish that survives restarts.
//!
//! Such a wish is a row with a filter and a place: the last delivery that was dealt with. The place moves in the batch that
//! stores the run, and only from where the worker believed it to be, so each delivery is run once, whatever ends in
//! between and however many nodes work on the same wish.

use hookmill_engine::id::{DeliveryId, ReplayId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Column, Expect, OnConflict, Row, Table};
use crate::deliveries::{AfterAll, DeliveryFilter};
use crate::runs::NewRun;
use crate::words::{word, words};
use crate::workflows::tried;
use crate::{Error, Result, Store, args, narrow, row};

/// Bulk replays that are worked on at the same time; more must wait for the end of one.
pub const OPEN_MAX: i64 = 100;
/// The longest text of an error that is kept.
const ERROR_CHARS_MAX: usize = 500;

words! {
    /// What is done with each delivery.
    pub enum Kind {
        /// It is run once more.
        Replay = "replay",
        /// It was refused, and is accepted after all.
        Accept = "accept",
    }
}

words! {
    /// How far it is.
    pub enum State {
        /// It is worked on.
        Running = "running",
        /// Everything that matched was dealt with, or as many as were wanted.
        Finished = "finished",
        /// Somebody stopped it.
        Cancelled = "cancelled",
    }
}

/// Many deliveries run again.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// Its id.
    pub id: ReplayId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What is done with each.
    pub kind: Kind,
    /// Which deliveries; cursors in it mean nothing.
    pub filter: DeliveryFilter,
    /// Which revision; the number means what the worker says.
    pub revision: i64,
    /// How many deliveries at most.
    pub wanted: u64,
    /// Who wanted it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// The last delivery that was dealt with.
    pub at: DeliveryId,
    /// Deliveries that were run.
    pub done: u64,
    /// Deliveries that could not be run.
    pub failed: u64,
    /// How far it is.
    pub state: State,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why the last one that failed did.
    pub error: Option<String>,
}

/// What came of one delivery.
#[derive(Clone, Debug)]
pub enum Step {
    /// There was nothing to do.
    Nothing,
    /// These runs are stored.
    Runs(Vec<NewRun>),
    /// It was refused, and starts this after all.
    AfterAll(AfterAll),
    /// It could not be run, for this reason.
    Failed(String),
}

static BULK_REPLAYS: Table = Table {
    name: "bulk_replays",
    columns: &[
        Column::int("id"),
        Column::int("workspace"),
        Column::text("kind"),
        Column::text("filter"),
        Column::int("revision"),
        Column::int("wanted"),
        Column::text("author"),
        Column::int("created_at"),
        Column::int("at_id"),
        Column::int("done"),
        Column::int("failed"),
        Column::text("state"),
    ],
    on_conflict: OnConflict::Fail,
};

macro_rules! columns {
    () => {
        "SELECT id, workspace, kind, filter, revision, wanted, author, created_at, at_id, done, failed, state, finished_at, error
           FROM bulk_replays "
    };
}

const ONE: &str = concat!(columns!(), "WHERE id = $1");
const NEWEST: &str = concat!(columns!(), "ORDER BY id DESC LIMIT $1");
const OPEN: &str = concat!(columns!(), "WHERE finished_at IS NULL ORDER BY id LIMIT $1");

const MOVE: &str = "
    UPDATE bulk_replays
       SET at_id = $3,
           done = done + $4,
           failed = failed + $5,
           error = COALESCE(CAST($6 AS TEXT), error)
     WHERE id = $1
       AND at_id = $2
       AND finished_at IS NULL";

const END: &str = "
    UPDATE bulk_replays
       SET state = $2, finished_at = $3
     WHERE id = $1
       AND finished_at IS NULL";

impl Store {
    /// Stores a wish. [`Error::Overloaded`] if too many are open.
    pub async fn create_bulk(&self, bulk: &Bulk) -> Result<()> {
        if self.open_bulks().await?.len() as i64 >= OPEN_MAX {
            return Err(Error::Overloaded { retry_after_ms: 1_000 });
        }
        let filter = serde_json::to_string(&bulk.filter).expect("a filter is representable as JSON");
        let mut batch = Batch::new();
        let wanted = i64::try_from(bulk.wanted).unwrap_or(i64::MAX);
        batch.insert(
            &BULK_REPLAYS,
            row![
                bulk.id.0,
                bulk.workspace.0,
                bulk.kind,
                filter,
                bulk.revision,
                wanted,
                bulk.author.clone(),
                bulk.created_at.0,
                bulk.at.0,
                0,
                0,
                bulk.state,
            ],
        );
        self.db().write(batch).await.map(|_| ())
    }

    /// One wish.
    pub async fn bulk(&self, id: ReplayId) -> Result<Option<Bulk>> {
        self.db().read(ONE, args![id.0]).await?.first_mut().map(read_bulk).transpose()
    }

    /// The newest wishes.
    pub async fn bulks(&self, limit: usize) -> Result<Vec<Bulk>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.db().read(NEWEST, args![limit]).await?.iter_mut().map(read_bulk).collect()
    }

    /// Those that are worked on, the oldest first.
    pub async fn open_bulks(&self) -> Result<Vec<Bulk>> {
        self.db().read(OPEN, args![OPEN_MAX]).await?.iter_mut().map(read_bulk).collect()
    }

    /// Records what came of the deliveries up to `to`, and stores the runs. `false`: somebody else went on from here, or
    /// it has ended. [`Error::Conflict`]: the delivery is gone, or was accepted in the meantime; nothing is recorded.
    pub async fn bulk_step(&self, bulk: &mut Bulk, to: DeliveryId, step: Step) -> Result<bool> {
        let (done, failed, error) = match &step {
            Step::Nothing => (0u32, 0u32, None),
            Step::Runs(_) | Step::AfterAll(_) => (1, 0, None),
            Step::Failed(why) => (0, 1, Some(why.chars().take(ERROR_CHARS_MAX).collect::<String>())),
        };
        let mut batch = Batch::new();
        batch.execute(MOVE, args![bulk.id.0, bulk.at.0, to.0, done, failed, error.clone()], Expect::Exactly(1));
        let pinned = match &step {
            Step::AfterAll(what) => what.pin(),
            Step::Runs(runs) => tried::pin_of(runs),
            Step::Nothing | Step::Failed(_) => None,
        };
        let changed = match step {
            Step::AfterAll(what) => Self::accept_after_all_into(&mut batch, to, what, &bulk.author),
            Step::Runs(runs) => Self::run_again_into(&mut batch, runs),
            Step::Nothing | Step::Failed(_) => Vec::new(),
        };
        match self.db().write(batch).await {
            Ok(_) => {}
            Err(Error::Conflict { statement: 0 }) => return Ok(false),
            Err(error) => return Err(self.unpinned(pinned, error).await),
        }
        bulk.at = to;
        bulk.done += u64::from(done);
        bulk.failed += u64::from(failed);
        bulk.error = error.or(bulk.error.take());
        self.watch().tell_all(changed);
        Ok(true)
    }

    /// Ends a wish. `false`: it has ended already, or never was.
    pub async fn end_bulk(&self, id: ReplayId, state: State, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(END, args![id.0, state, now.0], Expect::Any);
        Ok(self.db().write(batch).await?.counts[0] > 0)
    }
}

fn read_bulk(row: &mut Row) -> Result<Bulk> {
    let id = ReplayId(row.int(0)?);
    Ok(Bulk {
        id,
        workspace: WorkspaceId(row.int(1)?),
        kind: word(row, 2)?,
        filter: serde_json::from_str(row.text(3)?)
            .map_err(|error| Error::corrupt(format!("the filter of replay {id}: {error}")))?,
        revision: row.int(4)?,
        wanted: narrow(row.int(5)?)?,
        author: row.take_text(6)?,
        created_at: Timestamp(row.int(7)?),
        at: DeliveryId(row.int(8)?),
        done: narrow(row.int(9)?)?,
        failed: narrow(row.int(10)?)?,
        state: word(row, 11)?,
        finished_at: row.opt_int(12)?.map(Timestamp),
        error: row.take_opt_text(13)?,
    })
}
