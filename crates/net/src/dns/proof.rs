//! Whether signatures vouch for an answer (DNSSEC, RFC 4033 to 4035).
//!
//! Two ways, of which the operator chooses one. The answer is validated here, from the root's key on, which costs a few
//! questions more for each zone; or a resolver on this machine validates for us and says so with a flag (AD, RFC 6840
//! section 5.7). Resolvers that strip signatures exist, small routers most of all: it is looked at first whether
//! those of the root come through. Where they do not, nothing is proved, and nothing is called forged either.

use super::{Dnssec, Servers};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long it is believed that signatures come through, or that they do not.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);
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
    OurCheck { validating: Box<DnssecDnsHandle<Servers>>, comes_through: Mutex<Option<(bool, Instant)>> },
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
        Prover { servers, way: Way::OurCheck { validating, comes_through: Mutex::new(None) } }
    }

    /// Asks without caring for proofs.
    pub(super) async fn ask(&self, name: Name, kind: RecordType) -> Result<(Vec<Record>, bool), NetError> {
        let response = send(&self.servers, name, kind, false).await?;
        Ok((response.answers.clone(), false))
    }

    /// Asks; the flag tells whether the whole answer is proved. What is contradicted is an error.
    pub(super) async fn ask_with_proof(&self, name: Name, kind: RecordType) -> Result<(Vec<Record>, bool), NetError> {
        match &self.way {
            Way::ItsWord => {
                let response = send(&self.servers, name, kind, true).await?;
                Ok((response.answers.clone(), response.metadata.authentic_data))
            }
            Way::OurCheck { validating, comes_through } => {
                if !signatures_come_through(validating.as_ref(), comes_through).await {
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

/// Does the resolver hand signatures on? Looked at by one question for a record of the root, which is always signed.
/// (Not for its keys: those are trusted without a signature.)
async fn signatures_come_through<H: DnsHandle>(validating: &H, known: &Mutex<Option<(bool, Instant)>>) -> bool {
    let mut known = known.lock().await;
    if let Some((able, at)) = *known
        && at.elapsed() < LOOK_AGAIN
    {
        return able;
    }
    let able = match send(validating, Name::root(), RecordType::SOA, true).await {
        Ok(response) => !response.answers.is_empty() && checked(&response).is_ok_and(|secure| secure),
        // No answer at all says nothing about signatures: the next question looks again.
        Err(NetError::Timeout) => return false,
        Err(_) => false,
    };
    *known = Some((able, Instant::now()));
    able
}

#[cfg(test)]
mod tests;
