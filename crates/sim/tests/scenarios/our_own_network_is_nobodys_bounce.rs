//! No site at all answers on port 25: our own provider blocks it. The campaign pauses as our own fault and says so; not
//! one recipient is charged a try.

use model::CampaignState;
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn our_own_network_is_nobodys_bounce() {
    let sites = ["northmail", "lookmail", "yonder", "orchard", "papermill", "openhouse", "village-post"];
    let domains =
        ["northmail.test", "lookmail.test", "yonder.test", "orchard.test", "papermill.test", "openhouse.test"];
    let forever = Duration::from_secs(100 * 3_600);
    let mut story = Scenario::of(&[]);
    for domain in domains {
        story = story.and(Scenario::crowd(5, domain));
    }
    for site in sites {
        story = story.fault(site, Duration::ZERO, forever, Trouble::Silent);
    }
    let ended = story.play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    assert!(ended.campaign.why.as_deref().is_some_and(|why| why.contains("25")), "{:?}", ended.campaign.why);
    assert_eq!(ended.tally.in_progress(), 30, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(row, _)| row.tries == 0), "{}", ended.story());
}
