//! The catalog: everything that nodes keep in memory (workflows, hooks, secrets, API keys), by one version, and what each version
//! changed.
//!
//! Whoever writes such a thing raises the version in the same batch. Nodes that read something under an older version
//! ask what changed since ([`Store::catalog_changes`]) and forget that; only if the log does not reach back do they
//! forget everything.

use hookmill_engine::id::WorkflowId;

use crate::db::{Args, Batch, Expect, Written};
use crate::watch::Changed;
use crate::{Error, Result, Store, args};

/// Versions whose changes are known. Who is further behind forgets everything, which costs each thing one look at most.
pub const CHANGES_KEPT: i64 = 10_000;
/// Changes that are read at once.
const CHANGES_AT_ONCE: i64 = 1_000;

/// What a new version changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// What hooks are not made of: secrets, API keys, who listens for a sample.
    Beside,
    /// A workflow or its hooks; all URLs lead where they led before.
    Workflow(WorkflowId),
    /// A workflow or its hooks, and where URLs lead.
    Places(WorkflowId),
}

/// What changed since some version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The newest version that was looked at.
    pub version: i64,
    /// Workflows that changed, each with the version that changed it, the oldest first.
    pub workflows: Vec<(WorkflowId, i64)>,
    /// The newest version with which URLs began to lead elsewhere, if there was one.
    pub places: Option<i64>,
    /// Whether this is all. If not, anything may have changed.
    pub complete: bool,
}

const CATALOG: &str = "SELECT version FROM catalog WHERE id = 1";
const BUMP: &str = "UPDATE catalog SET version = version + 1 WHERE id = 1";
const FORGET: &str = "DELETE FROM catalog_changes WHERE version <= (SELECT version FROM catalog WHERE id = 1) - $1";
const LOG: &str = "
    INSERT INTO catalog_changes (version, workflow, places)
    SELECT version, CAST($1 AS BIGINT), CAST($2 AS BIGINT) FROM catalog WHERE id = 1
    RETURNING version";
const SINCE: &str = "
    SELECT version, workflow, places
      FROM catalog_changes
     WHERE version > $1
     ORDER BY version
     LIMIT $2";

/// Adds to a batch that nodes must look at something again. Last in its batch, so that writers wait for each other as
/// briefly as possible.
pub(crate) fn bump_catalog(batch: &mut Batch, change: Change) {
    let (workflow, places) = match change {
        Change::Beside => (None, 0),
        Change::Workflow(id) => (Some(id.0), 0),
        Change::Places(id) => (Some(id.0), 1),
    };
    batch.execute(BUMP, Args::new(), Expect::Exactly(1));
    batch.execute(FORGET, args![CHANGES_KEPT], Expect::Any);
    batch.execute(LOG, args![workflow, places], Expect::Exactly(1));
}

/// The version that [`bump_catalog`] made.
pub(crate) fn bumped_version(written: &Written) -> Result<i64> {
    let row = written.rows.last().and_then(|rows| rows.first());
    row.ok_or_else(|| Error::corrupt("the version of the catalog is missing"))?.int(0)
}

impl Store {
    /// The version of workflows, hooks and secrets together.
    pub async fn catalog_version(&self) -> Result<i64> {
        let rows = self.db().read(CATALOG, Args::new()).await?;
        rows.first().ok_or_else(|| Error::corrupt("the version of the catalog is missing"))?.int(0)
    }

    /// Asks for the version, and tells the news if another process made a newer one than is known here.
    ///
    /// With SQLite there is nothing to ask for: what is written beside the process that serves are API keys, and those who
    /// keep them look again after a few seconds anyway.
    pub async fn notice_catalog(&self) -> Result<i64> {
        let version = self.catalog_version().await?;
        if version > self.watch().catalog() {
            self.tell_catalog(version);
        }
        Ok(version)
    }

    /// What changed after a version.
    pub async fn catalog_changes(&self, after: i64) -> Result<Changes> {
        let rows = self.db().read(SINCE, args![after, CHANGES_AT_ONCE]).await?;
        let mut changes = Changes { version: after, complete: (rows.len() as i64) < CHANGES_AT_ONCE, ..Changes::default() };
        for row in rows {
            let version = row.int(0)?;
            // A gap: the log was cut, or an older program wrote beside it.
            changes.complete &= version == changes.version + 1;
            changes.version = version;
            changes.workflows.extend(row.opt_int(1)?.map(|id| (WorkflowId(id), version)));
            if row.int(2)? != 0 {
                changes.places = Some(version);
            }
        }
        Ok(changes)
    }

    pub(crate) fn tell_catalog(&self, version: i64) {
        self.watch().tell(Changed::Catalog { version });
    }
}
