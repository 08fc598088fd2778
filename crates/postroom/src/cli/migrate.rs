//! `postroom migrate`: move in from another platform with its export files.
//!
//! Whoever must not be mailed comes first, then everybody else, then lists with who is on them, and templates; a dry run counts
//! what would become of every row. The same files again change nothing.

use super::absolute;
use crate::failure::{Exit, Failure};
use crate::moving::MoveIn;
use crate::order::{self, Order, number, text};
use crate::output::{Output, counted, thousands};
use engine::migrate::{MigrateError, MovedList, MovedTemplate, Part, Plan, Platform, plan};
use model::in_quotes;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where from: listmonk, mailchimp, emma, customerio, postmark, ses or sendgrid
    #[arg(value_name = "PLATFORM", value_parser = read_platform)]
    platform: Platform,
    /// The files of its export (CSV, what its API answered as JSON, templates as HTML), or the folder they are in
    #[arg(value_name = "FILE|FOLDER", required = true)]
    files: Vec<PathBuf>,
    /// Only tell what would become of every row; the ledger is as before afterwards
    #[arg(long)]
    dry_run: bool,
}

fn read_platform(word: &str) -> Result<Platform, String> {
    let words = || Platform::ALL.iter().map(|platform| platform.word());
    Platform::from_word(word).ok_or_else(|| match model::nearest(word, words()).first() {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", words().collect::<Vec<_>>().join(", ")),
    })
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let scratch = dir.join("migrate");
    std::fs::remove_dir_all(&scratch).unwrap_or_default();
    let plan = plan(args.platform, &args.files, &scratch).map_err(refused)?;
    let Plan { passed_over, parts, lists, templates, missing } = plan;
    for archive in passed_over {
        output.note(format!("{} is passed over: what is in it is moved once it is unpacked.", archive.display()));
    }
    if args.dry_run {
        output.note("A dry run: nothing of it is in the ledger. Each file is counted as if it were the only one.");
    }
    missing.iter().for_each(|said| output.note(said));
    let mut sums = [0; COUNTS.len()];
    for part in &parts {
        let answer = import(part, args.dry_run, dir).await?;
        let counts = counts(&answer, part.left_out.rows);
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
        let file = part.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut told = json!({ "file": file, "kind": part.kind.word(), "dry_run": args.dry_run });
        tell_counts(&mut told, &counts);
        told["import"] = answer.get("import").cloned().unwrap_or(Value::Null);
        told["rejects_file"] = answer.get("rejects_file").cloned().unwrap_or(Value::Null);
        let why =
            if part.left_out.rows > 0 { format!("\n  Left out: {}.", part.left_out.because) } else { String::new() };
        output.answer(&told, || vec![format!("{file}  ({})\n  {}{why}", part.kind.word(), line(&counts))]);
    }
    for list in &lists {
        move_list(list, &args, dir, output).await?;
    }
    let mut fates = [0; 3];
    for template in templates {
        fates[move_template(template, args.dry_run, dir, output).await? as usize] += 1;
    }
    std::fs::remove_dir_all(&scratch).unwrap_or_default();
    let [added, unchanged, refused] = fates;
    let mut told = json!({
        "files": parts.len(), "dry_run": args.dry_run, "lists": lists.len(),
        "missing": missing,
        "templates": { "found": added + unchanged + refused, "added": added, "unchanged": unchanged, "refused": refused },
    });
    tell_counts(&mut told, &sums);
    output.answer(&told, || {
        let mut lines = vec![String::new()];
        lines.push(format!("{}\n  {}", counted(parts.len() as u64, "file", "files"), line(&sums)));
        lines.push(counted(lists.len() as u64, "list", "lists"));
        lines.push(format!(
            "{} = {added} added + {unchanged} there already + {refused} to be written again",
            counted(added + unchanged + refused, "template", "templates")
        ));
        lines.extend(missing.iter().map(|said| format!("not whole: {said}")));
        lines
    });
    Ok(Exit::Done)
}

/// Moves a list, and tells what became of who was on it there.
async fn move_list(list: &MovedList, args: &Args, dir: &Path, output: &Output) -> Result<(), Failure> {
    let platform = args.platform.word().to_owned();
    let list = MovedList { file: absolute(&list.file)?, ..list.clone() };
    let MovedList { name, members, left, unconfirmed, .. } = list.clone();
    let order = MoveIn::List { list, platform, dry_run: args.dry_run };
    let answer = order::place(dir, Order::MoveIn(order), &mut |_| {}).await?;
    let count = |field: &str| number(&answer, field);
    let (joined, already) = (count("joined"), count("already"));
    let (left_here, unknown) = (count("left_here"), count("unknown"));
    let told = json!({
        "list": name, "dry_run": args.dry_run, "made": answer.get("made"), "people": members + left + unconfirmed,
        "left_there": left, "unconfirmed_there": unconfirmed, "members": members, "joined": joined, "already": already,
        "left_here": left_here, "unknown": unknown,
    });
    output.answer(&told, || {
        vec![
            format!("list {}", in_quotes(&name)),
            format!(
                "  {} people there = {members} on it + {left} who left + {unconfirmed} who never confirmed",
                members + left + unconfirmed
            ),
            format!(
                "  {members} on it = {joined} put on it + {already} on it already + {left_here} who left it here + {unknown} \
                 whom nobody here is"
            ),
        ]
    });
    Ok(())
}

/// What became of a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Added,
    Unchanged,
    Refused,
}

async fn move_template(template: MovedTemplate, dry_run: bool, dir: &Path, output: &Output) -> Result<Fate, Failure> {
    let name = template.name.clone();
    let order = MoveIn::Template { template: Box::new(template), dry_run };
    let mut answer = order::place(dir, Order::MoveIn(order), &mut |_| {}).await?;
    answer["name"] = json!(name);
    let (fate, says) = match text(&answer, "fate") {
        "added" => (Fate::Added, "added".to_owned()),
        "unchanged" => (Fate::Unchanged, "there is one by that name: it stays as it is".to_owned()),
        _ => (Fate::Refused, text(&answer, "why").to_owned()),
    };
    output.answer(&answer, || vec![format!("template {}: {says}", in_quotes(&name))]);
    Ok(fate)
}

/// What is counted of every file: rows, and the six fates that add up to them.
const COUNTS: [&str; 7] = ["rows", "added", "updated", "unchanged", "duplicates", "rejected", "left_out"];

/// What an import says it did, and the rows that it never saw. Of a file that was imported before, every row is as it was.
fn counts(answer: &Value, left_out: u64) -> [u64; COUNTS.len()] {
    let [rows, added, updated, unchanged, duplicates, rejected, _] = COUNTS.map(|name| number(answer, name));
    match answer.get("already_done").and_then(Value::as_bool) {
        Some(true) => [rows + left_out, 0, 0, rows, 0, 0, left_out],
        _ => [rows + left_out, added, updated, unchanged, duplicates, rejected, left_out],
    }
}

fn tell_counts(told: &mut Value, counts: &[u64; COUNTS.len()]) {
    for (name, count) in COUNTS.iter().zip(counts) {
        told[name] = json!(count);
    }
}

fn line(counts: &[u64; COUNTS.len()]) -> String {
    let [rows, added, updated, unchanged, duplicates, rejected, left_out] = counts.map(thousands);
    format!(
        "{rows} rows = {added} added + {updated} updated + {unchanged} already so + {duplicates} with the address of an \
         earlier row + {rejected} rejected + {left_out} left out"
    )
}

async fn import(part: &Part, dry_run: bool, dir: &Path) -> Result<Value, Failure> {
    let stem = part.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let order = Order::Import {
        file: absolute(&part.file)?,
        mapping: part.mapping.clone(),
        typed: part.typed.clone(),
        encoding: None,
        delimiter: None,
        rejects: absolute(&dir.join("rejects").join(format!("{stem}.rejects.csv")))?,
        dry_run,
    };
    order::place(dir, order, &mut |_| {}).await
}

fn refused(error: MigrateError) -> Failure {
    match error {
        MigrateError::Read { .. } => Failure::own("an export cannot be read", error),
        MigrateError::Unknown { .. } | MigrateError::Nothing => Failure::bad_input(error.to_string()),
    }
}
