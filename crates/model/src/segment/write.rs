//! A rule as text, with no more parentheses than are needed.

use super::{
    About, Counted, Field, Happening, Measure, Moment, NumberTest, Order, Rule, Span, Test, TextOp, TextTest, TimeTest,
    What, Window, moment,
};
use std::fmt::{self, Display, Formatter};

/// Is it a name that needs no quotes? Words of the language may be names of values.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A value of a group of named values, `attr` or `property`.
fn value(group: &str, name: &str) -> String {
    if is_identifier(name) { format!("{group}.{name}") } else { format!("{group}[{}]", quote(name)) }
}

fn test(subject: &str, test: &Test, f: &mut Formatter<'_>) -> fmt::Result {
    match test {
        Test::Exists => write!(f, "has({subject})"),
        Test::Bool(value) => write!(f, "{subject} == {value}"),
        Test::Text(TextTest { op, value }) => match op {
            TextOp::Is | TextOp::IsNot => write!(f, "{subject} {op} {}", quote(value)),
            TextOp::Contains => write!(f, "{subject}.contains({})", quote(value)),
            TextOp::StartsWith => write!(f, "{subject}.startsWith({})", quote(value)),
            TextOp::EndsWith => write!(f, "{subject}.endsWith({})", quote(value)),
        },
        Test::OneOf(values) => {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            write!(f, "{subject} in [{}]", values.join(", "))
        }
        Test::Number(NumberTest { op, value }) => write!(f, "{subject} {op} {value}"),
        Test::Time(TimeTest { op, value }) => write!(f, "{subject} {op} {value}"),
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Span::Days(days) => write!(f, "days({days})"),
            Span::Hours(hours) => write!(f, "hours({hours})"),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Moment::At(at) if moment::is_midnight(*at) => write!(f, "date(\"{}\")", moment::write_date(*at)),
            Moment::At(at) => write!(f, "timestamp(\"{}\")", moment::write(*at)),
            Moment::Ago(Span::Days(0)) => write!(f, "now"),
            Moment::Ago(span) => write!(f, "now - {span}"),
            Moment::Ahead(span) => write!(f, "now + {span}"),
        }
    }
}

impl Display for Happening {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.name, self.what) {
            (Some(name), What::Did) => write!(f, "did({})", quote(name))?,
            (None, What::Did) => write!(f, "did()")?,
            (_, what) => write!(f, "{what}")?,
        }
        if let Some(campaign) = self.campaign {
            write!(f, ".campaign(\"{campaign}\")")?;
        }
        if let Some(cause) = &self.cause {
            write!(f, ".cause({})", quote(&cause.to_string()))?;
        }
        if self.put_off {
            f.write_str(".put_off()")?;
        }
        if let Some(reason) = self.reason {
            write!(f, ".reason(\"{reason}\")")?;
        }
        if let Some(variant) = self.variant {
            write!(f, ".variant(\"{variant}\")")?;
        }
        if let Some(link) = self.link {
            write!(f, ".link({link})")?;
        }
        if let Some(by) = self.by {
            write!(f, ".by(\"{}\")", by.word())?;
        }
        if self.machines {
            write!(f, ".machines()")?;
        }
        for About { name, is } in &self.properties {
            f.write_str(".where(")?;
            test(&value("property", name), is, f)?;
            f.write_str(")")?;
        }
        match self.window {
            None => {}
            Some(Window::Within(span)) => write!(f, ".within({span})")?,
            Some(Window::Since(from)) => write!(f, ".since({from})")?,
            Some(Window::Before(to)) => write!(f, ".before({to})")?,
            Some(Window::Between(from, to)) => write!(f, ".between({from}, {to})")?,
        }
        match &self.after {
            None => Ok(()),
            Some(after) => write!(f, ".after({}, {})", after.event, after.within),
        }
    }
}

impl Display for Counted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.measure {
            once if *once == Measure::ONCE => write!(f, "{}", self.of),
            Measure::Count(count) => write!(f, "{} {} {}", self.of, count.op, count.value),
            Measure::Sum(NumberTest { op, value }) => write!(f, "{}.sum() {op} {value}", self.of),
        }
    }
}

/// How strongly a rule holds together: what binds less needs parentheses inside what binds more.
const fn binding(rule: &Rule) -> u8 {
    match rule {
        Rule::Any(_) => 0,
        Rule::All(_) => 1,
        Rule::Not(_) => 3,
        // `!a == b` would be read as `(!a) == b` in other languages: comparisons are put in parentheses.
        Rule::Attribute(About { is, .. }) | Rule::Field(super::FieldRule { is, .. }) => match is {
            Test::Exists
            | Test::Text(TextTest { op: TextOp::Contains | TextOp::StartsWith | TextOp::EndsWith, .. }) => 3,
            _ => 2,
        },
        Rule::List(_) | Rule::Import(_) => 3,
        Rule::Event(Counted { measure: Measure::Count(super::CountTest { op: Order::AtLeast, value: 1 }), .. }) => 3,
        Rule::Event(_) => 2,
    }
}

fn part(rule: &Rule, least: u8, f: &mut Formatter<'_>) -> fmt::Result {
    if binding(rule) < least { write!(f, "({rule})") } else { write!(f, "{rule}") }
}

fn joined(parts: &[Rule], by: &str, least: u8, f: &mut Formatter<'_>) -> fmt::Result {
    for (at, rule) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(by)?;
        }
        part(rule, least, f)?;
    }
    Ok(())
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Any(parts) => joined(parts, " || ", 1, f),
            Rule::All(parts) => joined(parts, " && ", 2, f),
            Rule::Not(rule) => {
                f.write_str("!")?;
                part(rule, 3, f)
            }
            Rule::Attribute(About { name, is }) => test(&value("attr", name), is, f),
            Rule::Field(super::FieldRule { name, is }) => test(Field::word(*name), is, f),
            Rule::List(id) => write!(f, "in_list(\"{id}\")"),
            Rule::Import(id) => write!(f, "in_import(\"{id}\")"),
            Rule::Event(counted) => write!(f, "{counted}"),
        }
    }
}
