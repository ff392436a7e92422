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

/// How often the version of the catalog is asked for, for secrets set by other processes.
const CATALOG_POLL: Duration = Duration::from_secs(1);
/// How often measurements are collected when nobody scrapes.
const COLLECT_EVERY: Duration = Duration::from_secs(5);

/// Opens secrets again whenever the catalog has changed, here or in another process.
pub(super) async fn catalog(app: App, stop: CancellationToken) {
    let mut seen = None;
    let mut failing = false;
    let mut tick = interval(CATALOG_POLL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let refreshed = async {
            let version = app.store.catalog_version().await?;
            if seen != Some(version) {
                app.secrets.refresh(&app.store, &app.vault).await?;
                seen = Some(version);
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
