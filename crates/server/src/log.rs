//! All log lines of the server, and how they are written: to standard error, for people or as JSON.
//!
//! A line can be read alone and filtered by its fields. Never bodies, headers, keys or secrets. `error` means that
//! somebody should look.

use std::net::SocketAddr;

use hookmill_engine::id::{RunId, WorkflowId};
use hookmill_store::runs::State;
use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::config::{Config, Log, LogFormat};

/// Starts logging for the process. Called once, before anything is logged.
///
/// # Errors
/// When `log.level` is not a level or list of directives, or something logs already.
pub fn start(config: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level).map_err(|why| {
        anyhow::anyhow!("`log.level` cannot be `{}`: {why}; write error, warn, info, debug or trace", config.level)
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|why| anyhow::anyhow!("cannot start logging: {why}"))
}

pub(crate) fn serving(address: SocketAddr, app: &App) {
    let version = env!("CARGO_PKG_VERSION");
    info!(%address, version, public_url = app.public_url, "Hookmill {version} serves on http://{address}");
}

/// The first start: nobody can use the API yet.
pub(crate) fn no_key(config: &Config) {
    let mut command = format!("hookmill key create --data {}", config.store.data.display());
    if let Some(database) = &config.store.database {
        command.push_str(&format!(" --database {database}"));
    }
    info!("There is no API key yet; make one with: {command} --name me --role owner");
}

pub(crate) fn few_open_files(why: &impl std::fmt::Display) {
    warn!(error = %why, "The limit of open files stays as it was, few connections fit: {why}");
}

pub(crate) fn stopping() {
    info!("Told to stop: requests and steps under way may end; a second signal stops at once");
}

pub(crate) fn stopping_at_once() {
    warn!("Told to stop twice: stopping at once; what is under way goes on at the next start");
}

pub(crate) fn drained(cut: usize) {
    if cut > 0 {
        warn!(connections = cut, "{cut} connections were cut off in the middle of a request");
    }
}

pub(crate) fn stopped() {
    info!("Stopped");
}

pub(crate) fn secrets_stale(problem: &hookmill_store::Error) {
    warn!(error = %problem, "Secrets cannot be looked up, the last known ones stay in use: {problem}");
}

pub(crate) fn secret_closed(name: &str, problem: &crate::vault::Error) {
    error!(secret = name, error = %problem, "The secret {name} cannot be opened: {problem}");
}

pub(crate) fn run_ended(run: RunId, workflow: WorkflowId, state: State, duration_ms: u64) {
    match state {
        State::Failed => {
            warn!(run.id = %run, workflow.id = %workflow, duration_ms, "Run {run} failed after {duration_ms} ms");
        }
        _ => debug!(run.id = %run, workflow.id = %workflow, duration_ms, "Run {run} {state} after {duration_ms} ms"),
    }
}

pub(crate) fn run_asks(run: RunId, workflow: WorkflowId) {
    warn!(run.id = %run, workflow.id = %workflow, "Run {run} asks how a step ended; decide with the API or the console");
}
