-- The ledger, first schema. States, causes and reasons are the numbers of `model`; times are UTC milliseconds; ids
-- are made in process. Every tenant table leads with `workspace`; dictionaries hold facts about servers, never people.

CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE workspace (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO workspace (id, name) VALUES (1, 'first');
CREATE TABLE setting (
    workspace INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (workspace, name)
) WITHOUT ROWID;
CREATE TABLE signing_key (
    workspace INTEGER NOT NULL, domain TEXT NOT NULL, selector TEXT NOT NULL, sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL, PRIMARY KEY (workspace, domain, selector)
) WITHOUT ROWID;

-- Dictionaries: bounded, shared by all workspaces.
CREATE TABLE domain (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE site (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, provider TEXT);
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE template (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
-- The template that is one hole: texts that found no place in the dictionary go in-line as a whole.
INSERT INTO template (id, text) VALUES (0, char(1));
CREATE TABLE peer (id INTEGER PRIMARY KEY, host TEXT NOT NULL, ip TEXT NOT NULL, UNIQUE (host, ip));
CREATE TABLE cause (
    id INTEGER PRIMARY KEY, outcome INTEGER NOT NULL, category INTEGER NOT NULL, scope INTEGER NOT NULL,
    stage INTEGER NOT NULL, rule TEXT NOT NULL, provider TEXT NOT NULL, code INTEGER NOT NULL,
    enhanced INTEGER NOT NULL, UNIQUE (category, stage, rule, provider, code, enhanced, outcome, scope)
);

-- People.
CREATE TABLE address (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, hash BLOB NOT NULL, email TEXT NOT NULL, domain INTEGER NOT NULL
);
CREATE UNIQUE INDEX address_by_hash ON address (workspace, hash);
CREATE TABLE contact (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, external_id TEXT, address INTEGER, invalid TEXT,
    attributes TEXT NOT NULL, status INTEGER NOT NULL, error INTEGER, soft_count INTEGER NOT NULL, soft_since INTEGER,
    refused_count INTEGER NOT NULL, consent_source TEXT, consent_at INTEGER, consent_ip TEXT, lead_source TEXT,
    import INTEGER, latest_import INTEGER, created_at INTEGER NOT NULL
);
CREATE INDEX contact_by_address ON contact (workspace, address) WHERE address IS NOT NULL;
CREATE UNIQUE INDEX contact_by_external_id ON contact (workspace, external_id) WHERE external_id IS NOT NULL;
CREATE TABLE former_address (
    workspace INTEGER NOT NULL, address INTEGER NOT NULL, contact INTEGER NOT NULL,
    PRIMARY KEY (workspace, address, contact)
) WITHOUT ROWID;

-- Imports. What an unfinished import brings is invisible: new contacts through their `import`, changes by waiting in
-- `import_change`.
CREATE TABLE import (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, file_name TEXT NOT NULL, content_hash BLOB NOT NULL,
    columns TEXT NOT NULL, state INTEGER NOT NULL, last_line INTEGER NOT NULL, added INTEGER NOT NULL,
    updated INTEGER NOT NULL, unchanged INTEGER NOT NULL, duplicates INTEGER NOT NULL, opted_out INTEGER NOT NULL,
    begun_at INTEGER NOT NULL, done_at INTEGER
);
CREATE INDEX import_by_content ON import (workspace, content_hash);
CREATE TABLE import_member (
    workspace INTEGER NOT NULL, import INTEGER NOT NULL, line INTEGER NOT NULL, contact INTEGER NOT NULL,
    PRIMARY KEY (import, line)
) WITHOUT ROWID;
CREATE TABLE import_change (
    workspace INTEGER NOT NULL, import INTEGER NOT NULL, contact INTEGER NOT NULL, address INTEGER, invalid TEXT,
    attributes TEXT NOT NULL, status INTEGER, consent_source TEXT, consent_at INTEGER, consent_ip TEXT,
    lead_source TEXT, PRIMARY KEY (import, contact)
) WITHOUT ROWID;

-- Who must not be mailed. The hash is keyed: without the secrets file the list names nobody.
CREATE TABLE suppression (
    workspace INTEGER NOT NULL, hash BLOB NOT NULL, reason INTEGER NOT NULL, evidence INTEGER, note TEXT,
    at INTEGER NOT NULL, actor INTEGER NOT NULL, PRIMARY KEY (workspace, hash, reason)
) WITHOUT ROWID;
CREATE TABLE suppressed_domain (
    workspace INTEGER NOT NULL, domain INTEGER NOT NULL, reason INTEGER NOT NULL, evidence INTEGER, note TEXT,
    at INTEGER NOT NULL, actor INTEGER NOT NULL, PRIMARY KEY (workspace, domain, reason)
) WITHOUT ROWID;
CREATE TABLE second_lookup (
    workspace INTEGER NOT NULL, domain INTEGER NOT NULL, address INTEGER NOT NULL, contact INTEGER NOT NULL,
    evidence INTEGER NOT NULL, due INTEGER NOT NULL, PRIMARY KEY (workspace, domain, address)
) WITHOUT ROWID;
CREATE INDEX second_lookup_by_due ON second_lookup (due);

-- Campaigns. The deliveries of one have the ids from first_delivery to below end_delivery and nobody else does.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
    kind INTEGER NOT NULL, state INTEGER NOT NULL, before_pause INTEGER, why TEXT, message TEXT NOT NULL,
    files_hash BLOB NOT NULL, content_hash BLOB NOT NULL, everyone INTEGER NOT NULL, created_at INTEGER NOT NULL,
    built_at INTEGER, started_at INTEGER, ended_at INTEGER, first_delivery INTEGER NOT NULL,
    end_delivery INTEGER NOT NULL
);
CREATE UNIQUE INDEX campaign_by_number ON campaign (workspace, number);
CREATE UNIQUE INDEX campaign_by_name ON campaign (workspace, name);
CREATE TABLE campaign_import (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, place INTEGER NOT NULL, import INTEGER NOT NULL,
    PRIMARY KEY (campaign, place)
) WITHOUT ROWID;

-- Counters kept with the writes. kind 0: deliveries per state; kind 1: skipped deliveries per reason.
CREATE TABLE counter (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, kind INTEGER NOT NULL, key INTEGER NOT NULL,
    node INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (campaign, kind, key, node)
) WITHOUT ROWID;
CREATE TABLE cause_count (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, state INTEGER NOT NULL, cause INTEGER NOT NULL,
    node INTEGER NOT NULL, value INTEGER NOT NULL, example INTEGER NOT NULL,
    PRIMARY KEY (campaign, state, cause, node)
) WITHOUT ROWID;

-- The queue. A head is keyed by its first delivery; ids within a head are contiguous, in order of position.
CREATE TABLE head (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, domain INTEGER NOT NULL,
    site INTEGER, next INTEGER NOT NULL, end INTEGER NOT NULL, remaining INTEGER NOT NULL
);
CREATE INDEX head_by_site ON head (campaign, site);
-- Until the first attempt `first_try_at` and `last_attempt` hold the widest value of what will replace them
-- (2^63-1 and 2^31-1): a settled row then fits where the queued one was, and no page splits while sending.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, contact INTEGER NOT NULL,
    occurrence INTEGER NOT NULL, address INTEGER, position INTEGER NOT NULL, state INTEGER NOT NULL, skip INTEGER,
    attempts INTEGER NOT NULL, tries INTEGER NOT NULL, reached INTEGER NOT NULL, first_try_at INTEGER NOT NULL,
    last_attempt INTEGER NOT NULL, cause INTEGER NOT NULL
);
CREATE UNIQUE INDEX delivery_by_contact ON delivery (contact, campaign, occurrence);
CREATE INDEX delivery_ended ON delivery (campaign, state) WHERE state IN (3, 4, 5, 6);
CREATE TABLE retry (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, site INTEGER NOT NULL, due INTEGER NOT NULL,
    delivery INTEGER NOT NULL, PRIMARY KEY (campaign, site, due, delivery)
) WITHOUT ROWID;

-- What happened. Attempts and events share one sequence; an attempt is its own event. Attempts are appended, never
-- sorted in: each names the one before it (`previous`), the delivery names the last.
CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, node INTEGER NOT NULL, delivery INTEGER NOT NULL,
    number INTEGER NOT NULL, previous INTEGER, started_at INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
    cause INTEGER NOT NULL, became INTEGER NOT NULL, charged INTEGER NOT NULL, reached INTEGER NOT NULL, peer INTEGER,
    tls INTEGER, site INTEGER, due INTEGER, template INTEGER, variables TEXT, note INTEGER, inline TEXT
);
CREATE TABLE transcript (attempt INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, node INTEGER NOT NULL, at INTEGER NOT NULL,
    kind INTEGER NOT NULL, actor INTEGER NOT NULL, campaign INTEGER, delivery INTEGER, contact INTEGER,
    address INTEGER, import INTEGER, skip INTEGER, detail TEXT
);
CREATE INDEX event_by_contact ON event (contact) WHERE contact IS NOT NULL;
