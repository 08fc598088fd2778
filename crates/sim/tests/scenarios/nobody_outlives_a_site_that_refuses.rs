//! A site refuses us for longer than the retry window. Who waits there is settled then, and so is whoever was tried first of all
//! in that very hour to see whether it still refuses: nobody begins a window of their own with it.

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn nobody_outlives_a_site_that_refuses() {
    let ended = Scenario::crowd(28, "strict-gate.test").play();
    assert_eq!(ended.count(DeliveryState::Blocked), 28, "{}", ended.story());
    let tries = ended.deliveries.iter().flat_map(|(_, tries)| tries);
    let at: Vec<_> = tries.map(|row| row.attempt.started_at).collect();
    let (first, last) = (at.iter().min().unwrap(), at.iter().max().unwrap());
    // The lane rests up to six hours at a time, so the last word may come that much after the window.
    let lasted_h = last.since(*first).as_secs() / 3_600;
    assert!((24..=36).contains(&lasted_h), "over after {lasted_h} h\n{}", ended.story());
    let mut providers = ended.deliveries.iter().flat_map(|(_, tries)| tries).map(|row| row.provider.as_deref());
    assert!(
        providers.all(|provider| provider == Some("strict-gate")),
        "whose site it was is known of those not tried, too"
    );
    let last_words = |(_, tries): &(_, Vec<store::AttemptRow>)| {
        let reply = tries.last().and_then(|row| row.attempt.reply.clone());
        reply.map(|reply| (reply.code, reply.enhanced.map(|code| code.to_string())))
    };
    let causes: std::collections::BTreeSet<_> = ended.deliveries.iter().map(last_words).collect();
    assert_eq!(causes.len(), 1, "one cause, whoever heard it: {causes:?}");
}
