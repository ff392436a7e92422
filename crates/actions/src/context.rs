//! What an attempt may use besides its input.

use hookmill_engine::id::RunId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::files::Files;
use crate::log_sink::LogSink;

/// Everything an attempt gets.
#[derive(Clone)]
pub struct Context {
    /// The run it belongs to.
    pub run: RunId,
    /// The step occurrence, as the journal names it: `each[3].stock`.
    pub step: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The same for every attempt of this step occurrence, different from every other one.
    pub idempotency_key: String,
    /// When the attempt is given up. The registry sees to it.
    pub deadline: Instant,
    /// Fires when the run is cancelled or the process ends. The registry sees to it.
    pub cancel: CancellationToken,
    /// Takes lines for the run's log.
    pub log: LogSink,
    /// Stores and finds files too large for a value.
    pub files: Files,
}
