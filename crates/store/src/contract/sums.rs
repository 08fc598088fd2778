//! The equation always adds up: random histories, counters against a recount after every step.

use super::*;
use model::{CampaignId, SkipReason};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    Refuse(usize),
    Defer(usize),
    Doubt(usize),
    BackToQueue(usize),
    Skip(usize),
    Resend,
    Forget(usize),
    Bounce(usize),
    Cancel,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12usize).prop_map(Step::Accept),
        2 => (0..12usize).prop_map(Step::Refuse),
        4 => (0..12usize).prop_map(Step::Defer),
        3 => (0..12usize).prop_map(Step::Doubt),
        2 => (0..12usize).prop_map(Step::BackToQueue),
        1 => (0..12usize).prop_map(Step::Skip),
        2 => Just(Step::Resend),
        1 => (0..12usize).prop_map(Step::Forget),
        2 => (0..12usize).prop_map(Step::Bounce),
        1 => Just(Step::Cancel),
    ]
}

fn email(n: usize) -> String {
    format!("p{n}@d{}.example", n % 4)
}

fn take(store: &Store, ids: &[model::DeliveryId], n: usize, step: &Step, site: SiteId, when: Timestamp) {
    let Some(claimed) = now(store.claim_one(ids[n])).unwrap() else { return };
    let one = match step {
        Step::Accept(_) => accepted(&claimed, when),
        Step::Refuse(_) => refused(&claimed, when),
        Step::Defer(_) => deferred(&claimed, site, when, when + Duration::from_secs(60)),
        Step::Doubt(_) => in_doubt(&claimed, when),
        Step::BackToQueue(_) => Settlement {
            charge: false,
            ..Settlement { to: claimed.state, due: claimed.retry, ..in_doubt(&claimed, when) }
        },
        Step::Skip(_) => {
            Settlement { skip: Some(SkipReason::Excluded), ..Settlement::of(&claimed, DeliveryState::Skipped, when) }
        }
        _ => Settlement::of(&claimed, DeliveryState::Hard, when),
    };
    let legal = claimed.state.may_become(one.to) || claimed.state == one.to && one.to.is_in_progress();
    assert_eq!(now(store.settle(vec![one])).unwrap().written, usize::from(legal), "{step:?} {:?}", claimed.state);
}

fn check(store: &Store, campaign: CampaignId, site: SiteId) {
    assert_adds_up(store, campaign);
    let tally = now(store.tally(campaign)).unwrap();
    let heads = now(store.heads_of_site(campaign, site, None, 100, Part::All)).unwrap().into_iter();
    let heads: Vec<_> = heads.chain(now(store.unresolved_heads(campaign, None, 100, Part::All)).unwrap()).collect();
    let remaining: u64 = heads.iter().map(|head| u64::from(head.remaining)).sum();
    assert_eq!(remaining, tally.count(DeliveryState::Queued), "heads know what is queued");
    let readable: usize =
        heads.iter().map(|head| now(store.read_window(head, None, 100, Part::All)).unwrap().len()).sum();
    assert_eq!(readable as u64, tally.count(DeliveryState::Queued), "and nothing queued is out of reach");
    let due = now(store.due_retries(campaign, site, Timestamp::MAX, None, 100)).unwrap();
    assert_eq!(due.len() as u64, tally.count(DeliveryState::Deferred), "retries are the deferred");
    for cause in now(store.causes(campaign)).unwrap() {
        assert!(cause.count <= tally.count(cause.state), "{cause:?}");
    }
}

/// Whoever was in doubt once may have a copy, and is never counted as not mailed.
fn check_doubt(store: &Store, id: model::DeliveryId) {
    let row = now(store.delivery(id)).unwrap().unwrap();
    if row.state == DeliveryState::Skipped {
        let attempts = now(store.attempts(id)).unwrap();
        assert!(attempts.iter().all(|attempt| attempt.became != DeliveryState::InDoubt), "{row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_equation_adds_up_whatever_happens(steps in proptest::collection::vec(step(), 1..40)) {
        let store = empty();
        let emails: Vec<String> = (0..12).map(email).collect();
        let id = import(&store, 1, &emails.iter().map(String::as_str).collect::<Vec<_>>());
        let campaign = sending(&store, "news", id).id;
        let ids: Vec<_> = claims(&store, campaign).iter().map(|claimed| claimed.delivery).collect();
        let site = now(store.site_id("mx.example.org", Some("example"), at(20))).unwrap();
        for (step, n) in steps.iter().zip(0..) {
            let when = at(100 + n * 7);
            match step {
                Step::Resend => { now(store.resend_in_doubt(campaign, None, &ME, when)).unwrap(); }
                Step::Forget(n) => { now(store.forget(W, &address(&email(*n)), &ME, when)).unwrap(); }
                Step::Cancel => { now(store.skip_remaining(campaign, SkipReason::Cancelled, &[ids[0]], &ME, when)).unwrap(); }
                Step::Accept(n) | Step::Refuse(n) | Step::Defer(n) | Step::Doubt(n) | Step::BackToQueue(n)
                | Step::Skip(n) | Step::Bounce(n) => take(&store, &ids, *n, step, site, when),
            }
            check(&store, campaign, site);
            for id in &ids {
                check_doubt(&store, *id);
            }
        }
    }
}
