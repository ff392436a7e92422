//! Where a run is going to be stored: its bucket and epoch, and its place in memory if there is one.
//!
//! A run that is stored under this node's epoch but never handed over would be in nobody's memory: its caller was cut
//! off in the middle, or the connection to the database was lost during COMMIT and nobody knows whether it happened. So
//! a berth that is dropped without a hand-over gives the run back in the database, once the accept can only have
//! happened or failed.

use std::sync::Arc;

use hookmill_engine::id::RunId;

use crate::queue::Place;
use crate::rescue;
use crate::worker::Inner;

/// See the module.
pub struct Berth {
    /// The bucket of the run.
    pub bucket: u16,
    /// The epoch of the run: 0 if it is to be fetched from the database later, by this node or another.
    pub epoch: i64,
    run: RunId,
    place: Option<Place>,
    inner: Arc<Inner>,
}

impl Berth {
    pub(crate) fn new(inner: &Arc<Inner>, run: RunId, bucket: u16, epoch: i64, place: Option<Place>) -> Self {
        Self { bucket, epoch: if place.is_some() { epoch } else { 0 }, run, place, inner: inner.clone() }
    }

    /// Gives the place back where it is certain that the run was not stored: nobody has to look for it.
    pub fn unused(self) {
        drop(self.take());
    }

    /// The place in memory; the berth has done its work.
    pub(crate) fn take(mut self) -> Option<Place> {
        self.place.take()
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        if self.place.is_none() {
            return;
        }
        rescue::one(&self.inner, self.run, self.epoch);
    }
}
