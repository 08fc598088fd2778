//! Causes of a campaign: how many stand where they stand for each, and which rows of the dictionary are one.

use super::dictionary::{pack_enhanced, unpack_enhanced};
use super::reports::IS_ENDED;
use super::word;
use crate::error::Result;
use crate::report::{CauseCount, Lifted};
use model::{
    CampaignId, Category, CauseMark, DeliveryId, DeliveryState, EnhancedCode, EventKind, Scope, Stage,
    SuppressionReason, Timestamp,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

/// Causes of a campaign, most frequent first.
pub(crate) fn causes(conn: &Connection, campaign: CampaignId) -> Result<Vec<CauseCount>> {
    let sql = "SELECT n.state, c.category, c.scope, c.stage, c.rule, c.provider, c.code, c.enhanced, n.value, n.example
        FROM cause_count n JOIN cause c ON c.id = n.cause WHERE n.campaign = ?1 AND n.value > 0
        ORDER BY n.value DESC, n.state, n.cause";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([campaign.0], read_count)?;
    rows.collect()
}

fn read_count(row: &Row<'_>) -> Result<CauseCount> {
    let provider: String = row.get(5)?;
    let code: u16 = row.get(6)?;
    Ok(CauseCount {
        state: word!(DeliveryState, row.get(0)?)?,
        category: word!(Category, row.get(1)?)?,
        scope: word!(Scope, row.get(2)?)?,
        stage: word!(Stage, row.get(3)?)?,
        rule: row.get(4)?,
        provider: (!provider.is_empty()).then_some(provider),
        code: (code != 0).then_some(code),
        enhanced: unpack_enhanced(row.get(7)?),
        count: row.get(8)?,
        example: DeliveryId(row.get(9)?),
    })
}

/// Hard bounces of a campaign whose suppression was lifted, if there are any. Walks through all of its hard bounces in an index,
/// and looks closer at those alone whom no suppression names that was made while it was sent: few, each read in four tables.
pub(crate) fn lifted_of(conn: &Connection, campaign: CampaignId) -> Result<Option<Lifted>> {
    let sql = lifted_sql();
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([campaign.0])?;
    let (mut causes, mut last) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        causes.push(read_count(row)?);
        last = row.get::<_, i64>(10)?.max(last);
    }
    let sql =
        "SELECT e.at, coalesce(w.text, ''), e.detail FROM event e LEFT JOIN word w ON w.id = e.actor WHERE e.seq = ?1";
    let lifted = conn.prepare_cached(sql)?.query_row([last], |row| {
        let detail: Option<String> = row.get(2)?;
        // In front of the words that were typed stands what was lifted.
        let because = detail.and_then(|detail| detail.split_once(": ").map(|(_, because)| because.to_owned()));
        Ok(Lifted { causes, at: Timestamp::from_millis(row.get(0)?), by: row.get(1)?, because })
    });
    Ok(lifted.optional()?)
}

fn lifted_sql() -> String {
    let (hard, lifted) = (DeliveryState::Hard.code(), EventKind::SuppressionLifted.code());
    let bounced = SuppressionReason::HardBounced.code();
    format!(
        "WITH kept AS MATERIALIZED (
            SELECT s.evidence FROM campaign m CROSS JOIN suppression s ON s.workspace = m.workspace
                AND s.reason = {bounced} AND s.at BETWEEN m.started_at AND coalesce(m.ended_at, 9223372036854775807)
            WHERE m.id = ?1 AND s.evidence IS NOT NULL),
        open AS MATERIALIZED (
            SELECT d.id FROM delivery d WHERE d.campaign = ?1 AND d.state = {hard} AND {IS_ENDED}
                AND d.id NOT IN (SELECT evidence FROM kept)),
        free AS (
            SELECT d.id, d.state, d.cause, (SELECT max(e.seq) FROM event e WHERE e.contact = d.contact
                AND e.at >= t.started_at AND e.kind = {lifted} AND e.address = d.address) AS lift
            FROM open o CROSS JOIN delivery d ON d.id = o.id
                JOIN attempt t ON t.seq = d.last_attempt JOIN address a ON a.id = d.address
            WHERE NOT EXISTS
                (SELECT 1 FROM suppression s WHERE s.workspace = a.workspace AND s.hash = a.hash))
        SELECT f.state, c.category, c.scope, c.stage, c.rule, c.provider, c.code, c.enhanced, count(*), max(f.id), max(f.lift)
        FROM free f JOIN cause c ON c.id = f.cause WHERE f.lift IS NOT NULL GROUP BY f.cause ORDER BY 9 DESC, f.cause"
    )
}

/// The rows of the dictionary that are one cause, as a question for their ids. What it compares with is given to `bind`, which
/// says how it is written. It is the counterpart of [`CauseCount::mark`].
pub(super) fn ids_of(mark: &CauseMark, mut bind: impl FnMut(Value) -> String) -> String {
    let provider = bind(Value::from(mark.provider.clone().unwrap_or_default()));
    let enhanced = pack_enhanced(mark.enhanced);
    let dns = Stage::Dns.code();
    // What DNS said has its code from the category: it is not written down.
    let coded = match EnhancedCode::of_dns(Stage::Dns, mark.category) {
        Some(own) if mark.enhanced == Some(own) => {
            format!("(k.enhanced = {enhanced} OR (k.enhanced = 0 AND k.stage = {dns}))")
        }
        Some(_) if mark.enhanced.is_none() => format!("(k.enhanced = 0 AND k.stage <> {dns})"),
        _ => format!("k.enhanced = {enhanced}"),
    };
    let rule = match mark.code {
        Some(_) => String::new(),
        None => format!(" AND k.rule = {}", bind(Value::from(mark.rule.clone().unwrap_or_default()))),
    };
    format!(
        "SELECT k.id FROM cause k WHERE k.category = {} AND k.provider = {provider} AND k.code = {} AND {coded}{rule}",
        mark.category.code(),
        mark.code.unwrap_or(0)
    )
}

/// Did anybody of a campaign ever stand there for this cause? Whom it counts no longer, it counted once.
pub(super) fn was_counted(conn: &Connection, campaign: CampaignId, mark: &CauseMark) -> Result<bool> {
    let mut values = vec![Value::from(campaign.0), Value::from(mark.class.code())];
    let ids = ids_of(mark, |value| {
        values.push(value);
        format!("?{}", values.len())
    });
    let sql = format!("SELECT 1 FROM cause_count n WHERE n.campaign = ?1 AND n.state = ?2 AND n.cause IN ({ids})");
    Ok(conn.prepare(&sql)?.exists(params_from_iter(values))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_let_go_is_looked_for_in_indexes_before_anybody_is_read() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrate::migrate(&mut conn, None).unwrap();
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", lifted_sql())).unwrap();
        let steps = statement.query_map([1], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
        for walk in [
            "SEARCH d USING COVERING INDEX delivery_ended (campaign=? AND state=?)",
            "SEARCH s USING INDEX suppression_by_time (workspace=? AND reason=? AND at>? AND at<?)",
            "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)",
        ] {
            assert!(steps.iter().any(|step| step == walk), "{walk}: {steps:#?}");
        }
    }
}
