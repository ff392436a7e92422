//! The door over a real socket, a real store and a real worker, in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hookmill_actions::net::{Net, NetPolicy};
use hookmill_actions::{FileLimits, FolderFiles, Registry};
use hookmill_engine::id::{DeliveryId, RunId, WorkflowId, WorkspaceId};
use hookmill_engine::workflow::{self, Trigger};
use hookmill_server::config::{Intake, Size};
use hookmill_server::ingress::{Ingress, Network, Outside, Parts, alias};
use hookmill_server::listen::{self, Limits};
use hookmill_server::vault::{LiveSecrets, MasterKey, OpenSecret, SecretValues, Vault};
use hookmill_store::deliveries::{Delivery, DeliveryFilter, Outcome};
use hookmill_store::hook_states::Switch;
use hookmill_store::hooks::{Hook, WantedHook};
use hookmill_store::ids::system_clock;
use hookmill_store::runs::{RunRow, State};
use hookmill_store::workflows::{NewDraft, Publication};
use hookmill_store::workspaces::{FIRST_SLUG, FIRST_WORKSPACE};
use hookmill_store::{Config, Store};
use hookmill_testkit::patience::until;
use hookmill_worker::{Head, Observer, Programs, Secrets, SystemClock, Worker};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::raw::{Answer, exchange};

/// Bodies that hooks take unless they say otherwise.
pub(crate) const BODY_BYTES_MAX: u64 = 5 * 1024 * 1024;

struct Nobody;

impl Observer for Nobody {
    fn ended(&self, _: &Head, _: State, _: u64) {}
    fn asks(&self, _: &Head) {}
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: WorkspaceId, _: &str) -> Option<String> {
        None
    }
    fn redact(&self, _: &mut serde_json::Value) {}
    fn redact_text(&self, _: &mut String) {}
}

/// A running door.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) worker: Worker,
    secrets: Arc<LiveSecrets>,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<listen::Drained>,
    _folder: TempDir,
}

impl Door {
    /// On SQLite.
    pub(crate) async fn open() -> Self {
        Self::open_with(None, Limits::default()).await
    }

    /// On the database at `url`, or SQLite.
    pub(crate) async fn open_with(url: Option<String>, limits: Limits) -> Self {
        Self::open_beside(url, limits, the_network()).await
    }

    /// Taking in so much.
    pub(crate) async fn open_taking(url: Option<String>, intake: Intake) -> Self {
        Self::open_as(url, Limits::default(), intake, the_network()).await
    }

    /// The same where providers' certificates and confirmations are answered by `outside`.
    pub(crate) async fn open_beside(url: Option<String>, limits: Limits, outside: Arc<dyn Outside>) -> Self {
        Self::open_as(url, limits, Intake::default(), outside).await
    }

    async fn open_as(url: Option<String>, limits: Limits, intake: Intake, outside: Arc<dyn Outside>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = match url {
            None => Store::open_folder(folder.path()).await.unwrap(),
            Some(url) => Store::open(Config::new(&url).unwrap()).await.unwrap(),
        };
        let registry = Registry::builtin(Net::new(NetPolicy::default()));
        let worker = Worker::start(hookmill_worker::Parts {
            observer: Arc::new(Nobody),
            witness: hookmill_server::ingress::WITNESS,
            store: store.clone(),
            registry: registry.clone(),
            programs: Programs::new(store.clone(), registry),
            secrets: Arc::new(NoSecrets),
            clock: SystemClock::shared(),
            files: Arc::new(FolderFiles::open(folder.path().join("files"), FileLimits::default()).unwrap()),
            config: hookmill_worker::Config::default(),
        })
        .await
        .unwrap();
        let (secrets, stop) = (Arc::new(LiveSecrets::default()), CancellationToken::new());
        let parts = Parts {
            store: store.clone(),
            worker: worker.clone(),
            secrets: secrets.clone(),
            vault: Arc::new(Vault::new(MasterKey::load(None, &folder.path().join("master.key")).unwrap())),
            public_url: "https://hooks.example".into(),
            clock: system_clock(),
            body_default: Size(BODY_BYTES_MAX),
            body_max: Size(BODY_BYTES_MAX),
            trusted_proxies: Vec::new(),
            outside,
            intake,
        };
        let ingress = Ingress::start(parts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = move |request, peer| {
            let ingress = ingress.clone();
            async move { ingress.handle(request, peer).await }
        };
        let served = tokio::spawn(listen::serve(listener, limits, handler, stop.clone()));
        Self { address, store, worker, secrets, stop, served, _folder: folder }
    }

    /// Publishes a document; returns the path of its only hook's token URL.
    pub(crate) async fn publish(&self, text: &str) -> String {
        let document = workflow::read(text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let Trigger::Webhook(trigger) = &document.triggers[0];
        let wanted = WantedHook {
            label: trigger.label.clone().unwrap_or("webhook".into()),
            path: trigger.path.clone(),
            alias: alias(trigger, FIRST_SLUG),
        };
        let publication = Publication {
            workspace: FIRST_WORKSPACE,
            name: document.name.clone(),
            document: workflow::to_yaml(&document),
            author: "test".into(),
            hooks: vec![wanted],
            draft: None,
        };
        let published = self.store.publish(&publication, system_clock()()).await.unwrap();
        format!("/hooks/{}", published.hooks[0].token)
    }

    /// Saves a draft of the workflow that the document names; returns the workflow, and the hooks of its triggers.
    pub(crate) async fn draft(&self, text: &str) -> (WorkflowId, Vec<Hook>) {
        let document = workflow::read(text).unwrap_or_else(|problems| panic!("{problems:?}"));
        self.draft_of(&document.name, text).await
    }

    /// The same of the workflow with this name, valid or not.
    pub(crate) async fn draft_of(&self, name: &str, text: &str) -> (WorkflowId, Vec<Hook>) {
        let labels: Vec<String> = workflow::read(text).map_or_else(
            |_| Vec::new(),
            |document| {
                let label = |Trigger::Webhook(trigger): &Trigger| trigger.label.clone().unwrap_or("webhook".into());
                document.triggers.iter().map(label).collect()
            },
        );
        let draft = NewDraft {
            workspace: FIRST_WORKSPACE,
            name: name.into(),
            document: text.into(),
            author: "test".into(),
            labels: labels.clone(),
        };
        let saved = self.store.save_draft(&draft, system_clock()()).await.unwrap();
        let hooks = saved.hooks.into_iter().filter(|hook| labels.contains(&hook.label)).collect();
        (saved.workflow, hooks)
    }

    /// Changes the state of the hook at a token URL.
    pub(crate) async fn switch(&self, path: &str, switch: Switch) {
        let hook = self.store.hook_by_token(path.trim_start_matches("/hooks/")).await.unwrap().unwrap();
        self.store.switch_hook(hook.hook.id, switch).await.unwrap();
        self.worker.look_for_held();
    }

    pub(crate) fn set_secret(&self, name: &str, value: &str) {
        self.set_secrets(&[(name, value)]);
    }

    /// These secrets, and no others.
    pub(crate) fn set_secrets(&self, secrets: &[(&str, &str)]) {
        let each = |(name, value): &(&str, &str)| ((FIRST_WORKSPACE, (*name).to_owned()), (*value).to_owned().into());
        self.secrets.replace(secrets.iter().map(each).collect::<SecretValues>());
    }

    /// These open secrets, and no others.
    pub(crate) fn set_open<const N: usize>(&self, secrets: [(&str, OpenSecret); N]) {
        let each = secrets.map(|(name, secret)| ((FIRST_WORKSPACE, name.to_owned()), secret));
        self.secrets.replace(each.into_iter().collect());
    }

    /// GETs a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        exchange(self.address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    /// POSTs a body with extra header lines (each ended by CR LF).
    pub(crate) async fn post(&self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        exchange(self.address, [head.as_bytes(), body].concat()).await
    }

    /// POSTs JSON.
    pub(crate) async fn json(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.post(path, "Content-Type: application/json\r\n", body).await
    }

    /// The delivery that an answer names, once it is stored.
    pub(crate) async fn delivery(&self, answer: &Answer) -> Delivery {
        let id: DeliveryId = answer.json()["delivery_id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap();
        until("the delivery is stored", async || self.store.delivery(id).await.unwrap()).await
    }

    /// Waits until the run that an answer names has ended.
    pub(crate) async fn ended(&self, answer: &Answer) -> RunRow {
        let id: RunId = answer.json()["run_id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap();
        until("the run has ended", async || {
            let run = self.store.run(id).await.unwrap().expect("an acknowledged run is stored");
            run.state.is_final().then_some(run)
        })
        .await
    }

    /// Checks that a refusal is kept with its reason, that it started nothing, and that the door still works.
    pub(crate) async fn refused(&self, answer: &Answer, status: u16, code: &str) -> Delivery {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let delivery = self.delivery(answer).await;
        assert_eq!((delivery.outcome, delivery.status, delivery.reason.as_deref()), (Outcome::Refused, status, Some(code)));
        assert!(self.store.runs_of_delivery(delivery.id).await.unwrap().is_empty());
        delivery
    }

    /// How many deliveries are stored.
    pub(crate) async fn count(&self) -> usize {
        self.store.deliveries(&DeliveryFilter::default(), 100).await.unwrap().items.len()
    }

    /// How many deliveries with this outcome are stored, once one is.
    pub(crate) async fn count_of(&self, outcome: Outcome) -> usize {
        until("one is stored", async || {
            let stored = self.store.deliveries(&DeliveryFilter::default(), 100).await.unwrap().items;
            Some(stored.iter().filter(|delivery| delivery.outcome == outcome).count()).filter(|count| *count > 0)
        })
        .await
    }

    /// Ends everything; nothing may be left running.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        let drained = tokio::time::timeout(Duration::from_secs(20), self.served).await.unwrap().unwrap();
        assert_eq!(drained.cut, 0);
        self.worker.stop().await;
        self.store.close().await;
    }
}

/// The network as it is.
fn the_network() -> Arc<dyn Outside> {
    Arc::new(Network::new(Net::new(NetPolicy::default())))
}

/// Checks that a run succeeded.
pub(crate) fn succeeded(run: &RunRow) {
    assert_eq!(run.state, State::Succeeded, "{:?}", run.error);
}
