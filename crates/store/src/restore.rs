//! Bulk restore: what a provider's wrong answers did to many people, looked at first and then undone, with a reason.
//!
//! Two kinds of harm: addresses on the suppression list as bounced ([`crate::Store::lift`]), and contacts in `error` because mail
//! to them was put off or refused too often. Complaints, unsubscribes and what somebody here decided are never touched.

use crate::error::Result;
use crate::sqlite::{restores, suppressions};
use crate::{Ledger, LiftFilter, Store};
use model::{Actor, ContactId, ErrorCause, Timestamp, WorkspaceId};

/// Groups that a preview tells apart, the largest.
pub const GROUPS_MAX: usize = 100;
/// Addresses that a preview shows.
pub const SHOWN_MAX: usize = 20;

/// What would be restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestorePreview {
    /// How many.
    pub count: u64,
    /// By the provider and the reply that did it, most first.
    pub groups: Vec<RestoreGroup>,
    /// Addresses of some.
    pub sample: Vec<String>,
}

/// People whom the same provider refused with the same reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestoreGroup {
    /// The provider's key; `None`: another, or there is no evidence.
    pub provider: Option<String>,
    /// The enhanced code or, without one, the reply code; `None`: no reply.
    pub code: Option<String>,
    /// How many.
    pub count: u64,
}

/// Which contacts in `error` to bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreFilter {
    /// Why they are in `error`: [`ErrorCause::SoftBounceLimit`] or [`ErrorCause::Refused`].
    pub cause: ErrorCause,
    /// The provider, the reply code and the time of what put them there, and whether it was provisional (which only a bounce is).
    pub evidence: LiftFilter,
}

impl Store {
    /// What [`Store::lift`] would lift with this filter.
    pub async fn lift_preview(&self, workspace: WorkspaceId, filter: LiftFilter) -> Result<RestorePreview> {
        self.core.lanes.ponder(move |conn| suppressions::preview(conn, workspace, &filter)).await
    }

    /// Whom [`Store::restore_contacts`] would bring back. Refused: another cause.
    pub async fn restore_preview(&self, workspace: WorkspaceId, filter: RestoreFilter) -> Result<RestorePreview> {
        self.core.lanes.ponder(move |conn| restores::preview(conn, workspace, &filter)).await
    }

    /// Brings contacts back from `error`, in bounded steps; how many. Each of them has it on their timeline, and the
    /// audit log has the whole. Refused: another cause, no reason.
    pub async fn restore_contacts(
        &self,
        workspace: WorkspaceId,
        filter: RestoreFilter,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let (mut restored, mut after) = (0, Some(ContactId(0)));
        while let Some(from) = after {
            let (filter, why, actor) = (filter.clone(), why.to_owned(), actor.clone());
            let step = move |ledger: &mut Ledger| ledger.restore_step(workspace, &filter, from, (&why, &actor), now);
            let (next, count) = self.core.lanes.write(step).await?;
            restored += count;
            after = next;
        }
        if restored > 0 {
            let (detail, actor) = (format!("{}: {why}", filter.told(restored)), actor.clone());
            self.core.lanes.write(move |ledger| ledger.note_restored(workspace, detail, &actor, now)).await?;
        }
        Ok(restored)
    }
}

impl RestoreFilter {
    fn told(&self, count: u64) -> String {
        format!("{count} contacts out of {}{}", self.cause, self.evidence.told())
    }
}

impl LiftFilter {
    /// In words, for the log.
    pub(crate) fn told(&self) -> String {
        let time = |word: &str, at: Option<Timestamp>| at.map(|at| format!(", {word} {} ms", at.as_millis()));
        let parts = [
            self.provider.as_ref().map(|provider| format!(", provider {provider}")),
            self.code.as_ref().map(|code| format!(", code {code}")),
            time("since", self.since),
            time("until", self.until),
            self.provisional_only.then(|| ", provisional".to_owned()),
        ];
        parts.into_iter().flatten().collect()
    }
}
