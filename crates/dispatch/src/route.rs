//! Where a domain's mail goes: the hosts in order of trial, or a verdict at once (RFC 5321 section 5.1, RFC 7505).
//!
//! Apart from `judge` because nobody has been spoken to yet. Invariant: whatever the resolver answers, the plan has
//! either at least one host or a verdict, never an empty list.

use crate::judge::{self, DnsOutcome};
use model::Verdict;
use std::collections::BTreeSet;

/// More hosts than this are not tried (RFC 5321 asks for at least two).
const HOSTS_MAX: usize = 16;
/// Length of a fingerprint in characters.
const FINGERPRINT_CHARS: usize = 16;

/// One mail exchanger as DNS gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// Host name; case and a final dot do not matter. `.` or empty is the null MX.
    pub host: String,
}

/// What the resolver said about a domain's MX records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// The records, in any order.
    Records(Vec<Mx>),
    /// The name exists and has no MX; `has_address` tells whether it has an A or AAAA record.
    NoRecords {
        /// Did a look-up of A and AAAA find anything? Then the domain itself is its only, implicit, MX.
        has_address: bool,
    },
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL, time-out, or anything else that may be different later.
    Failed,
}

/// Hosts of one preference, in the order to try them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostGroup {
    /// Their common preference.
    pub preference: u16,
    /// Host names, lower-case, without a final dot.
    pub hosts: Vec<String>,
}

/// Where to go, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Try these groups in order; at least one host.
    Hosts(Vec<HostGroup>),
    /// Null MX: the domain takes no mail (5.1.10).
    Refuses(Verdict),
    /// No such domain, or nothing in it that takes mail (5.1.2).
    Unknown(Verdict),
    /// The answer could not be had (4.4.3).
    TryLater(Verdict),
}

/// Turns the resolver's answer into a route. `seed` shuffles hosts of equal preference; same seed, same order.
pub fn plan(domain: &str, answer: &MxAnswer, seed: u64) -> Route {
    match answer {
        MxAnswer::NoRecords { has_address: true } => {
            Route::Hosts(vec![HostGroup { preference: 0, hosts: vec![normal(domain)] }])
        }
        MxAnswer::NoRecords { has_address: false } => Route::Unknown(judge::dns_verdict(DnsOutcome::NoRecords)),
        MxAnswer::NoSuchName => Route::Unknown(judge::dns_verdict(DnsOutcome::NoSuchName)),
        MxAnswer::Failed => Route::TryLater(judge::dns_verdict(DnsOutcome::TemporaryFailure)),
        MxAnswer::Records(records) => plan_records(records, seed),
    }
}

fn plan_records(records: &[Mx], seed: u64) -> Route {
    let mut hosts: Vec<Mx> = records
        .iter()
        .map(|mx| Mx { preference: mx.preference, host: normal(&mx.host) })
        .filter(|mx| !mx.host.is_empty())
        .collect();
    if hosts.is_empty() {
        // A null MX beside real ones breaks RFC 7505; the real ones win. Alone, it means what it says.
        let verdict = if records.is_empty() { DnsOutcome::NoRecords } else { DnsOutcome::NullMx };
        let verdict = judge::dns_verdict(verdict);
        return if records.is_empty() { Route::Unknown(verdict) } else { Route::Refuses(verdict) };
    }
    hosts.sort();
    hosts.dedup();
    // The same host at two preferences is tried once, at the better one.
    let mut seen = BTreeSet::new();
    hosts.retain(|mx| seen.insert(mx.host.clone()));
    hosts.truncate(HOSTS_MAX);
    let mut groups: Vec<HostGroup> = Vec::new();
    for mx in hosts {
        match groups.last_mut() {
            Some(group) if group.preference == mx.preference => group.hosts.push(mx.host),
            _ => groups.push(HostGroup { preference: mx.preference, hosts: vec![mx.host] }),
        }
    }
    let mut chance = seed;
    for group in &mut groups {
        shuffle(&mut group.hosts, &mut chance);
    }
    Route::Hosts(groups)
}

/// The site a set of hosts makes up: domains with the same set, in any order and at any preference, share it.
///
/// Sixteen hexadecimal characters of FNV-1a over the sorted names; for grouping, not for secrets.
pub fn site_fingerprint<H: AsRef<str>>(hosts: &[H]) -> String {
    let mut names: Vec<String> = hosts.iter().map(|host| normal(host.as_ref())).collect();
    names.sort();
    names.dedup();
    // 128 bits of FNV-1a, folded to 64: two thousand million sites would have to exist for one likely collision.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for name in &names {
        for byte in name.bytes().chain([b'\n']) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    let folded = (hash >> 64) ^ (hash & u128::from(u64::MAX));
    format!("{folded:0width$x}", width = FINGERPRINT_CHARS)
}

fn normal(host: &str) -> String {
    host.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// Fisher–Yates with SplitMix64: small, fixed for ever, and good enough to spread load.
fn shuffle(items: &mut [String], chance: &mut u64) {
    for end in (1..items.len()).rev() {
        *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let pick = usize::try_from(z % (end as u64 + 1)).unwrap_or(0);
        items.swap(end, pick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Outcome};

    fn mx(list: &[(u16, &str)]) -> MxAnswer {
        MxAnswer::Records(list.iter().map(|(p, h)| Mx { preference: *p, host: (*h).to_owned() }).collect())
    }

    fn hosts(route: Route) -> Vec<(u16, Vec<String>)> {
        match route {
            Route::Hosts(groups) => groups.into_iter().map(|g| (g.preference, g.hosts)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn groups_by_preference_and_shuffles_only_equals() {
        let answer = mx(&[(20, "c."), (10, "A."), (10, "b"), (20, "a"), (30, "d")]);
        let groups = hosts(plan("example.org", &answer, 7));
        assert_eq!(groups.iter().map(|(p, h)| (*p, h.len())).collect::<Vec<_>>(), [(10, 2), (20, 1), (30, 1)]);
        assert_eq!(hosts(plan("example.org", &answer, 7)), groups, "same seed, same order");
        let firsts: BTreeSet<String> =
            (0..64).map(|seed| hosts(plan("example.org", &answer, seed))[0].1[0].clone()).collect();
        assert_eq!(firsts.len(), 2, "another seed, another order");
    }

    #[test]
    fn without_mx_the_domain_is_its_own_host() {
        let route = plan("Example.ORG", &MxAnswer::NoRecords { has_address: true }, 0);
        assert_eq!(hosts(route), [(0, vec!["example.org".to_owned()])]);
    }

    #[test]
    fn each_dead_end_has_its_verdict() {
        let verdict = |answer: &MxAnswer| match plan("x.test", answer, 0) {
            Route::Refuses(v) | Route::Unknown(v) | Route::TryLater(v) => (v.outcome, v.category, v.rule.to_string()),
            Route::Hosts(h) => panic!("{h:?}"),
        };
        let null = (Outcome::Hard, Category::DomainRefusesMail, "dns-null-mx".to_owned());
        assert_eq!(verdict(&mx(&[(0, ".")])), null);
        let unknown = |rule: &str| (Outcome::Hard, Category::UnknownDomain, rule.to_owned());
        assert_eq!(verdict(&MxAnswer::NoSuchName), unknown("dns-no-such-name"));
        assert_eq!(verdict(&MxAnswer::NoRecords { has_address: false }), unknown("dns-no-records"));
        let later = (Outcome::Deferred, Category::NetworkFailure, "dns-failure".to_owned());
        assert_eq!(verdict(&MxAnswer::Failed), later);
        assert_eq!(hosts(plan("x.test", &mx(&[(0, "."), (5, "real.test")]), 0)).len(), 1);
    }

    #[test]
    fn a_site_is_its_set_of_hosts() {
        let one = site_fingerprint(&["mx1.example.net", "MX2.example.net."]);
        assert_eq!(one, site_fingerprint(&["mx2.example.net", "mx1.example.net", "mx1.example.net"]));
        assert_ne!(one, site_fingerprint(&["mx1.example.net"]));
        assert_ne!(site_fingerprint(&["ab", "c"]), site_fingerprint(&["a", "bc"]));
        assert_eq!(one.len(), FINGERPRINT_CHARS);
    }
}
