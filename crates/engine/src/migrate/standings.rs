//! Where the people of an export stand, as a word the import knows.
//!
//! Apart from reading tables because nobody may become mailable by it: in a file of people who must not be mailed a row
//! whose reason cannot be read is still one of them. Platforms also write standings as letters that mean nothing elsewhere.

use super::{Kind, Platform};
use crate::import::words;
use model::SuppressionReason;
use serde_json::{Map, Value};

/// The column of a written table that says it.
pub(super) const COLUMN: &str = "standing_there";
/// The columns that may say why an address must not be mailed, likeliest first, as [`words::fold`] has them.
const REASONS: [&str; 10] = [
    "suppressionreason",
    "reason",
    "suppressiontype",
    "category",
    "type",
    "bouncetype",
    "status",
    "state",
    "memberstatus",
    "event",
];
/// Beside an address, what only files of suppressed people have.
const SUPPRESSED: [&str; 9] = [
    "reason",
    "suppressionreason",
    "suppressiontype",
    "suppressedat",
    "category",
    "groupid",
    "groupname",
    "bouncetype",
    "blockedat",
];
/// And what may stand there besides.
const BESIDES: [&str; 18] = [
    "email",
    "emailaddress",
    "address",
    "recipient",
    "created",
    "createdat",
    "date",
    "time",
    "timestamp",
    "lastupdatetime",
    "updatedat",
    "ip",
    "status",
    "type",
    "origin",
    "id",
    "enhancedcode",
    "isglobal",
];
/// Emma's letters for a standing.
const MEMBER_STATUS_ID: &str = "memberstatusid";

/// How it is told where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standings {
    /// None of them may be mailed: by the reason, if one can be read.
    Reasons,
    /// By Emma's letter, unless the row has it in words.
    Letters,
}

/// Must a file's rows be told where they stand, beyond its own columns?
pub(super) fn are_needed(platform: Platform, kind: Kind, header: &[String]) -> bool {
    match Standings::of(platform, kind) {
        Some(Standings::Reasons) => true,
        Some(Standings::Letters) => header.iter().any(|name| words::fold(name) == MEMBER_STATUS_ID),
        None => false,
    }
}

/// By its columns: is it a file of people who must not be mailed?
pub(super) fn is_about_suppressed(platform: Platform, header: &[String]) -> bool {
    let names: Vec<String> = header.iter().map(|name| words::fold(name)).collect();
    let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
    let says = has(&SUPPRESSED) || (platform == Platform::SendGrid && has(&["created"]));
    let is_known = |name: &String| [&SUPPRESSED[..], &BESIDES[..]].iter().any(|known| known.contains(&name.as_str()));
    says && names.iter().all(is_known)
}

/// By what is around its rows: whose list an answer is, if it is one of people who must not be mailed.
pub(super) fn kind_of_answer(read: &Value) -> Option<Kind> {
    let members = read.as_object()?;
    let is_list = members.keys().any(|name| {
        let name = words::fold(name);
        name.contains("suppress") || name.contains("blocklist")
    });
    let category = members.get("category").and_then(Value::as_str).and_then(words::standing);
    match category.and_then(|said| said.suppress) {
        Some(SuppressionReason::HardBounced) => Some(Kind::Bounced),
        Some(SuppressionReason::Complained) => Some(Kind::Complained),
        Some(SuppressionReason::Unsubscribed) => Some(Kind::Unsubscribed),
        Some(_) => Some(Kind::Suppressed),
        None if is_list => Some(Kind::Suppressed),
        None => members.values().find_map(kind_of_answer),
    }
}

impl Standings {
    /// What the rows of such a file need.
    pub(super) fn of(platform: Platform, kind: Kind) -> Option<Standings> {
        match kind {
            Kind::Suppressed => Some(Standings::Reasons),
            Kind::People if platform == Platform::Emma => Some(Standings::Letters),
            Kind::People | Kind::Complained | Kind::Bounced | Kind::Unsubscribed | Kind::Unconfirmed => None,
        }
    }

    /// The word for one person; a person of whom nothing is said stands as the import has it.
    pub(super) fn word_for(self, row: &Map<String, Value>) -> &str {
        match self {
            Standings::Reasons => reason_of(row),
            Standings::Letters => letter_of(row),
        }
    }
}

fn value_of<'r>(row: &'r Map<String, Value>, column: &str) -> Option<&'r str> {
    let (_, value) = row.iter().find(|(name, _)| words::fold(name) == column)?;
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn reason_of(row: &Map<String, Value>) -> &'static str {
    let said = |column: &&str| value_of(row, column).and_then(words::standing).and_then(|said| said.suppress);
    match REASONS.iter().find_map(said) {
        Some(SuppressionReason::HardBounced) => "bounced",
        Some(SuppressionReason::Complained) => "complained",
        Some(SuppressionReason::Unsubscribed) => "unsubscribed",
        Some(_) | None => "blocklisted",
    }
}

fn letter_of(row: &Map<String, Value>) -> &str {
    let in_words = ["memberstatus", "status"].iter().find_map(|column| value_of(row, column));
    let letter = value_of(row, MEMBER_STATUS_ID);
    match (in_words, letter.map(words::fold).as_deref()) {
        (Some(word), _) => word,
        (None, Some("a")) => "active",
        (None, Some("o")) => "unsubscribed",
        (None, Some("e")) => "bounced",
        // Somebody forwarded a mail to them: they never asked for any.
        (None, Some("f")) => "unconfirmed",
        // A letter that is not known is told as a word that is not, which holds the person back.
        (None, _) => letter.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, plan};
    use super::*;
    use crate::import::Role;
    use expect_test::{Expect, expect};
    use std::fs;

    /// Each file's kind, and where the import is told that its people stand.
    fn check(platform: Platform, files: &[(&str, &str)], expected: Expect) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let Plan { parts, .. } = plan(platform, &[dir.path().to_owned()], &dir.path().join("scratch")).unwrap();
        let mut shown = String::new();
        for part in parts {
            let name = part.file.file_name().unwrap().to_string_lossy().into_owned();
            let status = part.mapping.get(&Role::Status).map_or("-", String::as_str);
            shown += &format!("{name}: {}, {status}", part.kind.word());
            if status == COLUMN {
                let text = fs::read_to_string(&part.file).unwrap();
                let words = text.lines().skip(1).filter_map(|line| line.rsplit(',').next());
                shown += &format!(": {}", words.collect::<Vec<_>>().join(" "));
            }
            shown.push('\n');
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn nobody_of_a_file_of_suppressions_becomes_mailable() {
        check(
            Platform::CustomerIo,
            &[
                (
                    "suppressions.csv",
                    "email,reason,created\na@x.example,bounce,1\nb@x.example,spam,1\nc@x.example,,1\n",
                ),
                ("suppressions_2.csv", "email;reason\na@x.example;said so\nb@x.example;unsubscribed\n"),
                ("list.csv", "email,reason,created\na@x.example,active,1\n"),
                ("esp.json", r#"{"category":"bounces","suppressions":[{"email":"a@x.example","reason":"550"}]}"#),
                ("esp2.json", r#"{"suppressions":[{"email":"a@x.example","status":"blocked"}]}"#),
                ("people.csv", "email,cio_id,unsubscribed\na@x.example,1,true\n"),
            ],
            expect![[r#"
                esp.csv: bounced, =bounced
                esp2.csv: suppressed, standing_there: blocklisted
                list.csv: suppressed, standing_there: blocklisted
                suppressions.csv: suppressed, standing_there: bounced complained blocklisted
                suppressions_2.csv: suppressed, standing_there: blocklisted unsubscribed
                people.csv: people, -
            "#]],
        );
        check(
            Platform::SendGrid,
            &[
                ("group_suppressions.json", r#"[{"email":"a@x.example","group_id":5,"group_name":"W"}]"#),
                ("answer.json", r#"[{"email":"a@x.example","group_id":5,"created_at":1}]"#),
                ("blocks.csv", "email,reason,status,created\na@x.example,\"451 no, blocked\",4.0.0,1\n"),
                ("download.csv", "email,created\na@x.example,1\n"),
                ("contacts.csv", "EMAIL,CONTACT_ID,CREATED_AT\na@x.example,1,2023-01-01\n"),
            ],
            expect![[r#"
                group_suppressions.csv: unsubscribed, =unsubscribed
                answer.csv: suppressed, standing_there: blocklisted
                blocks.csv: suppressed, standing_there: blocklisted
                download.csv: suppressed, standing_there: blocklisted
                contacts.csv: people, -
            "#]],
        );
    }

    #[test]
    fn emmas_letters_are_standings() {
        check(
            Platform::Emma,
            &[
                (
                    "members.csv",
                    "email,member_status_id\na@x.example,a\nb@x.example,o\nc@x.example,e\nd@x.example,f\ne@x.example,z\n",
                ),
                ("words.csv", "email,member_status_id,status\na@x.example,a,opt-out\n"),
            ],
            expect![[r#"
                members.csv: people, standing_there: active unsubscribed bounced unconfirmed z
                words.csv: people, standing_there: opt-out
            "#]],
        );
    }
}
