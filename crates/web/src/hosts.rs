//! Tracking hosts as requests meet them: which workspace a name belongs to, and under which name new links are written.
//!
//! Held in memory, because every open and click comes through here, and read anew when it is older than [`FRESH`] or
//! somebody changed it here. (The command line changes it from outside.) Invariant: a token is answered under the public
//! address, under a name of the whole server, or under one of its own workspace; never under another workspace's.

use crate::App;
use model::{MailDomain, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{StoreError, TrackingHost};

/// So long what is in memory is believed.
const FRESH: Duration = Duration::from_secs(10);

type ByName = Arc<BTreeMap<String, TrackingHost>>;

/// The hosts as they were read last.
#[derive(Default)]
pub(crate) struct Hosts {
    known: Mutex<Option<(Timestamp, ByName)>>,
}

impl Hosts {
    /// Somebody changed them.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn read(&self, app: &App) -> Result<ByName, StoreError> {
        let now = app.now();
        let fresh = |(at, hosts): &(Timestamp, ByName)| (now < *at + FRESH).then(|| Arc::clone(hosts));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(fresh);
        if let Some(hosts) = known {
            return Ok(hosts);
        }
        let read = match app.store.all_tracking_hosts().await {
            Ok(read) => read,
            // What was known a moment ago is better than no answer.
            Err(why) => {
                let old =
                    self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, old)| Arc::clone(old));
                return old.ok_or(why);
            }
        };
        let hosts: ByName = Arc::new(read.into_iter().map(|host| (host.host.clone(), host)).collect());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&hosts)));
        Ok(hosts)
    }
}

/// Under whose name somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Under {
    /// The server's: every token is answered.
    Ours,
    /// A workspace's: only its own are.
    Workspace(WorkspaceId),
    /// Nobody's.
    Nobody,
}

impl App {
    /// Whose name this is.
    pub(crate) async fn under(&self, name: &str) -> Result<Under, StoreError> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if is(self.config.public_host()) || self.config.tracking_hosts.iter().any(|known| is(known)) {
            return Ok(Under::Ours);
        }
        let hosts = self.desk.hosts.read(self).await?;
        Ok(match hosts.get(&name.to_ascii_lowercase()) {
            Some(host) => Under::Workspace(host.workspace),
            None if self.config.tracking_hosts.is_empty() => Under::Ours,
            None => Under::Nobody,
        })
    }

    /// Where links of mail from this domain lead: under a name of the workspace's own if one leads here, best one under the
    /// sending domain, which receivers trust most; else under the public address.
    pub(crate) async fn links_at(&self, workspace: WorkspaceId, from: &MailDomain) -> Result<String, StoreError> {
        let hosts = self.desk.hosts.read(self).await?;
        let own = || hosts.values().filter(|host| host.workspace == workspace && host.is_usable());
        let below = |host: &&TrackingHost| {
            host.host.strip_suffix(from.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let oldest = || own().min_by_key(|host| host.added_at);
        let chosen = own().filter(below).min_by_key(|host| host.added_at).or_else(oldest);
        // The same scheme and port: another name for the same door.
        let public_url = &self.config.public_url;
        Ok(chosen
            .map_or_else(|| public_url.clone(), |host| public_url.replacen(self.config.public_host(), &host.host, 1)))
    }
}
