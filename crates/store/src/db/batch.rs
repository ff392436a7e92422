//! A transaction as data: what to insert, what to execute, and how many rows each statement must meet.

use std::ops::Range;

use smallvec::SmallVec;

use super::arg::Arg;
use super::keys::KeyTable;
use super::row::Row;

/// A table that rows are inserted into. Declared as a `static` beside the aggregate that owns it.
///
/// Inserts are values of their own, because the databases do them differently: SQLite runs one prepared statement a
/// row, PostgreSQL merges the rows of all waiting batches to one statement a table.
#[derive(Debug)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// The columns of a row, in the order of the row's values. Columns left out take their default.
    pub columns: &'static [Column],
    /// What happens when a unique value is there already.
    pub on_conflict: OnConflict,
}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
}

impl Column {
    /// A `BIGINT` column.
    pub const fn int(name: &'static str) -> Self {
        Self { name, kind: Kind::Int }
    }

    /// A `TEXT` column.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text }
    }

    /// A `BYTEA` column.
    pub const fn bytes(name: &'static str) -> Self {
        Self { name, kind: Kind::Bytes }
    }
}

/// What a column stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `BIGINT`.
    Int,
    /// `TEXT`.
    Text,
    /// `BYTEA`.
    Bytes,
}

/// What an insert does about a unique value that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The batch fails with [`crate::Error::Conflict`].
    Fail,
    /// The row is left out silently. Who must know uses `execute` with `ON CONFLICT … RETURNING`.
    Ignore,
}

/// How many rows a statement must have met for its batch to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly so many.
    Exactly(u64),
    /// So many or more.
    AtLeast(u64),
}

impl Expect {
    /// Whether `rows` is what was expected.
    pub fn holds(self, rows: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => rows == wanted,
            Self::AtLeast(wanted) => rows >= wanted,
        }
    }
}

/// What a statement may have to wait for, because requests of many senders write it at the same moment.
///
/// PostgreSQL locks a written row until the commit. So that no two commits wait for each other, rows of an earlier kind are
/// written before those of a later one, and those of one kind in the order of the first two arguments. Between batches the
/// database's side sees to that; within its own a batch adds its operations so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contended {
    /// Keys that are taken: what [`Batch::claim`] does.
    Keys,
    /// People, by workspace and address.
    Contacts,
    /// Any others, each statement for itself.
    Others,
}

#[derive(Debug)]
pub(crate) enum Op {
    Insert { table: &'static Table, args: Range<usize> },
    Execute { rows: Contended, sql: &'static str, args: Range<usize>, expect: Expect },
    Claim { keys: &'static KeyTable, args: Range<usize> },
}

/// A transaction as data: all of it happens, or nothing.
///
/// Its operations happen in their order. Between batches that wait at the same time there is no order; a batch that
/// must come after another is written after the answer to that one.
#[derive(Debug, Default)]
pub struct Batch {
    ops: SmallVec<[Op; 4]>,
    args: Vec<Arg>,
    bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with memory for so many values.
    pub fn with_room(values: usize) -> Self {
        Self { args: Vec::with_capacity(values), ..Self::default() }
    }

    /// Adds a row; the values are in the order of the table's columns.
    pub fn insert(&mut self, table: &'static Table, row: impl IntoIterator<Item = Arg>) -> &mut Self {
        let args = self.take(row);
        self.ops.push(Op::Insert { table, args });
        self
    }

    /// Adds a statement; its batch is kept only if `expect` holds for the rows it met.
    pub fn execute(&mut self, sql: &'static str, args: impl IntoIterator<Item = Arg>, expect: Expect) -> &mut Self {
        self.execute_on(Contended::Others, sql, args, expect)
    }

    /// The same with a statement whose first two arguments say which row it writes.
    pub fn execute_on(
        &mut self,
        rows: Contended,
        sql: &'static str,
        args: impl IntoIterator<Item = Arg>,
        expect: Expect,
    ) -> &mut Self {
        let args = self.take(args);
        self.ops.push(Op::Execute { rows, sql, args, expect });
        self
    }

    /// Takes a key, with the arguments of [`KeyTable::take`]; its batch is kept only if nobody has it. Where it comes first, a
    /// key that is taken costs the other batches of the commit nothing.
    pub fn claim(&mut self, keys: &'static KeyTable, args: impl IntoIterator<Item = Arg>) -> &mut Self {
        let args = self.take(args);
        self.ops.push(Op::Claim { keys, args });
        self
    }

    fn take(&mut self, args: impl IntoIterator<Item = Arg>) -> Range<usize> {
        let start = self.args.len();
        self.args.extend(args);
        self.bytes += self.args[start..].iter().map(Arg::bytes).sum::<usize>();
        start..self.args.len()
    }

    /// Bytes of all values together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(crate) fn args(&self, range: &Range<usize>) -> &[Arg] {
        &self.args[range.clone()]
    }

    /// The first operation that cannot be meant: a row with another number of values than its table has columns.
    pub(crate) fn check(&self) -> Result<(), crate::Error> {
        for (at, op) in self.ops.iter().enumerate() {
            if let Op::Insert { table, args } = op
                && args.len() != table.columns.len()
            {
                return Err(crate::Error::Invalid(format!(
                    "operation {at}: a row of {} has {} columns, got {} values",
                    table.name,
                    table.columns.len(),
                    args.len()
                )));
            }
        }
        Ok(())
    }
}

/// What a committed batch did. One entry an `execute` or `claim`, in their order; inserts have none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows met by each statement.
    pub counts: SmallVec<[u64; 4]>,
    /// Rows returned by each statement; empty for those without `RETURNING`. In no particular order.
    pub rows: Vec<Vec<Row>>,
}
