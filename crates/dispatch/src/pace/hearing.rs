//! What was heard, sorted by what it is about, and what is made of it.
//!
//! Apart from the questions in `mod` because this is where all changes happen. Invariant: whatever is heard in whatever
//! order, the lane can go on at some time in the future.

use super::rate::{Episode, HOURLY_AT_MOST, Rate, feels_at};
use super::rest::{Kind, Rest};
use super::width::Crowded;
use super::{Cause, Change, Heard, Limit, Pace, Ramp, Response};
use crate::lever::Lever;
use crate::react::LaneHold;
use model::{Category, Outcome, Scope, Stage, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Failures without a word in a row, before a site that nobody answers at rests.
const SILENT_MAX: u32 = 3;
/// Somebody was accepted so recently: the site as a whole is well.
const WELL: Duration = Duration::from_secs(60);
/// A lane that was well rests so long for trouble first.
const SHORT_REST: Duration = Duration::from_secs(60);
/// Distrust met again so soon doubles the rest.
const DISTRUST_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Distrust met lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Distrust {
    strikes: u32,
    at: Timestamp,
    pub(super) cause: Cause,
}

impl Distrust {
    /// Does it still double the next rest?
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        now.since(self.at) < DISTRUST_LASTS
    }
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// A message that was taken, or refused for its own or its recipient's sake: the lane may go on.
    Taken,
    /// This connection has carried enough.
    Span,
    /// The session ended without a clear word, after messages that were taken.
    Ended,
    /// Too many connections.
    Width,
    /// The lane has to rest.
    Rest(Kind),
    /// Nobody answered, or the line broke, before a message or after its end.
    Silence,
    /// Nothing was said for it: their server does not offer what this one message needs.
    Unasked,
}

impl Pace {
    /// Learns from what was heard.
    pub fn heard(&mut self, heard: &Heard<'_>, now: Timestamp) -> Response {
        let about = self.sorted(heard, now);
        let mut response = match about {
            About::Taken => self.taken(heard, now),
            About::Span => self.with_cause(heard, now, |pace, cause, per_hour| {
                pace.span.enough(heard.in_session, cause, now, per_hour)
            }),
            About::Ended => self.with_cause(heard, now, |pace, cause, per_hour| {
                pace.span.ended(heard.in_session, cause, now, per_hour)
            }),
            About::Width => self.crowded(heard, now),
            About::Rest(kind) => self.rests(kind, heard, now),
            About::Silence => self.silence(heard, now),
            About::Unasked => self.unasked(),
        };
        let refused = heard.verdict.outcome != Outcome::Accepted;
        let closes = heard.reply.is_some_and(|reply| reply.starts_with("421"));
        response.leave |= refused && (closes || heard.opening || about == About::Span);
        response.listed = refused && self.rules.is_listing(heard.verdict);
        if refused && !matches!(about, About::Taken | About::Unasked) {
            self.confirmed_at = now;
        }
        response
    }

    fn sorted(&self, heard: &Heard<'_>, now: Timestamp) -> About {
        let verdict = heard.verdict;
        match verdict.outcome {
            Outcome::Accepted => return About::Taken,
            // Whoever takes messages and does not say so had better not get many.
            Outcome::InDoubt => return About::Silence,
            Outcome::Deferred | Outcome::Hard | Outcome::Blocked => {}
        }
        let midway = heard.in_session > 0 && matches!(verdict.stage, Stage::Mail | Stage::Rcpt | Stage::Any);
        // Nobody refuses for good without a word: it is we who know that it cannot go there.
        if heard.reply.is_none() && verdict.outcome != Outcome::Deferred {
            return About::Unasked;
        }
        let is_wordless = matches!(verdict.category, Category::NetworkFailure | Category::ProtocolError);
        if is_wordless && heard.reply.is_none() {
            return if midway && verdict.rule == "line-lost" { About::Ended } else { About::Silence };
        }
        match self.rules.lever_of(verdict) {
            Lever::PerConnection if heard.in_session > 0 => About::Span,
            Lever::PerConnection | Lever::Rate => About::Rest(Kind::Rate),
            Lever::Connections => About::Width,
            Lever::DayCap => About::Rest(Kind::Day),
            Lever::Reputation => About::Rest(Kind::Reputation),
            Lever::Recipient => About::Taken,
            Lever::None => self.sorted_without_lever(heard, midway, now),
        }
    }

    fn sorted_without_lever(&self, heard: &Heard<'_>, midway: bool, now: Timestamp) -> About {
        let verdict = heard.verdict;
        let vague = matches!(verdict.category, Category::ReceiverError | Category::Unknown);
        if midway && vague && heard.reply.is_some_and(|reply| reply.starts_with("421")) {
            return About::Ended;
        }
        let of_the_lane = matches!(verdict.scope, Scope::Source | Scope::Site | Scope::Identity);
        if !of_the_lane || self.rules.hold_of(verdict).is_none() {
            return About::Taken;
        }
        // Refused at the door while the others are served: there are too many of us, whatever they call it.
        let others_are_served = self.accepted_at.is_some_and(|at| now.since(at) < WELL) && heard.open > 1;
        if heard.opening && vague && others_are_served { About::Width } else { About::Rest(Kind::Trouble) }
    }

    /// Something was taken, or refused for reasons of its own.
    fn taken(&mut self, heard: &Heard<'_>, now: Timestamp) -> Response {
        let mut response = Response::default();
        self.silent = 0;
        let accepted = heard.verdict.outcome == Outcome::Accepted;
        if self.rest.as_ref().is_some_and(|rest| rest.until <= now)
            && let Some(rest) = self.rest.take()
        {
            self.rested(*rest, now, &mut response.changes);
            // The next process need not feel the way once more.
            response.steps = true;
        }
        self.counts.add(now);
        if accepted {
            self.accepted_at = Some(now);
            let fresh = heard.in_session == 0;
            response.changes.extend(self.width.accepted(heard.open, fresh, now));
            response.changes.extend(self.span.accepted(heard.in_session.saturating_add(1), now));
        }
        response.changes.extend(self.day.taken(now));
        if self.rest.is_none() && heard.idle_cap {
            let is_settled = |pace: &Pace| pace.rate.as_ref().map(Rate::is_settled);
            let before = (self.ramp, is_settled(self));
            self.faster(now, &mut response.changes);
            response.steps |= (self.ramp, is_settled(self)) != before;
        }
        response
    }

    /// All is quiet: is a step up due?
    fn faster(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        if let Some(ramp) = &mut self.ramp {
            match ramp.taken(now) {
                Some(false) => return,
                Some(true) => {}
                None => self.ramp = None,
            }
            self.respace(now);
        } else if let Some(change) = self.rate.as_mut().and_then(|rate| rate.taken(&self.counts, now)) {
            changes.push(change);
            self.respace(now);
        }
    }

    fn with_cause(
        &mut self,
        heard: &Heard<'_>,
        now: Timestamp,
        learn: impl FnOnce(&mut Pace, &Cause, f64) -> Option<Change>,
    ) -> Response {
        let cause = Cause::of(heard.verdict, heard.reply, now);
        let per_hour = self.counts.within(super::HOUR, now);
        let changes = learn(self, &cause, per_hour).into_iter().collect();
        // A session that ends is an answer too: what felt the way has arrived there.
        Response { changes, hold: self.standing_hold(now), ..Response::default() }
    }

    fn crowded(&mut self, heard: &Heard<'_>, now: Timestamp) -> Response {
        let cause = Cause::of(heard.verdict, heard.reply, now);
        let per_hour = self.counts.within(super::HOUR, now);
        match self.width.crowded(heard.open, &cause, now, per_hour) {
            Crowded::NotEvenOne => self.rests(Kind::Door, heard, now),
            Crowded::Known => Response { hold: self.standing_hold(now), ..Response::default() },
            Crowded::Learned(change) => {
                Response { changes: vec![change], hold: self.standing_hold(now), ..Response::default() }
            }
        }
    }

    fn silence(&mut self, heard: &Heard<'_>, now: Timestamp) -> Response {
        self.width.failed();
        self.silent = self.silent.saturating_add(1);
        let feels = self.rest.as_ref().is_some_and(|rest| rest.until <= now);
        let dead = self.silent >= SILENT_MAX.max(heard.open);
        if feels || dead { self.rests(Kind::Silence, heard, now) } else { Response::default() }
    }

    /// The server heard nothing, so nothing is learned; and if this one was to feel the way, the next one does.
    fn unasked(&mut self) -> Response {
        if let Some(rest) = &mut self.rest {
            rest.probing = None;
        }
        Response::default()
    }

    fn standing_hold(&self, now: Timestamp) -> Option<LaneHold> {
        self.rest.as_ref().map(|rest| rest.hold(self.rest_longest(rest.kind), now))
    }

    /// The lane rests, or goes on resting.
    fn rests(&mut self, kind: Kind, heard: &Heard<'_>, now: Timestamp) -> Response {
        let cause = Cause::of(heard.verdict, heard.reply, now);
        let mut changes = Vec::new();
        // Where their day began before ours, it ends before ours does.
        let ends_sooner = kind == Kind::Day && self.day.began_before_ours(now);
        if kind == Kind::Day {
            changes.extend(self.day.enough(&cause, now));
        }
        let resting = self.rest.as_ref().is_some_and(|rest| rest.until > now);
        let graver = self.rest.as_ref().is_none_or(|rest| kind.is_graver_than(rest.kind));
        if resting && !graver {
            // Said to a message that was under way when the rest began.
            return Response { changes, hold: self.standing_hold(now), ..Response::default() };
        }
        let began = self.rest.as_ref().filter(|rest| rest.kind == kind).map_or(now, |rest| rest.began);
        let until = self.usual_end(kind, heard, began, &cause, now);
        let strikes = if kind == Kind::Reputation { self.distrust_met(&cause, now) } else { u32::from(ends_sooner) };
        match &mut self.rest {
            Some(rest) if rest.kind == kind || kind == Kind::Silence => {
                rest.prolonged(heard.verdict, cause, until, now);
            }
            _ => {
                let rest = Rest::begun(kind, heard.verdict, cause, strikes, until, self.rules, now);
                self.rest = Some(Box::new(rest));
            }
        }
        let longest = self.rest_longest(kind);
        if let Some(rest) = &mut self.rest {
            rest.until = rest.until.min(now + longest);
            changes.push(rest.change(now));
        }
        Response { changes, hold: self.standing_hold(now), ..Response::default() }
    }

    /// When a rest of this kind ends, where that is not simply doubled.
    fn usual_end(
        &self,
        kind: Kind,
        heard: &Heard<'_>,
        began: Timestamp,
        cause: &Cause,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let was_well = self.accepted_at.is_some_and(|at| now.since(at) < WELL);
        match kind {
            Kind::Rate => Some(feels_at(self.rate.as_ref(), began, &cause.words, now)),
            Kind::Trouble if was_well && heard.verdict.category == Category::ReceiverError => Some(now + SHORT_REST),
            _ => None,
        }
    }

    /// How often in a row, this time included, less one.
    fn distrust_met(&mut self, cause: &Cause, now: Timestamp) -> u32 {
        let before = self.distrust.take().filter(|before| before.lasts(now));
        let strikes = before.map_or(0, |before| before.strikes.saturating_add(1));
        self.distrust = Some(Distrust { strikes, at: now, cause: cause.clone() });
        self.ramp = None;
        strikes
    }

    /// The message that felt the way was taken: the lane goes on, wiser.
    fn rested(&mut self, rest: Rest, now: Timestamp, changes: &mut Vec<Change>) {
        match rest.kind {
            Kind::Rate => self.rate_found(&rest, now, changes),
            Kind::Reputation => {
                self.width.start_again();
                let ramp = Ramp::begun(now);
                let (cause, next_probe) = (Some(rest.cause), Some(ramp.next_step()));
                let to = Some(ramp.shown());
                changes.push(Change { limit: Limit::PerMinute, from: None, to, cause, at: now, next_probe });
                self.ramp = Some(ramp);
                self.begin_again(now);
            }
            Kind::Day => self.day.turned(),
            Kind::Trouble | Kind::Silence | Kind::Door => self.width.start_again(),
        }
    }

    fn rate_found(&mut self, rest: &Rest, now: Timestamp, changes: &mut Vec<Change>) {
        let hourly = super::rate::window_named(&rest.cause.words).is_some() || self.rate.is_some();
        if !hourly && now.since(rest.began) > HOURLY_AT_MOST && now.day() != rest.began.day() {
            changes.extend(self.day.was_enough(&rest.cause, now));
            return;
        }
        let episode = Episode { began: rest.began, ended: now, cause: &rest.cause };
        let (rate, change) = Rate::learned(self.rate.take(), &episode, &self.counts);
        self.rate = Some(rate);
        changes.push(change);
        self.begin_again(now);
    }

    /// The message that felt the way is the first under the new spacing.
    fn begin_again(&mut self, now: Timestamp) {
        self.spacing = self.spacing_now();
        if let Some(spacing) = self.spacing {
            self.starts.begun_again(spacing, now);
        }
    }
}

impl Kind {
    /// Does it replace a rest of the other kind that is not over yet?
    fn is_graver_than(self, other: Kind) -> bool {
        let weight = |kind| match kind {
            Kind::Silence | Kind::Door => 0,
            Kind::Trouble | Kind::Rate => 1,
            Kind::Day => 2,
            Kind::Reputation => 3,
        };
        weight(self) > weight(other)
    }
}
