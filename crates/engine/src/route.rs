//! From a domain to the servers that answer for it.

use crate::house::House;
use crate::security;
use crate::settings::Way;
use dispatch::providers::Provider;
use dispatch::route::{self, HostGroup, Mx, MxAnswer, Route, site_fingerprint};
use model::{Stage, Verdict};
use net::{DnsFailure, Resolve};
use store::StoreError;

/// Where a domain's mail goes, or why nowhere.
#[derive(Debug)]
pub(crate) enum Placed {
    /// To this site.
    Site(Place),
    /// Nowhere, now or ever; with what DNS said, where it could not say.
    Verdict(Verdict, Option<String>),
}

/// The site that answers for a domain.
#[derive(Debug)]
pub(crate) struct Place {
    /// The fingerprint of its servers and of what the domain demands of them.
    pub(crate) fingerprint: String,
    /// The provider that runs it, if it is a known one.
    pub(crate) provider: Option<&'static Provider>,
    /// The servers, best first.
    pub(crate) groups: Vec<HostGroup>,
}

/// Looks a domain up (RFC 5321 section 5.1). `Err`: the ledger, which knows policies, cannot be read.
pub(crate) async fn place(house: &House, domain: &str) -> Result<Placed, StoreError> {
    if let Way::Relay(relay) = &house.settings.way {
        let groups = vec![HostGroup { preference: 0, hosts: vec![relay.host.clone()] }];
        let fingerprint = format!("relay {}:{}", relay.host, relay.port);
        return Ok(Placed::Site(Place { fingerprint, provider: None, groups }));
    }
    let Asked { answer, proved, failure } = ask(house, domain).await;
    Ok(match route::plan(domain, &answer, house.world.entropy.u64("route")) {
        Route::Hosts(groups) => {
            let hosts: Vec<&str> = groups.iter().flat_map(|g| g.hosts.iter().map(String::as_str)).collect();
            let security = security::of_domain(house, domain, proved, &hosts).await?;
            let fingerprint = security::fingerprint(site_fingerprint(&hosts), &security, &hosts);
            if !security.is_opportunistic() {
                house.policies.put_site(&fingerprint, &security);
            }
            let provider = house.providers().provider_of(&hosts);
            Placed::Site(Place { fingerprint, provider, groups })
        }
        Route::Refuses(verdict) | Route::Unknown(verdict) | Route::TryLater(verdict) => {
            Placed::Verdict(verdict, failure.map(|failure| failure.to_string()))
        }
    })
}

/// What DNS says of a domain's servers.
struct Asked {
    answer: MxAnswer,
    /// Does DNSSEC vouch for it?
    proved: bool,
    /// Why it could not say.
    failure: Option<DnsFailure>,
}

async fn ask(house: &House, domain: &str) -> Asked {
    let mx = house.dns.mx(domain).await;
    let mut failure = None;
    let answer = match mx.result {
        Ok(records) => {
            MxAnswer::Records(records.into_iter().map(|mx| Mx { preference: mx.preference, host: mx.host }).collect())
        }
        Err(DnsFailure::NoSuchName) => MxAnswer::NoSuchName,
        Err(DnsFailure::NoRecords) => match house.dns.addresses(domain).await.result {
            Ok(addresses) => MxAnswer::NoRecords { has_address: !addresses.is_empty() },
            Err(failure) if failure.is_definite() => MxAnswer::NoRecords { has_address: false },
            Err(why) => {
                failure = Some(why);
                MxAnswer::Failed
            }
        },
        Err(why @ (DnsFailure::ServFail | DnsFailure::TimedOut | DnsFailure::Bogus | DnsFailure::Other(_))) => {
            failure = Some(why);
            MxAnswer::Failed
        }
    };
    Asked { answer, proved: mx.secure, failure }
}

/// Is this a verdict of DNS about the domain itself?
pub(crate) fn is_missing_domain(verdict: &Verdict) -> bool {
    verdict.stage == Stage::Dns && verdict.category == model::Category::UnknownDomain
}
