//! From the build of an audience through claim and settlement to tallies that add up.

use super::*;
use crate::{Standing, StoreError, Target};
use model::{DeliveryId, SkipReason, SuppressionReason};

#[test]
fn the_build_gives_everybody_one_decision() {
    let store = empty();
    for (email, reason) in
        [("left@example.org", SuppressionReason::Unsubscribed), ("cross@example.org", SuppressionReason::Complained)]
    {
        now(store.suppress(W, Target::Address(email.to_owned()), reason, None, &Actor::Recipient, at(0))).unwrap();
    }
    now(store.suppress(
        W,
        Target::Domain("nomail.example".to_owned()),
        SuppressionReason::DomainRefusesMail,
        None,
        &ME,
        at(0),
    ))
    .unwrap();
    let waiting = ImportRow { status: Some(model::ContactStatus::Unconfirmed), ..row(9, "new@example.org") };
    let mut rows: Vec<ImportRow> = [
        "ann@a.example",
        "left@example.org",
        "Ann@A.example",
        "",
        "not an address",
        "cross@example.org",
        "x@nomail.example",
        "bob@b.example",
    ]
    .iter()
    .zip(1..)
    .map(|(email, line)| row(line, email))
    .collect();
    rows.extend([waiting, row(10, "cid@a.example")]);
    let (import, _) = import_rows(&store, 1, rows);
    let campaign = sending(&store, "news", import);
    let tally = now(store.tally(campaign.id)).unwrap();
    assert_eq!((tally.recipients(), tally.count(DeliveryState::Queued)), (10, 3));
    for reason in [
        SkipReason::Unsubscribed,
        SkipReason::Complained,
        SkipReason::DuplicateAddress,
        SkipReason::NoEmail,
        SkipReason::InvalidAddress,
        SkipReason::DomainRefusesMail,
        SkipReason::Unconfirmed,
    ] {
        assert_eq!(tally.by_skip_reason.get(&reason), Some(&1), "{reason}");
        let among = crate::Among { skip: Some(reason), ..crate::Among::default() };
        let behind = now(store.deliveries_among(campaign.id, DeliveryState::Skipped, among, None, 9)).unwrap();
        assert_eq!(behind.iter().map(|row| row.skip).collect::<Vec<_>>(), [Some(reason)]);
        let rule = format!("skipped.campaign(\"{}\").reason(\"{reason}\")", campaign.id);
        assert_eq!(now(store.segment_count(W, model::segment::parse(&rule).unwrap(), at(9))).unwrap(), 1, "{rule}");
    }
    assert_adds_up(&store, campaign.id);
    let again = now(store.build_campaign(campaign.id, &ME, at(99))).unwrap();
    assert_eq!(again, tally, "a built audience is frozen");
}

#[test]
fn deliveries_are_contiguous_per_domain_in_head_order() {
    let store = empty();
    let id = import(&store, 1, &["1@b.example", "2@a.example", "3@b.example", "4@c.example", "5@a.example"]);
    let campaign = sending(&store, "news", id);
    let heads = now(store.unresolved_heads(campaign.id, None, 10, Part::All)).unwrap();
    let names: Vec<(&str, u32)> = heads.iter().map(|head| (head.domain_name.as_str(), head.remaining)).collect();
    assert_eq!(names, [("b.example", 2), ("a.example", 2), ("c.example", 1)]);
    assert_eq!(now(store.unresolved_heads(campaign.id, Some(heads[0].id), 1, Part::All)).unwrap()[0].id, heads[1].id);
    let claimed = claims(&store, campaign.id);
    let order: Vec<(&str, u32)> = claimed.iter().map(|c| (c.rcpt.as_str(), c.position)).collect();
    assert_eq!(
        order,
        [("1@b.example", 1), ("3@b.example", 3), ("2@a.example", 2), ("5@a.example", 5), ("4@c.example", 4)]
    );
    assert!(claimed.windows(2).all(|pair| pair[1].delivery.0 - pair[0].delivery.0 == model::id::ID_STEP));
    assert!(now(store.unresolved_heads(campaign.id, None, 10, Part::All)).unwrap().is_empty());
}

#[test]
fn a_settled_window_is_not_read_again_and_the_head_goes_with_its_last() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(vec![accepted(&claimed[1], at(30))])).unwrap();
    let head = &now(store.heads_of_site(campaign.id, site, None, 10, Part::All)).unwrap()[0];
    assert_eq!((head.remaining, head.next), (2, claimed[0].delivery));
    now(store.settle(vec![accepted(&claimed[0], at(31))])).unwrap();
    let head = now(store.heads_of_site(campaign.id, site, None, 10, Part::All)).unwrap().remove(0);
    assert_eq!((head.remaining, head.next), (1, claimed[2].delivery));
    assert_eq!(now(store.read_window(&head, None, 10, Part::All)).unwrap().len(), 1);
    now(store.settle(vec![accepted(&claimed[2], at(32))])).unwrap();
    assert!(now(store.heads_of_site(campaign.id, site, None, 10, Part::All)).unwrap().is_empty());
    assert!(now(store.sites_of(campaign.id, None, 10)).unwrap().is_empty());
    assert_adds_up(&store, campaign.id);
}

#[test]
fn what_is_put_off_comes_back_when_it_is_due() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    let batch = vec![deferred(&claimed[0], site, at(30), at(330)), deferred(&claimed[1], site, at(30), at(300))];
    assert_eq!(now(store.settle(batch)).unwrap().written, 2);
    assert_eq!(now(store.next_wakes(campaign.id, None, 10)).unwrap(), [(site, at(300))]);
    assert_eq!(now(store.sites_of(campaign.id, None, 10)).unwrap(), [site]);
    assert!(now(store.due_retries(campaign.id, site, at(299), None, 10)).unwrap().is_empty());
    let due = now(store.due_retries(campaign.id, site, at(400), None, 10)).unwrap();
    assert_eq!(due.iter().map(|c| c.delivery).collect::<Vec<_>>(), [claimed[1].delivery, claimed[0].delivery]);
    assert_eq!((due[0].tries, due[0].attempts, due[0].first_try_at), (1, 1, Some(at(30))));
    assert_eq!(due[0].retry, Some((site, at(300))));
    // All were tried: what is told of the place comes from those who wait again.
    let there = now(store.waiting_by_site(Some(campaign.id))).unwrap();
    assert_eq!(there[0].domain.as_deref(), Some("a.example"), "{there:?}");
    let held = crate::Parts { domains: ["a.example".to_owned()].into(), ..Default::default() };
    assert_eq!(now(store.waiting_in_by_site(campaign.id, held)).unwrap(), [(Some(site), 2)].into());
    let groups = now(store.put_off_for(campaign.id, 10, at(100))).unwrap();
    let [group] = &groups[..] else { panic!("one cause, one site: {groups:?}") };
    assert_eq!((group.people, group.next_try_at, group.first_tried_at), (2, at(300), Some(at(30))));
    assert!(group.operator.is_some(), "who waits at a site waits at somebody's: {group:?}");
    assert_eq!(now(store.put_off_for(campaign.id, 1, at(100))).unwrap()[0].people, 1, "no more are looked at");
    let rest = now(store.due_retries(campaign.id, site, at(400), Some((at(300), due[0].delivery)), 10)).unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(now(store.claim_one(due[0].delivery)).unwrap().unwrap().retry, due[0].retry);
    now(store.settle(vec![accepted(&due[0], at(401)), accepted(&due[1], at(402))])).unwrap();
    assert!(now(store.next_wakes(campaign.id, None, 10)).unwrap().is_empty());
    assert!(now(store.causes(campaign.id)).unwrap().is_empty(), "nobody waits for a cause any more");
    let history = now(store.attempts(claimed[0].delivery)).unwrap();
    let told: Vec<String> = history.iter().map(|row| row.attempt.reply.as_ref().unwrap().to_string()).collect();
    assert_eq!(told[0], "451 4.7.1 Greylisted, try again in 300 seconds");
    assert!(told[1].starts_with("250 Ok: queued as 4Zq"), "{}", told[1]);
    assert_eq!(history[0].due, Some(at(330)));
}

#[test]
fn illegal_moves_are_left_out_and_named() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    now(store.settle(vec![accepted(&claimed[0], at(30))])).unwrap();
    let again = refused(&claimed[0], at(31));
    let back =
        Settlement { from: DeliveryState::Accepted, ..Settlement::of(&claimed[0], DeliveryState::Queued, at(31)) };
    let nobody = Settlement { delivery: DeliveryId(5), ..accepted(&claimed[0], at(31)) };
    let settled = now(store.settle(vec![again, back, nobody, accepted(&claimed[1], at(31))])).unwrap();
    assert_eq!(settled.written, 1);
    let stands: Vec<_> = settled.refused.iter().map(|refused| refused.stands).collect();
    assert_eq!(stands, [Some(DeliveryState::Accepted), Some(DeliveryState::Accepted), None]);
    assert_eq!(now(store.tally(campaign.id)).unwrap().count(DeliveryState::Accepted), 2);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_try_that_is_not_theirs_goes_back_to_the_queue_recorded() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id).remove(0);
    let verdict =
        Verdict { scope: Scope::Source, ..verdict(Outcome::Deferred, Category::IpReputation, Stage::Greeting) };
    let attempt = attempt(&claimed, verdict, Some(Reply::new(554, "5.7.1 listed")), at(30));
    let back =
        Settlement { attempt: Some(attempt), charge: false, ..Settlement::of(&claimed, DeliveryState::Queued, at(30)) };
    assert_eq!(now(store.settle(vec![back])).unwrap().written, 1);
    let again = now(store.claim_one(claimed.delivery)).unwrap().unwrap();
    assert_eq!((again.state, again.tries, again.attempts), (DeliveryState::Queued, 0, 1));
    assert_eq!(now(store.unresolved_heads(campaign.id, None, 9, Part::All)).unwrap().len(), 0);
    assert_eq!(claims(&store, campaign.id).len(), 1);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn causes_name_an_example_and_follow_the_deliveries() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    now(store.settle(vec![refused(&claimed[0], at(30)), refused(&claimed[1], at(31)), in_doubt(&claimed[2], at(31))]))
        .unwrap();
    let causes = now(store.causes(campaign.id)).unwrap();
    assert_eq!((causes[0].state, causes[0].count, causes[0].code), (DeliveryState::Hard, 2, Some(550)));
    assert_eq!(causes[0].enhanced.unwrap().to_string(), "5.1.1");
    assert_eq!(causes[0].provider.as_deref(), Some("example"));
    assert_eq!(causes[0].example, claimed[1].delivery);
    let hard = now(store.deliveries(campaign.id, DeliveryState::Hard, None, 10)).unwrap();
    let said = hard[0].last.as_ref().unwrap().reply.as_ref().unwrap().to_string();
    assert_eq!(said, "550 5.1.1 <1@a.example>: no such user here");
    let near = now(store.neighbours(claimed[0].delivery)).unwrap();
    assert_eq!(near.by_state.get(&DeliveryState::Hard), Some(&2));
    assert_eq!(now(store.resend_in_doubt(campaign.id, None, &ME, at(40))).unwrap(), 1);
    let counted = |state| {
        let causes = now(store.causes(campaign.id)).unwrap();
        causes.iter().filter(|cause| cause.state == state).map(|cause| cause.count).sum::<u64>()
    };
    let doubted = (counted(DeliveryState::InDoubt), counted(DeliveryState::Queued), counted(DeliveryState::Hard));
    assert_eq!(doubted, (0, 1, 2), "who was in doubt is told apart in the queue");
    let again = claims(&store, campaign.id);
    assert_eq!((again.len(), again[0].delivery, again[0].attempts), (1, claimed[2].delivery, 1));
    assert_eq!((again[0].tries, again[0].first_try_at), (0, None), "a window of its own");
    now(store.settle(vec![refused(&again[0], at(50))])).unwrap();
    assert_eq!((counted(DeliveryState::Queued), counted(DeliveryState::Hard)), (0, 3));
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_suppression_stops_what_was_read_before_it() {
    let store = empty();
    let id = import(&store, 1, &["anna@a.example", "bob@a.example", "cid@b.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    assert!(claimed.iter().all(|c| store.changed_since(c) == Standing::Unchanged));
    for (target, waiting) in [
        (Target::Address("ANNA@a.example".to_owned()), 1),
        (Target::Domain("a.example".to_owned()), 2),
        (Target::Domain("nowhere.example".to_owned()), 0),
    ] {
        assert_eq!(now(store.waiting_for(W, &target)).unwrap(), Some(waiting), "{target:?}");
    }
    now(store.suppress(
        W,
        Target::Address("ANNA@a.example".to_owned()),
        SuppressionReason::Unsubscribed,
        None,
        &Actor::Recipient,
        at(40),
    ))
    .unwrap();
    now(store.suppress(W, Target::Domain("b.example".to_owned()), SuppressionReason::Manual, None, &ME, at(41)))
        .unwrap();
    assert_eq!(store.changed_since(&claimed[0]), Standing::Skip(SkipReason::Unsubscribed));
    assert_eq!(store.changed_since(&claimed[1]), Standing::Unchanged);
    assert_eq!(store.changed_since(&claimed[2]), Standing::Skip(SkipReason::SuppressedByHand));
    for (claimed, expected) in
        claimed.iter().zip([Some(SkipReason::Unsubscribed), None, Some(SkipReason::SuppressedByHand)])
    {
        assert_eq!(now(store.recheck(claimed, at(1_000))).unwrap(), expected);
    }
    let skip = Settlement {
        skip: Some(SkipReason::Unsubscribed),
        ..Settlement::of(&claimed[0], DeliveryState::Skipped, at(42))
    };
    now(store.settle(vec![skip])).unwrap();
    assert_eq!(now(store.tally(campaign.id)).unwrap().by_skip_reason.get(&SkipReason::Unsubscribed), Some(&1));
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_bounce_in_one_campaign_stops_the_address_in_another() {
    let store = empty();
    let id = import(&store, 1, &["anna@a.example"]);
    let (one, two) = (sending(&store, "one", id), sending(&store, "two", id));
    let (first, second) = (claims(&store, one.id).remove(0), claims(&store, two.id).remove(0));
    now(store.settle(vec![refused(&first, at(30))])).unwrap();
    assert_eq!(store.changed_since(&second), Standing::Skip(SkipReason::HardBounced));
}

#[test]
fn campaigns_move_as_their_table_says() {
    let store = empty();
    let id = import(&store, 1, &["anna@a.example"]);
    let raw = now(store.create_campaign(new_campaign("raw", vec![id]), &ME, at(1))).unwrap();
    let early = now(store.set_campaign_state(raw.id, CampaignState::Sending, None, &ME, at(2)));
    assert!(matches!(early, Err(StoreError::Refused(_))), "not built");
    let twin = now(store.create_campaign(new_campaign("raw", vec![id]), &ME, at(1)));
    assert!(matches!(twin, Err(StoreError::Exists { .. })));
    let campaign = sending(&store, "news", id);
    assert_eq!((campaign.number, campaign.started_at), (2, Some(at(12))));
    let paused =
        now(store.set_campaign_state(campaign.id, CampaignState::Paused, Some("lunch".to_owned()), &ME, at(20)))
            .unwrap();
    assert_eq!((paused.before_pause, paused.why.as_deref()), (Some(CampaignState::Sending), Some("lunch")));
    now(store.set_campaign_state(campaign.id, CampaignState::Cancelled, None, &ME, at(21))).unwrap();
    let revived = now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(22)));
    assert!(matches!(revived, Err(StoreError::CampaignMove { .. })));
    assert_eq!(now(store.campaigns_like(W, [2; 32], at(0))).unwrap().len(), 2);
    now(store.discard_campaign(raw.id, &ME, at(23))).unwrap();
    assert_eq!(now(store.list_campaigns(W)).unwrap().len(), 1);
}

#[test]
fn cancelling_spares_open_conversations_and_adds_up() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@b.example", "4@b.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(vec![deferred(&claimed[3], site, at(30), at(600))])).unwrap();
    now(store.set_campaign_state(campaign.id, CampaignState::Cancelled, None, &ME, at(31))).unwrap();
    let open = [claimed[0].delivery];
    assert_eq!(now(store.skip_remaining(campaign.id, SkipReason::Cancelled, &open, &ME, at(32))).unwrap(), 3);
    assert!(now(store.next_wakes(campaign.id, None, 10)).unwrap().is_empty());
    assert_adds_up(&store, campaign.id);
    assert_eq!(now(store.settle(vec![accepted(&claimed[0], at(33))])).unwrap().written, 1);
    let tally = now(store.tally(campaign.id)).unwrap();
    assert_eq!((tally.in_progress(), tally.by_skip_reason.get(&SkipReason::Cancelled)), (0, Some(&3)));
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_group_is_left_out_and_the_others_stay() {
    let store = empty();
    let good = import(&store, 1, &["1@a.example", "2@b.example"]);
    let fair = |line, email| ImportRow { lead_source: Some("fair".to_owned()), ..row(line, email) };
    let rows = vec![row(1, "2@b.example"), row(2, "3@a.example"), fair(3, "4@a.example"), row(4, "5@b.example")];
    let (stale, _) = import_rows(&store, 2, rows);
    let campaign = now(store.create_campaign(new_campaign("news", vec![good, stale]), &ME, at(10))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(12))).unwrap();
    let claimed = claims(&store, campaign.id);
    let of = |email: &str| claimed.iter().find(|one| one.rcpt == email).unwrap();
    assert_eq!((of("2@b.example").import, of("4@a.example").import), (Some(good), Some(stale)), "who came first");
    assert_eq!(of("4@a.example").lead_source.as_deref(), Some("fair"));
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(vec![deferred(of("3@a.example"), site, at(30), at(600))])).unwrap();
    let open = [of("5@b.example").delivery];
    let keys = ["1@a.example", "nobody@a.example"].map(|email| model::EmailAddress::parse(email).unwrap().key());
    let named = LeftOut::People(std::sync::Arc::new(keys.into_iter().collect()));
    let left = |who| now(store.left_of(campaign.id, who, 9)).unwrap();
    assert_eq!([left(LeftOut::LeadSource("fair".into())), left(LeftOut::LeadSource("nosuch".into()))], [1, 0]);
    assert_eq!([left(LeftOut::Import(stale)), left(named.clone())], [3, 1]);
    let groups = now(store.groups_of(campaign.id)).unwrap();
    assert_eq!(groups.iter().map(|group| group.waiting).sum::<u64>(), 6, "two imports and the fair: {groups:?}");
    let at_domains = |names: &[&str]| {
        let domains = names.iter().map(|name| (*name).to_owned()).collect();
        now(store.waiting_in(campaign.id, crate::Parts { domains, ..Default::default() })).unwrap()
    };
    assert_eq!([at_domains(&["a.example"]), at_domains(&["a.example", "b.example"]), at_domains(&[])], [3, 5, 0]);
    let there = now(store.waiting_by_site(Some(campaign.id))).unwrap().into_iter().find_map(|row| row.site).unwrap();
    let known = crate::Parts { providers: [there.provider.unwrap_or(there.fingerprint)].into(), ..Default::default() };
    let all = crate::Parts { domains: ["a.example".to_owned()].into(), ..known.clone() };
    let of_site = now(store.waiting_in(campaign.id, known)).unwrap();
    assert!((1..=5).contains(&of_site), "{of_site}");
    assert_eq!(now(store.waiting_in(campaign.id, all)).unwrap(), of_site.max(3), "each once");
    assert_eq!(now(store.leave_out(campaign.id, named, &[], &ME, at(31))).unwrap(), 1);
    assert_eq!(now(store.leave_out(campaign.id, LeftOut::LeadSource("fair".into()), &[], &ME, at(31))).unwrap(), 1);
    assert_eq!(now(store.leave_out(campaign.id, LeftOut::Import(stale), &open, &ME, at(32))).unwrap(), 1);
    assert!(now(store.next_wakes(campaign.id, None, 10)).unwrap().is_empty());
    let tally = now(store.tally(campaign.id)).unwrap();
    let skipped = |reason| tally.by_skip_reason.get(&reason).copied();
    assert_eq!((skipped(SkipReason::QuarantinedImport), skipped(SkipReason::Excluded)), (Some(1), Some(2)));
    assert_eq!(tally.count(DeliveryState::Queued), 2);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn a_part_is_cancelled_for_good_and_the_others_stay() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@b.example", "4@b.example", "5@c.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let of = |email: &str| claimed.iter().find(|one| one.rcpt == email).unwrap();
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(vec![deferred(of("1@a.example"), site, at(30), at(600))])).unwrap();
    let part = |domain: Option<&str>| crate::NewHold {
        workspace: W,
        campaign: Some(campaign.id),
        provider: None,
        domain: domain.map(str::to_owned),
        source: None,
        cold_only: false,
        until: None,
        why: "they asked".to_owned(),
    };
    let placed = now(store.cancel_part(part(Some("A.example")), &ME, at(31))).unwrap();
    assert!(placed.cancels && placed.until.is_none(), "{placed:?}");
    let again = now(store.cancel_part(part(Some("a.example")), &ME, at(32))).unwrap();
    assert_eq!(again.id, placed.id, "once is enough");
    assert_eq!(now(store.holds(Some(at(9_000_000_000)))).unwrap(), std::slice::from_ref(&placed), "it does not end");
    assert!(matches!(now(store.lift_hold(placed.id, &ME, at(33))), Err(StoreError::Refused(_))));
    let (of_campaign, whom) = placed.cancelled().unwrap();
    assert_eq!(of_campaign, campaign.id);
    assert_eq!(now(store.left_of(campaign.id, whom.clone(), 9)).unwrap(), 2);
    let open = [of("2@a.example").delivery];
    assert_eq!(now(store.leave_out(campaign.id, whom.clone(), &open, &ME, at(34))).unwrap(), 1);
    assert!(now(store.next_wakes(campaign.id, None, 10)).unwrap().is_empty());
    assert_eq!(now(store.leave_out(campaign.id, whom, &[], &ME, at(35))).unwrap(), 1, "who was under way, later");
    let provider = LeftOut::Part(crate::CancelledPart { provider: Some("nobody".into()), ..Default::default() });
    let cold = LeftOut::Part(crate::CancelledPart { cold: true, ..Default::default() });
    let there = now(store.waiting_by_site(Some(campaign.id))).unwrap().into_iter().find_map(|row| row.site).unwrap();
    let known = there.provider.unwrap_or(there.fingerprint);
    let known = LeftOut::Part(crate::CancelledPart { provider: Some(known), ..Default::default() });
    let left = |who| now(store.left_of(campaign.id, who, 9)).unwrap();
    assert_eq!([left(provider), left(cold)], [0, 0]);
    assert_eq!(left(known.clone()), 3);
    assert_eq!(now(store.leave_out(campaign.id, known, &[], &ME, at(36))).unwrap(), 3);
    let tally = now(store.tally(campaign.id)).unwrap();
    let skipped = tally.by_skip_reason.get(&SkipReason::Cancelled).copied();
    assert_eq!((skipped, tally.in_progress()), (Some(5), 0));
    assert_adds_up(&store, campaign.id);
    let whole = crate::NewHold { campaign: None, ..part(None) };
    let sourced = crate::NewHold { source: Some(model::SourceId(1)), ..part(None) };
    for wrong in [whole, sourced, part(Some("no domain"))] {
        assert!(matches!(now(store.cancel_part(wrong, &ME, at(37))), Err(StoreError::Refused(_))));
    }
    now(store.set_campaign_state(campaign.id, CampaignState::Cancelled, None, &ME, at(38))).unwrap();
    assert!(matches!(now(store.cancel_part(part(None), &ME, at(39))), Err(StoreError::Refused(_))));
    let other = crate::NewHold { campaign: None, until: None, ..part(Some("d.example")) };
    now(store.place_hold(other, &ME, at(40))).unwrap();
    assert_eq!(now(store.holds(Some(at(41)))).unwrap().len(), 1, "of a campaign that is over nothing is kept in force");
}

#[test]
fn a_hold_on_a_domain_covers_those_put_off_after_the_first_round_too() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@b.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(claimed.iter().map(|one| deferred(one, site, at(30), at(600))).collect::<Vec<_>>())).unwrap();
    assert!(
        now(store.heads_of_site(campaign.id, site, None, 10, Part::All)).unwrap().is_empty(),
        "everybody was tried"
    );
    let reach = crate::NewHold {
        workspace: W,
        campaign: None,
        provider: None,
        domain: Some("A.example".to_owned()),
        source: None,
        cold_only: false,
        until: None,
        why: "to look at it".to_owned(),
    };
    assert_eq!(now(store.covered_by(reach.clone())).unwrap().waiting, 2);
    let elsewhere = crate::NewHold { domain: Some("c.example".to_owned()), ..reach.clone() };
    assert_eq!(now(store.covered_by(elsewhere)).unwrap().waiting, 0);
    let parts = crate::Parts { domains: ["a.example".to_owned()].into(), ..Default::default() };
    assert_eq!(now(store.waiting_in(campaign.id, parts)).unwrap(), 2);
    let groups = |when| -> Vec<(u64, Option<model::HoldId>)> {
        let found = now(store.put_off_for(campaign.id, 10, at(when))).unwrap();
        found.into_iter().map(|group| (group.people, group.hold)).collect()
    };
    assert_eq!(groups(40), [(3, None)], "nothing is held yet");
    let ends = crate::NewHold { until: Some(at(900)), ..reach.clone() };
    let ends = now(store.place_hold(ends, &ME, at(50))).unwrap().id;
    let mut some = groups(60);
    some.sort_unstable();
    assert_eq!(some, [(1, None), (2, Some(ends))]);
    assert_eq!(held_by(&store, campaign.id, ends), ["1@a.example", "2@a.example"]);
    let stays = now(store.place_hold(reach, &ME, at(61))).unwrap().id;
    let mut some = groups(62);
    some.sort_unstable();
    assert_eq!(some, [(1, None), (2, Some(stays))], "the one that lasts longest");
    now(store.lift_hold(stays, &ME, at(70))).unwrap();
    assert_eq!(groups(901), [(3, None)], "the other one is over");
}

/// Whose next try a hold stops.
fn held_by(store: &Store, campaign: CampaignId, hold: model::HoldId) -> Vec<String> {
    let among = crate::Among { hold: Some(hold), ..crate::Among::default() };
    let of = |state| now(store.deliveries_among(campaign, state, among, None, 10)).unwrap();
    let rows = [DeliveryState::Queued, DeliveryState::Deferred].into_iter().flat_map(of);
    rows.filter_map(|row| row.email).collect()
}

#[test]
fn a_hold_stops_whom_it_counts_and_nobody_else() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@b.example", "4@b.example", "5@c.example"]);
    let campaign = sending(&store, "news", id);
    let other = import(&store, 50, &["6@a.example"]);
    let other = sending(&store, "other", other);
    // One of b.example is put off, everybody else waits for the first try.
    let rows = now(store.deliveries(campaign.id, DeliveryState::Queued, None, 10)).unwrap();
    let third = rows.iter().find(|row| row.email.as_deref() == Some("3@b.example")).unwrap().delivery;
    let first = claims(&store, campaign.id).into_iter().find(|one| one.delivery == third).unwrap();
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    now(store.settle(vec![deferred(&first, site, at(60), at(600))])).unwrap();
    let all = crate::NewHold {
        workspace: W,
        campaign: Some(campaign.id),
        provider: None,
        domain: None,
        source: None,
        cold_only: false,
        until: None,
        why: "to look at it".to_owned(),
    };
    let of = |domain: &str| crate::NewHold { domain: Some(domain.to_owned()), ..all.clone() };
    let everywhere = crate::NewHold { campaign: None, ..of("a.example") };
    let by_source = crate::NewHold { source: Some(model::SourceId(7)), ..all.clone() };
    let at_provider = crate::NewHold { provider: Some("nowhere".to_owned()), ..all.clone() };
    let known = now(store.site(site)).unwrap().unwrap();
    let at_site = crate::NewHold { provider: known.provider.or(Some(known.fingerprint)), ..all.clone() };
    let cold = crate::NewHold { cold_only: true, ..all.clone() };
    for (reach, expected) in [
        (all.clone(), vec!["1@a.example", "2@a.example", "4@b.example", "5@c.example", "3@b.example"]),
        (of("b.example"), vec!["4@b.example", "3@b.example"]),
        (of("d.example"), vec![]),
        (everywhere, vec!["1@a.example", "2@a.example"]),
        (by_source, vec![]),
        (at_provider, vec![]),
        (cold, vec![]),
        (at_site, vec!["1@a.example", "2@a.example", "4@b.example", "5@c.example", "3@b.example"]),
    ] {
        let hold = now(store.place_hold(reach.clone(), &ME, at(70))).unwrap();
        let counted = now(store.covered_by(hold.reach(campaign.id))).unwrap().waiting;
        let mut held = held_by(&store, campaign.id, hold.id);
        let mut expected = expected.clone();
        held.sort();
        expected.sort_unstable();
        assert_eq!((held.iter().map(String::as_str).collect(), counted), (expected, held.len() as u64), "{reach:?}");
        let of_other = held_by(&store, other.id, hold.id);
        assert_eq!(
            of_other.len() as u64,
            now(store.covered_by(hold.reach(other.id))).unwrap().waiting * u64::from(reach.campaign.is_none())
        );
    }
}

#[test]
fn the_log_is_one_sequence_with_a_cursor() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    now(store.settle(vec![refused(&claimed[0], at(30))])).unwrap();
    let all = now(store.events(crate::Cursor::START, 100)).unwrap();
    let kinds: Vec<&str> = all.iter().map(|event| event.kind.word()).collect();
    assert_eq!(kinds, ["import_begun", "imported", "campaign_made", "built", "started", "hard_bounced", "suppressed"]);
    let text = all[3].cursor.to_string();
    let rest = now(store.events(text.parse().unwrap(), 2)).unwrap();
    assert_eq!(rest, all[4..6]);
}

#[test]
fn who_was_put_off_by_a_clock_that_was_ahead_is_brought_back() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let site = now(store.sites_of(campaign.id, None, 10)).unwrap()[0];
    let bring_back = |second| now(store.bring_back(Duration::from_secs(14_400), at(second))).unwrap();
    let wakes = || now(store.next_wakes(campaign.id, None, 10)).unwrap();
    now(store.settle(vec![deferred(&claimed[0], site, at(30), at(330))])).unwrap();
    assert_eq!((bring_back(40), wakes()), (0, vec![(site, at(330))]), "the clock is as it was");
    // Three days ahead: one was put off for five minutes, one for an hour.
    let days = 3 * 86_400;
    let ahead = |n: usize, second| deferred(&claimed[n], site, at(days), at(days + second));
    now(store.settle(vec![ahead(1, 300), ahead(2, 3_600)])).unwrap();
    assert_eq!(bring_back(100), 2);
    let due = |second| now(store.due_retries(campaign.id, site, at(second), None, 10)).unwrap();
    let when: Vec<_> = due(9_000).iter().map(|one| one.retry.unwrap().1).collect();
    assert_eq!(when, [at(330), at(400), at(3_700)]);
    assert_eq!(now(store.claim_one(claimed[2].delivery)).unwrap().unwrap().retry, Some((site, at(3_700))));
    assert_eq!((bring_back(200), wakes()), (0, vec![(site, at(330))]), "a second start puts nobody off again");
    let settled: Vec<_> = due(9_000).iter().map(|one| accepted(one, at(9_001))).collect();
    now(store.settle(settled)).unwrap();
    assert!(wakes().is_empty(), "both rows of a retry agree");
    assert_adds_up(&store, campaign.id);
}
