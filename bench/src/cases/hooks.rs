//! A hundred thousand hooks: what finding one costs beside ten, and what it takes in memory when all of them were asked for.
//!
//! `OPTIONS` is answered from what is known of the hook and stores nothing, so that it measures the way to the hook alone. Both
//! servers are measured in turn in the same run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_server::ingress::REMEMBERED_BYTES_MAX;

use super::accept::ROUNDS;
use crate::load::{Plan, options};
use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, Subject, median, run};

/// As many as one document may have.
const HOOKS_OF_A_WORKFLOW: usize = 20;
const FEW: usize = 10;
/// Long enough for every hook to be asked once, even if each has to be read.
const ALL_ASKED_WITHIN: Duration = Duration::from_secs(300);
/// What two windows of the same thing may differ by on a machine that does other things.
const SAME_PERCENT: f64 = 90.0;

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("hooks", kind.name());
    let (few, mut many) = (bench.start(kind).await?, bench.start(kind).await?);
    fill(&few, FEW).await;
    let begin = Instant::now();
    fill(&many, bench.hooks).await;
    report.figure("hooks", bench.hooks as f64, "hooks");
    report.figure("published in", begin.elapsed().as_secs_f64(), "s");

    // The same ten, among ten and among all.
    let of = |subject: &Subject, count| bench.closed(subject.app.address(), asked(subject.app.address(), count));
    let (to_few, to_many) = (of(&few, FEW), of(&many, FEW));
    let (mut few_rates, mut many_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        few_rates.push(run(to_few.clone()).await?.rate());
        many_rates.push(run(to_many.clone()).await?.rate());
    }
    let (few_rate, many_rate) = (median(few_rates), median(many_rates));
    report.figure("one of ten", few_rate, "requests/s");
    report.figure("one of ten among all", many_rate, "requests/s");
    report.check("the same among all", 100.0 * many_rate / few_rate, "%", Target::AtLeast(SAME_PERCENT));

    many.app.stop().await;
    many.app.restart();
    let before = many.resident_megabytes();
    report.figure("resident memory before any is asked", before, "MB");
    // Each once: nothing of it can be in a cache.
    let address = many.app.address();
    let once = bench.closed(address, asked(address, bench.hooks));
    let once = Plan { warm_up: Duration::ZERO, length: ALL_ASKED_WITHIN, requests_max: Some(bench.hooks as u64), ..once };
    let outcome = run(once).await?;
    anyhow::ensure!(outcome.succeeded_in_all >= bench.hooks as u64, "only {} were asked in time", outcome.succeeded_in_all);
    report.figure("each asked once", outcome.rate(), "requests/s");
    report.latency("each asked once", &outcome, None);
    let after = many.resident_megabytes();
    report.figure("resident memory when all were asked", after, "MB");
    let limit = Target::AtMost(REMEMBERED_BYTES_MAX as f64 / 1e6);
    report.check("memory for what is remembered", after - before, "MB", limit);
    Ok(report)
}

/// Publishes so many hooks, each with a path of its own.
async fn fill(subject: &Subject, hooks: usize) {
    for first in (0..hooks).step_by(HOOKS_OF_A_WORKFLOW) {
        let triggers: String = (first..hooks.min(first + HOOKS_OF_A_WORKFLOW))
            .map(|number| format!("  - webhook: {{ label: 'hook {number}', path: bench/{number} }}\n"))
            .collect();
        subject.app.publish(&format!("hookmill: 1\nname: Bench hooks {first}\ntriggers:\n{triggers}steps: []\n")).await;
    }
}

/// A request for each of the first so many hooks.
fn asked(address: SocketAddr, hooks: usize) -> Vec<Arc<[u8]>> {
    (0..hooks).map(|number| options(address, &format!("/hooks/main/bench/{number}"))).collect()
}
