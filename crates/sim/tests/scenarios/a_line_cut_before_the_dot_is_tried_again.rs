//! The line breaks while the recipient is named, long before the last byte. That is no doubt: the message cannot have
//! arrived, so it is simply tried again.

use model::{DeliveryState, Stage};
use sim::fault::Trouble;
use sim::scenario::Scenario;
use std::time::Duration;

#[test]
fn a_line_cut_before_the_dot_is_tried_again() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let ended = Scenario::of(&["ida.berg@papermill.test"])
        .fault("papermill", Duration::ZERO, minutes(3), Trouble::CutAt(Stage::Rcpt))
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert_eq!(ended.arrivals.len(), 1);
}
