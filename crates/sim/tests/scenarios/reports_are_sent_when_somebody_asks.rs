//! The last campaign was over long before its day was. Nothing is at work when the report of that day is due; the next
//! morning somebody asks for it. It comes once, signed with the key of the sending domain.

use crate::secured::{SERVERS, people, policy};
use sim::ledger::{Arrival, Check};
use sim::scenario::Action;
use std::time::Duration;

#[test]
fn reports_are_sent_when_somebody_asks() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let ended = people(&["ida@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            internet.zone().add_txt("_smtp._tls.northmail.test", "v=TLSRPTv1; rua=mailto:tls@brightfield.test");
        })
        .then(hours(20), Action::SendReports)
        .then(hours(30), Action::SendReports)
        .then(hours(31), Action::SendReports)
        .play();
    let reports: Vec<&Arrival> = ended.arrivals.iter().filter(|copy| copy.return_path.is_empty()).collect();
    assert_eq!(reports.len(), 1, "{:?}", ended.arrivals);
    assert_eq!((reports[0].checks.dkim, reports[0].checks.dmarc), (Check::Pass, Check::Pass));
    assert_eq!(reports[0].message_id, "2026-03-02.northmail.test@letters.example");
}
