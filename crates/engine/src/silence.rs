//! Our own resolver, when a look-up brought nothing definite: is it silent to everybody?
//!
//! What that means is `dispatch::brakes`' word; here names of our own are asked for, and what a lane does about it is done.
//! Apart from `house` because DNS is asked and waited for. Invariant: whoever is held back by this is charged nothing.

use crate::brakes::Whom;
use crate::house::House;
use crate::lane::Lane;
use crate::notice::{Notice, Stop};
use crate::settings::Way;
use dispatch::brakes::Silence;
use dispatch::react::LaneHold;
use model::{Category, MailDomain, Scope, Timestamp, Verdict};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

/// Names of our own that are asked for, one after the other until one is answered.
const OWN_NAMES_MAX: usize = 2;
/// A lane of a resolver that is our own fault takes nothing for so long: until its campaigns have stopped.
const STOPPING: Duration = Duration::from_secs(60);

impl House {
    /// What it means that a question asked at `asked_at` brought nothing definite.
    pub(crate) async fn silence(&self, asked_at: Timestamp) -> Silence {
        let failed_at = self.now();
        for name in self.own_names() {
            if self.dns.is_answered(name.as_str()).await {
                break;
            }
        }
        let (heard_at, now) = (self.dns.answered_at(), self.now());
        self.brakes().unanswered.failed((asked_at, failed_at), heard_at, now)
    }

    /// Until when nothing is to be looked up, because our resolver is silent.
    pub(crate) fn looks_up_at(&self) -> Option<Timestamp> {
        let (heard_at, now) = (self.dns.answered_at(), self.now());
        self.brakes().unanswered.waits_until(heard_at, now)
    }

    /// DNS could not say where the servers of a lane are. `true`: charge nobody, it may be our own resolver (or is: the brake
    /// has tripped).
    pub(crate) async fn is_our_resolvers_silence(&self, lane: &Lane, verdict: &Verdict, asked_at: Timestamp) -> bool {
        if matches!(self.settings.way, Way::Relay(_)) {
            return false;
        }
        let until = match self.silence(asked_at).await {
            Silence::Theirs => return false,
            Silence::LookAgain(until) => until,
            Silence::Ours(trip) => {
                self.tell(Notice::Tripped(Stop::Brake(trip), Whom::Everybody));
                self.now() + STOPPING
            }
        };
        let (category, rule) = (Category::NetworkFailure, verdict.rule.to_string());
        self.hold(lane, &LaneHold { scope: Scope::Site, until, category, rule });
        true
    }

    /// The sending domains: where the mail of this run comes back to.
    fn own_names(&self) -> BTreeSet<MailDomain> {
        let mailings = self.mailings.read().unwrap_or_else(PoisonError::into_inner);
        let names: BTreeSet<MailDomain> = mailings.values().map(|mailing| mailing.return_path.clone()).collect();
        names.into_iter().take(OWN_NAMES_MAX).collect()
    }
}
