//! Idempotency keys: the same request twice starts one run.
//!
//! The claim is written in the batch of the delivery. The statement itself decides whether the key is free, so that of
//! two equal requests at the same moment one is accepted and the other learns which. Looking first is only for speed
//! (`lately`).

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Expect};
use crate::deliveries::NewDelivery;
use crate::runs::NewRun;
use crate::{Result, Store, args};

/// A key of a hook. Both hashes are 16 bytes or more of a cryptographic hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The hash of the key that the sender gave.
    pub key_hash: Bytes,
    /// The hash of the body, to tell a repetition from a mistake.
    pub body_hash: Bytes,
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

const CLAIM: &str = "
    INSERT INTO idempotency (hook, key_hash, body_hash, delivery, expires_at)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (hook, key_hash) DO UPDATE
       SET body_hash = $3, delivery = $4, expires_at = $5
     WHERE idempotency.expires_at <= $6";

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
        self.lately().note(hook, key);
        let mut batch = Batch::new();
        Self::claim_into(&mut batch, hook, id, key, now);
        let changed = self.accept_into(&mut batch, delivery, runs).await?;
        match self.db().write(batch).await {
            Ok(_) => {
                self.watch().tell_all(changed);
                Ok(None)
            }
            Err(crate::Error::Conflict { statement: 0 }) => match self.original(hook, key, now).await? {
                Some(original) => Ok(Some(original)),
                // It expired and was pruned in between.
                None => Err(crate::Error::Conflict { statement: 0 }),
            },
            Err(error) => Err(error),
        }
    }

    /// Adds the claim of a key to a batch; conflicts there if the key was used before.
    pub(crate) fn claim_into(batch: &mut Batch, hook: HookId, id: DeliveryId, key: &Key, now: Timestamp) {
        let claim = args![hook.0, key.key_hash.clone(), key.body_hash.clone(), id.0, key.expires_at.0, now.0];
        batch.execute(CLAIM, claim, Expect::Exactly(1));
    }

    /// What a key was used for, if this process met it lately. `None` proves nothing: [`Store::accept_once`] does.
    pub async fn likely_original(&self, hook: HookId, key: &Key, now: Timestamp) -> Result<Option<Original>> {
        if self.lately().knows(hook, key) { self.original(hook, key, now).await } else { Ok(None) }
    }

    /// What a key was used for, while it is remembered.
    pub async fn original(&self, hook: HookId, key: &Key, now: Timestamp) -> Result<Option<Original>> {
        let rows = self.db().read(FIND, args![hook.0, key.key_hash.clone(), now.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Original { delivery: DeliveryId(row.int(0)?), same_body: row.bytes(1)? == key.body_hash }))
    }
}
