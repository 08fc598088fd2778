//! Where people came from, and how those of each origin fared: worst first, so that one sees whose addresses do the harm.
//!
//! The command line and the API show this and nothing else. Everybody is looked at, in short readings one after another,
//! so that a large list keeps nobody from writing. *Stop mailing these* is one action here as well.

use crate::Handle;
use crate::report::iso;
use dispatch::origin::{Fared, Harm, harm};
use model::origin::{Origin, OriginKind};
use model::{Actor, Timestamp, WorkspaceId};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use store::{OriginCount, StoppedOrigin, Store, StoreError};

/// Origins that are told apart; people of further ones are counted together.
const ORIGINS_MAX: usize = 10_000;
/// Origins that are shown, the worst of them.
const SHOWN_MAX: usize = 500;
/// Keys whose names are looked up.
const KEYS_MAX: usize = 1_000;

/// The origins of a workspace's people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Origins {
    /// Worst first; those of whom too few were mailed to tell come after, the largest first.
    pub origins: Vec<OriginLine>,
    /// Origins that are not shown.
    pub more: u64,
}

/// How the people of one origin fared. Somebody with several origins is counted in each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OriginLine {
    /// What it is called by `stop` and `allow`: `import:i_…`, `lead_source:fair`, `consent:web form`, `key:k_…`.
    pub origin: String,
    /// `import`, `lead_source`, `consent` or `key`.
    pub kind: OriginKind,
    /// For people: the file of an import, the name of a key, or the name that is in `origin`.
    pub name: String,
    /// Everybody of it.
    pub people: u64,
    /// Those who were ever mailed; the others below are among them.
    pub mailed: u64,
    /// Their mailbox does not exist.
    pub bounced: u64,
    /// They called it spam, as far as their providers tell.
    pub complained: u64,
    /// They unsubscribed.
    pub unsubscribed: u64,
    /// They clicked, they themselves.
    pub clicked: u64,
    /// How bad it is; `None`: too few were mailed to tell.
    pub harm: Option<Harm>,
    /// Set where it is not mailed any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// That an origin is not mailed any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// Why.
    pub why: String,
    /// Since when.
    #[serde(serialize_with = "iso")]
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
}

/// The origins of a workspace's people, worst first.
pub async fn origins(store: &Store, workspace: WorkspaceId) -> Result<Origins, StoreError> {
    let (mut counts, mut after) = (BTreeMap::<Origin, OriginCount>::new(), None);
    let mut beyond = 0;
    loop {
        let page = store.origin_counts(workspace, after).await?;
        for (origin, count) in page.counts {
            if counts.len() >= ORIGINS_MAX && !counts.contains_key(&origin) {
                beyond += 1;
                continue;
            }
            counts.entry(origin).or_default().add(&count);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let stopped = store.stopped_origins(workspace).await?;
    for one in &stopped {
        counts.entry(one.origin.clone()).or_default();
    }
    let mut stopped: BTreeMap<Origin, StoppedOrigin> =
        stopped.into_iter().map(|one| (one.origin.clone(), one)).collect();
    let names = names(store, workspace).await?;
    let line = |(origin, count): (Origin, OriginCount)| {
        let OriginCount { people, mailed, bounced, complained, unsubscribed, clicked } = count;
        let stopped = stopped.remove(&origin);
        OriginLine {
            kind: origin.kind,
            name: names.get(&origin).cloned().unwrap_or_else(|| origin.name.clone()),
            origin: origin.to_string(),
            people,
            mailed,
            bounced,
            complained,
            unsubscribed,
            clicked,
            harm: harm(&Fared { mailed, bounced, complained, unsubscribed }),
            stopped: stopped.map(|StoppedOrigin { why, at, actor, .. }| Stopped { why, at, actor }),
        }
    };
    let mut lines: Vec<OriginLine> = counts.into_iter().map(line).collect();
    lines.sort_by_key(|line| {
        let worst = line.harm.map(|harm| harm.of_limit_percent);
        (Reverse(worst), Reverse(line.mailed), Reverse(line.people), line.origin.clone())
    });
    let more = beyond + lines.len().saturating_sub(SHOWN_MAX) as u64;
    lines.truncate(SHOWN_MAX);
    Ok(Origins { origins: lines, more })
}

/// What people call imports and keys.
async fn names(store: &Store, workspace: WorkspaceId) -> Result<BTreeMap<Origin, String>, StoreError> {
    let imports = store.list_imports(workspace).await?;
    let imports = imports.into_iter().map(|import| (Origin::import(import.id), import.file_name));
    let keys = store.api_keys(workspace, None, KEYS_MAX).await?;
    let keys = keys.into_iter().map(|key| (Origin::key(key.id), key.name));
    Ok(imports.chain(keys).collect())
}

impl Handle {
    /// Stops mailing whoever came from there: when this returns, nothing starts toward them. `false`: stopped already.
    pub async fn stop_origin(
        &self,
        workspace: WorkspaceId,
        origin: &Origin,
        why: &str,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let stopped = self.store.stop_origin(workspace, origin, why, actor, self.clock.now()).await?;
        self.gate.settle().await;
        Ok(stopped)
    }
}
