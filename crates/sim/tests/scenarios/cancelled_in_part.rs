//! Part of a campaign is cancelled in the middle of it, and the process dies a moment later. Nobody more of that part is tried,
//! whoever waited there is skipped, whoever had the mail keeps their verdict; everybody else gets it, and the campaign is complete.

use model::{CampaignState, DeliveryState, SkipReason};
use sim::check::UNDER_WAY;
use sim::scenario::{Action, Ended, Held, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const CANCELLED: Duration = Duration::from_secs(8);

fn two_providers() -> Scenario {
    Scenario::crowd(150, "papermill.test")
        .and(Scenario::crowd(150, "village-post.test"))
        .provider("papermill", |profile| (profile.manners.pause_ms, profile.mailboxes.left) = (1_000, 0.0))
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
}

fn assert_cancelled(ended: &Ended) {
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
    assert_eq!(ended.tally.in_progress(), 0, "{}", ended.equation());
    let skipped = ended.tally.by_skip_reason.get(&SkipReason::Cancelled).copied().unwrap_or(0);
    assert!((50..=150).contains(&skipped), "it came in the middle: {}", ended.equation());
    let later = ended.sightings.iter().filter(|seen| seen.at >= EPOCH + CANCELLED + UNDER_WAY);
    assert_eq!(later.filter(|seen| seen.provider == "papermill").count(), 0, "{}", ended.story());
    assert!(ended.count(DeliveryState::Accepted) > 120, "the others go on: {}", ended.equation());
}

#[test]
fn cancelled_toward_one_provider_with_a_kill_behind_it() {
    let part = Action::CancelPart(Held::Provider("papermill".into()));
    let behind = CANCELLED + Duration::from_millis(5);
    let folder = tempfile::tempdir().unwrap();
    let killed = two_providers().in_directory(folder.path()).then(CANCELLED, part.clone()).then(behind, Action::Kill);
    assert_cancelled(&killed.play());
    assert_cancelled(&two_providers().then(CANCELLED, part).play());
}

#[test]
fn cancelled_at_one_domain_and_before_anybody_knows_where_it_is() {
    let part = Action::CancelPart(Held::Domain("papermill.test".into()));
    assert_cancelled(&two_providers().then(CANCELLED, part).play());
    let early = Duration::from_millis(200);
    let part = Action::CancelPart(Held::Provider("papermill".into()));
    let ended = two_providers().then(early, part).play();
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
    let skipped = ended.tally.by_skip_reason.get(&SkipReason::Cancelled).copied().unwrap_or(0);
    assert!(skipped >= 100, "whoever turns out to be there is skipped as well: {}", ended.equation());
}
