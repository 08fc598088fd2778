//! `postroom import`: people from a CSV file into the ledger.
//!
//! Shows a bar on a terminal, then what became of every row, what the columns were taken to mean, and where the
//! rejected rows are. Interrupted, it says how to go on: the same command again.

use super::absolute;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, number, text};
use crate::output::{Ink, Output, counted, iso_time, local_time, thousands};
use engine::import::{self, Mapping, Progress, Role};
use indicatif::{HumanBytes, ProgressBar};
use model::ImportId;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use store::ImportState;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The CSV file; its first line names the columns
    #[arg(value_name = "FILE.csv", required_unless_present_any = ["list", "remove"])]
    file: Option<PathBuf>,
    /// Say which column holds what, such as email="Mail (private)" or external_id=#3; "-" for none
    #[arg(long = "map", value_name = "ROLE=COLUMN")]
    map: Vec<String>,
    /// The encoding, if finding it out goes wrong (utf-8, windows-1252, utf-16le, …)
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// The delimiter, if finding it out goes wrong (one character, or "tab")
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<String>,
    /// Where rejected rows go [default: rejects/NAME.rejects.csv in the data directory]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Only tell what would become of every row; the ledger is as before afterwards
    #[arg(long)]
    dry_run: bool,
    /// List the imports so far
    #[arg(long, conflicts_with_all = ["file", "remove"])]
    list: bool,
    /// Remove an import with the people only it brought
    #[arg(long, value_name = "IMPORT", conflicts_with = "file")]
    remove: Option<ImportId>,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    if args.list {
        return list(dir, output).await;
    }
    if let Some(import) = args.remove {
        let answer = order::place(dir, Order::RemoveImport { import }, &mut |_| {}).await?;
        output.answer(&answer, || vec![format!("{import} and the people only it brought are removed.")]);
        return Ok(Exit::Done);
    }
    let Some(file) = args.file else { return Err(Failure::bad_input("name a CSV file")) };
    let order = Order::Import {
        mapping: read_mapping(&args.map)?,
        typed: Default::default(),
        encoding: args.encoding,
        delimiter: args.delimiter.as_deref().map(read_delimiter).transpose()?,
        rejects: absolute(&args.rejects.unwrap_or_else(|| rejects_of(dir, &file)))?,
        dry_run: args.dry_run,
        file: absolute(&file)?,
    };
    let answer = bring_in(dir, order, output).await?;
    let rehearsed = args.dry_run.then(|| "A dry run: nothing of it is in the ledger.".to_owned());
    output.answer(&answer, || rehearsed.into_iter().chain(tell(&file, &answer, output)).collect());
    Ok(Exit::Done)
}

/// Imports with a bar. Ctrl-C leaves what was written for the next run.
async fn bring_in(dir: &Path, order: Order, output: &Output) -> Result<Value, Failure> {
    let bar = output.bytes_bar("importing");
    let moved = bar.clone();
    let mut progress = move |progress: Progress| show(&moved, progress);
    let result = tokio::select! { biased;
        answer = order::place(dir, order, &mut progress) => answer,
        _ = tokio::signal::ctrl_c() => Err(Failure::refused("the import was interrupted; nothing of it is visible yet")
            .advise("run the same command again: it continues where it stopped")),
    };
    bar.finish_and_clear();
    result
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done.min(progress.bytes_total));
    let rejects =
        if progress.rejects > 0 { format!(", {} rejected", thousands(progress.rejects)) } else { String::new() };
    bar.set_message(format!("{} rows{rejects}", thousands(progress.rows)));
}

/// Where rejects go when nothing is said: beside the ledger, never beside somebody's file.
fn rejects_of(dir: &Path, file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy();
    dir.join("rejects").join(format!("{stem}.rejects.csv"))
}

/// Reads what `--map` said.
pub(super) fn read_mapping(said: &[String]) -> Result<Mapping, Failure> {
    let mut mapping = Mapping::new();
    for pair in said {
        let words = || Role::ALL.iter().map(|role| role.word());
        let Some((word, column)) = pair.split_once('=') else {
            return Err(Failure::bad_input(format!("--map {pair:?} is not ROLE=COLUMN"))
                .advise("such as: --map email=\"Mail address\""));
        };
        let Some(role) = Role::from_word(word.trim()) else {
            return Err(Failure::bad_input(format!("--map {pair:?}: there is no role {word:?}"))
                .advise(format!("roles are: {}", words().collect::<Vec<_>>().join(", ")))
                .suggest(&model::nearest(word, words())));
        };
        mapping.insert(role, column.to_owned());
    }
    Ok(mapping)
}

fn read_delimiter(text: &str) -> Result<u8, Failure> {
    import::read_delimiter(text).ok_or_else(|| {
        Failure::bad_input(format!("--delimiter {text:?} is not one character"))
            .advise("use a comma, a semicolon, \"tab\", …")
    })
}

/// What became of the file, for a person.
fn tell(file: &Path, answer: &Value, output: &Output) -> Vec<String> {
    let count = |field: &str| number(answer, field);
    let mut lines = Vec::new();
    if answer.get("already_done").and_then(Value::as_bool) == Some(true) {
        lines.push(format!("{} was imported before, with the same columns: nothing to do.", file.display()));
        lines.push(format!("  {} rows: {}", thousands(count("rows")), fates(answer)));
        return lines;
    }
    let size = HumanBytes(count("size_bytes"));
    let delimiter = match text(answer, "delimiter") {
        "," => "commas",
        ";" => "semicolons",
        "\t" => "tabs",
        other => other,
    };
    let head = format!("{}  ·  {}  ·  {size}", file.display(), counted(count("rows"), "row", "rows"));
    lines.push(output.ink(Ink::Bold, &head) + &format!("  ·  {}, {delimiter}", text(answer, "encoding")));
    if count("continued_after_line") > 0 {
        lines.push(format!("  continued after line {}", thousands(count("continued_after_line"))));
    }
    lines.push(format!("  {}", fates(answer)));
    if count("suppressed") > 0 {
        lines.push(format!("  {} of them must not be mailed and will be skipped", thousands(count("suppressed"))));
    }
    if count("forgotten") > 0 {
        let people = thousands(count("forgotten"));
        lines.push(format!(
            "  {people} were forgotten at their own wish and are not taken in again; nothing of their rows is kept"
        ));
        lines.push("  whoever comes back of their own accord signs up themselves, with another address".to_owned());
    }
    lines.extend(told_columns(answer));
    lines.extend(told_notes(answer, output));
    lines.extend(told_duplicates(answer, output));
    if let Some(path) = answer.get("rejects_file").and_then(Value::as_str) {
        let rows = counted(count("listed"), "row", "rows");
        lines.push(String::new());
        lines.push(output.ink(Ink::Yellow, &format!("{rows} to look at, each with its line and reason: {path}")));
        lines.push("  put them right in that file and import it as well".to_owned());
    }
    lines
}

fn fates(answer: &Value) -> String {
    let all = [
        ("added", "added"),
        ("updated", "updated"),
        ("unchanged", "already so"),
        ("duplicates", "with the address of an earlier row (kept, never mailed twice)"),
        ("rejected", "rejected"),
        ("forgotten", "forgotten at their own wish (left out)"),
    ];
    let shown: Vec<String> = all
        .iter()
        .filter(|(field, _)| number(answer, field) > 0 || *field == "added")
        .map(|(field, words)| format!("{} {words}", thousands(number(answer, field))))
        .collect();
    shown.join(" + ")
}

fn told_columns(answer: &Value) -> Vec<String> {
    let columns = answer.get("columns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![String::new(), "Columns, and what a message may call them".to_owned()];
    for column in columns {
        let tags: Vec<String> = ["tag", "alias"]
            .iter()
            .map(|field| text(column, field))
            .filter(|tag| !tag.is_empty())
            .map(|tag| format!("{{{{ {tag} }}}}"))
            .collect();
        let role = text(column, "role");
        let tags = tags.join(" or ");
        let role = if role.is_empty() { String::new() } else { format!("  ({})", role.replace('_', " ")) };
        lines.push(format!("  {:<24} {tags}{role}", text(column, "name")).trim_end().to_owned());
    }
    lines
}

fn told_notes(answer: &Value, output: &Output) -> Vec<String> {
    let Some(notes) = answer.get("notes").and_then(Value::as_object).filter(|notes| !notes.is_empty()) else {
        return Vec::new();
    };
    let mut lines = vec![String::new(), "Worth a look".to_owned()];
    for (note, count) in notes {
        let words = match note.as_str() {
            "role_address" => "a function rather than a person (info@, postmaster@)",
            "missing_consent" => "nothing says that they agreed to be mailed; map it: --map consent=COLUMN",
            "consent_ahead" => "the time of the consent has not come: kept in the file's words, without a time",
            "consent_unread" => "the time of the consent cannot be read (2026-05-31 can): kept in the file's words",
            "consent_refused" => "the file says they did not agree: kept as unconfirmed, not mailed",
            "unknown_status" => "a status word that is not known: kept as unconfirmed, not mailed",
            "unknown_zone" => "a time zone that is not known: the campaign's own clock counts for them",
            "mixed_encoding" => "stray bytes, read as Windows-1252",
            "no_address" => "no address: kept, and skipped when a campaign is sent",
            "unreadable_address" => "the address cannot be read: kept, and skipped until it is put right",
            other => other,
        };
        lines.push(format!("  {:>9}  {words}", thousands(count.as_u64().unwrap_or(0))));
    }
    for (field, what) in [("unknown_status_words", "unknown words"), ("unknown_zones", "unknown time zones")] {
        let words = answer.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        if !words.is_empty() {
            lines.push(output.ink(Ink::Dim, &format!("             {what}: {}", words.join(", "))));
        }
    }
    lines
}

/// The duplicates that are named, each with the first row that has its address.
fn told_duplicates(answer: &Value, output: &Output) -> Vec<String> {
    let named = answer.get("duplicate_lines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |one: &Value| format!("line {} as line {}", number(one, "line"), number(one, "of"));
    let mut named: Vec<String> = named.iter().map(line).collect();
    if named.is_empty() {
        return Vec::new();
    }
    if number(answer, "duplicates") > named.len() as u64 {
        named.push("…".to_owned());
    }
    vec![String::new(), "Duplicates".to_owned(), output.ink(Ink::Dim, &format!("  {}", named.join(", ")))]
}

async fn list(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    for import in ledger.store.list_imports(ledger.workspace).await? {
        let state = match import.state {
            ImportState::Open => "unfinished",
            ImportState::Done => "done",
            ImportState::Removed => "removed",
        };
        let value = json!({
            "import": import.id.to_string(), "file": import.file_name, "state": state,
            "begun_at": iso_time(import.begun_at), "done_at": import.done_at.map(iso_time),
            "added": import.added, "updated": import.updated, "unchanged": import.unchanged,
            "duplicates": import.duplicates, "columns": import.columns,
        });
        output.answer(&value, || {
            let (begun, rows) = (local_time(import.begun_at), thousands(import.added + import.updated));
            vec![format!("{}  {begun}  {state:<10}  {rows} added or updated  {}", import.id, import.file_name)]
        });
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_and_delimiters_are_read_and_slips_are_named() {
        let mapping = read_mapping(&["email=Mail (private)".to_owned(), "external_id=#3".to_owned()]).unwrap();
        assert_eq!(mapping.get(&Role::Email).map(String::as_str), Some("Mail (private)"));
        let failure = read_mapping(&["emial=x".to_owned()]).unwrap_err();
        assert!(failure.to_string().contains("did you mean email?"), "{failure}");
        assert_eq!(read_delimiter("tab").unwrap(), b'\t');
        assert!(read_delimiter("ab").is_err() && read_delimiter("\"").is_err());
    }
}
