//! Which step occurrences are kept to be shown.

use std::collections::VecDeque;

use super::program::{Node, NodeIndex, Program};
use super::view::{AttemptView, StepState, StepView, StepsView};
use super::{Failure, LogLine, StepAt};
use crate::expression::{Value, bytes_up_to, to_json};
use crate::time::Timestamp;

/// Of the occurrences in loops, this many of the first are kept …
pub const STEPS_SHOWN_FIRST_MAX: usize = 100;
/// … this many of the last …
pub const STEPS_SHOWN_LAST_MAX: usize = 100;
/// … and this many of the last that failed. Occurrences outside of loops are all kept.
pub const STEPS_SHOWN_FAILED_MAX: usize = 100;
/// The largest output of a step in a loop that is shown, in bytes.
pub const OUTPUT_SHOWN_BYTES_MAX: usize = 16 * 1024;
/// Of the attempts of an occurrence, this many of the last are shown.
pub const ATTEMPTS_SHOWN_MAX: usize = 20;
/// Of the log lines of an occurrence, this many of the first are shown.
pub const LOG_LINES_SHOWN_MAX: usize = 100;

/// What is remembered of an occurrence.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) at: StepAt,
    pub(super) node: NodeIndex,
    pub(super) state: StepState,
    pub(super) output: Option<Value>,
    output_left_out: bool,
    pub(super) error: Option<Failure>,
    pub(super) attempts: VecDeque<AttemptView>,
    logs: Vec<LogLine>,
    logs_left_out: u64,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl Record {
    pub(super) fn new(number: u64, at: StepAt, node: NodeIndex, started_at: Timestamp) -> Self {
        Self {
            number,
            at,
            node,
            state: StepState::Running,
            output: None,
            output_left_out: false,
            error: None,
            attempts: VecDeque::new(),
            logs: Vec::new(),
            logs_left_out: 0,
            started_at,
            ended_at: None,
        }
    }

    pub(super) fn attempt(&mut self, attempt: AttemptView) {
        if self.attempts.len() == ATTEMPTS_SHOWN_MAX {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }

    pub(super) fn log(&mut self, lines: &[LogLine]) {
        let room = LOG_LINES_SHOWN_MAX - self.logs.len();
        self.logs.extend(lines.iter().take(room).cloned());
        self.logs_left_out += lines.len().saturating_sub(room) as u64;
    }

    fn view(&self, node: &Node) -> StepView {
        StepView {
            at: self.at.clone(),
            id: node.id.clone(),
            title: node.title.clone(),
            kind: node.kind_name.clone(),
            state: self.state,
            output: self.output.as_ref().map(to_json),
            output_left_out: self.output_left_out,
            error: self.error.clone(),
            attempts: self.attempts.iter().cloned().collect(),
            logs: self.logs.clone(),
            logs_left_out: self.logs_left_out,
            started_at: Some(self.started_at),
            ended_at: self.ended_at,
        }
    }
}

/// The records of the occurrences that have ended.
#[derive(Debug)]
pub(super) struct Shown {
    begun: u64,
    begun_in_loops: usize,
    /// Occurrences outside of loops, and the first ones inside.
    kept: Vec<Record>,
    last: VecDeque<Record>,
    failed: VecDeque<Record>,
    left_out: u64,
    /// By node: whether it was ever reached.
    reached: Vec<bool>,
}

impl Shown {
    pub(super) fn new(node_count: usize) -> Self {
        Self {
            begun: 0,
            begun_in_loops: 0,
            kept: Vec::new(),
            last: VecDeque::new(),
            failed: VecDeque::new(),
            left_out: 0,
            reached: vec![false; node_count],
        }
    }

    pub(super) fn begin(&mut self, at: StepAt, node: NodeIndex, now: Timestamp) -> Record {
        self.begun += 1;
        self.reached[node] = true;
        Record::new(self.begun, at, node, now)
    }

    pub(super) fn end(&mut self, mut record: Record, state: StepState, in_loop: bool, now: Timestamp) {
        record.state = state;
        record.ended_at = Some(now);
        if !in_loop {
            return self.kept.push(record);
        }
        if record.output.as_ref().is_some_and(|output| bytes_up_to(output, OUTPUT_SHOWN_BYTES_MAX) > OUTPUT_SHOWN_BYTES_MAX) {
            record.output = None;
            record.output_left_out = true;
        }
        self.begun_in_loops += 1;
        if self.begun_in_loops <= STEPS_SHOWN_FIRST_MAX {
            return self.kept.push(record);
        }
        let (ring, limit) = match record.error {
            Some(_) => (&mut self.failed, STEPS_SHOWN_FAILED_MAX),
            None => (&mut self.last, STEPS_SHOWN_LAST_MAX),
        };
        if ring.len() == limit {
            ring.pop_front();
            self.left_out += 1;
        }
        ring.push_back(record);
    }

    /// What is kept, the occurrences under way among it.
    pub(super) fn view<'a>(&'a self, program: &Program, live: impl Iterator<Item = &'a Record>, ended: bool) -> StepsView {
        let mut under_way = vec![false; program.nodes.len()];
        let live: Vec<&Record> = live.inspect(|record| under_way[record.node] = true).collect();
        let mut records: Vec<&Record> = self.kept.iter().chain(&self.last).chain(&self.failed).chain(live).collect();
        records.sort_by_key(|record| record.number);
        let mut steps: Vec<StepView> = records.into_iter().map(|record| record.view(&program.nodes[record.node])).collect();
        for (index, node) in program.nodes.iter().enumerate() {
            let over = match node.parent {
                Some(parent) => ended || self.reached[parent] && !under_way[parent],
                None => ended,
            };
            if !node.in_loop && !self.reached[index] && over {
                steps.push(skipped(node));
            }
        }
        StepsView { steps, left_out: self.left_out }
    }
}

fn skipped(node: &Node) -> StepView {
    StepView {
        at: StepAt::new(node.label.clone()),
        id: node.id.clone(),
        title: node.title.clone(),
        kind: node.kind_name.clone(),
        state: StepState::Skipped,
        output: None,
        output_left_out: false,
        error: None,
        attempts: Vec::new(),
        logs: Vec::new(),
        logs_left_out: 0,
        started_at: None,
        ended_at: None,
    }
}
