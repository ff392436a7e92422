//! Makes few statements of many batches: the rows that waiting batches insert into one table become one statement.
//!
//! Within a batch the order is kept: a plan is a list of levels, each first inserts and then executes, and an insert that
//! comes after a statement of its own batch goes to the next level. Between batches there is no order to keep, so the
//! statements of a level are put into one that all writers of all nodes agree on: a written row is locked until the commit, and
//! two groups that lock the same rows the other way round would wait for each other.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::db::arg::Arg;
use crate::db::batch::{Batch, Contended, Expect, OnConflict, Op, Table};

/// So many arguments at the front say which row a statement writes.
const PLACE_ARGS: usize = 2;

/// What one transaction does.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) levels: SmallVec<[Level<'a>; 2]>,
}

#[derive(Debug, Default)]
pub(super) struct Level<'a> {
    pub(super) inserts: SmallVec<[Insert<'a>; 4]>,
    pub(super) executes: Vec<Execute<'a>>,
}

/// All rows of a level for one table.
#[derive(Debug)]
pub(super) struct Insert<'a> {
    pub(super) table: &'static Table,
    pub(super) rows: Vec<&'a [Arg]>,
    /// The operation that brought the first row.
    pub(super) statement: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Execute<'a> {
    pub(super) batch: usize,
    pub(super) statement: usize,
    contended: Contended,
    pub(super) sql: &'static str,
    pub(super) args: &'a [Arg],
    pub(super) expect: Expect,
}

impl<'a> Plan<'a> {
    pub(super) fn of(batches: impl IntoIterator<Item = &'a Batch>) -> Self {
        let mut plan = Self::default();
        for (at, batch) in batches.into_iter().enumerate() {
            plan.add(at, batch);
        }
        plan.levels.iter_mut().for_each(Level::put_in_order);
        plan
    }

    fn add(&mut self, number: usize, batch: &'a Batch) {
        let mut level = 0;
        let mut executed = false;
        for (statement, op) in batch.ops().iter().enumerate() {
            match op {
                Op::Insert { table, args } => {
                    level += usize::from(std::mem::take(&mut executed));
                    // The same table under two rules for conflicts: which row is first decides.
                    while self.level(level).has_other(table) {
                        level += 1;
                    }
                    self.level(level).insert(table, batch.args(args), statement);
                }
                Op::Execute { rows, sql, args, expect } => {
                    executed = true;
                    let (args, expect) = (batch.args(args), *expect);
                    let execute = Execute { batch: number, statement, contended: *rows, sql, args, expect };
                    self.level(level).executes.push(execute);
                }
                Op::Claim { keys, args } => {
                    executed = true;
                    let (args, expect, contended) = (batch.args(args), Expect::Exactly(1), Contended::Keys);
                    let execute = Execute { batch: number, statement, contended, sql: keys.take, args, expect };
                    self.level(level).executes.push(execute);
                }
            }
        }
    }

    fn level(&mut self, number: usize) -> &mut Level<'a> {
        while self.levels.len() <= number {
            self.levels.push(Level::default());
        }
        &mut self.levels[number]
    }

    /// Whether the counts of rows decide about the commit.
    pub(super) fn has_expectations(&self) -> bool {
        self.executes().any(|execute| execute.expect != Expect::Any)
    }

    pub(super) fn executes(&self) -> impl Iterator<Item = &Execute<'a>> {
        self.levels.iter().flat_map(|level| &level.executes)
    }
}

impl<'a> Level<'a> {
    fn has_other(&self, table: &'static Table) -> bool {
        self.inserts.iter().any(|insert| insert.table.name == table.name && !std::ptr::eq(insert.table, table))
    }

    fn insert(&mut self, table: &'static Table, row: &'a [Arg], statement: usize) {
        match self.inserts.iter_mut().find(|insert| std::ptr::eq(insert.table, table)) {
            Some(insert) => insert.rows.push(row),
            None => self.inserts.push(Insert { table, rows: vec![row], statement }),
        }
    }

    /// Puts the statements into the order of the rows that they write; those of one batch stay in theirs.
    fn put_in_order(&mut self) {
        let executes = &self.executes;
        // A statement comes no earlier than those of its batch before it: it goes with the last of them in the order of all.
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(executes.len());
        for (at, execute) in executes.iter().enumerate() {
            let before = order.last().filter(|(_, before)| executes[*before].batch == execute.batch);
            let turn = match before {
                Some((turn, _)) if executes[*turn].compare(execute) == Ordering::Greater => *turn,
                _ => at,
            };
            order.push((turn, at));
        }
        order.sort_by(|(one, _), (other, _)| executes[*one].compare(&executes[*other]));
        self.executes = order.into_iter().map(|(_, at)| executes[at]).collect();
    }
}

impl Execute<'_> {
    /// Which of two statements comes first, whatever process compares them.
    fn compare(&self, other: &Self) -> Ordering {
        let place = |execute: &Self| execute.args.get(..PLACE_ARGS).unwrap_or(execute.args);
        let text =
            |one: &'static str, other: &'static str| if std::ptr::eq(one, other) { Ordering::Equal } else { one.cmp(other) };
        self.contended
            .cmp(&other.contended)
            .then_with(|| if self.contended == Contended::Others { text(self.sql, other.sql) } else { Ordering::Equal })
            .then_with(|| place(self).cmp(place(other)))
    }
}

/// One insert for any number of rows, a column an array.
pub(super) fn insert_sql(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let arrays: Vec<String> =
        table.columns.iter().zip(1..).map(|(column, place)| format!("${place}::{}", column.kind.array())).collect();
    let names = names.join(", ");
    let conflict = match table.on_conflict {
        OnConflict::Fail => "",
        OnConflict::Ignore => " ON CONFLICT DO NOTHING",
    };
    format!("INSERT INTO {} ({names}) SELECT {names} FROM UNNEST({}) AS fresh ({names}){conflict}", table.name, arrays.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::batch::Column;

    static A: Table = Table { name: "a", columns: &[Column::int("id"), Column::text("name")], on_conflict: OnConflict::Fail };
    static B: Table = Table { name: "b", columns: &[Column::int("id")], on_conflict: OnConflict::Ignore };

    #[test]
    fn rows_of_one_table_are_merged_and_the_order_within_a_batch_is_kept() {
        let mut accept = Batch::new();
        accept.insert(&A, [Arg::Int(1), Arg::Null]).insert(&B, [Arg::Int(1)]);
        let mut commit = Batch::new();
        commit.execute("UPDATE", [], Expect::Exactly(1)).insert(&B, [Arg::Int(2)]).insert(&B, [Arg::Int(3)]);
        let plan = Plan::of([&accept, &commit, &accept]);
        assert!(plan.has_expectations());
        assert_eq!(plan.levels.len(), 2);
        let shape: Vec<(usize, Vec<(&str, usize)>)> = plan
            .levels
            .iter()
            .map(|level| {
                (level.executes.len(), level.inserts.iter().map(|insert| (insert.table.name, insert.rows.len())).collect())
            })
            .collect();
        assert_eq!(shape, [(1, vec![("a", 2), ("b", 2)]), (0, vec![("b", 2)])]);
        assert_eq!(plan.levels[0].executes[0].batch, 1);
    }

    fn order(batches: &[&Batch]) -> Vec<(usize, usize)> {
        let plan = Plan::of(batches.iter().copied());
        plan.levels[0].executes.iter().map(|execute| (execute.batch, execute.statement)).collect()
    }

    fn with(operations: &[(Contended, &'static str, i64)]) -> Batch {
        let mut batch = Batch::new();
        for (rows, sql, row) in operations {
            batch.execute_on(*rows, sql, [Arg::Int(7), Arg::Int(*row), Arg::Int(-row)], Expect::Any);
        }
        batch
    }

    #[test]
    fn statements_come_in_the_order_of_their_rows_whatever_the_batches_order() {
        use Contended::{Contacts, Keys, Others};
        let split = with(&[(Keys, "take", 2), (Keys, "take", 8), (Contacts, "update", 3)]);
        let keyed = with(&[(Keys, "take", 5)]);
        let person = with(&[(Contacts, "insert", 1), (Contacts, "update", 4)]);
        let (one, other) = (with(&[(Others, "b", 1)]), with(&[(Others, "a", 9)]));
        let expected = [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (2, 1), (4, 0), (3, 0)];
        assert_eq!(order(&[&split, &keyed, &person, &one, &other]), expected);
        let mirrored: Vec<(usize, usize)> = expected.map(|(batch, statement)| (4 - batch, statement)).to_vec();
        assert_eq!(order(&[&other, &one, &person, &keyed, &split]), mirrored);
    }

    #[test]
    fn the_order_within_a_batch_comes_before_that_of_the_rows() {
        use Contended::{Keys, Others};
        let steps = with(&[(Others, "b", 1), (Others, "a", 1), (Others, "a", 0), (Others, "c", 0)]);
        let (before, after) = (with(&[(Others, "a", 5)]), with(&[(Others, "b", 2), (Keys, "take", 1)]));
        assert_eq!(order(&[&steps, &before, &after]), [(1, 0), (0, 0), (0, 1), (0, 2), (2, 0), (2, 1), (0, 3)]);
    }

    #[test]
    fn one_table_under_two_rules_is_not_reordered() {
        static B_FAILS: Table = Table { name: "b", columns: &[Column::int("id")], on_conflict: OnConflict::Fail };
        let mut batch = Batch::new();
        batch.insert(&B, [Arg::Int(1)]).insert(&B_FAILS, [Arg::Int(2)]).insert(&B, [Arg::Int(2)]);
        assert_eq!(Plan::of([&batch]).levels.len(), 3);
    }

    #[test]
    fn the_insert_lists_its_columns() {
        assert_eq!(
            insert_sql(&A),
            "INSERT INTO a (id, name) SELECT id, name FROM UNNEST($1::bigint[], $2::text[]) AS fresh (id, name)"
        );
        assert!(insert_sql(&B).ends_with("ON CONFLICT DO NOTHING"));
    }
}
