//! People looked for: every combination of conditions finds exactly those for whom they hold, page by page.

use super::*;
use crate::{Contact, Fate, NewList, Sought, SoughtPlace, Stand, StoreError, Target};
use model::{ContactId, ContactStatus, ListId, SuppressionReason};

/// Everybody who is found, two at a time.
fn sought(store: &Store, sought: &Sought) -> Vec<ContactId> {
    let (mut found, mut after): (Vec<ContactId>, Option<SoughtPlace>) = (Vec::new(), None);
    loop {
        let page = now(store.seek(W, sought.clone(), after, 2)).unwrap();
        assert!(page.people.len() <= 2 && (page.next.is_none() || page.people.len() == 2));
        found.extend(page.people.into_iter().map(|contact| contact.id));
        match page.next {
            // As it goes through the address of a page.
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return found,
        }
    }
}

/// Does it hold, by what is known of one person?
fn holds(contact: &Contact, sought: &Sought, members: &[ContactId]) -> bool {
    let email = contact.email.clone().filter(|_| contact.address.is_some()).unwrap_or_default().to_lowercase();
    let suppressed = |reason| contact.suppressions.iter().any(|one| one.reason == reason);
    sought.begins.as_ref().is_none_or(|begins| !email.is_empty() && email.starts_with(&begins.to_lowercase()))
        && sought.domain.as_ref().is_none_or(|domain| email.ends_with(&format!("@{domain}")))
        && sought.list.is_none_or(|_| members.contains(&contact.id))
        && match sought.stand {
            None => true,
            Some(Stand::Status(status)) => contact.status == status,
            Some(Stand::SharesAddress) => contact.shares_address_with.is_some(),
            Some(Stand::Suppressed(None)) => !contact.suppressions.is_empty(),
            Some(Stand::Suppressed(Some(reason))) => suppressed(reason),
        }
}

/// People in every state, and a list that some of them are on.
fn furnished() -> (Store, ListId, Vec<ContactId>) {
    let store = empty();
    let names = ["Anna", "anton", "ANDREA", "bert", "an_na", "zoe", "émile"];
    let emails: Vec<String> =
        ["a.example", "b.example", "c.example"].iter().flat_map(|d| names.map(|n| format!("{n}@{d}"))).collect();
    let mut rows: Vec<_> = emails.iter().zip(1..).map(|(email, line)| row(line, email)).collect();
    for (row, status) in
        rows.iter_mut().skip(2).step_by(5).zip([ContactStatus::OptedOut, ContactStatus::Unconfirmed].iter().cycle())
    {
        row.status = Some(*status);
    }
    rows.push(row(90, "no address"));
    rows.push(row(91, "Zoe@a.example"));
    import_rows(&store, 1, rows);
    let suppress = |target: Target, reason| now(store.suppress(W, target, reason, None, &ME, at(4))).unwrap();
    let addresses = emails.iter().filter(|email| EmailAddress::parse(email).is_ok());
    for (n, email) in addresses.enumerate() {
        let address = || Target::Address(email.clone());
        if n % 3 == 0 {
            suppress(address(), SuppressionReason::Unsubscribed);
        }
        if n % 4 == 0 {
            suppress(address(), SuppressionReason::Complained);
        }
        if n % 5 == 1 {
            suppress(address(), SuppressionReason::Manual);
        }
    }
    suppress(Target::Domain("b.example".to_owned()), SuppressionReason::Manual);
    suppress(Target::Domain("b.example".to_owned()), SuppressionReason::DomainRefusesMail);
    suppress(Target::Domain("c.example".to_owned()), SuppressionReason::Manual);
    let list = NewList { name: "news".to_owned(), confirms: true, ..NewList::default() };
    let list = now(store.create_list(W, list, &ME, at(5))).unwrap().id;
    let everybody: Vec<ContactId> =
        now(store.contacts_page(W, None, 99)).unwrap().into_iter().map(|contact| contact.id).collect();
    let joined: Vec<ContactId> = everybody.iter().copied().step_by(2).collect();
    now(store.join_list(W, list, joined.clone(), None, &ME, at(6))).unwrap();
    let confirmed = joined[1..].to_vec();
    for &member in &confirmed {
        now(store.confirm_member(W, list, member, crate::Consent::default(), at(7))).unwrap();
    }
    now(store.leave_list(W, list, vec![confirmed[0]], &ME, at(8))).unwrap();
    (store, list, confirmed[1..].to_vec())
}

#[test]
fn exactly_those_are_found_for_whom_all_of_it_holds_and_nobody_twice() {
    let (store, list, members) = furnished();
    // What an import brings is not there before it is finished.
    let open = now(store.begin_import(new_import(2), &ME, at(9))).unwrap();
    now(store.write_import_chunk(open.id, vec![row(1, "anselm@a.example")], at(9))).unwrap();
    let everybody = now(store.contacts_page(W, None, 99)).unwrap();
    let stands = || std::iter::once(None).chain(Stand::all().map(Some));
    let mut asked = 0;
    for stand in stands() {
        for begins in [None, Some("an"), Some("AN_"), Some("anna@a"), Some("É"), Some("x"), Some("é")] {
            for domain in [None, Some("b.example"), Some("unheard.example")] {
                for (list, by_address) in [(None, false), (Some(list), false), (None, true), (Some(list), true)] {
                    let (begins, domain) = (begins.map(str::to_owned), domain.map(str::to_owned));
                    let question = Sought { begins, domain, stand, list, by_address, ..Sought::default() };
                    let mut expected: Vec<ContactId> = everybody
                        .iter()
                        // Of letters that are not Latin the large and the small are two.
                        .filter(|contact| {
                            question.begins.as_deref() != Some("É") && holds(contact, &question, &members)
                        })
                        .map(|contact| contact.id)
                        .collect();
                    let mut found = sought(&store, &question);
                    found.sort_unstable();
                    expected.sort_unstable();
                    assert_eq!(found, expected, "{question:?}");
                    asked += usize::from(!found.is_empty());
                }
            }
        }
    }
    assert!(asked > 100, "{asked} questions found somebody");
    let elsewhere = now(store.seek(WorkspaceId(2), Sought::default(), None, 9)).unwrap();
    assert!(elsewhere.people.is_empty() && elsewhere.next.is_none());
}

#[test]
fn addresses_are_found_in_their_order_however_they_are_written() {
    let (store, ..) = furnished();
    let question = Sought { begins: Some("AN".to_owned()), domain: Some("a.example".to_owned()), ..Sought::default() };
    let found = now(store.seek(W, question, None, 9)).unwrap().people;
    let mut emails: Vec<String> = found.into_iter().filter_map(|contact| contact.email).collect();
    emails.sort_unstable();
    assert_eq!(emails, ["ANDREA@a.example", "Anna@a.example", "an_na@a.example", "anton@a.example"]);
    let long = Sought { begins: Some("x".repeat(400)), ..Sought::default() };
    assert!(matches!(now(store.seek(W, long, None, 9)), Err(StoreError::Refused(_))));
}

#[test]
fn everybody_is_listed_in_the_order_of_addresses_and_who_has_none_is_last() {
    let (store, ..) = furnished();
    let question = Sought { by_address: true, ..Sought::default() };
    assert!(question.is_everybody());
    let told: Vec<String> = sought(&store, &question)
        .into_iter()
        .map(|id| now(store.contact(id)).unwrap().unwrap())
        .map(|one| one.email.filter(|_| one.address.is_some()).unwrap_or_default().to_lowercase())
        .collect();
    let (with, without): (Vec<String>, Vec<String>) = told.iter().cloned().partition(|email| !email.is_empty());
    assert!(with.is_sorted(), "{with:?}");
    assert!(!without.is_empty() && told.ends_with(&without));
    assert_eq!(told.len(), now(store.contacts_page(W, None, 99)).unwrap().len());
}

#[test]
fn the_people_of_an_import_are_found_by_what_they_were_to_it() {
    let store = empty();
    let first = import(&store, 1, &["anna@a.example", "bo@b.example"]);
    let second = import(&store, 2, &["bo@b.example", "cid@c.example", "di@d.example", "cid@c.example", "bo@b.example"]);
    for (import, fate, expected) in [
        (first, None, &["anna@a.example", "bo@b.example"][..]),
        (first, Some(Fate::Known), &[][..]),
        (second, None, &["bo@b.example", "bo@b.example", "cid@c.example", "cid@c.example", "di@d.example"][..]),
        (second, Some(Fate::Added), &["cid@c.example", "di@d.example"][..]),
        (second, Some(Fate::Duplicate), &["bo@b.example", "cid@c.example"][..]),
        (second, Some(Fate::Known), &["bo@b.example"][..]),
    ] {
        for (begins, by_address) in [(None, false), (None, true), (Some(String::new()), false)] {
            let question = Sought { begins, by_address, import: Some((import, fate)), ..Sought::default() };
            let who = sought(&store, &question).into_iter().map(|id| now(store.contact(id)).unwrap().unwrap());
            let mut emails: Vec<String> = who.filter_map(|contact| contact.email).collect();
            emails.sort_unstable();
            assert_eq!(emails, expected, "{question:?}");
        }
    }
}

#[test]
fn whoever_has_the_address_of_another_is_told_which() {
    let store = empty();
    import(&store, 1, &["bo@b.example", "anna@a.example", "Bo@b.example", "no address", "no address"]);
    // What an import brings that is not finished, nobody sees.
    let open = now(store.begin_import(new_import(2), &ME, at(9))).unwrap();
    now(store.write_import_chunk(open.id, vec![row(1, "anna@a.example")], at(9))).unwrap();
    let people = now(store.contacts_page(W, None, 9)).unwrap();
    let told: Vec<Option<ContactId>> = people.iter().map(|one| one.shares_address_with).collect();
    assert_eq!(told, [None, None, Some(people[0].id), None, None]);
    let question = Sought { stand: Some(Stand::SharesAddress), ..Sought::default() };
    assert_eq!(sought(&store, &question), [people[2].id]);
}

#[test]
fn who_goes_meanwhile_leaves_no_gap() {
    let (store, ..) = furnished();
    let question = Sought { begins: Some("an".to_owned()), ..Sought::default() };
    let whole = sought(&store, &question);
    let first = now(store.seek(W, question.clone(), None, 3)).unwrap();
    let last = first.people.last().unwrap().email.clone().unwrap();
    now(store.forget(W, &address(&last), &ME, at(20))).unwrap();
    let rest = now(store.seek(W, question, first.next, 99)).unwrap();
    assert_eq!(rest.people.iter().map(|contact| contact.id).collect::<Vec<_>>(), whole[3..]);
}
