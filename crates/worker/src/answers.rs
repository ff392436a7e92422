//! Callers who wait for their run: registered before the run is accepted, so that no answer can come too early.

use std::collections::HashMap;
use std::sync::Arc;

use hookmill_engine::id::RunId;
use hookmill_engine::run::{Answer, Outcome};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// What a waiting caller is told.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A `respond` step spoke; the run may go on.
    Responded(Answer),
    /// The run ended without a `respond` step having spoken.
    Finished(Outcome),
}

type Waiting = Arc<Mutex<HashMap<RunId, (Wants, oneshot::Sender<Answered>)>>>;

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// The first `respond` step, or the end.
    Response,
    /// The end.
    End,
}

/// The callers of this node.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    waiting: Waiting,
}

impl Answers {
    pub(crate) fn register(&self, run: RunId, wants: Wants) -> Waiter {
        let (tell, told) = oneshot::channel();
        self.waiting.lock().insert(run, (wants, tell));
        Waiter { run, told, waiting: self.waiting.clone() }
    }

    pub(crate) fn responded(&self, run: RunId, answer: &Answer) {
        let mut waiting = self.waiting.lock();
        if waiting.get(&run).is_some_and(|(wants, _)| *wants == Wants::Response)
            && let Some((_, tell)) = waiting.remove(&run)
        {
            // A caller who has gone away needs no answer.
            let _gone = tell.send(Answered::Responded(answer.clone()));
        }
    }

    /// The run ended, and `answer` is what its `respond` step said, if there was one.
    pub(crate) fn finished(&self, run: RunId, outcome: &Outcome, answer: Option<&Answer>) {
        let mut waiting = self.waiting.lock();
        let Some((_, tell)) = waiting.remove(&run) else { return };
        let answered = match (outcome, answer) {
            (Outcome::Succeeded { .. }, Some(answer)) => Answered::Responded(answer.clone()),
            _ => Answered::Finished(outcome.clone()),
        };
        let _gone = tell.send(answered);
    }
}

/// One waiting caller. Forgotten when dropped.
pub struct Waiter {
    run: RunId,
    told: oneshot::Receiver<Answered>,
    waiting: Waiting,
}

impl Waiter {
    /// Waits for the answer. `None`: this node gave the run up; look at the stored run.
    pub async fn answer(&mut self) -> Option<Answered> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.run);
    }
}
