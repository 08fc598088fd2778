//! What lanes have learned about their sites, kept as the engine's own text, so that a restart does not learn it again.

use crate::Store;
use crate::error::Result;
use crate::sqlite::pacing;
use model::{SiteId, SourceId, Timestamp};

/// The most lanes whose memory is kept; the oldest go.
pub const LANE_MEMORIES_MAX: usize = 10_000;

/// What one lane has learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneMemory {
    /// From which source.
    pub source: SourceId,
    /// Toward which site.
    pub site: SiteId,
    /// What, as JSON; opaque here.
    pub memory: String,
    /// When it was kept.
    pub at: Timestamp,
}

impl Store {
    /// What every lane has learned, latest first.
    pub async fn lane_memories(&self) -> Result<Vec<LaneMemory>> {
        self.core.lanes.read(pacing::all).await
    }
    /// What the lanes toward one site have learned.
    pub async fn lane_memory(&self, site: SiteId) -> Result<Vec<LaneMemory>> {
        self.core.lanes.read(move |conn| pacing::of_site(conn, site)).await
    }
    /// Keeps what lanes learned, in one transaction; `None`: nothing is left to remember.
    pub async fn keep_lane_memories(
        &self,
        learned: Vec<(SourceId, SiteId, Option<String>)>,
        now: Timestamp,
    ) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.keep_lane_memories(&learned, now)).await
    }
}
