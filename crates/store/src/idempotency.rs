//! Idempotency keys: the same request twice starts one run.
//!
//! The claim is written in the batch of the delivery. Taking the key itself decides whether it is free, so that of two equal
//! requests at the same moment one is accepted and the other learns which. Looking first is only for speed (`lately`).

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;

use crate::db::{Args, Batch, Column, Dialect, Hash, KeyTable, OnConflict, Table};
use crate::deliveries::{DELIVERY_COLUMNS, NewDelivery};
use crate::runs::{NewRun, RUN_COLUMNS};
use crate::workflows::tried;
use crate::{Error, Result, Store, args};

/// A key of a hook. Both hashes are cryptographic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The hash of the key that the sender gave.
    pub key_hash: Hash,
    /// The hash of the body, to tell a repetition from a mistake.
    pub body_hash: Hash,
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
}

/// What a key was used for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The delivery that was accepted.
    pub delivery: DeliveryId,
    /// Whether its body was the same.
    pub same_body: bool,
}

static FRESH: Table = Table {
    name: "fresh_keys",
    columns: &[
        Column::int("hook"),
        Column::bytes("key_hash"),
        Column::bytes("body_hash"),
        Column::int("delivery"),
        Column::int("expires_at"),
    ],
    on_conflict: OnConflict::Fail,
};

/// The keys of all hooks.
pub(crate) static KEYS: KeyTable = KeyTable {
    take: "
    INSERT INTO idempotency (hook, key_hash, body_hash, delivery, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (hook, key_hash) DO UPDATE
       SET body_hash = $3, delivery = $4, expires_at = $5
     WHERE idempotency.expires_at <= $6",
    is_taken: "SELECT 1 FROM idempotency WHERE hook = $1 AND key_hash = $2 AND expires_at > $3",
    fresh: &FRESH,
    load: "SELECT hook, key_hash, body_hash, delivery, expires_at FROM fresh_keys ORDER BY id",
    is_fresh: "SELECT 1 FROM fresh_keys WHERE hook = $1 AND key_hash = $2 AND expires_at > $3 LIMIT 1",
    settle: "
    INSERT INTO idempotency (hook, key_hash, body_hash, delivery, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (hook, key_hash) DO UPDATE
       SET body_hash = $3, delivery = $4, expires_at = $5
     WHERE idempotency.expires_at < $5",
    last: "SELECT COALESCE(MAX(id), 0) FROM fresh_keys",
    forget: "DELETE FROM fresh_keys WHERE id IN (SELECT id FROM fresh_keys WHERE id <= $1 ORDER BY id LIMIT $2)",
    is_left: "SELECT 1 FROM fresh_keys WHERE id <= $1 LIMIT 1",
};

/// For a process that does not have the fresh keys in memory.
const FIND_FRESH: &str = "
    SELECT delivery, body_hash
      FROM fresh_keys
     WHERE hook = $1
       AND key_hash = $2
       AND expires_at > $3
     ORDER BY id DESC
     LIMIT 1";

const FIND: &str = "
    SELECT delivery, body_hash
      FROM idempotency
     WHERE hook = $1
       AND key_hash = $2
       AND expires_at > $3";

impl Store {
    /// Like [`Store::accept`], unless the key was used before: then nothing is stored and the original is returned.
    pub async fn accept_once(
        &self,
        delivery: NewDelivery,
        runs: Vec<NewRun>,
        key: &Key,
        now: Timestamp,
    ) -> Result<Option<Original>> {
        let (id, hook) = (delivery.id, delivery.hook);
        if self.db().dialect() == Dialect::Postgres {
            self.lately().note(hook, key);
        }
        let mut batch = Batch::with_room(KEY_VALUES + DELIVERY_COLUMNS + runs.len() * RUN_COLUMNS);
        Self::claim_into(&mut batch, hook, id, key, now);
        let pinned = tried::pin_of(&runs);
        let changed = self.accept_into(&mut batch, delivery, runs).await?;
        match self.db().write(batch).await {
            Ok(_) => {
                self.watch().tell_all(changed);
                Ok(None)
            }
            Err(Error::Conflict { statement: 0 }) => match self.original(hook, key, now).await? {
                Some(original) => Ok(Some(original)),
                // It expired and was pruned in between.
                None => Err(Error::Conflict { statement: 0 }),
            },
            Err(error) => Err(self.unpinned(pinned, error).await),
        }
    }

    /// Adds the claim of a key to a batch; conflicts there if the key was used before.
    pub(crate) fn claim_into(batch: &mut Batch, hook: HookId, id: DeliveryId, key: &Key, now: Timestamp) {
        batch.claim(&KEYS, args![hook.0, stored(&key.key_hash), stored(&key.body_hash), id.0, key.expires_at.0, now.0]);
    }

    /// What a key was used for, where that is known without asking the database or likely enough to ask. `None` proves
    /// nothing: [`Store::accept_once`] does.
    pub async fn likely_original(&self, hook: HookId, key: &Key, now: Timestamp) -> Result<Option<Original>> {
        match self.fresh_original(hook, key, now) {
            None if self.lately().knows(hook, key) => self.original(hook, key, now).await,
            known => Ok(known),
        }
    }

    /// What a key was used for, while it is remembered.
    pub async fn original(&self, hook: HookId, key: &Key, now: Timestamp) -> Result<Option<Original>> {
        if let Some(original) = self.fresh_original(hook, key, now) {
            return Ok(Some(original));
        }
        let place: Args = args![hook.0, stored(&key.key_hash), now.0];
        let mut rows = self.db().read(FIND, place.clone()).await?;
        if rows.is_empty() && self.db().is_guest() {
            rows = self.db().read(FIND_FRESH, place).await?;
        }
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Original { delivery: DeliveryId(row.int(0)?), same_body: row.bytes(1)?[..] == key.body_hash }))
    }

    /// The same of a key that is not in the index yet.
    pub(crate) fn fresh_original(&self, hook: HookId, key: &Key, now: Timestamp) -> Option<Original> {
        let taken = self.db().fresh_key(hook.0, &key.key_hash).filter(|taken| taken.expires_at > now.0)?;
        Some(Original { delivery: DeliveryId(taken.owner), same_body: taken.content == key.body_hash })
    }
}

/// Values of a claim.
const KEY_VALUES: usize = 6;

fn stored(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash)
}
