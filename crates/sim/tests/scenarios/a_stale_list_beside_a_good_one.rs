//! A good list and a stale one, a fifth of whose addresses are dead, at the same provider. The brake names the stale one
//! by its file; resumed without it, the good one goes out to the last, and nobody else of the stale one is tried.

use model::{DeliveryState, SkipReason};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_stale_list_beside_a_good_one() {
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let dead = |n: u32| if n.is_multiple_of(5) { ".left" } else { "" };
    let stale = (1..=1_000).map(|n| format!("old{n}{}@papermill.test", dead(n))).collect();
    let ended = Scenario::crowd(1_000, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .and_list(stale)
        .then(hours(6), Action::ResumeWithoutSecondList)
        .play();
    let braked = ended.trace.lines().iter().find(|line| line.contains("braked: ")).unwrap().clone();
    assert!(braked.contains("The worst group is import i_") && braked.contains("(people3.csv)"), "{braked}");
    let of_stale = |address: &str| address.starts_with("old");
    let accepted = |row: &&store::DeliveryRow| row.state == DeliveryState::Accepted;
    let rows = || ended.deliveries.iter().map(|(row, _)| row);
    let good = rows().filter(accepted).filter(|row| !of_stale(row.email.as_deref().unwrap())).count();
    assert_eq!(good, 1_000, "{}", ended.equation());
    let late = ended.sightings.iter().filter(|seen| seen.at.since(EPOCH) >= hours(6));
    assert_eq!(late.filter(|seen| of_stale(&seen.recipient)).count(), 0, "nobody of it after it was taken out");
    assert!(ended.tally.by_skip_reason[&SkipReason::QuarantinedImport] > 100, "{}", ended.equation());
}
