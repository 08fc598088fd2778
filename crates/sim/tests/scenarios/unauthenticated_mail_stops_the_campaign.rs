//! The sending domain has lost its SPF and DKIM records. Receivers refuse what nobody vouches for; unrelated sites say
//! so, and the campaign stops by itself instead of burning the list. Nobody is suppressed.

use model::{CampaignState, DeliveryState};
use sim::scenario::Scenario;

#[test]
fn unauthenticated_mail_stops_the_campaign() {
    let ended = Scenario::crowd(60, "northmail.test")
        .and(Scenario::crowd(60, "lookmail.test"))
        .and(Scenario::crowd(60, "yonder.test"))
        .unauthenticated()
        .dns(|zone| {
            zone.add_txt("letters.example", "v=spf1 -all");
            zone.add_txt("_dmarc.letters.example", "v=DMARC1; p=reject");
        })
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    let why = ended.campaign.why.as_deref().unwrap_or_default();
    assert!(["Northmail", "Lookmail", "Yonder"].iter().any(|name| why.contains(name)), "who refuses is named: {why}");
    assert!(why.contains("Our own look-up does not find ") && why.contains("then resume"), "{why}");
    assert_eq!(ended.arrivals.len(), 0);
    let left = ended.tally.in_progress();
    assert!(left >= 60, "only {left} of 180 were spared\n{}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Hard), 0);
}
