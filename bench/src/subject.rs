//! The servers under measurement, each a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Database, Hook, Invocation, Process};
use hookmill_testkit::patience;
use hookmill_testkit::postgres::{Cluster, Sync};
use tempfile::TempDir;

use crate::load::{Outcome, Pace, Plan};

/// States of a run that still has something to do.
const UNFINISHED: [&str; 2] = ["ready", "running"];
/// The gauge of accepted runs that are due and not finished.
const BACKLOG_METRIC: &str = "hookmill_backlog_runs";
/// How long the server may take to finish what it has accepted.
const SETTLE_WITHIN: Duration = Duration::from_secs(300);
const WARM_UP: Duration = Duration::from_millis(500);

/// How everything is measured.
pub(crate) struct Bench {
    pub(crate) binary: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) connections: usize,
    pub(crate) window: Duration,
    pub(crate) stored_runs: u64,
    pub(crate) hooks: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Sqlite,
    Postgres,
}

impl DatabaseKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Bench {
    /// A closed loop of one window.
    pub(crate) fn closed(&self, address: SocketAddr, requests: Vec<std::sync::Arc<[u8]>>) -> Plan {
        Plan {
            address,
            connections: self.connections,
            requests,
            pace: Pace::Closed,
            warm_up: WARM_UP,
            length: self.window,
            requests_max: None,
        }
    }

    /// Starts a server on an empty database of its own.
    pub(crate) async fn start(&self, kind: DatabaseKind) -> anyhow::Result<Subject> {
        let folder = tempfile::tempdir_in(&self.scratch).context("cannot make a folder for the data")?;
        let (database, cluster) = match kind {
            DatabaseKind::Sqlite => (Database::Sqlite, None),
            DatabaseKind::Postgres => {
                let cluster = Cluster::start(Sync::On).await;
                (Database::Postgres(cluster.create_database().await), Some(cluster))
            }
        };
        let app =
            TestApp::builder(&self.binary).database(database).data(&folder.path().join("data")).leftovers_allowed().start().await;
        Ok(Subject { app, _cluster: cluster, _folder: folder })
    }

    /// Starts the server that everything is compared with.
    pub(crate) fn start_bare(&self) -> anyhow::Result<Process> {
        let this = std::env::current_exe()?;
        Process::start(&Invocation::new(this, ["bare"]), self.scratch.join("bare.log"))
            .map_err(|not_ready| anyhow::anyhow!("the bare server did not start: {not_ready:?}"))
    }
}

/// A running Hookmill.
pub(crate) struct Subject {
    pub(crate) app: TestApp,
    // After the application: they are dropped when it has ended.
    _cluster: Option<Cluster>,
    _folder: TempDir,
}

impl Subject {
    /// Publishes a workflow whose hook asks for the shared key `bench-key`.
    pub(crate) async fn publish(&self, workflow: &str) -> Hook {
        self.app.secret("bench_key", "bench-key").await;
        self.app.publish(workflow).await.hook().clone()
    }

    /// Runs that are accepted but not finished, as the server's own metrics tell.
    pub(crate) async fn backlog(&self) -> f64 {
        let client = self.app.client();
        let text = client.answer(client.request("GET", "/metrics").bearer_auth(client.key())).await.text();
        metric(&text, BACKLOG_METRIC)
    }

    /// Resident memory of the server.
    pub(crate) fn resident_megabytes(&mut self) -> f64 {
        self.app.process().resident_bytes().unwrap_or(0) as f64 / 1e6
    }

    /// CPU time that the server has used so far.
    pub(crate) fn cpu_time(&mut self) -> Duration {
        cpu_time(self.app.process())
    }

    /// Waits until nothing is left to run; how long that took.
    pub(crate) async fn settle(&self) -> Duration {
        let begin = Instant::now();
        patience::until_deadline("the runs to finish", SETTLE_WITHIN, async || {
            self.app.client().no_run_is(&UNFINISHED).await.then_some(())
        })
        .await;
        begin.elapsed()
    }
}

/// The part of a hook's URL that a request line needs.
pub(crate) fn path_of(hook: &Hook, address: SocketAddr) -> anyhow::Result<String> {
    let prefix = format!("http://{address}");
    let path = hook.url.strip_prefix(&prefix).with_context(|| format!("{} does not begin with {prefix}", hook.url))?;
    Ok(path.to_owned())
}

/// Runs the generator beside the control of the servers.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    tokio::task::spawn_blocking(move || plan.run()).await?.context("the generator failed")?.all_succeeded()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// User and system time of a process so far, from `/proc`.
pub(crate) fn cpu_time(process: &Process) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    // The second field is the name in parentheses and may hold anything; the times are fields 14 and 15.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The value of a metric in Prometheus' text format, summed over its labels.
fn metric(text: &str, name: &str) -> f64 {
    text.lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
