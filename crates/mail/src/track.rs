//! Counted mail: the addresses under a tracking host, made for a delivery and read when somebody comes to them.
//!
//! Three kinds: `/o/TOKEN.gif` (the open pixel), `/c/TOKEN/N` (link `N` of the message, from 1; 0 is a link that only
//! machines find), and `/c/TOKEN/N?to=…&by=…` for a link whose target differs from person to person. Separate because
//! both sides of it must agree. Invariant: nothing here leads to a target that we did not write into a message: numbers
//! are looked up in the campaign's own list, and a target in the address itself is sealed.

use crate::token::{KeyRing, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{CampaignId, DeliveryId};
use std::borrow::Cow;

/// The number of the link that nobody sees.
pub const TRAP: u16 = 0;
/// The most octets of a target that is sealed into an address; a longer one is left uncounted.
pub const TARGET_OCTETS_MAX: usize = 2_000;

/// Whom what is counted is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Each recipient.
    Each,
    /// The campaign alone: everybody's addresses are the same, so that nobody can be told from them.
    Together(CampaignId),
}

/// What counts a campaign's opens and clicks.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// `https://links.example.org`, no final slash.
    pub base: String,
    /// For whom.
    pub whom: Whom,
}

/// Whom a token of an open or a click names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// One delivery.
    Delivery(DeliveryId),
    /// A campaign whose people are not told apart.
    Campaign(CampaignId),
}

/// One message's addresses.
#[derive(Debug)]
pub(crate) struct Counted<'t> {
    ring: &'t KeyRing,
    tag: i64,
    /// Before a link's number.
    pub(crate) clicks: String,
    /// The pixel.
    pub(crate) open: String,
}

impl Tracker {
    pub(crate) fn of<'t>(&self, ring: &'t KeyRing, delivery: DeliveryId) -> Counted<'t> {
        let (click, open, tag) = match self.whom {
            Whom::Each => (Purpose::Click, Purpose::Open, delivery.0),
            Whom::Together(campaign) => (Purpose::ClickTogether, Purpose::OpenTogether, campaign.0),
        };
        let seal = |purpose| ring.seal(purpose, DeliveryId(tag));
        Counted {
            ring,
            tag,
            clicks: format!("{}/c/{}/", self.base, seal(click)),
            open: format!("{}/o/{}.gif", self.base, seal(open)),
        }
    }
}

impl Counted<'_> {
    /// The address of link `number` when this person's target is `target`. What leads nowhere on the web is left alone.
    pub(crate) fn to(&self, number: u16, target: &str) -> String {
        if !is_web(target) || target.len() > TARGET_OCTETS_MAX {
            return target.to_owned();
        }
        let seal = self.ring.seal_target(self.tag, number, target);
        format!("{}{number}?to={}&by={seal}", self.clicks, URL_SAFE_NO_PAD.encode(target))
    }
}

/// Whom the token of an open names; `None`: it is none of ours, or made for something else.
pub fn open_token(ring: &KeyRing, token: &str) -> Option<Named> {
    named(ring, token, Purpose::Open, Purpose::OpenTogether)
}

/// Whom the token of a click names.
pub fn click_token(ring: &KeyRing, token: &str) -> Option<Named> {
    named(ring, token, Purpose::Click, Purpose::ClickTogether)
}

fn named(ring: &KeyRing, token: &str, each: Purpose, together: Purpose) -> Option<Named> {
    match ring.open(token).ok()? {
        (purpose, id) if purpose == each => Some(Named::Delivery(id)),
        (purpose, id) if purpose == together => Some(Named::Campaign(CampaignId(id.0))),
        _ => None,
    }
}

/// The target that a click's address carries, if we sealed it for this very link of this very message.
pub fn sealed_target(ring: &KeyRing, named: Named, number: u16, to: &str, by: &str) -> Option<String> {
    let tag = match named {
        Named::Delivery(id) => id.0,
        Named::Campaign(id) => id.0,
    };
    let target = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
    (ring.is_sealed_target(tag, number, &target, by) && is_web(&target)).then_some(target)
}

/// Does it lead to a page?
pub fn is_web(target: &str) -> bool {
    let starts = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://")
}

/// The target with these parameters at the end of its query. What the author wrote is never replaced.
pub(crate) fn with_parameters<'t>(target: &'t str, parameters: &[(String, String)]) -> Cow<'t, str> {
    let (page, fragment) = target.split_once('#').map_or((target, None), |(page, rest)| (page, Some(rest)));
    let (_, query) = page.split_once('?').unwrap_or((page, ""));
    let has = |name: &str| query.split('&').any(|one| one.split('=').next() == Some(name));
    let missing: Vec<String> = parameters
        .iter()
        .filter(|(name, value)| !value.is_empty() && !has(name))
        .map(|(name, value)| format!("{name}={}", percent(value)))
        .collect();
    if missing.is_empty() {
        return Cow::Borrowed(target);
    }
    let joint = match () {
        () if !page.contains('?') => "?",
        () if page.ends_with(['?', '&']) => "",
        () => "&",
    };
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    Cow::Owned(format!("{page}{joint}{}{fragment}", missing.join("&")))
}

/// A text as part of an address (RFC 3986 section 2.1): everything percent-encoded but what is unreserved.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERY: DeliveryId = DeliveryId(77);

    fn ring() -> KeyRing {
        KeyRing::new([5; 32])
    }

    fn counted(ring: &KeyRing) -> Counted<'_> {
        Tracker { base: "https://t.example".to_owned(), whom: Whom::Each }.of(ring, DELIVERY)
    }

    #[test]
    fn a_target_is_believed_only_with_its_own_link_and_message() {
        let ring = ring();
        let address = counted(&ring).to(3, "https://shop.example/kim?a=1");
        let (_, query) = address.split_once("/3?to=").unwrap();
        let (to, by) = query.split_once("&by=").unwrap();
        let named = Named::Delivery(DELIVERY);
        assert_eq!(sealed_target(&ring, named, 3, to, by).as_deref(), Some("https://shop.example/kim?a=1"));
        assert_eq!(sealed_target(&ring, named, 4, to, by), None);
        assert_eq!(sealed_target(&ring, Named::Delivery(DeliveryId(78)), 3, to, by), None);
        let other = URL_SAFE_NO_PAD.encode("https://evil.example/");
        assert_eq!(sealed_target(&ring, named, 3, &other, by), None);
        assert_eq!(sealed_target(&KeyRing::new([6; 32]), named, 3, to, by), None);
    }

    #[test]
    fn what_leads_to_no_page_is_left_alone() {
        let ring = ring();
        for target in ["mailto:kim@example.net", "tel:+49", "javascript:alert(1)", "", "//example.net"] {
            assert_eq!(counted(&ring).to(1, target), target);
        }
    }

    #[test]
    fn tokens_of_one_kind_are_worth_nothing_as_another() {
        let ring = ring();
        let counted = counted(&ring);
        let click = counted.clicks.trim_end_matches('/').rsplit('/').next().unwrap();
        assert_eq!(click_token(&ring, click), Some(Named::Delivery(DELIVERY)));
        assert_eq!(open_token(&ring, click), None);
        let together = Tracker { base: String::new(), whom: Whom::Together(CampaignId(5)) };
        let (one, another) = (together.of(&ring, DeliveryId(1)), together.of(&ring, DeliveryId(2)));
        assert_eq!((&one.clicks, &one.open), (&another.clicks, &another.open));
        let token = one.open.trim_start_matches("/o/").trim_end_matches(".gif");
        assert_eq!(open_token(&ring, token), Some(Named::Campaign(CampaignId(5))));
    }

    #[test]
    fn parameters_are_added_and_the_authors_own_stay() {
        let utm = [("utm_source", "news letter"), ("utm_medium", "email"), ("utm_term", "")];
        let utm = utm.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (target, expected) in [
            ("https://x.example/", "https://x.example/?utm_source=news%20letter&utm_medium=email"),
            ("https://x.example/?a=1#b", "https://x.example/?a=1&utm_source=news%20letter&utm_medium=email#b"),
            ("https://x.example/?", "https://x.example/?utm_source=news%20letter&utm_medium=email"),
            ("https://x.example/?utm_source=me", "https://x.example/?utm_source=me&utm_medium=email"),
            ("https://x.example/?utm_medium=&utm_source=", "https://x.example/?utm_medium=&utm_source="),
        ] {
            assert_eq!(with_parameters(target, &utm), expected);
        }
    }
}
