//! A ledger in memory with one campaign in which each kind of thing has happened to somebody: for the tests of what is
//! shown. Everything goes through the ledger's own verbs, so what a test shows can also happen.

use super::Style;
use jiff::tz::TimeZone;
use model::{
    Actor, Attempt, CampaignId, CampaignKind, CampaignState, Category, DeliveryState, EmailAddress, ErrorCause,
    Outcome, Reply, Scope, Stage, SuppressionReason, Timestamp, TlsVersion, Verdict, WorkspaceId,
};
use std::time::Duration;
use store::{Audience, ContactChange, ImportRow, NewCampaign, NewImport, OpenOptions, Settlement, Store, Target};

pub(crate) const W: WorkspaceId = WorkspaceId::FIRST;
const ME: Actor = Actor::Engine;

const PEOPLE: [&str; 13] = [
    "kim.left@harbour-bank.test",
    "ann@harbour-bank.test",
    "bob@harbour-bank.test",
    "cid@harbour-bank.test",
    "dot@harbour-bank.test",
    "eva@harbour-bank.test",
    "ada.full@northmail.test",
    "wes.wait@slow-office.test",
    "uma.gone@northmail.test",
    "ANN@harbour-bank.test",
    "ira.listed@lookmail.test",
    "joe.lost@dropper.test",
    "",
];

/// Monday, 16 November 2026, 09:00 in Central Europe, and `s` seconds.
pub(crate) fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_794_816_000_000) + Duration::from_secs(s)
}

/// A reader in Central Europe, at `now`.
pub(crate) fn style(now: Timestamp, width: usize) -> Style {
    Style::plain(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(), now, width)
}

/// An in-memory ledger works on the calling thread, so its futures never wait.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("an inline ledger never waits"),
    }
}

/// The ledger, and its campaign "Spring news".
pub(crate) fn ledger() -> (Store, CampaignId) {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let campaign = built(&store);
    for (name, seconds) in [("ann", 40), ("bob", 42), ("cid", 43), ("dot", 44)] {
        accept(&store, &format!("{name}@harbour-bank.test"), seconds);
    }
    put_off(&store, "eva@harbour-bank.test", 41, 341);
    accept(&store, "eva@harbour-bank.test", 345);
    bounce(&store);
    stay_full(&store);
    wait(&store);
    refuse(&store);
    lose(&store);
    (store, campaign)
}

fn built(store: &Store) -> CampaignId {
    let row = |(email, line): (&&str, u64)| ImportRow::of(line, email);
    let columns = vec!["email".to_owned()];
    let new = NewImport { workspace: W, file_name: "people.csv".to_owned(), content_hash: [1; 32], columns };
    let import = now(store.begin_import(new, &ME, at(0))).unwrap().id;
    now(store.write_import_chunk(import, PEOPLE.iter().zip(1..).map(row).collect(), at(0))).unwrap();
    now(store.finish_import(import, &ME, at(0))).unwrap();
    let uma = Target::Address("uma.gone@northmail.test".to_owned());
    now(store.suppress(W, uma, SuppressionReason::Unsubscribed, None, &Actor::Recipient, at(1))).unwrap();
    let new = NewCampaign {
        workspace: W,
        name: "Spring news".to_owned(),
        kind: CampaignKind::Broadcast,
        message: "{}".to_owned(),
        audience: Audience::imports([import]),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    };
    let campaign = now(store.create_campaign(new, &ME, at(1))).unwrap().id;
    now(store.build_campaign(campaign, &ME, at(2))).unwrap();
    now(store.set_campaign_state(campaign, CampaignState::Sending, None, &ME, at(3))).unwrap();
    now(store.set_campaign_state(campaign, CampaignState::Retrying, None, &ME, at(4))).unwrap();
    campaign
}

/// One try: everything that differs between the stories below.
struct Story<'a> {
    whom: &'a str,
    seconds: u64,
    outcome: Outcome,
    category: Category,
    scope: Scope,
    stage: Stage,
    rule: &'static str,
    reply: Option<(u16, &'a str)>,
    host: &'a str,
    to: DeliveryState,
    due: Option<u64>,
}

impl Default for Story<'_> {
    fn default() -> Self {
        Story {
            whom: "",
            seconds: 0,
            outcome: Outcome::Deferred,
            category: Category::Greylisted,
            scope: Scope::Recipient,
            stage: Stage::Rcpt,
            rule: "greylisted",
            reply: None,
            host: "mx1.harbour-bank.test",
            to: DeliveryState::Deferred,
            due: None,
        }
    }
}

/// Settles one try, as `more` adds to it.
fn tell(store: &Store, story: Story<'_>, more: impl FnOnce(Settlement) -> Settlement) {
    let address = EmailAddress::parse(story.whom).unwrap();
    let contacts = now(store.contacts_by_address(W, &address)).unwrap();
    let mailed = contacts.iter().flat_map(|contact| now(store.timeline(contact.id, 9)).unwrap());
    let mailed = mailed.map(|entry| entry.delivery).find(|row| row.state != DeliveryState::Skipped).unwrap();
    let claimed = now(store.claim_one(mailed.delivery)).unwrap().unwrap();
    let site = now(store.site_id(story.host, None, at(0))).unwrap();
    let attempt = Attempt {
        delivery: claimed.delivery,
        number: claimed.attempts + 1,
        started_at: at(story.seconds),
        duration_ms: 412,
        verdict: Verdict {
            outcome: story.outcome,
            category: story.category,
            scope: story.scope,
            stage: story.stage,
            rule: story.rule.into(),
            retry_after: None,
        },
        reply: story.reply.map(|(code, text)| Reply::new(code, text)),
        note: story.reply.is_none().then(|| "no final reply: the server closed the connection".to_owned()),
        host: Some(story.host.to_owned()),
        address: Some("192.0.2.25".parse().unwrap()),
        tls: Some(TlsVersion::V13),
        reached_receiver: true,
    };
    let settlement = Settlement {
        attempt: Some(attempt),
        site: Some(site),
        due: story.due.map(|seconds| (site, at(seconds))),
        transcript: Some("< 220 mx1 ready\n> RCPT TO:<…>\n".to_owned()),
        ..Settlement::of(&claimed, story.to, at(story.seconds))
    };
    let settled = now(store.settle(vec![more(settlement)])).unwrap();
    assert_eq!(settled.refused, []);
}

fn accept(store: &Store, whom: &str, seconds: u64) {
    let reply = Some((250, "2.0.0 Ok: queued as 4Zq7"));
    let (outcome, category, to) = (Outcome::Accepted, Category::Delivered, DeliveryState::Accepted);
    let story = Story {
        whom,
        seconds,
        outcome,
        category,
        stage: Stage::Final,
        rule: "reply-2xx",
        reply,
        to,
        ..Story::default()
    };
    tell(store, story, |settlement| Settlement { transcript: None, ..settlement });
}

fn put_off(store: &Store, whom: &str, seconds: u64, due: u64) {
    let reply = Some((451, "4.7.1 Greylisted, try again in 300 seconds"));
    tell(store, Story { whom, seconds, reply, due: Some(due), ..Story::default() }, |settlement| settlement);
}

/// Put off twice, then refused for good by the second server.
fn bounce(store: &Store) {
    let whom = "kim.left@harbour-bank.test";
    put_off(store, whom, 41, 341);
    let busy = Story {
        whom,
        seconds: 344,
        category: Category::ReceiverError,
        rule: "enhanced-4.3.2",
        reply: Some((450, "4.3.2 System not accepting messages")),
        due: Some(1_244),
        ..Story::default()
    };
    tell(store, busy, |settlement| settlement);
    let gone = Story {
        whom,
        seconds: 1_251,
        outcome: Outcome::Hard,
        category: Category::UnknownRecipient,
        rule: "enhanced-5.1.1",
        reply: Some((550, "5.1.1 No such user here")),
        host: "mx2.harbour-bank.test",
        to: DeliveryState::Hard,
        ..Story::default()
    };
    tell(store, gone, |settlement| Settlement {
        suppress: Some(SuppressionReason::HardBounced),
        change: Some(ContactChange { error: Some(ErrorCause::HardBounced), ..ContactChange::default() }),
        ..settlement
    });
}

/// A mailbox that is full for the whole window.
fn stay_full(store: &Store) {
    let minutes = [0, 5, 20, 60, 120, 240, 480, 720, 1_080, 1_440, 1_785];
    for (index, start) in minutes.iter().enumerate() {
        let next = minutes.get(index + 1).map(|minutes| 45 + minutes * 60);
        let story = Story {
            whom: "ada.full@northmail.test",
            seconds: 45 + start * 60,
            category: Category::MailboxFull,
            rule: "mailbox-full",
            reply: Some((452, "4.2.2 The mailbox is over its quota")),
            host: "mx.northmail.test",
            to: if next.is_some() { DeliveryState::Deferred } else { DeliveryState::Soft },
            due: next,
            ..Story::default()
        };
        let change = ContactChange { soft: Some((2, Some(at(0)))), ..ContactChange::default() };
        let change = next.is_none().then_some(change);
        tell(store, story, |settlement| Settlement { change, ..settlement });
    }
}

fn wait(store: &Store) {
    for (seconds, due) in [(50, 350), (352, 1_252), (1_255, 3_655)] {
        let story = Story {
            whom: "wes.wait@slow-office.test",
            seconds,
            reply: Some((451, "4.7.1 Please come back later")),
            host: "mx.slow-office.test",
            due: Some(due),
            ..Story::default()
        };
        tell(store, story, |settlement| settlement);
    }
}

fn refuse(store: &Store) {
    let story = Story {
        whom: "ira.listed@lookmail.test",
        seconds: 60,
        outcome: Outcome::Blocked,
        category: Category::IpReputation,
        rule: "enhanced-5.7.1",
        reply: Some((550, "5.7.1 Messages from your address are not accepted")),
        host: "mx.lookmail.test",
        to: DeliveryState::Blocked,
        ..Story::default()
    };
    tell(store, story, |settlement| Settlement { provider: Some("microsoft".to_owned()), ..settlement });
}

fn lose(store: &Store) {
    let story = Story {
        whom: "joe.lost@dropper.test",
        seconds: 70,
        outcome: Outcome::InDoubt,
        category: Category::LostReply,
        stage: Stage::Final,
        rule: "lost-reply",
        host: "mx.dropper.test",
        to: DeliveryState::InDoubt,
        ..Story::default()
    };
    tell(store, story, |settlement| settlement);
}
