-- What runs remember of today, and what came after; each subject below its own line.

-- Confirmation: whom a list asks whether they want to be on it. The token of the link holds the id. `due`: when they are
-- asked (again); none: nothing more is asked. first_at and last_at: the messages that asked.
CREATE TABLE confirmation (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, list INTEGER NOT NULL, contact INTEGER NOT NULL,
    asked INTEGER NOT NULL, first_at INTEGER, last_at INTEGER, due INTEGER, problem TEXT
);
CREATE UNIQUE INDEX confirmation_by_member ON confirmation (list, contact);
CREATE INDEX confirmation_by_contact ON confirmation (contact, last_at);
CREATE INDEX confirmation_by_due ON confirmation (due) WHERE due IS NOT NULL;
-- How a list asks: From address, template, and whether it reminds once.
ALTER TABLE list ADD COLUMN sender TEXT;
ALTER TABLE list ADD COLUMN template INTEGER;
ALTER TABLE list ADD COLUMN reminds INTEGER NOT NULL DEFAULT 0;
-- What somebody agreed to, in the words they were shown.
ALTER TABLE consent ADD COLUMN said TEXT;

-- Names under which links of a workspace's messages are answered. `found`: what DNS said last; a retired one is in no new
-- message and answers for the old.
CREATE TABLE tracking_host (
    host TEXT PRIMARY KEY, workspace INTEGER NOT NULL, added_at INTEGER NOT NULL, checked_at INTEGER,
    found INTEGER NOT NULL, problem TEXT, retired_at INTEGER
) WITHOUT ROWID;
CREATE INDEX tracking_host_by_workspace ON tracking_host (workspace, host);

-- People of whom only machines, or nobody knows whom, are known to have opened or clicked: 3 in the place of a doer.
INSERT INTO reaction_count (workspace, campaign, kind, doer, link, node, events, people)
    SELECT workspace, campaign, kind, 3, -1, 0, 0, count(*) FROM (
        SELECT workspace, campaign, kind, contact FROM reaction WHERE campaign IS NOT NULL
        GROUP BY campaign, kind, contact HAVING min(score) >= 30)
    GROUP BY workspace, campaign, kind;

-- Messages are listed newest first; their ids are in order of time.
CREATE INDEX message_by_workspace ON message (workspace, delivery);

-- The last open by a person: a direction, which moves no engagement but counts in the reach of a list.
ALTER TABLE contact ADD COLUMN read_at INTEGER;
UPDATE contact SET read_at = (SELECT max(r.at) FROM reaction r
    WHERE r.contact = contact.id AND r.kind = 0 AND r.score < 30);
CREATE INDEX contact_by_reading ON contact (workspace, read_at, engaged_at) WHERE read_at IS NOT NULL;

-- Where people came from, as far as no column says it yet: the key of the program that added them. Origins that are not
-- mailed any more, of a kind (0: import, 1: lead source, 2: consent, 3: key); `name` is the id of an import or key.
ALTER TABLE contact ADD COLUMN api_key INTEGER;
CREATE TABLE stopped_origin (
    workspace INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL,
    actor INTEGER NOT NULL, PRIMARY KEY (workspace, kind, name)
) WITHOUT ROWID;

-- Ceilings that people set. kind 0: of a source; kind 1: of a workspace, which has a weight among the others as well.
CREATE TABLE ceiling (
    kind INTEGER NOT NULL, who INTEGER NOT NULL, weight INTEGER, ceilings TEXT NOT NULL, PRIMARY KEY (kind, who)
) WITHOUT ROWID;

-- What went out today to each site that no provider's description covers: a restart goes on where the day stood. Rows of
-- past days go. The sums of all such sites stand in `volume`.
CREATE TABLE site_day (
    day INTEGER NOT NULL, source INTEGER NOT NULL, site INTEGER NOT NULL, node INTEGER NOT NULL,
    attempted INTEGER NOT NULL, PRIMARY KEY (day, source, site, node)
) WITHOUT ROWID;
