//! A receiving provider's mind: what it answers, decided from its profile, the time and what it has seen.
//!
//! Pure: the time is handed in, chance is a function of the seed ([`crate::chance`]), and nothing is read or written.
//! So one and the same receiver stands behind the in-memory network on virtual time and behind real sockets. What it
//! decides is carried out by [`crate::session`].
//!
//! It remembers per source address (open connections, connections and messages of this minute, hour and day, first
//! contacts), per From domain (accepted and complained about), and per pair of the two (thirty days, from which its
//! opinion comes), each bounded.

mod meter;
mod standing;

pub(crate) use standing::Sign;

use crate::chance::Chance;
use crate::fault::Rave;
use crate::ledger::{Check, Checks, Folder};
use crate::provider::{Condition, Limits, Profile, ReplyTemplate, Served, Treatment, Words, in_force};
use meter::{Full, Meter};
use model::{Reply, Timestamp};
use standing::{Standing, Treated};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// First contacts remembered by one receiver; beyond it the first in order is forgotten.
const CONTACTS_MAX: usize = 500_000;
/// Recipients whose tries are counted, because their mailbox has a story.
const STORIES_MAX: usize = 100_000;
/// From domains whose history is kept.
const HISTORIES_MAX: usize = 10_000;
/// Source addresses that are remembered.
const SOURCES_MAX: usize = 10_000;
/// Long blocks that are listed.
const BLOCKS_MAX: usize = 10_000;
/// Tries that meet a `busy` mailbox before it takes mail again.
const BUSY_TRIES: u32 = 2;
/// Complaints in accepted mail beyond which a From domain's mail is foldered as spam, and how many it takes at least.
const COMPLAINT_SHARE_MAX: f64 = 0.003;
const COMPLAINTS_MIN: u32 = 3;

/// What a receiver does next toward the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answers.
    Say(Reply),
    /// Answers and closes the connection.
    SayAndClose(Reply),
    /// Says nothing any more, and keeps the line open.
    Mute,
    /// Closes the connection without a word.
    Cut,
    /// Says something that is no answer, until the client has gone.
    Rave(Rave),
}

/// An action and how long the receiver takes to get to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it does.
    pub action: Action,
    /// After how long.
    pub after: Duration,
}

/// One client's connection, as the receiver sees it.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The client's address.
    pub peer: IpAddr,
    /// The name of the server it reached.
    pub host: Arc<str>,
    /// What it called itself.
    pub helo: String,
    /// Is the line encrypted?
    pub encrypted: bool,
    /// The envelope sender of the transaction.
    pub return_path: String,
    /// The recipients taken in this transaction, each with the state of its mailbox.
    pub recipients: Vec<(String, Condition)>,
    /// Messages this connection has carried.
    pub messages: u32,
    /// Messages it has begun.
    pub begun: u32,
    admitted: bool,
}

impl Visit {
    /// A connection just opened from `peer` to `host`.
    pub fn new(peer: IpAddr, host: Arc<str>) -> Visit {
        Visit {
            peer,
            host,
            helo: String::new(),
            encrypted: false,
            return_path: String::new(),
            recipients: Vec::new(),
            messages: 0,
            begun: 0,
            admitted: false,
        }
    }

    /// The transaction is over, or was called off.
    pub(crate) fn forget_transaction(&mut self) {
        self.return_path.clear();
        self.recipients.clear();
    }
}

/// What a receiver decided about a complete message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reception {
    /// What the client gets to hear.
    pub answer: Answer,
    /// Each recipient's copy and its folder; empty when it was refused.
    pub copies: Vec<(String, Folder)>,
}

/// How far authentication is insisted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insistence {
    /// Always, as real receivers do.
    Always,
    /// Only for From domains that the simulated DNS knows: on loopback, mail from elsewhere cannot be judged.
    KnownDomains,
}

/// One receiving provider at work.
#[derive(Debug)]
pub struct Receiver {
    profile: Arc<Profile>,
    served: BTreeSet<String>,
    chance: Chance,
    insistence: Insistence,
    time_scale: u32,
    began: Timestamp,
    sources: BTreeMap<IpAddr, Source>,
    domains: BTreeMap<String, Meter>,
    standings: BTreeMap<(IpAddr, String), Standing>,
    contacts: BTreeMap<(IpAddr, String), Timestamp>,
    stories: BTreeMap<String, u32>,
    histories: BTreeMap<String, History>,
    blocks: Vec<Block>,
    refusals: u64,
    taken: u64,
}

/// What is remembered of a source address.
#[derive(Clone, Debug, Default)]
struct Source {
    open: u32,
    connects: Meter,
    messages: Meter,
    refusals: Meter,
    blocked_until: Option<Timestamp>,
}

/// A long block: a source that was refused altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose.
    pub source: IpAddr,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What led to it.
    pub why: BlockedFor,
}

/// What leads to a long block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedFor {
    /// Too many tries beyond the limits.
    Insisting,
    /// Complaints, unknown people, volume.
    Reputation,
}

#[derive(Clone, Copy, Debug, Default)]
struct History {
    accepted: u32,
    complaints: u32,
}

impl Receiver {
    /// A receiver that has seen nobody yet and begins its work at `began`. `time_scale` is how much faster than the
    /// world its clock runs: waits it asks for in words are divided by it.
    pub fn new(
        profile: Arc<Profile>,
        chance: Chance,
        insistence: Insistence,
        time_scale: u32,
        began: Timestamp,
    ) -> Receiver {
        Receiver {
            served: profile.domains.iter().map(Served::ascii).collect(),
            profile,
            chance,
            insistence,
            time_scale: time_scale.max(1),
            began,
            sources: BTreeMap::new(),
            domains: BTreeMap::new(),
            standings: BTreeMap::new(),
            contacts: BTreeMap::new(),
            stories: BTreeMap::new(),
            histories: BTreeMap::new(),
            blocks: Vec::new(),
            refusals: 0,
            taken: 0,
        }
    }

    /// Its profile.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// How many connections are open from `peer`.
    pub fn open_from(&self, peer: IpAddr) -> u32 {
        self.sources.get(&peer).map_or(0, |source| source.open)
    }

    /// Its limits at this moment.
    pub fn limits(&self, now: Timestamp) -> Limits {
        in_force(self.profile.limits, &self.profile.moods, now.since(self.began))
    }

    /// How often it refused something because of a limit, or altogether.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The long blocks so far, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// A client connected: the greeting, or a refusal at the door. `list` is a blocklist it asks and the client is on.
    pub fn connected(&mut self, now: Timestamp, visit: &mut Visit, list: Option<&str>) -> Answer {
        let (profile, limits) = (Arc::clone(&self.profile), self.limits(now));
        let words = &profile.replies;
        let source = self.source(visit.peer);
        let too_fast = source.connects.full(now, [limits.connects_per_minute, None, None]).is_some();
        let refusal = if profile.manners.refuse_at_connect {
            Some(&words.listed)
        } else if list.is_some() {
            Some(&words.on_list)
        } else if source.blocked_until.is_some_and(|until| now < until) {
            Some(&words.blocked)
        } else if source.open >= limits.connections {
            Some(&words.too_many_connections)
        } else if too_fast {
            Some(&words.connecting_too_fast)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refusals += 1;
            if *refusal == words.too_many_connections || *refusal == words.connecting_too_fast {
                self.lose_patience(now, visit.peer);
            }
            let left_s = Full::Minute.left_s(now);
            return self.close(self.fill_with(refusal, visit, "", Values { list, left_s, ..Values::default() }));
        }
        source.open += 1;
        source.connects.count(now);
        visit.admitted = true;
        self.say(self.fill(&words.greeting, visit, ""))
    }

    /// The connection is gone, whoever closed it.
    pub(crate) fn disconnected(&mut self, visit: &Visit) {
        if let Some(source) = self.sources.get_mut(&visit.peer).filter(|_| visit.admitted) {
            source.open = source.open.saturating_sub(1);
        }
    }

    /// Something that needs no thought: the ordinary reply, at this receiver's pace.
    pub fn usual(&self, reply: Reply) -> Answer {
        self.say(reply)
    }

    /// MAIL FROM: `usual`, or too much, too fast, in clear.
    pub fn mail(&mut self, now: Timestamp, visit: &mut Visit, from: &str, usual: Reply) -> Answer {
        visit.forget_transaction();
        let (profile, limits) = (Arc::clone(&self.profile), self.limits(now));
        let words = &profile.replies;
        if profile.tls.required && !visit.encrypted {
            return self.say(self.fill(&words.plaintext, visit, ""));
        }
        if visit.messages >= limits.messages_per_connection {
            self.refusals += 1;
            return self.close(self.fill(&words.too_many_messages, visit, ""));
        }
        if let Some((refusal, full)) = self.too_much(now, visit.peer, domain_of(from), &limits) {
            self.refusals += 1;
            self.lose_patience(now, visit.peer);
            let values = Values { left_s: full.left_s(now), limits: Some(limits), ..Values::default() };
            return self.say(self.fill_with(refusal(words), visit, "", values));
        }
        visit.return_path = from.to_owned();
        self.say(usual)
    }

    /// What says that there is no room for another message of this source now, and which window is full.
    fn too_much(&mut self, now: Timestamp, peer: IpAddr, domain: &str, limits: &Limits) -> Option<(Saying, Full)> {
        let slowed = self.treated(now, peer, domain) >= Treated::Slowly;
        let share = self.profile.regard.filter(|_| slowed).map_or(1.0, |regard| regard.slowed_share);
        // At least one of each, or the sender could never do better.
        let left = |limit: u32| ((f64::from(limit) * share) as u32).max(1);
        let (per_hour, per_day) = (limits.messages_per_hour.map(left), limits.messages_per_day.map(left));
        let full = self.source(peer).messages.full(now, [Some(left(limits.messages_per_minute)), per_hour, per_day])?;
        let saying: Saying = match full {
            _ if slowed => |words| &words.slowed,
            Full::Minute => |words| &words.too_fast,
            Full::Hour => |words| &words.hour_full,
            Full::Day => |words| &words.day_full,
        };
        Some((saying, full))
    }

    /// RCPT TO: `usual`, or why this person cannot be written to, now or ever.
    pub fn rcpt(&mut self, now: Timestamp, visit: &mut Visit, to: &str, usual: Reply) -> Answer {
        let (local, domain) = to.rsplit_once('@').unwrap_or((to, ""));
        let (key, domain) = (to.to_lowercase(), ascii_domain(domain));
        let profile = Arc::clone(&self.profile);
        let words = &profile.replies;
        if !self.served.contains(&domain) {
            return self.say(self.fill(&words.not_served, visit, to));
        }
        if self.puts_off(now, visit.peer, &key) {
            return self.say(self.fill(&words.greylisted, visit, to));
        }
        let condition = self.condition(local, &key);
        if condition == Condition::Left {
            self.saw(now, visit.peer, domain_of(&visit.return_path), Sign::Unknown);
        }
        let refusal = match condition {
            Condition::Left => Some(&words.unknown),
            Condition::Full => Some(&words.full),
            Condition::Off => Some(&words.off),
            Condition::Busy => Some(&words.busy),
            Condition::BusyHost => Some(&words.trouble),
            Condition::Fine if self.in_trouble(now, &key) => Some(&words.trouble),
            Condition::Fine | Condition::Filter | Condition::Junk | Condition::Lost | Condition::Cut => None,
        };
        if let Some(refusal) = refusal {
            return self.say(self.fill(refusal, visit, to));
        }
        visit.recipients.push((to.to_owned(), condition));
        self.say(usual)
    }

    /// The final dot: taken into folders, or refused.
    pub fn message(&mut self, now: Timestamp, visit: &mut Visit, checks: &Checks) -> Reception {
        visit.messages += 1;
        self.source(visit.peer).messages.count(now);
        let recipients = std::mem::take(&mut visit.recipients);
        let profile = Arc::clone(&self.profile);
        let words = &profile.replies;
        let from_domain = checks.from_domain.as_str();
        let refused = |answer: Answer| Reception { answer, copies: Vec::new() };
        let Some((first, condition)) = recipients.first().cloned() else {
            return refused(self.say(Reply::new(554, "5.5.1 No valid recipients")));
        };
        let failing = self.is_failing(checks);
        if failing && profile.authentication.failing == Treatment::Refuse {
            let values = Values { from_domain, ..Values::default() };
            return refused(self.say(self.fill_with(&words.unauthenticated, visit, &first, values)));
        }
        if condition == Condition::Filter {
            return refused(self.say(self.fill(&words.filter, visit, &first)));
        }
        let limits = self.limits(now);
        if let Some(full) = self.domain_is_full(now, from_domain, &limits) {
            self.refusals += 1;
            self.lose_patience(now, visit.peer);
            let values = Values { from_domain, left_s: full.left_s(now), limits: Some(limits), ..Values::default() };
            let saying = if full == Full::Day { &words.domain_day_full } else { &words.domain_too_fast };
            return refused(self.say(self.fill_with(saying, visit, &first, values)));
        }
        let accepted = self.fill(&words.accepted, visit, &first);
        self.taken += 1;
        let disliked = self.treated(now, visit.peer, from_domain) >= Treated::AsSpam || self.is_disliked(from_domain);
        let copies: Vec<(String, Folder)> = recipients
            .into_iter()
            .map(|(to, condition)| {
                let folder = self.folder(&to, condition, failing, disliked);
                (to, folder)
            })
            .collect();
        self.remember_accepted(from_domain);
        self.saw(now, visit.peer, from_domain, Sign::Accepted);
        let share = profile.manners.cut_after_dot_share;
        let cut = condition == Condition::Cut || self.chance.happens(share, "cut", &first, self.taken);
        let answer = if cut { self.act(Action::Cut) } else { self.say(accepted) };
        Reception { answer, copies }
    }

    /// Counts a message of a From domain, unless a window of that domain is full.
    fn domain_is_full(&mut self, now: Timestamp, from_domain: &str, limits: &Limits) -> Option<Full> {
        let per = [limits.domain_per_minute, limits.domain_per_hour, limits.domain_per_day];
        if per.iter().all(Option::is_none) {
            return None;
        }
        let meter = bounded(&mut self.domains, from_domain, HISTORIES_MAX);
        let full = meter.full(now, per);
        if full.is_none() {
            meter.count(now);
        }
        full
    }

    /// What people at this receiver did with mail that `source` brought from `from_domain`.
    pub(crate) fn saw(&mut self, now: Timestamp, source: IpAddr, from_domain: &str, sign: Sign) {
        let Some(regard) = self.profile.regard else { return };
        let key = (source, from_domain.to_owned());
        if self.standings.len() >= HISTORIES_MAX && !self.standings.contains_key(&key) {
            self.standings.pop_first();
        }
        let standing = self.standings.entry(key).or_default();
        standing.saw(now, sign);
        if standing.treated(now, &regard) == Treated::Blocked {
            standing.forgive();
            self.block(now, source, regard.block_s, BlockedFor::Reputation);
        }
    }

    fn treated(&self, now: Timestamp, source: IpAddr, from_domain: &str) -> Treated {
        let Some(regard) = self.profile.regard else { return Treated::Fairly };
        let known = self.standings.get(&(source, from_domain.to_owned()));
        known.map_or(Treated::Fairly, |standing| standing.treated(now, &regard))
    }

    /// Another refusal for too much or too fast: one too many, perhaps.
    fn lose_patience(&mut self, now: Timestamp, peer: IpAddr) {
        let Some(temper) = self.profile.temper else { return };
        let source = self.source(peer);
        source.refusals.count(now);
        if source.refusals.this_hour(now) >= temper.refusals_per_hour {
            source.refusals = Meter::default();
            self.block(now, peer, temper.block_s, BlockedFor::Insisting);
        }
    }

    fn block(&mut self, now: Timestamp, source: IpAddr, block_s: u64, why: BlockedFor) {
        let until = now + Duration::from_secs(block_s);
        self.source(source).blocked_until = Some(until);
        if self.blocks.len() < BLOCKS_MAX {
            self.blocks.push(Block { source, from: now, until, why });
        }
    }

    fn source(&mut self, peer: IpAddr) -> &mut Source {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&peer) {
            self.sources.pop_first();
        }
        self.sources.entry(peer).or_default()
    }

    /// Somebody here called mail from `from_domain` spam.
    pub fn complained(&mut self, from_domain: &str) {
        if let Some(history) = self.histories.get_mut(from_domain) {
            history.complaints += 1;
        }
    }

    fn say(&self, reply: Reply) -> Answer {
        self.act(Action::Say(reply))
    }

    fn close(&self, reply: Reply) -> Answer {
        self.act(Action::SayAndClose(reply))
    }

    fn act(&self, action: Action) -> Answer {
        Answer { action, after: Duration::from_millis(self.profile.manners.pause_ms) }
    }

    fn fill(&self, template: &ReplyTemplate, visit: &Visit, rcpt: &str) -> Reply {
        self.fill_with(template, visit, rcpt, Values::default())
    }

    fn fill_with(&self, template: &ReplyTemplate, visit: &Visit, rcpt: &str, values: Values<'_>) -> Reply {
        let limits = values.limits.unwrap_or(self.profile.limits);
        let scaled = |seconds: i64| (seconds / i64::from(self.time_scale)).max(1);
        let greylist_s = i64::try_from(self.profile.greylist_s.unwrap_or(0)).unwrap_or(i64::MAX);
        template.fill(|name, text| {
            let written = match name {
                "rcpt" => text.write_str(rcpt),
                "domain" => text.write_str(domain_of(rcpt)),
                "from_domain" => text.write_str(values.from_domain),
                "host" => text.write_str(&visit.host),
                "ip" => write!(text, "{}", visit.peer),
                "id" => write!(text, "{:012x}", self.chance.number("queue id", &visit.host, self.taken) >> 16),
                "list" => text.write_str(values.list.unwrap_or_default()),
                "wait" => write!(text, "{}", scaled(greylist_s)),
                "left" => write!(text, "{}", scaled(values.left_s)),
                "left_min" => write!(text, "{}", (scaled(values.left_s) + 59) / 60),
                "per_minute" => write!(text, "{}", limits.messages_per_minute),
                "per_hour" => write!(text, "{}", limits.messages_per_hour.unwrap_or(0)),
                "per_day" => write!(text, "{}", limits.messages_per_day.unwrap_or(0)),
                _ => return false,
            };
            written.is_ok()
        })
    }

    /// Greylisting: a first contact from an address about a recipient is put off until the delay is over.
    fn puts_off(&mut self, now: Timestamp, peer: IpAddr, key: &str) -> bool {
        let Some(delay_s) = self.profile.greylist_s else { return false };
        let contact = (peer, key.to_owned());
        if let Some(first) = self.contacts.get(&contact) {
            return now.since(*first) < Duration::from_secs(delay_s);
        }
        if self.contacts.len() >= CONTACTS_MAX {
            self.contacts.pop_first();
        }
        self.contacts.insert(contact, now);
        true
    }

    /// The state a try finds a mailbox in: its own story, else what its name asks for, else its lot.
    fn condition(&mut self, local: &str, key: &str) -> Condition {
        let profile = Arc::clone(&self.profile);
        if let Some(named) = profile.mailboxes.named.iter().find(|named| named.local.eq_ignore_ascii_case(local)) {
            let tries = self.count_try(key) as usize;
            return named.script.get(tries).copied().unwrap_or(named.then);
        }
        let condition = Condition::by_name(local).unwrap_or_else(|| self.lot(key));
        match condition {
            Condition::Left if profile.mailboxes.catch_all => Condition::Fine,
            Condition::Busy if self.count_try(key) >= BUSY_TRIES => Condition::Fine,
            condition => condition,
        }
    }

    fn count_try(&mut self, key: &str) -> u32 {
        if self.stories.len() >= STORIES_MAX && !self.stories.contains_key(key) {
            self.stories.pop_first();
        }
        let tries = self.stories.entry(key.to_owned()).or_insert(0);
        *tries += 1;
        *tries - 1
    }

    fn lot(&self, key: &str) -> Condition {
        let boxes = &self.profile.mailboxes;
        let drawn = self.chance.fraction("mailbox", key, 0);
        let mut upto = 0.0;
        let shares = [
            (boxes.left, Condition::Left),
            (boxes.full, Condition::Full),
            (boxes.off, Condition::Off),
            (boxes.filter, Condition::Filter),
        ];
        for (share, condition) in shares {
            upto += share;
            if drawn < upto {
                return condition;
            }
        }
        Condition::Fine
    }

    /// A passing trouble: the same for everybody who asks about this recipient within one minute.
    fn in_trouble(&self, now: Timestamp, key: &str) -> bool {
        let minute = u64::try_from(now.as_secs().div_euclid(60)).unwrap_or(0);
        self.chance.happens(self.profile.manners.trouble_share, "trouble", key, minute)
    }

    fn is_failing(&self, checks: &Checks) -> bool {
        let judged = self.insistence == Insistence::Always || checks.known;
        let unproved = match checks.dmarc {
            Check::Pass | Check::TempError => false,
            Check::Fail => true,
            Check::None => checks.spf != Check::Pass && checks.dkim != Check::Pass,
        };
        judged && unproved
    }

    fn folder(&self, to: &str, condition: Condition, failing: bool, disliked: bool) -> Folder {
        let (manners, key) = (&self.profile.manners, to.to_lowercase());
        if condition == Condition::Lost || self.chance.happens(manners.drop_share, "drop", &key, 0) {
            Folder::Dropped
        } else if condition == Condition::Junk
            || (failing && self.profile.authentication.failing == Treatment::Junk)
            || disliked
            || self.chance.happens(manners.spam_share, "spam", &key, 0)
        {
            Folder::Spam
        } else {
            Folder::Inbox
        }
    }

    fn is_disliked(&self, from_domain: &str) -> bool {
        self.histories.get(from_domain).is_some_and(|history| {
            history.complaints >= COMPLAINTS_MIN
                && f64::from(history.complaints) > COMPLAINT_SHARE_MAX * f64::from(history.accepted)
        })
    }

    fn remember_accepted(&mut self, from_domain: &str) {
        bounded(&mut self.histories, from_domain, HISTORIES_MAX).accepted += 1;
    }
}

/// The words for an occasion.
type Saying = fn(&Words) -> &ReplyTemplate;

/// What a reply may tell beside the obvious.
#[derive(Clone, Copy, Default)]
struct Values<'a> {
    from_domain: &'a str,
    list: Option<&'a str>,
    left_s: i64,
    limits: Option<Limits>,
}

/// The entry under `key`, made if there is none; beyond `most` the first in order makes room.
fn bounded<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str, most: usize) -> &'a mut T {
    if !map.contains_key(key) {
        if map.len() >= most {
            map.pop_first();
        }
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("it was inserted if it was not there")
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

fn ascii_domain(domain: &str) -> String {
    if domain.is_ascii() {
        return domain.to_ascii_lowercase();
    }
    model::MailDomain::parse(domain).map_or_else(|_| domain.to_lowercase(), |domain| domain.as_str().to_owned())
}

#[cfg(test)]
mod tests;
