//! What can go wrong when somebody asks the worker for something. What goes wrong inside a run is data of the run.

use hookmill_engine::request::Refusal;
use hookmill_store::workflows::TRIED_DRAFTS_KEPT;

/// Named by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store's word.
    #[error(transparent)]
    Store(#[from] hookmill_store::Error),
    /// The files' word.
    #[error(transparent)]
    Files(#[from] hookmill_actions::FileError),
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The revision was a draft that was tried, and is not kept any more.
    #[error(
        "revision {0} was a draft that was tried, and is not kept any more: of such drafts a workflow keeps the newest \
         {TRIED_DRAFTS_KEPT}, and those that runs have not ended with"
    )]
    DraftGone(u32),
    /// The thing is not in the state that the wish needs: reload and look.
    #[error("{0}")]
    Conflict(String),
    /// Another node has the run; ask there.
    #[error("another node has the run at the moment; ask again, there or after its end")]
    Elsewhere,
    /// A stored revision that this binary cannot run.
    #[error("this revision cannot run: {0}")]
    Unrunnable(String),
    /// The input of a run by hand does not fit the trigger's variables.
    #[error("the input does not fit the workflow's variables")]
    Input(Refusal),
}
