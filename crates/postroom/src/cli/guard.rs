//! What stands between a campaign and people who never asked for it: checked before anything goes out to the world.
//!
//! Mail that cannot be verified, answered with "stop" or traced to somebody harms those who get it first and the
//! sender next. None of these checks can be switched off; they do not apply where mail cannot leave this machine.

use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::guard::Objection;
use engine::options::{SendOptions, Unsubscribe};
use mail::sign::SigningKey;
use model::{EmailAddress, MailDomain};
use net::World;
use std::path::Path;

/// The longest key file, in bytes.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Everything that speaks against sending this to the world; nothing in loopback mode.
pub(crate) async fn objections(
    options: &SendOptions,
    ledger: &Ledger,
    world: &World,
) -> Result<Vec<Objection>, Failure> {
    Ok(engine::guard::objections(&ledger.store, ledger.workspace, options, world).await?)
}

/// What may be done about an objection, at the command line.
fn choices(objection: &Objection) -> Vec<String> {
    match objection {
        Objection::NoKey { domain } => vec![
            format!("make one and publish it: postroom domain keygen {domain}"),
            "or bring one: --dkim-key FILE --selector NAME".to_owned(),
        ],
        Objection::KeyNotPublished { zone_line, .. } => {
            vec![format!("publish this record, then try again: {zone_line}")]
        }
        Objection::KeyUnseen { .. } => {
            vec!["try again later, or name another name server: --dns IP:PORT".to_owned()]
        }
        Objection::NoUnsubscribe => vec![
            "--public-url https://… where a Postroom server of yours answers".to_owned(),
            "--unsubscribe https://… (a page of yours) or --unsubscribe mailto:stop@…".to_owned(),
        ],
        Objection::NoPostalAddress => vec![
            "--postal-address \"Name, street, city\" for this campaign".to_owned(),
            "postroom settings postal_address \"Name, street, city\" for all of them".to_owned(),
        ],
        // Of a draft: whoever sends from here is told by the audience and the guard against sending twice.
        Objection::Unwritten { .. }
        | Objection::Nobody { .. }
        | Objection::Expired { .. }
        | Objection::RuleNamesGone(_)
        | Objection::SentAlready { .. } => Vec::new(),
    }
}

/// Refuses with every objection and its choices.
pub(crate) fn refuse(objections: &[Objection]) -> Result<(), Failure> {
    let Some(first) = objections.first() else { return Ok(()) };
    let rest = objections.iter().skip(1);
    let begin = Failure::refused(format!("nothing was sent: {first}"));
    let with = |failure: Failure, objection: &Objection| {
        choices(objection).iter().fold(failure, |failure, choice| failure.advise(format!("- {choice}")))
    };
    let failure = rest
        .fold(with(begin, first), |failure, objection| with(failure.advise(format!("and: {objection}")), objection));
    Err(failure
        .advise("to rehearse without any of this: postroom simulate, then send --dns 127.0.0.1:5353 --port 2525"))
}

/// A key file as a person gave it.
pub(crate) fn key_of_file(path: &Path) -> Result<SigningKey, Failure> {
    let about = |error: &dyn std::fmt::Display| Failure::bad_input(format!("the key file {}: {error}", path.display()));
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
    fn every_objection_is_told_at_once() {
        let unpublished = Objection::KeyNotPublished { what: "no record".to_owned(), zone_line: "s1 TXT".to_owned() };
        let failure = refuse(&[unpublished, Objection::NoPostalAddress]).unwrap_err();
        let told = failure.to_string();
        let choices = ["s1 TXT", "--postal-address", "postroom settings"];
        assert!(failure.exit == Exit::Refused && choices.iter().all(|choice| told.contains(choice)), "{told}");
        assert!(refuse(&[]).is_ok());
    }
}
