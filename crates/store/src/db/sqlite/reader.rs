//! The threads that read. Each read is one statement on a connection of its own and ends within its time, so that no
//! snapshot is held for long: a held snapshot keeps the write-ahead log from being reused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::failure::read_error;
use super::statement::{QueryError, Statements};
use crate::Error;
use crate::db::read::{Read, ReadQueue, RowBounds};

/// Instructions of SQLite's machine between two looks at the clock: some ten microseconds.
const STEPS_PER_LOOK: i32 = 1_000;

/// When the read that runs must end, in milliseconds since the start of its thread.
struct Deadline {
    start: Instant,
    end_ms: AtomicU64,
}

impl Deadline {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn set(&self, time_max: Duration) {
        let time_max_ms = u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX);
        self.end_ms.store(self.now_ms().saturating_add(time_max_ms), Ordering::Relaxed);
    }

    fn passed(&self) -> bool {
        self.now_ms() > self.end_ms.load(Ordering::Relaxed)
    }
}

/// Works until the queue is closed and empty.
pub(super) fn run(mut connection: Connection, queue: &ReadQueue, bounds: RowBounds) -> Result<(), Error> {
    let deadline = Arc::new(Deadline { start: Instant::now(), end_ms: AtomicU64::new(u64::MAX) });
    let watched = Arc::clone(&deadline);
    let watching = connection.progress_handler(STEPS_PER_LOOK, Some(move || watched.passed()));
    watching.map_err(|error| Error::unavailable(error.to_string()))?;
    let mut statements = Statements::new(&connection);
    let mut group = Vec::with_capacity(1);
    while queue.take_blocking(&mut group) {
        for job in group.drain(..) {
            let Read { sql, args, time_max } = &job.task;
            deadline.set(*time_max);
            let rows = statements.get(sql).map_err(QueryError::from).and_then(|statement| statement.query(args, bounds));
            let rows = rows.map_err(|error| read_error(error, *time_max));
            job.answer(rows);
        }
    }
    Ok(())
}
