//! The keeper: moves people on through sequences, in a run that goes on until it is told.
//!
//! Asks the ledger who is due, decides what is next for each (`dispatch::sequence`), and has a page of moves written in
//! one transaction; then it waits for the next time somebody is due, or until something about people on their way
//! changes. Nothing polls; settlements go before its writes. What is cut off between two pages goes on where the ledger
//! says.

use crate::alerts::About;
use crate::house::House;
use crate::notice::Notice;
use crate::terms::zone_of;
use dispatch::alert::Turn;
use dispatch::sequence::{Act, Facts, Place, Plan, decide};
use model::segment::Rule;
use model::sequence::Goal;
use model::{Actor, AlertKind, CampaignId, ContactId, SequenceId, Timestamp, WorkspaceId, in_quotes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{DuePlace, PlaceAct, PlaceMove, StoreError};

/// When the ledger cannot be asked or written, it is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// Stands in for a time when nobody is due.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// Versions kept in memory.
const VERSIONS_MAX: usize = 256;

/// A version of a sequence, ready to be followed.
struct Version {
    plan: Plan,
    goal: Option<Rule>,
    campaigns: BTreeMap<String, CampaignId>,
}

type Versions = BTreeMap<(SequenceId, u32), Arc<Version>>;

/// Works until it is aborted. A ledger that is a copy or was restored moves nobody: its original may be at work.
pub(crate) async fn run(house: Arc<House>) {
    if house.store.held().is_some() {
        return;
    }
    let mut stirs = house.store.sequences_stir();
    let mut versions = Versions::new();
    let mut archiving = true;
    loop {
        house.gate.until_ledger_works().await;
        stirs.mark_unchanged();
        let wait = match turn(&house, &mut versions, &mut archiving).await {
            Ok(Some(next)) => next.since(house.now()),
            Ok(None) => NEVER,
            Err(_) => TRY_AGAIN,
        };
        tokio::select! {
            biased;
            changed = stirs.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Does everything that is due, page by page; when something is due next.
async fn turn(house: &House, versions: &mut Versions, archiving: &mut bool) -> Result<Option<Timestamp>, StoreError> {
    if std::mem::take(archiving) {
        house.store.end_archiving(house.now()).await?;
    }
    let mut failed: BTreeMap<SequenceId, StoreError> = BTreeMap::new();
    loop {
        let mut due = house.store.sequences_due(house.now()).await?;
        due.sequences.retain(|(_, sequence)| !failed.contains_key(sequence));
        if due.sequences.is_empty() && !due.pass && !due.look {
            return failed.into_values().next().map_or(Ok(due.next), Err);
        }
        if due.pass {
            house.store.pass_of_entries(house.now()).await?;
        }
        if due.look {
            house.store.look_through_segments(house.now()).await?;
        }
        // One page of each, so that a large one keeps nobody else waiting, and one that cannot be read stops no other.
        for (workspace, sequence) in due.sequences {
            if let Err(why) = move_on(house, versions, workspace, sequence).await {
                failed.insert(sequence, why);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Moves one page of people of a sequence on by one step.
async fn move_on(
    house: &House,
    versions: &mut Versions,
    workspace: WorkspaceId,
    sequence: SequenceId,
) -> Result<(), StoreError> {
    let now = house.now();
    let mut by_version: BTreeMap<u32, Vec<DuePlace>> = BTreeMap::new();
    for due in house.store.due_places(sequence, now).await? {
        by_version.entry(due.place.version).or_default().push(due);
    }
    let mut moves = Vec::new();
    for (number, people) in by_version {
        let Some(version) = version(house, versions, workspace, sequence, number).await? else { return Ok(()) };
        let answers = ask(house, &version, workspace, &people, now).await?;
        moves.extend(people.iter().map(|due| next_move(&version, due, &answers, now)));
    }
    for campaign in house.store.move_places(sequence, moves, now).await? {
        house.tell(Notice::Added(campaign));
    }
    Ok(())
}

/// What rules say about the people of a page.
struct Answers {
    /// For whom the goal's rule holds.
    reached: BTreeSet<ContactId>,
    /// For whom the rule of the branch holds at which they are.
    holds: BTreeSet<ContactId>,
}

async fn ask(
    house: &House,
    version: &Version,
    workspace: WorkspaceId,
    people: &[DuePlace],
    now: Timestamp,
) -> Result<Answers, StoreError> {
    let mut answers = Answers { reached: BTreeSet::new(), holds: BTreeSet::new() };
    if let Some(goal) = &version.goal {
        let all = people.iter().map(|due| due.place.contact).collect();
        answers.reached = house.store.those_for_whom(workspace, goal.clone(), all, now).await?;
    }
    let mut at_branch: BTreeMap<u16, Vec<ContactId>> = BTreeMap::new();
    for due in people {
        at_branch.entry(due.place.step).or_default().push(due.place.contact);
    }
    for (step, there) in at_branch {
        if let Some(rule) = version.plan.asks(step) {
            answers.holds.extend(house.store.those_for_whom(workspace, rule.clone(), there, now).await?);
        }
    }
    Ok(answers)
}

fn next_move(version: &Version, due: &DuePlace, answers: &Answers, now: Timestamp) -> PlaceMove {
    let contact = due.place.contact;
    let zone = zone_of(&due.attributes);
    let facts = Facts {
        reached: due.reached || answers.reached.contains(&contact),
        barred: due.barred,
        holds: answers.holds.contains(&contact),
        zone: zone.as_ref(),
    };
    let place = Place { step: due.place.step, until: due.place.until, heard: due.heard };
    let act = match decide(&version.plan, place, facts, now) {
        Act::Depart(how) => PlaceAct::Depart(how),
        Act::Rest { until, hears } => PlaceAct::Rest { until, hears: hears.map(str::to_owned) },
        Act::Go { to } => PlaceAct::Go { to },
        Act::Send { message, to } => match version.campaigns.get(message) {
            Some(campaign) => PlaceAct::Send { campaign: *campaign, to },
            // Every message of a version in force has its campaign.
            None => PlaceAct::Go { to },
        },
        Act::Set { set, to } => {
            let value = serde_json::to_string(&set.value).unwrap_or_else(|_| "null".to_owned());
            PlaceAct::Set { name: set.name.clone(), value, to }
        }
        Act::Call { name, to } => PlaceAct::Call { name: name.to_owned(), to },
    };
    PlaceMove { contact, turn: due.turn, act }
}

/// A version that somebody follows; it never changes. `None`: its rules name what is not there, so that the sequence was
/// paused: whoever they were to keep from a message would get it.
async fn version(
    house: &House,
    versions: &mut Versions,
    workspace: WorkspaceId,
    sequence: SequenceId,
    number: u32,
) -> Result<Option<Arc<Version>>, StoreError> {
    if let Some(known) = versions.get(&(sequence, number)) {
        return Ok(Some(known.clone()));
    }
    let read = house.store.sequence_version(workspace, sequence, number).await?;
    let read = read.ok_or_else(|| StoreError::Corrupt(format!("{sequence} has no version {number}")))?;
    let gone = house.store.gone_from_definition(workspace, read.definition.clone()).await?;
    if let Some(first) = gone.first() {
        let why = format!("in version {number} {first}");
        let paused =
            house.store.pause_sequence(workspace, sequence, Some(why.clone()), &Actor::Engine, house.now()).await?;
        let about = About { workspace, ..About::house(AlertKind::Warned, sequence.to_string()) };
        let text = format!("Sequence {} was paused, and people wait where they are: {why}", in_quotes(&paused.name));
        house.alarm(about, Turn::Happened(text));
        return Ok(None);
    }
    let goal = match &read.definition.goal {
        Some(Goal::Rule(rule)) => Some(rule.clone()),
        Some(Goal::Event(_)) | None => None,
    };
    let version = Arc::new(Version { plan: Plan::of(&read.definition), goal, campaigns: read.campaigns });
    if versions.len() >= VERSIONS_MAX {
        versions.clear();
    }
    versions.insert((sequence, number), version.clone());
    Ok(Some(version))
}
