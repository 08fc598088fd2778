//! How a campaign that a brake stopped goes on in a story: as the program does it, and never for less than is demanded.

use super::{Process, actor};
use engine::resume::{Demand, TakenOut, demanded, is_met};
use model::{CampaignId, WorkspaceId};
use store::{LeftOut, NewHold};

impl Process<'_> {
    /// What has to be given before a campaign that a brake stopped goes on.
    async fn demand(&self, campaign: CampaignId) -> Demand {
        let campaign = self.store.campaign(campaign).await.expect("the ledger can be read").expect("it is there");
        let demand = demanded(&self.store, &campaign).await.expect("the ledger can be read");
        demand.unwrap_or_else(|| panic!("no brake stopped it: {:?} {:?}", campaign.state, campaign.why))
    }

    /// Is what a brake demands met by this?
    pub(super) async fn is_met(&self, id: CampaignId, without: &TakenOut) -> bool {
        let demand = self.demand(id).await;
        let campaign = self.store.campaign(id).await.expect("the ledger can be read").expect("it is there");
        is_met(&self.store, &campaign, &demand, without).await.expect("the ledger can be read")
    }

    /// The first campaign, which a brake stopped, goes on without these. `is_needed`: and not with them.
    pub(super) async fn goes_on(&mut self, why: &str, without: &TakenOut, is_needed: bool) {
        let (first, actor) = (self.first().await, actor());
        self.stop().await;
        let demand = self.demand(first).await;
        assert!(self.is_met(first, without).await, "{demand:?}");
        if is_needed {
            let nobody = TakenOut { lead_sources: vec!["nosuch".to_owned()], ..TakenOut::default() };
            let is_enough = self.is_met(first, &TakenOut::default()).await || self.is_met(first, &nobody).await;
            assert!(!is_enough, "a reason alone, or a group that holds nobody: {demand:?}");
        }
        let people = (!without.people.is_empty()).then(|| LeftOut::People(without.people.clone()));
        for who in without.imports.iter().map(|id| LeftOut::Import(*id)).chain(people) {
            self.store.leave_out(first, who, &[], &actor, self.now()).await.expect("left out");
        }
        let why = Some(format!("resumed because: {why}"));
        self.handle().resume(first, why, &actor).await.expect("resumed");
        self.start().await.expect("started");
    }
}

/// A hold on everything, until it is lifted.
pub(super) fn blank_hold() -> NewHold {
    NewHold {
        workspace: WorkspaceId::FIRST,
        campaign: None,
        provider: None,
        domain: None,
        source: None,
        cold_only: false,
        until: None,
        why: "to look at it".into(),
    }
}
