//! Policies and results of transport security. Every table here is a cache or a tally of a few days, and bounded.

use super::{Ledger, sql_limit};
use crate::error::Result;
use crate::tls::{
    TLS_POLICIES_MAX, TLS_POLICY_BYTES_MAX, TLS_RESULT_DAYS_KEPT, TLS_RESULTS_PER_DAY_MAX, TlsPolicy, TlsResult,
};
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The cached policy of a domain.
pub(crate) fn policy(conn: &Connection, domain: &str) -> Result<Option<TlsPolicy>> {
    let sql = "SELECT domain, id, body, fetched_at, expires_at FROM tls_policy WHERE domain = ?1";
    let read = |row: &Row<'_>| {
        Ok(TlsPolicy {
            domain: row.get(0)?,
            id: row.get(1)?,
            body: row.get(2)?,
            fetched_at: Timestamp::from_millis(row.get(3)?),
            expires_at: Timestamp::from_millis(row.get(4)?),
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([domain], read).optional()?)
}

/// The domains with a cached policy; [`TLS_POLICIES_MAX`] at most.
pub(crate) fn policy_domains(conn: &Connection) -> Result<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT domain FROM tls_policy ORDER BY domain")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Days and domains without a report.
pub(crate) fn report_days(
    conn: &Connection,
    before_day: i64,
    after: Option<&(i64, String)>,
    limit: usize,
) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT day, domain FROM tls_day WHERE reported_at IS NULL AND day < ?1 AND (day, domain) > (?2, ?3)
        ORDER BY day, domain LIMIT ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = sql_limit(limit);
    let (day, domain) = after.map_or((i64::MIN, ""), |(day, domain)| (*day, domain.as_str()));
    let rows = statement.query_map(params![before_day, day, domain, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Days and domains, with or without a report.
pub(crate) fn days(conn: &Connection, limit: usize) -> Result<Vec<(i64, String, Option<Timestamp>)>> {
    let sql = "SELECT day, domain, reported_at FROM tls_day ORDER BY day DESC, domain LIMIT ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = sql_limit(limit);
    let rows = statement.query_map([limit], |row| {
        let reported: Option<i64> = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?, reported.map(Timestamp::from_millis)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The results of a day and domain.
pub(crate) fn results(conn: &Connection, day: i64, domain: &str) -> Result<Vec<TlsResult>> {
    let sql = "SELECT policy, result, mx_host, ip, sum(count) FROM tls_result WHERE day = ?1 AND domain = ?2
        GROUP BY policy, result, mx_host, ip ORDER BY policy, result, mx_host, ip";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![day, domain], |row| {
        Ok(TlsResult {
            day,
            domain: domain.to_owned(),
            policy: row.get(0)?,
            result: row.get(1)?,
            mx_host: row.get(2)?,
            ip: row.get(3)?,
            count: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Ledger {
    /// Keeps a policy; the one that expires first makes room.
    pub(crate) fn put_tls_policy(&mut self, policy: &TlsPolicy) -> Result<()> {
        if policy.body.len() > TLS_POLICY_BYTES_MAX {
            let text = format!("a policy of {} bytes is not kept ({TLS_POLICY_BYTES_MAX} at most)", policy.body.len());
            return Err(crate::StoreError::Refused(text));
        }
        let sql = "INSERT INTO tls_policy (domain, id, body, fetched_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (domain) DO UPDATE SET id = excluded.id, body = excluded.body,
                fetched_at = excluded.fetched_at, expires_at = excluded.expires_at";
        let (fetched, expires) = (policy.fetched_at.as_millis(), policy.expires_at.as_millis());
        let row = params![policy.domain, policy.id, policy.body, fetched, expires];
        self.conn.prepare_cached(sql)?.execute(row)?;
        let sql = "DELETE FROM tls_policy WHERE domain IN
            (SELECT domain FROM tls_policy ORDER BY expires_at DESC LIMIT 100000 OFFSET ?1)";
        let kept = sql_limit(TLS_POLICIES_MAX);
        self.conn.prepare_cached(sql)?.execute([kept])?;
        Ok(())
    }

    /// Adds to the tallies of the days.
    pub(crate) fn add_tls_results(&mut self, results: &[TlsResult]) -> Result<()> {
        let Some(latest) = results.iter().map(|one| one.day).max() else { return Ok(()) };
        let oldest = latest - TLS_RESULT_DAYS_KEPT;
        for table in ["tls_result", "tls_day"] {
            self.conn.prepare_cached(&format!("DELETE FROM {table} WHERE day < ?1"))?.execute([oldest])?;
        }
        for one in results.iter().filter(|one| one.day >= oldest) {
            self.add_tls_result(one)?;
        }
        Ok(())
    }

    fn add_tls_result(&mut self, one: &TlsResult) -> Result<()> {
        let sql = "UPDATE tls_result SET count = count + ?8 WHERE day = ?1 AND domain = ?2 AND policy = ?3
            AND result = ?4 AND mx_host = ?5 AND ip = ?6 AND node = ?7";
        let node = self.node;
        let row = params![one.day, one.domain, one.policy, one.result, one.mx_host, one.ip, node, one.count];
        if self.conn.prepare_cached(sql)?.execute(row)? > 0 {
            return Ok(());
        }
        if self.tls_rows_of(one.day)? >= TLS_RESULTS_PER_DAY_MAX {
            return Ok(());
        }
        let sql = "INSERT INTO tls_result (day, domain, policy, result, mx_host, ip, node, count)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.conn.prepare_cached(sql)?.execute(row)?;
        let sql = "INSERT INTO tls_day (day, domain) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.conn.prepare_cached(sql)?.execute(params![one.day, one.domain])?;
        if let Some((_, rows)) = &mut self.tls_rows {
            *rows += 1;
        }
        Ok(())
    }

    /// How many different results a day has; counted once, then kept in memory.
    fn tls_rows_of(&mut self, day: i64) -> Result<usize> {
        if let Some((_, rows)) = self.tls_rows.filter(|(known, _)| *known == day) {
            return Ok(rows);
        }
        let sql = "SELECT count(*) FROM tls_result WHERE day = ?1";
        let rows: usize = self.conn.prepare_cached(sql)?.query_row([day], |row| row.get(0))?;
        self.tls_rows = Some((day, rows));
        Ok(rows)
    }

    /// Notes that a day's report to a domain needs no more work.
    pub(crate) fn tls_report_sent(&mut self, day: i64, domain: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE tls_day SET reported_at = ?3 WHERE day = ?1 AND domain = ?2";
        self.conn.prepare_cached(sql)?.execute(params![day, domain, now.as_millis()])?;
        Ok(())
    }
}
