//! Sending domains: the records to publish, to be copied, and whether DNS shows them.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Cell, Facts, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::domains::{self as api, Domain, DomainPolicy};
use crate::extract::{Asked, At, given};
use crate::page as pages;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::access::Scope;
use serde_json::json;

/// The word of a record that nobody looked for yet.
const NOT_LOOKED: &str = "not_looked";

/// The domains.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    draw(&app, &visitor, which, &Entered::default()).await
}

async fn draw(app: &App, visitor: &Visitor, which: pages::Plain, entered: &Entered) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let Json(found) = api::list(State(app.clone()), visitor.caller.clone(), Asked(which)).await?;
    let head = shown.says(["domain", "domain-keys"]);
    let table = Table::new("domains", shown.say("domains"), head, shown.say("domains-empty"))
        .rows(found.data.into_iter().map(|domain| {
            let keys: Vec<String> = domain.keys.iter().map(|key| format!("{} ({})", key.selector, key.kind)).collect();
            vec![Cell::link(format!("/domains/{}", domain.domain), &domain.domain), Cell::text(keys.join(", "))]
        }))
        .next(found.next.map(|next| format!("/domains?after={next}")))
        .with_csv(shown, "/domains");
    let layout = Layout::of(app, visitor, Section::Delivery, shown.say("domains"));
    let mut sheet = Sheet::new(layout).lead(shown.say("domains-what")).tabs(tabs::delivery(visitor, "/domains"));
    sheet = sheet.part(table);
    if visitor.caller.scopes.has(Scope::DomainsWrite) {
        let form = Form::new("add", shown.say("domain-add"), "/domains", shown.say("domain-add-do"), entered)
            .field(Field::line("domain", shown.say("domain")).help(shown.say("domain-help")).required());
        sheet = sheet.part(form);
    }
    Ok(sheet.answer(entered))
}

/// Makes the first key of a domain, which makes it one of ours.
pub(super) async fn add(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let name = typed.get("domain").to_owned();
    let made = api::make_key(State(app.clone()), visitor.caller.clone(), At(name.clone()), given(&json!({}))?).await;
    match made {
        Ok(_) => Ok(Redirect::to(&format!("/domains/{}", name.to_ascii_lowercase())).into_response()),
        Err(problem) => {
            let entered = Entered::refused("add", typed, problem.about("domain"))?;
            draw(&app, &visitor, pages::Plain::default(), &entered).await
        }
    }
}

/// A domain with what is to be published.
pub(super) async fn show(State(app): State<App>, visitor: Visitor, At(name): At<String>) -> Result<Response, Problem> {
    unlooked(&app, &visitor, name, &Entered::default()).await
}

/// The same before a look into DNS: what is wanted stands there to be copied, and that nobody looked.
async fn unlooked(app: &App, visitor: &Visitor, name: String, entered: &Entered) -> Result<Response, Problem> {
    let Json(mut found) = api::show(State(app.clone()), visitor.caller.clone(), At(name)).await?;
    found.policies = api::wanted(app, &found.domain).await?;
    Ok(drawn(app, visitor, found, false, entered))
}

/// The same after a look into DNS.
pub(super) async fn check(State(app): State<App>, visitor: Visitor, At(name): At<String>) -> Result<Response, Problem> {
    let found = api::check(State(app.clone()), visitor.caller.clone(), At(name)).await?;
    Ok(drawn(&app, &visitor, found.0, true, &Entered::default()))
}

/// Makes another key.
pub(super) async fn make_key(
    State(app): State<App>,
    visitor: Visitor,
    At(name): At<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let new = json!({ "selector": typed.some("selector"), "ed25519": typed.get("kind") == "ed25519" });
    let (state, caller) = (State(app.clone()), visitor.caller.clone());
    match api::make_key(state, caller, At(name.clone()), given(&new)?).await {
        Ok(_) => Ok(Redirect::to(&format!("/domains/{name}")).into_response()),
        Err(problem) => unlooked(&app, &visitor, name, &Entered::refused("key", typed, problem)?).await,
    }
}

fn drawn(app: &App, visitor: &Visitor, domain: Domain, is_checked: bool, entered: &Entered) -> Response {
    let shown = &visitor.shown;
    let base = format!("/domains/{}", domain.domain);
    let layout = Layout::of(app, visitor, Section::Delivery, &domain.domain);
    let mut sheet = Sheet::new(layout).up("/domains", shown.say("domains"));
    sheet = sheet.press(Press::send(format!("{base}/check"), shown.say("domain-check")).class("main"));
    if is_checked {
        let all = domain.keys.iter().all(|key| key.published.as_deref() == Some("published"));
        let told = shown.say(if all { "domain-all-published" } else { "domain-not-published" });
        sheet = sheet.part(Part::Note(if all { "ok" } else { "soft" }, told, None));
    }
    for key in &domain.keys {
        let mut lines = vec![
            (shown.say("domain-record-type"), Cell::code("TXT")),
            (shown.say("domain-record-name"), Cell::code(&key.record_name)),
            (shown.say("domain-record-value"), Cell::code(&key.record_value)),
        ];
        if let Some(found) = &key.published {
            let (class, icon) = match found.as_str() {
                "published" => ("ok", "ok"),
                "unknown" => ("soft", "soft"),
                _ => ("hard", "hard"),
            };
            lines.push((shown.say("domain-found"), Cell::badge(class, icon, shown.one_of("published", found))));
        }
        if let Some(problem) = &key.problem {
            lines.push((shown.say("domain-remedy"), Cell::text(shown.machine_said(problem, &shown.now))));
        }
        let title =
            shown.fill("domain-key", &[("selector", key.selector.as_str().into()), ("kind", key.kind.as_str().into())]);
        sheet = sheet.part(Facts { id: format!("key-{}", key.selector), title, lines });
    }
    for policy in &domain.policies {
        sheet = sheet.part(policy_facts(shown, policy));
    }
    let keys = domain.keys.iter().map(|key| key.zone_line.clone());
    // A second record beside one that nobody looked for would do harm.
    let policies = domain.policies.iter().filter(|_| is_checked).filter_map(DomainPolicy::zone_line);
    let zone: Vec<String> = keys.chain(policies).collect();
    sheet = sheet.part(Part::Text("zone", shown.say("domain-zone"), shown.say("domain-zone-help"), zone.join("\n")));
    if visitor.caller.scopes.has(Scope::DomainsWrite) {
        sheet = sheet.part(key_form(shown, &base, entered));
    }
    sheet.answer(entered)
}

/// A record beside the keys: as it is, and as it could be.
fn policy_facts(shown: &Shown, policy: &DomainPolicy) -> Facts {
    let (class, icon) = match policy.state {
        "published" => ("ok", "ok"),
        "unknown" | NOT_LOOKED => ("soft", "soft"),
        _ => ("hard", "hard"),
    };
    let mut lines = vec![
        (shown.say("domain-found"), Cell::badge(class, icon, shown.one_of("published", policy.state))),
        (shown.say("domain-record-type"), Cell::code("TXT")),
        (shown.say("domain-record-name"), Cell::code(&policy.name)),
    ];
    if let Some(found) = &policy.found {
        lines.push((shown.say("domain-record-found"), Cell::code(found)));
    }
    if let Some(proposed) = &policy.proposed {
        let is_unlooked = policy.state == NOT_LOOKED;
        let called = shown.say(if is_unlooked { "domain-record-wanted" } else { "domain-record-proposed" });
        lines.push((called, Cell::code(proposed)));
    }
    // Before anybody looked nothing is known to be wrong.
    if let Some(problem) = policy.problem.as_ref().filter(|_| policy.state != NOT_LOOKED) {
        lines.push((shown.say("domain-remedy"), Cell::text(shown.machine_said(problem, &shown.now))));
    }
    Facts { id: policy.kind.to_owned(), title: shown.one_of("policy", policy.kind), lines }
}

fn key_form(shown: &Shown, base: &str, entered: &Entered) -> Form {
    let kinds = ["rsa", "ed25519"].map(|kind| (kind.to_owned(), shown.one_of("key-kind", kind))).to_vec();
    Form::new("key", shown.say("domain-key-add"), format!("{base}/keys"), shown.say("domain-key-add-do"), entered)
        .help(shown.say("domain-key-what"))
        .field(Field::line("selector", shown.say("domain-selector")).required())
        .field(Field::one("kind", shown.say("domain-key-kind"), kinds))
        .folded()
}
