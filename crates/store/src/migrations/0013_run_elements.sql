-- The position of the element that a run of a split delivery is about; NULL for all other runs.
ALTER TABLE runs ADD COLUMN element BIGINT;
