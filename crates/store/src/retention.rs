//! Retention: what is old, or too much, goes in small batches through the same writer, so that accepting hardly notices.
//!
//! Only runs that have ended go; never one that stops its lane. A delivery goes when none of its runs is left, because
//! a run without its delivery could not be looked at or repeated. A pass goes through the ids once, from the oldest;
//! what has to stay is passed over and not looked at again until the next pass. Of drafts that were tried, those that are
//! too many go in the same pass, whatever the policy says ([`crate::workflows::TRIED_DRAFTS_KEPT`]). Freed pages are
//! used again: a database under retention does not grow.

use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_engine::time::{Span, Timestamp};

use crate::db::{Batch, Expect};
use crate::deliveries::starting_nothing;
use crate::ids::first_id_at;
use crate::workflows::tried::Place;
use crate::{Result, Store, args, narrow};

/// Rows that are looked at for one batch.
pub const PRUNED_AT_ONCE: i64 = 500;
/// Rows that are counted by one query while the border of a number limit is looked for.
const COUNTED_AT_ONCE: i64 = 20_000;
/// A run that ended later than this before now may still be on its way into the database, and is left alone.
const JUST_ENDED: Span = Span(60_000);

/// What is kept. `None` keeps everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long runs are kept that succeeded, from their end.
    pub runs: Option<Span>,
    /// How long runs are kept that failed or were cancelled, from their end.
    pub failed_runs: Option<Span>,
    /// How many runs are kept, counted from the newest; open ones count and stay in any case.
    pub runs_max: Option<u64>,
    /// How long deliveries are kept (and longer while they have runs).
    pub deliveries: Option<Span>,
    /// How long deliveries are kept that were refused, repeat another one or were handshakes.
    pub refused_deliveries: Option<Span>,
}

/// One pass through the ids. Made by [`Store::plan_pruning`], used up by [`Store::prune`].
#[derive(Clone, Debug)]
pub struct Pass {
    now: Timestamp,
    ended_before: i64,
    succeeded_before: i64,
    failed_before: i64,
    runs_below: i64,
    deliveries_below: i64,
    refused_below: i64,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Runs { from: i64 },
    Deliveries { from: i64 },
    Drafts(Place),
    Keys,
    Nothing,
}

/// What one batch deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs.
    pub runs: u64,
    /// Which they are, so that what is kept of them elsewhere goes too.
    pub removed: Vec<RunId>,
    /// Entries of their journals.
    pub entries: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Drafts that were tried and that nobody needs any more, so that what is kept of them elsewhere goes too.
    pub drafts: Vec<(WorkflowId, u32)>,
    /// Idempotency keys that had expired.
    pub keys: u64,
    /// Whether the pass is at its end.
    pub done: bool,
}

/// Runs between `$1` and `$2` that go: ended before `$3`, and before `$4` if well, before `$5` if not; or below id `$6`.
macro_rules! runs_that_go {
    () => {
        "FROM runs
         WHERE id > $1
           AND id <= $2
           AND finished_at < $3
           AND holds_lane = 0
           AND (state = 'succeeded' AND finished_at < $4
                OR state IN ('failed', 'cancelled') AND finished_at < $5
                OR state IN ('succeeded', 'failed', 'cancelled') AND id < $6)"
    };
}

/// Deliveries between `$1` and `$2` that go: those below id `$3`, those that started nothing below `$4`, without runs.
macro_rules! deliveries_that_go {
    () => {
        concat!(
            "FROM deliveries
             WHERE id > $1
               AND id <= $2
               AND (outcome NOT IN ",
            starting_nothing!(),
            " AND id < $3 OR outcome IN ",
            starting_nothing!(),
            " AND id < $4)
               AND NOT EXISTS (SELECT 1 FROM runs r
                                WHERE r.id >= deliveries.run_first AND r.id <= deliveries.run_last
                                  AND r.delivery = deliveries.id)
               AND NOT EXISTS (SELECT 1 FROM replays p WHERE p.delivery = deliveries.id)"
        )
    };
}

const NEXT_RUNS: &str = "
    SELECT MAX(id), COUNT(*)
      FROM (SELECT id FROM runs WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS next";
const LIST_RUNS: &str = concat!("SELECT id ", runs_that_go!());
const DELETE_ENTRIES: &str =
    concat!("DELETE FROM journal WHERE run > $1 AND run <= $2 AND run IN (SELECT id ", runs_that_go!(), ")");
const DELETE_LISTED_RUNS: &str =
    concat!("DELETE FROM run_list WHERE (workflow, id) IN (SELECT workflow, id ", runs_that_go!(), ")");
const DELETE_REPLAYS: &str = concat!("DELETE FROM replays WHERE (delivery, run) IN (SELECT delivery, id ", runs_that_go!(), ")");
const DELETE_RUNS: &str = concat!("DELETE ", runs_that_go!());

const NEXT_DELIVERIES: &str = "
    SELECT MAX(id), COUNT(*)
      FROM (SELECT id FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS next";
const COUNT_DELIVERIES: &str = concat!("SELECT COUNT(*) ", deliveries_that_go!());
const DELETE_LISTED: &str =
    concat!("DELETE FROM delivery_list WHERE (hook, id) IN (SELECT hook, id ", deliveries_that_go!(), ")");
const DELETE_OUTCOMES: &str =
    concat!("DELETE FROM delivery_outcomes WHERE (outcome, id) IN (SELECT outcome, id ", deliveries_that_go!(), ")");
const DELETE_REFUSED: &str = concat!("DELETE FROM refused WHERE (hook, id) IN (SELECT hook, id ", deliveries_that_go!(), ")");
const DELETE_HELD: &str =
    concat!("DELETE FROM held WHERE (hook, delivery) IN (SELECT hook, id ", deliveries_that_go!(), " AND outcome = 'held')");
const DELETE_ACCEPTANCES: &str = concat!("DELETE FROM acceptances WHERE delivery IN (SELECT id ", deliveries_that_go!(), ")");
const DELETE_DELIVERIES: &str = concat!("DELETE ", deliveries_that_go!());

const DELETE_KEYS: &str = "
    DELETE FROM idempotency
     WHERE (hook, key_hash) IN (SELECT hook, key_hash FROM idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
       AND expires_at <= $1";

/// The last of the next newest runs, and how many they are.
const OLDER_RUNS: &str = "
    SELECT MIN(id), COUNT(*)
      FROM (SELECT id FROM runs WHERE id < $1 ORDER BY id DESC LIMIT $2) AS older";

impl Store {
    /// Decides what one pass of retention deletes.
    pub async fn plan_pruning(&self, policy: &Policy, now: Timestamp) -> Result<Pass> {
        let before = |age: Option<Span>| age.map_or(i64::MIN, |age| now.0.saturating_sub_unsigned(age.0));
        let id_before = |age: Option<Span>| age.map_or(-1, |_| first_id_at(Timestamp(before(age))));
        let runs_below = match policy.runs_max {
            Some(kept) => self.run_after_newest(kept).await?,
            None => -1,
        };
        Ok(Pass {
            now,
            ended_before: now.0.saturating_sub_unsigned(JUST_ENDED.0),
            succeeded_before: before(policy.runs),
            failed_before: before(policy.failed_runs),
            runs_below,
            deliveries_below: id_before(policy.deliveries),
            refused_below: id_before(policy.refused_deliveries),
            next: Next::Runs { from: -1 },
        })
    }

    /// The smallest id of the `kept` newest runs: what lies below it is too much.
    async fn run_after_newest(&self, kept: u64) -> Result<i64> {
        let mut border = i64::MAX;
        let mut left = i64::try_from(kept).unwrap_or(i64::MAX);
        while left > 0 {
            let rows = self.db().read(OLDER_RUNS, args![border, left.min(COUNTED_AT_ONCE)]).await?;
            let Some(row) = rows.first() else { break };
            // Fewer runs than are kept: none is too much.
            let Some(oldest) = row.opt_int(0)? else { return Ok(-1) };
            border = oldest;
            left -= row.int(1)?;
        }
        Ok(border)
    }

    /// Deletes the next batch of a pass. Call it, with pauses if you like, until it is done.
    pub async fn prune(&self, pass: &mut Pass) -> Result<Pruned> {
        match pass.next {
            Next::Runs { from } => self.prune_runs(pass, from).await,
            Next::Deliveries { from } => self.prune_deliveries(pass, from).await,
            Next::Drafts(place) => {
                let (drafts, next) = self.let_drafts_go(place).await?;
                pass.next = next.map_or(Next::Keys, Next::Drafts);
                Ok(Pruned { drafts, ..Pruned::default() })
            }
            Next::Keys => self.prune_keys(pass).await,
            Next::Nothing => Ok(Pruned { done: true, ..Pruned::default() }),
        }
    }

    async fn prune_runs(&self, pass: &mut Pass, from: i64) -> Result<Pruned> {
        // A run ends after it was made: younger ids than the latest border need not be looked at.
        let ended = Timestamp(pass.succeeded_before.max(pass.failed_before).min(pass.ended_before));
        let below = pass.runs_below.max(if ended.0 > 0 { first_id_at(ended) } else { -1 });
        let Some(to) = self.window(NEXT_RUNS, from, below).await? else {
            pass.next = Next::Deliveries { from: -1 };
            return Ok(Pruned::default());
        };
        let range = args![from, to, pass.ended_before, pass.succeeded_before, pass.failed_before, pass.runs_below];
        let mut pruned = Pruned::default();
        let found = self.db().read(LIST_RUNS, range.clone()).await?;
        if !found.is_empty() {
            let mut batch = Batch::new();
            for sql in [DELETE_ENTRIES, DELETE_LISTED_RUNS, DELETE_REPLAYS, DELETE_RUNS] {
                batch.execute(sql, range.clone(), Expect::Any);
            }
            let written = self.db().write(batch).await?;
            pruned.entries = written.counts[0];
            pruned.runs = written.counts[3];
            pruned.removed = found.iter().map(|row| row.int(0).map(RunId)).collect::<Result<_>>()?;
        }
        pass.next = Next::Runs { from: to };
        Ok(pruned)
    }

    async fn prune_deliveries(&self, pass: &mut Pass, from: i64) -> Result<Pruned> {
        let below = pass.deliveries_below.max(pass.refused_below);
        let Some(to) = self.window(NEXT_DELIVERIES, from, below).await? else {
            pass.next = Next::Drafts(Place::FIRST);
            return Ok(Pruned::default());
        };
        let range = args![from, to, pass.deliveries_below, pass.refused_below];
        let mut pruned = Pruned::default();
        if self.db().read(COUNT_DELIVERIES, range.clone()).await?.first().map_or(Ok(0), |row| row.int(0))? > 0 {
            let mut batch = Batch::new();
            for sql in [DELETE_LISTED, DELETE_OUTCOMES, DELETE_REFUSED, DELETE_HELD, DELETE_ACCEPTANCES, DELETE_DELIVERIES] {
                batch.execute(sql, range.clone(), Expect::Any);
            }
            pruned.deliveries = self.db().write(batch).await?.counts[5];
        }
        pass.next = Next::Deliveries { from: to };
        Ok(pruned)
    }

    async fn prune_keys(&self, pass: &mut Pass) -> Result<Pruned> {
        let mut batch = Batch::new();
        batch.execute(DELETE_KEYS, args![pass.now.0, PRUNED_AT_ONCE], Expect::Any);
        let keys = self.db().write(batch).await?.counts[0];
        if keys < narrow(PRUNED_AT_ONCE)? {
            pass.next = Next::Nothing;
        }
        Ok(Pruned { keys, done: matches!(pass.next, Next::Nothing), ..Pruned::default() })
    }

    /// The end of the next stretch of ids to look at.
    async fn window(&self, sql: &'static str, from: i64, below: i64) -> Result<Option<i64>> {
        if from >= below {
            return Ok(None);
        }
        let rows = self.db().read(sql, args![from, below, PRUNED_AT_ONCE]).await?;
        rows.first().map_or(Ok(None), |row| row.opt_int(0))
    }
}
