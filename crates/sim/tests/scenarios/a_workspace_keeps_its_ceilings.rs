//! A workspace may send two messages a second, on three connections at once, and a hundred a day. Two providers could take
//! it all in a minute; the ceilings hold over both together, over a death of the process, and nobody is woken for nothing.

use engine::forecast::{Forecast, forecast};
use model::{Ceilings, DeliveryState, Timestamp, WorkspaceId};
use sim::scenario::{Action, Ended, Scenario};
use sim::world::EPOCH;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use store::{Executor, OpenOptions, Store};

/// Tries by UTC day.
fn by_day(ended: &Ended) -> Vec<usize> {
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for (_, tries) in &ended.deliveries {
        for row in tries {
            *days.entry(row.attempt.started_at.day()).or_default() += 1;
        }
    }
    days.into_values().collect()
}

fn two_providers(people: usize) -> Scenario {
    Scenario::crowd(people, "village-post.test")
        .and(Scenario::crowd(people, "papermill.test"))
        .provider("village-post", |profile| profile.mailboxes.left = 0.0)
        .provider("papermill", |profile| profile.mailboxes.left = 0.0)
}

#[test]
fn a_rate_holds_over_all_sites_and_wakes_nobody_for_nothing() {
    let ceilings = Ceilings { messages_per_second: Some(2), connections: Some(3), ..Ceilings::default() };
    let ended = two_providers(120).at_most(ceilings).play();
    assert_eq!(ended.count(DeliveryState::Accepted), 240, "{}", ended.equation());
    let mut starts: Vec<i64> =
        ended.deliveries.iter().flat_map(|(_, tries)| tries).map(|row| row.attempt.started_at.as_millis()).collect();
    starts.sort_unstable();
    // What opening a connection takes lies between the place it was given and the start of the try.
    let inside = |from: i64| starts.iter().filter(|at| (from..from + 20_000).contains(at)).count();
    let most = starts.iter().map(|from| inside(*from)).max().unwrap();
    assert!(most <= 46, "{most} starts within 20 s");
    let lasted = Duration::from_millis((starts[starts.len() - 1] - starts[0]).unsigned_abs());
    assert!(lasted < Duration::from_secs(180), "{lasted:?} for 240 at 2 a second: the ceiling is used");
}

#[test]
fn a_day_is_counted_on_after_a_death_and_the_rest_waits_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let ceilings = Ceilings { messages_per_day: Some(100), messages_per_second: Some(5), ..Ceilings::default() };
    let ended = two_providers(75)
        .for_real()
        .way_out("warm", "203.0.113.200", true)
        .at_most(ceilings)
        .in_directory(folder.path())
        .then(Duration::from_secs(10), Action::Kill)
        .play();
    let days = by_day(&ended);
    assert_eq!(ended.count(DeliveryState::Accepted) + ended.count(DeliveryState::InDoubt), 150, "{}", ended.equation());
    // A message that was under way at the death may count twice.
    assert!((96..=104).contains(&days[0]) && days.len() >= 2, "{days:?}");
    let told = ended.trace.lines().iter().any(|line| line.contains("has reached its ceiling of 100 messages a day"));
    assert!(told, "{}", ended.story());
    let foreseen = foreseen(&folder.path().join("run1"), 250);
    let messages: Vec<u64> = foreseen.days.iter().map(|(_, messages)| *messages).collect();
    assert_eq!(messages, [100, 100, 50], "{foreseen:?}");
    let why = "the workspace's ceiling of 5 messages a second, 100 messages a day";
    assert_eq!(foreseen.because.as_deref(), Some(why));
}

/// What is told of so many who would wait at noon, a month later.
fn foreseen(ledger: &Path, waiting: u64) -> Forecast {
    let noon = Timestamp::of_day(EPOCH.day() + 30) + Duration::from_secs(12 * 3_600);
    let options = OpenOptions { executor: Executor::Inline, ..OpenOptions::directory(ledger, [7; 32]) };
    let store = Store::open(options, noon).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let campaign = store.list_campaigns(WorkspaceId::FIRST).await.unwrap().remove(0);
        forecast(&store, &campaign, waiting, noon).await.unwrap()
    })
}

#[test]
fn what_is_beyond_a_sources_day_goes_by_another() {
    let ceilings = Ceilings { messages_per_day: Some(30), ..Ceilings::default() };
    let ended = two_providers(60)
        .way_out("small", "203.0.113.200", true)
        .way_out("large", "203.0.113.201", true)
        .source_at_most("small", ceilings)
        .play();
    assert_eq!(ended.count(DeliveryState::Accepted), 120, "{}", ended.equation());
    let small: std::net::IpAddr = "203.0.113.200".parse().unwrap();
    let used = ended.used.iter().filter(|((source, _), _)| *source == small).flat_map(|(_, used)| used.days.values());
    let through = used.sum::<u32>();
    assert!((20..=30).contains(&through), "{through} through the small one");
    let last = ended.arrivals.iter().map(|copy| copy.at).max().unwrap();
    assert!(last.since(EPOCH) < Duration::from_secs(3_600), "nobody waits for the next day");
}
