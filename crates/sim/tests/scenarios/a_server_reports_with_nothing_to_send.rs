//! A service goes on when its campaigns are over. The day after, it sends what it owes by itself, signed.

use crate::secured::{SERVERS, people, policy};
use sim::ledger::{Arrival, Check};
use sim::scenario::Action;
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn a_server_reports_with_nothing_to_send() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let ended = people(&["ida@northmail.test"])
        .served()
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            internet.zone().add_txt("_smtp._tls.northmail.test", "v=TLSRPTv1; rua=mailto:tls@brightfield.test");
        })
        .then(hours(30), Action::Mail("Second news".to_owned()))
        .play();
    let reports: Vec<&Arrival> = ended.arrivals.iter().filter(|copy| copy.return_path.is_empty()).collect();
    assert_eq!(reports.len(), 1, "{:?}", ended.arrivals);
    assert!(reports[0].at.since(EPOCH) < hours(30), "while nothing was under way");
    assert_eq!((reports[0].checks.dkim, reports[0].checks.dmarc), (Check::Pass, Check::Pass));
}
