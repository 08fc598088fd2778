-- The server: lists, what people did with their mail, and what other slices of it add below.

CREATE TABLE list (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, topic TEXT, public INTEGER NOT NULL,
    confirms INTEGER NOT NULL, created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX list_by_name ON list (workspace, name);
-- A person on a list. ended_at: they left it, or were taken off; the row stays as evidence.
CREATE TABLE list_member (
    workspace INTEGER NOT NULL, list INTEGER NOT NULL, contact INTEGER NOT NULL, since INTEGER NOT NULL,
    confirmed_at INTEGER, ended_at INTEGER, PRIMARY KEY (list, contact)
) WITHOUT ROWID;
CREATE INDEX list_member_by_contact ON list_member (contact);

-- The links of a campaign's message, numbered as they stand in it.
CREATE TABLE link (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, number INTEGER NOT NULL, url TEXT NOT NULL,
    PRIMARY KEY (campaign, number)
) WITHOUT ROWID;

-- What people (and the machines that read for them) did: opens, clicks, events of other systems. `seq` is of the one
-- sequence of the event log. `score` is how sure we are that it was a machine, `name` a word (custom events only),
-- `value_micros` an amount in millionths of its unit.
CREATE TABLE reaction (
    seq INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, node INTEGER NOT NULL, at INTEGER NOT NULL,
    kind INTEGER NOT NULL, contact INTEGER NOT NULL, campaign INTEGER, delivery INTEGER, link INTEGER, name INTEGER,
    score INTEGER NOT NULL, value_micros INTEGER, ip TEXT, agent INTEGER, detail TEXT
);
CREATE INDEX reaction_by_contact ON reaction (contact, kind, at, name, score);
CREATE INDEX reaction_by_campaign ON reaction (campaign, kind, contact, at, score) WHERE campaign IS NOT NULL;
CREATE INDEX reaction_by_name ON reaction (workspace, name, at) WHERE name IS NOT NULL;

-- Audiences: whom a campaign takes in and leaves out. kind 0: everybody; 1: an import; 2: a list; 3: a segment.
CREATE TABLE campaign_audience (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, place INTEGER NOT NULL, kind INTEGER NOT NULL,
    what INTEGER NOT NULL, excluded INTEGER NOT NULL, PRIMARY KEY (campaign, excluded, place)
) WITHOUT ROWID;
INSERT INTO campaign_audience (workspace, campaign, place, kind, what, excluded)
    SELECT workspace, campaign, place, 1, import, 0 FROM campaign_import;
INSERT INTO campaign_audience (workspace, campaign, place, kind, what, excluded)
    SELECT workspace, id, 0, 0, 0, 0 FROM campaign WHERE everyone = 1;
DROP TABLE campaign_import;
ALTER TABLE campaign DROP COLUMN everyone;
CREATE INDEX campaign_audience_by_what ON campaign_audience (kind, what);
CREATE INDEX import_member_by_contact ON import_member (contact, import);
-- Ids that callers gave their events, for as long as a repeat is known by them.
CREATE TABLE reaction_key (
    workspace INTEGER NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (workspace, key)
) WITHOUT ROWID;
CREATE INDEX reaction_key_by_at ON reaction_key (at);
-- The first open, by whomever: whoever has one and never engaged is not known to have read nothing.
ALTER TABLE contact ADD COLUMN opened_at INTEGER;
CREATE INDEX contact_by_engagement ON contact (workspace, engaged_at);

-- Segments: a rule as JSON, in the words of `model::segment`.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL,
    created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX segment_by_name ON segment (workspace, name);
