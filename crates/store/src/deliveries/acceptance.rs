//! Refused deliveries that somebody accepted after all: each once, however often it is asked for.

use hookmill_engine::id::{DeliveryId, HookId, RunId};
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Column, OnConflict, Table};
use crate::idempotency::Key;
use crate::runs::NewRun;
use crate::watch::Changed;
use crate::workflows::tried::{self, Pin};
use crate::{Error, Result, Store, args, row};

/// What came of a refused delivery after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The run that it started.
    pub run: RunId,
    /// When.
    pub accepted_at: Timestamp,
    /// Who wanted it.
    pub author: String,
}

/// What a refused delivery starts after all.
#[derive(Clone, Debug)]
pub struct AfterAll {
    /// Its hook.
    pub hook: HookId,
    /// Its runs, one or more, each with the key that its element would have claimed.
    pub runs: Vec<AfterAllRun>,
    /// The key that it would have claimed as a whole: its copies that come later are repetitions.
    pub claim: Option<Key>,
}

/// A run that a refused delivery starts after all.
#[derive(Clone, Debug)]
pub struct AfterAllRun {
    /// The run.
    pub run: NewRun,
    /// The key of the element that it is about, if it has one: what repeats it later starts nothing.
    pub key: Option<Key>,
}

impl AfterAll {
    /// The draft that its runs are pinned to.
    pub(crate) fn pin(&self) -> Option<Pin> {
        tried::pin_of(self.runs.iter().map(|one| &one.run))
    }

    fn is_keyed(&self) -> bool {
        self.claim.is_some() || self.runs.iter().any(|one| one.key.is_some())
    }
}

static ACCEPTANCES: Table = Table {
    name: "acceptances",
    columns: &[Column::int("delivery"), Column::int("run"), Column::int("accepted_at"), Column::text("author")],
    on_conflict: OnConflict::Fail,
};

const ONE: &str = "SELECT run, accepted_at, author FROM acceptances WHERE delivery = $1";

impl Store {
    /// What came of a refused delivery after all, if somebody accepted it.
    pub async fn acceptance(&self, delivery: DeliveryId) -> Result<Option<Acceptance>> {
        let mut rows = self.db().read(ONE, args![delivery.0]).await?;
        let Some(row) = rows.first_mut() else { return Ok(None) };
        Ok(Some(Acceptance { run: RunId(row.int(0)?), accepted_at: Timestamp(row.int(1)?), author: row.take_text(2)? }))
    }

    /// Stores the runs of a refused delivery that is accepted after all, unless some were stored before; the first of those that
    /// count.
    /// [`Error::NotFound`]: the delivery is not stored any more. [`Error::Conflict`]: one of its keys was used meanwhile.
    pub async fn accept_after_all(&self, delivery: DeliveryId, what: AfterAll, author: &str) -> Result<RunId> {
        let id = what.runs.first().ok_or_else(|| Error::Invalid("there is nothing to run".into()))?.run.id;
        let is_keyed = what.is_keyed();
        let pinned = what.pin();
        let mut batch = Batch::new();
        let changed = Self::accept_after_all_into(&mut batch, delivery, what, author);
        match self.db().write(batch).await {
            Ok(_) => {
                self.watch().tell_all(changed);
                Ok(id)
            }
            Err(conflict @ Error::Conflict { .. }) => match self.acceptance(delivery).await? {
                Some(accepted) => Ok(accepted.run),
                None if self.is_gone(pinned.as_ref()).await? => Err(Error::DraftGone),
                None if is_keyed && self.delivery(delivery).await?.is_some() => Err(conflict),
                None => Err(Error::NotFound),
            },
            Err(error) => Err(error),
        }
    }

    /// Adds all of that to a batch; conflicts if it was accepted before, is gone, or one of its keys was used before.
    pub(crate) fn accept_after_all_into(batch: &mut Batch, delivery: DeliveryId, what: AfterAll, author: &str) -> Vec<Changed> {
        if let Some(AfterAllRun { run: first, .. }) = what.runs.first() {
            batch.insert(&ACCEPTANCES, row![delivery.0, first.id.0, first.created_at.0, author.to_owned()]);
            let keys = what.claim.iter().chain(what.runs.iter().filter_map(|one| one.key.as_ref()));
            keys.for_each(|key| Self::claim_into(batch, what.hook, delivery, key, first.created_at));
        }
        Self::run_again_into(batch, what.runs.into_iter().map(|one| one.run).collect())
    }
}
