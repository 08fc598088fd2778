-- What came after schema 8.

-- Who was invited into a workspace and has not accepted yet. Ids are those of people: whoever has no account takes it along
-- as the account's when they accept, and one_time_link.app_user means either.
CREATE TABLE invitation (
    id INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, role INTEGER NOT NULL,
    at INTEGER NOT NULL, UNIQUE (workspace, email)
);
CREATE INDEX invitation_by_email ON invitation (email);
