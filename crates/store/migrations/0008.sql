-- What came after schema 7; each subject below its own line.

-- What happened to a person, by the time it happened.
DROP INDEX event_by_contact;
CREATE INDEX event_by_contact ON event (contact, at) WHERE contact IS NOT NULL;

-- Segments that are watched: who is in one, as the last look found them. A look goes through the contacts in bounded parts,
-- up to `passed` already; is_first: it only notes who is there. `turn` numbers the rules that were looked with: what was
-- found by an older one is not written.
CREATE TABLE segment_watch (
    segment INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, since INTEGER NOT NULL, is_first INTEGER NOT NULL,
    due INTEGER NOT NULL, passed INTEGER NOT NULL, turn INTEGER NOT NULL
);
CREATE INDEX segment_watch_by_due ON segment_watch (due);
CREATE TABLE segment_member (
    workspace INTEGER NOT NULL, segment INTEGER NOT NULL, contact INTEGER NOT NULL, PRIMARY KEY (segment, contact)
) WITHOUT ROWID;
CREATE INDEX segment_member_by_contact ON segment_member (contact);

-- What events of other systems are worth, by campaign. touch 0: after a click of the person's own in it; 1: after its mail was
-- accepted. currency: three letters, or nothing where none was named. Every event is in each campaign it came after.
CREATE TABLE revenue (
    workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, touch INTEGER NOT NULL, name INTEGER NOT NULL,
    currency TEXT NOT NULL, node INTEGER NOT NULL, events INTEGER NOT NULL, people INTEGER NOT NULL,
    value_micros INTEGER NOT NULL, PRIMARY KEY (campaign, touch, name, currency, node)
) WITHOUT ROWID;
-- Who is counted among its people already.
CREATE TABLE revenue_person (
    contact INTEGER NOT NULL, workspace INTEGER NOT NULL, campaign INTEGER NOT NULL, touch INTEGER NOT NULL,
    name INTEGER NOT NULL, currency TEXT NOT NULL, PRIMARY KEY (contact, campaign, touch, name, currency)
) WITHOUT ROWID;

-- People are looked for by the beginning of their address, by its domain, by their status and by what keeps mail from them.
-- Of statuses only those few have: whoever may be mailed (0) is found among everybody.
CREATE INDEX address_by_email ON address (workspace, email COLLATE NOCASE);
CREATE INDEX address_by_domain ON address (workspace, domain);
CREATE INDEX contact_by_status ON contact (workspace, status) WHERE status <> 0;
CREATE INDEX suppression_by_reason ON suppression (workspace, reason, hash);
