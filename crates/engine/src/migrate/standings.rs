//! Where the people of an export stand, as a word the import knows.
//!
//! Apart from reading tables because nobody may become mailable by it: in a file of people who must not be mailed a row
//! whose reason cannot be read is still one of them. Platforms also write standings as letters that mean nothing elsewhere.

use super::lists::Subscription;
use super::{Kind, Platform};
use crate::import::{Role, moment, words};
use model::{ContactStatus, SuppressionReason};
use serde_json::{Map, Value};

/// The column of a written table that says it.
pub(super) const COLUMN: &str = "standing_there";
/// The column of a written table that says since when.
pub(super) const SINCE: &str = "left_there_at";
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
/// The columns of a file of bounces that may say what kind of one each is; complaints stand among them at some platforms.
const BOUNCE_TYPES: [&str; 4] = ["type", "bouncetype", "event", "category"];
/// Bounces that say nothing of whether the address is dead.
const SOFT: [&str; 9] =
    ["soft", "softbounce", "softbounced", "transient", "temporary", "deferred", "delayed", "dnserror", "autoresponder"];
/// Of which group of mail somebody left.
const GROUPS: [&str; 2] = ["groupid", "groupname"];
/// What Mailchimp says of addresses it gave up, and of nobody else.
const CLEANED: [&str; 3] = ["cleantime", "cleancampaignid", "cleancampaigntitle"];
/// Of an Amazon SES contact list: does somebody want nothing at all? …
const UNSUBSCRIBE_ALL: &str = "unsubscribeall";
/// … and which topics they want.
const TOPIC_PREFERENCES: &str = "topicpreferences";
/// Emma's words for a standing …
const MEMBER_STATUS: &str = "memberstatus";
/// … and its letters.
const MEMBER_STATUS_ID: &str = "memberstatusid";
/// When Emma's member was put into the archive.
const DELETED_AT: &str = "deletedat";

/// On which of listmonk's lists a subscriber is, and how they stand there.
const LISTS: &str = "lists";
/// When that last changed: of a list that was left, when it was left.
const SUBSCRIPTION_CHANGED: &str = "subscription_updated_at";

/// How it is told where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standings {
    /// None of them may be mailed: by the reason, if one can be read.
    Reasons,
    /// Their addresses are dead, unless the row says that they complained or left, or that it was a soft bounce.
    Bounces,
    /// Who left all mail there, or some of it; the others stand on the list and say nothing of suppressions.
    Contacts,
    /// By Emma's letter, unless the row has it in words; whoever was deleted is nobody to be mailed.
    Letters,
    /// None of them: mail to them was refused for its sender or its rate.
    Refusals,
    /// Those of listmonk's subscribers alone who stand so on its lists.
    Subscribers(Kind),
}

/// Must a file's rows be told where they stand, beyond its own columns?
pub(super) fn are_needed(platform: Platform, kind: Kind, header: &[String]) -> bool {
    match Standings::of(platform, kind, header) {
        Some(Standings::Reasons | Standings::Bounces | Standings::Contacts | Standings::Refusals) => true,
        Some(Standings::Letters) => has(header, &[MEMBER_STATUS, MEMBER_STATUS_ID, DELETED_AT]),
        // A table with lists is written anew for their sake.
        Some(Standings::Subscribers(_)) | None => false,
    }
}

/// The tables that a file of people becomes, each with what its people have in common and what its rows need.
pub(super) fn split(platform: Platform, kind: Kind, header: &[String]) -> Vec<(Kind, Option<Standings>)> {
    match Standings::of(platform, kind, header) {
        Some(Standings::Subscribers(_)) => {
            let kinds = [Kind::Unsubscribed, Kind::Unconfirmed, Kind::People];
            kinds.map(|kind| (kind, Some(Standings::Subscribers(kind)))).to_vec()
        }
        standings => vec![(kind, standings)],
    }
}

/// What a file of people does not say of where they stand though other exports of the platform do, in words.
pub(super) fn untold(platform: Platform, kind: Kind, header: &[String]) -> Option<&'static str> {
    let says = || {
        let columns = [Role::Status, Role::OptedOut].into_iter().flat_map(words::names_of);
        let mut columns = columns.chain(&[MEMBER_STATUS, MEMBER_STATUS_ID]);
        columns.any(|column| has(header, &[*column]))
    };
    match platform {
        _ if kind != Kind::People => None,
        Platform::Listmonk | Platform::Emma | Platform::CustomerIo if !says() => Some(
            "no column says who left or bounced; everybody in it comes in as somebody who is mailed, unless another file says \
             otherwise.",
        ),
        Platform::Listmonk if !has(header, &[LISTS]) => Some(
            "it does not say who unsubscribed from a list there or never confirmed; all of them come in as people who are \
             mailed. Move with the answer of GET /api/subscribers, which says it.",
        ),
        _ => None,
    }
}

/// Is one of these columns there?
fn has(header: &[String], known: &[&str]) -> bool {
    header.iter().any(|name| known.contains(&words::fold(name).as_str()))
}

/// By its columns: what the people of a file have in common, where the columns tell.
pub(super) fn kind_of_columns(platform: Platform, header: &[String]) -> Option<Kind> {
    match platform {
        Platform::Mailchimp if has(header, &CLEANED) => Some(Kind::Bounced),
        _ if !is_about_suppressed(platform, header) => None,
        // Which mail it was that they left there, nobody knows here.
        Platform::SendGrid if has(header, &GROUPS) => Some(Kind::Unsubscribed),
        _ => Some(Kind::Suppressed),
    }
}

/// By its columns: is it a file of people who must not be mailed?
fn is_about_suppressed(platform: Platform, header: &[String]) -> bool {
    let names: Vec<String> = header.iter().map(|name| words::fold(name)).collect();
    let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
    let says = has(&SUPPRESSED) || (platform == Platform::SendGrid && has(&["created"]));
    let is_known = |name: &String| [&SUPPRESSED[..], &BESIDES[..]].iter().any(|known| known.contains(&name.as_str()));
    says && names.iter().all(is_known)
}

/// What an API answered.
pub(super) struct Answer {
    /// Its rows as objects.
    pub(super) value: Value,
    /// Was it a list of addresses and nothing else?
    is_bare: bool,
}

impl Answer {
    pub(super) fn of(value: Value) -> Answer {
        let is_address = |one: &Value| one.as_str().is_some_and(|text| text.contains('@'));
        match value {
            Value::Array(list) if !list.is_empty() && list.iter().all(is_address) => {
                let row = |email| Value::Object(Map::from_iter([("email".to_owned(), email)]));
                Answer { value: list.into_iter().map(row).collect(), is_bare: true }
            }
            value => Answer { value, is_bare: false },
        }
    }

    /// By what is around its rows: whose list it is, if it is one of people who must not be mailed.
    pub(super) fn kind(&self, platform: Platform) -> Option<Kind> {
        // SendGrid answers so who left one group of mail, and nothing else.
        let left_a_group = (self.is_bare && platform == Platform::SendGrid).then_some(Kind::Unsubscribed);
        left_a_group.or_else(|| kind_of_answer(&self.value))
    }
}

fn kind_of_answer(read: &Value) -> Option<Kind> {
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
    pub(super) fn of(platform: Platform, kind: Kind, header: &[String]) -> Option<Standings> {
        match kind {
            Kind::Suppressed if platform == Platform::Ses && has(header, &[UNSUBSCRIBE_ALL]) => {
                Some(Standings::Contacts)
            }
            Kind::Suppressed => Some(Standings::Reasons),
            Kind::Bounced if has(header, &BOUNCE_TYPES) => Some(Standings::Bounces),
            Kind::Blocked => Some(Standings::Refusals),
            Kind::People if platform == Platform::Emma => Some(Standings::Letters),
            Kind::People if platform == Platform::Listmonk && has(header, &[LISTS]) => {
                Some(Standings::Subscribers(Kind::People))
            }
            Kind::People | Kind::Complained | Kind::Bounced | Kind::Unsubscribed | Kind::Unconfirmed => None,
        }
    }

    /// The word for one person; a person of whom nothing is said stands as the import has it. `None`: the row says nothing of
    /// where they stand, and is left out.
    pub(super) fn word_for(self, row: &Map<String, Value>) -> Option<&str> {
        match self {
            Standings::Reasons => Some(reason_of(row)),
            Standings::Bounces => bounce_of(row),
            Standings::Contacts => has_left(row).then_some("unsubscribed"),
            Standings::Letters => Some(letter_of(row)),
            Standings::Refusals => None,
            Standings::Subscribers(kind) => (kind_of_subscriber(row) == kind).then_some(""),
        }
    }

    /// Is it written beside them when they left?
    pub(super) fn are_dated(self) -> bool {
        self == Standings::Subscribers(Kind::Unsubscribed)
    }

    /// Is the word for each person written beside them? Else it is the same for all of a table, or in a column of theirs.
    pub(super) fn are_written(self) -> bool {
        !matches!(self, Standings::Subscribers(_))
    }

    /// Why nothing follows from the rows that have no word, in words.
    pub(super) fn leaves_out_because(self) -> &'static str {
        match self {
            Standings::Bounces => "a soft bounce says nothing of an address",
            Standings::Contacts => "who stands on a contact list comes by a table of people",
            Standings::Refusals => "a refusal for reputation, content or rate says nothing of an address",
            Standings::Reasons | Standings::Letters | Standings::Subscribers(_) => "",
        }
    }
}

/// Whoever is on no list of listmonk's any more stays `enabled` there when they left by the link of a mail, and so does who never
/// confirmed. Who leaves everything there is put on the blocklist as well: they left, and nobody but they may undo that. Who has
/// no list at all was put there without one.
fn kind_of_subscriber(row: &Map<String, Value>) -> Kind {
    let is_held =
        value_of(row, "status").and_then(words::standing).is_some_and(|said| said.status != ContactStatus::Active);
    let stands: Vec<Subscription> = lists_of(row).map(Subscription::of).collect();
    let (is_on, has_left) = (stands.contains(&Subscription::On), stands.contains(&Subscription::Left));
    match () {
        () if has_left && (is_held || !is_on) => Kind::Unsubscribed,
        () if is_held || is_on => Kind::People,
        () if stands.contains(&Subscription::Unconfirmed) => Kind::Unconfirmed,
        () => Kind::People,
    }
}

/// When somebody left the last of listmonk's lists that they left, as it is written there.
pub(super) fn left_at(row: &Map<String, Value>) -> Option<String> {
    let times = lists_of(row).filter(|list| Subscription::of(list) == Subscription::Left);
    let times = times.filter_map(|list| list.get(SUBSCRIPTION_CHANGED).and_then(Value::as_str));
    times.filter_map(|text| Some((moment(text)?, text))).max().map(|(_, text)| text.to_owned())
}

fn lists_of(row: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = row.iter().find(|(name, _)| words::fold(name) == LISTS).and_then(|(_, value)| value.as_array());
    lists.into_iter().flatten()
}

fn value_of<'r>(row: &'r Map<String, Value>, column: &str) -> Option<&'r str> {
    let (_, value) = row.iter().find(|(name, _)| words::fold(name) == column)?;
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn reason_of(row: &Map<String, Value>) -> &'static str {
    match suppressed_by(row, &REASONS) {
        Some(SuppressionReason::HardBounced) => "bounced",
        Some(SuppressionReason::Complained) => "complained",
        Some(SuppressionReason::Unsubscribed) => "unsubscribed",
        Some(_) | None => "blocklisted",
    }
}

/// The first of these columns that says why nobody may mail the person.
fn suppressed_by(row: &Map<String, Value>, columns: &[&str]) -> Option<SuppressionReason> {
    let said = |column: &&str| value_of(row, column).and_then(words::standing).and_then(|said| said.suppress);
    columns.iter().find_map(said)
}

fn bounce_of(row: &Map<String, Value>) -> Option<&'static str> {
    let is_soft = |column: &&str| value_of(row, column).is_some_and(|said| SOFT.contains(&words::fold(said).as_str()));
    match suppressed_by(row, &BOUNCE_TYPES) {
        Some(SuppressionReason::Complained) => Some("complained"),
        Some(SuppressionReason::Unsubscribed) => Some("unsubscribed"),
        None if BOUNCE_TYPES.iter().any(is_soft) => None,
        Some(_) | None => Some("bounced"),
    }
}

/// Did somebody of an Amazon SES contact list leave? Which mail a topic was, nobody knows here: who left one left.
fn has_left(row: &Map<String, Value>) -> bool {
    row.iter().any(|(name, value)| match words::fold(name).as_str() {
        UNSUBSCRIBE_ALL => value.as_bool() == Some(true) || value.as_str().is_some_and(|text| !words::says_no(text)),
        TOPIC_PREFERENCES => value.to_string().contains("OPT_OUT"),
        _ => false,
    })
}

fn letter_of(row: &Map<String, Value>) -> &str {
    let word = standing_of(row);
    let is_suppressed = words::standing(word).is_some_and(|said| said.suppress.is_some());
    match value_of(row, DELETED_AT) {
        Some(_) if !is_suppressed => "archived",
        _ => word,
    }
}

fn standing_of(row: &Map<String, Value>) -> &str {
    let in_words = [MEMBER_STATUS, "status"].iter().find_map(|column| value_of(row, column));
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
            shown.truncate(shown.trim_end().len());
            if part.left_out.rows > 0 {
                shown += &format!("; {} left out: {}", part.left_out.rows, part.left_out.because);
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
                (
                    "suppression.json",
                    r#"{"category":"Spam Reports","suppressions":[{"email":"a@x.example","reason":"","status":""}]}"#,
                ),
                ("esp_suppression_spam_reports.csv", "email,reason\na@x.example,\n"),
                ("people.csv", "email,cio_id,unsubscribed\na@x.example,1,true\n"),
            ],
            expect![[r#"
                esp_suppression_spam_reports.csv: complained, =complained
                suppression.csv: complained, =complained
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
                (
                    "asm_suppressions.json",
                    r#"{"suppressions":[{"email":"a@x.example","group_id":5,"group_name":"W"}]}"#,
                ),
                ("asm_groups_5_suppressions.json", r#"["a@x.example","b@x.example"]"#),
                ("asm_groups_6_suppressions.json", "[]"),
                ("suppression_bounces.csv", "status,reason,email,created\n4.2.2,full,a@x.example,1\n"),
                ("blocks.csv", "email,reason,status,created\na@x.example,\"451 no, blocked\",4.0.0,1\n"),
                ("my_blocklist.csv", "email\na@x.example\n"),
                ("download.csv", "email,created\na@x.example,1\n"),
                ("contacts.csv", "EMAIL,CONTACT_ID,CREATED_AT\na@x.example,1,2023-01-01\n"),
            ],
            expect![[r#"
                suppression_bounces.csv: bounced, =bounced
                answer.csv: unsubscribed, =unsubscribed
                asm_groups_5_suppressions.csv: unsubscribed, =unsubscribed
                asm_suppressions.csv: unsubscribed, =unsubscribed
                group_suppressions.csv: unsubscribed, =unsubscribed
                download.csv: suppressed, standing_there: blocklisted
                my_blocklist.csv: suppressed, standing_there: blocklisted
                blocks.csv: blocked, standing_there:; 1 left out: a refusal for reputation, content or rate says nothing of an address
                contacts.csv: people, -
            "#]],
        );
    }

    #[test]
    fn a_soft_bounce_is_no_dead_address_and_a_complaint_among_bounces_stays_one() {
        let bounces = r#"{"data":{"results":[{"email":"a@x.example","type":"hard"},{"email":"b@x.example","type":"soft"},
            {"email":"c@x.example","type":"complaint"},{"email":"d@x.example","type":"what"}]}}"#;
        check(
            Platform::Listmonk,
            &[("bounces.json", bounces)],
            expect![[r#"
                bounces.csv: bounced, standing_there: bounced complained bounced; 1 left out: a soft bounce says nothing of an address
            "#]],
        );
        check(
            Platform::Postmark,
            &[(
                "bounces.csv",
                "Email,Type\na@x.example,Transient\nb@x.example,HardBounce\nc@x.example,SpamComplaint\n",
            )],
            expect![[r#"
                bounces.csv: bounced, standing_there: bounced complained; 1 left out: a soft bounce says nothing of an address
            "#]],
        );
    }

    #[test]
    fn mailchimps_cleaned_addresses_are_known_by_their_columns() {
        check(
            Platform::Mailchimp,
            &[
                ("export1.csv", "Email Address,CLEAN_TIME,CLEAN_CAMPAIGN_ID\na@x.example,2021-01-01 00:00:00,1\n"),
                ("export2.csv", "Email Address,CONFIRM_TIME\na@x.example,2021-01-01 00:00:00\n"),
                ("unsubscribed.csv", "Email Address,UNSUB_TIME\na@x.example,2021-01-01 00:00:00\n"),
            ],
            expect![[r#"
                export1.csv: bounced, =bounced
                unsubscribed.csv: unsubscribed, =unsubscribed
                export2.csv: people, -
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
                ("export.csv", "Email,Member Status\na@x.example,Opt-out\nb@x.example,Error\nc@x.example,Active\n"),
                (
                    "archive.csv",
                    "email,deleted_at,member_status_id\na@x.example,@D:2020-01-02T03:04:05,a\nb@x.example,,a\n\
                     c@x.example,@D:2020-01-02T03:04:05,o\n",
                ),
            ],
            expect![[r#"
                archive.csv: people, standing_there: archived active unsubscribed
                export.csv: people, standing_there: Opt-out Error Active
                members.csv: people, standing_there: active unsubscribed bounced unconfirmed z
                words.csv: people, standing_there: opt-out
            "#]],
        );
    }

    #[test]
    fn who_left_every_list_at_listmonk_left_and_who_never_confirmed_any_is_unconfirmed() {
        let person = |n: u32, status: &str, lists: &str| {
            format!(
                r#"{{"email":"p{n}@x.example","status":"{status}","lists":[{lists}],"created_at":"2024-05-01T10:00:00Z"}}"#
            )
        };
        let on =
            |optin: &str, status: &str| format!(r#"{{"name":"N","optin":"{optin}","subscription_status":"{status}"}}"#);
        let (left, waits) = (on("single", "unsubscribed"), on("double", "unconfirmed"));
        let left_at = |at: &str| left.replace('}', &format!(r#","subscription_updated_at":"{at}"}}"#));
        let twice = format!("{},{}", left_at("2025-03-01T09:00:00Z"), left_at("2025-03-01T12:00:00+04:00"));
        let people = [
            person(1, "enabled", &twice),
            person(2, "enabled", &waits),
            person(3, "enabled", &format!("{left},{waits}")),
            person(4, "enabled", &format!("{left},{}", on("double", "confirmed"))),
            person(5, "enabled", &on("single", "unconfirmed")),
            person(6, "enabled", ""),
            person(7, "blocklisted", &left),
            person(8, "blocklisted", &on("single", "confirmed")),
        ];
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("subscribers.json");
        fs::write(&file, format!(r#"{{"data":{{"results":[{}]}}}}"#, people.join(","))).unwrap();
        let plan = plan(Platform::Listmonk, &[file], &dir.path().join("scratch")).unwrap();
        let line = |part: &super::super::Part| {
            let text = fs::read_to_string(&part.file).unwrap();
            let who: Vec<&str> =
                text.lines().flat_map(|row| row.split(',')).filter(|cell| cell.contains('@')).collect();
            let said = |role| part.mapping.get(&role).map_or("-", String::as_str);
            format!("{}, {}, {}: {}\n", part.kind.word(), said(Role::Status), said(Role::Consent), who.join(" "))
        };
        expect![[r#"
            unsubscribed, =unsubscribed, =moved from listmonk: p1@x.example p3@x.example p7@x.example
            unconfirmed, =unconfirmed, =no: p2@x.example
            people, -, =moved from listmonk: p4@x.example p5@x.example p6@x.example p8@x.example
        "#]]
        .assert_eq(&plan.parts.iter().map(line).collect::<String>());
        assert!(plan.parts.iter().all(|part| part.left_out == super::super::LeftOut::default()));
        let since: Vec<_> = plan.parts.iter().map(|part| part.mapping.get(&Role::StatusTime)).collect();
        assert_eq!(since, [Some(&SINCE.to_owned()), None, None], "when they came is not when they left");
        let rows = fs::read_to_string(&plan.parts[0].file).unwrap();
        let dates: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.rsplit(',').next()).collect();
        assert_eq!(
            dates,
            ["2025-03-01T09:00:00Z", "", ""],
            "that they left the last one they left; nothing where nothing is told"
        );
        let list = &plan.lists[0];
        assert_eq!((list.members, list.left, list.unconfirmed), (3, 5, 2), "each is counted once");
        assert_eq!(plan.missing, Vec::<String>::new());
    }

    #[test]
    fn an_export_that_does_not_say_where_people_stand_is_told() {
        let told = |platform, header: &str| {
            let header: Vec<String> = header.split(',').map(str::to_owned).collect();
            untold(platform, Kind::People, &header).map(|why| why.split(';').next().unwrap_or_default().to_owned())
        };
        let nothing = Some("no column says who left or bounced".to_owned());
        assert_eq!(told(Platform::Emma, "Email,First Name"), nothing);
        assert_eq!(told(Platform::CustomerIo, "email,id"), nothing);
        for says in ["Email,Member Status", "email,member_status_id", "Email,Subscription Status", "Email,Opt-out"] {
            assert_eq!(told(Platform::Emma, says), None, "{says}");
        }
        let lists = told(Platform::Listmonk, "uuid,email,name,attributes,status").unwrap();
        assert!(lists.contains("who unsubscribed from a list"), "{lists}");
        assert_eq!(told(Platform::Listmonk, "email,status,lists"), None);
        assert_eq!(told(Platform::Mailchimp, "Email Address"), None, "its name says it");
    }
}
