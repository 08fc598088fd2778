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
