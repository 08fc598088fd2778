//! People, keys, sessions, links, answers and jobs: who gets in, for how long, and that others do not see it.

use super::*;
use crate::answered::ANSWERS_KEPT;
use crate::{
    AnswerKey, Answered, CredentialChange, EventFilter, FailureLimit, LinkPurpose, NewApiKey, OneTimeLink, Session,
    StoreError,
};
use model::{Role, Scopes, UserId};

fn person(store: &Store, email: &str, role: Role) -> UserId {
    now(store.add_member(W, email, "Somebody", role, &ME, at(1))).unwrap().user.id
}

fn session(user: UserId, hash: u8, end: u64) -> Session {
    let (workspace, ip, agent) = (W, None, None);
    Session { hash: [hash; 32], user, workspace, created_at: at(1), expires_at: at(end), seen_at: at(1), ip, agent }
}

#[test]
fn a_person_has_one_account_and_a_role_in_each_workspace() {
    let store = empty();
    let anna = person(&store, "Anna@Example.org", Role::Owner);
    let again = now(store.add_member(W, "anna@example.ORG", "A", Role::Owner, &ME, at(2)));
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let other = now(store.make_workspace("other", &ME, at(3))).unwrap();
    let there = now(store.add_member(other.id, "anna@example.org", "A", Role::Analyst, &ME, at(4))).unwrap();
    assert_eq!((there.user.id, there.role, there.user.name.as_str()), (anna, Role::Analyst, "Somebody"));
    assert_eq!(now(store.places_of(anna)).unwrap().len(), 2);
    assert!(!now(store.has_owner(W)).unwrap(), "she cannot sign in yet");
    let change = CredentialChange { password: Some("$phc".to_owned()), ..CredentialChange::default() };
    now(store.change_credentials(anna, change, None, &ME, at(5))).unwrap();
    assert!(now(store.has_owner(W)).unwrap());
    for bad in ["", "anna", "anna@"] {
        assert!(matches!(now(store.add_member(W, bad, "B", Role::Owner, &ME, at(6))), Err(StoreError::Refused(_))));
    }
    assert!(matches!(now(store.set_role(W, anna, Some(Role::Analyst), &ME, at(7))), Err(StoreError::Refused(_))));
    assert!(matches!(now(store.disable_user(W, anna, true, &ME, at(7))), Err(StoreError::Refused(_))));
    assert_eq!(now(store.member(W, anna)).unwrap().unwrap().role, Role::Owner, "a refusal has changed nothing");
    person(&store, "bob@example.org", Role::Owner);
    now(store.set_role(W, anna, None, &ME, at(8))).unwrap();
    assert_eq!(now(store.member(W, anna)).unwrap(), None);
}

#[test]
fn what_proves_who_somebody_is_is_sealed_and_used_once() {
    let store = empty();
    let anna = person(&store, "anna@example.org", Role::Owner);
    let change = CredentialChange {
        second_factor: Some(Some((b"secret".to_vec(), [1; 12]))),
        recovery: Some(vec!["one".to_owned(), "two".to_owned()]),
        ..CredentialChange::default()
    };
    now(store.begin_session(session(anna, 1, 100), &ME, at(1))).unwrap();
    now(store.begin_session(session(anna, 2, 100), &ME, at(1))).unwrap();
    now(store.change_credentials(anna, change, Some([2; 32]), &ME, at(2))).unwrap();
    assert_eq!(now(store.sessions_of(anna, at(3))).unwrap().len(), 1, "all but the one that is kept");
    assert_eq!(now(store.credentials(anna)).unwrap().unwrap().second_factor.unwrap(), b"secret");
    assert!(now(store.use_second_factor_step(anna, 7)).unwrap());
    assert!(
        !now(store.use_second_factor_step(anna, 7)).unwrap() && !now(store.use_second_factor_step(anna, 6)).unwrap()
    );
    assert!(now(store.use_recovery_code(anna, "one")).unwrap() && !now(store.use_recovery_code(anna, "one")).unwrap());
}

#[test]
fn who_is_invited_has_no_place_before_they_accept() {
    let store = empty();
    let anna = person(&store, "anna@example.org", Role::Owner);
    let other = now(store.make_workspace("other", &ME, at(3))).unwrap().id;
    let invite = |email: &str| now(store.invite(other, email, "Somebody else", Role::Analyst, &ME, at(4)));
    let (known, unknown) = (invite("Anna@example.org").unwrap(), invite("bob@example.org").unwrap());
    assert!(known.user.id != anna && known.is_invited && known.user.name == "Somebody else");
    assert!(matches!(invite("bob@EXAMPLE.org"), Err(StoreError::Exists { .. })));
    assert_eq!(now(store.user_by_email("bob@example.org")).unwrap(), None, "nobody has an account yet");
    let (known, unknown) = (known.user.id, unknown.user.id);
    assert_eq!((now(store.member(other, anna)).unwrap(), now(store.member(other, known)).unwrap()), (None, None));
    assert_eq!(now(store.places_of(anna)).unwrap().len(), 1);
    let all = |store: &crate::Store| now(store.members(other, None, 9)).unwrap();
    assert_eq!(all(&store).iter().map(|one| one.user.id).collect::<Vec<_>>(), [known, unknown]);
    assert_eq!(now(store.members(other, Some(known), 9)).unwrap()[0].user.id, unknown);
    now(store.set_role(other, unknown, Some(Role::Operator), &ME, at(5))).unwrap();
    let accepted = now(store.accept_invitation(known, Some("Nobody"), at(6))).unwrap();
    assert_eq!((accepted.user.id, accepted.role, accepted.is_invited), (anna, Role::Analyst, false));
    let made = now(store.accept_invitation(unknown, Some("Una"), at(7))).unwrap();
    assert_eq!((made.user.id, made.role, made.user.has_password), (unknown, Role::Operator, false));
    assert_eq!(
        (accepted.user.name.as_str() == "Nobody", made.user.name.as_str()),
        (false, "Una"),
        "an account has its name"
    );
    assert!(matches!(now(store.accept_invitation(unknown, None, at(8))), Err(StoreError::NotFound { .. })));
    assert!(all(&store).iter().all(|one| !one.is_invited));
    assert!(matches!(invite("anna@example.org"), Err(StoreError::Exists { .. })), "she works there");
    let third = now(store.make_workspace("third", &ME, at(8))).unwrap().id;
    let invited = now(store.invite(third, "anna@example.org", "A", Role::Analyst, &ME, at(9))).unwrap().user.id;
    let link = OneTimeLink {
        hash: [9; 32],
        purpose: LinkPurpose::Welcome,
        user: Some(invited),
        workspace: third,
        expires_at: at(60),
    };
    now(store.make_link(link, &ME, at(9))).unwrap();
    assert!(now(store.set_role(other, invited, None, &ME, at(10))).is_err(), "another workspace's");
    now(store.set_role(third, invited, None, &ME, at(10))).unwrap();
    assert_eq!((now(store.link([9; 32], at(11))).unwrap(), now(store.invitation(invited)).unwrap()), (None, None));
}

#[test]
fn what_an_owner_left_open_is_shut_with_them() {
    let store = empty();
    let (anna, bob) = (person(&store, "anna@example.org", Role::Owner), person(&store, "bob@example.org", Role::Owner));
    let invite =
        |when| now(store.invite(W, "pal@example.org", "P", Role::Owner, &Actor::User(anna), at(when))).unwrap();
    let link = |hash: u8, user| OneTimeLink {
        hash: [hash; 32],
        purpose: LinkPurpose::Reset,
        user: Some(user),
        workspace: W,
        expires_at: at(60),
    };
    let ends: [fn(&Store, UserId); 3] = [
        |store, anna| now(store.set_role(W, anna, Some(Role::Analyst), &ME, at(4))).unwrap(),
        |store, anna| now(store.disable_user(W, anna, true, &ME, at(4))).map(|_| ()).unwrap(),
        |store, anna| now(store.set_role(W, anna, None, &ME, at(4))).unwrap(),
    ];
    for (round, end) in (1..).zip(ends) {
        now(store.disable_user(W, anna, false, &ME, at(2))).unwrap();
        now(store.set_role(W, anna, Some(Role::Owner), &ME, at(2))).unwrap();
        let invited = invite(3).user.id;
        now(store.make_link(link(round, bob), &Actor::User(anna), at(3))).unwrap();
        end(&store, anna);
        let left = (now(store.invitation(invited)).unwrap(), now(store.link([round; 32], at(5))).unwrap());
        assert_eq!(left, (None, None), "round {round}");
    }
}

#[test]
fn sessions_and_links_end() {
    let store = empty();
    let anna = person(&store, "anna@example.org", Role::Owner);
    now(store.begin_session(session(anna, 1, 50), &ME, at(1))).unwrap();
    assert!(now(store.session([1; 32], at(49))).unwrap().is_some());
    assert!(now(store.session([1; 32], at(50))).unwrap().is_none());
    now(store.end_session([1; 32], &ME, at(2))).unwrap();
    assert!(now(store.session([1; 32], at(3))).unwrap().is_none());
    let link = |hash: u8| OneTimeLink {
        hash: [hash; 32],
        purpose: LinkPurpose::Reset,
        user: Some(anna),
        workspace: W,
        expires_at: at(60),
    };
    now(store.make_link(link(1), &ME, at(1))).unwrap();
    now(store.make_link(link(2), &ME, at(2))).unwrap();
    assert_eq!(now(store.use_link([1; 32], at(3))).unwrap(), None, "a newer one took its place");
    assert_eq!(now(store.use_link([2; 32], at(3))).unwrap(), Some(link(2)));
    assert_eq!(now(store.use_link([2; 32], at(3))).unwrap(), None);
    now(store.make_link(link(3), &ME, at(4))).unwrap();
    assert_eq!(now(store.use_link([3; 32], at(60))).unwrap(), None);
}

#[test]
fn failures_shut_out_for_a_while() {
    let store = empty();
    let minute = std::time::Duration::from_secs(60);
    let limit = FailureLimit { failures: 3, within: minute, shut_for: minute };
    for second in [1, 2] {
        assert_eq!(now(store.note_failure([1; 32], limit, at(second))).unwrap(), None);
    }
    assert_eq!(now(store.note_failure([1; 32], limit, at(3))).unwrap(), Some(at(63)));
    assert_eq!(now(store.shut_out_until(vec![[2; 32], [1; 32]], at(62))).unwrap(), Some(at(63)));
    assert_eq!(now(store.shut_out_until(vec![[1; 32]], at(63))).unwrap(), None);
    assert_eq!(now(store.note_failure([1; 32], limit, at(200))).unwrap(), None, "long ago does not count");
    now(store.forget_failures([1; 32])).unwrap();
    assert_eq!(now(store.note_failure([1; 32], limit, at(201))).unwrap(), None);
}

#[test]
fn a_key_is_found_by_its_hash_and_read_in_its_workspace_alone() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(1))).unwrap();
    let new = |hash: u8| NewApiKey {
        workspace: W,
        name: "shop".to_owned(),
        hash: [hash; 32],
        hint: "pk_abcde".to_owned(),
        scopes: Scopes::all(),
        expires_at: Some(at(100)),
    };
    let key = now(store.make_api_key(new(1), &ME, at(2))).unwrap();
    assert!(key.works(at(99)) && !key.works(at(100)));
    assert_eq!(now(store.api_key_by_hash([1; 32])).unwrap().unwrap().id, key.id);
    assert_eq!(now(store.api_key(other.id, key.id)).unwrap(), None);
    assert!(matches!(now(store.revoke_api_key(other.id, key.id, &ME, at(3))), Err(StoreError::NotFound { .. })));
    assert!(!now(store.revoke_api_key(W, key.id, &ME, at(3))).unwrap().works(at(4)));
    let nothing = NewApiKey { scopes: Scopes::NONE, ..new(2) };
    assert!(matches!(now(store.make_api_key(nothing, &ME, at(5))), Err(StoreError::Refused(_))));
    let nowhere = NewApiKey { workspace: WorkspaceId(77), ..new(3) };
    assert!(matches!(now(store.make_api_key(nowhere, &ME, at(5))), Err(StoreError::NotFound { .. })));
}

#[test]
fn what_a_key_left_open_is_shut_with_it() {
    let store = empty();
    let bob = person(&store, "bob@example.org", Role::Owner);
    let link = |hash: u8| OneTimeLink {
        hash: [hash; 32],
        purpose: LinkPurpose::Reset,
        user: Some(bob),
        workspace: W,
        expires_at: at(600),
    };
    let key = |hash: u8, expires_at| {
        let (name, hint, scopes) = ("k".to_owned(), "pk_abcde".to_owned(), Scopes::all());
        let new = NewApiKey { workspace: W, name, hash: [hash; 32], hint, scopes, expires_at };
        now(store.make_api_key(new, &ME, at(2))).unwrap().id
    };
    let ends = key(1, Some(at(100)));
    now(store.make_link(link(1), &Actor::Key(ends), at(3))).unwrap();
    assert!(now(store.link([1; 32], at(99))).unwrap().is_some());
    assert_eq!(now(store.link([1; 32], at(100))).unwrap(), None, "no longer than the key");
    let leaked = key(2, None);
    let invited =
        now(store.invite(W, "pal@example.org", "P", Role::Owner, &Actor::Key(leaked), at(3))).unwrap().user.id;
    now(store.make_link(link(2), &Actor::Key(leaked), at(3))).unwrap();
    now(store.revoke_api_key(W, leaked, &ME, at(4))).unwrap();
    assert_eq!((now(store.invitation(invited)).unwrap(), now(store.link([2; 32], at(5))).unwrap()), (None, None));
}

#[test]
fn a_key_takes_along_what_was_made_with_it() {
    let store = empty();
    let new = |hash: u8, expires_at| NewApiKey {
        workspace: W,
        name: "shop".to_owned(),
        hash: [hash; 32],
        hint: "pk_abcde".to_owned(),
        scopes: Scopes::all(),
        expires_at,
    };
    let made = |hash, end: Option<u64>, by: &Actor| now(store.make_api_key(new(hash, end.map(at)), by, at(2)));
    let first = made(1, Some(100), &ME).unwrap();
    let by_it = Actor::Key(first.id);
    assert!(matches!(made(2, Some(101), &by_it), Err(StoreError::Refused(_))), "after its maker's end");
    assert_eq!(made(3, Some(50), &by_it).unwrap().expires_at, Some(at(50)));
    let second = made(4, None, &by_it).unwrap();
    assert_eq!(second.expires_at, Some(at(100)), "its maker's end is its own");
    let third = made(5, None, &Actor::Key(second.id)).unwrap();
    let apart = made(6, None, &ME).unwrap();
    now(store.revoke_api_key(W, first.id, &ME, at(3))).unwrap();
    let works = |id| now(store.api_key(W, id)).unwrap().unwrap().works(at(4));
    assert_eq!([first.id, second.id, third.id, apart.id].map(works), [false, false, false, true]);
}

#[test]
fn answers_are_kept_for_a_day_and_jobs_broken_off_are_told() {
    let store = empty();
    let key = AnswerKey { workspace: W, actor: "key:k_1".to_owned(), key: [1; 32] };
    let answer = Answered { request: [2; 32], status: 201, body: b"{}".to_vec() };
    now(store.keep_answer(key.clone(), answer.clone(), store.forgettings(), at(1))).unwrap();
    let day = ANSWERS_KEPT.as_secs();
    assert_eq!(now(store.answer(key.clone(), at(day))).unwrap(), Some(answer));
    assert_eq!(now(store.answer(key.clone(), at(day + 1))).unwrap(), None);
    assert_eq!(now(store.answer(AnswerKey { workspace: WorkspaceId(9), ..key }, at(2))).unwrap(), None);
    let job = now(store.begin_job(W, "import", Some("i_1".to_owned()), &ME, at(3))).unwrap();
    assert_eq!(now(store.job(WorkspaceId(9), job.id)).unwrap(), None);
    assert_eq!(now(store.break_off_jobs(at(4))).unwrap(), 1);
    assert_eq!(now(store.job(W, job.id)).unwrap().unwrap().state, crate::JobState::Failed);
}

#[test]
fn a_workspaces_events_are_read_both_ways_in_pages() {
    let store = empty();
    let other = now(store.make_workspace("other", &ME, at(1))).unwrap();
    for n in 0..7 {
        let actor = if n % 2 == 0 { ME } else { Actor::CommandLine("anna".to_owned()) };
        let workspace = if n == 6 { other.id } else { W };
        now(store.set_setting(workspace, "s", &n.to_string(), &actor, at(n))).unwrap();
    }
    let read = |filter: EventFilter| {
        let (mut seen, mut beyond) = (Vec::new(), None);
        for _ in 0..20 {
            let page = now(store.events_in(W, filter.clone(), beyond, 2)).unwrap();
            seen.extend(page.events.iter().map(|event| event.at));
            beyond = Some(page.next);
            if page.at_end {
                return seen;
            }
        }
        panic!("no end");
    };
    assert_eq!(read(EventFilter::default()), [0, 1, 2, 3, 4, 5].map(at));
    assert_eq!(read(EventFilter { newest_first: true, ..EventFilter::default() }), [5, 4, 3, 2, 1, 0].map(at));
    let by_hand = EventFilter { by_hand: true, ..EventFilter::default() };
    assert_eq!(read(by_hand), [1, 3, 5].map(at));
}

#[test]
fn whoever_is_forgotten_stands_in_no_kept_answer() {
    let store = empty();
    import(&store, 1, &["kim@a.example", "\"bo b\"@a.example"]);
    let kim = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap().remove(0).id;
    let key = |number: u8| AnswerKey { workspace: W, actor: "key:k_1".to_owned(), key: [number; 32] };
    let keep = |number, body: String| {
        let answer = Answered { request: [2; 32], status: 201, body: body.into_bytes() };
        now(store.keep_answer(key(number), answer, store.forgettings(), at(10))).unwrap();
    };
    keep(1, format!("{{\"id\":\"{kim}\",\"attributes\":{{\"name\":\"Kim\"}}}}"));
    keep(2, r#"{"target":"Kim@A.example"}"#.to_owned());
    keep(3, serde_json::json!({ "target": "\"bo b\"@a.example" }).to_string());
    keep(4, r#"{"target":"ann@a.example"}"#.to_owned());
    let job = now(store.begin_job(W, "import", None, &ME, at(11))).unwrap().id;
    now(store.end_job(job, Err("the first line seems to be a person (kim@a.example)".to_owned()), at(12))).unwrap();
    let kept = |number| now(store.answer(key(number), at(20))).unwrap().unwrap();
    now(store.forget(W, &address("kim@a.example"), &ME, at(20))).unwrap();
    for number in [1, 2] {
        assert_eq!((kept(number).status, kept(number).body), (crate::ANSWER_FORGOTTEN, Vec::new()), "{number}");
        assert_eq!(kept(number).request, [2; 32], "it is still known that it was done");
    }
    assert_eq!((kept(3).status, kept(4).status), (201, 201));
    assert!(!now(store.job(W, job)).unwrap().unwrap().error.unwrap().contains("kim"));
    now(store.forget(W, &address("\"bo b\"@a.example"), &ME, at(21))).unwrap();
    assert_eq!((kept(3).status, kept(4).status), (crate::ANSWER_FORGOTTEN, 201));
    // Done before they were forgotten, and answered after: what the answer says is not known to be of somebody else.
    let since = store.forgettings();
    now(store.forget(W, &address("ann@a.example"), &ME, at(22))).unwrap();
    let late = Answered { request: [2; 32], status: 201, body: br#"{"target":"ann@a.example"}"#.to_vec() };
    now(store.keep_answer(key(5), late.clone(), since, at(23))).unwrap();
    assert_eq!((kept(5).status, kept(5).body), (crate::ANSWER_FORGOTTEN, Vec::new()));
    now(store.keep_answer(key(6), Answered { body: Vec::new(), ..late }, since, at(23))).unwrap();
    assert_eq!(kept(6).status, 201, "an answer without words names nobody");
}
