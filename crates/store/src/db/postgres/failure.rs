//! What an error of PostgreSQL means for those who wait.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::Error;

/// Whom a failure concerns.
#[derive(Debug)]
pub(super) enum Failure {
    /// One batch; the others can go on.
    Batch(Error),
    /// One batch that may well succeed when tried again: it met others at work.
    Again(Error),
    /// The connection: everything that was on it, with unknown result.
    Connection(Error),
}

impl Failure {
    /// From an error of the operation number `statement` of a batch.
    pub(super) fn of(error: &tokio_postgres::Error, statement: usize) -> Self {
        let Some(cause) = error.as_db_error() else {
            // Values that do not fit are found before anything is sent; everything else is the connection.
            let unfit = error.source().is_some_and(|source| !source.is::<std::io::Error>()) && !error.is_closed();
            let text = describe(error);
            return if unfit {
                Self::Batch(Error::Invalid(format!("operation {statement}: {text}")))
            } else {
                Self::Connection(Error::unavailable(format!("the connection to PostgreSQL was lost: {text}")))
            };
        };
        let text = format!("{} (SQLSTATE {})", cause.message(), cause.code().code());
        match *cause.code() {
            SqlState::UNIQUE_VIOLATION => Self::Batch(Error::Conflict { statement }),
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Self::Again(Error::unavailable(text)),
            SqlState::DISK_FULL => Self::Connection(Error::Full { free_bytes: 0 }),
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => Self::Batch(Error::unavailable(text)),
            // After a failover the address may lead to the replica; after an upgrade prepared statements may not fit.
            SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::FEATURE_NOT_SUPPORTED => Self::Connection(Error::unavailable(text)),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Batch(Error::corrupt(text)),
            ref code => match &code.code()[..2] {
                // Connection, resources, operator, system.
                "08" | "53" | "57" | "58" => Self::Connection(Error::unavailable(text)),
                _ => Self::Batch(Error::Invalid(format!("operation {statement}: {text}"))),
            },
        }
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Batch(error) | Self::Again(error) | Self::Connection(error) => error,
        }
    }
}

/// An error with its causes: the driver's own text leaves them out.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
