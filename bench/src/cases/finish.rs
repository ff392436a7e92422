//! Accept and finish: every delivery starts a run of two `set` steps, and the runs keep up.

use std::time::{Duration, Instant};

use super::accept::requests;
use crate::load::{Pace, Plan};
use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, Subject, path_of, run};

/// The rate that must be sustained.
const RATE: f64 = 10_000.0;
const SUSTAINED: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 256;
const SAMPLE_EVERY: Duration = Duration::from_millis(500);
/// Runs accepted but not finished that do not count as a backlog: a fifth of a second's work.
const BACKLOG_SLACK: f64 = 2_000.0;
const RESIDENT_MEGABYTES_MAX: f64 = 300.0;

const WORKFLOW: &str = r#"
hookmill: 1
name: Bench finish
triggers:
  - webhook:
      auth: { any: [{ shared_key: bench_key }] }
      variables:
        order_id: { type: string, required: true }
        customer_email: { type: string, required: true }
        total: { type: number, required: true }
        items: { type: array, required: true }
steps:
  - id: taxed
    set: { gross: "{{ webhook.total * 1.19 }}" }
  - id: line
    set: { subject: "Order {{ webhook.order_id }}: {{ gross }} for {{ webhook.customer_email }}" }
"#;

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("finish", kind.name());
    let mut subject = bench.start(kind).await?;
    let hook = subject.publish(WORKFLOW).await;
    let address = subject.app.address();
    let closed = bench.closed(address, requests(address, &path_of(&hook, address)?, 1024));

    let begin = Instant::now();
    let outcome = run(closed.clone()).await?;
    subject.settle().await;
    report.figure("at full load, accepted", outcome.rate(), "requests/s");
    let finished = outcome.succeeded_in_all as f64 / begin.elapsed().as_secs_f64();
    report.figure("at full load, finished", finished, "runs/s");

    let open = Plan { pace: Pace::Open { rate: RATE }, connections: CONNECTIONS, length: SUSTAINED, ..closed };
    let begin = Instant::now();
    let mut samples = Samples { backlog: Vec::new(), resident_max: 0.0 };
    // The load ends the sampling: waiting for one more sample would count as time that the runs took.
    let outcome = tokio::select! {
        outcome = run(open) => outcome?,
        never = sample(&mut subject, &mut samples) => match never {},
    };
    let left = subject.settle().await;
    let finished = outcome.succeeded_in_all as f64 / begin.elapsed().as_secs_f64();
    report.check("sustained for 30 s, finished", finished, "runs/s", Target::AtLeast(0.98 * RATE));
    report.latency("answered", &outcome, None);
    report.figure("backlog after the last request gone within", left.as_secs_f64(), "s");
    let third = samples.backlog.len() / 3;
    let growth = mean(&samples.backlog[samples.backlog.len() - third..]) - mean(&samples.backlog[..third]);
    report.check("backlog growth, first to last ten seconds", growth, "runs", Target::AtMost(BACKLOG_SLACK));
    report.check("resident memory at most", samples.resident_max, "MB", Target::AtMost(RESIDENT_MEGABYTES_MAX));
    Ok(report)
}

struct Samples {
    backlog: Vec<f64>,
    resident_max: f64,
}

/// Samples until it is dropped.
async fn sample(subject: &mut Subject, samples: &mut Samples) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(SAMPLE_EVERY).await;
        samples.backlog.push(subject.backlog().await);
        samples.resident_max = samples.resident_max.max(subject.resident_megabytes());
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
