//! Deliveries: every request that reached a hook, with its exact bytes.
//!
//! Accepting is one batch: the delivery and its runs, both appended to the end of their tables. The table has no index
//! but its key; lists by hook and outcome are derived behind the accept path ([`crate::lists`]).
//! The runs that were accepted with a delivery are found by the range of their ids, later ones through `replays`.

mod acceptance;
pub(crate) mod body;
mod facts;
mod held;
mod list;
mod refused;
mod split;
mod text;

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkspaceId};
use hookmill_engine::request::Headers;
use hookmill_engine::time::Timestamp;

use crate::db::{Arg, Args, Batch, Column, Expect, OnConflict, Row, Table};
use crate::hooks::TEST_PATHS;
use crate::runs::{self, NewRun};
use crate::watch::Changed;
use crate::words::{word, words};
use crate::workflows::tried;
use crate::{Error, Result, Store, args, row};

pub use acceptance::{Acceptance, AfterAll, AfterAllRun};
pub use facts::{EVENT_BYTES_MAX, Facts};
pub use held::{RELEASED_AT_ONCE, RELEASED_BYTES_MAX, RELEASED_RUNS_MAX, Released};
pub use list::{DeliveryFilter, DeliverySummary};
pub(crate) use refused::Refusals;
pub use refused::{REFUSED_BYTES_MAX, REFUSED_WAITING_BYTES_MAX, REFUSED_WAITING_MAX};
pub use split::{ElementRun, Splitted};
pub use text::{TEXT_BODY_BYTES, TEXT_BYTES_MAX, TEXT_EXAMINED_MAX};

/// Runs that one delivery can start at once.
pub const RUNS_PER_DELIVERY_MAX: usize = 1_000;
/// Headers of a delivery as JSON text.
pub const HEADERS_BYTES_MAX: usize = 1024 * 1024;

words! {
    /// What became of a request that reached a hook.
    pub enum Outcome {
        /// It started runs.
        Accepted = "accepted",
        /// It is stored, its runs start when somebody lets them.
        Held = "held",
        /// It repeats one that was accepted before.
        Duplicate = "duplicate",
        /// The hook's condition was false.
        Filtered = "filtered",
        /// It was the sender's check of the URL.
        Handshake = "handshake",
        /// Somebody listened for a sample and got it; it started nothing.
        Captured = "captured",
        /// It was not let in; the reason says why.
        Refused = "refused",
    }
}

impl Outcome {
    /// Whether the sender was promised nothing, so that anybody may send as many as they like: such deliveries have a budget
    /// of their own, and go when it is used up.
    #[must_use]
    pub fn starts_nothing(self) -> bool {
        matches!(self, Self::Refused | Self::Duplicate | Self::Handshake)
    }
}

/// The outcomes for which [`Outcome::starts_nothing`] holds, as SQL.
macro_rules! starting_nothing {
    () => {
        "('refused', 'duplicate', 'handshake')"
    };
}
pub(crate) use starting_nothing;

/// A request to be stored. Secrets must be removed from path, query and headers before.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub workspace: WorkspaceId,
    pub hook: HookId,
    pub outcome: Outcome,
    /// The status that the sender gets (or would get: the answer of a finished run is not known yet).
    pub status: u16,
    /// Stable code, for other outcomes than accepted.
    pub reason: Option<String>,
    /// What the owner of the hook is told beside the code.
    pub detail: Option<String>,
    pub method: String,
    pub path_and_query: String,
    pub headers: Headers,
    pub address: String,
    pub received_at: Timestamp,
    pub body: Bytes,
    /// Time from the first byte to the decision.
    pub duration_us: u64,
    pub facts: Facts,
}

impl NewDelivery {
    /// Whether it came to a test URL.
    #[must_use]
    pub fn is_test(&self) -> bool {
        is_test(&self.path_and_query)
    }
}

/// A stored delivery without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct Delivery {
    pub id: DeliveryId,
    pub workspace: WorkspaceId,
    pub hook: HookId,
    pub outcome: Outcome,
    pub status: u16,
    pub reason: Option<String>,
    pub detail: Option<String>,
    pub method: String,
    pub path_and_query: String,
    pub headers: Headers,
    pub address: String,
    pub received_at: Timestamp,
    pub duration_us: u64,
    pub body_bytes: u64,
    pub facts: Facts,
}

impl Delivery {
    /// Whether it came to a test URL.
    #[must_use]
    pub fn is_test(&self) -> bool {
        is_test(&self.path_and_query)
    }
}

/// Whether a stored path is that of a test URL.
fn is_test(path: &str) -> bool {
    path.starts_with(TEST_PATHS)
}

pub(crate) const DELIVERY_COLUMNS: usize = 20;

static DELIVERIES: Table = Table {
    name: "deliveries",
    columns: &[
        Column::int("id"),
        Column::int("workspace"),
        Column::int("hook"),
        Column::text("outcome"),
        Column::int("status"),
        Column::int("received_at"),
        Column::int("duration_us"),
        Column::int("run_first"),
        Column::int("run_last"),
        Column::int("body_bytes"),
        Column::int("crc"),
        Column::int("zstd"),
        Column::text("method"),
        Column::text("path"),
        Column::text("address"),
        Column::text("reason"),
        Column::text("detail"),
        Column::text("headers"),
        Column::bytes("body"),
        Column::text("facts"),
    ],
    on_conflict: OnConflict::Fail,
};

const DELIVERY: &str = "
    SELECT id, workspace, hook, outcome, status, received_at, duration_us, body_bytes,
           method, path, address, reason, detail, headers, facts
      FROM deliveries
     WHERE id = $1";

const BODY: &str = "
    SELECT body_bytes, crc, zstd, body
      FROM deliveries
     WHERE id = $1";

/// Both of the above for up to 32 deliveries; unused places hold an id that no delivery has.
const WITH_BODIES: &str = "
    SELECT id, workspace, hook, outcome, status, received_at, duration_us, body_bytes,
           method, path, address, reason, detail, headers, facts, crc, zstd, body
      FROM deliveries
     WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                  $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";

const ACCEPTED_RUNS: &str = "SELECT run_first, run_last FROM deliveries WHERE id = $1";

const RUNS_OF: &str = "
    SELECT r.id
      FROM deliveries d
      JOIN runs r ON r.id >= d.run_first AND r.id <= d.run_last AND r.delivery = d.id
     WHERE d.id = $1
     UNION
    SELECT run
      FROM replays
     WHERE delivery = $1
     ORDER BY 1
     LIMIT $2";

impl Store {
    /// Stores a delivery and the runs it starts: both or nothing, on disk when this returns. Refused while the disk has
    /// less free space than its floor.
    pub async fn accept(&self, delivery: NewDelivery, runs: Vec<NewRun>) -> Result<()> {
        let mut batch = Batch::with_room(DELIVERY_COLUMNS + runs.len() * runs::RUN_COLUMNS);
        let pinned = tried::pin_of(&runs);
        let changed = self.accept_into(&mut batch, delivery, runs).await?;
        if let Err(error) = self.db().write(batch).await {
            return Err(self.unpinned(pinned, error).await);
        }
        self.watch().tell_all(changed);
        Ok(())
    }

    /// Adds a delivery and its runs to a batch; returns what is to be told once it is committed.
    pub(crate) async fn accept_into(
        &self,
        batch: &mut Batch,
        delivery: NewDelivery,
        new_runs: Vec<NewRun>,
    ) -> Result<smallvec::SmallVec<[Changed; 2]>> {
        self.db().accepting()?;
        if new_runs.len() > RUNS_PER_DELIVERY_MAX {
            return Err(Error::Invalid(format!(
                "a delivery starts at most {RUNS_PER_DELIVERY_MAX} runs, not {}",
                new_runs.len()
            )));
        }
        let mut changed = smallvec::SmallVec::new();
        changed.push(Changed::Delivery { id: delivery.id, hook: delivery.hook, outcome: delivery.outcome });
        let range = new_runs.iter().map(|run| run.id.0).min().zip(new_runs.iter().map(|run| run.id.0).max());
        let (hook, id, outcome) = (delivery.hook, delivery.id, delivery.outcome);
        let bytes = delivery.body.len();
        let row = delivery_row(delivery, range).await?;
        match outcome {
            outcome if outcome.starts_nothing() => refused::count_into(batch, hook, id, &row),
            Outcome::Held => held::hold_into(batch, hook, id, new_runs.len(), bytes),
            _ => {}
        }
        let pinned = tried::pin_of(&new_runs);
        batch.insert(&DELIVERIES, row);
        for run in new_runs {
            changed.push(Changed::Run { id: run.id, workflow: run.workflow, state: run.state });
            batch.insert(&runs::RUNS, run.into_row());
        }
        tried::pin_into(batch, pinned.as_ref());
        Ok(changed)
    }

    /// A delivery without its body.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        let mut rows = self.db().read(DELIVERY, args![id.0]).await?;
        rows.pop().map(|mut row| read_delivery(&mut row)).transpose()
    }

    /// The exact bytes of a delivery's body, checked against their checksum.
    pub async fn delivery_body(&self, id: DeliveryId) -> Result<Bytes> {
        let mut rows = self.db().read(BODY, args![id.0]).await?;
        let row = rows.pop().ok_or(Error::NotFound)?;
        body::unpack(body::StoredBody { body_bytes: row.int(0)?, crc: row.int(1)?, zstd: row.int(2)? != 0, bytes: row.bytes(3)? })
            .map_err(|error| about(id, error))
    }

    /// The ids of the first and last run that were accepted with a delivery, also when they are gone by now. `None`: it is gone
    /// itself, or started none.
    pub async fn accepted_runs(&self, id: DeliveryId) -> Result<Option<(RunId, RunId)>> {
        let rows = self.db().read(ACCEPTED_RUNS, args![id.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(row.opt_int(0)?.zip(row.opt_int(1)?).map(|(first, last)| (RunId(first), RunId(last))))
    }

    /// The runs that a delivery started, replays included; the oldest first and at most [`RUNS_PER_DELIVERY_MAX`].
    pub async fn runs_of_delivery(&self, id: DeliveryId) -> Result<Vec<RunId>> {
        let rows = self.db().read(RUNS_OF, args![id.0, RUNS_PER_DELIVERY_MAX as i64]).await?;
        rows.iter().map(|row| row.int(0).map(RunId)).collect()
    }

    /// Deliveries with their bodies; those that are gone are left out, a damaged body is told for itself.
    pub(crate) async fn deliveries_with_bodies(&self, ids: &[DeliveryId]) -> Result<Vec<(Delivery, Result<Bytes>)>> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(32) {
            let places: Args = (0..32).map(|place| Arg::Int(chunk.get(place).map_or(-1, |id| id.0))).collect();
            for mut row in self.db().read(WITH_BODIES, places).await? {
                let delivery = read_delivery(&mut row)?;
                let stored = body::StoredBody {
                    body_bytes: row.int(7)?,
                    crc: row.int(15)?,
                    zstd: row.int(16)? != 0,
                    bytes: row.bytes(17)?,
                };
                let body = body::unpack(stored).map_err(|error| about(delivery.id, error));
                found.push((delivery, body));
            }
        }
        Ok(found)
    }

    /// Adds the mark that a run was started from a delivery after it had been stored; conflicts at the returned operation
    /// if that is gone. From then on the delivery is no refused traffic, whatever became of it first.
    pub(crate) fn replay_into(batch: &mut Batch, delivery: DeliveryId, run: RunId) -> usize {
        const REPLAY: &str = "
            INSERT INTO replays (delivery, run)
            SELECT id, CAST($2 AS BIGINT) FROM deliveries WHERE id = $1";
        refused::forget_into(batch, delivery);
        batch.execute(REPLAY, args![delivery.0, run.0], Expect::Exactly(1));
        batch.len() - 1
    }
}

fn about(id: DeliveryId, error: Error) -> Error {
    match error {
        Error::Corrupt { what } => Error::corrupt(format!("delivery {id}: {what}")),
        other => other,
    }
}

async fn delivery_row(delivery: NewDelivery, runs: Option<(i64, i64)>) -> Result<[Arg; DELIVERY_COLUMNS]> {
    let headers = serde_json::to_string(&delivery.headers).expect("pairs of texts are always JSON");
    if headers.len() > HEADERS_BYTES_MAX {
        return Err(Error::Invalid(format!("the headers have more than {HEADERS_BYTES_MAX} bytes")));
    }
    let facts = delivery.facts.text();
    let body = body::pack(delivery.body).await?;
    Ok(row![
        delivery.id.0,
        delivery.workspace.0,
        delivery.hook.0,
        delivery.outcome,
        delivery.status,
        delivery.received_at.0,
        i64::try_from(delivery.duration_us).unwrap_or(i64::MAX),
        runs.map(|(first, _)| first),
        runs.map(|(_, last)| last),
        body.body_bytes,
        body.crc,
        body.zstd,
        delivery.method,
        delivery.path_and_query,
        delivery.address,
        delivery.reason,
        delivery.detail,
        headers,
        body.bytes,
        facts,
    ])
}

fn read_delivery(row: &mut Row) -> Result<Delivery> {
    let id = DeliveryId(row.int(0)?);
    Ok(Delivery {
        id,
        workspace: WorkspaceId(row.int(1)?),
        hook: HookId(row.int(2)?),
        outcome: word(row, 3)?,
        status: crate::narrow(row.int(4)?)?,
        received_at: Timestamp(row.int(5)?),
        duration_us: crate::narrow(row.int(6)?)?,
        body_bytes: crate::narrow(row.int(7)?)?,
        method: row.take_text(8)?,
        path_and_query: row.take_text(9)?,
        address: row.take_text(10)?,
        reason: row.take_opt_text(11)?,
        detail: row.take_opt_text(12)?,
        headers: serde_json::from_str(row.text(13)?)
            .map_err(|error| Error::corrupt(format!("the headers of delivery {id}: {error}")))?,
        facts: Facts::of_text(row.opt_text(14)?)
            .map_err(|error| Error::corrupt(format!("the facts of delivery {id}: {error}")))?,
    })
}
