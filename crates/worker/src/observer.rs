//! Who counts and logs what becomes of runs.

use hookmill_store::runs::State;

use crate::handed::Head;

/// Hears what becomes of runs, after it was committed. Called on the run's own task, so it must not wait for anything.
pub trait Observer: Send + Sync + 'static {
    /// A run has ended, this long after it was accepted.
    fn ended(&self, run: &Head, state: State, ms: u64);

    /// A run asks how a step ended.
    fn asks(&self, run: &Head);
}
