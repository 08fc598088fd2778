//! At a server that nobody described nobody is found any more, while others find their people. That is suspected to be its
//! trouble, as a provider's would be: it is left alone for an hour, whom it suppressed is suppressed provisionally, those
//! it was found out by as well, and a few are tried again. When it is no trouble after all, the brake names that server, not the whole list.

use model::CampaignState;
use sim::scenario::Scenario;
use sim::world::EPOCH;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn a_server_nobody_described_knows_nobody() {
    let ended = Scenario::crowd(300, "openhouse.test")
        .provider("openhouse", |profile| {
            profile.mailboxes.catch_all = false;
            profile.mailboxes.left = 1.0;
        })
        .and(Scenario::crowd(300, "papermill.test"))
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .play();
    let there = ended.sightings.iter().filter(|seen| seen.recipient.ends_with("@openhouse.test"));
    let within: BTreeSet<&str> = there
        .filter(|seen| seen.at.since(EPOCH) < Duration::from_secs(3_000))
        .map(|seen| seen.recipient.as_str())
        .collect();
    let count = within.len();
    assert!((10..150).contains(&count), "{count} of 300 were tried before it was left alone\n{}", ended.equation());
    for address in within {
        let kept = &ended.contacts[address].suppressions;
        assert!(!kept.is_empty() && kept.iter().all(|one| one.provisional), "{address}: {kept:?}");
    }
    let said = |what: &str| ended.trace.lines().iter().any(|line| line.contains(what));
    assert!(said("mx.openhouse.test said in the last hour that"), "{}", ended.equation());
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.equation());
    let why = ended.campaign.why.as_deref().unwrap_or_default();
    assert!(why.contains("The worst group is mx.openhouse.test: "), "{why}");
}
