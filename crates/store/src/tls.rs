//! What is remembered about transport security: policies of recipient domains (RFC 8461 section 3.3) and the results
//! that the daily reports tell (RFC 8460). Texts are opaque here.

use crate::Store;
use crate::error::Result;
use crate::sqlite::tls;
use model::Timestamp;

/// The most policies kept; those that expire first go.
pub const TLS_POLICIES_MAX: usize = 50_000;
/// The longest policy kept, in bytes (RFC 8461 section 3.2 suggests 64 KiB).
pub const TLS_POLICY_BYTES_MAX: usize = 65_536;
/// The most different results kept of one day; what is beyond is not counted.
pub const TLS_RESULTS_PER_DAY_MAX: usize = 50_000;
/// Days after which results go, reported or not.
pub const TLS_RESULT_DAYS_KEPT: i64 = 14;

/// A cached policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPolicy {
    /// Of which recipient domain (A-label).
    pub domain: String,
    /// The id of its DNS record.
    pub id: String,
    /// The policy as fetched.
    pub body: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// When it must not be used any more.
    pub expires_at: Timestamp,
}

/// How often one thing happened on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsResult {
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// The recipient domain (A-label).
    pub domain: String,
    /// Under which policy, in the engine's words.
    pub policy: String,
    /// What happened, in the words of RFC 8460 section 4.3 or the engine's own for success.
    pub result: String,
    /// The receiving server's name.
    pub mx_host: String,
    /// Its address, as text.
    pub ip: String,
    /// How often.
    pub count: u64,
}

impl Store {
    /// The cached policy of a domain, expired or not.
    pub async fn tls_policy(&self, domain: &str) -> Result<Option<TlsPolicy>> {
        let domain = domain.to_owned();
        self.core.lanes.read(move |conn| tls::policy(conn, &domain)).await
    }
    /// The domains of which a policy is kept, expired or not.
    pub async fn tls_policy_domains(&self) -> Result<Vec<String>> {
        self.core.lanes.read(tls::policy_domains).await
    }
    /// Keeps a policy in place of the one before it. Refused: one longer than [`TLS_POLICY_BYTES_MAX`].
    pub async fn put_tls_policy(&self, policy: TlsPolicy) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.put_tls_policy(&policy)).await
    }
    /// Adds to the day's results, in one transaction.
    pub async fn add_tls_results(&self, results: Vec<TlsResult>) -> Result<()> {
        self.core.lanes.write(move |ledger| ledger.add_tls_results(&results)).await
    }
    /// Days and domains before a day that have results and no report yet, oldest first, after `after`, at most `limit`.
    pub async fn tls_report_days(
        &self,
        before_day: i64,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<(i64, String)>> {
        self.core.lanes.read(move |conn| tls::report_days(conn, before_day, after.as_ref(), limit)).await
    }
    /// Every day and domain with results, latest first, and when its report was sent; at most `limit`.
    pub async fn tls_days(&self, limit: usize) -> Result<Vec<(i64, String, Option<Timestamp>)>> {
        self.core.lanes.read(move |conn| tls::days(conn, limit)).await
    }
    /// The results of a day and domain.
    pub async fn tls_results(&self, day: i64, domain: &str) -> Result<Vec<TlsResult>> {
        let domain = domain.to_owned();
        self.core.lanes.read(move |conn| tls::results(conn, day, &domain)).await
    }
    /// The report of a day and domain was sent (or nobody wants one): it is not asked for again.
    pub async fn tls_report_sent(&self, day: i64, domain: &str, now: Timestamp) -> Result<()> {
        let domain = domain.to_owned();
        self.core.lanes.write(move |ledger| ledger.tls_report_sent(day, &domain, now)).await
    }
}
