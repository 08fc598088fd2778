//! What came of a story, to be asked and to be read.

use crate::check::{Death, StartUp, Stop, Wakes};
use crate::ledger::{Arrival, Folder, Sighting};
use crate::receiver::Block;
use crate::trace::Trace;
use crate::usage::Used;
use crate::web::Delivered;
use crate::world::EPOCH;
use engine::RunEnd;
use model::{AlertKind, DeliveryState, SuppressionReason, Tally, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use store::{AttemptRow, Campaign, Contact, DeliveryRow, StepCount};

/// A story is told person by person up to so many people.
const TOLD_MAX: usize = 40;

/// What came of a campaign.
#[derive(Debug)]
pub struct Mailed {
    /// How many deliveries stand where.
    pub tally: Tally,
    /// Where the campaign stands.
    pub campaign: Campaign,
    /// Each delivery and its tries, by address.
    pub deliveries: Vec<(DeliveryRow, Vec<AttemptRow>)>,
}

/// What came of a story.
#[derive(Debug)]
pub struct Ended {
    /// How many deliveries stand where.
    pub tally: Tally,
    /// Where the campaign stands.
    pub campaign: Campaign,
    /// How the last run of the engine ended.
    pub run: RunEnd,
    /// Each delivery and its tries, by address.
    pub deliveries: Vec<(DeliveryRow, Vec<AttemptRow>)>,
    /// The further campaigns, in the order they were made; tally, campaign and deliveries are those of the first.
    pub others: Vec<Mailed>,
    /// What happened at each step of the first sequence, by number; the number behind the last is the end.
    pub steps: BTreeMap<u16, StepCount>,
    /// The people, by address.
    pub contacts: BTreeMap<String, Contact>,
    /// The copies the receivers took.
    pub arrivals: Vec<Arrival>,
    /// What was delivered to web servers.
    pub delivered: Vec<Delivered>,
    /// Which documents of web servers were shown, and when.
    pub asked: Vec<(Timestamp, String)>,
    /// The recipients they were asked about.
    pub sightings: Vec<Sighting>,
    /// The suppression list at the end, by what is shown.
    pub suppressed: BTreeMap<String, SuppressionReason>,
    /// Since when each of them is on it.
    pub suppressed_at: BTreeMap<String, Timestamp>,
    /// The alerts the ledger knows, newest first: which kind, about what, and is it over?
    pub alerts: Vec<(AlertKind, String, bool)>,
    /// When the ledger could not record.
    pub troubles: Vec<Stop>,
    /// When the process died.
    pub deaths: Vec<Death>,
    /// When it was over.
    pub over_at: Timestamp,
    /// The most that each source used of each provider.
    pub used: BTreeMap<(IpAddr, String), Used>,
    /// The long blocks that receivers imposed, with their keys.
    pub blocks: Vec<(String, Block)>,
    /// How often the engine woke up, and for how much.
    pub woken: Wakes,
    /// What each start after a kill read before its first connection.
    pub starts: Vec<StartUp>,
    /// Which standing checks were broken, in words.
    pub breaches: Vec<String>,
    /// What happened.
    pub trace: Trace,
}

impl Ended {
    /// The delivery to an address and its tries.
    pub fn of(&self, address: &str) -> Option<&(DeliveryRow, Vec<AttemptRow>)> {
        found(&self.deliveries, address)
    }

    /// The tries of an address.
    pub fn tries(&self, address: &str) -> &[AttemptRow] {
        self.of(address).map_or(&[], |(_, attempts)| attempts)
    }

    /// How many deliveries are in `state`.
    pub fn count(&self, state: DeliveryState) -> u64 {
        self.tally.count(state)
    }

    /// How many copies ended up in `folder`.
    pub fn in_folder(&self, folder: Folder) -> usize {
        self.arrivals.iter().filter(|arrival| arrival.folder == folder).count()
    }

    /// How often receivers were asked about an address.
    pub fn sighted(&self, address: &str) -> usize {
        self.sightings.iter().filter(|seen| seen.recipient.eq_ignore_ascii_case(address)).count()
    }

    /// The story as a text: the equation, then, if they are not too many, everybody with their tries.
    pub fn story(&self) -> String {
        let mut text = self.equation();
        for (row, attempts) in self.deliveries.iter().take(TOLD_MAX) {
            let why = row.skip.map_or_else(String::new, |skip| format!(" ({skip})"));
            let _ok = writeln!(text, "{}: {}{why}", row.email.as_deref().unwrap_or("(no address)"), row.state);
            for row in attempts {
                tell(&mut text, row);
            }
        }
        for (shown, reason) in &self.suppressed {
            let _ok = writeln!(text, "suppressed: {shown} ({reason})");
        }
        text
    }

    /// The equation, in two lines, without terms that are zero.
    pub fn equation(&self) -> String {
        let tally = &self.tally;
        let terms = [
            (tally.count(DeliveryState::Accepted), "accepted"),
            (tally.in_progress(), "in progress"),
            (tally.count(DeliveryState::Soft), "soft"),
            (tally.count(DeliveryState::Hard), "hard"),
            (tally.count(DeliveryState::Blocked), "blocked"),
            (tally.count(DeliveryState::InDoubt), "in doubt"),
        ];
        let shown = |(count, word): &(u64, &str)| (*count > 0).then(|| format!("{count} {word}"));
        let terms: Vec<String> = terms.iter().filter_map(shown).collect();
        format!(
            "{} people = {} skipped + {} attempted\n{} attempted = {}\ncampaign {}\n",
            tally.recipients(),
            tally.count(DeliveryState::Skipped),
            tally.attempted(),
            tally.attempted(),
            terms.join(" + "),
            self.campaign.state,
        )
    }
}

impl Mailed {
    /// The delivery to an address and its tries.
    pub fn of(&self, address: &str) -> Option<&(DeliveryRow, Vec<AttemptRow>)> {
        found(&self.deliveries, address)
    }
}

fn found<'a>(
    deliveries: &'a [(DeliveryRow, Vec<AttemptRow>)],
    address: &str,
) -> Option<&'a (DeliveryRow, Vec<AttemptRow>)> {
    deliveries.iter().find(|(row, _)| row.email.as_deref() == Some(address))
}

/// One try: when, where it got to, what was said, what it meant.
fn tell(text: &mut String, row: &AttemptRow) {
    let attempt = &row.attempt;
    let minutes = attempt.started_at.since(EPOCH).as_secs() / 60;
    let said = match (&attempt.reply, &attempt.note) {
        (Some(reply), _) => match reply.enhanced {
            Some(enhanced) => format!("{} {enhanced}", reply.code),
            None => reply.code.to_string(),
        },
        (None, Some(note)) => note.clone(),
        (None, None) => "-".to_owned(),
    };
    let verdict = &attempt.verdict;
    let host = attempt.host.as_deref().unwrap_or("-");
    let charged = if row.charged { "" } else { ", not charged" };
    let _ok = writeln!(
        text,
        "  {:>2}:{:02} {host} {}: {said} = {} {}{charged}",
        minutes / 60,
        minutes % 60,
        verdict.stage,
        verdict.outcome,
        verdict.category,
    );
}
