//! The receivers' checks against mail signed by our own signer.

use super::*;
use crate::dns::Fault;
use mail::sign::{Signer, SigningKey};
use model::MailDomain;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const CLIENT: &str = "198.51.100.7";
const MESSAGE: &str = "From: News <news@brand.example>\r\nTo: ada@northmail.test\r\nSubject: Hello\r\n\
    Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <1@brand.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain\r\n\r\nHello Ada.\r\n";

static RSA: LazyLock<String> = LazyLock::new(|| SigningKey::generate_rsa().unwrap().to_pem().unwrap());

fn keys() -> [(&'static str, SigningKey); 2] {
    [("r1", SigningKey::from_pem(&RSA).unwrap()), ("e1", SigningKey::ed25519_from_seed([7; 32]).unwrap())]
}

/// A zone in which brand.example has done everything right.
fn zone() -> Zone {
    let zone = Zone::new();
    let domain = MailDomain::parse("brand.example").unwrap();
    for (selector, key) in keys() {
        let record = key.dns_record(&domain, selector).unwrap();
        zone.add_txt(&record.name, &record.strings().concat());
    }
    zone.add_txt("brand.example", "unrelated=1");
    zone.add_txt("brand.example", "v=spf1 a:out.brand.example mx ip6:2001:db8::/32 include:spf.relay.example -all");
    zone.add_txt("spf.relay.example", "v=spf1 ip4:192.0.2.0/24 ptr ~all");
    zone.add_mx("brand.example", 10, "mx.brand.example");
    zone.add_address("mx.brand.example", "203.0.113.5".parse().unwrap());
    zone.add_address("out.brand.example", CLIENT.parse().unwrap());
    zone.add_txt("_dmarc.brand.example", "v=DMARC1; p=reject; adkim=r; aspf=r");
    zone
}

fn signed(message: &str) -> Vec<u8> {
    let [(first, rsa), (second, ed25519)] = keys();
    let domain = MailDomain::parse("brand.example").unwrap();
    let signer = Signer::new(domain, first, rsa).unwrap().and(second, ed25519).unwrap();
    [signer.sign(message.as_bytes(), NOW).unwrap(), message.into()].concat()
}

fn session(client: &str) -> Session<'_> {
    Session {
        client: client.parse().unwrap(),
        helo: "out.brand.example",
        mail_from: "b.token@bounce.brand.example",
        now: NOW,
    }
}

/// By a receiver that remembers nothing.
fn verify(message: &[u8], session: &Session<'_>, zone: &Zone) -> AuthResults {
    super::verify(message, session, zone, &Memory::default())
}

#[test]
fn a_record_that_changes_is_read_anew() {
    let (zone, memory, message) = (zone(), Memory::default(), signed(MESSAGE));
    let dkim = || super::verify(&message, &session(CLIENT), &zone, &memory).checks().dkim;
    assert_eq!((dkim(), dkim()), (Check::Pass, Check::Pass));
    for selector in ["r1", "e1"] {
        zone.remove(&format!("{selector}._domainkey.brand.example"));
    }
    assert_eq!(dkim(), Check::Fail);
}

/// SPF, DKIM and DMARC in short.
fn verdicts(message: &[u8], session: &Session<'_>, zone: &Zone) -> (Check, Check, Check) {
    let checks = verify(message, session, zone).checks();
    (checks.spf, checks.dkim, checks.dmarc)
}

#[test]
fn our_own_mail_passes_everything() {
    let zone = zone();
    zone.add_txt("bounce.brand.example", "v=spf1 redirect=brand.example");
    let results = verify(&signed(MESSAGE), &session(CLIENT), &zone);
    let signature = |selector: &str| Signature {
        domain: "brand.example".into(),
        selector: selector.into(),
        check: Check::Pass,
        why: String::new(),
    };
    let mut dkim = results.dkim.clone();
    dkim.sort_by(|a, b| b.selector.cmp(&a.selector));
    assert_eq!(dkim, [signature("r1"), signature("e1")]);
    assert_eq!((results.spf, &*results.spf_domain), (Check::Pass, "bounce.brand.example"));
    assert_eq!((results.dmarc, results.wish), (Check::Pass, Wish::Reject));
    assert_eq!((&*results.from_domain, results.known), ("brand.example", true));
}

#[test]
fn spf_follows_every_road_to_an_address() {
    let zone = zone();
    let at_brand = |client| Session { mail_from: "news@brand.example", ..session(client) };
    let spf = |client: &'static str| verify(MESSAGE.as_bytes(), &at_brand(client), &zone).spf;
    assert_eq!(spf(CLIENT), Check::Pass, "by a:");
    assert_eq!(spf("203.0.113.5"), Check::Pass, "by mx");
    assert_eq!(spf("192.0.2.99"), Check::Pass, "by include:");
    assert_eq!(spf("2001:db8::77"), Check::Pass, "by ip6:");
    assert_eq!(spf("203.0.113.6"), Check::Fail, "by -all");
    let null_sender = Session { mail_from: "", helo: "nobody.example", ..session(CLIENT) };
    assert_eq!(verify(MESSAGE.as_bytes(), &null_sender, &zone).spf, Check::None);
    zone.add_txt("brand.example", "v=spf1 +all");
    assert_eq!(spf(CLIENT), Check::Fail, "two records are an error");
    zone.set_fault("brand.example", Some(Fault::Silent));
    assert_eq!(spf(CLIENT), Check::TempError);
}

#[test]
fn either_leg_carries_dmarc_and_without_both_it_fails() {
    let zone = zone();
    let elsewhere = Session { mail_from: "x@unrelated.example", ..session("203.0.113.99") };
    assert_eq!(verdicts(&signed(MESSAGE), &elsewhere, &zone), (Check::None, Check::Pass, Check::Pass));
    let unsigned = Session { mail_from: "news@brand.example", ..session(CLIENT) };
    assert_eq!(verdicts(MESSAGE.as_bytes(), &unsigned, &zone), (Check::Pass, Check::None, Check::Pass));
    assert_eq!(verdicts(MESSAGE.as_bytes(), &elsewhere, &zone), (Check::None, Check::None, Check::Fail));

    // Somebody else's pass is not in line with the From domain.
    zone.add_txt("unrelated.example", "v=spf1 ip4:203.0.113.99 -all");
    assert_eq!(verdicts(MESSAGE.as_bytes(), &elsewhere, &zone), (Check::Pass, Check::None, Check::Fail));
    zone.remove("_dmarc.brand.example");
    assert_eq!(verdicts(MESSAGE.as_bytes(), &elsewhere, &zone), (Check::Pass, Check::None, Check::None));
}

#[test]
fn a_touched_message_or_a_missing_key_breaks_the_signature() {
    let zone = zone();
    let session = session(CLIENT);
    let dkim = |message: &[u8]| verify(message, &session, &zone).checks().dkim;
    let text = String::from_utf8(signed(MESSAGE)).unwrap();
    assert_eq!(dkim(text.as_bytes()), Check::Pass);
    assert_eq!(dkim(text.replace("Hello Ada", "Hello Eve").as_bytes()), Check::Fail);
    assert_eq!(dkim(text.replace("Subject: Hello", "Subject: Hullo").as_bytes()), Check::Fail);
    let fault = |fault| ["r1", "e1"].map(|s| zone.set_fault(&format!("{s}._domainkey.brand.example"), fault));
    fault(Some(Fault::NoSuchName));
    assert_eq!(dkim(text.as_bytes()), Check::Fail);
    fault(Some(Fault::ServFail));
    assert_eq!(dkim(text.as_bytes()), Check::TempError);
    fault(None);
    assert_eq!(dkim(text.as_bytes()), Check::Pass);
}

#[test]
fn signatures_expire_by_the_receivers_clock() {
    let stamp = |x: u64| {
        let mut parsed = AuthenticatedMessage::parse(MESSAGE.as_bytes()).unwrap();
        let header = mail_auth::common::headers::Header {
            name: b"DKIM-Signature".as_slice(),
            value: b"".as_slice(),
            header: mail_auth::dkim::Signature { t: 1_700_000_000, x, ..Default::default() },
        };
        parsed.dkim_headers.push(header);
        expire_by(&mut parsed, NOW);
        parsed.dkim_headers[0].header.x
    };
    assert_eq!([stamp(0), stamp(1_800_000_001), stamp(1_800_000_000), stamp(1_600_000_000)], [0, 0, 1, 1]);
}

#[test]
fn what_cannot_be_read_has_nothing_that_holds() {
    let zone = zone();
    for message in ["", "\r\n", "no header at all", "From: a@one.example\r\nFrom: b@two.example\r\n\r\nx"] {
        let results = verify(message.as_bytes(), &session("203.0.113.99"), &zone);
        assert_eq!((results.from_domain.as_str(), results.dmarc), ("", Check::None), "{message:?}");
        assert!(results.dkim.is_empty() && !results.known);
    }
}

#[test]
fn a_key_is_recovered_from_its_hash() {
    assert_eq!(text_of("_dmarc.brand.example."), "_dmarc.brand.example.");
    assert_eq!(text_of::<Box<str>>(&"x.test.".into()), "x.test.");
    assert_eq!(text_of(""), "");
}
