//! Deliveries that start a run for each element of their body.
//!
//! The delivery, its runs, the keys of its elements and the people that they are about are one batch. Elements whose key was
//! used before start nothing; if another request takes one of the keys at the same moment, or changes one of the people,
//! the batch fails as a whole and is made again.

use std::collections::HashMap;

use bytes::Bytes;
use hookmill_engine::contact::Contact;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;

use super::NewDelivery;
use crate::db::{Arg, Args, Batch, Hash};
use crate::idempotency::{Key, Original};
use crate::runs::NewRun;
use crate::workflows::tried;
use crate::{Error, Result, Store, args, narrow};

/// Tries before it is given up because others take keys at the same moment. Each failure is another request that got through.
const TRIES: usize = 20;
/// Keys that are looked up by one query.
const KEYS_AT_ONCE: usize = 32;

/// A run of one element, the key that tells whether it was there before, and whom it is about.
#[derive(Clone, Debug)]
pub struct ElementRun {
    /// The run.
    pub run: NewRun,
    /// Its key, if it has one.
    pub key: Option<Key>,
    /// Who is to be known from now on; only where the hook knows people.
    pub contact: Option<Contact>,
}

/// What became of a delivery that was split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Splitted {
    /// It is stored with the runs at these places of what was given; the others repeat earlier elements.
    Stored(Vec<usize>),
    /// There were elements, and all of them repeat earlier ones: nothing was stored. The original of the first.
    Repeats(Original),
}

const FIND: &str = "
    SELECT key_hash, delivery, body_hash
      FROM idempotency
     WHERE hook = $1
       AND expires_at > $2
       AND key_hash IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                        $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)";

const ELEMENTS: &str = "
    SELECT r.element
      FROM deliveries d
      JOIN runs r ON r.id >= d.run_first AND r.id <= d.run_last AND r.delivery = d.id
     WHERE d.id = $1
       AND r.element IS NOT NULL
     ORDER BY 1
     LIMIT $2";

impl Store {
    /// Stores a delivery with a run for each of its elements that was not there before, unless `request`, the key of the
    /// whole, was used before.
    pub async fn accept_split(
        &self,
        delivery: NewDelivery,
        runs: Vec<ElementRun>,
        request: Option<&Key>,
        now: Timestamp,
    ) -> Result<Splitted> {
        let hook = delivery.hook;
        let people: Vec<&Contact> = runs.iter().filter_map(|one| one.contact.as_ref()).collect();
        let _turns = self.turns_of(&people).await;
        for _ in 0..TRIES {
            if let Some(key) = request
                && let Some(original) = self.original(hook, key, now).await?
            {
                return Ok(Splitted::Repeats(original));
            }
            let keys: Vec<&Key> = runs.iter().filter_map(|one| one.key.as_ref()).collect();
            let originals = self.originals(hook, &keys, now).await?;
            let fresh = fresh(&runs, &originals);
            if fresh.is_empty()
                && let Some(first) = runs.iter().find_map(|one| originals.get(&one.key.as_ref()?.key_hash))
            {
                return Ok(Splitted::Repeats(first.clone()));
            }
            let mut batch = Batch::new();
            let of_elements = fresh.iter().filter_map(|at| runs[*at].key.as_ref());
            let mut keys: Vec<&Key> = request.into_iter().chain(of_elements).collect();
            // In the same order by all, or two that want the same keys would wait for each other in PostgreSQL.
            keys.sort_unstable_by_key(|key| key.key_hash);
            keys.into_iter().for_each(|key| Self::claim_into(&mut batch, hook, delivery.id, key, now));
            let people: Vec<&Contact> = fresh.iter().filter_map(|at| runs[*at].contact.as_ref()).collect();
            self.contacts_into(&mut batch, delivery.workspace, &people, now).await?;
            let may_change = batch.len();
            let stored = fresh.iter().map(|at| runs[*at].run.clone()).collect();
            let changed = self.accept_into(&mut batch, delivery.clone(), stored).await?;
            match self.db().write(batch).await {
                Ok(_) => {
                    self.watch().tell_all(changed);
                    return Ok(Splitted::Stored(fresh));
                }
                Err(Error::Conflict { statement }) if statement < may_change => {}
                Err(error) => {
                    let pinned = tried::pin_of(runs.iter().map(|one| &one.run));
                    return Err(self.unpinned(pinned, error).await);
                }
            }
        }
        Err(Error::Overloaded { retry_after_ms: 1_000 })
    }

    /// What keys were used for, while they are remembered; by their hashes.
    pub async fn originals(&self, hook: HookId, keys: &[&Key], now: Timestamp) -> Result<HashMap<Hash, Original>> {
        let mut found = HashMap::new();
        let mut others: HashMap<Hash, &Key> = HashMap::new();
        for key in keys {
            match self.fresh_original(hook, key, now) {
                Some(original) => drop(found.insert(key.key_hash, original)),
                None => drop(others.insert(key.key_hash, key)),
            }
        }
        if self.db().is_guest() {
            for key in others.into_values() {
                found.extend(self.original(hook, key, now).await?.map(|original| (key.key_hash, original)));
            }
            return Ok(found);
        }
        let hashes: Vec<Hash> = others.keys().copied().collect();
        for chunk in hashes.chunks(KEYS_AT_ONCE) {
            let mut args: Args = args![hook.0, now.0];
            // No key has an empty hash.
            let places = (0..KEYS_AT_ONCE).map(|at| chunk.get(at).map_or_else(Bytes::new, |hash| Bytes::copy_from_slice(hash)));
            args.extend(places.map(Arg::from));
            for row in self.db().read(FIND, args).await? {
                let (hash, body) = (row.bytes(0)?, row.bytes(2)?);
                let Some(key) = Hash::try_from(&hash[..]).ok().and_then(|hash| others.get(&hash)) else { continue };
                let same_body = key.body_hash == body[..];
                found.insert(key.key_hash, Original { delivery: DeliveryId(row.int(1)?), same_body });
            }
        }
        Ok(found)
    }

    /// The elements that runs of a delivery were accepted for; none if it was not split.
    pub async fn elements_of_delivery(&self, id: DeliveryId) -> Result<Vec<u32>> {
        let rows = self.db().read(ELEMENTS, args![id.0, super::RUNS_PER_DELIVERY_MAX as i64]).await?;
        rows.iter().map(|row| narrow(row.int(0)?)).collect()
    }
}

/// The places of those that repeat neither what was stored before nor one another.
fn fresh(runs: &[ElementRun], originals: &HashMap<Hash, Original>) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut is_fresh = |one: &ElementRun| match &one.key {
        None => true,
        Some(key) => !originals.contains_key(&key.key_hash) && seen.insert(key.key_hash),
    };
    (0..runs.len()).filter(|at| is_fresh(&runs[*at])).collect()
}
