//! What paused hooks took in: kept in the order of reception until somebody resumes the hook.
//!
//! The runs of a held delivery are stored with it, in the state [`State::Held`]: they have no due time, so nobody fetches
//! them. A row in the table `held` says that they wait for their hook. Letting them go is a batch for a few deliveries: it
//! checks that the hook is active, takes their rows away, and makes their runs ready. Whatever ends in between, every
//! delivery is either still held or let go as a whole, and two nodes that let go the same hook do each delivery once.

use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;

use super::{Outcome, refused};
use crate::db::{Batch, Column, Expect, OnConflict, Row, Table};
use crate::lists::DELIVERIES as DELIVERY_LISTS;
use crate::watch::Changed;
use crate::{Error, Result, Store, args, narrow, row};

/// Deliveries that are let go by one batch.
pub const RELEASED_AT_ONCE: i64 = 100;
/// Runs that are let go by one batch; a delivery that has more goes alone.
pub const RELEASED_RUNS_MAX: i64 = 1_000;
/// Bytes of bodies of the deliveries that are let go by one batch: SQLite writes the whole row of each again.
pub const RELEASED_BYTES_MAX: i64 = 4 * 1024 * 1024;

static HELD: Table = Table {
    name: "held",
    columns: &[Column::int("hook"), Column::int("delivery"), Column::int("runs"), Column::int("bytes")],
    on_conflict: OnConflict::Fail,
};

const NEXT: &str = "
    SELECT h.delivery, h.runs, h.bytes, COALESCE(d.run_first, 0), COALESCE(d.run_last, -1)
      FROM held h
      LEFT JOIN deliveries d ON d.id = h.delivery
     WHERE h.hook = $1
     ORDER BY h.delivery
     LIMIT $2";
const NEXT_HOOK: &str = "SELECT hook FROM held WHERE hook > $1 ORDER BY hook LIMIT 1";
const COUNT: &str = "SELECT COUNT(*) FROM held WHERE hook = $1";

const COUNT_RUNS: &str = "
    SELECT CAST(COALESCE(SUM(runs), 0) AS BIGINT)
      FROM (SELECT runs FROM held LIMIT $1) AS waiting";

/// Whoever pauses the hook waits for this batch, or this batch sees the pause.
const IS_ACTIVE: &str = "UPDATE hooks SET state = state WHERE id = $1 AND state = 'active'";
const TAKE: &str = "DELETE FROM held WHERE hook = $1 AND delivery = $2";
const LET_GO: &str = "
    UPDATE runs
       SET state = 'ready', due_at = $4
     WHERE id >= $1
       AND id <= $2
       AND delivery = $3
       AND state = 'held'";
const ACCEPTED: &str = "UPDATE deliveries SET outcome = 'accepted' WHERE id = $1 AND outcome = 'held'";
const UNLIST: &str = "DELETE FROM delivery_outcomes WHERE outcome = 'held' AND id = $1";

/// What became of an attempt to let deliveries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// So many deliveries were let go; there may be more.
    Some(usize),
    /// None is held any more.
    Nothing,
    /// The hook is not active.
    Shut,
}

/// Adds what says that a delivery's runs wait for their hook.
pub(super) fn hold_into(batch: &mut Batch, hook: HookId, delivery: DeliveryId, runs: usize, bytes: usize) {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    batch.insert(&HELD, row![hook.0, delivery.0, number(runs), number(bytes)]);
}

struct Waiting {
    delivery: i64,
    runs: i64,
    bytes: i64,
    run_first: i64,
    run_last: i64,
}

impl Waiting {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self { delivery: row.int(0)?, runs: row.int(1)?, bytes: row.int(2)?, run_first: row.int(3)?, run_last: row.int(4)? })
    }
}

impl Store {
    /// The next hook after `after` that holds deliveries, in whatever state it is.
    pub async fn next_holding(&self, after: Option<HookId>) -> Result<Option<HookId>> {
        let rows = self.db().read(NEXT_HOOK, args![after.map_or(-1, |hook| hook.0)]).await?;
        rows.first().map(|row| row.int(0).map(HookId)).transpose()
    }

    /// How many deliveries a hook holds.
    pub async fn held_count(&self, hook: HookId) -> Result<u64> {
        let rows = self.db().read(COUNT, args![hook.0]).await?;
        rows.first().map_or(Ok(0), |row| narrow(row.int(0)?))
    }

    /// How many runs paused hooks hold together. Looks at `at_most` deliveries.
    pub async fn count_held_runs(&self, at_most: u64) -> Result<u64> {
        let rows = self.db().read(COUNT_RUNS, args![i64::try_from(at_most).unwrap_or(i64::MAX)]).await?;
        rows.first().map_or(Ok(0), |row| narrow(row.int(0)?))
    }

    /// Lets the oldest deliveries of an active hook go: their runs are ready, and due at `now`.
    pub async fn release_held(&self, hook: HookId, now: Timestamp) -> Result<Released> {
        let next = self.next_held(hook).await?;
        if next.is_empty() {
            return Ok(Released::Nothing);
        }
        let mut batch = Batch::new();
        batch.execute(IS_ACTIVE, args![hook.0], Expect::Exactly(1));
        batch.execute(refused::HOLD_LISTS, args![DELIVERY_LISTS], Expect::Exactly(1));
        for one in &next {
            batch.execute(TAKE, args![hook.0, one.delivery], Expect::Exactly(1));
            batch.execute(LET_GO, args![one.run_first, one.run_last, one.delivery, now.0], Expect::Any);
            batch.execute(ACCEPTED, args![one.delivery], Expect::Any);
            batch.execute(UNLIST, args![one.delivery], Expect::Any);
        }
        match self.db().write(batch).await {
            Ok(_) => {}
            Err(Error::Conflict { statement: 0 }) => return Ok(Released::Shut),
            // Somebody else let one of them go; whoever asks again gets the next ones.
            Err(Error::Conflict { .. }) => return Ok(Released::Some(0)),
            Err(error) => return Err(error),
        }
        let outcome = Outcome::Accepted;
        self.watch().tell_all(next.iter().map(|one| Changed::Delivery { id: DeliveryId(one.delivery), hook, outcome }));
        Ok(Released::Some(next.len()))
    }

    /// The oldest held deliveries, as many as one batch takes.
    async fn next_held(&self, hook: HookId) -> Result<Vec<Waiting>> {
        let rows = self.db().read(NEXT, args![hook.0, RELEASED_AT_ONCE]).await?;
        let (mut next, mut runs, mut bytes) = (Vec::with_capacity(rows.len()), 0i64, 0i64);
        for row in &rows {
            let one = Waiting::read(row)?;
            runs = runs.saturating_add(one.runs);
            bytes = bytes.saturating_add(one.bytes);
            if !next.is_empty() && (runs > RELEASED_RUNS_MAX || bytes > RELEASED_BYTES_MAX) {
                break;
            }
            next.push(one);
        }
        Ok(next)
    }
}
