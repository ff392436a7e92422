//! What a workflow is and what must happen next.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness, no async, no SQL. Time and seeds
//! come in as values, so that a run folded again from its journal gives the same result on any machine.
//!
//! - [`workflow`]: the document people write, its text form, its problems.
//! - [`request`]: what a webhook request says: body parsing, declared variables.
//! - [`expression`]: `{{ … }}`.
//! - [`contact`]: the person that a request is about.
//! - [`sample`]: variables inferred from an example of what is sent.
//! - [`run`]: run state as the fold of the journal, and [`run::decide`].

pub mod contact;
pub mod expression;
pub mod id;
pub mod request;
pub mod run;
pub mod sample;
pub mod time;
pub mod workflow;
