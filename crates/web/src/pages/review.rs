//! A campaign before it begins: who would get it, what stands against it and what mends that, and the button.
//!
//! Invariants: the button of one page begins it once, however often it is pressed and from wherever one comes back; many
//! people ask for their number to be typed, which is compared with what is counted then; what begins can be taken back for as long as the server was told to wait.

use super::campaign::{Head, found};
use super::counting::{self, Kept, Reckoned};
use super::equation::Equation;
use super::forms::Typed;
use super::layout::{Layout, Section};
use super::preflight::{self, Check, Sight};
use super::preview::own_failure;
use super::trial::Foretold;
use super::{Visitor, page};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{At, Input};
use crate::idempotency;
use crate::problem::{Code, Faults, Problem};
use crate::shape::Time;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use engine::drafts::Counted;
use engine::report::Report;
use engine::{Objection, SendError};
use model::access::Scope;
use model::{CampaignId, CampaignState, Timestamp};
use store::{Campaign, RuleOf};

/// Beyond so many people their number has to be typed.
const TYPED_ABOVE: u64 = 1_000;

/// Something that was found before it begins.
struct Finding {
    class: &'static str,
    /// Does it forbid the beginning?
    forbids: bool,
    /// Does it forbid to begin now, and may have passed later?
    forbids_now: bool,
    says: String,
    /// What mends it.
    remedy: String,
    /// The record that mends it, as a line of a zone file.
    record: Option<String>,
    /// Where it is mended.
    href: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/draft.html")]
struct DraftPage {
    layout: Layout,
    head: Head,
    /// When its figures were counted.
    reckoned: Reckoned,
    /// `None`: it is being counted.
    equation: Option<Equation>,
    /// What is about to be sent.
    sight: Sight,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
    /// Everything that was looked for; empty where the message cannot be read.
    checks: Vec<Check>,
    /// Who would get it.
    people: u64,
    /// Who would get which variant, drawn; empty where nothing is compared.
    trial: String,
    /// For so long it can be taken back, in seconds.
    window_secs: u64,
    start_at: Option<Timestamp>,
    typed: Typed,
    error: Option<Problem>,
    may_begin: bool,
}

impl DraftPage {
    fn is_typed(&self) -> bool {
        self.people > TYPED_ABOVE
    }

    fn is_later(&self) -> bool {
        self.typed.get("when") == "later" || self.is_later_only()
    }

    /// Is there something for which it would be refused now?
    fn is_later_only(&self) -> bool {
        self.findings.iter().any(|found| found.forbids_now)
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref()?.all().find(|(of, _)| *of == Some(field)).map(|(_, says)| says)
    }

    /// What is wrong and belongs to no field of the page.
    fn wrong_at_all(&self) -> Option<&str> {
        let error = self.error.as_ref()?;
        (!matches!(error.field.as_deref(), Some("at" | "people"))).then_some(error.detail.as_str())
    }
}

/// The page.
pub(super) async fn show(app: &App, visitor: &Visitor, campaign: &Campaign) -> Result<Response, Problem> {
    let typed = Typed::default().with("once", idempotency::form_token(app));
    Ok(page(&review(app, visitor, campaign, typed, None).await?))
}

async fn review(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    typed: Typed,
    error: Option<Problem>,
) -> Result<DraftPage, Problem> {
    let head = Head::of(app, visitor, campaign, "review").await?;
    let kept = counting::known(app, campaign).await?;
    let sight = Sight::of(app, visitor, campaign, kept.as_deref()).await?;
    let found = findings(app, visitor, campaign, (kept.as_deref(), sight.looked.size), &head.base).await?;
    let Found { mut findings, warnings, checks } = found;
    let report = kept.as_ref().map(|kept| Report::of_tally(&kept.counted.tally));
    let people = report.as_ref().map_or(0, |report| report.attempted);
    let shown = &visitor.shown;
    let plain = |says: String, remedy: String| Finding {
        class: "hard",
        forbids: true,
        forbids_now: false,
        says,
        remedy,
        record: None,
        href: None,
    };
    if report.as_ref().is_some_and(|report| report.attempted == 0) {
        let edit = Some(format!("{}/edit", head.base));
        findings.push(Finding { href: edit, ..plain(shown.say("finding-nobody"), shown.say("remedy-nobody")) });
    }
    if app.store.held().is_some() {
        findings.push(plain(shown.say("finding-held"), shown.say("remedy-held")));
    }
    let may_send = visitor.caller.scopes.has(Scope::CampaignsSend);
    let proposal = engine::drafts::proposal(&app.store, campaign).await?;
    let dealt = match &report {
        Some(report) => {
            let of = (report.recipients, report.attempted);
            engine::trial::foretold(&app.store, campaign, of, app.now()).await?
        }
        None => None,
    };
    let foretold = Foretold::of(shown, &head.base, &proposal, dealt);
    let trial = foretold.map(|foretold| foretold.render().map_err(|error| own_failure(&error))).transpose()?;
    Ok(DraftPage {
        trial: trial.unwrap_or_default(),
        equation: report.map(|report| Equation::of(shown, &report, &head.base).foretold()),
        people,
        reckoned: Reckoned::of(visitor, kept.as_deref()),
        window_secs: app.config.cancel_window_secs.into(),
        may_begin: may_send
            && kept.is_some()
            && campaign.state == CampaignState::Draft
            && !findings.iter().any(|found| found.forbids),
        start_at: campaign.start_at.filter(|_| campaign.state == CampaignState::Scheduled),
        layout: Layout::of(app, visitor, Section::Campaigns, campaign.name.clone()),
        head,
        sight,
        findings,
        warnings,
        checks,
        typed,
        error,
    })
}

/// What was found by looking it through.
struct Found {
    /// What stands against it.
    findings: Vec<Finding>,
    /// What its author should look at.
    warnings: Vec<Finding>,
    /// Everything that was looked for.
    checks: Vec<Check>,
}

/// `size`: of the message, in kB, and whether it is cut off.
async fn findings(
    app: &App,
    visitor: &Visitor,
    campaign: &Campaign,
    (kept, size): (Option<&Kept>, Option<(u64, bool)>),
    base: &str,
) -> Result<Found, Problem> {
    let shown = &visitor.shown;
    let edit = visitor.caller.scopes.has(Scope::CampaignsWrite).then(|| format!("{base}/edit"));
    let in_text = |class, forbids, says: String| Finding {
        class,
        forbids,
        forbids_now: false,
        says,
        remedy: shown.say("remedy-message"),
        record: None,
        href: edit.clone(),
    };
    // Of nobody nothing is said here: neither that nobody would get it, nor who has no value for a tag.
    let nobody = Counted::default();
    let counted = kept.map_or(&nobody, |kept| &kept.counted);
    let checked = match engine::drafts::check_counted(&app.store, &app.world, campaign, counted, app.now()).await {
        Ok(checked) => checked,
        Err(why @ (SendError::Message { .. } | SendError::Input(_))) => {
            let says = match &why {
                SendError::Message { why, .. } => why.clone(),
                other => other.to_string(),
            };
            let findings = vec![in_text("hard", true, shown.refused(&says))];
            return Ok(Found { findings, warnings: Vec::new(), checks: Vec::new() });
        }
        Err(other) => return Err(other.into()),
    };
    let topic = app.store.topic_to_be(campaign.id).await?;
    let against = |objection: &Objection| Finding {
        class: "hard",
        forbids: !objection.is_of_the_moment(),
        forbids_now: objection.is_of_the_moment(),
        says: match objection {
            Objection::SentAlready { campaign, number, over_at } => {
                let at = shown.time(over_at).into();
                shown.fill(
                    "objection-sent_already",
                    &[("name", campaign.as_str().into()), ("number", (*number).into()), ("at", at)],
                )
            }
            Objection::Expired { at } => shown.fill("objection-expired", &[("at", shown.time(at).into())]),
            Objection::RuleNamesGone(gone) => {
                let segment = match &gone.of {
                    RuleOf::Segment(name) => name.as_str(),
                    RuleOf::Branch | RuleOf::Goal | RuleOf::Entry => "",
                };
                let what = gone.what.word().into();
                let id = gone.id.as_str().into();
                shown.fill("objection-rule_names_gone", &[("segment", segment.into()), ("what", what), ("id", id)])
            }
            Objection::Unwritten { variant: Some(letter) } => {
                shown.fill("unwritten-variant", &[("variant", letter.to_string().into())])
            }
            other => shown.one_of("objection", other.code()),
        },
        remedy: shown.one_of("remedy", objection.code()),
        record: match objection {
            Objection::KeyNotPublished { zone_line, .. } => Some(zone_line.clone()),
            Objection::KeyUnseen { record, why } => Some(format!("{record}: {why}")),
            _ => None,
        },
        href: match objection {
            Objection::NoUnsubscribe
            | Objection::Unwritten { .. }
            | Objection::Nobody { .. }
            | Objection::Expired { .. }
            | Objection::SentAlready { .. } => edit.clone(),
            Objection::RuleNamesGone(_) => Some("/segments".to_owned()),
            Objection::NoKey { .. } | Objection::KeyNotPublished { .. } => Some("/domains".to_owned()),
            Objection::NoPostalAddress => Some("/settings".to_owned()),
            Objection::KeyUnseen { .. } => None,
        },
    };
    let gap = |(tag, people): &(String, u64)| Finding {
        class: "soft",
        forbids: false,
        forbids_now: false,
        says: shown.fill("finding-gap", &[("n", (*people).into()), ("tag", tag.as_str().into())]),
        remedy: shown.fill("remedy-gap", &[("tag", tag.as_str().into())]),
        record: None,
        href: Some(format!("{base}/people?state=without&reason={tag}")),
    };
    let warnings = checked.warnings.iter().map(|says| in_text("soft", false, shown.refused(says)));
    Ok(Found {
        // That nobody would get it is told beside the number of people.
        findings: checked
            .objections
            .iter()
            .filter(|one| !matches!(one, Objection::Nobody { .. }))
            .map(against)
            .collect(),
        warnings: warnings.chain(checked.gaps.iter().map(gap)).collect(),
        checks: preflight::checks(shown, &checked, (size, topic.as_deref()), kept.is_some()),
    })
}

/// Lets it begin, now or at a time.
pub(super) async fn start(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    typed: Typed,
) -> Result<Response, Problem> {
    let campaign = found(&app, &visitor, id).await?;
    let begun = idempotency::form(&app, &visitor.caller, typed.get("once"), async {
        let mut faults = Faults::default();
        let at = faults.take(begins(&visitor, &typed)).flatten();
        faults.take(right_number(&app, &visitor, &campaign, &typed).await);
        faults.hold()?;
        let begin = api::Begin { at, cancel_window_seconds: None };
        let _begun = api::start(State(app.clone()), visitor.caller.clone(), At(id), Input(begin)).await?;
        Ok(format!("/campaigns/{id}"))
    });
    match begun.await {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem)
            if matches!(problem.code, Code::InvalidField | Code::Refused | Code::Held)
                && campaign.state == CampaignState::Draft =>
        {
            let form = review(&app, &visitor, &campaign, typed, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// When it is to begin; `None`: now.
fn begins(visitor: &Visitor, typed: &Typed) -> Result<Option<Time>, Problem> {
    if typed.get("when") != "later" {
        return Ok(None);
    }
    let wrong = || Problem::field("at", visitor.shown.say("start-at-wrong"));
    let civil: jiff::civil::DateTime = typed.get("at").parse().map_err(|_| wrong())?;
    let zoned = civil.to_zoned(visitor.shown.zone.clone()).map_err(|_| wrong())?;
    let at = Timestamp::from_millis(zoned.timestamp().as_millisecond());
    if at <= visitor.shown.now {
        return Err(Problem::field("at", visitor.shown.say("start-at-past")));
    }
    Ok(Some(Time(at)))
}

/// Was the number of many people typed as it is? It is counted for that.
async fn right_number(app: &App, visitor: &Visitor, campaign: &Campaign, typed: &Typed) -> Result<(), Problem> {
    if campaign.state != CampaignState::Draft {
        return Ok(());
    }
    let kept = counting::anew(app, campaign).await?;
    let people = Report::of_tally(&kept.counted.tally).attempted;
    let digits: String = typed.get("people").chars().filter(char::is_ascii_digit).collect();
    if people <= TYPED_ABOVE || digits == people.to_string() {
        return Ok(());
    }
    Err(Problem::field("people", visitor.shown.count("start-people-wrong", &people)))
}
