//! What events of other systems are worth to campaigns.

use super::*;
use crate::revenue::{ATTRIBUTED_WITHIN, Revenue, Touch};
use crate::{NewReaction, Recorded};
use model::{ContactId, ReactionKind};

const DAY_S: u64 = 24 * 3_600;

fn paid(who: ContactId, micros: i64, properties: &str, when: u64) -> NewReaction {
    NewReaction {
        name: Some("purchased".to_owned()),
        value_micros: Some(micros),
        properties: Some(properties.to_owned()),
        ..NewReaction::new(ReactionKind::Custom, who, at(when))
    }
}

fn clicked(who: ContactId, campaign: CampaignId, score: u8, when: u64) -> NewReaction {
    NewReaction { campaign: Some(campaign), score, ..NewReaction::new(ReactionKind::Clicked, who, at(when)) }
}

fn tell(store: &Store, told: Vec<NewReaction>, when: u64) {
    let known = now(store.record_reactions(W, told, at(when))).unwrap();
    assert!(known.iter().all(|fate| *fate == Recorded::New));
}

fn shown(store: &Store, campaign: CampaignId) -> Vec<(Touch, String, u64, u64, i64)> {
    let known: Vec<Revenue> = now(store.revenue(W, campaign)).unwrap();
    let row = |one: Revenue| {
        assert_eq!(one.name, "purchased");
        (one.touch, one.currency.unwrap_or_default(), one.events, one.people, one.value_micros)
    };
    known.into_iter().map(row).collect()
}

/// A campaign that both got at second 100.
fn mailed(store: &Store, name: &str, import: ImportId) -> CampaignId {
    let campaign = sending(store, name, import);
    let outcomes: Vec<_> = claims(store, campaign.id).iter().map(|claimed| accepted(claimed, at(100))).collect();
    now(store.settle(outcomes)).unwrap();
    campaign.id
}

#[test]
fn what_was_paid_after_a_click_and_after_the_mail_is_counted_by_currency() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let who = |email: &str| now(store.contacts_by_address(W, &address(email))).unwrap()[0].id;
    let (kim, bob) = (who("kim@a.example"), who("bob@a.example"));
    let (news, other) = (mailed(&store, "news", import), mailed(&store, "other", import));
    tell(&store, vec![clicked(kim, news, 0, 200), clicked(bob, news, 90, 200)], 200);
    let euro = r#"{"currency":"EUR"}"#;
    tell(&store, vec![paid(kim, 49_900_000, euro, 300), paid(kim, -9_900_000, euro, 400)], 500);
    tell(&store, vec![paid(bob, 10_000_000, r#"{"currency":"usd"}"#, 300), paid(kim, 5, "{}", 300)], 500);
    let mail =
        [(Touch::Mail, "", 1, 1, 5), (Touch::Mail, "EUR", 2, 1, 40_000_000), (Touch::Mail, "USD", 1, 1, 10_000_000)];
    let mail: Vec<_> = mail.map(|(t, c, e, p, v)| (t, c.to_owned(), e, p, v)).into();
    let clicks = [(Touch::Click, String::new(), 1, 1, 5), (Touch::Click, "EUR".to_owned(), 2, 1, 40_000_000)];
    assert_eq!(shown(&store, news), [clicks.to_vec(), mail.clone()].concat(), "a machine's click brings nothing");
    assert_eq!(shown(&store, other), mail, "it counts for every campaign it came after");
    assert_eq!(now(store.revenue(WorkspaceId(2), news)).unwrap(), []);
}

#[test]
fn only_what_comes_within_the_window_counts_and_only_with_a_value() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example"]);
    let kim = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let news = mailed(&store, "news", import);
    let window = ATTRIBUTED_WITHIN.as_secs();
    tell(&store, vec![clicked(kim, news, 0, 2 * DAY_S)], 2 * DAY_S);
    let last = 2 * DAY_S + window;
    tell(&store, vec![paid(kim, 1, "{}", last + 1), paid(kim, 2, "{}", 2 * DAY_S - 1)], last + 2);
    assert_eq!(shown(&store, news), [(Touch::Mail, String::new(), 1, 1, 2)], "before the click, and after its time");
    let free = NewReaction { value_micros: None, ..paid(kim, 0, "{}", last) };
    tell(&store, vec![free, paid(kim, 4, "{}", last)], last + 2);
    assert_eq!(shown(&store, news)[0], (Touch::Click, String::new(), 1, 1, 4));
    now(store.forget(W, &address("kim@a.example"), &ME, at(last + 9))).unwrap();
    assert_eq!(shown(&store, news).len(), 2, "sums stay, without a name");
}

#[test]
fn a_sum_beyond_all_numbers_stays_a_number() {
    let store = empty();
    let import = import(&store, 1, &["kim@a.example"]);
    let kim = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap()[0].id;
    let news = mailed(&store, "news", import);
    tell(&store, vec![paid(kim, i64::MAX - 1, "{}", 200), paid(kim, 100, "{}", 201)], 300);
    assert_eq!(shown(&store, news), [(Touch::Mail, String::new(), 2, 1, i64::MAX)]);
}
