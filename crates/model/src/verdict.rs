//! A verdict: what a reply (or a failure without one) means, whose problem it is, and how far it reaches.
//!
//! The categories are those of the taxonomy `postroom-1`: finer than reply codes, coarser than any provider's own
//! list. A verdict is made in `dispatch::judge` and never changed afterwards; what is done about it is decided apart
//! (`dispatch::react`).

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Declares a closed set of words: the enum, its stable number in the ledger, its word outside, and the way back.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant = $code,)+
        }

        impl $name {
            /// Every value, in the order of the ledger's numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable number the ledger stores.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The value with that stable number.
            pub const fn from_code(code: u8) -> Option<$name> {
                match code {
                    $($code => Some($name::$variant),)+
                    _ => None,
                }
            }

            /// The word used outside: JSON, rules, logs, pages.
            pub const fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            /// The value with that word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word {
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The cause of a verdict (taxonomy `postroom-1`).
    Category {
        /// The server took the message.
        Delivered = 0 "delivered",
        /// No such mailbox.
        UnknownRecipient = 1 "unknown_recipient",
        /// No such domain.
        UnknownDomain = 2 "unknown_domain",
        /// The domain says it takes no mail (RFC 7505).
        DomainRefusesMail = 3 "domain_refuses_mail",
        /// The person has another address now.
        RecipientMoved = 4 "recipient_moved",
        /// The mailbox exists and is switched off.
        RecipientDisabled = 5 "recipient_disabled",
        /// The mailbox has no room.
        MailboxFull = 6 "mailbox_full",
        /// First contact is put off on purpose.
        Greylisted = 7 "greylisted",
        /// Too much, too fast, too many at once.
        RateLimited = 8 "rate_limited",
        /// The receiving system has trouble of its own.
        ReceiverError = 9 "receiver_error",
        /// Nobody answered, the line broke, or a name could not be looked up for now.
        NetworkFailure = 10 "network_failure",
        /// A relay gave up after its own retries.
        DeliveryExpired = 11 "delivery_expired",
        /// The encrypted channel could not be set up.
        TlsFailure = 12 "tls_failure",
        /// Our address is listed or distrusted.
        IpReputation = 13 "ip_reputation",
        /// Our domain is listed or distrusted.
        DomainReputation = 14 "domain_reputation",
        /// Our address has no (matching) reverse name.
        MissingPtr = 15 "missing_ptr",
        /// SPF, DKIM or DMARC did not pass.
        AuthFailure = 16 "auth_failure",
        /// The content was taken for spam.
        SpamContent = 17 "spam_content",
        /// The content was taken for malware.
        Virus = 18 "virus",
        /// The message breaks a format rule.
        MalformedMessage = 19 "malformed_message",
        /// The message is larger than they take.
        MessageTooLarge = 20 "message_too_large",
        /// A local rule of theirs, not said which.
        Policy = 21 "policy",
        /// They refuse our envelope sender.
        SenderRejected = 22 "sender_rejected",
        /// This recipient's own filter.
        RecipientFilter = 23 "recipient_filter",
        /// Their server does not serve that domain.
        RelayDenied = 24 "relay_denied",
        /// The conversation broke a protocol rule.
        ProtocolError = 25 "protocol_error",
        /// The person called it spam.
        Complaint = 26 "complaint",
        /// An automatic answer.
        AutoReply = 27 "auto_reply",
        /// A relay says: still trying.
        Delayed = 28 "delayed",
        /// Nothing known matches.
        Unknown = 29 "unknown",
        /// The final reply was lost: it may or may not have arrived.
        LostReply = 30 "lost_reply",
    }
}

words! {
    /// May we mail this address again, and when?
    Class {
        /// Accepted.
        Success = 0 "success",
        /// The mailbox or domain does not exist: never again.
        Hard = 1 "hard",
        /// Not now: try again.
        Soft = 2 "soft",
        /// Refused for a reason that is not the address: do not retry as is, never suppress.
        Blocked = 3 "blocked",
        /// The person complained.
        Complaint = 4 "complaint",
        /// An automatic answer; means nothing for the address.
        AutoReply = 5 "auto_reply",
        /// Still under way elsewhere.
        Delayed = 6 "delayed",
        /// Not understood; never suppresses.
        Unknown = 7 "unknown",
    }
}

words! {
    /// How far along the conversation was.
    Stage {
        /// Looking up the domain.
        Dns = 0 "dns",
        /// Opening the connection.
        Connect = 1 "connect",
        /// Setting up encryption.
        Tls = 2 "tls",
        /// The server's first words.
        Greeting = 3 "greeting",
        /// EHLO or HELO.
        Ehlo = 4 "ehlo",
        /// AUTH, toward a relay.
        Auth = 5 "auth",
        /// MAIL FROM.
        Mail = 6 "mail",
        /// RCPT TO.
        Rcpt = 7 "rcpt",
        /// DATA, up to the final dot.
        Data = 8 "data",
        /// The reply to the final dot.
        Final = 9 "final",
        /// In a queue, ours or a relay's.
        Queue = 10 "queue",
        /// After acceptance: bounce messages, complaints.
        PostDelivery = 11 "post_delivery",
        /// Not known, or any.
        Any = 12 "any",
    }
}

words! {
    /// Whom a verdict concerns: decides who is settled and who goes back to the queue.
    Scope {
        /// This recipient alone.
        Recipient = 0 "recipient",
        /// Everybody at this domain.
        Domain = 1 "domain",
        /// The receiving servers as a whole.
        Site = 2 "site",
        /// Our egress address toward this site.
        Source = 3 "source",
        /// Our sending domain: its keys, records, reputation.
        Identity = 4 "identity",
        /// This message, whoever gets it.
        Message = 5 "message",
    }
}

words! {
    /// What one attempt came to.
    Outcome {
        /// Accepted by the server. Not the same as "in the inbox".
        Accepted = 0 "accepted",
        /// Put off: try again.
        Deferred = 1 "deferred",
        /// Refused for good, and the address is dead.
        Hard = 2 "hard",
        /// Refused for good, and the address is not to blame.
        Blocked = 3 "blocked",
        /// The final reply was lost.
        InDoubt = 4 "in_doubt",
    }
}

words! {
    /// What a sender should do after a reply, in a word.
    Disposition {
        /// Done.
        Done = 0 "done",
        /// Try again later.
        Retry = 1 "retry",
        /// Do not try again as is.
        Fail = 2 "fail",
    }
}

words! {
    /// Whose problem it is.
    Blame {
        /// The address is wrong or gone.
        Address = 0 "address",
        /// The person's mailbox or own filter.
        Recipient = 1 "recipient",
        /// Our authentication, names or set-up.
        Identity = 2 "identity",
        /// Our reputation.
        Reputation = 3 "reputation",
        /// What we wrote.
        Content = 4 "content",
        /// Their servers.
        Receiver = 5 "receiver",
        /// Our own machine or network.
        OwnFault = 6 "own_fault",
        /// Nobody can know.
        Nobody = 7 "nobody",
    }
}

impl Category {
    /// The class that a failure of this category has when it is final (taxonomy `postroom-1`).
    pub const fn class(self) -> Class {
        match self {
            Category::Delivered => Class::Success,
            Category::UnknownRecipient
            | Category::UnknownDomain
            | Category::DomainRefusesMail
            | Category::RecipientMoved
            | Category::RecipientDisabled => Class::Hard,
            Category::MailboxFull
            | Category::Greylisted
            | Category::RateLimited
            | Category::ReceiverError
            | Category::NetworkFailure
            | Category::DeliveryExpired
            | Category::TlsFailure => Class::Soft,
            Category::IpReputation
            | Category::DomainReputation
            | Category::MissingPtr
            | Category::AuthFailure
            | Category::SpamContent
            | Category::Virus
            | Category::MalformedMessage
            | Category::MessageTooLarge
            | Category::Policy
            | Category::SenderRejected
            | Category::RecipientFilter
            | Category::RelayDenied
            | Category::ProtocolError => Class::Blocked,
            Category::Complaint => Class::Complaint,
            Category::AutoReply => Class::AutoReply,
            Category::Delayed => Class::Delayed,
            Category::Unknown | Category::LostReply => Class::Unknown,
        }
    }

    /// Whose problem a verdict of this category is.
    pub const fn blame(self) -> Blame {
        match self {
            Category::UnknownRecipient
            | Category::UnknownDomain
            | Category::DomainRefusesMail
            | Category::RecipientMoved
            | Category::RecipientDisabled => Blame::Address,
            Category::MailboxFull | Category::RecipientFilter | Category::Complaint | Category::AutoReply => {
                Blame::Recipient
            }
            Category::Greylisted
            | Category::ReceiverError
            | Category::NetworkFailure
            | Category::TlsFailure
            | Category::DeliveryExpired
            | Category::Delayed
            | Category::RelayDenied => Blame::Receiver,
            Category::RateLimited | Category::IpReputation | Category::DomainReputation => Blame::Reputation,
            Category::MissingPtr | Category::AuthFailure | Category::SenderRejected | Category::Policy => {
                Blame::Identity
            }
            Category::SpamContent | Category::Virus | Category::MessageTooLarge => Blame::Content,
            Category::MalformedMessage | Category::ProtocolError => Blame::OwnFault,
            Category::Delivered | Category::Unknown | Category::LostReply => Blame::Nobody,
        }
    }

    /// Does the cause lie with the recipient, so that it may count towards the soft-bounce limit?
    pub const fn concerns_recipient(self) -> bool {
        matches!(self, Category::MailboxFull | Category::RecipientDisabled | Category::UnknownRecipient)
    }
}

/// The judgement on one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What the attempt came to.
    pub outcome: Outcome,
    /// Why.
    pub category: Category,
    /// Whom it concerns.
    pub scope: Scope,
    /// Where in the conversation.
    pub stage: Stage,
    /// The rule that said so: a name from the rule pack, `enhanced-5.1.1`, `reply-4xx`, `dns-null-mx`, …
    pub rule: Cow<'static, str>,
    /// How long the server asked us to wait, if it did.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// Accepted by the server.
    pub const fn accepted() -> Verdict {
        Verdict {
            outcome: Outcome::Accepted,
            category: Category::Delivered,
            scope: Scope::Recipient,
            stage: Stage::Final,
            rule: Cow::Borrowed("reply-2xx"),
            retry_after: None,
        }
    }

    /// Must the address be suppressed on the strength of this verdict alone? A missing *domain* is verdict now and
    /// suppression later (a second look-up must agree), so it is not counted here.
    pub fn suppresses(&self) -> bool {
        self.outcome == Outcome::Hard && self.category != Category::UnknownDomain
    }

    /// Does a refusal tell what they think of the sender: of our volume, name, authentication or content? Greylisting, a
    /// full mailbox, one recipient's filter and their own trouble do not; day budgets shrink by what does.
    pub fn concerns_sender(&self) -> bool {
        self.scope != Scope::Recipient
            && matches!(self.category.blame(), Blame::Reputation | Blame::Identity | Blame::Content)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {} (rule {})", self.outcome, self.category, self.stage, self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_lead_back() {
        for category in Category::ALL {
            assert_eq!(Category::from_code(category.code()), Some(*category));
            assert_eq!(Category::from_word(category.word()), Some(*category));
        }
    }

    #[test]
    fn only_dead_addresses_suppress_and_a_missing_domain_waits() {
        let verdict = |outcome, category| Verdict { outcome, category, ..Verdict::accepted() };
        assert!(verdict(Outcome::Hard, Category::UnknownRecipient).suppresses());
        assert!(!verdict(Outcome::Hard, Category::UnknownDomain).suppresses());
        assert!(!verdict(Outcome::Blocked, Category::Policy).suppresses());
        assert!(!verdict(Outcome::Deferred, Category::MailboxFull).suppresses());
    }
}
