//! One's own account: name, password and second factor.

use super::forms::{Entered, Field, Form, Kind, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Facts, Part, Sheet};
use super::{Visitor, tabs};
use crate::api::me as api;
use crate::extract::given;
use crate::problem::{Code, Problem};
use crate::{App, Peer};
use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::json;

/// The account.
pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    draw(&app, &visitor, &Entered::default(), None, None).await
}

/// `offered`: the secret of a second factor to be, and its address.
async fn draw(
    app: &App,
    visitor: &Visitor,
    entered: &Entered,
    note: Option<Part>,
    offered: Option<(String, String)>,
) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let user = app.store.user(visitor.caller.person()?).await?.ok_or_else(|| Problem::from(Code::NotSignedIn))?;
    let layout = Layout::of(app, visitor, Section::Settings, shown.say("account"));
    let mut sheet = Sheet::new(layout).tabs(tabs::settings(visitor, "/account"));
    if let Some(note) = note {
        sheet = sheet.part(note);
    }
    let role = visitor.caller.role.map(|role| shown.one_of("role", role.word())).unwrap_or_default();
    let lines = vec![
        (shown.say("your-name"), Cell::text(&user.name)),
        (shown.say("email"), Cell::text(&user.email)),
        (shown.say("user-role"), Cell::text(role)),
    ];
    sheet = sheet.part(Facts { id: "who".to_owned(), title: shown.say("account-who"), lines });
    let old = || Field::password("password", shown.say("account-password"));
    let code = || Field::line("code", shown.say("account-code")).autocomplete("one-time-code").required();
    let factor = match (user.has_second_factor, offered) {
        (true, _) => {
            Form::new("drop", shown.say("factor-drop"), "/account/factor/drop", shown.say("factor-drop"), entered)
                .help(shown.say("factor-drop-what"))
                .class("risk")
                .field(old())
                .field(code().help(shown.say("sign-in-code-help")))
        }
        (false, Some((secret, uri))) => {
            let lines = vec![
                (shown.say("factor-secret"), Cell::code(&secret)),
                (shown.say("factor-address"), Cell { href: Some(uri.clone()), ..Cell::text(&uri) }),
            ];
            sheet = sheet.part(Facts { id: "offered".to_owned(), title: shown.say("factor-offered"), lines });
            Form::new(
                "confirm",
                shown.say("factor-confirm"),
                "/account/factor/confirm",
                shown.say("factor-confirm"),
                entered,
            )
            .help(shown.say("factor-confirm-what"))
            .field(Field::hidden("secret", secret))
            .field(Field::hidden("uri", uri))
            .field(old())
            .field(code())
        }
        (false, None) => {
            Form::new("begin", shown.say("factor-begin"), "/account/factor", shown.say("factor-begin"), entered)
                .help(shown.say("factor-begin-what"))
                .field(old())
        }
    };
    let new = Field::new("new_password", shown.say("account-new"), Kind::Line("password"));
    let password =
        Form::new("password", shown.say("account-change"), "/account/password", shown.say("account-change"), entered)
            .help(shown.say("account-change-what"))
            .field(old())
            .field(new.autocomplete("new-password").help(shown.say("welcome-password-help")).required());
    let name = Form::new("name", shown.say("your-name"), "/account/name", shown.say("keep"), entered)
        .help(shown.say("account-name-what"))
        .field(Field::line("name", shown.say("your-name")).value(&user.name).autocomplete("name").required());
    Ok(sheet.part(name).part(factor).part(password).answer(entered))
}

/// What was refused, in words that fit here: nobody types an address.
fn own(problem: Problem, words: String) -> Problem {
    match problem.code {
        Code::BadCredentials => Problem { detail: words, ..problem },
        _ => problem,
    }
}

/// Changes the name.
pub(super) async fn rename(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let wanted = json!({ "name": typed.get("name") });
    match api::rename(State(app.clone()), visitor.caller.clone(), given(&wanted)?).await {
        Ok(_) => {
            let note = Part::Note("ok", visitor.shown.say("account-renamed"), None);
            draw(&app, &visitor, &Entered::default(), Some(note), None).await
        }
        Err(problem) => draw(&app, &visitor, &Entered::refused("name", typed, problem)?, None, None).await,
    }
}

/// Changes the password.
pub(super) async fn change_password(
    State(app): State<App>,
    visitor: Visitor,
    peer: Extension<Peer>,
    typed: Typed,
) -> Result<Response, Problem> {
    let change = json!({ "password": typed.raw("password"), "new_password": typed.raw("new_password") });
    match api::change_password(State(app.clone()), visitor.caller.clone(), peer, given(&change)?).await {
        Ok(_) => {
            let note = Part::Note("ok", visitor.shown.say("account-changed"), None);
            draw(&app, &visitor, &Entered::default(), Some(note), None).await
        }
        Err(problem) => {
            let problem = own(problem, visitor.shown.say("account-not-yours"));
            draw(&app, &visitor, &Entered::refused("password", typed, problem)?, None, None).await
        }
    }
}

/// Offers a second factor.
pub(super) async fn begin_factor(
    State(app): State<App>,
    visitor: Visitor,
    peer: Extension<Peer>,
    typed: Typed,
) -> Result<Response, Problem> {
    let proof = json!({ "password": typed.raw("password") });
    match api::begin_second_factor(State(app.clone()), visitor.caller.clone(), peer, given(&proof)?).await {
        Ok((_, Json(offered))) => {
            draw(&app, &visitor, &Entered::default(), None, Some((offered.secret, offered.uri))).await
        }
        Err(problem) => {
            let problem = own(problem, visitor.shown.say("account-not-yours"));
            draw(&app, &visitor, &Entered::refused("begin", typed, problem)?, None, None).await
        }
    }
}

/// Puts it in force, and shows the codes for the day the telephone is gone.
pub(super) async fn confirm_factor(
    State(app): State<App>,
    visitor: Visitor,
    peer: Extension<Peer>,
    typed: Typed,
) -> Result<Response, Problem> {
    let wanted = json!({ "password": typed.raw("password"), "secret": typed.get("secret"), "code": typed.get("code") });
    match api::confirm_second_factor(State(app.clone()), visitor.caller.clone(), peer, given(&wanted)?).await {
        Ok((_, Json(made))) => {
            let codes = made.recovery_codes.join("\n");
            let (title, what) = (visitor.shown.say("factor-codes"), visitor.shown.say("factor-codes-what"));
            draw(&app, &visitor, &Entered::default(), Some(Part::Text("codes", title, what, codes)), None).await
        }
        Err(problem) => {
            let offered = (typed.get("secret").to_owned(), typed.get("uri").to_owned());
            let problem = own(problem, visitor.shown.say("account-not-yours"));
            draw(&app, &visitor, &Entered::refused("confirm", typed, problem)?, None, Some(offered)).await
        }
    }
}

/// Takes it away.
pub(super) async fn drop_factor(
    State(app): State<App>,
    visitor: Visitor,
    peer: Extension<Peer>,
    typed: Typed,
) -> Result<Response, Problem> {
    let farewell = json!({ "password": typed.raw("password"), "code": typed.get("code") });
    match api::drop_second_factor(State(app.clone()), visitor.caller.clone(), peer, given(&farewell)?).await {
        Ok(_) => {
            let note = Part::Note("ok", visitor.shown.say("factor-dropped"), None);
            draw(&app, &visitor, &Entered::default(), Some(note), None).await
        }
        Err(problem) => {
            let problem = own(problem, visitor.shown.say("account-not-proved"));
            draw(&app, &visitor, &Entered::refused("drop", typed, problem)?, None, None).await
        }
    }
}
