-- Refused requests have a budget of bytes of their own (deliveries/refused.rs). What each takes is written with it, so
-- that the sum of a hook and its oldest ones are found without reading a delivery.

CREATE TABLE refused (
    hook  BIGINT NOT NULL,
    id    BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (hook, id)
) {without_rowid};
-- What was kept before: the listed ones, and the tail that is not listed yet.
INSERT INTO refused (hook, id, bytes)
SELECT d.hook, d.id, d.body_bytes + 1024
  FROM delivery_outcomes l
  JOIN deliveries d ON d.id = l.id
 WHERE l.outcome = 'refused';
INSERT INTO refused (hook, id, bytes)
SELECT hook, id, body_bytes + 1024
  FROM deliveries
 WHERE outcome = 'refused'
   AND id > (SELECT up_to FROM list_cursors WHERE list = 'deliveries');
-- One that was run again is no refused traffic any more.
DELETE FROM refused WHERE id IN (SELECT delivery FROM replays);
