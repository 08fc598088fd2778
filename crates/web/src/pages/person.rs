//! What can be done with one person: another address, other values, not mailed any more or again, taken along, forgotten.
//!
//! Each form sends what the API is asked for, and what it refuses is said beside its field. Invariant: what cannot be undone
//! asks for the address to be typed.

use super::Visitor;
use super::contacts::attributes;
use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Part, Press, Sheet};
use crate::App;
use crate::api::{contacts as api, suppressions};
use crate::extract::{At, given};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::{ContactId, ContactStatus};
use serde_json::{Map, Value, json};
use store::Contact;

/// What stands before the name of a value in its field's name.
const VALUE: &str = "value-";
/// Values that can be changed here at once.
const VALUES_MAX: usize = 100;

/// A form of somebody's page, as it was sent.
type Sent = (State<App>, Visitor, At<ContactId>, Typed);

/// The page.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, At(id): At<ContactId>) -> Result<Response, Problem> {
    draw(&app, &visitor, id, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, id: ContactId, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let contact = api::found(app, &visitor.caller, id).await?;
    let shown = &visitor.shown;
    let email = contact.email.clone().unwrap_or_default();
    let name = if email.is_empty() { id.to_string() } else { email.clone() };
    let base = format!("/contacts/{id}");
    let title = shown.fill("person-change-title", &[("name", name.as_str().into())]);
    let layout = Layout::of(app, visitor, Section::Contacts, title);
    let mut sheet = Sheet::new(layout).up(base.clone(), name);
    if visitor.caller.scopes.has(Scope::ContactsExport) {
        sheet = sheet.press(Press::to(format!("/api/v1/contacts/{id}/export"), shown.say("person-export")));
    }
    let keep = shown.say("keep");
    let address = Form::new("address", shown.say("person-address"), format!("{base}/address"), keep.clone(), entered)
        .help(shown.say("person-address-what"))
        .field(Field::line("email", shown.say("email")).value(&email).required());
    sheet = sheet.part(address).part(values_form(visitor, &contact, entered));
    if contact.status == ContactStatus::Error {
        let title = shown.say("person-back");
        let form = Form::new("back", title, format!("{base}/back"), shown.say("person-back-do"), entered)
            .help(shown.say("person-back-what"))
            .field(Field::line("reason", shown.say("suppressed-reason")).required());
        sheet = sheet.part(form);
    }
    if visitor.caller.scopes.has(Scope::SuppressionsWrite) && !email.is_empty() {
        sheet = match contact.suppressions.iter().any(|kept| kept.reason.may_be_lifted()) {
            true => {
                let query = form_urlencoded::Serializer::new(String::new()).append_pair("target", &email).finish();
                sheet.press(Press::to(format!("/suppressions/lift?{query}"), shown.say("suppressed-lift")))
            }
            false => sheet,
        };
        let title = shown.say("person-suppress");
        let form = Form::new("suppress", title, format!("{base}/suppress"), shown.say("suppressed-add-do"), entered)
            .help(shown.say("person-suppress-what"))
            .field(Field::line("note", shown.say("suppressed-note")))
            .folded();
        sheet = sheet.part(form);
    }
    let forget = Form::new(
        "forget",
        shown.say("person-forget"),
        format!("{base}/forget"),
        shown.say("person-forget-do"),
        entered,
    )
    .help(shown.say("person-forget-what"))
    .field(Field::line("typed", shown.say("person-forget-type")).required())
    .folded();
    sheet = match email.is_empty() {
        true => sheet.part(Part::Note("skip", shown.say("person-nameless"), None)),
        false => sheet.part(forget),
    };
    Ok(sheet.answer(entered))
}

/// A field for every value there is, and two for another.
fn values_form(visitor: &Visitor, contact: &Contact, entered: &Entered) -> Form {
    let shown = &visitor.shown;
    let action = format!("/contacts/{}/values", contact.id);
    let mut form = Form::new("values", shown.say("contact-values"), action, shown.say("keep"), entered);
    for (name, value) in attributes(contact).into_iter().take(VALUES_MAX) {
        form = form.field(Field::line(format!("{VALUE}{name}"), name).value(value));
    }
    form.field(Field::line("name", shown.say("person-value-name")))
        .field(Field::line("new", shown.say("person-value-new")))
        .help(shown.say("person-values-what"))
}

/// Asks the API for a change; back to the person, or to what was typed.
async fn change(
    (app, visitor, id): (App, Visitor, ContactId),
    form: &'static str,
    typed: Typed,
    wanted: Value,
) -> Result<Response, Problem> {
    match api::change(State(app.clone()), visitor.caller.clone(), At(id), given(&wanted)?).await {
        Ok(Json(_)) => Ok(Redirect::to(&format!("/contacts/{id}")).into_response()),
        Err(problem) => draw(&app, &visitor, id, &Entered::refused(form, typed, problem)?).await,
    }
}

/// Another address.
pub(super) async fn address((State(app), visitor, At(id), typed): Sent) -> Result<Response, Problem> {
    let wanted = json!({ "email": typed.get("email") });
    change((app, visitor, id), "address", typed, wanted).await
}

/// Other values. What was a number or a choice stays one where it can be read so.
pub(super) async fn values((State(app), visitor, At(id), typed): Sent) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let contact = api::found(&app, &visitor.caller, id).await?;
    let known: Map<String, Value> = serde_json::from_str(&contact.attributes).unwrap_or_default();
    let read = |before: Option<&Value>, text: &str| match before {
        Some(Value::Number(_) | Value::Bool(_)) => {
            let same = |read: &Value| read.is_number() || read.is_boolean();
            serde_json::from_str(text).ok().filter(same).unwrap_or_else(|| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    };
    let mut wanted = Map::new();
    for name in known.keys() {
        let field = format!("{VALUE}{name}");
        if typed.knows(&field) {
            wanted.insert(name.clone(), read(known.get(name), typed.get(&field)));
        }
    }
    match (typed.some("name"), typed.some("new")) {
        (Some(name), value) => {
            wanted.insert(name.clone(), read(known.get(&name), &value.unwrap_or_default()));
        }
        (None, Some(_)) => {
            let problem = Problem::field("name", visitor.shown.say("person-value-nameless"));
            return draw(&app, &visitor, id, &Entered::refused("values", typed, problem)?).await;
        }
        (None, None) => {}
    }
    change((app, visitor, id), "values", typed, json!({ "attributes": wanted })).await
}

/// May be mailed again after an error.
pub(super) async fn back((State(app), visitor, At(id), typed): Sent) -> Result<Response, Problem> {
    let wanted = json!({ "reactivate": true, "reason": typed.get("reason") });
    change((app, visitor, id), "back", typed, wanted).await
}

/// Not to be mailed any more.
pub(super) async fn suppress((State(app), visitor, At(id), typed): Sent) -> Result<Response, Problem> {
    let contact = api::found(&app, &visitor.caller, id).await?;
    let wanted = json!({ "target": contact.email.unwrap_or_default(), "note": typed.some("note") });
    match suppressions::add(State(app.clone()), visitor.caller.clone(), given(&wanted)?).await {
        Ok((_, Json(done))) => {
            let waits = done.waiting.map(|waits| format!("&waits={waits}")).unwrap_or_default();
            Ok(Redirect::to(&format!("/contacts/{id}?done=suppressed{waits}")).into_response())
        }
        Err(problem) => draw(&app, &visitor, id, &Entered::refused("suppress", typed, problem)?).await,
    }
}

/// Forgets them, once their address was typed.
pub(super) async fn forget((State(app), visitor, At(id), typed): Sent) -> Result<Response, Problem> {
    visitor.caller.may(Scope::ContactsWrite)?;
    let contact = api::found(&app, &visitor.caller, id).await?;
    let email = contact.email.ok_or_else(|| Problem::from(Code::Refused))?;
    if !typed.get("typed").eq_ignore_ascii_case(&email) {
        let problem = Problem::field("typed", visitor.shown.say("person-forget-wrong"));
        return draw(&app, &visitor, id, &Entered::refused("forget", typed, problem)?).await;
    }
    let Json(_) = api::forget(State(app), visitor.caller, At(id)).await?;
    Ok(Redirect::to("/contacts?done=forgotten").into_response())
}
