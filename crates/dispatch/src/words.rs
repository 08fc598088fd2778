//! What a verdict is called toward people: meaning, whose problem, what the machine did, what a person may do.
//!
//! One text per category (`rules/words.toml`); a rule that knows better overrides meaning and next step. Invariant:
//! every category has all of them.

use crate::rules::RulePack;
use model::{Blame, Category, Outcome, Verdict};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

/// The texts of one category.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What happened, as a short clause: "mailbox does not exist".
    pub meaning: String,
    /// What the machine did when this was the end of it.
    pub done: String,
    /// What a person may do now.
    pub next_step: String,
    /// Minutes the lane is held when the refusal is not about the recipient.
    hold_min: Option<u32>,
}

impl Words {
    /// How long the lane is held when such a refusal is not about the recipient.
    pub fn hold(&self) -> Option<Duration> {
        self.hold_min.map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    }
}

/// What to tell a person about a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened: "mailbox does not exist".
    pub meaning: &'static str,
    /// Whose problem it is: "the address".
    pub whose: &'static str,
    /// What the machine did about it.
    pub done: &'static str,
    /// What a person may do.
    pub next_step: &'static str,
}

static WORDS: LazyLock<BTreeMap<Category, Words>> =
    LazyLock::new(|| toml::from_str(include_str!("../rules/words.toml")).expect("words.toml is tested"));

/// What the machine does while it still tries.
pub const TRIED_AGAIN: &str = "tried again within the window; not suppressed";

/// The texts of a category.
pub fn of(category: Category) -> &'static Words {
    WORDS.get(&category).expect("a test asserts that every category has its words")
}

/// Whose problem it is, in words.
pub const fn whose(blame: Blame) -> &'static str {
    match blame {
        Blame::Address => "the address",
        Blame::Recipient => "the recipient",
        Blame::Identity => "our set-up",
        Blame::Reputation => "our reputation",
        Blame::Content => "our content",
        Blame::Receiver => "their servers",
        Blame::OwnFault => "our machine",
        Blame::Nobody => "nobody knows",
    }
}

/// The texts for a category and, if a rule of that name is known, the rule's better ones. For a delivery that is still
/// being tried `done` says so.
pub fn explain(category: Category, outcome: Outcome, rule: &str) -> Explanation {
    let words = of(category);
    let known = RulePack::shipped().rule(rule);
    let seen = seen_by_us(rule);
    let meaning = known.and_then(|rule| rule.meaning).or_else(|| seen.map(|seen| seen.meaning));
    let blame = seen.and_then(|seen| seen.blame).unwrap_or_else(|| category.blame());
    let next_step = known.and_then(|rule| rule.next_step).or_else(|| seen.and_then(|seen| seen.next_step));
    let done = match outcome {
        Outcome::Deferred => TRIED_AGAIN,
        Outcome::Accepted | Outcome::Hard | Outcome::Blocked | Outcome::InDoubt => &words.done,
    };
    Explanation {
        meaning: meaning.unwrap_or(&words.meaning),
        whose: whose(blame),
        done,
        next_step: next_step.unwrap_or(&words.next_step),
    }
}

/// What we saw ourselves, and what of it differs from the words of its category.
#[derive(Clone, Copy)]
struct Seen {
    meaning: &'static str,
    blame: Option<Blame>,
    next_step: Option<&'static str>,
}

const fn plain(meaning: &'static str) -> Seen {
    Seen { meaning, blame: None, next_step: None }
}

const fn theirs(meaning: &'static str, next_step: &'static str) -> Seen {
    Seen { meaning, blame: Some(Blame::Receiver), next_step: Some(next_step) }
}

/// What happened where no server said a word: the verdicts that `judge` makes without a rule.
const SEEN: [(&str, Seen); 19] = [
    ("dns-failure", plain("name server of the domain did not answer")),
    ("dns-no-address", plain("mail server of the domain has no address")),
    ("dns-no-records", plain("domain exists and has no mail server")),
    ("mx-points-inside", plain("domain's mail server is an address inside our own network")),
    ("connection-refused", plain("nobody listens at their mail server")),
    ("egress-down", Seen { blame: Some(Blame::OwnFault), ..plain("our own way out does not work; the note says why") }),
    ("full-unasked", plain("their server has no room, and had not been told for whom")),
    ("host-unreachable", plain("no way to their mail server")),
    ("line-lost", plain("connection broke before the message was handed over")),
    (
        "no-reply-line",
        theirs(
            "their server did not speak SMTP",
            "Nothing to do if it passes; otherwise tell the postmaster of the receiving domain, with the transcript.",
        ),
    ),
    ("no-requiretls", plain("their server does not promise to keep the message encrypted (REQUIRETLS)")),
    (
        "no-smtputf8",
        theirs(
            "their server cannot take addresses beyond ASCII",
            "Ask the person for an address in plain letters, or their postmaster for SMTPUTF8.",
        ),
    ),
    (
        "other-family",
        Seen {
            meaning: "their mail server has only addresses of a family (IPv4, IPv6) that no source of ours has",
            blame: Some(Blame::OwnFault),
            next_step: Some("Add a source with an address of that family."),
        },
    ),
    (
        "refused-unasked",
        theirs(
            "their server spoke of a recipient before one was named",
            "Nothing to do if it passes; otherwise tell the postmaster of the receiving domain, with the transcript.",
        ),
    ),
    ("site-silent", plain("their servers do not answer us, so we leave them alone for a while")),
    ("sender-unknown", plain("they do not know our bounce address")),
    ("size-announced", plain("message larger than the size they announced")),
    (
        "tls-records",
        theirs(
            "DNS does not prove which key their server has to show (TLSA records)",
            "Nothing goes there until DNS answers. Tell the postmaster of the receiving domain: looking up the TLSA records \
             of their mail server fails, or DNSSEC contradicts them.",
        ),
    ),
    (
        "tls-policy",
        theirs(
            "encryption is not as their own policy demands it",
            "Nothing goes there in clear. Tell the postmaster of the receiving domain: their MTA-STS policy or TLSA records \
             and their server's certificate do not fit.",
        ),
    ),
];

/// What a rule means that stands for what we saw ourselves: no server said a word.
pub(crate) fn seen(rule: &str) -> Option<&'static str> {
    match rule {
        "no-answer" => Some("no answer in time"),
        "reply-lost" => Some("no final reply after the last byte"),
        _ => seen_by_us(rule).map(|seen| seen.meaning),
    }
}

fn seen_by_us(rule: &str) -> Option<Seen> {
    SEEN.iter().find(|(known, _)| *known == rule).map(|(_, seen)| *seen)
}

/// Every text that [`explain`] may give for the shipped rules: for those who translate them.
pub fn texts() -> BTreeSet<&'static str> {
    let of_categories = WORDS.values().flat_map(|words| [&*words.meaning, &words.done, &words.next_step]);
    let of_rules = RulePack::shipped().texts();
    let of_seen = SEEN.iter().flat_map(|(_, seen)| [Some(seen.meaning), seen.next_step]).flatten();
    let blames = Blame::ALL.iter().map(|blame| whose(*blame));
    of_categories.chain(of_rules).chain(of_seen).chain(blames).chain([TRIED_AGAIN]).collect()
}

/// The texts for a verdict.
pub fn explain_verdict(verdict: &Verdict) -> Explanation {
    explain(verdict.category, verdict.outcome, &verdict.rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_words() {
        for category in Category::ALL {
            let words = of(*category);
            assert!(!words.meaning.is_empty() && !words.done.is_empty(), "{category}");
            assert!(words.next_step.ends_with('.'), "{category}");
        }
    }

    #[test]
    fn a_rule_that_knows_better_is_heard() {
        let plain = explain(Category::UnknownRecipient, Outcome::Hard, "enhanced-5.1.1");
        assert_eq!((plain.meaning, plain.whose), ("mailbox does not exist", "the address"));
        let better = explain(Category::UnknownRecipient, Outcome::Hard, "edge-block-unknown");
        assert!(better.meaning.contains("directory") && better.next_step == plain.next_step);
        let ours = explain(Category::Policy, Outcome::Blocked, "mx-points-inside");
        assert!(ours.meaning.contains("inside our own network"));
        let babble = explain(Category::ProtocolError, Outcome::Deferred, "no-reply-line");
        assert_eq!((babble.meaning, babble.whose), ("their server did not speak SMTP", "their servers"));
        assert_eq!(explain(Category::ProtocolError, Outcome::Blocked, "reply-syntax").whose, "our machine");
        assert_eq!(explain(Category::NetworkFailure, Outcome::Deferred, "egress-down").whose, "our machine");
        assert!(explain(Category::MailboxFull, Outcome::Deferred, "mailbox-full").done.contains("tried again"));
    }
}
