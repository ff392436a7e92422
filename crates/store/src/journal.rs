//! The journal: what happened to a run from outside, in order. Insert only, in the same batch as the run's row.
//!
//! Sequence numbers start at 0 and have no gaps; the row of the run says how many there are. Two commits that both
//! believe to be next collide on the key, whatever their epochs.

use hookmill_engine::id::RunId;
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Column, OnConflict, Table};
use crate::{Error, Result, Store, args, narrow};

/// Entries that are read at once.
const READ_AT_ONCE: i64 = 1_000;

/// An entry to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// When it happened.
    pub at: Timestamp,
    /// The entry as JSON.
    pub entry: String,
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its position.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// The entry as JSON.
    pub entry: String,
}

static JOURNAL: Table = Table {
    name: "journal",
    columns: &[Column::int("run"), Column::int("seq"), Column::int("at"), Column::text("entry")],
    on_conflict: OnConflict::Fail,
};

const PAGE: &str = "
    SELECT seq, at, entry
      FROM journal
     WHERE run = $1
       AND seq >= $2
     ORDER BY seq
     LIMIT $3";

/// Adds entries to a batch, numbered from `from_seq`.
pub(crate) fn append(batch: &mut Batch, run: RunId, from_seq: u32, entries: Vec<NewEntry>) {
    for (seq, entry) in (i64::from(from_seq)..).zip(entries) {
        batch.insert(&JOURNAL, args![run.0, seq, entry.at.0, entry.entry]);
    }
}

impl Store {
    /// The whole journal of a run.
    pub async fn journal(&self, run: RunId) -> Result<Vec<JournalEntry>> {
        let mut entries: Vec<JournalEntry> = Vec::new();
        loop {
            let from = entries.len();
            for mut row in self.db().read(PAGE, args![run.0, from as i64, READ_AT_ONCE]).await? {
                let entry = JournalEntry { seq: narrow(row.int(0)?)?, at: Timestamp(row.int(1)?), entry: row.take_text(2)? };
                if entry.seq as usize != entries.len() {
                    return Err(Error::corrupt(format!("the journal of {run} lacks entry {}", entries.len())));
                }
                entries.push(entry);
            }
            if entries.len() - from < READ_AT_ONCE as usize {
                return Ok(entries);
            }
        }
    }
}
