//! Merge values: what the tags of a message stand for, for one person.
//!
//! A contact's attributes are read from their JSON text once and kept as the template engine's own values, so that
//! rendering parses nothing. A column called `First Name` answers to `{{ first_name }}`: a tag cannot hold a blank.
//! `{{ email }}` is the address the message goes to, whatever a file or a form once kept under that name, and so is every
//! other name that stands for it.
//! Sizes are bounded here, so that no later step needs to ask.

use crate::compose::{escaped, shown};
use minijinja::Value;
use minijinja::value::Object;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use model::{EMAIL_TAG, tag_of_column};

/// The most octets of JSON one person's values may take.
pub const VALUES_OCTETS_MAX: usize = 64 * 1024;

/// Other names of values, each with the name of the value it stands for: `Vorname` for `first_name`.
pub type Aliases = BTreeMap<String, String>;

/// Why a text does not hold merge values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    /// Not a JSON object.
    #[error("the attributes are not a JSON object: {0}")]
    NotAnObject(String),
    /// More than [`VALUES_OCTETS_MAX`].
    #[error("the attributes take {octets} octets; at most {VALUES_OCTETS_MAX} can be merged into a message")]
    TooLarge {
        /// What they take.
        octets: usize,
    },
}

/// One person's merge values, by column.
///
/// Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Values {
    by_name: Arc<BTreeMap<String, Value>>,
}

impl Values {
    /// Reads a JSON object; its members are the values. Refuses other JSON and more than [`VALUES_OCTETS_MAX`].
    pub fn from_json(text: &str) -> Result<Values, ValuesError> {
        Ok(Values::of(read(text)?))
    }

    /// The values of a person of the ledger: `attributes` is what is kept of them, a JSON object, `email` the address the
    /// message goes to. Refuses as [`Values::from_json`].
    pub fn of_person(attributes: &str, email: Option<&str>, aliases: &Aliases) -> Result<Values, ValuesError> {
        let mut columns: BTreeMap<String, Value> = read(attributes)?;
        put_fields(&mut columns, email, aliases, Value::as_str);
        Ok(Values::of(columns))
    }

    /// The same with this address, where there is no value `email` of their own.
    #[must_use]
    pub fn or_email(mut self, email: &str) -> Values {
        let known = Arc::make_mut(&mut self.by_name);
        known.entry(EMAIL_TAG.to_owned()).or_insert_with(|| Value::from(email));
        self
    }

    /// Values by column, and by the tag that a column answers to.
    fn of(mut by_name: BTreeMap<String, Value>) -> Values {
        let renamed = |(column, value): (&String, &Value)| {
            (!is_tag(column)).then(|| (tag_of_column(column), value.clone())).filter(|(tag, _)| tag != column)
        };
        let renamed: Vec<(String, Value)> = by_name.iter().filter_map(renamed).collect();
        for (tag, value) in renamed {
            by_name.entry(tag).or_insert(value);
        }
        Values { by_name: Arc::new(by_name) }
    }

    /// The value of a tag; a value of text is what most are.
    pub fn text(&self, tag: &str) -> Option<&str> {
        self.get(tag)?.as_str()
    }

    /// Is there nothing that would show: no such value, null, or only white space?
    pub fn is_empty_for(&self, tag: &str) -> bool {
        self.get(tag).is_none_or(is_blank)
    }

    /// The value of the column called so, else of one that answers to the same tag: `{{ First_Name }}` finds `First Name`.
    pub(crate) fn get(&self, tag: &str) -> Option<&Value> {
        let other = || if is_tag(tag) { None } else { self.by_name.get(&tag_of_column(tag)) };
        self.by_name.get(tag).or_else(other)
    }
}

/// A JSON object's members.
fn read<V: DeserializeOwned>(text: &str) -> Result<BTreeMap<String, V>, ValuesError> {
    if text.len() > VALUES_OCTETS_MAX {
        return Err(ValuesError::TooLarge { octets: text.len() });
    }
    serde_json::from_str(text).map_err(|e| ValuesError::NotAnObject(e.to_string()))
}

/// What a person of the ledger has, as a JSON object: as [`Values::of_person`], for what is shown with their values. What
/// cannot be read counts as nothing.
pub fn of_person(
    attributes: &str,
    email: Option<&str>,
    aliases: &Aliases,
) -> serde_json::Map<String, serde_json::Value> {
    let mut columns: BTreeMap<String, serde_json::Value> = read(attributes).unwrap_or_default();
    put_fields(&mut columns, email, aliases, serde_json::Value::as_str);
    columns.into_iter().collect()
}

/// What a person has beside their address: without values that only repeat what was their address when they came.
pub fn beside_address(attributes: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut columns: BTreeMap<String, serde_json::Value> = read(attributes).unwrap_or_default();
    take_address(&mut columns, serde_json::Value::as_str);
    columns.into_iter().collect()
}

/// Puts the address, and what each other name stands for, in place of what is kept under these names. A name of a value
/// that a person has not got stays what it is for them.
fn put_fields<V: Clone + PartialEq + From<String>>(
    columns: &mut BTreeMap<String, V>,
    email: Option<&str>,
    aliases: &Aliases,
    text: fn(&V) -> Option<&str>,
) {
    let is_there = |value: &V| text(value).is_none_or(|text| !text.trim().is_empty());
    let mut of_address = take_address(columns, text);
    for (name, of) in aliases {
        if of == EMAIL_TAG {
            columns.remove(name);
            of_address.push(name.clone());
        } else if let Some(value) = columns.get(of).filter(|value| is_there(value)).cloned() {
            columns.insert(name.clone(), value);
        }
    }
    if let Some(email) = email {
        of_address.push(EMAIL_TAG.to_owned());
        columns.extend(of_address.into_iter().map(|name| (name, V::from(email.to_owned()))));
    }
}

/// Takes out what repeats the address; the names it stood under. Imports once kept it beside the address, as `email` and by
/// the name of its column, and there it went on saying what the address had been.
fn take_address<V: PartialEq>(columns: &mut BTreeMap<String, V>, text: fn(&V) -> Option<&str>) -> Vec<String> {
    let Some(kept) = columns.remove(EMAIL_TAG) else { return Vec::new() };
    if text(&kept).is_none_or(|text| !text.contains('@')) {
        return Vec::new();
    }
    let repeats: Vec<String> =
        columns.iter().filter(|(_, value)| **value == kept).map(|(name, _)| name.clone()).collect();
    for name in &repeats {
        columns.remove(name);
    }
    repeats
}

impl FromIterator<(String, Value)> for Values {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(columns: I) -> Values {
        Values::of(columns.into_iter().collect())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(columns: I) -> Values {
        columns.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }
}

/// Surely its own tag, seen at a glance: small letters, with digits and single underscores after the first of them.
fn is_tag(column: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    column.starts_with(|c: char| c.is_ascii_lowercase())
        && column.bytes().all(is_plain)
        && !column.ends_with('_')
        && !column.contains("__")
}

/// Nothing that would show.
pub(crate) fn is_blank(value: &Value) -> bool {
    value.is_undefined() || value.is_none() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// One person as the tags of a message see them: their values, and in front of them the few that Postroom makes.
#[derive(Debug)]
pub(crate) struct Person<'a> {
    values: &'a Values,
    ours: Vec<(Cow<'static, str>, String)>,
    scope: OnceCell<Value>,
}

impl<'a> Person<'a> {
    pub(crate) fn new<const N: usize>(values: &'a Values, ours: [(&'static str, Option<String>); N]) -> Person<'a> {
        let given = ours.into_iter().filter_map(|(name, text)| Some((Cow::Borrowed(name), text?)));
        Person { values, ours: given.collect(), scope: OnceCell::new() }
    }

    /// The same person with one tag more; to be added before anything is shown.
    pub(crate) fn add(&mut self, name: Cow<'static, str>, text: String) {
        self.ours.push((name, text));
        self.scope.take();
    }

    /// What a tag that is only this name shows, escaped for HTML if need be; `None`: nothing.
    pub(crate) fn shown(&self, name: &str, in_html: bool) -> Option<Cow<'_, str>> {
        match self.ours.iter().find(|(own, _)| *own == name) {
            Some((_, text)) if in_html => Some(escaped(Cow::Borrowed(text))),
            Some((_, text)) => Some(Cow::Borrowed(text)),
            None => shown(self.values.get(name)?, in_html),
        }
    }

    /// Is there nothing that would show, not even of what Postroom makes?
    pub(crate) fn is_blank(&self, name: &str) -> bool {
        match self.ours.iter().find(|(own, _)| *own == name) {
            Some((_, text)) => text.trim().is_empty(),
            None => self.values.is_empty_for(name),
        }
    }

    /// Would the tag show nothing?
    pub(crate) fn is_empty_for(&self, tag: &str) -> bool {
        !self.ours.iter().any(|(own, _)| *own == tag) && self.values.is_empty_for(tag)
    }

    /// The same for templates; made when the first one asks.
    pub(crate) fn scope(&self) -> &Value {
        self.scope.get_or_init(|| {
            let ours = self.ours.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
            Value::from_dyn_object(Arc::new(Scope { person: self.values.clone(), ours: ours.collect() }))
        })
    }
}

/// What a template sees.
#[derive(Debug)]
struct Scope {
    person: Values,
    ours: Vec<(Cow<'static, str>, Value)>,
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.ours.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => Some(value.clone()),
            None => self.person.get(key).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_answer_to_tags_that_can_be_written() {
        for (column, tag) in [
            ("First Name", "first_name"),
            (" E-Mail  (work) ", "e_mail_work"),
            ("city", "city"),
            ("Straße", "straße"),
            ("2nd line", "_2nd_line"),
            ("***", ""),
        ] {
            assert_eq!(tag_of_column(column), tag, "{column:?}");
            assert!(!is_tag(column) || column == tag, "{column:?}");
        }
        for column in ["first_name", "a", "x2_y"] {
            assert!(is_tag(column) && tag_of_column(column) == column, "{column:?}");
        }
        for column in ["a__b", "a_", "_a", "2a", "A", "ä"] {
            assert!(!is_tag(column), "{column:?}");
        }
    }

    #[test]
    fn a_column_named_like_the_tag_wins_over_one_that_only_answers_to_it() {
        let values = Values::from_json(r#"{"Name":"from the capital","name":"itself","Home Town":"Ulm","n":null}"#);
        let values = values.unwrap();
        assert_eq!(values.text("name"), Some("itself"));
        assert_eq!(values.text("home_town"), Some("Ulm"));
        assert!(values.is_empty_for("n") && values.is_empty_for("nobody") && !values.is_empty_for("name"));
    }

    #[test]
    fn a_value_is_found_however_its_name_is_spelled() {
        let values = Values::from_json(r#"{"Stadt":"Graz","plz":"8010","HAUS NR":"7"}"#).unwrap();
        for (tag, text) in [("Stadt", "Graz"), ("stadt", "Graz"), ("STADT", "Graz"), ("PLZ", "8010"), ("Haus_Nr", "7")]
        {
            assert_eq!(values.text(tag), Some(text), "{tag}");
        }
        assert_eq!(values.text("Ort"), None);
    }

    #[test]
    fn email_is_the_address_the_message_goes_to_and_so_is_every_name_of_it() {
        let aliases: Aliases =
            [("E_Mail", "email"), ("Vorname", "first_name")].map(|(name, of)| (name.to_owned(), of.to_owned())).into();
        let new = "new@x.example";
        // As an import of today keeps it, as one kept it before, and somebody who came by a form.
        for kept in [
            r#"{"first_name":"Boris"}"#,
            r#"{"email":"old@x.example","e_mail":"old@x.example","first_name":"Boris","Vorname":"Bo"}"#,
            r#"{"email":"","city":"","first_name":"Boris"}"#,
        ] {
            let values = Values::of_person(kept, Some(new), &aliases).unwrap();
            for tag in ["email", "Email", "E_Mail", "e_mail"] {
                assert_eq!(values.text(tag), Some(new), "{tag} of {kept}");
            }
            assert!(values.is_empty_for("city"), "{kept}");
            assert_eq!((values.text("Vorname"), values.text("vorname")), (Some("Boris"), Some("Boris")), "{kept}");
            let shown = of_person(kept, Some(new), &aliases);
            assert_eq!(shown["email"], new, "{kept}");
            assert_eq!(shown["Vorname"], "Boris", "{kept}");
            assert!(beside_address(kept).values().all(|value| value != "old@x.example"), "{kept}");
        }
        let none = Values::of_person(r#"{"email":"old@x.example"}"#, None, &aliases).unwrap();
        assert!(none.is_empty_for("email") && none.is_empty_for("E_Mail"), "nobody can be written to there");
        let own = Values::of_person(r#"{"Vorname":"Bo","work":"w@x.example"}"#, Some(new), &aliases).unwrap();
        assert_eq!((own.text("vorname"), own.text("work")), (Some("Bo"), Some("w@x.example")));
        assert_eq!(Values::from_json("{}").unwrap().or_email(new).text("email"), Some(new));
        assert_eq!(
            Values::from_json(r#"{"email":"of@x.example"}"#).unwrap().or_email(new).text("email"),
            Some("of@x.example")
        );
    }

    #[test]
    fn what_is_no_object_or_too_large_is_refused() {
        assert!(matches!(Values::from_json("[1]"), Err(ValuesError::NotAnObject(_))));
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(VALUES_OCTETS_MAX));
        assert!(matches!(Values::from_json(&large), Err(ValuesError::TooLarge { .. })));
    }
}
