//! An empty server at rest.

use std::time::{Duration, Instant};

use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind};

/// What a server does after it is ready is over by then.
const REST: Duration = Duration::from_secs(3);

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("idle", kind.name());
    let mut subject = bench.start(kind).await?;
    tokio::time::sleep(REST).await;
    report.check("resident memory", subject.resident_megabytes(), "MB", Target::AtMost(50.0));
    subject.app.stop().await;
    let begin = Instant::now();
    subject.app.restart();
    report.figure("start to ready", begin.elapsed().as_secs_f64(), "s");
    Ok(report)
}
