//! What lanes have learned about their sites, and how the brakes stand, kept as the engine's own texts, so that a restart
//! does not learn it again.

use crate::Store;
use crate::error::Result;
use crate::sqlite::{keys, pacing};
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

/// Under which name the ledger keeps how the brakes stand.
const BRAKES: &str = "brakes";

impl Store {
    /// How the brakes stood when a run last wrote it down: the engine's own text.
    pub async fn brake_memory(&self) -> Result<Option<String>> {
        self.core.lanes.read(|conn| keys::meta(conn, BRAKES)).await
    }
    /// Keeps how the brakes stand, in place of what was kept before.
    pub async fn keep_brake_memory(&self, text: &str) -> Result<()> {
        let text = text.to_owned();
        self.core.lanes.write(move |ledger| ledger.set_meta(BRAKES, &text)).await
    }
    /// What every lane has learned, latest first.
    pub async fn lane_memories(&self) -> Result<Vec<LaneMemory>> {
        self.core.lanes.read(pacing::all).await
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
