//! A segment's rule as a form: one line for each condition, and back again.
//!
//! The form and the text are two views of one rule. What the form has no fields for (a group in a group, an event after
//! another) stands in it as a line of text, so that every rule has both views and nothing is lost between them.

use super::forms::Typed;
use super::shown::Shown;
use crate::problem::Problem;
use model::segment::{
    self, About, CountTest, Counted, Field, FieldRule, Happening, Level, Measure, Moment, NumberTest, Order, Rule,
    Span, Test, TextOp, TextTest, TimeTest, What, Window, moment,
};
use model::{CauseMark, ContactStatus, DeliveryState, Timestamp};

/// Lines of a form at most; a rule with more is one line of text.
const LINES_MAX: usize = 40;
/// Conditions about a value of the person.
pub(super) const VALUE: &str = "attribute";
/// Conditions about a list and an import.
pub(super) const LIST: &str = "list";
pub(super) const IMPORT: &str = "import";
/// Conditions that only the text can say.
const TEXT: &str = "text";

/// How a condition compares with a value of the person; with anything else by some of these.
pub(crate) const OPS: [&str; 19] = [
    "is",
    "is_not",
    "contains",
    "starts_with",
    "ends_with",
    "in",
    "has",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "true",
    "false",
    "since",
    "before",
    "within",
    "older",
];

/// A condition as the form has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// What it is about: `value`, a field, `list`, `import`, what happened, or `text`.
    pub(super) kind: String,
    pub(super) is_not: bool,
    /// Of a value or an event: its name.
    pub(super) name: String,
    pub(super) op: String,
    pub(super) value: String,
    /// Of an event: how often at least, within how many days, with mail of which campaign.
    pub(super) count: String,
    pub(super) days: String,
    pub(super) campaign: String,
    /// Of an event that has causes: which one, by its mark; empty: any.
    pub(super) cause: String,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
}

/// Which fields a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Value,
    Words,
    Choice,
    Time,
    Member,
    Event,
    Text,
}

impl Line {
    /// An empty line of a kind; `None`: there is no such kind.
    pub(super) fn of_kind(kind: &str) -> Option<Line> {
        kinds().contains(&kind).then(|| Line { kind: kind.to_owned(), count: "1".to_owned(), ..Line::default() })
    }

    pub(super) fn shape(&self) -> Shape {
        match self.kind.as_str() {
            VALUE => Shape::Value,
            LIST | IMPORT => Shape::Member,
            kind => match (Field::from_word(kind), What::from_word(kind)) {
                (Some(Field::Status | Field::Engagement), _) => Shape::Choice,
                (Some(field), _) if field.is_time() => Shape::Time,
                (Some(_), _) => Shape::Words,
                (None, Some(_)) => Shape::Event,
                (None, None) => Shape::Text,
            },
        }
    }

    /// Of an event: one with a name of its own?
    pub(super) fn is_custom(&self) -> bool {
        self.kind == What::Did.word()
    }

    /// Of an event: with mail of a campaign?
    pub(super) fn has_campaign(&self) -> bool {
        self.shape() == Shape::Event && !self.is_custom()
    }

    /// Of mail of a campaign that stands where its report names causes: where; `None`: there is no cause to choose.
    pub(super) fn has_cause(&self) -> Option<DeliveryState> {
        let state = What::from_word(&self.kind).and_then(What::state).filter(|state| has_causes(*state));
        state.filter(|_| !self.campaign.is_empty() || !self.cause.is_empty())
    }

    /// The comparisons to choose from.
    pub(super) fn ops(&self) -> &'static [&'static str] {
        match self.shape() {
            Shape::Value => &OPS,
            Shape::Words => &["is", "is_not", "contains", "starts_with", "ends_with", "in", "has"],
            Shape::Choice => &["is", "is_not"],
            Shape::Time => &["within", "older", "since", "before", "has"],
            Shape::Member | Shape::Event | Shape::Text => &[],
        }
    }

    /// What may be chosen to compare with.
    pub(super) fn choices(&self, shown: &Shown) -> Vec<(String, String)> {
        let all = |family: &str, words: Vec<&str>| -> Vec<(String, String)> {
            words.into_iter().map(|word| (word.to_owned(), shown.one_of(family, word))).collect()
        };
        match Field::from_word(&self.kind) {
            Some(Field::Status) => all("status", ContactStatus::ALL.iter().map(|one| one.word()).collect()),
            Some(Field::Engagement) => all("level", Level::ALL.iter().map(|one| one.word()).collect()),
            _ => Vec::new(),
        }
    }

    /// The line for a rule.
    fn of(rule: &Rule) -> Line {
        if let Rule::Not(inner) = rule
            && !matches!(**inner, Rule::Not(_))
        {
            let line = Line::of(inner);
            // A negation of what is text anyway is told whole, so that it reads as it was written.
            return if line.kind == TEXT { Line::text(rule) } else { Line { is_not: true, ..line } };
        }
        Line::simple(rule).unwrap_or_else(|| Line::text(rule))
    }

    fn text(rule: &Rule) -> Line {
        Line { kind: TEXT.to_owned(), value: rule.to_string(), ..Line::default() }
    }

    fn simple(rule: &Rule) -> Option<Line> {
        match rule {
            Rule::Attribute(About { name, is }) => {
                let (op, value) = test_shown(is)?;
                Some(Line { kind: VALUE.to_owned(), name: name.clone(), op: op.to_owned(), value, ..Line::default() })
            }
            Rule::Field(FieldRule { name, is }) => {
                let (op, value) = test_shown(is)?;
                let line = Line { kind: name.word().to_owned(), op: op.to_owned(), value, ..Line::default() };
                line.ops().contains(&op).then_some(line)
            }
            Rule::List(id) => Some(Line { kind: LIST.to_owned(), value: id.to_string(), ..Line::default() }),
            Rule::Import(id) => Some(Line { kind: IMPORT.to_owned(), value: id.to_string(), ..Line::default() }),
            Rule::Event(counted) => event_shown(counted),
            Rule::All(_) | Rule::Any(_) | Rule::Not(_) => None,
        }
    }

    /// The rule a line stands for.
    fn rule(&self, shown: &Shown) -> Result<Rule, String> {
        let rule = match self.shape() {
            Shape::Text => segment::parse(&self.value).map_err(|why| why.to_string())?,
            Shape::Value if self.name.is_empty() => return Err(shown.say("condition-no-name")),
            Shape::Value => Rule::Attribute(About { name: self.name.clone(), is: self.test(shown)? }),
            Shape::Words | Shape::Choice | Shape::Time => {
                let name = Field::from_word(&self.kind).ok_or_else(|| shown.say("condition-unknown"))?;
                Rule::Field(FieldRule { name, is: self.test(shown)? })
            }
            Shape::Member if self.value.is_empty() => return Err(shown.say("condition-no-choice")),
            Shape::Member if self.kind == LIST => {
                Rule::List(self.value.parse().map_err(|_| shown.say("condition-no-choice"))?)
            }
            Shape::Member => Rule::Import(self.value.parse().map_err(|_| shown.say("condition-no-choice"))?),
            Shape::Event => self.event(shown)?,
        };
        rule.check().map_err(|why| why.to_string())?;
        Ok(if self.is_not { Rule::Not(Box::new(rule)) } else { rule })
    }

    fn test(&self, shown: &Shown) -> Result<Test, String> {
        let text = |op| Ok(Test::Text(TextTest { op, value: self.value.clone() }));
        let number = |op| {
            let value = self.value.trim().parse().map_err(|_| shown.say("condition-no-number"))?;
            Ok(Test::Number(NumberTest { op, value }))
        };
        let day = |op| {
            let at = moment::read(self.value.trim()).ok_or_else(|| shown.say("condition-no-date"))?;
            Ok(Test::Time(TimeTest { op, value: Moment::At(at) }))
        };
        let ago = |op| {
            let days = self.value.trim().parse().map_err(|_| shown.say("condition-no-days"))?;
            Ok(Test::Time(TimeTest { op, value: Moment::Ago(Span::Days(days)) }))
        };
        match self.op.as_str() {
            "is" => text(TextOp::Is),
            "is_not" => text(TextOp::IsNot),
            "contains" => text(TextOp::Contains),
            "starts_with" => text(TextOp::StartsWith),
            "ends_with" => text(TextOp::EndsWith),
            "in" => Ok(Test::OneOf(self.value.split(',').map(|one| one.trim().to_owned()).collect())),
            "has" => Ok(Test::Exists),
            "true" => Ok(Test::Bool(true)),
            "false" => Ok(Test::Bool(false)),
            "eq" => number(Order::Is),
            "ne" => number(Order::IsNot),
            "lt" => number(Order::Less),
            "le" => number(Order::AtMost),
            "gt" => number(Order::More),
            "ge" => number(Order::AtLeast),
            "since" => day(Order::AtLeast),
            "before" => day(Order::Less),
            "within" => ago(Order::AtLeast),
            "older" => ago(Order::Less),
            _ => Err(shown.say("condition-unknown")),
        }
    }

    fn event(&self, shown: &Shown) -> Result<Rule, String> {
        let what = What::from_word(&self.kind).ok_or_else(|| shown.say("condition-unknown"))?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| shown.say("condition-no-number"));
        let count = if self.count.trim().is_empty() { 1 } else { number(&self.count)? };
        let window = match self.days.trim() {
            "" => None,
            days => Some(Window::Within(Span::Days(number(days)?))),
        };
        let campaign = match self.campaign.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| shown.say("condition-no-choice"))?),
        };
        let cause = match self.cause.as_str() {
            "" => None,
            text => Some(text.parse::<CauseMark>().map_err(|why| why.to_string())?),
        };
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        let of = Happening { name, campaign, cause, window, ..Happening::any(what) };
        Ok(Rule::Event(Counted { of, measure: Measure::Count(CountTest { op: Order::AtLeast, value: count }) }))
    }
}

/// A comparison as the form has it: its word, and with what.
fn test_shown(test: &Test) -> Option<(&'static str, String)> {
    Some(match test {
        Test::Exists => ("has", String::new()),
        Test::Bool(true) => ("true", String::new()),
        Test::Bool(false) => ("false", String::new()),
        Test::Text(TextTest { op, value }) => {
            let op = match op {
                TextOp::Is => "is",
                TextOp::IsNot => "is_not",
                TextOp::Contains => "contains",
                TextOp::StartsWith => "starts_with",
                TextOp::EndsWith => "ends_with",
            };
            (op, value.clone())
        }
        // What has a comma or blanks around it cannot be told apart in a line.
        Test::OneOf(values) if values.iter().any(|one| one.contains(',') || one.trim() != one) => return None,
        Test::OneOf(values) => ("in", values.join(", ")),
        Test::Number(NumberTest { op, value }) => {
            let op = match op {
                Order::Is => "eq",
                Order::IsNot => "ne",
                Order::Less => "lt",
                Order::AtMost => "le",
                Order::More => "gt",
                Order::AtLeast => "ge",
            };
            (op, value.to_string())
        }
        Test::Time(TimeTest { op: Order::AtLeast, value: Moment::At(at) }) => ("since", day(*at)?),
        Test::Time(TimeTest { op: Order::Less, value: Moment::At(at) }) => ("before", day(*at)?),
        Test::Time(TimeTest { op: Order::AtLeast, value: Moment::Ago(Span::Days(days)) }) => {
            ("within", days.to_string())
        }
        Test::Time(TimeTest { op: Order::Less, value: Moment::Ago(Span::Days(days)) }) => ("older", days.to_string()),
        Test::Time(_) => return None,
    })
}

/// A day, where a point in time is its beginning.
fn day(at: Timestamp) -> Option<String> {
    moment::is_midnight(at).then(|| moment::write_date(at))
}

fn event_shown(counted: &Counted) -> Option<Line> {
    let Counted { of, measure: Measure::Count(CountTest { op: Order::AtLeast, value: count }) } = counted else {
        return None;
    };
    let days = match of.window {
        None => String::new(),
        Some(Window::Within(Span::Days(days))) => days.to_string(),
        Some(_) => return None,
    };
    let is_more = of.link.is_some() || of.machines || of.by.is_some() || of.put_off || of.variant.is_some();
    if is_more || of.reason.is_some() || of.after.is_some() || !of.properties.is_empty() {
        return None;
    }
    Some(Line {
        kind: of.what.word().to_owned(),
        name: of.name.clone().unwrap_or_default(),
        count: count.to_string(),
        days,
        campaign: of.campaign.map(|id| id.to_string()).unwrap_or_default(),
        cause: of.cause.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..Line::default()
    })
}

/// Does a report name causes of those who stand there?
const fn has_causes(state: DeliveryState) -> bool {
    use DeliveryState::{Blocked, Deferred, Hard, InDoubt, Soft};
    matches!(state, Deferred | Soft | Hard | Blocked | InDoubt)
}

/// Every kind of line, as they are offered.
pub(crate) fn kinds() -> Vec<&'static str> {
    let fields = Field::ALL.iter().map(|field| field.word());
    let happened = What::ALL.iter().map(|what| what.word());
    [VALUE].into_iter().chain(fields).chain([LIST, IMPORT]).chain(happened).chain([TEXT]).collect()
}

/// A rule as a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// Is one of them enough?
    pub(super) any: bool,
    pub(super) lines: Vec<Line>,
}

impl Lines {
    /// A rule's lines.
    pub(super) fn of(rule: &Rule) -> Lines {
        match rule {
            Rule::All(parts) if parts.len() <= LINES_MAX => {
                Lines { any: false, lines: parts.iter().map(Line::of).collect() }
            }
            Rule::Any(parts) if parts.len() <= LINES_MAX => {
                Lines { any: true, lines: parts.iter().map(Line::of).collect() }
            }
            other => Lines { any: false, lines: vec![Line::of(other)] },
        }
    }

    /// What was filled in.
    pub(super) fn typed(typed: &Typed) -> Lines {
        let read = |number: usize| {
            // Blanks in what is compared with mean something.
            let get = |name: &str| typed.raw(&format!("c{number}-{name}")).to_owned();
            let kind = get("kind");
            (!kind.is_empty()).then(|| Line {
                is_not: get("not") == "not",
                name: get("name"),
                op: get("op"),
                value: get("value"),
                count: get("count"),
                days: get("days"),
                campaign: get("campaign"),
                cause: get("cause"),
                wrong: None,
                kind,
            })
        };
        Lines { any: typed.get("join") == "any", lines: (1..=LINES_MAX).map_while(read).collect() }
    }

    /// The rule they are; what is wrong is noted in its line.
    pub(super) fn rule(&mut self, shown: &Shown) -> Result<Rule, Problem> {
        let mut rules = Vec::with_capacity(self.lines.len());
        for line in &mut self.lines {
            match line.rule(shown) {
                Ok(rule) => rules.push(rule),
                Err(why) => line.wrong = Some(why),
            }
        }
        if self.lines.iter().any(|line| line.wrong.is_some()) {
            return Err(Problem::field("conditions", shown.say("conditions-wrong")));
        }
        match (rules.len(), self.any) {
            (0, _) => Err(Problem::field("conditions", shown.say("conditions-none"))),
            (1, _) => Ok(rules.remove(0)),
            (_, false) => Ok(Rule::All(rules)),
            (_, true) => Ok(Rule::Any(rules)),
        }
    }

    /// One more, if there is room.
    pub(super) fn add(&mut self, kind: &str) {
        if self.lines.len() < LINES_MAX
            && let Some(line) = Line::of_kind(kind)
        {
            self.lines.push(line);
        }
    }

    /// One less, from 1.
    pub(super) fn remove(&mut self, number: usize) {
        if (1..=self.lines.len()).contains(&number) {
            self.lines.remove(number - 1);
        }
    }

    /// Do the lines need something to compare with that stands in no field?
    pub(super) fn has(&self, kind: &str) -> bool {
        self.lines.iter().any(|line| line.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use jiff::tz::TimeZone;
    use model::Language;

    fn shown() -> Shown {
        Shown { words: Words::of(Language::En), zone: TimeZone::UTC, now: Timestamp::from_millis(0) }
    }

    /// The form of a rule, sent back by a browser.
    fn sent(lines: &Lines) -> Typed {
        let mut pairs = vec![("join".to_owned(), if lines.any { "any" } else { "all" }.to_owned())];
        for (at, line) in lines.lines.iter().enumerate() {
            let Line { kind, is_not, name, op, value, count, days, campaign, cause, wrong: _ } = line.clone();
            let not = if is_not { "not" } else { "" }.to_owned();
            let fields = [("kind", kind), ("not", not), ("name", name), ("op", op), ("value", value), ("count", count)];
            let fields = fields.into_iter().chain([("days", days), ("campaign", campaign), ("cause", cause)]);
            pairs.extend(fields.map(|(field, value)| (format!("c{}-{field}", at + 1), value)));
        }
        Typed::of(pairs)
    }

    #[test]
    fn a_rule_is_the_same_after_it_was_a_form() {
        let rules = [
            r#"attr.city == "Berlin" && !did("booked").within(days(30))"#,
            r#"domain in ["gmail.com", "web.de"] || status != "active""#,
            r#"attr["favourite colour"].contains("re, d") && attr.age >= 18 && attr.vip == true"#,
            r#"created_at >= now - days(7) && consent_at < date("2026-01-01") && has(external_id)"#,
            r#"attr.name in ["a,b", "c"]"#,
            r#"engagement == "cold""#,
            "clicked.campaign(\"m_01h2xcejqt\") >= 3",
            r#"opened.machines() && (sent || clicked.link(2))"#,
            r#"did("paid").sum() > 12.5 && did("paid").after(did("booked"), days(3))"#,
            "!(sent && opened)",
            r#"blocked.campaign("m_01h2xcejqt").cause("blocked:policy:gmail:550:5.7.1:") && !deferred"#,
            r#"clicked.campaign("m_01h2xcejqt").by("machine") || accepted.campaign("m_01h2xcejqt").put_off()"#,
            r#"in_import("i_01h2xcejqt") && !in_list("l_01h2xcejqt")"#,
        ];
        for text in rules {
            let rule = segment::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            let lines = Lines::of(&rule);
            let mut back = Lines::typed(&sent(&lines));
            assert_eq!(back, lines, "{text}");
            assert_eq!(back.rule(&shown()).unwrap(), rule, "{text}");
        }
    }

    #[test]
    fn what_the_form_can_say_is_not_left_to_the_text() {
        let rule = r#"attr.city == "Berlin" && !did("booked").within(days(30)) && email.endsWith("@web.de")"#;
        let lines = Lines::of(&segment::parse(rule).unwrap());
        let kinds: Vec<&str> = lines.lines.iter().map(|line| line.kind.as_str()).collect();
        assert_eq!(kinds, [VALUE, "did", "email"]);
        assert!(lines.lines[1].is_not);
        assert_eq!((lines.lines[1].name.as_str(), lines.lines[1].days.as_str()), ("booked", "30"));
        let cause = "blocked:policy:gmail:550:5.7.1:";
        let rule = format!("blocked.campaign(\"m_01h2xcejqt\").cause(\"{cause}\")");
        let mut lines = Lines::of(&segment::parse(&rule).unwrap());
        assert_eq!((lines.lines[0].kind.as_str(), lines.lines[0].cause.as_str()), ("blocked", cause));
        assert_eq!(lines.lines[0].has_cause(), Some(DeliveryState::Blocked));
        assert_eq!(Line::of_kind("blocked").and_then(|line| line.has_cause()), None, "of no campaign there are none");
        lines.lines[0].cause = "nonsense".to_owned();
        assert!(lines.rule(&shown()).is_err() && lines.lines[0].wrong.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_in_its_line() {
        let mut lines = Lines::default();
        assert_eq!(lines.rule(&shown()).unwrap_err().field.as_deref(), Some("conditions"));
        lines.add("created_at");
        lines.add(VALUE);
        lines.add("nonsense");
        lines.lines[0].op = "within".to_owned();
        lines.lines[0].value = "soon".to_owned();
        assert!(lines.rule(&shown()).is_err());
        assert_eq!(lines.lines.len(), 2);
        assert!(lines.lines.iter().all(|line| line.wrong.is_some()), "{lines:?}");
        lines.remove(2);
        lines.remove(9);
        lines.lines[0] = Line { value: "7".to_owned(), wrong: None, ..lines.lines[0].clone() };
        assert_eq!(lines.rule(&shown()).unwrap().to_string(), "created_at >= now - days(7)");
    }
}
