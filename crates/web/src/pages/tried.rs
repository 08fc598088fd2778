//! A message is tried on its author: sent the real way, with `[Test]` before its subject, and counted nowhere.

use super::campaign::{Head, found};
use super::layout::{Layout, Section};
use super::message::Story;
use super::preview::{self, Seen};
use super::shown::verdict_class as class_of;
use super::{Visitor, forms, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{Asked, At, Input};
use crate::idempotency;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use dispatch::trial::letter;
use engine::messages::TESTED_MAX;
use model::access::Scope;
use model::{CampaignId, DeliveryId, DeliveryState};
use serde::Deserialize;
use store::trial::VARIANTS_MAX;

/// Domains that are looked through for the one that signs.
const DOMAINS_MAX: usize = 1_000;
/// What was sent lately, as it stands in the address.
const BETWEEN: char = ' ';

#[derive(Template)]
#[template(path = "pages/test.html")]
struct TestPage {
    layout: Layout,
    head: Head,
    once: String,
    to: String,
    people: Vec<preview::Face>,
    /// The messages of the last test.
    sent: Vec<Tested>,
    /// How they are vouched for, in sentences.
    vouched: Vec<String>,
    /// Is one of them under way still?
    is_moving: bool,
    /// The variants that are compared, each with its name and whether it is chosen; none where nothing is.
    variants: Vec<(char, String, bool)>,
    /// What was refused, in the reader's language.
    error: Option<String>,
}

/// A message of a test.
struct Tested {
    id: DeliveryId,
    /// The variant, where several are compared.
    letter: Option<char>,
    address: String,
    state: DeliveryState,
    /// What it means, and what the server said.
    says: String,
    reply: Option<String>,
}

/// What became of the messages of a test.
async fn tested(app: &App, visitor: &Visitor, sent: &Sent) -> Result<Vec<Tested>, Problem> {
    let mut found = Vec::new();
    let letters: Vec<char> = sent.of.chars().filter(char::is_ascii_uppercase).take(VARIANTS_MAX.into()).collect();
    let most = TESTED_MAX * usize::from(VARIANTS_MAX);
    for (at, id) in sent.sent.split(BETWEEN).take(most).enumerate() {
        let Ok(id) = id.parse::<DeliveryId>() else { continue };
        let letter = letters.get(at % letters.len().max(1)).copied();
        let Some(row) = app.store.delivery_in(visitor.caller.workspace, id).await? else { continue };
        let state = row.state;
        let Some(story) = Story::of(app, visitor, row).await? else { continue };
        let reply = story.tries().first().and_then(|last| last.reply.clone());
        let says = story.waits.first().cloned().unwrap_or_else(|| visitor.shown.told(&story.told.meaning));
        found.push(Tested { id, letter, address: story.told.address.clone().unwrap_or_default(), state, says, reply });
    }
    Ok(found)
}

/// How a campaign's mail is vouched for: who signs it, where SPF is asked, and whether DMARC is content with that.
async fn vouched(app: &App, visitor: &Visitor, campaign: &store::Campaign) -> Result<Vec<String>, Problem> {
    let shown = &visitor.shown;
    let options = engine::drafts::proposal(&app.store, campaign).await?.options;
    let Ok(sender) = engine::launch::parse_mailbox(&options.from) else { return Ok(Vec::new()) };
    let domain = sender.address.domain().as_str().to_owned();
    let signing = app.store.signing_domains(campaign.workspace, None, DOMAINS_MAX).await?;
    let signed = match signing.contains(&domain) {
        true => shown.fill("test-signed", &[("domain", domain.as_str().into())]),
        false => shown.say("test-signed-not"),
    };
    let spf = shown.fill("test-spf", &[("domain", options.return_path.as_str().into())]);
    let aligned = shown.say(if options.return_path == domain { "test-aligned" } else { "test-aligned-not" });
    Ok(vec![signed, format!("{spf} {aligned}"), shown.say("test-received")])
}

/// The variants that a campaign compares, each with its letter, its name and whether it is the chosen one.
async fn variants(
    app: &App,
    visitor: &Visitor,
    campaign: &store::Campaign,
    chosen: &str,
) -> Result<Vec<(char, String, bool)>, Problem> {
    let Some(compared) = engine::drafts::proposal(&app.store, campaign).await?.trial else { return Ok(Vec::new()) };
    let named = |(at, subject): (usize, Option<&String>)| {
        let letter = letter(at);
        let name = visitor.shown.fill("compare-variant", &[("letter", letter.to_string().into())]);
        let name = subject.map_or(name.clone(), |subject| format!("{name}: {subject}"));
        (letter, name, chosen == letter.to_string())
    };
    let subjects = compared.variants.iter().map(|variant| variant.subject.as_ref());
    Ok(std::iter::once(None).chain(subjects).enumerate().map(named).collect())
}

/// What was sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    sent: String,
    contact: String,
    /// The variant that was chosen; nothing: each of them.
    variant: String,
    /// The letters of the variants that were sent to everybody in turn.
    of: String,
}

/// Asks to whom.
pub(super) async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(sent): Asked<Sent>,
) -> Result<Response, Problem> {
    let member = app.store.member(visitor.caller.workspace, visitor.caller.person()?).await?;
    let to = member.map(|member| member.user.email).unwrap_or_default();
    let once = idempotency::form_token(&app);
    Ok(page(&test_page(&app, &visitor, id, (to, once), sent, None).await?))
}

async fn test_page(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    (to, once): (String, String),
    sent: Sent,
    error: Option<String>,
) -> Result<TestPage, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    let campaign = found(app, visitor, id).await?;
    let tested = tested(app, visitor, &sent).await?;
    let variants = variants(app, visitor, &campaign, &sent.variant).await?;
    let seen = Seen { contact: sent.contact, ..Seen::default() };
    let is_open = |one: &Tested| matches!(one.state, DeliveryState::Queued | DeliveryState::Deferred);
    Ok(TestPage {
        is_moving: tested.iter().any(is_open),
        vouched: vouched(app, visitor, &campaign).await?,
        layout: Layout::of(app, visitor, Section::Campaigns, visitor.shown.say("test-title")),
        head: Head::of(app, visitor, &campaign, "test").await?,
        variants,
        once,
        to,
        people: preview::faces(app, visitor, &seen).await?,
        sent: tested,
        error,
    })
}

/// Which of several addresses a refusal is about: `to[1]`, the second. `None`: there is one alone, or it is about none.
fn nth<'a>(field: &str, addresses: &'a [String]) -> Option<&'a String> {
    let at: usize = field.strip_prefix("to[")?.strip_suffix(']')?.parse().ok()?;
    addresses.get(at).filter(|_| addresses.len() > 1)
}

/// Sends it.
pub(super) async fn send(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    form: forms::Typed,
) -> Result<Response, Problem> {
    let [to, once, contact, variant] = ["to", "once", "contact", "variant"].map(|name| form.get(name).to_owned());
    let addresses = to.split([',', ';', ' ', '\n']).map(str::trim).filter(|one| !one.is_empty());
    let addresses: Vec<String> = addresses.map(str::to_owned).collect();
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wish = api::TestSend { to: addresses.clone(), contact: some(&contact), variant: some(&variant) };
    let campaign = found(&app, &visitor, id).await?;
    let of: String = match variant.as_str() {
        "" => variants(&app, &visitor, &campaign, "").await?.into_iter().map(|(letter, ..)| letter).collect(),
        one => one.to_owned(),
    };
    let made = idempotency::form(&app, &visitor.caller, &once, async {
        let (_, Json(posted)) = api::test(State(app.clone()), visitor.caller.clone(), At(id), Input(wish)).await?;
        let ids: Vec<&str> = posted.data.iter().map(|one| one.delivery.as_str()).collect();
        let of = format!("variant={variant}&of={of}");
        Ok(format!("/campaigns/{id}/test?contact={contact}&{of}&sent={}", ids.join("+")))
    });
    match Box::pin(made).await {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) if matches!(problem.code, Code::InvalidField | Code::Refused) => {
            let sent = Sent { contact, variant: variant.clone(), ..Sent::default() };
            let said = visitor.shown.refused(&problem.detail);
            let said = match problem.field.as_deref().and_then(|field| nth(field, &addresses)) {
                Some(address) => format!("{address}: {said}"),
                None => said,
            };
            let form = test_page(&app, &visitor, id, (to, once), sent, Some(said)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}
