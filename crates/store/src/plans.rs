//! How SQLite would run a query, for the tests that guard which index it takes.

use rusqlite::Connection;

use crate::MIGRATIONS;
use crate::db::Dialect;

/// The plan of a query over an empty database with the whole schema, one step a line.
pub(crate) fn plan(sql: &str) -> String {
    let connection = Connection::open_in_memory().unwrap();
    for migration in &MIGRATIONS {
        connection.execute_batch(&Dialect::Sqlite.spell(migration.sql).unwrap()).unwrap();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}
