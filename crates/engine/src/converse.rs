//! One connection of a lane: open a session, send what waits, leave.

use crate::house::House;
use crate::journey::{self, After, Turn};
use crate::lane::{Lane, Next};
use crate::notice::Notice;
use crate::reach::{Approach, Unreached};
use crate::ready;
use crate::security::{self, Owed};
use crate::settings::Way;
use crate::throttles::{Line, Seat};
use crate::tls_reports::{Seen, Told};
use crate::transmit::{Session, Unopened, Why};
use dispatch::judge::{Circumstance, DnsOutcome, What, dns_verdict, is_of_one_server, judge};
use dispatch::security::Refusal;
use model::{Attempt, Outcome, Scope, Stage, Timestamp, Verdict};
use net::{ConnectFailure, Egress, Resolve, Trust};
use smtp::client::{Ending, Settings, TlsMode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Claimed, Part};

/// Server addresses tried for one connection (RFC 5321 section 5.1 asks for two at least).
const ADDRESSES_TRIED_MAX: usize = 5;
/// Servers that answered and refused the session, before their word is taken for the site's. Those that speak for themselves
/// alone do not count: of these every host is asked.
const SESSIONS_REFUSED_MAX: usize = 2;
/// Domains of a site that points inside which are asked for.
const DOMAINS_INSIDE_MAX: usize = 100;
/// How long a connection with nothing to do waits for more.
const IDLE: Duration = Duration::from_secs(5);

/// Runs one connection of `lane` to its end.
pub(crate) async fn converse(house: Arc<House>, lane: Arc<Lane>, mut seat: Seat) {
    let may_go = tokio::select! {
        biased;
        () = house.gate.until_ledger_works() => true,
        () = house.gate.until_stopped() => false,
    };
    if may_go && let (Next::Deliver(first), hungry) = lane.next(&mut seat, house.now()) {
        if hungry {
            house.tell(Notice::Hungry(lane.id.site));
        }
        let mut next = Some(first);
        while let Some(first) = next {
            let (started_at, workspace) = (house.now(), first.workspace);
            let first = match ready::unless_stopped(&house, &lane, *first).await {
                Ok(first) => first,
                Err(after) => {
                    house.throttles.give_back(lane.id.source, workspace, started_at);
                    next = another(&house, &lane, &mut seat, &after);
                    continue;
                }
            };
            if let Some(rest) = house.fleet.is_down(lane.id.source, house.now()) {
                not_begun(&house, &lane, first);
                house.leave_source(&lane, rest.until);
                break;
            }
            next = match open(&house, &lane, &first).await {
                Ok(session) => {
                    house.reached(&lane);
                    send_all(&house, &lane, &mut seat, session, first).await
                }
                Err(failure) => {
                    give_up(&house, &lane, first, failure, started_at).await;
                    None
                }
            };
        }
    }
    drop(seat);
    lane.closed();
    house.tell(Notice::Ended(lane.id));
}

/// Whoever is next for a connection that is not opened yet.
fn another(house: &House, lane: &Lane, seat: &mut Seat, after: &After) -> Option<Box<Claimed>> {
    if !matches!(after, After::Reuse) {
        return None;
    }
    let (next, hungry) = lane.next(seat, house.now());
    if hungry {
        house.tell(Notice::Hungry(lane.id.site));
    }
    match next {
        Next::Deliver(claimed) => Some(claimed),
        Next::Wait | Next::Pace(..) | Next::Leave => None,
    }
}

/// Sends delivery after delivery until the session is spent, the lane is empty, or others should have the turn. Returns
/// whom the session is not good enough for: what it lacks may be for want of asking, so they need one of their own.
async fn send_all(
    house: &House,
    lane: &Lane,
    seat: &mut Seat,
    mut session: Session,
    first: Claimed,
) -> Option<Box<Claimed>> {
    let mut turn = Turn::Fresh(Box::new(first));
    let mut unfit = None;
    loop {
        if let Some(seen) = &mut session.seen {
            seen.tell(house, &turn.claimed().domain_name);
        }
        turn = match journey::deliver(house, lane, &mut session, turn).await {
            After::GoOn(ready) => Turn::Announced(ready),
            After::Reuse if session.transactions < house.per_connection(lane) => {
                match next_or_leave(house, lane, seat).await {
                    Some(next) if !session.may_require_tls && requires_tls(house, &next) => {
                        unfit = Some(next);
                        break;
                    }
                    Some(next) => Turn::Fresh(next),
                    None => break,
                }
            }
            After::Reuse | After::Leave => break,
        };
    }
    session.quit().await;
    unfit
}

/// May this go only where encryption is kept up all the way (RFC 8689)?
fn requires_tls(house: &House, claimed: &Claimed) -> bool {
    house.mailing(claimed.campaign).is_some_and(|mailing| mailing.require_tls)
}

async fn next_or_leave(house: &House, lane: &Lane, seat: &mut Seat) -> Option<Box<Claimed>> {
    loop {
        let supplied = lane.supplied.notified();
        let (next, hungry) = lane.next(seat, house.now());
        if hungry {
            house.tell(Notice::Hungry(lane.id.site));
        }
        match next {
            Next::Deliver(claimed) => return Some(claimed),
            Next::Pace(_, line) => match in_line(house, lane, seat, line).await? {
                Next::Deliver(claimed) => return Some(claimed),
                // It goes on in another line.
                Next::Pace(wait, _) if wait <= IDLE => {}
                Next::Wait => {}
                Next::Pace(..) | Next::Leave => return None,
            },
            Next::Wait => {
                tokio::time::timeout(IDLE, supplied).await.ok()?;
            }
            Next::Leave => return None,
        }
    }
}

/// Waits for the rate behind the others of the lane, or of the source or workspace that has a ceiling: only the first in
/// line has a timer. `None`: it would take too long to keep the session open for.
async fn in_line(house: &House, lane: &Lane, seat: &mut Seat, line: Option<Line>) -> Option<Next> {
    let turnstile = line.as_deref().unwrap_or(&lane.pacer.turnstile);
    let _first = tokio::time::timeout(IDLE, turnstile.lock()).await.ok()?;
    loop {
        let (next, hungry) = lane.next(seat, house.now());
        if hungry {
            house.tell(Notice::Hungry(lane.id.site));
        }
        match next {
            Next::Pace(wait, next_line) if wait <= IDLE && is_same(&line, &next_line) => {
                tokio::time::sleep(wait).await;
            }
            next => return Some(next),
        }
    }
}

fn is_same(one: &Option<Line>, other: &Option<Line>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Why no session could be opened with any server of the site.
struct Failure {
    host: String,
    address: Option<IpAddr>,
    stage: Stage,
    verdict: Verdict,
    reply: Option<model::Reply>,
    note: Option<String>,
    /// What was said, where anything was.
    transcript: Option<String>,
    cause: Cause,
}

/// Whose word a failure is, if it is anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// No server spoke, or none may be asked.
    Silence,
    /// A server spoke: the site's word.
    Site,
    /// A server speaks for itself alone: another host of the site may take what it does not.
    OneServer,
    /// DNS said nothing definite, asked then.
    Unanswered(Timestamp),
    /// Our own way out does not work: nothing is known of the site.
    OurWayOut,
    /// The site has no address of a family that our way out has; another source may.
    OtherFamily,
    /// The host's addresses are inside: nobody may connect to them.
    Inside,
}

impl Cause {
    fn of(why: &Why, reached: bool) -> Cause {
        match why {
            Why::Connect(ConnectFailure::Egress(_)) => Cause::OurWayOut,
            Why::Connect(ConnectFailure::OtherFamily(_)) => Cause::OtherFamily,
            Why::Connect(ConnectFailure::Forbidden(_)) => Cause::Inside,
            _ if reached => Cause::Site,
            _ => Cause::Silence,
        }
    }
}

impl Failure {
    /// No server was asked: what was not found, or is not allowed.
    fn unasked(host: &str, stage: Stage, verdict: Verdict, note: String, cause: Cause) -> Failure {
        let (host, note) = (host.to_owned(), Some(note));
        Failure { host, address: None, stage, verdict, reply: None, note, transcript: None, cause }
    }

    /// Did a mail server answer, so that it is its word, and not silence, that counts?
    fn reached(&self) -> bool {
        matches!(self.cause, Cause::Site | Cause::OneServer)
    }

    /// Does it tell more of the site than what is known? A server that points inside, or has no address of our family, does
    /// not make the domain unreachable for good beside one that is down; nor does one that takes no mail itself.
    fn outweighs(&self, known: &Failure) -> bool {
        let passes = |failure: &Failure| failure.verdict.outcome == Outcome::Deferred;
        let is_theirs = !matches!(self.cause, Cause::OtherFamily | Cause::Inside);
        is_theirs && !(self.cause == Cause::OneServer && passes(known) && !passes(self))
    }
}

/// Tries the site's servers in order of preference, those that did not answer a moment ago last, until one talks to us.
async fn open(house: &House, lane: &Lane, first: &Claimed) -> Result<Session, Failure> {
    let (domain, strict) = (first.domain_name.as_str(), requires_tls(house, first));
    let from = &lane.source().egress;
    let mut hosts = lane.hosts();
    house.reach.put_hosts_in_order(from, &mut hosts, house.now());
    let mut last: Option<Failure> = None;
    let (mut tries_left, mut refused) = (ADDRESSES_TRIED_MAX, 0);
    for (place, host) in hosts.iter().enumerate() {
        let asked_at = house.now();
        let expected = lane.provider().is_some_and(|provider| provider.limits.tls_expected);
        let owed = match security::owed(house, &lane.fingerprint, host, expected).await {
            Ok(owed) => Owed { strict, watched: owed.watched || strict, ..owed },
            Err(refusal) => {
                house.tally.count(Told::refused(house, domain, host, refusal), house.now());
                last = Some(not_allowed(house, lane, host, refusal, asked_at));
                continue;
            }
        };
        let mut addresses = match addresses(house, host, asked_at).await {
            Ok(addresses) => addresses,
            Err(failure) => {
                // One server's refusal is not the site's while DNS cannot say where another is.
                let is_one_refusal =
                    |known: &Failure| known.cause == Cause::OneServer && known.verdict.outcome != Outcome::Deferred;
                let is_unanswered = matches!(failure.cause, Cause::Unanswered(_));
                if last.is_none() || (is_unanswered && last.as_ref().is_some_and(is_one_refusal)) {
                    last = Some(failure);
                }
                continue;
            }
        };
        house.reach.put_in_order(from, &mut addresses, house.now());
        while tries_left > 0 && refused < SESSIONS_REFUSED_MAX {
            let before = addresses.len();
            let server = Server { host, owed: &owed };
            let (address, unopened) = match open_one(house, lane, from, &server, &mut addresses, tries_left).await {
                Ok(mut session) => {
                    session.seen = Seen::opened(house, &owed, &session);
                    let is_fit = |next: &String| !house.reach.is_set_back(from, next, house.now());
                    session.has_next_host = hosts.get(place + 1).is_some_and(is_fit);
                    return Ok(session);
                }
                Err(turned_away) => turned_away,
            };
            house.tally.count(Told::unopened(house, domain, &owed, host, address, &unopened), house.now());
            tries_left -= before - addresses.len();
            let mut failure = failure(house, lane, host, address, unopened);
            let is_its_own = failure.cause == Cause::OneServer;
            if is_its_own {
                house.reach.set_back(from, host, house.now());
            } else if is_final(&failure) {
                refused = SESSIONS_REFUSED_MAX;
            } else {
                refused += usize::from(failure.reached());
            }
            if let Some(demanded) = owed.demand.policy().filter(|_| failure.stage == Stage::Tls) {
                failure.verdict = tls_verdict(house, lane, What::PolicyUnmet);
                failure.note = failure.note.map(|why| format!("not sent: {demanded}, and {why}"));
            }
            if strict && owed.demand.allows_clear() && failure.stage == Stage::Tls {
                // It is this message that insists; others may go to the site in clear.
                failure.verdict.scope = Scope::Recipient;
            }
            if last.as_ref().is_none_or(|known| failure.outweighs(known)) {
                last = Some(failure);
            }
            if addresses.is_empty() || (is_its_own && tries_left == 0) {
                // Where a server speaks for itself, the next host is asked however many were before.
                tries_left = tries_left.max(usize::from(is_its_own));
                break;
            }
        }
    }
    Err(last.unwrap_or_else(|| no_address(hosts.first().map_or("", String::as_str), DnsOutcome::NoAddress)))
}

/// A refusal for good of us is the site's word; anything softer may be that server's alone.
fn is_final(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(model::Reply::is_permanent)
}

/// The host's addresses, asked for now; a relay may be given by address.
async fn addresses(house: &House, host: &str, asked_at: Timestamp) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(literal) = host.parse() {
        return Ok(vec![literal]);
    }
    if host == "localhost" {
        return Ok(vec![IpAddr::from([127, 0, 0, 1])]);
    }
    match house.dns.addresses(host).await.result {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(no_address(host, DnsOutcome::NoAddress)),
        Err(failure) if failure.is_definite() => Err(no_address(host, DnsOutcome::NoAddress)),
        Err(_) => {
            let cause = Cause::Unanswered(asked_at);
            Err(Failure { cause, ..no_address(host, DnsOutcome::TemporaryFailure) })
        }
    }
}

fn no_address(host: &str, outcome: DnsOutcome) -> Failure {
    let note = format!("no address was found for the mail server {host:?}");
    Failure::unasked(host, Stage::Dns, dns_verdict(outcome), note, Cause::Silence)
}

/// The domain's own policy keeps the message from going there.
fn tls_verdict(house: &House, lane: &Lane, what: What<'_>) -> Verdict {
    let provider = lane.provider().map(|provider| provider.key.as_str());
    judge(house.rules(), &Circumstance { stage: Stage::Tls, provider, what })
}

/// A server that the policy leaves out, as DNS had it when it was asked.
fn not_allowed(house: &House, lane: &Lane, host: &str, refusal: Refusal, asked_at: Timestamp) -> Failure {
    let (what, cause) = match refusal {
        Refusal::RecordsDoubtful => (What::RecordsDoubtful, Cause::Unanswered(asked_at)),
        Refusal::NotInPolicy | Refusal::PolicyNotAtHand => (What::PolicyUnmet, Cause::Silence),
    };
    let verdict = tls_verdict(house, lane, what);
    Failure::unasked(host, Stage::Tls, verdict, format!("not sent: {refusal}"), cause)
}

/// A server and what it owes us.
struct Server<'a> {
    host: &'a str,
    owed: &'a Owed,
}

/// One of the host's addresses, encrypted if it can be; in clear at once when encryption fails and nothing demands it.
async fn open_one(
    house: &House,
    lane: &Lane,
    from: &Egress,
    &Server { host, owed }: &Server<'_>,
    addresses: &mut Vec<IpAddr>,
    tries_max: usize,
) -> Result<Session, (Option<IpAddr>, Unopened)> {
    let settings = |tls| Settings {
        ehlo_name: lane.source().ehlo_name.clone(),
        tls,
        auth: match &house.settings.way {
            Way::Relay(relay) => relay.credentials.clone(),
            Way::Direct { .. } => None,
        },
        timeouts: house.settings.timeouts.clone(),
        pipelining: true,
        chunking: true,
        without: house.offers.refused_by(host, house.now()),
        tracer: Some(house.traces.tap(lane.provider(), host, &lane.source())),
    };
    let port = house.settings.way.port();
    let (connect, clock) = (house.world.connect.as_ref(), house.world.clock.as_ref());
    let approach = Approach { connect, clock, from, host, port };
    let (stream, address) = house.reach.connect(&approach, addresses, tries_max).await.map_err(unreached)?;
    let (mode, trust) = match &house.settings.way {
        Way::Direct { .. } => (owed.mode(house.policies.is_broken(address, house.now())), owed.trust()),
        Way::Relay(relay) if relay.implicit_tls => (TlsMode::Implicit, Trust::Named),
        Way::Relay(relay) if relay.is_loopback => (TlsMode::Opportunistic, Trust::Any),
        Way::Relay(_) => (TlsMode::Required, Trust::Named),
    };
    let may_require_tls = mode != TlsMode::Off && trust != Trust::Any;
    let unopened = match Session::open(house, (settings(mode), trust), host, address, stream).await {
        Ok(mut session) => {
            session.may_require_tls = may_require_tls || owed.strict;
            return Ok(session);
        }
        Err(unopened) => unopened,
    };
    if mode != TlsMode::Opportunistic || owed.strict || !matches!(unopened.why, Why::Tls(_)) {
        return Err((Some(address), unopened));
    }
    house.policies.set_broken(address, house.now());
    let (stream, _) = house.reach.connect(&approach, &mut vec![address], 1).await.map_err(unreached)?;
    let opened = Session::open(house, (settings(TlsMode::Off), Trust::Any), host, address, stream).await;
    match opened {
        Ok(mut session) => {
            session.proof = unopened.handshake.map(Err);
            Ok(session)
        }
        Err(unopened) => Err((Some(address), unopened)),
    }
}

fn unreached(Unreached { failure, address }: Unreached) -> (Option<IpAddr>, Unopened) {
    let (stage, why) = (Stage::Connect, Why::Connect(failure));
    (address, Unopened { stage, why, reached: false, handshake: None, transcript: None })
}

fn failure(house: &House, lane: &Lane, host: &str, address: Option<IpAddr>, unopened: Unopened) -> Failure {
    let Unopened { stage, why, reached, transcript, .. } = unopened;
    let provider = lane.provider().map(|provider| provider.key.as_str());
    let judged = |what| judge(house.rules(), &Circumstance { stage, provider, what });
    let cause = Cause::of(&why, reached);
    // No connection was tried: it is DNS that said so.
    let stage = if cause == Cause::Inside { Stage::Dns } else { stage };
    let (verdict, reply, note) = match why {
        Why::Connect(failure) => {
            let verdict = match &failure {
                ConnectFailure::Refused => judged(What::Refused),
                ConnectFailure::Unreachable(_) | ConnectFailure::Other(_) => judged(What::Unreachable),
                ConnectFailure::OtherFamily(_) => judged(What::OtherFamily),
                ConnectFailure::Egress(_) => judged(What::EgressDown),
                ConnectFailure::TimedOut => judged(What::TimedOut),
                ConnectFailure::Forbidden(_) => dns_verdict(DnsOutcome::PointsInside),
            };
            (verdict, None, Some(failure.to_string()))
        }
        Why::Tls(why) => (judged(What::TlsFailed(&why)), None, Some(format!("encryption failed: {why}"))),
        Why::Ending(Ending::Reply(reply)) => (judged(What::Reply(&reply)), Some(reply), None),
        Why::Ending(ending) => {
            let what = match &ending {
                Ending::TimedOut => What::TimedOut,
                Ending::Protocol(why) | Ending::MessageFailed(why) => What::Protocol(why),
                Ending::TlsFailed(why) => What::TlsFailed(why),
                _ => What::Disconnected,
            };
            (judged(what), None, Some(journey::in_words(&ending)))
        }
    };
    let is_its_own = reply
        .as_ref()
        .is_some_and(|reply| is_of_one_server(&verdict, reply) && !(reply.is_transient() && is_crowded(lane, stage)));
    let cause = if is_its_own { Cause::OneServer } else { cause };
    Failure { host: host.to_owned(), address, stage, verdict, reply, note, transcript, cause }
}

/// The domains whose people wait for a site that points inside, where it matters whose they are: those of one campaign, and
/// not all of many.
async fn domains_inside(house: &House, lane: &Lane, first: &Claimed) -> Vec<String> {
    let matters = house.brakes().points_inside.asks_for_domains(house.now(), lane.operator());
    if !matters {
        return Vec::new();
    }
    let (campaign, site) = (first.campaign, lane.id.site);
    let read = || house.store.heads_of_site(campaign, site, None, DOMAINS_INSIDE_MAX, Part::All);
    // A ledger that cannot say leaves it one site.
    let heads = house.until_read(read).await.unwrap_or_default();
    let own = first.rcpt.rsplit_once('@').map(|(_, domain)| domain.to_owned());
    heads.into_iter().map(|head| head.domain_name).chain(own).collect()
}

/// Nobody took us in. A word of theirs concerns the lane; silence concerns everybody who waits in it.
async fn give_up(house: &House, lane: &Lane, first: Claimed, failure: Failure, started_at: Timestamp) {
    if failure.cause == Cause::OurWayOut {
        not_begun(house, lane, first);
        house.source_down(lane, failure.note.as_deref().unwrap_or_default());
        return;
    }
    if let Cause::Unanswered(asked_at) = failure.cause
        && house.is_our_resolvers_silence(lane, &failure.verdict, asked_at).await
    {
        not_begun(house, lane, first);
        return;
    }
    if failure.cause == Cause::OtherFamily && house.leave_to_another_family(lane, &first) {
        not_begun(house, lane, first);
        return;
    }
    if failure.cause == Cause::Inside {
        let domains = domains_inside(house, lane, &first).await;
        if house.is_our_resolver(lane, &domains, &failure.verdict) {
            not_begun(house, lane, first);
            return;
        }
    }
    let verdict = Verdict { stage: failure.stage, ..failure.verdict.clone() };
    let text = failure.reply.as_ref().map(model::Reply::to_string);
    let one_too_many = is_one_too_many(lane, &failure);
    let heard = house.heard(lane, &verdict, text.as_deref(), 0);
    if one_too_many {
        not_begun(house, lane, first);
        return;
    }
    // Encryption that fails is no silence: there is a server, and it is not to be talked to.
    let silent = !failure.reached() && failure.verdict.scope != Scope::Source && failure.stage != Stage::Tls;
    // Servers whose names point inside, or that have no address of our family, are not tried at all: that says nothing
    // about our line.
    let unheard = silent && failure.verdict.outcome == Outcome::Deferred && failure.cause != Cause::OtherFamily;
    if unheard && house.is_our_silence(lane) {
        not_begun(house, lane, first);
        return;
    }
    let others = if silent { lane.drain() } else { Vec::new() };
    let tried = attempt(&first, &failure, started_at, house.now());
    if !tried.is_volume() {
        give_back(house, lane, &first);
    }
    journey::conclude(house, lane, &first, tried, heard.clone(), failure.transcript.clone(), None).await;
    for claimed in others {
        let tried = attempt(&claimed, &failure, started_at, house.now());
        journey::conclude(house, lane, &claimed, tried, heard.clone(), failure.transcript.clone(), None).await;
    }
}

/// No server heard of it: it is the lane's next again, and the day has its place back.
fn not_begun(house: &House, lane: &Lane, claimed: Claimed) {
    give_back(house, lane, &claimed);
    house.throttles.give_back(lane.id.source, claimed.workspace, house.now());
    house.put_first(lane, claimed);
}

/// The day's budgets have back what was taken for this one.
fn give_back(house: &House, lane: &Lane, claimed: &Claimed) {
    if let Some(mailing) = house.mailing(claimed.campaign) {
        house.budgets.give_back(lane.id.source, mailing.identity, lane.operator(), house.now());
    }
}

/// Put off at the door while other conversations of ours go on there: this one was one too many, whatever they call it.
fn is_one_too_many(lane: &Lane, failure: &Failure) -> bool {
    is_crowded(lane, failure.stage) && failure.reply.as_ref().is_some_and(model::Reply::is_transient)
}

/// Are we at the door while other conversations of ours go on there?
fn is_crowded(lane: &Lane, stage: Stage) -> bool {
    matches!(stage, Stage::Greeting | Stage::Ehlo) && lane.pacer.open() > 1
}

fn attempt(claimed: &Claimed, failure: &Failure, started_at: Timestamp, now: Timestamp) -> Attempt {
    Attempt {
        delivery: claimed.delivery,
        number: claimed.attempts + 1,
        started_at,
        duration_ms: journey::duration_ms(started_at, now),
        verdict: Verdict { stage: failure.stage, ..failure.verdict.clone() },
        reply: failure.reply.clone(),
        note: failure.note.clone(),
        host: Some(failure.host.clone()).filter(|host| !host.is_empty()),
        address: failure.address,
        tls: None,
        reached_receiver: failure.reached(),
    }
}
