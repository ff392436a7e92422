//! Buckets: which node owns which runs.
//!
//! Every run lies in one of 1024 buckets for ever ([`bucket_of`]). A bucket has at most one owner, who holds it by a
//! lease, and an epoch that grows whenever the owner changes. Work is fenced by the epoch and not by the lease: the lease
//! only says when somebody else may try. On SQLite the lock of the data folder makes the process the only node, so it takes
//! all buckets for ever. The code is the same.

use hookmill_engine::time::{Span, Timestamp};

use crate::db::{Batch, Dialect, Expect, Row};
use crate::nodes::NodeId;
use crate::{Error, Result, Store, args};

/// Number of buckets. Fixed for ever: runs remember theirs.
pub const BUCKETS: u16 = 1024;

/// How long a bucket is owned without being renewed.
pub const BUCKET_LEASE: Span = Span(10_000);

/// The bucket of everything with this key (a lane, or a run's own id). Stable over versions and machines.
pub fn bucket_of(key: &[u8]) -> u16 {
    u16::try_from(crc32fast::hash(key) % u32::from(BUCKETS)).expect("smaller than BUCKETS")
}

/// What a node owns: its buckets and their epochs, as of the last time it asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    node: NodeId,
    epochs: Vec<i64>,
}

impl Owned {
    /// Owns nothing.
    pub fn nothing(node: NodeId) -> Self {
        Self { node, epochs: vec![0; usize::from(BUCKETS)] }
    }

    /// Whose it is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The epoch of a bucket that is owned.
    pub fn epoch(&self, bucket: u16) -> Option<i64> {
        self.epochs.get(usize::from(bucket)).copied().filter(|epoch| *epoch > 0)
    }

    /// How many buckets are owned.
    pub fn count(&self) -> usize {
        self.epochs.iter().filter(|epoch| **epoch > 0).count()
    }

    fn from_rows(node: NodeId, rows: &[Row]) -> Result<Self> {
        let mut owned = Self::nothing(node);
        for row in rows {
            let place = usize::try_from(row.int(0)?).ok().and_then(|bucket| owned.epochs.get_mut(bucket));
            *place.ok_or_else(|| Error::corrupt(format!("a bucket beyond {BUCKETS}")))? = row.int(1)?;
        }
        Ok(owned)
    }
}

const OWNED: &str = "SELECT bucket, epoch FROM buckets WHERE owner = $1";

const TAKE_ALL: &str = "
    UPDATE buckets
       SET owner = $1, epoch = epoch + 1, lease_until = $2
     WHERE owner IS NULL
        OR owner <> $1";

const TAKE_FREE: &str = "
    UPDATE buckets
       SET owner = $1, epoch = epoch + 1, lease_until = $3
     WHERE bucket IN (SELECT bucket FROM buckets WHERE owner IS NULL OR lease_until < $2 ORDER BY bucket LIMIT $4)
       AND (owner IS NULL OR lease_until < $2)";

const RENEW: &str = "
    UPDATE buckets
       SET lease_until = $3
     WHERE owner = $1
       AND lease_until >= $2
    RETURNING bucket, epoch";

const RELEASE: &str = "
    UPDATE buckets
       SET owner = NULL, lease_until = 0
     WHERE owner = $1
       AND bucket >= $2";

impl Store {
    /// Takes up to `limit` buckets that nobody owns, or whose lease has ended, and returns all that are owned now.
    pub async fn claim_buckets(&self, limit: u16, now: Timestamp) -> Result<Owned> {
        let node = self.node();
        let mut batch = Batch::new();
        match self.db().dialect() {
            // The folder is locked: whoever is written down as owner is gone.
            Dialect::Sqlite => batch.execute(TAKE_ALL, args![node.0, i64::MAX], Expect::Any),
            Dialect::Postgres => {
                batch.execute(TAKE_FREE, args![node.0, now.0, now.plus(BUCKET_LEASE).0, i64::from(limit)], Expect::Any)
            }
        };
        self.db().write(batch).await?;
        self.owned_buckets().await
    }

    /// Prolongs the leases that have not ended, and tells what is still owned. What is missing was lost: its runs are
    /// somebody else's, whatever this node still has of them in memory.
    pub async fn renew_buckets(&self, now: Timestamp) -> Result<Owned> {
        if self.db().dialect() == Dialect::Sqlite {
            return self.owned_buckets().await;
        }
        let mut batch = Batch::new();
        batch.execute(RENEW, args![self.node().0, now.0, now.plus(BUCKET_LEASE).0], Expect::Any);
        let written = self.db().write(batch).await?;
        Owned::from_rows(self.node(), written.rows.first().map_or(&[], Vec::as_slice))
    }

    /// Gives up all buckets from `first` on: all with 0, for an orderly end; a part to let a new node have its share.
    pub async fn release_buckets(&self, first: u16) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(RELEASE, args![self.node().0, first], Expect::Any);
        self.db().write(batch).await.map(|_| ())
    }

    /// What this node owns according to the database.
    pub async fn owned_buckets(&self) -> Result<Owned> {
        Owned::from_rows(self.node(), &self.db().read(OWNED, args![self.node().0]).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_keys_never_change_and_spread_evenly() {
        // These values are stored in databases. If this fails, the function must be put back.
        assert_eq!([bucket_of(b""), bucket_of(b"lane"), bucket_of(&1i64.to_be_bytes())], [0, 334, 1023]);
        let mut counts = vec![0u32; usize::from(BUCKETS)];
        for key in 0..102_400u64 {
            counts[usize::from(bucket_of(&key.to_be_bytes()))] += 1;
        }
        assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
    }
}
