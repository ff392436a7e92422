-- What came to a test URL no longer takes the place of what waits for production: a hook has one pending secret of each.
CREATE TABLE pending (
    hook        BIGINT NOT NULL,
    test        BIGINT NOT NULL,
    handshake   BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    key_id      TEXT   NOT NULL,
    sealed      BYTEA  NOT NULL,
    received_at BIGINT NOT NULL,
    address     TEXT   NOT NULL,
    PRIMARY KEY (hook, test)
) {without_rowid};
INSERT INTO pending (hook, test, handshake, times, key_id, sealed, received_at, address)
SELECT p.hook,
       (SELECT COUNT(*) FROM deliveries d WHERE d.id = p.handshake AND d.path LIKE '/hooks/test/%'),
       p.handshake, p.times, p.key_id, p.sealed, p.received_at, p.address
  FROM pending_secrets p;
DROP TABLE pending_secrets;
ALTER TABLE pending RENAME TO pending_secrets;
