//! Kills: what a process leaves behind and what the next one makes of it.

use super::*;
use crate::{Executor, Going, Phase};
use model::DeliveryId;
use std::path::Path;

fn open(dir: &Path) -> Store {
    let options = OpenOptions { executor: Executor::Inline, inflight_slots: 4, ..OpenOptions::directory(dir, [7; 32]) };
    Store::open(options, at(0)).unwrap()
}

/// What a killed process leaves: the files as they are, copied while the owner still holds them.
fn killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn after_a_kill_slots_say_what_was_accepted_and_what_is_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = import(&store, 1, &["1@a.example", "2@a.example", "3@a.example", "4@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let inflight = store.inflight();
    let mut slots = Vec::new();
    for c in &claimed {
        let slot = now(inflight.take_slot()).unwrap();
        now(inflight.record(&slot, going(c.delivery, c.attempts + 1, Phase::FinalDot), at(30))).unwrap();
        slots.push(slot);
    }
    inflight.reply(&slots[0], claimed[0].delivery, claimed[0].attempts + 1, b"250 2.0.0 Ok: queued as 77").unwrap();
    inflight.reply(&slots[1], claimed[1].delivery, claimed[1].attempts + 1, b"250 2.0.0 Ok: queued as 78").unwrap();
    now(store.settle(vec![accepted(&claimed[1], at(31))])).unwrap();
    now(inflight.withdraw(slots.remove(3)));
    let left = killed(dir.path());
    let store = open(left.path());
    let found = store.inflight().recovered();
    let told: Vec<(DeliveryId, u16, Option<&[u8]>)> =
        found.iter().map(|r| (r.going.delivery, r.going.number, r.reply.as_deref())).collect();
    let reply = Some(b"250 2.0.0 Ok: queued as 77".as_slice());
    assert_eq!(told, [(claimed[0].delivery, 1, reply), (claimed[2].delivery, 1, None)]);
    let doubtful = now(store.claim_one(claimed[2].delivery)).unwrap().unwrap();
    now(store.settle(vec![in_doubt(&doubtful, at(40))])).unwrap();
    for recovered in &found {
        store.inflight().free_recovered(recovered.index);
    }
    let again = killed(left.path());
    let found = open(again.path()).inflight().recovered();
    assert_eq!(found.iter().map(|r| r.going.delivery).collect::<Vec<_>>(), [claimed[0].delivery], "not settled yet");
}

#[test]
fn recovered_places_are_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = import(&store, 1, &["1@a.example", "2@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    let slot = now(store.inflight().take_slot()).unwrap();
    now(store.inflight().record(&slot, going(claimed[0].delivery, 1, Phase::LastChunk), at(30))).unwrap();
    let left = killed(dir.path());
    let store = open(left.path());
    for _ in 0..3 {
        let slot = now(store.inflight().take_slot()).unwrap();
        now(store.inflight().record(&slot, going(claimed[1].delivery, 1, Phase::FinalDot), at(31))).unwrap();
    }
    let left = killed(left.path());
    let found = open(left.path()).inflight().recovered();
    assert_eq!(found[0].going.delivery, claimed[0].delivery);
    assert_eq!(found[0].going.phase, Phase::LastChunk);
}

#[test]
fn what_was_acknowledged_is_there_and_ids_go_on_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = import(&store, 1, &["1@a.example", "2@a.example"]);
    let campaign = sending(&store, "news", id);
    let claimed = claims(&store, campaign.id);
    now(store.settle(vec![accepted(&claimed[0], at(31))])).unwrap();
    let left = killed(dir.path());
    let store = open(left.path());
    assert_eq!(now(store.tally(campaign.id)).unwrap().count(DeliveryState::Accepted), 1);
    assert_eq!(claims(&store, campaign.id).len(), 1, "one window at most is read again");
    let next = now(store.create_campaign(new_campaign("next", vec![id]), &ME, at(0))).unwrap();
    assert!(next.id.0 > claimed[1].delivery.0);
    now(store.settle(vec![accepted(&claims(&store, campaign.id)[0], at(41))])).unwrap();
    let events = now(store.events(crate::Cursor::START, 100)).unwrap();
    assert!(events.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
}

#[test]
fn a_build_cut_short_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let import = now(store.begin_import(new_import(1), &ME, at(1))).unwrap();
    for chunk in 0..3u64 {
        let rows =
            (chunk * 8_000 + 1..=(chunk + 1) * 8_000).map(|n| row(n, &format!("p{n}@d{}.example", n % 3))).collect();
        now(store.write_import_chunk(import.id, rows, at(2))).unwrap();
    }
    now(store.finish_import(import.id, &ME, at(3))).unwrap();
    let campaign = now(store.create_campaign(new_campaign("news", vec![import.id]), &ME, at(10))).unwrap();
    // Stop after every number of steps: whatever was written must not show.
    for steps in [2, 4, 5, 6] {
        let left = killed(dir.path());
        let store = open(left.path());
        let mut build = now(store.core.lanes.write(move |ledger| ledger.begin_build(campaign.id))).unwrap();
        for _ in 0..steps {
            let step = move |ledger: &mut Ledger| ledger.build_step(&mut build, &ME, at(11)).map(|()| build);
            build = now(store.core.lanes.write(step)).unwrap();
        }
        let left = killed(left.path());
        let store = open(left.path());
        let tally = now(store.build_campaign(campaign.id, &ME, at(20))).unwrap();
        assert_eq!(tally.recipients(), 24_000, "after {steps} steps");
        assert_adds_up(&store, campaign.id);
        let heads = now(store.unresolved_heads(campaign.id, None, 10, Part::All)).unwrap();
        assert_eq!(heads.iter().map(|head| head.remaining).collect::<Vec<_>>(), [8_000, 8_000, 8_000]);
        let window = now(store.read_window(&heads[1], None, 10_000, Part::All)).unwrap();
        assert!(
            window.windows(2).all(|pair| pair[0].position < pair[1].position && pair[0].delivery < pair[1].delivery)
        );
    }
}

#[test]
fn threads_settle_together_and_wait_for_slots() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = OpenOptions { inflight_slots: 2, ..OpenOptions::directory(dir.path(), [7; 32]) };
    runtime.block_on(async {
        let store = Store::open(options.clone(), at(0)).unwrap();
        let import = store.begin_import(new_import(1), &ME, at(1)).await.unwrap();
        let rows = (1..=200).map(|n| row(n, &format!("p{n}@a.example"))).collect();
        store.write_import_chunk(import.id, rows, at(2)).await.unwrap();
        store.finish_import(import.id, &ME, at(3)).await.unwrap();
        let campaign = store.create_campaign(new_campaign("news", vec![import.id]), &ME, at(10)).await.unwrap();
        store.build_campaign(campaign.id, &ME, at(11)).await.unwrap();
        let head = store.unresolved_heads(campaign.id, None, 1, Part::All).await.unwrap().remove(0);
        let window = store.read_window(&head, None, 1_000, Part::All).await.unwrap();
        let mut tasks = Vec::new();
        for claimed in window {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let slot = store.inflight().take_slot().await.unwrap();
                store.inflight().record(&slot, going(claimed.delivery, 1, Phase::FinalDot), at(30)).await.unwrap();
                store.inflight().reply(&slot, claimed.delivery, 1, b"250 ok").unwrap();
                store.settle(vec![accepted(&claimed, at(31))]).await.unwrap();
                store.inflight().free(slot);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let tally = store.tally(campaign.id).await.unwrap();
        assert_eq!(tally.count(DeliveryState::Accepted), 200);
        assert_eq!(tally, store.recount(campaign.id).await.unwrap());
    });
    let store = Store::open(options, at(0)).unwrap();
    assert!(store.inflight().recovered().is_empty(), "the ledger knows every attempt");
}

fn going(delivery: model::DeliveryId, number: u16, phase: Phase) -> Going {
    let peer = std::net::IpAddr::from([192, 0, 2, 1]);
    Going { delivery, number, phase, peer, source: model::SourceId(7) }
}

#[test]
fn what_a_build_gathered_on_the_way_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let id = import(&store, 1, &["1@a.example", "2@b.example"]);
    let tables = |store: &Store| {
        let count = "SELECT count(*) FROM sqlite_temp_master";
        now(store
            .core
            .lanes
            .at_writer(move |ledger| Ok(ledger.conn.query_row(count, [], |row| row.get::<_, i64>(0))?)))
        .unwrap()
    };
    for name in ["news", "more news"] {
        sending(&store, name, id);
        assert_eq!(tables(&store), 0, "after {name}");
    }
}
