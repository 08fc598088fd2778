//! A source that was listed somewhere and is so no more: somebody says so, and it is tried again before its rest is over.
//!
//! Nobody is believed blindly: what goes first is the single message that ends every rest, and a list that still names the
//! address makes the source rest anew. Invariant: what is ended here is ended in memory and in the ledger, so that a process
//! that starts afterwards does not take the rest up again.

use crate::fleet::Rest;
use crate::handle::Handle;
use crate::lanes::{Written, written};
use crate::notice::Notice;
use crate::remembered::Remembered;
use dispatch::alert::{self, Turn};
use dispatch::pace::Pace;
use dispatch::providers::Limits;
use model::{Actor, EventKind, Timestamp, WorkspaceId};
use std::collections::BTreeSet;
use store::{Alert, Listing, Source, Store, StoreError};
use tokio::sync::oneshot;

/// Is this operator meant by what was typed: its key, or a name its site goes by? `None`: every one is.
pub(crate) fn is_meant(toward: Option<&str>, operator: &str, name: Option<&str>) -> bool {
    let names = [Some(operator), name].into_iter().flatten();
    toward.is_none_or(|typed| names.into_iter().any(|one| one.eq_ignore_ascii_case(typed)))
}

/// What follows where no other source can take the place of the one that is listed. True also when nothing is to go there.
const ALONE: &str = "there is no other source: one message at a time feels whether it is over, and what else is to go there \
                     waits until then";
/// How a page says what comes behind [`told`]. A command may be refused there, as in a sandbox: whoever has a terminal adds it.
pub(crate) const BY_BUTTON: &str = "have it tried again, by the button on the page of alerts.";

/// That a source is listed, why, and what a person can do about it; how to say that it is done comes behind it.
pub(crate) fn told(Listing { source, site }: &Listing, has_others: bool, why: &str) -> String {
    let means = if has_others { "rests there for a day; others take its place" } else { ALONE };
    format!(
        "{source} is listed at {site} and {means}: {}. Look the address up at the list that is named and have it removed; then",
        why.trim_end_matches('.')
    )
}

/// The command that says that a listing is over, without the program's name.
pub fn command(source: &str, toward: &str) -> String {
    format!("source delisted {source:?} --provider {toward:?}")
}

/// A source is not listed any more, at one operator (its key, or the name of its site) or at all of them: it is tried again
/// from now on. For a ledger on which no engine is at work. Returns the sites where it rested; empty: it was listed nowhere.
pub async fn delisted(
    store: &Store,
    source: &Source,
    toward: Option<&str>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let sites = in_ledger(store, source, toward, now).await?;
    for alert in store.open_alerts().await? {
        let is_over = |listing: &Listing| listing.source == source.name && sites.contains(&listing.site);
        if alert.listing.as_ref().is_some_and(is_over) {
            let over = alert::heard(Some(alert.standing.clone()), Turn::Over, now);
            if let Some(standing) = over {
                store.keep_alert(Alert { standing, ..alert }, false, now).await?;
            }
        }
    }
    noted(store, source, &sites, actor, now).await?;
    Ok(sites.into_iter().collect())
}

impl Handle {
    /// The same beside the running engine: what waits for the source goes on when this returns.
    pub async fn delisted(
        &self,
        source: &Source,
        toward: Option<&str>,
        actor: &Actor,
    ) -> Result<Vec<String>, StoreError> {
        let mut sites = in_ledger(&self.store, source, toward, self.now()).await?;
        let (answer, ended) = oneshot::channel();
        self.tell(Notice::Delisted { source: source.id, toward: toward.map(str::to_owned), answer });
        sites.extend(ended.await.map_err(|_| StoreError::Closed)?);
        noted(&self.store, source, &sites, actor, self.now()).await?;
        Ok(sites.into_iter().collect())
    }
}

/// Ends what the ledger keeps of it; the sites.
async fn in_ledger(
    store: &Store,
    source: &Source,
    toward: Option<&str>,
    now: Timestamp,
) -> Result<BTreeSet<String>, StoreError> {
    let mut sites = BTreeSet::new();
    let mut kept = Remembered::read(store).await?;
    let before = kept.rests.len();
    kept.rests.retain(|(id, operator, rest)| {
        let is_over = *id == source.id && rest.is_listing() && is_meant(toward, operator, rest.site.as_deref());
        if is_over && rest.until > now {
            sites.insert(site_name(rest, operator));
        }
        !is_over
    });
    if kept.rests.len() < before
        && let Ok(text) = serde_json::to_string(&kept)
    {
        store.keep_brake_memory(&text).await?;
    }
    let mut changed = Vec::new();
    for lane in store.lane_memories().await?.into_iter().filter(|lane| lane.source == source.id) {
        let Ok(Written { name, memory }) = serde_json::from_str::<Written>(&lane.memory) else { continue };
        let Some(site) = store.site(lane.site).await? else { continue };
        let operator = crate::paths::operator(&site).to_owned();
        let mut pace = Pace::restore(Limits::unbounded(), &memory, now);
        if is_meant(toward, &operator, name.as_deref()) && pace.delisted(now) {
            sites.insert(name.clone().unwrap_or(operator));
            changed.push((lane.source, lane.site, pace.memory().and_then(|memory| written(&memory, name))));
        }
    }
    if !changed.is_empty() {
        store.keep_lane_memories(changed, now).await?;
    }
    Ok(sites)
}

/// What people call the site of a rest.
pub(crate) fn site_name(rest: &Rest, operator: &str) -> String {
    rest.site.clone().unwrap_or_else(|| operator.to_owned())
}

/// Who said so, and about where, for the log.
async fn noted(
    store: &Store,
    source: &Source,
    sites: &BTreeSet<String>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    if sites.is_empty() {
        return Ok(());
    }
    let at = sites.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let detail = format!("{} is not listed any more at {at}: it is tried again", source.name);
    store.note(WorkspaceId::FIRST, EventKind::SourceChanged, None, Some(detail), actor, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stakes;
    use crate::lanes::remembered;
    use std::time::Duration;
    use store::OpenOptions;

    #[test]
    fn what_is_told_of_a_listing_is_true_also_when_nothing_waits_and_names_no_command() {
        let listing = Listing { source: "this machine".to_owned(), site: "Strict Gate".to_owned() };
        for has_others in [true, false] {
            let told = format!("{} {BY_BUTTON}", told(&listing, has_others, "554 listed."));
            assert!(told.starts_with("this machine is listed at Strict Gate and "), "{told}");
            assert!(
                told.contains(": 554 listed. Look")
                    && told.ends_with("removed; then have it tried again, by the button on the page of alerts."),
                "{told}"
            );
            assert!(!told.contains("postroom ") && !told.contains("its mail waits"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_rest_for_a_listing_is_ended_by_whoever_knows_better_and_said_in_the_log() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let store = Store::open(OpenOptions::memory([7; 32]), now).unwrap();
        let source = store.sources().await.unwrap().swap_remove(0);
        let until = now + Duration::from_secs(86_400);
        let rest = |why: &str| Rest { until, why: why.to_owned(), site: Some("mx.gatehouse.test".to_owned()) };
        let (listed, other) = (rest("listed there: 554 5.7.1"), rest("listed there: 550 5.7.1"));
        let rests = vec![(source.id, "354c".to_owned(), listed), (source.id, "gmx".to_owned(), other)];
        let text = serde_json::to_string(&Remembered { rests, ..Remembered::default() }).unwrap();
        store.keep_brake_memory(&text).await.unwrap();
        let lanes = remembered(&store, Stakes::Real, now).await.unwrap();
        assert!(lanes.len() == 2 && lanes.iter().all(|lane| lane.listed), "{lanes:?}");
        let actor = Actor::CommandLine("anna".to_owned());
        let end = |toward| delisted(&store, &source, toward, &actor, now);
        assert!(end(Some("yahoo")).await.unwrap().is_empty(), "nothing is known of it there");
        assert_eq!(end(Some("GMX")).await.unwrap(), ["mx.gatehouse.test"]);
        assert_eq!(remembered(&store, Stakes::Real, now).await.unwrap().len(), 1);
        assert_eq!(end(None).await.unwrap().len(), 1);
        assert!(remembered(&store, Stakes::Real, now).await.unwrap().is_empty());
        let told = store.latest_events(vec![EventKind::SourceChanged], 10).await.unwrap();
        assert_eq!((told.len(), told[0].actor.as_str()), (2, "cli:anna"));
        assert!(told[0].detail.as_ref().unwrap().contains("is not listed any more"));
    }
}
