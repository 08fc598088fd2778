//! Seven hundred people behind a relay, and a From domain nobody has seen. Whose address the mail leaves from is the relay's
//! matter; the domain is ours: a sample of two hundred goes first, five hundred go on the first day, the rest on the second.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::collections::BTreeMap;

#[test]
fn a_relay_hides_addresses_and_not_the_sender() {
    let ended = Scenario::crowd(700, "northmail.test")
        .provider("northmail", |profile| {
            (profile.mailboxes.left, profile.mailboxes.full, profile.mailboxes.off) = (0.0, 0.0, 0.0);
            profile.manners.trouble_share = 0.0;
        })
        .way_out("fresh", "203.0.113.201", false)
        .relayed()
        .play();
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for copy in &ended.arrivals {
        *days.entry(copy.at.day() - EPOCH.day()).or_default() += 1;
    }
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [(0, 500), (1, 200)], "{}", ended.equation());
    let soon = ended.arrivals.iter().filter(|copy| copy.at.since(EPOCH).as_secs() < 3_600).count();
    assert_eq!(soon, 200, "the sample alone\n{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 700, "{}", ended.equation());
}
