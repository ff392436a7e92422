//! A place for a database of a test, and a small schema.

use std::time::Duration;

use hookmill_engine::time::Timestamp;
use hookmill_store::Error;
use hookmill_store::db::{Arg, Batch, Column, Db, DbConfig, OnConflict, Row, Table, Target};
use hookmill_store::migrate::Migration;
use tempfile::TempDir;

pub(crate) static LADDER: [Migration; 2] = [
    Migration {
        number: 1,
        name: "things",
        // Enough of everything: a row number as key, a text as key, bytes.
        sql: "CREATE TABLE things (id {id}, name {key}, body BYTEA);
              CREATE TABLE names (name {key} PRIMARY KEY, n BIGINT NOT NULL) {without_rowid}",
    },
    Migration { number: 2, name: "counters", sql: "CREATE TABLE counters (id {id}, n BIGINT NOT NULL CHECK (n >= 0)) {hot}" },
];

pub(crate) static THINGS: Table = Table {
    name: "things",
    columns: &[Column::int("id"), Column::text("name"), Column::bytes("body")],
    on_conflict: OnConflict::Fail,
};
pub(crate) static NAMES: Table =
    Table { name: "names", columns: &[Column::text("name"), Column::int("n")], on_conflict: OnConflict::Fail };
pub(crate) static NAMES_ONCE: Table =
    Table { name: "names", columns: &[Column::text("name"), Column::int("n")], on_conflict: OnConflict::Ignore };
pub(crate) static COUNTERS: Table =
    Table { name: "counters", columns: &[Column::int("id"), Column::int("n")], on_conflict: OnConflict::Fail };

pub(crate) const ALL_THINGS: &str = "SELECT id, name, body FROM things ORDER BY id";
pub(crate) const COUNT_THINGS: &str = "SELECT COUNT(*) FROM things";

/// Where the database of one test is.
pub(crate) struct Place {
    target: Target,
    _folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { target: Target::Sqlite(folder.path().join("data/hookmill.db")), _folder: Some(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(Target::Postgres(hookmill_testkit::postgres::fresh_database().await))
    }

    pub(crate) fn at(target: Target) -> Self {
        Self { target, _folder: None }
    }

    pub(crate) fn config(&self) -> DbConfig {
        let mut config = DbConfig::new(self.target.clone(), &LADDER, Timestamp(1_000));
        config.disk_floor_bytes = Some(0);
        config.disk_reserve_bytes = 0;
        // What is tested is not how fast a busy machine is.
        config.limits.read_time_max = Duration::from_secs(20);
        config
    }

    pub(crate) async fn open(&self) -> Db {
        Db::open(self.config()).await.unwrap()
    }
}

pub(crate) fn thing(id: i64) -> Batch {
    let mut batch = Batch::new();
    batch.insert(&THINGS, [id.into(), format!("thing {id}").into(), Arg::Null]);
    batch
}

pub(crate) async fn ids(db: &Db) -> Vec<i64> {
    let rows = db.read(ALL_THINGS, hookmill_store::args![]).await.unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}

pub(crate) async fn count(db: &Db, sql: &'static str) -> i64 {
    one(db.read(sql, hookmill_store::args![]).await).int(0).unwrap()
}

pub(crate) fn one(rows: Result<Vec<Row>, Error>) -> Row {
    let mut rows = rows.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// Runs each of the functions as a test on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::db::place::Place::sqlite()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::db::place::Place::postgres().await).await;
                }
            )*
        }
    };
}
pub(crate) use on_both;
