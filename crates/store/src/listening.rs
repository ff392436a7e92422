//! Hooks that somebody listens to for a sample: the next request is captured instead of starting anything.
//!
//! One listening a hook at a time; whoever arms a hook again begins anew. Arming raises the version of the catalog, so
//! that every node learns of it. Which request is captured is decided by the statement that stores it: of many at the
//! same instant, on however many nodes, one.

use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Timestamp;

use crate::catalog::{Change, bump_catalog, bumped_version};
use crate::db::{Batch, Expect, Row};
use crate::deliveries::NewDelivery;
use crate::{Error, Result, Store, args};

/// Hooks that can be listened to at the same time.
pub const LISTENINGS_MAX: usize = 1_000;

/// What became of a listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The next request is captured.
    Armed,
    /// A request was captured.
    Captured(DeliveryId),
    /// Somebody stopped it.
    Cancelled,
    /// Nothing came in time.
    Expired,
}

/// The last time that somebody listened to a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The hook.
    pub hook: HookId,
    /// Tells one listening of a hook from another.
    pub number: i64,
    /// When it began.
    pub armed_at: Timestamp,
    /// When it is over.
    pub deadline: Timestamp,
    /// When it was stopped.
    pub cancelled_at: Option<Timestamp>,
    /// What was captured.
    pub delivery: Option<DeliveryId>,
    /// Who listens.
    pub author: String,
}

const ARM: &str = "
    INSERT INTO listenings (hook, number, armed_at, deadline, cancelled_at, delivery, author)
    VALUES ($1, $2, $3, $4, NULL, NULL, $5)
        ON CONFLICT (hook) DO UPDATE
       SET number = $2, armed_at = $3, deadline = $4, cancelled_at = NULL, delivery = NULL, author = $5";

const ONE: &str = "
    SELECT hook, number, armed_at, deadline, cancelled_at, delivery, author
      FROM listenings
     WHERE hook = $1";

const ARMED: &str = "
    SELECT hook, number, armed_at, deadline, cancelled_at, delivery, author
      FROM listenings
     WHERE deadline > $1
       AND delivery IS NULL
       AND cancelled_at IS NULL
     ORDER BY deadline
     LIMIT $2";

const CANCEL: &str = "
    UPDATE listenings
       SET cancelled_at = $2
     WHERE hook = $1
       AND deadline > $2
       AND delivery IS NULL
       AND cancelled_at IS NULL";

const CAPTURE: &str = "
    UPDATE listenings
       SET delivery = $2
     WHERE hook = $1
       AND deadline > $3
       AND delivery IS NULL
       AND cancelled_at IS NULL";

impl Listening {
    /// Where it stands.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        match (self.delivery, self.cancelled_at) {
            (Some(delivery), _) => State::Captured(delivery),
            (None, Some(_)) => State::Cancelled,
            (None, None) if now < self.deadline => State::Armed,
            (None, None) => State::Expired,
        }
    }
}

impl Store {
    /// Listens to a hook until the deadline; whoever listened before does so until the new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if [`LISTENINGS_MAX`] hooks are listened to.
    pub async fn listen_to(&self, hook: HookId, author: &str, now: Timestamp, deadline: Timestamp) -> Result<Listening> {
        let armed = self.armed(now).await?;
        if armed.len() >= LISTENINGS_MAX && !armed.iter().any(|one| one.hook == hook) {
            return Err(Error::Invalid(format!("{LISTENINGS_MAX} hooks are listened to; wait for the end of one")));
        }
        let number = self.next_id();
        let mut batch = Batch::new();
        batch.execute(ARM, args![hook.0, number, now.0, deadline.0, author.to_owned()], Expect::Exactly(1));
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await?;
        self.tell_catalog(bumped_version(&written)?);
        let author = author.to_owned();
        Ok(Listening { hook, number, armed_at: now, deadline, cancelled_at: None, delivery: None, author })
    }

    /// The last listening of a hook.
    pub async fn listening(&self, hook: HookId) -> Result<Option<Listening>> {
        let mut rows = self.db().read(ONE, args![hook.0]).await?;
        rows.pop().map(|mut row| read(&mut row)).transpose()
    }

    /// All that wait for a request.
    pub async fn armed(&self, now: Timestamp) -> Result<Vec<Listening>> {
        self.db().read(ARMED, args![now.0, LISTENINGS_MAX as i64]).await?.iter_mut().map(read).collect()
    }

    /// Stops to listen to a hook. `false`: nobody did.
    pub async fn stop_listening(&self, hook: HookId, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(CANCEL, args![hook.0, now.0], Expect::Any);
        bump_catalog(&mut batch, Change::Beside);
        let written = self.db().write(batch).await?;
        self.tell_catalog(bumped_version(&written)?);
        Ok(written.counts.first().is_some_and(|count| *count == 1))
    }

    /// Stores a delivery as the sample that somebody waits for, on disk when this returns. `false`: nobody waits any more,
    /// and nothing was stored.
    pub async fn capture(&self, delivery: NewDelivery, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.execute(CAPTURE, args![delivery.hook.0, delivery.id.0, now.0], Expect::Exactly(1));
        let changed = self.accept_into(&mut batch, delivery, Vec::new()).await?;
        match self.db().write(batch).await {
            Ok(_) => {
                self.watch().tell_all(changed);
                Ok(true)
            }
            Err(Error::Conflict { statement: 0 }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn read(row: &mut Row) -> Result<Listening> {
    Ok(Listening {
        hook: HookId(row.int(0)?),
        number: row.int(1)?,
        armed_at: Timestamp(row.int(2)?),
        deadline: Timestamp(row.int(3)?),
        cancelled_at: row.opt_int(4)?.map(Timestamp),
        delivery: row.opt_int(5)?.map(DeliveryId),
        author: row.take_text(6)?,
    })
}
