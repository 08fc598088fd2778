//! Which paths a source file mentions: enough of Rust to see through `use` groups.
//!
//! Not a parser. Comments, strings and the file's own test module are left out, groups such as
//! `use std::{fs, time::{Duration, Instant}}` are spread into full paths, and a path written out in the code is kept
//! as it stands. A macro could hide a path from it; the compiler's lints are the second net.

/// The code of `text` that runs outside tests: without comments, string contents and the trailing test module.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if is_test_mark(line) {
            match lines.peek() {
                Some(next) if next.ends_with(';') => drop(lines.next()),
                Some(next) if next.contains("mod ") => break,
                _ => {}
            }
            continue;
        }
        code.push_str(&without_strings_and_comment(line));
        code.push('\n');
    }
    code
}

/// Names of the modules that `text` declares for tests only and that live in files of their own.
pub(crate) fn test_modules(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.iter().zip(lines.iter().skip(1)).filter(|(mark, _)| is_test_mark(mark));
    pairs.filter_map(|(_, next)| next.strip_suffix(';')?.split_once("mod ").map(|(_, name)| name.trim())).collect()
}

fn is_test_mark(line: &str) -> bool {
    line.starts_with("#[cfg(test)]")
}

/// Every path of `code` with at least two segments, `use` groups spread out. May hold one path several times.
pub(crate) fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code.split(';') {
        if let Some(tree) = use_tree(statement) {
            spread("", tree, &mut found);
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(code.split(|c| !is_path(c)).filter(|word| word.contains("::")).map(str::to_owned));
    found
}

/// Does `path` lead to `target` or into it? `std::fs::read` leads into `std::fs`; `std::fsx` does not.
pub(crate) fn leads_into(path: &str, target: &str) -> bool {
    path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn without_strings_and_comment(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' if in_string => drop(characters.next()),
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if in_string => {}
            _ => kept.push(c),
        }
    }
    kept
}

/// The tree of a `use` item that stands at the end of `statement`, if one does.
fn use_tree(statement: &str) -> Option<&str> {
    let start = statement.rfind("use ")?;
    let (before, tree) = statement.split_at_checked(start)?;
    let stands_alone = before.chars().next_back().is_none_or(|c| c.is_whitespace() || c == '}' || c == ')');
    stands_alone.then(|| tree.trim_start_matches("use ").trim())
}

fn spread(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let leaf = tree.split(" as ").next().unwrap_or(tree).trim();
        if !leaf.is_empty() {
            found.push(join(prefix, leaf.trim_end_matches("::self")));
        }
        return;
    };
    let prefix = join(prefix, head.trim().trim_end_matches("::"));
    for branch in branches(group.rsplit_once('}').map_or(group, |(inner, _)| inner)) {
        if branch.trim() == "self" {
            found.push(prefix.clone());
        } else {
            spread(&prefix, branch, found);
        }
    }
}

fn join(prefix: &str, rest: &str) -> String {
    if prefix.is_empty() { rest.to_owned() } else { format!("{prefix}::{rest}") }
}

/// The parts of a group, split at the commas that are not inside a deeper group.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0_usize, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(group.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(group.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_spread_and_comments_strings_and_tests_left_out() {
        let text = "//! std::fs in prose\nuse std::{fs, time::{Duration, Instant as Now}};\npub(crate) use a::b::{self, c};\n\
                    let x = \"std::env\"; // std::process\nstd::thread::sleep(d);\n#[cfg(test)]\nmod tests { use std::net; }\n";
        let found = paths(&code_of(text));
        for wanted in ["std::fs", "std::time::Duration", "std::time::Instant", "a::b", "a::b::c", "std::thread::sleep"]
        {
            assert!(found.iter().any(|p| p == wanted), "{wanted} is missing from {found:?}");
        }
        for unwanted in ["std::env", "std::process", "std::net"] {
            assert!(!found.iter().any(|p| p == unwanted), "{unwanted} must not be in {found:?}");
        }
    }

    #[test]
    fn what_follows_a_test_module_of_its_own_file_is_still_read() {
        let text = "#[cfg(test)]\nmod oracle;\nuse std::fs;\n";
        assert_eq!(paths(&code_of(text)), ["std::fs", "std::fs"]);
        assert_eq!(test_modules(text), ["oracle"]);
    }

    #[test]
    fn a_longer_name_is_another_name() {
        assert!(leads_into("std::fs::read", "std::fs") && leads_into("std::fs", "std::fs"));
        assert!(!leads_into("std::fsx", "std::fs"));
    }
}
