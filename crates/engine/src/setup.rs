//! Is this machine set up to send? Its public address, the way out by port 25, and the reverse name of each source.
//!
//! What was found is told apart from what it means: the decisions ([`Reason::finding`], [`of_public`], [`of_names`],
//! [`of_greeting`]) are pure, the looking ([`Handle::look_at_setup`]) asks DNS and opens one connection, each within a
//! bound. Nothing of it holds a campaign back: receivers judge by the reverse name (RFC 5321 section 4.1.4 lets them
//! look it up; large ones refuse where there is none), and by whom they are asked is theirs.
//!
//! Nothing is looked up by itself: somebody asks for it.

use crate::fleet::{Source, Ways};
use crate::handle::Handle;
use crate::options::{RelayUrl, SMTP_PORT, Transport};
use net::{DnsFailure, Egress, Resolve, World};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use store::StoreError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Whose servers are asked whether port 25 is open: they answer everywhere, and greet whoever comes.
const ASKED_DOMAIN: &str = "gmail.com";
/// How long the connection and its greeting may take together.
const GREETING_WAIT: Duration = Duration::from_secs(10);
/// Octets of a greeting that are read.
const GREETING_BYTES_MAX: usize = 512;
/// How long one question to DNS may take.
const DNS_WAIT: Duration = Duration::from_secs(5);
/// Sources that are looked at.
const SOURCES_MAX: usize = 50;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good,
    /// Something is to be done.
    Wrong,
    /// It could not be found out.
    Unknown,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The address under which people and links in mail reach this server.
    PublicAddress(String),
    /// The way out to the servers of the world.
    Port25,
    /// The reverse name of a source: its name.
    ReverseName(String),
}

impl About {
    /// The word of its kind.
    pub const fn word(&self) -> &'static str {
        match self {
            About::PublicAddress(_) => "address",
            About::Port25 => "port",
            About::ReverseName(_) => "reverse",
        }
    }
}

/// Why something stands as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The public address is encrypted, and its name leads to an address of the world.
    Reachable,
    /// It is not encrypted: links and passwords travel in the clear.
    Unencrypted,
    /// It leads to this machine or its own network only.
    OnlyHere,
    /// Its name does not exist.
    NoSuchHost,
    /// A server of the world greeted us.
    Open(String),
    /// It answered, and will not have us: what it said.
    Unwelcome(String),
    /// Nobody could be reached: the server and why.
    Closed(String),
    /// Mail leaves by a relay, so that nobody needs port 25 here.
    ByRelay(String),
    /// This is a rehearsal: nothing leaves this machine.
    Rehearsal,
    /// The reverse name is what the source greets with, and leads back to it.
    Matches(String),
    /// The address has no name.
    NoName(IpAddr),
    /// It has another name than the source greets with: its name, and what it greets with.
    OtherName(String, String),
    /// The name it greets with does not lead back to the address.
    NotBack(String, IpAddr),
    /// The source has no address of its own: the system chooses one.
    NoAddress,
    /// A proxy connects for it: its outside address is not known here.
    ByProxy,
    /// It is an address of a private network: which one the world sees is not known here.
    Inside(IpAddr),
    /// DNS did not answer.
    Unseen(String),
}

impl Reason {
    /// The word it is told by.
    pub const fn word(&self) -> &'static str {
        match self {
            Reason::Reachable => "reachable",
            Reason::Unencrypted => "unencrypted",
            Reason::OnlyHere => "only-here",
            Reason::NoSuchHost => "no-such-host",
            Reason::Open(_) => "open",
            Reason::Unwelcome(_) => "unwelcome",
            Reason::Closed(_) => "closed",
            Reason::ByRelay(_) => "by-relay",
            Reason::Rehearsal => "rehearsal",
            Reason::Matches(_) => "matches",
            Reason::NoName(_) => "no-name",
            Reason::OtherName(..) => "other-name",
            Reason::NotBack(..) => "not-back",
            Reason::NoAddress => "no-address",
            Reason::ByProxy => "by-proxy",
            Reason::Inside(_) => "inside",
            Reason::Unseen(_) => "unseen",
        }
    }

    /// Every word there is.
    pub const WORDS: [&str; 17] = [
        "reachable",
        "unencrypted",
        "only-here",
        "no-such-host",
        "open",
        "unwelcome",
        "closed",
        "by-relay",
        "rehearsal",
        "matches",
        "no-name",
        "other-name",
        "not-back",
        "no-address",
        "by-proxy",
        "inside",
        "unseen",
    ];

    /// What stands in the words: what was found, and what was expected or looked for.
    pub fn values(&self) -> (String, String) {
        let one = |text: &dyn ToString| (text.to_string(), String::new());
        match self {
            Reason::Open(text)
            | Reason::Unwelcome(text)
            | Reason::Closed(text)
            | Reason::ByRelay(text)
            | Reason::Matches(text)
            | Reason::Unseen(text) => one(text),
            Reason::NoName(address) | Reason::Inside(address) => one(address),
            Reason::OtherName(found, expected) => (found.clone(), expected.clone()),
            Reason::NotBack(name, address) => (name.clone(), address.to_string()),
            Reason::Reachable
            | Reason::Unencrypted
            | Reason::OnlyHere
            | Reason::NoSuchHost
            | Reason::Rehearsal
            | Reason::NoAddress
            | Reason::ByProxy => Default::default(),
        }
    }

    /// What it means.
    pub const fn finding(&self) -> Finding {
        match self {
            Reason::Reachable | Reason::Open(_) | Reason::ByRelay(_) | Reason::Matches(_) => Finding::Good,
            Reason::Unencrypted
            | Reason::OnlyHere
            | Reason::NoSuchHost
            | Reason::Unwelcome(_)
            | Reason::Closed(_)
            | Reason::NoName(_)
            | Reason::OtherName(..)
            | Reason::NotBack(..) => Finding::Wrong,
            Reason::Rehearsal | Reason::NoAddress | Reason::ByProxy | Reason::Inside(_) | Reason::Unseen(_) => {
                Finding::Unknown
            }
        }
    }
}

/// Something that was looked at, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub about: About,
    /// How, and why.
    pub reason: Reason,
}

// ── what it means ────────────────────────────────────────────────────────────────────────────────────────────────

/// The scheme and the host of a public address.
fn split(url: &str) -> (bool, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    (scheme == "https", host)
}

/// Is the public address one that the world can use? `addresses`: what DNS says of its host.
pub fn of_public(is_encrypted: bool, addresses: &Result<Vec<IpAddr>, DnsFailure>) -> Reason {
    match addresses {
        Err(why) if why.is_definite() => Reason::NoSuchHost,
        Err(why) => Reason::Unseen(why.to_string()),
        Ok(found) if !found.iter().any(|address| net::is_public(*address)) => Reason::OnlyHere,
        Ok(_) if !is_encrypted => Reason::Unencrypted,
        Ok(_) => Reason::Reachable,
    }
}

/// Is a source called in DNS as it calls itself? `names`: those of its address; `back`: the addresses of `ehlo_name`.
pub fn of_names(
    address: IpAddr,
    ehlo_name: &str,
    names: &Result<Vec<String>, DnsFailure>,
    back: &Result<Vec<IpAddr>, DnsFailure>,
) -> Reason {
    let names = match names {
        Ok(names) => names,
        Err(why) if why.is_definite() => return Reason::NoName(address),
        Err(why) => return Reason::Unseen(why.to_string()),
    };
    let is_called_so = names.iter().any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(ehlo_name));
    if !is_called_so {
        return Reason::OtherName(names.join(", "), ehlo_name.to_owned());
    }
    match back {
        Ok(addresses) if addresses.contains(&address) => Reason::Matches(ehlo_name.to_owned()),
        Err(why) if !why.is_definite() => Reason::Unseen(why.to_string()),
        Ok(_) | Err(_) => Reason::NotBack(ehlo_name.to_owned(), address),
    }
}

/// What the greeting of a server means for the way out.
pub fn of_greeting(server: &str, greeting: &str) -> Reason {
    let line = crate::one_line(greeting.lines().next().unwrap_or_default());
    if line.starts_with("220") {
        Reason::Open(server.to_owned())
    } else {
        Reason::Unwelcome(format!("{server}: {line}"))
    }
}

// ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

impl Handle {
    /// Looks at everything once: the public address, port 25, and each source that is in use. In a rehearsal, and where mail
    /// leaves by a relay, nobody is connected to.
    pub async fn look_at_setup(
        &self,
        world: &World,
        public_url: &str,
        transport: &Transport,
    ) -> Result<Vec<Check>, StoreError> {
        // Somebody has just changed a record, most likely.
        world.resolve.forget();
        let ways = Ways::read(&self.store, &self.ehlo_name).await?;
        let sources: Vec<&Source> = ways.sources().map(AsRef::as_ref).take(SOURCES_MAX).collect();
        let mut checks = vec![Check {
            about: About::PublicAddress(public_url.to_owned()),
            reason: public(world.resolve.as_ref(), public_url).await,
        }];
        let from = sources.first().map(|source| source.egress.clone()).unwrap_or_default();
        let reason = match transport {
            Transport::Relay { url } => Reason::ByRelay(RelayUrl::parse(url).map(|url| url.host).unwrap_or_default()),
            Transport::Direct { port, .. } if *port != SMTP_PORT => Reason::Rehearsal,
            Transport::Direct { .. } => port_25(world, &from).await,
        };
        checks.push(Check { about: About::Port25, reason });
        // By a relay it is the relay's name that counts.
        if matches!(transport, Transport::Direct { .. }) {
            for source in sources {
                let reason = reverse(world.resolve.as_ref(), source).await;
                checks.push(Check { about: About::ReverseName(source.name.clone()), reason });
            }
        }
        Ok(checks)
    }
}

/// What DNS says, or that it did not say it in time.
async fn asked<T>(question: impl Future<Output = net::DnsAnswer<T>>) -> Result<T, DnsFailure> {
    tokio::time::timeout(DNS_WAIT, question).await.map_or(Err(DnsFailure::TimedOut), |answer| answer.result)
}

async fn public(resolve: &dyn Resolve, url: &str) -> Reason {
    let (is_encrypted, host) = split(url);
    let addresses = match host.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) if host == "localhost" => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
        Err(_) => asked(resolve.addresses(host)).await,
    };
    of_public(is_encrypted, &addresses)
}

async fn reverse(resolve: &dyn Resolve, source: &Source) -> Reason {
    let address = match (&source.egress.proxy, source.egress.local) {
        (Some(_), _) => return Reason::ByProxy,
        (None, None) => return Reason::NoAddress,
        (None, Some(inside)) if !net::is_public(inside) => return Reason::Inside(inside),
        (None, Some(address)) => address,
    };
    let names = asked(resolve.names(address)).await;
    let back = asked(resolve.addresses(&source.ehlo_name)).await;
    of_names(address, &source.ehlo_name, &names, &back)
}

/// One attempt to be greeted by a server of the world.
async fn port_25(world: &World, from: &Egress) -> Reason {
    let servers = match asked(world.resolve.mx(ASKED_DOMAIN)).await {
        Ok(servers) => servers,
        Err(why) => return Reason::Unseen(why.to_string()),
    };
    let Some(server) = servers.into_iter().min().map(|mx| mx.host) else {
        return Reason::Unseen(DnsFailure::NoRecords.to_string());
    };
    let addresses = match asked(world.resolve.addresses(&server)).await {
        Ok(addresses) => addresses,
        Err(why) => return Reason::Unseen(why.to_string()),
    };
    // The family we leave by, if that is fixed; else the one that everybody has.
    let wanted = from.local.is_none_or(|local| local.is_ipv4());
    let address = addresses.iter().find(|address| address.is_ipv4() == wanted).or(addresses.first());
    let Some(address) = address else { return Reason::Unseen(DnsFailure::NoRecords.to_string()) };
    let target = SocketAddr::new(*address, SMTP_PORT);
    match tokio::time::timeout(GREETING_WAIT, greeting(world, from, target)).await {
        Ok(Ok(said)) => of_greeting(&server, &said),
        Ok(Err(why)) => Reason::Closed(format!("{server}: {why}")),
        Err(_) => Reason::Closed(format!("{server}: {}", net::ConnectFailure::TimedOut)),
    }
}

/// The first line that a server says.
async fn greeting(world: &World, from: &Egress, target: SocketAddr) -> Result<String, String> {
    let stream = world.connect.connect(from, target, GREETING_WAIT).await;
    let mut stream = stream.map_err(|why| why.to_string())?;
    let (mut said, mut piece) = (Vec::new(), [0; GREETING_BYTES_MAX]);
    while said.len() < GREETING_BYTES_MAX && !said.contains(&b'\n') {
        match stream.read(&mut piece).await {
            Ok(0) => break,
            Ok(length) => said.extend(piece.iter().take(length)),
            Err(why) => return Err(why.to_string()),
        }
    }
    // Leaving politely; whether it is heard does not matter.
    let _left = stream.write_all(b"QUIT\r\n").await;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{BoxFuture, Connect, ConnectFailure, DnsAnswer, Dnssec, Guard, Mx, Stream, Tlsa};
    use std::sync::Arc;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_public_address_is_one_that_the_world_can_use() {
        let world = Ok(vec![ip("198.41.0.4")]);
        assert_eq!(of_public(true, &world), Reason::Reachable);
        assert_eq!(of_public(false, &world), Reason::Unencrypted);
        assert_eq!(of_public(true, &Ok(vec![ip("10.0.0.7"), ip("::1")])), Reason::OnlyHere);
        assert_eq!(of_public(true, &Err(DnsFailure::NoSuchName)), Reason::NoSuchHost);
        let unseen = of_public(true, &Err(DnsFailure::TimedOut));
        assert_eq!(unseen.finding(), Finding::Unknown, "DNS that is silent says nothing");
        assert_eq!(split("https://mail.example.org:8443/x"), (true, "mail.example.org"));
        assert_eq!(split("http://[::1]:8025"), (false, "::1"));
    }

    #[test]
    fn a_source_is_called_as_it_calls_itself() {
        let (address, name) = (ip("198.41.0.4"), "out.example.org");
        let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        let back = Ok(vec![address]);
        let found = names(&["host4.hoster.example", "OUT.example.org."]);
        assert_eq!(of_names(address, name, &found, &back), Reason::Matches(name.to_owned()));
        let elsewhere = Ok(vec![ip("198.41.0.5")]);
        assert_eq!(of_names(address, name, &found, &elsewhere), Reason::NotBack(name.to_owned(), address));
        let gone = Err(DnsFailure::NoSuchName);
        assert_eq!(of_names(address, name, &found, &gone), Reason::NotBack(name.to_owned(), address));
        let other = names(&["host4.hoster.example"]);
        let told = of_names(address, name, &other, &back);
        assert_eq!(told, Reason::OtherName("host4.hoster.example".to_owned(), name.to_owned()));
        assert_eq!(of_names(address, name, &Err(DnsFailure::NoSuchName), &back), Reason::NoName(address));
        let silent = of_names(address, name, &Err(DnsFailure::TimedOut), &back);
        assert_eq!(silent.finding(), Finding::Unknown);
    }

    #[test]
    fn a_greeting_opens_the_way_and_a_refusal_is_told() {
        assert_eq!(of_greeting("mx.example", "220 mx.example ready\r\n"), Reason::Open("mx.example".to_owned()));
        let refused = of_greeting("mx.example", "554 5.7.1 listed\r\n");
        assert_eq!(refused, Reason::Unwelcome("mx.example: 554 5.7.1 listed".to_owned()));
        assert_eq!(of_greeting("mx.example", "").finding(), Finding::Wrong);
    }

    /// A world with one mail server, which says this to whoever comes; `None`: nobody gets there.
    #[derive(Clone, Copy)]
    struct OneServer(Option<&'static str>);

    impl Resolve for OneServer {
        fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Mx>>> {
            assert_eq!(domain, ASKED_DOMAIN);
            let mx = |preference, host: &str| Mx { preference, host: host.to_owned() };
            Box::pin(async move { DnsAnswer::found(vec![mx(20, "later.example"), mx(5, "mx.example")], DNS_WAIT) })
        }
        fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<IpAddr>>> {
            assert_eq!(host, "mx.example");
            Box::pin(async { DnsAnswer::found(vec![ip("2001:500::1"), ip("198.41.0.4")], DNS_WAIT) })
        }
        fn txt<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<String>>> {
            Box::pin(async { DnsAnswer::failed(DnsFailure::NoRecords, DNS_WAIT) })
        }
        fn tlsa<'a>(&'a self, _: &'a str) -> BoxFuture<'a, DnsAnswer<Vec<Tlsa>>> {
            Box::pin(async { DnsAnswer::failed(DnsFailure::NoRecords, DNS_WAIT) })
        }
        fn names(&self, _: IpAddr) -> BoxFuture<'_, DnsAnswer<Vec<String>>> {
            Box::pin(async { DnsAnswer::failed(DnsFailure::NoRecords, DNS_WAIT) })
        }
    }

    impl Connect for OneServer {
        fn connect<'a>(
            &'a self,
            _: &'a Egress,
            target: SocketAddr,
            _: Duration,
        ) -> BoxFuture<'a, Result<Box<dyn Stream>, ConnectFailure>> {
            assert_eq!(target, SocketAddr::new(ip("198.41.0.4"), SMTP_PORT));
            Box::pin(async move {
                let said = self.0.ok_or(ConnectFailure::TimedOut)?;
                let (mut theirs, ours) = tokio::io::duplex(1_024);
                theirs.write_all(said.as_bytes()).await.map_err(|why| ConnectFailure::Other(why.to_string()))?;
                // Whoever says nothing more keeps the line open.
                tokio::spawn(async move { theirs.read_to_end(&mut Vec::new()).await });
                Ok(Box::new(ours) as Box<dyn Stream>)
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn port_25_is_tried_once_at_the_first_server_and_not_for_ever() {
        let nobody = "127.0.0.1:9".parse().unwrap();
        let of = |server: OneServer| World {
            resolve: Arc::new(server),
            connect: Arc::new(server),
            ..World::production(Guard::LoopbackOnly, Some(nobody), Dnssec::Validate).unwrap()
        };
        let tried = async |said| port_25(&of(OneServer(said)), &Egress::default()).await;
        assert_eq!(tried(Some("220 mx.example ready\r\n")).await, Reason::Open("mx.example".to_owned()));
        assert_eq!(tried(Some("554 no\r\n")).await, Reason::Unwelcome("mx.example: 554 no".to_owned()));
        assert_eq!(tried(None).await.finding(), Finding::Wrong);
        assert_eq!(
            tried(Some("220 without an end")).await.finding(),
            Finding::Wrong,
            "it is waited for, and not for ever"
        );
    }

    #[test]
    fn every_reason_has_its_word() {
        let address = ip("198.41.0.4");
        let text = String::new;
        let all = [
            Reason::Reachable,
            Reason::Unencrypted,
            Reason::OnlyHere,
            Reason::NoSuchHost,
            Reason::Open(text()),
            Reason::Unwelcome(text()),
            Reason::Closed(text()),
            Reason::ByRelay(text()),
            Reason::Rehearsal,
            Reason::Matches(text()),
            Reason::NoName(address),
            Reason::OtherName(text(), text()),
            Reason::NotBack(text(), address),
            Reason::NoAddress,
            Reason::ByProxy,
            Reason::Inside(address),
            Reason::Unseen(text()),
        ];
        assert_eq!(all.map(|reason| reason.word()), Reason::WORDS);
    }
}
