//! The campaign may go out on weekday mornings only. Whoever lives in Tokyo gets it in the morning of Tokyo; the others
//! in that of Berlin, the sender's.

use engine::options::Timing;
use model::Timestamp;
use sim::scenario::Scenario;

#[test]
fn only_in_their_own_morning() {
    let timing = Timing { windows: Some("Mon-Fri 09:00-12:00 Europe/Berlin".into()), ..Timing::default() };
    let ended = Scenario::of(&["kenji@papermill.test", "uwe@papermill.test", "ada@papermill.test"])
        .values("kenji@papermill.test", r#"{"timezone": "Asia/Tokyo"}"#)
        .values("uwe@papermill.test", r#"{"timezone": "Europe/Berlin"}"#)
        .timing(timing)
        .play();
    let hour_utc = |at: Timestamp| at.as_secs().rem_euclid(86_400) / 3_600;
    for copy in &ended.arrivals {
        let hours = if copy.recipient.starts_with("kenji") { 0..3 } else { 8..11 };
        assert!(hours.contains(&hour_utc(copy.at)), "{} at {} h UTC", copy.recipient, hour_utc(copy.at));
    }
    assert_eq!(ended.arrivals.len(), 3, "{}", ended.story());
}
