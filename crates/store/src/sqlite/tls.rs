//! Policies and results of transport security.

use super::Ledger;
use crate::error::Result;
use crate::tls::{TlsPolicy, TlsResult};
use model::Timestamp;
use rusqlite::Connection;

pub(crate) fn policy(_: &Connection, _: &str) -> Result<Option<TlsPolicy>> {
    todo!()
}
pub(crate) fn report_days(_: &Connection, _: i64, _: usize) -> Result<Vec<(i64, String)>> {
    todo!()
}
pub(crate) fn results(_: &Connection, _: i64, _: &str) -> Result<Vec<TlsResult>> {
    todo!()
}
impl Ledger {
    pub(crate) fn put_tls_policy(&mut self, _: &TlsPolicy) -> Result<()> {
        todo!()
    }
    pub(crate) fn add_tls_results(&mut self, _: &[TlsResult]) -> Result<()> {
        todo!()
    }
    pub(crate) fn tls_report_sent(&mut self, _: i64, _: &str, _: Timestamp) -> Result<()> {
        todo!()
    }
}
