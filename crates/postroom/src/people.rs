//! Who may use the API: people and keys, as the command line manages them.
//!
//! The terminal is the way back in for whoever locked themselves out: it needs the directory and no password.

use crate::allot;
use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use model::{Actor, KeyId, Role, Scopes, Timestamp, UserId, WorkspaceId};
use net::SystemEntropy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Read;
use std::path::Path;
use store::{ApiKey, CredentialChange, LinkPurpose, Member, NewApiKey, StoreError};

/// The largest password file, in bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4096;

/// Something about people and keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum People {
    /// Invite somebody, into the first workspace or another.
    Add { email: String, name: String, role: Role, workspace: Option<String> },
    /// Shut somebody out, or let them in again.
    Disable { user: UserId, disabled: bool },
    /// Make a link for a new password.
    Reset { user: UserId },
    /// Make a key of the first workspace or another.
    MakeKey { name: String, scopes: u64, expires_at: Option<Timestamp>, workspace: Option<String> },
    /// Revoke a key.
    RevokeKey { key: KeyId },
}

/// Carries it out on a ledger this process owns.
pub(crate) async fn carry_out(ledger: &Ledger, actor: &Actor, order: &People) -> Answer {
    let (store, workspace, now) = (&ledger.store, ledger.workspace, ledger.now());
    match order {
        People::Add { email, name, role, workspace: named } => {
            let workspace = allot::workspace_or_first(ledger, named.as_deref()).await?;
            let member = store.invite(workspace, email, name, *role, actor, now).await?;
            let token = link(ledger, (workspace, Some(member.user.id), LinkPurpose::Welcome), actor).await?;
            Ok(json!({ "user": user_json(&member), "link": format!("/welcome/{token}") }))
        }
        People::Disable { user, disabled } => {
            store.disable_user(workspace, *user, *disabled, actor, now).await?;
            Ok(json!({ "user": user.to_string(), "disabled": disabled }))
        }
        People::Reset { user } => {
            let (known, purpose) = match store.invitation(*user).await? {
                Some(invited) => (invited, LinkPurpose::Welcome),
                None => {
                    let missing = || StoreError::NotFound { what: "user", name: user.to_string() };
                    (store.member(workspace, *user).await?.ok_or_else(missing)?, LinkPurpose::Reset)
                }
            };
            let token = link(ledger, (known.workspace.id, Some(*user), purpose), actor).await?;
            Ok(json!({ "user": user_json(&known), "link": format!("/welcome/{token}") }))
        }
        People::MakeKey { name, scopes, expires_at, workspace: named } => {
            let workspace = allot::workspace_or_first(ledger, named.as_deref()).await?;
            let (secret, hash, hint) = web::fresh_key(&SystemEntropy::new());
            let (name, scopes) = (name.clone(), Scopes::from_bits(*scopes));
            let new = NewApiKey { workspace, name, hash, hint, scopes, expires_at: *expires_at };
            let key = store.make_api_key(new, actor, now).await?;
            Ok(json!({ "key": key_json(&key), "secret": secret }))
        }
        People::RevokeKey { key } => {
            Ok(json!({ "key": key_json(&store.revoke_api_key(workspace, *key, actor, now).await?) }))
        }
    }
}

/// A person as answers show them.
pub(crate) fn user_json(member: &Member) -> serde_json::Value {
    json!({
        "id": member.user.id.to_string(),
        "email": member.user.email,
        "name": member.user.name,
        "role": member.role,
        "second_factor": member.user.has_second_factor,
        "can_sign_in": member.user.has_password || member.user.has_single_sign_on,
        "disabled": member.user.disabled_at.is_some(),
    })
}

/// A key as answers show it.
pub(crate) fn key_json(key: &ApiKey) -> serde_json::Value {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "hint": key.hint,
        "scopes": scopes,
        "actor": key.actor,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    })
}

/// Makes a link that works once; `None`: by which somebody becomes the first owner.
pub(crate) async fn welcome(ledger: &Ledger) -> Result<String, Failure> {
    link(ledger, (ledger.workspace, None, LinkPurpose::Welcome), &ledger.actor).await
}

async fn link(
    ledger: &Ledger,
    who: (WorkspaceId, Option<UserId>, LinkPurpose),
    actor: &Actor,
) -> Result<String, Failure> {
    Ok(web::make_link(&ledger.store, &SystemEntropy::new(), who, actor, ledger.now()).await?)
}

/// Makes the first owner.
pub(crate) async fn make_owner(ledger: &Ledger, email: &str, password: &str) -> Result<(), Failure> {
    if let Some(why) = web::password_objection(password, email) {
        return Err(Failure::bad_input(format!("this password cannot be used: {why}")));
    }
    let stretched = web::stretch(password, &SystemEntropy::new())
        .map_err(|error| Failure::own("the password could not be kept", error))?;
    let (store, workspace, actor, now) = (&ledger.store, ledger.workspace, &ledger.actor, ledger.now());
    let user = match store.add_member(workspace, email, email, Role::Owner, actor, now).await {
        Ok(member) => member.user.id,
        // A former start got this far.
        Err(StoreError::Exists { name, .. }) => {
            let missing = StoreError::NotFound { what: "user", name };
            store.user_by_email(email).await?.ok_or(missing)?.id
        }
        Err(error) => return Err(error.into()),
    };
    let change = CredentialChange { password: Some(stretched), ..CredentialChange::default() };
    Ok(store.change_credentials(user, change, None, actor, now).await?)
}

/// The first line of a file.
pub(crate) fn password_in(path: &Path) -> Result<String, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::bad_input(format!("{}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    file.take(PASSWORD_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(wrong(&"there is no password on its first line")),
    }
}
