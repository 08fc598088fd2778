//! Six hundred people had their mail. The next campaign goes to them and to four hundred newcomers, and its sample has some
//! of these: their complaints are waited for. The one after that goes to nobody new, and needs no sample at all.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn newcomers_are_waited_for() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let newcomers: Vec<String> = (1..=400).map(|n| format!("new{n}@papermill.test")).collect();
    let ended = Scenario::crowd(600, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .way_out("known", "203.0.113.202", true)
        .for_real()
        .then(days(2), Action::MailAlsoTo("Second news".into(), newcomers))
        .then(days(4), Action::Mail("Third news".into()))
        .play();
    let within = |from: Duration, until: Duration| {
        ended.arrivals.iter().filter(|copy| (from..until).contains(&copy.at.since(EPOCH))).count()
    };
    let (hour, day) = (Duration::from_secs(3_600), days(1));
    assert_eq!(within(days(2), days(2) + hour * 4), 200, "the sample alone\n{}", ended.equation());
    assert_eq!(within(days(2), days(3)), 1_000, "everybody\n{}", ended.equation());
    assert_eq!(within(days(4), days(4) + hour), 600, "at once\n{}", ended.equation());
    assert_eq!(ended.others[1].tally.count(DeliveryState::Accepted), 600);
    assert!(within(day, days(2)) == 0);
}
