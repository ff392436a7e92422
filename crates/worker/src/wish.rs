//! What people may ask of runs: start, cancel, decide, rerun.
//!
//! A run in memory is told directly. One that waits in the database is claimed first, which works if this node owns its
//! bucket; if another node does, [`Error::Elsewhere`] names it.

use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::id::{RunId, WorkflowId, WorkspaceId};
use hookmill_engine::run::{Entry, Event, Failure, Resolution, StepAt};
use hookmill_store::buckets::Owned;
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{NewRun, RunRow, State};

use crate::error::Error;
use crate::handed::Handed;
use crate::load;
use crate::programs::Revision;
use crate::rescue;
use crate::worker::{Inner, Worker};

/// Tries to find a run that is just leaving or entering memory.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Where a rerun begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the first step.
    Start,
    /// At the step that failed: what was done before it is taken over.
    Failed,
}

/// Which revision of the workflow a rerun or replay executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one the run was pinned to.
    Same,
    /// The one published now.
    Latest,
    /// This one.
    Number(u32),
}

impl Worker {
    /// Ends a run as cancelled, wherever it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if it has ended already.
    pub async fn cancel(&self, run: RunId, reason: String) -> Result<(), Error> {
        self.inner.tell(run, Event::Cancelled { reason }).await
    }

    /// Decides about a step whose outcome is unknown.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if the run does not ask.
    pub async fn resolve(&self, run: RunId, step: StepAt, resolution: Resolution) -> Result<(), Error> {
        let row = self.inner.stored_run(run).await?;
        if row.state != State::Asking && !self.inner.queue.knows(run) {
            return Err(Error::Conflict(format!("the run is {} and asks nothing", row.state)));
        }
        self.inner.tell(run, Event::Resolved { step, resolution }).await
    }

    /// Starts a workflow by hand; `input` (JSON text) stands where a request's body would.
    ///
    /// # Errors
    /// [`Error::Input`] if it does not fit the first webhook trigger's variables.
    pub async fn start_by_hand(&self, workflow: WorkflowId, which: Which, input: String) -> Result<RunId, Error> {
        let inner = &self.inner;
        let stored = inner.store.workflow(workflow).await?.ok_or(Error::NotFound("workflow"))?;
        let number = which.of(stored.revision, stored.revision)?;
        let revision = inner.programs.for_new_run(workflow, number).await?;
        let now = inner.clock.now();
        let none = Default::default();
        let parsed = load::by_hand(revision.webhook(0).unwrap_or(&none), &input, now).map_err(Error::Input)?;
        let lane = revision.program.lane(&parsed.webhook).map_err(|failure| Error::Conflict(failure.message))?;
        let run = NewRun { lane, input: Some(input), ..self.new_run(&revision, stored.workspace) };
        self.create(run, Vec::new()).await
    }

    /// Repeats a run that has ended, as a new run.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::DraftGone`]; [`Error::Conflict`] if it has not ended, or has not failed and is to
    /// begin where it did.
    pub async fn rerun(&self, run: RunId, from: From, which: Which) -> Result<RunId, Error> {
        let inner = &self.inner;
        let row = inner.stored_run(run).await?;
        if !row.state.is_final() {
            return Err(Error::Conflict(format!("the run is {}; only a run that has ended can be rerun", row.state)));
        }
        let workflow = inner.store.workflow(row.workflow).await?.ok_or(Error::NotFound("workflow"))?;
        let number = which.of(Some(row.revision), workflow.revision)?;
        let revision = inner.programs.for_new_run(row.workflow, number).await?;
        let new = NewRun {
            delivery: row.delivery,
            trigger: row.trigger,
            lane: row.lane.clone(),
            input: row.input.clone(),
            origin: Some(run),
            element: row.element,
            ..self.new_run(&revision, row.workspace)
        };
        let (new, entries) = match from {
            From::Start => (new, Vec::new()),
            From::Failed => {
                let kept = self.entries_before_failure(&row).await?;
                // What was computed from the seed and the start must come out the same.
                (NewRun { seed: row.seed, started_at: row.started_at, ..new }, kept)
            }
        };
        let id = self.create(new, entries).await?;
        inner.unpark_lane(&row).await?;
        Ok(id)
    }

    async fn entries_before_failure(&self, row: &RunRow) -> Result<Vec<NewEntry>, Error> {
        let failed = row.error.as_deref().and_then(|error| serde_json::from_str::<Failure>(error).ok());
        let Some(failed) = failed.filter(|_| row.state == State::Failed) else {
            return Err(Error::Conflict(format!("the run is {}, so there is no failed step to begin from", row.state)));
        };
        let entries = load::journal(&self.inner.store, row.id).await?;
        let keep = |entry: &&Entry| match &entry.event {
            Event::Cancelled { .. } | Event::TimedOut => false,
            event => event.step() != failed.step.as_ref(),
        };
        Ok(entries.iter().filter(keep).map(crate::commit::new_entry).collect())
    }

    pub(crate) fn new_run(&self, revision: &Revision, workspace: WorkspaceId) -> NewRun {
        let now = self.inner.clock.now();
        let id = RunId(self.inner.store.next_id());
        NewRun {
            id,
            delivery: None,
            workspace,
            workflow: revision.workflow,
            revision: revision.number,
            draft: revision.is_draft,
            trigger: 0,
            bucket: 0,
            epoch: 0,
            lane: None,
            state: State::Ready,
            due_at: now,
            created_at: now,
            started_at: None,
            finished_at: None,
            seed: id.0.cast_unsigned(),
            input: None,
            origin: None,
            element: None,
        }
    }

    /// Stores a run and leaves it to whoever owns its bucket.
    pub(crate) async fn create(&self, run: NewRun, entries: Vec<NewEntry>) -> Result<RunId, Error> {
        let run = self.placed(run);
        let id = run.id;
        self.inner.store.create_run(run, entries).await?;
        self.inner.timers.ring();
        Ok(id)
    }

    /// A run in the bucket that it belongs to, for who stores it and leaves it to the bucket's owner.
    #[must_use]
    pub fn placed(&self, mut run: NewRun) -> NewRun {
        run.bucket = self.inner.ownership.place(run.workflow, run.lane.as_deref()).0;
        run
    }
}

impl Which {
    /// The number that is meant. `latest`: what is published. Where nothing is the same, the latest is.
    pub(crate) fn of(self, same: Option<u32>, latest: Option<u32>) -> Result<u32, Error> {
        let number = match self {
            Self::Same => same.or(latest),
            Self::Latest => latest,
            Self::Number(number) => Some(number),
        };
        number.ok_or_else(|| Error::Conflict("the workflow was never published; name a revision".into()))
    }
}

/// The claim of one run. Unless it is settled, the run is given back when this is dropped.
struct Claim<'a> {
    inner: &'a Arc<Inner>,
    run: RunId,
    epoch: Option<i64>,
}

impl Claim<'_> {
    fn settled(mut self) {
        self.epoch = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(epoch) = self.epoch {
            rescue::one(self.inner, self.run, epoch);
        }
    }
}

impl Inner {
    /// Tells a run something, in memory or from the database.
    pub(crate) async fn tell(self: &Arc<Self>, run: RunId, event: Event) -> Result<(), Error> {
        for _ in 0..TRIES {
            if self.live.post(run, event.clone()) {
                return Ok(());
            }
            let row = self.stored_run(run).await?;
            if row.state.is_final() {
                if matches!(event, Event::Cancelled { .. }) && self.unpark_lane(&row).await? {
                    return Ok(());
                }
                return Err(Error::Conflict(format!("the run is {} already", row.state)));
            }
            let Some(owned) = self.ownership.owned() else { break };
            let Some(epoch) = owned.epoch(row.bucket) else { return Err(Error::Elsewhere) };
            if self.claim_and_tell(&owned, &row, epoch, &event).await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::Conflict("the run is changing hands; try again".into()))
    }

    /// `false`: somebody else has the run, or it has ended.
    async fn claim_and_tell(self: &Arc<Self>, owned: &Owned, row: &RunRow, epoch: i64, event: &Event) -> Result<bool, Error> {
        let _claiming = self.claims.write().await;
        // The database may take the claim and its answer be lost, or the caller may go away.
        let claim = Claim { inner: self, run: row.id, epoch: Some(epoch) };
        let Some(claimed) = self.store.claim_run(owned, row.id).await? else {
            claim.settled();
            return Ok(false);
        };
        let revision = self.programs.get(row.workflow, row.revision).await?;
        self.take_in(Handed::stored(claimed, revision, vec![event.clone()]), None);
        claim.settled();
        self.pump();
        Ok(true)
    }

    pub(crate) async fn stored_run(&self, run: RunId) -> Result<RunRow, Error> {
        self.store.run(run).await?.ok_or(Error::NotFound("run"))
    }

    /// A failed run that stops its lane lets the lane go on. `false`: it did not stop it.
    async fn unpark_lane(&self, row: &RunRow) -> Result<bool, Error> {
        let unparked = self.store.unpark_lane(row.id, self.clock.now()).await?;
        if unparked {
            self.timers.ring();
        }
        Ok(unparked)
    }
}
