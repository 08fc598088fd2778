//! What came of encryption under the policies of recipient domains: counted, kept by day, and reported (RFC 8460).
//!
//! Counted are domains with a policy (MTA-STS or DANE), and those without one that ask for reports. Counts gather in
//! memory and are written a minute after the first of them and at the end of a run; reports of a day are sent when it
//! is over, by the first run that is at work then, or by whoever asks for it ([`crate::Engine::send_reports`]). They leave
//! by a way of their own, outside lanes and policies, since a report about broken encryption must not fail for it
//! (section 3), and nothing about them is counted in turn.

use crate::house::House;
use crate::launch;
use crate::reach::Approach;
use crate::route::{self, Placed};
use crate::security::Owed;
use crate::settings::Way;
use crate::transmit::{Session, Unopened, Why, terms_of_one};
use dispatch::security::{Demand, Refusal, ReportTarget, StsPolicy, report_targets};
use jiff::Timestamp as Moment;
use mail::sign::Signer;
use mail::tls_report::{Cover, DateRange, FailureDetail, MEDIA_TYPE, Policy, PolicyResult, Summary, TlsReport};
use model::segment::moment::write_date;
use model::{MailDomain, Timestamp};
use net::{Egress, FetchLimits, Outgoing, Resolve, TlsFault, Tlsa, Trust};
use smtp::client::{Ending, Envelope, TlsMode};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Store, StoreError, TlsResult};
use tokio::sync::Notify;

/// Different results held until they are written; what is beyond is not counted.
const TALLY_MAX: usize = 20_000;
/// How long the first of them waits for others.
const WRITE_AFTER: Duration = Duration::from_secs(60);
/// Days and domains read at a time.
const PAGE: usize = 1_000;
/// Reports of a day wait up to this long after it, so that not all senders of the world report at midnight.
const SPREAD: Duration = Duration::from_secs(60 * 60);
/// Between tries of reports that could not be delivered.
const TRY_AGAIN: Duration = Duration::from_secs(60 * 60);
/// After so long a report is given up (RFC 8460 section 5.5).
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);
/// A report is handed over by HTTPS within this, in time and octets of the answer.
const POST_LIMITS: FetchLimits = FetchLimits { body_bytes: 16 * 1024, timeout: Duration::from_secs(60) };
/// Servers of a report's receiver that are tried.
const HOSTS_MAX: usize = 3;
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 100;
/// What the ledger calls a session that was encrypted as it should be.
const SUCCESS: &str = "success";
/// The type of a domain that has neither (RFC 8460 section 4.4).
const NONE_FOUND: &str = "no-policy-found";

/// One thing to count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    policy: Policy,
    /// `success`, or a type of RFC 8460 section 4.3 and perhaps a reason behind a space.
    result: String,
    host: String,
    ip: String,
}

/// What came of a session's encryption, before it is known for which domains.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    told: Told,
    domains: BTreeSet<String>,
}

impl Told {
    /// A domain announces a policy that could not be had.
    pub(crate) fn policy_missing(domain: &str, result: &str, why: &str) -> Option<Told> {
        let policy = sts(domain, None);
        Some(Told { policy, result: with_reason(result, why), host: String::new(), ip: String::new() })
    }

    /// A server was not used.
    pub(crate) fn refused(house: &House, domain: &str, host: &str, refusal: Refusal) -> Option<Told> {
        let (policy, result) = match refusal {
            Refusal::NotInPolicy => {
                let policy = sts(domain, house.policies.policy_of(domain).as_ref());
                (policy, with_reason("validation-failure", "the policy does not name this server"))
            }
            Refusal::RecordsDoubtful => (tlsa(domain, host, &[]), "dnssec-invalid".to_owned()),
            Refusal::PolicyNotAtHand => return None,
        };
        Some(Told { policy, result, host: host.to_owned(), ip: String::new() })
    }

    /// No session came about; counted if that was for encryption, which is more than where nothing demands it: there it
    /// goes on in clear.
    pub(crate) fn unopened(
        house: &House,
        domain: &str,
        owed: &Owed,
        host: &str,
        address: Option<IpAddr>,
        unopened: &Unopened,
    ) -> Option<Told> {
        let Why::Tls(why) = &unopened.why else { return None };
        let result = match &unopened.handshake {
            Some(failure) => with_reason(result_of(failure.fault)?, &failure.why),
            None => with_reason("starttls-not-supported", why),
        };
        let policy = policy(house, domain, owed, host)?;
        Some(Told { policy, result, host: host.to_owned(), ip: address.map(|ip| ip.to_string()).unwrap_or_default() })
    }
}

impl Seen {
    /// A session came about.
    pub(crate) fn opened(house: &House, owed: &Owed, session: &Session) -> Option<Seen> {
        let (host, ip) = (session.host.clone(), session.address.to_string());
        if matches!(owed.demand, Demand::Opportunistic | Demand::Encrypted) {
            let result = match session.tls {
                Some(_) => SUCCESS.to_owned(),
                None if house.policies.is_broken(session.address, house.now()) => {
                    with_reason("validation-failure", "encryption failed here within the last three days")
                }
                None => "starttls-not-supported".to_owned(),
            };
            let told = Told { policy: none_found(""), result, host, ip };
            return Some(Seen { told, domains: BTreeSet::new() });
        }
        let not_named = matches!(owed.demand, Demand::Watched { allowed: false, .. });
        let result = match &session.proof {
            Some(Err(failure)) => with_reason(result_of(failure.fault)?, &failure.why),
            _ if session.tls.is_none() => "starttls-not-supported".to_owned(),
            _ if not_named => with_reason("validation-failure", "the policy does not name this server"),
            _ => SUCCESS.to_owned(),
        };
        let policy = tlsa("", &session.host, &owed.records);
        Some(Seen { told: Told { policy, result, host, ip }, domains: BTreeSet::new() })
    }

    /// The session serves a domain: the first time, that is one session of that domain.
    pub(crate) fn tell(&mut self, house: &House, domain: &str) {
        let is_without = self.told.policy.policy_type == NONE_FOUND;
        if (is_without && !house.policies.wants_report_without_policy(domain))
            || !self.domains.insert(domain.to_owned())
        {
            return;
        }
        let policy = match self.told.policy.policy_string.is_empty() && !is_without {
            true => sts(domain, house.policies.policy_of(domain).as_ref()),
            false => Policy { policy_domain: domain.to_owned(), ..self.told.policy.clone() },
        };
        house.tally.count(Some(Told { policy, ..self.told.clone() }), house.now());
    }
}

fn policy(house: &House, domain: &str, owed: &Owed, host: &str) -> Option<Policy> {
    match owed.demand {
        Demand::Records => Some(tlsa(domain, host, &owed.records)),
        Demand::Named | Demand::Watched { .. } => Some(sts(domain, house.policies.policy_of(domain).as_ref())),
        Demand::Opportunistic | Demand::Encrypted | Demand::Refused(_) => None,
    }
}

fn sts(domain: &str, policy: Option<&StsPolicy>) -> Policy {
    Policy {
        policy_type: "sts".to_owned(),
        policy_string: policy.map(StsPolicy::lines).unwrap_or_default(),
        policy_domain: domain.to_owned(),
        mx_host: policy.map(|policy| policy.mx.clone()).unwrap_or_default(),
    }
}

fn none_found(domain: &str) -> Policy {
    Policy {
        policy_type: NONE_FOUND.to_owned(),
        policy_string: Vec::new(),
        policy_domain: domain.to_owned(),
        mx_host: Vec::new(),
    }
}

fn tlsa(domain: &str, host: &str, records: &[Tlsa]) -> Policy {
    let shown = |record: &Tlsa| {
        let hex: String = record.data.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {} {} {hex}", record.usage, record.selector, record.matching)
    };
    Policy {
        policy_type: "tlsa".to_owned(),
        policy_string: records.iter().map(shown).collect(),
        policy_domain: domain.to_owned(),
        mx_host: vec![host.to_owned()],
    }
}

/// The type of RFC 8460 section 4.3; `None` for what is our own trouble.
fn result_of(fault: TlsFault) -> Option<&'static str> {
    Some(match fault {
        TlsFault::HostMismatch => "certificate-host-mismatch",
        TlsFault::Expired => "certificate-expired",
        TlsFault::NotTrusted => "certificate-not-trusted",
        TlsFault::TlsaMismatch => "tlsa-invalid",
        TlsFault::Unusable | TlsFault::Handshake => "validation-failure",
        TlsFault::Ours => return None,
    })
}

fn with_reason(result: &str, why: &str) -> String {
    let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
    format!("{result} {}", plain.take(REASON_CHARS_MAX).collect::<String>())
}

/// What was counted and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<(i64, Told), u64>>,
    rung: Notify,
}

impl Tally {
    /// Counts one session, or one policy that could not be had.
    pub(crate) fn count(&self, told: Option<Told>, now: Timestamp) {
        let Some(told) = told else { return };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let first = counts.is_empty();
        if counts.len() < TALLY_MAX {
            *counts.entry((now.day(), told)).or_insert(0) += 1;
        }
        if first {
            self.rung.notify_one();
        }
    }

    /// Writes what was counted; what cannot be written is counted again.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let counted = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let row = |((day, told), count): (&(i64, Told), &u64)| TlsResult {
            day: *day,
            domain: told.policy.policy_domain.clone(),
            policy: serde_json::to_string(&told.policy).unwrap_or_default(),
            result: told.result.clone(),
            mx_host: told.host.clone(),
            ip: told.ip.clone(),
            count: *count,
        };
        let rows: Vec<TlsResult> = counted.iter().map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let written = store.add_tls_results(rows).await;
        if written.is_err() {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counted.into_iter().for_each(|(what, count)| *counts.entry(what).or_insert(0) += count);
        }
        written
    }
}

/// What became of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The UTC day, counted from 1970.
    pub day: i64,
    /// The recipient domain it is about.
    pub domain: String,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Somebody took it.
    Taken,
    /// The domain asks for none.
    Unwanted,
    /// Nobody took it yet.
    Failed,
}

/// Writes counts and sends reports for as long as a run goes on.
pub(crate) async fn run(house: Arc<House>) {
    let mut reporter = Reporter { house: &house, first_tries: BTreeMap::new() };
    let mut next = house.now();
    loop {
        tokio::select! {
            biased;
            () = house.tally.rung.notified() => {
                tokio::time::sleep(WRITE_AFTER).await;
                // A ledger that cannot be written is the settler's alarm.
                house.tally.write(&house.store).await.ok();
            }
            () = tokio::time::sleep(next.since(house.now())) => next = reporter.come_round().await,
        }
    }
}

/// Sends the reports of all days that are over. None leaves while sending is held: a copied directory owes nobody any.
pub(crate) async fn send_due(house: &House) -> Result<Vec<Reported>, StoreError> {
    Reporter { house, first_tries: BTreeMap::new() }.send_due().await
}

struct Reporter<'a> {
    house: &'a House,
    first_tries: BTreeMap<(i64, String), Timestamp>,
}

impl Reporter<'_> {
    /// Sends what is due; returns when to come again.
    async fn come_round(&mut self) -> Timestamp {
        let house = self.house;
        let today = house.now().day();
        match self.send_due().await {
            Ok(sent) if sent.iter().all(|one| one.fate != Fate::Failed) => {
                Timestamp::of_day(today + 1) + SPREAD.mul_f64(house.world.entropy.fraction("tls-reports"))
            }
            Ok(_) | Err(_) => house.now() + TRY_AGAIN,
        }
    }

    async fn send_due(&mut self) -> Result<Vec<Reported>, StoreError> {
        let (house, mut all, mut after) = (self.house, Vec::new(), None);
        if house.store.held().is_some() {
            return Ok(all);
        }
        let own = own_signer(&house.store).await?;
        let today = house.now().day();
        loop {
            let page = house.store.tls_report_days(today, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.clone());
            for (day, domain) in page {
                let fate = report_to(house, own.as_ref(), day, &domain).await;
                let now = house.now();
                let first = *self.first_tries.entry((day, domain.clone())).or_insert(now);
                if fate != Fate::Failed || now.since(first) >= GIVE_UP {
                    self.first_tries.remove(&(day, domain.clone()));
                    house.store.tls_report_sent(day, &domain, now).await?;
                }
                all.push(Reported { day, domain, fate });
            }
        }
    }
}

/// Who signs reports when no campaign is under way: the newest key of the first sending domain there is.
async fn own_signer(store: &Store) -> Result<Option<Signer>, StoreError> {
    for workspace in store.workspaces(None, PAGE).await? {
        let Some(domain) = store.signing_domains(workspace.id, None, 1).await?.pop() else { continue };
        let Some((selector, _)) = store.load_keys(workspace.id, &domain).await?.pop() else { continue };
        return Ok(launch::signer(store, workspace.id, &domain, &selector).await.ok());
    }
    Ok(None)
}

/// Delivers a day's report to a domain.
async fn report_to(house: &House, own: Option<&Signer>, day: i64, domain: &str) -> Fate {
    let targets = match house.dns.txt(&format!("_smtp._tls.{domain}")).await.result {
        Ok(texts) => report_targets(&texts),
        Err(failure) if failure.is_definite() => return Fate::Unwanted,
        Err(_) => return Fate::Failed,
    };
    if targets.is_empty() {
        return Fate::Unwanted;
    }
    let mut mailings = house.campaigns().into_iter().filter_map(|campaign| house.mailing(campaign));
    let mailing = mailings.find(|mailing| mailing.signer.is_some());
    let signer = mailing.as_ref().and_then(|mailing| mailing.signer.as_ref()).or(own);
    let submitter = signer.map_or(house.settings.ehlo_name.as_str(), |signer| signer.domain().as_str());
    let Ok(results) = house.store.tls_results(day, domain).await else { return Fate::Failed };
    let report = report(day, domain, submitter, &results);
    let mut fate = Fate::Failed;
    for target in targets {
        let is_taken = match (target, signer) {
            (ReportTarget::Https(url), _) => {
                let document = Outgoing { content_type: MEDIA_TYPE, headers: Vec::new(), body: report.gzip() };
                let posted = house.world.fetch.post(&url, document, POST_LIMITS).await;
                posted.is_ok_and(|answer| (200..300).contains(&answer.status))
            }
            // Without a signature nobody would believe it (section 3).
            (ReportTarget::Mail(_), None) => false,
            (ReportTarget::Mail(to), Some(signer)) => {
                let from = format!("postmaster@{submitter}");
                let date = house.now();
                let cover = Cover { from: &from, to: &to, domain, submitter, date };
                let message = report.message(&cover, Timestamp::of_day(day), last_second_of(day));
                let signed = signer.sign(&message, date).map(|signature| [signature, message].concat());
                match signed {
                    Ok(signed) => post(house, &to, &signed).await,
                    Err(_) => false,
                }
            }
        };
        if is_taken {
            fate = Fate::Taken;
        }
    }
    fate
}

fn last_second_of(day: i64) -> Timestamp {
    Timestamp::of_day(day + 1) - Duration::from_secs(1)
}

/// A UTC day as people write it: `2026-03-02`.
pub fn day_text(day: i64) -> String {
    write_date(Timestamp::of_day(day))
}

/// The UTC day that is written so.
pub fn day_named(text: &str) -> Option<i64> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let start = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(start.timestamp().as_millisecond()).day())
}

/// RFC 3339.
fn moment(at: Timestamp) -> String {
    Moment::from_second(at.as_secs()).unwrap_or_default().to_string()
}

/// A day's report to a domain, from the ledger's tallies.
pub fn report(day: i64, domain: &str, submitter: &str, results: &[TlsResult]) -> TlsReport {
    let mut policies: BTreeMap<&str, PolicyResult> = BTreeMap::new();
    for result in results {
        let Ok(policy) = serde_json::from_str::<Policy>(&result.policy) else { continue };
        let (summary, failure_details) = (Summary::default(), Vec::new());
        let of = policies.entry(&result.policy).or_insert(PolicyResult { policy, summary, failure_details });
        if result.result == SUCCESS {
            of.summary.total_successful_session_count += result.count;
            continue;
        }
        let (kind, reason) = result.result.split_once(' ').unwrap_or((&result.result, ""));
        of.summary.total_failure_session_count += result.count;
        of.failure_details.push(FailureDetail {
            result_type: kind.to_owned(),
            receiving_mx_hostname: result.mx_host.clone(),
            receiving_ip: result.ip.clone(),
            failed_session_count: result.count,
            failure_reason_code: reason.to_owned(),
        });
    }
    let (start, end) = (moment(Timestamp::of_day(day)), moment(last_second_of(day)));
    let date = day_text(day);
    TlsReport {
        organization_name: submitter.to_owned(),
        contact_info: format!("postmaster@{submitter}"),
        report_id: format!("{date}.{domain}@{submitter}"),
        date_range: DateRange { start_datetime: start, end_datetime: end },
        policies: policies.into_values().collect(),
    }
}

/// One message to one address, by the receiver's own servers; encrypted if it can be, whatever any policy says.
async fn post(house: &House, to: &str, message: &[u8]) -> bool {
    let domain = to.rsplit_once('@').and_then(|(_, domain)| MailDomain::parse(domain).ok());
    let (Some(domain), Way::Direct { port }) = (domain, &house.settings.way) else { return false };
    let Ok(Placed::Site(place)) = route::place(house, domain.as_str()).await else { return false };
    let hosts = place.groups.iter().flat_map(|group| &group.hosts).take(HOSTS_MAX);
    for host in hosts {
        for tls in [TlsMode::Opportunistic, TlsMode::Off] {
            let Ok(mut addresses) = house.dns.addresses(host).await.result else { break };
            let (connect, clock) = (house.world.connect.as_ref(), house.world.clock.as_ref());
            let approach = Approach { connect, clock, from: &Egress::default(), host, port: *port };
            let Ok((stream, address)) = house.reach.connect(&approach, &mut addresses, HOSTS_MAX).await else { break };
            let terms = (terms_of_one(house, tls, None), Trust::Any);
            match Session::open(house, terms, host, address, stream).await {
                Ok(session) => return hand_over(session, to, message).await,
                Err(Unopened { why: Why::Tls(_), .. }) => {}
                Err(_) => break,
            }
        }
    }
    false
}

/// The envelope sender is empty: a report that bounces must not come back as mail.
async fn hand_over(session: Session, to: &str, message: &[u8]) -> bool {
    let envelope = Envelope { rcpt_to: to.to_owned(), size_bytes: message.len() as u64, ..Envelope::default() };
    matches!(session.hand_over(envelope, message.to_vec()).await, Ending::Reply(reply) if reply.is_positive())
}
