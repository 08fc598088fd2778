//! One person in sixteen of a list is dead, everywhere alike, so that nobody stands out when the brake stops it (and too few
//! for it to be the provider's own trouble). The first time a reason is enough. Stopped again, a reason alone is refused, and so
//! is a group that holds nobody: somebody has the list checked and takes out the dead by name, and all the others get their mail.
//! Where the dead are at one of the provider's domains, holding that domain is as good.

use model::{CampaignState, DeliveryState, SkipReason};
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const PEOPLE: usize = 3_000;

fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

fn is_dead(address: &str) -> bool {
    address.contains(".left@")
}

/// A list that is stopped at once, resumed after six hours because somebody hopes for the best, and stopped again.
fn story(people: Vec<String>) -> Scenario {
    Scenario::crowd(0, "papermill.test")
        .with_people(people)
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .then(hours(6), Action::ResumeBecause("it is worth a try"))
}

fn stops(ended: &Ended) -> Vec<&String> {
    ended.trace.lines().iter().filter(|line| line.contains("braked: ")).collect()
}

#[test]
fn the_dead_are_taken_out_by_name() {
    let dead = |n: usize| if n.is_multiple_of(16) { ".left" } else { "" };
    let people: Vec<String> = (1..=PEOPLE).map(|n| format!("old{n}{}@papermill.test", dead(n))).collect();
    let checked: Vec<String> = people.iter().filter(|address| is_dead(address)).cloned().collect();
    let living = (people.len() - checked.len()) as u64;
    let ended = story(people).then(hours(24), Action::ResumeWithout(checked)).play();
    assert_eq!(stops(&ended).len(), 2, "{:?}", stops(&ended));
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.equation());
    assert_eq!(ended.tally.in_progress(), 0, "everybody has a verdict: {}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), living, "{}", ended.equation());
    let late = ended.sightings.iter().filter(|seen| seen.at.since(EPOCH) >= hours(24));
    assert_eq!(late.filter(|seen| is_dead(&seen.recipient)).count(), 0, "nobody of them after they were taken out");
    let spared = ended.tally.by_skip_reason[&SkipReason::Excluded];
    assert_eq!(spared + ended.count(DeliveryState::Hard), PEOPLE as u64 - living, "{}", ended.equation());
}

#[test]
fn the_domain_where_they_are_is_held() {
    let dead = |n: usize, one_in: usize| if n.is_multiple_of(one_in) { ".left" } else { "" };
    let tired = (1..=2_000).map(|n| format!("old{n}{}@lindqvist.example", dead(n, 16)));
    let fresh = (1..=500).map(|n| format!("friend{n}{}@papermill.test", dead(n, 50)));
    let ended = story(tired.chain(fresh).collect())
        .then(hours(24), Action::ResumeHolding("lindqvist.example"))
        .then(hours(72), Action::Cancel)
        .play();
    assert_eq!(stops(&ended).len(), 2, "{:?}", stops(&ended));
    let late = ended.sightings.iter().filter(|seen| seen.at.since(EPOCH) >= hours(24));
    assert_eq!(late.filter(|seen| seen.recipient.ends_with("@lindqvist.example")).count(), 0, "they are held");
    let friends = ended.arrivals.iter().filter(|copy| copy.recipient.starts_with("friend")).count();
    assert_eq!(friends, 490, "all of them: {}", ended.equation());
}
