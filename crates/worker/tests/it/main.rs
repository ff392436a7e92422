//! The worker over a real store: order, recovery, wishes, limits. Nothing here sleeps to be right; everything waits for
//! a run to reach a state, or for the probe action to be entered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod control;
mod fetching;
mod files;
mod lanes;
mod recovery;
mod rescue;
mod rig;
mod silence;
mod takeover;
