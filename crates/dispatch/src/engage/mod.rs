//! Whether a person or a machine opened or clicked: a score of 0 to 100 for every hit, by what speaks for a machine.
//!
//! Gateways follow links, mail programs load images that nobody looks at, and both come before the person. A hit is never
//! dropped for it: it is kept with its score ([`model::reaction::MACHINE_SCORE`] and above: a machine; from
//! [`model::reaction::UNSURE_SCORE`]: unsure; below: a person), and shown apart. What arrives later may tell about what came before, so
//! scores change; [`Recent::judge`] says which. Separate because it needs a memory of the last minutes, and nothing else
//! of the house does. Invariant: the memory is bounded, and time is handed in.

mod agents;
#[cfg(test)]
mod tests;

pub use agents::{AgentKind, kind_of};

use model::reaction::MACHINE_SCORE_MAX;
use model::{DeliveryId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// For so long a hit is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// The most hits that are remembered.
pub const HITS_MAX: usize = 50_000;
/// A hit so soon after the server took the message …
pub const AT_ONCE: Duration = Duration::from_secs(2);
/// … and so soon.
pub const SOON: Duration = Duration::from_secs(10);
/// Links of one message followed within this …
pub const BURST: Duration = Duration::from_secs(2);
/// … are a machine's from so many different ones on.
pub const BURST_LINKS: usize = 3;
/// Links of different people followed from one network within this …
pub const CROWD: Duration = Duration::from_secs(10);
/// … are a machine's from so many people on.
pub const CROWD_PEOPLE: usize = 5;
/// What comes from a network within this of a machine's sure sign, for the same message, is the same machine.
pub const COMPANION: Duration = Duration::from_secs(60);

/// What speaks for or against a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It only asked whether the page is there (HEAD).
    Head,
    /// It followed the link that nobody sees.
    Trap,
    /// It calls itself a scanner.
    Scanner,
    /// It calls itself something that loads images read or not.
    Prefetch,
    /// Within two seconds of the server's acceptance.
    AtOnce,
    /// Within ten.
    Soon,
    /// Several links of one message at once.
    Burst,
    /// All of them.
    EveryLink,
    /// Links of many people from one network.
    Crowd,
    /// From where a machine's sure sign for the same message came.
    Companion,
    /// A browser from elsewhere, after a machine had been there.
    SecondLook,
}

impl Sign {
    /// All of them.
    pub const ALL: [Sign; 11] = [
        Sign::Head,
        Sign::Trap,
        Sign::Scanner,
        Sign::Prefetch,
        Sign::AtOnce,
        Sign::Soon,
        Sign::Burst,
        Sign::EveryLink,
        Sign::Crowd,
        Sign::Companion,
        Sign::SecondLook,
    ];

    /// What it weighs: `facts` of gateways' habits, see docs/send/tracking.md.
    pub const fn weight(self) -> i32 {
        match self {
            Sign::Head | Sign::Trap => 100,
            Sign::Scanner | Sign::Prefetch => 80,
            Sign::Burst => 70,
            Sign::AtOnce | Sign::Companion => 60,
            Sign::Crowd => 50,
            Sign::EveryLink => 40,
            Sign::Soon => 30,
            Sign::SecondLook => -40,
        }
    }

    /// How the ledger and reports call it.
    pub const fn word(self) -> &'static str {
        match self {
            Sign::Head => "head",
            Sign::Trap => "trap",
            Sign::Scanner => "scanner",
            Sign::Prefetch => "prefetch",
            Sign::AtOnce => "at_once",
            Sign::Soon => "soon",
            Sign::Burst => "burst",
            Sign::EveryLink => "every_link",
            Sign::Crowd => "crowd",
            Sign::Companion => "companion",
            Sign::SecondLook => "second_look",
        }
    }

    /// Does it need no other?
    const fn is_sure(self) -> bool {
        matches!(self, Sign::Head | Sign::Trap | Sign::Scanner | Sign::Burst)
    }
}

/// Signs of one hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs(u16);

impl Signs {
    fn add(&mut self, sign: Sign) -> bool {
        let before = self.0;
        self.0 |= 1 << sign as u16;
        self.0 != before
    }

    /// All there are, in order.
    pub fn all(self) -> impl Iterator<Item = Sign> {
        Sign::ALL.into_iter().filter(move |sign| self.0 & (1 << *sign as u16) != 0)
    }

    /// What they come to.
    pub fn score(self) -> u8 {
        let sum: i32 = self.all().map(Sign::weight).sum();
        u8::try_from(sum.clamp(0, i32::from(MACHINE_SCORE_MAX))).unwrap_or(MACHINE_SCORE_MAX)
    }

    fn has_sure(self) -> bool {
        self.all().any(Sign::is_sure)
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The pixel.
    Open,
    /// A link, by its number; 0 is the one nobody sees.
    Click(u16),
}

/// One hit.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// When.
    pub at: Timestamp,
    /// What for.
    pub asked: Asked,
    /// Of whose message.
    pub delivery: DeliveryId,
    /// How many links that message has.
    pub links: usize,
    /// When the server took the message, if that is known.
    pub accepted_at: Option<Timestamp>,
    /// Was only the head asked for?
    pub is_head: bool,
    /// From where.
    pub ip: IpAddr,
    /// What it calls itself.
    pub agent: &'a str,
}

/// What a hit comes to, and what it changes about those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its number; growing.
    pub number: u64,
    /// What speaks for a machine.
    pub signs: Signs,
    /// Earlier hits whose signs are different now.
    pub changed: Vec<(u64, Signs)>,
}

/// A network: the first 24 bits of an IPv4 address, 48 of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    V4([u8; 3]),
    V6([u16; 3]),
}

impl Network {
    fn of(ip: IpAddr) -> Network {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Network::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                Network::V6([a, b, c])
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Timestamp,
    delivery: DeliveryId,
    asked: Asked,
    network: Network,
    signs: Signs,
}

/// The last minutes.
#[derive(Debug, Default)]
pub struct Recent {
    next: u64,
    hits: BTreeMap<u64, Seen>,
    of_delivery: BTreeMap<DeliveryId, VecDeque<u64>>,
    clicks_of_network: BTreeMap<Network, VecDeque<u64>>,
}

impl Recent {
    /// Scores a hit. Hits are to be given in the order in which they came, or nearly.
    pub fn judge(&mut self, hit: &Hit<'_>) -> Judged {
        self.forget(hit.at);
        let number = self.next;
        self.next += 1;
        let network = Network::of(hit.ip);
        let seen = Seen { at: hit.at, delivery: hit.delivery, asked: hit.asked, network, signs: own_signs(hit) };
        self.hits.insert(number, seen);
        self.of_delivery.entry(hit.delivery).or_default().push_back(number);
        if matches!(hit.asked, Asked::Click(_)) {
            self.clicks_of_network.entry(network).or_default().push_back(number);
        }
        let mut marked = Vec::new();
        self.mark_burst(number, hit.links, &mut marked);
        self.mark_crowd(number, &mut marked);
        self.mark_companions(number, &mut marked);
        self.mark_second_look(number, hit, &mut marked);
        let changed: BTreeSet<u64> = marked.into_iter().filter(|other| *other != number).collect();
        let signs_of = |number: &u64| self.hits.get(number).map(|seen| seen.signs).unwrap_or_default();
        let changed = changed.iter().map(|other| (*other, signs_of(other))).collect();
        Judged { number, signs: signs_of(&number), changed }
    }

    /// The number of the oldest hit that may still change.
    pub fn oldest(&self) -> u64 {
        self.hits.keys().next().copied().unwrap_or(self.next)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((number, seen)) = self.hits.first_key_value().map(|(number, seen)| (*number, *seen)) {
            if now.since(seen.at) <= REMEMBERED && self.hits.len() < HITS_MAX {
                return;
            }
            self.hits.remove(&number);
            drop_first(&mut self.of_delivery, seen.delivery, number);
            drop_first(&mut self.clicks_of_network, seen.network, number);
        }
    }

    fn add(&mut self, number: u64, sign: Sign, marked: &mut Vec<u64>) {
        if self.hits.get_mut(&number).is_some_and(|seen| seen.signs.add(sign)) {
            marked.push(number);
        }
    }

    /// Those of the same message within `span` before it, itself included.
    fn around(&self, number: u64, span: Duration) -> Vec<(u64, Seen)> {
        let Some(this) = self.hits.get(&number) else { return Vec::new() };
        let of_delivery = self.of_delivery.get(&this.delivery).into_iter().flatten().rev();
        let known = of_delivery.filter_map(|number| Some((*number, *self.hits.get(number)?)));
        known.take_while(|(_, seen)| this.at.since(seen.at) <= span).collect()
    }

    fn mark_burst(&mut self, number: u64, links: usize, marked: &mut Vec<u64>) {
        let clicks = self.around(number, BURST).into_iter();
        let clicks: Vec<(u64, u16)> = clicks
            .filter_map(|(number, seen)| match seen.asked {
                Asked::Click(link) => Some((number, link)),
                Asked::Open => None,
            })
            .collect();
        let different = clicks.iter().map(|(_, link)| link).filter(|link| **link > 0).collect::<BTreeSet<_>>().len();
        if different < BURST_LINKS {
            return;
        }
        for (click, _) in clicks {
            self.add(click, Sign::Burst, marked);
            if different >= links {
                self.add(click, Sign::EveryLink, marked);
            }
        }
    }

    fn mark_crowd(&mut self, number: u64, marked: &mut Vec<u64>) {
        let Some(this) = self.hits.get(&number).copied() else { return };
        if this.asked == Asked::Open {
            return;
        }
        let of_network = self.clicks_of_network.get(&this.network).into_iter().flatten().rev();
        let known = of_network.filter_map(|number| Some((*number, self.hits.get(number)?)));
        let lately: Vec<(u64, DeliveryId)> = known
            .take_while(|(_, seen)| this.at.since(seen.at) <= CROWD)
            .map(|(number, seen)| (number, seen.delivery))
            .collect();
        let people = lately.iter().map(|(_, delivery)| delivery).collect::<BTreeSet<_>>().len();
        if people >= CROWD_PEOPLE {
            lately.iter().for_each(|(click, _)| self.add(*click, Sign::Crowd, marked));
        }
    }

    /// A machine that shows itself once was the same machine a moment ago.
    fn mark_companions(&mut self, number: u64, marked: &mut Vec<u64>) {
        let Some(this) = self.hits.get(&number).copied() else { return };
        let around: Vec<(u64, Seen)> =
            self.around(number, COMPANION).into_iter().filter(|(_, seen)| seen.network == this.network).collect();
        if around.iter().any(|(_, seen)| seen.signs.has_sure()) {
            for (other, seen) in around {
                if !seen.signs.has_sure() {
                    self.add(other, Sign::Companion, marked);
                }
            }
        }
    }

    fn mark_second_look(&mut self, number: u64, hit: &Hit<'_>, marked: &mut Vec<u64>) {
        let Some(this) = self.hits.get(&number).copied() else { return };
        if hit.is_head || kind_of(hit.agent) != AgentKind::Browser || this.asked == Asked::Open {
            return;
        }
        let earlier = self.around(number, REMEMBERED);
        let is_after_machine = earlier.iter().any(|(_, seen)| seen.network != this.network && seen.signs.has_sure());
        if is_after_machine {
            self.add(number, Sign::SecondLook, marked);
        }
    }
}

/// What a hit shows by itself.
fn own_signs(hit: &Hit<'_>) -> Signs {
    let mut signs = Signs::default();
    if hit.is_head {
        signs.add(Sign::Head);
    }
    if hit.asked == Asked::Click(0) {
        signs.add(Sign::Trap);
    }
    let kind = kind_of(hit.agent);
    match kind {
        AgentKind::Scanner => {
            signs.add(Sign::Scanner);
        }
        AgentKind::Prefetch => {
            signs.add(Sign::Prefetch);
        }
        AgentKind::Proxy | AgentKind::Browser | AgentKind::Unknown => {}
    }
    match hit.accepted_at.map(|accepted| hit.at.since(accepted)) {
        Some(after) if after < AT_ONCE => {
            signs.add(Sign::AtOnce);
        }
        Some(after) if after < SOON => {
            signs.add(Sign::Soon);
        }
        Some(_) | None => {}
    }
    signs
}

fn drop_first<K: Ord + Copy>(lists: &mut BTreeMap<K, VecDeque<u64>>, key: K, number: u64) {
    let Some(list) = lists.get_mut(&key) else { return };
    if list.front() == Some(&number) {
        list.pop_front();
    }
    if list.is_empty() {
        lists.remove(&key);
    }
}
