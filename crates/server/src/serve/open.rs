//! Opening the parts as the configuration says.

use std::path::PathBuf;
use std::sync::Arc;

use hookmill_actions::net::{Net, NetPolicy};
use hookmill_actions::{FileLimits, Files, FolderFiles};
use hookmill_store::Store;
use hookmill_store::folder::DataFolder;

use super::Error;
use crate::config::Config;
use crate::vault::{MasterKey, Vault};

/// The folder of files inside the data folder.
const FILES_FOLDER: &str = "files";

/// Opens the store as the one that serves.
///
/// # Errors
/// [`Error::Store`].
pub async fn open_store(config: &Config) -> Result<Store, Error> {
    DataFolder::create(&config.store.data)?;
    Ok(Store::open(store_config(config)?).await?)
}

/// How the store is to be opened, by the server or (as [`hookmill_store::Config::guest`]) beside it.
///
/// # Errors
/// [`Error::Store`] if the address of the database is none.
pub fn store_config(config: &Config) -> Result<hookmill_store::Config, Error> {
    let set = &config.store;
    let mut store = hookmill_store::Config::new(&set.address())?;
    store.address = config.server.listen.to_string();
    store.folder = Some(set.data.clone());
    store.refused_bytes_max = config.ledger.refused_bytes_max.0;
    let limits = &mut store.db.limits;
    limits.queue_batches = set.queue_writes_max;
    limits.queue_bytes = set.queue_bytes_max.as_usize();
    limits.writers = set.write_connections;
    limits.readers = set.read_connections;
    store.db.disk_floor_bytes = set.disk_floor.map(|size| size.0);
    store.db.disk_reserve_bytes = set.disk_reserve.0;
    Ok(store)
}

/// Opens the vault, making the master key at the first start.
///
/// # Errors
/// [`Error::Vault`].
pub fn open_vault(config: &Config, variable: Option<&str>) -> Result<Vault, Error> {
    let file = config.vault.file(&config.store.data);
    Ok(Vault::new(MasterKey::load(variable, &file)?))
}

/// The way out, for steps and for what providers make the door ask for.
pub(super) fn net(config: &Config) -> Result<Net, Error> {
    Ok(Net::new(NetPolicy::allowing(&config.net.allow)?))
}

/// Where files of runs are kept.
pub fn files_folder(config: &Config) -> PathBuf {
    config.store.data.join(FILES_FOLDER)
}

pub(super) fn files(config: &Config) -> Result<Files, Error> {
    let path = files_folder(config);
    let files = FolderFiles::open(&path, FileLimits::default()).map_err(|why| Error::Files { path, why })?;
    Ok(Arc::new(files))
}
