//! The sunset assistant: who did nothing for long, what putting them to rest would change, doing it, and taking it back.

use crate::extract::{Asked, At, Input};
use crate::page::{self, Page, Plain};
use crate::problem::{Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::sunsets::{self, Proposal, USUAL};
use model::SunsetId;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use store::sunset::{DAYS_MAX, DAYS_MIN, MAILINGS_MAX, SleepRule, WHY_CHARS_MAX};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "sunsets";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, rest)).routes(routes!(propose)).routes(routes!(undo))
}

/// Who is taken to sleep.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Days without a click, a reply or an event; 180 when left out.
    #[serde(default = "usual_days")]
    #[schema(minimum = 30, maximum = 3650)]
    days: u16,
    /// Mailings accepted in that silence at least; 8 when left out.
    #[serde(default = "usual_mailings")]
    #[schema(minimum = 1, maximum = 100)]
    mailings: u16,
}

const fn usual_days() -> u16 {
    USUAL.days
}

const fn usual_mailings() -> u16 {
    USUAL.mailings
}

impl From<Rule> for SleepRule {
    fn from(rule: Rule) -> SleepRule {
        SleepRule { days: rule.days, mailings: rule.mailings }
    }
}

/// What a rule says of everybody who can be mailed. Nothing is done.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProposedSunset {
    /// Days without a click, a reply or an event.
    pub(crate) days: u16,
    /// Mailings accepted in that silence at least.
    pub(crate) mailings: u16,
    /// Everybody who can be mailed, and is not at rest already.
    pub(crate) people: u64,
    /// Who would be put to rest.
    pub(crate) asleep: u64,
    /// Who is left alone because their mail is opened, by whom nobody knows.
    pub(crate) unknown: u64,
    /// By provider, most sleepers first, at most 100; `other` is everybody elsewhere.
    pub(crate) providers: Vec<SleepingGroup>,
    /// By where addresses were collected; `none` where nobody said.
    pub(crate) lead_sources: Vec<SleepingGroup>,
    /// What it does to the effective reach.
    pub(crate) reach: ReachThen,
    /// Some of them, at most 20.
    pub(crate) sample: Vec<Sleeper>,
}

/// People who have something in common.
#[derive(Serialize, ToSchema)]
pub(crate) struct SleepingGroup {
    /// What they have in common.
    pub(crate) name: String,
    /// How many can be mailed.
    pub(crate) people: u64,
    /// How many of them would be put to rest.
    pub(crate) asleep: u64,
}

/// The share of people who took notice, or opened a message themselves, within 90 days.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReachThen {
    /// How many did.
    pub(crate) reached: u64,
    /// Of a thousand who can be mailed now.
    pub(crate) per_mille: u64,
    /// Of a thousand who could be mailed then.
    pub(crate) per_mille_then: u64,
}

/// Somebody who would be put to rest.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sleeper {
    /// Their id.
    contact: String,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl From<Proposal> for ProposedSunset {
    fn from(told: Proposal) -> ProposedSunset {
        let groups = |groups: Vec<sunsets::Group>| {
            let group = |one: sunsets::Group| SleepingGroup { name: one.name, people: one.people, asleep: one.asleep };
            groups.into_iter().map(group).collect()
        };
        ProposedSunset {
            days: told.days,
            mailings: told.mailings,
            people: told.people,
            asleep: told.asleep,
            unknown: told.unknown,
            providers: groups(told.providers),
            lead_sources: groups(told.lead_sources),
            reach: ReachThen {
                reached: told.reach.reached,
                per_mille: told.reach.per_mille,
                per_mille_then: told.reach.per_mille_then,
            },
            sample: told.sample.into_iter().map(|one| Sleeper { contact: one.contact, email: one.email }).collect(),
        }
    }
}

/// Preview who would be put to rest: how many, where, and what it does to the effective reach. Nothing is done.
///
/// Everybody is looked at, in short readings: the answer takes longer the longer the list is.
#[utoipa::path(post, path = "/sunsets/preview", tag = "contacts", request_body = Rule,
    responses((status = 200, body = ProposedSunset)))]
pub(crate) async fn propose(
    State(app): State<App>,
    caller: Caller,
    Input(rule): Input<Rule>,
) -> Result<Json<ProposedSunset>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let (rule, mut faults) = (SleepRule::from(rule), Faults::default());
    check(rule, &mut faults);
    faults.hold()?;
    let told = sunsets::propose(&app.store, caller.workspace, rule, app.now()).await?;
    Ok(Json(told.into()))
}

/// Whom to put to rest, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutToRest {
    /// Days without a click, a reply or an event; 180 when left out.
    #[serde(default = "usual_days")]
    #[schema(minimum = 30, maximum = 3650)]
    days: u16,
    /// Mailings accepted in that silence at least; 8 when left out.
    #[serde(default = "usual_mailings")]
    #[schema(minimum = 1, maximum = 100)]
    mailings: u16,
    /// Why, in 1 to 500 characters; it is kept in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    because: String,
}

/// Once that people were put to rest.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sunset {
    /// Its id (`su_…`).
    pub(crate) id: String,
    /// By which rule: days without a click, a reply or an event …
    pub(crate) days: u16,
    /// … over at least so many mailings.
    pub(crate) mailings: u16,
    /// Why.
    pub(crate) because: String,
    /// How many it put to rest.
    pub(crate) people: u64,
    /// When.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) actor: String,
    /// It was cut short: some who sleep are not at rest. Undo it, or put to rest again.
    pub(crate) unfinished: bool,
    /// When it was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) undone_at: Option<Time>,
}

impl From<store::Sunset> for Sunset {
    fn from(known: store::Sunset) -> Sunset {
        Sunset {
            id: known.id.to_string(),
            days: known.rule.days,
            mailings: known.rule.mailings,
            because: known.why,
            people: known.people,
            at: known.at.into(),
            actor: known.actor,
            unfinished: known.done_at.is_none(),
            undone_at: known.undone_at.map(Time),
        }
    }
}

/// Put to rest whoever the rule says it of: they are skipped as `at_rest` from now on, in campaigns that run as well.
///
/// What a program asks for one person (a receipt) is not meant. Whoever acts is awake again by themselves.
#[utoipa::path(post, path = "/sunsets", tag = "contacts", request_body = PutToRest,
    responses((status = 201, body = Sunset)))]
pub(crate) async fn rest(
    State(app): State<App>,
    caller: Caller,
    Input(asked): Input<PutToRest>,
) -> Result<(StatusCode, Json<Sunset>), Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let rule = SleepRule { days: asked.days, mailings: asked.mailings };
    let mut faults = Faults::default();
    check(rule, &mut faults);
    let because = faults.take(read_because(&asked.because));
    let because = faults.pass(because)?;
    let done = app.engine.put_to_rest(caller.workspace, rule, because, &caller.actor).await?;
    Ok((StatusCode::CREATED, Json(done.into())))
}

/// The times people were put to rest, latest first.
#[utoipa::path(get, path = "/sunsets", tag = "contacts", params(Plain), responses((status = 200, body = Page<Sunset>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Plain>,
) -> Result<Json<Page<Sunset>>, Problem> {
    caller.may(Scope::ContactsRead)?;
    let limit = page::limit(which.limit)?;
    let before: Option<SunsetId> = page::open_as(LIST, which.after.as_deref())?;
    let found = app.store.sunsets(caller.workspace, before, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), Sunset::from)))
}

/// Why it is undone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// Why, in 1 to 500 characters; it is kept in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    because: String,
}

/// Who was woken.
#[derive(Serialize, ToSchema)]
pub(crate) struct WokenPeople {
    /// How many. Who was skipped meanwhile stays skipped.
    woken: u64,
}

/// Wake whoever was put to rest then and is at rest still.
#[utoipa::path(post, path = "/sunsets/{id}/undo", tag = "contacts", request_body = Undo,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = WokenPeople)))]
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SunsetId>,
    Input(undo): Input<Undo>,
) -> Result<Json<WokenPeople>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let because = read_because(&undo.because)?;
    let woken = app.engine.undo_sunset(caller.workspace, id, because, &caller.actor).await?;
    Ok(Json(WokenPeople { woken }))
}

/// What is wrong with a rule.
pub(crate) fn check(rule: SleepRule, faults: &mut Faults) {
    let ranges = [("days", rule.days, DAYS_MIN, DAYS_MAX), ("mailings", rule.mailings, 1, MAILINGS_MAX)];
    for (field, value, least, most) in ranges {
        if !(least..=most).contains(&value) {
            faults.add(Problem::field(field, format!("a number from {least} to {most}")));
        }
    }
}

/// Why, without what is around it.
pub(crate) fn read_because(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > WHY_CHARS_MAX {
        return Err(Problem::field("because", "say why, in 1 to 500 characters: it stays in the audit log"));
    }
    Ok(text)
}
