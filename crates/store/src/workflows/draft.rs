//! Drafts: documents in the making, kept whatever is wrong with them.
//!
//! A workflow has one draft at most. It answers at the test URLs of the workflow's hooks; for the first request that comes
//! there it is stored as a revision that is not published, so that its runs are pinned to something that never changes. A
//! trigger that only a draft has gets its hook when the draft is saved: the token is there before it is published, and
//! stays.

use std::collections::HashSet;

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use super::publish::{ATTEMPTS_MAX, too_many_hooks};
use super::tried::keep_into;
use super::{DOCUMENT_BYTES_MAX, HOOKS_KEPT_MAX, HOOKS_PER_WORKFLOW_MAX, NAME_BYTES_MAX};
use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect};
use crate::hooks::Hook;
use crate::{Error, Result, Store, args, narrow};

/// A draft as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Which save it is; no two saves have the same, whatever the workflow.
    pub version: i64,
    /// The text as it was written.
    pub document: String,
    /// Who saved it.
    pub author: String,
    /// When.
    pub updated_at: Timestamp,
    /// The revision as which it was tried.
    pub tried: Option<u32>,
}

/// A draft to be saved.
#[derive(Clone, Debug)]
pub struct NewDraft {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The name of the workflow; an unknown one makes a workflow that was never published.
    pub name: String,
    /// The text, valid or not.
    pub document: String,
    /// Who saves it.
    pub author: String,
    /// The labels of its triggers; none if it is not valid.
    pub labels: Vec<String>,
}

/// What was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedDraft {
    /// The workflow.
    pub workflow: WorkflowId,
    /// All hooks of the workflow, whatever their state.
    pub hooks: Vec<Hook>,
    /// Why some trigger got no hook.
    pub unhooked: Option<String>,
}

const DRAFT: &str = "
    SELECT workflow, version, document, author, updated_at, tried
      FROM drafts
     WHERE workflow = $1";

const INSERT_WORKFLOW: &str = "
    INSERT INTO workflows (id, workspace, name, revision, last_revision, created_at, updated_at)
    VALUES ($1, $2, $3, 0, 0, $4, $4)";

/// Whoever changes a workflow begins with its row, so that two who do wait for each other at once or not at all.
const HOLD: &str = "UPDATE workflows SET last_revision = last_revision WHERE id = $1";

/// The same text was tried already.
const SAVE: &str = "
    INSERT INTO drafts (workflow, version, document, author, updated_at, tried)
    VALUES ($1, $2, $3, $4, $5, NULL)
        ON CONFLICT (workflow) DO UPDATE
       SET version = excluded.version, document = excluded.document, author = excluded.author,
           updated_at = excluded.updated_at,
           tried = CASE WHEN drafts.document = excluded.document THEN drafts.tried END";

const INSERT_HOOK: &str = "
    INSERT INTO hooks (id, workspace, workflow, label, token, active, proposed, created_at)
    VALUES ($1, $2, $3, $4, $5, 0, 1, $6)";

const TRY: &str = "
    UPDATE drafts
       SET tried = $3
     WHERE workflow = $1
       AND version = $2
       AND tried IS NULL";

const NUMBER: &str = "
    UPDATE workflows
       SET last_revision = $4
     WHERE id = $1
       AND revision = $2
       AND last_revision = $3";

const INSERT_REVISION: &str = "
    INSERT INTO revisions (workflow, revision, created_at, author, document, published)
    VALUES ($1, $2, $3, $4, $5, 0)";

const DROP: &str = "DELETE FROM drafts WHERE workflow = $1";

/// The hooks of a workflow that was never published.
macro_rules! its_hooks {
    () => {
        "(SELECT h.id FROM hooks h JOIN workflows w ON w.id = h.workflow WHERE w.id = $1 AND w.revision = 0)"
    };
}

/// All there is of a workflow that was never published, itself last. Its deliveries and runs stay in the ledger; its tried
/// drafts go when no run needs them any more.
const DROP_WORKFLOW: [&str; 6] = [
    concat!("DELETE FROM listenings WHERE hook IN ", its_hooks!()),
    concat!("DELETE FROM hook_samples WHERE hook IN ", its_hooks!()),
    concat!("DELETE FROM old_tokens WHERE hook IN ", its_hooks!()),
    concat!("DELETE FROM pending_secrets WHERE hook IN ", its_hooks!()),
    concat!("DELETE FROM hooks WHERE id IN ", its_hooks!()),
    "DELETE FROM workflows WHERE id = $1 AND revision = 0",
];

/// What there was to throw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Nothing: there is no such draft.
    Nothing,
    /// A draft of a workflow that was published.
    Draft,
    /// A draft, and with it its workflow, which was never published.
    Workflow,
}

impl NewDraft {
    fn check(&self) -> Result<()> {
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || self.name.contains('\0') {
            return Err(Error::Invalid(format!("the name of a workflow has 1 to {NAME_BYTES_MAX} bytes and no NUL character")));
        }
        if self.document.len() > DOCUMENT_BYTES_MAX || self.document.contains('\0') {
            return Err(Error::Invalid(format!("a draft has at most {DOCUMENT_BYTES_MAX} bytes and no NUL character")));
        }
        let is_label = |label: &String| !label.is_empty() && label.len() <= NAME_BYTES_MAX && !label.contains('\0');
        let labels: HashSet<&String> = self.labels.iter().collect();
        if labels.len() != self.labels.len() || labels.len() > HOOKS_PER_WORKFLOW_MAX || !self.labels.iter().all(is_label) {
            return Err(Error::Invalid(format!(
                "a workflow has at most {HOOKS_PER_WORKFLOW_MAX} webhook triggers with labels of their own of 1 to {NAME_BYTES_MAX} \
                 bytes"
            )));
        }
        Ok(())
    }
}

impl Store {
    /// The draft of a workflow.
    pub async fn draft(&self, workflow: WorkflowId) -> Result<Option<Draft>> {
        let mut rows = self.db().read(DRAFT, args![workflow.0]).await?;
        let read = rows.pop().map(|mut row| {
            Ok(Draft {
                workflow: WorkflowId(row.int(0)?),
                version: row.int(1)?,
                document: row.take_text(2)?,
                author: row.take_text(3)?,
                updated_at: Timestamp(row.int(4)?),
                tried: row.opt_int(5)?.map(narrow).transpose()?,
            })
        });
        read.transpose()
    }

    /// Saves a draft in the place of the one before. The same text with no new trigger writes nothing.
    pub async fn save_draft(&self, draft: &NewDraft, now: Timestamp) -> Result<SavedDraft> {
        draft.check()?;
        for _ in 0..ATTEMPTS_MAX {
            let mut batch = Batch::new();
            let known = self.workflow_by_name(draft.workspace, &draft.name).await?.map(|workflow| workflow.id);
            let (stored, mut hooks) = match known {
                Some(id) => (self.draft(id).await?, self.hooks_of(id).await?),
                None => (None, Vec::new()),
            };
            let workflow = known.unwrap_or_else(|| WorkflowId(self.next_id()));
            if known.is_none() {
                let row = args![workflow.0, draft.workspace.0, draft.name.clone(), now.0];
                batch.execute(INSERT_WORKFLOW, row, Expect::Exactly(1));
            } else {
                batch.execute(HOLD, args![workflow.0], Expect::Exactly(1));
            }
            let (made, unhooked) = self.new_hooks(draft, workflow, &hooks, now)?;
            let is_same = stored.is_some_and(|stored| stored.document == draft.document);
            if !is_same {
                let row = args![workflow.0, self.next_id(), draft.document.clone(), draft.author.clone(), now.0];
                batch.execute(SAVE, row, Expect::Exactly(1));
            }
            for hook in &made {
                let (label, token) = (hook.label.clone(), hook.token.clone());
                let row = args![hook.id.0, hook.workspace.0, workflow.0, label, token, now.0];
                batch.execute(INSERT_HOOK, row, Expect::Exactly(1));
            }
            if is_same && made.is_empty() {
                return Ok(SavedDraft { workflow, hooks, unhooked });
            }
            let change = if made.is_empty() { Change::Workflow(workflow) } else { Change::Places(workflow) };
            hooks.extend(made);
            bump_catalog(&mut batch, change);
            match self.db().write(batch).await {
                Ok(written) => {
                    self.tell_catalog(bumped_version(&written)?);
                    return Ok(SavedDraft { workflow, hooks, unhooked });
                }
                // Somebody made the workflow, or the hook, in between.
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }

    /// The hooks that the triggers of a draft lack, and why there are not all of them.
    fn new_hooks(
        &self,
        draft: &NewDraft,
        workflow: WorkflowId,
        stored: &[Hook],
        now: Timestamp,
    ) -> Result<(Vec<Hook>, Option<String>)> {
        let is_new = |label: &&String| !stored.iter().any(|hook| hook.label == **label);
        let new: Vec<&String> = draft.labels.iter().filter(is_new).collect();
        if stored.len() + new.len() > HOOKS_KEPT_MAX {
            return Ok((Vec::new(), (!new.is_empty()).then(too_many_hooks)));
        }
        let make = |label: &String| Hook::proposed(HookId(self.next_id()), draft.workspace, workflow, label, now);
        Ok((new.into_iter().map(make).collect::<Result<_>>()?, None))
    }

    /// The revision as which a draft is run: stored now unless it was tried before, or says what is published. `canonical` is
    /// its text in canonical form. None: the draft is another one by now, or gone.
    pub async fn try_draft(&self, draft: &Draft, canonical: &str, now: Timestamp) -> Result<Option<u32>> {
        let id = draft.workflow;
        for _ in 0..ATTEMPTS_MAX {
            let Some(workflow) = self.workflow(id).await? else { return Ok(None) };
            let published = match workflow.revision {
                Some(number) => self.document(id, number).await?.filter(|text| text == canonical).map(|_| number),
                None => None,
            };
            let number = published.unwrap_or(workflow.last_revision + 1);
            let last = workflow.last_revision.max(number);
            let mut batch = Batch::new();
            let row = args![id.0, workflow.revision.unwrap_or(0), workflow.last_revision, last];
            batch.execute(NUMBER, row, Expect::Exactly(1));
            batch.execute(TRY, args![id.0, draft.version, number], Expect::Exactly(1));
            if published.is_none() {
                let row = args![id.0, number, now.0, draft.author.clone(), canonical.to_owned()];
                batch.execute(INSERT_REVISION, row, Expect::Exactly(1));
                keep_into(&mut batch, id, number);
            }
            match self.db().write(batch).await {
                Ok(_) => return Ok(Some(number)),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            // Somebody tried it, saved another, or published something.
            match self.draft(id).await? {
                Some(stored) if stored.version == draft.version => {
                    if stored.tried.is_some() {
                        return Ok(stored.tried);
                    }
                }
                _ => return Ok(None),
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }

    /// Throws a draft away, and its workflow with all its URLs if that was never published. Runs that have not ended go on.
    pub async fn drop_draft(&self, workflow: WorkflowId) -> Result<Dropped> {
        // What was published once stays so.
        let was_published = self.workflow(workflow).await?.is_some_and(|workflow| workflow.revision.is_some());
        let mut batch = Batch::new();
        batch.execute(HOLD, args![workflow.0], Expect::Any);
        batch.execute(DROP, args![workflow.0], Expect::Exactly(1));
        if !was_published {
            for sql in DROP_WORKFLOW {
                batch.execute(sql, args![workflow.0], Expect::Any);
            }
        }
        let last = batch.len() - 1;
        bump_catalog(&mut batch, if was_published { Change::Workflow(workflow) } else { Change::Places(workflow) });
        match self.db().write(batch).await {
            Ok(written) => {
                self.tell_catalog(bumped_version(&written)?);
                let is_gone = !was_published && written.counts[last] == 1;
                Ok(if is_gone { Dropped::Workflow } else { Dropped::Draft })
            }
            Err(Error::Conflict { .. }) => Ok(Dropped::Nothing),
            Err(error) => Err(error),
        }
    }
}
