//! Who must not be mailed. The model to follow for other nouns: shapes, then one function per request, then `routes`.

use crate::extract::{Asked, Input};
use crate::page::{self, Page};
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use model::{EmailAddress, SuppressionReason, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{LiftFilter, RestoreGroup, RestorePreview, SuppressedPlace, Target};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "suppressions";
/// Newest first, as it is asked for.
const NEWEST: &str = "newest";
/// Reasons one address can be suppressed for: entries that share a place in the list.
const REASONS: usize = SuppressionReason::ALL.len();
/// How long it may take until the engine says whom it knows.
const OPERATORS_WAIT: Duration = Duration::from_secs(2);
/// The longest note or reason, in characters.
const NOTE_CHARS_MAX: usize = 500;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(lift)).routes(routes!(lift_many))
}

/// An entry of the suppression list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Suppression {
    /// The address or domain; absent when the person was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// `address` or `domain`.
    kind: &'static str,
    /// Names an entry whose address was forgotten.
    hash: String,
    /// `unsubscribed`, `complained`, `hard_bounced`, `manual`, `domain_refuses_mail`, `forgotten`.
    reason: String,
    /// May it be lifted by hand?
    may_be_lifted: bool,
    /// The delivery that proved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Made while the provider seemed to have an incident: to be confirmed or lifted.
    provisional: bool,
    /// Since when.
    at: Time,
    /// By whom.
    actor: String,
}

impl From<store::Suppression> for Suppression {
    fn from(known: store::Suppression) -> Suppression {
        Suppression {
            target: known.shown,
            kind: if known.is_domain { "domain" } else { "address" },
            hash: known.hash,
            reason: known.reason.word().to_owned(),
            may_be_lifted: known.reason.may_be_lifted(),
            evidence: known.evidence.map(|id| id.to_string()),
            note: known.note,
            provisional: known.provisional,
            at: known.at.into(),
            actor: known.actor,
        }
    }
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only what keeps mail from this address: its own entries and its domain's.
    address: Option<String>,
    /// Only those for this reason: `unsubscribed`, `complained`, `hard_bounced`, `manual`, `domain_refuses_mail`, `forgotten`.
    reason: Option<String>,
    /// `newest`: newest first, each entry for itself, in place of the order of the list.
    sort: Option<String>,
}

/// Why somebody is suppressed. Refused: a word that is none.
pub(crate) fn read_reason(word: &str) -> Result<SuppressionReason, Problem> {
    SuppressionReason::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = SuppressionReason::ALL.iter().map(|reason| reason.word()).collect();
        Problem::field("reason", format!("{word:?} is none of {}", words.join(", ")))
    })
}

/// A page of the list, all of it or for one reason, and the cursor of the next. Entries of one address are never parted.
pub(crate) async fn page_of(
    app: &App,
    workspace: WorkspaceId,
    reason: Option<SuppressionReason>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<store::Suppression>, Option<String>), Problem> {
    let list = match reason {
        Some(reason) => page::within(LIST, [reason.word()]),
        None => LIST.to_owned(),
    };
    let after = page::open_as(&list, after)?;
    let mut found = match reason {
        Some(reason) => app.store.suppressions_for(workspace, reason, after, limit + REASONS).await?,
        None => app.store.suppressions(workspace, after, limit + REASONS).await?,
    };
    let mut cut = limit.min(found.len());
    while cut < found.len() && found[cut].hash == found[cut - 1].hash {
        cut += 1;
    }
    let next = page::cut(&mut found, cut, &list, |last| last.hash.clone());
    Ok((found, next))
}

/// A page of the list newest first, all of it or for one reason, and the cursor of the next.
pub(crate) async fn newest_of(
    app: &App,
    workspace: WorkspaceId,
    reason: Option<SuppressionReason>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<store::Suppression>, Option<String>), Problem> {
    let list = page::within(LIST, [NEWEST, reason.map_or("", SuppressionReason::word)]);
    let after: Option<SuppressedPlace> = page::open_as(&list, after)?;
    let mut found = app.store.suppressions_newest(workspace, reason, after, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|(last, _)| page::seal(&list, &last.to_string()));
    Ok((found.into_iter().map(|(_, entry)| entry).collect(), next))
}

/// The suppression list.
///
/// An address that is suppressed for several reasons has an entry for each; they are never parted, so that a page may be
/// longer than `limit` by a few.
#[utoipa::path(get, path = "/suppressions", tag = "suppressions", params(Which),
    responses((status = 200, body = Page<Suppression>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Suppression>>, Problem> {
    caller.may(Scope::SuppressionsRead)?;
    let limit = page::limit(which.limit)?;
    let reason = which.reason.as_deref().map(read_reason).transpose()?;
    if let Some(text) = which.address {
        page::no_cursor(which.after.as_deref())?;
        let address = EmailAddress::parse(&text).map_err(|error| Problem::field("address", error.to_string()))?;
        let found = app.store.suppressions_of(caller.workspace, &address).await?;
        let found = found.into_iter().filter(|known| reason.is_none_or(|reason| known.reason == reason));
        let data = found.map(Suppression::from).collect();
        return Ok(Json(Page { data, has_more: false, next: None }));
    }
    let (workspace, after) = (caller.workspace, which.after.as_deref());
    let (found, next) = match which.sort.as_deref() {
        None => page_of(&app, workspace, reason, after, limit).await?,
        Some(NEWEST) => newest_of(&app, workspace, reason, after, limit).await?,
        Some(word) => return Err(Problem::field("sort", format!("{word:?} is no order: {NEWEST}"))),
    };
    let data = found.into_iter().map(Suppression::from).collect();
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// Whom to suppress.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSuppression {
    /// An address, or a domain (with or without `@` before it).
    target: String,
    /// Why, in words.
    #[serde(default)]
    note: Option<String>,
}

/// What was suppressed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Suppressed {
    /// The address or domain.
    target: String,
    /// Everything that keeps mail from it now.
    because: Vec<Suppression>,
    /// How many messages to it wait for a try: each is skipped when it would be tried. Absent: it has too many addresses to
    /// be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<u64>,
}

/// Suppress an address or a domain.
///
/// In force when answered: nothing starts toward it any more, also of campaigns that are under way.
#[utoipa::path(post, path = "/suppressions", tag = "suppressions", request_body = NewSuppression,
    responses((status = 201, body = Suppressed)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Input(new): Input<NewSuppression>,
) -> Result<(StatusCode, Json<Suppressed>), Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let mut faults = Faults::default();
    let target = faults.take(read_target(&new.target));
    faults.take(check_text("note", new.note.as_deref().unwrap_or_default()));
    let target = faults.pass(target)?;
    let reason = SuppressionReason::Manual;
    app.engine.suppress(caller.workspace, target.clone(), reason, new.note, &caller.actor).await?;
    let (shown, because) = match &target {
        Target::Address(text) => {
            let address = EmailAddress::parse(text).map_err(|error| Problem::field("target", error.to_string()))?;
            (text, app.store.suppressions_of(caller.workspace, &address).await?)
        }
        Target::Domain(text) => (text, Vec::new()),
    };
    let because = because.into_iter().map(Suppression::from).collect();
    let waiting = app.store.waiting_for(caller.workspace, &target).await?;
    Ok((StatusCode::CREATED, Json(Suppressed { target: shown.clone(), because, waiting })))
}

/// What to lift.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lift {
    /// An address or a domain.
    target: String,
    /// Why; it is kept in the audit log.
    reason: String,
}

/// What was lifted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lifted {
    /// How many entries.
    pub(crate) lifted: u64,
    /// Was it only counted?
    dry_run: bool,
    /// By the provider and the reply that did it, most first, at most 100; of a bulk lift that was only counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Refusals>,
    /// Addresses of some, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sample: Vec<String>,
}

/// People whom the same provider refused with the same reply.
#[derive(Serialize, ToSchema)]
pub(super) struct Refusals {
    /// The provider's key; absent: another, or there is no evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// The enhanced code or, without one, the reply code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// How many.
    count: u64,
}

impl From<RestoreGroup> for Refusals {
    fn from(group: RestoreGroup) -> Refusals {
        Refusals { provider: group.provider, code: group.code, count: group.count }
    }
}

/// Lift what keeps mail from one address or domain.
///
/// Refused for complaints, unsubscribes and people who were forgotten: only they themselves undo that.
#[utoipa::path(post, path = "/suppressions/lift", tag = "suppressions", request_body = Lift,
    responses((status = 200, body = Lifted)))]
pub(crate) async fn lift(
    State(app): State<App>,
    caller: Caller,
    Input(lift): Input<Lift>,
) -> Result<Json<Lifted>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let target = read_target(&lift.target)?;
    check_reason(&lift.reason)?;
    let count = app.store.unsuppress(caller.workspace, target, &lift.reason, &caller.actor, app.now()).await?;
    if count == 0 {
        return Err(Problem::new(Code::NotFound, format!("{} is not suppressed", lift.target)));
    }
    Ok(Json(Lifted { lifted: u64::from(count), dry_run: false, groups: Vec::new(), sample: Vec::new() }))
}

/// Which bounce suppressions to lift: at least one of provider, code, since and until.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiftMany {
    /// The provider whose refusals were wrong: its key (`google`) or name.
    #[serde(default)]
    provider: Option<String>,
    /// The reply or enhanced code (`550`, `5.1.1`).
    #[serde(default)]
    code: Option<String>,
    /// Suppressed not earlier than.
    #[serde(default)]
    since: Option<Time>,
    /// Suppressed earlier than.
    #[serde(default)]
    until: Option<Time>,
    /// Only those made while the provider seemed to have an incident.
    #[serde(default)]
    provisional_only: bool,
    /// Why; it is kept in the audit log.
    reason: String,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// Lift bounce suppressions in bulk.
///
/// For the day a provider answered "no such user" about everybody. Complaints and unsubscribes are never touched.
#[utoipa::path(post, path = "/suppressions/lift-many", tag = "suppressions", request_body = LiftMany,
    responses((status = 200, body = Lifted)))]
pub(crate) async fn lift_many(
    State(app): State<App>,
    caller: Caller,
    Input(lift): Input<LiftMany>,
) -> Result<Json<Lifted>, Problem> {
    caller.may(Scope::SuppressionsWrite)?;
    let mut faults = Faults::default();
    let mut filter = lift.read(&mut faults);
    faults.hold()?;
    if let Some(named) = filter.provider.take() {
        filter.provider = Some(provider_of(&app, caller.workspace, named).await?);
    }
    let told = match lift.dry_run {
        true => app.store.lift_preview(caller.workspace, filter).await?,
        false => {
            let (actor, now) = (&caller.actor, app.now());
            let count = app.store.lift(caller.workspace, filter, &lift.reason, false, actor, now).await?;
            RestorePreview { count, ..RestorePreview::default() }
        }
    };
    let groups = told.groups.into_iter().map(Refusals::from).collect();
    Ok(Json(Lifted { lifted: told.count, dry_run: lift.dry_run, groups, sample: told.sample }))
}

/// The key of the provider that is meant. Refused: a name that nobody goes by and that stands behind no suppression.
async fn provider_of(app: &App, workspace: WorkspaceId, named: String) -> Result<String, Problem> {
    let known = tokio::time::timeout(OPERATORS_WAIT, app.engine.operator_called(&named)).await;
    if let Some(known) = known.unwrap_or_default() {
        return Ok(known.key);
    }
    let filter = LiftFilter { provider: Some(named.clone()), ..LiftFilter::default() };
    if app.store.lift_preview(workspace, filter).await?.count > 0 {
        return Ok(named);
    }
    let near = model::nearest(&named, dispatch::providers::all().iter().map(|known| known.key.as_str()));
    let hint = if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
    let says = format!("no provider is called {named:?}{hint}, and no suppression came from one");
    Err(Problem::field("provider", says))
}

impl LiftMany {
    /// Which are meant; what is wrong with any of it.
    pub(crate) fn read(&self, faults: &mut Faults) -> LiftFilter {
        faults.take(check_reason(&self.reason));
        let filter = LiftFilter {
            provider: self.provider.clone(),
            code: self.code.clone(),
            since: self.since.map(|time| time.0),
            until: self.until.map(|time| time.0),
            provisional_only: self.provisional_only,
        };
        if filter == LiftFilter::default() {
            let why = "say which: provider, code, since, until or provisional_only";
            faults.add(Problem::new(Code::InvalidField, why));
        }
        filter
    }
}

/// An address or a domain, as it was typed.
pub(crate) fn read_target(text: &str) -> Result<Target, Problem> {
    Target::parse(text).map_err(|error| Problem::field("target", format!("{text:?}: {error}")))
}

pub(super) fn check_reason(reason: &str) -> Result<(), Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::field("reason", "say why: it stays in the audit log"));
    }
    check_text("reason", reason)
}

fn check_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(Problem::field(field, format!("at most {NOTE_CHARS_MAX} characters")));
    }
    Ok(())
}
