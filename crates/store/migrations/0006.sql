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
