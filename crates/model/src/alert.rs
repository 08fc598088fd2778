//! Alerts: trouble that somebody has to know of. The kinds are a closed set; `dispatch::alert` decides when something is
//! said about one.

use crate::Timestamp;
use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// What kind of trouble.
    AlertKind {
        /// A brake stopped a campaign.
        CampaignBraked = 0 "campaign_braked",
        /// A rate comes near its limit, or a campaign could not begin.
        Warned = 1 "warned",
        /// A provider is left alone for a while.
        ProviderHeld = 2 "provider_held",
        /// A provider seems to have an incident.
        ProviderIncident = 3 "provider_incident",
        /// A source is listed at a provider.
        SourceListed = 4 "source_listed",
        /// DNS does not show what mail of a sending domain is verified by.
        DomainDns = 5 "domain_dns",
        /// People wait and nothing moves.
        WorkStuck = 6 "work_stuck",
        /// Nothing can be recorded.
        LedgerUnwritable = 7 "ledger_unwritable",
        /// The disk is almost full.
        DiskLow = 8 "disk_low",
        /// A webhook's receiver does not answer.
        WebhookFailing = 9 "webhook_failing",
        /// A webhook was switched off by its receiver.
        WebhookDisabled = 10 "webhook_disabled",
        /// The certificate of the HTTP server ends soon.
        CertificateEnds = 11 "certificate_ends",
        /// A source cannot send: its proxy does not work, or its address is not this machine's.
        SourceDown = 12 "source_down",
        /// A campaign was paused at a start, because it cannot be read.
        CampaignUnreadable = 13 "campaign_unreadable",
        /// Variants were compared, and everybody else waits until somebody chooses theirs.
        ChoiceWaits = 14 "choice_waits",
    }
}

words! {
    /// How bad it is.
    Severity {
        /// Somebody should look today.
        Warning = 0 "warning",
        /// Mail has stopped, or is about to.
        Critical = 1 "critical",
    }
}

impl AlertKind {
    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            AlertKind::CampaignBraked
            | AlertKind::CampaignUnreadable
            | AlertKind::DomainDns
            | AlertKind::WorkStuck
            | AlertKind::LedgerUnwritable => Severity::Critical,
            AlertKind::Warned
            | AlertKind::ChoiceWaits
            | AlertKind::ProviderHeld
            | AlertKind::ProviderIncident
            | AlertKind::SourceListed
            | AlertKind::SourceDown
            | AlertKind::DiskLow
            | AlertKind::WebhookFailing
            | AlertKind::WebhookDisabled
            | AlertKind::CertificateEnds => Severity::Warning,
        }
    }

    /// What is said in one line.
    pub const fn title(self) -> &'static str {
        match self {
            AlertKind::CampaignBraked => "A brake stopped a campaign",
            AlertKind::CampaignUnreadable => "A campaign was paused: it cannot be gone on with",
            AlertKind::ChoiceWaits => "A campaign waits for somebody to choose its variant",
            AlertKind::Warned => "Something needs a look",
            AlertKind::ProviderHeld => "A provider is left alone for a while",
            AlertKind::ProviderIncident => "A provider seems to have an incident",
            AlertKind::SourceListed => "A source is listed",
            AlertKind::SourceDown => "A source cannot send",
            AlertKind::DomainDns => "The DNS of a sending domain is broken",
            AlertKind::WorkStuck => "Work is stuck",
            AlertKind::LedgerUnwritable => "Nothing can be recorded, so nothing is sent",
            AlertKind::DiskLow => "The disk is almost full",
            AlertKind::WebhookFailing => "The receiver of a webhook does not answer",
            AlertKind::WebhookDisabled => "A webhook was switched off by its receiver",
            AlertKind::CertificateEnds => "The certificate ends soon",
        }
    }

    /// Is it a thing of a moment, of which nobody says that it is over?
    pub const fn is_passing(self) -> bool {
        matches!(
            self,
            AlertKind::Warned
                | AlertKind::ProviderHeld
                | AlertKind::ProviderIncident
                | AlertKind::SourceListed
                | AlertKind::SourceDown
                | AlertKind::WebhookDisabled
        )
    }

    /// Does the machine itself not work while it lasts?
    pub const fn is_illness(self) -> bool {
        matches!(self, AlertKind::WorkStuck | AlertKind::LedgerUnwritable)
    }
}

/// What was last said about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// How often it had happened by then.
    pub count: u64,
    /// Was it that it is over?
    pub is_over: bool,
}

/// How an alert stands: one for each kind and subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The latest, in a sentence or two.
    pub text: String,
    /// Since when.
    pub first_at: Timestamp,
    /// When it last happened, or was last seen to last.
    pub last_at: Timestamp,
    /// How often it has happened.
    pub count: u64,
    /// What was last said.
    pub told: Option<Told>,
    /// Nothing is said before this.
    pub snoozed_until: Option<Timestamp>,
    /// Since when it is over.
    pub over_at: Option<Timestamp>,
}
