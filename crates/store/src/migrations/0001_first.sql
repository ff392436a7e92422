-- The first schema. One text for SQLite and PostgreSQL; what differs stands in braces and is named in db/dialect.rs.
--
-- Ids are 64-bit and time-ordered, so that the tables that every webhook writes to (deliveries, runs) grow at their end.
-- A random index costs half of the accept rate; hence none there. What lists need is derived behind the accept path
-- (delivery_list, delivery_outcomes, run_list); the partial indexes of runs hold open and failed runs only.
-- Times are milliseconds since 1970, flags are 0 and 1, JSON is text.

CREATE TABLE workspaces (
    id         {id},
    slug       {key}  NOT NULL UNIQUE,
    name       {key}  NOT NULL,
    created_at BIGINT NOT NULL
);

-- One row with the version of everything that nodes keep in memory: workflows, hooks, secrets.
CREATE TABLE catalog (
    id      {id},
    version BIGINT NOT NULL
);
INSERT INTO catalog (id, version) VALUES (1, 1);

CREATE TABLE workflows (
    id         {id},
    workspace  BIGINT NOT NULL,
    name       {key}  NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace, name)
);

CREATE TABLE revisions (
    workflow   BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    author     TEXT   NOT NULL,
    document   TEXT   NOT NULL,
    PRIMARY KEY (workflow, revision)
) {without_rowid};

-- A hook stays when its trigger goes: the URL comes back with the trigger.
CREATE TABLE hooks (
    id         {id},
    workspace  BIGINT NOT NULL,
    workflow   BIGINT NOT NULL,
    label      {key}  NOT NULL,
    token      {key}  NOT NULL UNIQUE,
    path       TEXT,
    path_shape {key},
    alias      {key},
    active     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (workflow, label)
);
-- Two active hooks of a workspace never answer at the same path; `path_shape` is the path with its parameters unnamed.
CREATE UNIQUE INDEX hooks_path ON hooks (workspace, path_shape) WHERE active = 1 AND path_shape IS NOT NULL;
-- The whole path under which another product's senders know the hook.
CREATE UNIQUE INDEX hooks_alias ON hooks (alias) WHERE active = 1 AND alias IS NOT NULL;

CREATE TABLE secrets (
    workspace  BIGINT NOT NULL,
    name       {key}  NOT NULL,
    version    BIGINT NOT NULL,
    key_id     TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, name)
);

CREATE TABLE api_keys (
    id         {id},
    workspace  BIGINT NOT NULL,
    name       {key}  NOT NULL,
    role       TEXT   NOT NULL,
    prefix     TEXT   NOT NULL,
    hash       BYTEA  NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used  BIGINT
);

-- Ownership of runs. The epoch grows with every change of owner and fences the writes of the former one.
CREATE TABLE buckets (
    bucket      {id},
    owner       BIGINT,
    epoch       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1023)
INSERT INTO buckets (bucket, owner, epoch, lease_until) SELECT n, NULL, 1, 0 FROM numbers;

CREATE TABLE nodes (
    slot        {id},
    node        BIGINT NOT NULL,
    address     TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- The body comes last, so that lists read past it. `run_first` and `run_last` bound the ids of the runs that were
-- accepted with the delivery; runs that were started from it later are in `replays`.
CREATE TABLE deliveries (
    id          {id},
    workspace   BIGINT NOT NULL,
    hook        BIGINT NOT NULL,
    outcome     {key}  NOT NULL,
    status      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    run_first   BIGINT,
    run_last    BIGINT,
    body_bytes  BIGINT NOT NULL,
    crc         BIGINT NOT NULL,
    zstd        BIGINT NOT NULL,
    method      TEXT   NOT NULL,
    path        TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    reason      TEXT,
    detail      TEXT,
    headers     TEXT   NOT NULL,
    body        BYTEA  NOT NULL
);

-- `epoch` 0: nobody has the run in memory. Otherwise the epoch under which its bucket's owner took it.
-- `entries`: length of its journal. The columns that most runs leave NULL cost a byte each.
CREATE TABLE runs (
    id          {id},
    epoch       BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    due_at      BIGINT,
    delivery    BIGINT,
    workspace   BIGINT NOT NULL,
    workflow    BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    bucket      BIGINT NOT NULL,
    trigger_no  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    seed        BIGINT NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT,
    entries     BIGINT NOT NULL,
    steps_done  BIGINT NOT NULL,
    answered    BIGINT NOT NULL,
    holds_lane  BIGINT NOT NULL,
    origin      BIGINT,
    lane        TEXT,
    error       TEXT,
    output      TEXT,
    input       TEXT
);
-- The conditions below are asked of every row that is written. Hence no IN with more than two values: SQLite would fill
-- a temporary tree for each. A run has a due time exactly as long as it is to go on by itself.
-- In the order in which they are due: start-up, takeover, backlog.
CREATE INDEX runs_due ON runs (due_at, id) WHERE due_at IS NOT NULL;
-- Of these, what nobody has in memory: parked waits and what other nodes accepted for us. The poll reads only this.
CREATE INDEX runs_free ON runs (due_at, id) WHERE epoch = 0 AND due_at IS NOT NULL;
-- Who holds a lane, and who is next: open runs with a lane, and failed ones that were told to stop theirs.
CREATE INDEX runs_lane ON runs (workflow, lane, id)
    WHERE lane IS NOT NULL AND (holds_lane = 1 OR (state <> 'succeeded' AND state <> 'failed' AND state <> 'cancelled'));
-- The rare states, for lists that are filtered by them.
CREATE INDEX runs_by_state ON runs (state, id) WHERE state <> 'ready' AND state <> 'running' AND state <> 'succeeded';

-- What happened to a run, in order. Insert only.
CREATE TABLE journal (
    run   BIGINT NOT NULL,
    seq   BIGINT NOT NULL,
    at    BIGINT NOT NULL,
    entry TEXT   NOT NULL,
    PRIMARY KEY (run, seq)
) {without_rowid};

-- Runs started from a delivery after it was accepted: replays and reruns.
CREATE TABLE replays (
    delivery BIGINT NOT NULL,
    run      BIGINT NOT NULL,
    PRIMARY KEY (delivery, run)
) {without_rowid};

-- Only hooks that declare an idempotency key write here.
CREATE TABLE idempotency (
    hook       BIGINT NOT NULL,
    key_hash   BYTEA  NOT NULL,
    body_hash  BYTEA  NOT NULL,
    delivery   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (hook, key_hash)
) {without_rowid};
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

-- Derived by the indexer up to the cursor; everything newer is read from the tables themselves.
CREATE TABLE delivery_list (
    hook BIGINT NOT NULL,
    id   BIGINT NOT NULL,
    PRIMARY KEY (hook, id)
) {without_rowid};
CREATE TABLE delivery_outcomes (
    outcome {key}  NOT NULL,
    id      BIGINT NOT NULL,
    PRIMARY KEY (outcome, id)
) {without_rowid};
CREATE TABLE run_list (
    workflow BIGINT NOT NULL,
    id       BIGINT NOT NULL,
    PRIMARY KEY (workflow, id)
) {without_rowid};
CREATE TABLE list_cursors (
    list  {key}  NOT NULL PRIMARY KEY,
    up_to BIGINT NOT NULL
);
INSERT INTO list_cursors (list, up_to) VALUES ('deliveries', 0), ('runs', 0);
