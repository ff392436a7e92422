//! Keeps this node's ownership true: claims buckets at start, renews the lease, takes its share when nodes come and go.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookmill_engine::time::Span;
use hookmill_store::buckets::{BUCKET_LEASE, BUCKETS, Owned};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::error::Error;
use crate::worker::Inner;

/// How often the lease is renewed, and how often this node looks for buckets that nobody owns.
const RENEW: Duration = Duration::from_secs(3);
/// A node that was not heard of for so long does not count any more.
const HEARD: Span = Span(12_000);
/// This much before its end a lease counts as lost, so that no effect is begun that another node may begin too.
const MARGIN: Duration = Duration::from_secs(2);

/// So long after buckets were won, runs of their former owner are looked for once more: what it had sent to the database
/// when it died may have been committed after the first look. No write takes longer.
const LATE: Duration = Duration::from_secs(15);

/// The loop. With one node that owns everything for ever there is nothing to do.
pub(crate) async fn run(inner: Arc<Inner>) {
    if !inner.store.is_shared() {
        return;
    }
    let mut look_again = Some(Instant::now() + LATE);
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(RENEW) => {}
        }
        match renew(&inner).await {
            Ok(true) => look_again = Some(Instant::now() + LATE),
            Ok(false) => {}
            Err(problem) => error!(error = %problem, "The lease of this node could not be renewed: {problem}"),
        }
        if look_again.take_if(|at| *at <= Instant::now()).is_some() {
            inner.abandoned.store(true, Ordering::Release);
            inner.timers.ring();
        }
    }
}

/// Renews what this node owns, takes its share of what nobody owns, and gives up what is more than its share. `true`:
/// there are buckets that were not ours before.
pub(crate) async fn renew(inner: &Inner) -> Result<bool, Error> {
    let begun = Instant::now();
    let now = inner.clock.now();
    inner.store.keep_node(now).await?;
    let mut owned = inner.store.renew_buckets(now).await?;
    let share = share(inner).await?;
    if owned.count() < share {
        let wanted = u16::try_from(share - owned.count()).unwrap_or(BUCKETS);
        owned = inner.store.claim_buckets(wanted, now).await?;
    } else if let Some(first) = surplus(&owned, share) {
        inner.store.release_buckets(first).await?;
        owned = inner.store.owned_buckets().await?;
    }
    let until = inner.store.is_shared().then(|| begun + Duration::from_millis(BUCKET_LEASE.0) - MARGIN);
    let count = owned.count();
    let won = inner.ownership.set(owned, until);
    if won {
        info!(buckets = count, "This node owns {count} of {BUCKETS} buckets");
        inner.abandoned.store(true, Ordering::Release);
        // Whoever owned them may have died between the end of a lane's holder and waking the next.
        inner.doubt();
        inner.queue.spill();
        inner.timers.ring();
    }
    Ok(won)
}

/// How many buckets this node should own.
async fn share(inner: &Inner) -> Result<usize, Error> {
    if !inner.store.is_shared() {
        return Ok(usize::from(BUCKETS));
    }
    let now = inner.clock.now();
    let nodes = inner.store.nodes().await?.iter().filter(|node| node.heard_within(HEARD, now)).count().max(1);
    Ok(usize::from(BUCKETS).div_ceil(nodes))
}

/// The first of the buckets to be given up, if this node has more than its share.
fn surplus(owned: &Owned, share: usize) -> Option<u16> {
    (0..BUCKETS).filter(|bucket| owned.epoch(*bucket).is_some()).nth(share)
}

/// Gives everything back, so that other nodes need not wait for the lease to end.
pub(crate) async fn release(inner: &Inner) {
    let released = async {
        inner.store.release_buckets(0).await?;
        inner.store.leave().await
    };
    if let Err(problem) = released.await {
        warn!(error = %problem, "The lease could not be given back; it ends by itself: {problem}");
    }
}
