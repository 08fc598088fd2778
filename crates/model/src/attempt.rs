//! One try of a delivery: what was tried, what the server said, and what it means.

use crate::{DeliveryId, Reply, Stage, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The record of one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whose try.
    pub delivery: DeliveryId,
    /// 1 for the first.
    pub number: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// What it means.
    pub verdict: Verdict,
    /// What the server said last, if it said anything.
    pub reply: Option<Reply>,
    /// What we saw when nothing was said: "connection refused", "no answer within 5 min", "NXDOMAIN".
    pub note: Option<String>,
    /// The server's host name, if we got so far.
    pub host: Option<String>,
    /// The server's network address, if we got so far.
    pub address: Option<IpAddr>,
    /// The TLS version of the session ("1.3"), if it was encrypted.
    pub tls: Option<TlsVersion>,
    /// Did a receiving server answer at all? Tries that reached nobody do not count against the recipient.
    pub reached_receiver: bool,
}

impl Attempt {
    /// Did a receiver hear of a message? Nothing else counts as history of who sent it, or is taken off a day's budget.
    pub fn is_volume(&self) -> bool {
        self.reached_receiver && self.verdict.stage != Stage::Tls
    }
}

crate::verdict::words! {
    /// The version of TLS a session used.
    TlsVersion {
        /// TLS 1.2.
        V12 = 2 "1.2",
        /// TLS 1.3.
        V13 = 3 "1.3",
    }
}
