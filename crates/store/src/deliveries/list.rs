//! Lists of deliveries.

use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId};
use hookmill_engine::time::Timestamp;

use super::text::{self, Needle};
use super::{Outcome, is_test};
use crate::db::{Arg, Row};
use crate::ids::first_id_at;
use crate::lists::{DELIVERIES, Derived};
use crate::page::{Bounds, Page, Segment, Span, read_page, read_page_within};
use crate::words::word;
use crate::{Result, Store, narrow};

/// Which deliveries are asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DeliveryFilter {
    /// This one.
    pub id: Option<DeliveryId>,
    /// Those of one hook.
    pub hook: Option<HookId>,
    /// Those of the hooks of one workflow.
    pub workflow: Option<WorkflowId>,
    /// Those with this outcome.
    pub outcome: Option<Outcome>,
    /// Those with this status.
    pub status: Option<u16>,
    /// Those with this reason.
    pub reason: Option<String>,
    /// Those with this text in path, query, headers or the beginning of the body ([`super::TEXT_BODY_BYTES`]), without
    /// regard to the case of ASCII letters. A page looks at [`super::TEXT_EXAMINED_MAX`] deliveries at most.
    pub text: Option<String>,
    /// Those that came to test URLs, or all others.
    pub test: Option<bool>,
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

impl DeliverySummary {
    /// Whether it came to a test URL.
    #[must_use]
    pub fn is_test(&self) -> bool {
        is_test(&self.path_and_query)
    }
}

macro_rules! columns {
    () => {
        "SELECT d.id, d.hook, d.outcome, d.status, d.received_at, d.duration_us, d.body_bytes, d.method, d.path,
                d.address, d.reason, d.detail, d.run_first, d.run_last,
                (SELECT COUNT(*) FROM replays p WHERE p.delivery = d.id) "
    };
}

/// The three places to read from, newest and oldest first, with some columns.
macro_rules! sources {
    ($columns:expr) => {
        Sources {
            table: [
                concat!($columns, "FROM deliveries d WHERE d.id > $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3"),
                concat!($columns, "FROM deliveries d WHERE d.id > $1 AND d.id < $2 ORDER BY d.id LIMIT $3"),
            ],
            of_hook: [
                concat!(
                    $columns,
                    "FROM delivery_list l JOIN deliveries d ON d.id = l.id
                     WHERE l.hook = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
                ),
                concat!(
                    $columns,
                    "FROM delivery_list l JOIN deliveries d ON d.id = l.id
                     WHERE l.hook = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id LIMIT $3"
                ),
            ],
            of_outcome: [
                concat!(
                    $columns,
                    "FROM delivery_outcomes l JOIN deliveries d ON d.id = l.id
                     WHERE l.outcome = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3"
                ),
                concat!(
                    $columns,
                    "FROM delivery_outcomes l JOIN deliveries d ON d.id = l.id
                     WHERE l.outcome = $4 AND l.id > $1 AND l.id < $2 ORDER BY l.id LIMIT $3"
                ),
            ],
        }
    };
}

struct Sources {
    table: [&'static str; 2],
    of_hook: [&'static str; 2],
    of_outcome: [&'static str; 2],
}

static PLAIN: Sources = sources!(columns!());
/// With what a text is looked for in, after the other columns.
static WITH_TEXT: Sources = sources!(concat!(columns!(), text::columns!()));
/// The number of the first of these.
const TEXT_COLUMN: usize = 15;

impl DeliveryFilter {
    fn span(&self) -> Span {
        Span {
            after: self.after.map(|id| id.0),
            before: self.before.map(|id| id.0),
            floor: self.since.map(|at| first_id_at(at) - 1).max(self.id.map(|id| id.0.saturating_sub(1))),
            ceiling: match (self.until.map(first_id_at), self.id.map(|id| id.0.saturating_add(1))) {
                (Some(time), Some(id)) => Some(time.min(id)),
                (time, id) => time.or(id),
            },
        }
    }

    fn matches(&self, delivery: &DeliverySummary, hooks: Option<&[HookId]>) -> bool {
        self.hook.is_none_or(|hook| hook == delivery.hook)
            && hooks.is_none_or(|hooks| hooks.contains(&delivery.hook))
            && self.reason.as_deref().is_none_or(|reason| delivery.reason.as_deref() == Some(reason))
            && self.outcome.is_none_or(|outcome| outcome == delivery.outcome)
            && self.status.is_none_or(|status| status == delivery.status)
            && self.test.is_none_or(|test| test == delivery.is_test())
    }
}

impl Store {
    /// A page of deliveries, newest first. What a page may read is bounded, so it can be short although there are more:
    /// [`Page::older`] leads on.
    pub async fn deliveries(&self, filter: &DeliveryFilter, limit: usize) -> Result<Page<DeliverySummary>> {
        let hooks: Option<Vec<HookId>> = match filter.workflow {
            Some(workflow) => Some(self.hooks_of(workflow).await?.iter().map(|hook| hook.id).collect()),
            None => None,
        };
        let only = match hooks.as_deref() {
            Some([hook]) => Some(*hook),
            _ => filter.hook,
        };
        let needle = filter.text.as_deref().map(Needle::new).transpose()?;
        let sources = if needle.is_some() { &WITH_TEXT } else { &PLAIN };
        // The rare outcomes are the shorter list; accepted deliveries are in no list of their own.
        let derived: Option<([&'static str; 2], Arg)> = match (only, filter.outcome) {
            (_, Some(outcome)) if outcome != Outcome::Accepted => Some((sources.of_outcome, outcome.into())),
            (Some(hook), _) => Some((sources.of_hook, hook.0.into())),
            _ => None,
        };
        let segments: Vec<Segment> = match derived {
            None => vec![Segment::whole(sources.table, None)],
            Some((sql, key)) => self.tail_and_list(Derived { list: DELIVERIES, table: sources.table, sql, key }).await?,
        };
        let matches = |delivery: &DeliverySummary| filter.matches(delivery, hooks.as_deref());
        let Some(needle) = needle else {
            return read_page(self.db(), &segments, filter.span(), limit, read_summary, matches).await;
        };
        let read = |row: &mut Row| {
            let summary = read_summary(row)?;
            let found = matches(&summary) && needle.is_in(&summary.path_and_query, row, TEXT_COLUMN)?;
            Ok((summary, found))
        };
        let bounds = Bounds { examined_max: text::TEXT_EXAMINED_MAX, chunk_max: text::CHUNK_MAX };
        let page = read_page_within(bounds, self.db(), &segments, filter.span(), limit, read, |(_, found)| *found).await?;
        Ok(page.map(|(summary, _)| summary))
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
