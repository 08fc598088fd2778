//! Segments: saved rules, how many people they hold for, and why somebody is in one or not.

use super::campaigns::as_meant;
use super::contacts::Contact;
use crate::extract::{self, Asked, At, Input, read_part};
use crate::page::{self, Page, Plain};
use crate::problem::{Faults, Problem};
use crate::shape::Time;
use crate::strict::some_tree;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::segment::{self, Level, Rule};
use model::{ContactId, SegmentId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use store::StoreError;
use store::segment::{NAME_BYTES_MAX, SAMPLE_MAX};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "segments";
/// People of a sample when nothing is asked for.
const SAMPLE_DEFAULT: u32 = 10;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, change, remove))
        .routes(routes!(preview))
        .routes(routes!(explain))
        .routes(routes!(engagement))
}

/// A saved rule.
#[derive(Serialize, ToSchema)]
pub(crate) struct Segment {
    /// Its id.
    #[schema(example = "g_01h2xcejqt")]
    pub(crate) id: String,
    /// Its name.
    name: String,
    /// The rule as text.
    text: String,
    /// The rule as a tree.
    #[schema(value_type = Object)]
    rule: Value,
    /// Is it noted who comes in and who is no longer in it?
    watched: bool,
    /// When it was made.
    created_at: Time,
    /// When it was last changed.
    changed_at: Time,
}

impl From<store::Segment> for Segment {
    fn from(known: store::Segment) -> Segment {
        Segment {
            id: known.id.to_string(),
            name: known.name,
            text: known.rule.to_string(),
            rule: serde_json::to_value(&known.rule).unwrap_or_default(),
            watched: known.is_watched,
            created_at: known.created_at.into(),
            changed_at: known.changed_at.into(),
        }
    }
}

/// A rule, once: as text or as a tree.
fn read_rule(text: Option<&str>, tree: Option<Value>) -> Result<Option<Rule>, Problem> {
    let rule = match (text, tree) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(Problem::field("rule", "give the rule as text or as a tree, not both")),
        (Some(text), None) => segment::parse(text).map_err(|why| Problem::field("text", why.to_string()))?,
        (None, Some(tree)) => {
            let rule: Rule = read_part("rule", tree)?;
            rule.check().map_err(|why| Problem::field("rule", why.to_string()))?;
            rule
        }
    };
    Ok(Some(rule))
}

fn needed_rule(text: Option<&str>, tree: Option<Value>) -> Result<Rule, Problem> {
    read_rule(text, tree)?.ok_or_else(|| Problem::field("text", "a rule is needed, as text or as a tree (rule)"))
}

/// Refuses a rule that names what the workspace does not have: what is asked of it would hold for nobody, and its negation
/// for everybody.
pub(crate) async fn everything_is_there(app: &App, caller: &Caller, rule: &Rule, field: &str) -> Result<(), Problem> {
    let checked = app.store.check_rule(caller.workspace, rule.clone()).await;
    checked.map_err(|error| Problem::from(error).about(field))
}

/// The segments of the workspace.
#[utoipa::path(get, path = "/segments", tag = "segments", params(Plain),
    responses((status = 200, body = Page<Segment>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(part): Asked<Plain>,
) -> Result<Json<Page<Segment>>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    let limit = page::limit(part.limit)?;
    let after: Option<SegmentId> = page::open_as(LIST, part.after.as_deref())?;
    let found = app.store.segments(caller.workspace, after, limit + 1).await?;
    Ok(Json(Page::cut(found, limit, LIST, |known| known.id.to_string(), Segment::from)))
}

/// A segment to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSegment {
    /// Unique in the workspace.
    name: String,
    /// The rule as text.
    #[serde(default)]
    #[schema(example = "attr.city == \"Berlin\" && !did(\"booked\").within(days(30))")]
    text: Option<String>,
    /// The rule as a tree, instead.
    #[serde(default, deserialize_with = "some_tree")]
    #[schema(value_type = Option<Object>)]
    rule: Option<Value>,
    /// Note who comes in and who is no longer in it (`segment_entered`, `segment_left`), from now on.
    #[serde(default)]
    watched: bool,
}

/// Save a rule.
///
/// A watched segment is looked through every quarter of an hour, and a minute after an import, the end of a campaign, or
/// what people do; whoever is in it at the first look came in by no event. At
/// most 50 of a workspace are watched.
#[utoipa::path(post, path = "/segments", tag = "segments", request_body = NewSegment,
    responses((status = 201, body = Segment)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewSegment>,
) -> Result<(StatusCode, Json<Segment>), Problem> {
    caller.may(Scope::SegmentsWrite)?;
    let mut faults = Faults::default();
    faults.take(check_name(&new.name));
    let field = if new.text.is_some() { "text" } else { "rule" };
    let rule = faults.take(needed_rule(new.text.as_deref(), new.rule));
    if let Some(rule) = &rule {
        faults.take(everything_is_there(&app, &caller, rule, field).await);
    }
    let rule = faults.pass(rule)?;
    let (workspace, actor, now) = (caller.workspace, &caller.actor, app.now());
    let made = app.store.create_segment(workspace, &new.name, rule, new.watched, actor, now).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// May a segment be called so?
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    extract::name("name", name, NAME_BYTES_MAX)
}

/// A segment.
#[utoipa::path(get, path = "/segments/{id}", tag = "segments",
    params(("id" = String, Path, description = "The segment")), responses((status = 200, body = Segment)))]
async fn show(State(app): State<App>, caller: Caller, At(id): At<SegmentId>) -> Result<Json<Segment>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    let known = app.store.segment(caller.workspace, id).await?;
    known.map(|segment| Json(segment.into())).ok_or_else(|| Problem::not_found("segment", id))
}

/// A change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentChange {
    /// Another name.
    #[serde(default)]
    name: Option<String>,
    /// Another rule, as text.
    #[serde(default)]
    text: Option<String>,
    /// Another rule, as a tree.
    #[serde(default, deserialize_with = "some_tree")]
    #[schema(value_type = Option<Object>)]
    rule: Option<Value>,
    /// Note who comes in and who is no longer in it, from now on; or no longer.
    #[serde(default)]
    watched: Option<bool>,
}

/// Change a segment. Campaigns that were built keep whom they were built for.
///
/// Of a watched segment whose rule changes it is noted anew who is in it, without events.
#[utoipa::path(patch, path = "/segments/{id}", tag = "segments", request_body = SegmentChange,
    params(("id" = String, Path, description = "The segment")), responses((status = 200, body = Segment)))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SegmentId>,
    Input(change): Input<SegmentChange>,
) -> Result<Json<Segment>, Problem> {
    as_meant(change_if(&app, &caller, id, change, |_| true).await?).map(Json)
}

/// The same, if the segment is meant as it stands. If not, nothing is done, and `None` comes back.
pub(crate) async fn change_if(
    app: &App,
    caller: &Caller,
    id: SegmentId,
    change: SegmentChange,
    is_meant: impl FnOnce(&store::Segment) -> bool + Send + 'static,
) -> Result<Option<Segment>, Problem> {
    caller.may(Scope::SegmentsWrite)?;
    let field = if change.text.is_some() { "text" } else { "rule" };
    let rule = read_rule(change.text.as_deref(), change.rule)?;
    if let Some(rule) = &rule {
        everything_is_there(app, caller, rule, field).await?;
    }
    let change = store::SegmentChange { name: change.name, rule, is_watched: change.watched };
    let (workspace, now) = (caller.workspace, app.now());
    match app.store.change_segment_if(workspace, id, change, is_meant, &caller.actor, now).await {
        Ok(changed) => Ok(Some(changed.into())),
        Err(StoreError::Overtaken) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Remove a segment.
#[utoipa::path(delete, path = "/segments/{id}", tag = "segments",
    params(("id" = String, Path, description = "The segment")), responses((status = 204)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SegmentId>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::SegmentsWrite)?;
    app.store.remove_segment(caller.workspace, id, &caller.actor, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A rule to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriedRule {
    /// The rule as text.
    #[serde(default)]
    text: Option<String>,
    /// The rule as a tree, instead.
    #[serde(default, deserialize_with = "some_tree")]
    #[schema(value_type = Option<Object>)]
    rule: Option<Value>,
    /// How many people to show, at most 100.
    #[serde(default)]
    sample: Option<u32>,
}

/// Whom a rule holds for.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// How many people.
    people: u64,
    /// Some of them.
    sample: Vec<Contact>,
    /// The rule as text.
    text: String,
    /// The rule as a tree.
    #[schema(value_type = Object)]
    rule: Value,
    /// What the rule calls values that nobody can have, since no file and no form named them so: most likely it is mistyped.
    /// What is asked of them holds for nobody, and its negation for everybody.
    unknown_values: Vec<String>,
}

/// How many people a rule holds for now, and some of them. Nothing is saved; what saving would refuse is refused here as well.
#[utoipa::path(post, path = "/segments/preview", tag = "segments", request_body = TriedRule,
    responses((status = 200, body = Preview)))]
async fn preview(
    State(app): State<App>,
    caller: Caller,
    Input(tried): Input<TriedRule>,
) -> Result<Json<Preview>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    caller.may(Scope::ContactsRead)?;
    let field = if tried.text.is_some() { "text" } else { "rule" };
    let rule = needed_rule(tried.text.as_deref(), tried.rule)?;
    everything_is_there(&app, &caller, &rule, field).await?;
    let sample = usize::try_from(tried.sample.unwrap_or(SAMPLE_DEFAULT)).unwrap_or(usize::MAX);
    if sample > SAMPLE_MAX {
        return Err(Problem::field("sample", format!("{sample} is more than {SAMPLE_MAX}")));
    }
    let now = app.now();
    let people = app.store.segment_count(caller.workspace, rule.clone(), now).await?;
    let sample = app.store.segment_sample(caller.workspace, rule.clone(), sample, now).await?;
    let unknown_values = app.store.unknown_values(caller.workspace, rule.clone()).await?.into_iter().collect();
    Ok(Json(Preview {
        people,
        sample: sample.into_iter().map(Contact::from).collect(),
        text: rule.to_string(),
        rule: serde_json::to_value(&rule).unwrap_or_default(),
        unknown_values,
    }))
}

/// A rule and somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// Who.
    contact: String,
    /// The rule as text.
    #[serde(default)]
    text: Option<String>,
    /// The rule as a tree, instead.
    #[serde(default, deserialize_with = "some_tree")]
    #[schema(value_type = Option<Object>)]
    rule: Option<Value>,
}

/// A part of a rule and whether it holds for somebody.
#[derive(Serialize, ToSchema)]
struct Explained {
    /// The part, as text.
    text: String,
    /// Does it hold?
    holds: bool,
    /// Of a group or a negation: its parts.
    #[schema(no_recursion)]
    parts: Vec<Explained>,
}

impl From<store::Explained> for Explained {
    fn from(known: store::Explained) -> Explained {
        let parts = known.parts.into_iter().map(Explained::from).collect();
        Explained { text: known.text, holds: known.holds, parts }
    }
}

/// Why somebody is in a segment, or is not: every part of the rule asked of them.
#[utoipa::path(post, path = "/segments/explain", tag = "segments", request_body = Asking,
    responses((status = 200, body = Explained)))]
async fn explain(
    State(app): State<App>,
    caller: Caller,
    Input(asking): Input<Asking>,
) -> Result<Json<Explained>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    caller.may(Scope::ContactsRead)?;
    let field = if asking.text.is_some() { "text" } else { "rule" };
    let rule = needed_rule(asking.text.as_deref(), asking.rule)?;
    everything_is_there(&app, &caller, &rule, field).await?;
    let id: ContactId =
        asking.contact.parse().map_err(|error: model::id::IdError| Problem::field("contact", error.to_string()))?;
    let why = app.store.segment_explain(caller.workspace, rule, id, app.now()).await?;
    why.map(|why| Json(why.into())).ok_or_else(|| Problem::not_found("contact", id))
}

/// How many people are at each level of engagement.
#[derive(Serialize, ToSchema)]
struct Engagement {
    /// By level: `active_30`, `active_90`, `active_180`, `cold`, `never`, `unknown`.
    levels: BTreeMap<&'static str, u64>,
    /// How much of the list is reached at all.
    reach: EffectiveReach,
}

/// The effective reach: people who took notice, or opened a message themselves, within so many days. Whose mail machines
/// alone open may read it all the same, so it is a lower bound.
#[derive(Serialize, ToSchema)]
struct EffectiveReach {
    /// Everybody.
    people: u64,
    /// Within 30 days.
    days_30: u64,
    /// Within 90 days.
    days_90: u64,
}

/// How many people took notice how lately: a click, a reply, an event of their own; never an open.
///
/// People with nothing but opens, which may be a machine's, are `unknown`, not cold. `reach` counts people's own opens as well.
#[utoipa::path(get, path = "/engagement", tag = "segments", responses((status = 200, body = Engagement)))]
async fn engagement(State(app): State<App>, caller: Caller) -> Result<Json<Engagement>, Problem> {
    caller.may(Scope::SegmentsRead)?;
    let known = app.store.engagement_levels(caller.workspace, app.now()).await?;
    let reached = async |days: u64| {
        let since = app.now() - Duration::from_secs(days * 24 * 3_600);
        app.store.people_reached(caller.workspace, since).await
    };
    let reach =
        EffectiveReach { people: known.values().sum(), days_30: reached(30).await?, days_90: reached(90).await? };
    let levels = Level::ALL.iter().map(|level| (level.word(), known.get(level).copied().unwrap_or(0))).collect();
    Ok(Json(Engagement { levels, reach }))
}
