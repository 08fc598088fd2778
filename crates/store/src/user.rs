//! People who work here, and their places in workspaces.
//!
//! A person has one account, known by their address, and a role in each workspace they belong to. Who is invited has no place
//! before they accept, whether or not they have an account. Invariants: a workspace that has an owner keeps one; what proves who
//! somebody is never leaves the store but through [`Store::credentials`].

use crate::Store;
use crate::error::Result;
use crate::sqlite::{Ledger, users};
use model::{Actor, Role, Timestamp, UserId, WorkspaceId};

/// The most accounts of an installation.
pub const USERS_MAX: usize = 10_000;
/// The most workspaces of an installation.
pub const WORKSPACES_MAX: usize = 10_000;
/// The longest name of a person or a workspace, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
}

/// Somebody who works here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their address, in lower case: by it they sign in.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Have they a password?
    pub has_password: bool,
    /// Have they a second factor?
    pub has_second_factor: bool,
    /// Do they sign in through an identity provider?
    pub has_single_sign_on: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when they are shut out.
    pub disabled_at: Option<Timestamp>,
}

/// A person's place in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// Where.
    pub workspace: Workspace,
    /// As what.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
    /// Were they invited and have not accepted yet? Then the account is of the invitation alone: its id, the address and the
    /// name that were given. Whether there is an account with that address is not in it.
    pub is_invited: bool,
}

/// What proves who somebody is. For the one who checks it, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub user: User,
    /// The stretched password (PHC string).
    pub password: Option<String>,
    /// The secret of the second factor.
    pub second_factor: Option<Vec<u8>>,
    /// The latest step of the second factor that was used: none at or before it works again.
    pub second_factor_step: i64,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A change of what proves who somebody is. `None` leaves as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CredentialChange {
    /// The stretched password (PHC string).
    pub password: Option<String>,
    /// The secret of the second factor, with random bytes to seal it that never repeat; `Some(None)`: none any more.
    pub second_factor: Option<Option<(Vec<u8>, [u8; 12])>>,
    /// Hashes of recovery codes.
    pub recovery: Option<Vec<String>>,
    /// Who they are at an identity provider: issuer and subject; `Some(None)`: nobody any more.
    pub identity: Option<Option<(String, String)>>,
    /// Was it made by a one-time link? Whoever had it, it need not have been that person.
    pub by_link: bool,
}

impl std::fmt::Debug for CredentialChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialChange").finish_non_exhaustive()
    }
}

/// How a change of credentials is told in the audit log.
impl CredentialChange {
    pub(crate) fn told(&self) -> String {
        let parts = [
            self.password.as_ref().map(|_| "password"),
            self.second_factor.as_ref().map(|to| if to.is_some() { "second factor on" } else { "second factor off" }),
            self.identity.as_ref().map(|_| "identity provider"),
            self.by_link.then_some("by a link"),
        ];
        let told: Vec<&str> = parts.into_iter().flatten().collect();
        if told.is_empty() { "recovery codes".to_owned() } else { told.join(", ") }
    }
}

impl Store {
    /// A workspace.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Option<Workspace>> {
        self.core.lanes.read(move |conn| users::workspace(conn, id)).await
    }
    /// The workspaces, oldest first, after `after`.
    pub async fn workspaces(&self, after: Option<WorkspaceId>, limit: usize) -> Result<Vec<Workspace>> {
        self.core.lanes.read(move |conn| users::workspaces(conn, after, limit)).await
    }
    /// Makes a workspace. Refused: without a name, one more than [`WORKSPACES_MAX`].
    pub async fn make_workspace(&self, name: &str, actor: &Actor, now: Timestamp) -> Result<Workspace> {
        let (name, actor) = (name.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.make_workspace(&name, &actor, now)).await
    }
    /// Renames a workspace.
    pub async fn rename_workspace(
        &self,
        id: WorkspaceId,
        name: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Workspace> {
        let (name, actor) = (name.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.rename_workspace(id, &name, &actor, now)).await
    }

    /// Gives somebody a place in a workspace; whoever has no account yet gets one, without a password. Refused with
    /// [`crate::StoreError::Exists`] if they have a place there.
    pub async fn add_member(
        &self,
        workspace: WorkspaceId,
        email: &str,
        name: &str,
        role: Role,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Member> {
        let (email, name, actor) = (email.to_lowercase(), name.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.add_member(workspace, (&email, &name), role, &actor, now)).await
    }
    /// Invites somebody into a workspace: they have no place there before they accept. Refused with
    /// [`crate::StoreError::Exists`] if they have a place there, or an invitation. What is answered is the same whether or not
    /// there is an account with this address.
    pub async fn invite(
        &self,
        workspace: WorkspaceId,
        email: &str,
        name: &str,
        role: Role,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Member> {
        let (email, name, actor) = (email.to_lowercase(), name.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.invite(workspace, (&email, &name), role, &actor, now)).await
    }
    /// Accepts an invitation, which is gone then: gives the account with its address its place, or makes the account, without a
    /// password. That it is that person, and that they want to, was found out before.
    /// `name`: what somebody without an account is called; `None`: as the invitation says.
    pub async fn accept_invitation(&self, invitation: UserId, name: Option<&str>, now: Timestamp) -> Result<Member> {
        let name = name.map(str::to_owned);
        self.core.lanes.write(move |ledger| ledger.accept_invitation(invitation, name.as_deref(), now)).await
    }
    /// An invitation that was not accepted yet.
    pub async fn invitation(&self, id: UserId) -> Result<Option<Member>> {
        self.core.lanes.read(move |conn| users::invitation(conn, id)).await
    }
    /// The invitations of an address, in any case, that were not accepted yet; oldest first, [`WORKSPACES_MAX`] at most.
    pub async fn invitations_of(&self, email: &str) -> Result<Vec<Member>> {
        let email = email.to_lowercase();
        self.core.lanes.read(move |conn| users::invitations_of(conn, &email)).await
    }
    /// Gives somebody another name, in every workspace. Refused: a name of none or more than [`NAME_CHARS_MAX`] characters.
    pub async fn rename_user(&self, user: UserId, name: &str, actor: &Actor, now: Timestamp) -> Result<()> {
        let (name, actor) = (name.to_owned(), actor.clone());
        self.core.lanes.write(move |ledger| ledger.rename_user(user, &name, &actor, now)).await
    }
    /// Changes what somebody is in a workspace, or will be there; `None`: nothing any more. Refused for its last owner.
    pub async fn set_role(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        role: Option<Role>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.set_role(workspace, user, role, &actor, now)).await
    }
    /// Shuts somebody out of everything (their sessions end), or lets them in again. Told in `workspace`, where they
    /// must have a place.
    pub async fn disable_user(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        disabled: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<User> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.disable_user(workspace, user, disabled, &actor, now)).await
    }
    /// The people of a workspace and those who are invited, oldest first, after `after`.
    pub async fn members(&self, workspace: WorkspaceId, after: Option<UserId>, limit: usize) -> Result<Vec<Member>> {
        self.core.lanes.read(move |conn| users::members(conn, workspace, after, limit)).await
    }
    /// Somebody's place in a workspace. Who is invited has none.
    pub async fn member(&self, workspace: WorkspaceId, user: UserId) -> Result<Option<Member>> {
        self.core.lanes.read(move |conn| users::member(conn, workspace, user)).await
    }
    /// Every place somebody has, oldest workspace first.
    pub async fn places_of(&self, user: UserId) -> Result<Vec<Member>> {
        self.core.lanes.read(move |conn| users::places(conn, user)).await
    }
    /// Is there an owner in the workspace who can sign in?
    pub async fn has_owner(&self, workspace: WorkspaceId) -> Result<bool> {
        self.core.lanes.read(move |conn| users::has_owner(conn, workspace)).await
    }
    /// An account.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.core.lanes.read(move |conn| users::user(conn, id)).await
    }
    /// The account with this address, in any case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let email = email.to_lowercase();
        self.core.lanes.read(move |conn| users::by_email(conn, &email)).await
    }
    /// The account of somebody an identity provider knows.
    pub async fn user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.core.lanes.read(move |conn| users::by_identity(conn, &issuer, &subject)).await
    }

    /// What proves who somebody is.
    pub async fn credentials(&self, user: UserId) -> Result<Option<Credentials>> {
        let master = self.core.master.clone();
        self.core.lanes.read(move |conn| users::credentials(conn, &master, user)).await
    }
    /// Changes what proves who somebody is. Told in every workspace they belong to; their sessions end but `keep`.
    pub async fn change_credentials(
        &self,
        user: UserId,
        change: CredentialChange,
        keep: Option<[u8; 32]>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let (actor, master) = (actor.clone(), self.core.master.clone());
        let write =
            move |ledger: &mut Ledger| ledger.change_credentials(&master, user, &change, keep.as_ref(), &actor, now);
        self.core.lanes.write(write).await
    }
    /// Uses up a step of the second factor. `false`: it, or a later one, was used before.
    pub async fn use_second_factor_step(&self, user: UserId, step: i64) -> Result<bool> {
        self.core.lanes.write(move |ledger| ledger.use_second_factor_step(user, step)).await
    }
    /// Uses up a recovery code by its hash. `false`: there is none such.
    pub async fn use_recovery_code(&self, user: UserId, hash: &str) -> Result<bool> {
        let hash = hash.to_owned();
        self.core.lanes.write(move |ledger| ledger.use_recovery_code(user, &hash)).await
    }
}
