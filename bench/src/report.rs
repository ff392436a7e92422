//! The figures as a table for people and as JSON for everything else.

use std::fs;
use std::path::Path;

use anyhow::Context;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::load::Outcome;
use crate::machine::Machine;

/// All that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    cases: Vec<CaseReport>,
}

/// What a case gave on one database.
#[derive(Serialize)]
pub(crate) struct CaseReport {
    case: &'static str,
    database: &'static str,
    figures: Vec<Figure>,
}

/// One measured number, and the target if there is one.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
}

/// What a figure is to reach.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(limit) => format!("≥ {}", number(limit)),
            Self::AtMost(limit) => format!("≤ {}", number(limit)),
        }
    }
}

impl CaseReport {
    pub(crate) fn new(case: &'static str, database: &'static str) -> Self {
        Self { case, database, figures: Vec::new() }
    }

    /// A number without a target.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.push(name.into(), value, unit, None);
    }

    /// A number with a target.
    pub(crate) fn check(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) {
        self.push(name.into(), value, unit, Some(target));
    }

    /// The percentiles of a measurement, in milliseconds.
    pub(crate) fn latency(&mut self, name: &str, outcome: &Outcome, p99_target: Option<Target>) {
        for (label, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)] {
            let milliseconds = outcome.latency.percentile(percent).as_secs_f64() * 1000.0;
            let target = p99_target.filter(|_| label == "p99");
            self.push(format!("{name} {label}"), milliseconds, "ms", target);
        }
    }

    fn push(&mut self, name: String, value: f64, unit: &'static str, target: Option<Target>) {
        let reached = target.map(|target| target.reached(value));
        let verdict = match reached {
            None => "",
            Some(true) => "reached",
            Some(false) => "MISSED",
        };
        say(&format!("  {:<10} {:<9} {name}: {} {unit} {verdict}", self.case, self.database, number(value)));
        self.figures.push(Figure { name, value, unit, target, reached });
    }
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        say(&machine.line());
        Self { machine, cases: Vec::new() }
    }

    pub(crate) fn add(&mut self, case: CaseReport) {
        self.cases.push(case);
    }

    pub(crate) fn all_reached(&self) -> bool {
        self.cases.iter().flat_map(|case| &case.figures).all(|figure| figure.reached != Some(false))
    }

    #[expect(clippy::print_stdout, reason = "the table is what the program is for")]
    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["case", "database", "figure", "value", "unit", "target", ""]);
        for case in &self.cases {
            for figure in &case.figures {
                let target = figure.target.map(Target::text).unwrap_or_default();
                let verdict = figure.reached.map_or("", |reached| if reached { "reached" } else { "MISSED" });
                let value = number(figure.value);
                table.add_row([case.case, case.database, &figure.name, &value, figure.unit, &target, verdict]);
            }
        }
        println!("{}\n\n{table}", self.machine.line());
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 1000.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// Progress, beside the table on standard output.
#[expect(clippy::print_stderr, reason = "a measurement of minutes shows where it is")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
