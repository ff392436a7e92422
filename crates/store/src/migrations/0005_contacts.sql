-- The people of a workspace, each known by an e-mail address that is compared without regard to case (`email_key`).
-- `version` lets an update say what it was made from: fields are merged by whoever read them, and JSON is text.
CREATE TABLE contacts (
    id         {id},
    workspace  BIGINT NOT NULL,
    email      TEXT   NOT NULL,
    email_key  {key}  NOT NULL,
    fields     TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace, email_key)
);
