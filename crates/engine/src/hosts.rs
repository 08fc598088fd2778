//! Does a name lead to our server? Asked of DNS, for names under which links are to be answered.

use model::{HostFound, WorkspaceId};
use net::{DnsFailure, World};
use std::net::IpAddr;

/// Asks DNS whether `host` leads to where the server is reached (`public_host`, a name or an address); what is wrong, in
/// words.
pub async fn look_for(world: &World, public_host: &str, host: &str) -> (HostFound, Option<String>) {
    let here = addresses(world, public_host).await;
    let there = addresses(world, host).await;
    match (here, there) {
        (_, Err(why)) if why.is_definite() => (HostFound::Missing, Some(format!("{host}: {why}"))),
        (_, Err(why)) => (HostFound::Unknown, Some(format!("{host}: {why}"))),
        (Err(why), _) => (HostFound::Unknown, Some(format!("the public address {public_host}: {why}"))),
        (Ok(here), Ok(there)) if there.iter().all(|ip| here.contains(ip)) => (HostFound::PointsHere, None),
        (Ok(here), Ok(there)) => {
            let list = |ips: &[IpAddr]| ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
            let says = format!("{host} leads to {}, and the server is at {}", list(&there), list(&here));
            (HostFound::Elsewhere, Some(says))
        }
    }
}

/// The TXT record by which the owner of a name says which workspace it is for.
pub fn claim_record(host: &str) -> String {
    format!("_postroom.{host}")
}

/// Does DNS say that `host` is for this workspace?
pub async fn is_claimed_by(world: &World, host: &str, workspace: WorkspaceId) -> bool {
    let found = world.resolve.txt(&claim_record(host)).await.result;
    found.is_ok_and(|texts| texts.iter().any(|text| text.trim() == workspace.to_string()))
}

async fn addresses(world: &World, host: &str) -> Result<Vec<IpAddr>, DnsFailure> {
    match host.trim_matches(['[', ']']).parse() {
        Ok(ip) => Ok(vec![ip]),
        Err(_) => world.resolve.addresses(host).await.result,
    }
}
