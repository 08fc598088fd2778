//! What reports read: causes from their counters, deliveries in pages, a person's history.

use super::dictionary::unpack_enhanced;
use super::{contacts, events, sql_limit, word};
use crate::campaign::{GroupOf, LeftOut, MissingOf};
use crate::error::Result;
use crate::queue::{Site, WaitingAt};
use crate::reply_text;
use crate::report::{
    Among, AttemptRow, Census, DeliveryRow, Did, Doers, DoersPage, Neighbours, PersonData, PutOffFor, TimelineEntry,
};
use model::id::ID_STEP;
use model::reaction::Doer;
use model::{
    Attempt, CampaignId, CampaignKind, CampaignState, Category, ContactId, DeliveryId, DeliveryState, DomainId,
    EventKind, HoldId, ImportId, Outcome, ReactionKind, Reply, Scope, SiteId, SkipReason, SourceId, Stage, Timestamp,
    TlsVersion, Verdict, WorkspaceId,
};
use rusqlite::{Connection, Params, Row, params};

/// Attempts of one delivery that are read at most.
const ATTEMPTS_MAX: i64 = 200;
/// Mailings of one person that are read at most.
const MAILINGS_MAX: usize = 500;
/// Events of one person that are read at most.
const EVENTS_MAX: usize = 1_000;
/// Neighbours looked at on each side.
const NEIGHBOURS_MAX: i64 = 2_000;

/// Says of a delivery `d` that it is in the index `delivery_ended`. SQLite believes it in these very words only.
pub(super) const IS_ENDED: &str = "NOT (d.state < 3 OR d.state > 6)";

/// Was a delivery `d` put off at first? A try before its last one ended deferred. To have been tried twice does not say so:
/// whoever was in doubt and put back was tried again, and nobody had put them off.
pub(super) const WAS_PUT_OFF: &str = "d.attempts > 1 AND EXISTS (
    WITH RECURSIVE earlier(became, previous) AS (
        SELECT t.became, t.previous FROM attempt l JOIN attempt t ON t.seq = l.previous WHERE l.seq = d.last_attempt
        UNION ALL SELECT t.became, t.previous FROM earlier JOIN attempt t ON t.seq = earlier.previous)
    SELECT 1 FROM earlier WHERE became = 1)";

/// Those who wait for another try, by cause, site and hold, the first due first: of so many people at most.
pub(crate) fn put_off_for(
    conn: &Connection,
    campaign: CampaignId,
    people_max: usize,
    now: Timestamp,
) -> Result<Vec<PutOffFor>> {
    // A hold on a source keeps nobody whom another may carry: who carries them is decided late.
    let sql =
        "WITH active AS MATERIALIZED (SELECT id, workspace, campaign, provider, domain, cold_only, until FROM hold
            WHERE lifted_at IS NULL AND (until IS NULL OR until > ?4) AND source IS NULL)
        SELECT min(one.id), min(one.due), max(nullif(one.first_try_at, ?3)), count(*), one.hold,
            min(one.operator) FROM (
            SELECT d.id, r.due, d.first_try_at, d.cause, r.site, coalesce(s.provider, s.fingerprint) AS operator,
                (SELECT h.id FROM active h
                WHERE h.workspace = r.workspace AND (h.campaign IS NULL OR h.campaign = r.campaign)
                    AND (h.provider IS NULL OR h.provider = coalesce(s.provider, s.fingerprint))
                    AND (h.domain IS NULL OR h.domain = a.domain) AND (h.cold_only = 0 OR d.position >= c.cold_from)
                ORDER BY h.until IS NULL DESC, h.until DESC, h.id LIMIT 1) AS hold
            FROM (SELECT workspace, campaign, site, due, delivery FROM retry WHERE campaign = ?1 LIMIT ?2) r
                JOIN delivery d ON d.id = r.delivery JOIN campaign c ON c.id = r.campaign
                LEFT JOIN site s ON s.id = r.site LEFT JOIN address a ON a.id = d.address) one
        GROUP BY one.cause, one.site, one.hold ORDER BY min(one.due), min(one.id)";
    let limit = sql_limit(people_max);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![campaign.0, limit, i64::MAX, now.as_millis()], |row| {
        Ok(PutOffFor {
            example: DeliveryId(row.get(0)?),
            next_try_at: Timestamp::from_millis(row.get(1)?),
            first_tried_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
            people: row.get(3)?,
            hold: row.get::<_, Option<i64>>(4)?.map(HoldId),
            operator: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The groups of a campaign's people, with those at domains that do not exist.
pub(crate) fn missing_by_group(conn: &Connection, campaign: CampaignId) -> Result<Vec<MissingOf>> {
    let (first, end) = super::campaigns::delivery_range(conn, campaign)?;
    let (hard, skipped) = (DeliveryState::Hard.code(), DeliveryState::Skipped.code());
    let sums = "count(*), sum(d.state = ?4 AND d.cause IN (SELECT id FROM cause WHERE stage = ?5))";
    let key = params![first, end, campaign.0, hard, Stage::Dns.code(), skipped];
    by_group(conn, sums, "d.state <> ?6", key, |who, file, row| {
        Ok(MissingOf { who, file, people: row.get(3)?, gone: row.get(4)? })
    })
}

/// The groups of a campaign's people, with how they fared.
pub(crate) fn groups_of(conn: &Connection, campaign: CampaignId) -> Result<Vec<GroupOf>> {
    let (first, end) = super::campaigns::delivery_range(conn, campaign)?;
    let end = if super::campaigns::require(conn, campaign)?.standing { i64::MAX } else { end };
    let (hard, skipped) = (DeliveryState::Hard.code(), DeliveryState::Skipped.code());
    let sums = "sum(d.state IN (0, 1)), sum(d.state NOT IN (0, 1, ?5)), sum(d.state = ?4)";
    let key = params![first, end, campaign.0, hard, skipped];
    by_group(conn, sums, "1", key, |who, file, row| {
        Ok(GroupOf { who, file, waiting: row.get(3)?, tried: row.get(4)?, hard: row.get(5)? })
    })
}

/// The people of a campaign (deliveries from ?1 to before ?2, of ?3) for whom `those` holds, by the import and by the lead source
/// they came from, with sums over each from the fourth column on.
fn by_group<T>(
    conn: &Connection,
    sums: &str,
    those: &str,
    key: impl Params,
    read: impl Fn(LeftOut, String, &Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let from = "FROM delivery d JOIN contact c ON c.id = d.contact";
    let of = format!("d.id >= ?1 AND d.id < ?2 AND d.campaign = ?3 AND {those}");
    let sql = format!(
        "SELECT c.import, NULL, (SELECT file_name FROM import WHERE id = c.import), {sums} {from}
         WHERE {of} AND c.import IS NOT NULL GROUP BY c.import
         UNION ALL SELECT NULL, c.lead_source, NULL, {sums} {from}
         WHERE {of} AND c.lead_source IS NOT NULL GROUP BY c.lead_source"
    );
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(key, |row| {
        let who = match row.get::<_, Option<i64>>(0)? {
            Some(import) => LeftOut::Import(ImportId(import)),
            None => LeftOut::LeadSource(row.get(1)?),
        };
        read(who, row.get::<_, Option<String>>(2)?.unwrap_or_default(), row)
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const DELIVERY: &str =
    "SELECT d.id, d.campaign, d.contact, coalesce(a.email, c.invalid), a.domain, d.position, d.state,
        d.skip, d.attempts, d.tries, d.first_try_at, d.last_attempt,
        coalesce(d.variant, (SELECT t.winner FROM trial t WHERE t.campaign = d.campaign))
    FROM delivery d LEFT JOIN address a ON a.id = d.address LEFT JOIN contact c ON c.id = d.contact";

fn read_delivery(conn: &Connection, row: &Row<'_>) -> Result<DeliveryRow> {
    let window_from = Some(Timestamp::from_millis(row.get(10)?)).filter(|at| *at != Timestamp::MAX);
    let (attempts, tries): (u16, u16) = (row.get(8)?, row.get(9)?);
    // Who was put back after a doubt is tried within a window of their own, and what was tried before counts no more.
    let first_try_at = match attempts > tries {
        true => first_try(conn, row.get(11)?)?,
        false => window_from,
    };
    let state = word!(DeliveryState, row.get(6)?)?;
    let email: Option<String> = row.get(3)?;
    let mut due = None;
    let (mut last, mut provider) = (None, None);
    if attempts > 0
        && let Some((attempt, site)) = attempt(conn, row.get(11)?, email.as_deref())?
    {
        due = site.zip(attempt.due).filter(|_| state == DeliveryState::Deferred);
        provider = attempt.provider;
        last = Some(attempt.attempt);
    }
    Ok(DeliveryRow {
        delivery: DeliveryId(row.get(0)?),
        campaign: CampaignId(row.get(1)?),
        contact: ContactId(row.get(2)?),
        email,
        domain: row.get::<_, Option<i64>>(4)?.map(DomainId),
        position: row.get(5)?,
        state,
        skip: row.get::<_, Option<i64>>(7)?.map(|code| word!(SkipReason, code)).transpose()?,
        attempts,
        tries,
        first_try_at,
        window_from,
        due,
        last,
        provider,
        variant: row.get(12)?,
    })
}

/// When the first attempt of those behind this one began.
fn first_try(conn: &Connection, last_attempt: i64) -> Result<Option<Timestamp>> {
    let sql = "WITH RECURSIVE chain(seq) AS (
            SELECT ?1
            UNION ALL SELECT t.previous FROM chain c JOIN attempt t ON t.seq = c.seq WHERE t.previous IS NOT NULL
            LIMIT ?2)
        SELECT (SELECT t.started_at FROM attempt t WHERE t.seq IN (SELECT seq FROM chain) ORDER BY t.seq LIMIT 1)";
    let began: Option<i64> =
        conn.prepare_cached(sql)?.query_row(params![last_attempt, ATTEMPTS_MAX], |row| row.get(0))?;
    Ok(began.map(Timestamp::from_millis))
}

/// A page of a campaign's deliveries in a state, all or some among them. Ended ones and those of
/// standing campaigns are found by their own index, the others by walking the campaign's ids.
pub(crate) fn deliveries(
    conn: &Connection,
    campaign: CampaignId,
    state: DeliveryState,
    Among { variant, put_off, skip, hold }: Among,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<DeliveryRow>> {
    use DeliveryState::{Blocked, Hard, InDoubt, Soft};
    let (first, end) = super::campaigns::delivery_range(conn, campaign)?;
    let standing = super::campaigns::require(conn, campaign)?.standing;
    let (after, end) = (after.map_or(first - 1, |id| id.0), if standing { i64::MAX } else { end });
    let limit = sql_limit(limit);
    let hint = match state {
        _ if standing => "d.occurrence <> 0",
        Soft | Hard | Blocked | InDoubt => IS_ENDED,
        _ => "true",
    };
    let of = if variant.is_some() { "d.variant = ?6" } else { "?6 IS NULL" };
    let of = if put_off { format!("{of} AND {WAS_PUT_OFF}") } else { of.to_owned() };
    let of = match skip {
        Some(reason) => format!("{of} AND d.skip = {}", reason.code()),
        None => of,
    };
    let of = match hold {
        Some(_) => format!("{of} AND d.id IN ({})", super::holds::COVERED),
        None => of,
    };
    let sql = format!(
        "{DELIVERY} WHERE {hint} AND d.id > ?1 AND d.id < ?2 AND d.campaign = ?3 AND d.state = ?4 AND {of}
         ORDER BY d.id LIMIT ?5"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let key = params![after, end, campaign.0, state.code(), limit, variant, hold.map(|id| id.0)];
    let key = key.get(..statement.parameter_count()).unwrap_or(key);
    statement.query_and_then(key, |row| read_delivery(conn, row))?.collect()
}

/// Reactions that are looked through for people at once, and no more than one person's beyond.
const REACTIONS_WALKED_MAX: usize = 5_000;

/// A page of the people of a campaign who did something, by contact.
pub(crate) fn doers(conn: &Connection, who: &Doers, after: Option<ContactId>, limit: usize) -> Result<DoersPage> {
    match &who.did {
        Did::Reaction(kind) => reacted(conn, who, *kind, after, limit),
        Did::Told { name, until } => told(conn, who, (name, *until), after, limit),
    }
}

/// Those who reacted: the index of reactions is walked from person to person, so that a campaign of a million is not. The link
/// of a reaction is in no index: of one that hardly anybody followed the walk ends after a bounded number, and the
/// next goes on there.
fn reacted(
    conn: &Connection,
    who: &Doers,
    kind: ReactionKind,
    after: Option<ContactId>,
    limit: usize,
) -> Result<DoersPage> {
    // Where no link is asked for, the index alone is read.
    let link = if who.link.is_some() { "r.link" } else { "NULL" };
    let sql = format!(
        "SELECT r.contact, r.score, {link} FROM reaction r
         WHERE r.campaign = ?1 AND r.kind = ?2 AND r.contact > ?3 AND r.at < ?4 ORDER BY r.contact"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let before = who.before.unwrap_or(Timestamp::MAX).as_millis();
    let mut rows = statement.query(params![who.campaign.0, kind.code(), after.map_or(i64::MIN, |id| id.0), before])?;
    let (mut found, mut walked) = (Vec::new(), 0usize);
    let mut one: Option<(ContactId, Vec<Doer>)> = None;
    while let Some(row) = rows.next()? {
        let contact = ContactId(row.get(0)?);
        if let Some((done, doers)) = one.take_if(|(before, _)| *before != contact) {
            found.extend(latest_of(conn, who, done, &doers)?);
            if found.len() >= limit || walked >= REACTIONS_WALKED_MAX {
                return Ok(DoersPage { rows: found, next: Some(done) });
            }
        }
        walked += 1;
        let (_, doers) = one.get_or_insert_with(|| (contact, Vec::new()));
        let doer = Doer::of(row.get(1)?);
        let is_meant = who.link.is_none() || row.get::<_, Option<u32>>(2)? == who.link;
        if is_meant && !doers.contains(&doer) {
            doers.push(doer);
        }
    }
    if let Some((last, doers)) = one {
        found.extend(latest_of(conn, who, last, &doers)?);
    }
    Ok(DoersPage { rows: found, next: None })
}

/// The latest delivery of a contact for whom `doers` did it; `None`: they are not meant.
fn latest_of(conn: &Connection, who: &Doers, contact: ContactId, doers: &[Doer]) -> Result<Option<DeliveryRow>> {
    if !who.by.is_met(doers) {
        return Ok(None);
    }
    let of = if who.variant.is_some() { "x.variant = ?3" } else { "?3 IS NULL" };
    let sql = format!(
        "{DELIVERY} WHERE d.id = (SELECT max(x.id) FROM delivery x WHERE x.contact = ?1 AND x.campaign = ?2 AND {of})"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![contact.0, who.campaign.0, who.variant])?;
    rows.next()?.map(|row| read_delivery(conn, row)).transpose()
}

/// Those of whom another system told something under this name, in the time it counts.
fn told(
    conn: &Connection,
    who: &Doers,
    (name, until): (&str, Timestamp),
    after: Option<ContactId>,
    limit: usize,
) -> Result<DoersPage> {
    let variant = who.variant.map(i64::from);
    let of = if variant.is_some() { "x.variant = ?5" } else { "?5 IS NULL" };
    let since = super::campaigns::require(conn, who.campaign)?.started_at.unwrap_or(Timestamp::MAX);
    let sql = format!(
        "{DELIVERY} WHERE d.id IN (
            SELECT DISTINCT x.id FROM reaction r
            CROSS JOIN delivery x ON x.contact = r.contact AND x.campaign = ?1 AND x.occurrence = 0
            WHERE r.workspace = ?2 AND r.name = (SELECT id FROM word WHERE text = ?6) AND r.at BETWEEN ?7 AND ?8
                AND x.variant IS NOT NULL AND {of} AND x.state = ?9 AND r.at >= x.first_try_at AND x.contact > ?3
            ORDER BY x.contact LIMIT ?4)
         ORDER BY d.contact"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let (since, until, accepted) = (since.as_millis(), until.as_millis(), DeliveryState::Accepted.code());
    let (after, most) = (after.map_or(i64::MIN, |id| id.0), sql_limit(limit));
    let key = params![who.campaign.0, who.workspace.0, after, most, variant, name, since, until, accepted];
    let rows: Vec<DeliveryRow> =
        statement.query_and_then(key, |row| read_delivery(conn, row))?.collect::<Result<_>>()?;
    let next = rows.last().map(|row| row.contact).filter(|_| rows.len() >= limit);
    Ok(DoersPage { rows, next })
}

/// One delivery.
pub(crate) fn delivery(conn: &Connection, id: DeliveryId) -> Result<Option<DeliveryRow>> {
    let sql = format!("{DELIVERY} WHERE d.id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(|row| read_delivery(conn, row)).transpose()
}

/// Where all deliveries stand, from the counters of the campaigns.
pub(crate) fn census(conn: &Connection) -> Result<Vec<Census>> {
    let sql = "SELECT c.workspace, c.kind, n.key, sum(n.value) FROM campaign c
        JOIN counter n ON n.campaign = c.id AND n.kind = 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([], |row| {
        Ok(Census {
            workspace: WorkspaceId(row.get(0)?),
            kind: word!(CampaignKind, row.get(1)?)?,
            state: word!(DeliveryState, row.get(2)?)?,
            count: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// One delivery of a workspace.
pub(crate) fn delivery_in(conn: &Connection, workspace: WorkspaceId, id: DeliveryId) -> Result<Option<DeliveryRow>> {
    let sql = format!("{DELIVERY} WHERE d.id = ?1 AND d.workspace = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([id.0, workspace.0])?;
    rows.next()?.map(|row| read_delivery(conn, row)).transpose()
}

const ATTEMPT: &str =
    "SELECT t.delivery, t.number, t.started_at, t.duration_ms, c.outcome, c.category, c.scope, c.stage,
        c.rule, c.provider, c.code, c.enhanced, m.text, t.variables, w.text, p.host, p.ip, t.tls, t.reached, t.became,
        t.due, t.charged, x.text, t.inline, t.site, t.source
    FROM attempt t JOIN cause c ON c.id = t.cause LEFT JOIN template m ON m.id = t.template
    LEFT JOIN word w ON w.id = t.note LEFT JOIN peer p ON p.id = t.peer LEFT JOIN transcript x ON x.attempt = t.seq";

fn read_attempt(row: &Row<'_>, email: Option<&str>) -> Result<(AttemptRow, Option<SiteId>)> {
    let inline: Option<String> = row.get(23)?;
    let inline: serde_json::Value =
        inline.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(serde_json::Value::Null);
    let text_of = |column: usize, name: &str| -> Result<Option<String>> {
        let stored: Option<String> = row.get(column)?;
        let inline = || inline.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(stored.or_else(inline).filter(|text| !text.is_empty()))
    };
    let outcome = word!(Outcome, row.get(4)?)?;
    let template: Option<String> = row.get(12)?;
    let variables: Option<String> = row.get(13)?;
    let enhanced = unpack_enhanced(row.get(11)?);
    let reply = template.map(|template| -> Result<Reply> {
        let variables = variables.as_deref().unwrap_or_default();
        let text = reply_text::join(&template, variables, outcome == Outcome::Accepted, email);
        Ok(Reply { code: row.get(10)?, enhanced, text })
    });
    let provider: String = row.get(9)?;
    let attempt = Attempt {
        delivery: DeliveryId(row.get(0)?),
        number: row.get(1)?,
        started_at: Timestamp::from_millis(row.get(2)?),
        duration_ms: row.get(3)?,
        verdict: Verdict {
            outcome,
            category: word!(Category, row.get(5)?)?,
            scope: word!(Scope, row.get(6)?)?,
            stage: word!(Stage, row.get(7)?)?,
            rule: row.get::<_, String>(8)?.into(),
            retry_after: None,
        },
        reply: reply.transpose()?,
        note: text_of(14, "note")?,
        host: text_of(15, "host")?,
        address: text_of(16, "ip")?.and_then(|ip| ip.parse().ok()),
        tls: row.get::<_, Option<i64>>(17)?.map(|code| word!(TlsVersion, code)).transpose()?,
        reached_receiver: row.get(18)?,
    };
    let row = AttemptRow {
        attempt,
        became: word!(DeliveryState, row.get(19)?)?,
        due: row.get::<_, Option<i64>>(20)?.map(Timestamp::from_millis),
        charged: row.get(21)?,
        source: row.get::<_, Option<i64>>(25)?.map(SourceId),
        provider: (!provider.is_empty()).then_some(provider),
        transcript: row.get(22)?,
    };
    Ok((row, None))
}

fn attempt(conn: &Connection, seq: i64, email: Option<&str>) -> Result<Option<(AttemptRow, Option<SiteId>)>> {
    let sql = format!("{ATTEMPT} WHERE t.seq = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([seq])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (attempt, _) = read_attempt(row, email)?;
    Ok(Some((attempt, row.get::<_, Option<i64>>(24)?.map(SiteId))))
}

/// Every attempt of a delivery, oldest first.
pub(crate) fn attempts(conn: &Connection, id: DeliveryId) -> Result<Vec<AttemptRow>> {
    let email: Option<String> = {
        let sql = "SELECT a.email FROM delivery d JOIN address a ON a.id = d.address WHERE d.id = ?1";
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([id.0])?;
        rows.next()?.map(|row| row.get(0)).transpose()?
    };
    let sql = format!(
        "WITH RECURSIVE chain(seq) AS (
            SELECT last_attempt FROM delivery WHERE id = ?1 AND attempts > 0
            UNION ALL SELECT t.previous FROM chain c JOIN attempt t ON t.seq = c.seq WHERE t.previous IS NOT NULL
            LIMIT ?2)
         {ATTEMPT} WHERE t.seq IN (SELECT seq FROM chain) ORDER BY t.seq"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![id.0, ATTEMPTS_MAX], |row| read_attempt(row, email.as_deref()))?;
    rows.map(|row| row.map(|(attempt, _)| attempt)).collect()
}

/// A person's mailings, newest first.
pub(crate) fn timeline(
    conn: &Connection,
    contact: ContactId,
    before: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<TimelineEntry>> {
    let sql = "SELECT d.id, m.name, m.number, m.built_at FROM delivery d JOIN campaign m ON m.id = d.campaign
        WHERE d.contact = ?1 AND d.id < ?3 ORDER BY d.id DESC LIMIT ?2";
    let limit = sql_limit(limit);
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![contact.0, limit, before.map_or(i64::MAX, |id| id.0)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let id = DeliveryId(row.get(0)?);
        let Some(delivery) = delivery(conn, id)? else { continue };
        entries.push(TimelineEntry {
            delivery,
            campaign_name: row.get(1)?,
            campaign_number: row.get(2)?,
            built_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
            attempts: attempts(conn, id)?,
        });
    }
    Ok(entries)
}

/// Everything held about a contact.
pub(crate) fn person(conn: &Connection, id: ContactId) -> Result<Option<PersonData>> {
    let Some(contact) = contacts::contact(conn, id)? else { return Ok(None) };
    let mailings = timeline(conn, id, None, MAILINGS_MAX)?;
    let events = events::events_of_contact(conn, id, EVENTS_MAX)?;
    Ok(Some(PersonData { contact, mailings, events }))
}

/// How the others at a delivery's domain fared: ids of a domain are contiguous, so they are its neighbours.
pub(crate) fn neighbours(conn: &Connection, id: DeliveryId) -> Result<Neighbours> {
    let mut found = Neighbours::default();
    let own = "SELECT d.campaign, a.domain FROM delivery d JOIN address a ON a.id = d.address WHERE d.id = ?1";
    let own: Option<(i64, i64)> = {
        let mut statement = conn.prepare_cached(own)?;
        let mut rows = statement.query([id.0])?;
        match rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        }
    };
    let Some((campaign, domain)) = own else { return Ok(found) };
    for (sql, from) in [
        ("WHERE d.id >= ?1 AND d.campaign = ?2 AND d.position > 0 ORDER BY d.id LIMIT ?3", id.0),
        ("WHERE d.id <= ?1 AND d.campaign = ?2 AND d.position > 0 ORDER BY d.id DESC LIMIT ?3", id.0 - ID_STEP),
    ] {
        let sql = format!("SELECT a.domain, d.state FROM delivery d LEFT JOIN address a ON a.id = d.address {sql}");
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![from, campaign, NEIGHBOURS_MAX])?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            match row.get::<_, Option<i64>>(0)? {
                Some(other) if other != domain => break,
                // Somebody forgotten: of this domain or at its edge; counted with it.
                _ => *found.by_state.entry(word!(DeliveryState, row.get(1)?)?).or_default() += 1,
            }
            seen += 1;
        }
        found.truncated |= seen == NEIGHBOURS_MAX;
    }
    Ok(found)
}

/// Tries that are looked through for the rate.
const TRIES_LOOKED_AT: i64 = 5_000;

/// When those of the latest tries, anybody's, began that are of this campaign, at a time or after it, in order.
pub(crate) fn tries_since(conn: &Connection, campaign: CampaignId, since: Timestamp) -> Result<Vec<Timestamp>> {
    let sql = "SELECT t.started_at FROM
        (SELECT delivery, started_at FROM attempt ORDER BY seq DESC LIMIT ?2) t
        JOIN delivery d ON d.id = t.delivery WHERE t.started_at >= ?1 AND d.campaign = ?3 ORDER BY t.started_at";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![since.as_millis(), TRIES_LOOKED_AT, campaign.0])?;
    let mut began = Vec::new();
    while let Some(row) = rows.next()? {
        began.push(Timestamp::from_millis(row.get(0)?));
    }
    Ok(began)
}

/// Events that are looked through for pauses.
const EVENTS_LOOKED_AT: i64 = 5_000;

/// The pauses of a campaign among the latest events, anybody's, at a time or after it, in order.
pub(crate) fn pauses_since(
    conn: &Connection,
    campaign: CampaignId,
    since: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>> {
    let sql = "SELECT e.kind, e.at FROM (SELECT seq, kind, at, campaign FROM event ORDER BY seq DESC LIMIT ?3) e
        WHERE e.campaign = ?1 AND e.at >= ?2 AND e.kind IN (?4, ?5) ORDER BY e.seq";
    let (paused, resumed) = (EventKind::Paused.code(), EventKind::Resumed.code());
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![campaign.0, since.as_millis(), EVENTS_LOOKED_AT, paused, resumed])?;
    let mut pauses: Vec<(Timestamp, Timestamp)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (is_pause, at) = (row.get::<_, u8>(0)? == paused, Timestamp::from_millis(row.get(1)?));
        match pauses.last_mut().filter(|(_, until)| *until == Timestamp::MAX) {
            Some((_, until)) if !is_pause => *until = at,
            None if is_pause => pauses.push((at, Timestamp::MAX)),
            Some(_) | None => {}
        }
    }
    Ok(pauses)
}

/// Sites of a campaign that are told of in an answer to who waits where.
const SITES_TOLD_MAX: usize = 2_000;

/// How many wait at each site, of one campaign or of all that are not over: from the counts that are kept with heads and
/// retries. Of a campaign with very many sites those are told where most wait; all others of it are one row without a
/// site, with those of whom nobody knows where their mail goes.
pub(crate) fn waiting_by_site(conn: &Connection, campaign: Option<CampaignId>) -> Result<Vec<WaitingAt>> {
    let sql = "SELECT c.id, c.state, coalesce((SELECT sum(n.value) FROM counter n
            WHERE n.campaign = c.id AND n.kind = 0 AND n.key IN (?2, ?3)), 0)
        FROM campaign c WHERE c.ended_at IS NULL AND (?1 IS NULL OR c.id = ?1) ORDER BY c.id";
    let (queued, put_off) = (DeliveryState::Queued.code(), DeliveryState::Deferred.code());
    let mut statement = conn.prepare_cached(sql)?;
    let mut open = statement.query(params![campaign.map(|id| id.0), queued, put_off])?;
    let mut all = Vec::new();
    while let Some(row) = open.next()? {
        let (id, state) = (CampaignId(row.get(0)?), word!(CampaignState, row.get(1)?)?);
        let there = at_most_sites(conn, id, state)?;
        let told: u64 = there.iter().map(|row| row.waiting).sum();
        let others = row.get::<_, u64>(2)?.saturating_sub(told);
        if others > 0 {
            all.push(WaitingAt { campaign: id, state, site: None, waiting: others, last_due: None, domain: None });
        }
        all.extend(there);
    }
    Ok(all)
}

/// The sites where most of a campaign wait, and as many of the small ones as are told besides.
fn at_most_sites(conn: &Connection, campaign: CampaignId, state: CampaignState) -> Result<Vec<WaitingAt>> {
    let row = "SELECT w.site, s.fingerprint, s.provider, w.queued + w.put_off,
            (SELECT max(r.due) FROM retry r WHERE r.campaign = w.campaign AND r.site = w.site),
            coalesce((SELECT d.name FROM head h JOIN domain d ON d.id = h.domain
                WHERE h.campaign = w.campaign AND h.site = w.site LIMIT 1),
                (SELECT n.name FROM retry r JOIN delivery d ON d.id = r.delivery JOIN address a ON a.id = d.address
                    JOIN domain n ON n.id = a.domain WHERE r.campaign = w.campaign AND r.site = w.site LIMIT 1))
        FROM waiting w";
    // The words are those of the index `waiting_many`: SQLite believes no others.
    let many = "INDEXED BY waiting_many JOIN site s ON s.id = w.site
        WHERE w.campaign = ?1 AND w.queued + w.put_off > 7 AND w.site <> 0 ORDER BY w.queued + w.put_off DESC LIMIT ?2";
    let few = "JOIN site s ON s.id = w.site WHERE w.campaign = ?1 AND w.queued + w.put_off <= 7 LIMIT ?2";
    let mut there: Vec<WaitingAt> = Vec::new();
    for part in [many, few] {
        let mut statement = conn.prepare_cached(&format!("{row} {part}"))?;
        let left = SITES_TOLD_MAX.saturating_sub(there.len());
        let rows = statement.query_map(params![campaign.0, left], |row| {
            let site = Site { id: SiteId(row.get(0)?), fingerprint: row.get(1)?, provider: row.get(2)? };
            Ok(WaitingAt {
                campaign,
                state,
                site: Some(site),
                waiting: row.get(3)?,
                last_due: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
                domain: row.get(5)?,
            })
        })?;
        there.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    there.sort_by_key(|row| row.site.as_ref().map(|site| site.id));
    Ok(there)
}

/// The values of people who are queued or put off.
pub(crate) fn values_of_waiting(conn: &Connection, campaign: CampaignId, at_most: usize) -> Result<Vec<String>> {
    let (first, end) = super::campaigns::delivery_range(conn, campaign)?;
    let end = if super::campaigns::require(conn, campaign)?.standing { i64::MAX } else { end };
    let sql = "SELECT c.attributes FROM delivery d JOIN contact c ON c.id = d.contact
        WHERE d.id >= ?1 AND d.id < ?2 AND d.campaign = ?3 AND d.state IN (0, 1) ORDER BY d.id LIMIT ?4";
    let limit = sql_limit(at_most);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![first, end, campaign.0, limit], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many of a campaign wait at one site.
pub(crate) fn waiting_at(conn: &Connection, campaign: CampaignId, site: SiteId) -> Result<u64> {
    let sql = "SELECT queued + put_off FROM waiting WHERE campaign = ?1 AND site = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map([campaign.0, site.0], |row| row.get(0))?.next().transpose()?;
    Ok(found.unwrap_or(0))
}

/// The name by which a server at this address was last known.
pub(crate) fn host_at(conn: &Connection, address: std::net::IpAddr) -> Result<Option<String>> {
    let sql = "SELECT host FROM peer WHERE ip = ?1 AND host <> '' ORDER BY id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([address.to_string()], |row| row.get(0))?.next().transpose()?)
}

/// What is kept of who waits of a campaign, and what counting heads and retries says: by site, queued and put off.
#[cfg(test)]
pub(crate) fn waiting_twice(conn: &Connection, campaign: CampaignId) -> Result<[Vec<(i64, i64, i64)>; 2]> {
    let counted = "SELECT site, sum(queued), sum(put_off) FROM (
            SELECT coalesce(site, 0) AS site, remaining AS queued, 0 AS put_off FROM head WHERE campaign = ?1
            UNION ALL SELECT site, 0, 1 FROM retry WHERE campaign = ?1)
        GROUP BY site HAVING sum(queued) + sum(put_off) > 0 ORDER BY site";
    let kept = "SELECT site, queued, put_off FROM waiting WHERE campaign = ?1 ORDER BY site";
    let read = |sql: &str| -> Result<Vec<(i64, i64, i64)>> {
        let mut statement = conn.prepare_cached(sql)?;
        let rows = statement.query_map([campaign.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    Ok([read(kept)?, read(counted)?])
}

/// Does a delivery stand before the end of its head's sample?
pub(crate) fn is_in_sample(conn: &Connection, delivery: DeliveryId) -> Result<bool> {
    let sql = "SELECT coalesce(canary_end, 0) > ?1 FROM head WHERE id <= ?1 AND end > ?1 ORDER BY id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map([delivery.0], |row| row.get::<_, bool>(0))?.next().transpose()?;
    Ok(found.unwrap_or(false))
}

/// The site of the head a delivery belongs to.
pub(crate) fn site_of_head(conn: &Connection, delivery: DeliveryId) -> Result<Option<SiteId>> {
    // Ids of a head are contiguous from its own on.
    let sql = "SELECT site FROM head WHERE id <= ?1 AND end > ?1 ORDER BY id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    let site = statement.query_map([delivery.0], |row| row.get::<_, Option<i64>>(0))?.next().transpose()?;
    Ok(site.flatten().map(SiteId))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn deliveries_that_ended_are_found_by_campaign_and_state_in_order() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrate::migrate(&mut conn, None).unwrap();
        let sql =
            format!("SELECT d.id FROM delivery d WHERE {IS_ENDED} AND d.campaign = ?1 AND d.state = ?2 ORDER BY d.id");
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map([1, 6], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        assert_eq!(steps, ["SEARCH d USING COVERING INDEX delivery_ended (campaign=? AND state=?)"]);
    }
}
