//! The seam below the SQL: a read is a text with arguments, a write is a [`Batch`]. Everything above it is written once
//! for both databases; everything that differs is below.
//!
//! - A write is answered when it is committed and on the disk, never before. An error is an answer too: nothing of the
//!   batch is there, but for [`Error::Unavailable`], after which nobody knows.
//! - Whatever waits is committed together; a bad batch fails alone.
//! - Everything is bounded ([`Limits`]); what is over the bounds is refused at once.

mod arg;
mod batch;
mod config;
mod dialect;
mod keys;
mod postgres;
pub(crate) mod queue;
mod read;
mod row;
pub(crate) mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

pub use arg::{Arg, Args, Text};
pub use batch::{Batch, Column, Contended, Expect, Kind, OnConflict, Table, Written};
pub use config::{Access, DbConfig, EXIT_DISK_FAILED, Limits, OnFatal, Target, end_process};
pub use dialect::Dialect;
pub use keys::{HASH_BYTES, Hash, KeyTable};
pub use row::{Row, Value};

use self::keys::Taken;
use self::queue::Job;
use self::read::Read;
use crate::Error;
use crate::disk::Disk;

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    read_time_max: Duration,
    write_settles_within: Duration,
}

enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

impl Drop for Inner {
    fn drop(&mut self) {
        match &self.engine {
            Engine::Sqlite(engine) => engine.stop(),
            Engine::Postgres(engine) => engine.stop(),
        }
    }
}

/// A write that is on its way. Dropping it does not stop the write.
#[derive(Debug)]
#[must_use = "whether the write happened is in the answer"]
pub struct Pending(oneshot::Receiver<Result<Written, Error>>);

impl Future for Pending {
    type Output = Result<Written, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(unanswered())))
    }
}

fn unanswered() -> Error {
    Error::unavailable("the database ended before it answered; whether the write happened is unknown")
}

impl Db {
    /// Opens the database and brings its schema up to date.
    pub async fn open(config: DbConfig) -> Result<Self, Error> {
        let read_time_max = config.limits.read_time_max;
        let write_settles_within = config.limits.write_settles_within(&config.target);
        let engine = match config.target.clone() {
            Target::Sqlite(file) => Engine::Sqlite(sqlite::Engine::open(config, &file).await?),
            Target::Postgres(url) => Engine::Postgres(postgres::Engine::open(config, &url).await?),
        };
        Ok(Self(Arc::new(Inner { engine, read_time_max, write_settles_within })))
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match &self.0.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Reads rows, within the usual time ([`Limits::read_time_max`]).
    pub async fn read(&self, sql: &'static str, args: Args) -> Result<Vec<Row>, Error> {
        self.read_within(self.0.read_time_max, sql, args).await
    }

    /// Reads rows within another time than the usual. For work behind the scenes such as verifying; what a user waits
    /// for is better paged.
    pub async fn read_within(&self, time_max: Duration, sql: &'static str, args: Args) -> Result<Vec<Row>, Error> {
        let (job, answered) = Job::new(Read { sql, args, time_max }, 0);
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.reads.push(job)?,
            Engine::Postgres(engine) => engine.reads.push(job)?,
        }
        answered.await.unwrap_or_else(|_| Err(Error::unavailable("the database ended before it answered")))
    }

    /// Writes a batch: all of it or nothing. The answer comes when it is on the disk.
    pub async fn write(&self, batch: Batch) -> Result<Written, Error> {
        self.submit(batch)?.await
    }

    /// Puts a batch into the queue at once. The answer can be waited for, or dropped where it does not matter.
    pub fn submit(&self, batch: Batch) -> Result<Pending, Error> {
        batch.check()?;
        let bytes = batch.bytes();
        let (job, answered) = Job::new(batch, bytes);
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.writes.push(job)?,
            Engine::Postgres(engine) => engine.writes.push(job)?,
        }
        Ok(Pending(answered))
    }

    /// After this time a batch is refused, written, or in front of every batch that is submitted then: a write of the same rows
    /// comes after it.
    pub fn write_settles_within(&self) -> Duration {
        self.0.write_settles_within
    }

    /// Batches that wait for the writer.
    pub fn queue_depth(&self) -> usize {
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.writes.depth(),
            Engine::Postgres(engine) => engine.writes.depth(),
        }
    }

    /// Whether there is room on the disk for new deliveries. PostgreSQL looks after its own disk.
    pub fn accepting(&self) -> Result<(), Error> {
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.disk.accepting(),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Who took a key of which the index does not know yet. The index must be asked too, afterwards.
    pub(crate) fn fresh_key(&self, scope: i64, key: &Hash) -> Option<Taken> {
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.fresh.get(&(scope, *key)),
            Engine::Postgres(_) => None,
        }
    }

    /// Whether another process owns the file: what that has in memory is not known here.
    pub(crate) fn is_guest(&self) -> bool {
        matches!(&self.0.engine, Engine::Sqlite(engine) if engine.access == Access::Guest)
    }

    /// The disk of the data folder; `None` with PostgreSQL.
    pub fn disk(&self) -> Option<&Disk> {
        match &self.0.engine {
            Engine::Sqlite(engine) => Some(&engine.disk),
            Engine::Postgres(_) => None,
        }
    }

    /// The file of the database; `None` with PostgreSQL.
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.0.engine {
            Engine::Sqlite(engine) => Some(&engine.file),
            Engine::Postgres(_) => None,
        }
    }

    /// Lets nothing more in, works off what waits, and ends completely: threads, connections, the lock of the folder.
    /// Calling it again waits for the same end.
    pub async fn close(&self) {
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close().await,
        }
    }
}
