//! The worker: everything that happens to runs between their acceptance and their end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use hookmill_actions::{Files, Registry};
use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_engine::run::{Event, Failure};
use hookmill_store::Store;
use hookmill_store::runs::State;
use tokio::sync::{Notify, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::answers::{Answers, Waiter, Wants};
use crate::backlog::Backlog;
use crate::berth::Berth;
use crate::clock::Clock;
use crate::config::Config;
use crate::elements::Elements;
use crate::error::Error;
use crate::execute::execute;
use crate::handed::{Handed, Head};
use crate::live::{Live, LiveRuns};
use crate::observer::Observer;
use crate::ownership::Ownership;
use crate::programs::Programs;
use crate::queue::{LaneKey, Leave, Place, Queue};
use crate::replay::Witness;
use crate::secrets::Secrets;
use crate::timers::Timers;
use crate::{backlog, bulk, commit, elements, fetch, held, index, lease, prune, rescue};

/// What the worker works with.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// What steps can do.
    pub registry: Registry,
    /// Compiled revisions.
    pub programs: Programs,
    /// Opens secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Files of runs.
    pub files: Files,
    /// Counts and logs.
    pub observer: Arc<dyn Observer>,
    /// What can be learned of a stored delivery.
    pub witness: Witness,
    /// Limits.
    pub config: Config,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) programs: Programs,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: Files,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) witness: Witness,
    pub(crate) config: Config,
    pub(crate) queue: Arc<Queue>,
    pub(crate) ownership: Ownership,
    /// There may be runs that a former owner of our buckets had in memory.
    pub(crate) abandoned: AtomicBool,
    /// See [`crate::rescue`].
    pub(crate) doubtful: AtomicBool,
    /// Written by who claims runs, until they are in memory; read by who judges by what is in memory.
    pub(crate) claims: RwLock<()>,
    pub(crate) timers: Timers,
    /// Somebody wished for a bulk replay.
    pub(crate) bulk: Notify,
    pub(crate) backlog: Backlog,
    pub(crate) elements: Elements,
    /// A hook may have become active that holds deliveries.
    pub(crate) held: Notify,
    pub(crate) answers: Answers,
    pub(crate) live: LiveRuns,
    /// No new effects: what is under way may end.
    pub(crate) stop: CancellationToken,
    /// What is under way is given up.
    pub(crate) abandon: CancellationToken,
    /// Not even what is under way is written any more.
    dead: CancellationToken,
    runs: TaskTracker,
    loops: TaskTracker,
}

/// A running worker. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    pub(crate) inner: Arc<Inner>,
}

impl Worker {
    /// Takes ownership of what this node may own, frees what a former process held, and starts the loops.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let Parts { store, registry, programs, secrets, clock, files, observer, witness, config } = parts;
        let node = store.node();
        let queue = Queue::new(config.runs_at_once, config.queue_runs_max, config.queue_bytes_max);
        let inner = Arc::new(Inner {
            store,
            registry,
            programs,
            secrets,
            clock,
            files,
            observer,
            witness,
            config,
            queue: Arc::new(queue),
            ownership: Ownership::new(node),
            abandoned: AtomicBool::new(true),
            doubtful: AtomicBool::new(false),
            claims: RwLock::new(()),
            timers: Timers::default(),
            bulk: Notify::new(),
            backlog: Backlog::default(),
            elements: Elements::default(),
            held: Notify::new(),
            answers: Answers::default(),
            live: LiveRuns::default(),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            dead: CancellationToken::new(),
            runs: TaskTracker::new(),
            loops: TaskTracker::new(),
        });
        // Whatever waits in the database comes before what arrives now.
        inner.queue.spill();
        lease::renew(&inner).await?;
        inner.store.wake_lanes(inner.clock.now()).await?;
        inner.loops.spawn(lease::run(inner.clone()));
        inner.loops.spawn(fetch::run(inner.clone()));
        inner.loops.spawn(index::run(inner.clone()));
        inner.loops.spawn(prune::run(inner.clone()));
        inner.loops.spawn(bulk::run(inner.clone()));
        inner.loops.spawn(held::run(inner.clone()));
        inner.loops.spawn(backlog::run(inner.clone()));
        inner.loops.spawn(elements::run(inner.clone()));
        inner.loops.spawn(rescue::run(inner.clone()));
        Ok(Self { inner })
    }

    /// Finds the bucket and, if there is room, the place in memory for a run that is about to be stored. `bytes`: what it
    /// will hold in memory.
    #[must_use]
    pub fn reserve(&self, run: RunId, workflow: WorkflowId, lane: Option<&str>, bytes: usize) -> Berth {
        let (bucket, epoch) = self.inner.ownership.place(workflow, lane);
        let place = if epoch == 0 { None } else { self.inner.queue.reserve(bytes) };
        Berth::new(&self.inner, run, bucket, epoch, place)
    }

    /// Hands over a run that has just been stored at its berth.
    pub fn hand_over(&self, run: Handed, berth: Berth) {
        match berth.take() {
            Some(place) => {
                self.inner.take_in(run, Some(place));
                self.inner.pump();
            }
            None => self.fetch_stored(1),
        }
    }

    /// Has runs fetched that were stored for the owners of their buckets.
    pub fn fetch_stored(&self, runs: u64) {
        self.inner.backlog.grew(runs);
        self.inner.timers.ring();
    }

    /// Counts a run that had nothing to do and was stored as finished.
    pub fn ended_when_stored(&self, run: &Head) {
        self.inner.observer.ended(run, State::Succeeded, 0);
    }

    /// Registers a caller who waits for the run. To be called before the run is stored.
    #[must_use]
    pub fn wait_answer(&self, run: RunId, wants: Wants) -> Waiter {
        self.inner.answers.register(run, wants)
    }

    /// Compiled revisions.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.inner.programs
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Runs in memory: (waiting for their turn, running).
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        self.inner.queue.depth()
    }

    /// Whether runs wait in the database because there is no room in memory.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.inner.queue.is_spilled()
    }

    /// Deletes at once what retention lets go and files without a run, without waiting for the next pass.
    ///
    /// # Errors
    /// When the store or the folder of files cannot be used; what was deleted until then stays deleted.
    pub async fn prune(&self) -> Result<(), Error> {
        prune::pass(&self.inner).await?;
        prune::sweep(&self.inner, Duration::ZERO).await
    }

    /// Stops completely: no new effects, what is under way may end within the configured time, then it is given up.
    /// Ownership is given back at the end, so that another node goes on at once. Stopping twice is stopping once.
    pub async fn stop(&self) {
        let inner = &self.inner;
        inner.stop.cancel();
        inner.queue.close();
        inner.runs.close();
        inner.loops.close();
        let drain = Duration::from_millis(inner.config.drain.0);
        if tokio::time::timeout(drain, inner.runs.wait()).await.is_err() {
            warn!("Actions are still under way after {}; they are given up and will be repeated", inner.config.drain);
            inner.abandon.cancel();
            inner.runs.wait().await;
        }
        inner.loops.wait().await;
        lease::release(inner).await;
        info!("The worker has stopped");
    }
}

impl Worker {
    /// Ends at once, as if the process had been killed: what is under way is dropped where it stands, and nothing more
    /// is written. For tests of recovery.
    pub async fn abort(&self) {
        let inner = &self.inner;
        inner.dead.cancel();
        inner.stop.cancel();
        inner.abandon.cancel();
        inner.queue.close();
        inner.runs.close();
        inner.loops.close();
        inner.runs.wait().await;
        inner.loops.wait().await;
    }
}

impl Inner {
    /// Starts every run that the gates let through.
    pub(crate) fn pump(self: &Arc<Self>) {
        while let Some(run) = self.queue.next() {
            let inner = self.clone();
            self.runs.spawn(async move {
                let dead = inner.dead.clone();
                tokio::select! {
                    biased;
                    () = dead.cancelled() => {}
                    () = inner.one(run) => {}
                }
            });
        }
    }

    /// Puts a run into the queue. From now on it can be spoken to.
    pub(crate) fn take_in(&self, run: Handed, place: Option<Place>) {
        let Some(mut run) = self.queue.after_older(run) else { return };
        run.live = Some(self.live.open(run.head.id));
        self.queue.push(run, place);
    }

    /// One run from its start in memory until it leaves memory.
    async fn one(self: Arc<Self>, mut run: Handed) {
        let head = run.head.clone();
        let (limited, lane) = (run.revision.concurrency().is_some(), run.lane());
        let passes_lane = !run.events.is_empty();
        let live = run.live.take().expect("every run in the queue listens");
        let executed = AssertUnwindSafe(execute(self.clone(), run, &live)).catch_unwind().await;
        let leave = match executed {
            Ok(leave) => leave,
            Err(_) => {
                // The panic hook has logged where. The run ends, and with it its hold on its place and its lane.
                let failure = Failure::new("engine_panicked", "the engine stopped with an internal error; please report it");
                commit::unloadable(&self, &head, &failure).await
            }
        };
        let missed = live.close();
        let left = self.queue.leave(&head, limited, lane.clone().filter(|_| !passes_lane), leave);
        // What was claimed anew is in memory again before anybody can miss it there.
        if let Some(again) = left.again {
            self.take_in(again, None);
        }
        let mut blocked = Vec::with_capacity(left.blocked.len());
        for (mut run, again) in left.blocked {
            run.events.extend(run.live.take().map(Live::close).unwrap_or_default());
            blocked.push((run, again.is_none()));
            again.into_iter().for_each(|again| self.take_in(again, None));
        }
        for (run, goes_back) in blocked {
            if goes_back {
                self.block(&run.head).await;
            }
            self.tell_all(run.head.id, run.events).await;
        }
        if let Some(lane) = left.wake.or(lane.filter(|_| passes_lane && leave == Leave::Ended)) {
            self.wake_lane(&lane).await;
        }
        if leave != Leave::Ended {
            self.tell_all(head.id, missed).await;
        }
        if self.queue.is_spilled() {
            self.timers.ring();
        }
        self.pump();
    }

    /// Tells a run that has left memory what it could not hear any more.
    async fn tell_all(self: &Arc<Self>, run: RunId, events: impl IntoIterator<Item = Event>) {
        for event in events {
            if let Err(problem) = self.tell(run, event).await {
                warn!(run.id = %run, error = %problem, "Run {run} could not be told: {problem}");
            }
        }
    }

    /// Something failed in a way that may leave a run of ours in nobody's memory, or a lane asleep.
    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Release);
    }

    /// Does something that nobody waits for. The stop waits for its end.
    pub(crate) fn in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.loops.spawn_on(work, &runtime);
        }
    }

    /// Leaves a run to the database until its lane is free. Should that fail, the next start finds it.
    pub(crate) async fn block(&self, head: &Head) {
        if let Err(problem) = self.store.block_on_lane(head.id, head.epoch).await {
            self.doubt();
            warn!(run.id = %head.id, error = %problem, "Run {} could not be put back: {problem}", head.id);
        }
    }

    /// Whether this node owns the run, so that an effect may be begun. Waits while a lapsed lease is being renewed.
    pub(crate) async fn is_still_owner(&self, head: &Head) -> bool {
        const PAUSE: Duration = Duration::from_millis(100);
        loop {
            if let Some(ours) = self.ownership.still(head.bucket, head.epoch) {
                return ours;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.stop.cancelled() => return false,
            }
        }
    }

    /// Lets the next run of a lane in the database come, if the lane is free.
    async fn wake_lane(&self, lane: &LaneKey) {
        match self.store.wake_lane(lane.workflow, &lane.key, self.clock.now()).await {
            Ok(true) => self.timers.ring(),
            Ok(false) => {}
            Err(problem) => {
                self.doubt();
                warn!(error = %problem, "A lane waits for the store: {problem}");
            }
        }
    }
}
