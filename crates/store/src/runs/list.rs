//! Lists of runs, and how many are waiting.

use hookmill_engine::id::{DeliveryId, RunId, WorkflowId};
use hookmill_engine::time::Timestamp;

use super::State;
use crate::db::{Arg, Row};
use crate::hooks::TEST_PATHS;
use crate::ids::first_id_at;
use crate::lists::{Derived, RUNS};
use crate::page::{Page, Segment, Span, read_page};
use crate::words::word;
use crate::{Result, Store, args, narrow};

/// Runs beyond this number are not counted by [`Store::backlog`].
pub const BACKLOG_COUNTED_MAX: i64 = 100_000;

/// Up to this number of open runs a list of the ready or running ones looks at all of them and sorts. Beyond, it goes
/// through the table like any rare match, page by page, so that a long backlog cannot make it slow.
const OPEN_SORTED_MAX: i64 = 30_000;

/// Which runs are asked for.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Those of one workflow.
    pub workflow: Option<WorkflowId>,
    /// Those in this state.
    pub state: Option<State>,
    /// Those that a delivery started, replays included.
    pub delivery: Option<DeliveryId>,
    /// Those below this cursor.
    pub before: Option<RunId>,
    /// Those above this cursor.
    pub after: Option<RunId>,
    /// Those stored at or after this time.
    pub since: Option<Timestamp>,
    /// Those stored before this time.
    pub until: Option<Timestamp>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in RunRow")]
pub struct RunSummary {
    pub id: RunId,
    pub workflow: WorkflowId,
    pub revision: u32,
    pub state: State,
    pub delivery: Option<DeliveryId>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub steps_done: u32,
    pub origin: Option<RunId>,
    pub lane: Option<String>,
    pub error: Option<String>,
    /// Whether its delivery came to a test URL.
    pub test: bool,
}

/// As many characters are read of the path of a run's delivery.
const _: () = assert!(TEST_PATHS.len() == 12);

macro_rules! columns {
    () => {
        "SELECT r.id, r.workflow, r.revision, r.state, r.delivery, r.created_at, r.started_at, r.finished_at, r.due_at,
                r.steps_done, r.origin, r.lane, r.error,
                (SELECT SUBSTR(d.path, 1, 12) FROM deliveries d WHERE d.id = r.delivery) "
    };
}

pub(super) const TABLE: [&str; 2] = [
    concat!(columns!(), "FROM runs r WHERE r.id > $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"),
    concat!(columns!(), "FROM runs r WHERE r.id > $1 AND r.id < $2 ORDER BY r.id LIMIT $3"),
];

pub(super) const OF_WORKFLOW: [&str; 2] = [
    concat!(
        columns!(),
        "FROM run_list l JOIN runs r ON r.id = l.id
         WHERE l.workflow = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM run_list l JOIN runs r ON r.id = l.id
         WHERE l.workflow = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id LIMIT $3"
    ),
];

/// States with an index in the order of ids.
pub(super) const IN_RARE_STATE: [&str; 2] = [
    concat!(
        columns!(),
        "FROM runs r WHERE r.state = $4 AND r.state <> 'ready' AND r.state <> 'running' AND r.state <> 'succeeded'
          AND r.id > $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM runs r WHERE r.state = $4 AND r.state <> 'ready' AND r.state <> 'running' AND r.state <> 'succeeded'
          AND r.id > $1 AND r.id < $2 ORDER BY r.id LIMIT $3"
    ),
];

/// Ready and running: all open runs are looked at and sorted. The plus keeps both databases from walking through all
/// finished runs in the order of ids instead.
pub(super) const IN_OPEN_STATE: [&str; 2] = [
    concat!(
        columns!(),
        "FROM runs r WHERE r.due_at >= 0 AND r.state = $4
          AND +r.id > $1 AND +r.id < $2 ORDER BY +r.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM runs r WHERE r.due_at >= 0 AND r.state = $4
          AND +r.id > $1 AND +r.id < $2 ORDER BY +r.id LIMIT $3"
    ),
];

const OF_DELIVERY: [&str; 2] = [
    concat!(
        columns!(),
        "FROM (SELECT r.id FROM deliveries d
                 JOIN runs r ON r.id >= d.run_first AND r.id <= d.run_last AND r.delivery = d.id
                WHERE d.id = $4
                UNION SELECT run FROM replays WHERE delivery = $4) l
         JOIN runs r ON r.id = l.id
         WHERE r.id > $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM (SELECT r.id FROM deliveries d
                 JOIN runs r ON r.id >= d.run_first AND r.id <= d.run_last AND r.delivery = d.id
                WHERE d.id = $4
                UNION SELECT run FROM replays WHERE delivery = $4) l
         JOIN runs r ON r.id = l.id
         WHERE r.id > $1 AND r.id < $2 ORDER BY r.id LIMIT $3"
    ),
];

pub(super) const BACKLOG: &str = "
    SELECT COUNT(*)
      FROM (SELECT id
              FROM runs
             WHERE due_at <= $1
             LIMIT $2) AS due";

pub(super) const FREE: &str = "
    SELECT COUNT(*)
      FROM (SELECT id
              FROM runs
             WHERE epoch = 0
               AND due_at <= $1
             LIMIT $2) AS free";

impl RunFilter {
    fn span(&self) -> Span {
        Span {
            after: self.after.map(|id| id.0),
            before: self.before.map(|id| id.0),
            floor: self.since.map(|at| first_id_at(at) - 1),
            ceiling: self.until.map(first_id_at),
        }
    }

    fn matches(&self, run: &RunSummary) -> bool {
        self.workflow.is_none_or(|workflow| workflow == run.workflow) && self.state.is_none_or(|state| state == run.state)
    }
}

impl Store {
    /// A page of runs, newest first.
    pub async fn runs(&self, filter: &RunFilter, limit: usize) -> Result<Page<RunSummary>> {
        let whole = |sql, key: Arg| vec![Segment::whole(sql, Some(key))];
        let segments: Vec<Segment> = match (filter.delivery, filter.state, filter.workflow) {
            (Some(delivery), _, _) => whole(OF_DELIVERY, delivery.0.into()),
            (None, Some(state @ (State::Ready | State::Running)), _) => {
                if self.count_due(Timestamp(i64::MAX), OPEN_SORTED_MAX).await? < OPEN_SORTED_MAX {
                    whole(IN_OPEN_STATE, state.into())
                } else {
                    vec![Segment::whole(TABLE, None)]
                }
            }
            (None, Some(state), _) if state != State::Succeeded => whole(IN_RARE_STATE, state.into()),
            (None, _, Some(workflow)) => {
                self.tail_and_list(Derived { list: RUNS, table: TABLE, sql: OF_WORKFLOW, key: workflow.0.into() }).await?
            }
            (None, _, None) => vec![Segment::whole(TABLE, None)],
        };
        read_page(self.db(), &segments, filter.span(), limit, read_summary, |run| filter.matches(run)).await
    }

    /// How many runs should be going on by now: ready, running, or due after a wait. Counts to [`BACKLOG_COUNTED_MAX`].
    pub async fn backlog(&self, now: Timestamp) -> Result<u64> {
        narrow(self.count_due(now, BACKLOG_COUNTED_MAX).await?)
    }

    /// How many runs are due that nobody has in memory. Counts to `at_most`.
    pub async fn count_free(&self, now: Timestamp, at_most: u64) -> Result<u64> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = self.db().read(FREE, args![now.0, at_most]).await?;
        rows.first().map_or(Ok(0), |row| narrow(row.int(0)?))
    }

    async fn count_due(&self, now: Timestamp, at_most: i64) -> Result<i64> {
        let rows = self.db().read(BACKLOG, args![now.0, at_most]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }
}

fn read_summary(row: &mut Row) -> Result<RunSummary> {
    Ok(RunSummary {
        id: RunId(row.int(0)?),
        workflow: WorkflowId(row.int(1)?),
        revision: narrow(row.int(2)?)?,
        state: word(row, 3)?,
        delivery: row.opt_int(4)?.map(DeliveryId),
        created_at: Timestamp(row.int(5)?),
        started_at: row.opt_int(6)?.map(Timestamp),
        finished_at: row.opt_int(7)?.map(Timestamp),
        due_at: row.opt_int(8)?.map(Timestamp),
        steps_done: narrow(row.int(9)?)?,
        origin: row.opt_int(10)?.map(RunId),
        lane: row.take_opt_text(11)?,
        error: row.take_opt_text(12)?,
        test: row.take_opt_text(13)?.is_some_and(|path| path == TEST_PATHS),
    })
}
