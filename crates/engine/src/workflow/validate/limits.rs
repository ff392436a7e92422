//! How large the parts of a document may be.

use std::ops::RangeInclusive;

use super::Checker;
use crate::workflow::{Step, Workflow};

/// Steps in a document, nested ones included.
pub const STEPS_MAX: usize = 1_000;
/// How deep blocks of steps may nest.
pub const STEP_DEPTH_MAX: usize = 20;
/// Triggers in a document.
pub const TRIGGERS_MAX: usize = 20;
/// Variables that one trigger declares.
pub const VARIABLES_MAX: usize = 200;
/// Declared members and elements inside of the variables of one trigger.
pub const NESTED_VARIABLES_MAX: usize = 1_000;
/// How deep declared members and elements may nest.
pub const VARIABLE_DEPTH_MAX: usize = 16;
/// Secrets that may be right at one place.
pub const SECRETS_MAX: usize = 10;
/// Credentials of one trigger, nested ones included.
pub const CREDENTIALS_MAX: usize = 20;
/// Addresses and networks that one trigger lets in.
pub const ALLOWED_ADDRESSES_MAX: usize = 1_000;
/// Origins that one trigger lets in.
pub const ORIGINS_MAX: usize = 100;
/// Requests that a rate limit may count.
pub const RATE_REQUESTS_MAX: u32 = 1_000_000;
/// Characters of keys and certificates in a document.
pub const PEM_CHARS_MAX: usize = 32 * 1024;
/// Branches of a `parallel` step, cases of a `switch` step.
pub const BRANCHES_MAX: usize = 100;
/// Attempts of a step.
pub const ATTEMPTS_MAX: u32 = 100;
/// Iterations that a `while` step may ask for.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// Iterations of a `for_each` step at once.
pub const LOOP_CONCURRENCY_MAX: u32 = 100;
/// Runs of a workflow at once.
pub const CONCURRENCY_MAX: u32 = 10_000;
/// Characters of names, labels, titles.
pub const NAME_CHARS_MAX: usize = 100;
/// Characters of descriptions.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// Characters of ids and names of variables.
pub const ID_CHARS_MAX: usize = 64;

impl Checker<'_> {
    pub(super) fn within_limits(&mut self, workflow: &Workflow) {
        let (count, depth) = measure(&workflow.steps);
        let mut limit = |key: &str, count: usize, max: usize, what: &str| {
            if count > max {
                self.at.member(key, |at| at.problem("too_many", format!("{count} {what}; the limit is {max}")));
            }
        };
        limit("triggers", workflow.triggers.len(), TRIGGERS_MAX, "triggers");
        limit("steps", count, STEPS_MAX, "steps");
        limit("steps", depth, STEP_DEPTH_MAX, "levels of nesting");
        if workflow.steps.is_empty() {
            self.at.member("steps", |at| at.warn("no_steps", "the workflow does nothing", None));
        }
    }

    pub(super) fn range(&mut self, key: &str, value: u32, allowed: RangeInclusive<u32>) {
        if !allowed.contains(&value) {
            let message = format!("must be {} to {}, not {value}", allowed.start(), allowed.end());
            self.at.member(key, |at| at.problem("out_of_range", message));
        }
    }

    pub(super) fn length(&mut self, key: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if length > max {
            let message = format!("{length} characters; the limit is {max}");
            self.at.member(key, |at| at.problem("too_long", message));
        }
    }

    /// A text that people read in lists.
    pub(super) fn label(&mut self, key: &str, text: &str) {
        self.length(key, text, NAME_CHARS_MAX);
        if text.trim().is_empty() {
            self.at.member(key, |at| at.problem("empty", format!("`{key}` must not be empty")));
        }
        if text.chars().any(char::is_control) {
            self.at.member(key, |at| at.problem("bad_characters", format!("`{key}` must be one line of plain text")));
        }
    }
}

/// How many steps there are, and how deep they nest. Without recursion, since nothing has been checked yet.
fn measure(steps: &[Step]) -> (usize, usize) {
    let (mut count, mut depth) = (0, 0);
    let mut blocks = vec![(steps, 0)];
    while let Some((block, level)) = blocks.pop() {
        count += block.len();
        depth = depth.max(level);
        blocks.extend(block.iter().flat_map(Step::blocks).map(|inner| (inner, level + 1)));
    }
    (count, depth)
}
