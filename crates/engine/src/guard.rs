//! What stands between a campaign and people who never asked for it: checked before anything goes out to the world.
//!
//! Mail that cannot be verified, answered with "stop" or traced to somebody harms those who get it first and the
//! sender next. None of these checks can be switched off; they do not apply where mail cannot leave this machine.

use crate::options::{SendOptions, Unsubscribe};
use crate::{SendError, launch};
use mail::sign::SigningKey;
use model::{MailDomain, Timestamp, WorkspaceId, in_quotes, thousands};
use net::World;
use std::fmt;
use store::{Gone, Store};

/// Something that is missing before a campaign may go out to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// There is no key to sign with.
    NoKey {
        /// The signing domain.
        domain: String,
    },
    /// DNS does not show the key that would sign.
    KeyNotPublished {
        /// What is wrong.
        what: String,
        /// The record that mends it, as a line of a zone file.
        zone_line: String,
    },
    /// The record could not be looked up.
    KeyUnseen {
        /// The record's name.
        record: String,
        /// What DNS said.
        why: String,
    },
    /// Nobody could unsubscribe.
    NoUnsubscribe,
    /// The sender's legal name and postal address are missing.
    NoPostalAddress,
    /// Nobody wrote it: it still has the text that a message begins with ([`crate::drafts::UNWRITTEN`]).
    Unwritten {
        /// The letter of the variant that has it; `None`: the message itself.
        variant: Option<char>,
    },
    /// Nobody would get it.
    Nobody {
        /// How many people of the audience would be skipped.
        skipped: u64,
    },
    /// It expires before it begins: nobody would get it.
    Expired {
        /// When it expires.
        at: Timestamp,
    },
    /// A rule of the audience names what is not there: whoever was to be left out by it would get it.
    RuleNamesGone(Gone),
    /// The same went to the same people lately.
    SentAlready {
        /// The name of the campaign that was.
        campaign: String,
        /// Its number.
        number: u32,
        /// From then on it may go to them again.
        over_at: Timestamp,
    },
}

impl Objection {
    /// May it be otherwise at another time? Then a draft may be scheduled all the same, and is asked again when it begins.
    pub const fn is_of_the_moment(&self) -> bool {
        matches!(self, Objection::Nobody { .. } | Objection::SentAlready { .. })
    }

    /// The word programs decide by.
    pub const fn code(&self) -> &'static str {
        match self {
            Objection::NoKey { .. } => "no_signing_key",
            Objection::KeyNotPublished { .. } => "key_not_published",
            Objection::KeyUnseen { .. } => "key_not_seen",
            Objection::NoUnsubscribe => "no_unsubscribe",
            Objection::NoPostalAddress => "no_postal_address",
            Objection::Unwritten { .. } => "unwritten",
            Objection::Nobody { .. } => "nobody_to_send_to",
            Objection::Expired { .. } => "expired",
            Objection::RuleNamesGone(_) => "rule_names_gone",
            Objection::SentAlready { .. } => "sent_already",
        }
    }

    /// The field of the campaign that mends it, as the API writes it; `None`: it is mended elsewhere.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Objection::NoKey { .. } | Objection::KeyNotPublished { .. } | Objection::KeyUnseen { .. } => Some("from"),
            Objection::NoUnsubscribe | Objection::Unwritten { variant: None } | Objection::SentAlready { .. } => {
                Some("message.source")
            }
            Objection::Unwritten { variant: Some(_) } => Some("compare.variants"),
            Objection::Nobody { .. } | Objection::RuleNamesGone(_) => Some("audience"),
            Objection::Expired { .. } => Some("expires_at"),
            Objection::NoPostalAddress => None,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::NoKey { domain } => write!(f, "there is no key to sign mail of {domain} with"),
            Objection::KeyNotPublished { what, .. } => f.write_str(what),
            Objection::KeyUnseen { record, why } => {
                write!(f, "the DNS record {record} could not be looked up ({why})")
            }
            Objection::NoUnsubscribe => f.write_str("nobody could unsubscribe"),
            Objection::NoPostalAddress => f.write_str("the sender's legal name and postal address are missing"),
            Objection::Unwritten { variant: None } => {
                f.write_str("the message still has the text that it began with: write it first")
            }
            Objection::Unwritten { variant: Some(letter) } => {
                write!(f, "variant {letter} still has the text that it began with: write it first")
            }
            Objection::Nobody { skipped } => {
                write!(f, "nobody would get it: all {} people of the audience would be skipped", thousands(*skipped))
            }
            Objection::Expired { .. } => {
                f.write_str("it expires before it begins, so nobody would get it; choose a later expiry, or none")
            }
            Objection::RuleNamesGone(gone) => write!(
                f,
                "{gone}; it would hold for nobody, and its contrary for everybody: change the rule, or whom the campaign goes to"
            ),
            Objection::SentAlready { campaign, number, .. } => write!(
                f,
                "the same message went to the same people within seven days, as campaign {} (number {number}); \
                 change its text or whom it goes to",
                in_quotes(campaign)
            ),
        }
    }
}

/// Everything that speaks against sending this to the world; nothing in a rehearsal. Fails when a key of the ledger
/// cannot be used at all.
pub async fn objections(
    store: &Store,
    workspace: WorkspaceId,
    options: &SendOptions,
    world: &World,
) -> Result<Vec<Objection>, SendError> {
    let mut objections = about_sender(store, workspace, options, world).await?;
    if options.transport.is_rehearsal() {
        return Ok(objections);
    }
    if options.unsubscribe == Unsubscribe::None {
        objections.push(Objection::NoUnsubscribe);
    }
    if options.postal_address.is_none() {
        objections.push(Objection::NoPostalAddress);
    }
    Ok(objections)
}

/// What speaks against the sending domain alone: what holds for mail that a program asked for as well.
pub async fn about_sender(
    store: &Store,
    workspace: WorkspaceId,
    options: &SendOptions,
    world: &World,
) -> Result<Vec<Objection>, SendError> {
    if options.transport.is_rehearsal() {
        return Ok(Vec::new());
    }
    Ok(about_key(store, workspace, options, world).await?.into_iter().collect())
}

/// The signing key must be the one its DNS record shows (RFC 6376 section 3.6).
async fn about_key(
    store: &Store,
    workspace: WorkspaceId,
    options: &SendOptions,
    world: &World,
) -> Result<Option<Objection>, SendError> {
    let Some(dkim) = &options.dkim else {
        let domain = launch::parse_mailbox(&options.from)?.address.domain().as_str().to_owned();
        return Ok(Some(Objection::NoKey { domain }));
    };
    let keys = store.load_keys(workspace, &dkim.domain).await?;
    let pem = keys.into_iter().find(|(selector, _)| *selector == dkim.selector).map(|(_, pem)| pem);
    let pem = String::from_utf8(pem.unwrap_or_default()).unwrap_or_default();
    let unusable = |error: &dyn fmt::Display| {
        SendError::Input(format!("the signing key {} of {}: {error}", dkim.selector, dkim.domain))
    };
    let key = SigningKey::from_pem(&pem).map_err(|error| unusable(&error))?;
    let domain = MailDomain::parse(&dkim.domain).map_err(|error| unusable(&error))?;
    published(&key, &domain, &dkim.selector, world).await.map_err(|error| unusable(&error))
}

/// Does DNS show this key where verifiers look for it? What is wrong, if not. `Err`: the key has no record to compare with.
pub async fn published(
    key: &SigningKey,
    domain: &MailDomain,
    selector: &str,
    world: &World,
) -> Result<Option<Objection>, mail::sign::KeyError> {
    let own = key.dns_record(domain, selector)?;
    let wrong = |what: String| Some(Objection::KeyNotPublished { what, zone_line: own.zone_line() });
    Ok(match world.resolve.txt(&own.name).await.result {
        Ok(found) if found.iter().any(|text| public_key(text) == public_key(&own.value)) => None,
        Ok(_) => wrong(format!("the DNS record {} shows another key than the one that would sign", own.name)),
        Err(failure) if failure.is_definite() => wrong(format!("there is no DNS record {}", own.name)),
        Err(failure) => Some(Objection::KeyUnseen { record: own.name.clone(), why: failure.to_string() }),
    })
}

/// The value of `p=`, without white space.
fn public_key(record: &str) -> Option<String> {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    let value = tags.filter(|(name, _)| name.trim() == "p").map(|(_, value)| value).next()?;
    let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_compared_by_their_key_alone() {
        assert_eq!(public_key("v=DKIM1; k=rsa; p=MIIB Ij"), public_key("k=rsa;v=DKIM1;p=MIIBIj"));
        assert_ne!(public_key("v=DKIM1; p=AAAA"), public_key("v=DKIM1; p=AAAB"));
        assert_eq!(public_key("v=DKIM1; p="), None);
    }
}
