//! Secrets that senders handed over in their handshakes, sealed, until their hook's owner decides about them.
//!
//! Anybody who knows a hook's URL can hand one over. So each hook has one at most, the newest, and nothing is ever compared
//! with it: only who confirms it makes it a secret of the workspace. What is decided about is named by its handshake, so
//! that nobody confirms what came in after they looked. What came to the hook's test URL stands beside that, for it may be a
//! registration of another kind: neither takes the other's place.

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect, Row};
use crate::secrets::{NewSecret, SEALED_BYTES_MAX, put_into};
use crate::{Error, Result, Store, args, narrow};

/// A secret that waits for its hook's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSecret {
    /// The hook that it was handed to.
    pub hook: HookId,
    /// Whether it came to the test URL.
    pub test: bool,
    /// The delivery that it came with.
    pub handshake: DeliveryId,
    /// Which key it is sealed with.
    pub key_id: String,
    /// The sealed value.
    pub sealed: Bytes,
    /// When it came.
    pub received_at: Timestamp,
    /// From where.
    pub address: String,
}

/// A pending secret, and whether it is the only one that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The newest.
    pub secret: PendingSecret,
    /// How many were handed over since the owner decided last, this one included.
    pub times: u64,
}

/// Whoever drops the hook holds its workflow before it looks for what is pending: of the two, the later one sees what the earlier
/// one did.
const HOLD: &str = "UPDATE workflows SET revision = revision WHERE id = (SELECT h.workflow FROM hooks h WHERE h.id = $1)";

const KEEP: &str = "
    INSERT INTO pending_secrets (hook, test, handshake, times, key_id, sealed, received_at, address)
    VALUES ($1, $2, $3, 1, $4, $5, $6, $7)
        ON CONFLICT (hook, test) DO UPDATE
       SET handshake = $3, times = pending_secrets.times + 1, key_id = $4, sealed = $5, received_at = $6, address = $7";

const OF_HOOK: &str = "
    SELECT hook, test, handshake, times, key_id, sealed, received_at, address
      FROM pending_secrets
     WHERE hook = $1
     ORDER BY test";

const LIST: &str = "
    SELECT p.hook, p.test, p.handshake, p.times, p.key_id, p.sealed, p.received_at, p.address
      FROM pending_secrets p
      JOIN hooks h ON h.id = p.hook
     WHERE h.workspace = $1
       AND (p.hook, p.test) < ($2, $3)
     ORDER BY p.hook DESC, p.test DESC
     LIMIT $4";

const TAKE: &str = "DELETE FROM pending_secrets WHERE hook = $1 AND handshake = $2";

impl Store {
    /// Keeps what a sender handed over in place of what came to the same URL of the hook before, on disk when this returns.
    ///
    /// # Errors
    /// [`Error::NotFound`]: the hook is gone, so that nobody could ever decide about it.
    pub async fn keep_pending_secret(&self, pending: PendingSecret) -> Result<()> {
        let PendingSecret { hook, test, handshake, key_id, sealed, received_at, address } = pending;
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(Error::Invalid(format!("a secret has at most {SEALED_BYTES_MAX} bytes when sealed")));
        }
        self.db().accepting()?;
        let mut batch = Batch::new();
        let row = args![hook.0, test, handshake.0, key_id, sealed, received_at.0, address];
        batch.execute(HOLD, args![hook.0], Expect::Exactly(1));
        batch.execute(KEEP, row, Expect::Exactly(1));
        self.db().write(batch).await.map_err(missing)?;
        Ok(())
    }

    /// What waits for the owner of a hook: what came to its URL, then what came to its test URL.
    pub async fn pending_secrets_of(&self, hook: HookId) -> Result<Vec<Pending>> {
        self.db().read(OF_HOOK, args![hook.0]).await?.iter_mut().map(read).collect()
    }

    /// What waits in a workspace: of the newest hooks first, of each what came to its test URL first. `before`: those that come
    /// after the one of this hook that is, or is not, of its test URL.
    pub async fn pending_secrets(
        &self,
        workspace: WorkspaceId,
        before: Option<(HookId, bool)>,
        limit: usize,
    ) -> Result<Vec<Pending>> {
        let (below, test) = before.map_or((i64::MAX, false), |(hook, test)| (hook.0, test));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.db().read(LIST, args![workspace.0, below, test, limit]).await?.iter_mut().map(read).collect()
    }

    /// Makes what a handshake handed over the value of a secret: both, or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]: something else is pending by now, or nothing. [`Error::Conflict`]: somebody set the secret since
    /// its version was read.
    pub async fn confirm_pending_secret(
        &self,
        (hook, handshake): (HookId, DeliveryId),
        workspace: WorkspaceId,
        secret: NewSecret<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(TAKE, args![hook.0, handshake.0], Expect::Exactly(1));
        put_into(&mut batch, workspace, secret, now)?;
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await.map_err(missing)?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(())
    }

    /// Forgets what a handshake handed over.
    ///
    /// # Errors
    /// [`Error::NotFound`]: something else is pending by now, or nothing.
    pub async fn discard_pending_secret(&self, hook: HookId, handshake: DeliveryId) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(TAKE, args![hook.0, handshake.0], Expect::Exactly(1));
        self.db().write(batch).await.map_err(missing)?;
        Ok(())
    }
}

/// What the first statement asks for is not there.
fn missing(error: Error) -> Error {
    match error {
        Error::Conflict { statement: 0 } => Error::NotFound,
        other => other,
    }
}

fn read(row: &mut Row) -> Result<Pending> {
    Ok(Pending {
        secret: PendingSecret {
            hook: HookId(row.int(0)?),
            test: row.int(1)? != 0,
            handshake: DeliveryId(row.int(2)?),
            key_id: row.take_text(4)?,
            sealed: row.bytes(5)?,
            received_at: Timestamp(row.int(6)?),
            address: row.take_text(7)?,
        },
        times: narrow(row.int(3)?)?,
    })
}
