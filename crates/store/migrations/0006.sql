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
