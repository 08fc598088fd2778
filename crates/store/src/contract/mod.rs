//! The contract: what every ledger behind the handle keeps, written against the handle alone.
//!
//! The ledger under test comes from [`empty`] alone: there another backend is put under the same promises. Two files
//! are about ours only: `place` (directories, owners, copies) and `crash` (what a killed process leaves on disk).

mod access;
mod alerts;
mod audience;
mod confirm;
mod counts;
mod crash;
mod doubt;
mod drafts;
mod engage;
mod images;
mod import;
mod journey;
mod lists;
mod messages;
mod order;
mod origins;
mod people;
mod persons;
mod place;
mod reactions;
mod revenue;
mod seeking;
mod segments;
mod sequences;
mod standing;
mod sums;
mod sunsets;
mod trials;
mod watches;
mod ways;
mod webhooks;

use crate::settlement::Settlement;
use crate::sqlite::Ledger;
use crate::sqlite::lists::Given;
use crate::{
    Audience, Campaign, Claimed, ImportRow, LeftOut, NewCampaign, NewImport, OpenOptions, Part, RowFate, Store,
};
use model::{
    Actor, Attempt, CampaignId, CampaignKind, CampaignState, Category, DeliveryState, EmailAddress, ImportId, Outcome,
    Reply, Scope, SiteId, Stage, Timestamp, TlsVersion, Verdict, WorkspaceId,
};
use std::time::Duration;

pub(crate) const W: WorkspaceId = WorkspaceId::FIRST;
pub(crate) const ME: Actor = Actor::Engine;

/// 2026-01-01 and `s` seconds.
pub(crate) fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000) + Duration::from_secs(s)
}

/// Runs a future of a ledger that works on the calling thread: it never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("an inline ledger never waits"),
    }
}

/// The ledger under test: empty, and at work on the calling thread.
pub(crate) fn empty() -> Store {
    Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap()
}

pub(crate) fn row(line: u64, email: &str) -> ImportRow {
    ImportRow { attributes: format!(r#"{{"name":"person {line}"}}"#), ..ImportRow::of(line, email) }
}

/// What happens to people by other ways than a verb of its own.
impl Store {
    /// Somebody confirms that they want to be on a list, by whatever link. `false`: they are not on it.
    pub(crate) async fn confirm_member(
        &self,
        workspace: WorkspaceId,
        id: model::ListId,
        contact: model::ContactId,
        consent: crate::Consent,
        now: Timestamp,
    ) -> crate::Result<bool> {
        let confirm = move |ledger: &mut Ledger| {
            let given = Given { consent: &consent, said: None };
            ledger.confirm_membership(workspace, id, contact, given, now)
        };
        self.core.lanes.write(confirm).await
    }

    /// People take notice: a click, a reply, an event of their own.
    pub(crate) async fn note_engagement(&self, when: Vec<(model::ContactId, Timestamp)>) -> crate::Result<()> {
        self.core.lanes.write(move |ledger| ledger.note_engagement(&when)).await
    }
}

pub(crate) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub(crate) fn new_import(tag: u8) -> NewImport {
    let columns = vec!["email".to_owned(), "name".to_owned()];
    NewImport { workspace: W, file_name: "people.csv".to_owned(), content_hash: [tag; 32], columns }
}

pub(crate) fn import_rows(store: &Store, tag: u8, rows: Vec<ImportRow>) -> (ImportId, Vec<RowFate>) {
    let import = now(store.begin_import(new_import(tag), &ME, at(1))).unwrap();
    let fates = now(store.write_import_chunk(import.id, rows, at(2))).unwrap();
    now(store.finish_import(import.id, &ME, at(3))).unwrap();
    (import.id, fates)
}

pub(crate) fn import(store: &Store, tag: u8, emails: &[&str]) -> ImportId {
    import_rows(store, tag, emails.iter().zip(1..).map(|(email, line)| row(line, email)).collect()).0
}

pub(crate) fn new_campaign(name: &str, imports: Vec<ImportId>) -> NewCampaign {
    NewCampaign {
        workspace: W,
        name: name.to_owned(),
        kind: CampaignKind::Broadcast,
        message: "{}".to_owned(),
        audience: Audience::imports(imports),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    }
}

/// A campaign to an import, built and sending.
pub(crate) fn sending(store: &Store, name: &str, import: ImportId) -> Campaign {
    let campaign = now(store.create_campaign(new_campaign(name, vec![import]), &ME, at(10))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(12))).unwrap()
}

/// Everything queued, in head order.
pub(crate) fn claims(store: &Store, campaign: CampaignId) -> Vec<Claimed> {
    let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
    let heads = now(store.unresolved_heads(campaign, None, 10_000, Part::All)).unwrap();
    now(store.assign_site(heads.iter().map(|head| (head.id, site)).collect())).unwrap();
    let heads = now(store.heads_of_site(campaign, site, None, 10_000, Part::All)).unwrap();
    heads.iter().flat_map(|head| now(store.read_window(head, None, 100_000, Part::All)).unwrap()).collect()
}

pub(crate) fn verdict(outcome: Outcome, category: Category, stage: Stage) -> Verdict {
    Verdict { outcome, category, scope: Scope::Recipient, stage, rule: "reply-test".into(), retry_after: None }
}

pub(crate) fn attempt(claimed: &Claimed, verdict: Verdict, reply: Option<Reply>, at: Timestamp) -> Attempt {
    Attempt {
        delivery: claimed.delivery,
        number: claimed.attempts + 1,
        started_at: at,
        duration_ms: 412,
        verdict,
        reply,
        note: None,
        host: Some("mx1.example.org".to_owned()),
        address: Some("192.0.2.25".parse().unwrap()),
        tls: Some(TlsVersion::V13),
        reached_receiver: true,
    }
}

pub(crate) fn accepted(claimed: &Claimed, when: Timestamp) -> Settlement {
    let text = format!("Ok: queued as 4Zq{:x}", claimed.delivery.0 & 0xffff_ffff);
    let attempt = attempt(claimed, Verdict::accepted(), Some(Reply::new(250, &text)), when);
    Settlement { attempt: Some(attempt), ..Settlement::of(claimed, DeliveryState::Accepted, when) }
}

pub(crate) fn refused(claimed: &Claimed, when: Timestamp) -> Settlement {
    let verdict = verdict(Outcome::Hard, Category::UnknownRecipient, Stage::Rcpt);
    let reply = Reply::new(550, &format!("5.1.1 <{}>: no such user here", claimed.rcpt));
    let attempt = attempt(claimed, verdict, Some(reply), when);
    Settlement {
        attempt: Some(attempt),
        suppress: Some(model::SuppressionReason::HardBounced),
        provider: Some("example".to_owned()),
        ..Settlement::of(claimed, DeliveryState::Hard, when)
    }
}

pub(crate) fn deferred(claimed: &Claimed, site: SiteId, when: Timestamp, due: Timestamp) -> Settlement {
    let verdict = verdict(Outcome::Deferred, Category::Greylisted, Stage::Rcpt);
    let attempt = attempt(claimed, verdict, Some(Reply::new(451, "4.7.1 Greylisted, try again in 300 seconds")), when);
    Settlement {
        attempt: Some(attempt),
        due: Some((site, due)),
        ..Settlement::of(claimed, DeliveryState::Deferred, when)
    }
}

pub(crate) fn in_doubt(claimed: &Claimed, when: Timestamp) -> Settlement {
    let attempt = attempt(claimed, verdict(Outcome::InDoubt, Category::LostReply, Stage::Final), None, when);
    Settlement { attempt: Some(attempt), ..Settlement::of(claimed, DeliveryState::InDoubt, when) }
}

/// The counters say what counting rows says.
pub(crate) fn assert_adds_up(store: &Store, campaign: CampaignId) {
    let tally = now(store.tally(campaign)).unwrap();
    assert_eq!(tally, now(store.recount(campaign)).unwrap());
    let skipped: u64 = tally.by_skip_reason.values().sum();
    assert_eq!(skipped, tally.count(DeliveryState::Skipped));
    let [kept, counted] = now(store.waiting_twice(campaign)).unwrap();
    assert_eq!(kept, counted, "who waits where");
}
