//! What refused requests, duplicates and handshakes may take: places while they wait for being stored, and bytes once they
//! are. All of them are called refused here: nobody was promised that they are kept.
//!
//! Whoever knows a hook's URL can have requests refused as fast as the network allows. They must not crowd out what is
//! accepted, so nobody waits for them to be stored, and their bytes in the database have a budget of their own: once it
//! is used up, the oldest go before the next ones come. The budget is shared fairly by the hooks: the largest takers are
//! brought down to a common level, and a hook below it loses nothing however much another one is flooded.
//!
//! The bytes of each stand in the table `refused`, written in the batch of the delivery. Between two sweeps a node may
//! store an eighth of the budget, and a sweep makes that much room before: one node never goes beyond the budget, each
//! further one that is flooded at the same time may for a moment by an eighth of it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hookmill_engine::id::{DeliveryId, HookId};
use tokio::sync::Mutex;

use super::{NewDelivery, starting_nothing};
use crate::db::{Arg, Args, Batch, Column, Expect, OnConflict, Table};
use crate::lists::DELIVERIES as DELIVERY_LISTS;
use crate::{Error, Result, Store, args, narrow, row};

/// Refused deliveries that wait for being stored; more are dropped, so that a flood of bad requests cannot crowd out good ones.
pub const REFUSED_WAITING_MAX: usize = 512;
/// Bytes of bodies of refused deliveries that wait for being stored.
pub const REFUSED_WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes that refused deliveries may take in the database, unless the configuration says otherwise.
pub const REFUSED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The part of the budget that is stored between two sweeps.
const SWEEP_PART: u64 = 8;
/// What a row costs beside its values: itself, and its entries in the lists.
const ROW_BYTES: usize = 256;
/// Deliveries that one batch of a sweep deletes.
const SWEPT_AT_ONCE: i64 = 500;

static REFUSED: Table = Table {
    name: "refused",
    columns: &[Column::int("hook"), Column::int("id"), Column::int("bytes")],
    on_conflict: OnConflict::Fail,
};

const TOTALS: &str = "SELECT hook, CAST(SUM(bytes) AS BIGINT) FROM refused GROUP BY hook";
const OLDEST: &str = "SELECT id, bytes FROM refused WHERE hook = $1 ORDER BY id LIMIT $2";

/// Takes turns with the indexer, which may be listing what is about to go.
pub(super) const HOLD_LISTS: &str = "UPDATE list_cursors SET up_to = up_to WHERE list = $1";
/// Takes turns with whoever is about to run one of them: what was run leaves the table first, and is not found below.
const HOLD: &str = "UPDATE refused SET bytes = bytes WHERE hook = $1 AND id <= $2";
const DELETE_LISTED: &str = "
    DELETE FROM delivery_list
     WHERE hook = $1
       AND id <= $2
       AND id IN (SELECT id FROM refused WHERE hook = $1 AND id <= $2)";
const DELETE_OUTCOMES: &str = concat!(
    "DELETE FROM delivery_outcomes WHERE outcome IN ",
    starting_nothing!(),
    " AND id IN (SELECT id FROM refused WHERE hook = $1 AND id <= $2)"
);
const DELETE_DELIVERIES: &str = concat!(
    "DELETE FROM deliveries WHERE outcome IN ",
    starting_nothing!(),
    " AND id IN (SELECT id FROM refused WHERE hook = $1 AND id <= $2)"
);
const DELETE_COUNTED: &str = "DELETE FROM refused WHERE hook = $1 AND id <= $2";

const FORGET: &str = "DELETE FROM refused WHERE (hook, id) IN (SELECT hook, id FROM deliveries WHERE id = $1)";

/// Counts what [`Store::refuse`] has under way and what it had to drop, and keeps the budget.
pub(crate) struct Refusals {
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
    bytes_max: u64,
    /// What may be stored until the next sweep.
    room: Mutex<u64>,
}

impl Refusals {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let (waiting, waiting_bytes, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        Self { waiting, waiting_bytes, dropped, bytes_max, room: Mutex::new(0) }
    }

    fn ended(&self, bytes: usize, stored: bool) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if !stored {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Adds what a refused delivery takes to the batch that stores it.
pub(super) fn count_into(batch: &mut Batch, hook: HookId, id: DeliveryId, values: &[Arg]) {
    let bytes = ROW_BYTES + values.iter().map(Arg::bytes).sum::<usize>();
    batch.insert(&REFUSED, row![hook.0, id.0, i64::try_from(bytes).unwrap_or(i64::MAX)]);
}

/// Takes a delivery out of the budget: it has a run now, and goes with that.
pub(super) fn forget_into(batch: &mut Batch, delivery: DeliveryId) {
    batch.execute(FORGET, args![delivery.0], Expect::Any);
}

/// No less than what a delivery will take: its body may get smaller on its way to the disk.
fn bytes_at_most(delivery: &NewDelivery) -> u64 {
    /// Quotes and commas of a header as JSON, and room for characters that are escaped.
    const HEADER_BYTES: usize = 8;
    let headers: usize = delivery.headers.iter().map(|(name, value)| HEADER_BYTES + name.len() + 2 * value.len()).sum();
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let texts = delivery.method.len() + delivery.path_and_query.len() + delivery.address.len();
    let facts = delivery.facts.text().map_or(0, |facts| facts.len());
    let fixed = ROW_BYTES + super::DELIVERY_COLUMNS * 8;
    let all = fixed + headers + texts + text(&delivery.reason) + text(&delivery.detail) + delivery.body.len() + facts;
    u64::try_from(all).unwrap_or(u64::MAX)
}

/// The most that a hook may keep so that all together keep no more than `bytes`.
fn fair_level(totals: &[u64], bytes: u64) -> u64 {
    let mut sorted = totals.to_vec();
    sorted.sort_unstable();
    let (mut left, mut hooks) = (bytes, sorted.len() as u64);
    for total in sorted {
        if total > left / hooks {
            return left / hooks;
        }
        left -= total;
        hooks -= 1;
    }
    u64::MAX
}

impl Store {
    /// Stores a delivery that starts nothing, later and only if there is room: nobody waits for it.
    ///
    /// Must be called inside a Tokio runtime.
    pub fn refuse(&self, delivery: NewDelivery) {
        let bytes = delivery.body.len();
        let refusals = self.refusals();
        let waiting = refusals.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        let waiting_bytes = refusals.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > REFUSED_WAITING_MAX || waiting_bytes > REFUSED_WAITING_BYTES_MAX {
            refusals.ended(bytes, false);
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            let stored = match store.take_refused_room(bytes_at_most(&delivery)).await {
                Ok(()) => store.accept(delivery, Vec::new()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &stored {
                tracing::debug!(%error, "A refused request was not kept: {error}");
            }
            store.refusals().ended(bytes, stored.is_ok());
        });
    }

    /// How many refused deliveries could not be stored since the start, for want of room or database.
    pub fn refused_dropped(&self) -> u64 {
        self.refusals().dropped.load(Ordering::Relaxed)
    }

    /// Bytes that refused deliveries take in the database.
    pub async fn refused_bytes(&self) -> Result<u64> {
        Ok(self.refused_totals().await?.iter().map(|(_, bytes)| bytes).sum())
    }

    async fn take_refused_room(&self, bytes: u64) -> Result<()> {
        let refusals = self.refusals();
        if bytes > refusals.bytes_max {
            return Err(Error::Invalid(format!("{bytes} bytes are more than all refused deliveries may take")));
        }
        let mut room = refusals.room.lock().await;
        if *room < bytes {
            let wanted = bytes.max(refusals.bytes_max / SWEEP_PART);
            // Counted as used up for as long as the sweep has not succeeded.
            *room = 0;
            let left = self.sweep_refused(refusals.bytes_max - wanted).await?;
            *room = (refusals.bytes_max.saturating_sub(left)).min(wanted);
        }
        *room = room.checked_sub(bytes).ok_or_else(|| Error::unavailable("no room for refused deliveries was made"))?;
        Ok(())
    }

    async fn refused_totals(&self) -> Result<Vec<(HookId, u64)>> {
        let rows = self.db().read(TOTALS, Args::new()).await?;
        rows.iter().map(|row| Ok((HookId(row.int(0)?), narrow(row.int(1)?)?))).collect()
    }

    /// Deletes the oldest refused deliveries of the largest takers until all together take no more than `bytes`; what
    /// they take then.
    async fn sweep_refused(&self, bytes: u64) -> Result<u64> {
        let totals = self.refused_totals().await?;
        let level = fair_level(&totals.iter().map(|(_, total)| *total).collect::<Vec<_>>(), bytes);
        let mut left = 0;
        for (hook, total) in totals {
            left += if total > level { self.sweep_hook(hook, total, level).await? } else { total };
        }
        Ok(left)
    }

    async fn sweep_hook(&self, hook: HookId, mut total: u64, level: u64) -> Result<u64> {
        while total > level {
            let mut border = None;
            for row in self.db().read(OLDEST, args![hook.0, SWEPT_AT_ONCE]).await? {
                border = Some(row.int(0)?);
                total = total.saturating_sub(narrow(row.int(1)?)?);
                if total <= level {
                    break;
                }
            }
            // Somebody else deleted the rest.
            let Some(border) = border else { return Ok(0) };
            let mut batch = Batch::new();
            batch.execute(HOLD_LISTS, args![DELIVERY_LISTS], Expect::Exactly(1));
            for sql in [HOLD, DELETE_LISTED, DELETE_OUTCOMES, DELETE_DELIVERIES, DELETE_COUNTED] {
                batch.execute(sql, args![hook.0, border], Expect::Any);
            }
            self.db().write(batch).await?;
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_takers_are_brought_down_to_a_common_level() {
        for (totals, bytes, level) in [
            (&[][..], 100, u64::MAX),
            (&[40, 60], 100, u64::MAX),
            (&[10, 1_000], 100, 90),
            (&[10, 1_000, 2_000], 100, 45),
            (&[500, 500, 500], 100, 33),
            (&[1, 2], 0, 0),
        ] {
            assert_eq!(fair_level(totals, bytes), level, "{totals:?}");
            let kept: u64 = totals.iter().map(|total| total.min(&level)).sum();
            assert!(kept <= bytes, "{totals:?}");
        }
    }
}
