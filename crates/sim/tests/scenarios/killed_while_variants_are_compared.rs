//! The process dies while subjects are compared: in the middle of the wait, just before they are judged, in that moment, and just
//! after. The choice is made once and stands; everybody of the other half gets the better subject, once.

use super::the_better_subject_goes_to_the_rest::{assert_everybody_got_theirs, booked, comparing, hours, split};
use model::DeliveryState;
use sim::scenario::{Action, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

#[test]
fn killed_while_variants_are_compared() {
    let [sample, _] = split(&comparing(300).play());
    let story = |folder: &std::path::Path| -> Scenario { booked(comparing(300), &sample, 30).in_directory(folder) };
    let folder = tempfile::tempdir().unwrap();
    let [_, rest] = split(&story(folder.path()).play());
    let released = rest.iter().map(|(.., at)| at.since(EPOCH)).min().expect("there is a rest");
    let moments = [
        hours(2),
        released.saturating_sub(Duration::from_millis(1)),
        released,
        released + Duration::from_millis(1),
        released + Duration::from_millis(60),
        released + Duration::from_millis(700),
    ];
    for moment in moments {
        let folder = tempfile::tempdir().unwrap();
        let ended = story(folder.path()).then(moment, Action::Kill).play();
        assert_eq!(ended.deaths.len(), 1, "after {moment:?}");
        let [again, rest] = split(&ended);
        assert_eq!(again.len(), sample.len(), "after {moment:?}");
        assert!(rest.iter().all(|(_, variant, _)| *variant == 1), "after {moment:?}");
        assert!(ended.count(DeliveryState::InDoubt) <= 20, "after {moment:?}: {}", ended.equation());
        assert_everybody_got_theirs(&ended);
    }
}
