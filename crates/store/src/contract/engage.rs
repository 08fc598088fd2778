//! Opens, clicks and unsubscribes by link: counted with the writes, judged anew, forgotten in part.

use super::*;
use crate::engage::{ADDRESSES_KEPT, DETAILS_KEPT, UNDO_WITHIN};
use crate::{Cursor, Did, Doers, Hits, Nameless, NewReaction, Recipient, Rescored, Standing};
use model::reaction::{By, Doer};
use model::{ContactId, EventKind, ReactionKind};
use std::time::Duration;

/// A campaign to Kim and Lee, taken by their server at 30, and who they are.
fn house() -> (Store, Campaign, Vec<Recipient>) {
    let store = empty();
    let id = import(&store, 1, &["kim@a.example", "lee@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    now(store.settle(claimed.iter().map(|one| accepted(one, at(30))).collect::<Vec<_>>())).unwrap();
    let recipients = now(store.recipients(claimed.iter().map(|one| one.delivery).collect())).unwrap();
    (store, campaign, recipients)
}

fn click(of: &Recipient, when: u64, score: u8) -> (WorkspaceId, NewReaction) {
    let reaction = NewReaction {
        campaign: Some(of.campaign),
        delivery: Some(of.delivery),
        link: Some(2),
        score,
        ip: Some("192.0.2.1".to_owned()),
        agent: Some("Firefox".to_owned()),
        properties: Some(r#"{"signs":[]}"#.to_owned()),
        ..NewReaction::new(ReactionKind::Clicked, of.contact, at(when))
    };
    (W, reaction)
}

fn counts(store: &Store, campaign: CampaignId) -> Vec<(Doer, Option<u32>, u64, u64)> {
    let counts = now(store.reaction_counts(W, campaign)).unwrap();
    let clicks = counts.iter().filter(|one| one.kind == ReactionKind::Clicked && one.events + one.people > 0);
    clicks.map(|one| (one.doer, one.link, one.events, one.people)).collect()
}

fn engaged(store: &Store, contact: ContactId) -> Option<Timestamp> {
    now(store.contact(contact)).unwrap().unwrap().engaged_at
}

#[test]
fn a_token_tells_whom_it_is_about_and_when_they_had_it() {
    let (store, campaign, recipients) = house();
    assert_eq!(recipients.len(), 2);
    assert_eq!(recipients[0].campaign, campaign.id);
    assert_eq!(recipients[0].tried_at, Some(at(30) + Duration::from_millis(412)));
    assert!(now(store.recipients(vec![model::DeliveryId(5)])).unwrap().is_empty());
}

#[test]
fn a_curve_tells_when_people_acted() {
    let (store, campaign, who) = house();
    let hours = |n: u64| 12 + n * 3_600;
    let reactions = vec![
        click(&who[0], hours(0), 0),
        click(&who[0], hours(2), 0),
        click(&who[1], hours(2), 100),
        click(&who[1], hours(24 * 9) + 5, 0),
        click(&who[1], hours(24 * 800), 0),
    ];
    let written = now(store.record_hits(Hits { reactions, ..Hits::default() }, at(60))).unwrap();
    let curve = || {
        let points = now(store.reaction_curve(W, campaign.id)).unwrap();
        let told = points.iter().map(|one| (one.after_hours, one.hours, one.doer, one.events, one.people));
        told.collect::<Vec<_>>()
    };
    let late = 168 + 395 * 24;
    assert_eq!(
        curve(),
        [
            (0, 1, Doer::Person, 1, 1),
            (2, 1, Doer::Person, 1, 0),
            (2, 1, Doer::Machine, 1, 1),
            (24 * 9, 24, Doer::Person, 1, 1),
            (late, 24, Doer::Person, 1, 0)
        ]
    );
    let machine = Rescored { reaction: written[3].unwrap(), score: 100, properties: None };
    now(store.record_hits(Hits { rescored: vec![machine], ..Hits::default() }, at(61))).unwrap();
    let (machines, people) = ((24 * 9, 24, Doer::Machine, 1, 0), (late, 24, Doer::Person, 1, 1));
    assert_eq!(curve()[3..], [machines, people], "a machine's after all: theirs came later");
    let earlier = vec![click(&who[0], hours(0) - 3, 0), click(&who[1], hours(5), 0)];
    now(store.record_hits(Hits { reactions: earlier, ..Hits::default() }, at(62))).unwrap();
    let points = curve().into_iter().filter(|(.., doer, _, _)| *doer == Doer::Person).collect::<Vec<_>>();
    let (first, fifth) = ((0, 1, Doer::Person, 2, 1), (5, 1, Doer::Person, 1, 1));
    assert_eq!(
        points,
        [first, (2, 1, Doer::Person, 1, 0), fifth, (late, 24, Doer::Person, 1, 0)],
        "where they did it first"
    );
    assert!(now(store.reaction_curve(WorkspaceId(2), campaign.id)).unwrap().is_empty());
}

#[test]
fn the_people_behind_a_number_are_found_by_link_doer_and_time() {
    let (store, campaign, who) = house();
    let of_link = |of: &Recipient, when, score, link| {
        let (workspace, reaction) = click(of, when, score);
        (workspace, NewReaction { link: Some(link), ..reaction })
    };
    let reactions = vec![
        of_link(&who[0], 20, 0, 1),
        of_link(&who[0], 21, 45, 2),
        of_link(&who[1], 30, 100, 1),
        of_link(&who[1], 40, 100, 0),
    ];
    now(store.record_hits(Hits { reactions, ..Hits::default() }, at(60))).unwrap();
    let did = Did::Reaction(ReactionKind::Clicked);
    let all = Doers::of(W, campaign.id, did);
    let found = |who: Doers| {
        let page = now(store.doers(who, None, 10)).unwrap();
        assert_eq!(page.next, None);
        page.rows.into_iter().map(|row| row.contact).collect::<Vec<_>>()
    };
    let link = |link, by| found(Doers { link: Some(link), by, ..all.clone() });
    let by = |by| found(Doers { by, ..all.clone() });
    let (ann, bob) = (who[0].contact, who[1].contact);
    assert_eq!((by(By::Person), by(By::Unsure), by(By::Machine)), (vec![ann], vec![ann], vec![bob]));
    assert_eq!(by(By::Unknown), [bob], "never they themselves");
    assert_eq!((link(1, By::Person), link(1, By::Machine)), (vec![ann], vec![bob]));
    assert_eq!((link(2, By::Person), link(2, By::Unsure), link(2, By::Unknown)), (vec![], vec![ann], vec![ann]));
    assert_eq!((link(0, By::Machine), link(7, By::Machine)), (vec![bob], vec![]), "the trap is a link of its own");
    let machines = Doers { by: By::Machine, ..all.clone() };
    assert_eq!(found(Doers { before: Some(at(30)), ..machines.clone() }), []);
    assert_eq!(found(Doers { before: Some(at(31)), ..machines }), [bob]);
}

#[test]
fn whoever_stands_behind_thousands_of_reactions_is_found_page_by_page() {
    let (store, campaign, who) = house();
    let mut order = [&who[0], &who[1]];
    order.sort_by_key(|one| one.contact);
    for _ in 0..6 {
        let reactions = (0..1_000).map(|_| click(order[0], 20, 0)).collect();
        now(store.record_hits(Hits { reactions, ..Hits::default() }, at(60))).unwrap();
    }
    let (workspace, rare) = click(order[1], 30, 0);
    let rare = vec![(workspace, NewReaction { link: Some(9), ..rare })];
    now(store.record_hits(Hits { reactions: rare, ..Hits::default() }, at(60))).unwrap();
    let all = Doers { link: Some(9), ..Doers::of(W, campaign.id, Did::Reaction(ReactionKind::Clicked)) };
    let first = now(store.doers(all.clone(), None, 10)).unwrap();
    assert_eq!(
        (first.rows.len(), first.next),
        (0, Some(order[0].contact)),
        "a bounded walk, and it says where to go on"
    );
    let second = now(store.doers(all, first.next, 10)).unwrap();
    assert_eq!((second.rows.len(), second.next), (1, None));
    assert_eq!(second.rows[0].contact, order[1].contact);
}

#[test]
fn people_are_counted_once_and_machines_apart() {
    let (store, campaign, who) = house();
    let reactions = vec![click(&who[0], 50, 0), click(&who[0], 51, 0), click(&who[1], 52, 100), click(&who[1], 53, 0)];
    let nameless = vec![Nameless { campaign: campaign.id, kind: ReactionKind::Clicked, link: Some(1), score: 0 }];
    now(store.record_hits(Hits { reactions, nameless, rescored: Vec::new() }, at(60))).unwrap();
    assert_eq!(
        counts(&store, campaign.id),
        [
            (Doer::Person, None, 4, 2),
            (Doer::Person, Some(1), 1, 0),
            (Doer::Person, Some(2), 3, 0),
            (Doer::Machine, None, 1, 1),
            (Doer::Machine, Some(2), 1, 0)
        ]
    );
    assert!(now(store.reaction_counts(WorkspaceId(2), campaign.id)).unwrap().is_empty(), "of another workspace");
}

#[test]
fn what_turns_out_to_be_a_machines_moves_over_and_engages_nobody() {
    let (store, campaign, who) = house();
    now(store.note_engagement(vec![(who[0].contact, at(5))])).unwrap();
    let hits = Hits { reactions: vec![click(&who[0], 50, 0)], ..Hits::default() };
    let id = now(store.record_hits(hits, at(51))).unwrap().remove(0).unwrap();
    assert_eq!(engaged(&store, who[0].contact), Some(at(50)));
    let properties = Some(r#"{"signs":["burst"]}"#.to_owned());
    let rescored = vec![Rescored { reaction: id, score: 70, properties }];
    now(store.record_hits(Hits { rescored, ..Hits::default() }, at(53))).unwrap();
    assert_eq!(counts(&store, campaign.id), [(Doer::Machine, None, 1, 1), (Doer::Machine, Some(2), 1, 0)]);
    assert_eq!(engaged(&store, who[0].contact), Some(at(5)), "what it was before");
    let events = now(store.events(Cursor::START, 1_000)).unwrap();
    let last = events.last().unwrap();
    assert_eq!((last.kind, last.delivery), (EventKind::Rescored, Some(who[0].delivery)));
    let clicked = events.iter().find(|event| event.kind == EventKind::Clicked).unwrap();
    assert_eq!(clicked.reaction.as_ref().unwrap().score, 70, "kept, not dropped");
}

#[test]
fn whoever_only_machines_clicked_for_is_unknown_until_they_do_it_themselves() {
    let (store, campaign, who) = house();
    let unknown = |store: &Store| {
        let found = now(store.unknown_people(W, campaign.id)).unwrap();
        found.iter().map(|(kind, people)| (*kind, *people)).find(|(kind, _)| *kind == ReactionKind::Clicked)
    };
    let people = |count: u64| Some((ReactionKind::Clicked, count));
    let write = |reactions: Vec<(WorkspaceId, NewReaction)>, s: u64| {
        now(store.record_hits(Hits { reactions, ..Hits::default() }, at(s))).unwrap()
    };
    assert_eq!(unknown(&store), None);
    write(vec![click(&who[0], 50, 100), click(&who[0], 51, 40), click(&who[1], 52, 100)], 53);
    assert_eq!(unknown(&store), people(2), "each once, whatever was seen of them");
    let id = write(vec![click(&who[0], 54, 0), click(&who[0], 55, 100)], 56)[0].unwrap();
    assert_eq!(unknown(&store), people(1));
    let rescored = vec![Rescored { reaction: id, score: 80, properties: None }];
    now(store.record_hits(Hits { rescored, ..Hits::default() }, at(57))).unwrap();
    assert_eq!(unknown(&store), people(2), "it was none of theirs after all");
    assert_eq!(now(store.unknown_people(WorkspaceId(2), campaign.id)).unwrap(), []);
}

#[test]
fn the_reach_of_a_list_counts_peoples_own_opens_and_clicks() {
    let (store, _, who) = house();
    let reached = |since| now(store.people_reached(W, at(since))).unwrap();
    let open = |of: &Recipient, s, score| {
        let (workspace, click) = click(of, s, score);
        (workspace, NewReaction { kind: ReactionKind::Opened, link: None, ..click })
    };
    let write = |reactions: Vec<(WorkspaceId, NewReaction)>, s: u64| {
        now(store.record_hits(Hits { reactions, ..Hits::default() }, at(s))).unwrap()
    };
    write(vec![open(&who[0], 50, 100), open(&who[1], 51, 40)], 52);
    assert_eq!(reached(0), 0, "machines read nothing");
    let id = write(vec![open(&who[0], 60, 0)], 61)[0].unwrap();
    assert_eq!((reached(60), reached(61)), (1, 0));
    write(vec![click(&who[0], 70, 0), click(&who[1], 80, 0)], 81);
    assert_eq!((reached(0), reached(71), reached(81)), (2, 1, 0), "somebody who did both is one");
    let rescored = vec![Rescored { reaction: id, score: 80, properties: None }];
    now(store.record_hits(Hits { rescored, ..Hits::default() }, at(82))).unwrap();
    assert_eq!((reached(60), reached(71)), (2, 1));
    assert_eq!(now(store.people_reached(WorkspaceId(2), at(0))).unwrap(), 0);
}

#[test]
fn what_was_done_with_a_message_is_read_newest_first() {
    let (store, _, who) = house();
    let reactions = vec![click(&who[0], 50, 0), click(&who[1], 51, 0), click(&who[0], 52, 100)];
    now(store.record_hits(Hits { reactions, ..Hits::default() }, at(60))).unwrap();
    let of = |workspace, limit| {
        let found = now(store.reactions_of(workspace, who[0].delivery, limit)).unwrap();
        found.iter().map(|one| (one.at, one.kind, one.link, one.score)).collect::<Vec<_>>()
    };
    let clicked = |s, score| (at(s), ReactionKind::Clicked, Some(2), score);
    assert_eq!(of(W, 9), [clicked(52, 100), clicked(50, 0)]);
    assert_eq!(of(W, 1), [clicked(52, 100)]);
    assert_eq!(of(WorkspaceId(2), 9), []);
}

#[test]
fn addresses_and_details_are_forgotten_in_their_time() {
    let (store, _, who) = house();
    let hits = Hits { reactions: vec![click(&who[0], 50, 0), click(&who[1], 60, 0)], ..Hits::default() };
    now(store.record_hits(hits, at(61))).unwrap();
    let kept = |store: &Store| {
        let conn = store.core.lanes.read(|conn| {
            let sql = "SELECT count(ip), count(agent), count(detail) FROM reaction";
            Ok(conn
                .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?)
        });
        now(conn).unwrap()
    };
    now(store.forget_old_hits(at(61))).unwrap();
    assert_eq!(kept(&store), (2, 2, 2));
    now(store.forget_old_hits(at(55) + ADDRESSES_KEPT)).unwrap();
    assert_eq!(kept(&store), (1, 2, 2), "the younger one stays");
    now(store.forget_old_hits(at(99) + ADDRESSES_KEPT)).unwrap();
    assert_eq!(kept(&store), (0, 2, 2));
    now(store.forget_old_hits(at(99) + DETAILS_KEPT)).unwrap();
    assert_eq!(kept(&store), (0, 0, 0));
}

#[test]
fn an_unsubscribe_stops_what_is_queued_and_can_be_taken_back_by_the_same_link() {
    let store = empty();
    let id = import(&store, 1, &["kim@a.example"]);
    let (first, second) = (sending(&store, "one", id), sending(&store, "two", id));
    let claimed = claims(&store, first.id).remove(0);
    now(store.settle(vec![accepted(&claimed, at(30))])).unwrap();
    let waiting = claims(&store, second.id).remove(0);
    assert_eq!(store.changed_since(&waiting), Standing::Unchanged);
    assert!(now(store.unsubscribe(claimed.delivery, "one_click", at(40))).unwrap());
    assert!(now(store.unsubscribe(claimed.delivery, "page", at(41))).unwrap(), "asked twice");
    assert!(matches!(store.changed_since(&waiting), Standing::Skip(_)));
    let counts = now(store.reaction_counts(W, first.id)).unwrap();
    assert_eq!(counts.iter().map(|one| (one.kind, one.events)).collect::<Vec<_>>(), [(ReactionKind::Unsubscribed, 1)]);
    assert!(!now(store.take_back_unsubscribe(waiting.delivery, at(50))).unwrap(), "another link");
    assert!(!now(store.take_back_unsubscribe(claimed.delivery, at(41) + UNDO_WITHIN)).unwrap(), "too late");
    assert!(now(store.take_back_unsubscribe(claimed.delivery, at(50))).unwrap());
    assert!(now(store.suppressions_of(W, &address("kim@a.example"))).unwrap().is_empty());
    assert!(!now(store.unsubscribe(model::DeliveryId(4), "page", at(60))).unwrap());
}

#[test]
fn links_are_kept_by_number() {
    let (store, campaign, _) = house();
    let links = vec![(1, "https://a.example/".to_owned()), (2, "https://b.example/".to_owned())];
    now(store.save_links(W, campaign.id, links.clone())).unwrap();
    now(store.save_links(W, campaign.id, links.clone())).unwrap();
    assert_eq!(now(store.links(campaign.id)).unwrap(), links);
}
