//! Works off bulk replays: each delivery that matches, in the order of reception, one by one.
//!
//! Which deliveries were dealt with stands in the store ([`hookmill_store::bulk`]); a process that ends goes on at its next
//! start, and with PostgreSQL another node does. It waits while half of the backlog is used: what arrives comes first.

use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::id::{DeliveryId, ReplayId, WorkspaceId};
use hookmill_store::bulk::{Bulk, Kind, State, Step};
use hookmill_store::deliveries::{DeliveryFilter, Outcome};

use crate::error::Error;
use crate::replay::Accepting;
use crate::rounds;
use crate::wish::Which;
use crate::worker::{Inner, Worker};

/// Deliveries that are looked up at once.
const PAGE: usize = 100;
/// How often a full backlog is looked at again.
const PAUSE_WHILE_FULL: Duration = Duration::from_millis(500);
/// Tries of one delivery that changes meanwhile.
const TRIES: usize = 3;

/// What is wanted of many deliveries.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What is done with each.
    pub kind: Kind,
    /// Which.
    pub filter: DeliveryFilter,
    /// On which revision.
    pub which: Which,
    /// How many at most.
    pub limit: u64,
    /// Who wants it.
    pub author: String,
}

impl Worker {
    /// Begins to run many deliveries again. What arrives from now on is not among them.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn replay_many(&self, wanted: Wanted) -> Result<Bulk, Error> {
        let now = self.inner.clock.now();
        let mut filter = wanted.filter;
        filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
        (filter.before, filter.after) = (None, None);
        if wanted.kind == Kind::Accept {
            filter.outcome = Some(Outcome::Refused);
        }
        let bulk = Bulk {
            id: ReplayId(self.inner.store.next_id()),
            workspace: wanted.workspace,
            kind: wanted.kind,
            filter,
            revision: wanted.which.stored(),
            wanted: wanted.limit,
            author: wanted.author,
            created_at: now,
            at: DeliveryId(-1),
            done: 0,
            failed: 0,
            state: State::Running,
            finished_at: None,
            error: None,
        };
        self.inner.store.create_bulk(&bulk).await?;
        self.inner.bulk.notify_one();
        Ok(bulk)
    }

    /// What came of one delivery of a bulk replay.
    async fn bulk_step_of(&self, bulk: &Bulk, delivery: DeliveryId) -> Result<Step, Error> {
        let which = Which::from_stored(bulk.revision);
        let step = match bulk.kind {
            Kind::Replay => self.run_again(delivery, which).await.map(Step::Runs),
            Kind::Accept if self.inner.store.acceptance(delivery).await?.is_some() => return Ok(Step::Nothing),
            Kind::Accept => self.run_after_all(delivery, which).await.map(|accepting| match accepting {
                Accepting::Starts(what) => Step::AfterAll(what),
                Accepting::Repeats { .. } => Step::Nothing,
            }),
        };
        match step {
            Ok(step) => Ok(step),
            Err(Error::Store(error)) if error.is_transient() => Err(error.into()),
            Err(Error::Input(refusal)) => Ok(Step::Failed(format!("{delivery}: {refusal}"))),
            Err(error) => Ok(Step::Failed(format!("{delivery}: {error}"))),
        }
    }

    /// `false`: somebody else goes on with it, or it has ended.
    async fn bulk_one(&self, bulk: &mut Bulk, delivery: DeliveryId) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let step = self.bulk_step_of(bulk, delivery).await?;
            match self.inner.store.bulk_step(bulk, delivery, step).await {
                Err(hookmill_store::Error::Conflict { .. } | hookmill_store::Error::DraftGone) => {}
                other => return Ok(other?),
            }
        }
        let step = Step::Failed(format!("{delivery}: it changed while it was being run"));
        Ok(self.inner.store.bulk_step(bulk, delivery, step).await?)
    }

    /// Waits until what arrives has places enough. `false`: this process stops.
    async fn has_room_for_bulk(&self) -> bool {
        let inner = &self.inner;
        while inner.backlog.is_half_full(inner.config.backlog_runs_max) {
            tokio::select! {
                () = inner.stop.cancelled() => return false,
                () = tokio::time::sleep(PAUSE_WHILE_FULL) => {}
            }
        }
        true
    }

    async fn work_off(&self, mut bulk: Bulk) -> Result<(), Error> {
        let store = &self.inner.store;
        loop {
            if !self.has_room_for_bulk().await {
                return Ok(());
            }
            let left = usize::try_from(bulk.wanted.saturating_sub(bulk.done + bulk.failed)).unwrap_or(usize::MAX);
            if left == 0 {
                break;
            }
            let filter = DeliveryFilter { after: Some(bulk.at), ..bulk.filter.clone() };
            let page = store.deliveries(&filter, left.min(PAGE)).await?;
            for delivery in page.items.iter().rev() {
                if self.inner.stop.is_cancelled() || !self.bulk_one(&mut bulk, delivery.id).await? {
                    return Ok(());
                }
                self.inner.timers.ring();
            }
            let Some(border) = page.newer else { break };
            if border > bulk.at.0 && !store.bulk_step(&mut bulk, DeliveryId(border), Step::Nothing).await? {
                return Ok(());
            }
        }
        store.end_bulk(bulk.id, State::Finished, self.inner.clock.now()).await?;
        Ok(())
    }
}

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    let worker = Worker { inner: inner.clone() };
    while rounds::next(&inner, &inner.bulk, "Bulk replays", pass(&worker).await).await {}
}

async fn pass(worker: &Worker) -> Result<(), Error> {
    for bulk in worker.inner.store.open_bulks().await? {
        worker.work_off(bulk).await?;
    }
    Ok(())
}

impl Which {
    /// As a number: revisions begin at 1.
    fn stored(self) -> i64 {
        match self {
            Self::Latest => 0,
            Self::Same => -1,
            Self::Number(number) => number.into(),
        }
    }

    fn from_stored(stored: i64) -> Self {
        match u32::try_from(stored) {
            Ok(0) => Self::Latest,
            Ok(number) => Self::Number(number),
            Err(_) => Self::Same,
        }
    }
}
