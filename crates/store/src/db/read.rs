//! A read on its way, and the limits of its answer.

use std::time::Duration;

use super::arg::Args;
use super::config::Limits;
use super::queue::Queue;
use super::row::Row;
use crate::Error;

/// One read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) sql: &'static str,
    pub(crate) args: Args,
    pub(crate) time_max: Duration,
}

pub(crate) type ReadQueue = Queue<Read, Vec<Row>>;

/// Limits of one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowBounds {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl RowBounds {
    /// For what the process keeps in memory anyway.
    pub(crate) const NONE: Self = Self { rows: usize::MAX, bytes: usize::MAX };

    pub(crate) fn of(limits: &Limits) -> Self {
        Self { rows: limits.read_rows_max, bytes: limits.read_bytes_max }
    }

    pub(crate) fn check(self, rows: usize, bytes: usize) -> Result<(), Error> {
        if rows > self.rows || bytes > self.bytes {
            let Self { rows, bytes } = self;
            return Err(Error::Invalid(format!("the answer is larger than {rows} rows or {bytes} bytes; ask for less at once")));
        }
        Ok(())
    }
}

/// The answer to a read that took too long.
pub(crate) fn too_slow(time_max: Duration) -> Error {
    Error::unavailable(format!("the query took longer than {} ms", time_max.as_millis()))
}
