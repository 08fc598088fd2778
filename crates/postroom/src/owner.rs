//! What the process that owns a data directory says of itself: what it works on, and what the ledger cannot know because
//! it cannot be written.
//!
//! On a full disk nothing else can tell another terminal that delivery stands still, or that an order to stop is obeyed.

use crate::control::{self, Request, SILENCE_MAX, Unanswered};
use crate::ledger::person_here;
use crate::order::Order;
use crate::output::{Ink, Output, iso_time};
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
    /// It does not answer: what it works on, and how that stands, only the ledger tells.
    #[serde(skip)]
    pub(crate) is_silent: bool,
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
    /// Asks the owner of `dir`; nobody, if there is none.
    pub(crate) async fn ask(dir: &Path) -> Owner {
        let request = Request { actor: person_here(), order: Order::Status };
        match control::ask(dir, &request).await {
            Ok(answer) => answer.ok().and_then(|said| serde_json::from_value(said).ok()).unwrap_or_else(Owner::nobody),
            Err(Unanswered::Silent { process }) => Owner::silent(process),
            Err(Unanswered::NoOwner) => Owner::nobody(),
        }
    }

    /// Says so if it does not answer.
    pub(crate) fn tell_if_silent(&self, output: &Output) {
        if self.is_silent {
            output.note(format!("note: {}: this is what the ledger says", self.in_words()));
        }
    }

    /// That it does not answer.
    pub(crate) fn in_words(&self) -> String {
        let named = self.process.map_or("a process".to_owned(), |process| format!("process {process}"));
        let waited = SILENCE_MAX.as_secs();
        format!(
            "{named} owns this data directory and does not answer (waited {waited} seconds; it is stopped, or its disk is \
             full or hangs)"
        )
    }

    /// Nobody.
    pub(crate) fn nobody() -> Owner {
        let (stopped, ended) = (Vec::new(), Vec::new());
        Owner { process: None, campaigns: Some(Vec::new()), trouble: None, stopped, ended, is_silent: false }
    }

    /// Somebody who does not answer, by their process where it is known: whatever the ledger has may be their work.
    pub(crate) fn silent(process: Option<u32>) -> Owner {
        Owner { process, campaigns: None, is_silent: true, ..Owner::nobody() }
    }

    /// This process, at work on these campaigns.
    pub(crate) async fn here(handle: &Handle, campaigns: Option<Vec<CampaignId>>) -> Owner {
        let trouble = handle.ledger_trouble().map(|(since, why)| Trouble { since, why });
        let (stopped, ended) = handle.stopped_campaigns().await;
        Owner { process: Some(std::process::id()), campaigns, trouble, stopped, ended, is_silent: false }
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
    fn a_silent_owner_is_told_and_may_be_at_work_on_any_campaign() {
        let silent = Owner::silent(Some(812));
        assert!(
            silent.works_on(CampaignId(1)) && silent.in_words().starts_with("process 812 owns this data directory")
        );
        let said: Owner = serde_json::from_value(json!(silent)).unwrap();
        assert!(!said.is_silent, "whoever says something is not");
    }

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
