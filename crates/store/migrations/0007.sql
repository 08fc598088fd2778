-- What came after schema 6; each subject below its own line.

-- How many wait at each site, by campaign: queued is what the heads there say is left, put_off the retries; site 0: nobody
-- knows yet where their mail goes. Kept here and not by the verbs, so that none of them can forget it. Rows that came to
-- nothing go. (A REPLACE would pass the triggers by: heads and retries are never written so.)
CREATE TABLE waiting (
    campaign INTEGER NOT NULL, site INTEGER NOT NULL, queued INTEGER NOT NULL, put_off INTEGER NOT NULL,
    PRIMARY KEY (campaign, site)
) WITHOUT ROWID;
CREATE INDEX waiting_many ON waiting (campaign, queued + put_off) WHERE queued + put_off > 7 AND site <> 0;
INSERT INTO waiting (campaign, site, queued, put_off)
    SELECT campaign, site, sum(queued), sum(put_off) FROM (
        SELECT campaign, coalesce(site, 0) AS site, remaining AS queued, 0 AS put_off FROM head
        UNION ALL SELECT campaign, site, 0, 1 FROM retry)
    GROUP BY campaign, site HAVING sum(queued) + sum(put_off) > 0;
CREATE TRIGGER head_comes AFTER INSERT ON head WHEN new.remaining > 0 BEGIN
    INSERT INTO waiting VALUES (new.campaign, coalesce(new.site, 0), new.remaining, 0)
        ON CONFLICT DO UPDATE SET queued = queued + excluded.queued;
END;
CREATE TRIGGER head_goes AFTER DELETE ON head WHEN old.remaining > 0 BEGIN
    UPDATE waiting SET queued = queued - old.remaining WHERE campaign = old.campaign AND site = coalesce(old.site, 0);
    DELETE FROM waiting
        WHERE campaign = old.campaign AND site = coalesce(old.site, 0) AND queued = 0 AND put_off = 0;
END;
CREATE TRIGGER head_changes AFTER UPDATE OF site, remaining ON head
    WHEN new.remaining <> old.remaining OR new.site IS NOT old.site
BEGIN
    INSERT INTO waiting VALUES (new.campaign, coalesce(new.site, 0), new.remaining, 0)
        ON CONFLICT DO UPDATE SET queued = queued + excluded.queued;
    UPDATE waiting SET queued = queued - old.remaining WHERE campaign = old.campaign AND site = coalesce(old.site, 0);
    DELETE FROM waiting
        WHERE campaign = old.campaign AND site = coalesce(old.site, 0) AND queued = 0 AND put_off = 0;
END;
CREATE TRIGGER retry_comes AFTER INSERT ON retry BEGIN
    INSERT INTO waiting VALUES (new.campaign, new.site, 0, 1) ON CONFLICT DO UPDATE SET put_off = put_off + 1;
END;
CREATE TRIGGER retry_goes AFTER DELETE ON retry BEGIN
    UPDATE waiting SET put_off = put_off - 1 WHERE campaign = old.campaign AND site = old.site;
    DELETE FROM waiting WHERE campaign = old.campaign AND site = old.site AND queued = 0 AND put_off = 0;
END;

-- Servers are found by their address: what a dead process left in flight names no host.
CREATE INDEX peer_by_ip ON peer (ip);

-- Everybody of a workspace in the order they came: a page of them, however many there are.
CREATE INDEX contact_by_workspace ON contact (workspace);
