//! Why somebody got a mailing or not, asked of a small ledger.

use super::*;
use crate::sample::tests::now;
use model::{Actor, CampaignKind, EventKind, ImportId};
use store::{Audience, ContactEdit, ImportRow, NewCampaign, NewImport, OpenOptions};

const W: WorkspaceId = WorkspaceId::FIRST;
const ME: Actor = Actor::Engine;

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000) + Duration::from_secs(s)
}

fn import(store: &Store, emails: &[&str]) -> ImportId {
    let row = |(email, line): (&&str, u64)| ImportRow::of(line, email);
    let columns = vec!["email".to_owned()];
    let new = NewImport { workspace: W, file_name: "people.csv".to_owned(), content_hash: [1; 32], columns };
    let import = now(store.begin_import(new, &ME, at(1))).unwrap().id;
    now(store.write_import_chunk(import, emails.iter().zip(1..).map(row).collect(), at(2))).unwrap();
    now(store.finish_import(import, &ME, at(3))).unwrap();
    import
}

fn campaign(store: &Store, name: &str, import: ImportId, when: u64) -> CampaignId {
    let new = NewCampaign {
        workspace: W,
        name: name.to_owned(),
        kind: CampaignKind::Broadcast,
        message: "{}".to_owned(),
        audience: Audience::imports([import]),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    };
    let campaign = now(store.create_campaign(new, &ME, at(when))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(when))).unwrap();
    campaign.id
}

fn asked(store: &Store, address: &str, campaign: Option<CampaignId>) -> Option<Why> {
    now(why(store, W, &Who::Address(EmailAddress::parse(address).unwrap()), campaign)).unwrap()
}

#[test]
fn a_stranger_is_not_made_up() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    assert_eq!(asked(&store, "nobody@a.example", None), None);
}

#[test]
fn of_two_contacts_with_one_address_the_one_who_was_mailed_is_told() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example", "Ann@A.example"]);
    campaign(&store, "news", import, 10);
    let told = asked(&store, "ANN@a.example", None).unwrap();
    assert_eq!(told.mailing.unwrap().stands, Stands::Queued { after_doubt: false });
    let twins: Vec<_> = told.others.iter().map(|other| other.reason).collect();
    assert_eq!(twins, [Some(SkipReason::DuplicateAddress)]);
}

#[test]
fn the_newest_mailing_is_told_unless_another_is_asked_for() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example"]);
    let first = campaign(&store, "first", import, 10);
    campaign(&store, "second", import, 20);
    let number = |why: &Why| why.mailing.as_ref().map(|told| told.campaign.number);
    let newest = asked(&store, "ann@a.example", None).unwrap();
    assert_eq!((number(&newest), newest.others.len()), (Some(2), 1));
    assert_eq!(number(&asked(&store, "ann@a.example", Some(first)).unwrap()), Some(1));
}

#[test]
fn an_address_given_up_still_tells_what_was_sent_to_it() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["old@a.example"]);
    campaign(&store, "news", import, 10);
    let ann = EmailAddress::parse("old@a.example").unwrap();
    let contact = now(store.contacts_by_address(W, &ann)).unwrap().remove(0).id;
    let edit = ContactEdit { email: Some("new@a.example".to_owned()), ..ContactEdit::default() };
    now(store.edit_contact(contact, edit, &ME, at(20))).unwrap();
    let told = asked(&store, "old@a.example", None).unwrap().mailing.unwrap();
    let edited = |step: &Step| matches!(step, Step::Event { event: EventKind::ContactEdited, .. });
    assert!(told.timeline.iter().any(edited), "{:?}", told.timeline);
    assert!(asked(&store, "new@a.example", None).unwrap().mailing.is_some());
}

#[test]
fn the_neighbours_tell_a_person_from_a_domain() {
    let of =
        |refused, accepted| Neighbours { attempted: refused + accepted, refused, accepted, ..Neighbours::default() };
    assert_eq!(of(1, 5).hint(), "looks like this person only");
    assert!(of(3, 0).hint().contains("the domain as a whole"));
    assert!(of(4, 1).hint().contains("or its filter"));
    assert!(of(3, 90).hint().contains("not the domain"));
    assert_eq!(of(1, 0).hint(), "too few to tell");
    assert!(of(0, 0).hint().contains("yet"));
}

#[test]
fn whoever_was_taken_out_is_told_by_whom_and_why_it_went_on() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example", "bob@a.example"]);
    let id = campaign(&store, "news", import, 10);
    let anna = Actor::CommandLine("anna".to_owned());
    let state = |to, why: Option<&str>, when| {
        now(store.set_campaign_state(id, to, why.map(str::to_owned), &anna, at(when))).unwrap();
    };
    state(CampaignState::Sending, None, 20);
    state(CampaignState::Paused, None, 30);
    let keys = ["bob@a.example".to_owned()].into_iter().collect();
    now(store.leave_out(id, store::LeftOut::People(std::sync::Arc::new(keys)), &[], &anna, at(40))).unwrap();
    state(CampaignState::Sending, Some("resumed because: round 1"), 41);
    let told = asked(&store, "bob@a.example", None).unwrap().mailing.unwrap();
    assert_eq!(told.meaning, TAKEN_OUT);
    let events: Vec<_> = told
        .timeline
        .iter()
        .filter_map(|step| match step {
            Step::Event { event, by, detail, .. } => Some((*event, by.as_str(), detail.as_deref())),
            Step::Added { .. } | Step::Try(_) | Step::Suppressed { .. } => None,
        })
        .collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(
        events[0],
        (EventKind::Skipped, "cli:anna", Some("taken out of the campaign")),
        "of them, not of the group"
    );
    assert!(events[1].0 == EventKind::Resumed && events[1].2.unwrap().contains("round 1"), "{events:?}");
    let other = asked(&store, "ann@a.example", None).unwrap().mailing.unwrap();
    assert!(other.timeline.iter().all(|step| !matches!(step, Step::Event { .. })));
}

#[test]
fn what_is_settled_without_a_try_is_none() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example"]);
    let id = campaign(&store, "news", import, 10);
    now(store.set_campaign_state(id, CampaignState::Sending, None, &ME, at(20))).unwrap();
    let told = || asked(&store, "ann@a.example", None).unwrap().mailing.unwrap();
    let delivery = told().delivery.parse().unwrap();
    let site = now(store.site_id("mx.a.example", None, at(20))).unwrap();
    let attempt = |number, reply: Option<&str>, note: Option<&str>| Attempt {
        delivery,
        number,
        started_at: at(20 + u64::from(number)),
        duration_ms: 5,
        verdict: model::Verdict {
            outcome: Outcome::Deferred,
            category: Category::ReceiverError,
            scope: Scope::Site,
            stage: model::Stage::Greeting,
            rule: "reply-421".into(),
            retry_after: None,
        },
        reply: reply.map(|text| model::Reply::new(421, text)),
        note: note.map(str::to_owned),
        host: reply.map(|_| "mx.a.example".to_owned()),
        address: None,
        tls: None,
        reached_receiver: reply.is_some(),
    };
    let settle = |to, due, attempt| {
        let claimed = now(store.claim_one(delivery)).unwrap().unwrap();
        let settlement = store::Settlement::of(&claimed, to, at(40));
        let settlement =
            store::Settlement { attempt: Some(attempt), charge: false, due, site: Some(site), ..settlement };
        now(store.settle(vec![settlement])).unwrap();
    };
    settle(DeliveryState::Deferred, Some((site, at(60))), attempt(1, Some("busy"), None));
    let Stands::Waiting { next_try, tries_max, .. } = told().stands else { panic!("{:?}", told().stands) };
    let scheduled = u16::try_from(Schedule::shipped().tries()).unwrap();
    assert_eq!((next_try, tries_max), (2, scheduled + 1), "the first was none of theirs");
    settle(DeliveryState::Soft, None, attempt(2, None, Some(crate::scheduler::NEVER_LET_IN)));
    let ended = told();
    assert!(matches!(ended.stands, Stands::Ended { tries: 1, .. }), "{:?}", ended.stands);
    let numbers: Vec<Option<u16>> = ended
        .timeline
        .iter()
        .filter_map(|step| match step {
            Step::Try(one) => Some(one.number),
            Step::Added { .. } | Step::Suppressed { .. } | Step::Event { .. } => None,
        })
        .collect();
    assert_eq!(numbers, [Some(1), None]);
}

#[test]
fn whoever_is_sent_to_again_after_a_doubt_may_have_a_copy() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example"]);
    let id = campaign(&store, "news", import, 10);
    now(store.set_campaign_state(id, CampaignState::Sending, None, &ME, at(20))).unwrap();
    let first = asked(&store, "ann@a.example", None).unwrap().mailing.unwrap();
    assert_eq!(first.stands, Stands::Queued { after_doubt: false });
    let delivery = first.delivery.parse().unwrap();
    let claimed = now(store.claim_one(delivery)).unwrap().unwrap();
    let verdict = model::Verdict {
        outcome: Outcome::InDoubt,
        category: Category::LostReply,
        scope: Scope::Recipient,
        stage: model::Stage::Final,
        rule: "reply-lost".into(),
        retry_after: None,
    };
    let attempt = Attempt {
        delivery,
        number: 1,
        started_at: at(30),
        duration_ms: 5,
        verdict,
        reply: None,
        note: None,
        host: Some("mx.a.example".to_owned()),
        address: None,
        tls: None,
        reached_receiver: true,
    };
    let lost = store::Settlement::of(&claimed, DeliveryState::InDoubt, at(30));
    now(store.settle(vec![store::Settlement { attempt: Some(attempt), charge: true, ..lost }])).unwrap();
    now(store.resend_in_doubt(id, None, &ME, at(40))).unwrap();
    let again = asked(&store, "ann@a.example", None).unwrap().mailing.unwrap();
    assert_eq!(again.stands, Stands::Queued { after_doubt: true });
}

#[test]
fn of_whoever_is_skipped_when_the_turn_comes_no_try_is_promised() {
    let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
    let import = import(&store, &["ann@a.example", "bob@a.example"]);
    let id = campaign(&store, "news", import, 10);
    now(store.set_campaign_state(id, CampaignState::Sending, None, &ME, at(20))).unwrap();
    let hold = store::NewHold {
        workspace: W,
        campaign: Some(id),
        provider: None,
        domain: None,
        source: None,
        cold_only: false,
        until: None,
        why: "a look at the figures".to_owned(),
    };
    now(store.place_hold(hold, &ME, at(21))).unwrap();
    let by_hand = store::Target::Address("ann@a.example".to_owned());
    now(store.suppress(W, by_hand, SuppressionReason::Manual, None, &ME, at(22))).unwrap();
    let known = now(store.campaign(id)).unwrap().unwrap();
    let told = |address: &str| {
        let mut told = asked(&store, address, None).unwrap().mailing.unwrap();
        let row = now(store.delivery(told.delivery.parse().unwrap())).unwrap().unwrap();
        now(told.tell_of_what_comes(&store, &known, &row, at(30))).unwrap();
        now(told.advise_of_holds(&store, &known, row.delivery, at(30))).unwrap();
        told
    };
    let ann = told("ann@a.example");
    assert_eq!((ann.skipped_then, ann.done), (Some(SkipReason::SuppressedByHand), NOT_TRIED_THEN));
    let commands: Vec<_> = ann.advice.iter().map(|one| one.command.as_deref().unwrap_or_default()).collect();
    assert!(matches!(commands[..], [only] if only.starts_with("suppress lift ")), "{commands:?}");
    let bob = told("bob@a.example");
    assert_eq!((bob.skipped_then, bob.advice.len()), (None, 1));
    assert!(bob.advice[0].command.as_deref().is_some_and(|one| one.starts_with("hold lift ")), "{:?}", bob.advice);
}
