//! Callers who wait for their run: registered before the run is accepted, so that no answer can come too early. Those who
//! sent the same webhook again wait for the same run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookmill_engine::expression::Names;
use hookmill_engine::id::RunId;
use hookmill_engine::run::{Answer, Outcome, RunState};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

/// What a waiting caller is told.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A `respond` step spoke; the run may go on.
    Responded(Answer),
    /// The run ended without a `respond` step having spoken.
    Finished(Ended),
}

/// A run at its end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// What expressions could see then: the outputs of its steps, its variables. None if it could not even begin.
    pub names: Option<Arc<dyn Names>>,
}

type Waiting = Arc<Mutex<HashMap<RunId, SmallVec<[Caller; 1]>>>>;

struct Caller {
    /// Tells callers of one run apart.
    number: u64,
    wants: Wants,
    tell: oneshot::Sender<Answered>,
}

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
    numbers: Arc<AtomicU64>,
}

impl Answers {
    pub(crate) fn register(&self, run: RunId, wants: Wants) -> Waiter {
        let (tell, told) = oneshot::channel();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().entry(run).or_default().push(Caller { number, wants, tell });
        Waiter { run, number, told, waiting: self.waiting.clone() }
    }

    pub(crate) fn responded(&self, run: RunId, answer: &Answer) {
        let mut waiting = self.waiting.lock();
        let Some(callers) = waiting.remove(&run) else { return };
        let (told, stay): (SmallVec<[Caller; 1]>, _) = callers.into_iter().partition(|caller| caller.wants == Wants::Response);
        if !stay.is_empty() {
            waiting.insert(run, stay);
        }
        drop(waiting);
        for caller in told {
            // A caller who has gone away needs no answer.
            let _gone = caller.tell.send(Answered::Responded(answer.clone()));
        }
    }

    /// The run ended so; without a state it could not even begin.
    pub(crate) fn finished(&self, run: RunId, outcome: &Outcome, state: Option<&RunState>) {
        let mut waiting = self.waiting.lock();
        let Some(callers) = waiting.remove(&run) else { return };
        drop(waiting);
        for caller in callers {
            let _gone = caller.tell.send(at_the_end(outcome, state));
        }
    }
}

/// What those who waited for the end are told.
pub(crate) fn at_the_end(outcome: &Outcome, state: Option<&RunState>) -> Answered {
    match (outcome, state.and_then(RunState::answer)) {
        (Outcome::Succeeded { .. }, Some(answer)) => Answered::Responded(answer.clone()),
        _ => Answered::Finished(Ended { outcome: outcome.clone(), names: state.map(RunState::names) }),
    }
}

/// One waiting caller. Forgotten when dropped.
pub struct Waiter {
    run: RunId,
    number: u64,
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
        let mut waiting = self.waiting.lock();
        if let Some(callers) = waiting.get_mut(&self.run) {
            callers.retain(|caller| caller.number != self.number);
            if callers.is_empty() {
                waiting.remove(&self.run);
            }
        }
    }
}
