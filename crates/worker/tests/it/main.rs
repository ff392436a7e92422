//! The worker over a real store: order, recovery, wishes, limits. Nothing here sleeps to be right; everything waits for
//! a run to reach a state, or for the probe action to be entered.

mod control;
mod lanes;
mod recovery;
mod rig;
