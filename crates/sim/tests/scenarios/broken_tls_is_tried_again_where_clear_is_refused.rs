//! One handshake breaks at a server that takes no mail in clear. That it is broken is forgotten with the refusal, and the
//! next try is encrypted.

use model::DeliveryState;
use sim::provider::TlsOffer;
use sim::scenario::Scenario;

#[test]
fn broken_tls_is_tried_again_where_clear_is_refused() {
    let ended = Scenario::of(&["ida@rusty-lock.test"])
        .provider("rusty-lock", |profile| {
            profile.tls.offer = TlsOffer::Stumbling;
            profile.tls.required = true;
        })
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 1, "{}", ended.story());
    assert!(ended.arrivals[0].encrypted);
    assert_eq!(ended.tries("ida@rusty-lock.test").len(), 2, "{}", ended.story());
}
