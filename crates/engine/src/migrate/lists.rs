//! Lists of another platform, and who is on them.
//!
//! Somebody who left a list there, or never confirmed where that was asked for, is not put on it here. Invariant: nobody is
//! revived: who is on a list and must not be mailed is not mailed.

use super::{MigrateError, Platform};
use crate::import::happened;
use model::{Actor, EmailAddress, ListId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use store::list::{MEMBERS_MAX, NAME_BYTES_MAX};
use store::{Consent, MovedOnto, NewList, Store, StoreError};

/// Lists read from the ledger at a time.
const PAGE: usize = 500;

/// A list on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedList {
    /// What it is called there.
    pub name: String,
    /// Did people find it themselves there?
    pub public: bool,
    /// Did people have to confirm there? Whoever comes onto it has to here, too; who moves has.
    pub confirms: bool,
    /// The addresses of who is on it, one a line, with a tab and the time they came onto it where that is told.
    pub file: PathBuf,
    /// How many they are.
    pub members: u64,
    /// How many left it there.
    pub left: u64,
    /// How many never confirmed there.
    pub unconfirmed: u64,
}

/// What became of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListReport {
    /// Was it made? Else it was there by that name.
    pub made: bool,
    /// Put on it: `members = joined + already + left_here + unknown`, always.
    pub joined: u64,
    /// On it already.
    pub already: u64,
    /// Left it here since: they stay away.
    pub left_here: u64,
    /// Nobody here has that address.
    pub unknown: u64,
}

/// What is known of lists while an export is read.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    lists: BTreeMap<String, List>,
    /// Names by the ids of the platform.
    names: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct List {
    public: bool,
    confirms: bool,
    members: Vec<Member>,
    left: u64,
    unconfirmed: u64,
}

/// Somebody who is on a list.
#[derive(Debug)]
struct Member {
    email: String,
    /// Since when, as the platform writes it.
    since: Option<String>,
}

/// How somebody stands on a list there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// They get its mail.
    On,
    /// They left it.
    Left,
    /// It asks for a confirmation, and they never gave one.
    Unconfirmed,
}

impl Subscription {
    /// By what an answer says of the list beside the person.
    pub(super) fn of(said: &Value) -> Subscription {
        let says = |key: &str, word: &str| said.get(key).is_some_and(|value| value == word);
        match () {
            () if says("subscription_status", "unsubscribed") => Subscription::Left,
            // Where nothing asks for a confirmation nobody waits for one.
            () if says("subscription_status", "unconfirmed") && !says("optin", "single") => Subscription::Unconfirmed,
            () => Subscription::On,
        }
    }
}

/// Does a column say on which lists somebody is?
pub(super) fn is_about_lists(platform: Platform, column: &str) -> bool {
    is_only_about_lists(platform, column) || is_tags(platform, column)
}

/// And nothing else that would be worth keeping?
pub(super) fn is_only_about_lists(platform: Platform, column: &str) -> bool {
    match platform {
        Platform::Listmonk => column == "lists",
        Platform::SendGrid => column.eq_ignore_ascii_case("list_ids"),
        _ => false,
    }
}

/// Mailchimp has one audience and tags in it.
fn is_tags(platform: Platform, column: &str) -> bool {
    platform == Platform::Mailchimp && column.eq_ignore_ascii_case("tags")
}

/// Lists that an answer tells of: `None`: it tells of something else.
pub(super) fn told(entries: &[&Map<String, Value>], gathered: &mut Gathered) -> Option<()> {
    let is_list = |entry: &&Map<String, Value>| {
        let says = ["optin", "subscriber_count", "contact_count", "subscriber_statuses"];
        entry.contains_key("name") && says.iter().any(|word| entry.contains_key(*word))
    };
    if entries.is_empty() || !entries.iter().all(is_list) {
        return None;
    }
    for entry in entries {
        let Some(name) = name_of(entry) else { continue };
        for id in ["id", "uuid"].iter().filter_map(|key| entry.get(*key)) {
            gathered.names.insert(text(id), name.clone());
        }
        gathered.list(&name, entry);
    }
    Some(())
}

/// Notes on which lists a person is.
pub(super) fn on_lists(platform: Platform, person: &Map<String, Value>, gathered: &mut Gathered) {
    let is_address =
        |name: &str| ["email", "email address", "email_address"].iter().any(|k| name.eq_ignore_ascii_case(k));
    let email = person.iter().find(|(name, _)| is_address(name)).and_then(|(_, value)| value.as_str());
    let Some(email) = email.map(str::trim).filter(|email| !email.is_empty()) else { return };
    for (column, value) in person.iter().filter(|(column, _)| is_about_lists(platform, column)) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| gathered.put(email, one)),
            // Mailchimp: "new","berlin"; SendGrid: a,b.
            Value::String(list) => {
                let separator = if is_tags(platform, column) { "\",\"" } else { "," };
                let names = list.trim_matches('"').split(separator).map(str::trim).filter(|name| !name.is_empty());
                names.for_each(|name| gathered.put(email, &Value::String(name.to_owned())));
            }
            _ => {}
        }
    }
}

fn name_of(entry: &Map<String, Value>) -> Option<String> {
    let name = entry.get("name").and_then(Value::as_str)?.trim();
    (!name.is_empty()).then(|| name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or(name).to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Gathered {
    fn list(&mut self, name: &str, says: &Map<String, Value>) -> &mut List {
        let list = self.lists.entry(name.to_owned()).or_default();
        list.public |= says.get("type").is_some_and(|kind| kind == "public");
        list.confirms |= says.get("optin").is_some_and(|optin| optin == "double");
        list
    }

    /// Somebody is on a list: an object that says its name and how they stand, or a name, or an id.
    fn put(&mut self, email: &str, said: &Value) {
        let nothing = Map::new();
        let says = said.as_object().unwrap_or(&nothing);
        let name = match said {
            Value::Object(says) => name_of(says),
            other => Some(text(other)).map(|id| self.names.get(&id).cloned().unwrap_or(id)),
        };
        let Some(name) = name else { return };
        let list = self.list(&name, says);
        match Subscription::of(said) {
            Subscription::Left => list.left += 1,
            Subscription::Unconfirmed => list.unconfirmed += 1,
            Subscription::On => {
                let since = says.get("subscription_created_at").and_then(Value::as_str).map(str::to_owned);
                list.members.push(Member { email: email.to_owned(), since });
            }
        }
    }

    /// Writes who is on which list into `scratch`.
    pub(super) fn write(self, scratch: &Path) -> Result<Vec<MovedList>, MigrateError> {
        let mut moved = Vec::new();
        for (number, (name, list)) in self.lists.into_iter().enumerate() {
            let file = scratch.join(format!("list-{number}.txt"));
            let unreadable = |why| MigrateError::Read { file: file.display().to_string(), why };
            fs::create_dir_all(scratch).map_err(unreadable)?;
            let line = |member: &Member| match &member.since {
                Some(since) => format!("{}\t{since}\n", member.email),
                None => format!("{}\n", member.email),
            };
            let lines: String = list.members.iter().map(line).collect();
            fs::write(&file, lines).map_err(unreadable)?;
            let List { public, confirms, members, left, unconfirmed } = list;
            let members = members.len() as u64;
            moved.push(MovedList { name, public, confirms, file, members, left, unconfirmed });
        }
        Ok(moved)
    }
}

/// Why a list could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The ledger did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of addresses cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
}

/// Puts everybody of a list on the one with its name, which is made if there is none. The same again changes nothing: who is on it
/// stays, and who left it since stays away. A dry run counts as if everybody of the export were here already.
pub async fn move_list(
    store: &Store,
    workspace: WorkspaceId,
    list: &MovedList,
    (platform, dry_run): (&str, bool),
    actor: &Actor,
    now: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Result<ListReport, MoveError> {
    let known = list_named(store, workspace, &list.name).await?;
    let mut report = ListReport { made: known.is_none(), ..ListReport::default() };
    let id = match known {
        Some(id) => Some(id),
        None if dry_run => None,
        None => {
            let MovedList { name, public, confirms, .. } = list.clone();
            let new = NewList { name, public, confirms, ..NewList::default() };
            Some(store.create_list(workspace, new, actor, now()).await?.id)
        }
    };
    let said = if list.confirms { "confirmed there" } else { "on the list there" };
    let consent = Consent { source: Some(format!("moved from {platform}, {said}")), at: None, ip: None };
    let mut lines = BufReader::new(fs::File::open(&list.file)?).lines();
    loop {
        let page: Vec<String> = lines.by_ref().take(MEMBERS_MAX).collect::<io::Result<_>>()?;
        if page.is_empty() {
            return Ok(report);
        }
        let member = |line: &String| {
            let (email, since) = line.split_once('\t').unwrap_or((line, ""));
            Some((EmailAddress::parse(email).ok()?, happened(since, now())))
        };
        let read: Vec<(EmailAddress, Option<Timestamp>)> = page.iter().filter_map(member).collect();
        report.unknown += (page.len() - read.len()) as u64;
        let Some(id) = id else {
            report.joined += read.len() as u64;
            continue;
        };
        let moved = match dry_run {
            true => {
                let addresses = read.into_iter().map(|(address, _)| address).collect();
                store.would_move_onto(workspace, id, addresses).await?
            }
            false => store.move_onto_list(workspace, id, read, consent.clone(), actor, now()).await?,
        };
        let MovedOnto { joined, already, left, unknown } = moved;
        report.joined += joined;
        report.already += already;
        report.left_here += left;
        report.unknown += unknown;
    }
}

async fn list_named(store: &Store, workspace: WorkspaceId, name: &str) -> Result<Option<ListId>, StoreError> {
    let mut after = None;
    loop {
        let page = store.lists(workspace, after, PAGE).await?;
        if let Some(found) = page.iter().find(|list| list.list.name == name.trim()) {
            return Ok(Some(found.id));
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(None),
        }
    }
}
