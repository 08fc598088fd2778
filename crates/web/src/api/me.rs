//! The caller: who they are, and what they change about themselves.

use crate::auth::{password, sign_in, totp};
use crate::extract::{Input, name};
use crate::idempotency::ShownOnce;
use crate::problem::{Code, Faults, Problem};
use crate::{App, Caller, Peer};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use store::user::NAME_CHARS_MAX;
use store::{CredentialChange, Credentials};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(rename))
        .routes(routes!(change_password))
        .routes(routes!(begin_second_factor, confirm_second_factor))
        .routes(routes!(drop_second_factor))
}

/// The caller.
#[derive(Serialize, ToSchema)]
struct Me {
    /// As the audit log names them: `user:u_…` or `key:k_…`.
    actor: String,
    /// The workspace they work in.
    workspace: String,
    /// Its name.
    workspace_name: String,
    /// What a person is there; absent for keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// What they may do.
    scopes: Vec<String>,
    /// The person's account; absent for keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
}

/// A person's account.
#[derive(Serialize, ToSchema)]
struct Account {
    /// The address they sign in with.
    email: String,
    /// Their name.
    name: String,
    /// Is there a second factor?
    second_factor: bool,
    /// Every workspace they belong to.
    workspaces: Vec<Place>,
}

/// A place in a workspace.
#[derive(Serialize, ToSchema)]
struct Place {
    /// The workspace.
    workspace: String,
    /// Its name.
    name: String,
    /// As what.
    role: String,
}

/// Who am I?
///
/// Tells a program whether its key works, where, and for what.
#[utoipa::path(get, path = "/me", tag = "me", responses((status = 200, body = Me)))]
async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    let workspace = app.store.workspace(caller.workspace).await?;
    let account = match caller.person() {
        Ok(user) => {
            let places = app.store.places_of(user).await?;
            let place = |member: &store::Member| Place {
                workspace: member.workspace.id.to_string(),
                name: member.workspace.name.clone(),
                role: member.role.word().to_owned(),
            };
            let workspaces = places.iter().map(place).collect();
            app.store.user(user).await?.map(|user| Account {
                email: user.email,
                name: user.name,
                second_factor: user.has_second_factor,
                workspaces,
            })
        }
        Err(_) => None,
    };
    Ok(Json(Me {
        actor: caller.actor.as_text(),
        workspace: caller.workspace.to_string(),
        workspace_name: workspace.map(|workspace| workspace.name).unwrap_or_default(),
        role: caller.role.map(|role| role.word().to_owned()),
        scopes: caller.scopes.iter().map(|scope| scope.word().to_owned()).collect(),
        account,
    }))
}

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewName {
    /// What one is called from now on, in every workspace: 1 to 100 characters.
    name: String,
}

/// Change one's name.
#[utoipa::path(put, path = "/me/name", tag = "me", request_body = NewName, responses((status = 204)))]
pub(crate) async fn rename(
    State(app): State<App>,
    caller: Caller,
    Input(given): Input<NewName>,
) -> Result<StatusCode, Problem> {
    let user = caller.person()?;
    let wanted = given.name.trim();
    name("name", wanted, NAME_CHARS_MAX)?;
    app.store.rename_user(user, wanted, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The present one.
    password: String,
    /// The one to come: 12 characters at least.
    new_password: String,
}

/// Change one's password.
///
/// Every other session of the person ends.
#[utoipa::path(put, path = "/me/password", tag = "me", request_body = NewPassword, responses((status = 204)))]
pub(crate) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Extension(Peer(ip)): Extension<Peer>,
    Input(given): Input<NewPassword>,
) -> Result<StatusCode, Problem> {
    let mut faults = Faults::default();
    let known = faults.take(sign_in::confirm(&app, &caller, &given.password, ip).await);
    // Whoever does not know the password may not be told that the address is in the new one.
    let email = known.as_ref().map_or("", |known| known.user.email.as_str());
    if let Some(why) = password::objection(&given.new_password, email) {
        faults.add(Problem::field("new_password", why));
    }
    let known = faults.pass(known)?;
    let stretched = app.stretch(&given.new_password).await?;
    let change = CredentialChange { password: Some(stretched), ..CredentialChange::default() };
    change_own(&app, &caller, &known, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    /// The present password.
    password: String,
}

/// A second factor to be.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offered {
    /// The secret for the app, in base 32. It is in force when a code made with it comes back.
    pub(crate) secret: String,
    /// The same as an address that apps read from a picture.
    pub(crate) uri: String,
}

/// Begin a second factor: a secret for the authenticator app.
#[utoipa::path(post, path = "/me/second-factor", tag = "me", request_body = Proof,
    responses((status = 200, body = Offered)))]
pub(crate) async fn begin_second_factor(
    State(app): State<App>,
    caller: Caller,
    Extension(Peer(ip)): Extension<Peer>,
    Input(given): Input<Proof>,
) -> Result<(Extension<ShownOnce>, Json<Offered>), Problem> {
    let known = sign_in::confirm(&app, &caller, &given.password, ip).await?;
    let mut secret = [0; totp::SECRET_BYTES];
    app.world.entropy.fill("second factor", &mut secret);
    Ok((
        Extension(ShownOnce),
        Json(Offered { secret: totp::base32(&secret), uri: totp::uri(&secret, &known.user.email) }),
    ))
}

/// The secret and a code made with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmed {
    /// The present password.
    password: String,
    /// The secret that was offered.
    secret: String,
    /// What the app shows.
    code: String,
}

/// Codes for the day the telephone is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recovery {
    /// Each works once. They are shown this once.
    pub(crate) recovery_codes: Vec<String>,
}

/// Put the second factor in force.
#[utoipa::path(put, path = "/me/second-factor", tag = "me", request_body = Confirmed,
    responses((status = 200, body = Recovery)))]
pub(crate) async fn confirm_second_factor(
    State(app): State<App>,
    caller: Caller,
    Extension(Peer(ip)): Extension<Peer>,
    Input(given): Input<Confirmed>,
) -> Result<(Extension<ShownOnce>, Json<Recovery>), Problem> {
    let mut faults = Faults::default();
    let known = faults.take(sign_in::confirm(&app, &caller, &given.password, ip).await);
    if known.as_ref().is_some_and(|known| known.second_factor.is_some()) {
        faults.add(Problem::new(Code::WrongState, "there is a second factor already; take it away first"));
    }
    let secret = totp::unbase32(&given.secret).filter(|secret| secret.len() == totp::SECRET_BYTES);
    let secret = faults.take(secret.ok_or_else(|| Problem::field("secret", "not the secret that was offered")));
    // Whoever asks knows this secret already: telling that a code is not of it tells nothing.
    let step = secret.as_ref().map(|secret| totp::step_of(secret, &given.code, app.now()));
    if step == Some(None) {
        faults.add(Problem::field("code", "not a code of this secret; is the telephone's clock right?"));
    }
    let ((known, secret), step) = faults.pass(known.zip(secret).zip(step.flatten()))?;
    let (recovery_codes, hashes) = totp::recovery_codes(app.world.entropy.as_ref());
    let mut nonce = [0; 12];
    app.world.entropy.fill("second factor nonce", &mut nonce);
    let change = CredentialChange {
        second_factor: Some(Some((secret, nonce))),
        recovery: Some(hashes),
        ..CredentialChange::default()
    };
    change_own(&app, &caller, &known, change).await?;
    app.store.use_second_factor_step(known.user.id, step).await?;
    Ok((Extension(ShownOnce), Json(Recovery { recovery_codes })))
}

/// The password and a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Farewell {
    /// The present password.
    password: String,
    /// A code of the second factor, or a recovery code.
    code: String,
}

/// Take the second factor away.
#[utoipa::path(post, path = "/me/second-factor/remove", tag = "me", request_body = Farewell,
    responses((status = 204)))]
pub(crate) async fn drop_second_factor(
    State(app): State<App>,
    caller: Caller,
    Extension(Peer(ip)): Extension<Peer>,
    Input(given): Input<Farewell>,
) -> Result<StatusCode, Problem> {
    let mut faults = Faults::default();
    let known = faults.take(sign_in::confirm(&app, &caller, &given.password, ip).await);
    // Whether a code is right is told to whoever knows the password; that there is none, to anybody.
    if given.code.trim().is_empty() {
        faults.add(Problem::field("code", "a code of the second factor is needed"));
    }
    let known = faults.pass(known)?;
    let proven = sign_in::second_factor(&app, &known, Some(&given.code), app.now()).await;
    proven.map_err(|problem| if problem.code == Code::SecondFactorWrong { problem.about("code") } else { problem })?;
    let change = CredentialChange { second_factor: Some(None), ..CredentialChange::default() };
    change_own(&app, &caller, &known, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every other session ends: whoever knew what was replaced is out.
async fn change_own(app: &App, caller: &Caller, known: &Credentials, change: CredentialChange) -> Result<(), Problem> {
    Ok(app.store.change_credentials(known.user.id, change, caller.session, &caller.actor, app.now()).await?)
}
