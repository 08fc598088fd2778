//! `--provider`, `--domain`, `--source`, `--cold`: part of the work, as `hold` and `cancel` take it.

use crate::holding::Reach;
use model::{CampaignId, Timestamp};

// Together they narrow each other. No help of its own: it would stand in place of the command's.
#[derive(Debug, clap::Args)]
pub(super) struct Part {
    /// Only to this provider (key or name)
    #[arg(long, value_name = "PROVIDER")]
    pub(super) provider: Option<String>,
    /// Only to people at this domain
    #[arg(long, value_name = "DOMAIN")]
    pub(super) domain: Option<String>,
    /// Nothing through this source; others of its pool take its place, if there are any
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only the people who have not reacted for long: whose last known reaction is more than 180 days ago
    #[arg(long)]
    cold: bool,
}

impl Part {
    /// Does it narrow nothing?
    pub(super) fn is_all(&self) -> bool {
        self.provider.is_none() && self.domain.is_none() && self.source.is_none() && !self.cold
    }

    /// What it covers of a campaign (`None`: of all of them), until then, and why.
    pub(super) fn reach(self, campaign: Option<CampaignId>, until: Option<Timestamp>, why: String) -> Reach {
        let Part { provider, domain, source, cold } = self;
        Reach { campaign, provider, operator: None, domain, source, cold, until, why }
    }
}
