//! An operator (a provider, or a site that nobody described) that refuses too much is left alone for an hour, then asked
//! again with a few.
//!
//! Apart from the pace of a lane, which reacts to what single replies say: this looks at the share, whatever the words.
//! What must survive a restart is the whole value; losing it costs one more sample of refusals.

use super::groups::provider_name;
use super::{LeftAlone, Trip};
use model::{Blame, Outcome, Stage, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The last attempts at a provider that are looked at.
pub const BLOCKED_ATTEMPTS: u32 = 100;
/// So many of them refused: too much.
pub const BLOCKED_PERCENT: u32 = 10;
/// The first hold; each further one after a failed probe is twice as long.
pub const BLOCKED_HOLD: Duration = Duration::from_secs(3600);
/// … but no longer than this.
pub const BLOCKED_HOLD_MAX: Duration = Duration::from_secs(16 * 3600);
/// Attempts that make a probe.
pub const PROBE_ATTEMPTS: u32 = 20;
/// Operators watched at once; beyond that the one of whom the least is known makes room.
const PROVIDERS_MAX: usize = 256;

/// The last attempts, one bit each.
const RECENT_MASK: u128 = (1 << BLOCKED_ATTEMPTS) - 1;

/// Shares of refusals by operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedShare {
    providers: BTreeMap<String, Watched>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    /// Newest in the lowest bit; set: refused.
    recent: u128,
    attempts: u32,
    held: Option<Held>,
    /// What people call the operator, once it was held; older ledgers have none.
    #[serde(default)]
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    until: Timestamp,
    times: u32,
    /// So many were refused …
    #[serde(default)]
    refused: u32,
    /// … of so many; none in older ledgers.
    #[serde(default)]
    of: u32,
}

impl BlockedShare {
    /// Counts a verdict. `operator`: a provider's key, or the fingerprint of a site that nobody described; `name` is what
    /// people call it. What a recipient's own filter refuses is not the operator's refusal, and what DNS alone decided is
    /// nobody's: no word of theirs was heard.
    pub fn judged(&mut self, now: Timestamp, operator: &str, name: &str, verdict: &Verdict) -> Option<Trip> {
        if verdict.stage == Stage::Dns {
            return None;
        }
        let key = operator;
        if !self.providers.contains_key(key) && self.providers.len() >= PROVIDERS_MAX && !self.make_room() {
            return None;
        }
        let watched = self.providers.entry(key.to_owned()).or_default();
        if watched.held.is_some_and(|held| now < held.until) {
            // What was under way when the hold began.
            return None;
        }
        let is_blocked = verdict.outcome == Outcome::Blocked && verdict.category.blame() != Blame::Recipient;
        watched.recent = (watched.recent << 1 | u128::from(is_blocked)) & RECENT_MASK;
        watched.attempts = watched.attempts.saturating_add(1).min(BLOCKED_ATTEMPTS);
        watched.decide(now, key, name)
    }

    /// Forgets the operator of whom the least is known, and who is not held. `false`: all are held.
    fn make_room(&mut self) -> bool {
        let free = self.providers.iter().filter(|(_, watched)| watched.held.is_none());
        let least = free.min_by_key(|(_, watched)| watched.attempts).map(|(key, _)| key.clone());
        least.is_some_and(|key| self.providers.remove(&key).is_some())
    }

    /// The clock may have been set back since the holds began: none lasts longer than one that begins now may.
    pub fn set_back(&mut self, now: Timestamp) {
        for held in self.providers.values_mut().filter_map(|watched| watched.held.as_mut()) {
            held.until = held.until.min(now + hold_after(held.times));
        }
    }

    /// Until when nothing goes to this operator.
    pub fn held_until(&self, provider: &str, now: Timestamp) -> Option<Timestamp> {
        self.providers.get(provider)?.held.map(|held| held.until).filter(|until| now < *until)
    }

    /// Who is held now: operators, as [`BlockedShare::judged`] has them, and what is told of each.
    pub fn left_alone(&self, now: Timestamp) -> impl Iterator<Item = (&str, LeftAlone)> {
        self.providers.iter().filter_map(move |(key, watched)| {
            let held = watched.held.filter(|held| now < held.until)?;
            let refused = match held.of {
                0 => "it refused too many messages".to_owned(),
                of => {
                    format!("it refused {} of the last {of} messages ({BLOCKED_PERCENT} % is the limit)", held.refused)
                }
            };
            let why = format!("{refused}; then {PROBE_ATTEMPTS} messages show whether it still refuses");
            let name = if watched.name.is_empty() { provider_name(key) } else { watched.name.as_str() };
            Some((key.as_str(), LeftAlone { name: name.to_owned(), until: held.until, why }))
        })
    }

    /// After a hold: how many more may start before the probe is judged. `None`: no probe is under way.
    pub fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        let watched = self.providers.get(provider)?;
        let is_probed = watched.held.is_some_and(|held| held.until <= now);
        is_probed.then(|| PROBE_ATTEMPTS.saturating_sub(watched.attempts))
    }
}

/// How long the hold is that follows upon so many.
fn hold_after(times: u32) -> Duration {
    BLOCKED_HOLD.saturating_mul(1 << times.min(8)).min(BLOCKED_HOLD_MAX)
}

impl Watched {
    fn decide(&mut self, now: Timestamp, key: &str, name: &str) -> Option<Trip> {
        let sample = if self.held.is_some() { PROBE_ATTEMPTS } else { BLOCKED_ATTEMPTS };
        if self.attempts < sample {
            return None;
        }
        let blocked = self.recent.count_ones();
        if blocked * 100 < sample * BLOCKED_PERCENT {
            self.held = None;
            return None;
        }
        let times = self.held.map_or(0, |held| held.times + 1);
        let hold = hold_after(times);
        let until = now + hold;
        let held = Held { until, times, refused: blocked, of: sample };
        *self = Watched { recent: 0, attempts: 0, held: Some(held), name: name.to_owned() };
        let why = format!(
            "{name} refused {blocked} of the last {sample} messages ({BLOCKED_PERCENT} % is the limit). Nothing goes \
             there for {hours} h; then {PROBE_ATTEMPTS} messages show whether it still refuses. See what it says with \
             `postroom report`, and mend that first.",
            hours = hold.as_secs() / 3600,
        );
        Some(Trip::HoldProvider { provider: key.to_owned(), until, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Category;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(second)
    }

    fn blocked(category: Category) -> Verdict {
        Verdict { outcome: Outcome::Blocked, category, ..Verdict::accepted() }
    }

    /// `all` verdicts of which every `each`-th is a refusal; what it trips.
    fn send(share: &mut BlockedShare, now: Timestamp, all: u32, each: u32) -> Vec<Trip> {
        let verdict = |n: u32| if n % each == each - 1 { blocked(Category::Policy) } else { Verdict::accepted() };
        (0..all).filter_map(|n| share.judged(now, "google", "Google", &verdict(n))).collect()
    }

    #[test]
    fn one_in_ten_of_a_hundred_holds_the_provider_for_an_hour() {
        let mut share = BlockedShare::default();
        assert_eq!(send(&mut share, at(0), 99, 10), []);
        let trips: Vec<Trip> =
            share.judged(at(7), "google", "Google", &blocked(Category::IpReputation)).into_iter().collect();
        let [Trip::HoldProvider { provider, until, why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!((provider.as_str(), *until), ("google", at(3607)));
        assert_eq!(
            why,
            "Google refused 10 of the last 100 messages (10 % is the limit). Nothing goes there for 1 h; then 20 messages \
             show whether it still refuses. See what it says with `postroom report`, and mend that first."
        );
        assert_eq!(share.held_until("google", at(3606)), Some(at(3607)));
        let told: Vec<(&str, LeftAlone)> = share.left_alone(at(3606)).collect();
        let why = "it refused 10 of the last 100 messages (10 % is the limit); then 20 messages show whether it still refuses";
        let alone = LeftAlone { name: "Google".to_owned(), until: at(3607), why: why.to_owned() };
        assert_eq!(alone.told(), format!("Google is left alone: {why}"));
        assert_eq!(told, [("google", alone)]);
        assert_eq!(share.left_alone(at(3607)).count(), 0);
        assert_eq!((share.held_until("google", at(3607)), share.probe_left("google", at(3607))), (None, Some(20)));
        assert_eq!(share.probe_left("yahoo", at(3607)), None);
    }

    #[test]
    fn only_the_last_hundred_count() {
        let mut share = BlockedShare::default();
        assert_eq!(send(&mut share, at(0), 5_000, 12), [], "eight or nine in a hundred, for ever");
        assert_eq!(send(&mut share, at(0), 20, 1).len(), 1);
    }

    #[test]
    fn what_ones_own_filter_refuses_is_not_the_providers_refusal() {
        let mut share = BlockedShare::default();
        for _ in 0..500 {
            assert_eq!(share.judged(at(0), "google", "Google", &blocked(Category::RecipientFilter)), None);
        }
    }

    #[test]
    fn what_dns_decided_is_nobodys_refusal() {
        let mut share = BlockedShare::default();
        let inside = Verdict { stage: Stage::Dns, ..blocked(Category::Policy) };
        assert!((0..500).all(|_| share.judged(at(0), "google", "Google", &inside).is_none()));
    }

    #[test]
    fn a_new_operator_finds_room_among_many_small_ones() {
        let mut share = BlockedShare::default();
        for n in 0..10_000 {
            share.judged(at(0), &format!("site {n}"), "a server", &Verdict::accepted());
        }
        assert_eq!(share.providers.len(), PROVIDERS_MAX);
        assert_eq!(send(&mut share, at(0), 100, 10).len(), 1, "the last to come is watched too");
        assert!(share.held_until("google", at(1)).is_some());
    }

    #[test]
    fn a_failed_probe_doubles_the_hold_up_to_a_bound_and_a_good_one_ends_it() {
        let mut share = BlockedShare::default();
        let mut now = at(0);
        let mut holds_h = Vec::new();
        send(&mut share, now, 100, 5);
        for _ in 0..6 {
            let until = share.held_until("google", now).unwrap();
            holds_h.push(until.since(now).as_secs() / 3600);
            assert_eq!(send(&mut share, now, 100, 1), [], "what was under way says nothing new");
            now = until;
            assert_eq!(send(&mut share, now, 19, 5), []);
            assert_eq!(share.probe_left("google", now), Some(1));
            assert_eq!(send(&mut share, now, 1, 2).len(), 1);
        }
        assert_eq!(holds_h, [1, 2, 4, 8, 16, 16]);
        now = share.held_until("google", now).unwrap();
        assert_eq!(send(&mut share, now, 20, 15), []);
        assert_eq!(share.probe_left("google", now), None);
        let trips = send(&mut share, now, 100, 5);
        assert!(matches!(&trips[..], [Trip::HoldProvider { until, .. }] if *until == now + BLOCKED_HOLD), "{trips:?}");
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut share = BlockedShare::default();
        send(&mut share, at(0), 99, 7);
        let kept = serde_json::to_string(&share).unwrap();
        assert_eq!(serde_json::from_str::<BlockedShare>(&kept).unwrap(), share);
        send(&mut share, at(0), 10, 1);
        let kept = serde_json::to_string(&share).unwrap();
        assert_eq!(serde_json::from_str::<BlockedShare>(&kept).unwrap(), share);
    }
}
