//! What an error of SQLite means for those who wait.

use std::time::Duration;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE};
use rusqlite::ffi::{SQLITE_IOERR_NOMEM, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};

use super::statement::QueryError;
use crate::Error;
use crate::db::read::too_slow;

/// Whom a failure concerns.
#[derive(Debug)]
pub(super) enum Failure {
    /// One batch; the others can go on.
    Batch(Error),
    /// Everything in the transaction.
    Group(Error),
    /// The disk is full: everything in the transaction.
    Full,
    /// The disk lost something: the process.
    Fatal(String),
}

impl Failure {
    /// From an error of the operation number `statement` of a batch.
    pub(super) fn of(error: QueryError, statement: usize) -> Self {
        let error = match error {
            QueryError::Answer(error) => return Self::Batch(error),
            QueryError::Sqlite(error) => error,
        };
        let rusqlite::Error::SqliteFailure(cause, _) = &error else {
            return Self::Batch(Error::Invalid(format!("operation {statement}: {error}")));
        };
        match cause.code {
            ErrorCode::ConstraintViolation => match cause.extended_code {
                SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID => {
                    Self::Batch(Error::Conflict { statement })
                }
                _ => Self::Batch(Error::Invalid(format!("operation {statement}: {error}"))),
            },
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::SystemIoFailure => match cause.extended_code {
                SQLITE_IOERR_NOMEM => Self::Group(Error::unavailable("out of memory")),
                // The shared index of the log could not grow, before anything was written: a full disk says it so.
                SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_SHMOPEN | SQLITE_IOERR_SHMMAP => Self::Full,
                code => Self::Fatal(format!("{error} (code {code})")),
            },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Group(Error::corrupt(error.to_string())),
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed => Self::Group(Error::unavailable(error.to_string())),
            _ => Self::Batch(Error::Invalid(format!("operation {statement}: {error}"))),
        }
    }
}

/// The same for somebody who only reads.
pub(super) fn read_error(error: QueryError, time_max: Duration) -> Error {
    if let QueryError::Sqlite(rusqlite::Error::SqliteFailure(cause, _)) = &error
        && cause.code == ErrorCode::OperationInterrupted
    {
        return too_slow(time_max);
    }
    match Failure::of(error, 0) {
        Failure::Batch(error) | Failure::Group(error) => error,
        Failure::Full => Error::unavailable("the disk is full"),
        Failure::Fatal(why) => Error::unavailable(format!("cannot read: {why}")),
    }
}
