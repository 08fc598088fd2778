//! Scores of hits, one habit at a time.

use super::*;
use model::reaction::{MACHINE_SCORE, UNSURE_SCORE};
use proptest::prelude::*;

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";

fn hit(ms: i64, asked: Asked) -> Hit<'static> {
    Hit {
        at: Timestamp::from_millis(ms),
        asked,
        delivery: DeliveryId(1),
        links: 5,
        accepted_at: Some(Timestamp::from_millis(0)),
        is_head: false,
        ip: "192.0.2.7".parse().unwrap(),
        agent: FIREFOX,
    }
}

fn words(signs: Signs) -> Vec<&'static str> {
    signs.all().map(Sign::word).collect()
}

#[test]
fn a_person_who_reads_and_clicks_is_a_person() {
    let mut recent = Recent::default();
    assert_eq!(recent.judge(&hit(60_000, Asked::Open)).signs.score(), 0);
    assert_eq!(recent.judge(&hit(90_000, Asked::Click(1))).signs.score(), 0);
    assert_eq!(recent.judge(&hit(150_000, Asked::Click(2))).signs.score(), 0);
}

#[test]
fn who_only_asks_or_falls_into_the_trap_is_a_machine_and_so_was_its_companion() {
    let mut recent = Recent::default();
    let first = recent.judge(&hit(60_000, Asked::Click(1)));
    assert_eq!(first.signs.score(), 0);
    let trap = recent.judge(&hit(61_000, Asked::Click(0)));
    assert_eq!((trap.signs.score(), trap.changed.len()), (100, 1));
    assert_eq!((trap.changed[0].0, words(trap.changed[0].1)), (first.number, vec!["companion"]));
    assert!(trap.changed[0].1.score() >= MACHINE_SCORE);
    let head = Hit { is_head: true, ..hit(900_000, Asked::Click(1)) };
    assert_eq!(recent.judge(&head).signs.score(), 100);
}

#[test]
fn soon_after_acceptance_is_unsure_and_at_once_a_machine() {
    for (ms, score) in [(1_999, 60), (2_000, 30), (9_999, 30), (10_000, 0)] {
        assert_eq!(Recent::default().judge(&hit(ms, Asked::Click(1))).signs.score(), score, "{ms}");
    }
    const { assert!(UNSURE_SCORE <= 30 && MACHINE_SCORE <= 60) };
    let unknown = Hit { accepted_at: None, ..hit(1, Asked::Click(1)) };
    assert_eq!(Recent::default().judge(&unknown).signs.score(), 0);
}

#[test]
fn the_third_link_within_two_seconds_tells_about_the_first_two() {
    let mut recent = Recent::default();
    let one = recent.judge(&hit(60_000, Asked::Click(1)));
    let two = recent.judge(&hit(60_900, Asked::Click(2)));
    assert!(two.changed.is_empty());
    let three = recent.judge(&hit(61_900, Asked::Click(3)));
    assert_eq!(words(three.signs), ["burst"]);
    assert_eq!(
        three.changed.iter().map(|(n, s)| (*n, s.score())).collect::<Vec<_>>(),
        [(one.number, 70), (two.number, 70)]
    );
    recent.judge(&hit(61_950, Asked::Click(4)));
    let all = recent.judge(&hit(61_990, Asked::Click(5)));
    assert_eq!((words(all.signs), all.signs.score()), (vec!["burst", "every_link"], 100));
    let mut recent = Recent::default();
    (0..4).for_each(|n| assert_eq!(recent.judge(&hit(60_000 + n, Asked::Click(1))).signs.score(), 0, "no burst"));
}

#[test]
fn one_network_that_follows_many_peoples_links_is_a_machine_for_all_of_them() {
    let mut recent = Recent::default();
    let click = |person: i64, last: u8| Hit {
        delivery: DeliveryId(person),
        ip: IpAddr::from([198, 51, 100, last]),
        ..hit(60_000 + person * 100, Asked::Click(1))
    };
    for person in 1..5 {
        assert!(recent.judge(&click(person, 1)).changed.is_empty());
    }
    let fifth = recent.judge(&click(5, 99));
    assert_eq!((words(fifth.signs), fifth.changed.len()), (vec!["crowd"], 4));
    let elsewhere = Hit { ip: "203.0.113.1".parse().unwrap(), ..click(6, 1) };
    assert_eq!(recent.judge(&elsewhere).signs.score(), 0);
}

#[test]
fn a_person_who_comes_after_the_scanner_from_elsewhere_is_a_person() {
    let mut recent = Recent::default();
    recent.judge(&Hit { agent: "python-requests/2.32.3", ..hit(1_000, Asked::Click(1)) });
    let person = Hit { ip: "203.0.113.9".parse().unwrap(), ..hit(9_000, Asked::Click(1)) };
    let judged = recent.judge(&person);
    assert_eq!((words(judged.signs), judged.signs.score()), (vec!["soon", "second_look"], 0));
}

#[test]
fn images_that_are_loaded_unread_are_no_opens_and_a_proxy_is_its_person() {
    let open = |agent| Recent::default().judge(&Hit { agent, ..hit(600_000, Asked::Open) }).signs.score();
    assert!(open("Mozilla/5.0") >= MACHINE_SCORE);
    assert_eq!(open("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"), 0);
}

proptest! {
    #[test]
    fn whatever_comes_the_memory_is_bounded_and_consistent(
        hits in proptest::collection::vec((0..3_000_000_i64, 0..4_i64, 0..6_u16, any::<bool>(), 0..4_u8), 1..200),
    ) {
        let mut recent = Recent::default();
        for (ms, delivery, link, is_head, net) in hits {
            let asked = if link == 5 { Asked::Open } else { Asked::Click(link) };
            let judged = recent.judge(&Hit {
                delivery: DeliveryId(delivery), is_head, ip: IpAddr::from([10, 0, net, 1]), ..hit(ms, asked)
            });
            prop_assert!(judged.changed.iter().all(|(number, _)| *number < judged.number && *number >= recent.oldest()));
            prop_assert!(recent.hits.contains_key(&judged.number));
            let listed: usize = recent.of_delivery.values().map(VecDeque::len).sum();
            prop_assert!(listed == recent.hits.len() && recent.hits.len() <= HITS_MAX);
        }
    }
}
