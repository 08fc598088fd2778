//! A provider is held while mail goes to many sites, and its campaign is cancelled under the hold. Placing the hold costs
//! the engine nothing, however many lanes there are: none is looked at for it, and whoever is held finds out when their
//! turn comes. Only when a hold ends is anything read again.

use model::DeliveryState;
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Ended, Held, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const PLACED: Duration = Duration::from_secs(8);
const CANCELLED: Duration = Duration::from_secs(60);

fn held_until(until: Duration) -> Scenario {
    let domains = ["papermill.test", "village-post.test", "northmail.test"];
    let people = domains.iter().map(|domain| Scenario::crowd(150, domain));
    people
        .reduce(Scenario::and)
        .unwrap()
        .provider("papermill", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.0))
        .then(PLACED, Action::Hold(Held::Provider("papermill".into()), until))
}

fn sites_for_holds(ended: &Ended) -> u64 {
    let lines = ended.trace.lines();
    let told = lines.iter().rev().find_map(|line| line.split_once(" turns, ")).expect("the run says what it did").1;
    told.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_hold_touches_no_lane() {
    let ended = held_until(CANCELLED * 60).then(CANCELLED, Action::Cancel).play();
    let held = EPOCH + PLACED + UNDER_WAY..EPOCH + CANCELLED * 60;
    let tried = ended.sightings.iter().filter(|seen| held.contains(&seen.at) && seen.provider == "papermill").count();
    assert_eq!((tried, sites_for_holds(&ended)), (0, 0), "{}", ended.story());
    assert!(ended.count(DeliveryState::Skipped) > 50, "the hold came in the middle: {}", ended.equation());
    let over = held_until(CANCELLED).play();
    assert!(sites_for_holds(&over) > 0, "its end has everything read again");
    assert_eq!(over.tally.in_progress(), 0, "{}", over.equation());
}
