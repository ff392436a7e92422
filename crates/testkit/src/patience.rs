//! Waiting for something that happens elsewhere (another process, a database), with a deadline and a reason.
//!
//! Inside one process wait for a signal instead; this is for what can only be asked.

use std::time::{Duration, Instant};

/// How long tests wait for something that is to happen soon. Generous: machines that run tests are busy.
pub const SOON: Duration = Duration::from_secs(30);

const PAUSE_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within [`SOON`]; the message names `what` was waited for.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_deadline(what, SOON, ask).await
}

/// Asks until there is an answer, at most for so long.
///
/// # Panics
/// If there is none in time; the message names `what` was waited for.
pub async fn until_deadline<T>(what: &str, at_most: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < at_most, "waited {at_most:?} in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
