//! The sample list: its flaws are all there, and nothing in it could be a real person's.

use super::*;
use model::EmailAddress;
use std::collections::BTreeMap;

fn rows(csv: &str) -> Vec<Vec<String>> {
    csv.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn addresses(csv: &str) -> Vec<String> {
    rows(csv).into_iter().map(|row| row[0].clone()).collect()
}

#[test]
fn a_thousand_people_have_every_flaw_in_its_share() {
    let made = sample(1_000, 7);
    let addresses = addresses(&made.csv);
    assert_eq!(addresses.len(), 1_000);
    let missing = addresses.iter().filter(|a| a.is_empty()).count();
    let wrong = addresses.iter().filter(|a| !a.is_empty() && EmailAddress::parse(a).is_err()).count();
    let mut keys = BTreeMap::new();
    for address in addresses.iter().filter_map(|a| EmailAddress::parse(a).ok()) {
        *keys.entry(address.key()).or_insert(0) += 1;
    }
    let twice = keys.values().filter(|count| **count > 1).count();
    assert_eq!((missing, wrong, twice), (NO_ADDRESS, INVALID, DUPLICATE));
    let pending = made.csv.lines().filter(|line| line.contains(",pending,")).count();
    assert_eq!(pending, UNCONFIRMED);
    let mut reasons = BTreeMap::new();
    made.suppressed.iter().for_each(|(_, reason)| *reasons.entry(*reason).or_insert(0) += 1);
    assert_eq!(reasons[&SuppressionReason::Unsubscribed], UNSUBSCRIBED);
    assert_eq!(reasons[&SuppressionReason::Complained], COMPLAINED);
    assert_eq!(reasons[&SuppressionReason::HardBounced], BOUNCED_BEFORE);
    assert!(made.suppressed.iter().all(|(address, _)| keys.contains_key(&address.to_lowercase())));
    let parsed = keys.keys().filter_map(|key| EmailAddress::parse(key).ok()).collect::<Vec<_>>();
    assert!(parsed.iter().any(EmailAddress::is_role) && parsed.iter().any(EmailAddress::needs_smtputf8));
}

#[test]
fn everybody_lives_under_a_reserved_name_and_every_provider_has_somebody() {
    let made = sample(1_000, 7);
    let mut domains: BTreeMap<String, usize> = BTreeMap::new();
    for address in addresses(&made.csv).iter().filter_map(|a| EmailAddress::parse(a).ok()) {
        let domain = address.domain().as_str();
        assert!(domain.ends_with(".test") || domain.ends_with(".example"), "{domain}");
        *domains.entry(domain.to_owned()).or_insert(0) += 1;
    }
    for profile in Profile::shipped() {
        for domain in profile.domains.iter().filter(|domain| domain.people > 0) {
            assert!(domains.contains_key(&domain.ascii()), "nobody at {}", domain.name);
        }
    }
    assert_eq!(domains["harbour-bank.test"], 6 + 1, "Kim and the others");
}

#[test]
fn the_people_of_the_documents_are_in_and_may_be_mailed() {
    for count in [20, 100, 1_000, 3_000] {
        let made = sample(count, 3);
        let addresses = addresses(&made.csv);
        assert_eq!(addresses.len(), count);
        for (named, ..) in NAMED {
            assert!(addresses.iter().any(|address| address == named), "{named} among {count}");
            assert!(made.suppressed.iter().all(|(address, _)| address != named));
        }
    }
}

#[test]
fn a_seed_is_a_list() {
    assert_eq!(sample(500, 7), sample(500, 7));
    assert_ne!(sample(500, 7).csv, sample(500, 8).csv);
    for few in 0..12 {
        assert_eq!(addresses(&sample(few, 1).csv).len(), few);
    }
}

#[test]
fn a_name_in_letters_of_an_address_is_ascii() {
    for name in FIRST.iter().chain(&LAST) {
        let plain = ascii(name);
        assert!(plain.len() >= 2 && plain.bytes().all(|b| b.is_ascii_lowercase()), "{name} -> {plain}");
        assert!(crate::provider::Condition::by_name(&format!("x.{plain}")).is_none(), "{name} asks for a fate");
    }
}

#[test]
fn the_message_suits_the_list() {
    let columns: BTreeSet<String> = HEADER.trim().split(',').map(str::to_owned).collect();
    let ours = mail::compose::OUR_TAGS.iter().map(|tag| (*tag).to_owned());
    let options = mail::compose::CompileOptions {
        subject: None,
        fallback_subject: None,
        known_tags: columns.into_iter().chain(ours).collect(),
        needs_unsubscribe: true,
        ..Default::default()
    };
    let compiled = mail::compose::compile(MESSAGE, mail::compose::SourceKind::Mjml, &options).unwrap();
    assert!(compiled.tags().contains("first_name") && compiled.tags().contains("postal_address"));
    assert!(compiled.warnings().is_empty(), "{:?}", compiled.warnings());
}
