//! Pacing: how many connections a lane may hold, how many messages each carries and how fast they start, within the
//! provider's ceilings and as learned from the replies heard.
//!
//! A lane is one source toward one site. It asks [`Pace::may_connect`] and [`Pace::may_start`] before it acts, says
//! [`Pace::connecting`] and [`Pace::starting`] when it does, and hands in everything it hears, acceptances included;
//! what comes back is whether to rest, whether to leave the session, and what changed. A permit holds until the next
//! thing is heard: whoever waits on one asks again after every [`Pace::heard`].
//!
//! | heard | lever | answer | file |
//! |---|---|---|---|
//! | too many connections | connections | one fewer than were open; one more is tried rarely | `width` |
//! | enough for one connection | per_connection | leave after so many, connect anew at once | `span` |
//! | too fast, too many in an hour | rate | rest until mail is taken again, then evenly just below | `rate` |
//! | enough for today | day_cap | the next day, and that many a day | `day` |
//! | we distrust you | reputation | hours of rest, one message, a slow ramp | `ramp` |
//! | this mailbox only | recipient | nothing changes | |
//! | trouble of theirs, silence | none | rests that double | `rest` |
//!
//! Invariants: no ceiling is ever exceeded, whatever is heard; a permit that names a time names one in the future and
//! at most a day and a few minutes away; after every rest a single message feels the way. Nothing is allocated per
//! message: only refusals and changes make texts.

mod bucket;
mod counts;
mod day;
mod hearing;
#[cfg(test)]
mod lab;
mod memory;
mod outlook;
mod probe;
mod ramp;
mod rate;
mod rest;
mod span;
mod story;
#[cfg(test)]
mod tests;
mod throttle;
mod width;

pub use memory::Memory;
pub use outlook::Outlook;
pub use rest::REST_MAX;
pub use story::{Cause, Change, InForce, Limit, WORDS_CHARS_MAX, clock};
pub use throttle::{Before, Throttle};

use crate::providers::Limits;
use crate::react::LaneHold;
use crate::rules::RulePack;
use bucket::{Bucket, Spacing};
use counts::Counts;
use day::Day;
use hearing::Distrust;
use memory::Kept;
use model::{Timestamp, Verdict};
use ramp::Ramp;
use rate::Rate;
use rest::{KeptRest, Rest};
use span::Span;
use std::time::Duration;
use width::Width;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// May something begin?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Yes,
    /// Not before then; the time is in the future.
    NotBefore(Timestamp),
    /// When one of the lane's connections has ended, or something was heard on one.
    WhenOneEnds,
}

/// What a lane heard about one attempt, an acceptance included.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// What was made of it.
    pub verdict: &'a Verdict,
    /// The reply as it came, code first: `421 4.7.0 Too many connections`; `None` where nobody said anything.
    pub reply: Option<&'a str>,
    /// Connections of the lane now, this one included.
    pub open: u32,
    /// Messages this session carried before this one.
    pub in_session: u32,
    /// Was it heard before the first message: at connecting, greeting or EHLO?
    pub opening: bool,
    /// Had the lane work enough to use all its connections?
    pub idle_cap: bool,
}

/// What to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Start nothing on the lane until then.
    pub hold: Option<LaneHold>,
    /// What changed, for the event log.
    pub changes: Vec<Change>,
    /// Close this session now.
    pub leave: bool,
    /// The way back is a step further, or a rate is found: worth keeping, and not worth telling.
    pub steps: bool,
    /// The source is on a blocklist there or banned: take it out of the pool for this provider.
    pub listed: bool,
}

/// One lane's pacing.
#[derive(Clone, Debug)]
pub struct Pace {
    limits: Limits,
    rules: &'static RulePack,
    /// No hold is longer; shorter in rehearsals.
    rest_max: Duration,
    width: Width,
    span: Span,
    rate: Option<Rate>,
    day: Day,
    ramp: Option<Ramp>,
    rest: Option<Box<Rest>>,
    /// How often in a row distrust was met, and when last.
    distrust: Option<Distrust>,
    /// Failures without a word since anybody answered.
    silent: u32,
    accepted_at: Option<Timestamp>,
    /// When a refusal last taught or confirmed something.
    confirmed_at: Timestamp,
    counts: Counts,
    connects: Bucket,
    starts: Bucket,
    /// The spacing of starts in force; `None`: as they come.
    spacing: Option<Spacing>,
}

impl Pace {
    /// A lane nothing is known about yet, within these ceilings, its replies read by the shipped rules.
    pub fn new(limits: Limits) -> Pace {
        let mut pace = Pace {
            limits,
            rules: RulePack::shipped(),
            rest_max: Duration::MAX,
            width: Width::default(),
            span: Span::default(),
            rate: None,
            day: Day::default(),
            ramp: None,
            rest: None,
            distrust: None,
            silent: 0,
            accepted_at: None,
            confirmed_at: Timestamp::default(),
            counts: Counts::default(),
            connects: Bucket::default(),
            starts: Bucket::default(),
            spacing: None,
        };
        pace.spacing = pace.spacing_now();
        pace
    }

    /// A lane as it was left: learned limits that nobody confirmed for a week are relaxed a step a day, and forgotten
    /// after a month.
    pub fn restore(limits: Limits, memory: &Memory, now: Timestamp) -> Pace {
        let memory = memory.aged(now);
        let mut pace = Pace {
            width: Width::restored(memory.connections),
            span: Span::restored(memory.per_connection),
            rate: memory.rate.map(|rate| rate.restored(now)),
            day: Day::restored(memory.per_day, memory.day, memory.started),
            counts: memory.rest.as_ref().map(KeptRest::counts).unwrap_or_default(),
            rest: memory.rest.map(|rest| Box::new(rest.restored(now))),
            ramp: memory.ramp.map(|ramp| ramp.restored(now)),
            distrust: memory.distrust,
            confirmed_at: memory.at,
            ..Pace::new(limits)
        };
        pace.spacing = pace.spacing_now();
        pace
    }

    /// Other ceilings from now on; what was learned stays.
    pub fn set_limits(&mut self, limits: Limits, now: Timestamp) {
        self.limits = limits;
        self.respace(now);
    }

    /// Replies are read by these rules from now on.
    pub fn set_rules(&mut self, rules: &'static RulePack) {
        self.rules = rules;
    }

    /// The same, its replies read by these rules.
    #[must_use]
    pub fn ruled_by(self, rules: &'static RulePack) -> Pace {
        Pace { rules, ..self }
    }

    /// The same, with no rest longer than this: a rehearsal whose gaps are seconds is not held for hours.
    #[must_use]
    pub fn resting_at_most(self, longest: Duration) -> Pace {
        Pace { rest_max: longest.max(Duration::from_millis(1)), ..self }
    }

    /// No rest of this kind is longer. A day lasts as long as it lasts, but where the gaps of a rehearsal are seconds.
    fn rest_longest(&self, kind: rest::Kind) -> Duration {
        if kind == rest::Kind::Day && self.rest_max >= HOUR { Duration::MAX } else { self.rest_max }
    }

    /// What is worth keeping; `None` when nothing was learned and no day's number is counted against a limit.
    pub fn memory(&self) -> Option<Memory> {
        let (day, started) = self.day.counted();
        let memory = Memory {
            at: self.confirmed_at,
            connections: self.width.cap().cloned(),
            per_connection: self.span.learned().cloned(),
            per_day: self.day.cap().cloned(),
            rate: self.rate.as_ref().map(Rate::kept),
            rest: self.rest.as_ref().map(|rest| rest.kept(&self.counts)),
            ramp: self.ramp,
            distrust: self.distrust.clone(),
            day,
            started,
        };
        let counts_day = self.limits.messages_per_day.is_some() && started > 0;
        (counts_day || !memory.is_empty()).then_some(memory)
    }

    /// May one more connection be opened beside the `open` ones?
    pub fn may_connect(&self, open: u32, now: Timestamp) -> Permit {
        // What could not start a message yet is not needed yet.
        let start = match self.may_start(now) {
            Permit::NotBefore(at) => Some(at),
            Permit::Yes | Permit::WhenOneEnds => None,
        };
        let at_most = if self.rest.is_some() { 1 } else { self.ramp.map_or(u32::MAX, |ramp| ramp.connections()) };
        if !self.width.admits(open, self.limits.connections.min(at_most), now) {
            return start.filter(|_| self.rest.is_some()).map_or(Permit::WhenOneEnds, Permit::NotBefore);
        }
        let paused = self.width.paused_until().filter(|at| *at > now);
        not_before([start, paused, self.connects.next(now)].into_iter().flatten().max())
    }

    /// A connection is being opened.
    pub fn connecting(&mut self, now: Timestamp) {
        if self.limits.connects_per_minute < u32::MAX {
            self.connects.take(Spacing::of(f64::from(self.limits.connects_per_minute), MINUTE), now);
        }
    }

    /// May a message start?
    pub fn may_start(&self, now: Timestamp) -> Permit {
        let rest = self.rest.as_ref().and_then(|rest| rest.waits_until(now));
        let feels = self.rest.as_ref().is_some_and(|rest| rest.kind == rest::Kind::Day);
        let day = self.day.opens(self.limits.messages_per_day, feels, now);
        not_before([rest, day, self.starts.next(now)].into_iter().flatten().max())
    }

    /// The hold that its rest is to the engine, while nothing may start because of it.
    pub fn hold(&self, now: Timestamp) -> Option<LaneHold> {
        let rest = self.rest.as_ref().filter(|_| self.is_held(now))?;
        Some(rest.hold(self.rest_longest(rest.kind), now))
    }

    /// Does a rest keep everything from starting?
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.waits_until(now).is_some())
    }

    /// Does it rest because our address is listed or banned there?
    pub fn is_listed(&self) -> bool {
        let rule = self.rest.as_ref().and_then(|rest| self.rules.rule(&rest.cause.rule));
        rule.is_some_and(|rule| rule.listed)
    }

    /// Somebody says that the listing it rests for is over: the single message that ends every rest may go now. `false`: it
    /// does not rest for one.
    pub fn delisted(&mut self, now: Timestamp) -> bool {
        let is_listed = self.is_listed();
        if let Some(rest) = self.rest.as_mut().filter(|_| is_listed) {
            rest.until = rest.until.min(now);
        }
        is_listed
    }

    /// Do messages start as they come: no rate, no rest, no number for the day? Then it is the same whether the site hears
    /// of one now or a little later.
    pub fn is_free(&self) -> bool {
        self.spacing.is_none() && self.rest.is_none() && !self.counts_days()
    }

    /// Is the number of a day counted against a limit?
    pub fn counts_days(&self) -> bool {
        self.limits.messages_per_day.is_some() || self.day.cap().is_some()
    }

    /// A message starts.
    pub fn starting(&mut self, now: Timestamp) {
        if let Some(rest) = &mut self.rest {
            rest.starting(now);
        }
        self.day.starting(now);
        self.span.starting(now);
        if let Some(spacing) = self.spacing {
            self.starts.take(spacing, now);
        }
    }

    /// So many messages were started on that UTC day, as is known besides what was written down: the count of a day is kept
    /// with what is learned, and not with each message.
    pub fn started_besides(&mut self, day: i64, started: u32) {
        self.day.counted_besides(day, started);
    }

    /// Leave a connection after so many messages.
    pub fn per_connection(&self, now: Timestamp) -> u32 {
        self.span.messages(self.limits.per_connection, now)
    }

    /// The ceiling that keeps the next message from starting now; `None`: nothing does, or a rest or something learned.
    pub fn at_ceiling(&self, now: Timestamp) -> Option<Limit> {
        if self.is_held(now) {
            return None;
        }
        let a_day = self.limits.messages_per_day;
        if self.day.opens(a_day, false, now).is_some() {
            let most = self.day.most(a_day);
            return a_day.filter(|ceiling| most == Some(*ceiling)).map(|_| Limit::PerDay);
        }
        self.starts.next(now)?;
        let in_force = self.spacing?.interval_us();
        let mut ceilings = self.spacings_configured().into_iter().flatten();
        ceilings.find(|(_, spacing)| spacing.interval_us() == in_force).map(|(limit, _)| limit)
    }

    /// The limits that hold the lane back now: a rest first, then what was learned, then the ceilings.
    pub fn limits_in_force(&self, now: Timestamp) -> Vec<InForce> {
        // Of a probe that is due nobody can say when it is: with the next message that is more than the limit.
        let to_come = |at: Timestamp| Some(at).filter(|at| *at > now);
        let learned = |limit, kept: &Kept, ceiling: u32| {
            let (cause, since, next_probe) = (Some(kept.cause.clone()), Some(kept.since), to_come(kept.probe.at));
            (kept.value < ceiling).then_some(InForce { limit, value: kept.value, cause, since, next_probe })
        };
        let configured = |limit, value| InForce { limit, value, cause: None, since: None, next_probe: None };
        let ceilings = &self.limits;
        let mut all = Vec::new();
        if let Some(rest) = &self.rest {
            let (cause, since) = (Some(rest.cause.clone()), Some(rest.began));
            let next_probe = to_come(rest.until);
            all.push(InForce { limit: Limit::Rest, value: 0, cause, since, next_probe });
        }
        if let Some(ramp) = &self.ramp {
            let cause = self.distrusted_for();
            let (value, next_probe) = (ramp.shown(), Some(ramp.next_step()));
            all.push(InForce {
                limit: Limit::PerMinute,
                value,
                since: cause.as_ref().map(|cause| cause.at),
                cause,
                next_probe,
            });
        }
        let connections = self.width.cap().and_then(|cap| learned(Limit::Connections, cap, ceilings.connections));
        all.push(connections.unwrap_or_else(|| configured(Limit::Connections, ceilings.connections.max(1))));
        let span = self.span.learned().and_then(|span| learned(Limit::PerConnection, span, ceilings.per_connection));
        all.push(span.unwrap_or_else(|| configured(Limit::PerConnection, ceilings.per_connection.max(1))));
        if let Some(rate) = &self.rate {
            let (limit, value) = rate.shown();
            let (cause, since, next_probe) = (Some(rate.cause.clone()), Some(rate.since), to_come(rate.next_probe()));
            all.push(InForce { limit, value, cause, since, next_probe });
        }
        all.extend(ceilings.messages_per_second.map(|value| configured(Limit::PerSecond, value)));
        all.extend(ceilings.messages_per_minute.map(|value| configured(Limit::PerMinute, value)));
        all.extend(ceilings.messages_per_hour.map(|value| configured(Limit::PerHour, value)));
        let day =
            self.day.cap().and_then(|cap| learned(Limit::PerDay, cap, ceilings.messages_per_day.unwrap_or(u32::MAX)));
        all.extend(day.or_else(|| ceilings.messages_per_day.map(|value| configured(Limit::PerDay, value))));
        all
    }

    /// Why the ramp: the last thing distrust said.
    fn distrusted_for(&self) -> Option<Cause> {
        self.distrust.as_ref().map(|distrust| distrust.cause.clone())
    }

    /// The slowest of ceilings, learned rate and ramp.
    fn spacing_now(&self) -> Option<Spacing> {
        let learned = self.rate.as_ref().map(Rate::spacing);
        let ramp = self.ramp.as_ref().map(Ramp::spacing);
        let ceilings = self.spacings_configured().into_iter().flatten().map(|(_, spacing)| spacing);
        ceilings.chain(learned).chain(ramp).reduce(Spacing::slower)
    }

    /// The spacings that the ceilings ask for, those of the day aside.
    fn spacings_configured(&self) -> [Option<(Limit, Spacing)>; 3] {
        let of = |limit: Limit, messages: Option<u32>, window: Duration| {
            messages.map(|messages| (limit, Spacing::of(f64::from(messages.max(1)), window)))
        };
        let limits = &self.limits;
        [
            of(Limit::PerSecond, limits.messages_per_second, SECOND),
            of(Limit::PerMinute, limits.messages_per_minute, MINUTE),
            of(Limit::PerHour, limits.messages_per_hour, HOUR),
        ]
    }

    fn respace(&mut self, now: Timestamp) {
        self.spacing = self.spacing_now();
        if let Some(spacing) = self.spacing {
            self.starts.respaced(spacing, now);
        }
    }
}

fn not_before(at: Option<Timestamp>) -> Permit {
    at.map_or(Permit::Yes, Permit::NotBefore)
}
