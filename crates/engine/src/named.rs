//! Who is meant when a person names where mail goes: a provider, one of its servers, or a site nobody described.

use crate::Handle;
use std::sync::PoisonError;

/// Somebody who runs servers, as holds know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// A provider's key, else the fingerprint of the site: what holds compare.
    pub key: String,
    /// What people call them.
    pub name: String,
}

impl Handle {
    /// Whoever is called so: by a provider's key or name, by one of its servers, or as a lane is called that is open now.
    /// `None`: nobody is; a site that nobody described is known by name only while it has a lane.
    pub async fn operator_called(&self, typed: &str) -> Option<Operator> {
        let typed = typed.trim().trim_end_matches('.');
        let providers = self.described.read().unwrap_or_else(PoisonError::into_inner).providers;
        let is_it = |name: &str| name.eq_ignore_ascii_case(typed);
        let named = providers.all().iter().find(|known| is_it(&known.key) || is_it(&known.name));
        let runs = || typed.contains('.').then(|| providers.provider_of(&[typed.to_ascii_lowercase()])).flatten();
        if let Some(known) = named.or_else(runs) {
            return Some(Operator { key: known.key.clone(), name: known.name.clone() });
        }
        let mut lanes = self.lanes().await.into_iter().filter(|lane| !lane.is_everywhere());
        let lane = lanes.find(|lane| is_it(&lane.site) || is_it(&lane.operator))?;
        Some(Operator { key: lane.operator, name: lane.site })
    }
}
