//! What the process that owns a data directory says of itself: what it works on, and what the ledger cannot know because
//! it cannot be written.
//!
//! On a full disk nothing else can tell another terminal that delivery stands still, or that an order to stop is obeyed.

use crate::control::{self, Request};
use crate::ledger::person_here;
use crate::order::Order;
use crate::output::{Ink, iso_time};
use crate::show::{Style, wrapped};
use engine::Handle;
use model::{CampaignId, CampaignState, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use store::Campaign;

/// The owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Its process.
    pub(crate) process: Option<u32>,
    /// The campaigns it was given; `None`: a service, which works on every one.
    campaigns: Option<Vec<CampaignId>>,
    /// What keeps it from recording, and so from sending.
    #[serde(default)]
    pub(crate) trouble: Option<Trouble>,
    /// Campaigns of which it starts nothing.
    #[serde(default)]
    stopped: Vec<CampaignId>,
    /// Those of them that are stopped for good.
    #[serde(default)]
    ended: Vec<CampaignId>,
}

/// The ledger cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trouble {
    /// Since when.
    pub(crate) since: Timestamp,
    /// Why.
    pub(crate) why: String,
}

impl Owner {
    /// Asks the owner of `dir`; `None`: there is none, or it does not say.
    pub(crate) async fn ask(dir: &Path) -> Option<Owner> {
        let request = Request { actor: person_here(), order: Order::Status };
        let answer = control::ask(dir, &request).await.ok()?.ok()?;
        serde_json::from_value(answer).ok()
    }

    /// Nobody.
    pub(crate) fn nobody() -> Owner {
        Owner { process: None, campaigns: Some(Vec::new()), trouble: None, stopped: Vec::new(), ended: Vec::new() }
    }

    /// This process, at work on these campaigns.
    pub(crate) async fn here(handle: &Handle, campaigns: Option<Vec<CampaignId>>) -> Owner {
        let trouble = handle.ledger_trouble().map(|(since, why)| Trouble { since, why });
        let (stopped, ended) = handle.stopped_campaigns().await;
        Owner { process: Some(std::process::id()), campaigns, trouble, stopped, ended }
    }

    /// Is it at work on this campaign?
    pub(crate) fn works_on(&self, campaign: CampaignId) -> bool {
        self.process.is_some() && self.campaigns.as_ref().is_none_or(|ids| ids.contains(&campaign))
    }

    /// How the campaign stands by an order that is obeyed and not written down yet.
    pub(crate) fn unrecorded_state(&self, campaign: &Campaign) -> Option<CampaignState> {
        let is_unwritten = self.trouble.is_some() && campaign.state.may_send();
        match (self.ended.contains(&campaign.id), self.stopped.contains(&campaign.id)) {
            (true, _) if is_unwritten => Some(CampaignState::Cancelled),
            (false, true) if is_unwritten => Some(CampaignState::Paused),
            _ => None,
        }
    }
}

impl Trouble {
    /// For programs.
    pub(crate) fn as_json(&self) -> Value {
        json!({ "since": iso_time(self.since), "why": self.why })
    }

    /// In lines, for a terminal.
    pub(crate) fn told(&self, style: &Style) -> Vec<String> {
        let since = style.moment(self.since);
        let why = self.why.trim_end_matches('.');
        let text = format!(
            "since {since} nothing can be recorded: {why}. So nothing is started; it goes on by itself when it can be \
             recorded again."
        );
        let lines = wrapped("DELIVERY STANDS STILL: ", &text, style.width);
        lines.into_iter().map(|line| style.ink(Ink::Red, &line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_works_on_every_campaign_and_a_run_on_its_own() {
        let (one, other) = (CampaignId(1), CampaignId(2));
        let run = Owner { process: Some(7), campaigns: Some(vec![one]), ..Owner::nobody() };
        assert!(run.works_on(one) && !run.works_on(other));
        assert!(Owner { campaigns: None, ..run }.works_on(other));
        assert!(!Owner::nobody().works_on(one));
        let older: Owner = serde_json::from_value(json!({ "process": 7, "campaigns": null })).unwrap();
        assert_eq!(older.trouble, None);
    }
}
