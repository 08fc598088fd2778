//! From the addresses of a mail server to one connected stream.
//!
//! Happy eyeballs (RFC 8305): IPv6 and IPv4 in turn, IPv6 first; the next address is tried beside the one before when
//! that one has said nothing for a moment, and at once when it has failed; never more than two at a time. What did not
//! answer is remembered and tried last for a while that doubles with each further failure, address by address and, when
//! none of its addresses answered, host by host. A host that takes connections and no mail is set back in the same way
//! ([`Reach::set_back`]), until it takes a message. Nothing is ever given up for good here: how long to leave a whole site
//! alone is the lane's business.
//!
//! Apart from the conversation because the order is a pure decision ([`Memory`]) and needs no server to be tested. In
//! the simulator the same seed gives the same race: the runners are asked in their order, and time is the world's.

use crate::house::CONNECT_TIMEOUT;
use model::Timestamp;
use net::{BoxFuture, Clock, Connect, ConnectFailure, Egress, Proxy, Stream};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// How long an address may say nothing before the next is tried beside it (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried at the same time.
const RACING_MAX: usize = 2;
/// Addresses and hosts whose failures are remembered; beyond that the one that is due soonest makes room.
const REMEMBERED_MAX: usize = 4_096;
/// What failed once is tried last for so long; each further failure doubles it …
const REST: Duration = Duration::from_secs(30);
/// … up to this.
const REST_MAX: Duration = Duration::from_secs(60 * 60);
/// A rest that ended so long ago is forgotten: the next failure is a first one again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// The way to a host.
pub(crate) struct Approach<'a> {
    pub(crate) connect: &'a dyn Connect,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) from: &'a Egress,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

/// Why none of the addresses was reached: the failure that says most, and where it was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreached {
    pub(crate) failure: ConnectFailure,
    pub(crate) address: Option<IpAddr>,
}

/// What is known about the addresses and hosts of the world, for all lanes.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    memory: Mutex<Memory>,
}

impl Reach {
    /// Puts a host's addresses into the order they are to be tried in, and leaves out those of a family that we cannot
    /// send from.
    pub(crate) fn put_in_order(&self, from: &Egress, addresses: &mut Vec<IpAddr>, now: Timestamp) {
        self.memory().put_in_order(from, addresses, now);
    }

    /// The first of the host's addresses that takes the connection, at most `tries_max` of them being tried, in the order
    /// given. Those that were tried are taken out of `addresses`, so that whoever is turned away may go on with the rest.
    pub(crate) async fn connect(
        &self,
        way: &Approach<'_>,
        addresses: &mut Vec<IpAddr>,
        tries_max: usize,
    ) -> Result<(Box<dyn Stream>, IpAddr), Unreached> {
        if addresses.is_empty() {
            return Err(no_address_of_this_family(way));
        }
        let waiting = addresses.drain(..tries_max.min(addresses.len())).collect();
        let mut race = Race { way, waiting, running: Vec::with_capacity(RACING_MAX), next_at: Instant::now() };
        let mut worst: Option<Unreached> = None;
        loop {
            let Some((address, result)) = race.next_result().await else { break };
            let now = way.clock.now();
            match result {
                Ok(stream) => {
                    self.memory().answered(way.from, way.host, address);
                    addresses.splice(..0, race.waiting);
                    return Ok((stream, address));
                }
                Err(failure) => {
                    if is_theirs(&failure) {
                        self.memory().failed(Name::address(way.from, address), now);
                    }
                    let found = Unreached { failure, address: Some(address) };
                    if worst.as_ref().is_none_or(|known| weight(&known.failure) <= weight(&found.failure)) {
                        worst = Some(found);
                    }
                }
            }
        }
        if worst.as_ref().is_some_and(|worst| is_theirs(&worst.failure)) {
            self.memory().failed(Name::host(way.from, way.host), way.clock.now());
        }
        Err(worst.unwrap_or_else(|| no_address_of_this_family(way)))
    }

    /// Puts hosts that did not answer a moment ago, or are set back, behind the others; apart from that their order stays.
    pub(crate) fn put_hosts_in_order(&self, from: &Egress, hosts: &mut [String], now: Timestamp) {
        let memory = self.memory();
        hosts.sort_by_cached_key(|host| memory.host_resting_until(from, host, now));
    }

    /// A host took the connection and has trouble of its own: the others go first for a while. What several conversations met
    /// at the same time counts once.
    pub(crate) fn set_back(&self, from: &Egress, host: &str, now: Timestamp) {
        let (mut memory, name) = (self.memory(), Name::service(from, host));
        if memory.resting_until(&name, now).is_none() {
            memory.failed(name, now);
        }
    }

    /// Do the others go first?
    pub(crate) fn is_set_back(&self, from: &Egress, host: &str, now: Timestamp) -> bool {
        self.memory().host_resting_until(from, host, now).is_some()
    }

    /// A host took a message: whatever trouble it had is over.
    pub(crate) fn took(&self, from: &Egress, host: &str) {
        let mut memory = self.memory();
        if !memory.rests.is_empty() {
            memory.rests.remove(&Name::service(from, host));
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on its way.
type Connecting<'a> = BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>>;

/// Addresses on their way, in the order they were started.
struct Race<'a, 'w> {
    way: &'a Approach<'w>,
    waiting: Vec<IpAddr>,
    running: Vec<(IpAddr, Connecting<'a>)>,
    /// When the next one may start although another is on its way.
    next_at: Instant,
}

impl Race<'_, '_> {
    /// Whoever is through first, started as the rules say; `None` when nobody is left.
    async fn next_result(&mut self) -> Option<(IpAddr, Result<Box<dyn Stream>, ConnectFailure>)> {
        loop {
            if self.running.is_empty() && !self.start_one() {
                return None;
            }
            let may_start = !self.waiting.is_empty() && self.running.len() < RACING_MAX;
            let next_at = self.next_at;
            tokio::select! {
                biased;
                through = first_through(&mut self.running) => {
                    // A failure lets the next one go at once (RFC 8305 section 5).
                    self.next_at = Instant::now();
                    return Some(through);
                }
                () = tokio::time::sleep_until(next_at), if may_start => {
                    self.start_one();
                }
            }
        }
    }

    fn start_one(&mut self) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let address = self.waiting.remove(0);
        let target = SocketAddr::new(address, self.way.port);
        let connecting = self.way.connect.connect(self.way.from, target, CONNECT_TIMEOUT);
        self.running.push((address, connecting));
        self.next_at = Instant::now() + STAGGER;
        true
    }
}

/// The first of those under way that is through, asked in their order; it is taken out.
async fn first_through<T>(running: &mut Vec<(IpAddr, BoxFuture<'_, T>)>) -> (IpAddr, T) {
    poll_fn(|context| {
        for at in 0..running.len() {
            let Some((address, connecting)) = running.get_mut(at) else { break };
            if let Poll::Ready(result) = connecting.as_mut().poll(context) {
                let address = *address;
                drop(running.remove(at));
                return Poll::Ready((address, result));
            }
        }
        Poll::Pending
    })
    .await
}

/// Does the failure speak of the address, rather than of ourselves?
fn is_theirs(failure: &ConnectFailure) -> bool {
    match failure {
        ConnectFailure::Refused
        | ConnectFailure::Unreachable(_)
        | ConnectFailure::OtherFamily(_)
        | ConnectFailure::TimedOut => true,
        ConnectFailure::Forbidden(_) | ConnectFailure::Egress(_) | ConnectFailure::Other(_) => false,
    }
}

/// How much a failure says about the site: an answer more than silence, silence more than a missing route of ours.
fn weight(failure: &ConnectFailure) -> u8 {
    match failure {
        ConnectFailure::Refused => 5,
        ConnectFailure::TimedOut => 4,
        ConnectFailure::Egress(_) => 3,
        ConnectFailure::Other(_) => 2,
        ConnectFailure::Unreachable(_) | ConnectFailure::OtherFamily(_) => 1,
        ConnectFailure::Forbidden(_) => 0,
    }
}

fn no_address_of_this_family(way: &Approach<'_>) -> Unreached {
    let from = way.from.local.map_or_else(|| "here".to_owned(), |local| local.to_string());
    let why = format!("{} has no address that can be reached from {from}", way.host);
    Unreached { failure: ConnectFailure::OtherFamily(why), address: None }
}

/// What did not answer, seen from one of our addresses: a server may drop the packets of one and take those of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    from: Option<IpAddr>,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Address(IpAddr),
    Host(Box<str>),
    /// What a host that takes connections does with mail.
    Service(Box<str>),
}

impl Name {
    fn address(from: &Egress, address: IpAddr) -> Name {
        Name { from: from.local, what: What::Address(address) }
    }

    fn host(from: &Egress, host: &str) -> Name {
        Name { from: from.local, what: What::Host(host.into()) }
    }

    fn service(from: &Egress, host: &str) -> Name {
        Name { from: from.local, what: What::Service(host.into()) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    failures: u32,
    until: Timestamp,
}

/// What failed, how often in a row, and until when it is tried last.
#[derive(Debug, Default)]
struct Memory {
    rests: BTreeMap<Name, Rest>,
}

impl Memory {
    /// The families in turn, IPv6 first, each in the order given; those that rest behind the others, the one whose rest
    /// ends first before the rest. Addresses of a family that we cannot send from are left out.
    fn put_in_order(&self, from: &Egress, addresses: &mut Vec<IpAddr>, now: Timestamp) {
        if let (Some(local), None | Some(Proxy::Haproxy { .. })) = (from.local, &from.proxy) {
            addresses.retain(|address| address.is_ipv6() == local.is_ipv6());
        }
        let mut turn = [0usize; 2];
        let mut ranked: Vec<(Option<Timestamp>, usize, IpAddr)> = addresses
            .iter()
            .map(|address| {
                let family = usize::from(address.is_ipv4());
                let place = turn[family] * 2 + family;
                turn[family] += 1;
                (self.resting_until(&Name::address(from, *address), now), place, *address)
            })
            .collect();
        ranked.sort_by_key(|(resting, place, _)| (*resting, *place));
        *addresses = ranked.into_iter().map(|(.., address)| address).collect();
    }

    /// `None`, which sorts first, is "not at all".
    fn resting_until(&self, name: &Name, now: Timestamp) -> Option<Timestamp> {
        self.rests.get(name).map(|rest| rest.until).filter(|until| *until > now)
    }

    fn host_resting_until(&self, from: &Egress, host: &str, now: Timestamp) -> Option<Timestamp> {
        self.resting_until(&Name::host(from, host), now).max(self.resting_until(&Name::service(from, host), now))
    }

    fn answered(&mut self, from: &Egress, host: &str, address: IpAddr) {
        if !self.rests.is_empty() {
            self.rests.remove(&Name::address(from, address));
            self.rests.remove(&Name::host(from, host));
        }
    }

    fn failed(&mut self, name: Name, now: Timestamp) {
        let before = self.rests.get(&name).filter(|rest| rest.until + FORGOTTEN_AFTER > now);
        let failures = before.map_or(0, |rest| rest.failures).saturating_add(1);
        let doubled = REST.saturating_mul(2u32.saturating_pow(failures - 1));
        self.rests.insert(name, Rest { failures, until: now + doubled.min(REST_MAX) });
        if self.rests.len() > REMEMBERED_MAX {
            let soonest = self.rests.iter().min_by_key(|(_, rest)| rest.until).map(|(name, _)| name.clone());
            soonest.map(|name| self.rests.remove(&name));
        }
    }
}

#[cfg(test)]
mod tests;
