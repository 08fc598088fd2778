//! Pacing: how many connections a lane may hold, how many messages each carries and how fast they start, within the
//! provider's ceilings and as learned from the replies heard.
//!
//! A lane is one source toward one site. It asks [`Pace::may_connect`] and [`Pace::may_start`] before it acts, says
//! [`Pace::connecting`] and [`Pace::starting`] when it does, and hands in everything it hears; what comes back is
//! whether to rest, whether to leave the session, and what changed.
//!
//! Invariants: no ceiling is ever exceeded, whatever is heard; a permit that names a time names one in the future.

mod story;

pub use story::{Cause, Change, InForce, Limit, WORDS_CHARS_MAX};

use crate::lever::Lever;
use crate::providers::Limits;
use crate::react::{LaneHold, shipped_hold};
use crate::retry::Schedule;
use crate::rules::RulePack;
use model::{Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// May something begin?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Yes,
    /// Not before then; the time is in the future.
    NotBefore(Timestamp),
    /// When one of the lane's connections has ended.
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
    /// The source is on a blocklist there or banned: take it out of the pool for this provider.
    pub listed: bool,
}

/// What a lane has learned, as it is kept between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Messages a connection may carry.
    pub per_connection: Option<u32>,
}

/// One lane's pacing.
#[derive(Clone, Debug)]
pub struct Pace {
    limits: Limits,
    rules: &'static RulePack,
    per_connection: Option<u32>,
    next_connect_at: Option<Timestamp>,
    next_message_at: Option<Timestamp>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Pace {
    /// A lane nothing is known about yet, within these ceilings.
    pub fn new(limits: Limits) -> Pace {
        let rules = RulePack::shipped();
        Pace { limits, rules, per_connection: None, next_connect_at: None, next_message_at: None }
    }

    /// A lane as it was left.
    pub fn restore(limits: Limits, memory: &Memory, _now: Timestamp) -> Pace {
        Pace { per_connection: memory.per_connection, ..Pace::new(limits) }
    }

    /// The same, its replies read by other rules than the shipped ones.
    #[must_use]
    pub fn ruled_by(self, rules: &'static RulePack) -> Pace {
        Pace { rules, ..self }
    }

    /// What is worth keeping; `None` when nothing was learned.
    pub fn memory(&self) -> Option<Memory> {
        self.per_connection.map(|per_connection| Memory { per_connection: Some(per_connection) })
    }

    /// May one more connection be opened beside the `open` ones?
    pub fn may_connect(&self, open: u32, now: Timestamp) -> Permit {
        if open >= self.limits.connections.max(1) {
            return Permit::WhenOneEnds;
        }
        not_before(self.next_connect_at, now)
    }

    /// A connection is being opened.
    pub fn connecting(&mut self, now: Timestamp) {
        self.next_connect_at = Some(now + MINUTE / self.limits.connects_per_minute.max(1));
    }

    /// May a message start?
    pub fn may_start(&self, now: Timestamp) -> Permit {
        not_before(self.next_message_at, now)
    }

    /// A message starts.
    pub fn starting(&mut self, now: Timestamp) {
        self.next_message_at = self.limits.messages_per_minute.map(|rate| now + MINUTE / rate.max(1));
    }

    /// Leave a connection after so many messages.
    pub fn per_connection(&self, _now: Timestamp) -> u32 {
        self.per_connection.unwrap_or(u32::MAX).min(self.limits.per_connection).max(1)
    }

    /// Learns from what was heard.
    pub fn heard(&mut self, heard: &Heard<'_>, now: Timestamp) -> Response {
        let hold = shipped_hold(heard.verdict, now, &Schedule::shipped());
        let lever = self.rules.lever_of(heard.verdict);
        let leave = lever == Lever::PerConnection || heard.reply.is_some_and(|reply| reply.starts_with("421"));
        Response { hold, leave, ..Response::default() }
    }

    /// The limits that hold the lane back now.
    pub fn limits_in_force(&self, _now: Timestamp) -> Vec<InForce> {
        let of = |limit, value| InForce { limit, value, cause: None, since: None, next_probe: None };
        vec![of(Limit::Connections, self.limits.connections), of(Limit::PerConnection, self.limits.per_connection)]
    }
}

fn not_before(at: Option<Timestamp>, now: Timestamp) -> Permit {
    at.filter(|at| *at > now).map_or(Permit::Yes, Permit::NotBefore)
}
