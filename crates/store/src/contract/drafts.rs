//! Drafts: what is being written can be changed and taken back; what has begun cannot.

use super::{ME, W, at, empty, import, import_rows, now, row};
use crate::sqlite::Ledger;
use crate::{
    Audience, Campaign, Choice, DraftEdit, Frozen, ImportRow, NewCampaign, NewList, Store, StoreError, Target, Whom,
};
use model::{
    Actor, CampaignId, CampaignKind, CampaignState, DeliveryState, EventKind, SkipReason, SuppressionReason,
    WorkspaceId,
};

fn draft(store: &Store, name: &str, audience: Audience) -> CampaignId {
    let new = NewCampaign {
        workspace: W,
        name: name.to_owned(),
        kind: CampaignKind::Broadcast,
        message: "{}".to_owned(),
        audience,
        files_hash: [0; 32],
        content_hash: [0; 32],
        canary: 0,
        trial: None,
    };
    now(store.make_draft(new, None, &ME, at(1))).unwrap().id
}

fn campaign(store: &Store, id: CampaignId) -> Campaign {
    now(store.campaign(id)).unwrap().unwrap()
}

fn frozen() -> Frozen {
    Frozen {
        message: r#"{"frozen":true}"#.to_owned(),
        files_hash: [1; 32],
        content_hash: [2; 32],
        canary: 0,
        trial: None,
    }
}

#[test]
fn a_draft_is_changed_forecast_and_begun() {
    let store = empty();
    let first = import(&store, 1, &["anna@a.example", "bob@a.example", "cid@b.example"]);
    let second = import(&store, 2, &["dee@b.example", "bob@a.example"]);
    let suppress = store.suppress(
        W,
        Target::Address("cid@b.example".to_owned()),
        SuppressionReason::Unsubscribed,
        None,
        &ME,
        at(1),
    );
    now(suppress).unwrap();
    let id = draft(&store, "news", Audience::imports([second]));
    let edit = DraftEdit {
        name: "better news".to_owned(),
        message: r#"{"subject":"Hi"}"#.to_owned(),
        audience: Audience { include: vec![Whom::Import(first)], exclude: vec![Whom::Import(second)] },
    };
    let other =
        DraftEdit { name: "of an older page".to_owned(), message: "{}".to_owned(), audience: Audience::everyone() };
    let is_meant =
        move |kept: &Campaign, audience: &Audience| kept.name == "news" && *audience == Audience::imports([first]);
    let overtaken = now(store.edit_draft_if(W, id, (other, None), is_meant, &ME, at(2)));
    assert!(matches!(overtaken, Err(StoreError::Overtaken)), "it is for others");
    let edited = now(store.edit_draft(W, id, edit, None, &ME, at(2))).unwrap();
    assert_eq!((edited.name.as_str(), edited.state, edited.number), ("better news", CampaignState::Draft, 1));
    let tally = now(store.forecast_draft(W, id, at(3))).unwrap();
    assert_eq!((tally.count(DeliveryState::Queued), tally.count(DeliveryState::Skipped)), (1, 2));
    assert_eq!(tally.by_skip_reason[&SkipReason::Unsubscribed], 1);
    assert_eq!(tally.by_skip_reason[&SkipReason::Excluded], 1);
    assert_eq!(now(store.recount(id)).unwrap(), model::Tally::default(), "a forecast writes nothing");
    now(store.freeze_draft(campaign(&store, id), frozen())).unwrap();
    let built = now(store.build_campaign(id, &ME, at(5))).unwrap();
    assert_eq!(built, tally, "it comes as it was foretold");
    let events = now(store.events(crate::Cursor::START, 99)).unwrap();
    let of = |kind| events.iter().filter(|event| event.kind == kind && event.campaign == Some(id)).count();
    assert_eq!((of(EventKind::CampaignMade), of(EventKind::Built)), (1, 1), "it is written once, whoever begins it");
    let again = now(store.edit_draft(
        W,
        id,
        DraftEdit { name: "other".to_owned(), message: "{}".to_owned(), audience: Audience::everyone() },
        None,
        &ME,
        at(6),
    ));
    assert!(matches!(again, Err(StoreError::Refused(_))));
}

#[test]
fn a_forecast_tells_who_has_nothing_of_a_value() {
    let store = empty();
    let with =
        |line: u64, email: &str, attributes: &str| ImportRow { attributes: attributes.to_owned(), ..row(line, email) };
    let rows = vec![
        with(1, "anna@a.example", r#"{"City": "Ghent", "plan": ""}"#),
        with(2, "bo@b.example", r#"{"City": null, "plan": "pro"}"#),
        with(3, "cy@a.example", r#"{"town": "Lille"}"#),
        with(4, "dora@b.example", "{}"),
        with(5, "eve@a.example", "{}"),
    ];
    import_rows(&store, 1, rows);
    // Who is skipped has no gap.
    let left = Target::Address("eve@a.example".to_owned());
    now(store.suppress(W, left, SuppressionReason::Unsubscribed, None, &ME, at(2))).unwrap();
    let id = draft(&store, "news", Audience::everyone());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let values = vec![names(&["City"]), names(&["City", "town"]), names(&["plan"]), names(&[])];
    let (tally, without) = now(store.forecast_values(W, id, values, at(3))).unwrap();
    assert_eq!(tally.count(DeliveryState::Queued), 4);
    assert_eq!(without, [3, 2, 3, 4]);
    let values = vec![names(&["plan"]), names(&["City", "town"])];
    let foresight = now(store.forecast_people(W, id, values, at(3))).unwrap();
    assert_eq!((&foresight.tally, &foresight.without[..]), (&tally, &[3, 2][..]));
    let address = |id| now(store.contact(id)).unwrap().unwrap().email.unwrap();
    let all: Vec<_> = foresight.people.iter().map(|one| (address(one.contact), one.skip, one.lacks)).collect();
    let of = |email: &str, skip, lacks| (email.to_owned(), skip, lacks);
    assert_eq!(
        all,
        [
            of("anna@a.example", None, 0b01),
            of("cy@a.example", None, 0b01),
            of("bo@b.example", None, 0b10),
            of("dora@b.example", None, 0b11),
            of("eve@a.example", Some(SkipReason::Unsubscribed), 0),
        ]
    );
}

#[test]
fn a_scheduled_one_waits_is_found_in_time_and_can_be_taken_back() {
    let store = empty();
    import(&store, 1, &["anna@a.example"]);
    let late = draft(&store, "late", Audience::everyone());
    let soon = draft(&store, "soon", Audience::everyone());
    now(store.schedule_draft(W, late, at(900), &ME, at(2))).unwrap();
    now(store.schedule_draft(W, soon, at(500), &ME, at(3))).unwrap();
    let waiting = now(store.scheduled_campaigns(10)).unwrap();
    assert_eq!(
        waiting.iter().map(|one| (one.id, one.start_at)).collect::<Vec<_>>(),
        [(soon, Some(at(500))), (late, Some(at(900)))]
    );
    let edit = || DraftEdit { name: "x".to_owned(), message: "{}".to_owned(), audience: Audience::everyone() };
    assert!(
        now(store.edit_draft(W, soon, edit(), None, &ME, at(4))).is_err(),
        "what waits is not changed under the clock"
    );
    let back = now(store.take_back(W, soon, Some("no key".to_owned()), &ME, at(5))).unwrap();
    assert_eq!((back.state, back.start_at, back.why.as_deref()), (CampaignState::Draft, None, Some("no key")));
    now(store.edit_draft(W, soon, edit(), None, &ME, at(6))).unwrap();
    let cancelled = now(store.set_campaign_state(late, CampaignState::Cancelled, None, &ME, at(7))).unwrap();
    assert_eq!(cancelled.state, CampaignState::Cancelled);
    assert!(now(store.scheduled_campaigns(10)).unwrap().is_empty());
}

#[test]
fn what_was_taken_back_put_off_or_written_anew_does_not_begin_as_it_was() {
    let store = empty();
    import(&store, 1, &["anna@a.example"]);
    let id = draft(&store, "news", Audience::everyone());
    now(store.schedule_draft(W, id, at(500), &ME, at(2))).unwrap();
    let judged = campaign(&store, id);
    let refused = || matches!(now(store.freeze_draft(judged.clone(), frozen())), Err(StoreError::Refused(_)));
    now(store.take_back(W, id, None, &ME, at(499))).unwrap();
    assert!(refused() && campaign(&store, id).state == CampaignState::Draft);
    now(store.schedule_draft(W, id, at(900), &ME, at(499))).unwrap();
    assert!(refused() && campaign(&store, id).state == CampaignState::Scheduled);
    now(store.take_back(W, id, None, &ME, at(499))).unwrap();
    let other = r#"{"subject":"Hi"}"#.to_owned();
    let edit = DraftEdit { name: "news".to_owned(), message: other, audience: Audience::everyone() };
    now(store.edit_draft(W, id, edit, None, &ME, at(499))).unwrap();
    now(store.schedule_draft(W, id, at(500), &ME, at(499))).unwrap();
    assert!(refused());
    now(store.freeze_draft(campaign(&store, id), frozen())).unwrap();
}

#[test]
fn a_campaign_cancelled_while_it_is_built_or_left_by_who_cancelled_it_keeps_nobody_waiting() {
    let store = empty();
    let people: Vec<String> = (0..12_000).map(|n| format!("p{n}@a.example")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    for (tag, part) in (1..).zip(people.chunks(4_000)) {
        import(&store, tag, part);
    }
    let id = draft(&store, "news", Audience::everyone());
    now(store.freeze_draft(campaign(&store, id), frozen())).unwrap();
    let mut build = now(store.core.lanes.write(move |ledger| ledger.begin_build(id))).unwrap();
    while !build.is_done() {
        let is_being_written = now(store.recount(id)).unwrap().in_progress() > 0;
        if is_being_written {
            now(store.set_campaign_state(id, CampaignState::Cancelled, None, &ME, at(6))).unwrap();
        }
        let step = move |ledger: &mut Ledger| ledger.build_step(&mut build, &ME, at(5)).map(|()| build);
        build = now(store.core.lanes.write(step)).unwrap();
    }
    assert_eq!(
        campaign(&store, id).state,
        CampaignState::Cancelled,
        "it was to be cut short while people were written"
    );
    assert_eq!(now(store.recount(id)).unwrap(), model::Tally::default());
    assert_eq!(now(store.tally(id)).unwrap(), model::Tally::default());
    assert_eq!(now(store.stopped_short()).unwrap(), []);
    let other = draft(&store, "other", Audience::everyone());
    now(store.freeze_draft(campaign(&store, other), frozen())).unwrap();
    now(store.build_campaign(other, &ME, at(8))).unwrap();
    now(store.set_campaign_state(other, CampaignState::Cancelled, None, &ME, at(9))).unwrap();
    assert_eq!(now(store.stopped_short()).unwrap(), [other]);
    now(store.skip_remaining(other, SkipReason::Cancelled, &[], &ME, at(10))).unwrap();
    assert_eq!(now(store.stopped_short()).unwrap(), []);
}

#[test]
fn a_name_is_taken_once_and_another_workspaces_draft_is_not_there() {
    let store = empty();
    let id = draft(&store, "news", Audience::everyone());
    let other = draft(&store, "other", Audience::everyone());
    let edit = DraftEdit { name: "news".to_owned(), message: "{}".to_owned(), audience: Audience::everyone() };
    let taken = now(store.edit_draft(W, other, edit.clone(), None, &ME, at(2)));
    assert!(matches!(taken, Err(StoreError::Exists { .. })));
    let elsewhere = WorkspaceId(9);
    assert!(matches!(now(store.edit_draft(elsewhere, id, edit, None, &ME, at(2))), Err(StoreError::NotFound { .. })));
    assert!(now(store.forecast_draft(elsewhere, id, at(2))).is_err());
    let foreign = Campaign { workspace: elsewhere, ..campaign(&store, id) };
    assert!(now(store.freeze_draft(foreign, frozen())).is_err());
    assert_eq!(now(store.campaigns_page(W, None, 1)).unwrap()[0].id, other, "newest first");
    assert_eq!(now(store.campaigns_page(W, Some(2), 9)).unwrap()[0].id, id);
    assert_eq!(now(store.attribute_names(W)).unwrap(), Vec::<String>::new());
}

#[test]
fn what_a_draft_was_can_be_read_again() {
    let store = empty();
    let first = import(&store, 1, &["anna@a.example"]);
    let id = draft(&store, "news", Audience::imports([first]));
    let versions = |before| now(store.draft_versions(W, id, before, 10)).unwrap();
    assert_eq!(versions(None), vec![], "there is nothing before the first change");
    let edit = |name: &str, who: &Actor, second: u64| {
        let audience = Audience { include: vec![Whom::Everyone], exclude: vec![Whom::Import(first)] };
        let edit = DraftEdit { name: name.to_owned(), message: format!("{{\"n\":{second}}}"), audience };
        now(store.edit_draft(W, id, edit, None, who, at(second))).unwrap();
    };
    let other = Actor::Key(model::KeyId(7));
    edit("better", &ME, 10);
    edit("better still", &ME, 60);
    edit("another hand", &other, 70);
    edit("much later", &other, 70 + 3_600);
    let known = versions(None);
    let names: Vec<_> = known.iter().map(|one| (one.version, one.draft.name.as_str(), one.at)).collect();
    let expected = [
        (4, "much later", at(70 + 3_600)),
        (3, "another hand", at(70)),
        (2, "better still", at(60)),
        (1, "news", at(1)),
    ];
    assert_eq!(names, expected, "one person's changes within minutes are one version");
    assert_eq!(known[1].actor, other.as_text());
    assert_eq!(known[3].draft.audience, Audience::imports([first]));
    assert_eq!(known[0].draft.audience.exclude, vec![Whom::Import(first)]);
    assert_eq!(versions(Some(3)).len(), 2);
    let foreign = model::WorkspaceId(WorkspaceId::FIRST.0 + 1);
    assert_eq!(now(store.draft_versions(foreign, id, None, 10)).unwrap(), vec![]);
}

#[test]
fn a_draft_is_about_what_is_said_of_it_or_what_all_its_lists_are_about() {
    let store = empty();
    let first = import(&store, 1, &["anna@a.example", "bob@a.example"]);
    let people: Vec<_> = ["anna@a.example", "bob@a.example"]
        .map(|email| now(store.contacts_by_address(W, &super::address(email))).unwrap()[0].id)
        .to_vec();
    let list = |name: &str, topic: Option<&str>| {
        let new = NewList { name: name.to_owned(), topic: topic.map(str::to_owned), ..NewList::default() };
        let made = now(store.create_list(W, new, &ME, at(1))).unwrap();
        now(store.join_list(W, made.id, people.clone(), None, &ME, at(1))).unwrap();
        Whom::List(made.id)
    };
    let (news, more_news) = (list("news", Some("news")), list("more news", Some("news")));
    let (offers, plain) = (list("offers", Some("offers")), list("plain", None));
    let declines = Choice { topics: [("news".to_owned(), false)].into(), ..Choice::default() };
    now(store.choose(W, people[0], declines, &Actor::Recipient, at(2))).unwrap();
    let include = |groups: &[Whom]| Audience { include: groups.to_vec(), exclude: Vec::new() };
    for (name, groups, said, about) in [
        ("one list", &[news][..], None, Some("news")),
        ("lists of one topic", &[news, more_news], None, Some("news")),
        ("lists of two", &[news, offers], None, None),
        ("one that is about nothing", &[news, plain], None, None),
        ("an import", &[Whom::Import(first)], None, None),
        ("an import as well", &[news, Whom::Import(first)], None, None),
        ("said of an import", &[Whom::Import(first)], Some("news"), Some("news")),
        ("said otherwise", &[news], Some("offers"), Some("offers")),
    ] {
        let id = draft(&store, name, include(groups));
        let edit = DraftEdit { name: name.to_owned(), message: "{}".to_owned(), audience: include(groups) };
        now(store.edit_draft(W, id, edit, said.map(str::to_owned), &ME, at(3))).unwrap();
        assert_eq!(now(store.campaign_topic(id)).unwrap().as_deref(), said, "{name}: what was said, until it begins");
        assert_eq!(
            now(store.topic_to_be(id)).unwrap().as_deref(),
            about,
            "{name}: and what it comes to is known before"
        );
        let foretold = now(store.forecast_draft(W, id, at(4))).unwrap();
        now(store.freeze_draft(campaign(&store, id), frozen())).unwrap();
        let built = now(store.build_campaign(id, &ME, at(5))).unwrap();
        let declined = built.by_skip_reason.get(&SkipReason::TopicDeclined).copied().unwrap_or_default();
        assert_eq!(declined, u64::from(about == Some("news")), "{name}");
        assert_eq!(built.by_skip_reason, foretold.by_skip_reason, "{name}: it comes as it was foretold");
        assert_eq!(now(store.campaign_topic(id)).unwrap().as_deref(), about, "{name}: kept with it");
    }
}
