-- A workflow may have a draft: a document in the making, valid or not, that answers at the test URLs of its hooks.
--
-- `version` tells one save from every other. `tried` is the revision as which the draft was stored when a request came to
-- a test URL: runs are pinned to revisions, for those never change.
CREATE TABLE drafts (
    workflow   {id},
    version    BIGINT NOT NULL,
    document   TEXT   NOT NULL,
    author     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    tried      BIGINT
);

-- Revisions that were tried and those that were published are numbered together. `revision` 0: never published.
ALTER TABLE workflows ADD COLUMN last_revision BIGINT NOT NULL DEFAULT 0;
UPDATE workflows SET last_revision = revision;
ALTER TABLE revisions ADD COLUMN published BIGINT NOT NULL DEFAULT 1;

-- 1: only drafts have had its trigger so far. It has a token and no path.
ALTER TABLE hooks ADD COLUMN proposed BIGINT NOT NULL DEFAULT 0;
