//! `[store]`: where things are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Database;
use crate::config::Size;

/// The name of the SQLite database inside the data folder.
const SQLITE_FILE: &str = "hookmill.db";

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The folder of the database, the master key and temporary files. Made if missing.
    pub data: PathBuf,
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`. Default: SQLite in the data folder.
    pub database: Option<Database>,
    /// Writes that may wait for the database; more are refused with 503.
    pub queue_writes_max: usize,
    /// Bytes that may wait for the database; more are refused with 503.
    pub queue_bytes_max: Size,
    /// With less free space than this on the disk of the data folder, webhooks are refused with 507. Default: a twentieth
    /// of the disk, between 512 MiB and 10 GiB.
    pub disk_floor: Option<Size>,
    /// Kept in a file of its own, given back when the disk is full so that runs can end.
    pub disk_reserve: Size,
    /// PostgreSQL: connections that write.
    pub write_connections: usize,
    /// Connections that read.
    pub read_connections: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            database: None,
            queue_writes_max: 8192,
            queue_bytes_max: Size::mib(64),
            disk_floor: None,
            disk_reserve: Size::mib(64),
            write_connections: 2,
            read_connections: 4,
        }
    }
}

impl Store {
    /// The database to use: the one set, or the SQLite file in the data folder.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.database {
            Some(database) => database.reveal().to_owned(),
            None => format!("sqlite:{}", self.data.join(SQLITE_FILE).display()),
        }
    }
}
