-- Telling others, sequences, moving in: each slice's tables below its own line.

-- Where a domain's mail went last: samples are drawn in proportion from its provider.
ALTER TABLE domain ADD COLUMN site INTEGER;

-- Standing campaigns: their deliveries are added one by one, by programs and sequences, and lie among those of others
-- (first_delivery and end_delivery stay 0). Only these have an occurrence other than 0.
ALTER TABLE campaign ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
CREATE INDEX delivery_added ON delivery (campaign, state, id) WHERE occurrence <> 0;
-- Somebody who is known only because a program wrote to them: an import that brings them is their first consent.
ALTER TABLE contact ADD COLUMN by_message INTEGER NOT NULL DEFAULT 0;

-- Pictures that messages show, for as long as somebody may look at the message. Found by what is in them alone.
CREATE TABLE image (hash BLOB PRIMARY KEY, type TEXT NOT NULL, bytes BLOB NOT NULL);
-- Whose they are: each workspace names its own.
CREATE TABLE image_of (
    workspace INTEGER NOT NULL, hash BLOB NOT NULL, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (workspace, hash)
) WITHOUT ROWID;
