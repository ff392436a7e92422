-- Whether everyone may read what a workspace tells the senders of its hooks. No, unless its owner says so.
ALTER TABLE workspaces ADD COLUMN public_docs BIGINT NOT NULL DEFAULT 0;
