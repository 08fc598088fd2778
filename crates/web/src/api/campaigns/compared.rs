//! Variants of a campaign's message: what is compared, and a person's choice.

use super::campaign;
use super::written::{Counting, Message};
use crate::extract::{At, Input};
use crate::problem::Problem;
use crate::{App, Caller};
use axum::Json;
use axum::extract::State;
use dispatch::trial::Undecided;
use engine::launch::MessageFile;
use engine::trial::{self, Comparison, Measure, Size, Variant};
use model::CampaignId;
use model::access::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// People get so long to act when nothing is said, in minutes.
const WAIT_MINUTES: u32 = 240;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(choose))
}

/// What is compared with the message, which is variant A.
///
/// A sample of the audience, drawn by a hash of person and campaign, gets the variants in equal parts. When nearly all of it has
/// a first verdict, people have the stated time to act; then the variants are compared, and everybody else gets one of them.
/// Machines do not judge.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compared {
    /// The others: B, C, D.
    #[schema(min_items = 1, max_items = 3)]
    pub(crate) variants: Vec<Other>,
    /// The share of the audience that is the sample. 100: everybody, and nothing is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) sample_percent: Option<u8>,
    /// How many people are the sample, in place of a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub(crate) sample_people: Option<u32>,
    /// How long people have to act, in minutes; four hours when left out.
    #[serde(default = "usual_wait")]
    #[schema(minimum = 1, maximum = 20160)]
    pub(crate) wait_minutes: u32,
    /// The name of the event of another system that counts, such as `booked`; without it people's own clicks count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<String>,
    /// Who chooses.
    #[serde(default)]
    pub(crate) chosen_by: ChosenBy,
    /// What happens when the difference may be chance.
    #[serde(default)]
    pub(crate) no_difference: NoDifference,
}

/// A variant: what it says that the message does not.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Other {
    /// The subject, in place of every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// What mail programs show behind the subject, in place of every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) preheader: Option<String>,
    /// The name that stands before the sender's address, in place of every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from_name: Option<String>,
    /// The whole message, in place of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Message>,
}

/// Who chooses the variant for everybody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChosenBy {
    /// The figures.
    #[default]
    Figures,
    /// A person, who sees them.
    Person,
}

/// What happens when the difference may be chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoDifference {
    /// The variant that is ahead is sent all the same; A where nobody acted.
    #[default]
    SendLeader,
    /// A person is asked.
    Ask,
}

const fn usual_wait() -> u32 {
    WAIT_MINUTES
}

impl Compared {
    pub(super) fn read(self, tracking: &Counting) -> Result<Comparison, Problem> {
        let sample = match (self.sample_percent, self.sample_people) {
            (Some(percent), None) => Size::Percent(percent),
            (None, Some(people)) => Size::People(people),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Problem::field("compare.sample_percent", "give sample_percent or sample_people"));
            }
        };
        let read = |(at, other): (usize, Other)| {
            let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
            Ok(Variant {
                subject: filled(other.subject),
                preheader: filled(other.preheader),
                from_name: filled(other.from_name),
                file: other.message.map(|message| into_file(at, message)).transpose()?,
            })
        };
        let comparison = Comparison {
            variants: self.variants.into_iter().enumerate().map(read).collect::<Result<_, Problem>>()?,
            sample,
            wait_minutes: self.wait_minutes,
            measure: self.goal.map_or(Measure::Clicks, Measure::Goal),
            asks: self.chosen_by == ChosenBy::Person,
            undecided: match self.no_difference {
                NoDifference::SendLeader => Undecided::Leader,
                NoDifference::Ask => Undecided::Ask,
            },
        };
        comparison.check(tracking.mode.into()).map_err(|why| Problem::field("compare", why.to_string()))?;
        Ok(comparison)
    }

    pub(super) fn of(comparison: Comparison) -> Compared {
        let (sample_percent, sample_people) = match comparison.sample {
            Size::Percent(percent) => (Some(percent), None),
            Size::People(people) => (None, Some(people)),
        };
        let other = |variant: Variant| Other {
            subject: variant.subject,
            preheader: variant.preheader,
            from_name: variant.from_name,
            message: variant.file.map(Message::from_file),
        };
        Compared {
            variants: comparison.variants.into_iter().map(other).collect(),
            sample_percent,
            sample_people,
            wait_minutes: comparison.wait_minutes,
            goal: match comparison.measure {
                Measure::Clicks => None,
                Measure::Goal(name) => Some(name),
            },
            chosen_by: if comparison.asks { ChosenBy::Person } else { ChosenBy::Figures },
            no_difference: match comparison.undecided {
                Undecided::Leader => NoDifference::SendLeader,
                Undecided::Ask => NoDifference::Ask,
            },
        }
    }
}

fn into_file(at: usize, message: Message) -> Result<MessageFile, Problem> {
    message.into_file().map_err(|why| Problem::field(&format!("compare.variants[{at}].message"), why.detail))
}

/// A choice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// `A`, `B`, …
    pub(crate) variant: String,
    /// Why; it is kept in the audit log.
    #[serde(default)]
    pub(crate) because: Option<String>,
}

/// Choose the variant that everybody gets who is not in the sample.
///
/// Whatever the figures say, or before they say anything; once. What is answered is how the comparison stands in the report.
#[utoipa::path(post, path = "/campaigns/{id}/variant", tag = "campaigns", request_body = Choice,
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = Value)))]
pub(crate) async fn choose(
    State(app): State<App>,
    caller: Caller,
    At(id): At<CampaignId>,
    Input(choice): Input<Choice>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::CampaignsSend)?;
    let known = campaign(&app, &caller, id).await?;
    let variant = read_letter(&choice.variant)?;
    let because = choice.because.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    app.engine.choose_variant(caller.workspace, known.id, variant, because, &caller.actor).await?;
    let told = trial::told(&app.store, &known, app.now()).await?;
    Ok(Json(serde_json::to_value(told).unwrap_or_default()))
}

/// A variant by its letter.
pub(crate) fn read_letter(text: &str) -> Result<u8, Problem> {
    match text.trim().as_bytes() {
        [letter @ b'A'..=b'Z'] => Ok(letter - b'A'),
        [letter @ b'a'..=b'z'] => Ok(letter - b'a'),
        _ => Err(Problem::field("variant", format!("{text:?} is no variant: A, B, …"))),
    }
}
