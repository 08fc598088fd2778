//! The list of the demo: a thousand people with the flaws of real lists, all receivers, thirty hours. Every kind of end
//! is there, the equation adds up, and most of those who were put off at first got their mail.

use expect_test::expect;
use model::{DeliveryState, SuppressionReason};
use sim::ledger::Folder;
use sim::people::sample;
use sim::scenario::Scenario;

#[test]
fn a_thousand_people() {
    let list = sample(1_000, 7);
    let people: Vec<&str> = list.csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let mut story = Scenario::of(&people);
    for (address, reason) in &list.suppressed {
        story = story.suppressed(address, *reason);
    }
    let ended = story.play();
    expect![[r#"
        1000 people = 60 skipped + 940 attempted
        940 attempted = 877 accepted + 26 soft + 20 hard + 15 blocked + 2 in doubt
        campaign complete
    "#]]
    .assert_eq(&ended.equation());
    for state in [DeliveryState::Soft, DeliveryState::Hard, DeliveryState::Blocked, DeliveryState::InDoubt] {
        assert!(ended.count(state) > 0, "nobody is {state}");
    }
    assert!(ended.tally.by_skip_reason.len() >= 5);
    let late = |attempts: &[store::AttemptRow]| attempts.len() > 1;
    let put_off =
        ended.deliveries.iter().filter(|(row, attempts)| row.state == DeliveryState::Accepted && late(attempts));
    assert!(put_off.count() > 30, "few were put off at first and accepted later");
    assert!(ended.in_folder(Folder::Spam) > 10 && ended.in_folder(Folder::Dropped) > 5);
    let is_bounce = |reason: &SuppressionReason| *reason == SuppressionReason::HardBounced;
    let before = list.suppressed.iter().filter(|(_, reason)| is_bounce(reason)).count();
    let bounced = ended.suppressed.values().filter(|reason| is_bounce(reason)).count();
    assert!(bounced >= before + 10, "{before} had bounced before, {bounced} now: who bounced now is not suppressed");
}
