//! What servers offer in EHLO and then refuse: done without there for a while, so that it costs one envelope a day and not
//! every message.
//!
//! By host, since it is mostly the proxy or the software of one machine. What was said is kept: whoever is not asked because of
//! it, and whoever reads of it, is told the words and when they were said. Addresses are taken out of them: the words are told to
//! everybody who comes after. Whoever was asked first has that conversation in the transcript of their own try
//! ([`Offers::asked_first`]). Written down for later runs ([`crate::remembered`]).

use crate::report::iso;
use dispatch::pace::{WORDS_CHARS_MAX, clock};
use model::{DeliveryId, SourceId, Timestamp, one_line};
use serde::{Deserialize, Serialize, Serializer};
use smtp::client::Ending;
use smtp::extensions::Optional;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an extension is done without after a refusal.
const DONE_WITHOUT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Hosts remembered at most; then all are forgotten and found out anew.
const HOSTS_MAX: usize = 10_000;
/// Refusals that are written down at most, the newest of them.
const WRITTEN_MAX: usize = 500;
/// Deliveries whose first asking is kept until they have their answer; then all are forgotten.
const ASKED_MAX: usize = 256;
/// Octets of a first asking that are kept, from its end.
const ASKED_OCTETS_MAX: usize = 1_024;

/// Something that a server offers and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The server.
    pub host: String,
    /// The extension, as EHLO names it.
    pub extension: String,
    /// Since when it is done without.
    pub since: Timestamp,
    /// When it is asked for again.
    pub until: Timestamp,
    /// What the server said, addresses left out.
    pub reply: String,
}

impl Refused {
    /// In a sentence, with times as `clock` writes them: in the reader's zone.
    pub fn in_words(&self, clock: &dyn Fn(Timestamp) -> String) -> String {
        let Refused { host, extension, since, until, reply } = self;
        let (since, until) = (clock(*since), clock(*until));
        format!("done without {extension} at {host} since {since} because of \"{reply}\", tried again {until}")
    }

    /// The sentence as it is read `now` by whoever knows nothing of our zone: `since 14:02 UTC`.
    pub fn told_at(&self, now: Timestamp) -> String {
        self.in_words(&|at| format!("{} UTC", clock(at, now)))
    }

    /// The same for the transcript of a conversation in which it is not used.
    fn remark(&self, now: Timestamp) -> String {
        let Refused { extension, since, reply, .. } = self;
        format!("{extension} is not used: at {} UTC they refused it with \"{reply}\"", clock(*since, now))
    }
}

/// For programs: times in ISO 8601.
pub(crate) fn as_told<S: Serializer>(refused: &[Refused], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'a> {
        host: &'a str,
        extension: &'a str,
        #[serde(serialize_with = "iso")]
        since: Timestamp,
        #[serde(serialize_with = "iso")]
        until: Timestamp,
        reply: &'a str,
    }
    let told = refused.iter().map(|one| {
        let Refused { host, extension, since, until, reply } = one;
        Told { host, extension, since: *since, until: *until, reply }
    });
    serializer.collect_seq(told)
}

/// A refusal and where it was heard: the source, and whose servers they are ([`crate::lanes::LaneView::operator`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) source: SourceId,
    pub(crate) operator: String,
    #[serde(flatten)]
    pub(crate) refused: Refused,
}

/// What is done without, and where.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    refused: Mutex<BTreeMap<String, BTreeMap<Optional, Heard>>>,
    asked: Mutex<BTreeMap<DeliveryId, String>>,
}

impl Offers {
    /// What earlier runs wrote down. What is unknown by now, or over, is passed over.
    pub(crate) fn restored(kept: Vec<Heard>, now: Timestamp) -> Offers {
        let offers = Offers::default();
        {
            let mut refused = offers.lock();
            for heard in kept.into_iter().take(WRITTEN_MAX) {
                let Some(one) = Optional::by_name(&heard.refused.extension) else { continue };
                // The clock may have been set back since.
                let until = heard.refused.until.min(now + DONE_WITHOUT_FOR);
                let heard = Heard { refused: Refused { until, ..heard.refused }, ..heard };
                if until > now {
                    refused.entry(heard.refused.host.clone()).or_default().insert(one, heard);
                }
            }
        }
        offers
    }

    /// What is not to be used toward a host although it offers it, each with a remark for the transcript.
    pub(crate) fn refused_by(&self, host: &str, now: Timestamp) -> BTreeMap<Optional, String> {
        let refused = self.lock();
        let of_host = refused.get(host).into_iter().flatten().filter(|(_, heard)| heard.refused.until > now);
        of_host.map(|(one, heard)| (*one, heard.refused.remark(now))).collect()
    }

    /// A host refused what it offers: `words` is its reply. What is noted of it in the transcript, and whether it is news.
    pub(crate) fn refused(
        &self,
        (source, operator): (SourceId, &str),
        host: &str,
        one: Optional,
        words: &str,
        now: Timestamp,
    ) -> (Refused, String, bool) {
        let mut refused = self.lock();
        if refused.len() >= HOSTS_MAX && !refused.contains_key(host) {
            refused.clear();
        }
        let known = refused.entry(host.to_owned()).or_default();
        // Tried again after its day and refused again: it is the same refusal. Later than that it may have worked meanwhile.
        let before = known.get(&one).filter(|before| now < before.refused.until + DONE_WITHOUT_FOR);
        let since = before.map(|before| before.refused.since);
        let news = Refused {
            host: host.to_owned(),
            extension: one.name().to_owned(),
            since: since.unwrap_or(now),
            until: now + DONE_WITHOUT_FOR,
            reply: without_addresses(words),
        };
        known.insert(one, Heard { source, operator: operator.to_owned(), refused: news.clone() });
        let remark = news.remark(now);
        (news, remark, since.is_none())
    }

    /// What is done without at these hosts.
    pub(crate) fn at(&self, hosts: &[String], now: Timestamp) -> Vec<Refused> {
        let refused = self.lock();
        let of_hosts = hosts.iter().filter_map(|host| refused.get(host)).flat_map(BTreeMap::values);
        of_hosts.map(|heard| heard.refused.clone()).filter(|one| one.until > now).collect()
    }

    /// What is written down for later runs: the newest.
    pub(crate) fn kept(&self, now: Timestamp) -> Vec<Heard> {
        let refused = self.lock();
        let mut kept: Vec<Heard> = refused.values().flat_map(BTreeMap::values).cloned().collect();
        drop(refused);
        kept.retain(|heard| heard.refused.until > now);
        kept.sort_by_key(|heard| std::cmp::Reverse(heard.refused.until));
        kept.truncate(WRITTEN_MAX);
        kept
    }

    /// Why a host counts as one that does not offer what a message needs, although it does: it refused it before. To be added
    /// to what is said of such an ending.
    pub(crate) fn behind(&self, host: &str, ending: &Ending, now: Timestamp) -> Option<String> {
        let one = match ending {
            Ending::NeedsSmtpUtf8 => Optional::SmtpUtf8,
            Ending::NoRequireTls => Optional::RequireTls,
            _ => return None,
        };
        let refused = self.lock();
        let known = &refused.get(host)?.get(&one)?.refused;
        let at = clock(known.since, now);
        (known.until > now).then(|| format!("it offers that, and refused it at {at} UTC with \"{}\"", known.reply))
    }

    /// The conversation in which somebody's envelope was refused for what the server offers: it goes with that of their next
    /// asking, which decides.
    pub(crate) fn asked_first(&self, delivery: DeliveryId, one: Optional, said: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= ASKED_MAX && !asked.contains_key(&delivery) {
            asked.clear();
        }
        let from = said.len().saturating_sub(ASKED_OCTETS_MAX);
        let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or_default();
        let before = asked.entry(delivery).or_default();
        *before += &format!("* asked with {}, which they offer\n{}", one.name(), said.get(from..).unwrap_or_default());
    }

    /// What was said to them before; given once.
    pub(crate) fn take_first(&self, delivery: DeliveryId) -> Option<String> {
        let said = self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery)?;
        Some(said + "* asked again without it\n")
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Optional, Heard>>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reply in one short line, without the addresses in it: `555 5.5.4 <…>: unknown parameter`.
fn without_addresses(words: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "<>()[]\"',;".contains(c);
    let mut told = String::new();
    for part in one_line(words).split_inclusive(ends) {
        let (word, end) =
            part.strip_suffix(ends).map_or((part, ""), |word| (word, part.get(word.len()..).unwrap_or("")));
        told.push_str(if word.contains('@') { "…" } else { word });
        // It is told in quotes.
        told.push_str(if end == "\"" { "'" } else { end });
    }
    match told.char_indices().nth(WORDS_CHARS_MAX) {
        Some((at, _)) => format!("{}…", told.get(..at).unwrap_or_default()),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const WHERE: (SourceId, &str) = (SourceId::THIS_MACHINE, "a.example");

    #[test]
    fn a_refused_offer_is_done_without_for_a_day_at_that_host() {
        let offers = Offers::default();
        let refused = |host: &str, one, at| offers.refused(WHERE, host, one, "555 5.5.4 no", at).2;
        assert!(refused("mx.a.example", Optional::Dsn, THEN));
        assert!(refused("mx.a.example", Optional::Chunking, THEN + Duration::from_secs(60)));
        assert!(!refused("mx.a.example", Optional::Chunking, THEN + Duration::from_secs(60)), "told once");
        let left_out = |host, at| offers.refused_by(host, at).into_keys().collect::<Vec<_>>();
        assert_eq!(left_out("mx.a.example", THEN + Duration::from_secs(60)), [Optional::Chunking, Optional::Dsn]);
        assert_eq!(left_out("mx.a.example", THEN + DONE_WITHOUT_FOR), [Optional::Chunking]);
        assert_eq!(left_out("mx.b.example", THEN), []);
        assert!(!refused("mx.a.example", Optional::Dsn, THEN + DONE_WITHOUT_FOR), "the same refusal, a day later");
        let told = offers.at(&["mx.a.example".to_owned()], THEN + DONE_WITHOUT_FOR);
        assert!(told.iter().all(|one| one.since <= THEN + Duration::from_secs(60)), "{told:?}");
        assert!(
            refused("mx.c.example", Optional::Dsn, THEN)
                && refused("mx.c.example", Optional::Dsn, THEN + DONE_WITHOUT_FOR * 2)
        );
        let restored = Offers::restored(offers.kept(THEN), THEN);
        assert_eq!(restored.refused_by("mx.a.example", THEN), offers.refused_by("mx.a.example", THEN));
        let hosts = |count: usize| (0..count).map(|n| format!("mx{n}.example"));
        hosts(WRITTEN_MAX).for_each(|host| assert!(refused(&host, Optional::Size, THEN)));
        assert_eq!(offers.kept(THEN).len(), WRITTEN_MAX);
        hosts(HOSTS_MAX + 1).for_each(|host| assert!(refused(&host, Optional::Chunking, THEN)));
        assert!(offers.lock().len() <= HOSTS_MAX);
    }

    #[test]
    fn what_they_said_is_told_with_its_time_and_without_anybodys_address() {
        let offers = Offers::default();
        let words = "555 5.5.4 <ada@a.example>: \"ORCPT=rfc822;ada@a.example\" not known\r\nto us";
        let (refused, remark, _) = offers.refused(WHERE, "mx.a.example", Optional::SmtpUtf8, words, THEN);
        assert_eq!(
            refused.told_at(THEN),
            "done without SMTPUTF8 at mx.a.example since 22:13 UTC because of \"555 5.5.4 <…>: 'ORCPT=rfc822;…' not known to \
             us\", tried again Wed 22:13 UTC"
        );
        assert!(
            remark.starts_with("SMTPUTF8 is not used: at 22:13 UTC they refused it with \"555 5.5.4 <…>"),
            "{remark}"
        );
        let behind = |host, ending| offers.behind(host, &ending, THEN);
        assert!(behind("mx.a.example", Ending::NeedsSmtpUtf8).is_some_and(|why| why.contains("22:13 UTC with \"555")));
        assert_eq!(behind("mx.a.example", Ending::NoRequireTls), None);
        assert_eq!(behind("mx.b.example", Ending::NeedsSmtpUtf8), None);
        assert!(without_addresses(&"ü".repeat(500)).chars().count() == WORDS_CHARS_MAX + 1);
    }

    #[test]
    fn a_first_asking_is_kept_until_its_second_has_ended() {
        let (offers, delivery) = (Offers::default(), DeliveryId(7));
        offers.asked_first(delivery, Optional::Dsn, "> MAIL FROM:<r@out.example> RET=HDRS\n< 555 no\n");
        offers.asked_first(delivery, Optional::Chunking, &"é".repeat(ASKED_OCTETS_MAX));
        let first = offers.take_first(delivery).unwrap();
        assert!(
            first.starts_with("* asked with DSN, which they offer\n> MAIL FROM:<r@out.example> RET=HDRS\n"),
            "{first}"
        );
        assert!(first.contains("* asked with CHUNKING") && first.ends_with("é* asked again without it\n"), "{first}");
        assert_eq!(offers.take_first(delivery), None);
        for n in 0..=ASKED_MAX {
            offers.asked_first(DeliveryId(i64::try_from(n).unwrap()), Optional::Size, "x\n");
        }
        assert!(offers.asked.lock().unwrap().len() <= ASKED_MAX);
    }
}
