//! A receiving provider's mind: what it answers, decided from its profile, the time and what it has seen.
//!
//! Pure: the time is handed in, chance is a function of the seed ([`crate::chance`]), and nothing is read or written.
//! So one and the same receiver stands behind the in-memory network on virtual time and behind real sockets. What it
//! decides is carried out by [`crate::session`].
//!
//! It remembers per source address (open connections, this minute's messages, first contacts) and per From domain
//! (accepted and complained about), each bounded.

use crate::chance::Chance;
use crate::ledger::{Check, Checks, Folder};
use crate::provider::{Condition, Profile, ReplyTemplate, Treatment};
use model::{Reply, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// First contacts remembered by one receiver; beyond it the first in order is forgotten.
const CONTACTS_MAX: usize = 500_000;
/// Recipients whose tries are counted, because their mailbox has a story.
const STORIES_MAX: usize = 100_000;
/// From domains whose history is kept.
const HISTORIES_MAX: usize = 10_000;
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
            admitted: false,
        }
    }

    /// The transaction is over, or was called off.
    pub fn forget_transaction(&mut self) {
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
    chance: Chance,
    insistence: Insistence,
    time_scale: u32,
    open: BTreeMap<IpAddr, u32>,
    minutes: BTreeMap<IpAddr, (i64, u32)>,
    contacts: BTreeMap<(IpAddr, String), Timestamp>,
    stories: BTreeMap<String, u32>,
    histories: BTreeMap<String, History>,
    taken: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct History {
    accepted: u32,
    complaints: u32,
}

impl Receiver {
    /// A receiver that has seen nobody yet. `time_scale` is how much faster than the world its clock runs: waits it
    /// asks for in words are divided by it.
    pub fn new(profile: Arc<Profile>, chance: Chance, insistence: Insistence, time_scale: u32) -> Receiver {
        Receiver {
            profile,
            chance,
            insistence,
            time_scale: time_scale.max(1),
            open: BTreeMap::new(),
            minutes: BTreeMap::new(),
            contacts: BTreeMap::new(),
            stories: BTreeMap::new(),
            histories: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Its profile.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// How many connections are open from `peer`.
    pub fn open_from(&self, peer: IpAddr) -> u32 {
        self.open.get(&peer).copied().unwrap_or(0)
    }

    /// A client connected: the greeting, or a refusal at the door.
    pub fn connected(&mut self, visit: &mut Visit) -> Answer {
        let words = &self.profile.replies;
        let open = self.open_from(visit.peer);
        let refusal = if self.profile.manners.refuse_at_connect {
            Some(&words.listed)
        } else if open >= self.profile.limits.connections {
            Some(&words.too_many_connections)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return self.close(self.fill(refusal, visit, ""));
        }
        let greeting = self.fill(&words.greeting, visit, "");
        self.open.insert(visit.peer, open + 1);
        visit.admitted = true;
        self.say(greeting)
    }

    /// The connection is gone, whoever closed it.
    pub fn disconnected(&mut self, visit: &Visit) {
        if !visit.admitted {
            return;
        }
        match self.open.get_mut(&visit.peer) {
            Some(open) if *open > 1 => *open -= 1,
            _ => {
                self.open.remove(&visit.peer);
            }
        }
    }

    /// Something that needs no thought: the ordinary reply, at this receiver's pace.
    pub fn usual(&self, reply: Reply) -> Answer {
        self.say(reply)
    }

    /// MAIL FROM: `usual`, or too much, too fast, in clear.
    pub fn mail(&mut self, now: Timestamp, visit: &mut Visit, from: &str, usual: Reply) -> Answer {
        visit.forget_transaction();
        let (words, limits) = (&self.profile.replies, self.profile.limits);
        if self.profile.tls.required && !visit.encrypted {
            return self.say(self.fill(&words.plaintext, visit, ""));
        }
        if visit.messages >= limits.messages_per_connection {
            return self.close(self.fill(&words.too_many_messages, visit, ""));
        }
        if self.messages_this_minute(now, visit.peer) >= limits.messages_per_minute {
            return self.say(self.fill(&words.too_fast, visit, ""));
        }
        visit.return_path = from.to_owned();
        self.say(usual)
    }

    /// RCPT TO: `usual`, or why this person cannot be written to, now or ever.
    pub fn rcpt(&mut self, now: Timestamp, visit: &mut Visit, to: &str, usual: Reply) -> Answer {
        let (local, domain) = to.rsplit_once('@').unwrap_or((to, ""));
        let (key, domain) = (to.to_lowercase(), ascii_domain(domain));
        let words = self.profile.replies.clone();
        if !self.profile.serves(&domain) {
            return self.say(self.fill(&words.not_served, visit, to));
        }
        if self.puts_off(now, visit.peer, &key) {
            return self.say(self.fill(&words.greylisted, visit, to));
        }
        let condition = self.condition(local, &key);
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
        self.count_message(now, visit.peer);
        let recipients = std::mem::take(&mut visit.recipients);
        let words = &self.profile.replies;
        let refused = |answer: Answer| Reception { answer, copies: Vec::new() };
        let Some((first, condition)) = recipients.first().cloned() else {
            return refused(self.say(Reply::new(554, "5.5.1 No valid recipients")));
        };
        let failing = self.is_failing(checks);
        if failing && self.profile.authentication.failing == Treatment::Refuse {
            let values = [("from_domain", checks.from_domain.as_str())];
            return refused(self.say(self.fill_with(&words.unauthenticated, visit, &first, &values)));
        }
        if condition == Condition::Filter {
            return refused(self.say(self.fill(&words.filter, visit, &first)));
        }
        let accepted = self.fill(&words.accepted, visit, &first);
        self.taken += 1;
        let copies: Vec<(String, Folder)> = recipients
            .into_iter()
            .map(|(to, condition)| {
                let folder = self.folder(&to, condition, failing, &checks.from_domain);
                (to, folder)
            })
            .collect();
        self.remember_accepted(&checks.from_domain);
        let share = self.profile.manners.cut_after_dot_share;
        let cut = condition == Condition::Cut || self.chance.happens(share, "cut", &first, self.taken);
        let answer = if cut { self.act(Action::Cut) } else { self.say(accepted) };
        Reception { answer, copies }
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
        self.fill_with(template, visit, rcpt, &[])
    }

    fn fill_with(&self, template: &ReplyTemplate, visit: &Visit, rcpt: &str, more: &[(&str, &str)]) -> Reply {
        let ip = visit.peer.to_string();
        let id = format!("{:012x}", self.chance.number("queue id", &visit.host, self.taken) >> 16);
        let wait = (self.profile.greylist_s.unwrap_or(0) / u64::from(self.time_scale)).max(1).to_string();
        let per_minute = self.profile.limits.messages_per_minute.to_string();
        let domain = rcpt.rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut values = vec![
            ("rcpt", rcpt),
            ("domain", domain),
            ("host", &*visit.host),
            ("ip", &ip),
            ("id", &id),
            ("wait", &wait),
            ("per_minute", &per_minute),
        ];
        values.extend_from_slice(more);
        template.fill(&values)
    }

    fn messages_this_minute(&self, now: Timestamp, peer: IpAddr) -> u32 {
        let minute = now.as_secs().div_euclid(60);
        self.minutes.get(&peer).filter(|(at, _)| *at == minute).map_or(0, |(_, count)| *count)
    }

    fn count_message(&mut self, now: Timestamp, peer: IpAddr) {
        let minute = now.as_secs().div_euclid(60);
        let entry = self.minutes.entry(peer).or_insert((minute, 0));
        *entry = if entry.0 == minute { (minute, entry.1 + 1) } else { (minute, 1) };
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

    fn folder(&self, to: &str, condition: Condition, failing: bool, from_domain: &str) -> Folder {
        let (manners, key) = (&self.profile.manners, to.to_lowercase());
        if condition == Condition::Lost || self.chance.happens(manners.drop_share, "drop", &key, 0) {
            Folder::Dropped
        } else if condition == Condition::Junk
            || (failing && self.profile.authentication.failing == Treatment::Junk)
            || self.is_disliked(from_domain)
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
        if self.histories.len() >= HISTORIES_MAX && !self.histories.contains_key(from_domain) {
            self.histories.pop_first();
        }
        self.histories.entry(from_domain.to_owned()).or_default().accepted += 1;
    }
}

fn ascii_domain(domain: &str) -> String {
    model::MailDomain::parse(domain).map_or_else(|_| domain.to_lowercase(), |domain| domain.as_str().to_owned())
}

#[cfg(test)]
mod tests;
