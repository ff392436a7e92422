//! The one error type of the store. A variant says what the caller can do about it, not what went wrong inside;
//! what went wrong is in the text.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
///
/// Cloneable, because one failed commit is the answer to every batch that was in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not now, perhaps later: the database is away, slow or closing. Whether the write happened may be unknown.
    #[error("the database is not available: {why}")]
    Unavailable {
        /// The cause, fit for a log line.
        why: String,
    },
    /// More is waiting than the limits allow. Nothing was written; try again after the pause.
    #[error("too many writes are waiting; try again in {retry_after_ms} ms")]
    Overloaded {
        /// A pause after which trying again makes sense.
        retry_after_ms: u64,
    },
    /// The disk is full or its free space is below the floor. Nothing was written.
    #[error("the disk of the data folder is full ({free_bytes} bytes free); free some space, accepting resumes by itself")]
    Full {
        /// Free bytes when the store looked.
        free_bytes: u64,
    },
    /// The rows were not as expected, or a unique value is taken: load again and decide again. Nothing of the batch was written.
    #[error("statement {statement} of the batch met other rows than expected")]
    Conflict {
        /// Position of the operation in its batch, inserts and statements counted alike.
        statement: usize,
    },
    /// Another workflow answers at this path already.
    #[error("the path `{path}` is taken by the workflow `{workflow}`; choose another path, or remove it there first")]
    PathTaken {
        /// The path that was wanted.
        path: String,
        /// The name of the workflow that has it.
        workflow: String,
    },
    /// The draft that a run was to be pinned to is not kept any more: take another revision. Nothing was written.
    #[error("the draft is not kept any more")]
    DraftGone,
    /// The run belongs to another owner by now: drop it.
    #[error("the run is owned by somebody else by now")]
    NotOwner,
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// What is stored cannot be right. Do not use it; `hookmill verify` tells more.
    #[error("stored data is damaged: {what}")]
    Corrupt {
        /// What was found where.
        what: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the database has schema {found}, this version knows schemas up to {known}; \
         start the newer version again, or restore a backup made by this one"
    )]
    Newer {
        /// The schema number in the database.
        found: i64,
        /// The newest schema number of this build.
        known: i64,
    },
    /// The database was written by an older version and this process may not upgrade it.
    #[error(
        "the database has schema {found}, this version needs schema {known}; start the server of this version once to upgrade it"
    )]
    Older {
        /// The schema number in the database.
        found: i64,
        /// The newest schema number of this build.
        known: i64,
    },
    /// Another process owns the data folder.
    #[error(
        "the data folder {} is in use by another hookmill process{}; stop that one, or choose another folder with --data",
        path.display(), holder(*.pid)
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// The data folder cannot be used as it is.
    #[error("cannot use the data folder {}: {why}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause and what to do about it.
        why: String,
    },
    /// The request itself is wrong; trying again does not help.
    #[error("{0}")]
    Invalid(String),
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl Error {
    /// An [`Error::Unavailable`] with its cause.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable { why: why.into() }
    }

    /// An [`Error::Corrupt`] with what was found.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Whether it is certain that nothing was written. While a database is away nobody knows.
    #[must_use]
    pub fn wrote_nothing(&self) -> bool {
        matches!(self, Self::Overloaded { .. } | Self::Full { .. } | Self::Conflict { .. } | Self::DraftGone | Self::Invalid(_))
    }

    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Overloaded { .. } | Self::Full { .. })
    }
}
