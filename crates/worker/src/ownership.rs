//! Which buckets this node owns, and under which epoch. Every run lies in a bucket; only the bucket's owner executes it.
//!
//! With SQLite there is one node and it owns everything for as long as it lives. With PostgreSQL the lease loop
//! ([`crate::lease`]) keeps this true; a node that could not renew its lease in time owns nothing any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hookmill_engine::id::WorkflowId;
use hookmill_store::bucket_of;
use hookmill_store::buckets::{BUCKETS, Owned};
use hookmill_store::nodes::NodeId;
use parking_lot::RwLock;
use tokio::time::Instant;

/// The buckets of this node.
pub(crate) struct Ownership {
    held: RwLock<Held>,
    turn: AtomicU32,
}

struct Held {
    owned: Arc<Owned>,
    /// The numbers of the buckets in `owned`.
    buckets: Vec<u16>,
    /// Ours until then; `None`: for as long as the process lives.
    until: Option<Instant>,
}

impl Ownership {
    pub(crate) fn new(node: NodeId) -> Self {
        let held = Held { owned: Arc::new(Owned::nothing(node)), buckets: Vec::new(), until: None };
        Self { held: RwLock::new(held), turn: AtomicU32::new(0) }
    }

    /// What the lease loop has learnt. `true`: there are buckets among them that were not ours before.
    pub(crate) fn set(&self, owned: Owned, until: Option<Instant>) -> bool {
        let mut held = self.held.write();
        let buckets: Vec<u16> = (0..BUCKETS).filter(|bucket| owned.epoch(*bucket).is_some()).collect();
        let won = buckets.iter().any(|bucket| owned.epoch(*bucket) != held.owned.epoch(*bucket));
        *held = Held { owned: Arc::new(owned), buckets, until };
        won
    }

    /// Where to put the next run: any bucket of ours in turn. Without one, any bucket at all with epoch 0: its owner
    /// will find the run.
    fn any(&self) -> (u16, i64) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let held = self.held.read();
        if held.buckets.is_empty() || !held.in_time() {
            let bucket = u16::try_from(turn % u32::from(BUCKETS)).expect("smaller than BUCKETS");
            return (bucket, 0);
        }
        let bucket = held.buckets[turn as usize % held.buckets.len()];
        (bucket, held.owned.epoch(bucket).unwrap_or(0))
    }

    /// The bucket of a lane, with the epoch if it is ours, else 0.
    fn of_lane(&self, workflow: WorkflowId, lane: &str) -> (u16, i64) {
        let mut key = workflow.0.to_be_bytes().to_vec();
        key.extend_from_slice(lane.as_bytes());
        let bucket = bucket_of(&key);
        let held = self.held.read();
        (bucket, held.owned.epoch(bucket).filter(|_| held.in_time()).unwrap_or(0))
    }

    /// Where to put a run: [`Ownership::of_lane`] with a lane, else [`Ownership::any`].
    pub(crate) fn place(&self, workflow: WorkflowId, lane: Option<&str>) -> (u16, i64) {
        lane.map_or_else(|| self.any(), |lane| self.of_lane(workflow, lane))
    }

    /// Everything that is ours now.
    pub(crate) fn owned(&self) -> Option<Arc<Owned>> {
        let held = self.held.read();
        held.in_time().then(|| held.owned.clone())
    }

    /// Whether a run of this bucket and epoch is ours. `None`: the lease has run out and may or may not be renewed.
    pub(crate) fn still(&self, bucket: u16, epoch: i64) -> Option<bool> {
        let held = self.held.read();
        held.in_time().then(|| held.owned.epoch(bucket) == Some(epoch))
    }
}

impl Held {
    fn in_time(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}
