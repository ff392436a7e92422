//! Workspaces: for now one, called `main`, made when a database is first opened.

use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;

use crate::db::{Args, Batch, Expect};
use crate::{Error, Result, Store, args};

/// The id of the first workspace.
pub const FIRST_WORKSPACE: WorkspaceId = WorkspaceId(1);
/// The slug of the first workspace.
pub const FIRST_SLUG: &str = "main";

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct Workspace {
    pub id: WorkspaceId,
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
    /// Whether everyone may read what it tells the senders of its hooks.
    pub public_docs: bool,
}

const ENSURE: &str = "
    INSERT INTO workspaces (id, slug, name, created_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";

macro_rules! columns {
    () => {
        "SELECT id, slug, name, created_at, public_docs FROM workspaces "
    };
}

const ONE: &str = concat!(columns!(), "WHERE id = $1");
const BY_SLUG: &str = concat!(columns!(), "WHERE slug = $1");
const ALL: &str = concat!(columns!(), "ORDER BY id");
const SET_PUBLIC_DOCS: &str = "UPDATE workspaces SET public_docs = $2 WHERE id = $1";

impl Store {
    pub(crate) async fn ensure_first_workspace(&self, now: Timestamp) -> Result<()> {
        if self.workspace(FIRST_SLUG).await?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.execute(ENSURE, args![FIRST_WORKSPACE.0, FIRST_SLUG, "Main", now.0], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }

    /// A workspace by its slug.
    pub async fn workspace(&self, slug: &str) -> Result<Option<Workspace>> {
        let mut rows = self.db().read(BY_SLUG, args![slug.to_owned()]).await?;
        rows.pop().map(|mut row| read_workspace(&mut row)).transpose()
    }

    /// A workspace by its id.
    pub async fn workspace_by_id(&self, id: WorkspaceId) -> Result<Option<Workspace>> {
        let mut rows = self.db().read(ONE, args![id.0]).await?;
        rows.pop().map(|mut row| read_workspace(&mut row)).transpose()
    }

    /// Says whether everyone may read what a workspace tells the senders of its hooks.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such workspace.
    pub async fn set_public_docs(&self, id: WorkspaceId, public: bool) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(SET_PUBLIC_DOCS, args![id.0, i64::from(public)], Expect::Exactly(1));
        self.db().write(batch).await.map(|_| ()).map_err(|error| match error {
            Error::Conflict { .. } => Error::NotFound,
            other => other,
        })
    }

    /// All workspaces.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>> {
        self.db().read(ALL, Args::new()).await?.iter_mut().map(read_workspace).collect()
    }
}

fn read_workspace(row: &mut crate::db::Row) -> Result<Workspace> {
    Ok(Workspace {
        id: WorkspaceId(row.int(0)?),
        slug: row.take_text(1)?,
        name: row.take_text(2)?,
        created_at: Timestamp(row.int(3)?),
        public_docs: row.int(4)? != 0,
    })
}
