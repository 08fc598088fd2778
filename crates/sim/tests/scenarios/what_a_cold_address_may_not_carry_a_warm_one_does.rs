//! Of two addresses one is new. It carries its small first day, the warm one carries the rest, and everybody has the
//! mail within the hour.

use model::DeliveryState;
use sim::scenario::Scenario;
use sim::world::EPOCH;

#[test]
fn what_a_cold_address_may_not_carry_a_warm_one_does() {
    let ended = Scenario::crowd(450, "northmail.test")
        .provider("northmail", |profile| {
            (profile.mailboxes.left, profile.mailboxes.full, profile.mailboxes.off) = (0.0, 0.0, 0.0);
            profile.manners.trouble_share = 0.0;
        })
        .way_out("fresh", "203.0.113.201", false)
        .way_out("known", "203.0.113.202", true)
        .for_real()
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 450, "{}", ended.equation());
    let last = ended.arrivals.iter().map(|copy| copy.at).max().unwrap();
    assert!(last.since(EPOCH).as_secs() < 3_600, "the last copy came after {} s", last.since(EPOCH).as_secs());
    let sources: Vec<_> = ended.deliveries.iter().flat_map(|(_, tries)| tries).filter_map(|row| row.source).collect();
    let fresh = *sources.iter().min().unwrap();
    let by_fresh = sources.iter().filter(|source| **source == fresh).count();
    assert!((100..=200).contains(&by_fresh), "{by_fresh} of {} by the new address", sources.len());
}
