//! Drafts that were tried, and which of them are kept.
//!
//! Each text of a draft that answered a test is a revision, for runs are pinned to what never changes. Somebody who edits
//! all day makes many of them: the newest of each workflow are kept, and every one that a run still needs.
//! Who stores a run of such a draft adds a row that says so and then holds the row of the draft; who lets drafts go holds their
//! rows first and then looks for runs. So of the two the later one sees what the earlier one did, on both databases, and also
//! where PostgreSQL merges both into one commit: there the rows that are added come before what is executed.

use hookmill_engine::id::{RunId, WorkflowId};

use crate::db::{Batch, Column, Expect, OnConflict, Table};
use crate::runs::NewRun;
use crate::{Error, Result, Store, args, narrow, row};

/// Drafts of a workflow that are kept after they were tried, counted from the newest. One at least: the newest may be the
/// draft that there is.
pub const TRIED_DRAFTS_KEPT: usize = 20;
/// Drafts that go in one batch: documents can be large.
const DRAFTS_AT_ONCE: i64 = 20;
/// Runs that are looked at for one batch.
const RUNS_AT_ONCE: i64 = 500;

/// Runs that are to be pinned to a draft that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    workflow: WorkflowId,
    revision: u32,
    runs: Vec<RunId>,
}

/// How far a pass through tried drafts has got.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Runs that have ended are forgotten, those after this one next.
    Runs { workflow: i64, revision: i64, run: i64 },
    /// Drafts are let go, those of the workflows after this one next.
    Workflows { after: i64 },
    /// Those of one workflow, between these.
    Drafts { workflow: i64, after: i64, below: i64 },
}

static TRIED_RUNS: Table = Table {
    name: "tried_runs",
    columns: &[Column::int("workflow"), Column::int("revision"), Column::int("run")],
    on_conflict: OnConflict::Fail,
};

const KEEP: &str = "INSERT INTO tried_drafts (workflow, revision) VALUES ($1, $2)";
const IS_KEPT: &str = "SELECT 1 FROM tried_drafts WHERE workflow = $1 AND revision = $2";

/// Whoever lets the draft go waits for this batch, or this batch sees that it is gone.
const HOLD: &str = "UPDATE tried_drafts SET revision = revision WHERE workflow = $1 AND revision = $2";

/// A run needs its draft until it has ended and nobody waits for what becomes of it.
macro_rules! needs_its_draft {
    () => {
        "EXISTS (SELECT 1 FROM runs r WHERE r.id = t.run AND (r.finished_at IS NULL OR r.holds_lane = 1))"
    };
}

const NEXT_RUNS: &str = concat!(
    "SELECT t.workflow, t.revision, t.run, CASE WHEN ",
    needs_its_draft!(),
    " THEN 1 ELSE 0 END
       FROM tried_runs t
      WHERE (t.workflow, t.revision, t.run) > ($1, $2, $3)
      ORDER BY t.workflow, t.revision, t.run
      LIMIT $4"
);
const FORGET_RUNS: &str = concat!(
    "DELETE FROM tried_runs AS t
      WHERE (t.workflow, t.revision, t.run) > ($1, $2, $3)
        AND (t.workflow, t.revision, t.run) <= ($4, $5, $6)
        AND NOT ",
    needs_its_draft!()
);

/// A workflow with more than enough, or that is gone itself.
const NEXT_WORKFLOW: &str = "
    SELECT t.workflow, (SELECT COUNT(*) FROM workflows w WHERE w.id = t.workflow)
      FROM tried_drafts t
     WHERE t.workflow > $1
     GROUP BY t.workflow
    HAVING COUNT(*) > $2 OR NOT EXISTS (SELECT 1 FROM workflows w WHERE w.id = t.workflow)
     ORDER BY t.workflow
     LIMIT 1";
const OLDEST_KEPT: &str = "SELECT revision FROM tried_drafts WHERE workflow = $1 ORDER BY revision DESC LIMIT 1 OFFSET $2";
const NEXT_DRAFTS: &str = "
    SELECT t.revision
      FROM tried_drafts t
     WHERE t.workflow = $1
       AND t.revision > $2
       AND t.revision < $3
       AND NOT EXISTS (SELECT 1 FROM tried_runs n WHERE n.workflow = t.workflow AND n.revision = t.revision)
     ORDER BY t.revision
     LIMIT $4";

const HOLD_ALL: &str = "UPDATE tried_drafts SET revision = revision WHERE workflow = $1 AND revision > $2 AND revision <= $3";
const DELETE_REVISIONS: &str = "
    DELETE FROM revisions AS v
     WHERE v.workflow = $1
       AND v.revision > $2
       AND v.revision <= $3
       AND v.published = 0
       AND NOT EXISTS (SELECT 1 FROM tried_runs n WHERE n.workflow = v.workflow AND n.revision = v.revision)
    RETURNING revision";
const DELETE_DRAFTS: &str = "
    DELETE FROM tried_drafts AS t
     WHERE t.workflow = $1
       AND t.revision > $2
       AND t.revision <= $3
       AND NOT EXISTS (SELECT 1 FROM revisions v WHERE v.workflow = t.workflow AND v.revision = t.revision)";

impl Place {
    /// The beginning of a pass.
    pub(crate) const FIRST: Self = Self::Runs { workflow: -1, revision: -1, run: -1 };
}

/// The draft that runs of one delivery are pinned to, if it is one. Those that end in the moment in which they are stored need
/// none.
pub(crate) fn pin_of<'r>(runs: impl IntoIterator<Item = &'r NewRun>) -> Option<Pin> {
    let mut pinned = runs.into_iter().filter(|run| run.draft && !run.state.is_final());
    let first = pinned.next()?;
    let (workflow, revision) = (first.workflow, first.revision);
    Some(Pin { workflow, revision, runs: [first].into_iter().chain(pinned).map(|run| run.id).collect() })
}

/// Adds what keeps the draft of runs that were added before; conflicts if it is gone.
pub(crate) fn pin_into(batch: &mut Batch, pin: Option<&Pin>) {
    let Some(Pin { workflow, revision, runs }) = pin else { return };
    for run in runs {
        batch.insert(&TRIED_RUNS, row![workflow.0, *revision, run.0]);
    }
    batch.execute(HOLD, args![workflow.0, *revision], Expect::Exactly(1));
}

/// Adds that a revision is a draft that was tried.
pub(super) fn keep_into(batch: &mut Batch, workflow: WorkflowId, revision: u32) {
    batch.execute(KEEP, args![workflow.0, revision], Expect::Exactly(1));
}

impl Store {
    /// Whether a draft that was tried is still kept.
    pub async fn is_draft_kept(&self, workflow: WorkflowId, revision: u32) -> Result<bool> {
        Ok(!self.db().read(IS_KEPT, args![workflow.0, revision]).await?.is_empty())
    }

    /// Whether the draft that runs were to be pinned to is gone.
    pub(crate) async fn is_gone(&self, pin: Option<&Pin>) -> Result<bool> {
        match pin {
            Some(pin) => Ok(!self.is_draft_kept(pin.workflow, pin.revision).await?),
            None => Ok(false),
        }
    }

    /// Why a batch with pinned runs was not written: a conflict may be that the draft is gone. Boxed, for it is rare.
    pub(crate) fn unpinned(&self, pin: Option<Pin>, error: Error) -> impl Future<Output = Error> {
        Box::pin(async move {
            if !matches!(error, Error::Conflict { .. }) {
                return error;
            }
            match self.is_gone(pin.as_ref()).await {
                Ok(true) => Error::DraftGone,
                Ok(false) => error,
                Err(unknown) => unknown,
            }
        })
    }

    /// One batch of a pass through tried drafts: those that are let go, and where the pass goes on.
    pub(crate) async fn let_drafts_go(&self, place: Place) -> Result<(Vec<(WorkflowId, u32)>, Option<Place>)> {
        match place {
            Place::Runs { workflow, revision, run } => {
                let next = self.forget_ended_runs((workflow, revision, run)).await?;
                let next = next.map(|(workflow, revision, run)| Place::Runs { workflow, revision, run });
                Ok((Vec::new(), Some(next.unwrap_or(Place::Workflows { after: -1 }))))
            }
            Place::Workflows { after } => Ok((Vec::new(), self.with_too_many_drafts(after).await?)),
            Place::Drafts { workflow, after, below } => {
                let (gone, last) = self.delete_drafts(workflow, after, below).await?;
                let next = last.map_or(Place::Workflows { after: workflow }, |after| Place::Drafts { workflow, after, below });
                Ok((gone, Some(next)))
            }
        }
    }

    /// Forgets runs that need their drafts no more; the last that was looked at, if there may be others.
    async fn forget_ended_runs(&self, after: (i64, i64, i64)) -> Result<Option<(i64, i64, i64)>> {
        let mut range = args![after.0, after.1, after.2];
        let rows = self.db().read(NEXT_RUNS, args![after.0, after.1, after.2, RUNS_AT_ONCE]).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let last = (last.int(0)?, last.int(1)?, last.int(2)?);
        let mut ended = false;
        for row in &rows {
            ended |= row.int(3)? == 0;
        }
        if ended {
            range.extend(args![last.0, last.1, last.2]);
            let mut batch = Batch::new();
            batch.execute(FORGET_RUNS, range, Expect::Any);
            self.db().write(batch).await?;
        }
        Ok((rows.len() as i64 == RUNS_AT_ONCE).then_some(last))
    }

    /// The next workflow with drafts to let go.
    async fn with_too_many_drafts(&self, after: i64) -> Result<Option<Place>> {
        let kept = i64::try_from(TRIED_DRAFTS_KEPT).unwrap_or(i64::MAX);
        let rows = self.db().read(NEXT_WORKFLOW, args![after, kept]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let workflow = row.int(0)?;
        let mut below = i64::MAX;
        if row.int(1)? > 0 {
            let oldest = self.db().read(OLDEST_KEPT, args![workflow, kept - 1]).await?;
            below = oldest.first().map_or(Ok(0), |row| row.int(0))?;
        }
        Ok(Some(Place::Drafts { workflow, after: -1, below }))
    }

    /// The drafts that went, and the last that was looked at if there may be others.
    async fn delete_drafts(&self, workflow: i64, after: i64, below: i64) -> Result<(Vec<(WorkflowId, u32)>, Option<i64>)> {
        let found = self.db().read(NEXT_DRAFTS, args![workflow, after, below, DRAFTS_AT_ONCE]).await?;
        let Some(last) = found.last().map(|row| row.int(0)).transpose()? else { return Ok((Vec::new(), None)) };
        let mut batch = Batch::new();
        for sql in [HOLD_ALL, DELETE_REVISIONS, DELETE_DRAFTS] {
            batch.execute(sql, args![workflow, after, last], Expect::Any);
        }
        let written = self.db().write(batch).await?;
        let gone = written.rows[1].iter().map(|row| Ok((WorkflowId(workflow), narrow(row.int(0)?)?)));
        let gone = gone.collect::<Result<Vec<_>>>()?;
        Ok((gone, (found.len() as i64 == DRAFTS_AT_ONCE).then_some(last)))
    }
}
