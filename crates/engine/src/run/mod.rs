//! Runs: what has happened, and what must happen next.
//!
//! The journal of a run holds only external facts ([`Event`]); everything else follows from them and the document.
//! [`RunState::start`] begins a run, [`decide`] lets an event happen to it and tells what must be done ([`Change`]), and
//! [`fold`] rebuilds it from its journal: the same code, so that recovery cannot mean something else than running.
//!
//! What this leaves to others: performing attempts, keeping timers, storing entries, and which of them to commit when.

mod at;
mod change;
mod control;
mod decide;
mod event;
mod failure;
mod fiber;
mod frame;
mod machine;
mod program;
mod retry;
mod shown;
mod state;
mod view;

pub use at::{StepAt, idempotency_key};
pub use change::{Answer, Change, Outcome, Pending, Safety};
pub use decide::decide;
pub use event::{AttemptResult, Entry, Event, LogLevel, LogLine, Resolution};
pub use failure::{Failure, code};
pub use machine::{RUN_STATE_BYTES_MAX, STEPS_AT_ONCE_MAX};
pub use program::{LANE_BYTES_MAX, Program};
pub use retry::{ATTEMPTS_MAX, DELAY_DEFAULT, DELAY_MAX_DEFAULT, RETRY_AFTER_MAX, delay};
pub use shown::{
    ATTEMPTS_SHOWN_MAX, LOG_LINES_SHOWN_MAX, OUTPUT_SHOWN_BYTES_MAX, STEPS_SHOWN_FAILED_MAX, STEPS_SHOWN_FIRST_MAX,
    STEPS_SHOWN_LAST_MAX,
};
pub use state::{RunInput, RunState, attempt_input, fold};
pub use view::{AttemptView, StepState, StepView, StepsView};

#[cfg(test)]
mod tests;
