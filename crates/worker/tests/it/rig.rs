//! A worker with a probe: an action that tells when it is entered and waits until it is let go.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_actions::net::{Net, NetPolicy};
use hookmill_actions::{Action, Context, FileLimits, FolderFiles, Registry};
use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId, WorkspaceId};
use hookmill_engine::request::{self, Headers, Request};
use hookmill_engine::run::{Failure, Safety};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{self, Backoff, Retry, Trigger};
use hookmill_store::Store;
use hookmill_store::deliveries::{Facts, NewDelivery, Outcome};
use hookmill_store::hooks::WantedHook;
use hookmill_store::runs::{NewRun, RunRow, State};
use hookmill_store::workflows::Publication;
use hookmill_worker::{
    Berth, Clock, Config, Handed, Head, Observer, OwnKeys, Parts, Programs, Secrets, SystemClock, Witness, Worker,
};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the probe saw, shared by all workers of a test, as the outside world is.
#[derive(Default)]
pub(crate) struct World {
    entered: Mutex<Vec<(String, String)>>,
    news: Notify,
    ended: Mutex<Vec<RunId>>,
    pub(crate) clock: Arc<TestClock>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The machine's clock, some time ahead; counts how often it is asked.
#[derive(Default)]
pub(crate) struct TestClock {
    ahead_ms: AtomicI64,
    asked: AtomicUsize,
}

impl TestClock {
    /// Lets this much time pass at once.
    pub(crate) fn advance(&self, span: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// How often somebody wanted to know the time.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Timestamp(SystemClock.now().0 + self.ahead_ms.load(Ordering::Relaxed))
    }
}

impl World {
    /// How often it was told that a run has ended.
    pub(crate) fn ends(&self, run: RunId) -> usize {
        self.ended.lock().iter().filter(|ended| **ended == run).count()
    }

    /// The tags of all attempts so far, in the order in which they began.
    pub(crate) fn tags(&self) -> Vec<String> {
        self.entered.lock().iter().map(|(tag, _)| tag.clone()).collect()
    }

    /// The idempotency keys under which `tag` was attempted.
    pub(crate) fn keys(&self, tag: &str) -> Vec<String> {
        self.entered.lock().iter().filter(|(own, _)| own == tag).map(|(_, key)| key.clone()).collect()
    }

    /// Waits until `count` attempts have begun.
    pub(crate) async fn entered(&self, count: usize) {
        let wait = async {
            loop {
                let news = self.news.notified();
                if self.entered.lock().len() >= count {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("entered so far: {:?}", self.tags()));
    }

    /// Lets one attempt with a gate of this name end.
    pub(crate) fn let_go(&self, gate: &str) {
        self.gate(gate).add_permits(1);
    }

    fn gate(&self, gate: &str) -> Arc<Semaphore> {
        self.gates.lock().entry(gate.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }
}

/// `use: probe` with `{ tag, gate?, once?, fail? }`.
struct Probe(Arc<World>);

/// What the probe is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProbeInput {
    tag: String,
    gate: Option<String>,
    #[serde(default)]
    once: bool,
    #[serde(default)]
    fail_attempts: u32,
}

/// What the probe gives back.
#[derive(Serialize, JsonSchema)]
struct ProbeOutput {
    tag: String,
    attempt: u32,
}

#[async_trait]
impl Action for Probe {
    const NAME: &'static str = "probe";
    type Input = ProbeInput;
    type Output = ProbeOutput;

    fn summary() -> &'static str {
        "Tells the test that it was entered."
    }

    fn example() -> Value {
        serde_json::json!({ "tag": "one" })
    }

    fn retry(&self) -> Retry {
        Retry { attempts: 3, backoff: Backoff::Fixed, delay: Some("10ms".parse().unwrap()), max_delay: None, on: Vec::new() }
    }

    fn safety(&self, input: &ProbeInput) -> Safety {
        if input.once { Safety::Once } else { Safety::Repeatable }
    }

    async fn run(&self, input: ProbeInput, context: &mut Context) -> Result<ProbeOutput, Failure> {
        self.0.entered.lock().push((input.tag.clone(), context.idempotency_key.clone()));
        self.0.news.notify_waiters();
        if let Some(gate) = &input.gate {
            let gate = self.0.gate(gate);
            gate.acquire().await.expect("gates stay open").forget();
        }
        if context.attempt <= input.fail_attempts {
            return Err(Failure { retryable: true, ..Failure::new("probe_failed", "as it was told") });
        }
        Ok(ProbeOutput { tag: input.tag, attempt: context.attempt })
    }
}

impl Observer for World {
    fn ended(&self, run: &Head, _: State, _: u64) {
        self.ended.lock().push(run.id);
    }
    fn asks(&self, _: &Head) {}
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: WorkspaceId, name: &str) -> Option<String> {
        (name == "token").then(|| "canary-secret".to_owned())
    }
    fn redact(&self, value: &mut Value) {
        let text = value.to_string().replace("canary-secret", "***");
        *value = serde_json::from_str(&text).unwrap();
    }
    fn redact_text(&self, text: &mut String) {
        *text = text.replace("canary-secret", "***");
    }
}

/// A worker over a store in a folder.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) worker: Worker,
    pub(crate) world: Arc<World>,
}

/// A published workflow.
#[derive(Clone, Copy)]
pub(crate) struct Workflow {
    pub(crate) id: WorkflowId,
    pub(crate) hook: HookId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) revision: u32,
}

impl Rig {
    pub(crate) async fn start(folder: &Path, world: &Arc<World>) -> Self {
        Self::start_with(folder, world, Config::default()).await
    }

    pub(crate) async fn start_with(folder: &Path, world: &Arc<World>, config: Config) -> Self {
        Self::over(Store::open_folder(folder).await.unwrap(), folder, world, config).await
    }

    /// A node on PostgreSQL that keeps no wait in memory.
    pub(crate) async fn on_postgres(url: &str, folder: &Path, world: &Arc<World>) -> Self {
        let store = Store::open(hookmill_store::Config::new(url).unwrap()).await.unwrap();
        let config = Config { resident_wait: "0s".parse().unwrap(), ..Config::default() };
        Self::over(store, folder, world, config).await
    }

    /// A node over a store of its own.
    pub(crate) async fn with_store(store: hookmill_store::Config, folder: &Path, world: &Arc<World>) -> Self {
        Self::over(Store::open(store).await.unwrap(), folder, world, Config::default()).await
    }

    async fn over(store: Store, folder: &Path, world: &Arc<World>, config: Config) -> Self {
        let registry = Registry::builtin(Net::new(NetPolicy::default())).with(Probe(world.clone()));
        let programs = Programs::new(store.clone(), registry.clone());
        let files = FolderFiles::open(folder.join("files"), FileLimits::default()).unwrap();
        let parts = Parts {
            store: store.clone(),
            registry,
            programs,
            secrets: Arc::new(NoSecrets),
            clock: world.clock.clone(),
            files: Arc::new(files),
            observer: world.clone(),
            witness: Witness { facts: |_, _, _| Facts::default(), keys: |_, _, _, _, _, _| OwnKeys::None },
            config,
        };
        let worker = Worker::start(parts).await.unwrap();
        Self { store, worker, world: world.clone() }
    }

    pub(crate) async fn publish(&self, text: &str) -> Workflow {
        let document = workflow::read(text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let workspace = self.store.workspace("main").await.unwrap().unwrap().id;
        let publication = Publication {
            workspace,
            name: document.name.clone(),
            document: workflow::to_yaml(&document),
            author: "test".into(),
            hooks: vec![WantedHook { label: "webhook".into(), path: None, alias: None }],
            draft: None,
        };
        let published = self.store.publish(&publication, SystemClock.now()).await.unwrap();
        Workflow { id: published.workflow, hook: published.hooks[0].id, workspace, revision: published.revision }
    }

    /// Accepts a request as the door does, and hands its run over.
    pub(crate) async fn accept(&self, workflow: Workflow, body: &str) -> RunId {
        let (id, handed, berth) = self.store_only(workflow, body).await.unwrap();
        self.worker.hand_over(handed, berth);
        id
    }

    /// Accepts a request like a door whose caller is cut off right after the commit.
    pub(crate) async fn accept_without_hand_over(&self, workflow: Workflow, body: &str) -> RunId {
        self.store_only(workflow, body).await.unwrap().0
    }

    /// Accepts a request as the door does; none if the store refuses it.
    pub(crate) async fn try_accept(&self, workflow: Workflow, body: &str) -> Option<RunId> {
        let (id, handed, berth) = self.store_only(workflow, body).await.ok()?;
        self.worker.hand_over(handed, berth);
        Some(id)
    }

    /// Stores a run and says that it was not: nobody looks for it.
    pub(crate) async fn accept_unused(&self, workflow: Workflow, body: &str) -> RunId {
        let (id, _, berth) = self.store_only(workflow, body).await.unwrap();
        berth.unused();
        id
    }

    /// Accepts a request like a door whose caller is cut off while its write is under way.
    pub(crate) async fn begin_accepting(&self, workflow: Workflow, body: &str) {
        let accepting = self.store_only(workflow, body);
        let under_way = tokio::time::timeout(Duration::from_millis(100), accepting).await;
        assert!(under_way.is_err(), "the write was over before it could be cut off");
    }

    /// Accepts a request like a door that cannot tell whether the store has it: its caller is refused.
    pub(crate) async fn accept_in_vain(&self, workflow: Workflow, body: &str) -> hookmill_store::Error {
        self.store_only(workflow, body).await.err().expect("the store did not answer")
    }

    async fn store_only(&self, workflow: Workflow, body: &str) -> hookmill_store::Result<(RunId, Handed, Berth)> {
        let revision = self.worker.programs().get(workflow.id, workflow.revision).await.unwrap();
        let Trigger::Webhook(trigger) = &revision.program.workflow().triggers[0];
        let now = self.world.clock.now();
        let delivery = DeliveryId(self.store.next_id());
        let body = Bytes::copy_from_slice(body.as_bytes());
        let headers: Headers = [("content-type", "application/json")].into_iter().collect();
        let request = Request {
            method: "POST",
            path_params: &[],
            query: "",
            headers: &headers,
            body: &body,
            event: None,
            address: "127.0.0.1",
            received_at: now,
            delivery,
        };
        let parsed = request::parse(trigger, &request).unwrap();
        let lane = revision.program.lane(&parsed.webhook).unwrap();
        let id = RunId(self.store.next_id());
        let berth = self.worker.reserve(id, workflow.id, lane.as_deref(), body.len());
        let new_run = NewRun {
            id,
            delivery: Some(delivery),
            workspace: workflow.workspace,
            workflow: workflow.id,
            revision: workflow.revision,
            draft: false,
            trigger: 0,
            bucket: berth.bucket,
            epoch: berth.epoch,
            lane: lane.clone(),
            state: State::Ready,
            due_at: now,
            created_at: now,
            started_at: None,
            finished_at: None,
            seed: 7,
            input: None,
            origin: None,
            element: None,
        };
        let new_delivery = NewDelivery {
            id: delivery,
            workspace: workflow.workspace,
            hook: workflow.hook,
            outcome: Outcome::Accepted,
            status: 202,
            reason: None,
            detail: None,
            method: "POST".into(),
            path_and_query: "/hooks/test".into(),
            headers,
            address: "127.0.0.1".into(),
            received_at: now,
            body,
            duration_us: 1,
            facts: Facts::default(),
        };
        let head = Head::of(&new_run);
        self.store.accept(new_delivery, vec![new_run]).await?;
        Ok((id, Handed::accepted(head, revision, parsed), berth))
    }

    /// Waits until the run is in that state.
    pub(crate) async fn reaches(&self, run: RunId, state: State) -> RunRow {
        let mut news = self.store.watch().listen();
        let wait = async {
            loop {
                let row = self.store.run(run).await.unwrap().expect("the run is stored");
                if row.state == state {
                    return row;
                }
                assert!(!row.state.is_final(), "{run} is {}: {:?}", row.state, row.error);
                news.next().await;
            }
        };
        let Ok(row) = tokio::time::timeout(PATIENCE, wait).await else {
            panic!("{run} is not {state}: {:?}; attempts: {:?}", self.store.run(run).await, self.world.tags());
        };
        row
    }

    /// Ends like a process that is killed: nothing is written any more, everything in memory is gone.
    pub(crate) async fn die(self) {
        self.worker.abort().await;
        self.store.close().await;
    }

    /// Ends everything; afterwards nothing may be left in memory.
    pub(crate) async fn stop(self) {
        self.worker.stop().await;
        assert_eq!(self.worker.depth().1, 0, "something still runs after the stop");
        self.store.close().await;
    }
}
