//! One message looked into: what their server got and how, and what is said where that cannot be told.

use super::browser::Browser;
use super::links::{Sent, W, begin};
use super::live::settle;
use crate::Config;
use engine::launch::keep_key;
use engine::options::{Dkim, TrackingMode};
use mail::sign::SigningKey;
use model::{Actor, CampaignId, DeliveryId, DeliveryState, Outcome, Reply};
use store::{NewSource, Settlement};

const SOURCE: &str =
    "---\nsubject: Spring for {{ email }}\n---\nHello.\n\n[Leave]({{ unsubscribe_url }}) {{ postal_address }}\n";

/// The same message, signed with the key under this selector.
async fn signed(sent: &Sent, selector: &str) -> DeliveryId {
    let mut draft = sent.draft.clone();
    draft.name = format!("signed with {selector}");
    draft.snapshot.file.source.push_str(selector);
    draft.snapshot.options.dkim = Some(Dkim { domain: "letters.example".to_owned(), selector: selector.to_owned() });
    let campaign: CampaignId = begin(&sent.house, &draft).await;
    DeliveryId(sent.house.app.store.delivery_range(campaign).await.unwrap().start)
}

#[tokio::test]
async fn a_message_shows_what_the_server_got_and_from_where() {
    let sent = Sent::to(Config::default(), TrackingMode::Off, SOURCE, &["kim@a.example".to_owned()]).await;
    let (store, now) = (&sent.house.app.store, sent.house.app.now());
    let browser = Browser::owner(&sent.house).await;
    let unsigned = browser.look(&format!("/deliveries/{}", sent.delivery)).await.text;
    assert!(unsigned.contains("Nobody here: whoever passes it on signs it."), "{unsigned}");
    assert!(unsigned.contains("<dd>Spring for kim@a.example</dd>"), "with their values: {unsigned}");

    let key = SigningKey::generate_ed25519().unwrap();
    let entropy = sent.house.app.world.entropy.as_ref();
    keep_key(store, "letters.example", "spring", &key, entropy, &Actor::Engine, now).await.unwrap();
    let delivery = signed(&sent, "spring").await;
    let north = NewSource {
        name: "north".to_owned(),
        ehlo_name: "mx.letters.example".to_owned(),
        address: Some("192.0.2.7".parse().unwrap()),
        ..NewSource::default()
    };
    let north = store.put_source(north, &Actor::Engine, now).await.unwrap();
    settle(&sent.house, delivery, DeliveryState::Queued, Outcome::Deferred, Reply::new(451, "later")).await;
    let claimed = store.claim_one(delivery).await.unwrap().unwrap();
    let last = store.delivery(delivery).await.unwrap().unwrap().last.unwrap();
    let attempt = model::Attempt { number: 2, ..last };
    let settled = Settlement::of(&claimed, DeliveryState::Queued, now);
    let settled = Settlement { attempt: Some(attempt), source: Some(north.id), ..settled };
    assert_eq!(store.settle(vec![settled]).await.unwrap().written, 1);

    let page = browser.look(&format!("/deliveries/{delivery}")).await.text;
    assert!(
        page.contains("letters.example <span class=\"mute\">selector</span> <span class=\"mono\">spring</span>"),
        "{page}"
    );
    assert!(page.contains("@letters.example</dd>") && page.contains("Envelope sender"), "{page}");
    assert!(page.contains("from north (192.0.2.7)") && page.contains("from this machine"), "{page}");
    let row = store.delivery_in(W, delivery).await.unwrap().unwrap();
    let remade = engine::remade::remade(store, entropy, &row, now).await.unwrap();
    assert!(remade.size_bytes > 1_000 && remade.values_of_today, "{remade:?}");
    assert!(page.contains(&remade.mail_from) && page.contains("made once more"), "{page}");
}

#[tokio::test]
async fn a_message_that_cannot_be_made_again_says_so_and_why() {
    let sent = Sent::to(Config::default(), TrackingMode::Off, SOURCE, &["kim@a.example".to_owned()]).await;
    let delivery = signed(&sent, "lost").await;
    let browser = Browser::owner(&sent.house).await;
    let page = browser.look(&format!("/deliveries/{delivery}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("cannot be made once more: there is no signing key lost"), "{}", page.text);
    assert!(
        !page.text.contains("Size as sent") && page.text.contains("<span class=\"mono\">lost</span>"),
        "{}",
        page.text
    );
}
