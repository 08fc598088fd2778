//! Ceilings as connections meet them: places taken, shared and given back.

use super::*;
use dispatch::share::{Class, Weights};
use model::{Actor, CampaignId};
use store::{Executor, OpenOptions};

const ONE: WorkspaceId = WorkspaceId::FIRST;
const SOURCE: SourceId = SourceId::THIS_MACHINE;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + ms)
}

/// Throttles with these ceilings, and what they tell.
async fn throttles(set: &[(CeilingOf, Ceilings)]) -> (Arc<Throttles>, mpsc::UnboundedReceiver<Notice>) {
    let options = OpenOptions { executor: Executor::Inline, ..OpenOptions::memory([7; 32]) };
    let store = Store::open(options, at(0)).unwrap();
    for (of, ceilings) in set {
        store.set_ceilings(*of, *ceilings, &Actor::Engine, at(0)).await.unwrap();
    }
    let (notices, heard) = mpsc::unbounded_channel();
    let throttles = Arc::new(Throttles::new(notices));
    throttles.read(&store, at(0)).await.unwrap();
    (throttles, heard)
}

fn none() -> Ceilings {
    Ceilings::default()
}

/// So many of each workspace.
fn ready(of: &[(WorkspaceId, u32)]) -> Share<u32> {
    let mut share = Share::default();
    for (workspace, count) in of {
        let flow = Flow { workspace: *workspace, campaign: CampaignId(workspace.0) };
        (0..*count).for_each(|n| share.push(flow, Weights { workspace: 100, campaign: 100 }, Class::Bulk, n));
    }
    share
}

fn takes(seat: &mut Seat, ready: &mut Share<u32>, now: Timestamp) -> Option<WorkspaceId> {
    match seat.take(ready, || Permit::Yes, now) {
        Taken::Item(flow, _) => Some(flow.workspace),
        Taken::NotBefore(..) | Taken::Nothing => None,
    }
}

#[tokio::test]
async fn where_nothing_is_set_nothing_is_bounded() {
    let (throttles, _heard) = throttles(&[]).await;
    let mut waiting = ready(&[(ONE, 1_000)]);
    let mut seat = throttles.seat(SOURCE, &waiting, at(0)).unwrap();
    assert!(throttles.is_free() && (0..1_000).all(|_| takes(&mut seat, &mut waiting, at(0)).is_some()));
}

#[tokio::test]
async fn a_source_opens_no_more_than_its_connections_and_tells_when_one_ends() {
    let of = CeilingOf::Source(SOURCE);
    let (throttles, mut heard) = throttles(&[(of, Ceilings { connections: Some(2), ..none() })]).await;
    let waiting = ready(&[(ONE, 10)]);
    let seats = [throttles.seat(SOURCE, &waiting, at(0)).unwrap(), throttles.seat(SOURCE, &waiting, at(0)).unwrap()];
    assert_eq!(throttles.seat(SOURCE, &waiting, at(0)).unwrap_err(), [Barred { of, until: None }]);
    assert!(throttles.seat(SourceId(9), &waiting, at(0)).is_ok(), "another source is another's");
    assert!(heard.try_recv().is_err());
    drop(seats);
    assert!(matches!(heard.try_recv(), Ok(Notice::Vacant(vacant)) if vacant == of));
    assert!(throttles.seat(SOURCE, &waiting, at(0)).is_ok());
}

#[tokio::test]
async fn a_place_comes_with_the_connection_so_that_no_more_are_opened_than_may_start() {
    let of = CeilingOf::Workspace(ONE);
    let (throttles, _heard) = throttles(&[(of, Ceilings { messages_per_second: Some(1), ..none() })]).await;
    let mut waiting = ready(&[(ONE, 10)]);
    let mut seat = throttles.seat(SOURCE, &waiting, at(0)).unwrap();
    let barred = throttles.seat(SOURCE, &waiting, at(0)).unwrap_err();
    let until = barred[0].until.unwrap();
    assert!(barred[0].of == of && until > at(900) && until < at(1_100), "{barred:?}");
    assert_eq!(takes(&mut seat, &mut waiting, at(10)), Some(ONE), "its own place was taken before");
    assert_eq!(takes(&mut seat, &mut waiting, at(20)), None);
    assert!(matches!(seat.take(&mut waiting, || Permit::Yes, at(20)), Taken::NotBefore(at, Some(_)) if at == until));
    assert_eq!(takes(&mut seat, &mut waiting, until), Some(ONE), "exactly then");
}

#[tokio::test]
async fn a_workspace_at_its_ceiling_leaves_the_connection_to_the_others() {
    let (first, other) = (CeilingOf::Workspace(ONE), WorkspaceId(77));
    let ceilings = Ceilings { connections: Some(1), per_connection: Some(2), ..none() };
    let (throttles, mut heard) = throttles(&[(first, ceilings)]).await;
    let mut waiting = ready(&[(ONE, 10)]);
    let mut busy = throttles.seat(SOURCE, &waiting, at(0)).unwrap();
    assert_eq!(takes(&mut busy, &mut waiting, at(0)), Some(ONE));
    let mut shared = ready(&[(ONE, 3), (other, 3)]);
    let mut beside = throttles.seat(SOURCE, &shared, at(0)).unwrap();
    assert_eq!([takes(&mut beside, &mut shared, at(0)), takes(&mut beside, &mut shared, at(0))], [Some(other); 2]);
    assert_eq!(throttles.seat(SOURCE, &waiting, at(0)).unwrap_err(), [Barred { of: first, until: None }]);
    busy.put_down();
    assert!(matches!(heard.try_recv(), Ok(Notice::Vacant(vacant)) if vacant == first));
    assert_eq!(takes(&mut beside, &mut shared, at(0)), Some(ONE), "its message is over: the place is free");
    beside.put_down();
    assert_eq!(takes(&mut busy, &mut waiting, at(0)), Some(ONE));
    assert_eq!(takes(&mut busy, &mut waiting, at(0)), None, "two of its messages on one connection, no third");
}

#[tokio::test]
async fn what_did_not_start_is_given_back_and_a_days_end_is_long() {
    let of = CeilingOf::Workspace(ONE);
    let (throttles, _heard) = throttles(&[(of, Ceilings { messages_per_day: Some(1), ..none() })]).await;
    let waiting = ready(&[(ONE, 10)]);
    drop(throttles.seat(SOURCE, &waiting, at(0)).unwrap());
    let mut seat = throttles.seat(SOURCE, &waiting, at(0)).unwrap();
    let mut mine = ready(&[(ONE, 1)]);
    assert_eq!(takes(&mut seat, &mut mine, at(0)), Some(ONE));
    drop(seat);
    let until = throttles.closed_until(of, at(0)).unwrap();
    assert_eq!(throttles.seat(SOURCE, &waiting, at(0)).unwrap_err(), [Barred { of, until: Some(until) }]);
    let told = throttles.told(of, at(0)).unwrap().reached(at(0));
    assert!(
        told.starts_with("workspace \"first\" has reached its ceiling of 1 message a day; it goes on at Sat 00:"),
        "{told}"
    );
    throttles.give_back(SOURCE, ONE, at(1));
    assert_eq!(throttles.closed_until(of, at(1)), None);
}
