//! A segment's rule as SQL over `c` (a contact). Every value of the rule is bound, never written into the text; the
//! text comes from here alone.
//!
//! Invariant: each condition is 0 or 1, never NULL, so that a negation is the other half of the people. What is counted
//! is counted only as far as the comparison asks.

use super::audience::{COLD_DAYS, ENGAGED_DAYS};
use super::causes;
use super::contacts::standing_sql;
use super::reports::{IS_ENDED, WAS_PUT_OFF};
use model::reaction::Doer;
use model::segment::{
    About, CountTest, Counted, Field, FieldRule, Happening, Level, Measure, Order, Rule, Test, TextOp, What,
};
use model::{ContactStatus, DeliveryState, ReactionKind, Timestamp};
use rusqlite::types::Value;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Turns rules into SQL and keeps what is bound to it.
pub(crate) struct Compiler {
    /// The number of the first parameter that is ours.
    first: usize,
    /// What is bound, in order.
    pub(crate) values: Vec<Value>,
    now: Timestamp,
    /// Numbers the tables of events, which may stand inside each other.
    events: usize,
}

impl Compiler {
    /// Parameters before `first` are the caller's.
    pub(crate) const fn new(first: usize, now: Timestamp) -> Compiler {
        Compiler { first, values: Vec::new(), now, events: 0 }
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.first + self.values.len() - 1)
    }

    /// Whether `c` (a contact) is in the segment; asked of one contact after the other.
    pub(crate) fn each(&mut self, rule: &Rule) -> String {
        match rule {
            Rule::All(parts) => self.joined(parts, " AND "),
            Rule::Any(parts) => self.joined(parts, " OR "),
            Rule::Not(part) => format!("NOT {}", self.each(part)),
            Rule::Attribute(About { name, is }) => self.about("c.attributes", name, is),
            Rule::Field(field) => self.field(field),
            Rule::List(id) => {
                let id = self.bind(id.0);
                format!(
                    "EXISTS (SELECT 1 FROM list_member l JOIN list o ON o.id = l.list WHERE l.list = {id}
                        AND l.contact = c.id AND l.ended_at IS NULL AND (l.confirmed_at IS NOT NULL OR o.confirms = 0))"
                )
            }
            Rule::Import(id) => {
                let id = self.bind(id.0);
                format!("EXISTS (SELECT 1 FROM import_member m WHERE m.contact = c.id AND m.import = {id})")
            }
            Rule::Event(counted) => self.counted(counted),
        }
    }

    /// The same, asked of everybody at once: where something all of them must have done names few people, these are
    /// looked up first and only they are asked for the rest.
    pub(crate) fn whole(&mut self, rule: &Rule) -> String {
        let parts = parts_of(rule);
        let Some(few) = parts.iter().find(|part| names_few(part)) else { return self.each(rule) };
        let Rule::Event(Counted { of, .. }) = few else { return self.each(rule) };
        let rows = self.rows(of, None);
        let mut all = vec![format!("c.id IN (SELECT {})", rows)];
        all.extend(parts.iter().filter(|part| !std::ptr::eq(*part, few)).map(|part| self.each(part)));
        all.join(" AND ")
    }

    fn joined(&mut self, parts: &[Rule], by: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.each(part)).collect();
        format!("({})", parts.join(by))
    }

    /// What holds for a named value of a JSON object.
    fn about(&mut self, object: &str, name: &str, test: &Test) -> String {
        // The path of a name: the name as a JSON text.
        let path = self.bind(format!("$.{}", serde_json::Value::from(name)));
        let kind = format!("json_type({object}, {path})");
        let value = format!("json_extract({object}, {path})");
        match test {
            Test::Exists => {
                format!("({kind} IS NOT NULL AND {kind} <> 'null' AND NOT ({kind} = 'text' AND {value} = ''))")
            }
            Test::Text(test) => {
                let text = as_text(&kind, &value);
                self.text(&text, test.op, &test.value)
            }
            Test::OneOf(values) => {
                let text = as_text(&kind, &value);
                self.one_of(&text, values)
            }
            Test::Number(test) => {
                let number = as_number(&kind, &value);
                let with = self.bind(test.value);
                compare(&number, test.op, &with)
            }
            Test::Time(test) => {
                let time = as_time(&kind, &value);
                let with = self.bind(test.value.resolve(self.now).as_millis());
                compare(&time, test.op, &with)
            }
            Test::Bool(wanted) => {
                format!("(({kind} = '{wanted}' OR ({kind} = 'text' AND {value} = '{wanted}')) IS TRUE)")
            }
        }
    }

    fn field(&mut self, FieldRule { name, is }: &FieldRule) -> String {
        let value = self.field_value(*name);
        match is {
            Test::Exists => format!("({value} IS NOT NULL AND {value} <> '')"),
            Test::Text(test) => self.text(&value, test.op, &test.value),
            Test::OneOf(values) => self.one_of(&value, values),
            Test::Time(test) => {
                let with = self.bind(test.value.resolve(self.now).as_millis());
                compare(&value, test.op, &with)
            }
            // `Rule::check` lets no field be compared so.
            Test::Number(_) | Test::Bool(_) => "0".to_owned(),
        }
    }

    fn field_value(&mut self, field: Field) -> String {
        match field {
            Field::Email => "(SELECT a.email FROM address a WHERE a.id = c.address)".to_owned(),
            Field::Domain => {
                "(SELECT n.name FROM address a JOIN domain n ON n.id = a.domain WHERE a.id = c.address)".to_owned()
            }
            Field::ExternalId => "c.external_id".to_owned(),
            Field::LeadSource => "c.lead_source".to_owned(),
            Field::ConsentSource => "c.consent_source".to_owned(),
            Field::ConsentAt => "c.consent_at".to_owned(),
            Field::CreatedAt => "c.created_at".to_owned(),
            Field::EngagedAt => "c.engaged_at".to_owned(),
            Field::Status => {
                let words = ContactStatus::ALL.iter().map(|status| format!(" WHEN {} THEN '{status}'", status.code()));
                format!("CASE {}{} END", standing_sql(), words.collect::<String>())
            }
            Field::Engagement => {
                let now = self.bind(self.now.as_millis());
                level_sql(&now)
            }
        }
    }

    fn text(&mut self, text: &str, op: TextOp, value: &str) -> String {
        let octets = value.len();
        let value = self.bind(value.to_owned());
        match op {
            TextOp::Is => format!("(({text} = {value}) IS TRUE)"),
            TextOp::IsNot => format!("(({text} = {value}) IS NOT TRUE)"),
            TextOp::Contains => format!("((instr({text}, {value}) > 0) IS TRUE)"),
            TextOp::StartsWith => format!("((substr({text}, 1, length({value})) = {value}) IS TRUE)"),
            // Of no characters the last ones are all of them.
            TextOp::EndsWith if octets == 0 => format!("({text} IS NOT NULL AND {value} = '')"),
            TextOp::EndsWith => format!("((substr({text}, -length({value})) = {value}) IS TRUE)"),
        }
    }

    fn one_of(&mut self, text: &str, values: &[String]) -> String {
        let values: Vec<String> = values.iter().map(|value| self.bind(value.clone())).collect();
        format!("(({text} IN ({})) IS TRUE)", values.join(", "))
    }

    fn counted(&mut self, Counted { of, measure }: &Counted) -> String {
        match measure {
            Measure::Count(CountTest { op: Order::AtLeast, value: 1 } | CountTest { op: Order::More, value: 0 }) => {
                format!("EXISTS (SELECT {})", self.rows(of, Some("c.id")))
            }
            Measure::Count(CountTest { op, value }) => {
                let rows = self.rows(of, Some("c.id"));
                let (enough, with) = (self.bind(i64::from(*value) + 1), self.bind(i64::from(*value)));
                let count = format!("(SELECT count(*) FROM (SELECT {rows} LIMIT {enough}))");
                compare(&count, *op, &with)
            }
            Measure::Sum(test) => {
                // Micros are exact to 2^53, which is nine thousand million.
                let rows = self.rows_of(of, Some("c.id"), "value_micros");
                let with = self.bind(test.value * 1e6);
                compare(&format!("(SELECT total(value_micros) FROM (SELECT {rows}))"), test.op, &with)
            }
        }
    }

    /// The people of the events, as what follows `SELECT`; of one person where `whose` says which.
    fn rows(&mut self, of: &Happening, whose: Option<&str>) -> String {
        self.rows_of(of, whose, "contact")
    }

    fn rows_of(&mut self, of: &Happening, whose: Option<&str>, column: &str) -> String {
        self.events += 1;
        let e = format!("e{}", self.events);
        let mut wanted = Vec::new();
        if let Some(whose) = whose {
            wanted.push(format!("{e}.contact = {whose}"));
        }
        if let Some(campaign) = of.campaign {
            let campaign = self.bind(campaign.0);
            wanted.push(format!("{e}.campaign = {campaign}"));
            if let Some(letter) = of.variant {
                let variant = self.bind(i64::from(u32::from(letter)) - i64::from(u32::from('A')));
                wanted.push(format!(
                    "EXISTS (SELECT 1 FROM delivery v
                        WHERE v.contact = {e}.contact AND v.campaign = {campaign} AND v.variant = {variant})"
                ));
            }
        }
        let (table, time) = match reaction_of(of.what) {
            None => {
                wanted.push(format!("{e}.{}", delivery_sql(of.what)));
                if whose.is_none() && is_ended(of.what) {
                    wanted.push(IS_ENDED.replace("d.", &format!("{e}.")));
                }
                if let Some(cause) = &of.cause {
                    let ids = causes::ids_of(cause, |value| self.bind(value));
                    wanted.push(format!("{e}.cause IN ({ids})"));
                }
                if of.put_off {
                    wanted.push(WAS_PUT_OFF.replace("d.", &format!("{e}.")));
                }
                if let Some(reason) = of.reason {
                    wanted.push(format!("{e}.skip = {}", reason.code()));
                }
                ("delivery", format!("{e}.first_try_at"))
            }
            Some(kind) => {
                wanted.push(format!("{e}.kind = {}", kind.code()));
                self.narrow(of, &e, &mut wanted);
                ("reaction", format!("{e}.at"))
            }
        };
        if let Some(window) = of.window {
            let (from, to) = window.resolve(self.now);
            for (bound, sign) in [(from, ">="), (to, "<")] {
                if let Some(bound) = bound {
                    let bound = self.bind(bound);
                    wanted.push(format!("{time} {sign} {bound}"));
                }
            }
        }
        if let Some(after) = &of.after {
            // The table of the other event has the next number.
            let o = format!("e{}", self.events + 1);
            let other_time = format!("{o}.{}", time_of(after.event.what));
            let other = self.rows_of(&after.event, Some(&format!("{e}.contact")), "contact");
            let within = self.bind(after.within.as_millis());
            let is_same_table = of.what.is_of_a_delivery() == after.event.what.is_of_a_delivery();
            let another = if is_same_table { format!(" AND {o}.rowid <> {e}.rowid") } else { String::new() };
            wanted.push(format!(
                "EXISTS (SELECT {other}{another} AND {other_time} <= {time} AND {other_time} >= {time} - {within})"
            ));
        }
        format!("{e}.{column} FROM {table} {e} WHERE {}", wanted.join(" AND "))
    }

    /// What only reactions have.
    fn narrow(&mut self, of: &Happening, e: &str, wanted: &mut Vec<String>) {
        if matches!(of.what, What::Opened | What::Clicked) && !of.machines {
            let (from, below) = of.by.unwrap_or(Doer::Person).scores();
            wanted.push(format!("{e}.score >= {from} AND {e}.score < {below}"));
        }
        if let Some(link) = of.link {
            let link = self.bind(i64::from(link));
            wanted.push(format!("{e}.link = {link}"));
        }
        if let Some(name) = &of.name {
            let name = self.bind(name.clone());
            wanted.push(format!("{e}.name = (SELECT w.id FROM word w WHERE w.text = {name})"));
        }
        for About { name, is } in &of.properties {
            let test = self.about(&format!("{e}.detail"), name, is);
            wanted.push(test);
        }
    }
}

/// What all have to fulfil.
fn parts_of(rule: &Rule) -> &[Rule] {
    match rule {
        Rule::All(parts) => parts,
        other => std::slice::from_ref(other),
    }
}

/// Are the people of a rule looked up, few as they are, and not everybody asked?
pub(crate) fn is_looked_up(rule: &Rule) -> bool {
    parts_of(rule).iter().any(names_few)
}

/// Does it name the people themselves by an index, and few of them?
fn names_few(rule: &Rule) -> bool {
    match rule {
        Rule::Event(Counted { of, measure }) => {
            let is_in_an_index = !of.what.is_of_a_delivery() || is_ended(of.what);
            *measure == Measure::ONCE && is_in_an_index && of.campaign.is_some()
        }
        _ => false,
    }
}

/// How the ledger keeps it, if not as a delivery.
const fn reaction_of(what: What) -> Option<ReactionKind> {
    match what {
        What::Opened => Some(ReactionKind::Opened),
        What::Clicked => Some(ReactionKind::Clicked),
        What::Replied => Some(ReactionKind::Replied),
        What::Complained => Some(ReactionKind::Complained),
        What::Unsubscribed => Some(ReactionKind::Unsubscribed),
        What::Did => Some(ReactionKind::Custom),
        What::Sent
        | What::Accepted
        | What::Bounced
        | What::Blocked
        | What::Soft
        | What::Hard
        | What::InDoubt
        | What::Skipped
        | What::Queued
        | What::Deferred => None,
    }
}

/// Which deliveries are meant.
fn delivery_sql(what: What) -> String {
    match (what, what.state()) {
        (_, Some(state)) => format!("state = {}", state.code()),
        (What::Bounced, None) => format!("state IN ({}, {})", DeliveryState::Soft.code(), DeliveryState::Hard.code()),
        (_, None) => "attempts > 0".to_owned(),
    }
}

/// Are the deliveries that are meant in the index of those that ended badly ([`IS_ENDED`])?
const fn is_ended(what: What) -> bool {
    matches!(what, What::Soft | What::Hard | What::Bounced | What::Blocked | What::InDoubt)
}

const fn time_of(what: What) -> &'static str {
    if what.is_of_a_delivery() { "first_try_at" } else { "at" }
}

/// A comparison that is 0 or 1.
fn compare(value: &str, op: Order, with: &str) -> String {
    match op {
        Order::IsNot => format!("(({value} = {with}) IS NOT TRUE)"),
        Order::Is => format!("(({value} = {with}) IS TRUE)"),
        _ => format!("(({value} {op} {with}) IS TRUE)"),
    }
}

/// A JSON value as a text; NULL: it is none.
fn as_text(kind: &str, value: &str) -> String {
    format!("CASE {kind} WHEN 'text' THEN {value} WHEN 'integer' THEN CAST({value} AS TEXT) END")
}

/// A JSON value as a number: one itself, or a text of digits with at most one sign before and one point inside.
fn as_number(kind: &str, value: &str) -> String {
    format!(
        "CASE WHEN {kind} IN ('integer', 'real') THEN {value}
            WHEN {kind} = 'text' AND {value} NOT GLOB '*[^0-9.-]*' AND {value} NOT GLOB '?*-*'
                AND {value} NOT GLOB '*.*.*' AND {value} GLOB '*[0-9]' AND ltrim({value}, '-') GLOB '[0-9]*'
            THEN CAST({value} AS REAL) END"
    )
}

/// A JSON value as a time in milliseconds: a text that begins with a day of the calendar.
fn as_time(kind: &str, value: &str) -> String {
    format!(
        "CASE WHEN {kind} = 'text' AND {value} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                AND date(substr({value}, 1, 10)) = substr({value}, 1, 10)
            THEN unixepoch({value}) * 1000 END"
    )
}

/// The level of engagement of `c` as a word, with the time in `now`.
pub(crate) fn level_sql(now: &str) -> String {
    let active = |days: i64, level: Level| format!(" WHEN c.engaged_at >= {now} - {} THEN '{level}'", days * DAY_MS);
    format!(
        "CASE{}{}{} WHEN c.engaged_at IS NOT NULL THEN '{}' WHEN c.opened_at IS NOT NULL THEN '{}' ELSE '{}' END",
        active(30, Level::Active30),
        active(ENGAGED_DAYS, Level::Active90),
        active(COLD_DAYS, Level::Active180),
        Level::Cold,
        Level::Unknown,
        Level::Never,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::segment::parse;
    use rusqlite::{Connection, params_from_iter};

    #[test]
    fn those_who_stand_there_for_a_cause_are_looked_up_and_not_everybody_asked() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::migrate::migrate(&mut conn, None).unwrap();
        for text in [
            r#"blocked.campaign("m_7").cause("blocked:policy:google:550:5.7.1:")"#,
            r#"has(attr.city) && hard.campaign("m_7").cause("hard:unknown_domain:::5.1.2:no-such-domain")"#,
            r#"bounced.campaign("m_7").put_off()"#,
        ] {
            let mut compiler = Compiler::new(2, Timestamp::from_millis(0));
            let whole = compiler.whole(&parse(text).unwrap());
            let sql = format!("EXPLAIN QUERY PLAN SELECT count(*) FROM contact c WHERE c.workspace = ?1 AND {whole}");
            let mut statement = conn.prepare(&sql).unwrap();
            let bound = vec![Value::Null; statement.parameter_count()];
            let steps = statement.query_map(params_from_iter(bound), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();
            let walk = "SEARCH e1 USING INDEX delivery_ended (campaign=? AND state=?)";
            assert!(steps.iter().any(|step| step == walk), "{text}: {steps:#?}");
            // The tries of one person, from the last to the first, are all that is gone through.
            let walked = |step: &&String| step.contains("SCAN") && *step != "SCAN earlier";
            assert_eq!(steps.iter().find(walked), None, "{text}: {steps:#?}");
        }
    }
}
