//! Workflows and their revisions.
//!
//! A revision never changes. The name identifies the workflow in its workspace; publishing is in `publish`. What is being
//! written is in `draft`; it becomes a revision when it is tried or published. Which of those that were only tried are kept is
//! in `tried`.

mod draft;
mod publish;
pub(crate) mod tried;

use hookmill_engine::id::{WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::db::Row;
use crate::{Error, Result, Store, args, narrow};

pub use draft::{Draft, Dropped, NewDraft, SavedDraft};
pub use publish::{DOCUMENT_BYTES_MAX, HOOKS_KEPT_MAX, HOOKS_PER_WORKFLOW_MAX, NAME_BYTES_MAX, Publication, Published};
pub use tried::TRIED_DRAFTS_KEPT;

/// Workflows or revisions of one page.
pub const WORKFLOWS_PAGE_MAX: usize = 500;

/// A workflow through all its revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct Workflow {
    pub id: WorkflowId,
    pub workspace: WorkspaceId,
    pub name: String,
    /// The published revision; none if it was never published.
    pub revision: Option<u32>,
    /// The last number that a revision got, published or only tried.
    pub last_revision: u32,
    pub created_at: Timestamp,
    /// When it was published last.
    pub updated_at: Timestamp,
    /// When its draft was saved last, if it has one.
    pub drafted_at: Option<Timestamp>,
}

/// What a revision says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The canonical text.
    pub text: String,
    /// Whether it was published; if not, it is a draft that was tried.
    pub published: bool,
}

/// A revision in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct Revision {
    pub workflow: WorkflowId,
    pub revision: u32,
    pub author: String,
    pub created_at: Timestamp,
    /// Whether it was published; if not, it is a draft that was tried.
    pub published: bool,
}

macro_rules! columns {
    () => {
        "SELECT id, workspace, name, revision, created_at, updated_at, last_revision,
                (SELECT d.updated_at FROM drafts d WHERE d.workflow = workflows.id)
           FROM workflows "
    };
}

const ONE: &str = concat!(columns!(), "WHERE id = $1");
const BY_NAME: &str = concat!(columns!(), "WHERE workspace = $1 AND name = $2");
const PAGE: &str = concat!(columns!(), "WHERE workspace = $1 AND name > $2 ORDER BY name LIMIT $3");
const REVISIONS: &str = "
    SELECT workflow, revision, author, created_at, published
      FROM revisions
     WHERE workflow = $1
       AND revision < $2
     ORDER BY revision DESC
     LIMIT $3";
const DOCUMENT: &str = "SELECT document, published FROM revisions WHERE workflow = $1 AND revision = $2";

/// Checks how many items are asked for.
pub(crate) fn page_limit(limit: usize) -> Result<i64> {
    if limit == 0 || limit > WORKFLOWS_PAGE_MAX {
        return Err(Error::Invalid(format!("a page has 1 to {WORKFLOWS_PAGE_MAX} items, not {limit}")));
    }
    Ok(limit as i64)
}

impl Store {
    /// A workflow.
    pub async fn workflow(&self, id: WorkflowId) -> Result<Option<Workflow>> {
        let mut rows = self.db().read(ONE, args![id.0]).await?;
        rows.pop().map(|mut row| read_workflow(&mut row)).transpose()
    }

    /// The workflow with this name.
    pub async fn workflow_by_name(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Workflow>> {
        let mut rows = self.db().read(BY_NAME, args![workspace.0, name.to_owned()]).await?;
        rows.pop().map(|mut row| read_workflow(&mut row)).transpose()
    }

    /// Workflows in the order of their names, those after a given one.
    pub async fn workflows(&self, workspace: WorkspaceId, after_name: &str, limit: usize) -> Result<Vec<Workflow>> {
        let arguments = args![workspace.0, after_name.to_owned(), page_limit(limit)?];
        self.db().read(PAGE, arguments).await?.iter_mut().map(read_workflow).collect()
    }

    /// Revisions of a workflow, those that were only tried included, the newest first, those before a given one.
    pub async fn revisions(&self, workflow: WorkflowId, before: Option<u32>, limit: usize) -> Result<Vec<Revision>> {
        let before = before.map_or(i64::MAX, i64::from);
        let rows = self.db().read(REVISIONS, args![workflow.0, before, page_limit(limit)?]).await?;
        let revisions = rows.into_iter().map(|mut row| {
            Ok(Revision {
                workflow: WorkflowId(row.int(0)?),
                revision: narrow(row.int(1)?)?,
                author: row.take_text(2)?,
                created_at: Timestamp(row.int(3)?),
                published: row.int(4)? != 0,
            })
        });
        revisions.collect()
    }

    /// The canonical text of a revision.
    pub async fn document(&self, workflow: WorkflowId, revision: u32) -> Result<Option<String>> {
        Ok(self.revision(workflow, revision).await?.map(|document| document.text))
    }

    /// What a revision says, and whether it was published. `None`: there never was one, or it was a draft that is not kept any
    /// more.
    pub async fn revision(&self, workflow: WorkflowId, revision: u32) -> Result<Option<Document>> {
        let mut rows = self.db().read(DOCUMENT, args![workflow.0, revision]).await?;
        rows.pop().map(|mut row| Ok(Document { text: row.take_text(0)?, published: row.int(1)? != 0 })).transpose()
    }
}

fn read_workflow(row: &mut Row) -> Result<Workflow> {
    Ok(Workflow {
        id: WorkflowId(row.int(0)?),
        workspace: WorkspaceId(row.int(1)?),
        name: row.take_text(2)?,
        revision: published(row.int(3)?)?,
        created_at: Timestamp(row.int(4)?),
        updated_at: Timestamp(row.int(5)?),
        last_revision: narrow(row.int(6)?)?,
        drafted_at: row.opt_int(7)?.map(Timestamp),
    })
}

/// A published revision as it is stored: 0 stands for none.
pub(crate) fn published(stored: i64) -> Result<Option<u32>> {
    Ok(Some(narrow(stored)?).filter(|number| *number > 0))
}
