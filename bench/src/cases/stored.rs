//! A million stored runs: how fast the server starts, and how fast deep pages are.

use std::time::{Duration, Instant};

use super::accept::{WORKFLOW, requests};
use crate::load::Plan;
use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, Subject, median, path_of, run};

const BODY_BYTES: usize = 256;
const PAGE: usize = 50;
const DEEP_PAGE: usize = 1_000;
const FILL_WITHIN: Duration = Duration::from_secs(600);
const REPEATS: usize = 5;
const PAGE_MILLISECONDS_MAX: f64 = 50.0;

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("stored", kind.name());
    let mut subject = bench.start(kind).await?;
    let hook = subject.publish(WORKFLOW).await;
    let address = subject.app.address();
    let closed = bench.closed(address, requests(address, &path_of(&hook, address)?, BODY_BYTES));
    let begin = Instant::now();
    let fill = Plan { warm_up: Duration::ZERO, length: FILL_WITHIN, requests_max: Some(bench.stored_runs), ..closed };
    let outcome = run(fill).await?;
    subject.settle().await;
    report.figure("runs stored", outcome.succeeded_in_all as f64, "runs");
    report.figure("filled by webhooks in", begin.elapsed().as_secs_f64(), "s");
    report.figure("accepted while filling", outcome.rate(), "requests/s");

    subject.app.stop().await;
    let begin = Instant::now();
    subject.app.restart();
    report.check("start to ready", begin.elapsed().as_secs_f64(), "s", Target::AtMost(1.0));
    report.figure("resident memory after the start", subject.resident_megabytes(), "MB");
    time_pages(&subject, &mut report).await?;
    Ok(report)
}

async fn time_pages(subject: &Subject, report: &mut CaseReport) -> anyhow::Result<()> {
    let first = format!("/api/v1/deliveries?limit={PAGE}");
    let most = Target::AtMost(PAGE_MILLISECONDS_MAX);
    report.check("page 1 of deliveries", time_page(subject, &first).await, "ms", most);
    // Pages are reached one from the other: each names the next.
    let mut path = first.clone();
    let mut slowest = 0f64;
    for page in 2..=DEEP_PAGE {
        let begin = Instant::now();
        let answer = subject.app.client().get(&path).await;
        slowest = slowest.max(begin.elapsed().as_secs_f64() * 1000.0);
        let Some(next) = answer["next"].as_str() else { anyhow::bail!("there is no page {page} of {first}") };
        path = format!("{first}&cursor={next}");
    }
    report.figure("slowest page on the way", slowest, "ms");
    report.check("page 1,000 of deliveries", time_page(subject, &path).await, "ms", most);
    Ok(())
}

/// The middle one of a few requests for the same page, in milliseconds.
async fn time_page(subject: &Subject, path: &str) -> f64 {
    let mut times = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let begin = Instant::now();
        let items = subject.app.client().list(path).await;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(items.len(), PAGE, "a whole page of {path}");
    }
    median(times)
}
