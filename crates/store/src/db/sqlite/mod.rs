//! SQLite: one file, one thread that writes, a few that read.

mod claims;
mod failure;
pub(crate) mod open;
mod reader;
mod statement;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use self::claims::Claims;
use self::statement::Statements;
use self::writer::Writer;
use super::config::{CLOSING, DbConfig};
use super::keys::FreshKeys;
use super::queue::WriteQueue;
use super::read::{ReadQueue, RowBounds};
use super::{Access, Limits};
use crate::Error;
use crate::disk::Disk;
use crate::folder::DataFolder;
use crate::migrate::Ladder;

/// The threads and what they take their work from.
pub(super) struct Engine {
    pub(super) writes: Arc<WriteQueue>,
    pub(super) reads: Arc<ReadQueue>,
    pub(super) disk: Arc<Disk>,
    pub(super) file: PathBuf,
    pub(super) access: Access,
    /// Keys that are taken but not in their index yet.
    pub(super) fresh: Arc<FreshKeys>,
    /// Turns true when the writer has ended and given up the folder.
    ended: watch::Receiver<bool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    pub(super) async fn open(config: DbConfig, file: &Path) -> Result<Self, Error> {
        let ladder = Ladder::new(config.migrations)?;
        let folder_path = open::folder_of(file);
        let owned = match config.access {
            Access::Owner => Some(DataFolder::take(&folder_path)?),
            Access::Guest => None,
        };
        let disk = Arc::new(Disk::watch(&folder_path, config.disk_floor_bytes, config.disk_reserve_bytes)?);
        let writes = Arc::new(WriteQueue::new(config.limits.write_bounds()));
        let reads = Arc::new(ReadQueue::new(config.limits.read_bounds()));
        let (ended_sender, ended) = watch::channel(false);
        let (opened, is_open) = oneshot::channel();
        let bounds = RowBounds::of(&config.limits);
        let (limits, access) = (config.limits.clone(), config.access);
        let fresh = Arc::new(FreshKeys::default());

        let task = WriterThread {
            config,
            ladder,
            owned,
            file: file.to_owned(),
            disk: Arc::clone(&disk),
            queue: Arc::clone(&writes),
            fresh: Arc::clone(&fresh),
            bounds,
        };
        let writer = spawn("hookmill-writer", move || {
            let closes_queue = CloseOnDrop(&task.queue);
            task.run(opened);
            drop(closes_queue);
            drop(task);
            ended_sender.send_replace(true);
        })?;
        let threads = Mutex::new(vec![writer]);
        let engine = Self { writes, reads, disk, file: file.to_owned(), access, fresh, ended, threads };
        let opened = is_open.await.unwrap_or_else(|_| Err(Error::unavailable("the writer ended while opening the database")));
        match opened.and_then(|()| engine.start_readers(&limits, bounds)) {
            Ok(()) => Ok(engine),
            Err(error) => {
                engine.close().await;
                Err(error)
            }
        }
    }

    fn start_readers(&self, limits: &Limits, bounds: RowBounds) -> Result<(), Error> {
        for _ in 0..limits.readers.max(1) {
            let connection = open::open_reader(&self.file)?;
            let queue = Arc::clone(&self.reads);
            let reader = spawn("hookmill-reader", move || {
                if let Err(error) = reader::run(connection, &queue, bounds) {
                    tracing::error!("A reader ended: {error}");
                }
            })?;
            self.threads.lock().push(reader);
        }
        Ok(())
    }

    /// Lets nothing more in, without waiting for what is in.
    pub(super) fn stop(&self) {
        self.reads.close(CLOSING);
        self.writes.close(CLOSING);
    }

    /// Works off what waits and ends the threads. Waits for that however often it is called.
    pub(super) async fn close(&self) {
        self.stop();
        let mut ended = self.ended.clone();
        // An error means that the writer is gone without saying so, which is as ended.
        let _ = ended.wait_for(|ended| *ended).await;
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("A thread of the store panicked");
                }
            }
        });
        let _ = joined.await;
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
    spawned.map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))
}

/// However the writer ends, nobody must wait for it any more.
struct CloseOnDrop<'a>(&'a WriteQueue);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close("the writer ended");
        self.0.refuse_all(&Error::unavailable("the writer ended"));
    }
}

struct WriterThread {
    config: DbConfig,
    ladder: Ladder,
    /// Given up when the thread ends, not before: then the file is closed.
    owned: Option<DataFolder>,
    file: PathBuf,
    disk: Arc<Disk>,
    queue: Arc<WriteQueue>,
    fresh: Arc<FreshKeys>,
    bounds: RowBounds,
}

impl WriterThread {
    fn run(&self, opened: oneshot::Sender<Result<(), Error>>) {
        let wal_pages = Arc::new(AtomicU64::new(0));
        let connection = match self.open(&wal_pages) {
            Ok(connection) => connection,
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        let mut statements = Statements::new(&connection);
        let claims = match self.claims(&mut statements) {
            Ok(claims) => claims,
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        if opened.send(Ok(())).is_err() {
            return;
        }
        let mut writer = Writer {
            statements,
            claims,
            connection: &connection,
            queue: Arc::clone(&self.queue),
            disk: Arc::clone(&self.disk),
            on_fatal: Arc::clone(&self.config.on_fatal),
            rows: self.bounds,
            wal_pages,
            checkpoint_at: self.owned.as_ref().map(|_| self.config.limits.wal_pages),
        };
        writer.run();
        if let Err(why) = writer.checkpoint_all() {
            (self.config.on_fatal)(&why);
        }
    }

    fn claims(&self, statements: &mut Statements<'_>) -> Result<Option<Claims>, Error> {
        let fresh = self.owned.as_ref().map(|_| Arc::clone(&self.fresh));
        let load = |keys| Claims::load(keys, fresh, self.config.limits.fresh_keys, statements);
        self.config.keys.map(load).transpose()
    }

    fn open(&self, wal_pages: &Arc<AtomicU64>) -> Result<rusqlite::Connection, Error> {
        let mut connection = open::open_writer(&self.file, self.config.access)?;
        open::migrate(&connection, &self.ladder, self.config.access, self.config.now)?;
        let told = Arc::clone(wal_pages);
        let hooked = connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            told.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }));
        hooked.map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(connection)
    }
}
