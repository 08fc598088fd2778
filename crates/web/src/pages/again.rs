//! Once more: offered to those alone who can be helped by it, and after the breakdown of who did not get it.
//!
//! Whoever was put off to the end, or refused for a reason that is neither the address nor ours to mend, gets another
//! campaign, which is written, reviewed and begun like any other. Whoever is in doubt may have it already: that is asked on a page of its
//! own. Hard bounces are no use to anybody, and only the recipient can change a filter of their own.

use super::campaign::{Head, found};
use super::layout::{Layout, Section};
use super::orders::AskPage;
use super::{Visitor, drawn, forms, page};
use crate::App;
use crate::api::campaigns::{self as api, Groups, Written};
use crate::extract::{At, Input};
use crate::idempotency;
use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use engine::report::{Cause, Report};
use model::access::Scope;
use model::{Blame, CampaignId, Category, ContactId, ContactStatus, DeliveryId, DeliveryState, ListId};
use store::{Asking, NewList};

/// Names tried for the list and the campaign.
const NAMES_MAX: u32 = 50;
/// People that are read, or put on the list, at once.
const MEMBERS_MAX: usize = 500;
/// People who are looked at one by one for whether they may be mailed now; of more it is told how many it is at most.
const LOOKED_AT_MAX: u64 = 300;
/// How those stand who can be helped.
const STATES: [DeliveryState; 2] = [DeliveryState::Soft, DeliveryState::Blocked];

/// Asks before those in doubt are sent to once more.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor, At(id): At<CampaignId>) -> Result<Response, Problem> {
    asking(&app, &visitor, id, false).await
}

async fn asking(app: &App, visitor: &Visitor, id: CampaignId, is_stale: bool) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(app, visitor, id).await?;
    let known = Report::of_tally(&app.store.tally(id).await?);
    if known.in_doubt == 0 {
        // Whoever pressed twice is led to where it is seen that the first time was obeyed.
        return Ok(Redirect::to(&format!("/campaigns/{id}")).into_response());
    }
    let shown = &visitor.shown;
    let head = Head::of(app, visitor, &campaign, "report").await?;
    let layout = Layout::of(app, visitor, Section::Campaigns, campaign.name);
    let asked = AskPage {
        is_stale,
        read: drawn::mark_of_doubt(&app.store.doubt(id, None).await?),
        question: shown.count("again-question", &known.in_doubt),
        meaning: shown.say("again-meaning"),
        button: shown.count("again-button", &known.in_doubt),
        action: format!("/campaigns/{id}/resend"),
        who: "in_doubt",
        class: "risk",
        ..AskPage::plain(head, layout)
    };
    let status = if is_stale { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok((status, page(&asked)).into_response())
}

/// Sends once more to those in doubt.
pub(super) async fn send(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    typed: forms::Typed,
) -> Result<Response, Problem> {
    let known = found(&app, &visitor, id).await?;
    match api::queue_again(&app, &visitor.caller, &known, None, drawn::is_doubt_of(&typed)).await? {
        Some(_) => Ok(Redirect::to(&format!("/campaigns/{id}")).into_response()),
        None => asking(&app, &visitor, id, true).await,
    }
}

/// Writes another campaign like this one to those whom it did not reach and who can still be reached.
pub(super) async fn write(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    form: forms::Typed,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    visitor.caller.may(Scope::SegmentsWrite)?;
    let campaign = found(&app, &visitor, id).await?;
    let made = idempotency::form(&app, &visitor.caller, form.raw("once"), async {
        let audience = Groups { include: vec![list(&app, &visitor, &campaign).await?], exclude: Vec::new() };
        let chosen = engine::drafts::proposal_of_chosen(&app.store, &campaign, app.now()).await?;
        let again = Written { audience, ..Written::of(chosen) };
        for number in 2..NAMES_MAX {
            let named = Written { name: format!("{} ({number})", campaign.name), ..again.clone() };
            match api::make(State(app.clone()), visitor.caller.clone(), Input(named)).await {
                Ok((_, Json(made))) => return Ok(format!("/campaigns/{}", made.id())),
                Err(problem) if problem.code == Code::AlreadyExists => {}
                Err(problem) => return Err(problem),
            }
        }
        Err(Code::AlreadyExists.into())
    });
    Ok(Redirect::to(&made.await?).into_response())
}

/// Is it ours to mend: our signature, our name, our address on a blocklist, what the message holds?
const fn is_ours(category: Category) -> bool {
    matches!(category, Category::IpReputation | Category::DomainReputation)
        || matches!(category.blame(), Blame::Identity | Blame::Content | Blame::OwnFault)
}

/// What another message is for those who were put off to the end or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// It may reach them.
    Helped,
    /// What is ours to mend is not mended by repeating it.
    Ours,
    /// A filter of the recipient's own goes on refusing.
    Theirs,
}

/// `None`: whoever stands so was neither put off to the end nor refused for what is not their address.
fn prospect(class: DeliveryState, category: Category) -> Option<Prospect> {
    if !matches!(class, DeliveryState::Soft | DeliveryState::Blocked) {
        return None;
    }
    Some(match category {
        Category::RecipientFilter => Prospect::Theirs,
        category if is_ours(category) => Prospect::Ours,
        _ => Prospect::Helped,
    })
}

/// The causes of those for whom another message is that.
pub(super) fn causes(report: &Report, what: Prospect) -> impl Iterator<Item = &Cause> {
    report.causes.iter().filter(move |cause| prospect(cause.class, cause.category) == Some(what))
}

/// How many of a report they are.
pub(super) fn count(report: &Report, what: Prospect) -> u64 {
    causes(report, what).map(|cause| cause.count).sum()
}

/// How many another message can help now: without those who may not be mailed, be it that this campaign was one too many; and
/// whether these are counted with the others, because there are too many to look at: then it is so many at most.
pub(super) async fn people(app: &App, campaign: CampaignId, report: &Report) -> Result<(u64, bool), Problem> {
    let all = count(report, Prospect::Helped);
    if all == 0 || all > LOOKED_AT_MAX {
        return Ok((all, all > 0));
    }
    let mut people = 0;
    for state in STATES {
        let (mut after, mut is_last) = (None, false);
        while !is_last {
            let (contacts, next) = some(app, campaign, state, after).await?;
            people += contacts.len() as u64;
            (after, is_last) = (next, next.is_none());
        }
    }
    Ok((people, false))
}

/// Some of those whom another message can help now, and behind whom the others are, if there are more.
async fn some(
    app: &App,
    campaign: CampaignId,
    state: DeliveryState,
    after: Option<DeliveryId>,
) -> Result<(Vec<ContactId>, Option<DeliveryId>), Problem> {
    let found = app.store.deliveries(campaign, state, after, MEMBERS_MAX).await?;
    let next = found.last().map(|last| last.delivery).filter(|_| found.len() == MEMBERS_MAX);
    let meant = found.into_iter().filter(|row| {
        row.last.as_ref().is_some_and(|last| prospect(row.state, last.verdict.category) == Some(Prospect::Helped))
    });
    let mut contacts = Vec::new();
    for row in meant {
        let known = app.store.contact(row.contact).await?;
        if known.is_some_and(|known| known.status == ContactStatus::Active && known.suppressions.is_empty()) {
            contacts.push(row.contact);
        }
    }
    Ok((contacts, next))
}

/// The very people that were promised, as a list, so that they can be looked at as such.
async fn list(app: &App, visitor: &Visitor, campaign: &store::Campaign) -> Result<String, Problem> {
    let caller = &visitor.caller;
    let made = named_list(app, visitor, campaign).await?;
    for state in STATES {
        let (mut after, mut is_last) = (None, false);
        while !is_last {
            let (contacts, next) = some(app, campaign.id, state, after).await?;
            (after, is_last) = (next, next.is_none());
            if !contacts.is_empty() {
                app.store.join_list(caller.workspace, made, contacts, None, &caller.actor, app.now()).await?;
            }
        }
    }
    Ok(made.to_string())
}

async fn named_list(app: &App, visitor: &Visitor, campaign: &store::Campaign) -> Result<ListId, Problem> {
    let caller = &visitor.caller;
    for number in 1..NAMES_MAX {
        let values = [("name", campaign.name.as_str().into()), ("n", number.into())];
        let name = visitor.shown.fill("again-segment", &values);
        let new = NewList { name, topic: None, public: false, confirms: false, asking: Asking::default() };
        match app.store.create_list(caller.workspace, new, &caller.actor, app.now()).await {
            Ok(made) => return Ok(made.id),
            Err(store::StoreError::Exists { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(Code::AlreadyExists.into())
}
