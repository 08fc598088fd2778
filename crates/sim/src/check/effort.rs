//! Standing checks about effort and turn: 6 throttled work is not polled, 7 a broken policy stays at home, 10 a single
//! message overtakes a backlog, 12 a start-up reads only the hot set.

use super::Outcome;
use model::{DeliveryState, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Wake-ups that a single event may cause: a reply passes through a pipe, a latency, a conversation, the settler and the
/// scheduler.
const WAKES_PER_EVENT: u64 = 12;
/// Wake-ups that a process needs apart from what happens: its start, its commands, its end.
const WAKES_OF_A_PROCESS: u64 = 200;

/// A stretch of time, how often anything woke in it, and how much happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wakes {
    /// How often the whole process woke from waiting.
    pub wakes: u64,
    /// Replies, look-ups, moves and commands.
    pub events: u64,
    /// How many processes lived in it.
    pub processes: u64,
}

/// Check 6: the process woke for what happened, not to look whether something had.
pub fn throttled_work_is_not_polled(seen: &Wakes) -> Vec<String> {
    let bound = seen.events * WAKES_PER_EVENT + seen.processes * WAKES_OF_A_PROCESS;
    let breach = || format!("check 6: {} wake-ups for {} events, at most {bound} are due", seen.wakes, seen.events);
    (seen.wakes > bound).then(breach).into_iter().collect()
}

/// Check 7: with the policy of some domains broken, everybody elsewhere ends as without. `with` and `without` are the
/// outcomes of the same story, told once each way.
pub fn a_broken_policy_stays_at_home(broken: &BTreeSet<String>, with: &[Outcome], without: &[Outcome]) -> Vec<String> {
    let elsewhere = |outcomes: &[Outcome]| -> BTreeMap<String, DeliveryState> {
        let of = |outcome: &Outcome| {
            let address = outcome.address.clone()?;
            let (_, domain) = address.rsplit_once('@')?;
            (!broken.contains(&domain.to_lowercase())).then(|| (address.to_lowercase(), outcome.state))
        };
        outcomes.iter().filter_map(of).collect()
    };
    let (with, without) = (elsewhere(with), elsewhere(without));
    let parted = |(address, state): (&String, &DeliveryState)| {
        let changed = with.get(address).copied();
        let now = changed.map_or_else(|| "missing".to_owned(), |state| state.to_string());
        (changed != Some(*state)).then(|| format!("check 7: {address} is {now}, but {state} where no policy is broken"))
    };
    without.iter().filter_map(parted).collect()
}

/// A single message that was handed over while others waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overtaking {
    /// To whom.
    pub address: String,
    /// When it was handed over.
    pub asked_at: Timestamp,
    /// When a receiver was first asked about it; `None`: never.
    pub tried_at: Option<Timestamp>,
}

/// Check 10: whatever the backlog, each of these was tried within `bound`.
pub fn single_messages_overtake(messages: &[Overtaking], bound: Duration) -> Vec<String> {
    let breach = |message: &Overtaking| {
        let address = &message.address;
        match message.tried_at.map(|at| at.since(message.asked_at)) {
            None => Some(format!("check 10: {address} was never tried")),
            Some(took) if took > bound => {
                Some(format!("check 10: {address} waited {} s, {} s are the most", took.as_secs(), bound.as_secs()))
            }
            Some(_) => None,
        }
    };
    messages.iter().filter_map(breach).collect()
}

/// What a process read from its ledger between its start and its first connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartUp {
    /// Octets read.
    pub read_bytes: u64,
    /// Octets the ledger's log may hold at most; all of it is read, whatever the backlog.
    pub log_bytes: u64,
}

/// Octets of the ledger that a start reads apart from its log: the schema, the campaigns, one window of deliveries for
/// each of the first lanes, and the index pages on the way to them.
pub const HOT_SET_BYTES: u64 = 8 * 1024 * 1024;

/// Check 12: a start after a kill reads the hot set, not the backlog.
pub fn a_start_reads_the_hot_set(starts: &[StartUp]) -> Vec<String> {
    let beyond = starts.iter().filter(|start| start.read_bytes > start.log_bytes * 2 + HOT_SET_BYTES);
    beyond
        .map(|start| format!("check 12: a start read {} octets before its first connection", start.read_bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_poll_each_second_for_a_day_is_found_and_work_is_not() {
        let polled = Wakes { wakes: 86_400, events: 20, processes: 1 };
        assert_eq!(throttled_work_is_not_polled(&polled).len(), 1);
        assert!(throttled_work_is_not_polled(&Wakes { events: 10_000, ..polled }).is_empty());
        assert!(throttled_work_is_not_polled(&Wakes { wakes: 150, events: 0, processes: 1 }).is_empty());
    }

    #[test]
    fn somebody_elsewhere_who_ends_otherwise_is_found() {
        let outcome =
            |address: &str, state| Outcome { address: Some(address.into()), state, is_scheduled: false, doubts: 0 };
        let without = [outcome("a@good.test", DeliveryState::Accepted), outcome("b@BAD.test", DeliveryState::Accepted)];
        let broken = BTreeSet::from(["bad.test".to_owned()]);
        let at_home = [without[0].clone(), outcome("b@BAD.test", DeliveryState::Soft)];
        assert!(a_broken_policy_stays_at_home(&broken, &at_home, &without).is_empty());
        let spread = [outcome("A@good.test", DeliveryState::Soft), without[1].clone()];
        assert_eq!(
            a_broken_policy_stays_at_home(&broken, &spread, &without),
            ["check 7: a@good.test is soft, but accepted where no policy is broken"]
        );
        assert_eq!(a_broken_policy_stays_at_home(&broken, &[], &without).len(), 1, "lost");
    }

    #[test]
    fn a_single_message_that_waits_too_long_is_found() {
        let message = |tried_at| Overtaking { address: "a@x.test".into(), asked_at: at(100), tried_at };
        let check = |tried_at| single_messages_overtake(&[message(tried_at)], Duration::from_secs(60)).len();
        assert_eq!((check(Some(at(160))), check(Some(at(161))), check(None)), (0, 1, 1));
    }

    #[test]
    fn a_start_that_reads_everything_is_found() {
        let start = |read_bytes| StartUp { read_bytes, log_bytes: 4 << 20 };
        assert!(a_start_reads_the_hot_set(&[start(10 << 20)]).is_empty());
        assert_eq!(a_start_reads_the_hot_set(&[start(100 << 20)]).len(), 1);
    }
}
