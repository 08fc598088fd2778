//! A provider that suddenly does not know its own people has an incident; nobody is given up because of it.
//!
//! It happens to the largest: for an hour, every mailbox "does not exist". What tells it from a bad list is the others: a
//! bad list is bad everywhere. So a provider is suspected only if its share of hard bounces in the last hour is far above
//! both its own usual share and that of everybody else in the same hour.
//!
//! What must survive a restart is the whole value. Losing it forgets the usual shares, for which the least is taken
//! until they are known again, and an incident under way, which is found again from the next sample.

use super::Trip;
use super::groups::provider_name;
use super::limits::percent;
use model::{Outcome, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many times the usual share the hard bounces of an hour must be.
pub const INCIDENT_TIMES_BASELINE: u64 = 5;
/// … and at least this share of the attempts.
pub const INCIDENT_PERCENT: u64 = 10;
/// The usual share of a provider of which too little is known: 1 %, what a list in use has on a bad day. A measured share
/// below it counts as this, too, lest three dead addresses on a spotless list make an incident.
pub const BASELINE_LEAST_PER_10_000: u64 = 100;
/// Attempts after which a provider's own usual share is believed.
pub const BASELINE_ATTEMPTS_MIN: u32 = 1_000;
/// Attempts within the hour before a share means anything; fewer than the rate brakes need, so that an incident is
/// recognised before it looks like a bad list.
pub const INCIDENT_ATTEMPTS_MIN: u32 = 50;
/// … and hard bounces.
pub const INCIDENT_HARD_MIN: u32 = 10;
/// Attempts elsewhere in the same hour, by which a bad list would be known.
pub const ELSEWHERE_ATTEMPTS_MIN: u32 = 50;
/// Attempts at the provider after which it is held even if nothing went elsewhere: doubt protects the addresses.
pub const ALONE_ATTEMPTS_MAX: u32 = 150;
/// How long the provider is held before it is asked again.
pub const INCIDENT_HOLD: Duration = Duration::from_secs(3600);
/// Attempts that make a probe after the hold.
pub const INCIDENT_PROBE_ATTEMPTS: u32 = 20;

/// How far back "the last hour" reaches, in pieces of [`PIECE_SECONDS`].
const PIECES: i64 = 12;
const PIECE_SECONDS: i64 = 300;
/// Beyond so many attempts the older half of what makes the usual share is forgotten.
const BASELINE_ATTEMPTS_MAX: u32 = 100_000;
/// Providers watched at once.
const PROVIDERS_MAX: usize = 256;

/// Hard bounces by provider, in the last hour and usually.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    providers: BTreeMap<String, Watched>,
    /// Of sites nobody described, together: they are never suspected, but tell a bad list.
    unnamed: Watched,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    usual: Share,
    /// Oldest first.
    pieces: VecDeque<(i64, Share)>,
    under_way: Option<UnderWay>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Share {
    attempted: u32,
    hard: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UnderWay {
    since: Timestamp,
    until: Timestamp,
    probe: Share,
}

impl Incident {
    /// Counts a verdict on an address: taken, or not there. Anything else says nothing about who exists.
    pub fn judged(&mut self, now: Timestamp, provider: Option<&str>, verdict: &Verdict) -> Option<Trip> {
        let is_hard = match verdict.outcome {
            Outcome::Hard => true,
            Outcome::Accepted => false,
            Outcome::Deferred | Outcome::Blocked | Outcome::InDoubt => return None,
        };
        let piece = now.as_secs().div_euclid(PIECE_SECONDS);
        let Some(key) = provider else {
            self.unnamed.count(piece, is_hard);
            return None;
        };
        if !self.providers.contains_key(key) && self.providers.len() >= PROVIDERS_MAX {
            return None;
        }
        let watched = self.providers.entry(key.to_owned()).or_default();
        if watched.under_way.is_some() {
            return watched.probed(now, key, is_hard);
        }
        watched.count(piece, is_hard);
        if !is_hard { None } else { self.suspect(now, piece, key) }
    }

    /// Are the provider's verdicts on addresses in question, so that suppressions from them are provisional?
    pub fn is_under_way(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|watched| watched.under_way.is_some())
    }

    /// Until when nothing goes to this provider.
    pub fn held_until(&self, provider: &str, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.providers.get(provider)?.under_way?;
        Some(under_way.until).filter(|until| now < *until)
    }

    /// After the hold: how many more may start before the probe is judged. `None`: no probe is under way.
    pub fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        let under_way = self.providers.get(provider)?.under_way?;
        (under_way.until <= now).then(|| INCIDENT_PROBE_ATTEMPTS.saturating_sub(under_way.probe.attempted))
    }

    fn suspect(&mut self, now: Timestamp, piece: i64, key: &str) -> Option<Trip> {
        let there = self.providers.get(key)?.last_hour(piece);
        let usual = self.providers.get(key)?.usual;
        let elsewhere = self.last_hour_elsewhere(piece, key);
        if !there.is_incident(usual) || !is_told_apart(there, usual, elsewhere) {
            return None;
        }
        let until = now + INCIDENT_HOLD;
        let since = now - Duration::from_secs(PIECES.unsigned_abs() * PIECE_SECONDS.unsigned_abs());
        let watched = self.providers.get_mut(key)?;
        // What the incident brought never becomes what is usual.
        watched.pieces.clear();
        watched.under_way = Some(UnderWay { since, until, probe: Share::default() });
        let why = format!(
            "{name} says that {hard} of {all} people tried in the last hour do not exist ({percent} %; {usual} % is usual \
             there{elsewhere}). That looks like trouble of theirs, not like a bad list. Nothing goes there for an hour, \
             then {INCIDENT_PROBE_ATTEMPTS} messages show whether it is over. Suppressions from it since then are \
             provisional: lift them with `postroom suppress lift --provider {key}` once it knows its people again.",
            name = provider_name(key),
            hard = there.hard,
            all = there.attempted,
            percent = there.percent(),
            usual = percent(usual.per_10_000()),
            elsewhere =
                if elsewhere.attempted == 0 { String::new() } else { format!(", {} % elsewhere", elsewhere.percent()) },
        );
        Some(Trip::Incident { provider: key.to_owned(), until, since, why })
    }

    fn last_hour_elsewhere(&self, piece: i64, key: &str) -> Share {
        let others = self.providers.iter().filter(|(other, watched)| *other != key && watched.under_way.is_none());
        others.fold(self.unnamed.last_hour(piece), |sum, (_, watched)| sum.and(watched.last_hour(piece)))
    }
}

/// Is it the provider, and not the list? A list that is bad elsewhere at half this share is a bad list. With too little
/// elsewhere to tell, a provider whose usual share is known is judged by that; of the rest a few more are tried first.
fn is_told_apart(there: Share, usual: Share, elsewhere: Share) -> bool {
    if elsewhere.attempted >= ELSEWHERE_ATTEMPTS_MIN {
        return u64::from(elsewhere.hard) * u64::from(there.attempted) * 2
            < u64::from(there.hard) * u64::from(elsewhere.attempted);
    }
    usual.attempted >= BASELINE_ATTEMPTS_MIN || there.attempted >= ALONE_ATTEMPTS_MAX
}

impl Watched {
    fn count(&mut self, piece: i64, is_hard: bool) {
        while let Some((at, share)) = self.pieces.front().copied().filter(|(at, _)| *at <= piece - PIECES) {
            debug_assert!(at <= piece, "pieces are in order");
            self.usual = self.usual.and(share);
            if self.usual.attempted > BASELINE_ATTEMPTS_MAX {
                self.usual = Share { attempted: self.usual.attempted / 2, hard: self.usual.hard / 2 };
            }
            self.pieces.pop_front();
        }
        // A clock that steps back adds to the newest piece.
        if self.pieces.back().is_none_or(|(at, _)| *at < piece) {
            self.pieces.push_back((piece, Share::default()));
        }
        if let Some((_, share)) = self.pieces.back_mut() {
            share.count(is_hard);
        }
    }

    fn last_hour(&self, piece: i64) -> Share {
        let recent = self.pieces.iter().filter(|(at, _)| *at > piece - PIECES);
        recent.fold(Share::default(), |sum, (_, share)| sum.and(*share))
    }

    fn probed(&mut self, now: Timestamp, key: &str, is_hard: bool) -> Option<Trip> {
        let usual = self.usual;
        let under_way = self.under_way.as_mut()?;
        if now < under_way.until {
            // What was under way when the hold began.
            return None;
        }
        under_way.probe.count(is_hard);
        let probe = under_way.probe;
        if probe.attempted < INCIDENT_PROBE_ATTEMPTS {
            return None;
        }
        let name = provider_name(key);
        if probe.is_bad(usual) {
            under_way.probe = Share::default();
            under_way.until = now + INCIDENT_HOLD;
            let why = format!(
                "{name} still says that {} of {} people do not exist. Nothing goes there for another hour.",
                probe.hard, probe.attempted
            );
            return Some(Trip::Incident {
                provider: key.to_owned(),
                until: under_way.until,
                since: under_way.since,
                why,
            });
        }
        self.under_way = None;
        let why = format!(
            "{name} knows its people again ({} of {} tried do not exist). The suppressions from its incident are still \
             in force: lift them with `postroom suppress lift --provider {key}`.",
            probe.hard, probe.attempted
        );
        Some(Trip::IncidentOver { provider: key.to_owned(), why })
    }
}

impl Share {
    fn count(&mut self, is_hard: bool) {
        self.attempted = self.attempted.saturating_add(1);
        self.hard = self.hard.saturating_add(u32::from(is_hard));
    }

    fn and(self, other: Share) -> Share {
        Share { attempted: self.attempted.saturating_add(other.attempted), hard: self.hard.saturating_add(other.hard) }
    }

    /// Taken as what is usual.
    fn per_10_000(self) -> u64 {
        if self.attempted < BASELINE_ATTEMPTS_MIN {
            return BASELINE_LEAST_PER_10_000;
        }
        (u64::from(self.hard) * 10_000 / u64::from(self.attempted)).max(BASELINE_LEAST_PER_10_000)
    }

    fn percent(self) -> String {
        percent(u64::from(self.hard) * 10_000 / u64::from(self.attempted.max(1)))
    }

    fn is_incident(self, usual: Share) -> bool {
        self.attempted >= INCIDENT_ATTEMPTS_MIN && self.hard >= INCIDENT_HARD_MIN && self.is_bad(usual)
    }

    fn is_bad(self, usual: Share) -> bool {
        let (hard, all) = (u64::from(self.hard), u64::from(self.attempted));
        hard * 10_000 > all * usual.per_10_000() * INCIDENT_TIMES_BASELINE && hard * 100 >= all * INCIDENT_PERCENT
    }
}
