//! Files: what is too large to be a value travels between steps as a [`FileRef`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookmill_engine::id::RunId;
use hookmill_engine::run::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;

use crate::failure::{failed, failed_for_now};

/// Where files are kept.
pub type Files = Arc<dyn FileStore>;

/// What a value says about a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Names the file in later steps: `file_…`.
    pub id: String,
    /// The file name to offer to people and other systems.
    pub name: String,
    /// What is in it: `application/pdf`.
    pub media_type: String,
    /// How large it is.
    pub bytes: u64,
}

/// What is known of a file before its content.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The run that owns it: the file goes when the run does.
    pub run: RunId,
    /// The file name to offer; never used as a path.
    pub name: String,
    /// What is in it.
    pub media_type: String,
}

/// A stored file opened for reading.
pub struct OpenFile {
    /// What is known about it.
    pub file: FileRef,
    /// Its content.
    pub content: Pin<Box<dyn AsyncRead + Send + Sync>>,
}

/// Keeps files within limits.
#[async_trait]
pub trait FileStore: Send + Sync + 'static {
    /// Begins a file. It exists once the writer was finished; a dropped writer leaves nothing.
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>, FileError>;
    /// Opens the file with this id.
    async fn open(&self, id: &str) -> Result<OpenFile, FileError>;
    /// Removes all files of a run. None is not an error.
    async fn remove(&self, run: RunId) -> Result<(), FileError>;
    /// The runs that own files here and have got none for so long, in the order of their ids.
    async fn owners(&self, unchanged_for: Duration) -> Result<Vec<RunId>, FileError>;
}

/// Takes the content of a new file.
#[async_trait]
pub trait FileWriter: Send {
    /// Appends `bytes`.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError>;
    /// Makes the file exist.
    async fn finish(self: Box<Self>) -> Result<FileRef, FileError>;
}

/// Why a file could not be stored or found.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file (any more).
    #[error("there is no file `{0}`; it may have been removed by retention")]
    NotFound(String),
    /// The file is larger than one file may be.
    #[error("the file is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit that was reached.
        limit: u64,
    },
    /// All files together would be larger, or more, than allowed.
    #[error("the file store is full: {what}")]
    Full {
        /// The limit that was reached.
        what: String,
    },
    /// The disk failed.
    #[error("the file could not be stored or read: {0}")]
    Io(#[from] io::Error),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::NotFound(_) => failed("file_not_found", message),
            FileError::TooLarge { .. } => failed("file_too_large", message),
            FileError::Full { .. } => failed_for_now("file_store_full", message),
            FileError::Io(_) => failed_for_now("file_io", message),
        }
    }
}
