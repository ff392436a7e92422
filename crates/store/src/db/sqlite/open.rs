//! Opening connections: what must be true of the file and the library before anything is read or written.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookmill_engine::time::Timestamp;
use rusqlite::config::DbConfig as Switch;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::Error;
use crate::db::{Access, Dialect};
use crate::folder::unusable;
use crate::migrate::{self, Ladder};

/// Older versions can damage a file when two connections write and checkpoint at the same time.
const VERSION_MIN: i32 = 3_051_003;
/// Marks a file as ours ("HKML"), so that another program's database is not taken for one.
const APPLICATION_ID: i64 = 0x484b_4d4c;
/// How long a statement waits for the lock of another process, for example a visitor's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// No single value or row is larger.
const VALUE_BYTES_MAX: i32 = 256 << 20;

const READER_PRAGMAS: &str = "
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cache_size = -8192;
    PRAGMA query_only = ON;";

/// `synchronous = FULL` is the promise: a commit is on the disk before it is answered. The log is copied to the file by
/// the writer itself, after answering, hence no automatic checkpoint.
const WRITER_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -65536;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;";

/// The folder of a database file; the current one for a bare name.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The one connection that writes.
pub(super) fn open_writer(file: &Path, access: Access) -> Result<Connection, Error> {
    check_version(rusqlite::version_number())?;
    if access == Access::Owner {
        // SQLite would make it readable for all; the log and its index take over the mode.
        let made = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file);
        made.map_err(|error| unusable(&folder_of(file), &error))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(|error| open_error(file, error))?;
    prepare_writer(&connection, access).map_err(|error| open_error(file, error))?;
    let application: i64 = pragma(&connection, "application_id").map_err(|error| open_error(file, error))?;
    if application != APPLICATION_ID {
        return Err(Error::Invalid(format!(
            "{} is a SQLite database, but not one of Hookmill; choose another file",
            file.display()
        )));
    }
    Ok(connection)
}

fn prepare_writer(connection: &Connection, access: Access) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let is_new = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))? == 0;
    if access == Access::Owner && is_new {
        connection.execute_batch(&format!("PRAGMA page_size = 4096; PRAGMA application_id = {APPLICATION_ID};"))?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        let why = "the file system cannot share memory between processes (a network drive?); use a local disk";
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN), Some(why.into())));
    }
    connection.execute_batch(WRITER_PRAGMAS)?;
    connection.set_db_config(Switch::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(())
}

/// One of the connections that only read.
pub(crate) fn open_reader(file: &Path) -> Result<Connection, Error> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch(READER_PRAGMAS)?;
        connection.set_db_config(Switch::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        Ok(connection)
    };
    open().map_err(|error| open_error(file, error))
}

/// Makes the migrations that are missing; a guest only looks whether any is.
pub(super) fn migrate(connection: &Connection, ladder: &Ladder, access: Access, now: Timestamp) -> Result<(), Error> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: rusqlite::Error| match super::failure::Failure::of(error.into(), 0) {
            super::failure::Failure::Group(error) => error,
            super::failure::Failure::Batch(error) => Error::Invalid(format!("{what}: {error}")),
            super::failure::Failure::Full => Error::Full { free_bytes: 0 },
            super::failure::Failure::Fatal(why) => Error::unavailable(format!("{what}: {why}")),
        }
    };
    if access == Access::Guest {
        let found =
            connection.query_row(migrate::FIND_NEWEST, [], |row| row.get(0)).map_err(failed("reading the schema's number"))?;
        return ladder.check_same(found);
    }
    connection.execute_batch(migrate::CREATE_TABLE).map_err(failed("making the table of migrations"))?;
    let found =
        connection.query_row(migrate::FIND_NEWEST, [], |row| row.get(0)).map_err(failed("reading the schema's number"))?;
    for migration in ladder.missing(found)? {
        let script = migration.script(Dialect::Sqlite, now)?;
        let made = connection.execute_batch(&format!("BEGIN IMMEDIATE;\n{script}\n;\nCOMMIT"));
        if made.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(failed("undoing a migration"))?;
        }
        made.map_err(failed(&format!("migration {} ({})", migration.number, migration.name)))?;
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

fn check_version(version: i32) -> Result<(), Error> {
    if version < VERSION_MIN {
        return Err(Error::Invalid(format!(
            "the SQLite library has version {version}, at least {VERSION_MIN} is needed: older ones can damage a file in WAL mode"
        )));
    }
    Ok(())
}

fn open_error(file: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            Error::Invalid(format!("{} is not a SQLite database; choose another file", file.display()))
        }
        Some(ErrorCode::DatabaseCorrupt) => Error::corrupt(format!("{}: {error}; restore a backup", file.display())),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable(format!("{} is locked by another program: {error}", file.display()))
        }
        Some(ErrorCode::DiskFull) => {
            Error::Full { free_bytes: crate::disk::space(&folder_of(file)).map_or(0, |(free_bytes, _)| free_bytes) }
        }
        _ => Error::Folder { path: folder_of(file), why: format!("cannot open {}: {error}", file.display()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_damage_files_are_refused() {
        check_version(rusqlite::version_number()).unwrap();
        assert!(check_version(3_051_002).unwrap_err().to_string().contains("3051003"));
    }
}
