//! Twelve hundred domains, a person at each, all with the same slow provider: it is known where they all go long before
//! their turn comes, and most of them wait in the ledger meanwhile. A hold comes in the middle. Everybody gets their mail.

use model::DeliveryState;
use sim::provider::Served;
use sim::scenario::{Action, Held, Scenario};
use std::time::Duration;

const DOMAINS: usize = 1_200;

#[test]
fn a_thousand_domains_at_a_slow_site() {
    let people: Vec<String> = (0..DOMAINS).map(|n| format!("ida@d{n}.papermill.test")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let ended = Scenario::of(&people)
        .provider("papermill", |profile| {
            (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.0);
            profile.domains.extend((0..DOMAINS).map(|n| Served { name: format!("d{n}.papermill.test"), people: 0 }));
        })
        .then(Duration::from_secs(20), Action::Hold(Held::Provider("papermill".into()), Duration::from_secs(7_200)))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), DOMAINS as u64, "{}", ended.equation());
}
