//! Complaints: reports of feedback loops, and what other systems tell, become a suppression, a word on the person's timeline
//! and a count in the brakes.
//!
//! Which message a report is about, and when that is believed, is found by [`crate::returned`].

use crate::brakes::Whom;
use crate::handle::Handle;
use crate::house::House;
use crate::launch;
use crate::notice::Notice;
use crate::returned;
use dispatch::brakes::{Groups, Trip};
use mail::complaint::Kind;
use model::{Actor, CampaignId, DeliveryId, DeliveryState, DomainId, Timestamp, WorkspaceId};
use std::sync::Arc;
use store::complaint::{Complained, NewComplaint};
use store::{Recipient, Store, StoreError};

/// Somebody complained, or did something like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// About which delivery.
    pub delivery: DeliveryId,
    /// What they did.
    pub kind: Kind,
    /// Only if it is of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// When; `None`: now.
    pub at: Option<Timestamp>,
    /// How it came: `feedback_report`, `told`.
    pub how: &'static str,
}

/// What was done about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The person is suppressed, and the complaint counts.
    Complained,
    /// It had been told before: it counts once.
    Repeated,
    /// They wanted no more of it: they are unsubscribed.
    Unsubscribed,
    /// Nobody complained: nothing was done.
    Nothing,
}

impl Done {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Done::Complained => "complained",
            Done::Repeated => "repeated",
            Done::Unsubscribed => "unsubscribed",
            Done::Nothing => "nothing",
        }
    }
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What was done.
    pub done: Done,
    /// Whose message it is about.
    pub recipient: Recipient,
    /// What the brakes have to know.
    complained: Option<Complained>,
}

/// Writes down what follows from a claim. `None`: there is no such message, or its person was forgotten.
pub async fn record(
    store: &Store,
    claim: &Claim,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<Settled>, StoreError> {
    let Some(recipient) = store.recipients(vec![claim.delivery]).await?.pop() else { return Ok(None) };
    let is_meant = claim.workspace.is_none_or(|only| only == recipient.workspace);
    if !is_meant || recipient.tried_at.is_none() {
        return Ok(None);
    }
    let nothing = |done| Ok(Some(Settled { done, recipient: recipient.clone(), complained: None }));
    if claim.kind == Kind::OptOut {
        let is_known = store.unsubscribe(claim.delivery, claim.how, now).await?;
        return if is_known { nothing(Done::Unsubscribed) } else { Ok(None) };
    }
    if !claim.kind.is_complaint() {
        return nothing(Done::Nothing);
    }
    let complaint = NewComplaint {
        delivery: claim.delivery,
        workspace: claim.workspace,
        identity: identity(store, recipient.campaign).await?,
        at: claim.at.map_or(now, |at| at.min(now)),
        how: claim.how,
    };
    let Some(complained) = store.complain(complaint, actor, now).await? else { return Ok(None) };
    if recipient.state == DeliveryState::InDoubt {
        returned::has_arrived(store, claim.delivery, "the recipient complained about the message", now).await?;
    }
    let done = if complained.is_new { Done::Complained } else { Done::Repeated };
    Ok(Some(Settled { done, recipient, complained: Some(complained) }))
}

/// The sending domain of a campaign, if anything was ever counted for it.
async fn identity(store: &Store, campaign: CampaignId) -> Result<Option<DomainId>, StoreError> {
    let Some(campaign) = store.campaign(campaign).await? else { return Ok(None) };
    let from = launch::snapshot(&campaign).and_then(|snapshot| launch::parse_mailbox(&snapshot.options.from));
    match from {
        Ok(from) => store.known_domain(from.address.domain().as_str()).await,
        Err(_) => Ok(None),
    }
}

impl Handle {
    /// Somebody complained: when this returns, that is durable, nothing starts toward them any more, and the brakes of the
    /// running engine are about to hear of it. `None` as for [`record`].
    pub async fn complained(&self, claim: &Claim, actor: &Actor) -> Result<Option<Settled>, StoreError> {
        let Some(settled) = record(&self.store, claim, actor, self.clock.now()).await? else { return Ok(None) };
        self.gate.settle().await;
        if let Some(complained) = settled.complained.clone().filter(|complained| complained.is_new) {
            self.tell(Notice::Complained(Box::new(complained)));
        }
        Ok(Some(settled))
    }
}

impl House {
    /// Shows a complaint to the brakes; what trips, and whom it concerns.
    pub(crate) async fn complained(&self, complained: &Complained) -> Vec<(Trip, Whom)> {
        let Recipient { campaign, workspace, .. } = complained.recipient;
        let file = match complained.import {
            Some(import) => self.file_of(import).await,
            None => Arc::default(),
        };
        let groups = Groups {
            provider: complained.provider.as_deref(),
            server: None,
            lead_source: complained.lead_source.as_deref(),
            import: complained.import.map(|import| (import, &*file)),
        };
        let at_work = self.mailing(campaign).map(|_| campaign);
        self.terms.with_canary(campaign, |canary| canary.complained(complained.sent_at, &groups));
        self.brakes().complained((at_work, workspace), &groups, complained.sent_at)
    }
}
