//! People who call a message spam, and a provider that tells the sender so without naming them.

use super::{PAGE, Process, actor};
use engine::complaints::{Claim, Done};
use engine::returned::find;
use mail::complaint::read;
use mail::token::{KeyRing, Purpose};
use model::{DeliveryId, DeliveryState};

impl Process<'_> {
    /// The first of those at a domain who have the message complain, each in a report of its own. Every report comes twice,
    /// as it does from some loops.
    pub(super) async fn complain(&self, domain: &str, people: usize) {
        let first = self.first().await;
        let rows = self.store.deliveries(first, DeliveryState::Accepted, None, PAGE).await.expect("readable");
        let there = |email: &str| email.rsplit('@').next() == Some(domain);
        let who: Vec<DeliveryId> = rows
            .iter()
            .filter(|row| row.email.as_deref().is_some_and(there))
            .map(|row| row.delivery)
            .take(people)
            .collect();
        assert_eq!(who.len(), people, "so many have the message by now");
        let ring = self.store.secrets().get("tokens").expect("something was sent");
        let ring: KeyRing = serde_json::from_slice(&ring).expect("a key ring");
        for delivery in who {
            let report = read(report(&ring, delivery).as_bytes()).expect("a report");
            for done in [Done::Complained, Done::Repeated] {
                let found = find(&self.store, &report.traces, &report.recipients)
                    .await
                    .expect("the ledger can be read")
                    .expect("a message of ours");
                let claim =
                    Claim { delivery: found, kind: report.kind, workspace: None, at: None, how: "feedback_report" };
                let settled = self.handle().complained(&claim, &actor()).await.expect("written").expect("is known");
                assert_eq!((settled.done, found), (done, delivery));
            }
        }
    }
}

/// A report with the header fields alone, and nobody's name.
fn report(ring: &KeyRing, delivery: DeliveryId) -> String {
    let token = ring.seal(Purpose::Unsubscribe, delivery);
    format!(
        "From: feedback@arf.yonder.test\r\nTo: fbl@bounces.sender.test\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\n\
         Feedback-Type: abuse\r\nUser-Agent: Yonder-Feedback/1.0\r\nVersion: 1\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         To: redacted\r\nList-Unsubscribe: <https://post.sender.test/u/{token}>\r\n\r\n--b--\r\n"
    )
}
