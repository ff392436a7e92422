//! `hookmill verify`: checks everything that is stored, beside a running server or without one. Changes nothing.

use clap::Args;
use hookmill_store::verify::{Part, Progress, Report};
use indicatif::ProgressBar;
use serde_json::json;

use super::exit::{Exit, Failed, Result};
use super::local::{Local, open_beside};
use super::progress;
use super::screen::{Screen, Shown, single_line, table};

/// Check everything that is stored: structure, checksums, journals against runs.
#[derive(Args)]
pub(crate) struct Verify {
    /// Print one JSON object a finding, and one with the counts.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

impl Verify {
    pub(crate) async fn run(self) -> Result<()> {
        let store = open_beside(&self.local.load(Vec::new())?).await?;
        let mut bars = Bars { bar: ProgressBar::hidden(), part: None };
        let verified = store.verify(|progress| bars.tell(progress)).await;
        bars.bar.finish_and_clear();
        store.close().await;
        tell(&verified?, Screen { json: self.json })
    }
}

/// One bar after the other, one a part.
struct Bars {
    bar: ProgressBar,
    part: Option<Part>,
}

impl Bars {
    fn tell(&mut self, progress: Progress) {
        if self.part != Some(progress.part) {
            self.bar.finish_and_clear();
            self.bar = progress::bar(&format!("Checking {}", name(progress.part)), progress.of);
            self.part = Some(progress.part);
        }
        self.bar.set_position(progress.looked_at);
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Structure => "structure",
        Part::Deliveries => "deliveries",
        Part::Runs => "runs",
        Part::Journal => "journal",
    }
}

fn tell(report: &Report, screen: Screen) -> Result<()> {
    let count = report.findings.len() as u64 + report.findings_left_out;
    if screen.json {
        for finding in &report.findings {
            screen.json_line(&json!({ "part": name(finding.part), "id": finding.id, "what": finding.what }));
        }
        let Report { deliveries, runs, journals, findings_left_out, .. } = report;
        screen.json_line(&json!({
            "ok": count == 0, "deliveries": deliveries, "runs": runs, "journals": journals,
            "findings": count, "findings_left_out": findings_left_out
        }));
    } else {
        let row = |finding: &hookmill_store::verify::Finding| {
            let texts = [name(finding.part).to_owned(), finding.id.clone(), single_line(&finding.what)];
            texts.into_iter().map(Shown::from).collect()
        };
        if count > 0 {
            table(vec!["part", "id", "what is wrong"], report.findings.iter().map(row).collect());
        }
        let checked = format!("{} deliveries, {} runs, {} journals", report.deliveries, report.runs, report.journals);
        screen.say(&format!(
            "Checked {checked}: {}.",
            if count == 0 { "all well".to_owned() } else { format!("{count} findings") }
        ));
    }
    if count == 0 { Ok(()) } else { Err(Failed::told(Exit::Failed)) }
}
