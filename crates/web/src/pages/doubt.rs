//! One person in doubt: nobody knows whether the message arrived. Whoever found out says so; else it may be sent once more,
//! and they may have it twice. Everybody in doubt of a campaign is a list of the campaign's people.

use super::forms::{Entered, Field, Form, Typed};
use super::layout::{Layout, Section};
use super::sheet::{Part, Sheet};
use super::{Visitor, drawn, message};
use crate::App;
use crate::api::{campaigns, doubt as api};
use crate::extract::{At, Input};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::report::people;
use model::access::Scope;
use model::{DeliveryId, DeliveryState};

fn back_to(id: DeliveryId) -> Response {
    Redirect::to(&format!("/deliveries/{id}")).into_response()
}

/// Asks what became of it; whoever is not in doubt any more is shown as they stand.
pub(super) async fn ask(State(app): State<App>, visitor: Visitor, At(id): At<DeliveryId>) -> Result<Response, Problem> {
    asking(&app, &visitor, id, Entered::default()).await
}

async fn asking(app: &App, visitor: &Visitor, id: DeliveryId, entered: Entered) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsSend)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let row = app.store.delivery_in(visitor.caller.workspace, id).await?;
    let row = row.ok_or_else(|| Problem::from(Code::NotFound))?;
    if row.state != DeliveryState::InDoubt {
        return Ok(back_to(id));
    }
    let campaign = campaigns::campaign(app, &visitor.caller, row.campaign).await?;
    let doubt = app.store.doubt(row.campaign, Some(&[id])).await?;
    let signs = message::reactions(app, visitor, &row).await?.into_iter();
    let signs: Vec<String> =
        signs.map(|one| [one.at, one.what].into_iter().chain(one.by).collect::<Vec<_>>().join(" ")).collect();
    let (shown, person) = (&visitor.shown, people::person(row));
    let who = person.address.unwrap_or_else(|| person.contact.clone());
    let happened = [
        ("server", person.host.unwrap_or_else(|| "–".to_owned()).into()),
        ("at", person.time.map(|at| shown.second(&at)).unwrap_or_default().into()),
        (
            "why",
            match &person.reply {
                Some(reply) => shown.heard(reply),
                None => shown.told(person.meaning.unwrap_or_default()),
            }
            .into(),
        ),
    ];
    let became =
        vec![("accepted".to_owned(), shown.say("doubt-accepted")), ("hard".to_owned(), shown.say("doubt-hard"))];
    let action = format!("/deliveries/{id}/doubt");
    let settle = Form::new("settle", shown.say("doubt-settle"), action, shown.say("doubt-settle-do"), &entered)
        .help(shown.say("doubt-settle-what"))
        .field(Field::one("became", shown.say("doubt-became"), became))
        .field(Field::line("because", shown.say("doubt-because")).help(shown.say("doubt-because-help")).required());
    let action = format!("/deliveries/{id}/resend");
    let again = Form::new("resend", shown.say("doubt-again"), action, shown.say("doubt-again-do"), &entered)
        .help(shown.say("doubt-again-what"))
        .field(Field::hidden(drawn::READ, drawn::mark_of_doubt(&doubt)))
        .class("risk");
    let title = shown.fill("doubt-title", &[("who", who.as_str().into())]);
    let layout = Layout::of(app, visitor, Section::Campaigns, title);
    let all = format!("/campaigns/{}/people?state=in_doubt", campaign.id);
    let mut sheet = Sheet::new(layout)
        .up(all, shown.fill("doubt-all", &[("name", campaign.name.as_str().into())]))
        .lead(shown.fill("doubt-happened", &happened));
    if !signs.is_empty() {
        let since = shown.fill("doubt-signs", &[("signs", signs.join(", ").into())]);
        sheet = sheet.part(Part::Note("ok", since, None));
    }
    let sheet = sheet.part(Part::Note("soft", shown.say("again-meaning"), None)).part(settle).part(again);
    Ok(sheet.answer(&entered))
}

/// Keeps what somebody found out.
pub(super) async fn settle(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<DeliveryId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let became = match typed.get("became") {
        "accepted" => api::Became::Accepted,
        "hard" => api::Became::Hard,
        _ => return Err(Problem::field("became", visitor.shown.say("doubt-became"))),
    };
    let found = api::Found { became, because: typed.get("because").to_owned() };
    match api::settle(State(app.clone()), visitor.caller.clone(), At(id), Input(found)).await {
        Ok(Json(_settled)) => Ok(back_to(id)),
        Err(problem) => asking(&app, &visitor, id, Entered::refused("settle", typed, problem)?).await,
    }
}

/// Sends to them once more, if the doubt is still the one that was seen: else it is shown as it stands.
pub(super) async fn send_again(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<DeliveryId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::send_again_if(&app, &visitor.caller, id, drawn::is_doubt_of(&typed)).await {
        Ok(_) => Ok(back_to(id)),
        Err(problem) => asking(&app, &visitor, id, Entered::refused("resend", Typed::default(), problem)?).await,
    }
}
