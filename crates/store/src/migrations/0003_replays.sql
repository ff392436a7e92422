-- A refused delivery that was accepted after all, once: the outcome stays what it was, and here is what came of it.
CREATE TABLE acceptances (
    delivery    {id},
    run         BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    author      TEXT   NOT NULL
);

-- Many deliveries run again, the oldest first. `at_id` is the last delivery that was dealt with: it moves in the batch
-- that stores the run, so that each is run once, whatever ends in between and whoever else works on it.
CREATE TABLE bulk_replays (
    id          {id},
    workspace   BIGINT NOT NULL,
    kind        {key}  NOT NULL,
    filter      TEXT   NOT NULL,
    revision    BIGINT NOT NULL,
    wanted      BIGINT NOT NULL,
    author      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    at_id       BIGINT NOT NULL,
    done        BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    state       {key}  NOT NULL,
    finished_at BIGINT,
    error       TEXT
);
CREATE INDEX bulk_replays_open ON bulk_replays (id) WHERE finished_at IS NULL;
