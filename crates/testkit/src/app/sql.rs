//! What no interface allows: changing the stored data behind the server's back, to see what it makes of it, and looking.

use std::path::{Path, PathBuf};

use tokio_postgres::NoTls;

use super::Database;

pub(super) async fn execute(database: &Database, data: &Path, statement: &str) {
    match database {
        Database::Sqlite => {
            let connection = rusqlite::Connection::open(file_in(data)).expect("the database can be opened");
            connection.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        Database::Postgres(url) => {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database answers");
            let driver = tokio::spawn(connection);
            client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
            drop(client);
            // The connection ends with its client.
            let _ = driver.await;
        }
    }
}

pub(super) async fn number(database: &Database, data: &Path, query: &str) -> i64 {
    match database {
        Database::Sqlite => {
            let connection = rusqlite::Connection::open(file_in(data)).expect("the database can be opened");
            connection.query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{query}: {error}"))
        }
        Database::Postgres(url) => {
            let client = crate::postgres::connect(url).await;
            let row = client.query_one(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            row.try_get(0).unwrap_or_else(|error| panic!("{query}: {error}"))
        }
    }
}

fn file_in(data: &Path) -> PathBuf {
    let entries = std::fs::read_dir(data).unwrap_or_else(|error| panic!("{}: {error}", data.display()));
    let mut files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "db"));
    files.next().unwrap_or_else(|| panic!("no *.db in {}", data.display()))
}
