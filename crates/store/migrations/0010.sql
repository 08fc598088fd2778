-- What came after schema 9.

-- Suppressions are shown newest first, all of them or those for one reason; contacts in the order of their addresses, with
-- those who have none behind them.
CREATE INDEX suppression_by_time ON suppression (workspace, reason, at, hash);
CREATE INDEX suppressed_domain_by_time ON suppressed_domain (workspace, reason, at, domain);
CREATE INDEX contact_without_address ON contact (workspace) WHERE address IS NULL;
