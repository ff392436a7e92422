//! The writer's part in taking keys: what is fresh is looked up in memory and appended, and moved to the index in slices.

use std::collections::HashMap;
use std::sync::Arc;

use super::failure::Failure;
use super::statement::{QueryError, Statements};
use super::writer::Writer;
use crate::Error;
use crate::db::arg::Arg;
use crate::db::keys::{FreshKeys, Hash, KeyId, KeyTable, Taken};
use crate::db::read::RowBounds;
use crate::db::row::Row;

/// The part of the fresh keys that is moved to the index by one transaction: 512 of them.
const SETTLED_PART: usize = 256;
/// The part of the fresh keys whose rows are deleted by one transaction: 4,096. They lie beside each other.
const FORGOTTEN_PART: usize = 32;

/// What the writer knows of keys.
pub(super) struct Claims {
    table: &'static KeyTable,
    /// `None`: this process is a guest, and does not know what the owner of the file has in memory.
    fresh: Option<Arc<FreshKeys>>,
    /// Rows that they may have. From half of it on they are moved to the index.
    fresh_max: usize,
    /// Rows of those that are not being moved; a key that was taken, expired and was taken again has two.
    young_rows: usize,
    /// Taken by the transaction that is open, in their order.
    pending: Vec<KeyId>,
    pending_of: HashMap<KeyId, Taken>,
    settling: Settling,
}

/// How far the older of the fresh keys are on their way to the index.
enum Settling {
    Nothing,
    Moving { sorted: Vec<(KeyId, Taken)>, at: usize, last: i64 },
    Forgetting { last: i64 },
}

/// The arguments of a claim.
struct Wanted {
    key: KeyId,
    taken: Taken,
    now: i64,
}

impl Claims {
    /// With what is fresh according to the file.
    pub(super) fn load(
        table: &'static KeyTable,
        fresh: Option<Arc<FreshKeys>>,
        fresh_max: usize,
        statements: &mut Statements<'_>,
    ) -> Result<Self, Error> {
        let unreadable = |error| match error {
            QueryError::Sqlite(error) => Error::unavailable(format!("reading the fresh keys: {error}")),
            QueryError::Answer(error) => error,
        };
        let mut young_rows = 0;
        if let Some(fresh) = &fresh {
            let load = statements.get(table.load).map_err(|error| unreadable(error.into()))?;
            let rows = load.query(&[], RowBounds::NONE).map_err(unreadable)?;
            let stored = rows.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
            young_rows = stored.len();
            fresh.add(stored);
        }
        let (pending, pending_of) = (Vec::new(), HashMap::new());
        Ok(Self { table, fresh, fresh_max, young_rows, pending, pending_of, settling: Settling::Nothing })
    }

    /// How many keys the open transaction has taken: to go back to.
    pub(super) fn mark(&self) -> usize {
        self.pending.len()
    }

    /// Forgets what was taken after a mark: it was rolled back.
    pub(super) fn forget_after(&mut self, mark: usize) {
        for key in self.pending.drain(mark..) {
            self.pending_of.remove(&key);
        }
    }

    /// What the transaction took is taken for all.
    pub(super) fn committed(&mut self) {
        self.young_rows += self.pending.len();
        self.pending.clear();
        if let Some(fresh) = self.fresh.as_ref().filter(|_| !self.pending_of.is_empty()) {
            fresh.add(self.pending_of.drain());
        }
    }

    fn holder(&self, key: &KeyId) -> Option<Taken> {
        self.pending_of.get(key).copied().or_else(|| self.fresh.as_ref()?.get(key))
    }
}

impl Wanted {
    fn read(args: &[Arg]) -> Result<Self, Error> {
        let [Arg::Int(scope), Arg::Bytes(key), Arg::Bytes(content), Arg::Int(owner), Arg::Int(expires_at), Arg::Int(now)] = args
        else {
            return Err(Error::Invalid("a claim has scope, key, content, owner, expiry and now".into()));
        };
        let taken = Taken { content: hash(content)?, owner: *owner, expires_at: *expires_at };
        Ok(Self { key: (*scope, hash(key)?), taken, now: *now })
    }
}

/// Few are still more than none.
fn at_once(part: usize) -> usize {
    part.max(2)
}

fn hash(bytes: &[u8]) -> Result<Hash, Error> {
    bytes.try_into().map_err(|_| Error::Invalid(format!("a hash has 16 bytes, not {}", bytes.len())))
}

fn read(row: &Row) -> Result<(KeyId, Taken), Error> {
    let (key, content) = (row.bytes(1)?, row.bytes(2)?);
    let taken = Taken { content: hash(&content)?, owner: row.int(3)?, expires_at: row.int(4)? };
    Ok(((row.int(0)?, hash(&key)?), taken))
}

impl Writer<'_> {
    /// Takes a key; conflicts if somebody has it.
    pub(super) fn claim(&mut self, table: &'static KeyTable, args: &[Arg], statement: usize) -> Result<(), Failure> {
        let failed = |error: rusqlite::Error| Failure::of(error.into(), statement);
        let taken = || Failure::Batch(Error::Conflict { statement });
        let wanted = Wanted::read(args).map_err(Failure::Batch)?;
        let known = self.claims.as_mut().filter(|claims| std::ptr::eq(claims.table, table));
        let Some(claims) = known else {
            return Err(Failure::Batch(Error::Invalid(format!(
                "operation {statement}: the database was opened without these keys"
            ))));
        };
        if claims.holder(&wanted.key).is_some_and(|holder| holder.expires_at > wanted.now) {
            return Err(taken());
        }
        let look = if claims.fresh.is_some() { table.is_taken } else { table.is_fresh };
        let place = [args[0].clone(), args[1].clone(), args[5].clone()];
        let found = self.statements.get(look).map_err(failed)?.query(&place, self.rows);
        if !found.map_err(|error| Failure::of(error, statement))?.is_empty() {
            return Err(taken());
        }
        if claims.fresh.is_some() && claims.young_rows + claims.pending.len() < claims.fresh_max {
            self.statements.insert_into(table.fresh).and_then(|insert| insert.execute(&args[..5])).map_err(failed)?;
            claims.pending.push(wanted.key);
            claims.pending_of.insert(wanted.key, wanted.taken);
            return Ok(());
        }
        // A guest, or more came than could be moved to the index meanwhile.
        match self.statements.get(table.take).and_then(|take| take.execute(args)).map_err(failed)? {
            1 => Ok(()),
            _ => Err(taken()),
        }
    }

    /// Moves some of the fresh keys to the index, if they are many. Those who wait were answered before. `Err`: the disk failed.
    pub(super) fn settle_keys(&mut self) -> Result<(), String> {
        let Some(claims) = self.claims.as_mut() else { return Ok(()) };
        let is_idle = matches!(claims.settling, Settling::Nothing);
        if claims.fresh.is_none() || (is_idle && claims.young_rows < (claims.fresh_max / 2).max(1)) {
            return Ok(());
        }
        let settled = self.settle_some();
        match settled {
            Ok(()) => Ok(()),
            Err(Failure::Fatal(why)) => Err(why),
            Err(Failure::Full) => {
                self.disk.met_full();
                self.roll_back().map_err(|failure| format!("cannot roll back: {failure:?}"))
            }
            // They stay where they are and are moved next time.
            Err(Failure::Batch(error) | Failure::Group(error)) => {
                tracing::warn!("Cannot move idempotency keys to their index: {error}");
                self.roll_back().map_err(|failure| format!("cannot roll back: {failure:?}"))
            }
        }
    }

    fn settle_some(&mut self) -> Result<(), Failure> {
        let Some(claims) = self.claims.as_mut() else { return Ok(()) };
        let Some(fresh) = claims.fresh.clone() else { return Ok(()) };
        let (table, fresh_max) = (claims.table, claims.fresh_max);
        match std::mem::replace(&mut claims.settling, Settling::Nothing) {
            Settling::Nothing => {
                let last = self.number(table.last, &[])?;
                let sorted = fresh.begin_settling();
                self.set_settling(Settling::Moving { sorted, at: 0, last });
                if let Some(claims) = self.claims.as_mut() {
                    claims.young_rows = 0;
                }
            }
            Settling::Moving { sorted, at, last } => {
                let end = sorted.len().min(at + at_once(fresh_max / SETTLED_PART));
                let moved = self.in_transaction(|writer| {
                    sorted[at..end].iter().try_for_each(|(key, taken)| writer.settle_one(table, key, taken))
                });
                let next = match &moved {
                    Ok(()) if end == sorted.len() => Settling::Forgetting { last },
                    Ok(()) => Settling::Moving { sorted, at: end, last },
                    Err(_) => Settling::Moving { sorted, at, last },
                };
                self.set_settling(next);
                moved?;
            }
            Settling::Forgetting { last } => {
                let rows = i64::try_from(at_once(fresh_max / FORGOTTEN_PART)).unwrap_or(i64::MAX);
                let mut is_left = 1;
                let forgotten = self.in_transaction(|writer| {
                    writer.change(table.forget, &[Arg::Int(last), Arg::Int(rows)])?;
                    is_left = writer.number(table.is_left, &[Arg::Int(last)])?;
                    Ok(())
                });
                if forgotten.is_ok() && is_left == 0 {
                    // At once: an empty table counts its places from the beginning, and those rows are not to be deleted.
                    fresh.end_settling();
                } else {
                    self.set_settling(Settling::Forgetting { last });
                }
                forgotten?;
            }
        }
        Ok(())
    }

    fn set_settling(&mut self, settling: Settling) {
        if let Some(claims) = self.claims.as_mut() {
            claims.settling = settling;
        }
    }

    fn settle_one(&mut self, table: &'static KeyTable, key: &KeyId, taken: &Taken) -> Result<(), Failure> {
        let bytes = |hash: &Hash| Arg::Bytes(bytes::Bytes::copy_from_slice(hash));
        let row = [Arg::Int(key.0), bytes(&key.1), bytes(&taken.content), Arg::Int(taken.owner), Arg::Int(taken.expires_at)];
        self.change(table.settle, &row).map(drop)
    }

    fn in_transaction(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.control("BEGIN IMMEDIATE")?;
        work(self)?;
        self.control("COMMIT")
    }

    fn change(&mut self, sql: &'static str, args: &[Arg]) -> Result<u64, Failure> {
        let changed = self.statements.get(sql).and_then(|statement| statement.execute(args));
        changed.map_err(|error| Failure::of(error.into(), 0))
    }

    fn number(&mut self, sql: &'static str, args: &[Arg]) -> Result<i64, Failure> {
        let statement = self.statements.get(sql).map_err(|error| Failure::of(error.into(), 0))?;
        let rows = statement.query(args, self.rows).map_err(|error| Failure::of(error, 0))?;
        rows.first().map_or(Ok(0), |row| row.int(0)).map_err(Failure::Batch)
    }
}
