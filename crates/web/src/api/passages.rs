//! Who went through a sequence, and how their way went: the people behind the numbers of its report.

use super::sequences::require;
use crate::extract::{Asked, At};
use crate::page::{self, Page};
use crate::problem::Problem;
use crate::shape::Time;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::{ContactId, Departure, SequenceId};
use serde::{Deserialize, Serialize};
use store::{Passage, Passing};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIST: &str = "passages";
/// Who is asked for, beside how somebody's way ended.
pub(crate) const WHO: [&str; 3] = ["entered", "under_way", "left"];

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which of those who came in.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `entered` (as where nothing is said), `under_way`, `left` (before the end and the goal), or how their way ended: `ended`,
    /// `reached`, `unsubscribed`, `complained`, `bounced`, `suppressed`, `removed` or `archived`.
    pub(crate) who: Option<String>,
    /// Of those who are `under_way`, only who is at this step, from 1.
    pub(crate) step: Option<u16>,
    /// By which version of it they came in; without, by the one in force. Of another only those who are `under_way` are known.
    pub(crate) version: Option<u32>,
    /// Entries of a page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

impl Which {
    fn read(&self) -> Result<Passing, Problem> {
        let which = match self.who.as_deref() {
            None | Some("" | "entered") => Passing::Entered,
            Some("under_way") => Passing::UnderWay(self.step),
            Some("left") => Passing::Left,
            Some(word) => {
                let known = || {
                    let how = Departure::ALL.iter().map(|how| how.word());
                    WHO.into_iter().chain(how).collect::<Vec<_>>().join(", ")
                };
                let how = Departure::from_word(word);
                Passing::Over(how.ok_or_else(|| Problem::field("who", format!("{word:?} is none of {}", known())))?)
            }
        };
        match (self.step, which) {
            (Some(_), Passing::Entered | Passing::Over(_) | Passing::Left) => {
                Err(Problem::field("step", "only whoever is under_way is at a step"))
            }
            (_, which) => Ok(which),
        }
    }
}

/// Somebody who came in, and how their way went; the last, where they came in again.
#[derive(Serialize, ToSchema)]
pub(crate) struct SequencePassage {
    /// Who.
    pub(crate) contact: String,
    /// Their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// How many of their ways are asked for.
    pub(crate) times: u64,
    /// When the last of these began.
    pub(crate) entered_at: Time,
    /// At which step they are, from 1; absent: it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<u16>,
    /// Since when they are at this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Time>,
    /// How it ended; absent: they are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) departure: Option<&'static str>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) departed_at: Option<Time>,
}

impl SequencePassage {
    fn of(known: &Passage, email: Option<String>) -> SequencePassage {
        SequencePassage {
            contact: known.contact.to_string(),
            email,
            times: known.times,
            entered_at: known.entered_at.into(),
            step: known.place.map(|(step, _)| step),
            since: known.place.map(|(_, since)| Time(since)),
            departure: known.over.map(|(how, _)| how.word()),
            departed_at: known.over.map(|(_, at)| Time(at)),
        }
    }
}

/// Who came in by the version in force, or is under way by another, and how their way went. Whoever was forgotten is in no list.
#[utoipa::path(get, path = "/sequences/{id}/passages", tag = "sequences",
    params(Which, ("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Page<SequencePassage>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<SequenceId>,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<SequencePassage>>, Problem> {
    caller.may(Scope::CampaignsRead)?;
    caller.may(Scope::ContactsRead)?;
    let known = require(&app, &caller, id).await?;
    let (passing, limit) = (which.read()?, page::limit(which.limit)?);
    let is_other = which.version.is_some_and(|version| version != known.version.unwrap_or(known.newest));
    if is_other && !matches!(passing, Passing::UnderWay(_)) {
        return Err(Problem::field(
            "version",
            "of a version that is not in force only those who are under_way are known",
        ));
    }
    // Whoever is on their way keeps the version they came in by.
    let known = store::Sequence { version: which.version.or(known.version), ..known };
    let step = which.step.map(|step| step.to_string()).unwrap_or_default();
    let version = known.version.map(|version| version.to_string()).unwrap_or_default();
    let list = page::within(LIST, [id.to_string().as_str(), which.who.as_deref().unwrap_or_default(), &step, &version]);
    let after: Option<ContactId> = page::open_as(&list, which.after.as_deref())?;
    let found = app.store.sequence_passages(&known, passing, after, limit).await?;
    let ids = found.people.iter().map(|one| one.contact).collect();
    let contacts = app.store.contacts_of(caller.workspace, ids).await?;
    let emails = contacts.into_iter().map(|contact| contact.and_then(|contact| contact.email));
    let data = found.people.iter().zip(emails).map(|(one, email)| SequencePassage::of(one, email)).collect();
    let next = found.next.map(|last| page::seal(&list, &last.to_string()));
    Ok(Json(Page { data, has_more: next.is_some(), next }))
}
