//! Lists people join and leave, each with its topic.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::lists as api;
use crate::extract::{Asked, At, given};
use crate::page as pages;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use model::{ContactId, ListId};
use serde_json::{Value, json};
use store::List;

const LIST: &str = "lists";
const WAITING: &str = "list-waiting";
/// Lists of a page.
const PAGE: usize = 50;
/// Templates that may be chosen from.
const TEMPLATES_MAX: usize = 100;

/// The lists.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, which: pages::Plain, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let shown = &visitor.shown;
    let after: Option<ListId> = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.lists(visitor.caller.workspace, after, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    let head = shown.says(["list", "list-topic", "list-public", "list-confirms", "since"]);
    let yes = |is_so: bool| Cell::text(shown.say(if is_so { "yes" } else { "no" }));
    let table = Table::new("lists", shown.say("lists"), head, shown.say("lists-empty"))
        .rows(found.into_iter().map(|known| {
            vec![
                Cell::link(format!("/lists/{}", known.id), &known.list.name),
                Cell::text(known.list.topic.as_deref().unwrap_or("–")),
                yes(known.list.public),
                yes(known.list.confirms),
                Cell::time(shown, Some(known.created_at)),
            ]
        }))
        .next(next.map(|next| format!("/lists?after={next}")))
        .with_csv(shown, "/lists");
    let layout = Layout::of(app, visitor, Section::Contacts, shown.say("lists"));
    let mut sheet = Sheet::new(layout).lead(shown.say("lists-what")).tabs(tabs::people(visitor, "/lists")).part(table);
    if visitor.caller.scopes.has(Scope::SegmentsWrite) {
        let form = Form::new("list", shown.say("list-add"), "/lists", shown.say("list-add-do"), entered);
        sheet = sheet.part(filled(app, visitor, form, None).await?);
    }
    Ok(sheet.answer(entered))
}

/// The fields of a list.
async fn filled(app: &App, visitor: &Visitor, form: Form, known: Option<&List>) -> Result<Form, Problem> {
    let shown = &visitor.shown;
    let mut templates = vec![(String::new(), shown.say("list-plain-words"))];
    let found = app.store.templates(visitor.caller.workspace, None, TEMPLATES_MAX).await?;
    templates.extend(found.into_iter().map(|template| (template.id.to_string(), template.name)));
    let list = known.map(|known| &known.list);
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let tick = |is_so: Option<bool>| if is_so == Some(true) { "yes" } else { "" };
    let template = list.and_then(|list| list.asking.template).map(|id| id.to_string()).unwrap_or_default();
    let topic = Field::line("topic", shown.say("list-topic")).help(shown.say("list-topic-help"));
    let public = Field::tick("public", shown.say("list-public-long"));
    let confirms = Field::tick("confirms", shown.say("list-confirms-long"));
    let sender = Field::line("sender", shown.say("list-sender")).help(shown.say("list-sender-help"));
    let reminds = Field::tick("reminds", shown.say("list-reminds"));
    Ok(form
        .field(Field::line("name", shown.say("list-name")).value(text(list.map(|list| &list.name))).required())
        .field(topic.value(text(list.and_then(|list| list.topic.as_ref()))))
        .field(public.value(tick(list.map(|list| list.public))))
        .field(confirms.value(tick(list.map(|list| list.confirms))))
        .field(sender.value(text(list.and_then(|list| list.asking.sender.as_ref()))))
        .field(Field::one("template", shown.say("list-template"), templates).value(template))
        .field(reminds.value(tick(list.map(|list| list.asking.reminds)))))
}

/// What was filled in, as the request of the API.
fn body(typed: &Typed) -> Value {
    json!({
        "name": typed.get("name"),
        "topic": typed.some("topic"),
        "public": typed.has("public"),
        "confirms": typed.has("confirms"),
        "sender": typed.some("sender"),
        "template": typed.some("template"),
        "reminds": typed.has("reminds"),
    })
}

/// What is refused without a field is about the name.
fn refused(typed: Typed, problem: Problem) -> Result<Entered, Problem> {
    Entered::refused("list", typed, problem.about("name"))
}

/// Makes a list.
pub(super) async fn make(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    match api::make(State(app.clone()), visitor.caller.clone(), given(&body(&typed))?).await {
        Ok(_) => Ok(Redirect::to("/lists").into_response()),
        Err(problem) => draw(&app, &visitor, pages::Plain::default(), &refused(typed, problem)?).await,
    }
}

/// A list.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, At(id): At<ListId>) -> Result<Response, Problem> {
    one(&app, &visitor, id, &Entered::default()).await
}

async fn one(app: &App, visitor: &Visitor, id: ListId, entered: &Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let shown = &visitor.shown;
    let known = app.store.list(visitor.caller.workspace, id).await?.ok_or_else(|| Problem::not_found("list", id))?;
    let layout = Layout::of(app, visitor, Section::Contacts, &known.list.name);
    let mut sheet = Sheet::new(layout)
        .up("/lists", shown.say("lists"))
        .press(Press::to(format!("/contacts?list={id}"), shown.say("list-people")));
    if visitor.caller.scopes.has(Scope::ContactsExport) {
        let members = format!("/api/v1/lists/{id}/members?format=csv");
        sheet = sheet.press(Press::to(members, shown.say("export-csv")));
    }
    if known.list.confirms && visitor.caller.scopes.has(Scope::ContactsRead) {
        let (waiting, is_all) = app.store.list_waiting_count(visitor.caller.workspace, id).await?;
        let words = match is_all {
            true => shown.count("list-waiting-n", &waiting),
            false => shown.count("list-waiting-least", &waiting),
        };
        sheet = sheet.press(Press::to(format!("/lists/{id}/waiting"), words));
    }
    sheet = sheet.part(form_to_embed(app, shown, &known).await?);
    if visitor.caller.scopes.has(Scope::SegmentsWrite) {
        let form = Form::new("list", shown.say("list-change"), format!("/lists/{id}"), shown.say("keep"), entered);
        let remove =
            Form::new("remove", shown.say("list-remove"), format!("/lists/{id}/remove"), shown.say("remove"), entered)
                .help(shown.say("list-remove-what"))
                .class("risk")
                .folded();
        sheet = sheet.part(filled(app, visitor, form, Some(&known)).await?).part(remove);
    }
    Ok(sheet.answer(entered))
}

/// Those on a list who did not confirm: nobody mails them by it.
pub(super) async fn waiting(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ListId>,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let (shown, workspace) = (&visitor.shown, visitor.caller.workspace);
    let known = app.store.list(workspace, id).await?.ok_or_else(|| Problem::not_found("list", id))?;
    let place = format!("/lists/{id}/waiting");
    let list = pages::within(WAITING, [place.as_str()]);
    let from: Option<ContactId> = pages::open_as(&list, which.after.as_deref())?;
    let mut found = app.store.list_waiting(workspace, id, from, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, &list, |last| last.contact);
    let people = app.store.contacts_of(workspace, found.iter().map(|one| one.contact).collect()).await?;
    let rows = found.into_iter().zip(people).map(|(member, person)| {
        let address = person.and_then(|person| person.email).unwrap_or_else(|| "–".to_owned());
        let asked = match (member.asked_at, member.not_asked_because) {
            (Some(at), _) => Cell::time(shown, Some(at)),
            (None, Some(why)) => Cell::text(shown.say("list-not-asked")).sub(shown.refused(&why)),
            (None, None) => Cell::text(shown.say("list-not-asked")),
        };
        vec![Cell::link(format!("/contacts/{}", member.contact), address), Cell::time(shown, Some(member.since)), asked]
    });
    let head = shown.says(["email", "since", "list-asked"]);
    let table = Table::new("waiting", shown.say("list-waiting"), head, shown.say("list-waiting-nobody"))
        .rows(rows)
        .next(next.map(|next| format!("{place}?after={next}")))
        .first(which.after.is_some().then(|| place.clone()))
        .without_csv("everybody on a list is a table of the list's own page, with when they confirmed");
    let layout = Layout::of(&app, &visitor, Section::Contacts, shown.say("list-waiting"));
    let sheet = Sheet::new(layout).up(format!("/lists/{id}"), known.list.name).lead(shown.say("list-waiting-what"));
    Ok(sheet.part(table).answer(&Entered::default()))
}

/// The form by which people join, to be put on one's own pages.
async fn form_to_embed(app: &App, shown: &Shown, known: &List) -> Result<Part, Problem> {
    if !crate::public::has_form(known) {
        return Ok(Part::Note("skip", shown.say("form-not-yet"), None));
    }
    let (url, html) = crate::public::join_form(app, known.workspace, known.id).await?;
    let what = shown.fill("form-embed-what", &[("url", url.into())]);
    Ok(Part::Text("embed", shown.say("form-embed"), what, html))
}

/// Changes a list.
pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ListId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::change(State(app.clone()), visitor.caller.clone(), At(id), given(&body(&typed))?).await {
        Ok(_) => Ok(Redirect::to(&format!("/lists/{id}")).into_response()),
        Err(problem) => one(&app, &visitor, id, &refused(typed, problem)?).await,
    }
}

/// Removes a list.
pub(super) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<ListId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::remove(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok(_) => Ok(Redirect::to("/lists").into_response()),
        Err(problem) => one(&app, &visitor, id, &Entered::refused("remove", typed, problem)?).await,
    }
}
