//! From what happened to what it means: the one place where replies and failures become verdicts.
//!
//! Order of authority: a provider's own rule, then a rule about words anybody may use, then the enhanced code (RFC
//! 3463 and the IANA registry, `rules/enhanced.toml`), then vague words, then the reply code by stage (RFC 5321
//! section 4.2). Text beats code because codes lie: 550 alone calls many good addresses dead.
//!
//! Invariants: 4xx never ends a delivery at once and never suppresses; an unknown 5xx is `blocked`, never `hard`; a
//! plain acceptance costs no matching at all.

use crate::enhanced;
use crate::rules::{Input, Rule, RulePack};
use crate::text::{self, Found};
use model::{Category, Class, Disposition, Outcome, Reply, Scope, Stage, Verdict};
use std::borrow::Cow;

/// What happened, where, and to whom we were talking.
#[derive(Clone, Copy, Debug)]
pub struct Circumstance<'a> {
    /// How far the conversation was.
    pub stage: Stage,
    /// The key of the receiving provider, if it is a known one.
    pub provider: Option<&'a str>,
    /// What happened there.
    pub what: What<'a>,
}

/// What a server said, or how it failed to.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A complete reply.
    Reply(&'a Reply),
    /// Nothing came within the deadline of the phase.
    TimedOut,
    /// The line was closed or broke, before the last bytes of a message went out.
    Disconnected,
    /// Nobody listens on the port.
    Refused,
    /// No way to the host.
    Unreachable,
    /// They have only addresses of a family (IPv4, IPv6) that we do not have.
    OtherFamily,
    /// Our own way out does not work: a source address that is not ours, a proxy that does not answer.
    EgressDown,
    /// What came is no reply.
    Protocol(&'a str),
    /// STARTTLS was refused or the handshake failed, and clear text is not allowed.
    TlsFailed(&'a str),
    /// Encryption is not as the domain's own policy demands it (MTA-STS, DANE).
    PolicyUnmet,
    /// What the server has to show (TLSA records, DANE) cannot be looked up, or is contradicted by its signatures.
    RecordsDoubtful,
    /// The address needs SMTPUTF8 (RFC 6531) and the server does not offer it.
    NoSmtpUtf8,
    /// The message may only go where REQUIRETLS (RFC 8689) is offered on an encrypted line, and here it is not.
    NoRequireTls,
    /// The server announced a SIZE smaller than the message (RFC 1870).
    TooLarge,
    /// The last bytes went out and no final reply was recorded.
    InDoubt,
    /// The look-up ended it.
    Dns(DnsOutcome),
}

/// How a look-up can end a delivery, or put it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsOutcome {
    /// NXDOMAIN.
    NoSuchName,
    /// The name exists and has no MX, A or AAAA record.
    NoRecords,
    /// The null MX of RFC 7505.
    NullMx,
    /// SERVFAIL, time-out, or another answer that may differ later.
    TemporaryFailure,
    /// None of the hosts has an address.
    NoAddress,
    /// All addresses are loopback, private, link-local or our own.
    PointsInside,
}

/// The verdict on one attempt.
pub fn judge(pack: &RulePack, circumstance: &Circumstance<'_>) -> Verdict {
    let Circumstance { stage, provider, what } = *circumstance;
    match what {
        What::Reply(reply) => judge_reply(pack, stage, provider, reply),
        What::Dns(outcome) => dns_verdict(outcome),
        What::InDoubt => {
            let outcome = Outcome::InDoubt;
            fixed(outcome, Category::LostReply, Scope::Recipient, Stage::Final, "reply-lost")
        }
        What::TimedOut => failed(stage, "no-answer"),
        What::Disconnected => failed(stage, "line-lost"),
        What::Refused => failed(stage, "connection-refused"),
        What::Unreachable => failed(stage, "host-unreachable"),
        What::OtherFamily => failed(stage, "other-family"),
        What::EgressDown => fixed(Outcome::Deferred, Category::NetworkFailure, Scope::Source, stage, "egress-down"),
        What::Protocol(_) => fixed(Outcome::Deferred, Category::ProtocolError, Scope::Site, stage, "no-reply-line"),
        What::TlsFailed(_) => fixed(Outcome::Deferred, Category::TlsFailure, Scope::Site, stage, "tls-failed"),
        What::PolicyUnmet => fixed(Outcome::Deferred, Category::TlsFailure, Scope::Site, stage, "tls-policy"),
        What::RecordsDoubtful => fixed(Outcome::Deferred, Category::TlsFailure, Scope::Site, stage, "tls-records"),
        What::NoSmtpUtf8 => fixed(Outcome::Blocked, Category::ProtocolError, Scope::Recipient, stage, "no-smtputf8"),
        What::NoRequireTls => fixed(Outcome::Blocked, Category::TlsFailure, Scope::Recipient, stage, "no-requiretls"),
        What::TooLarge => fixed(Outcome::Blocked, Category::MessageTooLarge, Scope::Message, stage, "size-announced"),
    }
}

/// The verdict on a look-up.
pub fn dns_verdict(outcome: DnsOutcome) -> Verdict {
    let (outcome, category, rule) = match outcome {
        DnsOutcome::NoSuchName => (Outcome::Hard, Category::UnknownDomain, "dns-no-such-name"),
        DnsOutcome::NoRecords => (Outcome::Hard, Category::UnknownDomain, "dns-no-records"),
        DnsOutcome::NullMx => (Outcome::Hard, Category::DomainRefusesMail, "dns-null-mx"),
        DnsOutcome::TemporaryFailure => (Outcome::Deferred, Category::NetworkFailure, DNS_FAILURE),
        DnsOutcome::NoAddress => (Outcome::Deferred, Category::NetworkFailure, "dns-no-address"),
        DnsOutcome::PointsInside => (Outcome::Blocked, Category::Policy, "mx-points-inside"),
    };
    fixed(outcome, category, Scope::Domain, Stage::Dns, rule)
}

/// The rule of a look-up that brought nothing definite.
const DNS_FAILURE: &str = "dns-failure";

/// Is it the verdict on a look-up that brought nothing definite?
pub fn is_unanswered(verdict: &Verdict) -> bool {
    verdict.rule == DNS_FAILURE
}

fn fixed(outcome: Outcome, category: Category, scope: Scope, stage: Stage, rule: &'static str) -> Verdict {
    Verdict { outcome, category, scope, stage, rule: Cow::Borrowed(rule), retry_after: None }
}

/// A failure without a word: nobody's refusal, so tried again.
fn failed(stage: Stage, rule: &'static str) -> Verdict {
    let before_envelope = matches!(
        stage,
        Stage::Dns | Stage::Connect | Stage::Tls | Stage::Greeting | Stage::Ehlo | Stage::Auth | Stage::Any
    );
    let scope = if before_envelope { Scope::Site } else { Scope::Recipient };
    fixed(Outcome::Deferred, Category::NetworkFailure, scope, stage, rule)
}

fn judge_reply(pack: &RulePack, stage: Stage, provider: Option<&str>, reply: &Reply) -> Verdict {
    if reply.is_positive() {
        return Verdict { stage, ..Verdict::accepted() };
    }
    let text = text::normal(&reply.text);
    let input = Input { provider, stage, code: Some(reply.code), enhanced: reply.enhanced, text: &text };
    about_whom(by_authority(pack, &input), &input)
}

/// A reply is about somebody who was named. Until RCPT that is no recipient: to MAIL "user unknown" means our bounce
/// address, and before that nobody.
fn about_whom(judged: Verdict, input: &Input<'_>) -> Verdict {
    let means_recipient = matches!(
        judged.category,
        Category::UnknownRecipient
            | Category::RecipientMoved
            | Category::RecipientDisabled
            | Category::MailboxFull
            | Category::RecipientFilter
            | Category::UnknownDomain
    );
    let (category, rule) = match input.stage {
        _ if !means_recipient => return judged,
        Stage::Mail if judged.category == Category::MailboxFull => (Category::ReceiverError, "full-unasked"),
        Stage::Mail => (Category::SenderRejected, "sender-unknown"),
        stage if is_before_sender(stage) => (Category::Policy, "refused-unasked"),
        _ => return judged,
    };
    verdict(category, None, input, Cow::Borrowed(rule))
}

/// Does a refusal speak of the one server that gave it, so that another host of the domain may take the mail (RFC 5321 section
/// 5.1)? Trouble of its own, said before any recipient was named, and a greeting that takes no mail there at all (section
/// 3.1). What is said of us (reputation, rate, identity) or of strangers (greylisting) every host would say.
pub fn is_of_one_server(verdict: &Verdict, reply: &Reply) -> bool {
    let at_the_greeting = verdict.stage == Stage::Greeting && reply.is_permanent();
    let before_any_recipient = matches!(verdict.stage, Stage::Greeting | Stage::Ehlo | Stage::Mail);
    let is_trouble = verdict.category == Category::ReceiverError;
    (is_trouble && before_any_recipient) || (at_the_greeting && says_nothing_of_us(verdict.category))
}

fn says_nothing_of_us(category: Category) -> bool {
    matches!(
        category,
        Category::NetworkFailure
            | Category::ProtocolError
            | Category::Policy
            | Category::RelayDenied
            | Category::DomainRefusesMail
            | Category::Unknown
    )
}

fn is_before_sender(stage: Stage) -> bool {
    matches!(stage, Stage::Connect | Stage::Tls | Stage::Greeting | Stage::Ehlo | Stage::Auth)
}

/// What the rules come to. An operator's own ones are heard after the shipped ones where they would soften them.
pub(crate) fn by_authority(pack: &RulePack, input: &Input<'_>) -> Verdict {
    let verdict = with_best(pack.best(input), input);
    if !pack.is_own(&verdict) {
        return verdict;
    }
    let shipped = with_best(pack.best_shipped(input), input);

    if pack.may_replace(&verdict, &shipped) { verdict } else { shipped }
}

/// Telling words, then the enhanced code, then vague words ("rejected", "denied"), then the reply code.
fn with_best(rule: Option<&Rule>, input: &Input<'_>) -> Verdict {
    if let Some(rule) = rule.filter(|rule| !rule.is_vague()) {
        return by_rule(rule, input);
    }
    if let Some((code, entry)) = input.enhanced.and_then(|code| Some((code, enhanced::meaning(code)?))) {
        return verdict(entry.category, None, input, Cow::Owned(format!("enhanced-{code}")));
    }
    if let Some(rule) = rule {
        return by_rule(rule, input);
    }
    let (category, rule) = by_reply_code(input);
    verdict(category, None, input, Cow::Borrowed(rule))
}

fn by_rule(rule: &Rule, input: &Input<'_>) -> Verdict {
    let usual = verdict(rule.category, rule.outcome, input, Cow::Borrowed(rule.name));
    Verdict { scope: rule.scope.unwrap_or(usual.scope), ..usual }
}

fn verdict(category: Category, outcome: Option<Outcome>, input: &Input<'_>, rule: Cow<'static, str>) -> Verdict {
    let outcome = match outcome {
        // 4xx is always put off; a rule may only soften a 5xx, or know a text without codes.
        Some(outcome) if input.is_permanent() != Some(false) => outcome,
        _ => outcome_of(category, input),
    };
    let retry_after = if outcome == Outcome::Deferred { text::retry_after(input.text) } else { None };
    Verdict { outcome, category, scope: usual_scope(category, input.stage), stage: input.stage, rule, retry_after }
}

/// What the reply code alone says (RFC 5321 section 4.2.2, RFC 7504), which is little.
fn by_reply_code(input: &Input<'_>) -> (Category, &'static str) {
    match (input.code, input.is_permanent()) {
        (Some(421), _) => (Category::ReceiverError, "reply-421"),
        (Some(451), _) => (Category::ReceiverError, "reply-451"),
        (Some(452), _) => (Category::ReceiverError, "reply-452"),
        (Some(454), _) => (Category::TlsFailure, "reply-454"),
        (Some(500..=504 | 555), _) => (Category::ProtocolError, "reply-syntax"),
        (Some(530 | 534 | 535 | 538), _) => (Category::Policy, "reply-authentication"),
        (Some(551), _) if is_about_address(input) => (Category::RecipientMoved, "reply-551"),
        // To MAIL it answers the size we announce (RFC 1870 section 6.1).
        (Some(552), _) if input.stage == Stage::Mail => (Category::MessageTooLarge, "reply-552"),
        (Some(552), _) => (Category::MailboxFull, "reply-552"),
        (Some(556), _) => (Category::DomainRefusesMail, "reply-556"),
        (_, Some(false)) => (Category::Unknown, UNMATCHED_4XX),
        (_, Some(true)) => (Category::Unknown, UNMATCHED_5XX),
        (_, None) => (Category::Unknown, UNREADABLE),
    }
}

/// 551 means "moved" only where an address was under discussion, and no enhanced code says it was something else.
fn is_about_address(input: &Input<'_>) -> bool {
    let at_recipient = matches!(input.stage, Stage::Rcpt | Stage::Any);
    at_recipient && input.enhanced.is_none_or(|code| code.subject == 1)
}

const UNMATCHED_4XX: &str = "reply-4xx";
const UNMATCHED_5XX: &str = "reply-5xx";
const UNREADABLE: &str = "unreadable";

/// 4xx is always put off, whatever the cause. Otherwise the cause decides: a permanent refusal for a passing cause
/// (a full mailbox, a rate) is tried again, because the cause passes.
fn outcome_of(category: Category, input: &Input<'_>) -> Outcome {
    if input.is_permanent() == Some(false) {
        return Outcome::Deferred;
    }
    match category.class() {
        Class::Success | Class::AutoReply | Class::Complaint => Outcome::Accepted,
        Class::Hard => Outcome::Hard,
        Class::Soft | Class::Delayed => Outcome::Deferred,
        Class::Blocked | Class::Unknown => Outcome::Blocked,
    }
}

/// Whom a verdict of this category concerns, unless its rule says otherwise. Before RCPT nobody has been named, so
/// nobody can be meant.
fn usual_scope(category: Category, stage: Stage) -> Scope {
    let before_sender = is_before_sender(stage);
    let at_sender = stage == Stage::Mail;
    let about_message = matches!(stage, Stage::Data | Stage::Final);
    match category {
        Category::UnknownDomain | Category::DomainRefusesMail | Category::RelayDenied => Scope::Domain,
        Category::IpReputation | Category::MissingPtr | Category::RateLimited => Scope::Source,
        Category::DomainReputation | Category::AuthFailure | Category::SenderRejected => Scope::Identity,
        Category::SpamContent | Category::Virus | Category::MalformedMessage | Category::MessageTooLarge => {
            Scope::Message
        }
        Category::TlsFailure => Scope::Site,
        Category::NetworkFailure | Category::ReceiverError | Category::ProtocolError | Category::Greylisted
            if before_sender || at_sender =>
        {
            Scope::Site
        }
        Category::Policy | Category::Unknown if before_sender => Scope::Source,
        Category::Policy | Category::Unknown if at_sender => Scope::Identity,
        Category::Policy | Category::Unknown if about_message => Scope::Message,
        Category::NetworkFailure
        | Category::ReceiverError
        | Category::ProtocolError
        | Category::Greylisted
        | Category::Policy
        | Category::Unknown
        | Category::Delivered
        | Category::UnknownRecipient
        | Category::RecipientMoved
        | Category::RecipientDisabled
        | Category::MailboxFull
        | Category::RecipientFilter
        | Category::DeliveryExpired
        | Category::Complaint
        | Category::AutoReply
        | Category::Delayed
        | Category::LostReply => Scope::Recipient,
    }
}

/// The verdict on a text without its conversation: a log line, a bounce message's diagnostic, a pasted reply.
///
/// Codes are looked for inside ("Remote host said: 554 …", `smtp; 550 5.1.1 …`), the stage in remarks such as "in
/// reply to RCPT TO", the provider in its turns of phrase. Without any code the words alone decide, as of a final
/// refusal; words that no rule knows are [`Category::Unknown`].
pub fn judge_text(pack: &RulePack, raw: &str) -> Verdict {
    let found = text::read(raw);
    let provider = crate::providers::named_in(&found.text);
    judge_found(pack, provider, &found)
}

/// The same for a text that is known to come from this provider.
pub fn judge_text_of(pack: &RulePack, provider: &str, raw: &str) -> Verdict {
    judge_found(pack, Some(provider), &text::read(raw))
}

fn judge_found(pack: &RulePack, provider: Option<&str>, found: &Found) -> Verdict {
    let Found { code, enhanced, stage, ref text } = *found;
    let input = Input { provider, stage: stage.unwrap_or(Stage::Any), code, enhanced, text };
    if input.code.is_some_and(|code| (200..300).contains(&code)) {
        return Verdict::accepted();
    }
    let verdict = by_authority(pack, &input);
    let stage = stage.unwrap_or_else(|| usual_stage(verdict.category));
    Verdict { stage, ..verdict }
}

/// Where in a conversation a verdict of this category is usually met (taxonomy `postroom-1`).
fn usual_stage(category: Category) -> Stage {
    match category {
        Category::UnknownDomain | Category::DomainRefusesMail => Stage::Dns,
        Category::RateLimited | Category::NetworkFailure | Category::IpReputation | Category::MissingPtr => {
            Stage::Connect
        }
        Category::TlsFailure => Stage::Tls,
        Category::SenderRejected => Stage::Mail,
        Category::UnknownRecipient
        | Category::RecipientMoved
        | Category::RecipientDisabled
        | Category::MailboxFull
        | Category::Greylisted
        | Category::RecipientFilter
        | Category::RelayDenied => Stage::Rcpt,
        Category::DomainReputation
        | Category::AuthFailure
        | Category::SpamContent
        | Category::Virus
        | Category::MalformedMessage
        | Category::MessageTooLarge => Stage::Data,
        Category::Delivered | Category::LostReply => Stage::Final,
        Category::DeliveryExpired | Category::Delayed => Stage::Queue,
        Category::Complaint | Category::AutoReply => Stage::PostDelivery,
        Category::ReceiverError | Category::Policy | Category::ProtocolError | Category::Unknown => Stage::Any,
    }
}

/// The class of a verdict: may we mail this address again, and when?
pub fn class_of(verdict: &Verdict) -> Class {
    match (verdict.category, verdict.outcome) {
        (Category::AutoReply | Category::Complaint | Category::Delayed | Category::LostReply, _) => {
            verdict.category.class()
        }
        (_, Outcome::Accepted) => Class::Success,
        (_, Outcome::Deferred) => Class::Soft,
        (_, Outcome::Hard) => Class::Hard,
        (Category::Unknown, Outcome::Blocked) if verdict.rule == UNREADABLE => Class::Unknown,
        (_, Outcome::Blocked) => Class::Blocked,
        (_, Outcome::InDoubt) => Class::Unknown,
    }
}

/// What we do with the delivery after such a verdict, in a word.
pub fn disposition_of(verdict: &Verdict) -> Disposition {
    match verdict.outcome {
        Outcome::Accepted => Disposition::Done,
        Outcome::Deferred => Disposition::Retry,
        Outcome::Hard | Outcome::Blocked | Outcome::InDoubt => Disposition::Fail,
    }
}

/// Does such a verdict lead to a suppression, be it after a second look-up?
pub fn leads_to_suppression(verdict: &Verdict) -> bool {
    verdict.outcome == Outcome::Hard || verdict.category == Category::Complaint
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stage: Stage, code: u16, text: &str) -> Verdict {
        let reply = Reply::new(code, text);
        let provider = None;
        judge(RulePack::shipped(), &Circumstance { stage, provider, what: What::Reply(&reply) })
    }

    #[test]
    fn unknown_refusals_never_kill_an_address() {
        let verdict = at(Stage::Rcpt, 550, "Zzz");
        assert_eq!((verdict.outcome, verdict.category), (Outcome::Blocked, Category::Unknown));
        assert!(verdict.rule == UNMATCHED_5XX && !leads_to_suppression(&verdict));
        let verdict = at(Stage::Rcpt, 450, "Zzz");
        assert_eq!((verdict.outcome, verdict.category), (Outcome::Deferred, Category::Unknown));
        assert_eq!(verdict.rule, UNMATCHED_4XX);
    }

    #[test]
    fn a_transient_code_is_put_off_whatever_the_words() {
        for text in ["4.1.1 User unknown", "4.7.1 listed at a blacklist", "4.7.26 DMARC failed", "message too large"] {
            assert_eq!(at(Stage::Rcpt, 450, text).outcome, Outcome::Deferred, "{text}");
        }
    }

    #[test]
    fn a_passing_cause_said_with_a_permanent_code_is_tried_again() {
        for (text, category) in [
            ("5.2.2 mailbox full", Category::MailboxFull),
            ("Domain frequency limited", Category::RateLimited),
            ("Greylisted, come back in 5 minutes", Category::Greylisted),
        ] {
            let verdict = at(Stage::Rcpt, 550, text);
            assert_eq!((verdict.outcome, verdict.category), (Outcome::Deferred, category), "{text}");
        }
    }

    #[test]
    fn before_rcpt_nobody_is_meant() {
        assert_eq!(at(Stage::Greeting, 554, "no service for you").scope, Scope::Source);
        assert_eq!(at(Stage::Ehlo, 550, "5.7.1 denied").scope, Scope::Source);
        assert_eq!(at(Stage::Mail, 550, "5.7.1 denied").scope, Scope::Identity);
        assert_eq!(at(Stage::Rcpt, 550, "5.7.1 denied").scope, Scope::Recipient);
        assert_eq!(at(Stage::Final, 550, "5.7.1 denied").scope, Scope::Message);
        assert_eq!(at(Stage::Rcpt, 554, "5.7.1 blocked using zen.spamhaus.org").scope, Scope::Source);
    }

    #[test]
    fn trouble_of_one_server_is_told_from_what_every_host_would_say() {
        for (stage, code, text, expected) in [
            (Stage::Greeting, 554, "5.7.1 go away", true),
            (Stage::Greeting, 554, "no mail here", true),
            (Stage::Greeting, 521, "host does not accept mail", true),
            (Stage::Greeting, 421, "4.3.2 shutting down", true),
            (Stage::Ehlo, 451, "4.3.0 local trouble", true),
            (Stage::Mail, 451, "4.3.0 local trouble", true),
            (Stage::Mail, 452, "4.3.1 insufficient system storage", true),
            (Stage::Rcpt, 451, "4.3.0 local trouble", false),
            (Stage::Mail, 550, "5.7.1 denied", false),
            (Stage::Mail, 451, "4.7.1 Greylisted, try again in 300 seconds", false),
            (Stage::Greeting, 554, "5.7.1 blocked using zen.spamhaus.org", false),
            (Stage::Greeting, 421, "too many connections from your address", false),
        ] {
            let verdict = at(stage, code, text);
            assert_eq!(is_of_one_server(&verdict, &Reply::new(code, text)), expected, "{stage:?} {text}: {verdict:?}");
        }
    }

    #[test]
    fn nobody_is_suppressed_for_words_about_somebody_before_rcpt() {
        let words = [
            "5.1.1 user unknown",
            "5.1.1 <bounces@sender.example>: Recipient address rejected: User unknown",
            "5.1.6 mailbox has moved",
            "5.2.1 mailbox disabled",
            "5.2.2 mailbox full",
            "5.1.2 unknown domain",
            "No such user here",
        ];
        for text in words {
            for stage in [Stage::Greeting, Stage::Ehlo, Stage::Auth, Stage::Mail] {
                let verdict = at(stage, 550, text);
                assert!(!leads_to_suppression(&verdict), "{stage:?} {text}: {verdict:?}");
                assert!(!matches!(verdict.scope, Scope::Recipient), "{stage:?} {text}: {verdict:?}");
            }
        }
        let bounces = at(Stage::Mail, 550, "5.1.1 user unknown");
        assert_eq!((bounces.category, bounces.rule.as_ref()), (Category::SenderRejected, "sender-unknown"));
        assert_eq!(at(Stage::Mail, 552, "too much").category, Category::MessageTooLarge, "the size we announced");
        assert_eq!(at(Stage::Rcpt, 552, "too much").category, Category::MailboxFull);
    }

    #[test]
    fn the_server_is_heard_when_it_says_how_long() {
        let verdict = at(Stage::Rcpt, 451, "4.7.1 Greylisted, please try again in 300 seconds");
        assert_eq!(verdict.retry_after, Some(std::time::Duration::from_secs(300)));
    }

    #[test]
    fn failures_without_a_word_are_put_off_and_a_lost_reply_is_doubt() {
        let judged = |stage, what| {
            let verdict = judge(RulePack::shipped(), &Circumstance { stage, provider: None, what });
            (verdict.outcome, verdict.category, verdict.scope)
        };
        let network = Category::NetworkFailure;
        assert_eq!(judged(Stage::Connect, What::TimedOut), (Outcome::Deferred, network, Scope::Site));
        assert_eq!(judged(Stage::Rcpt, What::Disconnected), (Outcome::Deferred, network, Scope::Recipient));
        assert_eq!(judged(Stage::Tls, What::TlsFailed("x")).1, Category::TlsFailure);
        assert_eq!(judged(Stage::Mail, What::TooLarge).0, Outcome::Blocked);
        assert_eq!(judged(Stage::Final, What::InDoubt).0, Outcome::InDoubt);
    }

    #[test]
    fn an_acceptance_is_an_acceptance() {
        let verdict = at(Stage::Final, 250, "2.0.0 queued: user unknown, quota, spam");
        assert_eq!((verdict.outcome, class_of(&verdict)), (Outcome::Accepted, Class::Success));
        assert_eq!(disposition_of(&verdict), Disposition::Done);
    }

    #[test]
    fn texts_without_a_conversation_get_stage_and_class() {
        let judged = |raw: &str| {
            let verdict = judge_text(RulePack::shipped(), raw);
            (class_of(&verdict), verdict.stage)
        };
        assert_eq!(judged("smtp; 550 5.1.1 nobody here of that name"), (Class::Hard, Stage::Rcpt));
        assert_eq!(judged("I am on holiday until Monday"), (Class::AutoReply, Stage::PostDelivery));
        assert_eq!(judged("421 too many connections"), (Class::Soft, Stage::Connect));
        assert_eq!(judged("lorem ipsum"), (Class::Unknown, Stage::Any));
        assert_eq!(judged("250 2.0.0 fine"), (Class::Success, Stage::Final));
    }
}
