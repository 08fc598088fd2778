//! Alerts by mail: through which servers, and the conversation.
//!
//! Apart from campaigns' mail on purpose, with nothing of lanes, holds or policies: the path that broke must not carry the news
//! of it. It goes by the relay that is named for it. Where campaigns go by a relay, the recipient's own servers are a path that
//! is not theirs: they come second, and first if both relays are one.

use super::message::Message;
use crate::Stakes;
use crate::house::House;
use crate::options::{LOCALHOST, RelayUrl, SMTP_PORT};
use crate::reach::Approach;
use crate::settings::Way;
use crate::transmit::{Session, Why, terms_of_one};
use mail::notice::Notice;
use model::EmailAddress;
use net::{Egress, Resolve, Trust};
use smtp::client::{Credentials, Ending, Envelope, TlsMode};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long handing mail to one server may take.
const SERVER_LIMIT: Duration = Duration::from_secs(60);
/// Addresses of a server that are tried.
const ADDRESSES_MAX: usize = 3;
/// The recipient's servers that are tried.
const SERVERS_MAX: usize = 3;

/// A server, and how it is spoken to.
struct Server {
    host: String,
    port: u16,
    tls: TlsMode,
    trust: Trust,
    auth: Option<Credentials>,
    /// Named as this machine's own: only whoever is at home here can (`Way::leads_inside`).
    is_here: bool,
}

impl Server {
    /// A relay somebody named: encrypted with a certificate of that name, except on this machine.
    fn relay(text: &str, password: Option<&str>) -> Result<Server, String> {
        let url = RelayUrl::parse(text).map_err(|error| error.to_string())?;
        let (tls, trust) = match (url.implicit_tls, url.is_loopback()) {
            (true, _) => (TlsMode::Implicit, Trust::Named),
            (false, true) => (TlsMode::Opportunistic, Trust::Any),
            (false, false) => (TlsMode::Required, Trust::Named),
        };
        let auth =
            url.user.clone().zip(password).map(|(user, password)| Credentials { user, password: password.to_owned() });
        let is_here = url.is_loopback();
        Ok(Server { host: url.host, port: url.port, tls, trust, auth, is_here })
    }

    /// A server of the recipient's own: as it comes.
    fn theirs(host: String) -> Server {
        Server { host, port: SMTP_PORT, tls: TlsMode::Opportunistic, trust: Trust::Any, auth: None, is_here: false }
    }
}

/// Sends it by the first path that takes it; why not, of each, if none does.
pub(super) async fn send(
    house: &House,
    (to, from): (&str, &str),
    (relay, password): (&str, Option<&str>),
    message: &Message,
) -> Result<(), String> {
    let named = Server::relay(relay, password)?;
    let servers = match &house.settings.way {
        Way::Relay(of_campaigns) if house.settings.stakes == Stakes::Relayed => {
            let mut servers = theirs(house, to).await;
            let is_shared = is_same(house, &named.host, &of_campaigns.host).await;
            let at = if is_shared { servers.len() } else { 0 };
            servers.insert(at, named);
            servers
        }
        Way::Relay(_) | Way::Direct { .. } => vec![named],
    };
    let mut token = [0; 8];
    house.world.entropy.fill("alert message id", &mut token);
    let bytes = Notice { from, to, subject: &message.title, text: &message.text, at: message.at, token }.bytes();
    let (is_one, mut failures) = (servers.len() == 1, Vec::new());
    for server in servers {
        let handed = tokio::time::timeout(SERVER_LIMIT, hand_over(house, &server, (to, from), &bytes)).await;
        match handed.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(()) => return Ok(()),
            Err(why) if is_one => failures.push(why),
            Err(why) => failures.push(format!("{}: {why}", server.host)),
        }
    }
    Err(failures.join("; "))
}

/// The servers of the recipient's domain, best first (RFC 5321 section 5.1).
async fn theirs(house: &House, to: &str) -> Vec<Server> {
    let Ok(to) = EmailAddress::parse(to) else { return Vec::new() };
    let domain = to.domain().as_str();
    let mut records = house.dns.mx(domain).await.result.unwrap_or_default();
    records.sort();
    let mut hosts: Vec<String> = records.into_iter().map(|mx| mx.host).filter(|host| host != ".").collect();
    if hosts.is_empty() {
        hosts.push(domain.to_owned());
    }
    hosts.into_iter().take(SERVERS_MAX).map(Server::theirs).collect()
}

/// Are these names of one server?
async fn is_same(house: &House, one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    let (one, other) = (addresses(house, one).await, addresses(house, other).await);
    one.unwrap_or_default().iter().any(|address| other.as_ref().is_ok_and(|other| other.contains(address)))
}

async fn addresses(house: &House, host: &str) -> Result<Vec<IpAddr>, String> {
    if host == LOCALHOST {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    match host.parse() {
        Ok(literal) => Ok(vec![literal]),
        Err(_) => house.dns.addresses(host).await.result.map_err(|failure| failure.to_string()),
    }
}

/// One conversation with one server.
async fn hand_over(house: &House, server: &Server, (to, from): (&str, &str), bytes: &[u8]) -> Result<(), String> {
    let mut addresses = addresses(house, &server.host).await?;
    let (connect, clock) = (house.world.connect.as_ref(), house.world.clock.as_ref());
    let from_here = Egress { to_own_machine: server.is_here, ..Egress::default() };
    let approach = Approach { connect, clock, from: &from_here, host: &server.host, port: server.port };
    let reached = house.reach.connect(&approach, &mut addresses, ADDRESSES_MAX).await;
    let (stream, address) = reached.map_err(|unreached| unreached.failure.to_string())?;
    let terms = (terms_of_one(house, server.tls, server.auth.clone()), server.trust.clone());
    let opened = Session::open(house, terms, &server.host, address, stream).await;
    let session = opened.map_err(|unopened| refusal(&unopened.why))?;
    let (size_bytes, mail_from, rcpt_to) = (bytes.len() as u64, from.to_owned(), to.to_owned());
    let envelope = Envelope { mail_from, rcpt_to, size_bytes, ..Envelope::default() };
    match session.hand_over(envelope, bytes.to_vec()).await {
        Ending::Reply(reply) if reply.is_positive() => Ok(()),
        ending => Err(refusal(&Why::Ending(ending))),
    }
}

/// What the server did, in words.
fn refusal(why: &Why) -> String {
    match why {
        Why::Connect(failure) => format!("it cannot be reached: {failure}"),
        Why::Ending(Ending::Reply(reply)) => format!("it said {} {}", reply.code, reply.text),
        Why::Ending(ending) => format!("the conversation broke off: {ending:?}"),
        Why::Tls(why) => format!("no encryption: {why}"),
    }
}
