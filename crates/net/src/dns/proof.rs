//! Whether signatures vouch for an answer (DNSSEC, RFC 4033 to 4035).
//!
//! Two ways, of which the operator chooses one. The answer is validated here, from the root's key on, which costs a few
//! questions more for each zone; or a resolver on this machine validates for us and says so with a flag (AD, RFC 6840
//! section 5.7). Resolvers that strip signatures exist, small routers most of all: it is looked at first whether
//! those of the root come through. Where they do not, nothing is proved, and nothing is called forged either.
//!
//! Invariant: only an answer is taken for one. While nobody has said whether signatures come through, a question that
//! wants a proof fails, so that its mail waits: "no answer" is never "not signed" (RFC 7672 sections 2.1 and 2.2).

use super::{Dnssec, Servers};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long it is believed that signatures come through …
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);
/// … and that they do not: whoever changes their resolver should not have to wait.
const LOOK_AGAIN_STRIPPED: Duration = Duration::from_secs(5 * 60);
/// How long a look may take: less than the question that waits for it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Where a look brought no answer, the next one comes so soon, after twice as long each time …
const ASK_AGAIN_MIN: Duration = Duration::from_secs(1);
/// … and at least this often.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// Results of checks that are remembered.
const REMEMBERED_CHECKS: usize = 10_000;

/// Asks, and knows what is proved.
pub(super) struct Prover {
    servers: Servers,
    way: Way,
}

enum Way {
    /// The resolver is on this machine: its flag counts.
    ItsWord,
    /// Signatures are checked here.
    OurCheck { validating: Box<DnssecDnsHandle<Servers>>, seen: Mutex<Seen> },
}

/// What the last looks at the root's signatures brought.
#[derive(Debug, Default)]
struct Seen {
    /// Do signatures come through? `None`: nobody has said so far.
    come_through: Option<bool>,
    /// Not looked at again before then.
    look_at: Option<Instant>,
    /// Looks in a row that brought no answer.
    unanswered: u32,
}

impl Prover {
    pub(super) fn new(servers: Servers, dnssec: Dnssec) -> Prover {
        match dnssec {
            Dnssec::TrustAd => Prover { servers, way: Way::ItsWord },
            Dnssec::Validate => Prover::validating(servers, Arc::new(TrustAnchors::default())),
        }
    }

    fn validating(servers: Servers, anchors: Arc<TrustAnchors>) -> Prover {
        let validating = DnssecDnsHandle::with_trust_anchor(servers.clone(), anchors);
        let validating = Box::new(validating.validation_cache_size(REMEMBERED_CHECKS));
        Prover { servers, way: Way::OurCheck { validating, seen: Mutex::default() } }
    }

    /// Asks without caring for proofs.
    pub(super) async fn ask(&self, name: Name, kind: RecordType) -> Result<(Vec<Record>, bool), NetError> {
        let response = send(&self.servers, name, kind, false).await?;
        Ok((response.answers.clone(), false))
    }

    /// Asks; the flag tells whether the whole answer is proved. What is contradicted is an error, and so is what nobody
    /// can tell yet because the resolver has not said whether it hands signatures on.
    pub(super) async fn ask_with_proof(&self, name: Name, kind: RecordType) -> Result<(Vec<Record>, bool), NetError> {
        match &self.way {
            Way::ItsWord => {
                let response = send(&self.servers, name, kind, true).await?;
                Ok((response.answers.clone(), response.metadata.authentic_data))
            }
            Way::OurCheck { validating, seen } => {
                if !signatures_come_through(&self.servers, validating.as_ref(), seen).await? {
                    return self.ask(name, kind).await;
                }
                let response = send(validating.as_ref(), name, kind, true).await?;
                checked(&response).map(|secure| (response.answers.clone(), secure))
            }
        }
    }
}

async fn send<H: DnsHandle>(handle: &H, name: Name, kind: RecordType, proofs: bool) -> Result<DnsResponse, NetError> {
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    options.edns_set_dnssec_ok = proofs;
    options.recursion_desired = true;
    handle.lookup(Query::query(name, kind), options).first_answer().await
}

/// Is everything in the answer proved, or unsigned with proof? Anything else is not to be believed.
fn checked(response: &DnsResponse) -> Result<bool, NetError> {
    let data = response.answers.iter().filter(|record| record.record_type() != RecordType::RRSIG);
    let mut secure = true;
    for record in data {
        match record.proof {
            Proof::Secure => {}
            Proof::Insecure => secure = false,
            Proof::Bogus | Proof::Indeterminate => return Err(NetError::from(DnsError::DnssecBogus)),
        }
    }
    Ok(secure)
}

/// Does the resolver hand signatures on? What was seen holds for a while, and on until the next answer where a look
/// brings none. The error: nobody knows yet.
async fn signatures_come_through<P: DnsHandle, V: DnsHandle>(
    plain: &P,
    validating: &V,
    seen: &Mutex<Seen>,
) -> Result<bool, NetError> {
    let mut seen = seen.lock().await;
    if seen.look_at.is_some_and(|at| at > Instant::now()) {
        return seen.come_through.ok_or_else(|| NetError::from(UNKNOWN));
    }
    let looked = tokio::time::timeout(LOOK_TIMEOUT, look(plain, validating)).await;
    match looked.unwrap_or(Err(NetError::Timeout)) {
        Ok(able) => {
            let holds = if able { LOOK_AGAIN } else { LOOK_AGAIN_STRIPPED };
            *seen = Seen { come_through: Some(able), look_at: Some(Instant::now() + holds), unanswered: 0 };
            Ok(able)
        }
        Err(error) => {
            let pause = ASK_AGAIN_MIN.saturating_mul(1 << seen.unanswered.min(DOUBLINGS_MAX)).min(ASK_AGAIN_MAX);
            (seen.look_at, seen.unanswered) = (Some(Instant::now() + pause), seen.unanswered.saturating_add(1));
            seen.come_through.ok_or(error)
        }
    }
}

/// Doublings of [`ASK_AGAIN_MIN`]: enough to be beyond [`ASK_AGAIN_MAX`].
const DOUBLINGS_MAX: u32 = 6;
/// Said of a question that came between two looks that brought nothing.
pub(super) const UNKNOWN: &str = "the resolver has not said yet whether it hands DNSSEC signatures on";

/// One look, by the SOA record of the root, which is always signed. (Not by its keys: those are trusted without a
/// signature.) `false` is what a resolver *said*: an answer without signatures, or that it does not know how to be asked
/// for them (RFC 6891 section 7). Silence, failures and refusals say nothing, and neither do signatures that are there but
/// cannot be checked, because the keys are not to be had now.
async fn look<P: DnsHandle, V: DnsHandle>(plain: &P, validating: &V) -> Result<bool, NetError> {
    let code = match send(plain, Name::root(), RecordType::SOA, true).await {
        Ok(response) if response.answers.iter().any(|record| record.record_type() == RecordType::RRSIG) => None,
        Ok(response) => Some(response.metadata.response_code),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => Some(none.response_code),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => Some(code),
        Err(error) => return Err(error),
    };
    match code {
        None => {}
        Some(ResponseCode::NoError | ResponseCode::NXDomain | ResponseCode::FormErr | ResponseCode::NotImp) => {
            return Ok(false);
        }
        Some(code) => return Err(NetError::from(DnsError::ResponseCode(code))),
    }
    let response = send(validating, Name::root(), RecordType::SOA, true).await?;
    if checked(&response)? { Ok(true) } else { Err(NetError::from(DnsError::DnssecBogus)) }
}

#[cfg(test)]
mod tests;
