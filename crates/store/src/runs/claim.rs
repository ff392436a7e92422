//! Taking runs into memory: at start-up, at takeover, and when a parked run is due.
//!
//! Candidates are read first (that costs the writer nothing), then each is claimed by a statement that checks once
//! more that the bucket is owned and that nobody was faster. What comes back is fenced: the run carries our epoch.

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::time::Timestamp;

use super::{RunRow, read_run, run_columns};
use crate::buckets::Owned;
use crate::db::{Batch, Expect};
use crate::deliveries::Delivery;
use crate::{Result, Store, args};

/// Runs that are claimed at once.
pub const CLAIM_MAX: usize = 500;
/// Bytes of bodies that are loaded by one claim (one larger body is still loaded alone).
pub const CLAIM_BODY_BYTES_MAX: i64 = 16 * 1024 * 1024;

/// Which runs are to be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// Those that nobody has in memory. Cheap at any number of stored, parked and running runs: for polling.
    Unclaimed,
    /// Those of former owners too, which looks at every open run that is due: for start-up and after buckets were won.
    Abandoned,
}

/// A run that is now ours, with what it was started by.
#[derive(Clone, Debug)]
pub struct ClaimedRun {
    /// The run; its epoch is the one to commit with.
    pub run: RunRow,
    /// Its delivery, if it has one that is still stored.
    pub delivery: Option<Delivery>,
    /// The delivery's body; an error if it is damaged, empty without a delivery.
    pub body: Result<Bytes>,
}

pub(super) const UNCLAIMED: &str = "
    SELECT r.id, r.epoch, r.bucket, b.epoch, COALESCE(d.body_bytes, 0)
      FROM runs r
      JOIN buckets b ON b.bucket = r.bucket
      LEFT JOIN deliveries d ON d.id = r.delivery
     WHERE r.epoch = 0
       AND r.due_at <= $2
       AND b.owner = $1
     ORDER BY r.due_at, r.id
     LIMIT $3";

pub(super) const ABANDONED: &str = "
    SELECT r.id, r.epoch, r.bucket, b.epoch, COALESCE(d.body_bytes, 0)
      FROM runs r
      JOIN buckets b ON b.bucket = r.bucket
      LEFT JOIN deliveries d ON d.id = r.delivery
     WHERE r.epoch < b.epoch
       AND r.due_at <= $2
       AND b.owner = $1
     ORDER BY r.due_at, r.id
     LIMIT $3";

const ONE: &str = "
    SELECT r.id, r.epoch, r.bucket, b.epoch, 0
      FROM runs r
      JOIN buckets b ON b.bucket = r.bucket
     WHERE r.id = $2
       AND r.epoch < b.epoch
       AND r.state <> 'succeeded' AND r.state <> 'failed' AND r.state <> 'cancelled'
       AND b.owner = $1";

const CLAIM: &str = concat!(
    "UPDATE runs
        SET epoch = $4
      WHERE id = $1
        AND epoch = $2
        AND state <> 'succeeded' AND state <> 'failed' AND state <> 'cancelled'
        AND EXISTS (SELECT 1 FROM buckets WHERE bucket = $3 AND epoch = $4 AND owner = $5)
     RETURNING ",
    run_columns!()
);

const RELEASE: &str = "
    UPDATE runs
       SET epoch = 0
     WHERE id = $1
       AND epoch = $2
       AND state IN ('held', 'ready', 'running', 'waiting', 'asking')
    RETURNING id";

/// Runs that one look of [`Store::held_runs`] gives; more than fit in memory at once.
pub const HELD_MAX: i64 = 30_000;

const HELD: &str = "
    SELECT r.id, r.epoch
      FROM runs r
      JOIN buckets b ON b.bucket = r.bucket
     WHERE r.epoch = b.epoch
       AND r.due_at < $2
       AND b.owner = $1
     ORDER BY r.due_at, r.id
     LIMIT $3";

pub(super) const NEXT_DUE: &str = "
    SELECT r.due_at
      FROM runs r
      JOIN buckets b ON b.bucket = r.bucket
     WHERE r.epoch = 0
       AND r.due_at > $2
       AND b.owner = $1
     ORDER BY r.due_at, r.id
     LIMIT 1";

struct Candidate {
    run: i64,
    epoch: i64,
    bucket: i64,
    new_epoch: i64,
}

impl Store {
    /// Takes runs that are due by `due_before` and belong to owned buckets, in the order in which they are due.
    ///
    /// Returns at most `limit` (and [`CLAIM_MAX`]) runs; call again until nothing comes. None are returned twice: a
    /// claimed run stays ours until it is committed with `release` or its bucket is lost.
    pub async fn claim_runs(&self, owned: &Owned, which: Free, due_before: Timestamp, limit: usize) -> Result<Vec<ClaimedRun>> {
        let sql = match which {
            Free::Unclaimed => UNCLAIMED,
            Free::Abandoned => ABANDONED,
        };
        let limit = i64::try_from(limit.min(CLAIM_MAX)).expect("CLAIM_MAX is small");
        let rows = self.db().read(sql, args![owned.node().0, due_before.0, limit]).await?;
        let mut candidates = Vec::with_capacity(rows.len());
        let mut body_bytes = 0i64;
        for row in &rows {
            body_bytes = body_bytes.saturating_add(row.int(4)?);
            if body_bytes > CLAIM_BODY_BYTES_MAX && !candidates.is_empty() {
                break;
            }
            candidates.push(Candidate { run: row.int(0)?, epoch: row.int(1)?, bucket: row.int(2)?, new_epoch: row.int(3)? });
        }
        self.take(owned, &candidates).await
    }

    /// Takes one run that is not due, in any state that is not final: to cancel it, to let it start, to decide for it.
    /// `None`: there is no such run, it has ended, it is claimed already, or its bucket is not ours.
    pub async fn claim_run(&self, owned: &Owned, run: RunId) -> Result<Option<ClaimedRun>> {
        let rows = self.db().read(ONE, args![owned.node().0, run.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let candidate = Candidate { run: row.int(0)?, epoch: row.int(1)?, bucket: row.int(2)?, new_epoch: row.int(3)? };
        Ok(self.take(owned, &[candidate]).await?.pop())
    }

    /// When the next run that nobody has in memory becomes due, after `now`.
    pub async fn next_due(&self, owned: &Owned, now: Timestamp) -> Result<Option<Timestamp>> {
        let rows = self.db().read(NEXT_DUE, args![owned.node().0, now.0]).await?;
        rows.first().map(|row| row.int(0).map(Timestamp)).transpose()
    }

    /// Open runs that were due before a time and carry the epoch under which they are ours, the oldest first; at most
    /// [`HELD_MAX`].
    pub async fn held_runs(&self, owned: &Owned, due_before: Timestamp) -> Result<Vec<(RunId, i64)>> {
        let rows = self.db().read(HELD, args![owned.node().0, due_before.0, HELD_MAX]).await?;
        rows.iter().map(|row| Ok((RunId(row.int(0)?), row.int(1)?))).collect()
    }

    /// Gives a run back unchanged: whoever owns its bucket claims it again when it is due. `false`: it has ended, or does
    /// not carry that epoch.
    pub async fn release_run(&self, run: RunId, epoch: i64) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(RELEASE, args![run.0, epoch], Expect::Any);
        let written = self.db().write(batch).await?;
        Ok(written.rows.first().is_some_and(|rows| !rows.is_empty()))
    }

    async fn take(&self, owned: &Owned, candidates: &[Candidate]) -> Result<Vec<ClaimedRun>> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Batch::new();
        for one in candidates {
            batch.execute(CLAIM, args![one.run, one.epoch, one.bucket, one.new_epoch, owned.node().0], Expect::Any);
        }
        let written = self.db().write(batch).await?;
        let mut runs = Vec::with_capacity(candidates.len());
        // One statement a run: their order is that of the candidates.
        for mut row in written.rows.into_iter().flatten() {
            runs.push(read_run(&mut row)?);
        }
        self.with_deliveries(runs).await
    }

    /// Joins runs with their deliveries.
    pub async fn with_deliveries(&self, runs: Vec<RunRow>) -> Result<Vec<ClaimedRun>> {
        let mut ids: Vec<DeliveryId> = runs.iter().filter_map(|run| run.delivery).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = self.deliveries_with_bodies(&ids).await?;
        found.sort_unstable_by_key(|(delivery, _)| delivery.id);
        let joined = runs.into_iter().map(|run| {
            let place = run.delivery.and_then(|id| found.binary_search_by_key(&id, |(delivery, _)| delivery.id).ok());
            match place.map(|place| found[place].clone()) {
                Some((delivery, body)) => ClaimedRun { run, delivery: Some(delivery), body },
                None => ClaimedRun { run, delivery: None, body: Ok(Bytes::new()) },
            }
        });
        Ok(joined.collect())
    }
}
