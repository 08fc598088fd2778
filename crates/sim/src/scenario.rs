//! Stories: people, a message, a world with faults, commands in the middle, and what came of it all.
//!
//! A scenario runs the real engine over the real store against the simulated internet, on virtual time, twice: both
//! runs must leave the same trace. After each, the standing checks of [`crate::check`] are made. What it gives back is
//! meant to be read: the equation, and each person's tries with the receivers' words.
//!
//! A kill is real as far as it can be: the runtime with every task on it is dropped at that instant, the store is
//! opened again from its directory, and the receivers, who know nothing of it, go on.

mod ended;
pub(crate) mod life;
mod machine;
mod watcher;

pub use ended::{Ended, Mailed};
pub use machine::Machine;

use crate::dns::{self, Zone};
use crate::fault::{Fault, Trouble};
use crate::internet::{Internet, Listing};
use crate::provider::{HostState, Profile};
use crate::world::{EPOCH, SOURCE};
use engine::options::Timing;
use engine::trial::Comparison;
use engine::{Settings, Stakes};
use life::Life;
use machine::Workshop;
use model::sequence::Definition;
use model::{Ceilings, SuppressionReason, Timestamp};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Something done while a campaign is under way.
#[derive(Clone, Debug)]
pub enum Action {
    /// An address is suppressed.
    Suppress(String, SuppressionReason),
    /// A person by this address declines a topic.
    Decline(String, &'static str),
    /// The (first) campaign is paused.
    Pause,
    /// It is resumed.
    Resume,
    /// It is resumed for a reason, without the people of the second list ([`Scenario::and_list`]).
    ResumeWithoutSecondList,
    /// It is resumed for this reason, and nobody is left out.
    ResumeBecause(&'static str),
    /// It is resumed for a reason, without these addresses, which have to be taken out.
    ResumeWithout(Vec<String>),
    /// It is resumed for a reason after the people of this domain were held, which is demanded.
    ResumeHolding(&'static str),
    /// So many of the people at this domain who have its message call it spam, and their provider says so in reports that do
    /// not name them.
    Complain(&'static str, usize),
    /// Those in doubt are sent to once more.
    SendAgain,
    /// It is cancelled.
    Cancel,
    /// The process dies and is started again at once. Needs [`Scenario::in_directory`].
    Kill,
    /// The machine loses its power and is started again at once. Needs [`Scenario::on`].
    LosePower,
    /// The machine's clock is set ahead. Later times of the story are told by the new clock.
    Ahead(Duration),
    /// DNS changes.
    Dns(fn(&Zone)),
    /// Something becomes wrong with a domain's name servers, or is put right.
    DnsFault(String, Option<dns::Fault>),
    /// Something else in the world changes: certificates, web servers.
    World(fn(&Internet)),
    /// Another campaign under this name goes to the same people.
    Mail(String),
    /// Another campaign under this name goes to the same people and to these, who come with a list of their own.
    MailAlsoTo(String, Vec<String>),
    /// Reports on encryption that are owed are sent by whoever asks for it. Needs that no engine is at work.
    SendReports,
    /// Another campaign to the same people is written, and is to begin so long after the beginning. Needs
    /// [`Scenario::served`].
    Schedule(String, Duration),
    /// A webhook is made that wants every event at this address. Needs [`Scenario::served`].
    Webhook(&'static str),
    /// The first webhook is told a part of the log again: what lies after the first of these places, up to the second. Needs
    /// [`Scenario::served`].
    TellAgain(u32, u32),
    /// Alerts are posted to this address, and this one is asked every five minutes while all is well. Needs
    /// [`Scenario::served`].
    Alerts(&'static str, &'static str),
    /// Alerts go by mail to this address, by this relay. Needs [`Scenario::served`].
    AlertMail(&'static str, &'static str),
    /// A program asks for a message to this address, and is answered.
    Post(String),
    /// The same, for a message of which a second copy would do harm.
    PostOnce(String),
    /// Part of the work is stopped, until so long after the beginning.
    Hold(Held, Duration),
    /// Part of the first campaign is cancelled for good.
    CancelPart(Held),
    /// The list that nobody uses is removed: there is room again. Needs [`Scenario::little_room`].
    MakeRoom,
    /// A sequence under this name is made and activated; each of its messages has its own name as its subject. Needs
    /// [`Scenario::served`].
    Sequence(String, Box<Definition>),
    /// A segment of this name and rule is watched. Needs [`Scenario::served`].
    Watch(&'static str, &'static str),
    /// Another system tells of something that somebody did.
    Tell(String, String),
    /// A source is described that providers know: its name and address.
    DescribeSource(&'static str, &'static str),
    /// Somebody says that the source of this name is not listed any more.
    Delisted(&'static str),
    /// The source of this name is taken out of use.
    RetireSource(&'static str),
    /// The operator's own `providers.toml` and `rules.toml` are read again: what they say now.
    Describe(&'static str, &'static str),
    /// Nothing is done: the story goes on at least until then.
    Wait,
}

/// What a hold covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Everything to a provider, by its key.
    Provider(String),
    /// Everything to a recipient domain.
    Domain(String),
    /// Those who have not reacted for long.
    Cold,
}

/// A way out, described before the story begins.
#[derive(Clone, Debug)]
struct WayOut {
    name: String,
    address: IpAddr,
    is_warm: bool,
}

/// When the disk is almost full, and how many pages of the ledger it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Building(u32),
    Sending(u32),
}

/// A story to be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    seed: u64,
    profiles: Vec<Arc<Profile>>,
    people: Vec<String>,
    second_list: Vec<String>,
    suppressed: Vec<(String, SuppressionReason)>,
    faults: Vec<Fault>,
    listings: Vec<Listing>,
    actions: Vec<(Duration, Action)>,
    dns: Vec<fn(&Zone)>,
    world: Vec<fn(&Internet)>,
    require_tls: bool,
    settings: Option<fn(&mut Settings)>,
    authentic: bool,
    directory: Option<PathBuf>,
    beside: Vec<String>,
    urgent: Vec<(String, String)>,
    room: Option<Room>,
    stakes: Stakes,
    topic: Option<&'static str>,
    timing: Timing,
    comparing: Option<Comparison>,
    ways_out: Vec<WayOut>,
    /// Of a source by its name, or of the workspace.
    ceilings: Vec<(Option<String>, Ceilings)>,
    engaged: Vec<(String, Duration)>,
    attributes: Vec<(String, String)>,
    /// Actions that have become impossible are left out.
    is_lenient: bool,
    workshop: Option<Workshop>,
    /// The engine goes on until it is told.
    is_served: bool,
}

impl Scenario {
    /// These people, the shipped providers, nothing amiss.
    pub fn of(people: &[&str]) -> Scenario {
        Scenario {
            seed: 7,
            profiles: Profile::shipped(),
            people: people.iter().map(|person| (*person).to_owned()).collect(),
            second_list: Vec::new(),
            suppressed: Vec::new(),
            faults: Vec::new(),
            listings: Vec::new(),
            actions: Vec::new(),
            dns: Vec::new(),
            world: Vec::new(),
            require_tls: false,
            settings: None,
            authentic: true,
            directory: None,
            beside: Vec::new(),
            urgent: Vec::new(),
            room: None,
            stakes: Stakes::Rehearsal,
            topic: None,
            timing: Timing::default(),
            comparing: None,
            ways_out: Vec::new(),
            ceilings: Vec::new(),
            engaged: Vec::new(),
            attributes: Vec::new(),
            is_lenient: false,
            workshop: None,
            is_served: false,
        }
    }

    /// `count` people at `domain`: `person1`, `person2`, …
    pub fn crowd(count: usize, domain: &str) -> Scenario {
        let mut scenario = Scenario::of(&[]);
        scenario.people = (1..=count).map(|n| format!("person{n}@{domain}")).collect();
        scenario
    }

    /// With these providers and no others.
    pub fn with_profiles(mut self, profiles: Vec<Arc<Profile>>) -> Scenario {
        self.profiles = profiles;
        self
    }

    /// With these people, in this order.
    pub fn with_people(mut self, people: Vec<String>) -> Scenario {
        self.people = people;
        self
    }

    /// And these.
    pub fn and(mut self, other: Scenario) -> Scenario {
        self.people.extend(other.people);
        self
    }

    /// And, from a second list, these: the first campaign goes to both.
    pub fn and_list(mut self, people: Vec<String>) -> Scenario {
        self.second_list = people;
        self
    }

    /// With a first campaign about this topic.
    pub fn about(mut self, topic: &'static str) -> Scenario {
        self.topic = Some(topic);
        self
    }

    /// With another seed.
    pub fn seed(mut self, seed: u64) -> Scenario {
        self.seed = seed;
        self
    }

    /// With a provider changed.
    pub fn provider(mut self, key: &str, change: impl Fn(&mut Profile)) -> Scenario {
        for profile in self.profiles.iter_mut().filter(|profile| profile.key == key) {
            change(Arc::make_mut(profile));
        }
        self
    }

    /// With somebody suppressed before it begins.
    pub fn suppressed(mut self, address: &str, reason: SuppressionReason) -> Scenario {
        self.suppressed.push((address.to_owned(), reason));
        self
    }

    /// With a fault of a host or provider, from and until so long after the beginning.
    pub fn fault(mut self, at: &str, from: Duration, until: Duration, trouble: Trouble) -> Scenario {
        self.faults.push(Fault { at: at.to_owned(), from: EPOCH + from, until: EPOCH + until, trouble });
        self
    }

    /// With our address on a blocklist, from and until so long after the beginning.
    pub fn listed(mut self, list: &str, from: Duration, until: Duration) -> Scenario {
        let (from, until) = (EPOCH + from, EPOCH + until);
        self.listings.push(Listing { list: list.to_owned(), source: SOURCE, from, until });
        self
    }

    /// With commands that are left out when they have become impossible, such as a pause of what is over.
    pub fn whatever_comes(mut self) -> Scenario {
        self.is_lenient = true;
        self
    }

    /// With something done so long after the beginning. Actions are given in the order of their times.
    pub fn then(mut self, after: Duration, action: Action) -> Scenario {
        self.actions.push((after, action));
        self
    }

    /// With other names in DNS.
    pub fn dns(mut self, change: fn(&Zone)) -> Scenario {
        self.dns.push(change);
        self
    }

    /// With certificates, web servers and other things of the world as they are not by themselves.
    pub fn world(mut self, change: fn(&Internet)) -> Scenario {
        self.world.push(change);
        self
    }

    /// With campaigns that must be encrypted all the way.
    pub fn requiring_tls(mut self) -> Scenario {
        self.require_tls = true;
        self
    }

    /// With other settings of the engine.
    pub fn settings(mut self, change: fn(&mut Settings)) -> Scenario {
        self.settings = Some(change);
        self
    }

    /// With a sending domain that has published nothing that could vouch for it.
    pub fn unauthenticated(mut self) -> Scenario {
        self.authentic = false;
        self
    }

    /// With the ledger in a directory (one for each of the two runs is made inside), so that the process can die.
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Scenario {
        self.directory = Some(directory.into());
        self
    }

    /// In a process that goes on until it is told, as a server does: campaigns are handed to the engine at work.
    pub fn served(mut self) -> Scenario {
        self.is_served = true;
        self
    }

    /// With another campaign to the same people, begun at the same time.
    pub fn beside(mut self, name: &str) -> Scenario {
        self.beside.push(name.to_owned());
        self
    }

    /// With a transactional message under this name to one person, asked for at the same time.
    pub fn urgent(mut self, name: &str, person: &str) -> Scenario {
        self.urgent.push((name.to_owned(), person.to_owned()));
        self
    }

    /// With a reputation at stake: day budgets bound the work, and a sample goes first.
    pub fn for_real(mut self) -> Scenario {
        self.stakes = Stakes::Real;
        self
    }

    /// With only the sending domain's reputation at stake, as behind a relay: a sample goes first, and the domain's day
    /// budgets bound the work.
    pub fn relayed(mut self) -> Scenario {
        self.stakes = Stakes::Relayed;
        self
    }

    /// With hours, an expiry or a weight for the first campaign.
    pub fn timing(mut self, timing: Timing) -> Scenario {
        self.timing = timing;
        self
    }

    /// With a first campaign whose message is compared with others.
    pub fn comparing(mut self, comparison: Comparison) -> Scenario {
        self.comparing = Some(comparison);
        self
    }

    /// With a way out beside others; a warm one has been used for long.
    pub fn way_out(mut self, name: &str, address: &str, is_warm: bool) -> Scenario {
        let address = address.parse().expect("an address");
        self.ways_out.push(WayOut { name: name.to_owned(), address, is_warm });
        self
    }

    /// With ceilings of the workspace.
    pub fn at_most(mut self, ceilings: Ceilings) -> Scenario {
        self.ceilings.push((None, ceilings));
        self
    }

    /// With ceilings of a source, by its name.
    pub fn source_at_most(mut self, source: &str, ceilings: Ceilings) -> Scenario {
        self.ceilings.push((Some(source.to_owned()), ceilings));
        self
    }

    /// With somebody who last reacted so long before the beginning.
    pub fn engaged(mut self, address: &str, before: Duration) -> Scenario {
        self.engaged.push((address.to_owned(), before));
        self
    }

    /// With values (a JSON object) of somebody; the audience then has a column `timezone`.
    pub fn values(mut self, address: &str, values: &str) -> Scenario {
        self.attributes.push((address.to_owned(), values.to_owned()));
        self
    }

    /// With a disk that is full after so many more pages of the ledger, from the moment the first campaign is built;
    /// beside it lies a list that nobody uses. Needs [`Scenario::in_directory`]; there is room again after a kill.
    pub fn little_room(mut self, pages: u32) -> Scenario {
        self.room = Some(Room::Sending(pages));
        self
    }

    /// With a process that ends while the first campaign is being built, because the disk is full after so many more
    /// pages, and is started again where there is room. Needs [`Scenario::in_directory`].
    pub fn cut_short_while_building(mut self, pages: u32) -> Scenario {
        self.room = Some(Room::Building(pages));
        self
    }

    /// With the ledger on a machine of its own that may die at any moment: `make` gets the directory for what does not
    /// lie on its disk. Needs [`Scenario::in_directory`].
    pub fn on(mut self, make: impl Fn(&Path) -> Arc<dyn Machine> + Send + Sync + 'static) -> Scenario {
        self.workshop = Some(Workshop(Arc::new(make)));
        self
    }

    /// Plays the story twice. Panics, saying why, when the runs differ or a standing check is broken.
    pub fn play(&self) -> Ended {
        self.judge(2).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Plays the story so many times (at least once). The error says, in words, which standing checks are broken, or
    /// where two runs part.
    pub fn judge(&self, times: usize) -> Result<Ended, String> {
        let first = self.play_once("run1");
        for time in 2..=times {
            let again = self.play_once(&format!("run{time}"));
            if let Some((line, one, other)) = first.trace.parting(&again.trace) {
                return Err(format!(
                    "two runs of one seed part at line {line} of the trace:\n  one:   {one}\n  other: {other}"
                ));
            }
            if first.trace.hash() != again.trace.hash() {
                return Err("two runs of one seed differ".to_owned());
            }
        }
        if !first.breaches.is_empty() {
            return Err(format!("standing checks broken:\n{}\n\n{}", first.breaches.join("\n"), first.story()));
        }
        Ok(first)
    }

    /// The world of the story in a few lines: providers without their words, people by number, what happens when.
    pub fn told(&self) -> String {
        let mut text =
            format!("seed {}, {} people, {} suppressed", self.seed, self.people.len(), self.suppressed.len());
        text += if self.authentic { "\n" } else { ", nothing vouches for the sender\n" };
        for Profile { key, hosts, dns, greylist_s, limits, moods, temper, regard, manners, mailboxes, .. } in
            self.profiles.iter().map(|profile| &**profile)
        {
            let states: Vec<HostState> = hosts.iter().map(|host| host.state).collect();
            text += &format!("{key}: hosts {states:?}, dns {dns:?}, greylisting {greylist_s:?}\n  {limits:?}\n");
            text += &format!("  moods {moods:?}\n  {temper:?}, {regard:?}\n  {manners:?}\n  {mailboxes:?}\n");
        }
        let after = |at: Timestamp| at.since(EPOCH);
        for fault in &self.faults {
            let (at, from, until) = (&fault.at, after(fault.from), after(fault.until));
            text += &format!("fault at {at} from {from:?} until {until:?}: {:?}\n", fault.trouble);
        }
        for listing in &self.listings {
            let (from, until) = (after(listing.from), after(listing.until));
            text += &format!("on {} from {from:?} until {until:?}\n", listing.list);
        }
        for (at, action) in &self.actions {
            text += &format!("after {at:?}: {action:?}\n");
        }
        text + &format!("beside {:?}, room {:?}\n", self.beside, self.room)
    }

    fn play_once(&self, name: &str) -> Ended {
        let directory = self.directory.as_ref().map(|directory| directory.join(name));
        let mut life = Life::begin(self, directory);
        let mut actions = self.actions.clone();
        loop {
            let runtime = runtime();
            if let Some(ended) = runtime.block_on(life.live(self, &mut actions)) {
                return ended;
            }
            // Everything on the runtime dies with it, in the middle of whatever it was doing.
            drop(runtime);
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime without input or output can always be made")
}
