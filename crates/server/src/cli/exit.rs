//! How the commands end: the exit codes, and the one error type behind them.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | failed: the server refused or could not do it, a run failed, a check found something |
//! | 2 | the command line or the configuration is wrong |
//! | 3 | what was named does not exist |
//! | 4 | no API key, or it does not allow this |
//! | 5 | the server cannot be reached |
//! | 6 | a document, an input or a file is invalid |
//! | 70 | the data folder or the database cannot be used |

use std::fmt::Display;
use std::path::Path;

/// How a command ends when it does not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It was tried and failed.
    Failed = 1,
    /// It was asked for in a wrong way. The same as for arguments that cannot be parsed.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The API key is missing or does not allow it.
    Refused = 4,
    /// The server cannot be reached.
    Unreachable = 5,
    /// What was given is invalid.
    Invalid = 6,
    /// The data folder or the database cannot be used. The same as when the disk fails while serving.
    Storage = 70,
}

/// Why a command did not succeed, as a sentence.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) exit: Exit,
    /// Empty if everything has been said already.
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Failed>;

impl Failed {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// A command whose output has told everything.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { exit, message: String::new() }
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Self::new(exit, format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl From<crate::config::Error> for Failed {
    fn from(error: crate::config::Error) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<&hookmill_store::Error> for Exit {
    fn from(error: &hookmill_store::Error) -> Self {
        use hookmill_store::Error as E;
        match error {
            E::NotFound => Self::NotFound,
            E::Invalid(_) | E::PathTaken { .. } | E::Conflict { .. } | E::DraftGone | E::NotOwner => Self::Failed,
            E::Unavailable { .. } | E::Overloaded { .. } | E::Full { .. } => Self::Storage,
            E::Corrupt { .. } | E::Newer { .. } | E::Older { .. } | E::InUse { .. } | E::Folder { .. } => Self::Storage,
        }
    }
}

impl From<crate::serve::Error> for Failed {
    fn from(error: crate::serve::Error) -> Self {
        Self::new(error.exit(), error)
    }
}

impl From<hookmill_store::Error> for Failed {
    fn from(error: hookmill_store::Error) -> Self {
        Self::new((&error).into(), error)
    }
}

impl From<crate::vault::Error> for Failed {
    fn from(error: crate::vault::Error) -> Self {
        Self::new(Exit::Storage, error)
    }
}

impl From<hookmill_engine::id::IdError> for Failed {
    /// What has no id cannot exist.
    fn from(error: hookmill_engine::id::IdError) -> Self {
        Self::new(Exit::NotFound, error)
    }
}
