//! One run in memory, from where it stands to its end or its next long wait.
//!
//! The order of effects is the whole point:
//!
//! 1. what has happened is an [`Entry`]; entries are *committed* before anything that depends on them has an effect;
//! 2. an attempt that must not be repeated blindly is journaled as started before it starts;
//! 3. a caller is answered after the commit of what the answer says.
//!
//! Steps without effects need no commit of their own: they ride along with the next one, because folding the journal
//! computes them again. A run of such steps only is one row, updated once.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hookmill_engine::run::{Change, Entry, Event, Failure, Outcome, Pending, RunState, StepAt, decide};
use hookmill_engine::time::Timestamp;
use hookmill_store::runs::State;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::error;

use crate::attempt::{Prepared, Wanted};
use crate::commit;
use crate::handed::{Handed, Head};
use crate::live::Live;
use crate::load;
use crate::queue::Leave;
use crate::worker::Inner;

/// A run while it is in memory.
pub(crate) struct Execution {
    pub(crate) inner: Arc<Inner>,
    pub(crate) head: Head,
    pub(crate) state: RunState,
    /// Entries that are not stored yet.
    pub(crate) fresh: Vec<Entry>,
    /// The sequence number of the next entry to be stored.
    pub(crate) next_seq: u32,
    pub(crate) started_at: Timestamp,
    /// Whether the row says that the run has started.
    pub(crate) start_stored: bool,
    wanted: Vec<Wanted>,
    in_flight: FuturesUnordered<BoxFuture<'static, Event>>,
    /// How to stop what is in flight. Whatever is left when the run leaves memory is stopped by the drop.
    stops: HashMap<StepAt, DropGuard>,
    answer_due: bool,
}

/// Executes a run and says how it left memory.
pub(crate) async fn execute(inner: Arc<Inner>, handed: Handed, live: &Live) -> Leave {
    // What somebody told the run (to end, above all) is not for its lane to hold up.
    if handed.events.is_empty() && load::lane_is_held(&inner, &handed.head).await {
        inner.block(&handed.head).await;
        return Leave::Blocked;
    }
    let Handed { head, revision, input, events, .. } = handed;
    let loaded = match load::load(&inner, &head, &revision, input).await {
        Ok(loaded) => loaded,
        Err(leave) => return leave,
    };
    let mut execution = Execution {
        inner,
        head,
        state: loaded.state,
        fresh: Vec::new(),
        next_seq: loaded.entries,
        started_at: loaded.started_at,
        start_stored: loaded.start_stored,
        wanted: Vec::new(),
        in_flight: FuturesUnordered::new(),
        stops: HashMap::new(),
        answer_due: false,
    };
    execution.take(loaded.changes);
    for event in loaded.unknown.into_iter().chain(events) {
        execution.happen(event);
    }
    execution.drive(live).await
}

impl Execution {
    async fn drive(&mut self, live: &Live) -> Leave {
        loop {
            if self.state.outcome().is_some() {
                return self.finish().await;
            }
            if self.inner.stop.is_cancelled() && self.in_flight.is_empty() {
                return self.park().await;
            }
            let prepared = self.prepare();
            if (!self.fresh.is_empty() || self.answer_due || (!prepared.is_empty() && !self.start_stored))
                && commit::progress(self).await.is_err()
            {
                return Leave::Parked;
            }
            if std::mem::take(&mut self.answer_due)
                && let Some(answer) = self.state.answer()
            {
                self.inner.answers.responded(self.head.id, answer);
            }
            if !prepared.is_empty() && !self.inner.is_still_owner(&self.head).await {
                // Whoever owns the run now begins these attempts.
                return Leave::Parked;
            }
            for attempt in prepared {
                let stop = CancellationToken::new();
                self.stops.insert(attempt.step().clone(), stop.clone().drop_guard());
                self.in_flight.push(attempt.start(self.inner.clone(), &self.head, stop));
            }
            if self.in_flight.is_empty() && !self.waits_here() {
                return self.park().await;
            }
            let event = self.next_event(live).await;
            if let Some(event) = event {
                self.happen(event);
            }
        }
    }

    /// Renders the attempts that the engine asked for, and journals those that must be known to have started.
    fn prepare(&mut self) -> Vec<Prepared> {
        if self.inner.stop.is_cancelled() {
            return Vec::new();
        }
        let now = self.inner.clock.now();
        let wanted = std::mem::take(&mut self.wanted);
        let prepared: Vec<Prepared> =
            wanted.into_iter().map(|wanted| Prepared::new(&self.inner, &self.head, &self.state, wanted, now)).collect();
        let started: Vec<Event> = prepared.iter().filter_map(|one| one.start_event(&self.inner.registry)).collect();
        for event in started {
            self.happen(event);
        }
        prepared
    }

    /// Something has happened: the engine decides what follows.
    fn happen(&mut self, event: Event) {
        if let Event::AttemptEnded { step, .. } = &event
            && self.stops.remove(step).is_none()
        {
            // Its branch was given up, and so was the attempt.
            return;
        }
        let now = self.inner.clock.now();
        let changes = decide(&mut self.state, &event, now);
        self.fresh.push(Entry { at: now, event });
        self.take(changes);
        if !self.stops.is_empty() {
            // A branch that failed takes its siblings with it: their attempts are stopped by the drop of their guards.
            let pending = self.state.pending();
            self.stops.retain(|step, _| pending.iter().any(|pending| pending.step() == step));
        }
    }

    fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Attempt { step, action, attempt, timeout } => {
                    self.wanted.push(Wanted { step, action, number: attempt, timeout });
                }
                Change::Respond(_) => self.answer_due = true,
                // The state knows its timers, its questions and its end; they are read from there.
                Change::Wake { .. } | Change::Ask { .. } | Change::Finish(_) => {}
            }
        }
    }

    /// When the run must go on by itself: its next timer or its time limit.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        [self.state.next_due(), self.time_limit()].into_iter().flatten().min()
    }

    /// When the run has taken as long as it may. A rerun keeps the start of the run that it goes on from, but not its age.
    fn time_limit(&self) -> Option<Timestamp> {
        let begun = self.started_at.max(self.head.created_at);
        self.state.program().workflow().settings.timeout.map(|span| begun.plus(span))
    }

    /// Whether the wait ahead is short enough to spend it in memory.
    fn waits_here(&self) -> bool {
        let now = self.inner.clock.now();
        !self.inner.stop.is_cancelled()
            && self.next_due().is_some_and(|due| due.ms_since(now) <= self.inner.config.resident_wait.0)
            && self.inner.queue.depth().1 <= self.inner.config.resident_runs_max
    }

    async fn next_event(&mut self, live: &Live) -> Option<Event> {
        let now = self.inner.clock.now();
        let due = self.next_due();
        let pause = due.map(|due| std::time::Duration::from_millis(due.ms_since(now)));
        let timer = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        let stop = self.inner.stop.clone();
        let stopping = stop.is_cancelled();
        tokio::select! {
            biased;
            event = live.next() => Some(event),
            Some(event) = self.in_flight.next(), if !self.in_flight.is_empty() => Some(event),
            () = timer => self.due_event(),
            () = stop.cancelled(), if !stopping => None,
            () = self.inner.abandon.cancelled() => { self.in_flight.clear(); None }
        }
    }

    /// What a passed due time means.
    fn due_event(&self) -> Option<Event> {
        let now = self.inner.clock.now();
        if self.time_limit().is_some_and(|limit| limit <= now) {
            return Some(Event::TimedOut);
        }
        self.state.pending().into_iter().find_map(|pending| match pending {
            Pending::Timer { step, due } if due <= now => Some(Event::Woke { step }),
            _ => None,
        })
    }

    async fn finish(&mut self) -> Leave {
        let Some(outcome) = self.state.outcome().cloned() else { return Leave::Parked };
        if commit::finished(self, &outcome).await.is_err() {
            return Leave::Parked;
        }
        self.inner.answers.finished(self.head.id, &outcome, Some(&self.state));
        if self.parks_lane(&outcome) { Leave::Parked } else { Leave::Ended }
    }

    /// Whether this end leaves the lane standing.
    pub(crate) fn parks_lane(&self, outcome: &Outcome) -> bool {
        self.head.lane.is_some()
            && matches!(outcome, Outcome::Failed(_))
            && self.state.program().workflow().settings.park_lane_on_failure
    }

    /// Leaves the run to the database until it is due or somebody speaks to it.
    async fn park(&mut self) -> Leave {
        let pending = self.state.pending();
        let attempting = pending.iter().any(|pending| matches!(pending, Pending::Attempt { .. }));
        let asking = pending.iter().any(|pending| matches!(pending, Pending::Ask { .. }));
        let (state, due) = match (attempting, self.next_due()) {
            // Only a stop leaves attempts behind that have not started: the next start takes them up at once.
            (true, _) => (State::Running, Some(self.inner.clock.now())),
            (false, Some(due)) => (State::Waiting, Some(due)),
            (false, None) if asking => (State::Asking, None),
            (false, None) => {
                let nothing = Failure::new("run_stuck", "the run waits for nothing; this is a defect of the engine");
                error!(run.id = %self.head.id, "Run {} waits for nothing", self.head.id);
                return commit::unloadable(&self.inner, &self.head, &nothing).await;
            }
        };
        if commit::parked(self, state, due).await.is_ok()
            && let Some(due) = due
        {
            self.inner.timers.note(due);
        }
        Leave::Parked
    }
}
