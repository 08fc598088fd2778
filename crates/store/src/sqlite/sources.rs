//! Sources, pools and the streams that go through them.

use super::Ledger;
use crate::error::Result;
use crate::source::{NewPool, NewSource, Pool, Source, StreamPool};
use model::{Actor, PoolId, SourceId, Timestamp};
use rusqlite::Connection;

pub(crate) fn list(_: &Connection) -> Result<Vec<Source>> {
    todo!()
}
pub(crate) fn pools(_: &Connection) -> Result<Vec<Pool>> {
    todo!()
}
pub(crate) fn stream_pools(_: &Connection) -> Result<Vec<StreamPool>> {
    todo!()
}
impl Ledger {
    pub(crate) fn put_source(&mut self, _: &NewSource, _: &Actor, _: Timestamp) -> Result<Source> {
        todo!()
    }
    pub(crate) fn retire_source(&mut self, _: SourceId, _: &Actor, _: Timestamp) -> Result<Source> {
        todo!()
    }
    pub(crate) fn put_pool(&mut self, _: &NewPool, _: &Actor, _: Timestamp) -> Result<Pool> {
        todo!()
    }
    pub(crate) fn remove_pool(&mut self, _: PoolId, _: &Actor, _: Timestamp) -> Result<()> {
        todo!()
    }
    pub(crate) fn set_stream_pool(&mut self, _: &StreamPool, _: &Actor, _: Timestamp) -> Result<()> {
        todo!()
    }
}
