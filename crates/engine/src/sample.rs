//! A sample that is out, as people are told of it: how many it is, who waits for it, until when and why.
//!
//! Read from the ledger alone, so that it can be told beside a process and without one. What decides is
//! [`dispatch::brakes::Canary`]; the run asks it with what it counted itself ([`crate::terms`]), this with what the
//! ledger counted. Nobody is told of a sample that is over, of a rehearsal, or of a campaign that stands still anyway.

use crate::Stakes;
use crate::lanes::{self, LaneView};
use crate::launch;
use crate::remembered::Remembered;
use crate::report::iso;
use dispatch::brakes::Decision;
use model::{CampaignState, DeliveryState, Timestamp};
use serde::Serialize;
use store::{Campaign, Store, StoreError};

/// A sample that is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleOut {
    /// How many people it is.
    pub size: u64,
    /// How many of them have a first answer.
    pub answered: u64,
    /// How many others wait for it.
    pub rest: u64,
    /// Since when it is out.
    #[serde(serialize_with = "iso")]
    pub since: Timestamp,
    /// When it is decided upon at the latest.
    #[serde(serialize_with = "iso")]
    pub until: Timestamp,
    /// What is waited for, and why, in words.
    pub why: String,
}

/// The sample of a campaign, if it is out; of one that has not begun, as it would be if it began now.
pub async fn sample_out(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<SampleOut>, StoreError> {
    let goes_on = campaign.state.may_send() || campaign.state == CampaignState::Building;
    let Some(snapshot) = launch::snapshot(campaign).ok().filter(|_| goes_on && campaign.canary > 0) else {
        return Ok(None);
    };
    if snapshot.options.transport.stakes() == Stakes::Rehearsal
        || Remembered::read(store).await?.brakes.is_sample_over(campaign.id)
    {
        return Ok(None);
    }
    let Some(mut sample) = launch::canary(store, campaign, &snapshot).await? else { return Ok(None) };
    sample.since = campaign.started_at.unwrap_or(now);
    let Decision::Wait { until, why } = sample.begin(now).decide(now) else { return Ok(None) };
    let queued = store.tally(campaign.id).await?.count(DeliveryState::Queued);
    let rest = queued.saturating_sub(sample.size.saturating_sub(sample.judged));
    Ok(Some(SampleOut { size: sample.size, answered: sample.judged, rest, since: sample.since, until, why }))
}

/// The same as a lane would be shown: it keeps the campaign back wherever it goes.
pub async fn lane(store: &Store, campaign: &Campaign, now: Timestamp) -> Result<Option<LaneView>, StoreError> {
    let Some(out) = sample_out(store, campaign, now).await? else { return Ok(None) };
    Ok(Some(lanes::everywhere(lanes::ANY_SOURCE, campaign, out.rest, (out.until, out.why.as_str()))))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::forecast::forecast;
    use crate::launch::{MessageFile, Snapshot};
    use crate::options::{SendOptions, Timing, Tracking, Transport, Unsubscribe};
    use crate::report::overview;
    use crate::why::waits_for;
    use model::{Actor, CampaignKind, WorkspaceId};
    use std::time::Duration;
    use store::{Audience, ImportRow, NewCampaign, NewImport, OpenOptions};

    const W: WorkspaceId = WorkspaceId::FIRST;
    const ME: Actor = Actor::Engine;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000) + Duration::from_secs(s)
    }

    /// An in-memory ledger works on the calling thread, so its futures never wait.
    pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("an inline ledger never waits"),
        }
    }

    /// What a campaign keeps of its message, to people who were never mailed or who were.
    pub(crate) fn message(transport: Transport, never_mailed: bool) -> String {
        let options = SendOptions {
            from: "us@first.example".to_owned(),
            subject: Some("News".to_owned()),
            return_path: "first.example".to_owned(),
            unsubscribe: Unsubscribe::None,
            postal_address: None,
            dkim: None,
            transport,
            connections: None,
            retry: None,
            require_tls: false,
            timing: Timing::default(),
            tracking: Tracking::default(),
            topic: None,
        };
        let file = MessageFile::new("news.md".to_owned(), "Hello".to_owned());
        let snapshot = Snapshot { file, options, columns: vec!["email".to_owned()], never_mailed, trial: None };
        serde_json::to_string(&snapshot).unwrap()
    }

    /// Six hundred people who were never mailed, two hundred of them in the sample, sent to since `at(100)`.
    async fn out(store: &Store, transport: Transport) -> Campaign {
        let new = NewImport {
            workspace: W,
            file_name: "people.csv".to_owned(),
            content_hash: [1; 32],
            columns: vec!["email".to_owned()],
        };
        let import = store.begin_import(new, &ME, at(1)).await.unwrap().id;
        let row = |n: u64| ImportRow::of(n, &format!("p{n}@office.test"));
        store.write_import_chunk(import, (1..=600).map(row).collect(), at(2)).await.unwrap();
        store.finish_import(import, &ME, at(3)).await.unwrap();
        let new = NewCampaign {
            workspace: W,
            name: "Spring".to_owned(),
            kind: CampaignKind::Broadcast,
            message: message(transport, true),
            audience: Audience::imports([import]),
            files_hash: [1; 32],
            content_hash: [2; 32],
            canary: 200,
            trial: None,
        };
        let campaign = store.create_campaign(new, &ME, at(4)).await.unwrap().id;
        store.build_campaign(campaign, &ME, at(5)).await.unwrap();
        store.set_campaign_state(campaign, CampaignState::Sending, None, &ME, at(100)).await.unwrap();
        store.campaign(campaign).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_sample_that_is_out_is_told_with_its_reason_and_its_end() {
        let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
        let campaign = out(&store, Transport::Direct { port: 25, dns: None }).await;
        let told = sample_out(&store, &campaign, at(160)).await.unwrap().unwrap();
        let ends = at(100) + Duration::from_secs(4 * 3_600);
        assert_eq!((told.size, told.answered, told.rest), (200, 0, 400));
        assert_eq!((told.since, told.until), (at(100), ends));
        assert!(told.why.contains("never mailed before") && told.why.contains("complaints"), "{}", told.why);
        let lane = lane(&store, &campaign, at(160)).await.unwrap().unwrap();
        assert!(lane.is_everywhere() && lane.waiting == 400);
        assert!(lane.held.unwrap().why.starts_with("campaign 1 \"Spring\": the sample of 200 goes first"));
        let known = overview(&store, &campaign, at(160)).await.unwrap();
        assert_eq!((known.waiting.first_try, known.waiting.held), (200, 400));
        let foreseen = forecast(&store, &campaign, 600, at(160)).await.unwrap();
        assert_eq!(foreseen.sample.as_ref(), Some(&told));
        let mut waiting = Vec::new();
        for row in store.deliveries(campaign.id, DeliveryState::Queued, None, 600).await.unwrap() {
            let waits = waits_for(&store, row.delivery, at(160)).await.unwrap();
            waiting.extend(waits.into_iter().filter(|one| one.why == told.why && one.until == Some(ends)));
        }
        assert_eq!(waiting.len(), 400, "whoever is not in the sample");
        // The run remembers that it was judged, in the ledger.
        let judged = format!("{{\"brakes\":{}}}", {
            let mut brakes = crate::brakes::Brakes::restored(crate::brakes::Kept::default(), at(160));
            brakes.sample_is_over(campaign.id);
            serde_json::to_string(brakes.kept()).unwrap()
        });
        store.keep_brake_memory(&judged).await.unwrap();
        assert_eq!(sample_out(&store, &campaign, at(160)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_rehearsal_waits_for_no_sample() {
        let store = Store::open(OpenOptions::memory([7; 32]), at(0)).unwrap();
        let campaign = out(&store, Transport::Relay { url: "smtp://127.0.0.1:2525".to_owned() }).await;
        assert_eq!(sample_out(&store, &campaign, at(160)).await.unwrap(), None);
    }
}
