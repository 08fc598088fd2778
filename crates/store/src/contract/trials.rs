//! Trials: who gets which variant and exactly how many, what is counted of each, and a choice that is made once.

use super::*;
use crate::trial::WHOLE;
use crate::{Arm, Cursor, Did, Doers, Hits, NewReaction, NewTrial, Portion, Rescored, Settling, StoreError};
use model::{ContactId, DeliveryId, EventKind, ReactionKind};
use std::collections::BTreeMap;

const QUARTER: NewTrial = NewTrial { variants: 2, sample: Portion::Share(WHOLE / 4) };

/// 1,200 people of three domains, and a campaign to them that compares variants.
fn tried(canary: u32, trial: NewTrial) -> (Store, Campaign) {
    tried_by(1_200, canary, trial)
}

/// The same with so many people.
fn tried_by(people: u64, canary: u32, trial: NewTrial) -> (Store, Campaign) {
    let store = empty();
    let rows = (1..=people).map(|n| row(n, &format!("p{n}@{}.example", ["a", "b", "c"][(n % 3) as usize])));
    let id = import_rows(&store, 1, rows.collect()).0;
    let new = NewCampaign { canary, trial: Some(trial), ..new_campaign("news", vec![id]) };
    let campaign = now(store.create_campaign(new, &ME, at(10))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    (store.clone(), now(store.set_campaign_state(campaign.id, CampaignState::Sending, None, &ME, at(12))).unwrap())
}

fn read(store: &Store, campaign: &Campaign, part: Part) -> Vec<Claimed> {
    let heads = now(store.unresolved_heads(campaign.id, None, 100, part)).unwrap();
    heads.iter().flat_map(|head| now(store.read_window(head, None, 10_000, part)).unwrap()).collect()
}

fn queued(arms: &[Arm]) -> Vec<u64> {
    arms.iter().map(|arm| arm.tally.count(DeliveryState::Queued)).collect()
}

#[test]
fn a_stated_share_is_split_by_a_hash_and_stands_first() {
    let (store, campaign) = tried(0, QUARTER);
    let sample = read(&store, &campaign, Part::Trial { cold: true });
    assert_eq!(sample.len(), 300, "a quarter of 1,200");
    let of = |variant| sample.iter().filter(|one| one.variant == Some(variant)).count();
    assert_eq!((of(0), of(1)), (150, 150));
    let arms = now(store.trial_arms(W, campaign.id)).unwrap();
    assert_eq!(queued(&arms), [of(0) as u64, of(1) as u64]);
    let all = read(&store, &campaign, Part::All);
    assert_eq!(all.len(), 1_200);
    for domain in ["a.example", "b.example", "c.example"] {
        let here: Vec<bool> =
            all.iter().filter(|one| one.domain_name == domain).map(|one| one.variant.is_some()).collect();
        assert!(here.is_sorted_by(|before, after| before >= after), "the sample first, then the rest, at {domain}");
    }
    assert_eq!(now(store.delivery(all[0].delivery)).unwrap().unwrap().variant, all[0].variant);
    assert_eq!(now(store.delivery(all[399].delivery)).unwrap().unwrap().variant, None, "not chosen yet");
    assert_adds_up(&store, campaign.id);
}

#[test]
fn the_same_people_are_drawn_again_and_those_of_the_canary_are_among_them() {
    let (store, campaign) = tried(60, QUARTER);
    let canary = read(&store, &campaign, Part::Canary);
    assert_eq!(canary.len(), 60);
    let of = |variant| canary.iter().filter(|one| one.variant == Some(variant)).count();
    assert_eq!((of(0), of(1)), (30, 30), "the variants in turn");
    let sample = read(&store, &campaign, Part::Trial { cold: true });
    let (other, again) = tried(60, QUARTER);
    let drawn = |sample: &[Claimed]| sample.iter().map(|one| (one.rcpt.clone(), one.variant)).collect::<Vec<_>>();
    assert_eq!(drawn(&sample), drawn(&read(&other, &again, Part::Trial { cold: true })));
    let heads = now(store.unresolved_heads(campaign.id, None, 100, Part::Canary)).unwrap();
    for head in heads {
        let here: Vec<_> = sample.iter().filter(|one| one.domain == head.domain).map(|one| one.delivery).collect();
        assert!(here.iter().take_while(|one| Some(**one) < head.canary_end).count() > 0, "the canary stands first");
    }
    assert_eq!(queued(&now(store.trial_arms(W, campaign.id)).unwrap()), [150, 150], "they are part of the quarter");
}

#[test]
fn few_people_are_dealt_exactly_as_foretold() {
    let half = Portion::Share(WHOLE / 2);
    for (people, canary, variants, sample, parts) in [
        (15, 0, 2, half, vec![4, 4]),
        (10, 0, 2, half, vec![3, 2]),
        (17, 0, 4, Portion::Share(WHOLE / 10), vec![1, 1, 0, 0]),
        (15, 0, 3, Portion::People(7), vec![3, 2, 2]),
        (15, 0, 2, Portion::People(40), vec![8, 7]),
        (40, 13, 2, Portion::Share(WHOLE / 5), vec![7, 6]),
        (1, 0, 2, half, vec![1, 0]),
    ] {
        let trial = NewTrial { variants, sample };
        assert_eq!(trial.parts(people, canary.into()), parts, "foretold, {people} people");
        let (store, campaign) = tried_by(people, canary, trial);
        assert_eq!(queued(&now(store.trial_arms(W, campaign.id)).unwrap()), parts, "done, {people} people");
        let rest = read(&store, &campaign, Part::All).iter().filter(|one| one.variant.is_none()).count();
        assert_eq!(rest as u64 + parts.iter().sum::<u64>(), people);
        let kept = now(store.trial(W, campaign.id)).unwrap().unwrap().sample;
        assert_eq!(kept == Portion::Share(WHOLE), rest == 0, "it is known whether anybody is left beside it");
        assert_adds_up(&store, campaign.id);
    }
}

#[test]
fn a_sample_of_more_people_than_one_step_deals_is_exact() {
    let (store, campaign) = tried_by(10_500, 200, NewTrial { variants: 3, sample: Portion::Share(WHOLE * 99 / 100) });
    assert_eq!(queued(&now(store.trial_arms(W, campaign.id)).unwrap()), [3_465; 3], "99 of 100 of 10,500");
    let canary = read(&store, &campaign, Part::Canary);
    let of = |variant| canary.iter().filter(|one| one.variant == Some(variant)).count();
    assert_eq!([of(0), of(1), of(2)], [67, 67, 66]);
    assert_adds_up(&store, campaign.id);
}

#[test]
fn four_variants_may_go_to_everybody() {
    let (store, campaign) = tried(0, NewTrial { variants: 4, sample: Portion::Share(WHOLE) });
    let sample = read(&store, &campaign, Part::Trial { cold: true });
    assert_eq!(sample.len(), 1_200);
    assert_eq!(queued(&now(store.trial_arms(W, campaign.id)).unwrap()), [300; 4]);
    let share = Portion::Share;
    for (variants, sample) in
        [(1, share(WHOLE)), (5, share(WHOLE)), (2, share(0)), (2, share(WHOLE + 1)), (2, Portion::People(0))]
    {
        let trial = Some(NewTrial { variants, sample });
        let made = now(store.create_campaign(NewCampaign { trial, ..new_campaign("x", vec![]) }, &ME, at(10)));
        assert!(matches!(made, Err(StoreError::Refused(_))));
    }
}

#[test]
fn verdicts_and_deeds_are_counted_by_variant() {
    let (store, campaign) = tried(0, QUARTER);
    let sample = read(&store, &campaign, Part::Trial { cold: true });
    let rest = read(&store, &campaign, Part::All).into_iter().find(|one| one.variant.is_none()).unwrap();
    let of = |variant: u8| sample.iter().filter(|one| one.variant == Some(variant)).cloned().collect::<Vec<_>>();
    let (first, second) = (of(0), of(1));
    let batch = [&first[..], &second[..1]].concat();
    now(store.settle(batch.iter().map(|one| accepted(one, at(30))).collect::<Vec<_>>())).unwrap();
    now(store.settle(vec![refused(&second[1], at(31)), accepted(&rest, at(31))])).unwrap();
    let arms = now(store.trial_arms(W, campaign.id)).unwrap();
    let count = |arm: usize, state| arms[arm].tally.count(state);
    assert_eq!(count(0, DeliveryState::Accepted), first.len() as u64);
    assert_eq!(count(0, DeliveryState::Queued), 0);
    let left = [DeliveryState::Accepted, DeliveryState::Hard, DeliveryState::Queued].map(|state| count(1, state));
    assert_eq!(left, [1, 1, second.len() as u64 - 2]);
    let click = |of: &Claimed, score: u8| {
        let reaction = NewReaction { score, ..NewReaction::new(ReactionKind::Clicked, of.contact, at(60)) };
        (W, NewReaction { campaign: Some(campaign.id), delivery: Some(of.delivery), link: Some(1), ..reaction })
    };
    let reactions =
        vec![click(&first[0], 0), click(&first[0], 0), click(&first[1], 90), click(&second[0], 0), click(&rest, 0)];
    let written = now(store.record_hits(Hits { reactions, ..Hits::default() }, at(61))).unwrap();
    let clicked =
        |arm: &Arm| (arm.people.get(&ReactionKind::Clicked).copied(), arm.unknown.get(&ReactionKind::Clicked).copied());
    let arms = now(store.trial_arms(W, campaign.id)).unwrap();
    assert_eq!((clicked(&arms[0]), clicked(&arms[1])), ((Some(1), Some(1)), (Some(1), None)));
    let who = |variant: Option<u8>, after: Option<ContactId>, limit: usize| {
        let did = Did::Reaction(ReactionKind::Clicked);
        let who = Doers { variant, ..Doers::of(W, campaign.id, did) };
        let found = now(store.doers(who, after, limit)).unwrap().rows;
        found.into_iter().map(|row| row.delivery).collect::<Vec<_>>()
    };
    assert_eq!(who(Some(0), None, 10), [first[0].delivery], "once, and no machine");
    assert_eq!(who(Some(1), None, 10), [second[0].delivery]);
    let mut all = [&first[0], &second[0], &rest];
    all.sort_by_key(|one| one.contact);
    assert_eq!(who(None, None, 2), [all[0].delivery, all[1].delivery]);
    assert_eq!(who(None, Some(all[1].contact), 2), [all[2].delivery], "the next page");
    let accepted = |variant, after| {
        let among = crate::Among { variant: Some(variant), ..crate::Among::default() };
        let found = store.deliveries_among(campaign.id, DeliveryState::Accepted, among, after, 500);
        now(found).unwrap().into_iter().map(|row| row.delivery).collect::<Vec<_>>()
    };
    let mut expected: Vec<DeliveryId> = first.iter().map(|one| one.delivery).collect();
    expected.sort_unstable();
    assert_eq!(accepted(0, None), expected);
    assert_eq!(accepted(0, Some(expected[1])), expected[2..]);
    assert_eq!(accepted(1, None), [second[0].delivery], "nobody of the rest, whoever they get");
    let machine = Rescored { reaction: written[3].unwrap(), score: 100, properties: None };
    now(store.record_hits(Hits { rescored: vec![machine], ..Hits::default() }, at(62))).unwrap();
    let arms = now(store.trial_arms(W, campaign.id)).unwrap();
    assert_eq!(clicked(&arms[1]), (None, Some(1)), "a machine's after all");
    assert_eq!(who(Some(1), None, 10), []);
}

#[test]
fn a_goal_counts_who_had_the_message_before() {
    let (store, campaign) = tried(0, QUARTER);
    let sample = read(&store, &campaign, Part::Trial { cold: true });
    now(store.settle(sample[..3].iter().map(|one| accepted(one, at(30))).collect::<Vec<_>>())).unwrap();
    let booked = |of: &Claimed, when: u64| NewReaction {
        name: Some("booked".to_owned()),
        ..NewReaction::new(ReactionKind::Custom, of.contact, at(when))
    };
    let rest = read(&store, &campaign, Part::All).into_iter().find(|one| one.variant.is_none()).unwrap();
    let told = vec![
        booked(&sample[0], 40),
        booked(&sample[0], 41),
        booked(&sample[1], 29),
        booked(&sample[2], 90),
        booked(&sample[3], 40),
        booked(&rest, 40),
    ];
    now(store.record_reactions(W, told, at(95))).unwrap();
    let mut expected = vec![0, 0];
    expected[usize::from(sample[0].variant.unwrap())] = 1;
    let goals = |name: &str| now(store.trial_goals(W, campaign.id, name.to_owned(), at(60))).unwrap();
    assert_eq!(goals("booked"), expected, "once, after it was sent, before the end, and only who has it");
    assert_eq!(goals("bought"), [0, 0]);
    let reached = |name: &str, variant| {
        let did = Did::Told { name: name.to_owned(), until: at(60) };
        let who = Doers { variant, ..Doers::of(W, campaign.id, did) };
        let found = now(store.doers(who, None, 10)).unwrap().rows;
        found.into_iter().map(|row| row.delivery).collect::<Vec<_>>()
    };
    assert_eq!(reached("booked", sample[0].variant), [sample[0].delivery]);
    assert_eq!(reached("booked", sample[0].variant.map(|variant| 1 - variant)), []);
    assert_eq!(reached("booked", None), [sample[0].delivery]);
    assert_eq!(reached("bought", None), []);
}

#[test]
fn a_choice_is_made_once_and_told() {
    let (store, campaign) = tried(0, QUARTER);
    assert_eq!(now(store.note_trial_out(campaign.id, at(50))).unwrap(), at(50));
    assert_eq!(now(store.note_trial_out(campaign.id, at(70))).unwrap(), at(50), "noted once");
    let settle = |found: Option<&str>, winner| {
        let settling = Settling { found: found.map(str::to_owned), winner, said: "B led".to_owned() };
        now(store.settle_trial(W, campaign.id, settling, &ME, at(80)))
    };
    assert!(matches!(settle(None, Some(2)), Err(StoreError::Refused(_))), "there is no C");
    let judged = settle(Some("{}"), None).unwrap();
    assert_eq!((judged.judged_at, judged.winner, judged.found.as_deref()), (Some(at(80)), None, Some("{}")));
    let chosen = settle(None, Some(1)).unwrap();
    assert_eq!((chosen.winner, chosen.settled_at, chosen.out_at), (Some(1), Some(at(80)), Some(at(50))));
    let by_hand = format!(r#"{{"by_hand":{{"by":"{}","because":"B led"}}}}"#, ME.as_text());
    assert_eq!(chosen.found, Some(by_hand), "who chose, and why");
    assert!(matches!(settle(None, Some(0)), Err(StoreError::Refused(_))), "once");
    let rest = read(&store, &campaign, Part::All).into_iter().find(|one| one.variant.is_none()).unwrap();
    assert_eq!(now(store.delivery(rest.delivery)).unwrap().unwrap().variant, Some(1));
    let other = now(store.trial(WorkspaceId(99), campaign.id)).unwrap();
    assert!(other.is_none(), "nobody else's");
    let told: BTreeMap<EventKind, String> = now(store.events(Cursor::default(), 1_000))
        .unwrap()
        .into_iter()
        .filter_map(|event| Some((event.kind, event.detail?)))
        .collect();
    assert_eq!(told.get(&EventKind::TrialJudged).map(String::as_str), Some("B led"));
    assert_eq!(told.get(&EventKind::VariantChosen).map(String::as_str), Some("variant B: B led"));
}
