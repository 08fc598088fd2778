//! Receivers say yes and fold into spam, or throw away. The engine can only record "accepted"; the simulator knows.

use model::DeliveryState;
use sim::ledger::Folder;
use sim::scenario::Scenario;

#[test]
fn accepted_is_not_in_the_inbox() {
    let people =
        ["ida@quiet-hole.test", "ben.junk@papermill.test", "eva.lost@papermill.test", "jon.berg@papermill.test"];
    let ended = Scenario::of(&people).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 4, "{}", ended.story());
    assert_eq!((ended.in_folder(Folder::Dropped), ended.in_folder(Folder::Spam)), (2, 1));
}
