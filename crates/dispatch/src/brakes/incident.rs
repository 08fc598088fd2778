//! A provider, or a server that nobody described, that suddenly does not know its own people has an incident; nobody is
//! given up because of it.
//!
//! It happens to the largest: for an hour, every mailbox "does not exist". What tells it from a bad list is the others. A
//! bad list is bad everywhere, so the share of hard bounces must be far above that of all other providers in the same
//! hour; and it is one campaign's, so it must not be that one campaign alone which finds nobody there.
//!
//! Show it every verdict before the rate brakes see it: it needs fewer attempts than they do, and while an incident is
//! under way the provider's hard bounces are not to be counted against anybody ([`super::Rates::forgive`]).
//!
//! What must survive a restart is the whole value. Losing it forgets the usual shares, for which the least is taken
//! until they are known again, and an incident under way, which is found again from the next sample.

use super::groups::{Groups, provider_name};
use super::limits::percent;
use super::{LeftAlone, Trip};
use model::{CampaignId, Outcome, Timestamp, Verdict, thousands};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many times the usual share the hard bounces of an hour must be more than.
pub const INCIDENT_TIMES_BASELINE: u64 = 5;
/// … and at least this share of the attempts.
pub const INCIDENT_PERCENT: u64 = 10;
/// The usual share of a provider of which too little is known, in ten-thousandths: 1 %, what a list in use has on a bad
/// day. A measured share below it counts as this, too, lest a few dead addresses on a spotless list make an incident.
pub const BASELINE_LEAST_PER_10_000: u64 = 100;
/// Attempts after which a provider's own usual share is believed.
pub const BASELINE_ATTEMPTS_MIN: u32 = 1_000;
/// Attempts within the hour before a share means anything.
pub const INCIDENT_ATTEMPTS_MIN: u32 = 20;
/// … and hard bounces: half of what the rate brakes need, so that an incident is recognised before it looks like a bad
/// list.
pub const INCIDENT_HARD_MIN: u32 = 10;
/// Attempts elsewhere (or of other campaigns) in the same hour, by which a bad list is known.
pub const ELSEWHERE_ATTEMPTS_MIN: u32 = 50;
/// Attempts at the provider after which it is held even if nothing went elsewhere: doubt protects the addresses.
pub const ALONE_ATTEMPTS_MAX: u32 = 150;
/// How long the provider is held before it is asked again; twice as long after each probe that fails.
pub const INCIDENT_HOLD: Duration = Duration::from_secs(3600);
/// Attempts that make a probe.
pub const INCIDENT_PROBE_ATTEMPTS: u32 = 20;
/// Failed probes after which it is no incident any more, but how things are there.
pub const INCIDENT_PROBES_MAX: u32 = 3;

/// "The last hour", in pieces of [`PIECE_SECONDS`].
const PIECES: i64 = 12;
const PIECE_SECONDS: i64 = 300;
/// Beyond so many attempts the older half of what makes the usual share is forgotten.
const BASELINE_ATTEMPTS_MAX: u32 = 100_000;
/// Providers watched at once.
const PROVIDERS_MAX: usize = 256;
/// Of them: sites that nobody described, each watched from its first hard bounce on, with what it took in the hour before.
/// The one of whom the least is known makes room.
const SITES_MAX: usize = 64;
/// Sites that nobody described of which it is remembered what they took, before there is anything to suspect. The half that
/// took the least makes room.
const SITES_TAKING_MAX: usize = 1_024;
/// Counts remembered of each: campaigns, five minutes each. Beyond it the oldest is forgotten.
const COUNTS_MAX: usize = 48;
/// Campaigns told apart within one piece; those beyond are in the total only.
const CAMPAIGNS_MAX: usize = 32;

/// Hard bounces by provider, in the last hour and usually.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    providers: BTreeMap<String, Watched>,
    /// Of all others together (sites without a hard bounce yet, a relay): they are not suspected, but tell a bad list.
    unnamed: Watched,
    /// Of those sites, what each took: its share of them once it is watched.
    #[serde(default)]
    taking: BTreeMap<String, Taking>,
}

/// People that a site took in the last hour: in which five minutes, of which campaign, how many. Oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Taking(VecDeque<(i64, CampaignId, u32)>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    usual: Share,
    /// Oldest first.
    pieces: VecDeque<Piece>,
    under_way: Option<UnderWay>,
    /// The name of a server, where nobody described the site.
    #[serde(default)]
    server: Option<String>,
}

/// Five minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    at: i64,
    all: Share,
    campaigns: BTreeMap<CampaignId, Share>,
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
    failed: u32,
}

impl Incident {
    /// Counts a verdict on an address: taken, or not there. Anything else says nothing about who exists.
    pub fn judged(
        &mut self,
        now: Timestamp,
        campaign: CampaignId,
        groups: &Groups<'_>,
        verdict: &Verdict,
    ) -> Option<Trip> {
        let is_hard = match verdict.outcome {
            Outcome::Hard => true,
            Outcome::Accepted => false,
            Outcome::Deferred | Outcome::Blocked | Outcome::InDoubt => return None,
        };
        let piece = now.as_secs().div_euclid(PIECE_SECONDS);
        let server = groups.server.filter(|_| groups.provider.is_none());
        let operator = groups.provider.or(server.map(|(site, _)| site));
        let is_watched = operator.is_some_and(|key| self.providers.contains_key(key));
        let Some(key) = operator.filter(|_| is_watched || is_hard || server.is_none()) else {
            self.unnamed.count(piece, campaign, Share::of(is_hard));
            if let Some((site, _)) = server {
                self.take(site, piece, campaign, 1);
            }
            return None;
        };
        if !is_watched && server.is_some() {
            self.make_room(piece);
        }
        if !is_watched && self.providers.len() >= PROVIDERS_MAX {
            return None;
        }
        if let Some((site, name)) = server.filter(|_| !is_watched) {
            self.watch(site, name, piece);
        }
        let watched = self.providers.entry(key.to_owned()).or_default();
        if watched.under_way.is_some() {
            return watched.probed(now, key, is_hard);
        }
        watched.count(piece, campaign, Share::of(is_hard));
        if is_hard { self.suspect(now, piece, key) } else { None }
    }

    /// Are the provider's verdicts on addresses in question, so that suppressions from them are provisional?
    pub fn is_under_way(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|watched| watched.under_way.is_some())
    }

    /// Whose verdicts on addresses are in question, by key, and since when: with the hour by which it was found out.
    pub fn in_question(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.providers.iter().filter_map(|(key, watched)| Some((key.as_str(), watched.under_way?.since)))
    }

    /// Until when nothing goes to this provider.
    pub fn held_until(&self, provider: &str, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.providers.get(provider)?.under_way?;
        Some(under_way.until).filter(|until| now < *until)
    }

    /// The clock may have been set back since the holds began: none lasts longer than one that begins now may.
    pub fn set_back(&mut self, now: Timestamp) {
        for held in self.providers.values_mut().filter_map(|watched| watched.under_way.as_mut()) {
            held.until = held.until.min(now + hold_after(held.failed));
            held.since = held.since.min(now);
        }
    }

    /// Which providers are held now, by key, and what is told of each.
    pub fn left_alone(&self, now: Timestamp) -> impl Iterator<Item = (&str, LeftAlone)> {
        self.providers.iter().filter_map(move |(key, watched)| {
            let until = self.held_until(key, now)?;
            let why = format!(
                "it says of too many of its people that they do not exist, which looks like trouble of its own; then \
                 {INCIDENT_PROBE_ATTEMPTS} messages show whether it is over"
            );
            Some((key.as_str(), LeftAlone { name: watched.name(key).to_owned(), until, why }))
        })
    }

    /// After the hold: how many more may start before the probe is judged. `None`: no probe is under way.
    pub fn probe_left(&self, provider: &str, now: Timestamp) -> Option<u32> {
        let under_way = self.providers.get(provider)?.under_way?;
        (under_way.until <= now).then(|| INCIDENT_PROBE_ATTEMPTS.saturating_sub(under_way.probe.attempted))
    }

    /// Watches the site of which the least is known with all others again, where too many are watched. One that has an
    /// incident stays.
    fn make_room(&mut self, piece: i64) {
        let sites = || self.providers.iter().filter(|(_, watched)| watched.server.is_some());
        if sites().count() < SITES_MAX {
            return;
        }
        let sum = |watched: &Watched| watched.pieces.iter().fold(Share::default(), |sum, piece| sum.and(piece.all));
        let free = sites().filter(|(_, watched)| watched.under_way.is_none());
        let least = free.min_by_key(|(_, watched)| (sum(watched).hard, sum(watched).attempted));
        let least = least.map(|(site, _)| site.clone());
        let Some((site, watched)) = least.and_then(|site| self.providers.remove_entry(&site)) else { return };
        let recent = watched.pieces.into_iter().filter(|one| one.at > piece - PIECES);
        for Piece { at, all, campaigns } in recent {
            let place = self.unnamed.pieces.partition_point(|piece| piece.at < at);
            match self.unnamed.pieces.get_mut(place).filter(|piece| piece.at == at) {
                Some(piece) => piece.all = piece.all.and(all),
                None => self.unnamed.pieces.insert(place, Piece { at, all, campaigns: BTreeMap::new() }),
            }
            for (campaign, share) in campaigns.into_iter().filter(|(_, share)| share.hard < share.attempted) {
                self.take(&site, at, campaign, share.attempted - share.hard);
            }
        }
    }

    /// Remembers what a site took that is counted with all others.
    fn take(&mut self, site: &str, at: i64, campaign: CampaignId, count: u32) {
        if let Some(taking) = self.taking.get_mut(site) {
            taking.add(at, campaign, count);
            return;
        }
        if self.taking.len() >= SITES_TAKING_MAX {
            let mut counts: Vec<u32> = self.taking.values().map(|taking| taking.last_hour(at)).collect();
            let middle = (counts.len() - 1) / 2;
            let (_, median, _) = counts.select_nth_unstable(middle);
            let (median, mut too_many) = (*median, middle + 1);
            self.taking.retain(|_, taking| {
                let goes = too_many > 0 && taking.last_hour(at) <= median;
                too_many -= usize::from(goes);
                !goes
            });
        }
        self.taking.entry(site.to_owned()).or_default().add(at, campaign, count);
    }

    /// Watches a site by itself from now on. What it took within the hour is known of it, and is no longer that of the others.
    fn watch(&mut self, site: &str, name: &str, piece: i64) {
        let mut watched = Watched { server: Some(name.to_owned()), ..Watched::default() };
        let taking = self.taking.remove(site).unwrap_or_default();
        for (at, campaign, attempted) in taking.0.into_iter().filter(|(at, ..)| *at > piece - PIECES) {
            watched.count(at, campaign, Share { attempted, hard: 0 });
            if let Some(others) = self.unnamed.pieces.iter_mut().find(|others| others.at == at) {
                others.all.attempted = others.all.attempted.saturating_sub(attempted);
            }
        }
        self.providers.insert(site.to_owned(), watched);
    }

    fn suspect(&mut self, now: Timestamp, piece: i64, key: &str) -> Option<Trip> {
        let watched = self.providers.get(key)?;
        let (there, usual) = (watched.last_hour(piece), watched.usual);
        let is_enough = there.attempted >= INCIDENT_ATTEMPTS_MIN && there.hard >= INCIDENT_HARD_MIN;
        if !is_enough || !there.is_bad(usual) || watched.is_one_campaign(piece, there) {
            return None;
        }
        let elsewhere = self.last_hour_elsewhere(piece, key);
        let may_be_alone = watched.server.is_none();
        if !is_told_apart(there, usual, elsewhere, may_be_alone) {
            return None;
        }
        let (since, until) = (now - span(), now + INCIDENT_HOLD);
        let watched = self.providers.get_mut(key)?;
        // What an incident brings never becomes what is usual.
        watched.pieces.clear();
        watched.under_way = Some(UnderWay { since, until, probe: Share::default(), failed: 0 });
        let elsewhere =
            if elsewhere.attempted == 0 { String::new() } else { format!(", {} % elsewhere", elsewhere.percent()) };
        let why = format!(
            "{name} said in the last hour that {hard} of {all} people do not exist ({share} %; {usual} % is usual \
             there{elsewhere}). That looks like trouble of theirs, not like a bad list. Nothing goes there for an hour; \
             then {INCIDENT_PROBE_ATTEMPTS} messages show whether it is over. Suppressions from it are provisional \
             meanwhile: once it knows its people again, lift them with `postroom suppress lift {lift}`.",
            name = watched.name(key),
            lift = watched.lift(key),
            hard = thousands(there.hard.into()),
            all = thousands(there.attempted.into()),
            share = there.percent(),
            usual = percent(usual.per_10_000()),
        );
        Some(Trip::Incident { provider: key.to_owned(), until, since, why })
    }

    fn last_hour_elsewhere(&self, piece: i64, key: &str) -> Share {
        let others = self.providers.iter().filter(|(other, watched)| *other != key && watched.under_way.is_none());
        others.fold(self.unnamed.last_hour(piece), |sum, (_, watched)| sum.and(watched.last_hour(piece)))
    }
}

/// Is it the provider, and not the list? A list that is bad elsewhere at half this share is a bad list. With too little
/// elsewhere to tell, whoever's usual share is known is judged by that; of the other providers a few more are tried first.
/// Of a server that nobody described doubt alone says nothing (`may_be_alone`): many a list is at one such server.
fn is_told_apart(there: Share, usual: Share, elsewhere: Share, may_be_alone: bool) -> bool {
    if elsewhere.attempted >= ELSEWHERE_ATTEMPTS_MIN {
        return elsewhere.is_half_as_bad(there);
    }
    usual.attempted >= BASELINE_ATTEMPTS_MIN || (may_be_alone && there.attempted >= ALONE_ATTEMPTS_MAX)
}

/// How far back "the last hour" reaches.
fn span() -> Duration {
    Duration::from_secs(PIECES.unsigned_abs() * PIECE_SECONDS.unsigned_abs())
}

impl Watched {
    /// What people call it.
    fn name<'a>(&'a self, key: &'a str) -> &'a str {
        self.server.as_deref().unwrap_or_else(|| provider_name(key))
    }

    /// The arguments that pick the suppressions of its incident out. The ledger knows providers by name.
    fn lift(&self, key: &str) -> String {
        match self.server {
            None => format!("--provisional --provider {key}"),
            Some(_) => "--provisional".to_owned(),
        }
    }

    fn count(&mut self, at: i64, campaign: CampaignId, share: Share) {
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.at <= at - PIECES) {
            self.usual = self.usual.and(piece.all);
            if self.usual.attempted > BASELINE_ATTEMPTS_MAX {
                self.usual = Share { attempted: self.usual.attempted / 2, hard: self.usual.hard / 2 };
            }
        }
        // A clock that steps back adds to the newest piece.
        if self.pieces.back().is_none_or(|piece| piece.at < at) {
            self.pieces.push_back(Piece { at, all: Share::default(), campaigns: BTreeMap::new() });
        }
        let Some(piece) = self.pieces.back_mut() else { return };
        piece.all = piece.all.and(share);
        if piece.campaigns.len() < CAMPAIGNS_MAX || piece.campaigns.contains_key(&campaign) {
            let of_campaign = piece.campaigns.entry(campaign).or_default();
            *of_campaign = of_campaign.and(share);
        }
    }

    fn recent(&self, at: i64) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |piece| piece.at > at - PIECES)
    }

    fn last_hour(&self, at: i64) -> Share {
        self.recent(at).fold(Share::default(), |sum, piece| sum.and(piece.all))
    }

    /// Do the other campaigns find their people there, so that it is the list of the worst one?
    fn is_one_campaign(&self, at: i64, all: Share) -> bool {
        let mut campaigns: BTreeMap<CampaignId, Share> = BTreeMap::new();
        for (campaign, share) in self.recent(at).flat_map(|piece| &piece.campaigns) {
            let sum = campaigns.entry(*campaign).or_default();
            *sum = sum.and(*share);
        }
        let worst = campaigns.into_values().max_by_key(|share| share.hard).unwrap_or_default();
        let others = Share { attempted: all.attempted - worst.attempted, hard: all.hard - worst.hard };
        others.attempted >= ELSEWHERE_ATTEMPTS_MIN && others.is_half_as_bad(worst)
    }

    fn probed(&mut self, now: Timestamp, key: &str, is_hard: bool) -> Option<Trip> {
        let (name, lift) = (self.name(key).to_owned(), self.lift(key));
        let under_way = self.under_way.as_mut()?;
        if now < under_way.until {
            // What was under way when the hold began.
            return None;
        }
        under_way.probe = under_way.probe.and(Share::of(is_hard));
        let UnderWay { since, probe, failed, .. } = *under_way;
        if probe.attempted < INCIDENT_PROBE_ATTEMPTS {
            return None;
        }
        let provider = key.to_owned();
        if !probe.is_bad(self.usual) {
            self.under_way = None;
            let why = format!(
                "{name} knows its people again (of {} tried, {} do not exist). Suppressions from its incident are still \
                 in force: lift them with `postroom suppress lift {lift}`.",
                probe.attempted, probe.hard
            );
            return Some(Trip::IncidentOver { provider, why });
        }
        if failed + 1 >= INCIDENT_PROBES_MAX {
            // Taken as usual from now on, so that the rate brakes judge the list.
            let scale = BASELINE_ATTEMPTS_MIN / probe.attempted;
            self.usual = Share { attempted: probe.attempted * scale, hard: probe.hard * scale };
            self.under_way = None;
            let why = format!(
                "{name} still says that {} of {} people do not exist, as it has for {} h. That is no incident any more: \
                 these addresses are taken as dead from now on. If you know better, lift their suppressions with \
                 `postroom suppress lift {lift}`.",
                probe.hard,
                probe.attempted,
                now.since(since).as_secs() / 3600
            );
            return Some(Trip::IncidentOver { provider, why });
        }
        let hold = hold_after(failed + 1);
        let until = now + hold;
        *under_way = UnderWay { since, until, probe: Share::default(), failed: failed + 1 };
        let why = format!(
            "{name} still says that {} of {} people do not exist. Nothing goes there for another {} h.",
            probe.hard,
            probe.attempted,
            hold.as_secs() / 3600
        );
        Some(Trip::Incident { provider, until, since, why })
    }
}

/// How long the hold is after so many probes that failed.
fn hold_after(failed: u32) -> Duration {
    INCIDENT_HOLD * (1 << failed.min(8))
}

impl Taking {
    fn add(&mut self, at: i64, campaign: CampaignId, count: u32) {
        // A clock that steps back adds to the newest.
        let at = self.0.back().map_or(at, |(newest, ..)| at.max(*newest));
        while self.0.pop_front_if(|(oldest, ..)| *oldest <= at - PIECES).is_some() {}
        let mut newest = self.0.iter_mut().rev().take_while(|(then, ..)| *then == at);
        if let Some((.., known)) = newest.find(|(_, of, _)| *of == campaign) {
            *known = known.saturating_add(count);
            return;
        }
        if self.0.len() >= COUNTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((at, campaign, count));
    }

    fn last_hour(&self, at: i64) -> u32 {
        let recent = self.0.iter().filter(|(then, ..)| *then > at - PIECES);
        recent.fold(0, |sum, (.., count)| sum.saturating_add(*count))
    }
}

impl Share {
    fn of(is_hard: bool) -> Share {
        Share { attempted: 1, hard: u32::from(is_hard) }
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

    fn is_bad(self, usual: Share) -> bool {
        let (hard, all) = (u64::from(self.hard), u64::from(self.attempted));
        hard * 10_000 > all * usual.per_10_000() * INCIDENT_TIMES_BASELINE && hard * 100 >= all * INCIDENT_PERCENT
    }

    /// Is the share less than half of the other?
    fn is_half_as_bad(self, other: Share) -> bool {
        u64::from(self.hard) * u64::from(other.attempted) * 2 < u64::from(other.hard) * u64::from(self.attempted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Category;

    const A: CampaignId = CampaignId(1);
    const B: CampaignId = CampaignId(2);
    const HOUR: u64 = 3600;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(second)
    }

    /// `all` people of whom the first `hard` do not exist; what it trips.
    fn send(brake: &mut Incident, now: Timestamp, who: (CampaignId, &str), all: u32, hard: u32) -> Vec<Trip> {
        let dead = Verdict { outcome: Outcome::Hard, category: Category::UnknownRecipient, ..Verdict::accepted() };
        let (campaign, provider) = who;
        let (site, name) = (Some("5eed"), Some("mx.alpha.example"));
        let groups = match provider {
            "" => Groups::default(),
            "alpha" => Groups { server: site.zip(name), ..Groups::default() },
            key => Groups { provider: Some(key), ..Groups::default() },
        };
        let verdict = |n: u32| if n < hard { dead.clone() } else { Verdict::accepted() };
        (0..all).filter_map(|n| brake.judged(now, campaign, &groups, &verdict(n))).collect()
    }

    #[test]
    fn a_provider_that_suddenly_knows_nobody_has_an_incident() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "yahoo"), 100, 1);
        send(&mut brake, at(0), (A, "google"), 100, 0);
        let trips = send(&mut brake, at(60), (A, "google"), 30, 30);
        let [Trip::Incident { provider, until, since, why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!((provider.as_str(), *until, *since), ("google", at(60 + HOUR), at(60) - span()));
        assert_eq!(
            why,
            "Google said in the last hour that 12 of 112 people do not exist (10.71 %; 1 % is usual there, 1 % \
             elsewhere). That looks like trouble of theirs, not like a bad list. Nothing goes there for an hour; then 20 \
             messages show whether it is over. Suppressions from it are provisional meanwhile: once it knows its people \
             again, lift them with `postroom suppress lift --provisional --provider google`."
        );
        assert!(brake.is_under_way("google") && !brake.is_under_way("yahoo"));
        assert_eq!(brake.held_until("google", at(61)), Some(at(60 + HOUR)));
    }

    #[test]
    fn it_is_recognised_before_the_rate_brakes_would_stop_the_campaign() {
        use crate::brakes::{Groups, Limits, Rates};
        for good_in_ten in 0..9 {
            let (mut brake, mut rates) = (Incident::default(), Rates::of_campaign(Limits::default()));
            let mut found = None;
            for n in 0..4_000u32 {
                let there = n % 2 == 0;
                let is_hard = there && n / 2 % 10 >= good_in_ten;
                let outcome = if is_hard { Outcome::Hard } else { Outcome::Accepted };
                let verdict = Verdict { outcome, ..Verdict::accepted() };
                let provider = Some(if there { "google" } else { "yahoo" });
                let groups = Groups { provider, ..Groups::default() };
                if let Some(trip) = brake.judged(at(0), A, &groups, &verdict) {
                    found = Some(trip);
                    break;
                }
                rates.attempted(at(0), &groups);
                assert_eq!(rates.judged(at(0), &groups, &verdict), None, "{good_in_ten} in ten, {n}");
            }
            assert!(matches!(found, Some(Trip::Incident { .. })), "{good_in_ten} in ten");
        }
    }

    #[test]
    fn a_server_that_nobody_described_has_incidents_too() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "google"), 200, 1);
        send(&mut brake, at(0), (A, "alpha"), 150, 0);
        let trips = send(&mut brake, at(60), (A, "alpha"), 30, 30);
        let [Trip::Incident { provider, why, .. }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(provider, "5eed");
        assert!(why.starts_with("mx.alpha.example said in the last hour that 17 of 167 people do not exist"), "{why}");
        assert!(why.contains("`postroom suppress lift --provisional`"), "{why}");
        assert!(brake.is_under_way("5eed") && brake.held_until("5eed", at(61)).is_some());
        let kept = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Incident>(&kept).unwrap(), brake);
    }

    #[test]
    fn what_a_server_took_before_its_first_hard_bounce_counts() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "google"), 200, 1);
        send(&mut brake, at(0), (A, "alpha"), 190, 0);
        assert_eq!(brake.last_hour_elsewhere(0, "google").attempted, 190);
        for _ in 0..11 {
            assert_eq!(send(&mut brake, at(600), (B, "alpha"), 2, 1), [], "11 of 212: the list that came later is bad");
        }
        assert_eq!(brake.providers["5eed"].last_hour(2), Share { attempted: 212, hard: 11 });
        assert_eq!(brake.last_hour_elsewhere(2, "5eed").attempted, 200, "none of them is counted twice");
        assert_eq!(send(&mut brake, at(HOUR + 600), (A, "google"), 100, 0), []);
        assert_eq!(send(&mut brake, at(HOUR + 600), (B, "alpha"), 20, 20).len(), 1, "an hour later that is past");
    }

    #[test]
    fn the_stale_tail_of_a_list_is_no_incident_of_its_server() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "google"), 200, 1);
        send(&mut brake, at(0), (A, "alpha"), 5_000, 0);
        let kept = serde_json::to_string(&brake).unwrap();
        let mut brake = serde_json::from_str::<Incident>(&kept).unwrap();
        assert_eq!(send(&mut brake, at(60), (A, "alpha"), 20, 20), [], "20 of 5,020");
    }

    #[test]
    fn what_sites_took_is_remembered_in_bounds_the_most_first() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "alpha"), 100, 0);
        for n in 0..10_000 {
            let site = format!("site {n}");
            let groups = Groups { server: Some((&site, "mx.example")), ..Groups::default() };
            assert_eq!(brake.judged(at(0), A, &groups, &Verdict::accepted()), None);
        }
        assert!(brake.taking.len() <= SITES_TAKING_MAX, "{}", brake.taking.len());
        assert_eq!(brake.taking["5eed"].last_hour(0), 100);
        for n in 0..100 {
            send(&mut brake, at(0), (CampaignId(n), "alpha"), 1, 0);
        }
        assert_eq!(brake.taking["5eed"].0.len(), COUNTS_MAX);
    }

    #[test]
    fn of_a_server_that_nobody_described_doubt_alone_says_nothing() {
        let mut brake = Incident::default();
        assert_eq!(send(&mut brake, at(0), (A, "alpha"), 400, 400), [], "nothing to compare with: the rates judge it");
    }

    #[test]
    fn many_small_servers_are_watched_in_bounds_and_still_tell_a_bad_list() {
        let mut brake = Incident::default();
        let dead = Verdict { outcome: Outcome::Hard, category: Category::UnknownRecipient, ..Verdict::accepted() };
        for n in 0..1_000 {
            let site = format!("site {n}");
            let groups = Groups { server: Some((&site, "mx.example")), ..Groups::default() };
            assert_eq!(brake.judged(at(0), A, &groups, &dead), None);
        }
        assert_eq!((brake.providers.len(), brake.last_hour_elsewhere(0, "google").hard), (SITES_MAX, 1_000));
        assert_eq!(send(&mut brake, at(0), (A, "google"), 200, 100), [], "they are dead everywhere");
    }

    #[test]
    fn a_list_that_is_bad_everywhere_is_no_incident() {
        let mut brake = Incident::default();
        for _ in 0..40 {
            for provider in ["google", "yahoo", "", "gmx"] {
                assert_eq!(send(&mut brake, at(0), (A, provider), 10, 2), [], "{provider}");
            }
        }
    }

    #[test]
    fn one_campaigns_bad_list_is_not_the_providers_incident() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "google"), 300, 1);
        send(&mut brake, at(0), (A, "yahoo"), 300, 1);
        assert_eq!(send(&mut brake, at(0), (B, "google"), 400, 200), []);
        assert!(!brake.is_under_way("google"));
    }

    #[test]
    fn with_nothing_to_compare_doubt_protects_the_addresses() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "google"), 130, 0);
        assert_eq!(send(&mut brake, at(0), (A, "google"), 19, 19), []);
        assert_eq!(send(&mut brake, at(0), (A, "google"), 1, 1).len(), 1, "150 attempts, 20 of them dead");
    }

    #[test]
    fn a_known_usual_share_is_what_counts() {
        let mut brake = Incident::default();
        // 4.44 % is usual here, so that more than 22.2 % is not.
        send(&mut brake, at(0), (A, "gmx"), 2_000, 0);
        for hour in 0..5 {
            send(&mut brake, at(hour * 2 * HOUR), (A, "gmx"), 460, 0);
            send(&mut brake, at(hour * 2 * HOUR), (A, "gmx"), 40, 40);
        }
        let now = at(20 * HOUR);
        send(&mut brake, now, (A, "gmx"), 80, 0);
        assert_eq!(send(&mut brake, now, (A, "gmx"), 22, 22), []);
        assert_eq!(send(&mut brake, now, (A, "gmx"), 1, 1).len(), 1);
    }

    #[test]
    fn what_is_older_than_an_hour_is_not_now() {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "yahoo"), 100, 0);
        assert_eq!(send(&mut brake, at(0), (A, "google"), 9, 9), []);
        send(&mut brake, at(2 * HOUR), (A, "yahoo"), 100, 0);
        assert_eq!(send(&mut brake, at(2 * HOUR), (A, "google"), 30, 9), []);
        assert!(brake.providers["google"].pieces.len() <= 12);
    }

    fn under_way() -> (Incident, Timestamp) {
        let mut brake = Incident::default();
        send(&mut brake, at(0), (A, "yahoo"), 100, 0);
        assert_eq!(send(&mut brake, at(0), (A, "google"), 20, 20).len(), 1);
        assert_eq!(send(&mut brake, at(9), (A, "google"), 500, 500), [], "what was under way when the hold began");
        let until = brake.held_until("google", at(9)).unwrap();
        (brake, until)
    }

    #[test]
    fn a_probe_ends_it() {
        let (mut brake, now) = under_way();
        assert_eq!(brake.probe_left("google", now), Some(20));
        assert_eq!(send(&mut brake, now, (A, "google"), 19, 1), []);
        let trips = send(&mut brake, now, (A, "google"), 1, 0);
        let [Trip::IncidentOver { provider, why }] = &trips[..] else { panic!("{trips:?}") };
        assert_eq!(provider, "google");
        assert!(why.starts_with("Google knows its people again (of 20 tried, 1 do not exist)."), "{why}");
        assert!(!brake.is_under_way("google"));
        assert_eq!(brake.probe_left("google", now), None);
        assert_eq!(brake.providers["google"].usual, Share::default(), "an incident is never usual");
    }

    #[test]
    fn failed_probes_hold_longer_and_after_three_it_is_the_list() {
        let (mut brake, mut now) = under_way();
        let mut holds_h = Vec::new();
        for _ in 0..2 {
            let trips = send(&mut brake, now, (A, "google"), 20, 10);
            let [Trip::Incident { until, since, .. }] = &trips[..] else { panic!("{trips:?}") };
            assert_eq!(*since, at(0) - span());
            holds_h.push(until.since(now).as_secs() / HOUR);
            now = *until;
        }
        assert_eq!(holds_h, [2, 4]);
        let trips = send(&mut brake, now, (A, "google"), 20, 10);
        let [Trip::IncidentOver { why, .. }] = &trips[..] else { panic!("{trips:?}") };
        assert!(why.contains("10 of 20 people do not exist, as it has for 8 h. That is no incident any more"), "{why}");
        assert_eq!(send(&mut brake, now, (A, "google"), 400, 200), [], "half of them is usual there now");
    }

    #[test]
    fn a_restart_changes_nothing() {
        let (brake, _) = under_way();
        let kept = serde_json::to_string(&brake).unwrap();
        assert_eq!(serde_json::from_str::<Incident>(&kept).unwrap(), brake);
    }
}
