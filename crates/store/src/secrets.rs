//! Secrets, sealed: the store keeps bytes that it cannot read. Sealing is the server's.

use bytes::Bytes;
use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect, Row};
use crate::{Error, Result, Store, args, narrow};

/// Longest name of a secret.
pub const SECRET_NAME_BYTES_MAX: usize = 200;
/// Largest sealed value.
pub const SEALED_BYTES_MAX: usize = 128 * 1024;
/// Secrets of one workspace.
pub const SECRETS_MAX: i64 = 10_000;

/// A sealed secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name, unique in the workspace.
    pub name: String,
    /// Grows by one with every new value; sealed into the value, so that an old one cannot be put in its place.
    pub version: u32,
    /// Which key it is sealed with.
    pub key_id: String,
    /// The sealed value.
    pub sealed: Bytes,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// When callers stop being compared with it; never, if there is no such time.
    pub expires_at: Option<Timestamp>,
}

/// A value to store.
#[derive(Clone, Debug)]
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a str,
    /// 1 for a new one, else one more than that of the stored value.
    pub version: u32,
    /// Which key it is sealed with.
    pub key_id: &'a str,
    /// The sealed value.
    pub sealed: Bytes,
    /// When callers stop being compared with it.
    pub expires_at: Option<Timestamp>,
}

const ONE: &str = "
    SELECT name, version, key_id, sealed, created_at, updated_at, expires_at
      FROM secrets
     WHERE workspace = $1
       AND name = $2";

const ALL: &str = "
    SELECT name, version, key_id, sealed, created_at, updated_at, expires_at
      FROM secrets
     WHERE workspace = $1
     ORDER BY name
     LIMIT $2";

const INSERT: &str = "
    INSERT INTO secrets (workspace, name, version, key_id, sealed, created_at, updated_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7)";

const UPDATE: &str = "
    UPDATE secrets
       SET version = $3, key_id = $4, sealed = $5, updated_at = $6, expires_at = $7
     WHERE workspace = $1
       AND name = $2
       AND version = $3 - 1";

const DELETE: &str = "DELETE FROM secrets WHERE workspace = $1 AND name = $2";

impl Store {
    /// A secret by its name.
    pub async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Secret>> {
        let mut rows = self.db().read(ONE, args![workspace.0, name.to_owned()]).await?;
        rows.pop().map(|mut row| read_secret(&mut row)).transpose()
    }

    /// All secrets of a workspace, by name.
    pub async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<Secret>> {
        self.db().read(ALL, args![workspace.0, SECRETS_MAX]).await?.iter_mut().map(read_secret).collect()
    }

    /// Sets a secret, its expiry too. [`Error::Conflict`] if somebody set it since its version was read.
    pub async fn put_secret(&self, workspace: WorkspaceId, secret: NewSecret<'_>, now: Timestamp) -> Result<()> {
        let mut batch = Batch::new();
        put_into(&mut batch, workspace, secret, now)?;
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(())
    }

    /// Removes a secret; [`Error::NotFound`] if there is none of that name.
    pub async fn delete_secret(&self, workspace: WorkspaceId, name: &str) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(DELETE, args![workspace.0, name.to_owned()], Expect::Exactly(1));
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await.map_err(|error| match error {
            Error::Conflict { statement: 0 } => Error::NotFound,
            other => other,
        })?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(())
    }
}

/// Adds the setting of a secret to a batch; conflicts there if somebody set it since its version was read.
pub(crate) fn put_into(batch: &mut Batch, workspace: WorkspaceId, secret: NewSecret<'_>, now: Timestamp) -> Result<()> {
    let NewSecret { name, version, key_id, sealed, expires_at } = secret;
    if name.is_empty() || name.len() > SECRET_NAME_BYTES_MAX || name.contains('\0') {
        return Err(Error::Invalid(format!("the name of a secret has 1 to {SECRET_NAME_BYTES_MAX} bytes and no NUL character")));
    }
    if sealed.len() > SEALED_BYTES_MAX {
        return Err(Error::Invalid(format!("a secret has at most {SEALED_BYTES_MAX} bytes when sealed")));
    }
    let sql = if version == 1 { INSERT } else { UPDATE };
    let expires_at = expires_at.map(|at| at.0);
    let values = args![workspace.0, name.to_owned(), version, key_id.to_owned(), sealed, now.0, expires_at];
    batch.execute(sql, values, Expect::Exactly(1));
    Ok(())
}

fn read_secret(row: &mut Row) -> Result<Secret> {
    Ok(Secret {
        name: row.take_text(0)?,
        version: narrow(row.int(1)?)?,
        key_id: row.take_text(2)?,
        sealed: row.bytes(3)?,
        created_at: Timestamp(row.int(4)?),
        updated_at: Timestamp(row.int(5)?),
        expires_at: row.opt_int(6)?.map(Timestamp),
    })
}
