//! A server offers CHUNKING, and what stands behind it does not want BDAT. Nobody is refused for it: the messages go as lines.

use model::DeliveryState;
use sim::provider::Mailboxes;
use sim::scenario::Scenario;

#[test]
fn chunks_that_nobody_knows() {
    let ended = Scenario::crowd(40, "lookmail.test")
        .provider("lookmail", |profile| {
            profile.mailboxes = Mailboxes::default();
            profile.chunking = true;
            profile.manners.refuses_chunks = true;
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.story());
    let refused = ended
        .deliveries
        .iter()
        .flat_map(|(_, tries)| tries)
        .filter(|row| row.attempt.reply.as_ref().is_some_and(|reply| reply.code == 503));
    assert_eq!(refused.count(), 0, "nobody is charged: {}", ended.story());
}
