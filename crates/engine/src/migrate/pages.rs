//! Answers that come in pages: are all of them there?

use super::{Platform, standings};
use crate::import::words;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What answers call the number of people there are, whatever the page.
const TOTALS: [&str; 2] = ["total", "TotalCount"];

/// What of an export was never asked for, each in a sentence.
pub(super) fn missing(platform: Platform, answers: &[(standings::Answer, PathBuf)]) -> Vec<String> {
    without_last(platform, answers).into_iter().chain(too_few(platform, answers)).collect()
}

/// Answers that come in pages say when there is another. Every page but the last does: where all say so, the rest was never
/// asked for.
fn without_last(platform: Platform, answers: &[(standings::Answer, PathBuf)]) -> Vec<String> {
    let mut pages: BTreeMap<&String, (bool, &Path)> = BTreeMap::new();
    for (read, file) in answers {
        let Some(members) = read.value.as_object() else { continue };
        let Some((about, _)) = members.iter().find(|(_, value)| value.is_array()) else { continue };
        let token = members.get("NextToken").and_then(Value::as_str).unwrap_or_default();
        let (has_last, named) = pages.entry(about).or_insert((false, file));
        *has_last |= token.is_empty();
        *named = file;
    }
    let open = pages.into_iter().filter(|(_, (has_last, _))| !has_last);
    open.map(|(about, (_, file))| {
        format!(
            "{} is not the last page of {about}: it has a NextToken. Ask {} for the rest (--next-token), and name all files: the \
             same again changes nothing.",
            file.display(),
            platform.word()
        )
    })
    .collect()
}

/// Answers that say of how many people they are a page, and all together have fewer.
fn too_few(platform: Platform, answers: &[(standings::Answer, PathBuf)]) -> Option<String> {
    let (mut people, mut of, mut last) = (0, 0, None);
    for (read, file) in answers {
        let Some(members) = read.value.get("data").unwrap_or(&read.value).as_object() else { continue };
        let is_of_people = |entry: &Value| {
            let mut names = entry.as_object().into_iter().flat_map(Map::keys);
            names.any(|name| matches!(words::fold(name).as_str(), "email" | "emailaddress"))
        };
        let arrays = members.values().filter_map(Value::as_array);
        let Some(page) = arrays.filter(|page| page.iter().all(is_of_people)).map(Vec::len).max() else { continue };
        let Some(total) = TOTALS.iter().find_map(|name| members.get(*name)?.as_u64()) else { continue };
        (people, of, last) = (people + page as u64, of.max(total), Some(file));
    }
    last.filter(|_| people < of).map(|file| {
        format!(
            "{} is a page of {of} people, and with the others that were named there are {people}. Ask {} for all of them, and \
             name all files: the same again changes nothing.",
            file.display(),
            platform.word()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;
    use std::fs;

    #[test]
    fn an_export_that_says_how_many_there_are_is_whole_when_all_of_them_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let told = |name: &str, who: &str| {
            let file = dir.path().join(name);
            let rows: Vec<String> = who
                .split(' ')
                .map(|who| format!(r#"{{"email":"{who}@x.example","status":"enabled","lists":[]}}"#))
                .collect();
            let text = format!(r#"{{"data":{{"results":[{}],"total":3,"per_page":2,"page":1}}}}"#, rows.join(","));
            fs::write(&file, text).unwrap();
            plan(Platform::Listmonk, &[dir.path().to_owned()], &dir.path().join("scratch")).unwrap().missing
        };
        let missing = told("one.json", "a b");
        assert!(missing.len() == 1 && missing[0].contains("a page of 3 people, and"), "{missing:?}");
        assert_eq!(told("two.json", "c"), Vec::<String>::new());
    }
}
