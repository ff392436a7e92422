//! What is counted and measured, for Prometheus.
//!
//! Whoever counts holds its counters (`metrics::counter!` once, not per request); here they are collected and the
//! gauges that are cheap to read are read at every scrape.

use std::sync::OnceLock;

use metrics::{Gauge, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;

/// Upper bounds of the buckets of all times, in seconds.
const SECONDS: [f64; 17] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];
/// What all histograms of times end in.
const SECONDS_SUFFIX: &str = "_seconds";

/// The collected metrics of the process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    gauges: Gauges,
}

#[derive(Clone)]
struct Gauges {
    write_queue: Gauge,
    backlog: Gauge,
    runs_waiting: Gauge,
    runs_running: Gauge,
    refused_dropped: Gauge,
    disk_free: Gauge,
    memory: Gauge,
    live_feeds: Gauge,
}

impl Metrics {
    /// Starts collecting for this process; later calls give the same collection.
    ///
    /// # Errors
    /// When something else collects in this process already.
    pub fn install() -> anyhow::Result<Self> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        let install = || {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix(SECONDS_SUFFIX.to_owned()), &SECONDS)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| error.to_string())
        };
        let handle = INSTALLED.get_or_init(install).clone().map_err(anyhow::Error::msg)?;
        Ok(Self { handle, gauges: Gauges::new() })
    }

    /// Moves what was measured into the buckets. To be called every few seconds, so that nothing piles up when nobody
    /// scrapes.
    pub fn collect(&self) {
        self.handle.run_upkeep();
    }

    /// Reads the gauges and gives everything as text.
    pub(crate) async fn scrape(&self, app: &App) -> String {
        let gauges = &self.gauges;
        gauges.write_queue.set(as_f64(app.store.db().queue_depth() as u64));
        if let Ok(backlog) = app.store.backlog(app.now()).await {
            gauges.backlog.set(as_f64(backlog));
        }
        let (waiting, running) = app.worker.depth();
        gauges.runs_waiting.set(as_f64(waiting as u64));
        gauges.runs_running.set(as_f64(running as u64));
        gauges.refused_dropped.set(as_f64(app.store.refused_dropped()));
        if let Some(disk) = app.store.db().disk() {
            gauges.disk_free.set(as_f64(disk.free_bytes()));
        }
        if let Some(bytes) = resident_bytes() {
            gauges.memory.set(as_f64(bytes));
        }
        let feeds = app.config.server.live_feeds_max.saturating_sub(app.live_feeds.available_permits());
        gauges.live_feeds.set(as_f64(feeds as u64));
        self.handle.render()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a picture, not an account")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

impl Gauges {
    fn new() -> Self {
        describe_gauge!("hookmill_write_queue_depth", "Writes that wait for the database.");
        describe_gauge!("hookmill_backlog_runs", "Runs that are due and have not begun, counted up to 100000.");
        describe_gauge!("hookmill_runs_waiting", "Runs in memory that wait for their turn.");
        describe_gauge!("hookmill_runs_running", "Runs that are executed at the moment.");
        describe_gauge!("hookmill_refused_dropped", "Refused requests that could not be kept since the start.");
        describe_gauge!("hookmill_disk_free_bytes", "Free space on the disk of the data folder.");
        describe_gauge!("process_resident_memory_bytes", "Memory of the process.");
        describe_gauge!("hookmill_live_feeds", "Open live feeds.");
        Self {
            write_queue: gauge!("hookmill_write_queue_depth"),
            backlog: gauge!("hookmill_backlog_runs"),
            runs_waiting: gauge!("hookmill_runs_waiting"),
            runs_running: gauge!("hookmill_runs_running"),
            refused_dropped: gauge!("hookmill_refused_dropped"),
            disk_free: gauge!("hookmill_disk_free_bytes"),
            memory: gauge!("process_resident_memory_bytes"),
            live_feeds: gauge!("hookmill_live_feeds"),
        }
    }
}

/// Memory of this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
