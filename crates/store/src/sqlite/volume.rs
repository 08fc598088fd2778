//! Volume per day.

use super::Ledger;
use crate::error::Result;
use crate::volume::{DayCount, DayVolume, VolumeOf};
use model::{Actor, CampaignId, DeliveryId, DomainId, Timestamp};
use rusqlite::Connection;

pub(crate) fn of(_: &Connection, _: VolumeOf, _: i64) -> Result<Vec<DayVolume>> {
    todo!()
}
pub(crate) fn days(_: &Connection, _: i64) -> Result<Vec<DayVolume>> {
    todo!()
}
pub(crate) fn of_campaign(_: &Connection, _: CampaignId) -> Result<Vec<(Option<String>, DayCount)>> {
    todo!()
}
impl Ledger {
    pub(crate) fn add_volume(&mut self, _: &[DayVolume], _: &Actor, _: Timestamp) -> Result<()> {
        todo!()
    }
    pub(crate) fn count_complaint(&mut self, _: DeliveryId, _: Option<DomainId>, _: Timestamp) -> Result<()> {
        todo!()
    }
}
