//! The same receivers on real sockets: one loopback address for each host, one port for all, and their DNS.
//!
//! For trying any mail program against providers that greylist, slow, refuse and lose mail. It listens on 127.0.0.0/8
//! only, so nobody but this machine can reach it. Hosts that are down or silent in the simulation do not listen.
//! Receivers insist on authentic mail only for From domains whose records were handed in: of others they can know
//! nothing. Fails when a port is taken.

use crate::dns_server::DnsServer;
use crate::internet::{Addressing, Internet, Listing, Place, Setup};
use crate::provider::{HostState, Profile};
use crate::receiver::Insistence;
use crate::session;
use crate::worlds::{Published, World};
use model::Timestamp;
use net::Clock;
use serde::Serialize;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Conversations served at once by one host; further ones wait to be accepted.
const CONNECTIONS_PER_HOST: usize = 500;
/// Tries to find a port that is free on every host's address, when any will do.
const PORT_TRIES: usize = 20;
/// A pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// How to listen.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who receives, and what happens meanwhile.
    pub world: World,
    /// The SMTP port of every host; 0 for any that is free.
    pub port: u16,
    /// The DNS port, UDP and TCP, at 127.0.0.1; 0 for any that is free.
    pub dns_port: u16,
    /// How much faster the receivers' clock runs: greylisting of five minutes takes five seconds at 60.
    pub time_scale: u32,
    /// Decides every draw.
    pub seed: u64,
    /// Where to write each accepted copy as a JSON line.
    pub ledger: Option<PathBuf>,
    /// The folder in which to keep each accepted letter whole.
    pub letters: Option<PathBuf>,
    /// TXT records to publish: names and values, such as the sender's SPF, DKIM and DMARC.
    pub records: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            world: World::usual(),
            port: 2525,
            dns_port: 5353,
            time_scale: 1,
            seed: 7,
            ledger: None,
            letters: None,
            records: Vec::new(),
        }
    }
}

/// What is ready, as one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Where the DNS answers.
    pub dns: SocketAddr,
    /// The SMTP port of every host.
    pub port: u16,
    /// How much faster the receivers' clock runs.
    pub time_scale: u32,
    /// The seed.
    pub seed: u64,
    /// The hosts that listen.
    pub hosts: Vec<ReadyHost>,
    /// The domains that are known, those without servers included.
    pub domains: Vec<ReadyDomain>,
}

/// A host that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyHost {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

/// A domain to send to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyDomain {
    /// Its name.
    pub name: String,
    /// Who receives for it.
    pub provider: String,
    /// What is special about that.
    pub about: String,
}

/// Receivers at work; they stop when this is dropped.
#[derive(Debug)]
pub struct Listening {
    /// What is ready.
    pub ready: Ready,
    /// The receivers, for reading their ledger.
    pub internet: Arc<Internet>,
    dns: DnsServer,
    tasks: Vec<JoinHandle<()>>,
}

impl Listening {
    /// Where the DNS answers.
    pub fn dns(&self) -> SocketAddr {
        self.dns.address()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Starts the world's providers on loopback. Prints nothing.
pub async fn listen(options: &Options, clock: Arc<dyn Clock>) -> io::Result<Listening> {
    let profiles = options.world.profiles.clone();
    let setup = Setup {
        seed: options.seed,
        addressing: Addressing::Loopback,
        insistence: Insistence::KnownDomains,
        time_scale: options.time_scale.max(1),
    };
    let internet = Arc::new(Internet::new(&profiles, setup, clock));
    for (name, value) in &options.records {
        internet.zone().add_txt(name, value);
    }
    let later = happen(&internet, &options.world);
    if let Some(path) = &options.ledger {
        internet.write_ledger_to(path)?;
    }
    if let Some(folder) = &options.letters {
        internet.keep_letters_in(folder)?;
    }
    let places: Vec<Place> = internet.places().filter(|place| place.state == HostState::Up).cloned().collect();
    let (port, listeners) = bind_all(&places, options.port).await?;
    let dns_at = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.dns_port);
    let dns = DnsServer::start(internet.zone().clone(), dns_at).await?;
    let ready = Ready {
        dns: dns.address(),
        port,
        time_scale: setup.time_scale,
        seed: options.seed,
        hosts: places.iter().map(|p| ReadyHost { name: p.name.to_string(), address: p.address }).collect(),
        domains: profiles.iter().flat_map(|profile| domains(profile)).collect(),
    };
    let serve = |(place, listener)| tokio::spawn(accept(Arc::clone(&internet), place, listener));
    let mut tasks: Vec<JoinHandle<()>> = places.into_iter().zip(listeners).map(serve).collect();
    tasks.push(tokio::spawn(publish_later(Arc::clone(&internet), later)));
    Ok(Listening { ready, internet, dns, tasks })
}

/// Puts listings and first records in place; what is left is to be published later, soonest first.
fn happen(internet: &Internet, world: &World) -> Vec<Published> {
    let began = internet.now();
    let at = |minutes: u64| began + Duration::from_secs(minutes.saturating_mul(60));
    for listed in &world.listings {
        let until = listed.until_min.map_or(Timestamp::MAX, at);
        let list = listed.list.clone();
        internet.add_listing(Listing { list, source: listed.source, from: at(listed.from_min), until });
    }
    let (first, mut later): (Vec<Published>, Vec<Published>) =
        world.records.iter().cloned().partition(|record| record.from_min == 0);
    first.into_iter().for_each(|record| publish(internet, record));
    later.sort_by_key(|record| record.from_min);
    later
}

fn publish(internet: &Internet, record: Published) {
    internet.zone().edit(&record.name, |records| records.txt = record.txt);
}

async fn publish_later(internet: Arc<Internet>, later: Vec<Published>) {
    let mut passed_min = 0;
    for record in later {
        let minutes = record.from_min - passed_min;
        tokio::time::sleep(internet.wait(Duration::from_secs(minutes.saturating_mul(60)))).await;
        passed_min = record.from_min;
        publish(&internet, record);
    }
}

fn domains(profile: &Profile) -> Vec<ReadyDomain> {
    let domain = |name: String| ReadyDomain { name, provider: profile.key.clone(), about: profile.about.clone() };
    profile.domains.iter().map(|served| domain(served.ascii())).collect()
}

/// Binds one port on every host's address.
async fn bind_all(places: &[Place], port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        match bind_once(places, port).await {
            Ok(bound) => return Ok(bound),
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

async fn bind_once(places: &[Place], mut port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut listeners = Vec::with_capacity(places.len());
    for place in places {
        let at = SocketAddr::new(place.address, port);
        let in_words = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {at}: {error}"));
        let listener = TcpListener::bind(at).await.map_err(in_words)?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((port, listeners))
}

async fn accept(internet: Arc<Internet>, place: Place, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_PER_HOST));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            // A fault may have taken the host down meanwhile: the connection is closed at once.
            Ok((stream, peer)) if internet.state_of(&place) == HostState::Up => {
                // Without it a reply may wait 40 ms for the acknowledgement of the one before; nothing is lost if it fails.
                let _nagle = stream.set_nodelay(true);
                let (internet, place) = (Arc::clone(&internet), place.clone());
                tokio::spawn(async move {
                    session::serve(internet, place, peer.ip(), Box::new(stream), Duration::ZERO).await;
                    drop(slot);
                });
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(AFTER_FAILED_ACCEPT).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::SystemClock;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpStream;

    /// Says each line after the reply to the one before; the last line of every reply.
    async fn talk(to: SocketAddr, lines: &[&str]) -> Vec<String> {
        let mut stream = BufReader::new(TcpStream::connect(to).await.unwrap());
        let mut replies = Vec::new();
        for line in [""].iter().chain(lines) {
            if !line.is_empty() {
                stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
            }
            let mut reply = String::new();
            while reply.get(3..4).is_none_or(|mark| mark != " ") {
                reply.clear();
                if stream.read_line(&mut reply).await.unwrap() == 0 {
                    return replies;
                }
            }
            replies.push(reply.trim_end().to_owned());
        }
        replies
    }

    #[tokio::test]
    async fn any_program_can_talk_to_the_receivers() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.jsonl");
        let options =
            Options { port: 0, dns_port: 0, time_scale: 60, ledger: Some(ledger.clone()), ..Options::default() };
        let listening = listen(&options, Arc::new(SystemClock::new())).await.unwrap();
        let at = |name: &str| {
            let host = listening.ready.hosts.iter().find(|host| host.name == name).unwrap();
            SocketAddr::new(host.address, listening.ready.port)
        };
        assert!(listening.ready.hosts.iter().all(|host| host.address.is_loopback()));
        assert!(listening.ready.hosts.iter().all(|host| host.name != "front.two-doors.test"), "it is down");
        let greylisted = ["EHLO me.example", "MAIL FROM:<a@me.example>", "RCPT TO:<ida@harbour-bank.test>", "QUIT"];
        let said = talk(at("mx1.harbour-bank.test"), &greylisted).await;
        assert_eq!(said[3], "451 4.7.1 Greylisted, try again in 5 seconds");
        let body = "From: a@me.example\r\nMessage-ID: <7@me.example>\r\n\r\nHello\r\n.";
        let accepted =
            ["EHLO me.example", "MAIL FROM:<t0ken@me.example>", "RCPT TO:<ida.berg@papermill.test>", "DATA", body];
        let said = talk(at("mail.papermill.test"), &accepted).await;
        assert!(said[5].starts_with("250 2.0.0"), "{said:?}");
        let written = std::fs::read_to_string(&ledger).unwrap();
        assert!(written.contains("\"message_id\":\"7@me.example\"") && written.lines().count() == 1, "{written}");
    }

    #[tokio::test]
    async fn a_world_lists_a_source_and_loses_a_record_while_it_is_played() {
        let world = World::parse(
            "about = 'x'\n[[provider]]\nkey = 'gate'\nname = 'G'\nabout = 'g'\ndomains = [{ name = 'gate.test' }]\nhosts = [{ name = 'mx.gate.test' }]\nblocklists = ['l']\n[[listing]]\nlist = 'l'\nsource = '127.0.0.1'\nuntil_min = 1\n[[record]]\nname = 'me.example'\ntxt = ['v=spf1 -all']\nfrom_min = 1\n",
        );
        let options = Options { world: world.unwrap(), port: 0, dns_port: 0, time_scale: 60, ..Options::default() };
        let listening = listen(&options, Arc::new(SystemClock::new())).await.unwrap();
        let at = SocketAddr::new(listening.ready.hosts[0].address, listening.ready.port);
        assert!(talk(at, &["QUIT"]).await[0].starts_with("554 5.7.1 Service unavailable; client host [127.0.0.1]"));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert!(talk(at, &["QUIT"]).await[0].starts_with("220"), "a minute of theirs has passed");
        let crate::dns::Said::Records(records) = listening.internet.zone().ask("me.example") else {
            panic!("no record")
        };
        assert_eq!(records.txt, ["v=spf1 -all"]);
    }

    #[tokio::test]
    async fn a_line_cut_after_the_dot_is_cut_on_a_socket_too() {
        let options = Options { port: 0, dns_port: 0, ..Options::default() };
        let listening = listen(&options, Arc::new(SystemClock::new())).await.unwrap();
        let host = listening.ready.hosts.iter().find(|host| host.name == "mx.cut-line.test").unwrap();
        let mut stream = TcpStream::connect((host.address, listening.ready.port)).await.unwrap();
        let all = b"EHLO me.example\r\nMAIL FROM:<a@me.example>\r\nRCPT TO:<ida@cut-line.test>\r\nDATA\r\nHi\r\n.\r\n";
        stream.write_all(all).await.unwrap();
        let mut said = Vec::new();
        // A reset instead of an orderly end is as good.
        let _ended = stream.read_to_end(&mut said).await;
        let said = String::from_utf8(said).unwrap();
        assert!(said.lines().last().is_some_and(|line| line.starts_with("354")), "{said}");
        assert_eq!(listening.internet.with_ledger(|ledger| ledger.arrivals().len()), 1);
    }
}
