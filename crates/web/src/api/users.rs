//! The people of the workspace: invited, given a role, shut out.

use crate::auth::sign_in;
use crate::extract::{Asked, At, Input, name};
use crate::idempotency::ShownOnce;
use crate::page::{self, Page, Plain};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::access::Scope;
use model::{Actor, EmailAddress, Role, UserId};
use serde::{Deserialize, Serialize};
use store::user::NAME_CHARS_MAX;
use store::{LinkPurpose, Member};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "users";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, invite)).routes(routes!(show, change, remove)).routes(routes!(reset))
}

/// Somebody who works in the workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    /// Their id (`u_…`).
    id: String,
    /// The address they sign in with.
    email: String,
    /// Their name.
    name: String,
    /// `owner`, `operator`, `analyst`, `postmaster` or `developer`.
    role: String,
    /// Is there a second factor?
    second_factor: bool,
    /// Have they not accepted their invitation yet? Then they can read nothing here, and whether they have an account is not
    /// told: the id is the invitation's, the name the one that was given.
    invited: bool,
    /// In the workspace, or invited, since.
    since: Time,
    /// Shut out since.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<Time>,
}

impl From<Member> for User {
    fn from(member: Member) -> User {
        let user = member.user;
        User {
            id: user.id.to_string(),
            email: user.email,
            name: user.name,
            role: member.role.word().to_owned(),
            second_factor: user.has_second_factor,
            invited: member.is_invited || (!user.has_password && !user.has_single_sign_on),
            since: member.since.into(),
            disabled_at: user.disabled_at.map(Time),
        }
    }
}

/// The people of the workspace.
#[utoipa::path(get, path = "/users", tag = "users", params(Plain), responses((status = 200, body = Page<User>)))]
async fn list(State(app): State<App>, caller: Caller, Asked(which): Asked<Plain>) -> Result<Json<Page<User>>, Problem> {
    caller.may(Scope::UsersRead)?;
    let limit = page::limit(which.limit)?;
    let after = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.members(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |member| member.user.id.to_string(), User::from)))
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    /// Their address.
    email: String,
    /// Their name.
    name: String,
    /// `owner`, `operator`, `analyst`, `postmaster` or `developer`.
    role: String,
}

/// Somebody with a link.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invited {
    /// Who.
    user: User,
    /// The link to hand to them; it works once, for a day.
    pub(crate) link: String,
}

/// Invite somebody.
///
/// Nothing is mailed: hand the link over yourself. They belong to the workspace when they have accepted by it, and read nothing of
/// it before. The answer is the same whether or not they have an account already.
#[utoipa::path(post, path = "/users", tag = "users", request_body = Invitation,
    responses((status = 201, body = Invited)))]
pub(crate) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Input(given): Input<Invitation>,
) -> Result<(StatusCode, Extension<ShownOnce>, Json<Invited>), Problem> {
    caller.may(Scope::UsersWrite)?;
    let mut faults = Faults::default();
    let role = faults.take(read_role(&caller, &given.role));
    let read = EmailAddress::parse(&given.email).map_err(|why| Problem::field("email", why.to_string()));
    faults.take(read);
    faults.take(name("name", &given.name, NAME_CHARS_MAX));
    let role = faults.pass(role)?;
    let (workspace, now) = (caller.workspace, app.now());
    let member = app.store.invite(workspace, &given.email, &given.name, role, &caller.actor, now).await?;
    let link = link(&app, &member, LinkPurpose::Welcome, &caller.actor).await?;
    Ok((StatusCode::CREATED, Extension(ShownOnce), Json(Invited { user: member.into(), link })))
}

/// Nobody makes somebody who may do more than they may themselves.
fn read_role(caller: &Caller, word: &str) -> Result<Role, Problem> {
    let role = Role::from_word(word).ok_or_else(|| Problem::field("role", format!("there is no role {word:?}")))?;
    if !caller.scopes.covers(role.scopes()) {
        return Err(Problem::new(Code::NotAllowed, "this role may do more than you may").about("role"));
    }
    Ok(role)
}

async fn link(app: &App, member: &Member, purpose: LinkPurpose, actor: &Actor) -> Result<String, Problem> {
    let who = (member.workspace.id, Some(member.user.id), purpose);
    let token = sign_in::make_link(&app.store, app.world.entropy.as_ref(), who, actor, app.now()).await?;
    Ok(format!("{}/welcome/{token}", app.config.public_url))
}

/// Somebody of the workspace, or who is invited into it.
pub(crate) async fn require(app: &App, caller: &Caller, id: UserId) -> Result<Member, Problem> {
    if let Some(member) = app.store.member(caller.workspace, id).await? {
        return Ok(member);
    }
    let invited = app.store.invitation(id).await?.filter(|invited| invited.workspace.id == caller.workspace);
    invited.ok_or_else(|| Problem::not_found("user", id))
}

/// Somebody.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path, description = "The person")),
    responses((status = 200, body = User)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<UserId>) -> Result<Json<User>, Problem> {
    caller.may(Scope::UsersRead)?;
    Ok(Json(require(&app, &caller, id).await?.into()))
}

/// What to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// Their role in this workspace.
    #[serde(default)]
    role: Option<String>,
    /// Shut out of everything, or let in again. Refused for people who belong to other workspaces as well, unless one of
    /// the first workspace asks.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Change somebody's role, shut them out, or let them in again.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = String, Path, description = "The person")),
    request_body = UserChange, responses((status = 200, body = User)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<UserId>,
    Input(change): Input<UserChange>,
) -> Result<Json<User>, Problem> {
    caller.may(Scope::UsersWrite)?;
    let known = require(&app, &caller, id).await?;
    not_above(&caller, &known)?;
    let (workspace, now) = (caller.workspace, app.now());
    let role = change.role.as_deref().map(|word| read_role(&caller, word)).transpose()?;
    if let Some(disabled) = change.disabled {
        if known.is_invited {
            return Err(Problem::new(Code::WrongState, "they have not accepted yet: take the invitation away instead"));
        }
        alone_here(&app, &caller, id).await?;
        app.store.disable_user(workspace, id, disabled, &caller.actor, now).await?;
    }
    if role.is_some() {
        app.store.set_role(workspace, id, role, &caller.actor, now).await?;
    }
    Ok(Json(require(&app, &caller, id).await?.into()))
}

/// Whoever may do more than the caller is not touched by them.
fn not_above(caller: &Caller, known: &Member) -> Result<(), Problem> {
    if caller.scopes.covers(known.role.scopes()) {
        return Ok(());
    }
    Err(Problem::new(Code::NotAllowed, "this person may do more than you may"))
}

/// An account belongs to everybody whose workspace it works in.
async fn alone_here(app: &App, caller: &Caller, id: UserId) -> Result<(), Problem> {
    let places = app.store.places_of(id).await?;
    if places.iter().all(|place| place.workspace.id == caller.workspace) {
        return Ok(());
    }
    caller.of_the_house()
}

/// Take somebody's place in the workspace, or their invitation, away.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path, description = "The person")),
    responses((status = 204)))]
pub(crate) async fn remove(State(app): State<App>, caller: Caller, At(id): At<UserId>) -> Result<StatusCode, Problem> {
    caller.may(Scope::UsersWrite)?;
    let known = require(&app, &caller, id).await?;
    not_above(&caller, &known)?;
    app.store.set_role(caller.workspace, id, None, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a link by which somebody sets a new password, or another one for who is invited.
#[utoipa::path(post, path = "/users/{id}/reset", tag = "users",
    params(("id" = String, Path, description = "The person")), responses((status = 201, body = Invited)))]
pub(crate) async fn reset(
    State(app): State<App>,
    caller: Caller,
    At(id): At<UserId>,
) -> Result<(StatusCode, Extension<ShownOnce>, Json<Invited>), Problem> {
    caller.may(Scope::UsersWrite)?;
    let known = require(&app, &caller, id).await?;
    not_above(&caller, &known)?;
    alone_here(&app, &caller, id).await?;
    let purpose = if known.is_invited { LinkPurpose::Welcome } else { LinkPurpose::Reset };
    let link = link(&app, &known, purpose, &caller.actor).await?;
    Ok((StatusCode::CREATED, Extension(ShownOnce), Json(Invited { user: known.into(), link })))
}
