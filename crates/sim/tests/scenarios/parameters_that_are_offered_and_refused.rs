//! A server offers SIZE and DSN, and refuses every parameter that comes of it (555 5.5.4). Nobody is refused for it: the same
//! envelope goes again in plain words, in the same conversation, and nobody else is asked with them.

use model::DeliveryState;
use sim::provider::Mailboxes;
use sim::scenario::Scenario;

#[test]
fn parameters_that_are_offered_and_refused() {
    let ended = Scenario::crowd(40, "lookmail.test")
        .provider("lookmail", |profile| {
            profile.mailboxes = Mailboxes::default();
            profile.dsn = true;
            profile.manners.refuses_parameters = true;
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 40, "{}", ended.story());
    let refused = ended
        .deliveries
        .iter()
        .flat_map(|(_, tries)| tries)
        .filter(|row| row.attempt.reply.as_ref().is_some_and(|reply| reply.code == 555));
    assert_eq!(refused.count(), 0, "nobody is charged: {}", ended.story());
}
