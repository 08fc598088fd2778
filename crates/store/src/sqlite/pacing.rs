//! What lanes have learned.

use super::Ledger;
use crate::error::Result;
use crate::pacing::LaneMemory;
use model::{SiteId, SourceId, Timestamp};
use rusqlite::Connection;

pub(crate) fn all(_: &Connection) -> Result<Vec<LaneMemory>> {
    todo!()
}
pub(crate) fn of_site(_: &Connection, _: SiteId) -> Result<Vec<LaneMemory>> {
    todo!()
}
impl Ledger {
    pub(crate) fn keep_lane_memories(&mut self, _: &[(SourceId, SiteId, Option<String>)], _: Timestamp) -> Result<()> {
        todo!()
    }
}
