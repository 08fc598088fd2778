//! People looked for, along one index after the other, a bounded number at a time.
//!
//! A question has as many ways as it has conditions an index answers. The one that names the fewest is walked, and of
//! whoever stands along it the other conditions are asked. A way may have legs: what is written down in two places is
//! found in both, and nobody twice. The joins say which table comes first, and a `+` keeps a comparison where it stands:
//! SQLite keeps no figures of a ledger and would guess.

use super::contacts::{self, EARLIER, VISIBLE, standing_sql};
use super::suppressions::domain_by_name;
use crate::error::{Result, StoreError};
use crate::secrets::{hex, unhex};
use crate::seeking::{BEGINNING_BYTES_MAX, Fate, Found, Sought, SoughtPlace, Stand};
use model::{ContactId, ContactStatus, SuppressionReason, WorkspaceId};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

/// People looked at for one answer. The whole of it takes some tens of milliseconds.
const LOOKED_AT_MAX: usize = 5_000;
/// People counted along a way, to know which names the fewest.
const COUNTED_MAX: usize = 2_000;

/// A walk along one index. Of its SQL the first column is the key it is ordered by, the second the person; ?1 is the
/// workspace, ?2 the key to begin at, ?3 the person after whom one goes on at that very key.
struct Leg {
    sql: String,
    /// What else is bound, from ?4 on.
    values: Vec<Value>,
    key: Key,
}

/// What a leg is ordered by.
#[derive(Clone, Copy)]
enum Key {
    /// The person's id: in the order they came.
    Person,
    /// The address as written.
    Address,
    /// The hash of the address.
    Hash,
    /// The id of the address.
    Id,
    /// The id of the domain, and that of the address.
    DomainAndId,
}

impl Key {
    /// Where a leg begins, or goes on.
    fn value(self, written: &str, leg: &Leg) -> Option<Value> {
        match self {
            Key::Address if written.is_empty() => leg.values.first().cloned(),
            Key::Address => Some(Value::from(written.to_owned())),
            Key::Hash => Some(Value::from(unhex(written)?)),
            Key::DomainAndId if written.is_empty() => Some(Value::from("0 0".to_owned())),
            Key::DomainAndId => Some(Value::from(written.to_owned())),
            Key::Person | Key::Id if written.is_empty() => Some(Value::from(0)),
            Key::Person | Key::Id => Some(Value::from(written.parse::<i64>().ok()?)),
        }
    }
}

fn written(key: ValueRef<'_>) -> String {
    match key {
        ValueRef::Integer(id) => id.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(hash) => hex(hash),
        ValueRef::Null | ValueRef::Real(_) => String::new(),
    }
}

/// The people sought, after `after`.
pub(crate) fn seek(
    conn: &Connection,
    workspace: WorkspaceId,
    sought: &Sought,
    after: Option<&SoughtPlace>,
    limit: usize,
) -> Result<Found> {
    if sought.begins.as_ref().is_some_and(|begins| begins.len() > BEGINNING_BYTES_MAX) {
        return Err(StoreError::Refused(format!("an address has at most {BEGINNING_BYTES_MAX} octets")));
    }
    let mut ways = ways(conn, sought)?;
    let way = match after {
        Some(after) => usize::from(after.way),
        None => least(conn, workspace, &ways)?,
    };
    if way >= ways.len() {
        return Ok(Found { people: Vec::new(), next: None });
    }
    let legs = ways.swap_remove(way);
    let way = u8::try_from(way).unwrap_or(u8::MAX);
    let asked = Asked::of(sought, conn)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut last: Option<SoughtPlace> = after.cloned();
    for (number, leg) in legs.iter().enumerate().skip(after.map_or(0, |after| usize::from(after.leg))) {
        let leg_number = u8::try_from(number).unwrap_or(u8::MAX);
        let from = last.as_ref().filter(|last| last.leg == leg_number);
        let Some(begin) = leg.key.value(from.map_or("", |from| &from.key), leg) else { break };
        let person = from.map_or(0, |from| from.contact.0);
        let bound = [Value::from(workspace.0), begin, Value::from(person)].into_iter().chain(leg.values.clone());
        let mut statement = conn.prepare_cached(&leg.sql)?;
        let mut rows = statement.query(params_from_iter(bound))?;
        while let Some(row) = rows.next()? {
            let contact = ContactId(row.get(1)?);
            let holds = asked.of_one(conn, contact)?;
            // Whether there are more is known when one more was found.
            if looked_at == LOOKED_AT_MAX || (holds && found.len() == limit) {
                return answer(conn, found, last);
            }
            if holds {
                found.push(contact);
            }
            looked_at += 1;
            last = Some(SoughtPlace { way, leg: leg_number, contact, key: written(row.get_ref(0)?) });
        }
    }
    answer(conn, found, None)
}

fn answer(conn: &Connection, found: Vec<ContactId>, next: Option<SoughtPlace>) -> Result<Found> {
    let people = found.into_iter().map(|id| contacts::contact(conn, id)).collect::<Result<Vec<_>>>()?;
    Ok(Found { people: people.into_iter().flatten().collect(), next })
}

/// The way that names the fewest.
fn least(conn: &Connection, workspace: WorkspaceId, ways: &[Vec<Leg>]) -> Result<usize> {
    if ways.len() < 2 {
        return Ok(0);
    }
    let mut best = (0, usize::MAX);
    for (number, legs) in ways.iter().enumerate() {
        let mut count = 0;
        for leg in legs {
            let Some(begin) = leg.key.value("", leg) else { continue };
            let sql = format!("SELECT count(*) FROM ({} LIMIT {COUNTED_MAX})", leg.sql);
            let bound = [Value::from(workspace.0), begin, Value::from(0)].into_iter().chain(leg.values.clone());
            count += conn.prepare_cached(&sql)?.query_row(params_from_iter(bound), |row| row.get::<_, usize>(0))?;
        }
        if count < best.1 {
            best = (number, count);
        }
    }
    Ok(best.0)
}

/// Every way along which the people sought can be found.
fn ways(conn: &Connection, sought: &Sought) -> Result<Vec<Vec<Leg>>> {
    let mut ways = Vec::new();
    if sought.by_address {
        let mut legs = vec![by_address(sought.begins.as_deref().unwrap_or_default())];
        if sought.begins.is_none() && sought.domain.is_none() {
            legs.push(without_address());
        }
        return Ok(vec![legs]);
    }
    if let Some(begins) = &sought.begins {
        ways.push(vec![by_address(begins)]);
    }
    if let Some(stand) = sought.stand {
        ways.extend(by_stand(stand));
    }
    if let Some(list) = sought.list {
        let sql = "SELECT l.contact, l.contact FROM list_member l
            WHERE l.list = ?4 AND l.contact > max(?2, ?3) AND l.ended_at IS NULL AND ?1 = ?1 ORDER BY l.contact";
        ways.push(vec![Leg { sql: sql.to_owned(), values: vec![Value::from(list.0)], key: Key::Person }]);
    }
    if let Some((import, _)) = sought.import {
        // Somebody may stand on several lines of it: they are found on the first.
        let sql = "SELECT m.line, m.contact FROM import_member m
            WHERE m.import = ?4 AND m.line > ?2 AND ?1 = ?1 AND ?3 = ?3 AND NOT EXISTS (SELECT 1 FROM import_member o
                WHERE o.contact = m.contact AND o.import = m.import AND o.line < m.line)
            ORDER BY m.line";
        ways.push(vec![Leg { sql: sql.to_owned(), values: vec![Value::from(import.0)], key: Key::Id }]);
    }
    if let Some(sunset) = sought.rests {
        let sql = "SELECT c.id, c.id FROM contact c
            WHERE c.rests = ?4 AND c.id > max(?2, ?3) AND +c.workspace = ?1 ORDER BY c.id";
        ways.push(vec![Leg { sql: sql.to_owned(), values: vec![Value::from(sunset.0)], key: Key::Person }]);
    }
    if let Some(domain) = &sought.domain {
        // Nobody has an address of a domain that was never heard of.
        let id = domain_by_name(conn, domain)?.map_or(0, |id| id.0);
        let sql =
            "SELECT a.id, c.id FROM address a CROSS JOIN contact c ON c.workspace = a.workspace AND c.address = +a.id
            WHERE a.workspace = ?1 AND a.domain = ?4 AND a.id >= ?2 AND (a.id > ?2 OR c.id > ?3) ORDER BY a.id, c.id";
        ways.push(vec![Leg { sql: sql.to_owned(), values: vec![Value::from(id)], key: Key::Id }]);
    }
    if ways.is_empty() {
        let sql = "SELECT c.id, c.id FROM contact c WHERE c.workspace = ?1 AND c.id > max(?2, ?3) ORDER BY c.id";
        ways.push(vec![Leg { sql: sql.to_owned(), values: Vec::new(), key: Key::Person }]);
    }
    Ok(ways)
}

/// Along the addresses, from the beginning that is asked for to the last one that has it.
fn by_address(begins: &str) -> Leg {
    let sql =
        "SELECT a.email, c.id FROM address a CROSS JOIN contact c ON c.workspace = a.workspace AND c.address = +a.id
        WHERE a.workspace = ?1 AND a.email COLLATE NOCASE >= ?2 AND a.email COLLATE NOCASE < ?5
            AND (a.email COLLATE NOCASE > ?2 OR c.id > ?3) AND ?4 = ?4
        ORDER BY a.email COLLATE NOCASE, c.id";
    // No character stands behind the last one.
    let values = vec![Value::from(begins.to_owned()), Value::from(format!("{begins}{}", char::MAX))];
    Leg { sql: sql.to_owned(), values, key: Key::Address }
}

/// Along those who have no address, in the order they came.
fn without_address() -> Leg {
    let sql = "SELECT c.id, c.id FROM contact c
        WHERE c.workspace = ?1 AND c.address IS NULL AND c.id > max(?2, ?3) ORDER BY c.id";
    Leg { sql: sql.to_owned(), values: Vec::new(), key: Key::Person }
}

/// Along what says where somebody stands; `None`: no index does.
fn by_stand(stand: Stand) -> Option<Vec<Leg>> {
    let status = |status: ContactStatus| {
        let sql = "SELECT c.id, c.id FROM contact c
            WHERE c.workspace = ?1 AND c.status = ?4 AND c.status <> 0 AND c.id > max(?2, ?3) ORDER BY c.id";
        Leg { sql: sql.to_owned(), values: vec![Value::from(status.code())], key: Key::Person }
    };
    match stand {
        Stand::Status(ContactStatus::Active) | Stand::SharesAddress => None,
        Stand::Status(ContactStatus::OptedOut) => {
            // Who asked is written down with the person or with the address.
            let (active, unconfirmed) = (ContactStatus::Active.code(), ContactStatus::Unconfirmed.code());
            let kept = format!("c.status IN ({active}, {unconfirmed})");
            let left = by_reason(SuppressionReason::Unsubscribed, &kept);
            let also = Leg::not_of(SuppressionReason::Unsubscribed);
            let complained = by_reason(SuppressionReason::Complained, &format!("{kept} AND {also}"));
            Some(vec![status(ContactStatus::OptedOut), left, complained])
        }
        Stand::Status(other) => Some(vec![status(other)]),
        Stand::Suppressed(Some(reason)) => {
            let own = format!("s.reason = {}", reason.code());
            Some(vec![by_reason(reason, "1"), by_suppressed_domain(&own)])
        }
        Stand::Suppressed(None) => {
            let sql = "SELECT s.hash, c.id FROM suppression s
                CROSS JOIN address a ON a.workspace = +s.workspace AND a.hash = +s.hash
                CROSS JOIN contact c ON c.workspace = a.workspace AND c.address = +a.id
                WHERE s.workspace = ?1 AND s.hash >= ?2 AND (s.hash > ?2 OR c.id > ?3)
                    AND s.reason = (SELECT min(o.reason) FROM suppression o
                        WHERE o.workspace = s.workspace AND o.hash = s.hash)
                ORDER BY s.hash, s.reason, c.id";
            let own = Leg { sql: sql.to_owned(), values: Vec::new(), key: Key::Hash };
            Some(vec![own, by_suppressed_domain("1")])
        }
    }
}

impl Leg {
    /// The address of `s` (suppression) is not suppressed for that reason as well.
    fn not_of(reason: SuppressionReason) -> String {
        format!(
            "NOT EXISTS (SELECT 1 FROM suppression o
                WHERE o.workspace = s.workspace AND o.hash = s.hash AND o.reason = {})",
            reason.code()
        )
    }
}

/// Along the addresses suppressed for a reason, with something else that must hold.
fn by_reason(reason: SuppressionReason, and: &str) -> Leg {
    let sql = format!(
        "SELECT s.hash, c.id FROM suppression s CROSS JOIN address a ON a.workspace = +s.workspace AND a.hash = +s.hash
            CROSS JOIN contact c ON c.workspace = a.workspace AND c.address = +a.id
        WHERE s.workspace = ?1 AND s.reason = ?4 AND s.hash >= ?2 AND (s.hash > ?2 OR c.id > ?3) AND {and}
        ORDER BY s.hash, c.id"
    );
    Leg { sql, values: vec![Value::from(reason.code())], key: Key::Hash }
}

/// Along the addresses of domains that are suppressed, where they are not suppressed themselves; `own` is said of `s`, the
/// entry of either.
fn by_suppressed_domain(own: &str) -> Leg {
    // The key is two ids: of a text that begins with a number the cast takes the number. The order is that of the walk, which
    // joins and index fix; asked for by name it would be sorted, a whole domain at a time.
    let (domain, address) = ("CAST(?2 AS INTEGER)", "CAST(substr(?2, instr(?2, ' ') + 1) AS INTEGER)");
    let sql = format!(
        "SELECT s.domain || ' ' || a.id, c.id FROM suppressed_domain s
            CROSS JOIN address a INDEXED BY address_by_domain ON a.workspace = +s.workspace AND a.domain = +s.domain
            CROSS JOIN contact c ON c.workspace = a.workspace AND c.address = +a.id
        WHERE s.workspace = ?1 AND s.domain >= {domain}
            AND s.reason = (SELECT min(o.reason) FROM suppressed_domain o
                WHERE o.workspace = s.workspace AND o.domain = s.domain AND {})
            AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.workspace = ?1 AND s.hash = a.hash AND {own})
            AND a.id >= CASE WHEN s.domain = {domain} THEN {address} ELSE 0 END
            AND (s.domain > {domain} OR a.id > {address} OR c.id > ?3)",
        own.replace("s.", "o.")
    );
    Leg { sql, values: Vec::new(), key: Key::DomainAndId }
}

/// All that is asked, as one question about one person.
struct Asked {
    sql: String,
    values: Vec<Value>,
}

impl Asked {
    fn of(sought: &Sought, conn: &Connection) -> Result<Asked> {
        let mut asked =
            Asked { sql: format!("SELECT 1 FROM contact c WHERE c.id = ?1 AND {VISIBLE}"), values: Vec::new() };
        if let Some(begins) = &sought.begins {
            let (from, below) = (asked.bind(begins.clone()), asked.bind(format!("{begins}{}", char::MAX)));
            asked.and(&format!(
                "EXISTS (SELECT 1 FROM address a WHERE a.id = c.address
                    AND a.email COLLATE NOCASE >= {from} AND a.email COLLATE NOCASE < {below})"
            ));
        }
        if let Some(domain) = &sought.domain {
            let id = asked.bind(domain_by_name(conn, domain)?.map_or(0, |id| id.0));
            asked.and(&format!("EXISTS (SELECT 1 FROM address a WHERE a.id = c.address AND a.domain = {id})"));
        }
        if let Some(list) = sought.list {
            let list = asked.bind(list.0);
            asked.and(&format!(
                "EXISTS (SELECT 1 FROM list_member l JOIN list o ON o.id = l.list WHERE l.list = {list}
                    AND l.contact = c.id AND l.ended_at IS NULL AND (l.confirmed_at IS NOT NULL OR o.confirms = 0))"
            ));
        }
        if let Some((import, fate)) = sought.import {
            let import = asked.bind(import.0);
            asked
                .and(&format!("EXISTS (SELECT 1 FROM import_member m WHERE m.contact = c.id AND m.import = {import})"));
            let again = format!(
                "EXISTS (SELECT 1 FROM contact o WHERE o.workspace = c.workspace AND o.address = c.address AND o.id < c.id
                    AND EXISTS (SELECT 1 FROM import_member n WHERE n.contact = o.id AND n.import = {import}))"
            );
            match fate {
                None => {}
                Some(Fate::Added) => asked.and(&format!("c.import = {import} AND NOT {again}")),
                Some(Fate::Duplicate) => asked.and(&format!("c.import = {import} AND {again}")),
                Some(Fate::Known) => asked.and(&format!("c.import IS NOT {import}")),
            }
        }
        if let Some(sunset) = sought.rests {
            let sunset = asked.bind(sunset.0);
            asked.and(&format!("c.rests = {sunset}"));
        }
        match sought.stand {
            None => {}
            Some(Stand::Status(status)) => asked.and(&format!("{} = {}", standing_sql(), status.code())),
            Some(Stand::SharesAddress) => asked.and(&format!("EXISTS (SELECT 1 FROM {EARLIER})")),
            Some(Stand::Suppressed(reason)) => {
                let own = reason.map_or_else(|| "1".to_owned(), |reason| format!("s.reason = {}", reason.code()));
                asked.and(&format!(
                    "EXISTS (SELECT 1 FROM address a WHERE a.id = c.address AND (
                        EXISTS (SELECT 1 FROM suppression s
                            WHERE s.workspace = a.workspace AND s.hash = a.hash AND {own})
                        OR EXISTS (SELECT 1 FROM suppressed_domain s
                            WHERE s.workspace = a.workspace AND s.domain = a.domain AND {own})))"
                ));
            }
        }
        Ok(asked)
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len() + 1)
    }

    fn and(&mut self, holds: &str) {
        self.sql = format!("{} AND {holds}", self.sql);
    }

    fn of_one(&self, conn: &Connection, contact: ContactId) -> Result<bool> {
        let values = std::iter::once(Value::from(contact.0)).chain(self.values.iter().cloned());
        Ok(conn.prepare_cached(&self.sql)?.exists(params_from_iter(values))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite walks a way.
    fn plan(conn: &Connection, sought: &Sought) -> Vec<String> {
        let mut told = Vec::new();
        for leg in ways(conn, sought).unwrap().into_iter().flatten() {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", leg.sql)).unwrap();
            let bound = vec![Value::Null; statement.parameter_count()];
            let rows = statement.query_map(params_from_iter(bound), |row| row.get::<_, String>(3)).unwrap();
            told.extend(rows.collect::<rusqlite::Result<Vec<_>>>().unwrap());
        }
        told
    }

    #[test]
    fn nobody_is_looked_for_by_a_scan_or_sorted() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrate::migrate(&mut conn, None).unwrap();
        let stands = Stand::all().map(|stand| Sought { stand: Some(stand), ..Sought::default() });
        let others = [
            Sought::default(),
            Sought { begins: Some("an".to_owned()), ..Sought::default() },
            Sought { domain: Some("a.example".to_owned()), ..Sought::default() },
            Sought { list: Some(model::ListId(7)), ..Sought::default() },
            Sought { import: Some((model::ImportId(7), Some(Fate::Added))), ..Sought::default() },
            Sought { rests: Some(model::SunsetId(7)), ..Sought::default() },
            Sought { by_address: true, ..Sought::default() },
        ];
        for sought in stands.chain(others) {
            let plan = plan(&conn, &sought);
            assert!(!plan.is_empty());
            // Of one address there are few: only they are sorted.
            let is_known = |step: &String| !step.contains("SCAN") && !step.ends_with("B-TREE FOR ORDER BY");
            assert!(plan.iter().all(is_known), "{sought:?}: {plan:#?}");
        }
        let begins = Sought { begins: Some("an".to_owned()), ..Sought::default() };
        let walk = "SEARCH a USING COVERING INDEX address_by_email (workspace=? AND email>? AND email<?)";
        assert_eq!(plan(&conn, &begins)[0], walk);
        let sorted = plan(&conn, &Sought { by_address: true, ..Sought::default() });
        assert_eq!(sorted[0], walk);
        assert!(sorted.iter().any(|step| step.contains("contact_without_address (workspace=?")), "{sorted:#?}");
    }
}
