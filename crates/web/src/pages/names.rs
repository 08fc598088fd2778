//! Who did something, by name: the ledger keeps ids.

use super::shown::Shown;
use crate::App;
use model::{UserId, WorkspaceId};
use std::collections::BTreeMap;
use store::StoreError;

/// People and keys whose names are read.
const NAMES_MAX: usize = 500;

/// The people and keys of a workspace.
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    pub(super) async fn of(app: &App, workspace: WorkspaceId) -> Result<Names, StoreError> {
        let members = app.store.members(workspace, None, NAMES_MAX).await?;
        let keys = app.store.api_keys(workspace, None, NAMES_MAX).await?;
        let people = members.into_iter().map(|member| (format!("user:{}", member.user.id), member.user.name));
        let keys = keys.into_iter().map(|key| (format!("key:{}", key.id), format!("{} ({}…)", key.name, key.hint)));
        Ok(Names(people.chain(keys).collect()))
    }

    /// Who it is.
    pub(super) fn of_actor(&self, shown: &Shown, actor: &str) -> String {
        self.0.get(actor).cloned().unwrap_or_else(|| by_kind(shown, actor))
    }

    /// Somebody's name; `None`: they are not of the workspace.
    pub(super) fn of_user(&self, id: UserId) -> Option<&str> {
        self.0.get(&format!("user:{id}")).map(String::as_str)
    }

    /// Everybody there is, as the log names them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

/// Who it is, by what the ledger calls them; whoever has a name already keeps it.
pub(super) fn by_kind(shown: &Shown, actor: &str) -> String {
    match actor.split_once(':') {
        None if actor == "engine" => shown.say("actor-machine"),
        None if actor == "recipient" => shown.say("actor-recipient"),
        // Where the machine does not say who sits there.
        Some(("cli", "unknown")) => shown.fill("actor-terminal", &[("name", shown.say("unknown").into())]),
        Some(("cli", name)) => shown.fill("actor-terminal", &[("name", name.into())]),
        _ => actor.to_owned(),
    }
}
