//! Everything that receives: the providers at work, their DNS, their ledger and the trace, as one shared thing.
//!
//! [`crate::world`] puts it behind an in-memory network, [`crate::listen`] behind sockets; [`crate::session`] carries
//! out what it decides. All its state is behind one lock that is never held while waiting, and each decision is one
//! call, so that the trace tells them in the order in which they were made.

use crate::authentication::{Memory, Session, verify};
use crate::certificates::{self, Shows};
use crate::chance::Chance;
use crate::dns::{self, Zone};
use crate::fault::{Fault, Trouble};
use crate::ledger::{Arrival, Doing, Folder, Ledger, Sighting};
use crate::people::readers::{Mail, Readers};
use crate::people::visits::Letter;
use crate::provider::{DnsKind, Host, HostState, Profile, TlsOffer};
use crate::receiver::{Action, Answer, Block, Insistence, Receiver, Reception, Sign, Visit};
use crate::trace::Trace;
use crate::usage::{Usage, Used};
use crate::web::{Delivered, Document, WebServer};
use model::{Reply, Stage, Timestamp};
use net::{Clock, TlsServer, Tlsa};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first loopback address given to a host; 127.0.0.1 stays free for everything else on the machine.
const LOOPBACK_FIRST: u8 = 10;

/// What addresses hosts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// Those of their profiles: addresses for documentation.
    Documentation,
    /// 127.0.0.10, 127.0.0.11, … in the order of the profiles.
    Loopback,
}

/// How an internet is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Decides every draw.
    pub seed: u64,
    /// What addresses hosts have.
    pub addressing: Addressing,
    /// Whose mail must be authentic.
    pub insistence: Insistence,
    /// How much faster than the world its clock runs; 1 is as fast.
    pub time_scale: u32,
}

/// A server's place in the network.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: Arc<str>,
    /// Its address.
    pub address: IpAddr,
    /// Does it answer, apart from faults?
    pub state: HostState,
    /// What STARTTLS leads to.
    pub tls: TlsOffer,
    /// Does it promise to keep messages encrypted?
    pub requiretls: bool,
    /// Octets it takes in one message.
    pub message_bytes: u64,
    /// Does it take ASCII addresses only?
    pub ascii_only: bool,
    /// Does it take a message in one piece?
    pub chunking: bool,
    /// Does it refuse every piece, whatever it offers?
    pub refuses_chunks: bool,
    /// Does it refuse every parameter, whatever it offers?
    pub refuses_parameters: bool,
    /// Does it report on demand?
    pub dsn: bool,
    /// Whose it is, by the provider's key.
    pub provider: Arc<str>,
    receiver: usize,
}

/// A source address on a blocklist that several receivers may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The blocklist, by the name that profiles use.
    pub list: String,
    /// Who is on it.
    pub source: IpAddr,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
}

/// Something to be done once.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// The receiving side of the simulated internet.
pub struct Internet {
    zone: Zone,
    memory: Memory,
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    time_scale: u32,
    places: BTreeMap<IpAddr, Place>,
    state: Mutex<State>,
}

struct State {
    receivers: Vec<Receiver>,
    ledger: Ledger,
    trace: Trace,
    is_traced: bool,
    faults: Vec<Fault>,
    listings: Vec<Listing>,
    /// Addresses of the sender's that its machine has lost.
    lost: BTreeSet<IpAddr>,
    readers: Readers,
    /// The letters themselves, if somebody asked to have them.
    letters: Option<Vec<Letter>>,
    usage: Usage,
    at_next_connection: Option<Hook>,
    tries: u64,
    /// Messages that senders began.
    begun: u64,
    /// What servers show that show something of their own, by name.
    identities: BTreeMap<String, TlsServer>,
    /// Mail servers whose first handshake is over.
    stumbled: BTreeSet<String>,
    /// Web servers, by address.
    web: BTreeMap<IpAddr, WebServer>,
    /// What was delivered to them.
    delivered: Vec<Delivered>,
    asked: Vec<(Timestamp, String)>,
    open: u64,
    peak_open: u64,
}

impl std::fmt::Debug for Internet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Internet").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

impl Internet {
    /// The internet of these providers, its DNS filled in.
    pub fn new(profiles: &[Arc<Profile>], setup: Setup, clock: Arc<dyn Clock>) -> Internet {
        let zone = Zone::new();
        let places = places(profiles, setup.addressing);
        for profile in profiles {
            publish(&zone, profile);
        }
        for place in places.values() {
            zone.add_address(&place.name, place.address);
        }
        let started_at = clock.now();
        let chance = Chance::new(setup.seed);
        let receiver = |profile: &Arc<Profile>| {
            Receiver::new(Arc::clone(profile), chance, setup.insistence, setup.time_scale, started_at)
        };
        let state = State {
            receivers: profiles.iter().map(receiver).collect(),
            ledger: Ledger::new(),
            trace: Trace::new(started_at),
            is_traced: true,
            faults: Vec::new(),
            listings: Vec::new(),
            lost: BTreeSet::new(),
            readers: Readers::new(chance),
            letters: None,
            usage: Usage::default(),
            at_next_connection: None,
            tries: 0,
            begun: 0,
            identities: BTreeMap::new(),
            stumbled: BTreeSet::new(),
            web: BTreeMap::new(),
            delivered: Vec::new(),
            asked: Vec::new(),
            open: 0,
            peak_open: 0,
        };
        let (memory, time_scale) = (Memory::default(), setup.time_scale.max(1));
        Internet { zone, memory, clock, started_at, time_scale, places, state: Mutex::new(state) }
    }

    /// Its DNS; changes are seen at once.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Its servers, by address.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// The server at an address.
    pub fn place(&self, address: IpAddr) -> Option<&Place> {
        self.places.get(&address)
    }

    /// The receivers' time, which may run faster than the world's.
    pub fn now(&self) -> Timestamp {
        let passed = self.clock.now().since(self.started_at);
        self.started_at + passed * self.time_scale
    }

    /// A stretch of the receivers' time as the world has to wait it out.
    pub fn wait(&self, receivers_time: Duration) -> Duration {
        receivers_time / self.time_scale
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// The sender's machine has this address no more, or again: nothing can be sent from it meanwhile.
    pub fn lose_address(&self, ours: IpAddr, is_lost: bool) {
        let mut state = self.lock();
        if is_lost {
            state.lost.insert(ours);
        } else {
            state.lost.remove(&ours);
        }
    }

    pub(crate) fn has_lost(&self, ours: IpAddr) -> bool {
        self.lock().lost.contains(&ours)
    }

    /// Puts a source on a blocklist for a while.
    pub(crate) fn add_listing(&self, listing: Listing) {
        self.lock().listings.push(listing);
    }

    /// How often receivers refused something because of their limits, by their keys.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        let state = self.lock();
        state.receivers.iter().map(|receiver| (receiver.profile().key.clone(), receiver.refusals())).collect()
    }

    /// From now on, copies and recipients are counted and not kept, and neither is the trace: for very many people.
    pub(crate) fn only_count(&self) {
        let mut state = self.lock();
        state.ledger.only_count();
        state.is_traced = false;
    }

    /// The long blocks of all receivers, each with its provider's key, in the order of the profiles.
    pub fn blocks(&self) -> Vec<(String, Block)> {
        let state = self.lock();
        let of = |receiver: &Receiver| {
            let key = receiver.profile().key.clone();
            receiver.blocks().iter().map(move |block| (key.clone(), block.clone())).collect::<Vec<_>>()
        };
        state.receivers.iter().flat_map(of).collect()
    }

    /// Gives a mail server a certificate of its own.
    pub fn set_identity(&self, host: &str, identity: TlsServer) {
        self.lock().identities.insert(host.to_owned(), identity);
    }

    /// Gives mail servers certificates for their own names.
    pub fn certify(&self, hosts: &[&str]) {
        for host in hosts {
            self.set_identity(host, certificates::identity(&[host], Shows::Valid).server);
        }
    }

    /// Signs a server's addresses and publishes a TLSA record for it.
    pub fn publish_tlsa(&self, host: &str, record: Tlsa) {
        self.zone.set_secure(host, true);
        self.zone.add_tlsa(&format!("_25._tcp.{host}"), record);
    }

    /// Publishes an MTA-STS policy: its record and its host. An earlier one is replaced.
    pub fn publish_policy(&self, domain: &str, id: &str, policy: Document) {
        let name = format!("_mta-sts.{domain}");
        self.zone.edit(&name, |records| records.txt = vec![format!("v=STSv1; id={id};")]);
        let host = format!("mta-sts.{domain}");
        let identity = certificates::identity(&[&host], Shows::Valid).server;
        let documents = BTreeMap::from([("/.well-known/mta-sts.txt".to_owned(), policy)]);
        self.open_web_server(&host, WebServer { identity, documents, silent: false });
    }

    /// Puts a web server at an address of its own, or another in its place.
    pub fn open_web_server(&self, host: &str, server: WebServer) {
        let known = match self.zone.ask(host) {
            dns::Said::Records(records) => records.addresses.first().copied(),
            _ => None,
        };
        let count = u8::try_from(self.lock().web.len()).unwrap_or(u8::MAX);
        let address = known.unwrap_or(IpAddr::V4(Ipv4Addr::new(198, 51, 100, count)));
        self.set_web_server(host, address, server);
    }

    /// Does the handshake that a client begins now break?
    pub(crate) fn breaks_handshake(&self, place: &Place) -> bool {
        match place.tls {
            TlsOffer::None | TlsOffer::Good => false,
            TlsOffer::Broken => true,
            TlsOffer::Stumbling => self.lock().stumbled.insert(place.name.to_string()),
        }
    }

    /// What a mail server shows.
    pub(crate) fn identity_of(&self, place: &Place) -> TlsServer {
        self.lock().identities.get(&*place.name).unwrap_or_else(|| certificates::usual()).clone()
    }

    fn set_web_server(&self, host: &str, address: IpAddr, server: WebServer) {
        self.zone.edit(host, |records| records.addresses = vec![address]);
        self.lock().web.insert(address, server);
    }

    /// The web server at an address.
    pub(crate) fn web_server(&self, address: IpAddr) -> Option<WebServer> {
        self.lock().web.get(&address).cloned()
    }

    /// Something was delivered to a web server, or shown by it.
    pub(crate) fn delivered(&self, what: Delivered) {
        let now = self.now();
        match what.method.as_str() {
            "POST" => self.lock().delivered.push(what),
            _ => self.lock().asked.push((now, what.path)),
        }
    }

    /// Which documents of web servers were shown, and when.
    pub(crate) fn asked_of_web(&self) -> Vec<(Timestamp, String)> {
        self.lock().asked.clone()
    }

    /// What was delivered to web servers.
    pub(crate) fn delivered_to_web(&self) -> Vec<Delivered> {
        self.lock().delivered.clone()
    }

    /// What is wrong with a server now, if its profile or a fault says so.
    pub(crate) fn state_of(&self, place: &Place) -> HostState {
        match self.lock().trouble(self.now(), place) {
            Some(Trouble::Down) => HostState::Down,
            Some(Trouble::Silent) => HostState::Silent,
            Some(Trouble::CutAt(_) | Trouble::MuteAt(_) | Trouble::RaveAt(..) | Trouble::SayAt(..)) | None => {
                place.state
            }
        }
    }

    /// The letters that came since this was asked last, whole. They are kept from the first time on.
    pub fn take_letters(&self) -> Vec<Letter> {
        self.lock().letters.replace(Vec::new()).unwrap_or_default()
    }

    /// Is there somebody who will still do something with what they got?
    pub fn somebody_will_act(&self) -> bool {
        self.lock().readers.has_deeds_ahead()
    }

    /// Reads the ledger; whatever people have done until now is in it.
    pub fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        let mut state = self.lock();
        state.let_people_act(self.now());
        read(&state.ledger)
    }

    /// Appends every arrival to a file as well, from now on.
    pub(crate) fn write_ledger_to(&self, path: &std::path::Path) -> std::io::Result<()> {
        self.lock().ledger.write_to(path)
    }

    /// Keeps every letter as a file of a folder as well, from now on.
    pub(crate) fn keep_letters_in(&self, folder: &std::path::Path) -> std::io::Result<()> {
        self.lock().ledger.keep_letters_in(folder)
    }

    /// The trace's hash so far.
    pub fn trace_hash(&self) -> String {
        self.lock().trace.hash()
    }

    /// How many lines the trace has so far.
    pub fn trace_count(&self) -> u64 {
        self.lock().trace.count()
    }

    /// Takes the trace out; a new one begins.
    pub(crate) fn take_trace(&self) -> Trace {
        let epoch = self.started_at;
        std::mem::replace(&mut self.lock().trace, Trace::new(epoch))
    }

    /// Adds a line of somebody else's to the trace.
    pub fn note(&self, who: &str, what: &str) {
        let now = self.now();
        self.lock().record(now, who, what);
    }

    /// Somebody at `provider` called mail from `from_domain` spam.
    pub fn complain(&self, provider: &str, from_domain: &str) {
        let mut state = self.lock();
        if let Some(receiver) = state.receivers.iter_mut().find(|receiver| receiver.profile().key == provider) {
            receiver.complained(from_domain);
        }
    }

    /// The most connections that were open at once, over all hosts.
    pub(crate) fn peak_open(&self) -> u64 {
        self.lock().peak_open
    }

    /// The most that each source used of each provider, in memory; on loopback nothing is known of it.
    pub fn used(&self) -> BTreeMap<(IpAddr, String), Used> {
        self.lock().usage.most()
    }

    /// How often a connection was tried, whatever came of it.
    pub fn tries(&self) -> u64 {
        self.lock().tries
    }

    /// How many messages senders began: conversations about one recipient, whatever came of them.
    pub fn begun(&self) -> u64 {
        self.lock().begun
    }

    pub(crate) fn tried(&self) {
        self.lock().tries += 1;
    }

    /// Runs `hook` when the next connection stands.
    pub(crate) fn at_next_connection(&self, hook: Hook) {
        self.lock().at_next_connection = Some(hook);
    }

    /// A line from `source` stands; the sender's letting go of it is told by [`Internet::line_closed`].
    pub(crate) fn line_opened(&self, place: &Place, source: IpAddr) {
        let now = self.now();
        let mut state = self.lock();
        state.usage.opened(now, source, &place.provider);
        if let Some(hook) = state.at_next_connection.take() {
            hook();
        }
    }

    /// Lines that senders hold open now. A receiver may have closed its end, and said something that is still on its way.
    pub(crate) fn lines_now(&self) -> u64 {
        self.lock().usage.open()
    }

    pub(crate) fn line_closed(&self, place: &Place, source: IpAddr) {
        self.lock().usage.closed(source, &place.provider);
    }

    /// The connections that are open now, over all hosts.
    pub(crate) fn open_now(&self) -> u64 {
        self.lock().open
    }

    /// A connection was taken; its end is told by [`Internet::disconnected`].
    pub(crate) fn opened(&self) {
        let mut state = self.lock();
        state.open += 1;
        state.peak_open = state.peak_open.max(state.open);
    }

    pub(crate) fn connected(&self, place: &Place, visit: &mut Visit) -> Answer {
        let list = self.lock().list_of(self.now(), place, visit.peer);
        self.decide(place, Stage::Greeting, visit, "connect", |receiver, now, visit| {
            receiver.connected(now, visit, list.as_deref())
        })
    }

    /// The end of a connection. It is not traced: when a simulated process dies, all its lines end at once, in no order.
    pub(crate) fn disconnected(&self, place: &Place, visit: &Visit) {
        let mut state = self.lock();
        state.receivers[place.receiver].disconnected(visit);
        state.open = state.open.saturating_sub(1);
    }

    pub(crate) fn usual(&self, place: &Place, stage: Stage, visit: &mut Visit, reply: Reply) -> Answer {
        self.decide(place, stage, visit, stage.word(), |receiver, _, _| receiver.usual(reply))
    }

    pub(crate) fn mail(&self, place: &Place, visit: &mut Visit, from: &str, usual: Reply) -> Answer {
        visit.begun += 1;
        let now = self.now();
        let mut state = self.lock();
        state.begun += 1;
        state.usage.began(now, visit.peer, &place.provider, visit.begun);
        drop(state);
        self.decide(place, Stage::Mail, visit, "mail", |receiver, now, visit| receiver.mail(now, visit, from, usual))
    }

    pub(crate) fn rcpt(&self, place: &Place, visit: &mut Visit, to: &str, usual: Reply) -> Answer {
        let what = format!("rcpt {to}");
        let answer =
            self.decide(place, Stage::Rcpt, visit, &what, |receiver, now, visit| receiver.rcpt(now, visit, to, usual));
        if let Action::Say(reply) | Action::SayAndClose(reply) = &answer.action {
            let (provider, at) = (place.provider.to_string(), self.now());
            self.lock().ledger.sighted(Sighting {
                at,
                peer: visit.peer,
                provider,
                recipient: to.to_owned(),
                code: reply.code,
            });
        }
        answer
    }

    /// Behind the end of a message more was said already.
    pub(crate) fn followed(&self, place: &Place, visit: &Visit) {
        self.lock().usage.followed(visit.peer, &place.provider);
    }

    /// The final dot. The copies are in the ledger before the answer is given.
    pub(crate) fn message(&self, place: &Place, visit: &mut Visit, bytes: &[u8]) -> Answer {
        let now = self.now();
        let return_path = visit.return_path.clone();
        let facts = Session { client: visit.peer, helo: &visit.helo, mail_from: &return_path, now };
        let checks = verify(bytes, &facts, &self.zone, &self.memory).checks();
        let mut state = self.lock();
        if let Some(answer) = state.trouble(now, place).and_then(|trouble| trouble.at(Stage::Final)) {
            state.record(now, &place.name, "message lost to a fault");
            return answer;
        }
        let Reception { answer, copies } = state.receivers[place.receiver].message(now, visit, &checks);
        let said = shown(&answer);
        let answered = matches!(answer.action, Action::Say(_));
        let message_id = header(bytes, "message-id").trim_matches(['<', '>']).to_owned();
        let token = return_path.rsplit_once('@').map_or("", |(local, _)| local).to_owned();
        for (recipient, folder) in copies {
            state.record(now, &place.name, &format!("message {recipient} {said} {}", folder_word(folder)));
            state.deliver(now, place, visit.peer, &recipient, &checks.from_domain, folder);
            if let Some(letters) = &mut state.letters {
                let provider = place.provider.to_string();
                letters.push(Letter { at: now, provider, recipient: recipient.clone(), folder, raw: bytes.to_vec() });
            }
            let kept = state.ledger.letter(&return_path, &recipient, bytes);
            let arrival = Arrival {
                at: now,
                provider: place.provider.to_string(),
                host: place.name.to_string(),
                recipient,
                return_path: return_path.clone(),
                token: token.clone(),
                message_id: message_id.clone(),
                folder,
                answered,
                encrypted: visit.encrypted,
                bytes: bytes.len() as u64,
                checks: checks.clone(),
            };
            if kept.and_then(|()| state.ledger.arrived(arrival)).is_err() {
                let reply = Reply::new(452, "4.3.1 The receiver's ledger cannot be written");
                return Answer { action: Action::Say(reply), after: Duration::ZERO };
            }
        }
        if matches!(&answer.action, Action::Say(reply) if !reply.is_positive()) {
            state.record(now, &place.name, &format!("message {said}"));
        }
        answer
    }

    /// One decision: a fault's, if there is one at this stage, else the receiver's; either is traced.
    fn decide(
        &self,
        place: &Place,
        stage: Stage,
        visit: &mut Visit,
        what: &str,
        decide: impl FnOnce(&mut Receiver, Timestamp, &mut Visit) -> Answer,
    ) -> Answer {
        let now = self.now();
        let mut state = self.lock();
        state.let_people_act(now);
        let fault = state.trouble(now, place).and_then(|trouble| trouble.at(stage));
        let answer = fault.unwrap_or_else(|| decide(&mut state.receivers[place.receiver], now, visit));
        state.record(now, &place.name, &format!("{what} {}", shown(&answer)));
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, now: Timestamp, who: &str, what: &str) {
        if self.is_traced {
            self.trace.record(now, who, what);
        }
    }

    /// A copy has come: its reader will do something about it, if the provider's people have habits.
    fn deliver(&mut self, now: Timestamp, place: &Place, source: IpAddr, recipient: &str, from: &str, folder: Folder) {
        let profile = self.receivers[place.receiver].profile();
        if let Some(habits) = profile.habits {
            let mail = Mail { provider: &profile.key, recipient, from_domain: from, source, folder };
            self.readers.received(now, &habits, mail);
        }
    }

    /// Everything that people have done until now: noted, and told to their providers.
    fn let_people_act(&mut self, now: Timestamp) {
        while let Some(deed) = self.readers.next_until(now) {
            self.record(deed.at, &deed.recipient, deed.what.word());
            let sign = match deed.what {
                Doing::Complained => Some(Sign::Complained),
                Doing::Rescued => Some(Sign::Rescued),
                Doing::Opened | Doing::Clicked | Doing::Unsubscribed | Doing::DeletedUnread => None,
            };
            let home = self.receivers.iter_mut().find(|receiver| receiver.profile().key == deed.provider);
            if let (Some(receiver), Some(sign)) = (home, sign) {
                receiver.saw(deed.at, deed.source, &deed.from_domain, sign);
            }
            self.ledger.did(deed);
        }
    }

    /// The blocklist that this provider asks and that names the source.
    fn list_of(&self, now: Timestamp, place: &Place, source: IpAddr) -> Option<String> {
        let asked = &self.receivers[place.receiver].profile().blocklists;
        let names = |listing: &&Listing| {
            listing.source == source && listing.from <= now && now < listing.until && asked.contains(&listing.list)
        };
        self.listings.iter().find(names).map(|listing| listing.list.clone())
    }

    fn trouble(&self, now: Timestamp, place: &Place) -> Option<Trouble> {
        self.faults.iter().find(|fault| fault.concerns(now, &place.name, &place.provider)).map(|fault| fault.trouble)
    }
}

fn places(profiles: &[Arc<Profile>], addressing: Addressing) -> BTreeMap<IpAddr, Place> {
    let hosts: Vec<(usize, &Arc<Profile>, &Host)> = profiles
        .iter()
        .enumerate()
        .flat_map(|(at, profile)| profile.hosts.iter().map(move |host| (at, profile, host)))
        .collect();
    let place = |(number, (receiver, profile, host)): (usize, &(usize, &Arc<Profile>, &Host))| {
        let last = u8::try_from(number).unwrap_or(u8::MAX).saturating_add(LOOPBACK_FIRST);
        let address = match addressing {
            Addressing::Documentation => host.address,
            Addressing::Loopback => IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
        };
        let place = Place {
            name: host.name.as_str().into(),
            address,
            state: host.state,
            tls: profile.tls.offer,
            requiretls: profile.tls.requiretls,
            message_bytes: profile.limits.message_bytes,
            ascii_only: profile.ascii_only,
            chunking: profile.chunking,
            refuses_chunks: profile.manners.refuses_chunks,
            refuses_parameters: profile.manners.refuses_parameters,
            dsn: profile.dsn,
            provider: profile.key.as_str().into(),
            receiver: *receiver,
        };
        (address, place)
    };
    hosts.iter().enumerate().map(place).collect()
}

/// Fills in a provider's domains; its hosts' addresses depend on the addressing and are added by the caller.
fn publish(zone: &Zone, profile: &Profile) {
    for domain in &profile.domains {
        let name = domain.ascii();
        match profile.dns {
            DnsKind::Mx => profile.hosts.iter().for_each(|host| zone.add_mx(&name, host.preference, &host.name)),
            DnsKind::NullMx => zone.add_mx(&name, 0, "."),
            DnsKind::Servfail => zone.set_fault(&name, Some(dns::Fault::ServFail)),
            DnsKind::Implicit | DnsKind::None => {}
        }
    }
}

/// An answer as the trace shows it: codes without texts, which may hold what differs between runs.
fn shown(answer: &Answer) -> String {
    match &answer.action {
        Action::Say(reply) | Action::SayAndClose(reply) => match reply.enhanced {
            Some(enhanced) => format!("{} {enhanced}", reply.code),
            None => reply.code.to_string(),
        },
        Action::Mute => "mute".to_owned(),
        Action::Cut => "cut".to_owned(),
        Action::Rave(rave) => format!("{rave:?}").to_lowercase(),
    }
}

fn folder_word(folder: Folder) -> &'static str {
    match folder {
        Folder::Inbox => "inbox",
        Folder::Spam => "spam",
        Folder::Dropped => "dropped",
    }
}

/// The value of a header field on one line, or nothing.
fn header(message: &[u8], name: &str) -> String {
    let end = message.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap_or(message.len());
    let head = String::from_utf8_lossy(message.get(..end).unwrap_or_default());
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let value = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
    value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
