//! Work that is done in rounds: at the start, whenever somebody calls, and with PostgreSQL now and then, for what another
//! node left behind. What is still to be done stands in the store, so that a round begins where the last one ended.

use std::time::Duration;

use hookmill_store::db::Dialect;
use tokio::sync::Notify;
use tracing::warn;

use crate::error::Error;
use crate::worker::Inner;

/// Pause after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often a node looks for what another one left behind.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Waits after a round for the next one; `false`: the worker stops. `what`: what waits when the round failed, for the log.
pub(crate) async fn next(inner: &Inner, called: &Notify, what: &str, round: Result<(), Error>) -> bool {
    let pause = match round {
        Ok(()) => (inner.store.db().dialect() == Dialect::Postgres).then_some(LOOK_EVERY),
        Err(problem) => {
            warn!(error = %problem, "{what} wait: {problem}");
            Some(PAUSE_AFTER_FAILURE)
        }
    };
    let paused = async {
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = inner.stop.cancelled() => false,
        () = called.notified() => true,
        () = paused => true,
    }
}
