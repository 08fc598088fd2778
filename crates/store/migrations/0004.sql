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

-- Webhooks: who is told of events, how far in the log, and with which (sealed) secrets. `generation` moves with every
-- change by hand: what was under way then does not overwrite it.
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, url TEXT NOT NULL, description TEXT NOT NULL,
    events TEXT NOT NULL, secret BLOB NOT NULL, old_secret BLOB, old_secret_until INTEGER, cursor INTEGER NOT NULL,
    generation INTEGER NOT NULL, failures INTEGER NOT NULL, failing_since INTEGER, due_at INTEGER,
    delivered_at INTEGER, disabled_at INTEGER, disabled_why TEXT, created_at INTEGER NOT NULL
);
CREATE INDEX webhook_by_workspace ON webhook (workspace, id);
-- What became of each request, the latest of each webhook. event: of which event; none for a test.
CREATE TABLE webhook_try (
    workspace INTEGER NOT NULL, webhook INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL, event INTEGER, type TEXT NOT NULL, status INTEGER, said TEXT,
    PRIMARY KEY (webhook, number)
) WITHOUT ROWID;

-- Alerts: the ways to tell somebody (their addresses and secrets sealed, `shown` for the eye), and how each trouble
-- stands. One open row for each workspace, kind and subject; closed ones are kept for a while.
CREATE TABLE alert_channel (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, shown TEXT NOT NULL,
    sealed BLOB NOT NULL, created_at INTEGER NOT NULL, told_at INTEGER, failed_at INTEGER, failure TEXT
);
CREATE UNIQUE INDEX alert_channel_by_name ON alert_channel (workspace, name);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, kind INTEGER NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
    first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, count INTEGER NOT NULL, told_at INTEGER, told_count INTEGER,
    told_over INTEGER, snoozed_until INTEGER, over_at INTEGER, closed_at INTEGER
);
CREATE INDEX alert_by_workspace ON alert (workspace, id);
CREATE INDEX alert_open ON alert (id) WHERE closed_at IS NULL;

-- What programs ask to be sent. The content is shared by all messages it is the same for; content and values are kept
-- for a time, the delivery for good.
CREATE TABLE message_content (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, hash BLOB NOT NULL, content TEXT NOT NULL
);
CREATE UNIQUE INDEX message_content_by_hash ON message_content (workspace, hash);
CREATE TABLE message (
    delivery INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, content INTEGER, data TEXT, to_name TEXT, tags TEXT
);
CREATE INDEX message_by_content ON message (content) WHERE content IS NOT NULL;
CREATE INDEX message_kept ON message (delivery) WHERE content IS NOT NULL;
-- Requests that may be repeated: what they made stands here from the same commit on.
CREATE TABLE message_request (
    workspace INTEGER NOT NULL, actor TEXT NOT NULL, key_hash BLOB NOT NULL, request_hash BLOB NOT NULL,
    made TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (workspace, actor, key_hash)
) WITHOUT ROWID;
CREATE INDEX message_request_by_at ON message_request (at);
-- Parts of messages under a name; every version stays.
CREATE TABLE message_template (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX message_template_by_name ON message_template (workspace, name);
CREATE TABLE message_template_version (
    template INTEGER NOT NULL, workspace INTEGER NOT NULL, version INTEGER NOT NULL, parts TEXT NOT NULL,
    at INTEGER NOT NULL, actor INTEGER NOT NULL, PRIMARY KEY (template, version)
) WITHOUT ROWID;

-- Sequences. What was activated of a version never changes; `campaigns` are the standing campaigns of its messages, by
-- name (JSON), `goal` is the word of the event that is its goal.
CREATE TABLE sequence (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, state INTEGER NOT NULL, version INTEGER,
    newest INTEGER NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, activated_at INTEGER
);
CREATE UNIQUE INDEX sequence_by_name ON sequence (workspace, name);
CREATE INDEX sequence_active ON sequence (id) WHERE state = 1;
CREATE TABLE sequence_version (
    workspace INTEGER NOT NULL, sequence INTEGER NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL,
    messages TEXT NOT NULL, campaigns TEXT, goal INTEGER, PRIMARY KEY (sequence, version)
) WITHOUT ROWID;
-- By what people come in. kind 0: an event (its word); 1: onto a list; 2: on a list; 3: in a segment; 4: by the API.
-- again_ms: they may come in again so long after; NULL: never. Lists and segments are looked through when they are due,
-- contacts up to `passed` already.
CREATE TABLE sequence_entry (
    workspace INTEGER NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, what INTEGER NOT NULL,
    again_ms INTEGER, since INTEGER NOT NULL, due INTEGER, passed INTEGER NOT NULL,
    PRIMARY KEY (sequence, kind, what)
) WITHOUT ROWID;
CREATE INDEX sequence_entry_by_what ON sequence_entry (workspace, kind, what);
CREATE INDEX sequence_entry_by_due ON sequence_entry (due) WHERE due IS NOT NULL;
CREATE TABLE sequence_entered (
    workspace INTEGER NOT NULL, sequence INTEGER NOT NULL, contact INTEGER NOT NULL, kind INTEGER NOT NULL,
    what INTEGER NOT NULL, times INTEGER NOT NULL, last_at INTEGER NOT NULL,
    PRIMARY KEY (sequence, contact, kind, what)
) WITHOUT ROWID;
CREATE INDEX sequence_entered_by_contact ON sequence_entered (contact);
-- Who is on their way. `until`: they wait there, perhaps for an event (the word `awaits`).
CREATE TABLE sequence_place (
    workspace INTEGER NOT NULL, sequence INTEGER NOT NULL, contact INTEGER NOT NULL, version INTEGER NOT NULL,
    round INTEGER NOT NULL, step INTEGER NOT NULL, until INTEGER, due INTEGER NOT NULL, awaits INTEGER, goal INTEGER,
    heard INTEGER NOT NULL, reached INTEGER NOT NULL, entered_at INTEGER NOT NULL, since INTEGER NOT NULL,
    turn INTEGER NOT NULL, PRIMARY KEY (sequence, contact)
) WITHOUT ROWID;
CREATE INDEX sequence_place_by_due ON sequence_place (sequence, due, contact);
CREATE INDEX sequence_place_by_contact ON sequence_place (contact);
-- What happened at each step. what 0: came to it; 1: went on; 2: sent; 3: skipped; from 16: left there.
CREATE TABLE sequence_count (
    workspace INTEGER NOT NULL, sequence INTEGER NOT NULL, version INTEGER NOT NULL, step INTEGER NOT NULL,
    what INTEGER NOT NULL, node INTEGER NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (sequence, version, step, what, node)
) WITHOUT ROWID;

-- The same index; a list of states to compare with was built anew for every delivery settled.
DROP INDEX delivery_ended;
CREATE INDEX delivery_ended ON delivery (campaign, state) WHERE NOT (state < 3 OR state > 6);
