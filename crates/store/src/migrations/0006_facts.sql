-- What the door learns of a request beyond its bytes and headers (deliveries/facts.rs), as JSON; most have none, which
-- costs a byte. It stands behind the body, so only what reads a whole delivery reads it, never a list.
ALTER TABLE deliveries ADD COLUMN facts TEXT;
