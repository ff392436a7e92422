//! `hookmill verify`: checks everything that is stored, beside a running server or without one. Changes nothing.
//!
//! The store checks what can be seen in the rows; here each journal is folded as the server would after a restart, and
//! must lead to the state that the row of its run tells.

use clap::Args;
use hookmill_actions::Registry;
use hookmill_actions::net::{Net, NetPolicy};
use hookmill_engine::id::RunId;
use hookmill_engine::run::{Outcome, RunState};
use hookmill_store::Store;
use hookmill_store::runs::{RunFilter, RunRow, State};
use hookmill_store::verify::{FINDINGS_MAX, Finding, Part, Progress, Report};
use hookmill_worker::{Programs, fold_stored};
use indicatif::ProgressBar;
use serde_json::json;

use super::exit::{Exit, Failed, Result};
use super::local::{Local, open_beside};
use super::screen::{Screen, Shown, single_line, table};
use super::{progress, stored_files};
use crate::serve::files_folder;

/// Runs that are looked up at once.
const RUNS_AT_ONCE: usize = 500;

/// The codes of runs that the worker ended because it could not load them.
const UNLOADABLE: [&str; 3] = ["run_unloadable", "revision_unrunnable", "run_stuck"];

/// Check everything that is stored: structure, checksums, journals against runs.
#[derive(Args)]
pub(crate) struct Verify {
    /// Print one JSON object a finding, and one with the counts.
    #[arg(long)]
    json: bool,
    /// Do not fold the journals, which takes the longest.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    local: Local,
}

impl Verify {
    pub(crate) async fn run(self) -> Result<()> {
        let config = self.local.load(Vec::new())?;
        let screen = Screen { json: self.json };
        let store = open_beside(&config).await?;
        let mut bars = Bars { bar: ProgressBar::hidden(), part: None };
        let mut verified = store.verify(|progress| bars.tell(progress)).await;
        bars.bar.finish_and_clear();
        if let (Ok(report), false) = (&mut verified, self.quick)
            && let Err(error) = fold_all(&store, report).await
        {
            verified = Err(error);
        }
        let files = stored_files::check(&store, &files_folder(&config)).await;
        store.close().await;
        let (mut report, (damaged, without_run)) = (verified?, files?);
        damaged.into_iter().for_each(|finding| add(&mut report, finding));
        if without_run > 0 {
            screen.say(&format!("{without_run} runs that are not stored any more have files; they are removed within a day."));
        }
        tell(&report, screen)
    }
}

/// Folds every journal and adds what does not fit its run.
async fn fold_all(store: &Store, report: &mut Report) -> hookmill_store::Result<()> {
    // Nothing is executed, so nothing is reached.
    let programs = Programs::new(store.clone(), Registry::builtin(Net::new(NetPolicy::default())));
    let bar = progress::bar("Folding journals", report.runs);
    let mut before: Option<RunId> = None;
    loop {
        let page = store.runs(&RunFilter { before, ..RunFilter::default() }, RUNS_AT_ONCE).await?;
        for summary in &page.items {
            if let Some(what) = misfit(store, &programs, summary.id).await? {
                add(report, Finding { part: Part::Journal, id: summary.id.to_string(), what });
            }
            bar.inc(1);
        }
        match page.older {
            Some(id) => before = Some(RunId(id)),
            None => break,
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn add(report: &mut Report, finding: Finding) {
    if report.findings.len() < FINDINGS_MAX {
        report.findings.push(finding);
    } else {
        report.findings_left_out += 1;
    }
}

/// What does not fit between a run's row and its journal. A run that moves on meanwhile is looked at again.
async fn misfit(store: &Store, programs: &Programs, id: RunId) -> hookmill_store::Result<Option<String>> {
    let mut seen: Option<(u32, State)> = None;
    loop {
        let Some(run) = store.run(id).await? else { return Ok(None) };
        let now = (run.entries, run.state);
        let what = compare(store, programs, run).await?;
        if what.is_none() || seen == Some(now) {
            return Ok(what);
        }
        seen = Some(now);
    }
}

async fn compare(store: &Store, programs: &Programs, run: RunRow) -> hookmill_store::Result<Option<String>> {
    let state = run.state;
    let error: serde_json::Value = run.error.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // Such a run was ended because it could not be loaded: its row tells why, its journal cannot.
    if state == State::Failed && error["code"].as_str().is_some_and(|code| UNLOADABLE.contains(&code)) {
        return Ok(None);
    }
    match fold_stored(store, programs, run).await {
        Ok(None) => Ok(None),
        Ok(Some(folded)) => {
            let told = told(&folded);
            let fits = told == state.is_final().then_some(state);
            let or = told.map_or_else(|| "still open".to_owned(), |told| told.to_string());
            Ok((!fits).then(|| format!("is {state}, but by its journal it is {or}")))
        }
        // Of drafts that were tried only some are kept; what is open needs its own.
        Err(hookmill_worker::Error::DraftGone(_)) if state.is_final() => Ok(None),
        Err(hookmill_worker::Error::Store(error @ hookmill_store::Error::Unavailable { .. })) => Err(error),
        Err(error) => Ok(Some(format!("cannot be folded: {error}"))),
    }
}

/// How a run ended by its journal.
fn told(folded: &RunState) -> Option<State> {
    folded.outcome().map(|outcome| match outcome {
        Outcome::Succeeded { .. } => State::Succeeded,
        Outcome::Failed(_) => State::Failed,
        Outcome::Cancelled { .. } => State::Cancelled,
    })
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
        Part::Files => "files",
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
        let row = |finding: &Finding| {
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
