//! The clerk: lets campaigns begin at their time, in a run that goes on until it is told.
//!
//! Asks the ledger what begins next and waits for that moment or for the bell; nothing polls. One campaign begins at a
//! time, in the order of their times. What cannot begin is a draft again and says why.

use crate::alerts::About;
use crate::house::House;
use crate::notice::Notice;
use crate::{SendError, drafts, launch};
use dispatch::alert::Turn;
use model::{Actor, AlertKind, CampaignId, CampaignState, EventKind, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio::sync::{Notify, oneshot};

/// When the ledger cannot say what is next, it is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// Stands in for a time when nothing is scheduled.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What was to begin while no process was at work, or begins as one starts, can be taken back for so long …
const TAKEN_BACK_FOR: Duration = Duration::from_secs(15);
/// … unless its time is longer ago: whoever pressed the button then has seen by now that it was in vain.
const MISSED_MAX: Duration = Duration::from_secs(600);
/// Campaigns that are looked through for such at the start.
const WAITING_MAX: usize = 1_000;

/// Works until it is aborted.
pub(crate) async fn run(house: Arc<House>, bell: Arc<Notify>) {
    give_time(&house).await;
    loop {
        let wait = match next(&house).await {
            Ok(Some((id, wait))) if wait.is_zero() => {
                begin(&house, id).await;
                continue;
            }
            Ok(next) => next.map_or(NEVER, |(_, wait)| wait),
            Err(_) => ASK_AGAIN,
        };
        tokio::select! {
            biased;
            () = bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Whoever wanted to take a campaign back while no process was at work gets the time for it anew: it is scheduled once more, as
/// the log and its page say. Where that cannot be recorded it begins at its time.
async fn give_time(house: &House) {
    let now = house.now();
    let Ok(waiting) = house.store.scheduled_campaigns(WAITING_MAX).await else { return };
    for campaign in waiting.into_iter().filter(|one| is_owed_time(one.state, one.start_at, now)) {
        let (workspace, at) = (campaign.workspace, now + TAKEN_BACK_FOR);
        house.store.schedule_draft(workspace, campaign.id, at, &Actor::Engine, now).await.ok();
    }
}

fn is_owed_time(state: CampaignState, start_at: Option<Timestamp>, now: Timestamp) -> bool {
    let is_due = |at: Timestamp| at < now + TAKEN_BACK_FOR && now.since(at) <= MISSED_MAX;
    state == CampaignState::Scheduled && start_at.is_some_and(is_due)
}

/// What begins next, and how long that is to go.
async fn next(house: &House) -> Result<Option<(CampaignId, Duration)>, StoreError> {
    let next = house.store.scheduled_campaigns(1).await?.into_iter().next();
    let wait = |at: Timestamp| at.since(house.now());
    Ok(next.map(|campaign| (campaign.id, campaign.start_at.map_or(Duration::ZERO, wait))))
}

/// Lets one begin. A ledger in trouble is waited for; anything else that is wrong makes it a draft again.
async fn begin(house: &Arc<House>, id: CampaignId) {
    house.gate.until_ledger_works().await;
    let why = match take_up(house, id).await {
        Ok(()) => return,
        Err(SendError::Store(why)) if why.is_transient() => {
            tokio::time::sleep(ASK_AGAIN).await;
            return;
        }
        Err(why) => why.to_string(),
    };
    let Ok(Some(campaign)) = house.store.campaign(id).await else { return };
    if campaign.state == CampaignState::Building {
        // Its message is frozen and cannot be at fault: whatever it is passes, or somebody cancels it.
        tokio::time::sleep(ASK_AGAIN).await;
        return;
    }
    let (workspace, now) = (campaign.workspace, house.now());
    if campaign.state != CampaignState::Scheduled || campaign.start_at.is_some_and(|at| at > now) {
        // Somebody took it back, put it off or cancelled it in the same moment: then it is as they want it.
        return;
    }
    let told = house.store.take_back(workspace, id, Some(why.clone()), &Actor::Engine, now).await;
    if told.is_ok() {
        let about = About { workspace, ..About::house(AlertKind::Warned, id.to_string()) };
        house.alarm(about, Turn::Happened(format!("it could not begin and is a draft again: {why}")));
        let warned = house.store.note(workspace, EventKind::Warned, Some(id), Some(why), &Actor::Engine, now);
        warned.await.ok();
    } else {
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn take_up(house: &Arc<House>, id: CampaignId) -> Result<(), SendError> {
    let (store, world) = (&house.store, &house.world);
    let campaign = drafts::begin(store, world, house.settings.stakes, id, &Actor::Engine).await?;
    let mailing = launch::mailing(store, &campaign, world.entropy.as_ref()).await?;
    let (taken, answer) = oneshot::channel();
    house.tell(Notice::TakeUp(Box::new(mailing), taken));
    answer.await.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_to_begin_without_a_process_can_be_taken_back_for_a_while() {
        let at = |s: i64| Timestamp::from_millis(s * 1_000);
        let owed = |state, start: i64| is_owed_time(state, Some(at(start)), at(10_000));
        let by_time = [9_399, 9_400, 9_999, 10_014, 10_015].map(|start| owed(CampaignState::Scheduled, start));
        assert_eq!(by_time, [false, true, true, true, false]);
        assert!(!owed(CampaignState::Building, 10_000), "what was taken up goes on");
        assert!(!is_owed_time(CampaignState::Scheduled, None, at(10_000)));
    }
}
