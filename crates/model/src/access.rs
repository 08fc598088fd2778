//! Who may do what: roles of people, scopes of keys, and the one table that ties them together.
//!
//! A scope is what a request needs. A person has those of their role, a key those it was made with (never more than its
//! maker has). Invariant: nothing else decides; whoever adds a request names its scope, and the roles that have it stand
//! here.

use crate::verdict::words;
use serde::{Deserialize, Serialize};

words! {
    /// What somebody is in a workspace.
    Role {
        /// Everything, people and keys included.
        Owner = 0 "owner",
        /// Writes and sends: contacts, campaigns, templates, suppressions.
        Operator = 1 "operator",
        /// Reads everything about mail, changes nothing.
        Analyst = 2 "analyst",
        /// Domains, sources, lanes, holds, and what mail servers say.
        Postmaster = 3 "postmaster",
        /// Keys, webhooks, events, and mail by program.
        Developer = 4 "developer",
    }
}

words! {
    /// What a request needs.
    Scope {
        /// See people and their timelines.
        ContactsRead = 0 "contacts.read",
        /// Add, change, import and forget people.
        ContactsWrite = 1 "contacts.write",
        /// Take people out in bulk.
        ContactsExport = 2 "contacts.export",
        /// See lists and segments.
        SegmentsRead = 3 "segments.read",
        /// Make and change lists and segments.
        SegmentsWrite = 4 "segments.write",
        /// See campaigns, messages, sequences and their reports.
        CampaignsRead = 5 "campaigns.read",
        /// Write campaigns, messages and sequences.
        CampaignsWrite = 6 "campaigns.write",
        /// Start, pause and stop them.
        CampaignsSend = 7 "campaigns.send",
        /// Send single messages by program.
        MessagesSend = 8 "messages.send",
        /// See deliveries, attempts and what servers said.
        DeliveriesRead = 9 "deliveries.read",
        /// See who must not be mailed.
        SuppressionsRead = 10 "suppressions.read",
        /// Suppress, and lift what may be lifted.
        SuppressionsWrite = 11 "suppressions.write",
        /// See sending domains and their records.
        DomainsRead = 12 "domains.read",
        /// Add sending domains and keys.
        DomainsWrite = 13 "domains.write",
        /// See sources, pools, lanes and holds.
        DispatchRead = 14 "dispatch.read",
        /// Change sources and pools, place and lift holds.
        DispatchWrite = 15 "dispatch.write",
        /// See settings.
        SettingsRead = 16 "settings.read",
        /// Change settings.
        SettingsWrite = 17 "settings.write",
        /// Read the event log.
        EventsRead = 18 "events.read",
        /// Tell of custom events.
        EventsWrite = 19 "events.write",
        /// See webhooks and their delivery log.
        WebhooksRead = 20 "webhooks.read",
        /// Make and change webhooks.
        WebhooksWrite = 21 "webhooks.write",
        /// See who works here.
        UsersRead = 22 "users.read",
        /// Invite people, change roles, shut them out.
        UsersWrite = 23 "users.write",
        /// See keys (never their secrets).
        KeysRead = 24 "keys.read",
        /// Make and revoke keys.
        KeysWrite = 25 "keys.write",
        /// See who changed what.
        AuditRead = 26 "audit.read",
        /// Read the metrics.
        MetricsRead = 27 "metrics.read",
    }
}

/// A set of scopes. In the ledger one number: bit `n` is the scope with that number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u64);

impl Scopes {
    /// No scope.
    pub const NONE: Scopes = Scopes(0);

    /// Every scope there is.
    pub fn all() -> Scopes {
        Scope::ALL.iter().copied().collect()
    }

    /// Is it in the set?
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope.code()) != 0
    }

    /// Does it hold every scope of the other?
    pub const fn covers(self, other: Scopes) -> bool {
        other.0 & !self.0 == 0
    }

    /// What both hold.
    #[must_use]
    pub const fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 & other.0)
    }

    /// In the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }

    /// As the ledger stores it.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// As the ledger stores it; bits that mean nothing are dropped.
    pub fn from_bits(bits: u64) -> Scopes {
        Scopes(bits).and(Scopes::all())
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope.code()))
    }
}

/// What everybody who reads about mail may see.
const READING: [Scope; 9] = [
    Scope::ContactsRead,
    Scope::SegmentsRead,
    Scope::CampaignsRead,
    Scope::DeliveriesRead,
    Scope::SuppressionsRead,
    Scope::DomainsRead,
    Scope::DispatchRead,
    Scope::SettingsRead,
    Scope::EventsRead,
];

impl Role {
    /// What somebody in this role may do. This is the whole table; docs/reference/api.md shows it.
    pub fn scopes(self) -> Scopes {
        let more: &[Scope] = match self {
            Role::Owner => return Scopes::all(),
            Role::Analyst => &[Scope::MetricsRead],
            Role::Operator => &[
                Scope::ContactsWrite,
                Scope::ContactsExport,
                Scope::SegmentsWrite,
                Scope::CampaignsWrite,
                Scope::CampaignsSend,
                Scope::MessagesSend,
                Scope::SuppressionsWrite,
                Scope::EventsWrite,
            ],
            Role::Postmaster => &[
                Scope::SuppressionsWrite,
                Scope::DomainsWrite,
                Scope::DispatchWrite,
                Scope::SettingsWrite,
                Scope::MetricsRead,
                Scope::AuditRead,
            ],
            Role::Developer => &[
                Scope::MessagesSend,
                Scope::EventsWrite,
                Scope::WebhooksRead,
                Scope::WebhooksWrite,
                Scope::KeysRead,
                Scope::KeysWrite,
                Scope::MetricsRead,
            ],
        };
        READING.iter().chain(more).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_manages_people() {
        let who_may = |scope| Role::ALL.iter().copied().filter(|role| role.scopes().has(scope)).collect::<Vec<_>>();
        assert_eq!(who_may(Scope::UsersWrite), [Role::Owner]);
        assert_eq!(who_may(Scope::KeysWrite), [Role::Owner, Role::Developer]);
        assert_eq!(who_may(Scope::CampaignsSend), [Role::Owner, Role::Operator]);
        assert_eq!(who_may(Scope::DispatchWrite), [Role::Owner, Role::Postmaster]);
        assert!(Role::Analyst.scopes().iter().all(|scope| scope.word().ends_with(".read")));
    }

    #[test]
    fn a_set_is_what_its_number_says() {
        let some: Scopes = [Scope::EventsRead, Scope::ContactsRead].into_iter().collect();
        assert_eq!(Scopes::from_bits(some.bits()), some);
        assert_eq!(some.iter().map(Scope::word).collect::<Vec<_>>(), ["contacts.read", "events.read"]);
        assert!(Scopes::all().covers(some) && !some.covers(Scopes::all()) && some.covers(Scopes::NONE));
        assert_eq!(Scopes::from_bits(u64::MAX), Scopes::all());
    }
}
