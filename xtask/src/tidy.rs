//! The rules of the house that no compiler checks.
//!
//! Each rule is one function from a source to findings. STYLE.md gives the reasons; a rule that turns out wrong is
//! changed here and there together.

use crate::tree::{Source, sources};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// A file longer than this holds more than one noun.
const LINES_MAX: usize = 900;

/// Files that may be longer, with the reason.
const MAY_BE_LONG: &[(&str, &str)] = &[];

/// Endings of the files read as text.
const TEXT: &[&str] = &[".rs", ".md", ".toml", ".py", ".sql", ".json", ".yml", "run"];

/// A place to put things that have no name of their own is a place where they are lost.
const NAMELESS: &[&str] = &["common", "helper", "helpers", "manager", "handler", "misc", "util", "utils"];

/// Marks of unfinished work. Written apart so that this file does not find itself.
const UNFINISHED: &[&str] =
    &[concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];

/// The one place that may have unsafe code: its interface is C.
const UNSAFE_PLACE: &str = "crates/faultfs/src/";

/// How unsafe code begins. Written apart so that this file does not find itself.
const UNSAFE: &[&str] =
    &[concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl"), concat!("unsafe", " extern")];

/// Places that exist on one machine only.
const MACHINE_PATHS: &[&str] =
    &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/"), concat!("/", "Users/")];

/// Every breach of the house rules, in words.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let sources = sources(root, TEXT)?;
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(machine_paths(source));
        if source.path.ends_with(".rs") {
            findings.extend(opening(source));
            findings.extend(unfinished(source));
            findings.extend(unsafe_code(source));
            findings.extend(length(source));
            findings.extend(name(source));
        }
        if source.path.ends_with(".md") {
            findings.extend(dead_links(source, root));
        }
    }
    findings.extend(decision_numbers(&sources));
    Ok(findings)
}

/// A file says first what it is for.
fn opening(source: &Source) -> Option<String> {
    let first = source.text.lines().next().unwrap_or_default();
    (!first.starts_with("//! ")).then(|| format!("{}: must open with `//!` and say what it is for", source.path))
}

fn unfinished(source: &Source) -> Vec<String> {
    let finding = |(at, line): (usize, &str)| {
        let mark = UNFINISHED.iter().find(|mark| line.contains(**mark))?;
        Some(format!("{}:{}: unfinished work ({mark}…)", source.path, at + 1))
    };
    source.text.lines().enumerate().filter_map(finding).collect()
}

/// The compiler forbids it where a crate takes the workspace's lints; this finds a crate that does not.
fn unsafe_code(source: &Source) -> Vec<String> {
    if source.path.starts_with(UNSAFE_PLACE) {
        return Vec::new();
    }
    let finding = |(at, line): (usize, &str)| {
        let is_unsafe = UNSAFE.iter().any(|mark| line.contains(mark));
        is_unsafe.then(|| format!("{}:{}: unsafe code; only {UNSAFE_PLACE} may have any", source.path, at + 1))
    };
    source.text.lines().enumerate().filter_map(finding).collect()
}

fn machine_paths(source: &Source) -> Vec<String> {
    let finding = |(at, line): (usize, &str)| {
        let path = MACHINE_PATHS.iter().find(|path| stands_alone(line, path))?;
        Some(format!("{}:{}: names a place of one machine ({path}…)", source.path, at + 1))
    };
    source.text.lines().enumerate().filter_map(finding).collect()
}

/// Is `path` the beginning of an absolute path in `line`, not the middle of a relative one or of an address?
fn stands_alone(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '/' | '}' | '>'))
    })
}

fn length(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let listed = MAY_BE_LONG.iter().any(|(path, _)| *path == source.path);
    (lines > LINES_MAX && !listed)
        .then(|| format!("{}: {lines} lines; more than {LINES_MAX} is two nouns", source.path))
}

fn name(source: &Source) -> Option<String> {
    let stem = |part: &str| part.trim_end_matches(".rs").to_owned();
    let nameless = source.path.split('/').map(stem).find(|part| NAMELESS.contains(&part.as_str()))?;
    Some(format!("{}: `{nameless}` says nothing; name it for what it holds", source.path))
}

/// Links of a document that lead to no file. Anchors, foreign addresses and fenced examples are not followed.
fn dead_links(source: &Source, root: &Path) -> Vec<String> {
    let directory = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let prose: String = source.text.split("```").step_by(2).collect();
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let file = |link: &str| link.split('#').next().unwrap_or_default().to_owned();
    links
        .filter(|link| !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:"))
        .filter(|link| !root.join(directory).join(file(link)).exists())
        .map(|link| format!("{}: link to {link}, which does not exist", source.path))
        .collect()
}

/// Decisions are quoted by number, so a number names one page.
fn decision_numbers(sources: &[Source]) -> Vec<String> {
    let mut by_number: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources {
        if let Some(file) = source.path.strip_prefix("docs/decisions/").filter(|file| *file != "README.md") {
            by_number.entry(file.split('-').next().unwrap_or_default()).or_default().push(file);
        }
    }
    let is_number = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    by_number
        .iter()
        .filter(|(number, files)| files.len() > 1 || !is_number(number))
        .map(|(number, files)| format!("docs/decisions: {files:?} must be numbered, and {number} once only"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn files_say_what_they_are_for_and_are_finished() {
        assert!(opening(&source("a.rs", "use x;\n")).is_some());
        assert!(opening(&source("a.rs", "//! For this.\n")).is_none());
        assert_eq!(unfinished(&source("a.rs", &format!("fn f() {{ {}) }}\n", UNFINISHED[0]))).len(), 1);
        assert!(name(&source("crates/x/src/utils.rs", "")).is_some());
        assert!(name(&source("crates/x/src/utility_company.rs", "")).is_none());
    }

    #[test]
    fn machine_paths_are_found_and_relative_ones_are_not() {
        let line = |rest: &str| format!("see {}{rest}", MACHINE_PATHS[0]);
        assert_eq!(machine_paths(&source("a.md", &line("x"))).len(), 1);
        assert_eq!(machine_paths(&source("a.md", &format!("crates{}x", MACHINE_PATHS[0]))).len(), 0);
    }

    #[test]
    fn links_must_lead_somewhere() {
        let text = "[a](tidy.rs) [b](nowhere.rs) [c](https://example.org/) [d](#here)\n```\n[e](example)\n```\n";
        let found = dead_links(&source("src/x.md", text), Path::new(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(found, ["src/x.md: link to nowhere.rs, which does not exist"]);
    }

    #[test]
    fn a_decision_has_a_number_of_its_own() {
        let pages = [source("docs/decisions/0001-a.md", ""), source("docs/decisions/0001-b.md", "")];
        assert_eq!(decision_numbers(&pages).len(), 1);
        assert_eq!(decision_numbers(&pages[..1]).len(), 0);
    }
}
