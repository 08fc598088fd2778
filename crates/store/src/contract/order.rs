//! In which order people are reached: by engagement, a canary first, the cold last or not at all.

use super::*;
use crate::Origin;
use model::{ContactId, SkipReason};
use std::collections::BTreeMap;

const DAY_S: u64 = 86_400;
/// Day 1,000: long after what the people of these tests did.
fn today() -> Timestamp {
    at(1_000 * DAY_S)
}

fn engaged(line: u64, email: &str, days_ago: u64) -> ImportRow {
    ImportRow { engaged_at: Some(at((1_000 - days_ago) * DAY_S)), ..row(line, email) }
}

fn import_today(store: &Store, tag: u8, rows: Vec<ImportRow>) -> ImportId {
    let import = now(store.begin_import(new_import(tag), &ME, today())).unwrap();
    for chunk in rows.chunks(5_000) {
        now(store.write_import_chunk(import.id, chunk.to_vec(), today())).unwrap();
    }
    now(store.finish_import(import.id, &ME, today())).unwrap();
    import.id
}

fn build(store: &Store, new: NewCampaign) -> Campaign {
    let campaign = now(store.create_campaign(new, &ME, today())).unwrap();
    now(store.build_campaign(campaign.id, &ME, today())).unwrap();
    now(store.campaign(campaign.id)).unwrap().unwrap()
}

fn people(claimed: &[Claimed]) -> Vec<(&str, u32)> {
    claimed.iter().map(|c| (c.rcpt.split_once('@').unwrap().0, c.position)).collect()
}

/// Sends `count` mailings to everybody of an import, accepted on day 990.
fn mail(store: &Store, import: ImportId, count: u8) {
    for n in 0..count {
        let campaign = build(store, new_campaign(&format!("earlier {n}"), vec![import]));
        let batch: Vec<_> = claims(store, campaign.id).iter().map(|c| accepted(c, at(990 * DAY_S))).collect();
        now(store.settle(batch)).unwrap();
    }
}

#[test]
fn whoever_reacted_lately_is_reached_first_and_the_cold_last() {
    let store = empty();
    let rows = vec![
        engaged(1, "cold@a.example", 200),
        engaged(2, "lapsing@b.example", 120),
        row(3, "unknown@a.example"),
        engaged(4, "lately@a.example", 10),
        engaged(5, "lately2@b.example", 89),
    ];
    let id = import_today(&store, 1, rows);
    mail(&store, id, 8);
    // What a file says of them counts as what they did here: nobody has to be mailed in vain first.
    let never_mailed = import_today(&store, 2, vec![engaged(1, "long_ago@a.example", 400)]);
    let campaign = build(&store, new_campaign("news", vec![never_mailed, id]));
    assert_eq!((campaign.cold_from, campaign.cold), (Some(5), 2));
    let claimed = claims(&store, campaign.id);
    assert_eq!(
        people(&claimed),
        [("lately", 1), ("unknown", 3), ("long_ago", 5), ("cold", 6), ("lately2", 2), ("lapsing", 4)]
    );
    let cold = now(store.contact(claimed[3].contact)).unwrap().unwrap();
    assert_eq!(cold.engaged_at, Some(at(800 * DAY_S)));
}

#[test]
fn a_reaction_warms_and_a_file_never_cools() {
    let store = empty();
    let id = import_today(&store, 1, vec![engaged(1, "kim@a.example", 300), row(2, "bob@a.example")]);
    mail(&store, id, 8);
    let kim = now(store.contacts_by_address(W, &address("kim@a.example"))).unwrap().remove(0);
    now(store.note_engagement(vec![(kim.id, at(995 * DAY_S)), (kim.id, at(900 * DAY_S)), (ContactId(5), today())]))
        .unwrap();
    import_today(&store, 2, vec![engaged(1, "kim@a.example", 500), engaged(2, "bob@a.example", 1)]);
    let campaign = build(&store, new_campaign("news", vec![id]));
    assert_eq!((campaign.cold_from, campaign.cold), (None, 0));
    let warm = now(store.contact(kim.id)).unwrap().unwrap();
    assert_eq!(warm.engaged_at, Some(at(995 * DAY_S)));
    let bob = now(store.contacts_by_address(W, &address("bob@a.example"))).unwrap().remove(0);
    assert_eq!(bob.engaged_at, Some(at(999 * DAY_S)), "a file of a known person says it as well");
    let future = ImportRow { engaged_at: Some(at(5_000 * DAY_S)), ..row(1, "dee@a.example") };
    import_today(&store, 3, vec![future]);
    let dee = now(store.contacts_by_address(W, &address("dee@a.example"))).unwrap().remove(0);
    assert_eq!(dee.engaged_at, Some(today()), "nobody reacts tomorrow");
}

#[test]
fn the_cold_part_can_be_left_out_of_every_read() {
    let store = empty();
    let mut rows: Vec<ImportRow> = (1..=6).map(|n| engaged(n, &format!("cold{n}@a.example"), 300)).collect();
    rows.extend((7..=9).map(|n| engaged(n, &format!("cold{n}@b.example"), 300)));
    let id = import_today(&store, 1, rows);
    mail(&store, id, 8);
    let warm = import_today(&store, 2, (1..=3).map(|n| row(n, &format!("warm{n}@a.example"))).collect());
    let campaign = build(&store, new_campaign("news", vec![id, warm]));
    assert_eq!((campaign.cold_from, campaign.cold), (Some(4), 9));
    let heads = now(store.unresolved_heads(campaign.id, None, 10, Part::NotCold)).unwrap();
    assert_eq!(heads.iter().map(|head| head.domain_name.as_str()).collect::<Vec<_>>(), ["a.example"]);
    let warm = now(store.read_window(&heads[0], None, 100, Part::NotCold)).unwrap();
    assert_eq!(people(&warm), [("warm1", 1), ("warm2", 2), ("warm3", 3)]);
    assert_eq!(heads[0].cold_start.map(|start| start.0), Some(warm[2].delivery.0 + model::id::ID_STEP));
    now(store.settle(warm.iter().map(|c| accepted(c, today())).collect::<Vec<_>>())).unwrap();
    assert!(now(store.unresolved_heads(campaign.id, None, 10, Part::NotCold)).unwrap().is_empty());
    let left = now(store.unresolved_heads(campaign.id, None, 10, Part::All)).unwrap();
    assert_eq!(left.iter().map(|head| head.remaining).sum::<u32>(), 9);
    let keys: Vec<_> = left.iter().map(|head| (head.id, None)).collect();
    let first = now(store.read_windows(&keys, 7, Part::All)).unwrap();
    assert_eq!(people(&first).first(), Some(&("cold1", 4)));
    assert_eq!((first.len(), people(&first).last()), (7, Some(&("cold7", 10))));
    let rest = now(store.read_windows(&[(left[1].id, Some(first[6].delivery))], 7, Part::All)).unwrap();
    assert_eq!(people(&rest), [("cold8", 11), ("cold9", 12)]);
}

/// 900 people of one domain, 300 of another, 60 alone in theirs; every third engaged.
fn crowd(store: &Store) -> ImportId {
    let mixed = |n: u64| {
        let domain = match n % 21 {
            0..15 => "big.example".to_owned(),
            15..20 => "small.example".to_owned(),
            _ => format!("d{n}.example"),
        };
        let email = format!("p{n}@{domain}");
        if n.is_multiple_of(3) { engaged(n, &email, 5) } else { row(n, &email) }
    };
    import_today(store, 1, (1..=1_260).map(mixed).collect())
}

#[test]
fn a_canary_is_drawn_in_proportion_and_stands_first() {
    let store = empty();
    let id = crowd(&store);
    let campaign = build(&store, NewCampaign { canary: 126, ..new_campaign("news", vec![id]) });
    assert_eq!((campaign.canary, now(store.canary_state(campaign.id)).unwrap()), (126, (126, 0)));
    let heads = now(store.unresolved_heads(campaign.id, None, 10_000, Part::Canary)).unwrap();
    let mut members = Vec::new();
    for head in &heads {
        let of_head = now(store.read_window(head, None, 1_000, Part::Canary)).unwrap();
        assert!(of_head.iter().all(|c| Some(c.delivery) < head.canary_end), "ids before canary_end");
        let all = now(store.read_window(head, None, 10_000, Part::All)).unwrap();
        assert_eq!(all[..of_head.len()], of_head, "members stand first");
        let (front, rest) = all.split_at(of_head.len());
        for part in [front, rest] {
            assert!(part.windows(2).all(|pair| pair[0].position < pair[1].position), "each in order of position");
        }
        members.extend(of_head);
    }
    assert_eq!(members.len(), 126);
    let mut by_domain: BTreeMap<&str, usize> = BTreeMap::new();
    for member in &members {
        *by_domain.entry(member.domain_name.as_str()).or_default() += 1;
    }
    // A tenth of 900, of 300 and of 60, up to a stratum's rounding.
    assert!((88..=92).contains(&by_domain["big.example"]), "{by_domain:?}");
    assert!((28..=32).contains(&by_domain["small.example"]), "{by_domain:?}");
    let engaged = members.iter().filter(|c| c.position <= 420).count();
    assert!((40..=44).contains(&engaged), "{engaged} of 126 are engaged, as a third of all are");
    let everybody = claims(&store, campaign.id);
    let mut positions: Vec<u32> = everybody.iter().map(|c| c.position).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=1_260).collect::<Vec<_>>(), "nobody is lost or twice");
}

#[test]
fn a_canary_is_not_the_head_of_the_list_and_the_same_seed_draws_the_same() {
    let drawn = |tag: u64| {
        let store = empty();
        let id = crowd(&store);
        for n in 0..tag {
            build(&store, new_campaign(&format!("before {n}"), vec![id]));
        }
        let campaign = build(&store, NewCampaign { canary: 60, ..new_campaign("news", vec![id]) });
        let heads = now(store.unresolved_heads(campaign.id, None, 10_000, Part::Canary)).unwrap();
        let keys: Vec<_> = heads.iter().map(|head| (head.id, None)).collect();
        let members = now(store.read_windows(&keys, 10_000, Part::Canary)).unwrap();
        members.into_iter().map(|c| c.rcpt).collect::<Vec<_>>()
    };
    let (first, again, other) = (drawn(0), drawn(0), drawn(1));
    assert_eq!(first, again);
    assert_ne!(first, other, "another campaign, other people");
    let number = |rcpt: &str| rcpt.trim_start_matches('p').split('@').next().unwrap().parse::<u32>().unwrap();
    let halves = first.iter().filter(|rcpt| number(rcpt) > 630).count();
    assert!((15..=45).contains(&halves), "{halves} of 60 are of the second half of the file");
}

#[test]
fn a_canary_is_over_when_all_its_members_left_the_queue() {
    let store = empty();
    let id = import_today(&store, 1, (1..=40).map(|n| row(n, &format!("p{n}@a.example"))).collect());
    let campaign = build(&store, NewCampaign { canary: 4, ..new_campaign("news", vec![id]) });
    let site = now(store.site_id("mx.example.org", Some("example"), today())).unwrap();
    let state = || now(store.canary_state(campaign.id)).unwrap();
    let head = now(store.unresolved_heads(campaign.id, None, 10, Part::Canary)).unwrap().remove(0);
    now(store.assign_site(vec![(head.id, site)])).unwrap();
    let members = now(store.read_window(&head, None, 100, Part::Canary)).unwrap();
    let others = now(store.read_window(&head, None, 100, Part::All)).unwrap().split_off(4);
    now(store.settle(vec![accepted(&members[0], today()), accepted(&others[0], today())])).unwrap();
    assert_eq!(state(), (4, 1), "others do not count");
    let back = Settlement {
        charge: false,
        attempt: in_doubt(&members[1], today()).attempt,
        ..Settlement::of(&members[1], DeliveryState::Queued, today())
    };
    now(store.settle(vec![back])).unwrap();
    assert_eq!(state(), (4, 1), "back in the queue is no verdict");
    now(store.settle(vec![deferred(&members[2], site, today(), today() + Duration::from_secs(300))])).unwrap();
    now(store.settle(vec![in_doubt(&members[3], today())])).unwrap();
    assert_eq!(state(), (4, 3));
    now(store.resend_in_doubt(campaign.id, None, &ME, today())).unwrap();
    assert_eq!(state(), (4, 2), "sent again, it waits again");
    assert_eq!(now(store.heads_of_site(campaign.id, site, None, 10, Part::Canary)).unwrap().len(), 1);
    now(store.skip_remaining(campaign.id, SkipReason::Cancelled, &[], &ME, today())).unwrap();
    assert_eq!(state(), (4, 4));
    assert!(now(store.heads_of_site(campaign.id, site, None, 10, Part::Canary)).unwrap().is_empty());
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_canary_as_large_as_the_audience_is_everybody() {
    let store = empty();
    let id = import_today(&store, 1, (1..=5).map(|n| row(n, &format!("p{n}@d{n}.example"))).collect());
    let campaign = build(&store, NewCampaign { canary: 200, ..new_campaign("news", vec![id]) });
    assert_eq!((campaign.canary, now(store.canary_state(campaign.id)).unwrap()), (5, (5, 0)));
    let heads = now(store.unresolved_heads(campaign.id, None, 10, Part::Canary)).unwrap();
    assert_eq!(heads.len(), 5);
    let too_many = NewCampaign { canary: crate::campaign::CANARY_MAX + 1, ..new_campaign("next", vec![id]) };
    assert!(matches!(now(store.create_campaign(too_many, &ME, today())), Err(crate::StoreError::Refused(_))));
}

#[test]
fn how_many_were_accepted_before_is_counted_over_those_who_can_be_mailed() {
    let store = empty();
    let old = import_today(&store, 1, (1..=10).map(|n| row(n, &format!("p{n}@a.example"))).collect());
    let share = |audience: Audience, since: u64| {
        let known = now(store.acquaintance(W, &audience, at(since * DAY_S), at(1_010 * DAY_S))).unwrap();
        (known.people, known.accepted_lately)
    };
    let both = |new: ImportId| Audience::imports([old, new]);
    let new = import_today(&store, 2, vec![row(1, "new@a.example"), row(2, "no address")]);
    assert_eq!(share(both(new), 910), (11, 0));
    let campaign = build(&store, new_campaign("earlier", vec![old]));
    let claimed = claims(&store, campaign.id);
    now(store.settle(claimed[..9].iter().map(|c| accepted(c, today())).collect::<Vec<_>>())).unwrap();
    now(store.settle(vec![refused(&claimed[9], today())])).unwrap();
    assert_eq!(share(both(new), 910), (10, 9), "who bounced will not be mailed");
    assert_eq!(share(Audience::everyone(), 910), (10, 9));
    assert_eq!(share(both(new), 1_001), (10, 0), "too long ago");
    let known = now(store.acquaintance(W, &both(new), at(1_001 * DAY_S), at(1_010 * DAY_S))).unwrap();
    let (mailed, never) = (Origin { people: 9, accepted: 9 }, Origin { people: 1, accepted: 0 });
    assert_eq!(known.origins, [mailed, never], "but once, and nobody of the new file");
}

#[test]
fn people_of_one_file_are_told_apart_by_where_their_addresses_were_collected() {
    let store = empty();
    let met = |line: u64, place: &str| ImportRow {
        lead_source: Some(place.to_owned()),
        ..row(line, &format!("p{line}@a.example"))
    };
    let rows = vec![met(1, "fair"), met(2, "shop"), met(3, "shop"), row(4, "p4@a.example")];
    let id = import_today(&store, 1, rows);
    let known = now(store.acquaintance(W, &Audience::imports([id]), at(0), at(1_010 * DAY_S))).unwrap();
    let sizes: Vec<u64> = known.origins.iter().map(|origin| origin.people).collect();
    assert_eq!((known.people, sizes), (4, vec![1, 1, 2]));
}

/// Two people in each of 400 domains; every fourth domain is hosted by one provider.
#[test]
fn a_canary_has_its_part_of_the_domains_that_a_provider_hosts() {
    let store = empty();
    let rows = (1..=800).map(|n| row(n, &format!("p{n}@d{}.example", n.div_ceil(2)))).collect();
    let id = import_today(&store, 1, rows);
    let earlier = build(&store, new_campaign("earlier", vec![id]));
    let hosts = now(store.site_id("mx.hosts.example", Some("hosts"), today())).unwrap();
    let own = now(store.site_id("mx.own.example", None, today())).unwrap();
    let heads = now(store.unresolved_heads(earlier.id, None, 1_000, Part::All)).unwrap();
    let is_hosted = |domain: &str| {
        domain.trim_start_matches('d').split_once('.').is_some_and(|(n, _)| n.parse::<u32>().unwrap() % 4 == 1)
    };
    let site = |head: &crate::Head| if is_hosted(&head.domain_name) { hosts } else { own };
    now(store.assign_site(heads.iter().map(|head| (head.id, site(head))).collect())).unwrap();
    let campaign = build(&store, NewCampaign { canary: 100, ..new_campaign("news", vec![id]) });
    let heads = now(store.unresolved_heads(campaign.id, None, 1_000, Part::Canary)).unwrap();
    let keys: Vec<_> = heads.iter().map(|head| (head.id, None)).collect();
    let members = now(store.read_windows(&keys, 1_000, Part::Canary)).unwrap();
    let hosted = members.iter().filter(|member| is_hosted(&member.domain_name)).count();
    assert_eq!((members.len(), hosted), (100, 25), "every eighth of 800, and of the 200 who are hosted");
}
