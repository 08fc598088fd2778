//! The standing checks: what must hold after every scenario, whatever its story.
//!
//! Each compares the engine's ledger with what the receivers saw, and gives back every breach in words. They take
//! plain values, so that they depend on no engine and can be shown to fail. The numbers are those of the design:
//! 1 everybody is accounted for, 2 nobody twice, 3 no limit is exceeded, 4 a stop stops, 5 the suppressed are left
//! alone, 6 throttled work is not polled, 7 a broken policy stays at home, 8 a failing ledger stops sending, 10 single
//! messages overtake, 11 memory is bounded, 12 a start reads the hot set. Check 9, every rule has examples that hit and
//! that miss, is a test of `dispatch`.

mod effort;
mod limits;

pub use effort::{
    HOT_SET_BYTES, Overtaking, StartUp, Wakes, a_broken_policy_stays_at_home, a_start_reads_the_hot_set,
    single_messages_overtake, throttled_work_is_not_polled,
};
pub use limits::{Given, no_limit_is_exceeded};

use crate::ledger::{Arrival, Sighting};
use model::{DeliveryState, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long what was already on its way may still arrive: the slowest link and the slowest receiver.
pub const UNDER_WAY: Duration = Duration::from_secs(30);

/// One delivery as the engine's ledger has it when the scenario is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// To whom; `None` for people without a usable address.
    pub address: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Is another try scheduled, or is it still waiting in its queue?
    pub is_scheduled: bool,
    /// How many of its tries ended in doubt.
    pub doubts: u32,
}

/// A pause, a cancellation, or a ledger that cannot record: from when it was in force until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When the command returned, or the trouble was told.
    pub from: Timestamp,
    /// When it was lifted; [`Timestamp::MAX`] if never.
    pub until: Timestamp,
}

impl Stop {
    /// It is over, if it was not before.
    pub fn end(&mut self, at: Timestamp) {
        self.until = self.until.min(at);
    }
}

/// The end of a process that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at: Timestamp,
    /// Did the machine lose its power, and what was not synced?
    pub power: bool,
    /// Connections that it held open.
    pub open: u64,
}

/// Something that grows, and how far it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// What.
    pub what: String,
    /// The most there was.
    pub peak: u64,
    /// The most there may be.
    pub bound: u64,
}

/// Check 1: every one of `people` has exactly one outcome, which is final or scheduled.
pub fn everybody_is_accounted_for(people: usize, outcomes: &[Outcome]) -> Vec<String> {
    let mut breaches = Vec::new();
    if outcomes.len() != people {
        breaches.push(format!("check 1: {people} people, but {} deliveries", outcomes.len()));
    }
    for outcome in outcomes {
        let shown = outcome.address.as_deref().unwrap_or("(no address)");
        if outcome.state.is_in_progress() && !outcome.is_scheduled {
            breaches.push(format!("check 1: {shown} is {} and nothing will happen", outcome.state));
        }
        if !outcome.state.is_in_progress() && outcome.is_scheduled {
            breaches.push(format!("check 1: {shown} is {} and scheduled as well", outcome.state));
        }
    }
    breaches
}

/// Check 2: nobody received more copies than one for each campaign that tried them and one for each try that ended in
/// doubt; whoever is recorded as accepted received one, and nobody who was not attempted did.
pub fn nobody_twice(outcomes: &[Outcome], arrivals: &[Arrival]) -> Vec<String> {
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    for arrival in arrivals {
        *copies.entry(arrival.recipient.to_lowercase()).or_default() += 1;
    }
    let mut breaches = Vec::new();
    let mut attempted: BTreeMap<String, Due> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.state.is_attempted()) {
        if let Some(address) = &outcome.address {
            let due = attempted.entry(address.to_lowercase()).or_default();
            due.least += u32::from(outcome.state == DeliveryState::Accepted);
            due.most += 1 + outcome.doubts;
        }
    }
    for (address, due) in &attempted {
        let copies = copies.get(address).copied().unwrap_or(0);
        if copies > due.most {
            breaches.push(format!("check 2: {address} got {copies} copies, at most {} were due", due.most));
        }
        if copies < due.least {
            breaches.push(format!(
                "check 2: {address} is accepted {} times, but receivers have {copies} copies",
                due.least
            ));
        }
    }
    for address in copies.keys().filter(|address| !attempted.contains_key(*address)) {
        breaches.push(format!("check 2: {address} got a copy without being attempted"));
    }
    breaches
}

/// How long a reply may be on its way and wait for its commit: the slowest link and back, and the settler's tick.
pub const UNCOMMITTED: Duration = Duration::from_millis(200);

/// Check 2, the other way round: nobody is in doubt without need. `doubts` are the beginnings of the attempts whose reply
/// was lost. Of one death there are no more than connections that were open; after a loss of power, or while the ledger
/// was in trouble, those may be among them whose reply had come and was not committed yet.
pub fn doubts_are_few(deaths: &[Death], doubts: &[Timestamp], arrivals: &[Arrival], troubles: &[Stop]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut before = Timestamp::from_millis(i64::MIN);
    for death in deaths {
        let lost = doubts.iter().filter(|at| before < **at && **at <= death.at).count() as u64;
        let trouble = troubles.iter().find(|trouble| trouble.from <= death.at && death.at <= trouble.until);
        let since = trouble.map_or(death.at, |trouble| trouble.from);
        let recent = |arrival: &&Arrival| since < arrival.at + UNCOMMITTED && arrival.at <= death.at;
        let unsynced = death.power || trouble.is_some();
        let bound = death.open + if unsynced { arrivals.iter().filter(recent).count() as u64 } else { 0 };
        if lost > bound {
            let ms = death.at.as_millis();
            breaches.push(format!("check 2: {lost} in doubt after the death at {ms}, at most {bound} were due"));
        }
        before = death.at;
    }
    let unexplained = doubts.iter().filter(|at| **at > before).count();
    if unexplained > 0 {
        breaches.push(format!("check 2: {unexplained} in doubt without a death"));
    }
    breaches
}

/// How many copies somebody should have.
#[derive(Default)]
struct Due {
    least: u32,
    most: u32,
}

/// Check 4: between a stop and its end nothing new reached any receiver.
pub fn a_stop_stops(stops: &[Stop], sightings: &[Sighting]) -> Vec<String> {
    tried_during(stops, sightings, "check 4", "the campaign was stopped")
}

/// Check 8: while the ledger could not record, nothing new reached any receiver.
pub fn a_failing_ledger_stops_sending(troubles: &[Stop], sightings: &[Sighting]) -> Vec<String> {
    tried_during(troubles, sightings, "check 8", "the ledger could not record any more")
}

fn tried_during(stops: &[Stop], sightings: &[Sighting], check: &str, what: &str) -> Vec<String> {
    let late = |stop: &Stop, seen: &Sighting| stop.from + UNDER_WAY <= seen.at && seen.at < stop.until;
    let breach = |stop: &Stop, seen: &Sighting| {
        let after_s = seen.at.since(stop.from).as_secs();
        format!("{check}: {} was tried {after_s} s after {what}", seen.recipient)
    };
    let pairs = stops.iter().flat_map(|stop| sightings.iter().map(move |seen| (stop, seen)));
    pairs.filter(|(stop, seen)| late(stop, seen)).map(|(stop, seen)| breach(stop, seen)).collect()
}

/// Check 5: no receiver was asked about an address after it was suppressed. Those suppressed from the start are not
/// given the time of what is under way.
pub fn the_suppressed_are_left_alone(
    suppressed: &BTreeMap<String, Timestamp>,
    start: Timestamp,
    sightings: &[Sighting],
) -> Vec<String> {
    let late = |seen: &&Sighting| {
        suppressed.get(&seen.recipient.to_lowercase()).is_some_and(|since| {
            let grace = if *since <= start { Duration::ZERO } else { UNDER_WAY };
            seen.at >= *since + grace
        })
    };
    let breach = |seen: &Sighting| format!("check 5: {} was tried although suppressed", seen.recipient);
    sightings.iter().filter(late).map(breach).collect()
}

/// Check 11: nothing grew beyond its bound.
pub fn memory_is_bounded(gauges: &[Gauge]) -> Vec<String> {
    let beyond = gauges.iter().filter(|gauge| gauge.peak > gauge.bound);
    beyond.map(|gauge| format!("check 11: {} reached {}, bound {}", gauge.what, gauge.peak, gauge.bound)).collect()
}

/// Every move of a delivery is in the table of legal ones.
pub fn moves_are_legal(moves: &[(DeliveryState, DeliveryState)]) -> Vec<String> {
    let illegal = moves.iter().filter(|(from, to)| !from.may_become(*to));
    illegal.map(|(from, to)| format!("a delivery went from {from} to {to}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checks, Folder};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn outcome(address: &str, state: DeliveryState) -> Outcome {
        Outcome { address: Some(address.into()), state, is_scheduled: false, doubts: 0 }
    }

    fn arrival(recipient: &str) -> Arrival {
        Arrival {
            at: at(1),
            provider: "papermill".into(),
            host: "mail.papermill.test".into(),
            recipient: recipient.into(),
            return_path: String::new(),
            token: String::new(),
            message_id: String::new(),
            folder: Folder::Inbox,
            answered: true,
            encrypted: true,
            bytes: 1,
            checks: Checks::default(),
        }
    }

    fn seen(recipient: &str, seconds: i64) -> Sighting {
        let peer = [192, 0, 2, 1].into();
        Sighting { at: at(seconds), peer, provider: "papermill".into(), recipient: recipient.into(), code: 250 }
    }

    #[test]
    fn a_lost_person_and_one_who_waits_for_nothing_are_found() {
        let good = [outcome("a@x.test", DeliveryState::Accepted)];
        assert!(everybody_is_accounted_for(1, &good).is_empty());
        assert_eq!(everybody_is_accounted_for(2, &good).len(), 1);
        let stuck = [outcome("a@x.test", DeliveryState::Deferred)];
        assert_eq!(everybody_is_accounted_for(1, &stuck), ["check 1: a@x.test is deferred and nothing will happen"]);
        let both = [Outcome { is_scheduled: true, ..outcome("a@x.test", DeliveryState::Hard) }];
        assert_eq!(everybody_is_accounted_for(1, &both).len(), 1);
    }

    #[test]
    fn a_second_copy_needs_a_doubt() {
        let accepted = [outcome("A@x.test", DeliveryState::Accepted)];
        assert!(nobody_twice(&accepted, &[arrival("a@x.test")]).is_empty());
        assert_eq!(nobody_twice(&accepted, &[arrival("a@x.test"), arrival("A@x.test")]).len(), 1);
        let doubted = [Outcome { doubts: 1, ..accepted[0].clone() }];
        assert!(nobody_twice(&doubted, &[arrival("a@x.test"), arrival("A@x.test")]).is_empty());
        assert_eq!(
            nobody_twice(&accepted, &[]),
            ["check 2: a@x.test is accepted 1 times, but receivers have 0 copies"]
        );
        let twice = [accepted[0].clone(), accepted[0].clone()];
        assert!(nobody_twice(&twice, &[arrival("a@x.test"), arrival("A@x.test")]).is_empty(), "two campaigns");
        let skipped = [outcome("a@x.test", DeliveryState::Skipped)];
        assert_eq!(nobody_twice(&skipped, &[arrival("a@x.test")]).len(), 1);
    }

    #[test]
    fn a_doubt_needs_a_death_and_a_connection_or_a_reply_that_was_not_synced() {
        let death = |seconds, power| Death { at: at(seconds), power, open: 1 };
        let doubts = [at(9), at(10)];
        assert!(doubts_are_few(&[death(10, false)], &doubts[..1], &[], &[]).is_empty());
        assert_eq!(doubts_are_few(&[death(10, false)], &doubts, &[], &[]).len(), 1);
        assert_eq!(doubts_are_few(&[], &doubts, &[], &[]), ["check 2: 2 in doubt without a death"]);
        let recent = Arrival { at: at(10), ..arrival("a@x.test") };
        assert!(doubts_are_few(&[death(10, true)], &doubts, std::slice::from_ref(&recent), &[]).is_empty());
        assert_eq!(doubts_are_few(&[death(10, true)], &doubts, &[arrival("a@x.test")], &[]).len(), 1, "long ago");
        assert_eq!(doubts_are_few(&[death(10, false)], &doubts, &[recent], &[]).len(), 1, "it was on the disk");
        let trouble = [Stop { from: at(1), until: Timestamp::MAX }];
        assert!(doubts_are_few(&[death(10, false)], &doubts, &[arrival("a@x.test")], &trouble).is_empty());
    }

    #[test]
    fn a_try_long_after_a_stop_is_found_and_one_under_way_is_not() {
        let stop = [Stop { from: at(100), until: at(1_000) }];
        assert!(
            a_stop_stops(&stop, &[seen("a@x.test", 99), seen("a@x.test", 110), seen("a@x.test", 1_000)]).is_empty()
        );
        assert_eq!(a_stop_stops(&stop, &[seen("a@x.test", 131)]).len(), 1);
        assert_eq!(a_failing_ledger_stops_sending(&stop, &[seen("a@x.test", 131)]).len(), 1);
    }

    #[test]
    fn a_try_after_suppression_is_found() {
        let suppressed = BTreeMap::from([("a@x.test".to_owned(), at(0)), ("b@x.test".to_owned(), at(100))]);
        let check = |seen: Sighting| the_suppressed_are_left_alone(&suppressed, at(0), &[seen]).len();
        assert_eq!(check(seen("A@x.test", 1)), 1, "suppressed from the start");
        assert_eq!(
            (check(seen("b@x.test", 99)), check(seen("b@x.test", 110)), check(seen("b@x.test", 130))),
            (0, 0, 1)
        );
        assert_eq!(check(seen("c@x.test", 500)), 0);
    }

    #[test]
    fn a_gauge_beyond_its_bound_and_an_illegal_move_are_found() {
        let gauge = |peak| Gauge { what: "open connections".into(), peak, bound: 10 };
        assert!(memory_is_bounded(&[gauge(10)]).is_empty());
        assert_eq!(memory_is_bounded(&[gauge(11)]), ["check 11: open connections reached 11, bound 10"]);
        assert_eq!(moves_are_legal(&[(DeliveryState::Skipped, DeliveryState::Accepted)]).len(), 1);
    }
}
