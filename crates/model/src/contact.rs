//! People: their status, and why an address must not be mailed.

use crate::verdict::words;
use crate::{SkipReason, Timestamp};
use serde::{Deserialize, Serialize};

words! {
    /// Whether a person may be mailed.
    ContactStatus {
        /// May be mailed.
        Active = 0 "active",
        /// Something is wrong with the address; see the error cause.
        Error = 1 "error",
        /// Asked not to be mailed.
        OptedOut = 2 "opted_out",
        /// Has not confirmed yet.
        Unconfirmed = 3 "unconfirmed",
    }
}

words! {
    /// Why a contact is in `error`.
    ErrorCause {
        /// The address cannot be read as one.
        Format = 0 "format",
        /// The mailbox or domain does not exist.
        HardBounced = 1 "hard_bounced",
        /// Four soft-bounced mailings in a row.
        SoftBounceLimit = 2 "soft_bounce_limit",
        /// Refused in three mailings in a row while the provider accepts others.
        Refused = 3 "refused",
        /// Set by hand.
        Manual = 4 "manual",
    }
}

words! {
    /// Why an address (or a whole domain) must not be mailed.
    SuppressionReason {
        /// The person unsubscribed. Lifted only by their own newer confirmed opt-in.
        Unsubscribed = 0 "unsubscribed",
        /// The person complained. Never lifted by an operator.
        Complained = 1 "complained",
        /// The mailbox or domain does not exist.
        HardBounced = 2 "hard_bounced",
        /// Suppressed by hand.
        Manual = 3 "manual",
        /// The domain takes no mail.
        DomainRefusesMail = 4 "domain_refuses_mail",
        /// Forgotten at their own wish: the keyed hash stays, so that an import cannot revive them.
        Forgotten = 5 "forgotten",
    }
}

impl SuppressionReason {
    /// How a delivery skipped for this reason is counted.
    pub const fn skip_reason(self) -> SkipReason {
        match self {
            SuppressionReason::Unsubscribed => SkipReason::Unsubscribed,
            SuppressionReason::Complained => SkipReason::Complained,
            SuppressionReason::HardBounced => SkipReason::HardBounced,
            SuppressionReason::Manual => SkipReason::SuppressedByHand,
            SuppressionReason::DomainRefusesMail => SkipReason::DomainRefusesMail,
            SuppressionReason::Forgotten => SkipReason::Forgotten,
        }
    }

    /// May an operator lift it, with a reason?
    pub const fn may_be_lifted(self) -> bool {
        matches!(
            self,
            SuppressionReason::HardBounced | SuppressionReason::Manual | SuppressionReason::DomainRefusesMail
        )
    }
}

/// What a settled delivery changes about its contact: the new counts, and the error if a limit was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactChange {
    /// Mailings in a row that ended soft for the recipient's own reasons.
    pub soft_count: u8,
    /// When the first of them ended.
    pub soft_since: Option<Timestamp>,
    /// Mailings in a row in which this very address was refused.
    pub refused_count: u8,
    /// Set when the contact goes to [`ContactStatus::Error`].
    pub error: Option<ErrorCause>,
}
