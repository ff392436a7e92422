//! Where the database is and how much it may be asked at once.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::time::Timestamp;

use crate::Error;
use crate::db::keys::KeyTable;
use crate::db::queue::Bounds;
use crate::migrate::Migration;

/// Why nothing gets in any more.
pub(crate) const CLOSING: &str = "the store is closing";

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A SQLite file; its folder is the data folder that is locked.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database.
    Postgres(String),
}

impl Target {
    /// Reads `sqlite:FILE` or `postgres://…`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            if file.is_empty() {
                return Err(Error::Invalid("`sqlite:` names no file; write sqlite:FILE".into()));
            }
            return Ok(Self::Sqlite(file.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        // The text may hold a password, so it is not repeated.
        Err(Error::Invalid("the database must be sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE".into()))
    }
}

impl fmt::Debug for Target {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// What this process is to a SQLite file. PostgreSQL has any number of equal processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The one that serves: locks the folder, upgrades the schema, checkpoints.
    Owner,
    /// A short visit beside the owner or without one: writes a little, never upgrades.
    Guest,
}

/// Limits of a [`super::Db`], each with its default.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Batches that may wait for the writer.
    pub queue_batches: usize,
    /// Bytes that may wait for the writer.
    pub queue_bytes: usize,
    /// Batches in one commit.
    pub group_batches: usize,
    /// Bytes in one commit; one larger batch still passes alone.
    pub group_bytes: usize,
    /// A batch that waited longer is refused.
    pub queue_age_max: Duration,
    /// Reads at the same time.
    pub readers: usize,
    /// Reads that may wait for a reader.
    pub read_queue: usize,
    /// How long one read may take unless it says otherwise. It bounds how long a snapshot keeps the log from being reused.
    pub read_time_max: Duration,
    /// Rows of one answer.
    pub read_rows_max: usize,
    /// Bytes of one answer.
    pub read_bytes_max: usize,
    /// SQLite: pages in the write-ahead log after which it is copied to the file. Small and often keeps the tail short.
    pub wal_pages: u64,
    /// SQLite: keys that are kept in memory because they are not in their index yet, about 60 bytes each; half of them more
    /// while that half is on its way.
    pub fresh_keys: usize,
    /// PostgreSQL: connections that write.
    pub writers: usize,
    /// PostgreSQL: how long one attempt to connect may take, and with it how long a write waits when the server is away.
    pub connect_time_max: Duration,
    /// PostgreSQL: how long one group may take until its connection is given up.
    pub write_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_batches: 8_192,
            queue_bytes: 64 << 20,
            group_batches: 1_024,
            group_bytes: 4 << 20,
            queue_age_max: Duration::from_secs(5),
            readers: 4,
            read_queue: 1_024,
            read_time_max: Duration::from_millis(500),
            read_rows_max: 100_000,
            read_bytes_max: 128 << 20,
            wal_pages: 500,
            fresh_keys: 1 << 17,
            writers: 2,
            connect_time_max: Duration::from_secs(2),
            write_time_max: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// SQLite's only writer keeps to the order, however long a commit takes; one of PostgreSQL's may still be at work on a batch
    /// when another has done a later one, until its time is over.
    pub(crate) fn write_settles_within(&self, target: &Target) -> Duration {
        match target {
            Target::Sqlite(_) => self.queue_age_max,
            Target::Postgres(_) => self.queue_age_max + self.connect_time_max + self.write_time_max,
        }
    }

    pub(crate) fn write_bounds(&self) -> Bounds {
        Bounds {
            queue_count: self.queue_batches,
            queue_bytes: self.queue_bytes,
            group_count: self.group_batches.max(1),
            group_bytes: self.group_bytes,
            age_max: self.queue_age_max,
        }
    }

    pub(crate) fn read_bounds(&self) -> Bounds {
        Bounds {
            queue_count: self.read_queue,
            queue_bytes: usize::MAX,
            group_count: 1,
            group_bytes: usize::MAX,
            age_max: self.queue_age_max,
        }
    }
}

/// Called when the disk failed to keep what was written to it. Must not return, except in tests.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Exit code of a process that ended because its disk failed.
pub const EXIT_DISK_FAILED: i32 = 70;

/// Ends the process at once. After a failed write or sync nobody knows what is on the disk: the kernel may have dropped
/// the pages and say yes the next time. A fresh start reads what is really there.
pub fn end_process(why: &str) {
    tracing::error!("The disk failed, ending the process: {why}");
    std::process::exit(EXIT_DISK_FAILED);
}

/// How to open a [`super::Db`].
#[derive(Clone)]
pub struct DbConfig {
    /// Which database.
    pub target: Target,
    /// What this process is to a SQLite file.
    pub access: Access,
    /// The ladder of migrations, from 1 without gaps.
    pub migrations: &'static [Migration],
    /// The keys that batches can take.
    pub keys: Option<&'static KeyTable>,
    /// Now, noted with the migrations that are made.
    pub now: Timestamp,
    /// Limits.
    pub limits: Limits,
    /// SQLite: free space of the disk that is kept; `None`: chosen by the size of the disk.
    pub disk_floor_bytes: Option<u64>,
    /// SQLite: bytes of the reserve file that is given up when the disk is full.
    pub disk_reserve_bytes: u64,
    /// What to do when the disk fails.
    pub on_fatal: OnFatal,
}

impl DbConfig {
    /// The defaults for a database.
    pub fn new(target: Target, migrations: &'static [Migration], now: Timestamp) -> Self {
        Self {
            target,
            access: Access::Owner,
            migrations,
            keys: None,
            now,
            limits: Limits::default(),
            disk_floor_bytes: None,
            disk_reserve_bytes: crate::disk::RESERVE_BYTES,
            on_fatal: Arc::new(end_process),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_passwords_never_shown() {
        assert_eq!(Target::parse("sqlite:./data/x.db").unwrap(), Target::Sqlite("./data/x.db".into()));
        let target = Target::parse("postgres://me:secret@localhost/db").unwrap();
        assert!(!format!("{target:?}").contains("secret"));
        let problem = Target::parse("mysql://me:secret@localhost/db").unwrap_err().to_string();
        assert!(problem.contains("sqlite:FILE") && !problem.contains("secret"));
        assert!(Target::parse("sqlite:").is_err());
    }
}
