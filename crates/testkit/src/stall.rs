//! A disk that stands still for a while: whoever writes to the SQLite file meanwhile waits, whoever reads does not.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

/// Holds up every write to the file for so long, from when this returns. It must be shorter than the 5 s for which the store
/// waits for a lock: this takes the place of the disk with it.
///
/// # Panics
/// If the file cannot be opened.
pub fn stall(file: &Path, so_long: Duration) {
    let connection = Connection::open(file).expect("the database can be opened");
    connection.busy_timeout(Duration::from_secs(5)).expect("a timeout can be set");
    connection.execute_batch("BEGIN IMMEDIATE").expect("the store lets others write in turn");
    // Closing the connection gives the lock back.
    std::thread::spawn(move || {
        std::thread::sleep(so_long);
        drop(connection);
    });
}
