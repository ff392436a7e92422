//! Lists of deliveries.

use hookmill_engine::id::{DeliveryId, HookId, RunId};
use hookmill_engine::time::Timestamp;

use super::Outcome;
use crate::db::{Arg, Row};
use crate::ids::first_id_at;
use crate::lists::{DELIVERIES, Derived};
use crate::page::{Page, Segment, Span, read_page};
use crate::words::word;
use crate::{Result, Store, narrow};

/// Which deliveries are asked for.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Those of one hook.
    pub hook: Option<HookId>,
    /// Those with this outcome.
    pub outcome: Option<Outcome>,
    /// Those with this status.
    pub status: Option<u16>,
    /// Those below this cursor.
    pub before: Option<DeliveryId>,
    /// Those above this cursor.
    pub after: Option<DeliveryId>,
    /// Those stored at or after this time.
    pub since: Option<Timestamp>,
    /// Those stored before this time.
    pub until: Option<Timestamp>,
}

/// A delivery in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in Delivery")]
pub struct DeliverySummary {
    pub id: DeliveryId,
    pub hook: HookId,
    pub outcome: Outcome,
    pub status: u16,
    pub received_at: Timestamp,
    pub duration_us: u64,
    pub body_bytes: u64,
    pub method: String,
    pub path_and_query: String,
    pub address: String,
    pub reason: Option<String>,
    pub detail: Option<String>,
    /// The first run that was accepted with it.
    pub run: Option<RunId>,
    /// Whether there are more runs: accepted with it, or started from it later ([`Store::runs_of_delivery`]).
    pub more_runs: bool,
}

macro_rules! columns {
    () => {
        "SELECT d.id, d.hook, d.outcome, d.status, d.received_at, d.duration_us, d.body_bytes, d.method, d.path,
                d.address, d.reason, d.detail, d.run_first, d.run_last,
                (SELECT COUNT(*) FROM replays p WHERE p.delivery = d.id) "
    };
}

const TABLE: [&str; 2] = [
    concat!(columns!(), "FROM deliveries d WHERE d.id > $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3"),
    concat!(columns!(), "FROM deliveries d WHERE d.id > $1 AND d.id < $2 ORDER BY d.id LIMIT $3"),
];

const OF_HOOK: [&str; 2] = [
    concat!(
        columns!(),
        "FROM delivery_list l JOIN deliveries d ON d.id = l.id
         WHERE l.hook = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM delivery_list l JOIN deliveries d ON d.id = l.id
         WHERE l.hook = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id LIMIT $3"
    ),
];

const OF_OUTCOME: [&str; 2] = [
    concat!(
        columns!(),
        "FROM delivery_outcomes l JOIN deliveries d ON d.id = l.id
         WHERE l.outcome = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
    ),
    concat!(
        columns!(),
        "FROM delivery_outcomes l JOIN deliveries d ON d.id = l.id
         WHERE l.outcome = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id LIMIT $3"
    ),
];

impl DeliveryFilter {
    fn span(&self) -> Span {
        Span {
            after: self.after.map(|id| id.0),
            before: self.before.map(|id| id.0),
            floor: self.since.map(|at| first_id_at(at) - 1),
            ceiling: self.until.map(first_id_at),
        }
    }

    fn matches(&self, delivery: &DeliverySummary) -> bool {
        self.hook.is_none_or(|hook| hook == delivery.hook)
            && self.outcome.is_none_or(|outcome| outcome == delivery.outcome)
            && self.status.is_none_or(|status| status == delivery.status)
    }
}

impl Store {
    /// A page of deliveries, newest first.
    pub async fn deliveries(&self, filter: &DeliveryFilter, limit: usize) -> Result<Page<DeliverySummary>> {
        // The rare outcomes are the shorter list; accepted deliveries are in no list of their own.
        let derived: Option<([&'static str; 2], Arg)> = match (filter.hook, filter.outcome) {
            (_, Some(outcome)) if outcome != Outcome::Accepted => Some((OF_OUTCOME, outcome.into())),
            (Some(hook), _) => Some((OF_HOOK, hook.0.into())),
            _ => None,
        };
        let segments: Vec<Segment> = match derived {
            None => vec![Segment::whole(TABLE, None)],
            Some((sql, key)) => self.tail_and_list(Derived { list: DELIVERIES, table: TABLE, sql, key }).await?,
        };
        read_page(self.db(), &segments, filter.span(), limit, read_summary, |delivery| filter.matches(delivery)).await
    }
}

fn read_summary(row: &mut Row) -> Result<DeliverySummary> {
    let (first, last) = (row.opt_int(12)?, row.opt_int(13)?);
    Ok(DeliverySummary {
        id: DeliveryId(row.int(0)?),
        hook: HookId(row.int(1)?),
        outcome: word(row, 2)?,
        status: narrow(row.int(3)?)?,
        received_at: Timestamp(row.int(4)?),
        duration_us: narrow(row.int(5)?)?,
        body_bytes: narrow(row.int(6)?)?,
        method: row.take_text(7)?,
        path_and_query: row.take_text(8)?,
        address: row.take_text(9)?,
        reason: row.take_opt_text(10)?,
        detail: row.take_opt_text(11)?,
        run: first.map(RunId),
        more_runs: first != last || row.int(14)? > 0,
    })
}
