//! People in another platform's export, as a table that the import reads: values within values become columns of their own,
//! with their types, and which lists somebody is on is kept apart.

use super::lists::{Gathered, on_lists};
use super::standings::{self, Standings};
use super::{MigrateError, Platform};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Columns that hold a person's own values, as one JSON object.
const NESTED: [&str; 4] = ["attributes", "attribs", "custom_fields", "merge_fields"];

/// And Emma's.
const NESTED_AT_EMMA: &str = "fields";

/// Where the people of a file are read from.
pub(super) enum People<'a> {
    /// From what an API answered.
    Entries(Vec<&'a Map<String, Value>>),
    /// From a table.
    Table(&'a Path),
}

/// A table that was written for the import.
pub(super) struct Table {
    pub(super) file: PathBuf,
    /// The columns of it that hold JSON.
    pub(super) typed: BTreeSet<String>,
    /// Has it a column that says since when they stand so?
    pub(super) is_dated: bool,
    /// How many people are in it.
    pub(super) rows: u64,
    /// How many are not, because nothing is said of them that lasts.
    pub(super) left_out: u64,
}

/// Must a table with these columns be written anew, because something in it is more than a column?
pub(super) fn is_more(platform: Platform, header: &[String]) -> bool {
    header.iter().any(|name| is_nested(platform, name) || super::lists::is_about_lists(platform, name))
}

fn is_nested(platform: Platform, name: &str) -> bool {
    let is_emmas = platform == Platform::Emma && name.eq_ignore_ascii_case(NESTED_AT_EMMA);
    is_emmas || NESTED.iter().any(|nested| name.eq_ignore_ascii_case(nested))
}

impl People<'_> {
    /// Hands over one person after the other; `Err`: the table cannot be read.
    fn each(&self, take: &mut dyn FnMut(&Map<String, Value>) -> io::Result<()>) -> io::Result<()> {
        match self {
            People::Entries(entries) => entries.iter().try_for_each(|entry| take(entry)),
            People::Table(path) => {
                let mut reader = reader(path)?;
                let header: Vec<String> = header(&mut reader)?;
                let mut row = csv::ByteRecord::new();
                while reader.read_byte_record(&mut row).map_err(io::Error::other)? {
                    let cell = |field: &[u8]| Value::String(String::from_utf8_lossy(field).into_owned());
                    take(&header.iter().cloned().zip(row.iter().map(cell)).collect())?;
                }
                Ok(())
            }
        }
    }

    /// The columns that are no more than that, in their order.
    fn plain_columns(&self, platform: Platform) -> io::Result<Vec<String>> {
        let all = match self {
            People::Entries(entries) => {
                let names: BTreeSet<&String> = entries.iter().flat_map(|entry| entry.keys()).collect();
                names.into_iter().cloned().collect()
            }
            People::Table(path) => header(&mut reader(path)?)?,
        };
        Ok(all.into_iter().filter(|name| !is_nested(platform, name)).collect())
    }
}

/// Of what may stand between two cells, what the first line has most of does.
fn reader(path: &Path) -> io::Result<csv::Reader<fs::File>> {
    let mut line = Vec::new();
    BufReader::new(fs::File::open(path)?.take(super::HEADER_BYTES_MAX)).read_until(b'\n', &mut line)?;
    let count = |delimiter: u8| line.iter().filter(|octet| **octet == delimiter).count();
    // The last of equals is taken.
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_path(path).map_err(io::Error::other)
}

fn header<R: io::Read>(reader: &mut csv::Reader<R>) -> io::Result<Vec<String>> {
    let names = reader.byte_headers().map_err(io::Error::other)?;
    let name = |field: &[u8]| String::from_utf8_lossy(field).trim_start_matches('\u{feff}').trim().to_owned();
    Ok(names.iter().map(name).collect())
}

/// Writes the people as a table into `scratch`, where each stands in a column of its own if `standings` say it, without those
/// of whom a row says nothing that lasts, and gathers who is on which list where that is asked for.
pub(super) fn write(
    platform: Platform,
    people: &People<'_>,
    (named, scratch): (&Path, &Path),
    standings: Option<Standings>,
    mut lists: Option<&mut Gathered>,
) -> Result<Table, MigrateError> {
    let unreadable = |why| MigrateError::Read { file: named.display().to_string(), why };
    let mut written = || -> io::Result<Table> {
        let plain: Vec<String> = people.plain_columns(platform)?;
        let plain: Vec<String> =
            plain.into_iter().filter(|name| !super::lists::is_only_about_lists(platform, name)).collect();
        let inner = inner_columns(platform, people, &plain)?;
        fs::create_dir_all(scratch)?;
        let file = free(scratch, named);
        let mut writer = csv::Writer::from_path(&file).map_err(io::Error::other)?;
        let are_written = standings.is_some_and(Standings::are_written);
        let are_dated = standings.is_some_and(Standings::are_dated) && are_told_when(people)?;
        let ours = [(are_written, standings::COLUMN), (are_dated, standings::SINCE)];
        let ours: Vec<&str> = ours.into_iter().filter(|(is_ours, _)| *is_ours).map(|(_, name)| name).collect();
        // A column of theirs that is called like ours stays theirs.
        let shown = |name: &String| match ours.contains(&name.as_str()) {
            true => format!("attribute {name}"),
            false => name.clone(),
        };
        let own = ours.iter().map(|name| (*name).to_owned());
        let header = plain.iter().map(shown).chain(inner.values().cloned()).chain(own);
        writer.write_record(header).map_err(io::Error::other)?;
        let (mut rows, mut left_out) = (0, 0);
        people.each(&mut |row| {
            let standing = standings.map(|standings| standings.word_for(row));
            if standing == Some(None) {
                left_out += 1;
                return Ok(());
            }
            rows += 1;
            if let Some(lists) = &mut lists {
                on_lists(platform, row, lists);
            }
            let values = inner_values(platform, row);
            let cells = plain.iter().map(|name| text_of(row.get(name)));
            let typed = inner.keys().map(|key| values.get(key).map(json_of).unwrap_or_default());
            let standing = standing.flatten().filter(|_| are_written).map(str::to_owned);
            let since = are_dated.then(|| standings::left_at(row).unwrap_or_default());
            writer.write_record(cells.chain(typed).chain(standing).chain(since)).map_err(io::Error::other)
        })?;
        writer.flush()?;
        Ok(Table { file, typed: inner.into_values().collect(), is_dated: are_dated, rows, left_out })
    };
    written().map_err(unreadable)
}

/// Does the export say of anybody when they left?
fn are_told_when(people: &People<'_>) -> io::Result<bool> {
    let mut is_told = false;
    people.each(&mut |row| {
        is_told |= standings::left_at(row).is_some();
        Ok(())
    })?;
    Ok(is_told)
}

/// The table of a file, in `scratch`. Pages of an export that lie in folders of their own may have the same name.
fn free(scratch: &Path, named: &Path) -> PathBuf {
    let stem = named.file_stem().unwrap_or_default().to_string_lossy();
    let names =
        (1_u32..).map(|number| if number == 1 { format!("{stem}.csv") } else { format!("{stem} ({number}).csv") });
    let mut free = names.map(|name| scratch.join(name)).filter(|file| !file.exists());
    free.next().unwrap_or_else(|| scratch.join(named))
}

/// The columns for what stands within values, by its key; a name that is taken already gets another.
fn inner_columns(platform: Platform, people: &People<'_>, plain: &[String]) -> io::Result<BTreeMap<String, String>> {
    let mut keys = BTreeSet::new();
    people.each(&mut |row| {
        keys.extend(inner_values(platform, row).into_iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key));
        Ok(())
    })?;
    let is_taken = |key: &str| plain.iter().any(|name| name.eq_ignore_ascii_case(key));
    let column = |key: String| {
        let column = if is_taken(&key) { format!("attribute {key}") } else { key.clone() };
        (key, column)
    };
    Ok(keys.into_iter().filter(|key| !key.trim().is_empty()).map(column).collect())
}

/// A person's own values: a JSON object, or the text of one.
fn inner_values(platform: Platform, row: &Map<String, Value>) -> Map<String, Value> {
    let mut values = Map::new();
    for (_, value) in row.iter().filter(|(name, _)| is_nested(platform, name)) {
        match value {
            Value::Object(inner) => values.extend(inner.clone()),
            Value::String(text) => values.extend(serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default()),
            _ => {}
        }
    }
    values
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A text, a number, `true` or `false` as JSON; of what holds more, its JSON as a text.
fn json_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => Value::String(value.to_string()).to_string(),
        scalar => scalar.to_string(),
    }
}
