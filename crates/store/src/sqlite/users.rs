//! Accounts, memberships, workspaces and credentials.

use super::events::NewEvent;
use super::{Ledger, keys, sql_limit, word};
use crate::error::{Result, StoreError};
use crate::user::{CredentialChange, Credentials, Member, NAME_CHARS_MAX, USERS_MAX, User, WORKSPACES_MAX, Workspace};
use model::{Actor, EventKind, Role, Timestamp, UserId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

const USER: &str = "u.id, u.email, u.name, u.password IS NOT NULL, u.second_factor IS NOT NULL,
    u.subject IS NOT NULL, u.created_at, u.disabled_at";

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get(0)?),
        email: row.get(1)?,
        name: row.get(2)?,
        has_password: row.get(3)?,
        has_second_factor: row.get(4)?,
        has_single_sign_on: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        disabled_at: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
    })
}

fn one_user(conn: &Connection, condition: &str, params: impl Params) -> Result<Option<User>> {
    let sql = format!("SELECT {USER} FROM app_user u WHERE {condition}");
    Ok(conn.prepare_cached(&sql)?.query_row(params, read_user).optional()?)
}

/// An account.
pub(crate) fn user(conn: &Connection, id: UserId) -> Result<Option<User>> {
    one_user(conn, "u.id = ?1", [id.0])
}

/// The account with this address (lower case).
pub(crate) fn by_email(conn: &Connection, email: &str) -> Result<Option<User>> {
    one_user(conn, "u.email = ?1", [email])
}

/// The account of somebody an identity provider knows.
pub(crate) fn by_identity(conn: &Connection, issuer: &str, subject: &str) -> Result<Option<User>> {
    one_user(conn, "u.issuer = ?1 AND u.subject = ?2", [issuer, subject])
}

fn require_user(conn: &Connection, id: UserId) -> Result<User> {
    user(conn, id)?.ok_or_else(|| StoreError::NotFound { what: "user", name: id.to_string() })
}

/// A workspace.
pub(crate) fn workspace(conn: &Connection, id: WorkspaceId) -> Result<Option<Workspace>> {
    let sql = "SELECT name FROM workspace WHERE id = ?1";
    let read = |row: &Row<'_>| Ok(Workspace { id, name: row.get(0)? });
    Ok(conn.prepare_cached(sql)?.query_row([id.0], read).optional()?)
}

/// Refuses a workspace that does not exist.
pub(crate) fn workspace_exists(conn: &Connection, id: WorkspaceId) -> Result<Workspace> {
    workspace(conn, id)?.ok_or_else(|| StoreError::NotFound { what: "workspace", name: id.to_string() })
}

/// The workspaces, oldest first.
pub(crate) fn workspaces(conn: &Connection, after: Option<WorkspaceId>, limit: usize) -> Result<Vec<Workspace>> {
    let sql = "SELECT id, name FROM workspace WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok(Workspace { id: WorkspaceId(row.get(0)?), name: row.get(1)? });
    let limit = sql_limit(limit);
    let rows = statement.query_map(params![after.map_or(0, |id| id.0), limit], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read_member(row: &Row<'_>) -> Result<Member> {
    Ok(Member {
        user: read_user(row)?,
        workspace: Workspace { id: WorkspaceId(row.get(8)?), name: row.get(9)? },
        role: word!(Role, row.get(10)?)?,
        since: Timestamp::from_millis(row.get(11)?),
        is_invited: row.get(12)?,
    })
}

/// Those who have a place, and …
const PLACES: &str = "SELECT u.id AS id, u.email AS email, u.name, u.password IS NOT NULL, u.second_factor IS NOT NULL,
        u.subject IS NOT NULL, u.created_at, u.disabled_at, w.id AS workspace, w.name, m.role, m.since, 0
    FROM membership m JOIN app_user u ON u.id = m.app_user JOIN workspace w ON w.id = m.workspace";
/// … those who are invited, as if nobody had an account.
const INVITED: &str =
    "SELECT i.id AS id, i.email AS email, i.name, 0, 0, 0, i.at, NULL, w.id AS workspace, w.name, i.role, i.at, 1
    FROM invitation i JOIN workspace w ON w.id = i.workspace";

fn select_members(conn: &Connection, of: &str, rest: &str, params: impl Params) -> Result<Vec<Member>> {
    let mut statement = conn.prepare_cached(&format!("SELECT * FROM ({of}) WHERE {rest}"))?;
    statement.query_and_then(params, read_member)?.collect()
}

/// The people of a workspace and those who are invited, oldest first.
pub(crate) fn members(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<Member>> {
    let limit = sql_limit(limit);
    let key = params![workspace.0, after.map_or(0, |id| id.0), limit];
    let both = format!("{PLACES} UNION ALL {INVITED}");
    select_members(conn, &both, "workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3", key)
}

/// Somebody's place in a workspace.
pub(crate) fn member(conn: &Connection, workspace: WorkspaceId, user: UserId) -> Result<Option<Member>> {
    Ok(select_members(conn, PLACES, "workspace = ?1 AND id = ?2", params![workspace.0, user.0])?.pop())
}

/// Every place somebody has.
pub(crate) fn places(conn: &Connection, user: UserId) -> Result<Vec<Member>> {
    select_members(conn, PLACES, "id = ?1 ORDER BY workspace", [user.0])
}

/// An invitation.
pub(crate) fn invitation(conn: &Connection, id: UserId) -> Result<Option<Member>> {
    Ok(select_members(conn, INVITED, "id = ?1", [id.0])?.pop())
}

/// The invitations of an address (lower case), oldest first.
pub(crate) fn invitations_of(conn: &Connection, email: &str) -> Result<Vec<Member>> {
    let most = sql_limit(WORKSPACES_MAX);
    select_members(conn, INVITED, "email = ?1 ORDER BY id LIMIT ?2", params![email, most])
}

fn require_member(conn: &Connection, workspace: WorkspaceId, user: UserId) -> Result<Member> {
    let missing = || StoreError::NotFound { what: "user", name: user.to_string() };
    member(conn, workspace, user)?.ok_or_else(missing)
}

fn require_invitation(conn: &Connection, id: UserId) -> Result<Member> {
    invitation(conn, id)?.ok_or_else(|| StoreError::NotFound { what: "user", name: id.to_string() })
}

/// Is there an owner who can sign in?
pub(crate) fn has_owner(conn: &Connection, workspace: WorkspaceId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM membership m JOIN app_user u ON u.id = m.app_user
        WHERE m.workspace = ?1 AND m.role = ?2 AND u.disabled_at IS NULL
            AND (u.password IS NOT NULL OR u.subject IS NOT NULL))";
    Ok(conn.query_row(sql, params![workspace.0, Role::Owner.code()], |row| row.get(0))?)
}

/// What the sealed second factor is bound to.
fn seal_context(user: UserId) -> String {
    format!("second factor of {user}")
}

/// What proves who somebody is.
pub(crate) fn credentials(conn: &Connection, master: &[u8], id: UserId) -> Result<Option<Credentials>> {
    let sql = "SELECT password, second_factor, second_factor_step, recovery FROM app_user WHERE id = ?1";
    let Some(user) = user(conn, id)? else { return Ok(None) };
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get(2)?, row.get(3)?));
    let (password, sealed, second_factor_step, recovery) = conn.query_row(sql, [id.0], read)?;
    let recovery: Option<String> = recovery;
    let second_factor = sealed.map(|sealed| keys::unseal(master, &seal_context(id), &sealed)).transpose()?;
    let recovery = recovery.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(Some(Credentials { user, password, second_factor, second_factor_step, recovery }))
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(StoreError::Refused(format!("{what} has a name of 1 to {NAME_CHARS_MAX} characters")));
    }
    Ok(())
}

fn check_address(email: &str) -> Result<()> {
    let refuse = |error| StoreError::Refused(format!("{email:?} is not an email address: {error}"));
    model::EmailAddress::parse(email).map_err(refuse).map(|_| ())
}

fn check_room(conn: &Connection, table: &str, most: usize) -> Result<()> {
    let count: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    if usize::try_from(count).is_ok_and(|count| count >= most) {
        return Err(StoreError::Refused(format!("there are {count} already, which is the most")));
    }
    Ok(())
}

impl Ledger {
    pub(crate) fn make_workspace(&mut self, name: &str, actor: &Actor, now: Timestamp) -> Result<Workspace> {
        check_name("a workspace", name)?;
        check_room(&self.conn, "workspace", WORKSPACES_MAX)?;
        let id = WorkspaceId(self.new_id(now));
        self.conn.execute("INSERT INTO workspace (id, name) VALUES (?1, ?2)", params![id.0, name])?;
        let about = NewEvent::saying(name.to_owned());
        self.event(id, EventKind::WorkspaceChanged, actor, now, about)?;
        workspace_exists(&self.conn, id)
    }

    pub(crate) fn rename_workspace(
        &mut self,
        id: WorkspaceId,
        name: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Workspace> {
        workspace_exists(&self.conn, id)?;
        check_name("a workspace", name)?;
        self.conn.execute("UPDATE workspace SET name = ?2 WHERE id = ?1", params![id.0, name])?;
        let about = NewEvent::saying(name.to_owned());
        self.event(id, EventKind::WorkspaceChanged, actor, now, about)?;
        workspace_exists(&self.conn, id)
    }

    /// Gives somebody (address in lower case, name) a place.
    pub(crate) fn add_member(
        &mut self,
        workspace: WorkspaceId,
        who: (&str, &str),
        role: Role,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Member> {
        let (email, name) = who;
        workspace_exists(&self.conn, workspace)?;
        check_address(email)?;
        let id = match by_email(&self.conn, email)? {
            Some(known) => known.id,
            None => {
                check_name("a person", name)?;
                let id = UserId(self.new_id(now));
                self.make_account(id, who, now)?;
                id
            }
        };
        let sql = "SELECT id FROM invitation WHERE workspace = ?1 AND email = ?2";
        let invited: Option<i64> =
            self.conn.query_row(sql, params![workspace.0, email], |row| row.get(0)).optional()?;
        if let Some(invited) = invited {
            self.withdraw(UserId(invited))?;
        }
        self.give_place(workspace, id, role, now)?;
        self.tell_user(workspace, EventKind::UserAdded, id, role.word(), actor, now)?;
        require_member(&self.conn, workspace, id)
    }

    /// An account without a password.
    fn make_account(&self, id: UserId, (email, name): (&str, &str), now: Timestamp) -> Result<()> {
        check_room(&self.conn, "app_user", USERS_MAX)?;
        let sql = "INSERT INTO app_user (id, email, name, second_factor_step, created_at) VALUES (?1, ?2, ?3, 0, ?4)";
        self.conn.execute(sql, params![id.0, email, name, now.as_millis()])?;
        Ok(())
    }

    fn give_place(&self, workspace: WorkspaceId, user: UserId, role: Role, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO membership (workspace, app_user, role, since) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING";
        if self.conn.execute(sql, params![workspace.0, user.0, role.code(), now.as_millis()])? == 0 {
            let name = require_user(&self.conn, user)?.email;
            return Err(StoreError::Exists { what: "user", name });
        }
        Ok(())
    }

    /// Invites somebody (address in lower case, name). Nothing here depends on whether there is an account.
    pub(crate) fn invite(
        &mut self,
        workspace: WorkspaceId,
        (email, name): (&str, &str),
        role: Role,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Member> {
        workspace_exists(&self.conn, workspace)?;
        check_address(email)?;
        check_name("a person", name)?;
        check_room(&self.conn, "invitation", USERS_MAX)?;
        let sql = "SELECT EXISTS (SELECT 1 FROM membership m JOIN app_user u ON u.id = m.app_user
            WHERE m.workspace = ?1 AND u.email = ?2)";
        let has_place: bool = self.conn.query_row(sql, params![workspace.0, email], |row| row.get(0))?;
        let id = UserId(self.new_id(now));
        let sql = "INSERT INTO invitation (id, workspace, email, name, role, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT DO NOTHING";
        let key = params![id.0, workspace.0, email, name, role.code(), now.as_millis()];
        if has_place || self.conn.execute(sql, key)? == 0 {
            return Err(StoreError::Exists { what: "user", name: email.to_owned() });
        }
        // An invitation is gone when it is accepted or taken back: whom it was to is told with it.
        let what = format!("{}, {email}", role.word());
        self.tell_user(workspace, EventKind::UserAdded, id, &what, actor, now)?;
        require_invitation(&self.conn, id)
    }

    pub(crate) fn accept_invitation(&mut self, id: UserId, name: Option<&str>, now: Timestamp) -> Result<Member> {
        let invited = require_invitation(&self.conn, id)?;
        let (workspace, email) = (invited.workspace.id, invited.user.email);
        let user = match by_email(&self.conn, &email)? {
            Some(known) => known.id,
            None => {
                let name = name.unwrap_or(&invited.user.name);
                check_name("a person", name)?;
                self.make_account(id, (&email, name), now)?;
                id
            }
        };
        self.withdraw(id)?;
        self.give_place(workspace, user, invited.role, now)?;
        let what = format!("{} accepted", invited.role.word());
        self.tell_user(workspace, EventKind::UserChanged, user, &what, &Actor::User(user), now)?;
        require_member(&self.conn, workspace, user)
    }

    /// Takes an invitation back, and its links.
    fn withdraw(&self, id: UserId) -> Result<()> {
        self.conn.execute("DELETE FROM invitation WHERE id = ?1", [id.0])?;
        self.conn.execute("DELETE FROM one_time_link WHERE app_user = ?1", [id.0])?;
        Ok(())
    }

    /// Changes what somebody who is invited will be, or takes the invitation back.
    fn change_invitation(&mut self, invited: &Member, role: Option<Role>, actor: &Actor, now: Timestamp) -> Result<()> {
        let (id, workspace) = (invited.user.id, invited.workspace.id);
        match role {
            Some(role) if role == invited.role => Ok(()),
            Some(role) => {
                let sql = "UPDATE invitation SET role = ?2 WHERE id = ?1";
                self.conn.execute(sql, params![id.0, role.code()])?;
                self.tell_user(workspace, EventKind::UserChanged, id, role.word(), actor, now)
            }
            None => {
                self.withdraw(id)?;
                let what = format!("{}, {}", invited.role.word(), invited.user.email);
                self.tell_user(workspace, EventKind::UserRemoved, id, &what, actor, now)
            }
        }
    }

    pub(crate) fn set_role(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
        role: Option<Role>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(invited) = invitation(&self.conn, user)?.filter(|invited| invited.workspace.id == workspace) {
            return self.change_invitation(&invited, role, actor, now);
        }
        let known = require_member(&self.conn, workspace, user)?;
        if role == Some(known.role) {
            return Ok(());
        }
        let key = params![workspace.0, user.0, role.map(Role::code)];
        match role {
            Some(_) => {
                let sql = "UPDATE membership SET role = ?3 WHERE workspace = ?1 AND app_user = ?2";
                self.conn.execute(sql, key)?;
            }
            None => {
                let key = [workspace.0, user.0];
                self.conn.execute("DELETE FROM membership WHERE workspace = ?1 AND app_user = ?2", key)?;
                self.conn.execute("DELETE FROM session WHERE workspace = ?1 AND app_user = ?2", key)?;
                self.revoke_keys_of(workspace, Actor::User(user), actor, now)?;
            }
        }
        self.keep_an_owner(workspace, known.role)?;
        self.close_open_doors(workspace, known.role, actor, now)?;
        match role {
            Some(role) => self.tell_user(workspace, EventKind::UserChanged, user, role.word(), actor, now),
            None => self.tell_user(workspace, EventKind::UserRemoved, user, known.role.word(), actor, now),
        }
    }

    pub(crate) fn disable_user(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
        disabled: bool,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<User> {
        require_member(&self.conn, workspace, user)?;
        let since = disabled.then(|| now.as_millis());
        let sql = "UPDATE app_user SET disabled_at = ?2 WHERE id = ?1";
        self.conn.execute(sql, params![user.0, since])?;
        if disabled {
            self.conn.execute("DELETE FROM session WHERE app_user = ?1", [user.0])?;
            for place in places(&self.conn, user)? {
                self.keep_an_owner(place.workspace.id, place.role)?;
                self.revoke_keys_of(place.workspace.id, Actor::User(user), actor, now)?;
                self.close_open_doors(place.workspace.id, place.role, actor, now)?;
            }
        }
        let what = if disabled { "disabled" } else { "enabled" };
        self.tell_user(workspace, EventKind::UserChanged, user, what, actor, now)?;
        require_user(&self.conn, user)
    }

    /// After an owner's right ended: what only owners make, invitations and links to an account, waits a day to be used, and
    /// who made it is not kept; so all that waits in the workspace ends.
    fn close_open_doors(&mut self, workspace: WorkspaceId, was: Role, actor: &Actor, now: Timestamp) -> Result<()> {
        if was == Role::Owner { self.end_open_doors(workspace, actor, now) } else { Ok(()) }
    }

    /// Ends the invitations of a workspace and the links to its accounts that wait to be used.
    pub(crate) fn end_open_doors(&mut self, workspace: WorkspaceId, actor: &Actor, now: Timestamp) -> Result<()> {
        for invited in select_members(&self.conn, INVITED, "workspace = ?1", [workspace.0])? {
            self.change_invitation(&invited, None, actor, now)?;
        }
        let sql = "DELETE FROM one_time_link WHERE workspace = ?1 AND app_user IS NOT NULL";
        self.conn.execute(sql, [workspace.0])?;
        Ok(())
    }

    /// After a change to one of its owners: a workspace keeps one who is not shut out.
    fn keep_an_owner(&self, workspace: WorkspaceId, was: Role) -> Result<()> {
        let sql = "SELECT EXISTS (SELECT 1 FROM membership m JOIN app_user u ON u.id = m.app_user
            WHERE m.workspace = ?1 AND m.role = ?2 AND u.disabled_at IS NULL)";
        let key = params![workspace.0, Role::Owner.code()];
        if was == Role::Owner && !self.conn.query_row(sql, key, |row| row.get::<_, bool>(0))? {
            return Err(StoreError::Refused("a workspace keeps one owner; make somebody else owner first".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn rename_user(&mut self, user: UserId, name: &str, actor: &Actor, now: Timestamp) -> Result<()> {
        require_user(&self.conn, user)?;
        check_name("a person", name)?;
        self.conn.execute("UPDATE app_user SET name = ?2 WHERE id = ?1", params![user.0, name])?;
        for place in places(&self.conn, user)? {
            self.tell_user(place.workspace.id, EventKind::UserChanged, user, "name", actor, now)?;
        }
        Ok(())
    }

    pub(crate) fn change_credentials(
        &mut self,
        master: &[u8],
        user: UserId,
        change: &CredentialChange,
        keep: Option<&[u8; 32]>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        require_user(&self.conn, user)?;
        if let Some(password) = &change.password {
            self.conn.execute("UPDATE app_user SET password = ?2 WHERE id = ?1", params![user.0, password])?;
        }
        if let Some(factor) = &change.second_factor {
            let seal = |(secret, nonce): &(Vec<u8>, [u8; 12])| keys::seal(master, &seal_context(user), *nonce, secret);
            let sealed = factor.as_ref().map(seal).transpose()?;
            let sql = "UPDATE app_user SET second_factor = ?2, second_factor_step = 0, recovery = NULL WHERE id = ?1";
            self.conn.execute(sql, params![user.0, sealed])?;
        }
        if let Some(recovery) = &change.recovery {
            self.write_recovery(user, recovery)?;
        }
        if let Some(identity) = &change.identity {
            let (issuer, subject) = identity.as_ref().map(|(issuer, subject)| (issuer, subject)).unzip();
            let sql = "UPDATE app_user SET issuer = ?2, subject = ?3 WHERE id = ?1";
            self.conn.execute(sql, params![user.0, issuer, subject])?;
        }
        let none: &[u8] = &[];
        let kept = keep.map_or(none, |hash| hash.as_slice());
        self.conn.execute("DELETE FROM session WHERE app_user = ?1 AND hash <> ?2", params![user.0, kept])?;
        for place in places(&self.conn, user)? {
            self.tell_user(place.workspace.id, EventKind::UserChanged, user, &change.told(), actor, now)?;
        }
        Ok(())
    }

    fn write_recovery(&self, user: UserId, recovery: &[String]) -> Result<()> {
        let text = serde_json::to_string(recovery).map_err(|error| StoreError::Refused(error.to_string()))?;
        self.conn.execute("UPDATE app_user SET recovery = ?2 WHERE id = ?1", params![user.0, text])?;
        Ok(())
    }

    pub(crate) fn use_second_factor_step(&mut self, user: UserId, step: i64) -> Result<bool> {
        let sql = "UPDATE app_user SET second_factor_step = ?2 WHERE id = ?1 AND second_factor_step < ?2";
        Ok(self.conn.execute(sql, params![user.0, step])? > 0)
    }

    pub(crate) fn use_recovery_code(&mut self, user: UserId, hash: &str) -> Result<bool> {
        let sql = "SELECT recovery FROM app_user WHERE id = ?1";
        let known: Option<Option<String>> = self.conn.query_row(sql, [user.0], |row| row.get(0)).optional()?;
        let mut left: Vec<String> =
            known.flatten().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let Some(at) = left.iter().position(|known| known == hash) else { return Ok(false) };
        left.remove(at);
        self.write_recovery(user, &left)?;
        Ok(true)
    }

    /// An event about somebody who works here.
    pub(crate) fn tell_user(
        &mut self,
        workspace: WorkspaceId,
        kind: EventKind,
        user: UserId,
        what: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<()> {
        let about = NewEvent::saying(format!("{user} {what}"));
        self.event(workspace, kind, actor, now, about)
    }
}
