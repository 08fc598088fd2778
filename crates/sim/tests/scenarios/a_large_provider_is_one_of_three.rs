//! The sending domain has its records, and they are of no use: another DKIM key, an SPF record that names nobody. A large
//! provider refuses in words of its own for that (5.7.515), and our own look-up finds the records there. So it stops nothing by itself, but
//! it is one of three unrelated sites that say the same, and those stop the campaign.

use model::CampaignState;
use sim::scenario::Scenario;

#[test]
fn a_large_provider_is_one_of_three() {
    let ended = Scenario::crowd(60, "lookmail.test")
        .and(Scenario::crowd(60, "orchard.test"))
        .and(Scenario::crowd(60, "yonder.test"))
        .unauthenticated()
        .dns(|zone| {
            zone.add_txt("letters.example", "v=spf1 -all");
            zone.add_txt(
                "s1._domainkey.letters.example",
                "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            );
            zone.add_txt("_dmarc.letters.example", "v=DMARC1; p=reject");
        })
        .play();
    assert_eq!(ended.campaign.state, CampaignState::Paused, "{}", ended.story());
    let why = ended.campaign.why.as_deref().unwrap_or_default();
    assert!(why.starts_with("Three unrelated sites refused the mail"), "{why}");
    assert!(why.contains("Our own look-up finds the DKIM key and the SPF record"), "{why}");
    assert_eq!(ended.arrivals.len(), 0);
    let left = ended.tally.in_progress();
    assert!(left >= 60, "only {left} of 180 were spared\n{}", ended.equation());
}
