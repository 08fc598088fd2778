//! What rules call people's values, and under which name each is kept.
//!
//! A rule calls a value as messages do: by the name under which it is kept, by the tag of that name, or by the name of a
//! file's column that is another name of a field. Invariant: a rule holds for those for whom a message would show what it
//! asks for; a name that nobody has stays as it is.

use super::drafts;
use crate::error::Result;
use model::segment::{About, Field, FieldRule, Rule, Test};
use model::{EMAIL_TAG, WorkspaceId, tag_of_column};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// The names of a workspace.
struct Names {
    known: Vec<String>,
    aliases: BTreeMap<String, String>,
}

/// A rule as it is asked: every value by the name under which it is kept.
pub(crate) fn as_kept(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<Rule> {
    match names_values(rule) {
        true => Ok(Names::of(conn, workspace)?.rule(rule)),
        false => Ok(rule.clone()),
    }
}

/// The names of values in a rule that nobody can have, in their order.
pub(crate) fn unknown(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<BTreeSet<String>> {
    let mut unknown = BTreeSet::new();
    if names_values(rule) {
        Names::of(conn, workspace)?.unknown(rule, &mut unknown);
    }
    Ok(unknown)
}

/// Does it ask for a value of people's own?
fn names_values(rule: &Rule) -> bool {
    match rule {
        Rule::All(parts) | Rule::Any(parts) => parts.iter().any(names_values),
        Rule::Not(part) => names_values(part),
        Rule::Attribute(_) => true,
        Rule::Field(_) | Rule::List(_) | Rule::Import(_) | Rule::Event(_) => false,
    }
}

fn is_address(name: &str) -> bool {
    tag_of_column(name) == EMAIL_TAG
}

impl Names {
    fn of(conn: &Connection, workspace: WorkspaceId) -> Result<Names> {
        let known = drafts::attribute_names(conn, workspace)?;
        Ok(Names { known, aliases: drafts::aliases(conn, workspace)? })
    }

    /// The known name that is meant: as it is written, else the first whose tag it is.
    fn meant(&self, name: &str) -> Option<&str> {
        let known = || self.known.iter().map(String::as_str);
        let tag = tag_of_column(name);
        known().find(|known| *known == name).or_else(|| known().find(|known| tag_of_column(known) == tag))
    }

    fn rule(&self, rule: &Rule) -> Rule {
        let all = |parts: &[Rule]| parts.iter().map(|part| self.rule(part)).collect();
        match rule {
            Rule::All(parts) => Rule::All(all(parts)),
            Rule::Any(parts) => Rule::Any(all(parts)),
            Rule::Not(part) => Rule::Not(Box::new(self.rule(part))),
            Rule::Attribute(About { name, is }) => self.value(name, is),
            other @ (Rule::Field(_) | Rule::List(_) | Rule::Import(_) | Rule::Event(_)) => other.clone(),
        }
    }

    fn value(&self, name: &str, is: &Test) -> Rule {
        let name = self.meant(name).unwrap_or(name);
        let stands_for = self.aliases.get(name).map(String::as_str);
        if is_address(name) || stands_for == Some(EMAIL_TAG) {
            return Rule::Field(FieldRule { name: Field::Email, is: is.clone() });
        }
        let about = |name: &str, is: &Test| Rule::Attribute(About { name: name.to_owned(), is: is.clone() });
        let Some(field) = stands_for else { return about(name, is) };
        // Whoever has no such field may have the value all the same, from another file.
        let has_field = || about(field, &Test::Exists);
        Rule::Any(vec![
            Rule::All(vec![has_field(), about(field, is)]),
            Rule::All(vec![Rule::Not(Box::new(has_field())), about(name, is)]),
        ])
    }

    fn unknown(&self, rule: &Rule, found: &mut BTreeSet<String>) {
        match rule {
            Rule::All(parts) | Rule::Any(parts) => parts.iter().for_each(|part| self.unknown(part, found)),
            Rule::Not(part) => self.unknown(part, found),
            Rule::Attribute(About { name, .. }) if !is_address(name) && self.meant(name).is_none() => {
                found.insert(name.clone());
            }
            Rule::Attribute(_) | Rule::Field(_) | Rule::List(_) | Rule::Import(_) | Rule::Event(_) => {}
        }
    }
}
