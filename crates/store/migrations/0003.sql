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
CREATE INDEX contact_by_engagement ON contact (workspace, engaged_at, opened_at);

-- Segments: a rule as JSON, in the words of `model::segment`.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL,
    created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX segment_by_name ON segment (workspace, name);
-- Who works here and how they prove it. Secrets are hashed (sessions, keys, links), stretched (passwords) or sealed
-- with the secrets file (second factors): a stolen ledger opens no door.
CREATE TABLE app_user (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT, second_factor BLOB,
    second_factor_step INTEGER NOT NULL, recovery TEXT, issuer TEXT, subject TEXT, created_at INTEGER NOT NULL,
    disabled_at INTEGER
);
CREATE UNIQUE INDEX app_user_by_subject ON app_user (issuer, subject) WHERE subject IS NOT NULL;
CREATE TABLE membership (
    workspace INTEGER NOT NULL, app_user INTEGER NOT NULL, role INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (workspace, app_user)
) WITHOUT ROWID;
CREATE INDEX membership_by_user ON membership (app_user);
CREATE TABLE session (
    hash BLOB PRIMARY KEY, app_user INTEGER NOT NULL, workspace INTEGER NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, ip TEXT, agent TEXT
) WITHOUT ROWID;
CREATE INDEX session_by_user ON session (app_user);
CREATE INDEX session_by_end ON session (expires_at);
CREATE TABLE api_key (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, hint TEXT NOT NULL,
    scopes INTEGER NOT NULL, actor INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
    last_used_at INTEGER, revoked_at INTEGER
);
CREATE INDEX api_key_by_workspace ON api_key (workspace, id);
-- Links that work once: to become the owner, to accept an invitation, to set a new password.
CREATE TABLE one_time_link (
    hash BLOB PRIMARY KEY, purpose INTEGER NOT NULL, app_user INTEGER, workspace INTEGER NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
-- Failed attempts to sign in, per account and per address (hashed).
CREATE TABLE failed_sign_in (
    who BLOB PRIMARY KEY, failures INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX failed_sign_in_by_end ON failed_sign_in (until);
-- Answers to requests with an Idempotency-Key.
CREATE TABLE answered (
    workspace INTEGER NOT NULL, actor TEXT NOT NULL, key_hash BLOB NOT NULL, request_hash BLOB NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (workspace, actor, key_hash)
) WITHOUT ROWID;
CREATE INDEX answered_by_at ON answered (at);
-- Work that goes on after the answer.
CREATE TABLE job (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, kind TEXT NOT NULL, state INTEGER NOT NULL, done INTEGER NOT NULL,
    total INTEGER, about TEXT, result TEXT, error TEXT, actor INTEGER NOT NULL, created_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX job_by_workspace ON job (workspace, id);
CREATE INDEX job_open ON job (id) WHERE ended_at IS NULL;

-- Campaigns that are being written or wait for their time.
ALTER TABLE campaign ADD COLUMN start_at INTEGER;
CREATE INDEX campaign_by_start ON campaign (start_at) WHERE start_at IS NOT NULL;
-- Names of people's values that no import brought.
CREATE TABLE attribute (workspace INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (workspace, name)) WITHOUT ROWID;

-- Consent as it was given, kept for good; what people chose about their mail; how much of it they get at most.
CREATE TABLE consent (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, contact INTEGER NOT NULL, list INTEGER, source TEXT,
    at INTEGER NOT NULL, ip TEXT, noted_at INTEGER NOT NULL
);
CREATE INDEX consent_by_contact ON consent (contact);
CREATE TABLE topic_choice (
    workspace INTEGER NOT NULL, contact INTEGER NOT NULL, topic TEXT NOT NULL, wanted INTEGER NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (contact, topic)
) WITHOUT ROWID;
CREATE TABLE frequency (
    workspace INTEGER PRIMARY KEY, per_day INTEGER NOT NULL, per_week INTEGER NOT NULL, topic_per_week INTEGER NOT NULL
);
ALTER TABLE campaign ADD COLUMN topic TEXT;
ALTER TABLE contact ADD COLUMN paused_until INTEGER;
-- They chose something about their mail, some time: asked about in full before each message.
ALTER TABLE contact ADD COLUMN chooses INTEGER NOT NULL DEFAULT 0;

-- Opens and clicks. doer 0: a person; 1: nobody knows; 2: a machine. link -1: all links together; `people` is kept there
-- alone. `engaged_before`: what the contact's engagement was before this reaction moved it.
CREATE TABLE reaction_count (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, kind INTEGER NOT NULL, doer INTEGER NOT NULL,
    link INTEGER NOT NULL, node INTEGER NOT NULL, events INTEGER NOT NULL, people INTEGER NOT NULL,
    PRIMARY KEY (campaign, kind, doer, link, node)
) WITHOUT ROWID;
ALTER TABLE reaction ADD COLUMN engaged_before INTEGER;
