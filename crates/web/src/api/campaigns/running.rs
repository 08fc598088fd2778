//! A campaign while it runs and afterwards: paused, resumed, cancelled, reported on.

use super::compared::read_letter;
use super::{Campaign, campaign};
use crate::extract::{self, Asked, At, Input};
use crate::page::{self, Page};
use crate::problem::{Code, Problem, recorded};
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use dispatch::brakes::Group;
use dispatch::trial::letter;
use engine::report::people::{Deed, Did};
use engine::resume::ToTakeOut;
use engine::{launch, report, resume};
use model::access::Scope;
use model::reaction::By;
use model::{CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, EmailAddress, HoldId, SkipReason, Tally};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::{Among, Doubt, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const RECIPIENTS: &str = "recipients";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pause))
        .routes(routes!(go_on))
        .routes(routes!(cancel))
        .routes(routes!(send_again))
        .routes(routes!(tell))
        .routes(routes!(recipients))
}

/// Why, in words.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// The reason; it is kept in the audit log.
    #[serde(default)]
    because: Option<String>,
}

impl Why {
    fn text(self) -> Option<String> {
        self.because.map(|text| engine::one_line(&text)).filter(|text| !text.is_empty())
    }
}

/// Pause a campaign: when this is answered, nothing of it starts.
#[utoipa::path(post, path = "/campaigns/{id}/pause", tag = "campaigns", request_body = Why,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
pub(crate) async fn pause(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(why): Input<Why>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.pause(id, why.text(), &caller.actor).await?)?.into()))
}

/// Why it may go on, and without whom.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resumption {
    /// The reason; it is kept in the audit log.
    #[serde(default)]
    because: Option<String>,
    /// Who is taken out.
    #[serde(default)]
    without: Without,
}

/// Groups that are taken out of a campaign.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Without {
    /// The people at these providers (their keys; of a site nobody described, its fingerprint): they are held until the hold
    /// is lifted.
    #[serde(default)]
    providers: Vec<String>,
    /// The people who have not reacted for long: they are held likewise.
    #[serde(default)]
    cold: bool,
    /// The people whom these imports (`i_…`) brought in: they are skipped.
    #[serde(default)]
    imports: Vec<String>,
    /// The people whose address was collected there: they are skipped.
    #[serde(default)]
    lead_sources: Vec<String>,
    /// The people with these addresses, such as those that a check of the list found dead: they are skipped. At most 10000.
    #[serde(default)]
    addresses: Vec<String>,
}

/// The most groups that are taken out at once.
const WITHOUT_MAX: usize = 100;
/// The most addresses that are taken out at once.
const ADDRESSES_MAX: usize = 10_000;

impl Resumption {
    /// As somebody typed it, who takes out what is demanded or nobody.
    pub(crate) fn typed(because: String, out: Option<&resume::ToTakeOut>) -> Resumption {
        Resumption { because: Some(because), without: out.map(Without::demanded).unwrap_or_default() }
    }
}

impl Without {
    /// What a brake demands. Where it names nobody, those who have not reacted for long.
    fn demanded(out: &resume::ToTakeOut) -> Without {
        match out {
            ToTakeOut::Nothing => Without::default(),
            ToTakeOut::Some { worst: None, .. } => Without { cold: true, ..Without::default() },
            ToTakeOut::Named(group) | ToTakeOut::Some { worst: Some(group), .. } => match group {
                Group::Provider(key) | Group::Server { site: key, .. } => {
                    Without { providers: vec![key.clone()], ..Without::default() }
                }
                Group::Import { id, .. } => Without { imports: vec![id.to_string()], ..Without::default() },
                Group::LeadSource(name) => Without { lead_sources: vec![name.clone()], ..Without::default() },
            },
        }
    }

    fn read(self) -> Result<resume::TakenOut, Problem> {
        let Without { providers, cold, imports, lead_sources, addresses } = self;
        if providers.len() + imports.len() + lead_sources.len() > WITHOUT_MAX {
            return Err(Problem::field("without", format!("at most {WITHOUT_MAX} groups")));
        }
        let imports = imports.iter().map(|text| extract::id("without.imports", text)).collect::<Result<Vec<_>, _>>()?;
        if addresses.len() > ADDRESSES_MAX {
            return Err(Problem::field("without.addresses", format!("at most {ADDRESSES_MAX}")));
        }
        let key = |text: &String| {
            let address = EmailAddress::parse(text.trim());
            address
                .map(|address| address.key())
                .map_err(|why| Problem::field("without.addresses", format!("{text:?} is not an email address: {why}")))
        };
        let people = Arc::new(addresses.iter().map(key).collect::<Result<_, _>>()?);
        Ok(resume::TakenOut { providers, cold, imports, lead_sources, people })
    }
}

/// Refused: groups that are none of the campaign, which would take nobody out.
async fn refuse_unknown(app: &App, campaign: &store::Campaign, out: &resume::TakenOut) -> Result<(), Problem> {
    if let Some((name, known)) = resume::unknown_lead_source(&app.store, campaign.id, out).await? {
        let near = model::nearest(&name, known.iter().map(String::as_str));
        let hint = if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
        let says = format!("nobody of the campaign has the lead source {}{hint}", model::in_quotes(&name));
        return Err(Problem::field("without.lead_sources", says));
    }
    if out.imports.is_empty() {
        return Ok(());
    }
    let known = app.store.list_imports(campaign.workspace).await?;
    match out.imports.iter().find(|id| !known.iter().any(|one| one.id == **id)) {
        Some(id) => Err(Problem::field("without.imports", format!("there is no import {id}"))),
        None => Ok(()),
    }
}

/// Let a paused campaign go on.
///
/// One that a brake stopped needs a reason, and goes on without the group that the brake named. Where none was named, a
/// reason is enough the first time; stopped again, some of those who wait have to be taken out. Whom a hold covers (`GET
/// /holds`) waits on until it ends or is lifted.
#[utoipa::path(post, path = "/campaigns/{id}/resume", tag = "campaigns", request_body = Resumption,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
pub(crate) async fn go_on(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(wish): Input<Resumption>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    let Resumption { because, without } = wish;
    let (because, out) = (Why { because }.text(), without.read()?);
    refuse_unknown(&app, &known, &out).await?;
    if let Some(demand) = resume::demanded(&app.store, &known).await? {
        let lacks = match because {
            None => Some(("because", "say why it may".to_owned())),
            Some(_) if resume::is_met(&app.store, &known, &demand, &out).await? => None,
            Some(_) => Some(("without", demand.missing())),
        };
        if let Some((field, lacks)) = lacks {
            let says = format!("a brake stopped it: {} To go on, {lacks}.", demand.why);
            return Err(Problem { field: Some(field.to_owned()), ..Problem::new(Code::Refused, says) });
        }
    }
    if known.state == CampaignState::Paused {
        let why = because.as_deref().unwrap_or("left out when the campaign was resumed");
        app.engine.take_out(&known, &out, why, &caller.actor).await?;
    }
    let because = because.map(|text| format!("resumed because: {text}"));
    let resumed = app.engine.resume(id, because, &caller.actor).await?;
    let mailing = launch::mailing(&app.store, &resumed, app.world.entropy.as_ref()).await?;
    app.engine.take_up(mailing).await?;
    Ok(Json(resumed.into()))
}

/// Stop a campaign for good: when this is answered nothing of it starts, and whoever was not reached is skipped.
#[utoipa::path(post, path = "/campaigns/{id}/cancel", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Campaign)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
) -> Result<Json<Campaign>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(recorded(app.engine.cancel(id, &caller.actor).await?)?.into()))
}

/// Who is sent to once more.
#[derive(Serialize, ToSchema)]
pub(crate) struct SentAgain {
    /// People who are in the queue again.
    pub(crate) queued_again: u64,
}

/// Send once more to those in doubt, at the risk of a second copy.
///
/// In doubt is whoever the last bytes went out to without a final reply. A campaign that is complete goes on for them.
#[utoipa::path(post, path = "/campaigns/{id}/resend", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = SentAgain)))]
async fn send_again(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
) -> Result<Json<SentAgain>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    as_meant(queue_again(&app, &caller, &known, None, |_| true).await?).map(Json)
}

/// What was done to something however it stands. Only what is compared with what was seen is overtaken.
pub(crate) fn as_meant<T>(done: Option<T>) -> Result<T, Problem> {
    done.ok_or_else(|| Code::WrongState.into())
}

/// Puts those in doubt, or these of them, in the queue again; a campaign that is complete goes on for them. `is_meant`: is what
/// is in doubt what was seen? If not, nothing is done, and `None` comes back.
pub(crate) async fn queue_again(
    app: &App,
    caller: &Caller,
    known: &store::Campaign,
    only: Option<&[DeliveryId]>,
    is_meant: impl FnOnce(&Doubt) -> bool + Send + 'static,
) -> Result<Option<SentAgain>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    if known.state == CampaignState::Cancelled {
        return Err(Problem::new(Code::WrongState, "it was cancelled for good; duplicate it to send another"));
    }
    match app.engine.queue_again(known, only, is_meant, &caller.actor).await {
        Ok(queued_again) => Ok(Some(SentAgain { queued_again })),
        Err(StoreError::Overtaken) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// The report: the equation, why people were not reached, for what the others wait, and what may be done.
#[utoipa::path(get, path = "/campaigns/{id}/report", tag = "campaigns",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Value)))]
async fn tell(State(app): State<App>, caller: Caller, At(id): At<CampaignId>) -> Result<Json<report::Report>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    campaign(&app, &caller, id).await?;
    Ok(Json(report::report(&app.store, id, app.now()).await?))
}

/// Which recipients: where they stand, or what they did.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Outcome {
    /// Where they stand: `queued`, `deferred`, `accepted`, `soft`, `hard`, `blocked`, `in_doubt` or `skipped`.
    state: Option<String>,
    /// With it: only those who were put off at first: a try before the last one ended deferred.
    put_off: Option<bool>,
    /// With `queued` or `deferred`: only those whose next try this hold stops, by its id.
    hold: Option<String>,
    /// With `skipped`: only those who were skipped for this reason, as the report counts it.
    reason: Option<String>,
    /// In place of it, what they did themselves: `opened`, `clicked`, `replied`, `unsubscribed`, `complained`, or `reached`
    /// (the goal that variants are compared by).
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
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The people behind a number: a term of the equation, or something they did; all of them, or those with one variant.
#[utoipa::path(get, path = "/campaigns/{id}/recipients", tag = "campaigns",
    params(Outcome, ("id" = String, Path, description = "Its id")), responses((status = 200, body = Page<Value>)))]
async fn recipients(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Asked(outcome): Asked<Outcome>,
) -> Result<Json<Page<Value>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsRead)?;
    let campaign = campaign(&app, &caller, id).await?;
    let limit = page::limit(outcome.limit)?;
    let variant = outcome.variant.as_deref().map(read_letter).transpose()?;
    let tally = tally_of(&app, &campaign, variant).await?;
    let letter = variant.map(|number| letter(number.into()).to_string()).unwrap_or_default();
    let (people, next) = match (outcome.state.as_deref(), outcome.did.as_deref()) {
        (Some(state), None) => {
            let state = read_state(state)?;
            let mut among = read_among(&tally, variant, outcome.put_off.unwrap_or_default())?;
            among.skip = read_reason(outcome.reason.as_deref(), &[state])?;
            among.hold = read_hold(&tally, outcome.hold.as_deref(), &[state])?;
            let put_off = if among.put_off { "put_off" } else { "" };
            let reason = among.skip.map_or("", SkipReason::word);
            let hold = among.hold.map(|hold| hold.to_string()).unwrap_or_default();
            let campaign = id.to_string();
            let list = page::within(RECIPIENTS, [&campaign, state.word(), &letter, put_off, reason, &hold]);
            let after: Option<DeliveryId> = page::open_as(&list, outcome.after.as_deref())?;
            let found = report::people::people(&app.store, &tally, id, (state, among), after, limit).await?;
            (found.people, found.next.map(|last| page::seal(&list, &last.to_string())))
        }
        (None, Some(_)) if outcome.put_off.is_some() => {
            return Err(Problem::field("put_off", "only mail is put off: name a state with it"));
        }
        (None, Some(did)) => {
            read_reason(outcome.reason.as_deref(), &[])?;
            read_hold(&tally, outcome.hold.as_deref(), &[])?;
            let deed = read_deed(did, variant, (outcome.link, outcome.by.as_deref(), outcome.within_hours))?;
            let list = page::within(RECIPIENTS, of_deed(id, &deed).iter().map(String::as_str));
            let after: Option<ContactId> = page::open_as(&list, outcome.after.as_deref())?;
            let found = report::people::doers(&app.store, &campaign, deed, after, limit, app.now()).await?;
            (found.people, found.next.map(|last| page::seal(&list, &last.to_string())))
        }
        _ => return Err(Problem::field("state", "name a state, or what they did: one of both")),
    };
    let data = people.iter().map(|person| serde_json::to_value(person).unwrap_or_default()).collect();
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}

/// Where the people of a campaign stand, all or those with a variant. Refused: one that it does not have.
pub(crate) async fn tally_of(app: &App, campaign: &store::Campaign, variant: Option<u8>) -> Result<Tally, Problem> {
    let tally = report::people::tally(&app.store, campaign, variant).await?;
    tally.ok_or_else(|| Problem::field("variant", "this campaign has no such variant"))
}

/// Which of those who stand somewhere are asked for. Refused: those who were put off, of a campaign of very many; who they are
/// is found by looking at all of them. `tally`: of all of whom some are asked for.
pub(crate) fn read_among(tally: &Tally, variant: Option<u8>, put_off: bool) -> Result<Among, Problem> {
    if put_off && !report::tells_put_off(tally.count(DeliveryState::Accepted), tally.recipients()) {
        let text = "the campaign is too large to look through: ask a segment for them, accepted.campaign(…).put_off()";
        return Err(Problem::field("put_off", text));
    }
    Ok(Among { variant, put_off, ..Among::default() })
}

/// For which reason those who are asked for were skipped, of those who stand in `states`. Refused: of anybody who was not
/// skipped.
pub(crate) fn read_reason(word: Option<&str>, states: &[DeliveryState]) -> Result<Option<SkipReason>, Problem> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    if states != [DeliveryState::Skipped] {
        return Err(Problem::field("reason", "only whoever was skipped has a reason: name the state skipped with it"));
    }
    let known = || SkipReason::ALL.iter().map(|reason| reason.word()).collect::<Vec<_>>().join(", ");
    let unknown = || Problem::field("reason", format!("{word:?} is none of {}", known()));
    SkipReason::from_word(word).map(Some).ok_or_else(unknown)
}

/// Under which hold those wait who are asked for, of those who stand in `states`. Refused: of anybody who does not wait, and
/// where very many do; who they are is found by looking at all of them.
pub(crate) fn read_hold(tally: &Tally, id: Option<&str>, states: &[DeliveryState]) -> Result<Option<HoldId>, Problem> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    if states.is_empty() || !states.iter().all(|state| state.is_in_progress()) {
        return Err(Problem::field("hold", "only whoever waits is held: name the state queued or deferred with it"));
    }
    if !report::tells_held(tally.in_progress()) {
        return Err(Problem::field("hold", "too many wait to look through all of them"));
    }
    id.parse().map(Some).map_err(|_| Problem::field("hold", format!("{id:?} is no hold's id")))
}

/// What people did, and which of them are asked for: with which link, by whom, and within how many hours. Refused: what only
/// opens or clicks have, of anything else.
pub(crate) fn read_deed(
    did: &str,
    variant: Option<u8>,
    (link, by, within_hours): (Option<u32>, Option<&str>, Option<u32>),
) -> Result<Deed, Problem> {
    let by = by.filter(|word| !word.is_empty()).map(|word| {
        By::from_word(word).ok_or_else(|| {
            let words = By::ALL.map(By::word).join(", ");
            Problem::field("by", format!("{word:?} is none of {words}"))
        })
    });
    let deed =
        Deed { variant, link, by: by.transpose()?.unwrap_or_default(), within_hours, ..Deed::of(read_did(did)?) };
    match deed.refused() {
        Some((field, why)) => Err(Problem::field(field, why)),
        None => Ok(deed),
    }
}

/// What a list of such people is known by: a cursor of one opens no other.
pub(crate) fn of_deed(campaign: CampaignId, deed: &Deed) -> [String; 6] {
    let said = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let letter = deed.variant.map(|number| letter(number.into()).to_string()).unwrap_or_default();
    let (did, by) = (deed.did.word().to_owned(), deed.by.word().to_owned());
    [campaign.to_string(), did, letter, said(deed.link), by, said(deed.within_hours)]
}

/// What people did.
fn read_did(word: &str) -> Result<Did, Problem> {
    Did::from_word(word).ok_or_else(|| {
        let words = Did::ALL.map(Did::word).join(", ");
        Problem::field("did", format!("{word:?} is none of {words}"))
    })
}

/// Where recipients stand.
pub(in crate::api) fn read_state(word: &str) -> Result<DeliveryState, Problem> {
    DeliveryState::from_word(word).ok_or_else(|| {
        let words = DeliveryState::ALL.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ");
        Problem::field("state", format!("{word:?} is none of {words}"))
    })
}
