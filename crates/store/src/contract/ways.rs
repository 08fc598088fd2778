//! Ways out: sources, pools, streams, what lanes learned, and which source a delivery was tried through.

use super::*;
use crate::{NewPool, NewSource, StoreError};
use model::SourceId;

fn source(name: &str) -> NewSource {
    NewSource { name: name.to_owned(), ehlo_name: format!("{name}.example.org"), ..NewSource::default() }
}

#[test]
fn a_source_is_made_changed_retired_and_comes_back() {
    let store = empty();
    let own = now(store.sources()).unwrap();
    assert_eq!((own.len(), own[0].id, own[0].name.as_str()), (1, SourceId::THIS_MACHINE, "this machine"));
    let new = NewSource {
        address: Some("2001:db8::7".parse().unwrap()),
        region: Some("eu".to_owned()),
        proxy: Some("socks5://proxy.example:1080".to_owned()),
        warm_since: Some(at(5)),
        ..source("out1")
    };
    let made = now(store.put_source(new.clone(), &ME, at(10))).unwrap();
    assert_eq!((made.address, made.warm_since, made.since), (new.address, Some(at(5)), at(10)));
    let changed = now(store.put_source(source("out1"), &ME, at(20))).unwrap();
    assert_eq!((changed.id, changed.proxy, changed.warm_since, changed.since), (made.id, None, None, at(10)));
    let retired = now(store.retire_source(made.id, &ME, at(30))).unwrap();
    assert_eq!(retired.retired_at, Some(at(30)));
    assert_eq!(now(store.put_source(source("out1"), &ME, at(40))).unwrap().retired_at, None);
    assert_eq!(now(store.sources()).unwrap().len(), 2);
    for (proxy, name) in [("socks5://user:secret@proxy.example:1080", "out2"), ("", "")] {
        let refused = NewSource { proxy: Some(proxy.to_owned()), ..source(name) };
        assert!(matches!(now(store.put_source(refused, &ME, at(50))), Err(StoreError::Refused(_))));
    }
    let bound = NewSource { address: Some("192.0.2.79".parse().unwrap()), ..source("this machine") };
    assert!(matches!(now(store.put_source(bound, &ME, at(55))), Err(StoreError::Refused(_))), "there is no way back");
    assert!(matches!(now(store.retire_source(SourceId::THIS_MACHINE, &ME, at(60))), Err(StoreError::Refused(_))));
    assert!(matches!(now(store.retire_source(SourceId(77), &ME, at(60))), Err(StoreError::NotFound { .. })));
    let events = now(store.events(crate::Cursor::START, 100)).unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == model::EventKind::SourceChanged).count(), 4);
}

#[test]
fn a_pool_has_members_and_a_stream_goes_through_one() {
    let store = empty();
    let made = |name| now(store.put_source(source(name), &ME, at(1))).unwrap().id;
    let (one, two) = (made("out1"), made("out2"));
    let twice = NewPool { name: "twice".to_owned(), workspace: None, members: vec![(one, 3), (one, 2)] };
    assert!(matches!(now(store.put_pool(twice, &ME, at(2))), Err(StoreError::Refused(_))), "which weight is meant?");
    let pool = |members: Vec<(SourceId, u32)>| NewPool { name: "bulk".to_owned(), workspace: None, members };
    let bulk = now(store.put_pool(pool(vec![(one, 1), (two, 3)]), &ME, at(2))).unwrap();
    assert_eq!(bulk.members, [(one, 1), (two, 3)]);
    for members in [vec![], vec![(one, 0)], vec![(SourceId(77), 1)]] {
        assert!(now(store.put_pool(pool(members), &ME, at(3))).is_err());
    }
    assert_eq!(now(store.pools()).unwrap(), std::slice::from_ref(&bulk), "what is refused changes nothing");
    let set = |workspace, pool| {
        let region = Some("eu".to_owned());
        now(store.set_stream_pool(workspace, CampaignKind::Broadcast, pool, region, &ME, at(4)))
    };
    set(W, Some(bulk.id)).unwrap();
    let streams = now(store.stream_pools()).unwrap();
    assert_eq!((streams[0].pool, streams[0].region.as_deref()), (Some(bulk.id), Some("eu")));
    assert!(matches!(now(store.remove_pool(bulk.id, &ME, at(5))), Err(StoreError::Refused(_))), "in use");
    now(store.retire_source(two, &ME, at(6))).unwrap();
    assert_eq!(now(store.pools()).unwrap()[0].members, [(one, 1)]);
    assert!(matches!(now(store.retire_source(one, &ME, at(6))), Err(StoreError::Refused(_))), "the last of its pool");
    let theirs = NewPool { workspace: Some(WorkspaceId(9)), ..pool(vec![(one, 1)]) };
    let theirs = now(store.put_pool(NewPool { name: "theirs".to_owned(), ..theirs }, &ME, at(7))).unwrap();
    assert!(matches!(set(W, Some(theirs.id)), Err(StoreError::Refused(_))), "dedicated to somebody else");
    set(W, None).unwrap();
    now(store.remove_pool(bulk.id, &ME, at(8))).unwrap();
    assert_eq!(now(store.pools()).unwrap(), [theirs]);
}

#[test]
fn a_delivery_remembers_the_source_that_tried_it_last() {
    let store = empty();
    let one = now(store.put_source(source("out1"), &ME, at(1))).unwrap().id;
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    assert!(claimed.iter().all(|c| c.source.is_none()));
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    let through = |settlement, source| Settlement { source, ..settlement };
    let back = Settlement {
        charge: false,
        attempt: in_doubt(&claimed[2], at(30)).attempt,
        ..Settlement::of(&claimed[2], DeliveryState::Queued, at(30))
    };
    now(store.settle(vec![
        through(deferred(&claimed[0], site, at(30), at(330)), Some(one)),
        through(deferred(&claimed[1], site, at(30), at(331)), Some(SourceId::THIS_MACHINE)),
        through(back, Some(one)),
    ]))
    .unwrap();
    let due = now(store.due_retries(campaign.id, site, at(400), None, 10)).unwrap();
    assert_eq!(due.iter().map(|c| c.source).collect::<Vec<_>>(), [Some(one), None]);
    assert_eq!(claims(&store, campaign.id)[0].source, Some(one), "also in the queue");
    assert_eq!(now(store.claim_one(claimed[0].delivery)).unwrap().unwrap().source, Some(one));
    now(store.settle(vec![through(accepted(&due[0], at(401)), None)])).unwrap();
    let sources: Vec<_> = now(store.attempts(claimed[0].delivery)).unwrap().iter().map(|row| row.source).collect();
    assert_eq!(sources, [Some(one), None]);
}

#[test]
fn what_lanes_learned_is_kept_replaced_forgotten_and_bounded() {
    let store = empty();
    let (site, other) = (SiteId(5), SiteId(6));
    let source = SourceId(9);
    let learned = |text: &str| Some(text.to_owned());
    now(store.keep_lane_memories(
        vec![(source, site, learned("a")), (SourceId(0), site, learned("b")), (source, other, learned("c"))],
        at(1),
    ))
    .unwrap();
    now(store.keep_lane_memories(vec![(source, site, learned("d")), (source, other, None)], at(2))).unwrap();
    let told: Vec<_> = now(store.lane_memories()).unwrap();
    let told: Vec<_> = told.into_iter().map(|lane| (lane.site, lane.source.0, lane.memory, lane.at)).collect();
    assert_eq!(told, [(site, 9, "d".to_owned(), at(2)), (site, 0, "b".to_owned(), at(1))], "the latest first");
    let most = crate::pacing::LANE_MEMORIES_MAX;
    let many = (0..most).map(|n| (source, SiteId(100 + n as i64), learned("x"))).collect();
    now(store.keep_lane_memories(many, at(3))).unwrap();
    let kept = now(store.lane_memories()).unwrap();
    assert_eq!((kept.len(), kept.iter().any(|lane| lane.site == site)), (most, false), "the oldest went");
}
