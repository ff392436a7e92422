//! Accepting bodies of 1, 16 and 160 KB.

use super::accept::{WORKFLOW, requests};
use crate::report::CaseReport;
use crate::subject::{Bench, DatabaseKind, median, path_of, run};

const SIZES_KIB: [usize; 3] = [1, 16, 160];
const ROUNDS: usize = 3;

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("bodies", kind.name());
    let bare = bench.start_bare()?;
    let subject = bench.start(kind).await?;
    let hook = subject.publish(WORKFLOW).await;
    let address = subject.app.address();
    let path = path_of(&hook, address)?;
    for size in SIZES_KIB {
        let mut to_bare = bench.closed(bare.address, requests(bare.address, "/hooks/bare", size * 1024));
        let mut to_hook = bench.closed(address, requests(address, &path, size * 1024));
        to_bare.length /= 2;
        to_hook.length /= 2;
        let (mut bare_rates, mut rates) = (Vec::new(), Vec::new());
        let mut last = None;
        for _ in 0..ROUNDS {
            bare_rates.push(run(to_bare.clone()).await?.rate());
            let outcome = run(to_hook.clone()).await?;
            rates.push(outcome.rate());
            last = Some(outcome);
            subject.settle().await;
        }
        let (bare_rate, rate) = (median(bare_rates), median(rates));
        report.figure(format!("{size} KB, bare server"), bare_rate, "requests/s");
        report.figure(format!("{size} KB, accepted"), rate, "requests/s");
        report.figure(format!("{size} KB, accepted"), rate * size as f64 / 1024.0, "MB/s");
        report.figure(format!("{size} KB, share of the bare server's rate"), 100.0 * rate / bare_rate, "%");
        if let Some(outcome) = last {
            report.latency(&format!("{size} KB, closed loop"), &outcome, None);
        }
    }
    Ok(report)
}
