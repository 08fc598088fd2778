//! The first minutes: what is set up, what is missing, and a sandbox to try everything in before anything is.
//!
//! The steps are in the order in which a new operator takes them, and each is looked up, never ticked off by hand. They are
//! the first page of a workspace in which nothing was done, and stay on it as one card until all are done.

use super::home::Need;
use super::layout::{Layout, Section};
use super::{Visitor, page};
use crate::App;
use crate::api::domains;
use crate::extract::Asked;
use crate::page as pages;
use crate::problem::{Code, Problem};
use crate::sandbox::PLACE;
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::drafts::POSTAL_ADDRESS;
use engine::setup::{About, Check, Finding};
use model::CampaignState;
use model::access::Scope;

/// Campaigns that are looked at for one that has begun.
const CAMPAIGNS_MAX: usize = 8;

/// One step.
pub(super) struct Step {
    /// Its name in the page.
    id: &'static str,
    fact: String,
    /// What is so, or what to do.
    reason: String,
    /// Where it is done, for those who may.
    href: Option<&'static str>,
    button: String,
    is_done: bool,
}

/// All of them.
pub(super) struct Steps {
    steps: Vec<Step>,
    /// Was nothing done but that somebody became the owner?
    is_untouched: bool,
}

impl Steps {
    /// How they stand in the visitor's workspace.
    pub(super) async fn of(app: &App, visitor: &Visitor) -> Result<Steps, Problem> {
        let (store, workspace, shown) = (&app.store, visitor.caller.workspace, &visitor.shown);
        let asked = (State(app.clone()), visitor.caller.clone(), Asked(pages::Plain::default()));
        let domain = match domains::list(asked.0, asked.1, asked.2).await {
            Ok(Json(known)) => known.data.first().map(|domain| domain.domain.clone()),
            Err(problem) if problem.code == Code::NotAllowed => None,
            Err(problem) => return Err(problem),
        };
        let address = store.setting(workspace, POSTAL_ADDRESS).await?;
        let people = !store.contacts_page(workspace, None, 1).await?.is_empty();
        let campaigns = store.campaigns_page(workspace, None, CAMPAIGNS_MAX).await?;
        let waits = |state| matches!(state, CampaignState::Draft | CampaignState::Scheduled);
        let has_begun = campaigns.iter().any(|campaign| !waits(campaign.state));
        let is_untouched = domain.is_none() && address.is_none() && !people && campaigns.is_empty();
        let step = |id, fact: String, [todo, done]: [String; 2], href, button: String, is_done| {
            let reason = if is_done { done } else { todo };
            let needed = match id {
                "owner" => Scope::UsersRead,
                "domain" => Scope::DomainsRead,
                "address" => Scope::SettingsRead,
                "contacts" => Scope::ContactsWrite,
                _ => Scope::CampaignsRead,
            };
            // Where a role may not go no link leads.
            let href = Some(href).filter(|_| visitor.caller.scopes.has(needed));
            Step { id, fact, reason, href, button, is_done }
        };
        let name = domain.clone().unwrap_or_default();
        // In a rehearsal nobody outside looks for the key.
        let is_known = match &domain {
            None => false,
            Some(_) if app.config.sending.transport.is_rehearsal() => true,
            Some(name) => domains::is_shown(app, &visitor.caller, name).await?,
        };
        let to_publish = match &domain {
            Some(name) => shown.fill("first-domain-unseen", &[("domain", name.as_str().into())]),
            None => shown.say("first-domain-todo"),
        };
        let steps = vec![
            step(
                "owner",
                shown.say("first-owner"),
                [String::new(), shown.say("first-owner-done")],
                "/users",
                shown.say("first-owner-do"),
                true,
            ),
            step(
                "domain",
                shown.say("first-domain"),
                [to_publish, shown.fill("first-domain-done", &[("domain", name.into())])],
                "/domains",
                shown.say("first-domain-do"),
                is_known,
            ),
            step(
                "address",
                shown.say("first-address"),
                [shown.say("first-address-todo"), address.clone().unwrap_or_default()],
                "/settings",
                shown.say("first-address-do"),
                address.is_some(),
            ),
            step(
                "contacts",
                shown.say("first-contacts"),
                [shown.say("first-contacts-todo"), shown.say("first-contacts-done")],
                "/imports/new",
                shown.say("first-contacts-do"),
                people,
            ),
            step(
                "message",
                shown.say("first-message"),
                [shown.say("first-message-todo"), shown.say("first-message-done")],
                if campaigns.is_empty() { "/campaigns/new" } else { "/campaigns" },
                shown.say("first-message-do"),
                has_begun,
            ),
        ];
        Ok(Steps { steps, is_untouched })
    }

    /// Was nothing done yet?
    pub(super) const fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    /// How many are done, of how many; `None`: all of them.
    pub(super) fn left(&self) -> Option<(usize, usize)> {
        let done = self.steps.iter().filter(|step| step.is_done).count();
        (done < self.steps.len()).then_some((done, self.steps.len()))
    }
}

#[derive(Template)]
#[template(path = "pages/first.html")]
struct First {
    layout: Layout,
    needs: Vec<Need>,
    steps: Steps,
    /// Is a sandbox offered?
    has_sandbox: bool,
    /// Is there one to go to?
    is_open: bool,
    may_open: bool,
    place: &'static str,
    /// Why it could not be opened.
    error: Option<String>,
    /// May the visitor have the machine looked at?
    may_look: bool,
    /// How it stands; empty: nobody looked yet.
    checks: Vec<Checked>,
}

/// Something of the machine that was looked at.
struct Checked {
    class: &'static str,
    stands: String,
    what: String,
    /// What is so, and what to do.
    says: String,
}

impl Checked {
    fn of(visitor: &Visitor, check: Check) -> Checked {
        let shown = &visitor.shown;
        let class = match check.reason.finding() {
            Finding::Good => "ok",
            Finding::Wrong => "hard",
            Finding::Unknown => "soft",
        };
        let what = shown.one_of("setup-of", check.about.word());
        let what = match &check.about {
            About::PublicAddress(name) | About::ReverseName(name) => format!("{what}: {name}"),
            About::Port25 => what,
        };
        let (found, expected) = check.reason.values();
        let values = [("found", found.into()), ("expected", expected.into())];
        let says = shown.fill(&format!("setup-{}", check.reason.word()), &values);
        Checked { class, stands: shown.one_of("setup-is", class), what, says }
    }
}

/// The page.
pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    // A sandbox has everything already.
    if app.is_sandbox() {
        return Ok(Redirect::to("/").into_response());
    }
    let steps = Steps::of(&app, &visitor).await?;
    Ok(draw(&app, &visitor, steps, Vec::new(), None))
}

/// The page with these steps, below what waits for somebody.
pub(super) fn draw(app: &App, visitor: &Visitor, steps: Steps, needs: Vec<Need>, error: Option<String>) -> Response {
    with_checks(app, visitor, steps, needs, error, Vec::new())
}

fn with_checks(
    app: &App,
    visitor: &Visitor,
    steps: Steps,
    needs: Vec<Need>,
    error: Option<String>,
    checks: Vec<Checked>,
) -> Response {
    let may_open = visitor.caller.of_the_house().is_ok() && visitor.caller.scopes.has(Scope::CampaignsSend);
    page(&First {
        layout: Layout::of(app, visitor, Section::Home, visitor.shown.say("first-title")),
        needs,
        steps,
        has_sandbox: app.sandbox.is_some() && visitor.caller.of_the_house().is_ok(),
        is_open: app.sandbox.as_ref().is_some_and(|sandbox| sandbox.router().is_some()),
        may_open,
        place: PLACE,
        error,
        may_look: may_look(visitor),
        checks,
    })
}

/// The machine is everybody's: whoever may see its sources may look at it.
fn may_look(visitor: &Visitor) -> bool {
    visitor.caller.of_the_house().is_ok() && visitor.caller.scopes.has(Scope::DispatchRead)
}

/// Looks at the machine: its public address, port 25, the reverse names of its sources.
pub(super) async fn look(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.of_the_house()?;
    visitor.caller.may(Scope::DispatchRead)?;
    // Nothing of a sandbox is out in the world.
    if app.is_sandbox() {
        return Err(Code::NotFound.into());
    }
    let transport = &app.config.sending.transport;
    let found = app.engine.look_at_setup(&app.world, &app.config.public_url, transport).await?;
    let checks = found.into_iter().map(|check| Checked::of(&visitor, check)).collect();
    let steps = Steps::of(&app, &visitor).await?;
    Ok(with_checks(&app, &visitor, steps, Vec::new(), None, checks))
}

fn may_keep(visitor: &Visitor) -> Result<(), Problem> {
    visitor.caller.of_the_house()?;
    visitor.caller.may(Scope::CampaignsSend)
}

/// Opens the sandbox, made if there is none, and leads into it.
pub(super) async fn open(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    may_keep(&visitor)?;
    let sandbox = app.sandbox.clone().ok_or(Code::NotFound)?;
    match sandbox.open(&app).await {
        Ok(()) => Ok(Redirect::to(&format!("{PLACE}/")).into_response()),
        Err(why) => Ok(draw(&app, &visitor, Steps::of(&app, &visitor).await?, Vec::new(), Some(why))),
    }
}

#[derive(Template)]
#[template(path = "pages/remove_sandbox.html")]
struct Remove {
    layout: Layout,
    place: &'static str,
}

/// Asks before everything in it is gone.
pub(super) async fn ask_to_remove(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    may_keep(&visitor)?;
    let sandbox = app.sandbox.as_ref().ok_or(Code::NotFound)?;
    if sandbox.router().is_none() {
        return Ok(Redirect::to("/first").into_response());
    }
    let layout = Layout::of(&app, &visitor, Section::Home, visitor.shown.say("sandbox-remove-question"));
    Ok(page(&Remove { layout, place: PLACE }))
}

/// Removes it. If it is gone already, that is as well.
pub(super) async fn remove(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    may_keep(&visitor)?;
    let sandbox = app.sandbox.as_ref().ok_or(Code::NotFound)?;
    sandbox.remove().await.map_err(|why| Problem::new(Code::Unavailable, why))?;
    Ok(Redirect::to("/first").into_response())
}
