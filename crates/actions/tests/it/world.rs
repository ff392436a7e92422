//! What an attempt needs, for tests: a context, files in a temporary folder, names that lead where the test wants.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookmill_actions::net::{Lookup, Net, NetPolicy};
use hookmill_actions::{Context, FileLimits, FolderFiles, LogSink, Registry};
use hookmill_engine::id::RunId;
use hookmill_engine::run::Failure;
use hookmill_engine::time::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers lookups with the next list, the last one for ever.
pub(crate) struct Names(Mutex<VecDeque<Vec<SocketAddr>>>);

impl Names {
    pub(crate) fn always(address: SocketAddr) -> Arc<Self> {
        Self::then([vec![address]])
    }

    pub(crate) fn then(answers: impl IntoIterator<Item = Vec<SocketAddr>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.into_iter().collect())))
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
        let mut answers = self.0.lock();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A registry and what its attempts get.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) context: Context,
    _folder: tempfile::TempDir,
}

impl World {
    /// The loopback network is allowed, as an operator may allow it.
    pub(crate) fn open() -> Self {
        Self::with(Net::new(NetPolicy::allowing(["127.0.0.0/8"]).unwrap()))
    }

    pub(crate) fn with(net: Net) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        let context = Context {
            run: RunId(1),
            step: "reserve".to_owned(),
            attempt: 1,
            idempotency_key: "run_0000000000001/reserve".to_owned(),
            deadline: Instant::now() + Duration::from_secs(60),
            cancel: CancellationToken::new(),
            log: LogSink::new(|| Timestamp(0)),
            files: Arc::new(files),
        };
        Self { registry: Registry::builtin(net), context, _folder: folder }
    }

    pub(crate) async fn request(&self, input: Value) -> Result<Value, Failure> {
        self.registry.run("http.request", input, self.context.clone()).await
    }

    /// The failure of a request that must fail.
    pub(crate) async fn refused(&self, input: Value) -> Failure {
        match self.request(input.clone()).await {
            Err(failure) => failure,
            Ok(output) => panic!("{input} succeeded: {output}"),
        }
    }
}
