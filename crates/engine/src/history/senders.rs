//! From whom mail is: what a log says of the sender when a message comes in, kept until the message is gone, and for which
//! of our domains that counts.

use super::{History, Key, Sender};
use dispatch::suffix;
use model::{DayCount, MailDomain};
use std::collections::{BTreeMap, HashMap};

/// Messages under way whose senders are remembered: at least so many of the latest, at most twice as many.
const MESSAGES_MAX: usize = 100_000;
/// Names above a sender's domain that its mail counts for, the nearest first.
const NAMES_ABOVE_MAX: usize = 4;

/// The senders of messages under way, by the log's own name for each.
#[derive(Default)]
pub(super) struct Senders {
    young: HashMap<String, Sender>,
    old: HashMap<String, Sender>,
}

impl Senders {
    /// A message came in, or is taken up again.
    pub(super) fn came(&mut self, message: String, sender: Sender) {
        if self.young.len() >= MESSAGES_MAX && !self.young.contains_key(&message) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(message, sender);
    }

    /// A message is gone; its name may be given to another.
    pub(super) fn gone(&mut self, message: &str) {
        self.young.remove(message);
        self.old.remove(message);
    }

    /// From whom a message is.
    pub(super) fn of(&self, message: &str) -> Sender {
        let known = self.young.get(message).or_else(|| self.old.get(message));
        known.cloned().unwrap_or(Sender::Unnamed)
    }
}

/// The sender of an address in an envelope, without its brackets.
pub(super) fn sender_of(address: &str) -> Sender {
    match address.rsplit_once('@') {
        _ if address.is_empty() => Sender::Report,
        // A name without a dot, or one that is none: nobody's From domain.
        Some((_, domain)) => MailDomain::parse(&domain.to_lowercase())
            .map_or(Sender::Unnamed, |domain| Sender::Domain(domain.as_str().to_owned())),
        None => Sender::Unnamed,
    }
}

/// For which From domain mail of which envelope senders counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The From domain.
    pub domain: MailDomain,
    /// The domain of its envelope senders: itself, unless its bounces go elsewhere. Names below it are meant too.
    pub senders: MailDomain,
}

/// What the logs say of each From domain, by provider and day, of these sources of the logs.
///
/// Without `credits` a sender's mail counts for the sender's domain and for the names above it, up to the one that is
/// registered: the bounces of `example.org` may come to `b.news.example.org`, and its mail is known as that of all three.
/// With `credits` only what they name counts; mail whose sender a log does not name counts if they name one domain alone.
pub fn by_domain<'h>(
    logs: impl IntoIterator<Item = &'h History>,
    is_meant: impl Fn(&str) -> bool,
    credits: &[Credit],
) -> BTreeMap<(String, Option<String>, i64), DayCount> {
    let mut sums: BTreeMap<(String, Option<String>, i64), DayCount> = BTreeMap::new();
    for ((sender, Key { source, provider, day }), count) in logs.into_iter().flat_map(|log| &log.senders) {
        if !is_meant(source) {
            continue;
        }
        for domain in credited(sender, credits) {
            sums.entry((domain, provider.clone(), *day)).or_default().add(count);
        }
    }
    sums
}

fn credited(sender: &Sender, credits: &[Credit]) -> Vec<String> {
    let mut domains: Vec<String> = match (sender, credits) {
        (Sender::Report, _) | (Sender::Unnamed, []) => Vec::new(),
        (Sender::Unnamed, credits) => credits.iter().map(|credit| credit.domain.as_str().to_owned()).collect(),
        (Sender::Domain(name), []) => with_names_above(name),
        (Sender::Domain(name), credits) => {
            let meant = credits.iter().filter(|credit| is_at_or_below(name, credit.senders.as_str()));
            meant.map(|credit| credit.domain.as_str().to_owned()).collect()
        }
    };
    domains.sort();
    domains.dedup();
    if *sender == Sender::Unnamed && domains.len() > 1 { Vec::new() } else { domains }
}

/// Is it this domain, or a name below it?
pub(super) fn is_at_or_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn with_names_above(name: &str) -> Vec<String> {
    let above = std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above));
    let above = above.skip(1).take_while(|name| !suffix::is_public(name)).take(NAMES_ABOVE_MAX);
    std::iter::once(name).chain(above).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credit(domain: &str, senders: &str) -> Credit {
        Credit { domain: MailDomain::parse(domain).unwrap(), senders: MailDomain::parse(senders).unwrap() }
    }

    #[test]
    fn bounces_below_a_domain_count_for_it() {
        for (sender, expected) in [
            ("n@example.org", &["example.org"][..]),
            (
                "b+anna=a.example@Bounces.News.Example.org",
                &["bounces.news.example.org", "example.org", "news.example.org"],
            ),
            ("b@news.example.co.uk", &["example.co.uk", "news.example.co.uk"]),
            ("b@news.example.nsw.edu.au", &["example.nsw.edu.au", "news.example.nsw.edu.au"]),
            ("b@bücher.example", &["xn--bcher-kva.example"]),
            ("", &[]),
            ("root@localhost", &[]),
            ("nobody", &[]),
        ] {
            assert_eq!(credited(&sender_of(sender), &[]), expected, "{sender}");
        }
    }

    #[test]
    fn what_is_named_counts_and_nothing_else() {
        let own = [credit("example.org", "example.org")];
        assert_eq!(credited(&sender_of("b@news.example.org"), &own), ["example.org"]);
        assert!(credited(&sender_of("b@badexample.org"), &own).is_empty());
        assert_eq!(credited(&Sender::Unnamed, &own), ["example.org"], "whose mail the log shows was said");
        assert!(credited(&Sender::Report, &own).is_empty());
        let two = [credit("example.org", "bnc.mailer.example"), credit("shop.example", "shop.example")];
        assert_eq!(credited(&sender_of("b@bnc.mailer.example"), &two), ["example.org"]);
        assert!(credited(&sender_of("b@example.org"), &two).is_empty());
        assert!(credited(&Sender::Unnamed, &two).is_empty(), "nobody knows which of them");
    }

    #[test]
    fn senders_are_remembered_within_a_bound() {
        let mut senders = Senders::default();
        for n in 0..3 * MESSAGES_MAX {
            senders.came(format!("{n:X}"), Sender::Report);
        }
        assert!(senders.young.len() + senders.old.len() <= 2 * MESSAGES_MAX);
        let last = format!("{:X}", 3 * MESSAGES_MAX - 1);
        assert_eq!(senders.of(&last), Sender::Report);
        senders.gone(&last);
        assert_eq!((senders.of(&last), senders.of("0")), (Sender::Unnamed, Sender::Unnamed));
    }
}
