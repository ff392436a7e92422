-- Drafts that were tried are revisions that are not published. Only the newest of a workflow are kept, and those that runs
-- still need. An index over all runs by revision would cost every accept; this is written by runs of tried drafts alone.
--
-- Whoever stores such a run holds the row of its draft, as does who lets drafts go: so no run meets a draft that is just going.
CREATE TABLE tried_drafts (
    workflow BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (workflow, revision)
) {without_rowid};
INSERT INTO tried_drafts (workflow, revision) SELECT workflow, revision FROM revisions WHERE published = 0;

-- The runs that are pinned to them, until it is noticed that they have ended.
CREATE TABLE tried_runs (
    workflow BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    run      BIGINT NOT NULL,
    PRIMARY KEY (workflow, revision, run)
) {without_rowid};
-- By the partial indexes of open and of rare runs.
INSERT INTO tried_runs (workflow, revision, run)
SELECT r.workflow, r.revision, r.id
  FROM runs r
  JOIN tried_drafts t ON t.workflow = r.workflow AND t.revision = r.revision
 WHERE r.due_at IS NOT NULL;
INSERT INTO tried_runs (workflow, revision, run)
SELECT r.workflow, r.revision, r.id
  FROM runs r
  JOIN tried_drafts t ON t.workflow = r.workflow AND t.revision = r.revision
 WHERE r.state <> 'ready' AND r.state <> 'running' AND r.state <> 'succeeded'
   AND r.due_at IS NULL
   AND (r.finished_at IS NULL OR r.holds_lane = 1);
