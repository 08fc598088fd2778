//! What the columns of a file mean: which holds the address, the consent, the status, and by which name a message may
//! use each. What is a field of a person (their address, their names) is kept once, under the field's own name: the
//! header's is another name of it.
//!
//! Apart from the reading of rows because it is decided once per file, from the header, a sample of rows and what the
//! person said. Invariant: every column has exactly one merge tag, no two the same, none that the system gives a
//! meaning of its own; the header's own spelling is kept beside it.

use super::ImportError;
use super::records::{COLUMNS_MAX, Row};
use super::words;
use mail::compose::OUR_TAGS;
use mail::values::{EMAIL_TAG, tag_of_column};
use model::EmailAddress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest merge tag.
const TAG_BYTES_MAX: usize = 64;
/// Words of the template language that cannot be names.
const KEYWORDS: [&str; 14] =
    ["and", "else", "false", "False", "for", "if", "in", "is", "loop", "none", "None", "not", "or", "true"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The address to mail; messages call it `email` as well.
    Email,
    /// The key of the person in the system the file comes from; rows with a known one change that contact.
    ExternalId,
    /// The first name; also usable as `first_name`.
    FirstName,
    /// The family name; also usable as `last_name`.
    LastName,
    /// The whole name; also usable as `name`.
    FullName,
    /// Subscribed, unsubscribed, bounced and the like.
    Status,
    /// Since when they bounced or complained there.
    StatusTime,
    /// Yes, or a date, when the person opted out.
    OptedOut,
    /// Whether or by which form the person agreed.
    Consent,
    /// When the person agreed.
    ConsentTime,
    /// From which network address the person agreed.
    ConsentIp,
    /// Where the person came from.
    LeadSource,
    /// When the person last reacted: a click, a reply, a purchase. Not an open: machines open too.
    LastEngaged,
}

impl Role {
    /// All roles, in the order they are guessed.
    pub const ALL: [Role; 13] = [
        Role::Email,
        Role::ExternalId,
        Role::FirstName,
        Role::LastName,
        Role::FullName,
        Role::Status,
        Role::StatusTime,
        Role::OptedOut,
        Role::Consent,
        Role::ConsentTime,
        Role::ConsentIp,
        Role::LeadSource,
        Role::LastEngaged,
    ];

    /// The word for `--map`.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Email => "email",
            Role::ExternalId => "external_id",
            Role::FirstName => "first_name",
            Role::LastName => "last_name",
            Role::FullName => "name",
            Role::Status => "status",
            Role::StatusTime => "status_time",
            Role::OptedOut => "opted_out",
            Role::Consent => "consent",
            Role::ConsentTime => "consent_time",
            Role::ConsentIp => "consent_ip",
            Role::LeadSource => "lead_source",
            Role::LastEngaged => "last_engaged",
        }
    }

    /// The role with that word.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }

    /// The tag under which the column's values can be used besides its own.
    const fn alias(self) -> Option<&'static str> {
        match self {
            Role::Email => Some(EMAIL_TAG),
            Role::FirstName => Some("first_name"),
            Role::LastName => Some("last_name"),
            Role::FullName => Some("name"),
            _ => None,
        }
    }
}

/// Which column holds what, as a person said it: role → header name, or `#3` for the third column. Roles not named
/// are guessed; `-` for a name says that no column has the role, `=TEXT` that every row says this.
pub type Mapping = BTreeMap<Role, String>;

/// One column of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// As the header spells it.
    pub name: String,
    /// What a message may call it; `None` only for what an earlier rejects file added.
    pub tag: Option<String>,
    /// The field that it is: a second tag, in the language of our own examples, under which it is kept.
    pub alias: Option<String>,
    /// What it holds, if that is more than an attribute.
    pub role: Option<Role>,
}

/// The columns of a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    all: Vec<Column>,
    by_role: BTreeMap<Role, usize>,
    /// What every row says, where no column does.
    by_all: BTreeMap<Role, String>,
}

impl Columns {
    /// Reads the header; `sample` are the first rows of people. Refuses a file in which no column holds addresses (and
    /// names the columns it has), one without a header, and a mapping to a column that is not there.
    pub fn read(header: &Row, sample: &[Row], mapping: &Mapping) -> Result<Columns, ImportError> {
        let names: Vec<String> = header.fields().map(str::to_owned).collect();
        if names.len() > COLUMNS_MAX {
            return Err(ImportError::TooManyColumns { columns: names.len() });
        }
        if names.iter().any(|name| EmailAddress::parse(name).is_ok()) {
            return Err(ImportError::NoHeader { first: names.join(", ") });
        }
        let mut by_role = said(&names, mapping)?;
        for role in Role::ALL {
            if !mapping.contains_key(&role)
                && let Some(index) = guess(role, &names, sample, &by_role)
            {
                by_role.insert(role, index);
            }
        }
        if !by_role.contains_key(&Role::Email) {
            return Err(no_email(&names));
        }
        let constant = |(role, wanted): (&Role, &String)| Some((*role, wanted.strip_prefix('=')?.to_owned()));
        let by_all = mapping.iter().filter_map(constant).collect();
        Ok(Columns { all: name_all(&names, &by_role), by_role, by_all })
    }

    /// All columns, in the order of the file.
    pub fn all(&self) -> &[Column] {
        &self.all
    }

    /// Where the column with `role` stands, from 0.
    pub fn index_of(&self, role: Role) -> Option<usize> {
        self.by_role.get(&role).copied()
    }

    /// What every row says for `role`.
    pub fn of_all(&self, role: Role) -> Option<&str> {
        self.by_all.get(&role).map(String::as_str)
    }

    /// Every tag a message may use for people of this file, as the ledger keeps them ([`store::NewImport::columns`]).
    pub fn kept(&self) -> Vec<String> {
        let names = |column: &Column| match (&column.tag, &column.alias) {
            (Some(tag), Some(field)) => vec![store::another_name(tag, field), field.clone()],
            (tag, _) => tag.iter().cloned().collect(),
        };
        self.all.iter().flat_map(names).collect()
    }
}

/// Finds the columns that the person named.
fn said(names: &[String], mapping: &Mapping) -> Result<BTreeMap<Role, usize>, ImportError> {
    let mut by_role = BTreeMap::new();
    for (role, wanted) in mapping.iter().filter(|(_, wanted)| *wanted != "-" && !wanted.starts_with('=')) {
        let by_number = || wanted.strip_prefix('#')?.parse::<usize>().ok()?.checked_sub(1).filter(|i| *i < names.len());
        let exact = names.iter().position(|name| name == wanted);
        let folded = || names.iter().position(|name| words::fold(name) == words::fold(wanted));
        let Some(index) = exact.or_else(folded).or_else(by_number) else {
            let columns = names.join(", ");
            let nearest =
                model::nearest(wanted, names.iter().map(String::as_str)).first().map(|name| (*name).to_owned());
            return Err(ImportError::NoSuchColumn { role: role.word(), wanted: wanted.clone(), columns, nearest });
        };
        by_role.insert(*role, index);
    }
    Ok(by_role)
}

/// The likeliest column for `role` among those not yet taken: by the words people use for it, and for addresses and
/// states also by what the rows hold.
fn guess(role: Role, names: &[String], sample: &[Row], taken: &BTreeMap<Role, usize>) -> Option<usize> {
    let free = |index: &usize| !taken.values().any(|t| t == index);
    let values = |index: usize| sample.iter().map(move |row| row.field(index)).filter(|v| !v.is_empty());
    let share = |index: usize, is: &dyn Fn(&str) -> bool| {
        let (fits, all) = values(index).fold((0usize, 0usize), |(fits, all), v| (fits + usize::from(is(v)), all + 1));
        (all > 0).then(|| fits * 100 / all)
    };
    let named: Vec<usize> = words::names_of(role)
        .iter()
        .flat_map(|word| (0..names.len()).filter(|i| names.get(*i).is_some_and(|name| words::fold(name) == *word)))
        .filter(free)
        .collect();
    match role {
        Role::Email => {
            let is_address = |v: &str| EmailAddress::parse(v).is_ok();
            let by_name = named.iter().copied().find(|i| share(*i, &is_address).is_none_or(|percent| percent > 0));
            let by_value = || {
                let percent = |i: &usize| share(*i, &is_address).unwrap_or(0);
                (0..names.len()).rev().filter(free).filter(|i| percent(i) >= 50).max_by_key(percent)
            };
            by_name.or_else(by_value).or(named.first().copied())
        }
        // "Status" may as well be that of an order: believed only when its words are ours.
        Role::Status => {
            named.into_iter().find(|i| share(*i, &|v| words::standing(v).is_some()).is_none_or(|percent| percent >= 50))
        }
        _ => named.first().copied(),
    }
}

fn no_email(names: &[String]) -> ImportError {
    let nearest = names
        .iter()
        .find(|name| words::fold(name).contains("mail"))
        .map(String::as_str)
        .or_else(|| model::nearest("email", names.iter().map(String::as_str)).first().copied());
    ImportError::NoEmailColumn { columns: names.join(", "), nearest: nearest.map(str::to_owned) }
}

/// Gives every column its tag.
fn name_all(names: &[String], by_role: &BTreeMap<Role, usize>) -> Vec<Column> {
    let mut used: Vec<String> = OUR_TAGS.iter().map(|tag| (*tag).to_owned()).collect();
    let role_of = |index: usize| by_role.iter().find(|(_, i)| **i == index).map(|(role, _)| *role);
    let mut columns: Vec<Column> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let role = role_of(index);
        let tag = (!words::REJECT_COLUMNS.contains(&name.as_str())).then(|| {
            let base = tag_of(name).unwrap_or_else(|| format!("column_{}", index + 1));
            // `email` is the address, in whatever letters.
            let is_ours = |tag: &str| role != Some(Role::Email) && tag_of_column(tag) == EMAIL_TAG;
            let free = |tag: &String| !used.contains(tag) && !is_ours(tag);
            let numbered = (2..).map(|n| format!("{base}_{n}"));
            std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base)
        });
        used.extend(tag.clone());
        columns.push(Column { name: name.clone(), tag, alias: None, role });
    }
    for column in &mut columns {
        let alias = column.role.and_then(Role::alias).filter(|alias| !used.iter().any(|tag| tag == alias));
        column.alias = alias.map(str::to_owned);
    }
    columns
}

/// A name that a message can use: the header itself if it is an identifier, else as `mail` reads a column's name.
/// `None` if nothing is left.
fn tag_of(name: &str) -> Option<String> {
    let is_identifier = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let tag = if is_identifier { name.to_owned() } else { tag_of_column(name) };
    let tag = tag.get(..tag.floor_char_boundary(TAG_BYTES_MAX)).unwrap_or_default();
    match tag {
        "" => None,
        tag if KEYWORDS.contains(&tag) => Some(format!("_{tag}")),
        tag => Some(tag.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Rows;
    use super::*;
    use encoding_rs::UTF_8;
    use expect_test::{Expect, expect};

    fn columns(text: &str, mapping: &[(Role, &str)]) -> Result<Columns, ImportError> {
        let mut source = text.as_bytes();
        let mut rows = Rows::open(&mut source, UTF_8, None).unwrap();
        let mut header = Row::default();
        rows.next(&mut header).unwrap().unwrap().unwrap();
        let mapping = mapping.iter().map(|(role, name)| (*role, (*name).to_owned())).collect();
        Columns::read(&header, &rows.peek(100), &mapping)
    }

    fn check(text: &str, mapping: &[(Role, &str)], expected: Expect) {
        let shown = match columns(text, mapping) {
            Err(error) => error.to_string(),
            Ok(columns) => {
                let line = |c: &Column| {
                    let tag = c.tag.as_deref().unwrap_or("-");
                    let alias = c.alias.as_deref().map(|a| format!(" = {a}")).unwrap_or_default();
                    format!("{:?} {tag}{alias} {}", c.name, c.role.map_or("", Role::word)).trim_end().to_owned()
                };
                columns.all().iter().map(line).collect::<Vec<_>>().join("\n")
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn columns_are_guessed_from_the_words_people_use() {
        check(
            "E-Mail-Adresse;Vorname;Nachname;Größe (cm);Kunden-Nr.;Status;Herkunft\na@x.org;A;B;170;7;aktiv;Messe\n",
            &[],
            expect![[r#"
                "E-Mail-Adresse" e_mail_adresse = email email
                "Vorname" Vorname = first_name first_name
                "Nachname" Nachname = last_name last_name
                "Größe (cm)" größe_cm
                "Kunden-Nr." kunden_nr external_id
                "Status" Status status
                "Herkunft" Herkunft lead_source"#]],
        );
    }

    #[test]
    fn the_address_is_found_by_what_stands_in_the_column() {
        check(
            "Adresse,Kontakt\nHauptstr. 1,a@x.org\nHauptstr. 2,b@x.org\n",
            &[],
            expect![[r#"
                "Adresse" Adresse
                "Kontakt" Kontakt = email email"#]],
        );
        check(
            "mail,e_mail_address\nyes,a@x.org\nno,b@x.org\n",
            &[],
            expect![[r#"
                "mail" mail
                "e_mail_address" e_mail_address = email email"#]],
        );
        // The status of an order is no standing of a person.
        check(
            "email,status\na@x.org,shipped\nb@x.org,paid\n",
            &[],
            expect![[r#"
                "email" email email
                "status" status"#]],
        );
    }

    #[test]
    fn tags_are_identifiers_and_no_two_are_the_same() {
        check(
            "email,First Name,first_name,2nd,if,名前,,unsubscribe_url,Straße,firstName,reject_line\n",
            &[],
            expect![[r#"
                "email" email email
                "First Name" first_name first_name
                "first_name" first_name_2
                "2nd" _2nd
                "if" _if
                "名前" 名前
                "" column_7
                "unsubscribe_url" unsubscribe_url_2
                "Straße" straße
                "firstName" firstName
                "reject_line" -"#]],
        );
    }

    #[test]
    fn what_the_person_says_outweighs_the_guess() {
        check(
            "email,work mail,Name\na@x.org,b@x.org,A\n",
            &[(Role::Email, "Work Mail"), (Role::FullName, "-")],
            expect![[r#"
                "email" email_2
                "work mail" work_mail = email email
                "Name" Name"#]],
        );
        check(
            "x,y\n1,2\n",
            &[(Role::Email, "#2")],
            expect![[r#"
                "x" x
                "y" y = email email"#]],
        );
        check(
            "email,name\n",
            &[(Role::ExternalId, "nmae")],
            expect![[
                r#"there is no column "nmae" for external_id; the columns are: email, name; did you mean "name"?"#
            ]],
        );
    }

    #[test]
    fn a_file_without_addresses_or_header_is_refused_with_its_columns() {
        check(
            "name,telephone\nA,1\n",
            &[],
            expect![[
                r#"no column holds email addresses; the columns are: name, telephone; say which one with --map email="COLUMN""#
            ]],
        );
        check(
            "emial,name\n,A\n",
            &[],
            expect![[
                r#"no column holds email addresses; the columns are: emial, name; say which one with --map email="emial""#
            ]],
        );
        check(
            "a@x.org,Ann\nb@x.org,Bo\n",
            &[],
            expect![
                "the first line seems to be a person, not column names (a@x.org, Ann); add a header line such as: email,name"
            ],
        );
    }
}
