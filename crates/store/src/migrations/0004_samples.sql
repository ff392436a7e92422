-- A hook that somebody listens to for a sample. In the database, so that whichever node gets the next request honours it,
-- also after a restart, and so that of many requests at the same instant one is captured. The last one of each hook
-- stays, for whoever asks what came of it.
CREATE TABLE listenings (
    hook         {id},
    number       BIGINT NOT NULL,
    armed_at     BIGINT NOT NULL,
    deadline     BIGINT NOT NULL,
    cancelled_at BIGINT,
    delivery     BIGINT,
    author       TEXT   NOT NULL
);
CREATE INDEX listenings_deadline ON listenings (deadline) WHERE delivery IS NULL AND cancelled_at IS NULL;

-- The request that stands for those to come: for previews, documentation and test runs. A copy, because deliveries are
-- deleted by age.
CREATE TABLE hook_samples (
    hook       {id},
    source     TEXT   NOT NULL,
    method     TEXT   NOT NULL,
    query      TEXT   NOT NULL,
    headers    TEXT   NOT NULL,
    body       BYTEA  NOT NULL,
    author     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
