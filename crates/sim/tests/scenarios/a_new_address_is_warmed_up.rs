//! Seven hundred people at a large provider, and an address it has never seen. It gets two hundred messages on the
//! first day, half as many again on the second, and the rest on the third; nobody is forgotten meanwhile.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::collections::BTreeMap;

#[test]
fn a_new_address_is_warmed_up() {
    let ended = Scenario::crowd(700, "northmail.test")
        .provider("northmail", |profile| {
            (profile.mailboxes.left, profile.mailboxes.full, profile.mailboxes.off) = (0.0, 0.0, 0.0);
            profile.manners.trouble_share = 0.0;
        })
        .way_out("fresh", "203.0.113.201", false)
        .for_real()
        .play();
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for copy in &ended.arrivals {
        *days.entry(copy.at.day() - EPOCH.day()).or_default() += 1;
    }
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [(0, 200), (1, 300), (2, 200)], "{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 700, "{}", ended.equation());
}
