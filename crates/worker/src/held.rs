//! Lets go what paused hooks held, once they are active again: in the order of reception, some at a time.
//!
//! What is still held stands in the store ([`hookmill_store::deliveries::Released`]); a process that ends goes on at its
//! next start, and with PostgreSQL another node does.

use std::sync::Arc;

use hookmill_engine::id::HookId;
use hookmill_store::deliveries::Released;
use tracing::info;

use crate::error::Error;
use crate::rounds;
use crate::worker::{Inner, Worker};

impl Worker {
    /// Looks for held deliveries whose hook is active, and lets them go. To be called after a hook became active, and by who
    /// held something without being sure that the hook was still paused.
    pub fn look_for_held(&self) {
        self.inner.held.notify_one();
    }
}

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    while rounds::next(&inner, &inner.held, "Held deliveries", pass(&inner).await).await {}
}

async fn pass(inner: &Inner) -> Result<(), Error> {
    let mut after = None;
    while let Some(hook) = inner.store.next_holding(after).await? {
        release(inner, hook).await?;
        after = Some(hook);
    }
    Ok(())
}

async fn release(inner: &Inner, hook: HookId) -> Result<(), Error> {
    let mut released = 0;
    while !inner.stop.is_cancelled() {
        match inner.store.release_held(hook, inner.clock.now()).await? {
            Released::Some(count) => released += count,
            Released::Nothing | Released::Shut => break,
        }
        inner.timers.ring();
    }
    if released > 0 {
        info!(hook.id = %hook, deliveries = released, "Let {released} held deliveries of hook {hook} go");
    }
    Ok(())
}
