-- What came after schema 5; each subject below its own line.

-- Replays with an end: what lies before replay_until is told again, then the webhook goes on behind back_to.
ALTER TABLE webhook ADD COLUMN replay_until INTEGER;
ALTER TABLE webhook ADD COLUMN back_to INTEGER;

-- Trials: variants of a message are compared on a sample before everybody else gets one of them. A delivery's variant is 0,
-- 1, …; none: it is in no sample, and gets the winner where its campaign has a trial. Within a head the sample stands first.
ALTER TABLE delivery ADD COLUMN variant INTEGER;
ALTER TABLE head ADD COLUMN trial_end INTEGER;
CREATE INDEX head_trial ON head (campaign, site) WHERE next < trial_end;
-- share: of the audience, in millionths. out_at: nearly all of the sample had a first verdict by then. found: what the comparison
-- showed, JSON; winner without found: chosen by hand before it was judged.
CREATE TABLE trial (
    workspace INTEGER NOT NULL, campaign INTEGER PRIMARY KEY, variants INTEGER NOT NULL, share INTEGER NOT NULL,
    out_at INTEGER, judged_at INTEGER, found TEXT, winner INTEGER, settled_at INTEGER
);

-- Sunsets: people who did nothing for long are put to rest, each time by a stated rule, and may be woken as they were. A
-- contact's `rests` names the sunset that put them there; whoever acts is awake again.
CREATE TABLE sunset (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, days INTEGER NOT NULL, mailings INTEGER NOT NULL,
    why TEXT NOT NULL, people INTEGER NOT NULL, at INTEGER NOT NULL, actor INTEGER NOT NULL, done_at INTEGER,
    undone_at INTEGER
);
CREATE INDEX sunset_by_workspace ON sunset (workspace, id);
ALTER TABLE contact ADD COLUMN rests INTEGER;
CREATE INDEX contact_resting ON contact (rests) WHERE rests IS NOT NULL;

-- When people opened and clicked: reactions by time since their campaign began. slot: the hours of the first week, 0 to 167, then
-- the days after it. `people` are counted where they did it first.
CREATE TABLE reaction_curve (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, kind INTEGER NOT NULL, doer INTEGER NOT NULL,
    slot INTEGER NOT NULL, node INTEGER NOT NULL, events INTEGER NOT NULL, people INTEGER NOT NULL,
    PRIMARY KEY (campaign, kind, doer, slot, node)
) WITHOUT ROWID;
INSERT INTO reaction_curve (workspace, campaign, kind, doer, slot, node, events, people)
    SELECT workspace, campaign, kind, doer, CASE WHEN hours < 168 THEN hours ELSE min(167 + hours / 24 - 6, 563) END AS slot,
        0, count(*), sum(is_first)
    FROM (SELECT r.workspace, r.campaign, r.kind, max(r.at - m.started_at, 0) / 3600000 AS hours,
            CASE WHEN r.score >= 60 THEN 2 WHEN r.score >= 30 THEN 1 ELSE 0 END AS doer,
            row_number() OVER (PARTITION BY r.campaign, r.kind, r.contact,
                CASE WHEN r.score >= 60 THEN 2 WHEN r.score >= 30 THEN 1 ELSE 0 END ORDER BY r.at, r.seq) = 1 AS is_first
        FROM reaction r JOIN campaign m ON m.id = r.campaign WHERE m.started_at IS NOT NULL AND m.standing = 0)
    GROUP BY workspace, campaign, kind, doer, slot;

-- Drafts as they were before they were changed: name, message and audience (as campaign_audience has it, JSON). What one
-- person changes within a few minutes is one version; `begun` is when it began.
CREATE TABLE draft_version (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, version INTEGER NOT NULL, begun INTEGER NOT NULL,
    at INTEGER NOT NULL, actor INTEGER NOT NULL, name TEXT NOT NULL, message TEXT NOT NULL, audience TEXT NOT NULL,
    PRIMARY KEY (campaign, version)
) WITHOUT ROWID;
