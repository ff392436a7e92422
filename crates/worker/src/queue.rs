//! The runs in memory: who waits for its turn, who runs, and in which order.
//!
//! Three gates stand before a run, all of them here and nowhere else: the node's limit on runs at once, the workflow's
//! `concurrency`, and its lane (strict order per key). The queue is bounded by count and by bytes. Who wants to hand a
//! run over *reserves* its place before the run is stored. Without a place the run is stored as free (epoch 0) and
//! fetched in order when there is room; while anything is left to be fetched, newcomers get no place, so that nobody
//! overtakes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookmill_engine::id::{RunId, WorkflowId};
use parking_lot::Mutex;

use crate::handed::{Handed, Head};

/// The order of runs with the same workflow and lane key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    pub(crate) workflow: WorkflowId,
    pub(crate) key: Arc<str>,
}

/// How a run left memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It has ended: its lane is free.
    Ended,
    /// It waits in the database, or another node owns it now: its lane stays taken.
    Parked,
    /// Its lane is held by an earlier run that is not in memory.
    Blocked,
}

/// What is to be done in the database after a run left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// The next run of this lane may be waiting there.
    pub(crate) wake: Option<LaneKey>,
    /// These are to wait there until their lane is free; with what was claimed anew meanwhile.
    pub(crate) blocked: Vec<(Handed, Option<Handed>)>,
    /// The run that left, claimed anew meanwhile.
    pub(crate) again: Option<Handed>,
}

#[derive(Default)]
struct Lane {
    holder: Option<RunId>,
    waiting: BTreeMap<RunId, Handed>,
}

#[derive(Default)]
struct Flow {
    running: usize,
    waiting: VecDeque<Handed>,
}

#[derive(Default)]
struct State {
    /// Runs that may start as soon as the gates let them.
    ready: VecDeque<Handed>,
    /// Every run in memory, queued or running.
    known: HashMap<RunId, usize>,
    bytes: usize,
    reserved: usize,
    running: usize,
    flows: HashMap<WorkflowId, Flow>,
    lanes: HashMap<LaneKey, Lane>,
    /// Runs that were claimed anew, under a new epoch, while the same run of the old epoch is still in memory.
    again: HashMap<RunId, Handed>,
    /// Runs wait in the database for want of room here.
    spilled: bool,
    closed: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.known.len() + self.reserved - self.running
    }
}

/// See the module.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Runs that may lie in the database without anybody knowing.
    looked_for: AtomicUsize,
    running_max: usize,
    runs_max: usize,
    bytes_max: usize,
}

impl Queue {
    pub(crate) fn new(running_max: usize, runs_max: usize, bytes_max: usize) -> Self {
        Self { state: Mutex::default(), looked_for: AtomicUsize::new(0), running_max: running_max.max(1), runs_max, bytes_max }
    }

    /// Keeps a place for a run of `bytes` that is about to be stored. `None`: store it as free, it will be fetched.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Place> {
        let mut state = self.state.lock();
        let full = state.waiting() >= self.runs_max || (state.bytes > 0 && state.bytes + bytes > self.bytes_max);
        if state.closed || state.spilled || full {
            state.spilled = true;
            return None;
        }
        state.reserved += 1;
        state.bytes += bytes;
        Some(Place { queue: self.clone(), bytes: Some(bytes) })
    }

    /// Keeps a run that was claimed anew until its older self leaves memory. Gives it back if that has happened.
    pub(crate) fn after_older(&self, run: Handed) -> Option<Handed> {
        let mut state = self.state.lock();
        if !state.known.contains_key(&run.head.id) {
            return Some(run);
        }
        state.again.insert(run.head.id, run);
        None
    }

    /// The self of a run that is in memory goes on under the epoch of its new claim, so nobody has to follow it. `false`:
    /// the new claim has brought something that the older self has not heard.
    pub(crate) fn forget_again(&self, run: RunId) -> bool {
        let mut state = self.state.lock();
        if state.again.get(&run).is_some_and(|again| !again.events.is_empty()) {
            return false;
        }
        state.again.remove(&run);
        true
    }

    /// Takes a run in: at the place that was kept for it, or because it was fetched into room that was there.
    pub(crate) fn push(&self, run: Handed, mut place: Option<Place>) {
        let mut state = self.state.lock();
        let bytes = match &mut place {
            Some(place) => {
                state.reserved -= 1;
                place.take()
            }
            None => {
                state.bytes += run.bytes();
                run.bytes()
            }
        };
        if state.closed || state.known.contains_key(&run.head.id) {
            state.bytes -= bytes;
            return;
        }
        state.known.insert(run.head.id, bytes);
        state.ready.push_back(run);
    }

    /// How many runs may be fetched from the database now.
    pub(crate) fn room(&self) -> usize {
        let state = self.state.lock();
        if state.closed || state.bytes > self.bytes_max / 2 { 0 } else { (self.runs_max / 2).saturating_sub(state.waiting()) }
    }

    /// The next run that may start now. The caller must [`Queue::leave`] when it is through.
    pub(crate) fn next(&self) -> Option<Handed> {
        let mut state = self.state.lock();
        let state = &mut *state;
        while !state.closed && state.running < self.running_max {
            let run = state.ready.pop_front()?;
            // A run that was told something (to end, above all) does not wait for its lane.
            if let Some(key) = run.lane().filter(|_| run.events.is_empty()) {
                let lane = state.lanes.entry(key).or_default();
                match lane.holder {
                    Some(holder) if holder != run.head.id => {
                        lane.waiting.insert(run.head.id, run);
                        continue;
                    }
                    _ => lane.holder = Some(run.head.id),
                }
            }
            if let Some(limit) = run.revision.concurrency() {
                let flow = state.flows.entry(run.head.workflow).or_default();
                if flow.running >= limit {
                    flow.waiting.push_back(run);
                    continue;
                }
                flow.running += 1;
            }
            state.running += 1;
            return Some(run);
        }
        None
    }

    /// Gives back what [`Queue::next`] gave.
    pub(crate) fn leave(&self, run: &Head, limited: bool, lane: Option<LaneKey>, how: Leave) -> Left {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.running -= 1;
        state.bytes -= state.known.remove(&run.id).unwrap_or(0);
        if limited && let Some(flow) = state.flows.get_mut(&run.workflow) {
            flow.running -= 1;
            // Its lane is already its own: it passed that gate before it came to this one.
            if let Some(next) = flow.waiting.pop_front() {
                state.ready.push_front(next);
            } else if flow.running == 0 {
                state.flows.remove(&run.workflow);
            }
        }
        // What has ended is not run again, whoever claimed it before its end was stored.
        let again = state.again.remove(&run.id).filter(|_| how != Leave::Ended);
        let mut left = Left { again, ..Left::default() };
        let Some(key) = lane else { return left };
        let Some(mut entry) = state.lanes.remove(&key) else { return left };
        if how == Leave::Ended {
            let Some((_, next)) = entry.waiting.pop_first() else {
                left.wake = Some(key);
                return left;
            };
            entry.holder = Some(next.head.id);
            state.ready.push_front(next);
            state.lanes.insert(key, entry);
            return left;
        }
        // Those behind go back to the database: they may have to wait there for months. What is before this run goes on: it
        // was claimed later because it became due later.
        let behind = entry.waiting.split_off(&run.id);
        if let Some((first, next)) = entry.waiting.pop_first() {
            entry.holder = Some(first);
            state.ready.push_front(next);
            state.lanes.insert(key.clone(), entry);
        }
        for (id, waiting) in behind {
            state.bytes -= state.known.remove(&id).unwrap_or(0);
            left.blocked.push((waiting, state.again.remove(&id)));
        }
        if how == Leave::Blocked {
            left.wake = Some(key);
        }
        left
    }

    /// Counts a run that is looked for in the database, until what is given back is dropped.
    pub(crate) fn look_for(self: &Arc<Self>) -> LookedFor {
        self.looked_for.fetch_add(1, Ordering::AcqRel);
        LookedFor(self.clone())
    }

    /// How many runs are looked for.
    pub(crate) fn looked_for(&self) -> usize {
        self.looked_for.load(Ordering::Acquire)
    }

    /// Nothing is left in the database that this node should have taken in. Only to be said by who has just looked.
    pub(crate) fn caught_up(&self) {
        self.state.lock().spilled = false;
    }

    /// Whether newcomers must wait in the database.
    pub(crate) fn is_spilled(&self) -> bool {
        self.state.lock().spilled
    }

    /// Makes newcomers wait in the database until [`Queue::caught_up`].
    pub(crate) fn spill(&self) {
        self.state.lock().spilled = true;
    }

    /// Takes nothing more in or out. Forgets those that have not started; they are safe in the database.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.ready.clear();
        state.flows.values_mut().for_each(|flow| flow.waiting.clear());
        state.lanes.values_mut().for_each(|lane| lane.waiting.clear());
    }

    /// Runs in memory: (waiting for their turn, running).
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.known.len() - state.running, state.running)
    }

    pub(crate) fn knows(&self, run: RunId) -> bool {
        self.state.lock().known.contains_key(&run)
    }
}

/// See [`Queue::look_for`].
pub(crate) struct LookedFor(Arc<Queue>);

impl Drop for LookedFor {
    fn drop(&mut self) {
        self.0.looked_for.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A place in the queue, kept for a run that is about to be stored. Given back when dropped.
pub(crate) struct Place {
    queue: Arc<Queue>,
    bytes: Option<usize>,
}

impl Place {
    /// The bytes that are now the run's own to give back.
    fn take(&mut self) -> usize {
        self.bytes.take().unwrap_or(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(bytes) = self.bytes {
            let mut state = self.queue.state.lock();
            state.reserved -= 1;
            state.bytes -= bytes;
        }
    }
}
