-- A hook can be paused (its runs wait until it is resumed) or off, whatever the document says.
ALTER TABLE hooks ADD COLUMN state {key} NOT NULL DEFAULT 'active';
ALTER TABLE hooks ADD COLUMN off_status BIGINT NOT NULL DEFAULT 404;

-- What a paused hook took in, in the order of reception, until its runs are let go. Written with the delivery and deleted
-- with the release, so that what is left after a crash is what is still to be done.
CREATE TABLE held (
    hook     BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    runs     BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    PRIMARY KEY (hook, delivery)
) {without_rowid};
