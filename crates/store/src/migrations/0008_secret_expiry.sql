-- Keys rotate without an outage: for a while the old one and the new one are good, then the old one ends by itself.
ALTER TABLE secrets ADD COLUMN expires_at BIGINT;
