//! Imports: invisible until done, resumed where they stopped, one fate per row.

use super::*;
use crate::{Consent, ContactEdit, ImportState, NewList, StoreError, Whom};
use model::{ContactStatus, ErrorCause};

fn with_id(line: u64, id: &str, email: &str) -> ImportRow {
    ImportRow { external_id: Some(id.to_owned()), ..row(line, email) }
}

#[test]
fn an_unfinished_import_is_invisible_and_goes_on_where_it_stopped() {
    let store = empty();
    let first = now(store.begin_import(new_import(1), &ME, at(0))).unwrap();
    now(store.write_import_chunk(first.id, vec![row(1, "anna@example.org")], at(1))).unwrap();
    let anna = address("ANNA@example.org");
    assert!(now(store.contacts_by_address(W, &anna)).unwrap().is_empty());
    let again = now(store.begin_import(new_import(1), &ME, at(5))).unwrap();
    assert_eq!((again.id, again.last_line), (first.id, 1));
    let twice = now(store.write_import_chunk(first.id, vec![row(1, "anna@example.org")], at(6)));
    assert!(matches!(twice, Err(StoreError::Refused(_))));
    now(store.write_import_chunk(first.id, vec![row(2, "bob@example.org")], at(7))).unwrap();
    let done = now(store.finish_import(first.id, &ME, at(8))).unwrap();
    assert_eq!((done.state, done.added), (ImportState::Done, 2));
    assert_eq!(now(store.contacts_by_address(W, &anna)).unwrap().len(), 1);
    assert_eq!(now(store.finished_import(W, [1; 32])).unwrap().map(|found| found.id), Some(first.id));
}

#[test]
fn the_same_key_updates_one_contact_but_not_before_the_import_is_done() {
    let store = empty();
    let consent = Consent { source: Some("form".to_owned()), at: Some(at(0)), ip: None };
    let anna = ImportRow { consent: Some(consent), ..with_id(1, "c1", "anna@example.org") };
    import_rows(&store, 1, vec![anna]);
    let second = now(store.begin_import(new_import(2), &ME, at(5))).unwrap();
    let fates =
        now(store.write_import_chunk(second.id, vec![with_id(7, "c1", "anna@new.example.org")], at(6))).unwrap();
    assert_eq!(fates, [RowFate::Updated]);
    let known = now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap();
    assert_eq!(known[0].email.as_deref(), Some("anna@example.org"));
    now(store.finish_import(second.id, &ME, at(7))).unwrap();
    let moved = now(store.contact(known[0].id)).unwrap().unwrap();
    assert_eq!(moved.email.as_deref(), Some("anna@new.example.org"));
    assert_eq!(moved.consent.unwrap().source.as_deref(), Some("form"), "evidence is not lost");
    let by_old = now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap();
    assert_eq!(by_old[0].id, moved.id, "the old address still finds the person");
}

#[test]
fn every_row_keeps_its_fate() {
    let store = empty();
    now(store.suppress(
        W,
        crate::Target::Address("gone@example.org".to_owned()),
        model::SuppressionReason::Manual,
        None,
        &ME,
        at(0),
    ))
    .unwrap();
    let (_, fates) = import_rows(
        &store,
        1,
        vec![
            row(1, "anna@example.org"),
            row(2, "Anna@Example.org"),
            row(3, "gone@example.org"),
            row(4, "no address"),
            row(5, ""),
            with_id(6, "k", "kim@example.org"),
            with_id(7, "k", "kim@example.org"),
        ],
    );
    use RowFate::{Added, Duplicate, Repeated, Suppressed};
    assert_eq!(fates[..6], [Added, Duplicate { of: 1 }, Suppressed, Added, Added, Added]);
    assert_eq!(fates[6], Repeated);
    let (_, again) = import_rows(&store, 2, vec![row(1, "anna@example.org"), row(2, "Anna@Example.org")]);
    assert_eq!(again, [RowFate::Unchanged; 2], "each row finds its own contact again");
    assert_eq!(now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap().len(), 2);
}

#[test]
fn an_import_that_is_given_up_leaves_no_trace() {
    let store = empty();
    let import = now(store.begin_import(new_import(1), &ME, at(0))).unwrap();
    now(store.write_import_chunk(import.id, vec![row(1, "anna@example.org")], at(1))).unwrap();
    now(store.remove_import(import.id, &ME, at(2))).unwrap();
    let (_, fates) = import_rows(&store, 1, vec![row(1, "anna@example.org")]);
    assert_eq!(fates, [RowFate::Added]);
    assert_eq!(now(store.list_imports(W)).unwrap().len(), 1);
    assert!(now(store.similar_addresses(W, "anna@exmple.org", 3)).unwrap().contains(&"anna@example.org".to_owned()));
}

#[test]
fn an_import_given_up_does_not_keep_the_people_of_the_one_before() {
    let store = empty();
    let (first, _) = import_rows(&store, 1, vec![row(1, "anna@example.org"), row(2, "bob@example.org")]);
    let again = now(store.begin_import(new_import(2), &ME, at(3))).unwrap();
    now(store.write_import_chunk(again.id, vec![row(1, "anna@example.org")], at(4))).unwrap();
    now(store.remove_import(again.id, &ME, at(5))).unwrap();
    now(store.remove_import(first, &ME, at(6))).unwrap();
    for gone in ["anna@example.org", "bob@example.org"] {
        assert_eq!(now(store.contacts_by_address(W, &address(gone))).unwrap(), [], "{gone}");
    }
}

#[test]
fn imports_and_their_people_are_read_in_pages() {
    let store = empty();
    let first = super::import(&store, 1, &["anna@example.org", "bob@example.org", "cy@example.org"]);
    let second = super::import(&store, 2, &["dee@example.org"]);
    let ids = |found: Vec<crate::Import>| found.into_iter().map(|import| import.id).collect::<Vec<_>>();
    assert_eq!(ids(now(store.imports_page(W, None, 1)).unwrap()), [second]);
    assert_eq!(ids(now(store.imports_page(W, Some(second), 9)).unwrap()), [first]);
    assert_eq!(ids(now(store.imports_page(model::WorkspaceId(9), None, 9)).unwrap()), []);
    let lines = |after, limit| -> Vec<u64> {
        now(store.import_members(first, after, limit)).unwrap().into_iter().map(|(line, _)| line).collect()
    };
    assert_eq!((lines(0, 2), lines(2, 2)), (vec![1, 2], vec![3]));
}

#[test]
fn an_import_a_campaign_used_stays() {
    let store = empty();
    let id = super::import(&store, 1, &["anna@example.org"]);
    sending(&store, "first", id);
    assert!(matches!(now(store.remove_import(id, &ME, at(9))), Err(StoreError::Refused(_))));
}

fn why_it_stays(store: &Store, id: ImportId) -> String {
    match now(store.remove_import(id, &ME, at(40))) {
        Err(StoreError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_import_stays_whose_people_any_campaign_has() {
    let store = empty();
    let id = super::import(&store, 1, &["anna@example.org", "bob@example.org"]);
    let later = super::import(&store, 2, &["cy@example.org"]);
    let audience = Audience { include: vec![Whom::Everyone], exclude: vec![Whom::Import(later)] };
    let campaign =
        now(store.create_campaign(NewCampaign { audience, ..new_campaign("everybody", Vec::new()) }, &ME, at(10)))
            .unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    let why = why_it_stays(&store, id);
    assert!(why.contains("campaigns mailed or skipped 2 of the people it brought"), "{why}");
    assert!(now(store.list_imports(W)).unwrap().iter().any(|import| import.id == id), "it is there as before");
    assert_eq!(now(store.contacts_page(W, None, 9)).unwrap().len(), 3, "and so is everybody");
}

#[test]
fn an_import_that_is_taken_back_leaves_nobody_on_a_list_and_stays_once_somebody_was_changed() {
    let store = empty();
    let id = super::import(&store, 1, &["anna@example.org", "bob@example.org"]);
    let new = NewList { name: "news".to_owned(), ..NewList::default() };
    let list = now(store.create_list(W, new, &ME, at(5))).unwrap().id;
    let anna = now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap()[0].id;
    now(store.join_list(W, list, vec![anna], None, &ME, at(6))).unwrap();
    let other = super::import(&store, 2, &["kim@example.org"]);
    let kim = now(store.contacts_by_address(W, &address("kim@example.org"))).unwrap()[0].id;
    let edit = ContactEdit { attributes: Some(r#"{"city": "Oslo"}"#.to_owned()), ..ContactEdit::default() };
    now(store.edit_contact(kim, edit, &ME, at(7))).unwrap();
    let why = why_it_stays(&store, other);
    assert!(why.contains("1 of the people it brought are in a sequence or were changed since"), "{why}");
    now(store.remove_import(id, &ME, at(8))).unwrap();
    let left = now(store.contacts_page(W, None, 9)).unwrap();
    assert_eq!(left.into_iter().map(|one| one.id).collect::<Vec<_>>(), [kim]);
    assert_eq!(now(store.list_members(W, list, None, 9)).unwrap().len(), 0);
}

#[test]
fn whoever_remains_of_an_import_that_was_taken_back_is_there_for_everybody() {
    let store = empty();
    let id = super::import(&store, 1, &["anna@example.org", "bob@example.org"]);
    let later = super::import(&store, 2, &["anna@example.org"]);
    now(store.remove_import(id, &ME, at(8))).unwrap();
    let anna = now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap();
    assert_eq!(anna.len(), 1, "the later import brought her, too");
    assert!(now(store.contact(anna[0].id)).unwrap().is_some());
    let all = now(store.contacts_page(W, None, 9)).unwrap();
    assert_eq!(all.into_iter().map(|one| one.id).collect::<Vec<_>>(), [anna[0].id], "and bob is gone");
    let new = NewList { name: "news".to_owned(), ..NewList::default() };
    let list = now(store.create_list(W, new, &ME, at(9))).unwrap().id;
    assert_eq!(now(store.join_list(W, list, vec![anna[0].id], None, &ME, at(9))).unwrap(), 1);
    for whom in [Whom::Everyone, Whom::List(list), Whom::Import(later)] {
        let audience = Audience { include: vec![whom], exclude: Vec::new() };
        let known = now(store.acquaintance(W, &audience, at(0), at(10))).unwrap();
        assert_eq!(known.people, 1, "{audience:?}");
    }
}

#[test]
fn the_file_can_unsubscribe_and_never_revives() {
    let store = empty();
    let said = |line, email: &str, status| ImportRow { status: Some(status), ..row(line, email) };
    import_rows(
        &store,
        1,
        vec![
            said(1, "anna@example.org", ContactStatus::OptedOut),
            said(2, "bob@example.org", ContactStatus::Unconfirmed),
        ],
    );
    import_rows(&store, 2, vec![said(1, "anna@example.org", ContactStatus::Active), row(2, "broken@")]);
    let anna = &now(store.contacts_by_address(W, &address("anna@example.org"))).unwrap()[0];
    assert_eq!(anna.status, ContactStatus::OptedOut);
    assert_eq!(anna.suppressions[0].reason, model::SuppressionReason::Unsubscribed);
    let broken = now(store.list_imports(W)).unwrap();
    assert_eq!(broken.len(), 2);
    let campaign = sending(&store, "c", broken[1].id);
    let rows = now(store.deliveries(campaign.id, DeliveryState::Skipped, None, 10)).unwrap();
    let invalid = rows.iter().find(|row| row.email.as_deref() == Some("broken@")).unwrap();
    let contact = now(store.contact(invalid.contact)).unwrap().unwrap();
    assert_eq!(contact.error, Some(ErrorCause::Format));
}
