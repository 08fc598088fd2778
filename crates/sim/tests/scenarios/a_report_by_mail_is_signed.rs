//! A domain wants its reports by mail. It comes by itself, signed by the sending domain, and without an envelope sender.

use crate::secured::{SERVERS, people, policy};
use sim::ledger::{Arrival, Check};

#[test]
fn a_report_by_mail_is_signed() {
    let ended = people(&["ida@northmail.test", "ada.full@northmail.test"])
        .world(|internet| {
            internet.certify(&SERVERS);
            internet.publish_policy("northmail.test", "1", policy("enforce", &["*.northmail.test"]));
            internet.zone().add_txt("_smtp._tls.northmail.test", "v=TLSRPTv1; rua=mailto:tls@brightfield.test");
        })
        .play();
    let reports: Vec<&Arrival> = ended.arrivals.iter().filter(|copy| copy.return_path.is_empty()).collect();
    assert_eq!(reports.len(), 1, "{:?}", ended.arrivals);
    let report = reports[0];
    assert_eq!(report.recipient, "tls@brightfield.test");
    assert_eq!((report.checks.dkim, report.checks.dmarc), (Check::Pass, Check::Pass));
    assert_eq!(report.message_id, "2026-03-02.northmail.test@letters.example");
}
