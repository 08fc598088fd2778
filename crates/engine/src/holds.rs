//! Holds in force: parts of the work that a person or a brake has stopped, and until when.
//!
//! A hold is its workspace's alone; one on a source, which only the house places, is everybody's. The ledger keeps them;
//! here they are looked at by the scheduler before anything is read, and once more just before MAIL FROM. Invariant: a hold
//! that was placed is in force for every delivery that passes the gate after [`Holds::replace`] returned.
//!
//! Whoever is of a part that was cancelled does not wait under a hold: they are read like everybody, and skipped where they
//! would start ([`Holds::cancels`]).

use crate::fleet::Ways;
use crate::house::House;
use model::{CampaignId, DomainId, SourceId, Timestamp, WorkspaceId};
use std::sync::{Mutex, PoisonError, RwLock};
use store::{Campaign, Claimed, Hold, Store, StoreError};

/// The holds of a ledger that are in force.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    active: RwLock<Vec<Hold>>,
    /// Those that ended or were lifted, until the scheduler has read again what they covered.
    over: Mutex<Vec<Hold>>,
}

/// What a delivery is, as far as holds ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) workspace: WorkspaceId,
    pub(crate) campaign: CampaignId,
    pub(crate) operator: &'a str,
    pub(crate) source: SourceId,
    pub(crate) domain: DomainId,
    pub(crate) is_cold: bool,
}

impl Holds {
    /// Takes note of what is in force now.
    pub(crate) fn replace(&self, active: Vec<Hold>) {
        let mut known = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, active);
        let over = before.into_iter().filter(|hold| !known.iter().any(|one| one.id == hold.id));
        self.over.lock().unwrap_or_else(PoisonError::into_inner).extend(over);
    }

    /// The holds that are over since this was last asked.
    pub(crate) fn take_over(&self) -> Vec<Hold> {
        std::mem::take(&mut *self.over.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hold that a delivery is under, if any.
    pub(crate) fn of(&self, asked: Asked<'_>, now: Timestamp) -> Option<(Timestamp, String)> {
        self.longest(now, |hold| {
            concerns(hold, asked.workspace)
                && hold.campaign.is_none_or(|campaign| campaign == asked.campaign)
                && hold.provider.as_deref().is_none_or(|provider| provider == asked.operator)
                && hold.source.is_none_or(|source| source == asked.source)
                && hold.domain.is_none_or(|domain| domain == asked.domain)
                && (!hold.cold_only || asked.is_cold)
        })
    }

    /// Was the part of its campaign that a delivery is of cancelled for good?
    pub(crate) fn cancels(&self, asked: Asked<'_>) -> bool {
        self.read().iter().any(|hold| {
            cancels_in(hold, asked.campaign)
                && hold.provider.as_deref().is_none_or(|provider| provider == asked.operator)
                && hold.domain.is_none_or(|domain| domain == asked.domain)
                && (!hold.cold_only || asked.is_cold)
        })
    }

    /// Was everything of a campaign toward an operator cancelled?
    pub(crate) fn cancels_flow(&self, campaign: CampaignId, operator: &str) -> bool {
        let meant = |hold: &Hold| {
            let is_whole = hold.domain.is_none() && !hold.cold_only;
            is_whole && hold.provider.as_deref().is_none_or(|provider| provider == operator)
        };
        self.read().iter().any(|hold| cancels_in(hold, campaign) && meant(hold))
    }

    /// A hold on everything of a campaign toward an operator.
    pub(crate) fn of_flow(
        &self,
        (workspace, campaign): (WorkspaceId, CampaignId),
        operator: &str,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        self.longest(now, |hold| {
            concerns(hold, workspace)
                && hold.source.is_none()
                && hold.domain.is_none()
                && !hold.cold_only
                && hold.campaign.is_none_or(|one| one == campaign)
                && hold.provider.as_deref().is_none_or(|provider| provider == operator)
        })
    }

    /// A hold on everything of a workspace by a source.
    pub(crate) fn of_source(&self, source: SourceId, workspace: WorkspaceId, now: Timestamp) -> Option<Timestamp> {
        let whole = |hold: &Hold| {
            let narrower =
                hold.campaign.is_some() || hold.provider.is_some() || hold.domain.is_some() || hold.cold_only;
            hold.source == Some(source) && concerns(hold, workspace) && !narrower
        };
        self.longest(now, whole).map(|(until, _)| until)
    }

    /// Is all of the cold part of a campaign held toward an operator? `None`: toward everybody. What is held of one domain
    /// or by one source only, [`Holds::of`] says of each delivery.
    pub(crate) fn holds_cold(
        &self,
        (workspace, campaign): (WorkspaceId, CampaignId),
        operator: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let cold = |hold: &Hold| {
            concerns(hold, workspace)
                && hold.cold_only
                && hold.source.is_none()
                && hold.domain.is_none()
                && hold.campaign.is_none_or(|one| one == campaign)
                && hold.provider.as_deref().is_none_or(|provider| operator == Some(provider))
        };
        self.longest(now, cold).is_some()
    }

    /// Those in force.
    pub(crate) fn in_force(&self, now: Timestamp) -> Vec<Hold> {
        let lasts = |hold: &&Hold| hold.lifted_at.is_none() && hold.until.is_none_or(|until| until > now);
        self.read().iter().filter(lasts).cloned().collect()
    }

    /// Is nothing held? The question asked before every message.
    pub(crate) fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// When the next of them ends by itself.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.read().iter().filter_map(|hold| hold.until).filter(|until| *until > now).min()
    }

    fn longest(&self, now: Timestamp, applies: impl Fn(&Hold) -> bool) -> Option<(Timestamp, String)> {
        let until = |hold: &Hold| hold.until.unwrap_or(Timestamp::MAX);
        let active = self.read();
        let held = active
            .iter()
            .filter(|hold| !hold.cancels && hold.lifted_at.is_none() && until(hold) > now && applies(hold));
        held.max_by_key(|hold| until(hold)).map(|hold| (until(hold), hold.why.clone()))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Hold>> {
        self.active.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl House {
    /// Was the part of its campaign that a delivery toward this operator is of cancelled? It is read like any other, and ends
    /// where it would start.
    pub(crate) fn is_cancelled(&self, claimed: &Claimed, operator: &str) -> bool {
        if self.holds.is_empty() {
            return false;
        }
        let Claimed { workspace, campaign, domain, .. } = *claimed;
        let (source, is_cold) = (SourceId::THIS_MACHINE, self.terms.is_cold(claimed));
        self.holds.cancels(Asked { workspace, campaign, operator, source, domain, is_cold })
    }
}

/// Does it cancel part of that campaign?
pub(crate) fn cancels_in(hold: &Hold, campaign: CampaignId) -> bool {
    hold.cancels && hold.campaign == Some(campaign) && hold.lifted_at.is_none()
}

/// Who placed a hold ([`name_of`]).
pub(crate) async fn placed_by(store: &Store, hold: &Hold) -> Result<String, StoreError> {
    name_of(store, hold.workspace, &hold.actor).await
}

/// Who did something, as the log names them: the name of whoever signed in or of a key, where the ledger knows it; `cli:anna` and
/// `engine` as they are.
pub(crate) async fn name_of(store: &Store, workspace: WorkspaceId, actor: &str) -> Result<String, StoreError> {
    let name = match actor.split_once(':') {
        Some(("user", id)) => match id.parse() {
            Ok(id) => store.member(workspace, id).await?.map(|member| member.user.name),
            Err(_) => None,
        },
        Some(("key", id)) => match id.parse() {
            Ok(id) => store.api_key(workspace, id).await?.map(|key| key.name),
            Err(_) => None,
        },
        _ => None,
    };
    Ok(name.filter(|name| !name.is_empty()).unwrap_or_else(|| actor.to_owned()))
}

/// The holds in force that keep mail of a campaign back whichever source would carry it. One on a source that is the only one for
/// this mail keeps it as if it named none; one on all that goes through it, and one toward a provider, is what the ways tell
/// ([`crate::paths`]): the latter is among these `toward_providers`, for those who do not look at the ways.
pub(crate) async fn reaching(
    store: &Store,
    campaign: &Campaign,
    toward_providers: bool,
    now: Timestamp,
) -> Result<Vec<Hold>, StoreError> {
    let holds = store.holds(Some(now)).await?;
    let members = match holds.iter().any(|hold| hold.source.is_some()) {
        true => Ways::read(store, "").await?.members(campaign.workspace, campaign.kind),
        false => Vec::new(),
    };
    let only = match members.as_slice() {
        [(only, _)] => Some(*only),
        _ => None,
    };
    // Nobody of a part that was cancelled waits.
    let is_meant = |hold: &Hold| {
        !hold.cancels && concerns(hold, campaign.workspace) && hold.campaign.is_none_or(|one| one == campaign.id)
    };
    let reaches = |hold: Hold| by_any_source(hold, only, toward_providers, campaign.workspace);
    Ok(holds.into_iter().filter(is_meant).filter_map(reaches).collect())
}

/// A hold as one that names no source, if it keeps back what it covers whichever source there is. `only`: the one source.
fn by_any_source(hold: Hold, only: Option<SourceId>, toward_providers: bool, workspace: WorkspaceId) -> Option<Hold> {
    if hold.source.is_none() {
        return Some(hold);
    }
    let is_part = hold.domain.is_some() || hold.cold_only || (toward_providers && hold.provider.is_some());
    (is_part && hold.source == only).then_some(Hold { source: None, workspace, ..hold })
}

/// Does a hold reach the mail of a workspace? What the house says of a source is said to all who use it.
pub(crate) fn concerns(hold: &Hold, workspace: WorkspaceId) -> bool {
    hold.workspace == workspace || (hold.source.is_some() && hold.workspace == WorkspaceId::FIRST)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::HoldId;

    const W: WorkspaceId = WorkspaceId::FIRST;
    const ONE: (WorkspaceId, CampaignId) = (W, CampaignId(1));

    /// One on everything, from the first millisecond to the thousandth.
    pub(crate) fn hold() -> Hold {
        Hold {
            id: HoldId(1),
            workspace: W,
            campaign: None,
            provider: None,
            domain: None,
            domain_name: None,
            source: None,
            cold_only: false,
            until: Some(Timestamp::from_millis(1_000)),
            why: "to look at it".into(),
            actor: "cli:anna".into(),
            at: Timestamp::from_millis(0),
            lifted_at: None,
            cancels: false,
        }
    }

    fn holds(active: Hold) -> Holds {
        let holds = Holds::default();
        holds.replace(vec![active]);
        holds
    }

    fn asked(operator: &str, is_cold: bool) -> Asked<'_> {
        Asked { workspace: W, campaign: CampaignId(1), operator, source: SourceId(0), domain: DomainId(3), is_cold }
    }

    #[test]
    fn each_hold_covers_what_it_names_and_no_more() {
        let now = Timestamp::from_millis(10);
        let provider = holds(Hold { provider: Some("google".into()), ..hold() });
        assert!(
            provider.of(asked("google", false), now).is_some() && provider.of(asked("yahoo", false), now).is_none()
        );
        assert!(provider.of_flow((W, CampaignId(9)), "google", now).is_some());
        let cold = holds(Hold { cold_only: true, campaign: Some(CampaignId(1)), ..hold() });
        assert!(cold.of(asked("google", true), now).is_some() && cold.of(asked("google", false), now).is_none());
        assert!(cold.holds_cold(ONE, None, now) && !cold.holds_cold((W, CampaignId(2)), None, now));
        assert!(cold.holds_cold(ONE, Some("google"), now));
        assert!(cold.of_flow(ONE, "google", now).is_none(), "the engaged go on");
        let source = holds(Hold { source: Some(SourceId(4)), until: None, ..hold() });
        assert_eq!(source.of_source(SourceId(4), WorkspaceId(7), now), Some(Timestamp::MAX));
        assert_eq!(source.of_source(SourceId(5), W, now), None);
    }

    #[test]
    fn the_cold_of_one_provider_domain_or_source_are_not_the_cold_of_all() {
        let now = Timestamp::from_millis(10);
        let cold = Hold { cold_only: true, ..hold() };
        let at_google = holds(Hold { provider: Some("google".into()), ..cold.clone() });
        let holds_cold = |holds: &Holds, operator| holds.holds_cold(ONE, operator, now);
        assert!(holds_cold(&at_google, Some("google")));
        assert!(!holds_cold(&at_google, Some("yahoo")) && !holds_cold(&at_google, None));
        let of_domain = holds(Hold { domain: Some(DomainId(3)), ..cold.clone() });
        let by_source = holds(Hold { source: Some(SourceId(0)), ..cold });
        for narrow in [&of_domain, &by_source] {
            assert!(!holds_cold(narrow, Some("google")) && !holds_cold(narrow, None));
            assert!(narrow.of(asked("google", true), now).is_some());
        }
    }

    #[test]
    fn what_was_cancelled_is_not_held_but_ends() {
        let now = Timestamp::from_millis(10);
        let cut = Hold { cancels: true, campaign: Some(CampaignId(1)), until: None, ..hold() };
        let google = Hold { provider: Some("google".into()), ..cut.clone() };
        let cold = holds(Hold { cold_only: true, ..google.clone() });
        assert!(cold.of(asked("google", true), now).is_none() && !cold.holds_cold(ONE, Some("google"), now));
        assert!(cold.cancels(asked("google", true)) && !cold.cancels_flow(CampaignId(1), "google"));
        assert!(!cold.cancels(asked("google", false)) && !cold.cancels(asked("yahoo", true)));
        let google = holds(google);
        assert!(google.cancels_flow(CampaignId(1), "google") && google.cancels(asked("google", false)));
        assert!(!google.cancels_flow(CampaignId(1), "yahoo") && !google.cancels_flow(CampaignId(2), "google"));
        let of_domain = holds(Hold { domain: Some(DomainId(3)), ..cut });
        assert!(of_domain.cancels(asked("google", false)) && of_domain.of_flow(ONE, "google", now).is_none());
        assert!(!holds(hold()).cancels(asked("google", true)), "a hold ends nobody");
    }

    #[test]
    fn a_workspace_holds_nobody_elses_mail() {
        let now = Timestamp::from_millis(10);
        let theirs = Hold { workspace: WorkspaceId(7), ..hold() };
        let everything = holds(theirs.clone());
        assert!(
            everything.of(asked("google", true), now).is_none() && everything.of_flow(ONE, "google", now).is_none()
        );
        assert!(everything.of_flow((WorkspaceId(7), CampaignId(9)), "google", now).is_some());
        assert!(!holds(Hold { cold_only: true, ..theirs.clone() }).holds_cold(ONE, None, now));
        let source = holds(Hold { source: Some(SourceId(4)), ..theirs });
        assert_eq!(source.of_source(SourceId(4), W, now), None, "only the house speaks for a source to all");
    }

    #[test]
    fn a_part_held_by_the_only_source_is_held_whatever_carries_it() {
        let by = |hold: Hold| Hold { source: Some(SourceId(4)), ..hold };
        let of_domain = by(Hold { domain: Some(DomainId(3)), ..hold() });
        let by_only = |hold: &Hold, only: i64| by_any_source(hold.clone(), Some(SourceId(only)), false, W);
        assert_eq!(by_only(&of_domain, 4), Some(Hold { source: None, ..of_domain.clone() }));
        assert_eq!(by_only(&of_domain, 5), None, "another carries it");
        assert_eq!(by_any_source(of_domain.clone(), None, false, W), None, "there are several");
        assert_eq!(by_only(&by(hold()), 4), None, "nothing goes: the ways say that");
        let to_google = by(Hold { provider: Some("google".into()), ..hold() });
        assert_eq!(by_only(&to_google, 4), None);
        assert!(by_any_source(to_google, Some(SourceId(4)), true, W).is_some());
        assert_eq!(by_any_source(hold(), Some(SourceId(4)), false, W), Some(hold()));
    }

    #[test]
    fn what_is_over_is_told_once_and_what_was_placed_never() {
        let two = holds(hold());
        two.replace(vec![hold(), Hold { id: HoldId(2), ..hold() }]);
        assert_eq!(two.take_over(), [], "placing a hold gives nobody anything to do");
        two.replace(vec![Hold { id: HoldId(2), ..hold() }]);
        assert_eq!(two.take_over(), [hold()]);
        assert_eq!(two.take_over(), []);
    }

    #[test]
    fn a_hold_that_is_over_or_lifted_holds_nothing() {
        let late = Timestamp::from_millis(1_000);
        assert!(holds(hold()).of(asked("google", false), late).is_none());
        let lifted = Hold { lifted_at: Some(Timestamp::from_millis(5)), ..hold() };
        assert!(holds(lifted).of(asked("google", false), Timestamp::from_millis(10)).is_none());
    }
}
