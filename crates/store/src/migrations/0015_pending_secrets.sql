-- A secret that a sender handed over in its handshake (Asana, Notion), sealed. Anybody who knows the URL can hand one over, so
-- it is compared with nobody until the hook's owner confirms it. The newest of each hook; `times` tells of those before it.
CREATE TABLE pending_secrets (
    hook        {id},
    handshake   BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    key_id      TEXT   NOT NULL,
    sealed      BYTEA  NOT NULL,
    received_at BIGINT NOT NULL,
    address     TEXT   NOT NULL
);
