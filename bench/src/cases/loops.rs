//! Loops of thousands of iterations: linear in time, whether or not an iteration is journaled.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, Subject, median};

const SHORT: usize = 10_000;
const LONG: usize = 20_000;
const REPEATS: usize = 3;
/// A loop that takes longer is a failure of the bench.
const FINISH_WITHIN: Duration = Duration::from_secs(120);

const PURE: &str = r#"set: { sum: "{{ item + 1 }}" }"#;
const JOURNALED: &str = r#"{ use: log, with: { message: "item {{ item }}" } }"#;

pub(super) async fn measure(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new("loops", kind.name());
    let subject = bench.start(kind).await?;
    let pure_short = time(&subject, "pure", PURE, SHORT).await?;
    let pure_long = time(&subject, "pure", PURE, LONG).await?;
    report.check("10,000 pure iterations", pure_short, "s", Target::AtMost(1.0));
    report.figure("20,000 pure iterations", pure_long, "s");
    report.check("20,000 pure take, against 10,000", pure_long / pure_short, "times", Target::AtMost(2.2));
    let journaled_short = time(&subject, "journaled", JOURNALED, SHORT).await?;
    let journaled_long = time(&subject, "journaled", JOURNALED, LONG).await?;
    report.check("10,000 journaled iterations", journaled_short, "s", Target::AtMost(5.0));
    report.figure("20,000 journaled iterations", journaled_long, "s");
    report.figure("20,000 journaled take, against 10,000", journaled_long / journaled_short, "times");
    Ok(report)
}

/// Seconds from sending the webhook to the answer that its run has ended.
async fn time(subject: &Subject, name: &str, step: &str, iterations: usize) -> anyhow::Result<f64> {
    let workflow = format!(
        r#"
hookmill: 1
name: Bench loop {name}
triggers:
  - webhook:
      auth: {{ any: [{{ shared_key: bench_key }}] }}
      response: {{ mode: when_finished, deadline: 110s, body: {{ run: "{{{{ run.id }}}}" }} }}
      variables:
        items: {{ type: array, required: true }}
steps:
  - id: each
    for_each: "{{{{ webhook.items }}}}"
    as: item
    do:
      - {step}
"#
    );
    let mut hook = subject.publish(&workflow).await;
    hook.url.push_str("?key=bench-key");
    let items: Vec<usize> = (0..iterations).collect();
    let body = json!({ "items": items });
    let mut seconds = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let begin = Instant::now();
        let answer = tokio::time::timeout(FINISH_WITHIN, subject.app.send(&hook, &body)).await?;
        seconds.push(begin.elapsed().as_secs_f64());
        anyhow::ensure!(answer.status == 200, "the run of {name} did not succeed ({}): {}", answer.status, answer.text());
    }
    Ok(median(seconds))
}
