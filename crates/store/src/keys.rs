//! API keys. The database knows the SHA-256 of a key only; the key itself is shown once, when it is made.
//!
//! A plain hash is enough, because a key has 256 random bits: there is nothing to guess.

use bytes::Bytes;
use hookmill_engine::id::{KeyId, WorkspaceId};
use hookmill_engine::time::{Span, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect, Row};
use crate::hooks::random_text;
use crate::words::{word, words};
use crate::{Error, Result, Store, args};

/// What keys start with.
pub const KEY_PREFIX: &str = "hmk_";
/// Characters of a key after its prefix; each carries almost six bits.
const KEY_CHARS: usize = 43;
/// Characters that are stored and shown, so that people can tell their keys apart.
const SHOWN_CHARS: usize = 10;
/// Longest name of a key.
pub const KEY_NAME_BYTES_MAX: usize = 200;
/// Keys that are listed.
const KEYS_MAX: i64 = 10_000;
/// The last use is noted at most this often, so that reading the API does not write.
const USE_NOTED_EVERY: Span = Span(60_000);

words! {
    /// What the holder of a key may do. Each may do everything that those after it may.
    pub enum Role {
        /// Everything, keys included.
        Owner = "owner",
        /// Workflows and secrets.
        Editor = "editor",
        /// Runs and deliveries: cancel, rerun, replay.
        Operator = "operator",
        /// Looking.
        Viewer = "viewer",
    }
}

impl Role {
    /// Whether this role may do what `needed` may.
    pub fn allows(self, needed: Self) -> bool {
        self <= needed
    }
}

/// An API key without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct ApiKey {
    pub id: KeyId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub role: Role,
    /// How the key starts.
    pub prefix: String,
    pub created_at: Timestamp,
    /// From when on it is not accepted any more.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
}

const INSERT: &str = "
    INSERT INTO api_keys (id, workspace, name, role, prefix, hash, created_at, expires_at, last_used)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)";

const BY_HASH: &str = "
    SELECT id, workspace, name, role, prefix, created_at, expires_at, last_used
      FROM api_keys
     WHERE hash = $1";

const ALL: &str = "
    SELECT id, workspace, name, role, prefix, created_at, expires_at, last_used
      FROM api_keys
     WHERE workspace = $1
     ORDER BY id
     LIMIT $2";

/// The newest ones: they are in use.
const BY_HASHES: &str = "
    SELECT id, workspace, name, role, prefix, created_at, expires_at, last_used, hash
      FROM api_keys
     WHERE workspace = $1
     ORDER BY id DESC
     LIMIT $2";

const DELETE: &str = "DELETE FROM api_keys WHERE workspace = $1 AND id = $2";

const NOTE_USE: &str = "
    UPDATE api_keys
       SET last_used = $2
     WHERE id = $1
       AND (last_used IS NULL OR last_used < $3)";

fn hash(key: &str) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(key.as_bytes()))
}

impl Store {
    /// Makes a key. The second value is the key itself, which nobody can get again.
    pub async fn create_key(
        &self,
        workspace: WorkspaceId,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(ApiKey, String)> {
        if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX || name.contains('\0') {
            return Err(Error::Invalid(format!("the name of a key has 1 to {KEY_NAME_BYTES_MAX} bytes and no NUL character")));
        }
        let text = format!("{KEY_PREFIX}{}", random_text(KEY_CHARS)?);
        let key = ApiKey {
            id: KeyId(self.next_id()),
            workspace,
            name: name.to_owned(),
            role,
            prefix: text[..SHOWN_CHARS].to_owned(),
            created_at: now,
            expires_at,
            last_used: None,
        };
        let mut batch = Batch::new();
        batch.execute(
            INSERT,
            args![
                key.id.0,
                workspace.0,
                key.name.clone(),
                role,
                key.prefix.clone(),
                hash(&text),
                now.0,
                expires_at.map(|at| at.0)
            ],
            Expect::Exactly(1),
        );
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await?;
        self.tell_catalog(bumped_version(&written)?);
        Ok((key, text))
    }

    /// The key with this text; `None` if there is none or it has expired.
    pub async fn key_by_text(&self, text: &str, now: Timestamp) -> Result<Option<ApiKey>> {
        let mut rows = self.db().read(BY_HASH, args![hash(text)]).await?;
        let key = rows.pop().map(|mut row| read_key(&mut row)).transpose()?;
        Ok(key.filter(|key| key.expires_at.is_none_or(|at| now < at)))
    }

    /// The keys of a workspace by the SHA-256 of their text, expired ones too; at most the newest 10,000.
    pub async fn keys_by_hash(&self, workspace: WorkspaceId) -> Result<Vec<([u8; 32], ApiKey)>> {
        let mut rows = self.db().read(BY_HASHES, args![workspace.0, KEYS_MAX]).await?;
        let keyed = |row: &mut Row| {
            let hash = row.bytes(8)?;
            let hash = hash[..].try_into().map_err(|_| Error::corrupt("the hash of a key has not 32 bytes"))?;
            Ok((hash, read_key(row)?))
        };
        rows.iter_mut().map(keyed).collect()
    }

    /// All keys of a workspace, the oldest first; also those that have expired.
    pub async fn keys(&self, workspace: WorkspaceId) -> Result<Vec<ApiKey>> {
        self.db().read(ALL, args![workspace.0, KEYS_MAX]).await?.iter_mut().map(read_key).collect()
    }

    /// Revokes a key.
    pub async fn delete_key(&self, workspace: WorkspaceId, id: KeyId) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(DELETE, args![workspace.0, id.0], Expect::Exactly(1));
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await.map_err(|error| match error {
            Error::Conflict { statement: 0 } => Error::NotFound,
            other => other,
        })?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(())
    }

    /// Notes that a key was used; writes only if the last note is older than a minute.
    pub async fn note_key_use(&self, key: &ApiKey, now: Timestamp) -> Result<()> {
        let noted_before = now.0.saturating_sub_unsigned(USE_NOTED_EVERY.0);
        if key.last_used.is_some_and(|at| at.0 >= noted_before) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.execute(NOTE_USE, args![key.id.0, now.0, noted_before], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }
}

fn read_key(row: &mut Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: KeyId(row.int(0)?),
        workspace: WorkspaceId(row.int(1)?),
        name: row.take_text(2)?,
        role: word(row, 3)?,
        prefix: row.take_text(4)?,
        created_at: Timestamp(row.int(5)?),
        expires_at: row.opt_int(6)?.map(Timestamp),
        last_used: row.opt_int(7)?.map(Timestamp),
    })
}
