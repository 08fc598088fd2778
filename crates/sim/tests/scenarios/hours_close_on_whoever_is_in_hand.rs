//! Mail goes out in the first two minutes after nine alone, one message a second. More people than that were read into the lanes
//! while the hours were open: when they close, nobody of them is mailed any more, and the next day they go on.

use engine::options::Timing;
use model::{Ceilings, DeliveryState};
use sim::check::UNDER_WAY;
use sim::scenario::Scenario;
use std::collections::BTreeSet;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
const NINE_MS: i64 = 9 * 3_600_000;

#[test]
fn hours_close_on_whoever_is_in_hand() {
    let timing = Timing { windows: Some("09:00-09:02 UTC".into()), ..Timing::default() };
    let ceilings = Ceilings { messages_per_second: Some(1), ..Ceilings::default() };
    let ended = Scenario::crowd(130, "papermill.test")
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
        .at_most(ceilings)
        .timing(timing)
        .play();
    let open = i64::try_from((Duration::from_secs(120) + UNDER_WAY).as_millis()).unwrap();
    let starts = ended.deliveries.iter().flat_map(|(_, tries)| tries).map(|row| row.attempt.started_at.as_millis());
    let starts: Vec<i64> = starts.collect();
    let late: Vec<&i64> = starts.iter().filter(|at| at.rem_euclid(DAY_MS) - NINE_MS > open).collect();
    assert!(late.is_empty(), "{} of {} began after the hours: {}", late.len(), starts.len(), ended.story());
    let days: BTreeSet<i64> = starts.iter().map(|at| at.div_euclid(DAY_MS)).collect();
    assert!(days.len() >= 2, "the rest goes on the next day: {}", ended.equation());
    assert_eq!(ended.count(DeliveryState::Accepted), 130, "{}", ended.equation());
}
