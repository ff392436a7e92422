//! Workspaces: for now one, called `main`, made when a database is first opened.

use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;

use crate::db::{Args, Batch, Expect};
use crate::{Result, Store, args};

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
}

const ENSURE: &str = "
    INSERT INTO workspaces (id, slug, name, created_at)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";

const BY_SLUG: &str = "SELECT id, slug, name, created_at FROM workspaces WHERE slug = $1";

const ALL: &str = "SELECT id, slug, name, created_at FROM workspaces ORDER BY id";

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
    })
}
