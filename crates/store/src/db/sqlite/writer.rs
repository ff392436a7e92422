//! The one thread that writes: takes whatever waits, commits it as one transaction, then answers.
//!
//! A group is first tried plainly, because nearly always every batch of it is good. If one is not, and has written something,
//! everything is rolled back and done again with a savepoint a batch, so that only the bad ones fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::claims::Claims;
use super::failure::Failure;
use super::statement::{QueryError, Statements};
use crate::Error;
use crate::db::arg::Arg;
use crate::db::batch::{Batch, Op, Written};
use crate::db::config::OnFatal;
use crate::db::queue::{Job, WriteQueue};
use crate::db::read::RowBounds;
use crate::db::row::Row;
use crate::disk::Disk;

type WriteJob = Job<Batch, Written>;

/// A batch that failed, and whether it leaves something behind that must be rolled back.
struct Undone {
    failure: Failure,
    wrote: bool,
}

pub(super) struct Writer<'c> {
    pub(super) statements: Statements<'c>,
    pub(super) claims: Option<Claims>,
    pub(super) connection: &'c Connection,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) disk: Arc<Disk>,
    pub(super) on_fatal: OnFatal,
    pub(super) rows: RowBounds,
    /// Pages in the log after the last commit, told by SQLite's hook.
    pub(super) wal_pages: Arc<AtomicU64>,
    /// From so many on the log is copied; `None`: this process never does.
    pub(super) checkpoint_at: Option<u64>,
}

impl Writer<'_> {
    /// Works until the queue is closed and empty, or the disk fails.
    pub(super) fn run(&mut self) {
        let mut group = Vec::new();
        while self.queue.take_blocking(&mut group) {
            let outcome = self.write_group(&mut group).and_then(|()| self.settle_keys()).and_then(|()| self.checkpoint());
            if let Err(why) = outcome {
                (self.on_fatal)(&why);
                // Only a test comes here. Nothing may be written any more, and nothing is answered with success.
                self.queue.close("the disk failed");
                self.queue.refuse_all(&Error::unavailable("the disk failed"));
                return;
            }
            group.clear();
        }
    }

    /// Commits the group and answers each of it. `Err`: the disk failed.
    fn write_group(&mut self, group: &mut Vec<WriteJob>) -> Result<(), String> {
        let mut results = Vec::with_capacity(group.len());
        let failure = match self.try_plain(group, &mut results) {
            Ok(()) => None,
            Err(Failure::Batch(error)) if group.len() == 1 => {
                results.clear();
                results.push(Err(error));
                self.roll_back().err()
            }
            Err(Failure::Batch(_)) => {
                results.clear();
                self.roll_back().and_then(|()| self.try_each(group, &mut results)).err()
            }
            Err(failure) => Some(failure),
        };
        let Some(failure) = failure else {
            for (job, result) in group.drain(..).zip(results) {
                job.answer(result);
            }
            return Ok(());
        };
        let (error, fatal) = match failure {
            Failure::Batch(error) | Failure::Group(error) => (error, None),
            Failure::Full => (self.disk.met_full(), None),
            Failure::Fatal(why) => (Error::unavailable(format!("the disk failed: {why}")), Some(why)),
        };
        // SQLite has rolled back by itself after most of these; asking again does no harm.
        let undone = if fatal.is_none() { self.roll_back() } else { Ok(()) };
        for job in group.drain(..) {
            job.answer(Err(error.clone()));
        }
        match (fatal, undone) {
            (Some(why), _) | (None, Err(Failure::Fatal(why))) => Err(why),
            (None, Err(other)) => Err(format!("cannot roll back: {other:?}")),
            (None, Ok(())) => Ok(()),
        }
    }

    fn try_plain(&mut self, group: &[WriteJob], results: &mut Vec<Result<Written, Error>>) -> Result<(), Failure> {
        self.control("BEGIN IMMEDIATE")?;
        for job in group {
            match self.run_batch(&job.task) {
                Ok(written) => results.push(Ok(written)),
                Err(Undone { failure: Failure::Batch(error), wrote: false }) => results.push(Err(error)),
                Err(undone) => return Err(undone.failure),
            }
        }
        self.commit()
    }

    fn try_each(&mut self, group: &[WriteJob], results: &mut Vec<Result<Written, Error>>) -> Result<(), Failure> {
        self.control("BEGIN IMMEDIATE")?;
        for job in group {
            self.control("SAVEPOINT batch")?;
            let mark = self.claims.as_ref().map_or(0, Claims::mark);
            let result = match self.run_batch(&job.task) {
                Ok(written) => Ok(written),
                Err(Undone { failure: Failure::Batch(error), .. }) => {
                    self.control("ROLLBACK TO batch")?;
                    if let Some(claims) = &mut self.claims {
                        claims.forget_after(mark);
                    }
                    Err(error)
                }
                Err(undone) => return Err(undone.failure),
            };
            self.control("RELEASE batch")?;
            results.push(result);
        }
        self.commit()
    }

    fn commit(&mut self) -> Result<(), Failure> {
        self.control("COMMIT")?;
        if let Some(claims) = &mut self.claims {
            claims.committed();
        }
        Ok(())
    }

    fn run_batch(&mut self, batch: &Batch) -> Result<Written, Undone> {
        let mut written = Written::default();
        let mut wrote = false;
        for (at, op) in batch.ops().iter().enumerate() {
            // A statement that fails leaves nothing behind; one that met the wrong number of rows does.
            let failed = |failure| Undone { failure, wrote };
            match op {
                Op::Insert { table, args } => {
                    let inserted = self.statements.insert_into(table).and_then(|insert| insert.execute(batch.args(args)));
                    inserted.map_err(|error| failed(Failure::of(error.into(), at)))?;
                }
                Op::Claim { keys, args } => {
                    self.claim(keys, batch.args(args), at).map_err(failed)?;
                    written.counts.push(1);
                    written.rows.push(Vec::new());
                }
                Op::Execute { sql, args, expect, .. } => {
                    let (count, rows) = self.execute(sql, batch.args(args)).map_err(|error| failed(Failure::of(error, at)))?;
                    if !expect.holds(count) {
                        let failure = Failure::Batch(Error::Conflict { statement: at });
                        return Err(Undone { failure, wrote: wrote || count > 0 });
                    }
                    written.counts.push(count);
                    written.rows.push(rows);
                }
            }
            wrote = true;
        }
        Ok(written)
    }

    fn execute(&mut self, sql: &'static str, args: &[Arg]) -> Result<(u64, Vec<Row>), QueryError> {
        let statement = self.statements.get(sql)?;
        if statement.returns_rows() {
            let rows = statement.query(args, self.rows)?;
            Ok((rows.len() as u64, rows))
        } else {
            Ok((statement.execute(args)?, Vec::new()))
        }
    }

    pub(super) fn control(&mut self, sql: &'static str) -> Result<(), Failure> {
        let done = self.statements.get(sql).and_then(|statement| statement.execute(&[]));
        done.map(drop).map_err(|error| match Failure::of(error.into(), 0) {
            Failure::Batch(error) => Failure::Group(Error::unavailable(format!("{sql}: {error}"))),
            other => other,
        })
    }

    pub(super) fn roll_back(&mut self) -> Result<(), Failure> {
        if let Some(claims) = &mut self.claims {
            claims.forget_after(0);
        }
        if self.connection.is_autocommit() { Ok(()) } else { self.control("ROLLBACK") }
    }

    /// Copies the log to the file when it is long enough. Those who wait were answered before, so it delays only the next.
    fn checkpoint(&mut self) -> Result<(), String> {
        if self.checkpoint_at.is_none_or(|pages| self.wal_pages.load(Ordering::Relaxed) < pages) {
            return Ok(());
        }
        self.copy_log("PRAGMA wal_checkpoint(PASSIVE)")
    }

    /// The same to its end, leaving an empty log: for closing.
    pub(super) fn checkpoint_all(&mut self) -> Result<(), String> {
        if self.checkpoint_at.is_some() { self.copy_log("PRAGMA wal_checkpoint(TRUNCATE)") } else { Ok(()) }
    }

    fn copy_log(&mut self, sql: &'static str) -> Result<(), String> {
        let statement = self.statements.get(sql).map_err(QueryError::from);
        match statement.and_then(|statement| statement.query(&[], self.rows)) {
            Ok(_) => Ok(()),
            Err(error) => match Failure::of(error, 0) {
                Failure::Fatal(why) => Err(why),
                Failure::Full => {
                    self.disk.met_full();
                    Ok(())
                }
                // The log stays as it is and is copied next time.
                Failure::Batch(error) | Failure::Group(error) => {
                    tracing::warn!("Cannot copy the write-ahead log to the file: {error}");
                    Ok(())
                }
            },
        }
    }
}
