//! Signing keys, sealed with a key of the secrets file, and the settings of a workspace.

use crate::Store;
use crate::error::Result;
use crate::sqlite::keys;
use model::{Actor, Timestamp, WorkspaceId};

impl Store {
    /// A setting of the workspace.
    pub async fn setting(&self, workspace: WorkspaceId, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.core.lanes.read(move |conn| keys::setting(conn, workspace, &name)).await
    }
    /// Sets a setting of the workspace.
    pub async fn set_setting(
        &self,
        workspace: WorkspaceId,
        name: &str,
        value: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let (name, value, actor) = (name.to_owned(), value.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.set_setting(workspace, &name, &value, &actor, now)).await
    }
    /// Saves a signing key, sealed with a key of the secrets file. `nonce` must never repeat: random bytes.
    #[allow(clippy::too_many_arguments)]
    pub async fn save_key(
        &self,
        workspace: WorkspaceId,
        domain: &str,
        selector: &str,
        private: &[u8],
        nonce: [u8; 12],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let context = format!("{}/{domain}/{selector}", workspace.0);
        let sealed = keys::seal(&self.core.master, &context, nonce, private)?;
        let (domain, selector, actor) = (domain.to_owned(), selector.to_owned(), actor.clone());
        self.core
            .lanes
            .write(move |ledger| ledger.save_key(workspace, (&domain, &selector), &sealed, &actor, now))
            .await
    }
    /// The domains that have signing keys, by name, after `after`.
    pub async fn signing_domains(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>> {
        self.core.lanes.read(move |conn| keys::domains(conn, workspace, after.as_deref(), limit)).await
    }
    /// The signing keys of a domain: selector and private bytes, oldest first.
    pub async fn load_keys(&self, workspace: WorkspaceId, domain: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let name = domain.to_owned();
        let sealed = self.core.lanes.read(move |conn| keys::keys(conn, workspace, &name)).await?;
        let open = |(selector, sealed): (String, Vec<u8>)| {
            let context = format!("{}/{domain}/{selector}", workspace.0);
            let private = keys::unseal(&self.core.master, &context, &sealed)?;
            Ok((selector, private))
        };
        sealed.into_iter().map(open).collect()
    }
}
