//! Holds.

use super::Ledger;
use crate::error::Result;
use crate::hold::{Hold, NewHold};
use model::{Actor, HoldId, Timestamp};
use rusqlite::Connection;

pub(crate) fn list(_: &Connection, _: Option<Timestamp>) -> Result<Vec<Hold>> {
    todo!()
}
impl Ledger {
    pub(crate) fn place_hold(&mut self, _: &NewHold, _: &Actor, _: Timestamp) -> Result<Hold> {
        todo!()
    }
    pub(crate) fn lift_hold(&mut self, _: HoldId, _: &Actor, _: Timestamp) -> Result<Hold> {
        todo!()
    }
}
