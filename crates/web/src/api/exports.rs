//! Everything out again, as tables (text/csv): people, whom not to mail, the recipients of a campaign. Each export is in
//! the audit log.

use super::contacts::Wanted;
use crate::extract::{Asked, At};
use crate::problem::Problem;
use crate::shape::Time;
use crate::stream::{Gone, Table};
use crate::{App, Caller};
use axum::extract::State;
use axum::response::Response;
use engine::report::people::{Deed, Person};
use engine::report::{self, Cause};
use model::access::Scope;
use model::segment::{Rule, parse};
use model::{CampaignId, DeliveryState, EventKind, SegmentId, SuppressionReason, Timestamp, WorkspaceId};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io;
use store::{Among, Campaign, Contact, Sought, StoreError};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows read at a time.
const ROWS: usize = 500;
/// People of a segment looked for at a time: the rule is asked anew for each page.
const SEGMENT_ROWS: usize = 10_000;
/// Values of people that get a column of their own, at most; the rest is together in the last one.
const COLUMNS_MAX: usize = 200;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(contacts))
        .routes(routes!(segment))
        .routes(routes!(rule))
        .routes(routes!(suppressions))
        .routes(routes!(recipients))
}

/// Why a table broke off.
pub(super) enum Broken {
    /// Nobody reads it any more.
    Gone,
    /// The ledger could not be read.
    Store(StoreError),
    /// A page of the list could not be read: its status.
    Page(u16),
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Broken {
        Broken::Gone
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken::Store(error)
    }
}

/// Notes in the audit log that a table of this name leaves; it is about the campaign.
pub(crate) async fn note(app: &App, caller: &Caller, name: &str, campaign: Option<CampaignId>) -> Result<(), Problem> {
    let what = Some(name.to_owned());
    app.store.note(caller.workspace, EventKind::Exported, campaign, what, &caller.actor, app.now()).await?;
    Ok(())
}

/// The campaign that is told of at a path, of the API or of a page.
pub(crate) fn campaign_of(path: &str) -> Option<CampaignId> {
    let path = path.strip_prefix(super::V1).unwrap_or(path);
    path.strip_prefix("/campaigns/")?.split('/').next()?.parse().ok()
}

/// Notes the export and sends the table that `write` writes.
pub(super) async fn export<F>(
    app: App,
    caller: &Caller,
    name: &str,
    campaign: Option<CampaignId>,
    write: impl FnOnce(App, Table) -> F,
) -> Result<Response, Problem>
where
    F: Future<Output = (Table, Result<(), Broken>)> + Send + 'static,
{
    note(&app, caller, name, campaign).await?;
    let (table, response) = Table::begin(name);
    let writing = write(app, table);
    tokio::spawn(async move {
        match writing.await {
            (_, Ok(()) | Err(Broken::Gone)) => {}
            (table, Err(Broken::Store(error))) => table.fail(&error),
            (table, Err(Broken::Page(status))) => {
                table.fail(&io::Error::other(format!("a page of the list was answered with {status}")));
            }
        }
    });
    Ok(response)
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| Time(at).to_string()).unwrap_or_default()
}

/// People, all or those who are looked for: the columns of the imports each as a column, everything else a person has as
/// JSON in the last.
#[utoipa::path(get, path = "/exports/contacts", tag = "exports", params(Wanted),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn contacts(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Wanted>) -> Result<Response, Problem> {
    caller.may(Scope::ContactsExport)?;
    let workspace = caller.workspace;
    let sought = wanted.read(&app, workspace).await?;
    export(app, &caller, "contacts", None, async move |app, mut table| {
        let written = write_contacts(&app, workspace, sought, &mut table).await;
        (table, written)
    })
    .await
}

async fn write_contacts(app: &App, workspace: WorkspaceId, sought: Sought, table: &mut Table) -> Result<(), Broken> {
    let columns = begin_contacts(app, workspace, table).await?;
    let mut after = None;
    loop {
        let found = app.store.seek(workspace, sought.clone(), after, ROWS).await?;
        table.rows(found.people.into_iter().map(|contact| contact_row(contact, &columns))).await?;
        after = found.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The people of a segment now, with the same columns as everybody.
#[utoipa::path(get, path = "/exports/segments/{id}", tag = "exports",
    params(("id" = String, Path, description = "The segment")),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn segment(State(app): State<App>, caller: Caller, At(id): At<SegmentId>) -> Result<Response, Problem> {
    caller.may(Scope::ContactsExport)?;
    let workspace = caller.workspace;
    let known = app.store.segment(workspace, id).await?.ok_or_else(|| Problem::not_found("segment", id))?;
    export(app, &caller, "segment", None, async move |app, mut table| {
        let written = write_segment(&app, workspace, known.rule, &mut table).await;
        (table, written)
    })
    .await
}

/// A rule that is no segment.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Ruled {
    /// The rule as text, as segments have it.
    text: String,
}

/// The people for whom a rule holds now, without a segment, with the same columns as everybody.
#[utoipa::path(get, path = "/exports/segments", tag = "exports", params(Ruled),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn rule(State(app): State<App>, caller: Caller, Asked(ruled): Asked<Ruled>) -> Result<Response, Problem> {
    caller.may(Scope::ContactsExport)?;
    let workspace = caller.workspace;
    let rule = parse(&ruled.text).map_err(|why| Problem::field("text", why.to_string()))?;
    super::segments::everything_is_there(&app, &caller, &rule, "text").await?;
    export(app, &caller, "segment", None, async move |app, mut table| {
        let written = write_segment(&app, workspace, rule, &mut table).await;
        (table, written)
    })
    .await
}

async fn write_segment(app: &App, workspace: WorkspaceId, rule: Rule, table: &mut Table) -> Result<(), Broken> {
    let columns = begin_contacts(app, workspace, table).await?;
    // What is asked of every page is asked at the same moment.
    let (mut after, now) = (None, app.now());
    loop {
        let found = app.store.segment_people(workspace, rule.clone(), after, SEGMENT_ROWS, now).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = Some(last.id);
        table.rows(found.into_iter().map(|contact| contact_row(contact, &columns))).await?;
    }
}

/// Writes the head of a table of people; the columns that are values.
async fn begin_contacts(app: &App, workspace: WorkspaceId, table: &mut Table) -> Result<Vec<String>, Broken> {
    let imports = app.store.imports_page(workspace, None, ROWS).await?;
    let named: BTreeSet<String> = imports.into_iter().flat_map(|import| import.columns).collect();
    // What a file called as one of ours is in ours already, or among the others.
    let is_ours = |name: &String| FIXED.iter().any(|fixed| name.eq_ignore_ascii_case(fixed));
    // By another name nothing is kept.
    let aliases = app.store.aliases(workspace).await?;
    let is_value = |name: &String| !is_ours(name) && !aliases.contains_key(name);
    let columns: Vec<String> = named.into_iter().filter(is_value).take(COLUMNS_MAX).collect();
    let header = FIXED.iter().map(|&name| name.to_owned()).chain(columns.iter().cloned());
    table.rows([header.chain(["other".to_owned()]).collect::<Vec<_>>()]).await?;
    Ok(columns)
}

/// The columns that stand first in every table of people.
const FIXED: [&str; 14] = [
    "email",
    "contact",
    "external_id",
    "status",
    "error",
    "suppressed_because",
    "shares_address_with",
    "consent",
    "consent_time",
    "consent_ip",
    "lead_source",
    "created_at",
    "last_accepted_at",
    "last_engaged",
];

fn contact_row(contact: Contact, columns: &[String]) -> Vec<String> {
    let mut values = mail::values::beside_address(&contact.attributes);
    let consent = contact.consent.unwrap_or_default();
    let suppressed: Vec<&str> = contact.suppressions.iter().map(|one| one.reason.word()).collect();
    let mut row = vec![
        contact.email.unwrap_or_default(),
        contact.id.to_string(),
        contact.external_id.unwrap_or_default(),
        contact.status.word().to_owned(),
        contact.error.map(|cause| cause.word().to_owned()).unwrap_or_default(),
        suppressed.join(" "),
        contact.shares_address_with.map(|id| id.to_string()).unwrap_or_default(),
        consent.source.unwrap_or_default(),
        time(consent.at),
        consent.ip.unwrap_or_default(),
        contact.lead_source.unwrap_or_default(),
        time(Some(contact.created_at)),
        time(contact.last_accepted_at),
        time(contact.engaged_at),
    ];
    values.retain(|name, value| !FIXED.iter().zip(&row).any(|(fixed, cell)| name == fixed && value == cell));
    row.extend(columns.iter().map(|name| match values.remove(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }));
    row.push(if values.is_empty() { String::new() } else { Value::Object(values).to_string() });
    row
}

/// Which entries of the suppression list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Because {
    /// Only those for this reason: `unsubscribed`, `complained`, `hard_bounced`, `manual`, `domain_refuses_mail`, `forgotten`.
    reason: Option<String>,
}

/// The suppression list. Whoever was forgotten is there by a hash.
#[utoipa::path(get, path = "/exports/suppressions", tag = "exports", params(Because),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn suppressions(
    State(app): State<App>,
    caller: Caller,
    Asked(because): Asked<Because>,
) -> Result<Response, Problem> {
    caller.may(Scope::SuppressionsRead)?;
    caller.may(Scope::ContactsExport)?;
    let workspace = caller.workspace;
    let reason = because.reason.as_deref().map(super::suppressions::read_reason).transpose()?;
    export(app, &caller, "suppressions", None, async move |app, mut table| {
        let written = write_suppressions(&app, workspace, reason, &mut table).await;
        (table, written)
    })
    .await
}

async fn write_suppressions(
    app: &App,
    workspace: WorkspaceId,
    reason: Option<SuppressionReason>,
    table: &mut Table,
) -> Result<(), Broken> {
    let header = ["target", "kind", "hash", "reason", "note", "provisional", "at", "actor"];
    table.rows([header.map(str::to_owned)]).await?;
    let mut after = None;
    loop {
        let mut found = match reason {
            Some(reason) => app.store.suppressions_for(workspace, reason, after.clone(), ROWS).await?,
            None => app.store.suppressions(workspace, after.clone(), ROWS).await?,
        };
        let is_last = found.len() < ROWS;
        // Entries of one address have one place in the list: those of the last are read again whole.
        if !is_last
            && let Some(hash) = found.last().map(|last| last.hash.clone())
            && found.first().is_some_and(|first| first.hash != hash)
        {
            found.retain(|entry| entry.hash != hash);
        }
        after = found.last().map(|last| last.hash.clone());
        let rows = found.into_iter().map(|entry| {
            [
                entry.shown.unwrap_or_default(),
                if entry.is_domain { "domain" } else { "address" }.to_owned(),
                entry.hash,
                entry.reason.word().to_owned(),
                entry.note.unwrap_or_default(),
                entry.provisional.to_string(),
                time(Some(entry.at)),
                entry.actor,
            ]
        });
        table.rows(rows).await?;
        if is_last {
            return Ok(());
        }
    }
}

/// Which recipients.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Standing {
    /// Only those who stand there: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`;
    /// several, with commas between them.
    state: Option<String>,
    /// With it: only those who were put off at first: a try before the last one ended deferred.
    put_off: Option<bool>,
    /// With `queued` or `deferred`: only those whose next try this hold stops, by its id.
    hold: Option<String>,
    /// With `skipped`: only those who were skipped for this reason, as the report counts it.
    reason: Option<String>,
    /// In place of it, only those who did this themselves: `opened`, `clicked`, `replied`, `unsubscribed`, `complained` or
    /// `reached` (the goal that variants are compared by).
    did: Option<String>,
    /// Only those of the sample who got this variant: `A`, `B`, …
    variant: Option<String>,
    /// Of those who clicked, only those of this link of the message, by its number; 0: the one that only machines see.
    link: Option<u32>,
    /// By whom they were opened or clicked: `person` (by themselves, as where nothing is said), `unsure` (nobody knows), `machine`,
    /// or `unknown`: never by themselves, as far as anybody knows.
    by: Option<String>,
    /// Only what was opened or clicked within so many hours after the campaign began.
    within_hours: Option<u32>,
    /// In place of all of these, only those of one cause of the report, as the page of the investigation names it in its address:
    /// `blocked:ip_reputation:gmail:550:5.7.1:`.
    cause: Option<String>,
}

/// Which people of a campaign.
enum Which {
    /// Who stand there.
    Standing(Vec<DeliveryState>),
    /// Who stand there for this cause.
    Caused(Box<Cause>),
    /// Who did it.
    Doers(Deed),
}

/// Everybody of a campaign, with what happened last.
#[utoipa::path(get, path = "/exports/campaigns/{id}", tag = "exports",
    params(Standing, ("id" = String, Path, description = "The campaign")),
    responses((status = 200, body = String, content_type = "text/csv")))]
async fn recipients(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Asked(standing): Asked<Standing>,
) -> Result<Response, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsExport)?;
    let campaign = super::campaigns::campaign(&app, &caller, id).await?;
    let variant = standing.variant.as_deref().map(super::campaigns::read_letter).transpose()?;
    let tally = super::campaigns::tally_of(&app, &campaign, variant).await?;
    let put_off = standing.put_off.unwrap_or_default();
    if standing.state.is_none() && put_off {
        return Err(Problem::field("put_off", "only mail is put off: name a state with it"));
    }
    let mut among = super::campaigns::read_among(&tally, variant, put_off)?;
    let which = match (standing.state.as_deref(), standing.did.as_deref(), standing.cause.as_deref()) {
        (None, None, None) => Which::Standing(DeliveryState::ALL.to_vec()),
        (Some(words), None, None) => {
            Which::Standing(words.split(',').map(super::campaigns::read_state).collect::<Result<_, _>>()?)
        }
        (None, Some(did), None) => {
            let narrowed = (standing.link, standing.by.as_deref(), standing.within_hours);
            Which::Doers(super::campaigns::read_deed(did, variant, narrowed)?)
        }
        (None, None, Some(mark)) => {
            let known = report::overview(&app.store, &campaign, app.now()).await?;
            let mut causes = known.causes.into_iter().chain(known.waiting_causes);
            let none = || Problem::field("cause", format!("nobody of this campaign stands anywhere for {mark:?}"));
            Which::Caused(Box::new(causes.find(|cause| cause.mark().to_string() == mark).ok_or_else(none)?))
        }
        _ => return Err(Problem::field("did", "name a state, what they did, or a cause: one of them")),
    };
    let states: &[DeliveryState] = match &which {
        Which::Standing(states) => states.as_slice(),
        Which::Caused(_) | Which::Doers(_) => &[],
    };
    among.skip = super::campaigns::read_reason(standing.reason.as_deref(), states)?;
    among.hold = super::campaigns::read_hold(&tally, standing.hold.as_deref(), states)?;
    export(app, &caller, "recipients", Some(id), async move |app, mut table| {
        let written = write_recipients(&app, &campaign, which, among, &mut table).await;
        (table, written)
    })
    .await
}

async fn write_recipients(
    app: &App,
    campaign: &Campaign,
    which: Which,
    among: Among,
    table: &mut Table,
) -> Result<(), Broken> {
    let header = [
        "address", "contact", "delivery", "state", "reason", "tries", "last_try", "host", "category", "reply",
        "meaning",
    ];
    table.rows([header.map(str::to_owned)]).await?;
    let (states, cause) = match which {
        Which::Standing(states) => (states, None),
        Which::Caused(cause) => (vec![cause.class], Some(cause)),
        Which::Doers(deed) => {
            // What is asked of every page is asked at the same moment.
            let (mut after, now) = (None, app.now());
            loop {
                let page = report::people::doers(&app.store, campaign, deed, after, ROWS, now).await?;
                table.rows(page.people.into_iter().map(recipient_row)).await?;
                after = page.next;
                if after.is_none() {
                    return Ok(());
                }
            }
        }
    };
    let tally = report::people::tally(&app.store, campaign, among.variant).await?.unwrap_or_default();
    for state in states {
        let mut after = None;
        loop {
            let of = (state, among);
            let page = report::people::people(&app.store, &tally, campaign.id, of, after, ROWS).await?;
            let is_meant = |person: &Person| cause.as_ref().is_none_or(|cause| person.is_of(cause));
            table.rows(page.people.into_iter().filter(is_meant).map(recipient_row)).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

fn recipient_row(person: Person) -> [String; 11] {
    [
        person.address.unwrap_or_default(),
        person.contact,
        person.delivery,
        person.state.word().to_owned(),
        person.reason.map(|reason| reason.word().to_owned()).unwrap_or_default(),
        person.made.to_string(),
        time(person.time),
        person.host.unwrap_or_default(),
        person.category.map(|category| category.word().to_owned()).unwrap_or_default(),
        person.reply.unwrap_or_default(),
        person.meaning.unwrap_or_default().to_owned(),
    ]
}
