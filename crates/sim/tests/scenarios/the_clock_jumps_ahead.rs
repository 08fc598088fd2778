//! The machine's clock is set two days ahead in the middle of conversations. They go on as time passes: nobody's server is
//! called silent for it, and nobody is charged a second try.

use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use std::time::Duration;

#[test]
fn the_clock_jumps_ahead() {
    // A server that takes four seconds over every reply: there is always a conversation under way.
    let ended = Scenario::crowd(12, "slow-river.test")
        .then(Duration::from_secs(10), Action::Ahead(Duration::from_secs(2 * 86_400)))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 12, "{}", ended.story());
    for n in 1..=12 {
        let tries = ended.tries(&format!("person{n}@slow-river.test"));
        assert_eq!(tries.len(), 1, "{}", ended.story());
    }
}
