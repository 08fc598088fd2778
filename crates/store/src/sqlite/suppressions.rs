//! The suppression list: by keyed hash for addresses, by id for domains, and the second look-ups that are pending.

use super::events::NewEvent;
use super::imports::find_address;
use super::reports::IS_ENDED;
use super::{AddressHash, Ledger, dictionary, sql_limit, word};
use crate::changes::{Change, Whom};
use crate::error::{Result, StoreError};
use crate::restore::{GROUPS_MAX, RestoreGroup, RestorePreview, SHOWN_MAX};
use crate::secrets::{hex, unhex};
use crate::suppression::{LiftFilter, SecondLookup, SuppressedPlace, Suppression, Target};
use model::{
    Actor, AddressId, CampaignId, ContactId, ContactStatus, DeliveryId, DeliveryState, DomainId, EmailAddress,
    ErrorCause, EventKind, MailDomain, SkipReason, SuppressionReason, Timestamp, WorkspaceId,
};
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// Addresses suppressed or lifted in one step.
const STEP_ROWS: i64 = 5_000;

const BY_ADDRESS: &str =
    "SELECT a.email, 0, s.hash, s.reason, s.evidence, s.note, s.at, coalesce(w.text, ''), s.provisional
    FROM suppression s LEFT JOIN address a ON a.workspace = s.workspace AND a.hash = s.hash
    LEFT JOIN word w ON w.id = s.actor";
const BY_DOMAIN: &str = "SELECT d.name, 1, NULL, s.reason, s.evidence, s.note, s.at, coalesce(w.text, ''), 0
    FROM suppressed_domain s JOIN domain d ON d.id = s.domain LEFT JOIN word w ON w.id = s.actor";

fn read_suppression(row: &Row<'_>) -> Result<Suppression> {
    let hash: Option<Vec<u8>> = row.get(2)?;
    let shown: Option<String> = row.get(0)?;
    Ok(Suppression {
        is_domain: row.get(1)?,
        hash: hash.map_or_else(|| format!("domain:{}", shown.as_deref().unwrap_or_default()), |hash| hex(&hash)),
        shown,
        reason: word!(SuppressionReason, row.get(3)?)?,
        evidence: row.get::<_, Option<i64>>(4)?.map(DeliveryId),
        note: row.get(5)?,
        at: Timestamp::from_millis(row.get(6)?),
        actor: row.get(7)?,
        provisional: row.get(8)?,
    })
}

/// The list in pages: first addresses in the order of their hash, then domains by name; all of it, or what is for one reason.
pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    reason: Option<SuppressionReason>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Suppression>> {
    let limit = sql_limit(limit);
    let (of, reason) = match reason {
        Some(reason) => ("s.reason = ?4", Some(reason.code())),
        None => ("?4 IS NULL", None),
    };
    let mut found = Vec::new();
    let after_domain = after.and_then(|after| after.strip_prefix("domain:"));
    if after_domain.is_none() {
        let sql =
            format!("{BY_ADDRESS} WHERE s.workspace = ?1 AND s.hash > ?2 AND {of} ORDER BY s.hash, s.reason LIMIT ?3");
        let mut statement = conn.prepare_cached(&sql)?;
        let after = after.and_then(unhex).unwrap_or_default();
        for row in statement.query_and_then(params![workspace.0, after, limit, reason], read_suppression)? {
            found.push(row?);
        }
    }
    let rest = limit - i64::try_from(found.len()).unwrap_or(0);
    let sql = format!("{BY_DOMAIN} WHERE s.workspace = ?1 AND d.name > ?2 AND {of} ORDER BY d.name, s.reason LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![workspace.0, after_domain.unwrap_or_default(), rest, reason];
    for row in statement.query_and_then(key, read_suppression)? {
        found.push(row?);
    }
    Ok(found)
}

/// The list newest first, all of it or what is for one reason. Each reason has a range of its own in the index: the newest of
/// every one of them are put together.
pub(crate) fn newest(
    conn: &Connection,
    workspace: WorkspaceId,
    reason: Option<SuppressionReason>,
    after: Option<&SuppressedPlace>,
    limit: usize,
) -> Result<Vec<(SuppressedPlace, Suppression)>> {
    let mut found = Vec::new();
    for &own in SuppressionReason::ALL.iter().filter(|own| reason.is_none_or(|reason| reason == **own)) {
        for is_address in [true, false] {
            let (sql, values) = newest_for(workspace, own, is_address, after, limit);
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                let entry = read_suppression(row)?;
                let key = if is_address { entry.hash.clone() } else { digits_of(row.get(9)?) };
                found.push((SuppressedPlace { at: entry.at, is_address, key, reason: own.code() }, entry));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| b.cmp(a));
    found.truncate(limit);
    Ok(found)
}

/// The id of a domain, with so many digits that ids have the same order as texts and as numbers.
fn digits_of(domain: i64) -> String {
    format!("{domain:020}")
}

/// The entries for one reason, of addresses or of domains, newest first, after a place in the list of all of them.
fn newest_for(
    workspace: WorkspaceId,
    reason: SuppressionReason,
    is_address: bool,
    after: Option<&SuppressedPlace>,
    limit: usize,
) -> (String, Vec<Value>) {
    let limit = sql_limit(limit);
    let mut values = vec![Value::from(workspace.0), Value::from(reason.code()), Value::from(limit)];
    let (select, key) = match is_address {
        true => (BY_ADDRESS.replace("suppression s", "suppression s INDEXED BY suppression_by_time"), "hash"),
        false => {
            let by_time = "suppressed_domain s INDEXED BY suppressed_domain_by_time CROSS JOIN domain";
            let select = BY_DOMAIN.replace("suppressed_domain s JOIN domain", by_time);
            (select.replace("'), 0\n", "'), 0, s.domain\n"), "domain")
        }
    };
    let mut bind = |value: Value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let later = match after {
        None => String::new(),
        Some(after) => {
            let at = bind(Value::from(after.at.as_millis()));
            match (after.is_address, is_address) {
                // Of one time, addresses stand before domains, and of one of them the reasons from the last to the first.
                (true, false) => format!("AND s.at <= {at}"),
                (false, true) => format!("AND s.at < {at}"),
                _ => {
                    let last = match is_address {
                        true => Value::from(unhex(&after.key).unwrap_or_default()),
                        false => Value::from(after.key.parse::<i64>().unwrap_or_default()),
                    };
                    let last = bind(last);
                    let sign = if reason.code() < after.reason { "<=" } else { "<" };
                    format!("AND (s.at, s.{key}) {sign} ({at}, {last})")
                }
            }
        }
    };
    let sql =
        format!("{select} WHERE s.workspace = ?1 AND s.reason = ?2 {later} ORDER BY s.at DESC, s.{key} DESC LIMIT ?3");
    (sql, values)
}

/// What keeps mail from an address: entries of its hash and of its domain.
pub(crate) fn of_address(
    conn: &Connection,
    workspace: WorkspaceId,
    hash: &AddressHash,
    domain: &str,
) -> Result<Vec<Suppression>> {
    let sql = format!("{BY_ADDRESS} WHERE s.workspace = ?1 AND s.hash = ?2 ORDER BY s.at");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found: Vec<Suppression> =
        statement.query_and_then(params![workspace.0, hash], read_suppression)?.collect::<Result<_>>()?;
    let sql = format!("{BY_DOMAIN} WHERE s.workspace = ?1 AND d.name = ?2 ORDER BY s.at");
    let mut statement = conn.prepare_cached(&sql)?;
    for row in statement.query_and_then(params![workspace.0, domain], read_suppression)? {
        found.push(row?);
    }
    Ok(found)
}

/// How many deliveries wait for a try among the people of some addresses (`hash`, or all of `domain`); `None`: more addresses
/// than `most`, which nobody counts.
pub(crate) fn waiting_for(
    conn: &Connection,
    workspace: WorkspaceId,
    (hash, domain): (Option<&AddressHash>, Option<&str>),
    most: usize,
) -> Result<Option<u64>> {
    let domain = domain.map(|name| dictionary::find_domain(conn, name)).transpose()?.flatten();
    let most = sql_limit(most);
    let sql = "SELECT a.id FROM address a WHERE a.workspace = ?1 AND a.hash = ?2
        UNION SELECT a.id FROM address a WHERE a.workspace = ?1 AND a.domain = ?3 LIMIT ?4 + 1";
    let addresses: Vec<i64> = conn
        .prepare_cached(sql)?
        .query_map(params![workspace.0, hash, domain.map(|id| id.0), most], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if addresses.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let (queued, deferred) = (DeliveryState::Queued.code(), DeliveryState::Deferred.code());
    let sql = "SELECT count(*) FROM contact c JOIN delivery d ON d.contact = c.id
        WHERE c.workspace = ?1 AND c.address = ?2 AND d.state IN (?3, ?4)";
    let mut statement = conn.prepare_cached(sql)?;
    let mut waiting = 0;
    for address in addresses {
        let key = params![workspace.0, address, queued, deferred];
        waiting += statement.query_row(key, |row| row.get::<_, u64>(0))?;
    }
    Ok(Some(waiting))
}

/// How many are suppressed provisionally on the strength of a campaign.
pub(crate) fn provisional_of(conn: &Connection, campaign: CampaignId) -> Result<u64> {
    // From two indexes: the deliveries themselves lie far apart.
    let sql = format!(
        "SELECT count(*) FROM suppression s WHERE s.provisional = 1 AND s.evidence IN
            (SELECT d.id FROM delivery d WHERE d.campaign = ?1 AND d.state = {} AND {IS_ENDED})",
        DeliveryState::Hard.code()
    );
    Ok(conn.prepare_cached(&sql)?.query_row([campaign.0], |row| row.get(0))?)
}

/// Missing domains whose second look-up is due.
pub(crate) fn second_lookups(conn: &Connection, now: Timestamp, limit: usize) -> Result<Vec<SecondLookup>> {
    let sql = "SELECT s.domain, d.name, min(s.due), s.evidence, s.contact FROM second_lookup s
        JOIN domain d ON d.id = s.domain WHERE s.due <= ?1 GROUP BY s.domain ORDER BY 3 LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = sql_limit(limit);
    let rows = statement.query_map(params![now.as_millis(), limit], |row| {
        Ok(SecondLookup {
            domain: DomainId(row.get(0)?),
            domain_name: row.get(1)?,
            due: Timestamp::from_millis(row.get(2)?),
            evidence: DeliveryId(row.get(3)?),
            contact: ContactId(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn next_second_lookup(conn: &Connection, after: Timestamp) -> Result<Option<Timestamp>> {
    let sql = "SELECT min(due) FROM second_lookup WHERE due > ?1";
    let next: Option<i64> = conn.prepare_cached(sql)?.query_row([after.as_millis()], |row| row.get(0))?;
    Ok(next.map(Timestamp::from_millis))
}

/// On what grounds something is suppressed.
#[derive(Default)]
pub(crate) struct Because<'a> {
    /// The delivery that proved it.
    pub(crate) evidence: Option<DeliveryId>,
    /// In words.
    pub(crate) note: Option<&'a str>,
    /// Not certain: the provider seems to have an incident.
    pub(crate) provisional: bool,
    /// Since when it was so elsewhere, where it was so before it was told here.
    pub(crate) since: Option<Timestamp>,
}

/// What a target names in the ledger.
enum Named {
    Address(AddressHash, Option<AddressId>),
    Domain(DomainId),
}

impl Ledger {
    fn name_target(&mut self, workspace: WorkspaceId, target: &Target, now: Timestamp) -> Result<Named> {
        match target {
            Target::Address(text) => {
                let address = EmailAddress::parse(text)
                    .map_err(|error| StoreError::Refused(format!("{text:?} is not an address: {error}")))?;
                let hash = self.hash_of(workspace, &address.key());
                Ok(Named::Address(hash, find_address(&self.conn, workspace, &hash)?))
            }
            Target::Domain(text) => {
                let domain = MailDomain::parse(text)
                    .map_err(|error| StoreError::Refused(format!("{text:?} is not a domain: {error}")))?;
                Ok(Named::Domain(self.domain_id(domain.as_str(), now)?))
            }
        }
    }

    /// Suppresses by hand or by a recipient's wish.
    pub(crate) fn suppress(
        &mut self,
        workspace: WorkspaceId,
        target: &Target,
        reason: SuppressionReason,
        (note, since): (Option<&str>, Option<Timestamp>),
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let because = Because { note, since, ..Because::default() };
        match self.name_target(workspace, target, now)? {
            // A typed address that nobody has is remembered, so that the list can show it.
            Named::Address(_, None) => {
                let Target::Address(text) = target else { return Ok(()) };
                let address = EmailAddress::parse(text).map_err(|error| StoreError::Refused(error.to_string()))?;
                // Whoever was forgotten is suppressed for good, and nothing in clear is kept of them.
                if self.is_forgotten(workspace, &address)? {
                    return Ok(());
                }
                let (id, _) = self.address_id(workspace, &address, now)?;
                self.suppress_address(workspace, id, reason, &because, actor, now)
            }
            Named::Address(_, Some(id)) => self.suppress_address(workspace, id, reason, &because, actor, now),
            Named::Domain(id) => self.suppress_domain(workspace, id, reason, &because, actor, now),
        }
    }

    /// Suppresses an address; what is suppressed for that reason already stays as it is.
    pub(crate) fn suppress_address(
        &mut self,
        workspace: WorkspaceId,
        address: AddressId,
        reason: SuppressionReason,
        because: &Because<'_>,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<()> {
        let actor_id = self.actor_id(actor)?;
        let sql = "INSERT OR IGNORE INTO suppression (workspace, hash, reason, evidence, note, at, actor, provisional)
            SELECT ?1, a.hash, ?3, ?4, ?5, ?6, ?7, ?8 FROM address a WHERE a.id = ?2";
        let added = self.conn.prepare_cached(sql)?.execute(params![
            workspace.0,
            address.0,
            reason.code(),
            because.evidence.map(|id| id.0),
            because.note,
            because.since.map_or(at, |since| since.min(at)).as_millis(),
            actor_id,
            because.provisional
        ])?;
        if added > 0 {
            let provisional = if because.provisional { ", provisional" } else { "" };
            let detail = Some(format!("{reason}{provisional}"));
            let (contact, delivery) = (self.contact_of(workspace, address)?, because.evidence);
            let about = NewEvent { address: Some(address), contact, delivery, detail, ..NewEvent::default() };
            self.event(workspace, EventKind::Suppressed, actor, at, about)?;
            self.changed(Change::Stop(Whom::Address(address.0), reason.skip_reason()));
        }
        Ok(())
    }

    /// Whose address it is, or was.
    fn contact_of(&self, workspace: WorkspaceId, address: AddressId) -> Result<Option<ContactId>> {
        let sql = "SELECT id FROM contact WHERE workspace = ?1 AND address = ?2
            UNION ALL SELECT contact FROM former_address WHERE workspace = ?1 AND address = ?2 LIMIT 1";
        let mut statement = self.conn.prepare_cached(sql)?;
        Ok(statement.query_row([workspace.0, address.0], |row| row.get(0).map(ContactId)).optional()?)
    }

    /// Suppresses a domain.
    pub(crate) fn suppress_domain(
        &mut self,
        workspace: WorkspaceId,
        domain: DomainId,
        reason: SuppressionReason,
        because: &Because<'_>,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<()> {
        let actor_id = self.actor_id(actor)?;
        let sql = "INSERT OR IGNORE INTO suppressed_domain (workspace, domain, reason, evidence, note, at, actor)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let added = self.conn.prepare_cached(sql)?.execute(params![
            workspace.0,
            domain.0,
            reason.code(),
            because.evidence.map(|id| id.0),
            because.note,
            because.since.map_or(at, |since| since.min(at)).as_millis(),
            actor_id
        ])?;
        if added > 0 {
            let sql = "SELECT name FROM domain WHERE id = ?1";
            let name: String = self.conn.prepare_cached(sql)?.query_row([domain.0], |row| row.get(0))?;
            let detail = Some(format!("{reason}: {name}"));
            let about = NewEvent { delivery: because.evidence, detail, ..NewEvent::default() };
            self.event(workspace, EventKind::Suppressed, actor, at, about)?;
            self.changed(Change::Stop(Whom::Domain(domain.0), reason.skip_reason()));
        }
        Ok(())
    }

    /// Removes what an operator may remove from one target.
    pub(crate) fn unsuppress(
        &mut self,
        workspace: WorkspaceId,
        target: &Target,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u32> {
        if why.trim().is_empty() {
            return Err(StoreError::Refused("lifting a suppression needs a reason".to_owned()));
        }
        let named = self.name_target(workspace, target, now)?;
        let reasons: Vec<SuppressionReason> = {
            let (sql, key): (&str, &dyn rusqlite::ToSql) = match &named {
                Named::Address(hash, _) => ("SELECT reason FROM suppression WHERE workspace = ?1 AND hash = ?2", hash),
                Named::Domain(id) => {
                    ("SELECT reason FROM suppressed_domain WHERE workspace = ?1 AND domain = ?2", &id.0)
                }
            };
            let mut statement = self.conn.prepare_cached(sql)?;
            statement
                .query_and_then(params![workspace.0, key], |row| word!(SuppressionReason, row.get(0)?))?
                .collect::<Result<_>>()?
        };
        if let Some(fixed) = reasons.iter().find(|reason| !reason.may_be_lifted()) {
            let text = format!("nobody but the person can lift this ({fixed}): only their own newer confirmed opt-in");
            return Err(StoreError::Refused(text));
        }
        for reason in &reasons {
            match &named {
                Named::Address(hash, address) => {
                    let sql = "DELETE FROM suppression WHERE workspace = ?1 AND hash = ?2 AND reason = ?3";
                    self.conn.execute(sql, params![workspace.0, hash, reason.code()])?;
                    self.lifted(workspace, *address, *reason, why, actor, now)?;
                }
                Named::Domain(id) => {
                    let sql = "DELETE FROM suppressed_domain WHERE workspace = ?1 AND domain = ?2 AND reason = ?3";
                    self.conn.execute(sql, params![workspace.0, id.0, reason.code()])?;
                    self.lifted(workspace, None, *reason, why, actor, now)?;
                }
            }
        }
        Ok(u32::try_from(reasons.len()).unwrap_or(u32::MAX))
    }

    /// What follows a lifted suppression: the event, and the contact back from the error it had put them in.
    fn lifted(
        &mut self,
        workspace: WorkspaceId,
        address: Option<AddressId>,
        reason: SuppressionReason,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(address) = address.filter(|_| reason == SuppressionReason::HardBounced) {
            let sql = "UPDATE contact SET status = ?3, error = NULL
                WHERE workspace = ?1 AND address = ?2 AND status = ?4 AND error = ?5 RETURNING id";
            let key = params![
                workspace.0,
                address.0,
                ContactStatus::Active.code(),
                ContactStatus::Error.code(),
                ErrorCause::HardBounced.code()
            ];
            let mut statement = self.conn.prepare_cached(sql)?;
            let back: Vec<i64> = statement.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            drop(statement);
            for contact in back {
                let detail = Some(format!("{}: suppression lifted: {why}", ContactStatus::Active));
                let about = NewEvent { contact: Some(ContactId(contact)), detail, ..NewEvent::default() };
                self.event(workspace, EventKind::StatusChanged, actor, now, about)?;
            }
        }
        // It is of their story: the reason that somebody typed goes with them when they are forgotten.
        let contact = address.map_or(Ok(None), |address| self.contact_of(workspace, address))?;
        let about = NewEvent { address, contact, detail: Some(format!("{reason}: {why}")), ..NewEvent::default() };
        self.event(workspace, EventKind::SuppressionLifted, actor, now, about)?;
        // Claims read before may still say "stop": they ask the ledger.
        self.changed(Change::Everything);
        Ok(())
    }

    /// One bounded step of lifting bounce suppressions by their evidence; how many (0: done, or how many there
    /// would be when `dry_run`).
    pub(crate) fn lift_step(
        &mut self,
        workspace: WorkspaceId,
        filter: &LiftFilter,
        why: &str,
        dry_run: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        if why.trim().is_empty() {
            return Err(StoreError::Refused("lifting suppressions needs a reason".to_owned()));
        }
        if dry_run {
            let count: Option<u64> = select_matching(&self.conn, "count(*)", workspace, filter)?.pop();
            return Ok(count.unwrap_or(0));
        }
        let picked: Vec<Vec<u8>> = select_matching(&self.conn, "s.hash", workspace, filter)?;
        for hash in &picked {
            let sql = "DELETE FROM suppression WHERE workspace = ?1 AND hash = ?2 AND reason = ?3";
            let reason = SuppressionReason::HardBounced;
            self.conn.prepare_cached(sql)?.execute(params![workspace.0, hash, reason.code()])?;
            let sql = "SELECT id FROM address WHERE workspace = ?1 AND hash = ?2";
            let address: Option<i64> =
                self.conn.prepare_cached(sql)?.query_row(params![workspace.0, hash], |row| row.get(0)).optional()?;
            self.lifted(workspace, address.map(AddressId), reason, why, actor, now)?;
        }
        Ok(picked.len() as u64)
    }

    /// One bounded step of making bounce suppressions by an operator's word provisional; how many (0: done).
    pub(crate) fn doubt_step(&mut self, operator: &str, since: Timestamp) -> Result<u64> {
        let reason = SuppressionReason::HardBounced.code();
        let picked: Vec<(i64, Vec<u8>)> = {
            let mut statement = self.conn.prepare_cached(BY_WORD_OF)?;
            let key = params![reason, since.as_millis(), operator, STEP_ROWS];
            let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for (workspace, hash) in &picked {
            let sql = "UPDATE suppression SET provisional = 1 WHERE workspace = ?1 AND hash = ?2 AND reason = ?3";
            self.conn.prepare_cached(sql)?.execute(params![workspace, hash, reason])?;
        }
        Ok(picked.len() as u64)
    }

    /// What the second look-up of a domain found.
    pub(crate) fn finish_second_lookup(&mut self, domain: DomainId, missing: bool, now: Timestamp) -> Result<u32> {
        let waiting: Vec<(i64, i64, i64, i64)> = {
            let sql = "SELECT workspace, address, contact, evidence FROM second_lookup WHERE domain = ?1";
            let mut statement = self.conn.prepare_cached(sql)?;
            let rows =
                statement.query_map([domain.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        self.conn.execute("DELETE FROM second_lookup WHERE domain = ?1", [domain.0])?;
        if !missing {
            return Ok(0);
        }
        for (workspace, address, contact, evidence) in &waiting {
            let workspace = WorkspaceId(*workspace);
            let reason = SuppressionReason::HardBounced;
            let because = Because { evidence: Some(DeliveryId(*evidence)), ..Because::default() };
            self.suppress_address(workspace, AddressId(*address), reason, &because, &Actor::Engine, now)?;
            let sql = "UPDATE contact SET status = ?2, error = ?3 WHERE id = ?1 AND address = ?4 AND status IN (0, 3)";
            let changed = self.conn.prepare_cached(sql)?.execute(params![
                contact,
                ContactStatus::Error.code(),
                ErrorCause::HardBounced.code(),
                address
            ])?;
            if changed > 0 {
                let detail = Some(format!("error: {}", ErrorCause::HardBounced));
                let about = NewEvent { contact: Some(ContactId(*contact)), detail, ..NewEvent::default() };
                self.event(workspace, EventKind::StatusChanged, &Actor::Engine, now, about)?;
                self.changed(Change::Stop(Whom::Contact(*contact), SkipReason::HardBounced));
            }
        }
        Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
    }
}

/// The code of a cause `c`: the enhanced one or, without it, that of the reply.
pub(super) const CODE: &str = "CASE WHEN c.enhanced <> 0
    THEN (c.enhanced / 1000000) || '.' || (c.enhanced / 1000 % 1000) || '.' || (c.enhanced % 1000)
    WHEN c.code <> 0 THEN CAST(c.code AS TEXT) END";

/// Bounce suppressions that a filter picks out by their evidence.
const MATCHING: &str =
    "FROM suppression s LEFT JOIN delivery d ON d.id = s.evidence LEFT JOIN cause c ON c.id = d.cause
    WHERE s.reason = ?2 AND (?3 IS NULL OR c.provider = ?3)
        AND (?4 IS NULL OR CAST(c.code AS TEXT) = ?4
            OR (c.enhanced / 1000000) || '.' || (c.enhanced / 1000 % 1000) || '.' || (c.enhanced % 1000) = ?4)
        AND (?5 IS NULL OR s.at >= ?5) AND (?6 IS NULL OR s.at < ?6)";

/// Final suppressions by the word of an operator since a time, in all workspaces: read along their time, each by its evidence.
const BY_WORD_OF: &str = "SELECT s.workspace, s.hash FROM workspace w
    CROSS JOIN suppression s ON s.workspace = w.id AND s.reason = ?1 AND s.at >= ?2 AND s.provisional = 0
    CROSS JOIN delivery d ON d.id = s.evidence CROSS JOIN cause c ON c.id = d.cause
    LEFT JOIN attempt t ON t.seq = d.last_attempt LEFT JOIN site o ON o.id = t.site
    WHERE CASE c.provider WHEN '' THEN o.fingerprint ELSE c.provider END = ?3 LIMIT ?4";

/// Reads one column of what a filter picks out.
fn select_matching<T: FromSql>(
    conn: &Connection,
    what: &str,
    workspace: WorkspaceId,
    filter: &LiftFilter,
) -> Result<Vec<T>> {
    // The plus keeps SQLite from reading the whole list where the index of the provisional ones is short.
    let whose = if filter.provisional_only { "s.provisional = 1 AND +s.workspace = ?1" } else { "s.workspace = ?1" };
    let sql = format!("SELECT {what} {MATCHING} AND {whose} LIMIT {STEP_ROWS}");
    let key = params![
        workspace.0,
        SuppressionReason::HardBounced.code(),
        filter.provider,
        filter.code,
        filter.since.map(Timestamp::as_millis),
        filter.until.map(Timestamp::as_millis)
    ];
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// What a filter picks out, by provider and reply.
pub(crate) fn preview(conn: &Connection, workspace: WorkspaceId, filter: &LiftFilter) -> Result<RestorePreview> {
    let whose = if filter.provisional_only { "s.provisional = 1 AND +s.workspace = ?1" } else { "s.workspace = ?1" };
    let key = || {
        (
            workspace.0,
            SuppressionReason::HardBounced.code(),
            &filter.provider,
            &filter.code,
            filter.since.map(Timestamp::as_millis),
            filter.until.map(Timestamp::as_millis),
        )
    };
    let groups =
        format!("SELECT c.provider, {CODE}, count(*) {MATCHING} AND {whose} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2");
    let mut told = RestorePreview::default();
    let mut statement = conn.prepare_cached(&groups)?;
    let mut rows = statement.query(key())?;
    while let Some(row) = rows.next()? {
        let group = RestoreGroup { provider: row.get(0)?, code: row.get(1)?, count: row.get(2)? };
        told.count += group.count;
        if told.groups.len() < GROUPS_MAX {
            told.groups.push(group);
        }
    }
    let sample = format!(
        "SELECT (SELECT a.email FROM address a WHERE a.workspace = s.workspace AND a.hash = s.hash) AS email {MATCHING}
            AND {whose} AND email IS NOT NULL LIMIT {SHOWN_MAX}"
    );
    let mut statement = conn.prepare_cached(&sample)?;
    told.sample = statement.query_map(key(), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(told)
}

/// The id of a domain by any spelling of its name.
pub(crate) fn domain_by_name(conn: &Connection, text: &str) -> Result<Option<DomainId>> {
    match MailDomain::parse(text) {
        Ok(domain) => dictionary::find_domain(conn, domain.as_str()),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_read_along_an_index_and_not_sorted() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrate::migrate(&mut conn, None).unwrap();
        let place =
            |is_address| SuppressedPlace { at: Timestamp::from_millis(7), is_address, key: "7".into(), reason: 2 };
        for after in [None, Some(place(true)), Some(place(false))] {
            for (reason, is_address) in SuppressionReason::ALL.iter().flat_map(|one| [(*one, true), (*one, false)]) {
                let (sql, values) = newest_for(WorkspaceId(1), reason, is_address, after.as_ref(), 9);
                let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let steps = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
                let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
                assert!(steps[0].contains("_by_time (workspace=? AND reason=?"), "{steps:#?}");
                assert!(steps.iter().all(|step| !step.contains("B-TREE") && !step.contains("SCAN")), "{steps:#?}");
            }
        }
    }
}
