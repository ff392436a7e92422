//! Publishing: a document becomes the next revision, its triggers get their hooks, all in one batch.
//!
//! What is stored is read, the batch is made from it, and its first statement checks that nobody published in between;
//! if somebody did, it starts over. So two publications of one name at the same moment give one workflow and two
//! revisions, or one revision if they say the same.

use std::collections::{HashMap, HashSet};

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Arg, Batch, Expect};
use crate::hooks::{Claimed, Hook, Mask, PATH_MASKS_MAX, WantedHook, path_and_shape};
use crate::{Error, Result, Store, args};

/// Longest name of a workflow.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest canonical text of a document.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Triggers of a document that have hooks.
pub const HOOKS_PER_WORKFLOW_MAX: usize = 100;
/// Hooks of a workflow, with those whose triggers are gone: they are kept, for the trigger may come back.
pub const HOOKS_KEPT_MAX: usize = 500;
/// How often publishing starts over because somebody else was faster.
pub(super) const ATTEMPTS_MAX: usize = 16;

/// A document to be published. It must be valid.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The name of the workflow; an unknown one makes a new workflow.
    pub name: String,
    /// The canonical text.
    pub document: String,
    /// Who publishes.
    pub author: String,
    /// The hooks that its triggers want, in their order.
    pub hooks: Vec<WantedHook>,
    /// The version of the draft that says the same, if there is one: it is done with, unless it is saved again meanwhile.
    pub draft: Option<i64>,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The revision that is now published.
    pub revision: u32,
    /// Whether anything is different from before.
    pub changed: bool,
    /// The hooks in the order in which they were wanted.
    pub hooks: Vec<Hook>,
}

const INSERT_WORKFLOW: &str = "
    INSERT INTO workflows (id, workspace, name, revision, last_revision, created_at, updated_at)
    VALUES ($1, $2, $3, 1, 1, $4, $4)";

const NEXT_REVISION: &str = "
    UPDATE workflows
       SET revision = $4, last_revision = $5, updated_at = $6
     WHERE id = $1
       AND revision = $2
       AND last_revision = $3";

const INSERT_REVISION: &str = "
    INSERT INTO revisions (workflow, revision, created_at, author, document)
    VALUES ($1, $2, $3, $4, $5)";

const SWITCH_OFF: &str = "UPDATE hooks SET active = 0 WHERE id = $1";

const SWITCH_ON: &str =
    "UPDATE hooks SET active = 1, proposed = 0, path = $2, path_shape = $3, path_mask = $4, alias = $5 WHERE id = $1";

const DRAFT_IS_DONE: &str = "DELETE FROM drafts WHERE workflow = $1 AND version = $2";

const INSERT_HOOK: &str = "
    INSERT INTO hooks (id, workspace, workflow, label, token, path, path_shape, path_mask, alias, active, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)";

/// Why a trigger gets no hook.
pub(super) fn too_many_hooks() -> String {
    format!(
        "a workflow keeps at most {HOOKS_KEPT_MAX} hooks, with those of triggers that it once had; give new triggers old labels"
    )
}

/// A batch in the making, with what each statement is for.
struct Plan {
    batch: Batch,
    published: Published,
    /// Whether URLs lead elsewhere than before.
    places: bool,
    /// What a statement claims, by its position: in words for people, and as it is stored.
    claims: HashMap<usize, Vec<(String, Claimed)>>,
}

impl Publication {
    fn check(&self) -> Result<()> {
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || self.name.contains('\0') {
            return Err(Error::Invalid(format!("the name of a workflow has 1 to {NAME_BYTES_MAX} bytes and no NUL character")));
        }
        if self.document.len() > DOCUMENT_BYTES_MAX {
            return Err(Error::Invalid(format!("a document has at most {DOCUMENT_BYTES_MAX} bytes")));
        }
        if self.hooks.len() > HOOKS_PER_WORKFLOW_MAX {
            return Err(Error::Invalid(format!("a workflow has at most {HOOKS_PER_WORKFLOW_MAX} webhook triggers")));
        }
        let mut labels = HashSet::new();
        let mut shapes = HashSet::new();
        for hook in &self.hooks {
            if hook.label.is_empty() || hook.label.len() > NAME_BYTES_MAX || hook.label.contains('\0') {
                return Err(Error::Invalid(format!(
                    "the label of a trigger has 1 to {NAME_BYTES_MAX} bytes and no NUL character"
                )));
            }
            if !labels.insert(&hook.label) {
                return Err(Error::Invalid(format!("two triggers have the label `{}`", hook.label)));
            }
            if let Some(path) = &hook.path
                && !shapes.insert(path_and_shape(path)?.1)
            {
                return Err(Error::Invalid(format!("two triggers have the path `{path}`")));
            }
        }
        Ok(())
    }
}

/// Adds a hook that is made.
fn insert_hook(batch: &mut Batch, made: &Hook, shape: Arg, mask: Arg) {
    let (label, token) = (made.label.clone(), made.token.clone());
    let (path, alias) = (Arg::from(made.path.clone()), made.alias.clone());
    let (workspace, workflow, created_at) = (made.workspace.0, made.workflow.0, made.created_at.0);
    let row = args![made.id.0, workspace, workflow, label, token, path, shape, mask, alias, created_at];
    batch.execute(INSERT_HOOK, row, Expect::Exactly(1));
}

impl Store {
    /// Publishes a document. An unchanged text with unchanged hooks writes nothing.
    pub async fn publish(&self, publication: &Publication, now: Timestamp) -> Result<Published> {
        publication.check()?;
        for _ in 0..ATTEMPTS_MAX {
            let Plan { batch, published, claims, .. } = self.plan(publication, now).await?;
            if !published.changed && publication.draft.is_none() {
                return Ok(published);
            }
            match self.db().write(batch).await {
                Ok(written) => {
                    self.tell_catalog(bumped_version(&written)?);
                    return Ok(published);
                }
                Err(Error::Conflict { statement }) => {
                    // Either somebody published this workflow in between, or the path is taken.
                    for (path, place) in claims.get(&statement).into_iter().flatten() {
                        if let Some((workflow, name)) = self.workflow_at(publication.workspace, place).await?
                            && workflow != published.workflow
                        {
                            return Err(Error::PathTaken { path: path.clone(), workflow: name });
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }

    async fn plan(&self, publication: &Publication, now: Timestamp) -> Result<Plan> {
        let mut batch = Batch::new();
        let known = self.workflow_by_name(publication.workspace, &publication.name).await?;
        let mut changed = true;
        let (workflow, revision, stored) = match known {
            None => {
                let id = WorkflowId(self.next_id());
                let row = args![id.0, publication.workspace.0, publication.name.clone(), now.0];
                batch.execute(INSERT_WORKFLOW, row, Expect::Exactly(1));
                (id, 1, Vec::new())
            }
            Some(known) => {
                let document = match known.revision {
                    Some(number) => self.document(known.id, number).await?,
                    None => None,
                };
                changed = document.is_none_or(|document| document != publication.document);
                let stored = known.revision.unwrap_or(0);
                let (revision, last) = match changed {
                    true => (known.last_revision + 1, known.last_revision + 1),
                    false => (stored, known.last_revision),
                };
                let row = args![known.id.0, stored, known.last_revision, revision, last, now.0];
                batch.execute(NEXT_REVISION, row, Expect::Exactly(1));
                (known.id, revision, self.hooks_of(known.id).await?)
            }
        };
        if changed {
            let row = args![workflow.0, revision, now.0, publication.author.clone(), publication.document.clone()];
            batch.execute(INSERT_REVISION, row, Expect::Exactly(1));
        }
        if let Some(version) = publication.draft {
            batch.execute(DRAFT_IS_DONE, args![workflow.0, version], Expect::Any);
        }
        let published = Published { workflow, revision, changed, hooks: Vec::new() };
        let mut plan = Plan { batch, published, places: false, claims: HashMap::new() };
        self.check_masks(publication).await?;
        self.plan_hooks(&mut plan, publication, stored, now)?;
        let change = if plan.places { Change::Places(workflow) } else { Change::Workflow(workflow) };
        bump_catalog(&mut plan.batch, change);
        Ok(plan)
    }

    /// A workspace has few kinds of paths, so that the one that fits a request is found by asking for each kind.
    async fn check_masks(&self, publication: &Publication) -> Result<()> {
        let mut wanted = HashSet::new();
        for path in publication.hooks.iter().filter_map(|hook| hook.path.as_deref()) {
            wanted.insert(Mask::of(&path_and_shape(path)?.0));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let known = self.path_masks(publication.workspace).await?;
        wanted.retain(|mask| !known.contains(mask));
        if !wanted.is_empty() && known.len() + wanted.len() > PATH_MASKS_MAX {
            return Err(Error::Invalid(format!(
                "the paths of a workspace have their parameters in at most {PATH_MASKS_MAX} different arrangements; \
                 use one that other paths have"
            )));
        }
        Ok(())
    }

    fn plan_hooks(&self, plan: &mut Plan, publication: &Publication, stored: Vec<Hook>, now: Timestamp) -> Result<()> {
        let wanted_paths: HashMap<&str, Option<(String, String)>> = publication
            .hooks
            .iter()
            .map(|hook| Ok((hook.label.as_str(), hook.path.as_deref().map(path_and_shape).transpose()?)))
            .collect::<Result<_>>()?;
        let stays = |hook: &Hook| {
            let wanted = publication.hooks.iter().find(|wanted| wanted.label == hook.label);
            let path = wanted_paths.get(hook.label.as_str()).and_then(|path| path.as_ref().map(|(path, _)| path.as_str()));
            wanted.is_some_and(|wanted| path == hook.path.as_deref() && wanted.alias(&hook.token) == hook.alias)
        };
        // All that change let go of their paths first, so that two of them can swap.
        for hook in &stored {
            if hook.active && !stays(hook) {
                plan.batch.execute(SWITCH_OFF, args![hook.id.0], Expect::Exactly(1));
                plan.published.changed = true;
                plan.places = true;
            }
        }
        let kept = stored.len();
        let mut stored: HashMap<String, Hook> = stored.into_iter().map(|hook| (hook.label.clone(), hook)).collect();
        let new = publication.hooks.iter().filter(|wanted| !stored.contains_key(&wanted.label)).count();
        if new > 0 && kept + new > HOOKS_KEPT_MAX {
            return Err(Error::Invalid(too_many_hooks()));
        }
        for hook in &publication.hooks {
            let claim = wanted_paths.get(hook.label.as_str()).cloned().flatten();
            let path = claim.as_ref().map(|(path, _)| path.clone());
            let (path_arg, shape_arg) = (Arg::from(path.clone()), Arg::from(claim.as_ref().map(|(_, shape)| shape.clone())));
            let mask_arg = Arg::from(path.as_deref().map(|path| Mask::of(path).0));
            let position = plan.batch.len();
            let hook = match stored.remove(&hook.label) {
                Some(known) if known.active && stays(&known) => {
                    plan.published.hooks.push(known);
                    continue;
                }
                Some(known) => {
                    let alias = hook.alias(&known.token);
                    plan.batch.execute(
                        SWITCH_ON,
                        [known.id.0.into(), path_arg, shape_arg, mask_arg, alias.clone().into()],
                        Expect::Exactly(1),
                    );
                    Hook { path, alias, active: true, proposed: false, ..known }
                }
                None => {
                    let (id, workflow) = (HookId(self.next_id()), plan.published.workflow);
                    let made = Hook::proposed(id, publication.workspace, workflow, &hook.label, now)?;
                    let alias = hook.alias(&made.token);
                    let made = Hook { path, alias, active: true, proposed: false, ..made };
                    insert_hook(&mut plan.batch, &made, shape_arg, mask_arg);
                    made
                }
            };
            plan.published.changed = true;
            plan.places = true;
            let shape = claim.map(|(path, shape)| (path, Claimed::Shape(shape)));
            let alias = hook.alias.clone().map(|alias| (alias.clone(), Claimed::Alias(alias)));
            plan.claims.insert(position, shape.into_iter().chain(alias).collect());
            plan.published.hooks.push(hook);
        }
        Ok(())
    }
}
