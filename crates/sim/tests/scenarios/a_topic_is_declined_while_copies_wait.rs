//! A campaign about a topic waits at a held provider when somebody there declines the topic. Their copy is never tried, what is
//! about nothing in particular still reaches them, and everybody else has both.

use model::{DeliveryState, SkipReason};
use sim::scenario::{Action, Held, Scenario};
use std::time::Duration;

#[test]
fn a_topic_is_declined_while_copies_wait() {
    let hour = Duration::from_secs(3_600);
    let ended = Scenario::of(&["kim@papermill.test", "lee@papermill.test", "ada@village-post.test"])
        .about("offers")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .then(Duration::ZERO, Action::Hold(Held::Provider("papermill".into()), hour * 2))
        .then(hour, Action::Decline("kim@papermill.test".into(), "offers"))
        .then(hour * 3, Action::Mail("House rules".into()))
        .play();
    assert_eq!(ended.tally.by_skip_reason.get(&SkipReason::TopicDeclined), Some(&1), "{}", ended.story());
    assert_eq!(
        (ended.count(DeliveryState::Skipped), ended.count(DeliveryState::Accepted)),
        (1, 2),
        "{}",
        ended.story()
    );
    assert!(ended.tries("kim@papermill.test").is_empty(), "{}", ended.story());
    assert_eq!(ended.others[0].tally.count(DeliveryState::Accepted), 3, "{}", ended.story());
}
