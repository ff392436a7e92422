//! One test, two databases: each test takes an open store, and [`on_both!`] runs it with SQLite and with PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId};
use hookmill_engine::time::Timestamp;
use hookmill_store::deliveries::{Facts, NewDelivery, Outcome};
use hookmill_store::runs::{NewRun, RunCommit, State};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Config, Store};
use tempfile::TempDir;

/// Some moment in 2026.
pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);

/// Makes a test of each function, on each database.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::both::Opened::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::both::Opened::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

/// A store on a fresh database, with a clock that stands still until told otherwise.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) database: String,
    now: Arc<AtomicI64>,
    _folder: Option<TempDir>,
}

impl Opened {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("test.db").display());
        Self::open(database, Some(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::open(hookmill_testkit::postgres::fresh_database().await, None).await
    }

    async fn open(database: String, folder: Option<TempDir>) -> Self {
        let now = Arc::new(AtomicI64::new(START.0));
        let store = Store::open(config(&database, &now)).await.unwrap();
        Self { store, database, now, _folder: folder }
    }

    /// Another process on the same database. With SQLite it is a guest, because the folder has one owner only.
    pub(crate) async fn another(&self) -> Store {
        self.another_with(|_| {}).await
    }

    /// The same with something set.
    pub(crate) async fn another_with(&self, set: impl FnOnce(&mut Config)) -> Store {
        let mut config = config(&self.database, &self.now);
        set(&mut config);
        Store::open(if self.database.starts_with("sqlite") { config.guest() } else { config }).await.unwrap()
    }

    /// Ends the store and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.reopen_with(|_| {}).await;
    }

    /// Ends the store and opens it again with something set.
    pub(crate) async fn reopen_with(&mut self, set: impl FnOnce(&mut Config)) {
        self.store.close().await;
        let mut config = config(&self.database, &self.now);
        set(&mut config);
        self.store = Store::open(config).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    pub(crate) fn pass(&self, ms: i64) -> Timestamp {
        Timestamp(self.now.fetch_add(ms, Ordering::Relaxed) + ms)
    }

    pub(crate) fn delivery(&self, hook: i64) -> NewDelivery {
        NewDelivery {
            id: DeliveryId(self.store.next_id()),
            workspace: FIRST_WORKSPACE,
            hook: HookId(hook),
            outcome: Outcome::Accepted,
            status: 202,
            reason: None,
            detail: None,
            method: "POST".into(),
            path_and_query: "/hooks/token?key=***".into(),
            headers: [("content-type", "application/json")].into_iter().collect(),
            address: "192.0.2.7".into(),
            received_at: self.now(),
            body: Bytes::from_static(b"{\"total\": 1250}"),
            duration_us: 412,
            facts: Facts::default(),
        }
    }

    /// A ready run that nobody has in memory.
    pub(crate) fn run(&self, delivery: Option<DeliveryId>, workflow: i64) -> NewRun {
        let id = self.store.next_id();
        NewRun {
            id: RunId(id),
            delivery,
            workspace: FIRST_WORKSPACE,
            workflow: WorkflowId(workflow),
            revision: 1,
            draft: false,
            trigger: 0,
            bucket: hookmill_store::bucket_of(&id.to_be_bytes()),
            epoch: 0,
            lane: None,
            state: State::Ready,
            due_at: self.now(),
            created_at: self.now(),
            started_at: None,
            finished_at: None,
            seed: u64::MAX - 7,
            input: None,
            origin: None,
            element: None,
        }
    }
}

fn config(database: &str, now: &Arc<AtomicI64>) -> Config {
    let now = Arc::clone(now);
    let mut config = Config::new(database).unwrap();
    config.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed)));
    // The disk of the machine that runs the tests may well be almost full.
    config.db.disk_floor_bytes = Some(0);
    config.db.disk_reserve_bytes = 0;
    config
}

/// A commit that only says where the run stands.
pub(crate) fn commit(run: RunId, epoch: i64, state: State, at: Timestamp) -> RunCommit {
    RunCommit {
        run,
        workflow: WorkflowId(1),
        epoch,
        from_seq: 0,
        entries: Vec::new(),
        state,
        due_at: state.is_due_sometime().then_some(at),
        started_at: Some(at),
        finished_at: state.is_final().then_some(at),
        output: None,
        error: None,
        answered: false,
        steps_done: 0,
        holds_lane: false,
        release: false,
    }
}
