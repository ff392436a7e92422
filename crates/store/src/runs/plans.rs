//! Guards the promise that no query about runs reads more as more runs are stored: which index SQLite takes.

use rusqlite::Connection;

use super::{claim, lane, list};
use crate::MIGRATIONS;
use crate::db::Dialect;

fn plan(sql: &str) -> String {
    let connection = Connection::open_in_memory().unwrap();
    for migration in &MIGRATIONS {
        connection.execute_batch(&Dialect::Sqlite.spell(migration.sql).unwrap()).unwrap();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_query_takes_the_index_that_was_made_for_it() {
    let [newest, oldest] = list::IN_RARE_STATE;
    for (sql, index) in [
        (claim::UNCLAIMED, "runs_free"),
        (claim::NEXT_DUE, "runs_free"),
        (list::FREE, "runs_free"),
        (claim::ABANDONED, "runs_due"),
        (list::BACKLOG, "runs_due"),
        (list::IN_OPEN_STATE[0], "runs_due"),
        (lane::HOLDER, "runs_lane"),
        (newest, "runs_by_state"),
        (oldest, "runs_by_state"),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(index), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN r\n") && !plan.contains("SCAN runs\n"), "{sql}\n{plan}");
    }
    // Pages of whole tables and of derived lists come in the order of their keys: nothing is sorted.
    for sql in [list::TABLE, list::OF_WORKFLOW, list::IN_RARE_STATE].into_iter().flatten() {
        let plan = plan(sql);
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}\n{plan}");
    }
}
