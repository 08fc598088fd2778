//! Dictionaries: texts and causes that repeat, stored once under a small number.
//!
//! Bounded: when a dictionary is full, new texts go in-line with the row. Invariant: the cache is a part of the table;
//! it is thrown away with every rollback.

use super::Ledger;
use crate::error::Result;
use model::{DomainId, EnhancedCode, SiteId, Timestamp, Verdict};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// Entries of one dictionary.
const ENTRIES_MAX: i64 = 65_536;
/// Domains remembered in memory; the table has no bound.
const DOMAINS_CACHED_MAX: usize = 65_536;
/// The longest text of an entry, in bytes.
const ENTRY_BYTES_MAX: usize = 1_024;

/// What identifies a cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CauseKey {
    outcome: u8,
    category: u8,
    scope: u8,
    stage: u8,
    rule: String,
    provider: String,
    code: u16,
    enhanced: i64,
}

/// The cached part of the dictionaries.
#[derive(Default)]
pub(crate) struct Dictionary {
    words: HashMap<String, i64>,
    templates: HashMap<String, i64>,
    peers: HashMap<(String, String), i64>,
    causes: HashMap<CauseKey, i64>,
    domains: HashMap<String, i64>,
}

/// An enhanced code as one number: class × 1,000,000 + subject × 1,000 + detail; 0 for none.
pub(crate) fn pack_enhanced(code: Option<EnhancedCode>) -> i64 {
    code.map_or(0, |c| i64::from(c.class) * 1_000_000 + i64::from(c.subject) * 1_000 + i64::from(c.detail))
}

/// The way back.
pub(crate) fn unpack_enhanced(packed: i64) -> Option<EnhancedCode> {
    let part = |n: i64| u16::try_from(n % 1_000).ok();
    let class = u8::try_from(packed / 1_000_000).ok().filter(|class| *class > 0)?;
    Some(EnhancedCode { class, subject: part(packed / 1_000)?, detail: part(packed)? })
}

/// The next number of a dictionary, or `None` when it is full.
fn next_number(conn: &Connection, max_sql: &str) -> Result<Option<i64>> {
    let last: i64 = conn.prepare_cached(max_sql)?.query_row([], |row| row.get(0))?;
    Ok(Some(last + 1).filter(|number| *number <= ENTRIES_MAX))
}

impl Ledger {
    /// The number of a word (actor, host, note); `None` when it has to go in-line.
    pub(crate) fn word_id(&mut self, text: &str) -> Result<Option<i64>> {
        if let Some(id) = self.dictionary.words.get(text) {
            return Ok(Some(*id));
        }
        let found = entry(
            &self.conn,
            text,
            "SELECT id FROM word WHERE text = ?1",
            "SELECT coalesce(max(id), 0) FROM word",
            "INSERT INTO word (id, text) VALUES (?1, ?2)",
        )?;
        if let Some(id) = found {
            self.dictionary.words.insert(text.to_owned(), id);
        }
        Ok(found)
    }

    /// The number of a reply template; `None` when it has to go in-line.
    pub(crate) fn template_id(&mut self, text: &str) -> Result<Option<i64>> {
        if let Some(id) = self.dictionary.templates.get(text) {
            return Ok(Some(*id));
        }
        let found = entry(
            &self.conn,
            text,
            "SELECT id FROM template WHERE text = ?1",
            "SELECT coalesce(max(id), 0) FROM template",
            "INSERT INTO template (id, text) VALUES (?1, ?2)",
        )?;
        if let Some(id) = found {
            self.dictionary.templates.insert(text.to_owned(), id);
        }
        Ok(found)
    }

    /// The number of a server: host name and network address.
    pub(crate) fn peer_id(&mut self, host: &str, ip: &str) -> Result<Option<i64>> {
        let key = (host.to_owned(), ip.to_owned());
        if let Some(id) = self.dictionary.peers.get(&key) {
            return Ok(Some(*id));
        }
        let sql = "SELECT id FROM peer WHERE host = ?1 AND ip = ?2";
        let known = self.conn.prepare_cached(sql)?.query_row([host, ip], |row| row.get(0)).optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                let Some(id) = next_number(&self.conn, "SELECT coalesce(max(id), 0) FROM peer")? else {
                    return Ok(None);
                };
                let sql = "INSERT INTO peer (id, host, ip) VALUES (?1, ?2, ?3)";
                self.conn.prepare_cached(sql)?.execute(params![id, host, ip])?;
                id
            }
        };
        self.dictionary.peers.insert(key, id);
        Ok(Some(id))
    }

    /// The number of a cause. When the dictionary is full the codes, which servers choose, are left out; what is
    /// left is bounded by our own rules.
    pub(crate) fn cause_id(
        &mut self,
        verdict: &Verdict,
        provider: Option<&str>,
        code: u16,
        enhanced: Option<EnhancedCode>,
    ) -> Result<i64> {
        let mut key = CauseKey {
            outcome: verdict.outcome.code(),
            category: verdict.category.code(),
            scope: verdict.scope.code(),
            stage: verdict.stage.code(),
            rule: verdict.rule.clone().into_owned(),
            provider: provider.unwrap_or_default().to_owned(),
            code,
            enhanced: pack_enhanced(enhanced),
        };
        if let Some(id) = self.dictionary.causes.get(&key) {
            return Ok(*id);
        }
        let mut id = find_cause(&self.conn, &key)?;
        if id.is_none() {
            let last: i64 = self.conn.query_row("SELECT coalesce(max(id), 0) FROM cause", [], |row| row.get(0))?;
            if last >= ENTRIES_MAX {
                key = CauseKey { code: 0, enhanced: 0, ..key };
                id = find_cause(&self.conn, &key)?;
            }
            if id.is_none() {
                insert_cause(&self.conn, last + 1, &key)?;
                id = Some(last + 1);
            }
        }
        let id = id.unwrap_or_default();
        self.dictionary.causes.insert(key, id);
        Ok(id)
    }

    /// The id of a domain; made if new.
    pub(crate) fn domain_id(&mut self, name: &str, now: Timestamp) -> Result<DomainId> {
        if let Some(id) = self.dictionary.domains.get(name) {
            return Ok(DomainId(*id));
        }
        let known = find_domain(&self.conn, name)?;
        let id = match known {
            Some(id) => id,
            None => {
                let id = DomainId(self.new_id(now));
                let sql = "INSERT INTO domain (id, name) VALUES (?1, ?2)";
                self.conn.prepare_cached(sql)?.execute(params![id.0, name])?;
                id
            }
        };
        if self.dictionary.domains.len() >= DOMAINS_CACHED_MAX {
            self.dictionary.domains.clear();
        }
        self.dictionary.domains.insert(name.to_owned(), id.0);
        Ok(id)
    }

    /// The id of a site; made if new, its provider corrected if it changed.
    pub(crate) fn site_id(&mut self, fingerprint: &str, provider: Option<&str>, now: Timestamp) -> Result<SiteId> {
        let known: Option<(i64, Option<String>)> = self
            .conn
            .prepare_cached("SELECT id, provider FROM site WHERE fingerprint = ?1")?
            .query_row([fingerprint], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match known {
            Some((id, known)) => {
                if known.as_deref() != provider {
                    let sql = "UPDATE site SET provider = ?2 WHERE id = ?1";
                    self.conn.prepare_cached(sql)?.execute(params![id, provider])?;
                }
                Ok(SiteId(id))
            }
            None => {
                let id = self.new_id(now);
                let sql = "INSERT INTO site (id, fingerprint, provider) VALUES (?1, ?2, ?3)";
                self.conn.prepare_cached(sql)?.execute(params![id, fingerprint, provider])?;
                Ok(SiteId(id))
            }
        }
    }
}

/// The id of a domain that is known.
pub(crate) fn find_domain(conn: &Connection, name: &str) -> Result<Option<DomainId>> {
    let mut statement = conn.prepare_cached("SELECT id FROM domain WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?.map(DomainId))
}

fn entry(conn: &Connection, text: &str, find: &str, max: &str, insert: &str) -> Result<Option<i64>> {
    if text.len() > ENTRY_BYTES_MAX {
        return Ok(None);
    }
    if let Some(id) = conn.prepare_cached(find)?.query_row([text], |row| row.get(0)).optional()? {
        return Ok(Some(id));
    }
    let Some(id) = next_number(conn, max)? else { return Ok(None) };
    conn.prepare_cached(insert)?.execute(params![id, text])?;
    Ok(Some(id))
}

fn find_cause(conn: &Connection, key: &CauseKey) -> Result<Option<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM cause WHERE category = ?1 AND stage = ?2 AND rule = ?3 AND provider = ?4 AND code = ?5
            AND enhanced = ?6 AND outcome = ?7 AND scope = ?8",
    )?;
    let row = params![key.category, key.stage, key.rule, key.provider, key.code, key.enhanced, key.outcome, key.scope];
    Ok(statement.query_row(row, |row| row.get(0)).optional()?)
}

fn insert_cause(conn: &Connection, id: i64, key: &CauseKey) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "INSERT INTO cause (category, stage, rule, provider, code, enhanced, outcome, scope, id)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        key.category,
        key.stage,
        key.rule,
        key.provider,
        key.code,
        key.enhanced,
        key.outcome,
        key.scope,
        id
    ])?;
    Ok(())
}
