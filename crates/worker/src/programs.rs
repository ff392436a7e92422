//! Compiled revisions, kept by a bounded cache. A revision never changes, so nothing here ever goes stale.

use std::sync::Arc;

use hookmill_actions::Registry;
use hookmill_engine::id::WorkflowId;
use hookmill_engine::run::Program;
use hookmill_engine::workflow::{self, Trigger, WebhookTrigger};
use hookmill_store::Store;
use moka::sync::Cache;

use crate::error::Error;

/// The label of a trigger that has none.
const DEFAULT_LABEL: &str = "webhook";
/// Compiled revisions kept in memory.
pub const PROGRAMS_MAX: u64 = 4_096;

/// One revision of a workflow, ready to run.
#[derive(Debug)]
pub struct Revision {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Which revision of it, from 1.
    pub number: u32,
    /// Its compiled steps.
    pub program: Arc<Program>,
}

impl Revision {
    /// The webhook trigger at `index` of the document's triggers.
    #[must_use]
    pub fn webhook(&self, index: u16) -> Option<&WebhookTrigger> {
        self.program.workflow().triggers.get(usize::from(index)).map(|Trigger::Webhook(trigger)| &**trigger)
    }

    /// The position of the webhook trigger with that label.
    pub(crate) fn trigger_of(&self, label: &str) -> Option<u16> {
        let triggers = self.program.workflow().triggers.iter();
        let place = triggers
            .map(|Trigger::Webhook(trigger)| trigger.label.as_deref().unwrap_or(DEFAULT_LABEL))
            .position(|own| own == label)?;
        u16::try_from(place).ok()
    }

    /// How many of its runs may run at once on a node.
    pub(crate) fn concurrency(&self) -> Option<usize> {
        self.program.workflow().settings.concurrency.map(|limit| limit as usize)
    }
}

/// The cache.
#[derive(Clone)]
pub struct Programs {
    store: Store,
    registry: Registry,
    compiled: Cache<(WorkflowId, u32), Arc<Revision>>,
}

impl Programs {
    /// An empty cache over `store`.
    #[must_use]
    pub fn new(store: Store, registry: Registry) -> Self {
        Self { store, registry, compiled: Cache::new(PROGRAMS_MAX) }
    }

    /// The revision, compiled.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such revision, [`Error::Unrunnable`] if this binary cannot run it any more.
    pub async fn get(&self, workflow: WorkflowId, number: u32) -> Result<Arc<Revision>, Error> {
        if let Some(revision) = self.compiled.get(&(workflow, number)) {
            return Ok(revision);
        }
        let document = self.store.document(workflow, number).await?.ok_or(Error::NotFound("revision"))?;
        let revision = Arc::new(Revision { workflow, number, program: Arc::new(self.compile(&document)?) });
        self.compiled.insert((workflow, number), revision.clone());
        Ok(revision)
    }

    /// Compiles a stored document.
    ///
    /// # Errors
    /// [`Error::Unrunnable`] with every problem found.
    pub fn compile(&self, document: &str) -> Result<Program, Error> {
        let unrunnable = |problems: Vec<workflow::Problem>| {
            Error::Unrunnable(
                problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect::<Vec<_>>().join("; "),
            )
        };
        let document = workflow::read(document).map_err(unrunnable)?;
        Program::compile(&document, &|action| self.registry.get(action).map(|action| action.retry.clone())).map_err(unrunnable)
    }
}
