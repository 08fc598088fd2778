-- What came after schema 5; each subject below its own line.

-- Replays with an end: what lies before replay_until is told again, then the webhook goes on behind back_to.
ALTER TABLE webhook ADD COLUMN replay_until INTEGER;
ALTER TABLE webhook ADD COLUMN back_to INTEGER;
