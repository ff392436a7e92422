//! The lists by hook, outcome and workflow: derived behind the accept path, so that accepting writes no random index.
//!
//! An indexer loop calls [`Store::index_lists`]. It copies ids of rows that have settled from the tables into the lists,
//! batch by batch, and moves a stored cursor in the same batch. A row has settled when its id is older than
//! [`SETTLE`]: a write that waits longer is refused by the queue or given up by its connection, so no older id can still
//! appear. (Clocks of nodes that share a database must agree to within seconds.) A list is then what the indexer derived up to
//! the cursor, and the tail above it straight from the table; readers see no difference before and after.

use hookmill_engine::time::{Span, Timestamp};

use crate::db::{Arg, Batch, Dialect, Expect};
use crate::ids::first_id_at;
use crate::page::Segment;
use crate::{Error, Result, Store, args, narrow};

/// Age from which rows are taken to be complete, where one writer writes them in the order of the queue.
pub const SETTLE: Span = Span(10_000);
/// The same where nodes and connections overtake each other.
pub const SETTLE_SHARED: Span = Span(25_000);
/// Rows that are copied in one batch: small enough not to hold up those who wait for the writer.
pub const INDEXED_AT_ONCE: i64 = 2_000;

/// The name of a cursor.
pub(crate) const DELIVERIES: &str = "deliveries";
pub(crate) const RUNS: &str = "runs";

/// What one call of the indexer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Rows that were copied.
    pub rows: u64,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// A derived list with the table that it is derived from.
pub(crate) struct Derived {
    pub(crate) list: &'static str,
    pub(crate) table: [&'static str; 2],
    pub(crate) sql: [&'static str; 2],
    pub(crate) key: Arg,
}

const CURSOR: &str = "SELECT up_to FROM list_cursors WHERE list = $1";

const MOVE_CURSOR: &str = "
    UPDATE list_cursors
       SET up_to = $3
     WHERE list = $1
       AND up_to = $2";

/// The last of the next rows, and how many they are.
const NEXT_DELIVERIES: &str = "
    SELECT MAX(id), COUNT(*)
      FROM (SELECT id FROM deliveries WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS next";
const NEXT_RUNS: &str = "
    SELECT MAX(id), COUNT(*)
      FROM (SELECT id FROM runs WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS next";

const COPY_DELIVERIES: &str = "
    INSERT INTO delivery_list (hook, id)
    SELECT hook, id FROM deliveries WHERE id > $1 AND id <= $2 ORDER BY hook, id";
const COPY_OUTCOMES: &str = "
    INSERT INTO delivery_outcomes (outcome, id)
    SELECT outcome, id FROM deliveries WHERE id > $1 AND id <= $2 AND outcome <> 'accepted' ORDER BY outcome, id";
const COPY_RUNS: &str = "
    INSERT INTO run_list (workflow, id)
    SELECT workflow, id FROM runs WHERE id > $1 AND id <= $2 ORDER BY workflow, id";

struct Source {
    list: &'static str,
    next: &'static str,
    copies: &'static [&'static str],
}

const SOURCES: [Source; 2] = [
    Source { list: DELIVERIES, next: NEXT_DELIVERIES, copies: &[COPY_DELIVERIES, COPY_OUTCOMES] },
    Source { list: RUNS, next: NEXT_RUNS, copies: &[COPY_RUNS] },
];

impl Store {
    /// Copies the next settled rows into the lists. Any node may call it at any time: only one of two at the same
    /// moment moves the cursor, the other does nothing.
    pub async fn index_lists(&self, now: Timestamp) -> Result<Indexed> {
        let settled = self.settled_below(now);
        let mut indexed = Indexed::default();
        for source in &SOURCES {
            let from = self.list_cursor(source.list).await?;
            let rows = self.db().read(source.next, args![from, settled, INDEXED_AT_ONCE]).await?;
            let Some(row) = rows.first() else { continue };
            let Some(to) = row.opt_int(0)? else { continue };
            let count = row.int(1)?;
            let mut batch = Batch::new();
            batch.execute(MOVE_CURSOR, args![source.list, from, to], Expect::Exactly(1));
            for copy in source.copies {
                batch.execute(copy, args![from, to], Expect::Any);
            }
            match self.db().write(batch).await {
                Ok(_) => indexed.rows += narrow::<u64>(count)?,
                // Another node was faster.
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            indexed.more |= count == INDEXED_AT_ONCE;
        }
        Ok(indexed)
    }

    /// The first id that may still appear.
    fn settled_below(&self, now: Timestamp) -> i64 {
        let (now, settle) = match self.db().dialect() {
            // If the clock was set back, the ids of the only node go on from where they were.
            Dialect::Sqlite => (now.max(self.ids().now()), SETTLE),
            Dialect::Postgres => (now, SETTLE_SHARED),
        };
        first_id_at(Timestamp(now.0.saturating_sub_unsigned(settle.0)))
    }

    async fn list_cursor(&self, list: &'static str) -> Result<i64> {
        let rows = self.db().read(CURSOR, args![list]).await?;
        rows.first().ok_or_else(|| Error::corrupt(format!("the cursor of the list of {list} is missing")))?.int(0)
    }

    /// How to read a derived list: its tail from the table, the rest as derived. The cursor is read first; when it
    /// moves on before the segments are read, what it passes is in both places and read from one.
    pub(crate) async fn tail_and_list(&self, derived: Derived) -> Result<Vec<Segment>> {
        let cursor = self.list_cursor(derived.list).await?;
        let [newest_first, oldest_first] = derived.table;
        let tail = Segment { newest_first, oldest_first, key: None, above: cursor, below: i64::MAX };
        let [newest_first, oldest_first] = derived.sql;
        let list = Segment { newest_first, oldest_first, key: Some(derived.key), above: -1, below: cursor.saturating_add(1) };
        Ok(vec![tail, list])
    }
}
