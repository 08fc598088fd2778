//! A small laboratory: one lane, one server with hidden limits, virtual time. Messages take 50 to 300 ms, the server
//! counts in the middle of them, whatever is refused goes back to the queue.
//!
//! The oracle is the same lane with the hidden limits given as ceilings, changed when they change.

use super::*;
use crate::judge::{Circumstance, What, judge};
use model::{Outcome, Reply, Stage};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// 2027-01-15 08:00 UTC and a little, so that no window of the clock begins with the campaign.
pub(super) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000 + 17_300);

/// How a server counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Counting {
    /// Windows that turn with the clock.
    Clock,
    /// Windows that begin with the first message after the last.
    Anvil,
    /// Any stretch of time.
    Sliding,
}

/// What a server bears and does not tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hidden {
    pub(super) connections: u32,
    pub(super) per_connection: u32,
    /// Messages, window, how it counts.
    pub(super) rate: Option<(u32, Duration, Counting)>,
    pub(super) per_day: Option<u32>,
    /// More deferrals than this within an hour: no mail at all for four hours.
    pub(super) patience: Option<u32>,
    pub(super) rate_words: &'static str,
    /// Sessions are ended without a word instead of with a 421.
    pub(super) silent_ends: bool,
}

impl Hidden {
    pub(super) const NOTHING: Hidden = Hidden {
        connections: u32::MAX,
        per_connection: u32::MAX,
        rate: None,
        per_day: None,
        patience: None,
        rate_words: "450 4.7.0 mail from your host is rate limited, slow down",
        silent_ends: false,
    };

    /// The same, as ceilings.
    fn known(&self, ceilings: Limits) -> Limits {
        let (rate, window) = self.rate.map_or((u32::MAX, MINUTE), |(rate, window, _)| (rate, window));
        let known = rate < u32::MAX;
        let minutes = (window.as_secs() / 60).max(1) as u32;
        Limits {
            connections: ceilings.connections.min(self.connections),
            per_connection: ceilings.per_connection.min(self.per_connection),
            messages_per_minute: (known && window < HOUR).then_some(rate / minutes),
            messages_per_hour: (known && window >= HOUR).then_some(rate),
            messages_per_day: self.per_day,
            ..ceilings
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Ran {
    pub(super) took: Duration,
    pub(super) deferred: u32,
    pub(super) blocks: u32,
    pub(super) story: Vec<String>,
    pub(super) accepted: u32,
}

/// A reply as it is written down: `450 4.7.1 too fast`.
pub(super) fn said(words: &str) -> Reply {
    let (code, text) = words.split_once(' ').unwrap();
    Reply::new(code.parse().unwrap(), text)
}

struct Server {
    hidden: Hidden,
    open: u32,
    taken: VecDeque<Timestamp>,
    window_began: Timestamp,
    in_window: u32,
    day: (i64, u32),
    deferrals: VecDeque<Timestamp>,
    blocked_until: Timestamp,
    blocks: u32,
}

impl Server {
    fn greets(&mut self, now: Timestamp) -> Option<&'static str> {
        if self.open >= self.hidden.connections {
            return self.refuses(now, "421 4.7.0 too many concurrent connections from your host");
        }
        self.open += 1;
        None
    }

    fn takes(&mut self, carried: u32, now: Timestamp) -> Option<&'static str> {
        if now < self.blocked_until {
            return self.refuses(now, "421 4.7.0 [TSS04] mail from 192.0.2.7 put off for complaints");
        }
        if carried >= self.hidden.per_connection {
            return self.refuses(now, "421 4.7.0 maximum messages on this connection, open another");
        }
        let today = now.day();
        if self.day.0 != today {
            self.day = (today, 0);
        }
        if self.hidden.per_day.is_some_and(|cap| self.day.1 >= cap) {
            return self.refuses(now, "450 4.7.1 the daily limit for your address is reached");
        }
        if let Some((limit, window, counting)) = self.hidden.rate
            && self.in_window(window, counting, now) >= limit
        {
            return self.refuses(now, self.hidden.rate_words);
        }
        self.day.1 += 1;
        self.in_window += 1;
        self.taken.push_back(now);
        None
    }

    fn in_window(&mut self, window: Duration, counting: Counting, now: Timestamp) -> u32 {
        let ms = window.as_millis() as i64;
        match counting {
            Counting::Sliding => {
                while self.taken.front().is_some_and(|at| now.since(*at) >= window) {
                    self.taken.pop_front();
                }
                return self.taken.len() as u32;
            }
            Counting::Clock => {
                let turned = Timestamp::from_millis(now.as_millis() / ms * ms);
                if self.window_began != turned {
                    (self.window_began, self.in_window) = (turned, 0);
                }
            }
            Counting::Anvil => {
                if now.since(self.window_began) >= window {
                    (self.window_began, self.in_window) = (now, 0);
                }
            }
        }
        self.taken.clear();
        self.in_window
    }

    fn refuses(&mut self, now: Timestamp, words: &'static str) -> Option<&'static str> {
        self.deferrals.push_back(now);
        while self.deferrals.front().is_some_and(|at| now.since(*at) >= HOUR) {
            self.deferrals.pop_front();
        }
        let over = self.hidden.patience.is_some_and(|patience| self.deferrals.len() as u32 > patience);
        if over && now >= self.blocked_until {
            self.blocked_until = now + HOUR * 4;
            self.blocks += 1;
        }
        Some(words)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Greeting(u32),
    Counted(u32),
    Heard(u32),
    Wake,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    carried: u32,
    busy: bool,
    refusal: Option<&'static str>,
    greeted: bool,
    doomed: bool,
}

struct Lab {
    pace: Pace,
    ceilings: Limits,
    oracle: bool,
    server: Server,
    changes: VecDeque<(Duration, Hidden)>,
    sessions: Vec<Option<Session>>,
    events: BinaryHeap<Reverse<(Timestamp, u64, Step)>>,
    order: u64,
    seed: u64,
    waiting: u32,
    wake_at: Timestamp,
    ran: Ran,
}

/// Sends `messages` to a server whose hidden limits change at the given times.
pub(super) fn run(pace: Pace, ceilings: Limits, messages: u32, phases: &[(Duration, Hidden)], oracle: bool) -> Ran {
    let (_, first) = phases[0];
    let server = Server {
        hidden: first,
        open: 0,
        taken: VecDeque::new(),
        window_began: Timestamp::default(),
        in_window: 0,
        day: (0, 0),
        deferrals: VecDeque::new(),
        blocked_until: Timestamp::default(),
        blocks: 0,
    };
    let mut lab = Lab {
        pace,
        ceilings,
        oracle,
        server,
        changes: phases[1..].iter().copied().collect(),
        sessions: Vec::new(),
        events: BinaryHeap::new(),
        order: 0,
        seed: 0x9E37_79B9_7F4A_7C15,
        waiting: messages,
        wake_at: Timestamp::MAX,
        ran: Ran::default(),
    };
    if oracle {
        lab.pace = Pace::new(first.known(ceilings));
    }
    lab.run(messages)
}

impl Lab {
    fn run(mut self, messages: u32) -> Ran {
        let mut now = START;
        self.act(now);
        while self.ran.accepted < messages {
            let Some(Reverse((at, _, step))) = self.events.pop() else {
                panic!("deadlock at {now:?}: {:?}", self.pace)
            };
            assert!(at >= now && at.since(START) < HOUR * 24 * 60, "time stands or runs away");
            now = at;
            self.change_if_due(now);
            match step {
                Step::Greeting(n) => self.greeting(n, now),
                Step::Counted(n) => self.counted(n, now),
                Step::Heard(n) => self.heard(n, now),
                Step::Wake => self.wake_at = Timestamp::MAX,
            }
            self.act(now);
        }
        Ran { took: now.since(START), blocks: self.server.blocks, ..self.ran }
    }

    fn change_if_due(&mut self, now: Timestamp) {
        if let Some((at, hidden)) = self.changes.front().copied()
            && now.since(START) >= at
        {
            self.changes.pop_front();
            self.server.hidden = hidden;
            if self.oracle {
                self.pace.set_limits(hidden.known(self.ceilings), now);
            }
        }
    }

    fn chance(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn schedule(&mut self, at: Timestamp, step: Step) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, step)));
    }

    fn open(&self) -> u32 {
        self.sessions.iter().flatten().count() as u32
    }

    /// Starts what may start: messages on idle sessions, then new sessions.
    fn act(&mut self, now: Timestamp) {
        for n in 0..self.sessions.len() {
            let Some(session) = self.sessions[n].filter(|session| session.greeted && !session.busy) else { continue };
            let held = matches!(self.pace.rest, Some(ref rest) if rest.until > now);
            let idle = self.waiting == 0;
            if session.carried >= self.pace.per_connection(now) || session.doomed || held || idle {
                self.close(n);
                continue;
            }
            match self.pace.may_start(now) {
                Permit::Yes => {
                    self.pace.starting(now);
                    self.waiting -= 1;
                    let latency = 50 + self.chance() % 251;
                    self.sessions[n] = Some(Session { busy: true, ..session });
                    self.schedule(now + Duration::from_millis(latency / 2), Step::Counted(n as u32));
                    self.schedule(now + Duration::from_millis(latency), Step::Heard(n as u32));
                }
                Permit::NotBefore(at) => self.wake(at, now),
                Permit::WhenOneEnds => {}
            }
        }
        let idle = self.sessions.iter().flatten().filter(|session| !session.busy).count() as u32;
        let mut spare = self.waiting.saturating_sub(idle);
        while spare > 0 && idle == 0 {
            match self.pace.may_connect(self.open(), now) {
                Permit::Yes => {
                    self.pace.connecting(now);
                    let latency = Duration::from_millis(50 + self.chance() % 251);
                    let session = Session { carried: 0, busy: false, refusal: None, greeted: false, doomed: false };
                    let n = self.sessions.iter().position(Option::is_none).unwrap_or(self.sessions.len());
                    if n == self.sessions.len() {
                        self.sessions.push(None);
                    }
                    self.sessions[n] = Some(session);
                    self.schedule(now + latency, Step::Greeting(n as u32));
                    spare -= 1;
                }
                Permit::NotBefore(at) => {
                    self.wake(at, now);
                    break;
                }
                Permit::WhenOneEnds => break,
            }
        }
    }

    fn wake(&mut self, at: Timestamp, now: Timestamp) {
        assert!(at > now && at <= now + HOUR * 25, "a permit for {at:?} at {now:?}");
        if at < self.wake_at {
            self.wake_at = at;
            self.schedule(at, Step::Wake);
        }
    }

    fn close(&mut self, n: usize) {
        self.sessions[n] = None;
        self.server.open -= 1;
    }

    fn greeting(&mut self, n: u32, now: Timestamp) {
        match self.server.greets(now) {
            None => {
                if let Some(session) = &mut self.sessions[n as usize] {
                    session.greeted = true;
                }
            }
            Some(words) => {
                self.hears(words, Stage::Greeting, 0, true, now);
                self.sessions[n as usize] = None;
            }
        }
    }

    fn counted(&mut self, n: u32, now: Timestamp) {
        let carried = self.sessions[n as usize].map_or(0, |session| session.carried);
        let refusal = self.server.takes(carried, now);
        if let Some(session) = &mut self.sessions[n as usize] {
            session.refusal = refusal;
        }
    }

    fn heard(&mut self, n: u32, now: Timestamp) {
        let Some(mut session) = self.sessions[n as usize] else { return };
        session.busy = false;
        match session.refusal.take() {
            None => {
                let carried = session.carried;
                session.carried += 1;
                self.ran.accepted += 1;
                self.hears("250 2.0.0 taken", Stage::Final, carried, false, now);
            }
            Some(words) => {
                self.waiting += 1;
                session.doomed = self.hears(words, Stage::Mail, session.carried, false, now);
            }
        }
        self.sessions[n as usize] = Some(session);
    }

    fn hears(&mut self, words: &str, stage: Stage, in_session: u32, opening: bool, now: Timestamp) -> bool {
        let silent = self.server.hidden.silent_ends && words.contains("on this connection");
        let judged = |what| judge(RulePack::shipped(), &Circumstance { stage, provider: None, what });
        let verdict = match (silent, stage) {
            (true, _) => judged(What::Disconnected),
            (false, Stage::Final) => Verdict::accepted(),
            (false, _) => judged(What::Reply(&said(words))),
        };
        let heard = Heard {
            verdict: &verdict,
            reply: (!silent).then_some(words),
            open: self.open(),
            in_session,
            opening,
            idle_cap: self.waiting > 0,
        };
        let response = self.pace.heard(&heard, now);
        if verdict.outcome != Outcome::Accepted {
            self.ran.deferred += 1;
        }
        for change in response.changes {
            self.ran.story.push(format!("{:>7.1} min  {change}", now.since(START).as_secs_f64() / 60.0));
        }
        response.leave || silent
    }
}
