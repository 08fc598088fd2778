//! Our own line is broken. If no site at all answers on port 25, our provider blocks it: the campaign pauses as our own
//! fault and says so, and not one recipient is charged a try. If the line breaks later and comes back, everybody gets
//! their mail, and nobody's address is the worse for it.

use model::{CampaignState, ContactStatus, DeliveryState};
use sim::fault::Trouble;
use sim::scenario::{Action, Ended, Scenario};
use std::time::Duration;

const SITES: [&str; 7] = ["northmail", "lookmail", "yonder", "orchard", "papermill", "openhouse", "village-post"];
const DOMAINS: [&str; 6] =
    ["northmail.test", "lookmail.test", "yonder.test", "orchard.test", "papermill.test", "openhouse.test"];

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// People at many sites, who put strangers off at first and have no other moods, and a line that is broken for a while.
fn people_behind_a_line(from: Duration, until: Duration, trouble: Trouble) -> Scenario {
    let mut story = Scenario::of(&[]);
    for domain in DOMAINS {
        story = story.and(Scenario::crowd(5, domain));
    }
    for site in SITES {
        story = story.fault(site, from, until, trouble).provider(site, |profile| {
            profile.mailboxes = Default::default();
            (profile.manners.trouble_share, profile.manners.spam_share) = (0.0, 0.0);
            profile.greylist_s = Some(600);
        });
    }
    story
}

fn nobody_is_the_worse_for_it(ended: &Ended) {
    assert!(ended.suppressed.is_empty(), "{:?}", ended.suppressed);
    let good = |contact: &store::Contact| contact.soft_count == 0 && contact.status != ContactStatus::Error;
    assert!(ended.contacts.values().all(good), "{:?}", ended.contacts);
}

#[test]
fn our_own_network_is_nobodys_bounce() {
    let story = people_behind_a_line(Duration::ZERO, minutes(6_000), Trouble::Silent);
    let ended = story.play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    assert!(ended.campaign.why.as_deref().is_some_and(|why| why.contains("25")), "{:?}", ended.campaign.why);
    assert_eq!(ended.tally.in_progress(), 30, "{}", ended.equation());
    assert!(ended.deliveries.iter().all(|(row, tries)| row.tries == 0 && tries.is_empty()), "{}", ended.story());
    assert!(ended.sightings.is_empty());
    nobody_is_the_worse_for_it(&ended);
}

#[test]
fn mail_goes_out_when_the_line_is_there() {
    let ended =
        people_behind_a_line(Duration::ZERO, minutes(120), Trouble::Down).then(minutes(180), Action::Resume).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 30, "{}", ended.story());
    let mut tries = ended.deliveries.iter().flat_map(|(_, tries)| tries);
    assert!(tries.all(|row| row.attempt.reached_receiver), "no try was lost to the line\n{}", ended.story());
    nobody_is_the_worse_for_it(&ended);
}

#[test]
fn a_line_that_breaks_later_harms_nobody() {
    // Everybody was put off at first, so the sites are known to answer.
    let ended = people_behind_a_line(minutes(5), minutes(90), Trouble::Silent).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 30, "{}", ended.story());
    assert_eq!(ended.campaign.state, CampaignState::Complete);
    let unheard = ended.deliveries.iter().flat_map(|(_, tries)| tries).filter(|row| !row.attempt.reached_receiver);
    assert!(unheard.count() > 0, "the line was broken\n{}", ended.story());
    nobody_is_the_worse_for_it(&ended);
}
