//! The people of the workspace: invited by a link, given a role, shut out.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Badge, Cell, Facts, Part, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::users as api;
use crate::extract::{Asked, At, given};
use crate::page as pages;
use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::{Role, UserId};
use serde_json::json;
use store::Member;

const LIST: &str = "users";
/// People of a page.
const PAGE: usize = 50;

/// The people.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default(), None).await
}

async fn draw(
    app: &App,
    visitor: &Visitor,
    which: pages::Plain,
    entered: &Entered,
    note: Option<Part>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::UsersRead)?;
    let shown = &visitor.shown;
    let after = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.members(visitor.caller.workspace, after, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.user.id);
    let head = shown.says(["user", "user-role", "state", "user-factor", "since"]);
    let table = Table::new("users", shown.say("users"), head, shown.say("users-empty"))
        .rows(found.into_iter().map(|member| {
            let badge = standing(shown, &member);
            let factor = shown.say(if member.user.has_second_factor { "user-has-factor" } else { "user-no-factor" });
            vec![
                Cell::link(format!("/users/{}", member.user.id), member.user.name).sub(member.user.email),
                Cell::text(shown.one_of("role", member.role.word())),
                Cell { badge: Some(badge), ..Cell::default() },
                Cell::text(factor),
                Cell::time(shown, Some(member.since)),
            ]
        }))
        .next(next.map(|next| format!("/users?after={next}")))
        .with_csv(shown, "/users");
    let layout = Layout::of(app, visitor, Section::Settings, shown.say("users"));
    let mut sheet = Sheet::new(layout).tabs(tabs::settings(visitor, "/users"));
    if let Some(note) = note {
        sheet = sheet.part(note);
    }
    sheet = sheet.part(table);
    if visitor.caller.scopes.has(Scope::UsersWrite) {
        let form = Form::new("invite", shown.say("user-invite"), "/users", shown.say("user-invite-do"), entered)
            .help(shown.say("user-invite-what"))
            .field(Field::line("name", shown.say("your-name-of-them")).required())
            .field(Field::new("email", shown.say("email"), super::forms::Kind::Line("email")).required())
            .field(Field::one("role", shown.say("user-role"), roles(shown)).value(Role::Operator.word()));
        sheet = sheet.part(form);
    }
    Ok(sheet.answer(entered))
}

fn roles(shown: &Shown) -> Vec<(String, String)> {
    let words = |role: &Role| {
        let what = shown.one_of("role-what", role.word());
        (role.word().to_owned(), format!("{}: {what}", shown.one_of("role", role.word())))
    };
    Role::ALL.iter().map(words).collect()
}

fn standing(shown: &Shown, member: &Member) -> Badge {
    let user = &member.user;
    let (class, icon, text) = if user.disabled_at.is_some() {
        ("hard", "stop", shown.say("user-disabled"))
    } else if !member.is_invited && (user.has_password || user.has_single_sign_on) {
        ("ok", "ok", shown.say("user-works"))
    } else {
        ("go", "go", shown.say("user-invited"))
    };
    Badge { class, icon, text }
}

/// A link to hand over.
fn link_note(shown: &Shown, link: String) -> Part {
    Part::Note("ok", shown.say("user-link"), Some(link))
}

/// Invites somebody, and shows the link this once.
pub(super) async fn invite(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let wanted = json!({ "name": typed.get("name"), "email": typed.get("email"), "role": typed.get("role") });
    let which = pages::Plain::default();
    match api::invite(State(app.clone()), visitor.caller.clone(), given(&wanted)?).await {
        Ok((_, _, Json(invited))) => {
            let note = link_note(&visitor.shown, invited.link);
            draw(&app, &visitor, which, &Entered::default(), Some(note)).await
        }
        Err(problem) => draw(&app, &visitor, which, &Entered::refused("invite", typed, problem)?, None).await,
    }
}

/// Somebody.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, At(id): At<UserId>) -> Result<Response, Problem> {
    one(&app, &visitor, id, &Entered::default(), None).await
}

async fn one(
    app: &App,
    visitor: &Visitor,
    id: UserId,
    entered: &Entered,
    note: Option<Part>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::UsersRead)?;
    let shown = &visitor.shown;
    let member = api::require(app, &visitor.caller, id).await?;
    let badge = standing(shown, &member);
    let layout = Layout::of(app, visitor, Section::Settings, &member.user.name);
    let mut sheet = Sheet::new(layout).up("/users", shown.say("users")).badge(badge.class, badge.icon, badge.text);
    if let Some(note) = note {
        sheet = sheet.part(note);
    }
    let lines = vec![
        (shown.say("email"), Cell::text(&member.user.email)),
        (shown.say("user-role"), Cell::text(shown.one_of("role", member.role.word()))),
        (shown.say("since"), Cell::time(shown, Some(member.since))),
    ];
    sheet = sheet.part(Facts { id: "who".to_owned(), title: shown.say("user"), lines });
    if !visitor.caller.scopes.has(Scope::UsersWrite) {
        return Ok(sheet.answer(entered));
    }
    let base = format!("/users/{id}");
    let role = Form::new("role", shown.say("user-change"), format!("{base}/role"), shown.say("keep"), entered)
        .field(Field::one("role", shown.say("user-role"), roles(shown)).value(member.role.word()));
    let is_out = member.user.disabled_at.is_some();
    let (title, what) = match is_out {
        true => (shown.say("user-let-in"), shown.say("user-let-in-what")),
        false => (shown.say("user-shut-out"), shown.say("user-shut-out-what")),
    };
    let door = Form::new("door", title.clone(), format!("{base}/door"), title, entered)
        .help(what)
        .class(if is_out { "" } else { "risk" })
        .field(Field::hidden("disabled", if is_out { "" } else { "yes" }));
    let reset =
        Form::new("reset", shown.say("user-reset"), format!("{base}/reset"), shown.say("user-reset-do"), entered)
            .help(shown.say("user-reset-what"))
            .class("");
    let remove = Form::new("remove", shown.say("user-remove"), format!("{base}/remove"), shown.say("remove"), entered)
        .help(shown.say("user-remove-what"))
        .class("risk")
        .folded();
    let sheet = sheet.part(role).part(reset);
    let sheet = if member.is_invited { sheet } else { sheet.part(door) };
    Ok(sheet.part(remove).answer(entered))
}

/// What is refused to everybody in this role is no matter of the form.
fn of_form(form: &'static str, typed: Typed, mut problem: Problem) -> Result<Entered, Problem> {
    if problem.code == Code::NotAllowed {
        problem.code = Code::Refused;
    }
    Entered::refused(form, typed, problem)
}

async fn changed(
    app: &App,
    visitor: &Visitor,
    id: UserId,
    form: &'static str,
    change: serde_json::Value,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::UsersWrite)?;
    match api::change(State(app.clone()), visitor.caller.clone(), At(id), given(&change)?).await {
        Ok(_) => Ok(Redirect::to(&format!("/users/{id}")).into_response()),
        Err(problem) => one(app, visitor, id, &of_form(form, typed, problem)?, None).await,
    }
}

/// Changes a role.
pub(super) async fn set_role(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<UserId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let change = json!({ "role": typed.get("role") });
    changed(&app, &visitor, id, "role", change, typed).await
}

/// Shuts somebody out, or lets them in again.
pub(super) async fn door(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<UserId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let change = json!({ "disabled": typed.has("disabled") });
    changed(&app, &visitor, id, "door", change, typed).await
}

/// Makes a link by which somebody sets a new password.
pub(super) async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<UserId>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::UsersWrite)?;
    match api::reset(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok((_, _, Json(made))) => {
            let note = link_note(&visitor.shown, made.link);
            one(&app, &visitor, id, &Entered::default(), Some(note)).await
        }
        Err(problem) => one(&app, &visitor, id, &of_form("reset", typed, problem)?, None).await,
    }
}

/// Takes somebody's place away.
pub(super) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<UserId>,
    typed: Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::UsersWrite)?;
    match api::remove(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok(_) => Ok(Redirect::to("/users").into_response()),
        Err(problem) => one(&app, &visitor, id, &of_form("remove", typed, problem)?, None).await,
    }
}
