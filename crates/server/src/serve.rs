//! Puts the parts together, in order, and takes them apart again.
//!
//! Start: store, vault, listening socket, worker, door. Stop: no new connections, requests in flight end, the worker
//! ends what is under way, the store writes what waits and closes. Whatever fails at the start is told in one sentence
//! that says what to do, with an exit code ([`Error::exit`]).

mod follow;
mod open;
mod open_files;
mod signals;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hookmill_actions::Registry;
use hookmill_actions::net::Net;
use hookmill_actions::net::PolicyError;
use hookmill_store::ids::system_clock;
use hookmill_worker::{Programs, Worker};
use http::Request;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::api::{KeyCache, router};
use crate::app::{App, Parts};
use crate::cli::Exit;
use crate::config::Config;
use crate::health::Readiness;
use crate::ingress::{self, Ingress};
use crate::listen::{self, Inbound};
use crate::log;
use crate::metrics::Metrics;
use crate::vault::{self, LiveSecrets, MASTER_KEY_VARIABLE};

pub use open::{files_folder, open_store, open_vault, store_config};

/// Descriptions of hooks that are made at the same time.
const DESCRIPTIONS_AT_ONCE: usize = 2;

/// Why the server did not start, or did not end well. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("{}", cannot_listen(*.address, .why))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The data folder or the database cannot be used.
    #[error("{0}")]
    Store(#[from] hookmill_store::Error),
    /// The master key cannot be had.
    #[error("{0}")]
    Vault(#[from] vault::Error),
    /// The worker cannot start.
    #[error("the worker cannot start: {0}")]
    Worker(#[from] hookmill_worker::Error),
    /// `net.allow` has an entry that is none.
    #[error("`net.allow`: {0}")]
    Net(#[from] PolicyError),
    /// The folder for files cannot be used.
    #[error("cannot use the folder for files {path}: {why}", path = .path.display())]
    Files {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// Something else that the machine refuses.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

fn cannot_listen(address: SocketAddr, why: &std::io::Error) -> String {
    match why.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "cannot listen on {address}: another program does; stop it, or choose another address with --listen HOST:PORT"
        ),
        std::io::ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: this user may not use the port; choose one above 1023 with --listen HOST:PORT")
        }
        std::io::ErrorKind::AddrNotAvailable => {
            format!("cannot listen on {address}: this machine does not have the address; choose another with --listen HOST:PORT")
        }
        _ => format!("cannot listen on {address}: {why}; choose another address with --listen HOST:PORT"),
    }
}

impl Error {
    /// How the command ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Net(_) => Exit::Usage,
            Self::Store(error) | Self::Worker(hookmill_worker::Error::Store(error)) => error.into(),
            Self::Files { .. } | Self::Vault(_) => Exit::Storage,
            Self::Listen { .. } | Self::Worker(_) | Self::Other(_) => Exit::Failed,
        }
    }
}

/// Serves until SIGTERM or SIGINT; a second signal ends the process at once. Prints `ready http://HOST:PORT` on standard
/// output when it serves.
///
/// # Errors
/// Why it could not start.
#[allow(clippy::print_stdout, reason = "scripts wait for this line")]
pub async fn serve(config: Config) -> Result<(), Error> {
    let stop = CancellationToken::new();
    signals::follow(stop.clone())?;
    open_files::raise_limit();
    let master_key = std::env::var(MASTER_KEY_VARIABLE).ok();
    run(config, master_key.as_deref(), stop, |address| {
        use std::io::Write as _;
        let mut out = std::io::stdout();
        // Whoever started us may have closed its end; serving does not depend on it.
        let _ = writeln!(out, "ready http://{address}").and_then(|()| out.flush());
    })
    .await
}

/// Serves until `stop`; `ready` is told the address as soon as requests are answered.
///
/// # Errors
/// Why it could not start.
pub async fn run(
    config: Config,
    master_key: Option<&str>,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let store = open_store(&config).await?;
    let served = with_store(config, master_key, store.clone(), stop, ready).await;
    store.close().await;
    log::stopped();
    served
}

async fn with_store(
    config: Config,
    master_key: Option<&str>,
    store: hookmill_store::Store,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let vault = Arc::new(open_vault(&config, master_key)?);
    let secrets = Arc::new(LiveSecrets::default());
    secrets.refresh(&store, &vault).await?;
    let net = open::net(&config)?;
    let registry = Registry::builtin(net.clone());
    let files = open::files(&config)?;
    let metrics = Metrics::install()?;
    let (listener, address) = bind(config.server.listen).await?;
    if store.keys(hookmill_store::workspaces::FIRST_WORKSPACE).await?.is_empty() {
        log::no_key(&config);
    }
    let programs = Programs::new(store.clone(), registry.clone());
    let worker = Worker::start(hookmill_worker::Parts {
        store: store.clone(),
        registry: registry.clone(),
        programs,
        secrets: Arc::clone(&secrets) as Arc<dyn hookmill_worker::Secrets>,
        clock: hookmill_worker::SystemClock::shared(),
        files,
        observer: Arc::new(follow::RunMeters::new()),
        witness: ingress::WITNESS,
        config: config.worker.clone(),
    })
    .await?;
    let public_url = config.server.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let app = App::new(Parts {
        descriptions: Semaphore::new(DESCRIPTIONS_AT_ONCE),
        live_feeds: Arc::new(Semaphore::new(config.server.live_feeds_max.min(Semaphore::MAX_PERMITS))),
        public_url: public_url.trim_end_matches('/').to_owned(),
        config,
        store,
        worker,
        registry,
        vault,
        secrets,
        metrics,
        keys: KeyCache::default(),
        readiness: Readiness::default(),
        clock: system_clock(),
        stopping: stop.clone(),
    });
    serve_app(app, net, listener, address, stop, ready).await;
    Ok(())
}

async fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let fail = |why| Error::Listen { address: wanted, why };
    let listener = TcpListener::bind(wanted).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    Ok((listener, address))
}

async fn serve_app(
    app: App,
    net: Net,
    listener: TcpListener,
    address: SocketAddr,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) {
    let (loops, loops_stop) = (TaskTracker::new(), CancellationToken::new());
    loops.spawn(follow::catalog(app.clone(), loops_stop.clone()));
    loops.spawn(follow::metrics(app.metrics.clone(), loops_stop.clone()));
    let door = Ingress::start(ingress::Parts {
        store: app.store.clone(),
        worker: app.worker.clone(),
        secrets: Arc::clone(&app.secrets),
        vault: Arc::clone(&app.vault),
        public_url: app.public_url.clone(),
        clock: Arc::clone(&app.clock),
        body_default: app.config.server.hook_body_default,
        body_max: app.config.server.hook_body_max,
        trusted_proxies: app.config.server.trusted_proxies.clone(),
        outside: Arc::new(ingress::Network::new(net)),
        intake: app.config.intake.clone(),
    });
    let handler = handler(door.clone(), router(app.clone()).layer(axum::Extension(door)));
    log::serving(address, &app);
    ready(address);
    let drained = listen::serve(listener, app.config.server.limits.clone(), handler, stop).await;
    log::drained(drained.cut);
    app.worker.stop().await;
    loops_stop.cancel();
    loops.close();
    loops.wait().await;
}

/// Webhooks to the door, everything else to the API.
fn handler(door: Ingress, api: Router) -> impl listen::Handler<Body> {
    move |request: Request<Inbound>, peer: SocketAddr| {
        let api = (!Ingress::is_for(request.uri().path())).then(|| api.clone());
        let door = door.clone();
        async move {
            let Some(api) = api else { return door.handle(request, peer).await };
            let answered = Box::pin(api.oneshot(request.map(Body::new))).await;
            answered.unwrap_or_else(|never| match never {})
        }
    }
}
