//! The loops of the server: open secrets stay as stored, what becomes of runs is counted and logged, measurements are collected.

use std::time::Duration;

use hookmill_store::runs::State;
use hookmill_worker::{Head, Observer};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::log;
use crate::metrics::Metrics;

/// How often other nodes are asked for changes of workflows, hooks and secrets.
const CATALOG_POLL: Duration = Duration::from_millis(500);
/// When it is tried again to open secrets after the store could not be read.
const CATALOG_RETRY: Duration = Duration::from_secs(1);
/// How often measurements are collected when nobody scrapes.
const COLLECT_EVERY: Duration = Duration::from_secs(5);

/// Notices when another node has changed the catalog, and opens secrets again whenever it has changed, here or there.
/// With SQLite nobody else changes it: a server at rest asks its database nothing.
pub(super) async fn catalog(app: App, stop: CancellationToken) {
    let poll = app.store.is_shared().then_some(CATALOG_POLL);
    let mut seen = None;
    let mut failing = false;
    loop {
        let refreshed = async {
            let version = app.store.notice_catalog().await?;
            if seen != Some(version) {
                app.secrets.refresh(&app.store, &app.vault).await?;
                seen = Some(version);
                // Another node may have resumed a hook for which this one held something a moment ago.
                app.worker.look_for_held();
            }
            Ok::<(), hookmill_store::Error>(())
        };
        match refreshed.await {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                log::secrets_stale(&error);
                failing = true;
            }
            Err(_) => {}
        }
        let pause = if failing { Some(CATALOG_RETRY) } else { poll };
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.store.watch().catalog_changed() => {}
            () = pause_for(pause) => {}
        }
    }
}

async fn pause_for(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Collects measurements, so that they do not pile up while nobody scrapes.
pub(super) async fn metrics(metrics: Metrics, stop: CancellationToken) {
    let mut tick = interval(COLLECT_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => metrics.collect(),
        }
    }
}

/// Counts runs that ended, and logs what people should know of runs.
pub(super) struct RunMeters {
    succeeded: Counter,
    failed: Counter,
    cancelled: Counter,
    seconds: Histogram,
}

impl RunMeters {
    pub(super) fn new() -> Self {
        describe_counter!("hookmill_runs_total", "Runs that ended, by outcome.");
        describe_histogram!("hookmill_run_seconds", "Time from the acceptance of a run to its end, waits included.");
        Self {
            succeeded: counter!("hookmill_runs_total", "outcome" => "succeeded"),
            failed: counter!("hookmill_runs_total", "outcome" => "failed"),
            cancelled: counter!("hookmill_runs_total", "outcome" => "cancelled"),
            seconds: histogram!("hookmill_run_seconds"),
        }
    }
}

impl Observer for RunMeters {
    fn ended(&self, run: &Head, state: State, ms: u64) {
        self.seconds.record(Duration::from_millis(ms).as_secs_f64());
        match state {
            State::Succeeded => self.succeeded.increment(1),
            State::Failed => self.failed.increment(1),
            _ => self.cancelled.increment(1),
        }
        log::run_ended(run.id, run.workflow, state, ms);
    }

    fn asks(&self, run: &Head) {
        log::run_asks(run.id, run.workflow);
    }
}
