-- Idempotency keys in the order they came, before they are in the index: SQLite keeps the newest in memory and moves them to
-- `idempotency` many at a time (db/keys.rs). Taking each in the index at once wrote a page of it for every delivery and halved the
-- rate of accepting. PostgreSQL leaves it empty.

CREATE TABLE fresh_keys (
    id         {id},
    hook       BIGINT NOT NULL,
    key_hash   BYTEA  NOT NULL,
    body_hash  BYTEA  NOT NULL,
    delivery   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
