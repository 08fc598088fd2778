//! What a sending domain publishes beside its keys: who may send for it (SPF, RFC 7208), and what receivers make of mail
//! that proves nothing (DMARC, RFC 9989). Looked for in DNS, with the record that would mend what is missing.
//!
//! Nothing here stands in the way of sending: receivers judge by it, and ask for it from everybody who sends much.

use model::MailDomain;
use net::{DnsFailure, World};
use std::net::IpAddr;

/// A record, as it is and as it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// `spf` or `dmarc`.
    pub(crate) kind: &'static str,
    /// Its name in DNS; of type TXT.
    pub(crate) name: String,
    /// What DNS shows.
    pub(crate) found: Option<String>,
    pub(crate) standing: Standing,
    /// A record that would do, where one is missing.
    pub(crate) proposed: Option<String>,
    /// What is wrong, or what DNS said.
    pub(crate) problem: Option<String>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Published,
    Missing,
    Wrong,
    Unknown,
    /// Nobody looked yet.
    Unlooked,
}

impl Standing {
    /// The word used outside.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Standing::Published => "published",
            Standing::Missing => "not_published",
            Standing::Wrong => "wrong",
            Standing::Unknown => "unknown",
            Standing::Unlooked => "not_looked",
        }
    }
}

/// Said where nobody told which addresses mail leaves from.
const NO_WAYS: &str = "there is none, and what to put into it is not known here: give each source its address, or name the \
                       public addresses of this machine in it (v=spf1 ip4:… ~all)";

/// What DNS shows of both. `ways`: the addresses mail leaves from, as far as they are known.
pub(crate) async fn look(world: &World, domain: &MailDomain, ways: &[IpAddr]) -> Vec<Policy> {
    let name = domain.as_str().to_owned();
    let spf = spf(name.clone(), world.resolve.txt(&name).await.result, ways);
    // What the domain itself does not say, the one above it may (RFC 9989, section 4.10).
    let mut at = name.as_str();
    let dmarc = loop {
        let record = format!("_dmarc.{at}");
        let found = dmarc(record.clone(), world.resolve.txt(&record).await.result, domain);
        match at.split_once('.') {
            Some((_, above)) if found.standing == Standing::Missing && above.contains('.') => at = above,
            _ if found.standing == Standing::Missing => break Policy { name: format!("_dmarc.{name}"), ..found },
            _ => break found,
        }
    };
    vec![spf, dmarc]
}

/// What would do for a domain that has neither; nobody looked yet whether it has.
pub(crate) fn wanted(domain: &MailDomain, ways: &[IpAddr]) -> [Policy; 2] {
    let name = domain.as_str().to_owned();
    let dmarc = dmarc(format!("_dmarc.{name}"), Ok(Vec::new()), domain);
    [spf(name, Ok(Vec::new()), ways), dmarc].map(|policy| Policy { standing: Standing::Unlooked, ..policy })
}

fn unknown(kind: &'static str, name: String, why: &DnsFailure) -> Policy {
    Policy { kind, name, found: None, standing: Standing::Unknown, proposed: None, problem: Some(why.to_string()) }
}

fn is_version(record: &str, version: &str) -> bool {
    record.get(..version.len()).is_some_and(|start| start.eq_ignore_ascii_case(version))
}

fn spf(name: String, answer: Result<Vec<String>, DnsFailure>, ways: &[IpAddr]) -> Policy {
    let kind = "spf";
    let records = match answer {
        Ok(records) => records,
        Err(failure) if failure.is_definite() => Vec::new(),
        Err(failure) => return unknown(kind, name, &failure),
    };
    let is_spf = |record: &&String| record.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"));
    let mut found: Vec<&String> = records.iter().filter(is_spf).collect();
    let Some(first) = found.pop() else {
        let ways = ways.iter().map(|way| match way {
            IpAddr::V4(way) => format!(" ip4:{way}"),
            IpAddr::V6(way) => format!(" ip6:{way}"),
        });
        let ways: String = ways.collect();
        // A record that leaves out where mail comes from is worse than none.
        let (proposed, problem) = match ways.is_empty() {
            false => (Some(format!("v=spf1{ways} ~all")), None),
            true => (None, Some(NO_WAYS.to_owned())),
        };
        return Policy { kind, name, found: None, standing: Standing::Missing, proposed, problem };
    };
    let words: Vec<String> = first.split_whitespace().map(str::to_ascii_lowercase).collect();
    let problem = if !found.is_empty() {
        Some("there are several; receivers take that for none (RFC 7208, section 4.5). Make one of them")
    } else if words.iter().any(|word| word == "+all" || word == "all") {
        Some("it lets everybody send (+all); end it with ~all or -all")
    } else {
        None
    };
    let standing = if problem.is_some() { Standing::Wrong } else { Standing::Published };
    let (found, problem) = (Some(first.clone()), problem.map(str::to_owned));
    Policy { kind, name, found, standing, proposed: None, problem }
}

fn dmarc(name: String, answer: Result<Vec<String>, DnsFailure>, domain: &MailDomain) -> Policy {
    let kind = "dmarc";
    let records = match answer {
        Ok(records) => records,
        Err(failure) if failure.is_definite() => Vec::new(),
        Err(failure) => return unknown(kind, name, &failure),
    };
    let mut found: Vec<&String> = records.iter().filter(|record| is_version(record, "v=DMARC1")).collect();
    match found.pop() {
        None => {
            let proposed = Some(format!("v=DMARC1; p=none; rua=mailto:postmaster@{}", domain.as_str()));
            Policy { kind, name, found: None, standing: Standing::Missing, proposed, problem: None }
        }
        Some(record) => {
            let problem = (!found.is_empty()).then(|| "there are several; receivers take that for none".to_owned());
            let standing = if problem.is_some() { Standing::Wrong } else { Standing::Published };
            Policy { kind, name, found: Some(record.clone()), standing, proposed: None, problem }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spf_of(records: &[&str]) -> Policy {
        let records = records.iter().map(|record| (*record).to_owned()).collect();
        spf("a.example".to_owned(), Ok(records), &["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()])
    }

    #[test]
    fn who_may_send_is_read_and_proposed() {
        assert_eq!(spf_of(&["v=SPF1 mx -all", "other"]).standing, Standing::Published);
        assert_eq!(spf_of(&["v=spf1 ip4:192.0.2.7 +all"]).standing, Standing::Wrong);
        assert_eq!(spf_of(&["v=spf1 mx -all", "v=spf1 -all"]).standing, Standing::Wrong);
        let missing = spf_of(&["v=spf10 mx"]);
        assert_eq!(missing.standing, Standing::Missing);
        assert_eq!(missing.proposed.as_deref(), Some("v=spf1 ip4:192.0.2.7 ip6:2001:db8::7 ~all"));
        let silent = spf("a.example".to_owned(), Err(DnsFailure::TimedOut), &[]);
        assert_eq!((silent.standing, silent.proposed), (Standing::Unknown, None));
        let nothing = spf("a.example".to_owned(), Err(DnsFailure::NoRecords), &[]);
        assert_eq!((nothing.standing, nothing.proposed), (Standing::Missing, None));
        assert!(nothing.problem.unwrap().contains("give each source its address"));
        let [wanted, _] = wanted(&MailDomain::parse("a.example").unwrap(), &["192.0.2.7".parse().unwrap()]);
        assert_eq!(
            (wanted.standing, wanted.proposed.as_deref()),
            (Standing::Unlooked, Some("v=spf1 ip4:192.0.2.7 ~all"))
        );
    }

    #[test]
    fn what_receivers_do_is_read_and_proposed() {
        let domain = MailDomain::parse("a.example").unwrap();
        let of = |records: &[&str]| {
            let records = records.iter().map(|record| (*record).to_owned()).collect();
            dmarc("_dmarc.a.example".to_owned(), Ok(records), &domain)
        };
        assert_eq!(of(&["v=DMARC1; p=reject"]).standing, Standing::Published);
        assert_eq!(of(&["v=DMARC1; p=none", "v=DMARC1; p=none"]).standing, Standing::Wrong);
        let missing = of(&["google-site-verification=x"]);
        assert_eq!(missing.proposed.as_deref(), Some("v=DMARC1; p=none; rua=mailto:postmaster@a.example"));
    }
}
