//! A program asks for a message, and the server breaks off behind its last byte. The message goes out once more soon, under
//! the same Message-ID, over a death of the process as well; a second doubt stays one. Where its sender said that a second copy
//! would do harm it stays in doubt at once, and a mailing does where its author has not chosen otherwise. A mailing of which only
//! that is left is not complete, so that whoever resumes it waits for it.

use engine::options::{InDoubt, Timing};
use model::{CampaignState, DeliveryState, SuppressionReason};
use sim::scenario::{Action, Ended, Held, Scenario};
use sim::world::EPOCH;
use std::time::Duration;

const IDA: &str = "ida@cut-line.test";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A full mailbox that keeps the process at work for the whole window.
fn at_work() -> Scenario {
    Scenario::of(&["ada.full@northmail.test"]).served()
}

/// When each try to Ida began, since the start, in a campaign beside the first.
fn tries(ended: &Ended) -> Vec<Duration> {
    let stream = &ended.others[0];
    assert_eq!(stream.tally.count(DeliveryState::InDoubt), 1, "{}", ended.story());
    let (_, tries) = stream.of(IDA).expect("it was asked for");
    tries.iter().map(|row| row.attempt.started_at.since(EPOCH)).collect()
}

#[test]
fn a_message_in_doubt_goes_once_more_and_not_again() {
    let ended = at_work().then(MINUTE, Action::Post(IDA.into())).play();
    let tries = tries(&ended);
    assert_eq!(tries.len(), 2, "{tries:?}");
    let gap = tries[1].saturating_sub(tries[0]);
    assert!(5 * MINUTE <= gap && gap < 6 * MINUTE, "{gap:?}");
    let copies = ended.arrivals.iter().filter(|copy| copy.recipient == IDA).count();
    assert_eq!(copies, 2, "the server had taken both");
}

#[test]
fn one_whose_sender_said_no_does_not() {
    let ended = at_work().then(MINUTE, Action::PostOnce(IDA.into())).play();
    assert_eq!(tries(&ended).len(), 1);
}

#[test]
fn a_death_before_the_second_try_loses_and_doubles_nothing() {
    for minutes in [2, 4, 6, 8] {
        let folder = tempfile::tempdir().unwrap();
        let ended = at_work()
            .in_directory(folder.path())
            .then(MINUTE, Action::Post(IDA.into()))
            .then(MINUTE * minutes, Action::Kill)
            .play();
        assert_eq!(tries(&ended).len(), 2, "killed after {minutes} minutes");
    }
}

#[test]
fn a_mailing_goes_once_more_after_a_day_where_its_author_chose_so() {
    let once_more = Timing { in_doubt: InDoubt::OnceMore, ..Timing::default() };
    let ended = Scenario::of(&[IDA, "ada.full@northmail.test"]).served().timing(once_more).play();
    let tries = ended.tries(IDA);
    assert_eq!(tries.len(), 2, "{}", ended.story());
    let gap = tries[1].attempt.started_at.since(tries[0].attempt.started_at);
    assert!(24 * HOUR <= gap && gap < 25 * HOUR, "{gap:?}");
    assert_eq!(ended.count(DeliveryState::InDoubt), 1, "{}", ended.equation());
}

/// A mailing to Ida alone, whose author chose so, by a run that ends by itself.
fn to_ida_alone() -> Scenario {
    Scenario::of(&[IDA]).timing(Timing { in_doubt: InDoubt::OnceMore, ..Timing::default() })
}

#[test]
fn a_run_that_ends_by_itself_waits_for_those_in_doubt_over_a_death_as_well() {
    let folder = tempfile::tempdir().unwrap();
    for story in [to_ida_alone(), to_ida_alone().in_directory(folder.path()).then(6 * HOUR, Action::Kill)] {
        let ended = story.play();
        let tries = ended.tries(IDA);
        assert_eq!(tries.len(), 2, "{}", ended.story());
        let gap = tries[1].attempt.started_at.since(tries[0].attempt.started_at);
        assert!(24 * HOUR <= gap && gap < 25 * HOUR, "{gap:?}");
        assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
    }
}

#[test]
fn whoever_was_suppressed_meanwhile_is_not_sent_to_and_stays_in_doubt_as_they_were() {
    let ended = to_ida_alone().then(HOUR, Action::Suppress(IDA.into(), SuppressionReason::Manual)).play();
    let (row, tries) = ended.of(IDA).unwrap();
    assert_eq!((row.state, tries.len()), (DeliveryState::InDoubt, 1), "{}", ended.story());
    assert!(row.first_try_at.is_some() && row.window_from == row.first_try_at, "they were not put back");
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
}

#[test]
fn nor_is_whoever_is_of_a_part_that_was_cancelled() {
    let part = Action::CancelPart(Held::Domain("cut-line.test".into()));
    let ended = to_ida_alone().then(HOUR, part).play();
    let (row, tries) = ended.of(IDA).unwrap();
    assert_eq!((row.state, tries.len()), (DeliveryState::InDoubt, 1), "{}", ended.story());
    assert!(row.window_from == row.first_try_at, "they were not put back");
    assert_eq!(ended.campaign.state, CampaignState::Complete, "{}", ended.story());
}
