//! The data folder and its database, for commands that work beside the server or without one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use hookmill_store::db::Target;
use hookmill_store::{Error, Store};

use super::exit::Result;
use crate::config::{Config, Flag};
use crate::serve::{open_store, store_config};

/// How long to wait for a server that is just making its database.
const MAKING_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where the data is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Local {
    /// The data folder [default: data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The database: sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE [default: SQLite in the data folder].
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The configuration file.
    #[arg(long, env = "HOOKMILL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Local {
    /// Whether the command line says where the data is.
    pub(crate) fn is_named(&self) -> bool {
        self.data.is_some() || self.database.is_some()
    }

    /// The effective configuration, with these settings of the command line.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> Result<Config> {
        let data = self.data.as_ref().map(|data| ("--data", "store.data", data.display().to_string()));
        let database = self.database.clone().map(|database| ("--database", "store.database", database));
        let own = [data, database].into_iter().flatten();
        let mut all: Vec<Flag> = own.map(|(name, key, value)| Flag { name, key, value }).collect();
        all.extend(flags);
        Ok(Config::load(self.config.as_deref(), std::env::vars(), &all)?)
    }
}

/// Opens the store beside a server that may be running.
pub(crate) async fn open_beside(config: &Config) -> Result<Store> {
    Ok(Store::open(store_config(config)?.guest()).await?)
}

/// Opens the store beside a server, or makes it if there is none yet.
pub(crate) async fn open_or_make(config: &Config) -> Result<Store> {
    let until = Instant::now() + MAKING_WITHIN;
    loop {
        let guest = store_config(config)?.guest();
        let beside = if exists(config)? { Some(Store::open(guest).await) } else { None };
        match beside {
            Some(Ok(store)) => return Ok(store),
            Some(Err(error @ (Error::Newer { .. } | Error::Unavailable { .. }))) => return Err(error.into()),
            // New, older, or being made at this moment: whoever may own it brings it up to date.
            Some(Err(_)) | None => {}
        }
        match open_store(config).await {
            Ok(store) => return Ok(store),
            Err(crate::serve::Error::Store(Error::InUse { .. })) if Instant::now() < until => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn exists(config: &Config) -> Result<bool> {
    Ok(match Target::parse(&config.store.address())? {
        Target::Sqlite(file) => file.exists(),
        Target::Postgres(_) => true,
    })
}
