//! Runs: what has happened, and what must happen next.
//!
//! The journal of a run holds only external facts ([`Event`]); everything else follows from them and the document.

mod at;
mod change;
mod event;
mod failure;
mod retry;
mod view;

pub use at::{StepAt, idempotency_key};
pub use change::{Answer, Change, Outcome, Pending, Safety};
pub use event::{AttemptResult, Entry, Event, LogLevel, LogLine, Resolution};
pub use failure::{Failure, code};
pub use retry::{ATTEMPTS_MAX, DELAY_DEFAULT, DELAY_MAX_DEFAULT, RETRY_AFTER_MAX, delay};
pub use view::{AttemptView, StepState, StepView, StepsView};
