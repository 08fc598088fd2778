//! What stands between a campaign and people who never asked for it: checked before anything goes out to the world.
//!
//! Mail that cannot be verified, answered with "stop" or traced to somebody harms those who get it first and the
//! sender next. None of these checks can be switched off; they do not apply where mail cannot leave this machine.

use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::launch;
use engine::options::{SendOptions, Unsubscribe};
use mail::sign::SigningKey;
use model::{EmailAddress, MailDomain};
use net::World;
use std::fmt;
use std::path::Path;

/// The longest key file, in bytes.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Something that is missing, and what may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    what: String,
    choices: Vec<String>,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Everything that speaks against sending this to the world; nothing in loopback mode.
pub(crate) async fn objections(
    options: &SendOptions,
    ledger: &Ledger,
    world: &World,
) -> Result<Vec<Objection>, Failure> {
    let mut objections = Vec::new();
    if options.transport.is_loopback() {
        return Ok(objections);
    }
    objections.extend(about_key(options, ledger, world).await?);
    if options.unsubscribe == Unsubscribe::None {
        objections.push(Objection {
            what: "nobody could unsubscribe".to_owned(),
            choices: vec![
                "--public-url https://… where a Postroom server of yours answers".to_owned(),
                "--unsubscribe https://… (a page of yours) or --unsubscribe mailto:stop@…".to_owned(),
            ],
        });
    }
    if options.postal_address.is_none() {
        objections.push(Objection {
            what: "the sender's legal name and postal address are missing".to_owned(),
            choices: vec![
                "--postal-address \"Name, street, city\" for this campaign".to_owned(),
                "postroom settings postal_address \"Name, street, city\" for all of them".to_owned(),
            ],
        });
    }
    Ok(objections)
}

/// Refuses with every objection and its choices.
pub(crate) fn refuse(objections: &[Objection]) -> Result<(), Failure> {
    let Some(first) = objections.first() else { return Ok(()) };
    let rest = objections.iter().skip(1);
    let begin = Failure::refused(format!("nothing was sent: {}", first.what));
    let with = |failure: Failure, objection: &Objection| {
        objection.choices.iter().fold(failure, |failure, choice| failure.advise(format!("- {choice}")))
    };
    let failure = rest.fold(with(begin, first), |failure, objection| {
        with(failure.advise(format!("and: {}", objection.what)), objection)
    });
    Err(failure
        .advise("to rehearse without any of this: postroom simulate, then send --dns 127.0.0.1:5353 --port 2525"))
}

/// The signing key must be the one its DNS record shows (RFC 6376 section 3.6).
async fn about_key(options: &SendOptions, ledger: &Ledger, world: &World) -> Result<Option<Objection>, Failure> {
    let Some(dkim) = &options.dkim else {
        let domain = launch::parse_mailbox(&options.from)?.address.domain().as_str().to_owned();
        return Ok(Some(Objection {
            what: format!("there is no key to sign mail of {domain} with"),
            choices: vec![
                format!("make one and publish it: postroom domain keygen {domain}"),
                "or bring one: --dkim-key FILE --selector NAME".to_owned(),
            ],
        }));
    };
    let keys = ledger.store.load_keys(ledger.workspace, &dkim.domain).await?;
    let pem = keys.into_iter().find(|(selector, _)| *selector == dkim.selector).map(|(_, pem)| pem);
    let pem = String::from_utf8(pem.unwrap_or_default()).unwrap_or_default();
    let unusable = |error: &dyn fmt::Display| {
        Failure::bad_input(format!("the signing key {} of {}: {error}", dkim.selector, dkim.domain))
    };
    let key = SigningKey::from_pem(&pem).map_err(|error| unusable(&error))?;
    let domain = MailDomain::parse(&dkim.domain).map_err(|error| unusable(&error))?;
    let own = key.dns_record(&domain, &dkim.selector).map_err(|error| unusable(&error))?;
    let publish = |what: String| {
        Some(Objection { what, choices: vec![format!("publish this record, then try again: {}", own.zone_line())] })
    };
    Ok(match world.resolve.txt(&own.name).await.result {
        Ok(found) if found.iter().any(|text| public_key(text) == public_key(&own.value)) => None,
        Ok(_) => publish(format!("the DNS record {} shows another key than the one that would sign", own.name)),
        Err(failure) if failure.is_definite() => publish(format!("there is no DNS record {}", own.name)),
        Err(failure) => Some(Objection {
            what: format!("the DNS record {} could not be looked up ({failure})", own.name),
            choices: vec!["try again later, or name another name server: --dns IP:PORT".to_owned()],
        }),
    })
}

/// The value of `p=`, without white space.
fn public_key(record: &str) -> Option<String> {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    let value = tags.filter(|(name, _)| name.trim() == "p").map(|(_, value)| value).next()?;
    let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    (!value.is_empty()).then_some(value)
}

/// A key file as a person gave it.
pub(crate) fn key_of_file(path: &Path) -> Result<SigningKey, Failure> {
    let about = |error: &dyn fmt::Display| Failure::bad_input(format!("the key file {}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| about(&error))?.len();
    if size > KEY_BYTES_MAX {
        return Err(about(&"it is too large to be a key"));
    }
    let pem = std::fs::read_to_string(path).map_err(|error| about(&error))?;
    SigningKey::from_pem(&pem).map_err(|error| {
        about(&error)
            .advise("a private RSA (2,048 bits or more) or Ed25519 key in PEM is needed: postroom domain keygen")
    })
}

/// Where unsubscribe requests are to go. Refuses what no mail program would follow.
pub(crate) fn unsubscribe(public_url: Option<&str>, target: Option<&str>) -> Result<Unsubscribe, Failure> {
    let is_page = |url: &str| {
        let rest = url.strip_prefix("https://").unwrap_or_default();
        let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
        MailDomain::parse(host).is_ok() && !url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '>')
    };
    match (public_url, target) {
        (Some(url), _) if is_page(url) && !url.contains('?') => Ok(Unsubscribe::PublicUrl(url.to_owned())),
        (Some(url), _) => Err(Failure::bad_input(format!("--public-url {url:?} cannot be used"))
            .advise("it must begin with https:// and a host name, and have no query: mail programs insist on https")),
        (None, Some(target)) => {
            let mailbox = target.strip_prefix("mailto:").map(|rest| rest.split('?').next().unwrap_or_default());
            match mailbox {
                Some(address) if EmailAddress::parse(address).is_ok() => Ok(Unsubscribe::Target(target.to_owned())),
                None if is_page(target) => Ok(Unsubscribe::Target(target.to_owned())),
                _ => Err(Failure::bad_input(format!("--unsubscribe {target:?} cannot be used"))
                    .advise("give a page (https://example.org/stop) or an address (mailto:stop@example.org)")),
            }
        }
        (None, None) => Ok(Unsubscribe::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn unsubscribe_targets_are_pages_or_mailboxes() {
        assert!(unsubscribe(Some("https://mail.example.org"), None).is_ok());
        assert!(unsubscribe(None, Some("mailto:stop@example.org")).is_ok());
        assert!(unsubscribe(None, Some("https://example.org/stop?list=1")).is_ok());
        for bad in ["http://example.org", "example.org", "mailto:nobody", "https://", "https://exa mple.org/"] {
            assert_eq!(unsubscribe(None, Some(bad)).unwrap_err().exit, Exit::BadInput, "{bad}");
        }
        assert_eq!(unsubscribe(None, None).unwrap(), Unsubscribe::None);
    }

    #[test]
    fn records_are_compared_by_their_key_alone() {
        assert_eq!(public_key("v=DKIM1; k=rsa; p=MIIB Ij"), public_key("k=rsa;v=DKIM1;p=MIIBIj"));
        assert_ne!(public_key("v=DKIM1; p=AAAA"), public_key("v=DKIM1; p=AAAB"));
        assert_eq!(public_key("v=DKIM1; p="), None);
    }

    #[test]
    fn every_objection_is_told_at_once() {
        let objection = |what: &str| Objection { what: what.to_owned(), choices: vec![format!("mend {what}")] };
        let failure = refuse(&[objection("one"), objection("two")]).unwrap_err();
        let told = failure.to_string();
        assert!(failure.exit == Exit::Refused && told.contains("mend one") && told.contains("mend two"), "{told}");
        assert!(refuse(&[]).is_ok());
    }
}
