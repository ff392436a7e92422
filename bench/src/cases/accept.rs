//! Accept: shared key checked, four variables validated, 1 KB stored, answered. The workflow has no steps.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::load::{Outcome, Pace, Plan, post};
use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, cpu_time, median, path_of, run};

/// Windows of each server, in turn: the machine's other tenants come and go.
pub(super) const ROUNDS: usize = 3;
/// How long latency is measured.
const OPEN_LENGTH: Duration = Duration::from_secs(10);
/// Connections of the open loop: enough that none is waited for.
const OPEN_CONNECTIONS: usize = 256;
/// Different bodies, taken in turn.
pub(super) const BODIES: usize = 64;

/// What the case publishes; others use it too.
pub(super) const WORKFLOW: &str = r"
hookmill: 1
name: Bench accept
triggers:
  - webhook:
      auth: { any: [{ shared_key: bench_key }] }
      variables:
        order_id: { type: string, required: true }
        customer_email: { type: string, required: true }
        total: { type: number, required: true }
        items: { type: array, required: true }
steps: []
";

/// An order of about so many bytes that the workflow accepts.
pub(super) fn order(number: usize, bytes: usize) -> Vec<u8> {
    let mut items = Vec::new();
    let mut length = 130;
    while length + 30 < bytes {
        let item = json!({ "sku": format!("SKU-{:05}", items.len()), "qty": items.len() % 9 + 1, "note": "leave at the door" });
        length += item.to_string().len() + 1;
        items.push(item);
    }
    let order = json!({
        "order_id": format!("2026-{number:06}"),
        "customer_email": format!("customer{number}@example.com"),
        "total": 129.5 + number as f64,
        "items": items,
    });
    order.to_string().into_bytes()
}

/// Requests with bodies of about that size.
pub(super) fn requests(address: SocketAddr, path: &str, bytes: usize) -> Vec<Arc<[u8]>> {
    let target = format!("{path}?key=bench-key");
    (0..BODIES).map(|number| post(address, &target, &[], &order(number, bytes))).collect()
}

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("accept", kind.name());
    let bare = bench.start_bare()?;
    let mut subject = bench.start(kind).await?;
    let hook = subject.publish(WORKFLOW).await;
    let address = subject.app.address();
    let to_bare = bench.closed(bare.address, requests(bare.address, "/hooks/bare", 1024));
    let to_hook = bench.closed(address, requests(address, &path_of(&hook, address)?, 1024));

    let (mut bare_rates, mut rates, mut settling) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare_cpu, mut cpu) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..ROUNDS {
        let before = cpu_time(&bare);
        let outcome = run(to_bare.clone()).await?;
        bare_rates.push(outcome.rate());
        bare_cpu.push(microseconds_each(cpu_time(&bare) - before, &outcome));
        let before = subject.cpu_time();
        let outcome = run(to_hook.clone()).await?;
        rates.push(outcome.rate());
        settling.push(subject.settle().await.as_secs_f64());
        cpu.push(microseconds_each(subject.cpu_time() - before, &outcome));
        last = Some(outcome);
    }
    report.figure("CPU of the bare server", median(bare_cpu), "µs/request");
    report.figure("CPU of the server, run included", median(cpu), "µs/request");
    let (bare_rate, rate) = (median(bare_rates), median(rates));
    report.figure("bare server", bare_rate, "requests/s");
    report.figure("accepted", rate, "requests/s");
    let share = match kind {
        DatabaseKind::Sqlite => 45.0,
        DatabaseKind::Postgres => 22.0,
    };
    report.check("share of the bare server's rate", 100.0 * rate / bare_rate, "%", Target::AtLeast(share));
    if let Some(outcome) = last {
        report.latency("closed loop", &outcome, None);
    }
    report.figure("runs finished after the window within", median(settling), "s");

    let half = Pace::Open { rate: rate / 2.0 };
    let open = |plan: &Plan, length| Plan { pace: half, connections: OPEN_CONNECTIONS, length, ..plan.clone() };
    let baseline = run(open(&to_bare, OPEN_LENGTH / 2)).await?;
    report.latency("bare server at that rate", &baseline, None);
    let outcome = run(open(&to_hook, OPEN_LENGTH)).await?;
    report.figure("open loop", outcome.rate(), "requests/s");
    let target = (kind == DatabaseKind::Sqlite).then_some(Target::AtMost(10.0));
    report.latency("open loop", &outcome, target);
    subject.settle().await;
    Ok(report)
}

fn microseconds_each(cpu: Duration, outcome: &Outcome) -> f64 {
    cpu.as_secs_f64() * 1e6 / outcome.succeeded_in_all as f64
}
