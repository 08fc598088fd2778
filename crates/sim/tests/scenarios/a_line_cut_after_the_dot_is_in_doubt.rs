//! The receiver takes the whole message and the line breaks before its answer. Nobody can know what became of it: the
//! delivery is in doubt, named, and not sent again by itself. (It did arrive.)

use model::DeliveryState;
use sim::scenario::Scenario;

#[test]
fn a_line_cut_after_the_dot_is_in_doubt() {
    let ended = Scenario::of(&["ida@cut-line.test", "ben.cut@papermill.test"]).play();
    assert_eq!(ended.count(DeliveryState::InDoubt), 2, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 2, "one copy each");
    assert!(ended.arrivals.iter().all(|arrival| !arrival.answered));
}
