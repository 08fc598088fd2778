//! People: addresses corrected, suppressed, lifted, forgotten; what mailings left on them.

use super::*;
use crate::contact::ContactChange;
use crate::{ContactEdit, LiftFilter, RestoreFilter, RestoreGroup, RestorePreview, StoreError, Target};
use model::{ContactStatus, ErrorCause, EventKind, SkipReason, SuppressionReason};

fn contact(store: &Store, email: &str) -> crate::Contact {
    now(store.contacts_by_address(W, &address(email))).unwrap().remove(0)
}

#[test]
fn correcting_the_address_frees_the_contact_and_keeps_the_old_one_suppressed() {
    let store = empty();
    let id = import(&store, 1, &["kim@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id).remove(0);
    let change = ContactChange { error: Some(ErrorCause::HardBounced), ..ContactChange::default() };
    now(store.settle(vec![Settlement { change: Some(change), ..refused(&claimed, at(30)) }])).unwrap();
    let kim = contact(&store, "kim@a.example");
    assert_eq!((kim.status, kim.error), (ContactStatus::Error, Some(ErrorCause::HardBounced)));
    let edit = ContactEdit { email: Some("kim@new.example".to_owned()), ..ContactEdit::default() };
    let edited = now(store.edit_contact(kim.id, edit, &Actor::CommandLine("anna".to_owned()), at(40))).unwrap();
    assert_eq!((edited.status, edited.suppressions.len()), (ContactStatus::Active, 0));
    assert_eq!(now(store.suppressions_of(W, &address("KIM@a.example"))).unwrap().len(), 1);
    let next = sending(&store, "next", id);
    assert_eq!(claims(&store, next.id)[0].rcpt, "kim@new.example");
    let data = now(store.person(kim.id)).unwrap().unwrap();
    assert_eq!(data.mailings.len(), 2);
    assert!(data.events.iter().any(|event| event.actor == "cli:anna"));
}

#[test]
fn what_a_person_asked_for_goes_along_to_a_new_address() {
    use SuppressionReason::{Complained, Manual, Unsubscribed};
    let store = empty();
    let with_key = |line: u64, email: &str| ImportRow { external_id: Some(line.to_string()), ..row(line, email) };
    let emails = ["1@a.example", "2@a.example", "3@a.example"];
    let (id, _) = import_rows(&store, 1, emails.iter().zip(1..).map(|(email, line)| with_key(line, email)).collect());
    for (email, reason) in emails.into_iter().zip([Unsubscribed, Complained, Manual]) {
        now(store.suppress(W, Target::Address(email.to_owned()), reason, Some("why".to_owned()), &ME, at(4))).unwrap();
    }
    let edited = |from: &str, to: &str| {
        let edit = ContactEdit { email: Some(to.to_owned()), ..ContactEdit::default() };
        now(store.edit_contact(contact(&store, from).id, edit, &ME, at(9))).unwrap()
    };
    let left = edited("1@a.example", "1+x@b.example");
    assert_eq!(left.status, ContactStatus::OptedOut);
    let kept = &left.suppressions[0];
    assert_eq!((kept.reason, kept.at, kept.note.as_deref()), (Unsubscribed, at(4), Some("why")));
    assert_eq!(edited("1+x@b.example", "1@c.example").status, ContactStatus::OptedOut, "and on to the next");
    assert_eq!(edited("3@a.example", "3@b.example").status, ContactStatus::Active, "by hand, an address is meant");
    // A file that brings a new address by the key does no more.
    import_rows(&store, 2, vec![with_key(2, "2@b.example")]);
    let complained = contact(&store, "2@b.example");
    assert_eq!((complained.status, complained.suppressions.len()), (ContactStatus::OptedOut, 1));
    let next = sending(&store, "next", id);
    let rcpt: Vec<String> = claims(&store, next.id).into_iter().map(|claimed| claimed.rcpt).collect();
    assert_eq!(rcpt, ["3@b.example"]);
}

#[test]
fn an_address_somebody_else_has_is_not_taken() {
    let store = empty();
    import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let edit = |email: &str| ContactEdit { email: Some(email.to_owned()), ..ContactEdit::default() };
    let kim = contact(&store, "kim@a.example").id;
    let taken = now(store.edit_contact(kim, edit("Bob@A.example"), &ME, at(5)));
    assert!(matches!(taken, Err(StoreError::Exists { what: "contact", .. })), "{taken:?}");
    assert_eq!(
        now(store.edit_contact(kim, edit("Kim@a.example"), &ME, at(6))).unwrap().email.unwrap(),
        "Kim@a.example"
    );
}

#[test]
fn whoever_is_forgotten_is_forgotten_under_every_address_they_had() {
    let store = empty();
    import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let edit = |who, email: &str, when| {
        let edit = ContactEdit { email: Some(email.to_owned()), ..ContactEdit::default() };
        now(store.edit_contact(who, edit, &ME, at(when))).unwrap();
    };
    let (kim, bob) = (contact(&store, "kim@a.example").id, contact(&store, "bob@a.example").id);
    edit(kim, "kim@b.example", 5);
    edit(kim, "kim@c.example", 6);
    edit(bob, "kim@b.example", 7);
    now(store.forget(W, &address("kim@c.example"), &ME, at(8))).unwrap();
    let why = |email: &str| {
        let found = now(store.suppressions_of(W, &address(email))).unwrap();
        found.into_iter().map(|one| one.reason).collect::<Vec<_>>()
    };
    let forgotten = [SuppressionReason::Forgotten];
    assert_eq!((&why("kim@a.example")[..], &why("kim@c.example")[..]), (&forgotten[..], &forgotten[..]));
    assert_eq!(why("kim@b.example"), [], "it is somebody else's now");
    assert_eq!(contact(&store, "kim@b.example").id, bob);
    let (_, fates) = import_rows(&store, 2, vec![row(1, "kim@a.example")]);
    assert_eq!(fates, [RowFate::Forgotten]);
}

#[test]
fn what_a_person_asked_for_no_operator_lifts() {
    let store = empty();
    for (email, reason) in [("a@a.example", SuppressionReason::Complained), ("b@a.example", SuppressionReason::Manual)]
    {
        now(store.suppress(W, Target::Address(email.to_owned()), reason, Some("said so".to_owned()), &ME, at(1)))
            .unwrap();
    }
    let lift = |email: &str, why: &str| now(store.unsuppress(W, Target::Address(email.to_owned()), why, &ME, at(2)));
    assert!(matches!(lift("a@a.example", "please"), Err(StoreError::Refused(_))));
    assert!(matches!(lift("b@a.example", " "), Err(StoreError::Refused(_))));
    assert_eq!(lift("b@a.example", "typed by mistake").unwrap(), 1);
    let left = now(store.suppressions(W, None, 10)).unwrap();
    assert_eq!((left.len(), left[0].shown.as_deref()), (1, Some("a@a.example")));
}

#[test]
fn the_list_is_read_in_pages() {
    let store = empty();
    for n in 0..25 {
        let target = if n % 5 == 0 {
            Target::Domain(format!("d{n}.example"))
        } else {
            Target::Address(format!("p{n}@a.example"))
        };
        now(store.suppress(W, target, SuppressionReason::Manual, None, &ME, at(1))).unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = now(store.suppressions(W, after, 4)).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.hash.clone());
        seen.extend(page.into_iter().filter_map(|entry| entry.shown));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[test]
fn the_list_is_read_newest_first_and_nothing_is_left_out_between_pages() {
    let store = empty();
    let suppress = |target, reason, when| now(store.suppress(W, target, reason, None, &ME, at(when))).unwrap();
    for n in 0..12 {
        // Several of one time, some of them one address for two reasons.
        let when = n / 4;
        suppress(Target::Address(format!("p{n}@a.example")), SuppressionReason::Manual, when);
        if n % 3 == 0 {
            suppress(Target::Address(format!("p{n}@a.example")), SuppressionReason::Complained, when);
            suppress(Target::Domain(format!("d{n}.example")), SuppressionReason::Manual, when);
            suppress(Target::Domain(format!("d{n}.example")), SuppressionReason::DomainRefusesMail, when);
        }
    }
    let paged = |reason: Option<SuppressionReason>, limit: usize| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = now(store.suppressions_newest(W, reason, after, limit)).unwrap();
            let Some((last, _)) = page.last() else { return seen };
            after = Some(last.to_string().parse().unwrap());
            seen.extend(page.into_iter().map(|(_, entry)| entry));
        }
    };
    for reason in SuppressionReason::ALL.iter().map(|reason| Some(*reason)).chain([None]) {
        let mut all = match reason {
            Some(reason) => now(store.suppressions_for(W, reason, None, 99)).unwrap(),
            None => now(store.suppressions(W, None, 99)).unwrap(),
        };
        for limit in [1, 3, 5, 99] {
            let mut seen = paged(reason, limit);
            assert!(seen.is_sorted_by_key(|entry| std::cmp::Reverse(entry.at)), "{reason:?} {limit}");
            assert_eq!(seen, paged(reason, 99));
            let by = |entry: &crate::Suppression| (entry.hash.clone(), entry.reason);
            seen.sort_by_key(by);
            all.sort_by_key(by);
            assert_eq!(seen, all, "{reason:?} {limit}");
        }
    }
}

#[test]
fn bounces_of_one_bad_hour_are_lifted_by_their_evidence() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let change = || Some(ContactChange { error: Some(ErrorCause::HardBounced), ..ContactChange::default() });
    let batch = claimed.iter().zip(0..).map(|(c, n)| Settlement { change: change(), ..refused(c, at(30 + n)) });
    now(store.settle(batch.collect::<Vec<_>>())).unwrap();
    now(store.suppress(W, Target::Address("1@a.example".to_owned()), SuppressionReason::Complained, None, &ME, at(50)))
        .unwrap();
    let filter = LiftFilter {
        provider: Some("example".to_owned()),
        code: Some("5.1.1".to_owned()),
        since: Some(at(31)),
        until: None,
        provisional_only: false,
    };
    let lift = |dry| now(store.lift(W, filter.clone(), "their incident", dry, &ME, at(60))).unwrap();
    let told = now(store.lift_preview(W, filter.clone())).unwrap();
    let group = RestoreGroup { provider: Some("example".to_owned()), code: Some("5.1.1".to_owned()), count: 2 };
    assert_eq!((told.count, told.groups), (2, vec![group]));
    let mut sample = told.sample;
    sample.sort();
    assert_eq!(sample, ["2@a.example", "3@a.example"]);
    assert_eq!((lift(true), lift(false), lift(true)), (2, 2, 0));
    assert_eq!(now(store.lift_preview(W, filter.clone())).unwrap(), RestorePreview::default());
    let audit = now(store.latest_events(vec![EventKind::Restored], 9)).unwrap();
    let said = audit.iter().filter_map(|event| event.detail.as_deref()).collect::<Vec<_>>();
    assert_eq!(said.len(), 1, "what lifted nothing leaves nothing");
    assert!(said[0].starts_with("2 bounces lifted, provider example, code 5.1.1, since "), "{said:?}");
    assert!(said[0].ends_with(": their incident"), "{said:?}");
    assert_eq!(contact(&store, "2@a.example").status, ContactStatus::Active);
    assert_eq!(contact(&store, "1@a.example").suppressions.len(), 2, "earlier, and complained");
}

#[test]
fn contacts_whose_mail_was_put_off_too_often_are_brought_back_by_their_evidence() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example", "4@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let ended = |n: usize, provider: &str, error: ErrorCause, when: u64| {
        let soft = verdict(Outcome::Deferred, Category::MailboxFull, Stage::Rcpt);
        let reply = Reply::new(452, "4.2.2 over quota");
        Settlement {
            attempt: Some(attempt(&claimed[n], soft, Some(reply), at(when))),
            change: Some(ContactChange {
                error: Some(error),
                soft: Some((4, Some(at(1)))),
                ..ContactChange::default()
            }),
            provider: Some(provider.to_owned()),
            ..Settlement::of(&claimed[n], DeliveryState::Soft, at(when))
        }
    };
    let limit = ErrorCause::SoftBounceLimit;
    let batch =
        [(0, "one", limit, 30), (1, "one", limit, 50), (2, "two", limit, 50), (3, "one", ErrorCause::Refused, 50)];
    now(store.settle(batch.map(|(n, provider, error, when)| ended(n, provider, error, when)).to_vec())).unwrap();
    let evidence =
        LiftFilter { provider: Some("one".to_owned()), code: Some("4.2.2".to_owned()), ..LiftFilter::default() };
    let filter = RestoreFilter { cause: limit, evidence };
    let told = now(store.restore_preview(W, filter.clone())).unwrap();
    let group = RestoreGroup { provider: Some("one".to_owned()), code: Some("4.2.2".to_owned()), count: 2 };
    assert_eq!((told.count, &told.groups[..], told.sample.len()), (2, &[group][..], 2));
    let late =
        RestoreFilter { evidence: LiftFilter { since: Some(at(40)), ..filter.evidence.clone() }, ..filter.clone() };
    let restore = |filter: &RestoreFilter, why: &str| now(store.restore_contacts(W, filter.clone(), why, &ME, at(60)));
    assert!(matches!(restore(&late, " "), Err(StoreError::Refused(_))), "a reason is needed");
    let hard = RestoreFilter { cause: ErrorCause::HardBounced, ..filter.clone() };
    assert!(matches!(restore(&hard, "x"), Err(StoreError::Refused(_))), "bounces are on the list, and lifted there");
    assert_eq!(restore(&late, "their disk was full").unwrap(), 1);
    let back = contact(&store, "2@a.example");
    assert_eq!((back.status, back.error), (ContactStatus::Active, None));
    assert_eq!(contact(&store, "1@a.example").status, ContactStatus::Error, "earlier");
    assert_eq!(contact(&store, "3@a.example").status, ContactStatus::Error, "another provider");
    assert_eq!(restore(&filter, "theirs as well").unwrap(), 1);
    assert_eq!(restore(&filter, "nobody is left").unwrap(), 0);
    assert_eq!(now(store.latest_events(vec![EventKind::Restored], 9)).unwrap().len(), 2);
    let next = sending(&store, "next", id);
    assert_eq!(now(store.tally(next.id)).unwrap().count(DeliveryState::Queued), 2, "they are mailed again");
    let other = now(store.restore_preview(WorkspaceId(2), RestoreFilter { evidence: LiftFilter::default(), ..filter }));
    assert_eq!(other.unwrap(), RestorePreview::default());
}

#[test]
fn what_an_incident_suppressed_is_lifted_by_provider() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example", "4@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let bounced = |n: usize, provider: &str, provisional: bool| Settlement {
        change: Some(ContactChange { error: Some(ErrorCause::HardBounced), ..ContactChange::default() }),
        provider: Some(provider.to_owned()),
        provisional,
        ..refused(&claimed[n], at(30))
    };
    let batch = [(0, "one", true), (1, "two", true), (2, "two", false), (3, "three", true)];
    now(store.settle(batch.map(|(n, provider, sure)| bounced(n, provider, sure)).to_vec())).unwrap();
    let provisional =
        |email: &str| contact(&store, email).suppressions.iter().map(|s| s.provisional).collect::<Vec<_>>();
    assert_eq!((provisional("1@a.example"), provisional("3@a.example")), (vec![true], vec![false]));
    assert_eq!(now(store.provisional_of(campaign.id)).unwrap(), 3);
    let next = sending(&store, "next", id);
    assert_eq!(now(store.provisional_of(next.id)).unwrap(), 0);
    assert_eq!(now(store.tally(next.id)).unwrap().count(DeliveryState::Skipped), 4, "provisional keeps mail away too");
    let filter = LiftFilter { provider: Some("two".to_owned()), provisional_only: true, ..LiftFilter::default() };
    let lift = |dry| now(store.lift(W, filter.clone(), "their incident", dry, &ME, at(50))).unwrap();
    assert_eq!((lift(true), lift(false), lift(true)), (1, 1, 0));
    let freed = contact(&store, "2@a.example");
    assert_eq!((freed.status, freed.suppressions.len()), (ContactStatus::Active, 0));
    let story = now(store.person(freed.id)).unwrap().unwrap().events;
    let last =
        story.iter().filter(|event| event.kind == EventKind::StatusChanged).max_by_key(|event| event.at).unwrap();
    let by_whom = (last.detail.as_deref(), last.actor.as_str());
    assert_eq!(by_whom, (Some("active: suppression lifted: their incident"), ME.as_text().as_str()));
    assert_eq!(provisional("1@a.example"), [true]);
    assert_eq!((provisional("3@a.example"), provisional("4@a.example")), (vec![false], vec![true]));
}

#[test]
fn whom_an_incident_was_found_out_by_becomes_provisional() {
    let store = empty();
    let emails = ["1@a.example", "2@a.example", "3@a.example", "4@a.example"];
    let id = import(&store, 1, &emails);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let own = now(store.site_id("mx.own.example", None, at(20))).unwrap();
    let bounced = |n: usize, provider: Option<&str>, second: u64| Settlement {
        site: provider.is_none().then_some(own),
        provider: provider.map(str::to_owned),
        ..refused(&claimed[n], at(second))
    };
    let batch = [(0, Some("one"), 29), (1, Some("one"), 30), (2, Some("two"), 31), (3, None, 31)];
    now(store.settle(batch.map(|(n, provider, second)| bounced(n, provider, second)).to_vec())).unwrap();
    let doubt = |operator: &str| now(store.make_provisional(operator, at(30))).unwrap();
    let doubted = ["one", "one", "mx.own.example", "mx.other.example"].map(doubt);
    assert_eq!(doubted, [1, 0, 1, 0], "the other's first was before that time, and again changes nothing");
    let provisional = emails.map(|email| contact(&store, email).suppressions[0].provisional);
    assert_eq!(provisional, [false, true, false, true]);
    assert_eq!(now(store.provisional_of(campaign.id)).unwrap(), 2);
    assert_eq!(now(store.lifted_of(campaign.id)).unwrap(), None);
    let filter = LiftFilter { provisional_only: true, ..LiftFilter::default() };
    assert_eq!(now(store.lift(W, filter, "their incident", false, &ME, at(50))).unwrap(), 2);
    let lifted = now(store.lifted_of(campaign.id)).unwrap().unwrap();
    assert_eq!(lifted.causes.iter().map(|cause| cause.count).collect::<Vec<_>>(), [1, 1]);
    let told = (lifted.at, lifted.by, lifted.because.as_deref());
    assert_eq!(told, (at(50), ME.as_text(), Some("their incident")));
}

#[test]
fn transcripts_go_after_their_time_and_verdicts_stay() {
    let store = empty();
    let emails: Vec<String> = (0..10).map(|n| format!("{n}@a.example")).collect();
    let id = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let told = |c: &Claimed, when| Settlement { transcript: Some("> QUIT".to_owned()), ..refused(c, at(when)) };
    now(store.settle(claimed.iter().zip(100..).map(|(c, when)| told(c, when)).collect::<Vec<_>>())).unwrap();
    let forget = |before, limit| now(store.forget_old_transcripts(at(before), limit)).unwrap();
    assert_eq!((forget(107, 5), forget(107, 5), forget(107, 5)), (5, 2, 0));
    let kept = |n: usize| now(store.attempts(claimed[n].delivery)).unwrap()[0].transcript.is_some();
    assert!(!kept(0) && !kept(6) && kept(7) && kept(9));
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_missing_domain_is_suppressed_only_by_the_second_look() {
    let store = empty();
    let id = import(&store, 1, &["1@gone.example", "2@gone.example"]);
    let campaign = sending(&store, "news", id);
    let batch: Vec<Settlement> = claims(&store, campaign.id)
        .iter()
        .map(|c| Settlement { suppress: None, second_lookup_at: Some(at(5_000)), ..refused(c, at(30)) })
        .collect();
    now(store.settle(batch)).unwrap();
    assert!(now(store.second_lookups(at(4_999), 10)).unwrap().is_empty());
    assert_eq!(now(store.next_second_lookup(at(4_999))).unwrap(), Some(at(5_000)));
    assert_eq!(now(store.next_second_lookup(at(5_000))).unwrap(), None);
    let due = now(store.second_lookups(at(5_000), 10)).unwrap();
    assert_eq!((due.len(), due[0].domain_name.as_str()), (1, "gone.example"));
    assert!(contact(&store, "1@gone.example").suppressions.is_empty());
    assert_eq!(now(store.finish_second_lookup(&due[0], true, at(5_001))).unwrap(), 2);
    let kim = contact(&store, "1@gone.example");
    assert_eq!((kim.status, kim.suppressions.len()), (ContactStatus::Error, 1));
    assert!(now(store.second_lookups(at(9_000), 10)).unwrap().is_empty());
}

#[test]
fn a_forgotten_person_leaves_verdicts_without_a_name_and_stays_suppressed() {
    let store = empty();
    let id = import(&store, 1, &["kim@a.example", "bob@a.example", "kim@a.example"]);
    let (done, open) = (sending(&store, "done", id), sending(&store, "open", id));
    let claimed = claims(&store, done.id);
    now(store.settle(vec![refused(&claimed[0], at(30))])).unwrap();
    let waiting = claims(&store, open.id);
    let forgotten = now(store.forget(W, &address("Kim@a.example"), &ME, at(40))).unwrap();
    assert_eq!((forgotten.contacts, forgotten.deliveries_kept), (2, 4));
    assert_eq!(store.changed_since(&waiting[0]), crate::Standing::AskLedger, "it bounced before it was read");
    assert_eq!(now(store.recheck(&waiting[0], at(50))).unwrap(), Some(SkipReason::Forgotten));
    let both = waiting.iter().map(|one| (one.delivery, one.contact)).collect();
    let ahead = now(store.skips_ahead(both, at(50))).unwrap();
    assert_eq!(ahead.get(&waiting[0].delivery), Some(&SkipReason::Forgotten), "it is known before the turn comes");
    assert!(now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap().is_empty());
    for campaign in [done.id, open.id] {
        assert_adds_up(&store, campaign);
    }
    let open = now(store.tally(open.id)).unwrap();
    assert_eq!(open.by_skip_reason.get(&SkipReason::Forgotten), Some(&1), "whoever waited is skipped");
    let row = now(store.delivery(claimed[0].delivery)).unwrap().unwrap();
    assert_eq!((row.email, row.state), (None, DeliveryState::Hard));
    let history = now(store.attempts(claimed[0].delivery)).unwrap();
    assert_eq!(history[0].attempt.reply.as_ref().unwrap().text, "<<rcpt>>: no such user here");
    let (_, fates) = import_rows(&store, 2, vec![row_of("kim@a.example")]);
    assert_eq!(fates, [RowFate::Forgotten]);
    assert!(now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap().is_empty());
}

#[test]
fn nothing_brings_in_again_who_was_forgotten() {
    let store = empty();
    import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let kim = address("kim@a.example");
    now(store.forget(W, &kim, &ME, at(4))).unwrap();
    let named = ImportRow { external_id: Some("crm-7".to_owned()), ..row(1, "bob@a.example") };
    import_rows(&store, 2, vec![named.clone()]);
    // Somebody who is known by another key is not given their address, and the other rows of the file are taken.
    let theirs = ImportRow { address: Some(kim.clone()), typed: Some("kim@a.example".to_owned()), ..named };
    let (third, fates) = import_rows(&store, 3, vec![theirs, row(2, "Kim@A.example"), row(3, "new@a.example")]);
    assert_eq!(fates, [RowFate::Forgotten, RowFate::Forgotten, RowFate::Added]);
    assert_eq!(now(store.import_members(third, 0, 9)).unwrap().len(), 1, "no place is kept for them");
    let new = crate::NewContact {
        address: kim.clone(),
        external_id: None,
        attributes: "{}".to_owned(),
        unconfirmed: true,
        consent: None,
        lead_source: None,
    };
    assert!(matches!(now(store.create_contact(W, new, &Actor::Recipient, at(6))), Err(StoreError::Forgotten)));
    let edit = ContactEdit { email: Some("kim@a.example".to_owned()), ..ContactEdit::default() };
    let bob = contact(&store, "bob@a.example").id;
    assert!(matches!(now(store.edit_contact(bob, edit, &ME, at(7))), Err(StoreError::Forgotten)));
    let target = Target::Address("kim@a.example".to_owned());
    now(store.suppress(W, target, SuppressionReason::Manual, Some("said so".to_owned()), &ME, at(8))).unwrap();
    assert!(now(store.contacts_by_address(W, &kim)).unwrap().is_empty());
    let kept = now(store.suppressions_of(W, &kim)).unwrap();
    let kept: Vec<_> = kept.iter().map(|one| (one.reason, one.shown.as_deref())).collect();
    assert_eq!(kept, [(SuppressionReason::Forgotten, None)], "their address stands nowhere in clear");
}

#[test]
fn that_somebody_is_suppressed_is_of_their_story_whichever_of_their_addresses_it_was() {
    let store = empty();
    import(&store, 1, &["kim@a.example", "bob@a.example"]);
    let kim = contact(&store, "kim@a.example").id;
    let moved = ContactEdit { email: Some("kim@b.example".to_owned()), ..ContactEdit::default() };
    now(store.edit_contact(kim, moved, &ME, at(5))).unwrap();
    for email in ["kim@a.example", "kim@b.example", "nobody@a.example"] {
        let target = Target::Address(email.to_owned());
        now(store.suppress(W, target, SuppressionReason::Manual, None, &ME, at(20))).unwrap();
    }
    let told = |who: model::ContactId| {
        let story = now(store.story(W, who, None, 50)).unwrap();
        story.iter().filter(|event| event.kind == EventKind::Suppressed).count()
    };
    assert_eq!((told(kim), told(contact(&store, "bob@a.example").id)), (2, 0));
}

#[test]
fn the_reason_of_a_lifted_suppression_goes_with_whoever_is_forgotten() {
    let store = empty();
    import(&store, 1, &["kim@a.example"]);
    let target = || Target::Address("kim@a.example".to_owned());
    now(store.suppress(W, target(), SuppressionReason::Manual, None, &ME, at(20))).unwrap();
    now(store.unsuppress(W, target(), "Kim called: 0170 12345", &ME, at(21))).unwrap();
    let reasons = || {
        let told = now(store.events_in(W, crate::EventFilter::default(), None, 100)).unwrap().events;
        told.into_iter().filter_map(|event| event.detail).filter(|detail| detail.contains("Kim called")).count()
    };
    assert_eq!(reasons(), 1);
    now(store.forget(W, &address("kim@a.example"), &ME, at(22))).unwrap();
    assert_eq!(reasons(), 0);
}

fn row_of(email: &str) -> ImportRow {
    row(1, email)
}

#[test]
fn reactivation_needs_a_reason_and_never_undoes_an_opt_out() {
    let store = empty();
    let said = ImportRow { status: Some(ContactStatus::OptedOut), ..row(1, "a@a.example") };
    let broken = ImportRow { status: Some(ContactStatus::Error), ..row(2, "b@a.example") };
    import_rows(&store, 1, vec![said, broken]);
    let back = |email: &str, reason: Option<&str>| {
        let edit = ContactEdit { reactivate: true, reason: reason.map(str::to_owned), ..ContactEdit::default() };
        now(store.edit_contact(contact(&store, email).id, edit, &ME, at(5)))
    };
    assert!(matches!(back("a@a.example", Some("she said so")), Err(StoreError::Refused(_))));
    assert!(matches!(back("b@a.example", None), Err(StoreError::Refused(_))));
    assert_eq!(back("b@a.example", Some("wrong server")).unwrap().status, ContactStatus::Active);
}

#[test]
fn soft_bounces_are_counted_on_the_person() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id).remove(0);
    let change = ContactChange { soft: Some((3, Some(at(9)))), refused_count: Some(1), error: None };
    now(store.settle(vec![Settlement { change: Some(change), suppress: None, ..refused(&claimed, at(30)) }])).unwrap();
    let next = sending(&store, "next", id);
    let again = claims(&store, next.id).remove(0);
    assert_eq!((again.soft_count, again.soft_since, again.refused_count), (3, Some(at(9)), 1));
}

#[test]
fn a_list_of_suppressions_is_written_whole_or_not_at_all() {
    let store = empty();
    let list = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (Target::Address((*text).to_owned()), SuppressionReason::HardBounced, None))
            .collect::<Vec<_>>()
    };
    let write = |texts: &[&str]| now(store.suppress_all(W, list(texts), None, &Actor::Engine, at(1)));
    assert!(matches!(write(&["a@a.example", "nonsense"]), Err(StoreError::Refused(_))));
    assert!(now(store.suppressions(W, None, 10)).unwrap().is_empty());
    write(&["a@a.example", "b@a.example", "a@a.example"]).unwrap();
    assert_eq!(now(store.suppressions(W, None, 10)).unwrap().len(), 2);
    // Since it was so there; what is told to begin later begins now.
    let told = [("c@a.example", at(0)), ("d@a.example", at(99))]
        .map(|(text, since)| (Target::Address(text.to_owned()), SuppressionReason::Complained, Some(since)));
    now(store.suppress_all(W, told.to_vec(), None, &Actor::Engine, at(5))).unwrap();
    for (text, since) in [("c@a.example", at(0)), ("d@a.example", at(5))] {
        assert_eq!(now(store.suppressions_of(W, &address(text))).unwrap()[0].at, since, "{text}");
    }
}
