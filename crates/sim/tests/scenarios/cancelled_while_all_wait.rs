//! A campaign is cancelled while everybody in it waits for a second try. Nobody is tried again; they are skipped, with
//! the first try on record, and the campaign is over at once.

use model::{CampaignState, DeliveryState, SkipReason};
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn cancelled_while_all_wait() {
    let people = ["ida@harbour-leasing.test", "ben@harbour-insurance.test"];
    let ended = Scenario::of(&people).then(Duration::from_secs(120), Action::Cancel).play();
    assert_eq!(ended.campaign.state, CampaignState::Cancelled);
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.story());
    for person in people {
        let (row, tries) = ended.of(person).unwrap();
        assert_eq!((row.state, row.skip), (DeliveryState::Skipped, Some(SkipReason::Cancelled)), "{}", ended.story());
        assert_eq!((tries.len(), ended.sighted(person)), (1, 1));
    }
    assert!(ended.over_at.since(EPOCH).as_secs() < 180, "nothing was waited for");
}
