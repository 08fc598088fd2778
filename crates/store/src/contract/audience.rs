//! Audiences: who is taken in, who is left out, and that everybody is accounted for.

use super::*;
use crate::{StoreError, Whom};
use model::{ListId, SegmentId, SkipReason};

/// A campaign to an audience, built.
fn built(store: &Store, name: &str, audience: Audience) -> Campaign {
    let new = NewCampaign { audience, ..new_campaign(name, Vec::new()) };
    let campaign = now(store.create_campaign(new, &ME, at(10))).unwrap();
    now(store.build_campaign(campaign.id, &ME, at(11))).unwrap();
    campaign
}

fn mailed(store: &Store, campaign: CampaignId) -> Vec<String> {
    let mut mailed: Vec<String> = claims(store, campaign).into_iter().map(|claimed| claimed.rcpt).collect();
    mailed.sort();
    mailed
}

#[test]
fn people_of_a_group_left_out_are_skipped_by_the_rule_and_counted() {
    let store = empty();
    let all = import(&store, 1, &["1@a.example", "2@a.example", "3@b.example", "no address"]);
    let some = import(&store, 2, &["2@a.example", "elsewhere@c.example"]);
    let audience = Audience { include: vec![Whom::Import(all)], exclude: vec![Whom::Import(some)] };
    let campaign = built(&store, "news", audience.clone());
    assert_eq!(mailed(&store, campaign.id), ["1@a.example", "3@b.example"]);
    let tally = now(store.tally(campaign.id)).unwrap();
    let skipped: Vec<_> = tally.by_skip_reason.iter().map(|(reason, count)| (*reason, *count)).collect();
    assert_eq!(skipped, [(SkipReason::InvalidAddress, 1), (SkipReason::Excluded, 1)]);
    assert_adds_up(&store, campaign.id);
    assert_eq!(now(store.audience_of(campaign.id)).unwrap(), audience);
    let known = now(store.acquaintance(W, &audience, at(0), at(20))).unwrap();
    assert_eq!((known.people, known.accepted_lately), (2, 0), "only whoever can be mailed counts");
}

#[test]
fn everyone_but_an_import() {
    let store = empty();
    import(&store, 1, &["1@a.example", "2@a.example"]);
    let late = import(&store, 2, &["3@a.example"]);
    let audience = Audience { include: vec![Whom::Everyone], exclude: vec![Whom::Import(late)] };
    let campaign = built(&store, "news", audience);
    assert_eq!(mailed(&store, campaign.id), ["1@a.example", "2@a.example"]);
    let removal = now(store.remove_import(late, &ME, at(20)));
    assert!(matches!(removal, Err(StoreError::Refused(_))), "a campaign names it");
}

#[test]
fn an_audience_of_nobody_or_of_strangers_is_refused() {
    let store = empty();
    let id = import(&store, 1, &["1@a.example"]);
    let refused = |include: Vec<Whom>, exclude: Vec<Whom>| {
        let audience = Audience { include, exclude };
        now(store.create_campaign(NewCampaign { audience, ..new_campaign("x", Vec::new()) }, &ME, at(10))).unwrap_err()
    };
    assert!(matches!(refused(vec![], vec![Whom::Import(id)]), StoreError::Refused(_)));
    for stranger in [Whom::List(ListId(5)), Whom::Segment(SegmentId(5)), Whom::Import(ImportId(5))] {
        assert!(matches!(refused(vec![stranger], vec![]), StoreError::NotFound { .. }));
        assert!(matches!(refused(vec![Whom::Everyone], vec![stranger]), StoreError::NotFound { .. }));
    }
    let many = vec![Whom::Import(id); crate::audience::GROUPS_MAX + 1];
    assert!(matches!(refused(many, vec![]), StoreError::Refused(_)));
    assert!(now(store.list_campaigns(W)).unwrap().is_empty(), "nothing of a refused campaign is left");
}
