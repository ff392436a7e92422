//! New tokens for hooks: the old URL goes on working until a date, or ends at once.

use hookmill_engine::id::HookId;
use hookmill_engine::time::Timestamp;

use super::find::{Answering, read_answering};
use super::{COLUMNS, Hook, columns, new_token};
use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect, Row};
use crate::{Error, Result, Store, args};

/// Old tokens that are remembered of a hook, those that ended included.
pub const OLD_TOKENS_MAX: usize = 16;
/// Tries before it is given up because others change the hook at the same moment.
const TRIES: usize = 8;

/// A token that a hook had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldToken {
    /// The token.
    pub token: String,
    /// When it was replaced.
    pub rotated_at: Timestamp,
    /// Until when it leads to the hook.
    pub ends_at: Timestamp,
}

const REPLACE: &str = "UPDATE hooks SET token = $3, alias = $4 WHERE id = $1 AND token = $2";
const KEEP: &str = "INSERT INTO old_tokens (token, hook, rotated_at, ends_at) VALUES ($1, $2, $3, $4)";
const FORGET: &str = "DELETE FROM old_tokens WHERE token = $1";
const END: &str = "UPDATE old_tokens SET ends_at = $3 WHERE hook = $1 AND token = $2 AND ends_at > $3";
const OF_HOOK: &str = "
    SELECT token, rotated_at, ends_at
      FROM old_tokens
     WHERE hook = $1
     ORDER BY rotated_at DESC, token
     LIMIT $2";
const BY_OLD_TOKEN: &str = concat!(
    "SELECT ",
    columns!(),
    ", w.revision, o.token, o.rotated_at, o.ends_at
       FROM old_tokens o
       JOIN hooks h ON h.id = o.hook
       JOIN workflows w ON w.id = h.workflow
      WHERE o.token = $1"
);

impl Store {
    /// Gives a hook a new token. The old one leads to it until `keep_until`; without, or if that is past, no longer. What
    /// the URL of another product has of the token changes with it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] if [`OLD_TOKENS_MAX`] old ones still work.
    pub async fn rotate_hook(&self, id: HookId, keep_until: Option<Timestamp>, now: Timestamp) -> Result<Hook> {
        let ends_at = keep_until.unwrap_or(now).max(now);
        for _ in 0..TRIES {
            let hook = self.hook(id).await?.ok_or(Error::NotFound)?;
            let token = new_token()?;
            let alias = hook.alias.as_ref().map(|alias| alias.replace(&hook.token, &token));
            let mut batch = Batch::new();
            let values = args![id.0, hook.token.clone(), token.clone(), alias.clone()];
            batch.execute(REPLACE, values, Expect::Exactly(1));
            batch.execute(KEEP, args![hook.token.clone(), id.0, now.0, ends_at.0], Expect::Exactly(1));
            let known = self.old_tokens(id).await?;
            let (working, ended): (Vec<_>, Vec<_>) = known.into_iter().partition(|old| old.ends_at > now);
            if working.len() >= OLD_TOKENS_MAX {
                return Err(Error::Invalid(format!("{OLD_TOKENS_MAX} old URLs of the hook still work; end some of them first")));
            }
            for old in ended.into_iter().skip(OLD_TOKENS_MAX - 1 - working.len()) {
                batch.execute(FORGET, args![old.token], Expect::Any);
            }
            bump_catalog(&mut batch, Change::Places(hook.workflow));
            match self.db().write(batch).await {
                Ok(written) => {
                    self.tell_catalog(bumped_version(&written)?);
                    return Ok(Hook { token, alias, ..hook });
                }
                Err(Error::Conflict { statement: 0 }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }

    /// The old tokens of a hook, the last first.
    pub async fn old_tokens(&self, hook: HookId) -> Result<Vec<OldToken>> {
        let limit = OLD_TOKENS_MAX as i64 + 1;
        self.db().read(OF_HOOK, args![hook.0, limit]).await?.iter_mut().map(|row| read_old(row, 0)).collect()
    }

    /// Ends an old token of a hook now, or all of them. How many still worked.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such hook.
    pub async fn end_old_tokens(&self, id: HookId, token: Option<&str>, now: Timestamp) -> Result<u64> {
        let hook = self.hook(id).await?.ok_or(Error::NotFound)?;
        let mut batch = Batch::new();
        for old in self.old_tokens(id).await?.into_iter().filter(|old| token.is_none_or(|token| token == old.token)) {
            batch.execute(END, args![id.0, old.token, now.0], Expect::Any);
        }
        if batch.is_empty() {
            return Ok(0);
        }
        bump_catalog(&mut batch, Change::Places(hook.workflow));
        let ends = batch.len() - 3;
        let written = self.db().write(batch).await?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(written.counts.iter().take(ends).sum())
    }

    /// The hook that had this token before, also if that ended or the hook is switched off.
    pub async fn hook_by_old_token(&self, token: &str) -> Result<Option<(Answering, OldToken)>> {
        let mut rows = self.db().read(BY_OLD_TOKEN, args![token.to_owned()]).await?;
        rows.pop().map(|mut row| Ok((read_answering(&mut row)?, read_old(&mut row, COLUMNS + 1)?))).transpose()
    }
}

fn read_old(row: &mut Row, at: usize) -> Result<OldToken> {
    Ok(OldToken { token: row.take_text(at)?, rotated_at: Timestamp(row.int(at + 1)?), ends_at: Timestamp(row.int(at + 2)?) })
}
