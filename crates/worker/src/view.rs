//! A run as people see it: its row, and its steps as the journal tells them.

use hookmill_engine::expression::Value;
use hookmill_engine::id::RunId;
use hookmill_engine::run::{RunState, StepsView, fold};
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use hookmill_store::runs::RunRow;

use crate::answers::{Answered, Wants, at_the_end};
use crate::error::Error;
use crate::handed::{Head, StoredInput};
use crate::load;
use crate::programs::Programs;
use crate::worker::Worker;

/// A run with its steps.
#[derive(Debug)]
pub struct RunView {
    /// The stored row.
    pub run: RunRow,
    /// Its steps up to the last commit; none before the run has started.
    pub steps: StepsView,
    /// Why the steps cannot be shown, if they cannot.
    pub steps_problem: Option<String>,
}

/// What a run was given when it was accepted.
#[derive(Debug)]
pub struct Given {
    /// What its steps see as `webhook`.
    pub webhook: Value,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From which its random values are made.
    pub seed: u64,
}

impl Worker {
    /// What a run was given. `None`: there is no such run any more.
    ///
    /// # Errors
    /// When the store cannot be read, or what is stored cannot be understood.
    pub async fn given(&self, id: RunId) -> Result<Option<Given>, Error> {
        let Some(run) = self.inner.store.run(id).await? else { return Ok(None) };
        let head = Head::from(&run);
        let (created_at, seed) = (run.created_at, run.seed);
        let revision = self.inner.programs.get(run.workflow, run.revision).await?;
        let claimed = self.inner.store.with_deliveries(vec![run]).await?.pop().ok_or(Error::NotFound("run"))?;
        let webhook = load::parse_stored(&head, &revision, StoredInput::from(claimed))?.webhook;
        Ok(Some(Given { webhook, created_at, seed }))
    }

    /// A run with its steps, from what is stored. `None`: there is no such run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn view(&self, id: RunId) -> Result<Option<RunView>, Error> {
        let Some(run) = self.inner.store.run(id).await? else { return Ok(None) };
        match self.steps(run.clone()).await {
            Ok(steps) => Ok(Some(RunView { run, steps, steps_problem: None })),
            Err(Error::Store(problem)) => Err(Error::Store(problem)),
            Err(problem) => Ok(Some(RunView { run, steps: StepsView::default(), steps_problem: Some(problem.to_string()) })),
        }
    }

    /// What the callers of a run were told, as far as it is stored. `None`: nothing yet.
    ///
    /// # Errors
    /// When the store cannot be read, or what is stored cannot be folded.
    pub async fn answered(&self, id: RunId, wants: Wants) -> Result<Option<Answered>, Error> {
        let Some(run) = self.inner.store.run(id).await? else { return Ok(None) };
        let Some(state) = fold_stored(&self.inner.store, &self.inner.programs, run).await? else { return Ok(None) };
        Ok(match (state.answer(), state.outcome()) {
            (Some(answer), _) if wants == Wants::Response => Some(Answered::Responded(answer.clone())),
            (_, Some(outcome)) => Some(at_the_end(outcome, Some(&state))),
            (_, None) => None,
        })
    }

    async fn steps(&self, run: RunRow) -> Result<StepsView, Error> {
        let folded = fold_stored(&self.inner.store, &self.inner.programs, run).await?;
        Ok(folded.map_or_else(StepsView::default, |state| state.steps()))
    }
}

/// The state of a run as its journal tells it; `None` before it has started. Changes nothing, needs no worker.
///
/// # Errors
/// When the store cannot be read, or what is stored cannot be folded.
pub async fn fold_stored(store: &Store, programs: &Programs, run: RunRow) -> Result<Option<RunState>, Error> {
    let Some(started_at) = run.started_at else { return Ok(None) };
    let head = Head::from(&run);
    let revision = programs.get(run.workflow, run.revision).await?;
    let entries = load::journal(store, run.id).await?;
    let claimed = store.with_deliveries(vec![run]).await?.pop().ok_or(Error::NotFound("run"))?;
    let parsed = load::parse_stored(&head, &revision, StoredInput::from(claimed))?;
    // Long loops are folded here; others must not wait for it.
    let folded =
        tokio::task::spawn_blocking(move || fold(&revision.program, load::input(&head, &revision, parsed), started_at, &entries));
    folded.await.map(Some).map_err(|_| Error::Unrunnable("its journal cannot be folded; please report it".into()))
}
