//! Nodes: the processes that share a database. Each has a slot, which makes its ids differ from those of the others.
//!
//! On SQLite there is one node, in slot 0. On PostgreSQL a node takes the slot of its former life if that is known to be
//! over (`home.rs`), else the first slot whose lease has ended. That lease is long, because ids of a node that was only
//! asleep must not meet those of its successor.

use hookmill_engine::time::{Span, Timestamp};

use crate::buckets::BUCKET_LEASE;
use crate::db::{Args, Batch, Expect};
use crate::ids::NODE_SLOTS;
use crate::{Error, Result, Store, args};

/// One process, from its start to its end. A restart is another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub i64);

/// How long a slot stays taken after its node was last heard of.
pub const SLOT_LEASE: Span = Span(3_600_000);

/// The slot for processes that only look in, such as the command line. Never registered; it makes few ids.
pub(crate) const GUEST_SLOT: i64 = NODE_SLOTS - 1;

/// Attempts to get a slot when other nodes start at the same moment.
const ATTEMPTS_MAX: usize = 32;

/// A node as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns speak for themselves")]
pub struct Node {
    pub node: NodeId,
    pub slot: i64,
    pub address: String,
    pub started_at: Timestamp,
    pub lease_until: Timestamp,
}

impl Node {
    /// Whether it said within `span` before `now` that it is there.
    pub fn heard_within(&self, span: Span, now: Timestamp) -> bool {
        self.lease_until.plus(span) > now.plus(SLOT_LEASE)
    }
}

const NODES: &str = "SELECT node, slot, address, started_at, lease_until FROM nodes ORDER BY slot";

const REGISTER: &str = "
    INSERT INTO nodes (slot, node, address, started_at, lease_until)
    VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (slot) DO UPDATE
       SET node = $2, address = $3, started_at = $4, lease_until = $5
     WHERE nodes.lease_until < $4";

const INHERIT_SLOT: &str = "
    UPDATE nodes
       SET node = $2, address = $3, started_at = $4, lease_until = $5
     WHERE node = $1
    RETURNING slot";

const INHERIT_BUCKETS: &str = "
    UPDATE buckets
       SET owner = $2, epoch = epoch + 1, lease_until = $3
     WHERE owner = $1";

const KEEP: &str = "UPDATE nodes SET lease_until = $2 WHERE node = $1";

const LEAVE: &str = "DELETE FROM nodes WHERE node = $1";

/// A number that no other process has.
pub(crate) fn new_node_id() -> Result<NodeId> {
    let random = getrandom::u64().map_err(|error| Error::unavailable(format!("no random numbers: {error}")))?;
    // Never 0 and never negative.
    Ok(NodeId(((random >> 1) | 1).cast_signed()))
}

/// Takes a slot for a node and returns it.
pub(crate) async fn register(db: &crate::db::Db, node: NodeId, address: &str, now: Timestamp) -> Result<i64> {
    for _ in 0..ATTEMPTS_MAX {
        let mut taken = std::collections::HashSet::new();
        for row in db.read(NODES, Args::new()).await? {
            if row.int(4)? >= now.0 {
                taken.insert(row.int(1)?);
            }
        }
        let slot = (1..GUEST_SLOT).find(|slot| !taken.contains(slot));
        let slot = slot.ok_or_else(|| Error::unavailable(format!("all {} places for nodes are taken", GUEST_SLOT - 1)))?;
        let mut batch = Batch::new();
        batch.execute(REGISTER, args![slot, node.0, address.to_owned(), now.0, now.plus(SLOT_LEASE).0], Expect::Exactly(1));
        match db.write(batch).await {
            Ok(_) => return Ok(slot),
            Err(Error::Conflict { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Error::unavailable("other nodes took every free place at the same moment; start again"))
}

/// Puts a node in the place of one that is dead for certain: its slot, if it still had one, and its buckets under new
/// epochs. Ids of the slot do not repeat: the dead one makes none any more, and ours begin behind the stored ones.
pub(crate) async fn succeed(
    db: &crate::db::Db,
    former: NodeId,
    node: NodeId,
    address: &str,
    now: Timestamp,
) -> Result<Option<i64>> {
    let mut batch = Batch::new();
    let lease = now.plus(SLOT_LEASE).0;
    batch.execute(INHERIT_SLOT, args![former.0, node.0, address.to_owned(), now.0, lease], Expect::Any);
    batch.execute(INHERIT_BUCKETS, args![former.0, node.0, now.plus(BUCKET_LEASE).0], Expect::Any);
    let written = db.write(batch).await?;
    let slot = written.rows.first().and_then(|rows| rows.first()).map(|row| row.int(0)).transpose()?;
    let buckets = written.counts.get(1).copied().unwrap_or(0);
    if buckets > 0 {
        tracing::info!(buckets, "Took over {buckets} buckets from the former life of this node");
    }
    Ok(slot)
}

impl Store {
    /// All nodes that registered and did not leave.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let rows = self.db().read(NODES, Args::new()).await?;
        let nodes = rows.into_iter().map(|mut row| {
            Ok(Node {
                node: NodeId(row.int(0)?),
                slot: row.int(1)?,
                address: row.take_text(2)?,
                started_at: Timestamp(row.int(3)?),
                lease_until: Timestamp(row.int(4)?),
            })
        });
        nodes.collect()
    }

    /// Says that this node is still there. Nothing to do for one that has no slot.
    pub async fn keep_node(&self, now: Timestamp) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(KEEP, args![self.node().0, now.plus(SLOT_LEASE).0], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }

    /// Gives up the slot, for an orderly end.
    pub async fn leave(&self) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(LEAVE, args![self.node().0], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }
}
