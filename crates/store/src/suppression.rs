//! Suppressions: addresses (by keyed hash) and domains that must not be mailed, why, and on what evidence.
//!
//! The hash outlives the address text: forgetting a person keeps them suppressed. Complaints, unsubscribes and
//! forgotten people cannot be lifted by an operator ([`model::SuppressionReason::may_be_lifted`]).

use model::{ContactId, DeliveryId, DomainId, SuppressionReason, Timestamp};

/// The most suppressions of one transaction: as many as an import's chunk may ask for.
pub const SUPPRESS_BATCH_MAX: usize = crate::import::IMPORT_CHUNK_ROWS_MAX;

/// What is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One address, in any spelling.
    Address(String),
    /// A whole domain.
    Domain(String),
}

/// An entry of the suppression list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The address or domain, if it is still known in clear.
    pub shown: Option<String>,
    /// A whole domain?
    pub is_domain: bool,
    /// The first eight bytes of the keyed hash (hexadecimal): names an entry whose address was forgotten.
    pub hash: String,
    /// Why.
    pub reason: SuppressionReason,
    /// The delivery that proved it.
    pub evidence: Option<DeliveryId>,
    /// In words.
    pub note: Option<String>,
    /// Since when.
    pub at: Timestamp,
    /// By whom (`engine`, `cli:anna`, `recipient`).
    pub actor: String,
    /// Made while the provider seemed to have an incident: to be confirmed or lifted.
    pub provisional: bool,
}

/// Which entries to lift in bulk: bounce suppressions only; complaints and unsubscribes are never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiftFilter {
    /// The provider key of the evidence.
    pub provider: Option<String>,
    /// The reply code or enhanced code of the evidence, as text.
    pub code: Option<String>,
    /// Not earlier than.
    pub since: Option<Timestamp>,
    /// Earlier than.
    pub until: Option<Timestamp>,
    /// Provisional ones only.
    pub provisional_only: bool,
}

/// A missing domain that a second, later look-up has to confirm before the address is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLookup {
    /// The domain.
    pub domain: DomainId,
    /// Its name.
    pub domain_name: String,
    /// Not before.
    pub due: Timestamp,
    /// The delivery whose look-up failed first.
    pub evidence: DeliveryId,
    /// Its contact.
    pub contact: ContactId,
}
