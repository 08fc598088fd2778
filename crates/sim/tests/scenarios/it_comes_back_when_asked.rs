//! A gateway asks for twenty minutes of patience, where our own schedule would come back after five. The second try is
//! the one it asked for, and it is taken: nobody knocks in between.

use sim::scenario::Scenario;

#[test]
fn it_comes_back_when_asked() {
    let ida = "ida@harbour-leasing.test";
    let ended = Scenario::of(&[ida]).provider("harbour-bank", |profile| profile.greylist_s = Some(20 * 60)).play();
    let tries = ended.tries(ida);
    assert_eq!((tries.len(), ended.arrivals.len()), (2, 1), "{}", ended.story());
    let wait_min = tries[1].attempt.started_at.since(tries[0].attempt.started_at).as_secs() / 60;
    assert!((20..=22).contains(&wait_min), "came back after {wait_min} min");
}
