-- A hook's token can be replaced; the old one goes on leading to the hook until a date. It stays here after that, so that
-- whoever asks why a URL no longer answers can be told.

CREATE TABLE old_tokens (
    token      {key}  NOT NULL PRIMARY KEY,
    hook       BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL
);
CREATE INDEX old_tokens_hook ON old_tokens (hook, rotated_at);
