//! Moving in from another platform: which of its export files are what, and in which order they are imported.
//!
//! Every platform exports people and those who must not be mailed in files of its own making, some of them lists and
//! templates. A file is known by its name and its header; what all its rows have in common (that they bounced, that they left) is in its name rather than in
//! its rows. Invariant: whoever must not be mailed comes first, so that at no moment anybody of them could be; nobody of a file of
//! such people becomes somebody who may be mailed, whatever its rows say; a file
//! that is not known is refused rather than guessed at. Reading the rows is the import's work ([`crate::import`]).

mod lists;
mod pages;
mod standings;
mod tables;
mod tags;
mod templates;

pub use lists::{ListReport, MoveError, MovedList, move_list};
pub use templates::{MovedTemplate, TemplateContent};

use crate::import::{Mapping, Role, words};
use lists::Gathered;
use serde_json::{Map, Value};
use standings::Standings;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How files end that hold others.
const ARCHIVE: &str = "zip";
/// The longest first line that is looked at, in octets.
const HEADER_BYTES_MAX: u64 = 64 * 1024;
/// The longest answer of another platform's API that is read, in octets.
const JSON_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Where somebody comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// listmonk.
    Listmonk,
    /// Mailchimp.
    Mailchimp,
    /// Emma.
    Emma,
    /// Customer.io.
    CustomerIo,
    /// Postmark.
    Postmark,
    /// Amazon SES.
    Ses,
    /// SendGrid.
    SendGrid,
}

/// What the people of a file have in common, in the order they are imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// They complained.
    Complained,
    /// Their addresses are dead.
    Bounced,
    /// They left.
    Unsubscribed,
    /// None of their addresses may be mailed; why, each row says itself, if anything does.
    Suppressed,
    /// They never agreed.
    Unconfirmed,
    /// Mail to them was refused for its sender or its rate, which says nothing of them.
    Blocked,
    /// Everybody else.
    People,
}

impl Kind {
    /// The word shown for it.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Complained => "complained",
            Kind::Bounced => "bounced",
            Kind::Unsubscribed => "unsubscribed",
            Kind::Suppressed => "suppressed",
            Kind::Unconfirmed => "unconfirmed",
            Kind::Blocked => "blocked",
            Kind::People => "people",
        }
    }

    /// What every row says about the person's standing, where the rows do not.
    const fn status(self) -> Option<&'static str> {
        match self {
            Kind::Complained => Some("=complained"),
            Kind::Bounced => Some("=bounced"),
            Kind::Unsubscribed => Some("=unsubscribed"),
            Kind::Unconfirmed => Some("=unconfirmed"),
            Kind::Suppressed | Kind::Blocked | Kind::People => None,
        }
    }

    /// Is a time beside its people the one since when they must not be mailed? Else it is when they came.
    const fn says_since(self, platform: Platform) -> bool {
        match self {
            Kind::Bounced => true,
            // A subscriber of listmonk stays one whatever became of them.
            Kind::Complained | Kind::Unsubscribed | Kind::Suppressed => !matches!(platform, Platform::Listmonk),
            Kind::Unconfirmed | Kind::Blocked | Kind::People => false,
        }
    }
}

/// A file of an export, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub file: PathBuf,
    /// What its people have in common.
    pub kind: Kind,
    /// Which column holds what.
    pub mapping: Mapping,
    /// Columns that hold JSON.
    pub typed: BTreeSet<String>,
    /// Rows of the export that are not in the file.
    pub left_out: LeftOut,
}

/// Rows that say nothing of where somebody stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many they are.
    pub rows: u64,
    /// Why nothing follows from them, in words; empty where there are none.
    pub because: &'static str,
}

/// What there is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Archives in a folder: what is in them is not looked at.
    pub passed_over: Vec<PathBuf>,
    /// People, those first who must not be mailed.
    pub parts: Vec<Part>,
    /// Lists, and who is on them.
    pub lists: Vec<MovedList>,
    /// Templates.
    pub templates: Vec<MovedTemplate>,
    /// What is missing of the export, as far as it shows, in words.
    pub missing: Vec<String>,
}

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file is not what the platform exports.
    #[error("{file} is not known as an export of {platform}: {why}")]
    Unknown {
        /// Which.
        file: String,
        /// Of which platform it should be.
        platform: &'static str,
        /// What is missing.
        why: String,
    },
    /// A file or folder cannot be read.
    #[error("{file} cannot be read: {why}")]
    Read {
        /// Which.
        file: String,
        /// Why.
        why: io::Error,
    },
    /// Nothing to import.
    #[error("there is no file to import; name the export's files, or the folder they are in")]
    Nothing,
}

/// Words of names that mean the same wherever a file comes from; a platform's own words come before them.
const NAMES: [(&str, Kind); 14] = [
    ("suppress", Kind::Suppressed),
    ("unsub", Kind::Unsubscribed),
    ("opt-out", Kind::Unsubscribed),
    ("optout", Kind::Unsubscribed),
    ("opt_out", Kind::Unsubscribed),
    ("opted", Kind::Unsubscribed),
    ("complain", Kind::Complained),
    ("spam", Kind::Complained),
    ("abuse", Kind::Complained),
    ("bounce", Kind::Bounced),
    ("cleaned", Kind::Bounced),
    ("invalid", Kind::Bounced),
    ("block", Kind::Suppressed),
    ("blacklist", Kind::Suppressed),
];

/// How a platform's files are told apart.
struct Shape {
    /// Words of a file's name and what its people have in common; the first that is in the name.
    names: &'static [(&'static str, Kind)],
    /// What a file is if its name says nothing.
    otherwise: Kind,
    /// Columns that mean more than their own names say, where a file has them.
    columns: &'static [(Role, &'static str)],
    /// Columns of a file of people who must not be mailed that say since when.
    since: &'static [&'static str],
}

impl Platform {
    /// All of them.
    pub const ALL: [Platform; 7] = [
        Platform::Listmonk,
        Platform::Mailchimp,
        Platform::Emma,
        Platform::CustomerIo,
        Platform::Postmark,
        Platform::Ses,
        Platform::SendGrid,
    ];

    /// The word for the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Platform::Listmonk => "listmonk",
            Platform::Mailchimp => "mailchimp",
            Platform::Emma => "emma",
            Platform::CustomerIo => "customerio",
            Platform::Postmark => "postmark",
            Platform::Ses => "ses",
            Platform::SendGrid => "sendgrid",
        }
    }

    /// The platform with that word.
    pub fn from_word(word: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.word() == word)
    }

    /// How its files are told apart. Longer words come before those they contain.
    const fn shape(self) -> Shape {
        match self {
            // Subscribers as one file with a status; the blocklist is that status.
            Platform::Listmonk => Shape {
                names: &[("bounce", Kind::Bounced), ("blocklist", Kind::Suppressed)],
                otherwise: Kind::People,
                columns: &[(Role::ExternalId, "uuid"), (Role::ConsentTime, "created_at")],
                since: &["created_at"],
            },
            // An audience is exported as one file for each standing.
            Platform::Mailchimp => Shape {
                names: &[
                    ("nonsubscribed", Kind::Unconfirmed),
                    ("unsubscribed", Kind::Unsubscribed),
                    ("cleaned", Kind::Bounced),
                    ("abuse", Kind::Complained),
                    ("subscribed", Kind::People),
                ],
                otherwise: Kind::People,
                columns: &[
                    (Role::ExternalId, "EUID"),
                    (Role::ConsentTime, "CONFIRM_TIME"),
                    (Role::ConsentIp, "CONFIRM_IP"),
                ],
                since: &["UNSUB_TIME", "CLEAN_TIME"],
            },
            Platform::Emma => Shape {
                names: &[("opt-out", Kind::Unsubscribed), ("optout", Kind::Unsubscribed), ("error", Kind::Bounced)],
                otherwise: Kind::People,
                columns: &[(Role::ConsentTime, "member_since")],
                since: &[],
            },
            Platform::CustomerIo => Shape {
                names: &[
                    ("suppress", Kind::Suppressed),
                    ("unsubscribe", Kind::Unsubscribed),
                    ("bounce", Kind::Bounced),
                    ("spam", Kind::Complained),
                ],
                otherwise: Kind::People,
                columns: &[(Role::ExternalId, "cio_id"), (Role::OptedOut, "unsubscribed")],
                since: &["created"],
            },
            Platform::Postmark => Shape {
                names: &[],
                otherwise: Kind::Suppressed,
                columns: &[(Role::Status, "SuppressionReason"), (Role::LeadSource, "Origin")],
                since: &["CreatedAt", "BouncedAt"],
            },
            Platform::Ses => Shape {
                names: &[],
                otherwise: Kind::Suppressed,
                columns: &[(Role::Status, "Reason")],
                since: &["LastUpdateTime", "LastUpdatedTimestamp"],
            },
            Platform::SendGrid => Shape {
                names: &[
                    ("unsubscribe", Kind::Unsubscribed),
                    ("spam", Kind::Complained),
                    ("bounce", Kind::Bounced),
                    ("invalid", Kind::Bounced),
                    // SendGrid goes on mailing them. A "blocklist" is somebody's own.
                    ("blocks", Kind::Blocked),
                    // Who left one group of mail there left: which mail that was, nobody knows here.
                    ("group_suppress", Kind::Unsubscribed),
                ],
                otherwise: Kind::People,
                columns: &[(Role::ExternalId, "CONTACT_ID"), (Role::ConsentTime, "CREATED_AT")],
                since: &["created"],
            },
        }
    }
}

/// What to do with these files and folders. What is more than a table is written as one in `scratch` first. Refuses a file that
/// is not known; then nothing is done.
pub fn plan(platform: Platform, given: &[PathBuf], scratch: &Path) -> Result<Plan, MigrateError> {
    let (mut templates, mut gathered, mut answers, mut tables) =
        (Vec::new(), Gathered::default(), Vec::new(), Vec::new());
    let (found, passed_over) = files(given)?;
    for file in found {
        match extension(&file).as_str() {
            ARCHIVE => return Err(unknown(platform, &file, "it is a ZIP archive; unpack it, and name the folder")),
            "html" | "htm" => templates.push(templates::of_page(platform, &file)?),
            "json" => answers.push((standings::Answer::of(read_json(platform, &file)?), file)),
            _ => tables.push(file),
        }
    }
    let (mut parts, mut untold) = (Vec::new(), Vec::new());
    // Names of lists are known before people are read who are on them.
    let mut people = Vec::new();
    for (read, file) in &answers {
        let entries = entries(&read.value).ok_or_else(|| unknown(platform, file, "it holds no list of people"))?;
        if entries.is_empty() {
            continue;
        }
        if let Some(found) = templates::of_entries(platform, &entries) {
            templates.extend(found);
        } else if lists::told(&entries, &mut gathered).is_none() {
            people.push((read, file, entries));
        }
    }
    for (read, file, entries) in people {
        let names: BTreeSet<&String> = entries.iter().flat_map(|entry| entry.keys()).collect();
        let header: Vec<String> = names.into_iter().cloned().collect();
        let kind = kind(platform, read.kind(platform), file, &header);
        untold.extend(standings::untold(platform, kind, &header).map(|why| format!("{}: {why}", file.display())));
        let people = tables::People::Entries(entries);
        parts.extend(rewritten(platform, &people, (file, scratch), (kind, &header), &mut gathered)?);
    }
    for file in tables {
        let header = header(&file)?;
        let kind = kind(platform, None, &file, &header);
        untold.extend(standings::untold(platform, kind, &header).map(|why| format!("{}: {why}", file.display())));
        let is_plain = kind != Kind::Suppressed
            && !tables::is_more(platform, &header)
            && !standings::are_needed(platform, kind, &header);
        match is_plain {
            true => parts.push(part(platform, (&file, file.clone()), (kind, None), BTreeSet::new())?),
            false => {
                let people = tables::People::Table(&file);
                parts.extend(rewritten(platform, &people, (&file, scratch), (kind, &header), &mut gathered)?);
            }
        }
    }
    parts.sort_by(|a, b| (a.kind, &a.file).cmp(&(b.kind, &b.file)));
    let lists = gathered.write(scratch)?;
    let missing = pages::missing(platform, &answers).into_iter().chain(untold).collect();
    match parts.is_empty() && lists.is_empty() && templates.is_empty() {
        true => Err(MigrateError::Nothing),
        false => Ok(Plan { passed_over, parts, lists, templates, missing }),
    }
}

fn extension(file: &Path) -> String {
    file.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn unknown(platform: Platform, file: &Path, why: &str) -> MigrateError {
    MigrateError::Unknown { file: file.display().to_string(), platform: platform.word(), why: why.to_owned() }
}

/// The files that were named, and those in the folders that were named; and the archives in the folders.
fn files(given: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), MigrateError> {
    let (mut files, mut archives) = (Vec::new(), Vec::new());
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |why| MigrateError::Read { file: path.display().to_string(), why };
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            match extension(&file).as_str() {
                "csv" | "json" | "html" | "htm" => files.push(file),
                ARCHIVE => archives.push(file),
                _ => {}
            }
        }
    }
    files.sort();
    archives.sort();
    Ok((files, archives))
}

/// What the people of a file have in common, by what the answer says about itself, the file's name, and its columns. The first
/// that says why they must not be mailed counts; that they must not be, more than that they are people.
fn kind(platform: Platform, answer: Option<Kind>, named: &Path, header: &[String]) -> Kind {
    let said = [answer, kind_of_name(platform, named), standings::kind_of_columns(platform, header)];
    let rank = |kind: &Kind| match kind {
        Kind::Complained | Kind::Bounced | Kind::Unsubscribed | Kind::Unconfirmed => 0,
        Kind::Blocked => 1,
        Kind::Suppressed => 2,
        Kind::People => 3,
    };
    said.into_iter().flatten().min_by_key(rank).unwrap_or(platform.shape().otherwise)
}

/// What the people of a file have in common, if its name says so.
fn kind_of_name(platform: Platform, named: &Path) -> Option<Kind> {
    let (shape, name) = (platform.shape(), named.file_name().unwrap_or_default().to_string_lossy().to_lowercase());
    let said = || shape.names.iter().chain(&NAMES).filter(|(word, _)| name.contains(word)).map(|(_, kind)| *kind);
    // "Suppressed" says least: a name may have it before the word that says why.
    said().find(|kind| *kind != Kind::Suppressed).or_else(|| said().next())
}

/// A file whose people are written as another table first; as several, where they do not stand alike.
fn rewritten(
    platform: Platform,
    people: &tables::People<'_>,
    (named, scratch): (&Path, &Path),
    (kind, header): (Kind, &[String]),
    gathered: &mut Gathered,
) -> Result<Vec<Part>, MigrateError> {
    // Whoever must not be mailed comes onto no list.
    let mut lists = (kind == Kind::People).then_some(gathered);
    let split = standings::split(platform, kind, header);
    let mut parts = Vec::new();
    for (kind, standings) in &split {
        let table = tables::write(platform, people, (named, scratch), *standings, lists.as_deref_mut())?;
        if split.len() > 1 && table.rows == 0 {
            continue;
        }
        let mut made = part(platform, (named, table.file), (*kind, *standings), table.typed)?;
        if table.is_dated {
            made.mapping.insert(Role::StatusTime, standings::SINCE.to_owned());
        }
        // Of several tables one has what another leaves out.
        let because = standings.map_or("", Standings::leaves_out_because);
        let left_out = match table.left_out {
            rows if rows > 0 && split.len() == 1 => LeftOut { rows, because },
            _ => LeftOut::default(),
        };
        parts.push(Part { left_out, ..made });
    }
    Ok(parts)
}

/// How a file is read, by what its people have in common and its header.
fn part(
    platform: Platform,
    (named, file): (&Path, PathBuf),
    (kind, standings): (Kind, Option<Standings>),
    typed: BTreeSet<String>,
) -> Result<Part, MigrateError> {
    let shape = platform.shape();
    let header = header(&file)?;
    let mut mapping: Mapping = BTreeMap::new();
    // A person's own values may be called as anything and mean nothing by it.
    let plain = || header.iter().filter(|name| !typed.contains(*name));
    let named_as = |column: &str| plain().find(|name| words::fold(name) == words::fold(column)).cloned();
    for (role, column) in shape.columns {
        if let Some(found) = named_as(column) {
            mapping.insert(*role, found);
        }
    }
    let since = shape.since.iter().find_map(|column| named_as(column));
    if let Some(since) = since.filter(|_| kind.says_since(platform)) {
        mapping.retain(|_, column| *column != since);
        mapping.insert(Role::StatusTime, since);
    }
    // What was told of each person says more than what they have in common. A column of that name in a file of which nothing
    // had to be told is somebody's own.
    if standings.is_some_and(Standings::are_written) && header.iter().any(|name| name == standings::COLUMN) {
        mapping.insert(Role::Status, standings::COLUMN.to_owned());
    } else if let Some(status) = kind.status() {
        mapping.insert(Role::Status, status.to_owned());
    }
    let consent = match kind {
        // A time in the file is that of the row, not of a consent nobody gave.
        Kind::Unconfirmed => "=no".to_owned(),
        _ => format!("=moved from {}", platform.word()),
    };
    mapping.entry(Role::Consent).or_insert(consent);
    mapping.entry(Role::LeadSource).or_insert_with(|| format!("={}", platform.word()));
    if !typed.is_empty() {
        name_roles(&mut mapping, plain());
    }
    if !header.iter().any(|name| name.to_lowercase().contains("mail") || name.eq_ignore_ascii_case("address")) {
        let why = format!("no column holds addresses; the columns are {}", header.join(", "));
        let file = named.display().to_string();
        return Err(MigrateError::Unknown { file, platform: platform.word(), why });
    }
    Ok(Part { file, kind, mapping, typed, left_out: LeftOut::default() })
}

/// Says which column has which role: a person's own values may be called as anything and mean nothing by it.
fn name_roles<'a>(mapping: &mut Mapping, plain: impl Iterator<Item = &'a String> + Clone) {
    for role in Role::ALL {
        let names = words::names_of(role);
        let found = names.iter().find_map(|word| plain.clone().find(|name| words::fold(name) == *word));
        let said = match found {
            Some(name) if !mapping.values().any(|taken| taken == name) => name.clone(),
            _ => "-".to_owned(),
        };
        mapping.entry(role).or_insert(said);
    }
}

/// The names in the first line of a file. Only names are looked for: quotes and the rest are the import's.
fn header(file: &Path) -> Result<Vec<String>, MigrateError> {
    let unreadable = |why| MigrateError::Read { file: file.display().to_string(), why };
    let mut line = Vec::new();
    let opened = fs::File::open(file).map_err(unreadable)?;
    BufReader::new(opened.take(HEADER_BYTES_MAX)).read_until(b'\n', &mut line).map_err(unreadable)?;
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_start_matches('\u{feff}').trim_end();
    let names = line.split([',', ';', '\t']).map(|name| name.trim().trim_matches('"').trim().to_owned());
    Ok(names.filter(|name| !name.is_empty()).collect())
}

fn read_json(platform: Platform, file: &Path) -> Result<Value, MigrateError> {
    let unreadable = |why| MigrateError::Read { file: file.display().to_string(), why };
    let opened = fs::File::open(file).map_err(unreadable)?.take(JSON_BYTES_MAX);
    serde_json::from_reader(BufReader::new(opened)).map_err(|why| unknown(platform, file, &why.to_string()))
}

fn objects(list: &[Value]) -> Option<Vec<&Map<String, Value>>> {
    list.iter().map(Value::as_object).collect()
}

/// The objects that an answer is about: it is a list of them, or has one in a member, or is one itself.
fn entries(read: &Value) -> Option<Vec<&Map<String, Value>>> {
    match read {
        Value::Array(list) => objects(list),
        Value::Object(members) => {
            let list = members.values().filter_map(Value::as_array).find(|list| list.iter().all(Value::is_object));
            let is_itself =
                members.contains_key("name") || members.contains_key("Name") || members.contains_key("TemplateName");
            if is_itself {
                return Some(vec![members]);
            }
            list.and_then(|list| objects(list))
                .or_else(|| members.values().filter(|inner| inner.is_object()).find_map(entries))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(platform: Platform, files: &[(&str, &str)], expected: Expect) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let shown = match plan(platform, &[dir.path().to_owned()], &dir.path().join("scratch")) {
            Err(error) => error.to_string().replace(&dir.path().display().to_string(), "DIR"),
            Ok(Plan { parts, passed_over, .. }) => {
                let line = |part: &Part| {
                    let said: Vec<String> =
                        part.mapping.iter().map(|(role, column)| format!("{}={column}", role.word())).collect();
                    let name = part.file.file_name().unwrap().to_string_lossy().into_owned();
                    format!("{name}: {}: {}", part.kind.word(), said.join(", "))
                };
                let archives = passed_over.iter().map(|file| file.file_name().unwrap().to_string_lossy());
                let archives: String = archives.map(|name| format!("; passed over: {name}")).collect();
                parts.iter().map(line).collect::<Vec<_>>().join("\n") + &archives
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn whoever_must_not_be_mailed_comes_first() {
        check(
            Platform::Mailchimp,
            &[
                ("subscribed_email_audience_export_1.csv", "Email Address,First Name,CONFIRM_TIME,CONFIRM_IP,EUID\n"),
                ("unsubscribed_email_audience_export_1.csv", "Email Address,UNSUB_TIME\n"),
                ("cleaned_email_audience_export_1.csv", "Email Address,CLEAN_TIME\n"),
                ("nonsubscribed_email_audience_export_1.csv", "Email Address\n"),
                ("readme.txt", "not a table"),
            ],
            expect![[r#"
                cleaned_email_audience_export_1.csv: bounced: status==bounced, status_time=CLEAN_TIME, consent==moved from mailchimp, lead_source==mailchimp
                unsubscribed_email_audience_export_1.csv: unsubscribed: status==unsubscribed, status_time=UNSUB_TIME, consent==moved from mailchimp, lead_source==mailchimp
                nonsubscribed_email_audience_export_1.csv: unconfirmed: status==unconfirmed, consent==no, lead_source==mailchimp
                subscribed_email_audience_export_1.csv: people: external_id=EUID, consent==moved from mailchimp, consent_time=CONFIRM_TIME, consent_ip=CONFIRM_IP, lead_source==mailchimp"#]],
        );
        check(
            Platform::SendGrid,
            &[
                ("contacts.csv", "EMAIL,FIRST_NAME,CONTACT_ID\n"),
                ("suppression_spam_reports.csv", "email,ip,created\n"),
                ("suppression_bounces.csv", "status,reason,email,created\n"),
                ("suppression_unsubscribes.csv", "email,created\n"),
            ],
            expect![[r#"
                suppression_spam_reports.csv: complained: status==complained, status_time=created, consent==moved from sendgrid, lead_source==sendgrid
                suppression_bounces.csv: bounced: status==bounced, status_time=created, consent==moved from sendgrid, lead_source==sendgrid
                suppression_unsubscribes.csv: unsubscribed: status==unsubscribed, status_time=created, consent==moved from sendgrid, lead_source==sendgrid
                contacts.csv: people: external_id=CONTACT_ID, consent==moved from sendgrid, lead_source==sendgrid"#]],
        );
    }

    #[test]
    fn what_an_api_answered_becomes_a_table() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("suppressed.json");
        let text = r#"{"SuppressedDestinationSummaries":[{"EmailAddress":"a@x.example","Reason":"BOUNCE",
            "LastUpdateTime":1700000000},{"EmailAddress":"b@x.example","Reason":"COMPLAINT"}],"NextToken":"x"}"#;
        fs::write(&file, text).unwrap();
        let parts = plan(Platform::Ses, &[file], &dir.path().join("scratch")).unwrap().parts;
        assert_eq!((parts[0].kind, parts[0].mapping[&Role::Status].as_str()), (Kind::Suppressed, standings::COLUMN));
        expect![[r#"
            EmailAddress,LastUpdateTime,Reason,standing_there
            a@x.example,1700000000,BOUNCE,bounced
            b@x.example,,COMPLAINT,complained
        "#]]
        .assert_eq(&fs::read_to_string(&parts[0].file).unwrap());
    }

    #[test]
    fn a_column_that_is_called_like_ours_stays_an_attribute() {
        let dir = tempfile::tempdir().unwrap();
        let status_of = |name: &str, text: &str| {
            let file = dir.path().join(name);
            fs::write(&file, text).unwrap();
            let parts = plan(Platform::Mailchimp, &[file], &dir.path().join("scratch")).unwrap().parts;
            parts[0].mapping.get(&Role::Status).cloned()
        };
        let theirs =
            status_of("subscribed_members_export.csv", "Email Address,standing_there\na@x.example,unsubscribed\n");
        assert!(theirs.is_none_or(|column| column != standings::COLUMN), "somebody's own column");
        let text = "Email,Reason,standing_there\na@x.example,BOUNCE,guest\n";
        let file = dir.path().join("suppressed.csv");
        fs::write(&file, text).unwrap();
        let parts = plan(Platform::Ses, &[file], &dir.path().join("scratch")).unwrap().parts;
        let written = fs::read_to_string(&parts[0].file).unwrap();
        assert_eq!(written, "Email,Reason,attribute standing_there,standing_there\na@x.example,BOUNCE,guest,bounced\n");
        assert_eq!(parts[0].mapping[&Role::Status], standings::COLUMN);
    }

    #[test]
    fn who_left_a_contact_list_left_when_it_was_last_changed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("contacts.json");
        let text = r#"{"Contacts":[
            {"EmailAddress":"a@x.example","TopicPreferences":[],"UnsubscribeAll":true,
             "LastUpdatedTimestamp":"2024-05-01T10:00:00.123000+00:00"},
            {"EmailAddress":"b@x.example","TopicPreferences":[{"TopicName":"news","SubscriptionStatus":"OPT_OUT"}],
             "UnsubscribeAll":false,"LastUpdatedTimestamp":1700000000.5},
            {"EmailAddress":"c@x.example","TopicPreferences":[{"TopicName":"news","SubscriptionStatus":"OPT_IN"}],
             "UnsubscribeAll":false,"LastUpdatedTimestamp":1700000000.5}]}"#;
        fs::write(&file, text).unwrap();
        let parts = plan(Platform::Ses, &[file], &dir.path().join("scratch")).unwrap().parts;
        assert_eq!((parts.len(), parts[0].kind), (1, Kind::Suppressed));
        assert_eq!(parts[0].mapping[&Role::StatusTime], "LastUpdatedTimestamp");
        assert_eq!(parts[0].mapping[&Role::Status], standings::COLUMN);
        let table = fs::read_to_string(&parts[0].file).unwrap();
        let rows: Vec<(&str, &str)> =
            table.lines().skip(1).filter_map(|row| Some((row.split(',').next()?, row))).collect();
        let [(a, first), (b, second)] = rows[..] else { panic!("whoever is subscribed is not suppressed: {table}") };
        assert_eq!((a, b), ("a@x.example", "b@x.example"));
        assert!(first.contains("2024-05-01T10:00:00.123000+00:00") && first.ends_with(",unsubscribed"), "{table}");
        assert!(second.contains("1700000000.5") && second.ends_with(",unsubscribed"), "{table}");
    }

    #[test]
    fn an_export_in_pages_is_whole_when_its_last_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let page = |folder: &str, email: &str, token: &str| {
            let file = dir.path().join(folder).join("suppressed.json");
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            let list = format!(r#"[{{"EmailAddress":"{email}","Reason":"BOUNCE"}}]"#);
            fs::write(&file, format!(r#"{{"SuppressedDestinationSummaries":{list}{token}}}"#)).unwrap();
            file
        };
        let pages = [
            page("1", "a@x.example", r#","NextToken":"x""#),
            page("2", "b@x.example", r#","NextToken":"y""#),
            page("3", "c@x.example", ""),
        ];
        let whole = plan(Platform::Ses, &pages, &dir.path().join("scratch")).unwrap();
        assert_eq!(whole.missing, Vec::<String>::new());
        let read = |part: &Part| fs::read_to_string(&part.file).unwrap().lines().nth(1).unwrap().to_owned();
        let mut rows: Vec<String> = whole.parts.iter().map(read).collect();
        rows.sort();
        assert_eq!(rows, ["a@x.example,BOUNCE,bounced", "b@x.example,BOUNCE,bounced", "c@x.example,BOUNCE,bounced"]);
        let part = plan(Platform::Ses, &pages[..2], &dir.path().join("again")).unwrap();
        assert_eq!(part.missing.len(), 1);
        assert!(
            part.missing[0].contains("is not the last page of SuppressedDestinationSummaries"),
            "{:?}",
            part.missing
        );
    }

    #[test]
    fn lists_templates_and_typed_values_are_found_in_what_listmonk_answers() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write(
            "subscribers.json",
            r#"{"data":{"results":[
                {"id":1,"uuid":"u1","email":"anna@x.example","name":"Anna","status":"enabled",
                 "attribs":{"city":"Ulm","age":42,"vip":true,"name":"A.","tags":["a","b"]},
                 "lists":[{"id":3,"name":"News","type":"public","optin":"double","subscription_status":"confirmed",
                           "subscription_created_at":"2023-01-02T10:00:00Z"},
                          {"id":4,"name":"Offers","type":"private","optin":"single","subscription_status":"unconfirmed"}]},
                {"id":2,"uuid":"u2","email":"bob@x.example","name":"Bob","status":"enabled","attribs":{},
                 "lists":[{"id":3,"name":"News","type":"public","optin":"double","subscription_status":"unconfirmed"},
                          {"id":4,"name":"Offers","type":"private","optin":"single","subscription_status":"unsubscribed"}]}
            ],"total":2}}"#,
        );
        write("lists.json", r#"{"data":{"results":[{"id":9,"name":"Empty","type":"public","optin":"single"}]}}"#);
        write("templates.json", r#"{"data":[{"id":1,"name":"Plain","body":"<p>{{ .Subscriber.Name }}</p>"}]}"#);
        let plan = plan(Platform::Listmonk, &[dir.path().to_owned()], &dir.path().join("scratch")).unwrap();
        expect![[r#"
            email,id,name,status,uuid,age,city,attribute name,tags,vip
            anna@x.example,1,Anna,enabled,u1,42,"""Ulm""","""A.""","""[\""a\"",\""b\""]""",true
        "#]]
        .assert_eq(&fs::read_to_string(&plan.parts[1].file).unwrap());
        let left = fs::read_to_string(&plan.parts[0].file).unwrap();
        assert!(
            plan.parts[0].kind == Kind::Unsubscribed && left.ends_with("\nbob@x.example,2,Bob,enabled,u2,,,,,\n"),
            "{left}"
        );
        assert_eq!(plan.parts[1].typed.len(), 5);
        let role = |role| plan.parts[1].mapping[&role].as_str();
        assert_eq!((role(Role::Email), role(Role::FullName), role(Role::FirstName)), ("email", "name", "-"));
        assert_eq!((role(Role::Consent), role(Role::LeadSource)), ("=moved from listmonk", "=listmonk"));
        let lists: Vec<String> = plan
            .lists
            .iter()
            .map(|list| {
                let who = fs::read_to_string(&list.file).unwrap().replace('\n', " ");
                let MovedList { name, public, confirms, members, left, unconfirmed, .. } = list;
                format!("{name} {public} {confirms}: {members} + {left} + {unconfirmed}: {who}")
            })
            .collect();
        assert_eq!(
            lists,
            [
                "Empty true false: 0 + 0 + 0: ",
                "News true true: 1 + 0 + 1: anna@x.example\t2023-01-02T10:00:00Z ",
                "Offers false false: 1 + 1 + 0: anna@x.example "
            ]
        );
        assert_eq!(plan.templates[0].content.as_ref().unwrap().source, "<p>{{ name }}</p>");
    }

    #[test]
    fn what_emma_answers_has_its_fields_as_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("members.json");
        let text = r#"[{"email":"a@x.example","member_status_id":"a","fields":{"first_name":"Emma","seats":2}},
            {"email":"b@x.example","member_status_id":"o","fields":{}}]"#;
        fs::write(&file, text).unwrap();
        let part = plan(Platform::Emma, &[file], &dir.path().join("scratch")).unwrap().parts.remove(0);
        expect![[r#"
            email,member_status_id,first_name,seats,standing_there
            a@x.example,a,"""Emma""",2,active
            b@x.example,o,,,unsubscribed
        "#]]
        .assert_eq(&fs::read_to_string(&part.file).unwrap());
        assert_eq!(part.typed, ["first_name".to_owned(), "seats".to_owned()].into());
    }

    #[test]
    fn tags_and_ids_of_lists_are_lists() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("unsubscribed_1.csv", "Email Address,TAGS\nc@x.example,\"\"\"new\"\"\"\n");
        write("subscribed_1.csv", "Email Address,TAGS\na@x.example,\"\"\"new\"\",\"\"from, Ulm\"\"\"\nb@x.example,\n");
        let moved = plan(Platform::Mailchimp, &[dir.path().to_owned()], &dir.path().join("scratch")).unwrap();
        let names: Vec<(&str, u64)> = moved.lists.iter().map(|list| (list.name.as_str(), list.members)).collect();
        assert_eq!(names, [("from, Ulm", 1), ("new", 1)]);
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write(
            "contacts.json",
            r#"{"result":[{"email":"a@x.example","list_ids":["l-1"],"custom_fields":{"plan":"pro"}}]}"#,
        );
        write("lists.json", r#"{"result":[{"id":"l-1","name":"Members","contact_count":1}]}"#);
        let moved = plan(Platform::SendGrid, &[dir.path().to_owned()], &dir.path().join("scratch")).unwrap();
        assert_eq!((moved.lists[0].name.as_str(), moved.lists[0].members), ("Members", 1));
        assert!(moved.parts[0].typed.contains("plan"));
    }

    #[test]
    fn an_archive_is_to_be_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("audience.zip");
        fs::write(&file, "PK").unwrap();
        let refused = plan(Platform::Mailchimp, &[file], &dir.path().join("scratch")).unwrap_err().to_string();
        assert!(refused.contains("it is a ZIP archive; unpack it"), "{refused}");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        check(
            Platform::Listmonk,
            &[("subscribers.csv", "uuid,name\n")],
            expect![
                "DIR/subscribers.csv is not known as an export of listmonk: no column holds addresses; the columns are uuid, name"
            ],
        );
        check(
            Platform::Ses,
            &[("x.json", "{}")],
            expect!["DIR/x.json is not known as an export of ses: it holds no list of people"],
        );
        check(
            Platform::Mailchimp,
            &[("a.csv", "Email Address\n"), ("audience.zip", "PK")],
            expect!["a.csv: people: consent==moved from mailchimp, lead_source==mailchimp; passed over: audience.zip"],
        );
        check(
            Platform::Emma,
            &[],
            expect!["there is no file to import; name the export's files, or the folder they are in"],
        );
    }
}
