-- Sources and pools, what lanes learned, volume by day, holds, engagement and canary, provisional suppressions, and
-- what is remembered about transport security.

-- Ways out. Source 0 is this machine's own: it stands for every attempt that names none.
CREATE TABLE source (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, address TEXT, ehlo_name TEXT NOT NULL, region TEXT, proxy TEXT,
    warm_since INTEGER, since INTEGER NOT NULL, retired_at INTEGER
);
INSERT INTO source (id, name, ehlo_name, since) VALUES (0, 'this machine', '', 0);
CREATE TABLE pool (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, workspace INTEGER);
CREATE TABLE pool_member (
    pool INTEGER NOT NULL, source INTEGER NOT NULL, weight INTEGER NOT NULL, PRIMARY KEY (pool, source)
) WITHOUT ROWID;
CREATE TABLE stream_pool (
    workspace INTEGER NOT NULL, kind INTEGER NOT NULL, pool INTEGER, region TEXT, PRIMARY KEY (workspace, kind)
) WITHOUT ROWID;
ALTER TABLE attempt ADD COLUMN source INTEGER;
ALTER TABLE retry ADD COLUMN source INTEGER;

-- What lanes learned, in the engine's own words.
CREATE TABLE lane_memory (
    site INTEGER NOT NULL, source INTEGER NOT NULL, memory TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (site, source)
) WITHOUT ROWID;
CREATE INDEX lane_memory_by_at ON lane_memory (at);

-- Volume. kind 0: of a source; kind 1: of a sending domain. What another system sent before has imported = 1.
CREATE TABLE volume (
    kind INTEGER NOT NULL, who INTEGER NOT NULL, day INTEGER NOT NULL, provider TEXT NOT NULL,
    imported INTEGER NOT NULL, node INTEGER NOT NULL, attempted INTEGER NOT NULL, accepted INTEGER NOT NULL,
    deferred INTEGER NOT NULL, blocked INTEGER NOT NULL, hard INTEGER NOT NULL, complained INTEGER NOT NULL,
    PRIMARY KEY (kind, who, day, provider, imported, node)
) WITHOUT ROWID;
CREATE INDEX volume_by_day ON volume (day);
CREATE TABLE campaign_provider (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, provider TEXT NOT NULL, node INTEGER NOT NULL,
    attempted INTEGER NOT NULL, accepted INTEGER NOT NULL, deferred INTEGER NOT NULL, blocked INTEGER NOT NULL,
    hard INTEGER NOT NULL, complained INTEGER NOT NULL, PRIMARY KEY (campaign, provider, node)
) WITHOUT ROWID;

CREATE TABLE hold (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, campaign INTEGER, provider TEXT, domain INTEGER,
    source INTEGER, cold_only INTEGER NOT NULL, until INTEGER, why TEXT NOT NULL, actor INTEGER NOT NULL,
    at INTEGER NOT NULL, lifted_at INTEGER
);
CREATE INDEX hold_open ON hold (id) WHERE lifted_at IS NULL;

-- Engagement, the order it gives, and the canary. Within a head: members of the canary, then everybody by position;
-- from cold_start on only the cold.
ALTER TABLE contact ADD COLUMN engaged_at INTEGER;
ALTER TABLE import_change ADD COLUMN engaged_at INTEGER;
ALTER TABLE campaign ADD COLUMN canary INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN cold_from INTEGER;
ALTER TABLE campaign ADD COLUMN cold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE head ADD COLUMN canary_end INTEGER;
ALTER TABLE head ADD COLUMN cold_start INTEGER;
CREATE INDEX head_canary ON head (campaign, site) WHERE next < canary_end;

ALTER TABLE suppression ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
CREATE INDEX suppression_provisional ON suppression (at) WHERE provisional = 1;
CREATE INDEX transcript_by_at ON transcript (at);

-- Transport security: policies of recipient domains, and what the daily reports tell.
CREATE TABLE tls_policy (
    domain TEXT PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, fetched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX tls_policy_by_end ON tls_policy (expires_at);
CREATE TABLE tls_result (
    day INTEGER NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL, result TEXT NOT NULL, mx_host TEXT NOT NULL,
    ip TEXT NOT NULL, node INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, result, mx_host, ip, node)
) WITHOUT ROWID;
CREATE TABLE tls_day (day INTEGER NOT NULL, domain TEXT NOT NULL, reported_at INTEGER, PRIMARY KEY (day, domain))
    WITHOUT ROWID;
CREATE INDEX tls_day_open ON tls_day (day, domain) WHERE reported_at IS NULL;
