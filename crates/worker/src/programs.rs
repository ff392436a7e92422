//! Compiled revisions, kept by a bounded cache. A revision never changes, so nothing here ever goes stale. Drafts that were
//! tried are let go some day; whoever starts a run of one asks whether it is still kept.

use std::sync::Arc;

use hookmill_actions::Registry;
use hookmill_engine::id::WorkflowId;
use hookmill_engine::run::Program;
use hookmill_engine::workflow::{self, ActionInfo, Catalog, Problem, Trigger, WebhookTrigger, Workflow};
use hookmill_store::Store;
use moka::sync::Cache;

use crate::error::Error;

/// The label of a trigger that has none.
const DEFAULT_LABEL: &str = "webhook";
/// Bytes of compiled revisions kept in memory, as [`Revision::bytes`] counts them.
pub const PROGRAMS_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// What a compiled revision takes at least.
const COMPILED_BYTES_MIN: usize = 4_096;
/// What a byte of a document becomes when it is compiled.
const COMPILED_FACTOR: usize = 16;

/// One revision of a workflow, ready to run.
#[derive(Debug)]
pub struct Revision {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Which revision of it, from 1.
    pub number: u32,
    /// Whether it is a draft that was tried, and was not published.
    pub is_draft: bool,
    /// Its compiled steps.
    pub program: Arc<Program>,
    /// What it takes in memory, roughly.
    pub bytes: u32,
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

/// What came of checking a text.
#[derive(Debug)]
pub struct Checked {
    /// The document, if it can be published.
    pub workflow: Option<Workflow>,
    /// Everything that is wrong with it; warnings only if it can be published.
    pub problems: Vec<Problem>,
}

/// The surroundings of a document: the actions of this binary, and what is known of secrets.
struct Surroundings<'a, F> {
    registry: &'a Registry,
    secret_exists: F,
}

impl<F: Fn(&str) -> Option<bool>> Catalog for Surroundings<'_, F> {
    fn action(&self, name: &str) -> Option<ActionInfo> {
        self.registry.action(name)
    }

    fn action_names(&self) -> Vec<String> {
        self.registry.action_names()
    }

    fn secret_exists(&self, name: &str) -> Option<bool> {
        (self.secret_exists)(name)
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
        let compiled = Cache::builder().weigher(|_: &(WorkflowId, u32), revision: &Arc<Revision>| revision.bytes);
        Self { store, registry, compiled: compiled.max_capacity(PROGRAMS_BYTES_MAX).build() }
    }

    /// The revision, compiled.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such revision, [`Error::DraftGone`] if it was a draft that is not kept any more,
    /// [`Error::Unrunnable`] if this binary cannot run it any more.
    pub async fn get(&self, workflow: WorkflowId, number: u32) -> Result<Arc<Revision>, Error> {
        if let Some(revision) = self.compiled.get(&(workflow, number)) {
            return Ok(revision);
        }
        let Some(document) = self.store.revision(workflow, number).await? else {
            return Err(self.missing(workflow, number).await?);
        };
        let revision = Arc::new(self.revision(workflow, number, !document.published, &document.text)?);
        self.compiled.insert((workflow, number), revision.clone());
        Ok(revision)
    }

    /// The same for a run that is to be made: a draft that only this process still remembers is gone.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn for_new_run(&self, workflow: WorkflowId, number: u32) -> Result<Arc<Revision>, Error> {
        let revision = self.get(workflow, number).await?;
        if revision.is_draft && !self.store.is_draft_kept(workflow, number).await? {
            self.forget(workflow, number);
            return Err(self.missing(workflow, number).await?);
        }
        Ok(revision)
    }

    /// Forgets a revision that is not stored any more.
    pub(crate) fn forget(&self, workflow: WorkflowId, number: u32) {
        self.compiled.invalidate(&(workflow, number));
    }

    /// Why a revision is not stored: published ones always are, and no number is given twice.
    async fn missing(&self, workflow: WorkflowId, number: u32) -> Result<Error, Error> {
        let stored = self.store.workflow(workflow).await?;
        // Of a workflow that is gone there never were other revisions than drafts.
        let was_given = number > 0 && stored.is_none_or(|workflow| number <= workflow.last_revision);
        Ok(if was_given { Error::DraftGone(number) } else { Error::NotFound("revision") })
    }

    /// A draft, compiled as if it were this revision, and not kept.
    ///
    /// # Errors
    /// [`Error::Unrunnable`].
    pub fn unstored(&self, workflow: WorkflowId, number: u32, document: &str) -> Result<Arc<Revision>, Error> {
        self.revision(workflow, number, true, document).map(Arc::new)
    }

    fn revision(&self, workflow: WorkflowId, number: u32, is_draft: bool, document: &str) -> Result<Revision, Error> {
        let bytes = document.len().saturating_mul(COMPILED_FACTOR).saturating_add(COMPILED_BYTES_MIN);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Ok(Revision { workflow, number, is_draft, program: Arc::new(self.compile(document)?), bytes })
    }

    /// Checks a text the same way wherever it comes from: read, checked for meaning, compiled. `secret_exists` tells of a
    /// secret whether it is stored, if that is known; what is not gets a warning. Takes the processor for a while on large
    /// documents.
    pub fn check(&self, text: &str, secret_exists: impl Fn(&str) -> Option<bool>) -> Checked {
        let surroundings = Surroundings { registry: &self.registry, secret_exists };
        let (workflow, mut problems) = workflow::check(text, &surroundings);
        let Some(workflow) = workflow else { return Checked { workflow: None, problems } };
        match Program::compile(&workflow, &|action| self.registry.get(action).map(|action| action.retry.clone())) {
            Ok(_) => Checked { workflow: Some(workflow), problems },
            Err(more) => {
                problems.extend(more);
                Checked { workflow: None, problems }
            }
        }
    }

    /// Checks the draft of the workflow with this name. It has to be called that: the name identifies the workflow.
    pub fn check_draft(&self, text: &str, name: &str, secret_exists: impl Fn(&str) -> Option<bool>) -> Checked {
        let mut checked = self.check(text, secret_exists);
        if let Some(other) = checked.workflow.take_if(|workflow| workflow.name != name) {
            let message = format!("the document is called `{}`, and this is the draft of `{name}`", other.name);
            checked.problems.push(Problem::error("name", "other_name", message).suggest(Some(name)));
        }
        checked
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
