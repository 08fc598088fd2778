//! Variants of a message on the pages: written beside it, foretold in the review, compared while it is sent and afterwards,
//! and chosen by a person.
//!
//! Invariant: what is said of a difference is said with how far it may be chance, and not at all where too few acted.

use super::campaign::found;
use super::forms::Typed;
use super::names::Names;
use super::shown::Shown;
use super::{Visitor, live};
use crate::App;
use crate::api::campaigns::{self as api, ChosenBy, Compared, Format, Message, NoDifference, Other};
use crate::extract::{At, Input};
use crate::problem::{Code, Faults, Problem};
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use dispatch::trial::{Finding, least_people, letter};
use engine::drafts::Proposal;
use engine::options::TrackingMode;
use engine::trial::{Ahead, CHOSEN_BY_HAND, Comparison, Measure, Stage, Told};
use model::CampaignId;
use store::Campaign;
use store::trial::VARIANTS_MAX;

/// Variants beside the message itself.
pub(super) const OTHERS: usize = VARIANTS_MAX as usize - 1;
/// What a variant may say that the message does not, as the fields of its form are called.
const PARTS: [&str; 4] = ["subject", "preheader", "from_name", "source"];
/// Minutes of an hour and of a day.
const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
/// The share of the audience that is the sample, in percent, and the minutes that people get, where nobody chose.
const USUAL: (&str, u32) = ("20", 4 * HOUR);
/// Where so many of 100 act, as after an ordinary newsletter: what is said beforehand of how many are needed.
const ORDINARY_PERCENT: u64 = 3;

// ── written ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// The field of a variant's part; variants are numbered from 1.
pub(super) fn field(number: usize, part: &str) -> String {
    format!("variant{number}_{part}")
}

/// The variants beside the message: the number in their fields and their letter.
pub(super) fn others() -> [(usize, char); OTHERS] {
    std::array::from_fn(|at| (at + 1, letter(at + 1)))
}

/// Does a variant say anything?
pub(super) fn is_filled(form: &Typed, number: usize) -> bool {
    PARTS.iter().any(|part| form.has(&field(number, part)))
}

/// The letters of what is compared; none where nothing is.
pub(super) fn letters(form: &Typed) -> Vec<char> {
    let filled = (1..=OTHERS).filter(|number| is_filled(form, *number)).count();
    if filled == 0 { Vec::new() } else { (0..=filled).map(letter).collect() }
}

/// Puts a comparison into the fields of a form. Where nothing is `counted` of each person, nothing is offered that needs it.
pub(super) fn put(compared: Option<&Compared>, counted: TrackingMode, put: &mut impl FnMut(&str, Option<&str>)) {
    let (mut sample, mut unit, mut wait) = (USUAL.0.to_owned(), "percent", USUAL.1);
    let (mut goal, mut chosen_by) = (None, if counted == TrackingMode::Full { "figures" } else { "person" });
    if let Some(compared) = compared {
        if let Some(people) = compared.sample_people {
            (sample, unit) = (people.to_string(), "people");
        } else if let Some(percent) = compared.sample_percent {
            sample = percent.to_string();
        }
        wait = compared.wait_minutes;
        goal = compared.goal.as_deref();
        chosen_by = match (compared.chosen_by, compared.no_difference) {
            (ChosenBy::Person, _) => "person",
            (ChosenBy::Figures, NoDifference::Ask) => "clear",
            (ChosenBy::Figures, NoDifference::SendLeader) => "figures",
        };
        for (other, (number, _)) in compared.variants.iter().zip(others()) {
            let message = other.message.as_ref();
            put(&field(number, "subject"), other.subject.as_deref());
            put(&field(number, "preheader"), other.preheader.as_deref());
            put(&field(number, "from_name"), other.from_name.as_deref());
            put(&field(number, "source"), message.map(|message| message.source.as_str()));
            put(&field(number, "format"), message.map(|message| message.format.word()));
        }
    }
    let (wait, wait_unit) = match wait {
        days if days % DAY == 0 => (days / DAY, "days"),
        hours if hours % HOUR == 0 => (hours / HOUR, "hours"),
        minutes => (minutes, "minutes"),
    };
    put("sample", Some(&sample));
    put("sample_unit", Some(unit));
    put("wait", Some(&wait.to_string()));
    put("wait_unit", Some(wait_unit));
    put("measure", Some(if goal.is_some() { "goal" } else { "clicks" }));
    put("goal", goal);
    put("chosen_by", Some(chosen_by));
}

/// What is compared, as it was typed; a form that does not ask changes nothing. A number that is none is told in `faults`.
pub(super) fn read(form: &Typed, before: Option<Compared>, faults: &mut Faults) -> Option<Compared> {
    if !form.knows("sample") {
        return before;
    }
    let before = before.map(|compared| compared.variants).unwrap_or_default();
    let numbers = (1..=OTHERS).filter(|number| is_filled(form, *number));
    let variants: Vec<Other> = numbers.map(|number| other(form, number, before.get(number - 1))).collect();
    if variants.is_empty() {
        return None;
    }
    let (sample_percent, sample_people) = match form.get("sample_unit") {
        "people" => (None, Some(faults.take(form.number("sample")).flatten().unwrap_or(1))),
        _ => (Some(faults.take(form.number("sample")).flatten().unwrap_or(1)), None),
    };
    let minutes = match form.get("wait_unit") {
        "minutes" => 1,
        "days" => DAY,
        _ => HOUR,
    };
    let (chosen_by, no_difference) = match form.get("chosen_by") {
        "person" => (ChosenBy::Person, NoDifference::default()),
        "clear" => (ChosenBy::Figures, NoDifference::Ask),
        _ => (ChosenBy::Figures, NoDifference::SendLeader),
    };
    let wait = faults.take(form.number::<u32>("wait")).flatten().unwrap_or(1);
    Some(Compared {
        variants,
        sample_percent,
        sample_people,
        wait_minutes: wait.saturating_mul(minutes),
        goal: (form.get("measure") == "goal").then(|| form.get("goal").to_owned()),
        chosen_by,
        no_difference,
    })
}

/// A variant as it was typed. What has no field here stays as it was.
fn other(form: &Typed, number: usize, before: Option<&Other>) -> Other {
    let some = |part: &str| form.some(&field(number, part));
    let before = before.and_then(|other| other.message.clone());
    let (text, preheader) = before.map(|message| (message.text, message.preheader)).unwrap_or_default();
    let source = form.raw(&field(number, "source"));
    let format = Format::from_word(form.raw(&field(number, "format"))).unwrap_or(Format::Html);
    let message = Message { format, source: source.to_owned(), text, preheader };
    Other {
        subject: some("subject"),
        preheader: some("preheader"),
        from_name: some("from_name"),
        message: Some(message).filter(|message| !message.source.trim().is_empty()),
    }
}

// ── foretold ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Who would get what.
#[derive(Template)]
#[template(path = "pages/trial_foretold.html")]
pub(super) struct Foretold<'a> {
    shown: &'a Shown,
    base: &'a str,
    /// The variants: what is different, and how many get them.
    variants: Vec<(char, Vec<String>, u64)>,
    /// How many wait for the choice.
    rest: u64,
    terms: String,
    /// How many of each would be needed before the figures can say anything, where that is more.
    needed: Option<u64>,
}

impl<'a> Foretold<'a> {
    /// Of a draft; `None`: it compares nothing. `dealt`: how many would get each variant, and how many wait for the choice.
    pub(super) fn of(
        shown: &'a Shown,
        base: &'a str,
        proposal: &Proposal,
        dealt: Option<(Vec<u64>, u64)>,
    ) -> Option<Foretold<'a>> {
        let compared = proposal.trial.as_ref()?;
        let (parts, rest) = dealt?;
        let least = parts.iter().copied().min().unwrap_or(0);
        let is_everybody = rest == 0 && parts.iter().any(|people| *people > 0);
        let others = compared.variants.iter().enumerate().map(|(at, variant)| {
            let says = Says {
                subject: variant.subject.as_deref(),
                preheader: variant.preheader.as_deref(),
                from_name: variant.from_name.as_deref(),
                is_own_message: variant.file.is_some(),
            };
            (letter(at + 1), says.told(shown))
        });
        let message = vec![proposal.options.subject.clone().unwrap_or_else(|| shown.say("compare-message"))];
        let says = std::iter::once((letter(0), message)).chain(others);
        let variants = says.zip(parts).map(|((letter, says), people)| (letter, says, people)).collect();
        let counts = compared.counts(proposal.options.tracking.mode);
        let needed = least_people(ORDINARY_PERCENT as f64 / 100.0);
        Some(Foretold {
            shown,
            base,
            variants,
            rest,
            terms: terms(shown, compared, counts, is_everybody),
            needed: Some(needed).filter(|needed| counts && least < *needed),
        })
    }
}

/// When it is judged, by what, and by whom. `counts`: is there anything to judge by? `is_everybody`: is nobody left to choose for?
fn terms(shown: &Shown, compared: &Comparison, counts: bool, is_everybody: bool) -> String {
    let wait = shown.lasted_secs(&(u64::from(compared.wait_minutes) * 60));
    let judged = match &compared.measure {
        Measure::Clicks if !counts => shown.fill("compare-judged-by-nothing", &[("wait", wait.into())]),
        Measure::Clicks => shown.fill("compare-judged-clicks", &[("wait", wait.into())]),
        Measure::Goal(name) => {
            shown.fill("compare-judged-goal", &[("wait", wait.into()), ("goal", name.as_str().into())])
        }
    };
    let by = match (compared.asks, compared.undecided) {
        _ if is_everybody => shown.say("compare-by-nobody"),
        (true, _) => shown.say("compare-by-person"),
        (false, dispatch::trial::Undecided::Ask) => shown.say("compare-by-clear"),
        (false, dispatch::trial::Undecided::Leader) => shown.say("compare-by-figures"),
    };
    format!("{judged} {by}")
}

/// What a variant says that the message does not.
struct Says<'a> {
    subject: Option<&'a str>,
    preheader: Option<&'a str>,
    from_name: Option<&'a str>,
    is_own_message: bool,
}

impl Says<'_> {
    fn told(&self, shown: &Shown) -> Vec<String> {
        let labelled = |label: String, text: Option<&str>| text.map(|text| format!("{label}: {text}"));
        let own = self.is_own_message.then(|| shown.say("compare-own"));
        let all = [
            self.subject.map(str::to_owned),
            labelled(shown.say("preheader"), self.preheader),
            labelled(shown.say("compare-from-name"), self.from_name),
            own,
        ];
        all.into_iter().flatten().collect()
    }
}

// ── compared ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// How a comparison stands: the variants side by side and what they show.
#[derive(Template)]
#[template(path = "pages/trial.html")]
pub(super) struct Trial<'a> {
    shown: &'a Shown,
    /// Where the campaign's pages are.
    base: &'a str,
    told: &'a Told,
    stage: String,
    says: String,
    /// The goal, where that counts and not clicks.
    goal: Option<&'a str>,
    /// Are opens and clicks counted for each person?
    knows_people: bool,
    /// Are there figures to compare?
    counts: bool,
    /// Who chose, and why.
    by_hand: Option<String>,
    /// What everybody else gets.
    rest: String,
}

impl<'a> Trial<'a> {
    /// `by_hand`: who chose, and why ([`chosen_by`]).
    pub(super) fn of(shown: &'a Shown, base: &'a str, told: &'a Told, by_hand: Option<String>) -> Trial<'a> {
        let goal = told.variants.iter().any(|variant| variant.reached.is_some()).then_some(told.measure.as_str());
        let rest = match told.winner {
            Some(winner) => shown.fill("trial-rest-gets", &[("variant", winner.to_string().into())]),
            None => shown.say("compare-rest-what"),
        };
        let knows_people = told.counted == TrackingMode::Full;
        let counts = goal.is_some() || knows_people;
        let says = if counts { says(shown, told) } else { shown.say("trial-not-counted") };
        Trial { shown, base, told, stage: stage(shown, told), says, goal, knows_people, counts, by_hand, rest }
    }

    /// What it says that the first does not.
    fn differs(&self, variant: &engine::trial::VariantTold) -> Vec<String> {
        let says = Says {
            subject: None,
            preheader: variant.preheader.as_deref(),
            from_name: variant.from_name.as_deref(),
            is_own_message: variant.is_own_message,
        };
        says.told(self.shown)
    }

    fn is_winner(&self, letter: &char) -> bool {
        self.told.winner == Some(*letter)
    }
}

/// Who chose a variant by hand, and why, in a sentence; nothing where the figures did.
pub(super) async fn chosen_by(
    app: &App,
    shown: &Shown,
    campaign: &Campaign,
    told: &Told,
) -> Result<Option<String>, Problem> {
    let Some(by_hand) = &told.by_hand else { return Ok(None) };
    let who = Names::of(app, campaign.workspace).await?.of_actor(shown, &by_hand.by);
    Ok(Some(match by_hand.because.as_str() {
        CHOSEN_BY_HAND => shown.fill("trial-chosen-who", &[("who", who.into())]),
        why => shown.fill("trial-chosen-because", &[("who", who.into()), ("why", why.into())]),
    }))
}

/// Where it stands, in a sentence.
fn stage(shown: &Shown, told: &Told) -> String {
    let winner = told.winner.map(String::from).unwrap_or_default();
    let at = |at: Option<model::Timestamp>| at.map(|at| shown.time(&at)).unwrap_or_default();
    match told.stage {
        Stage::Sending if told.is_everybody => shown.say("trial-sending-all"),
        Stage::Waiting if told.is_everybody => shown.fill("trial-waiting-all", &[("at", at(told.due_at).into())]),
        Stage::Asking | Stage::Chosen if told.is_everybody => {
            shown.fill("trial-compared-all", &[("at", at(told.due_at).into())])
        }
        Stage::Sending => shown.say("trial-sending"),
        Stage::Waiting => shown.fill("trial-waiting", &[("at", at(told.due_at).into())]),
        Stage::Asking => shown.fill("trial-asking", &[("at", at(told.due_at).into())]),
        Stage::Chosen => {
            let values = [("variant", winner.into()), ("at", at(told.chosen_at).into())];
            shown.fill(if told.is_by_hand { "trial-chosen-by-hand" } else { "trial-chosen-by-figures" }, &values)
        }
    }
}

/// What the figures show, with how far it may be chance.
fn says(shown: &Shown, told: &Told) -> String {
    let ahead = told.leader.zip(told.difference).zip(told.p);
    let Some(((leader, difference), p)) = ahead.filter(|_| told.finding != Finding::TooLittle) else {
        return shown.say("trial-too-little");
    };
    let Ahead { of, by, low, high } = difference;
    let points = |share: f64| shown.decimal(share * 100.0, 1);
    let values = [
        ("leader", leader.to_string().into()),
        ("other", of.to_string().into()),
        ("by", points(by).into()),
        ("low", points(low).into()),
        ("high", points(high).into()),
        ("chance", shown.decimal(p * 100.0, if p < 0.01 { 2 } else { 0 }).into()),
    ];
    shown.fill(if told.finding == Finding::Better { "trial-better" } else { "trial-no-difference" }, &values)
}

/// The comparison of a campaign that is watched, drawn; `None`: it compares nothing.
pub(super) async fn watched(
    latest: &live::Latest,
    app: &App,
    shown: &Shown,
    campaign: &Campaign,
) -> Result<Option<String>, Problem> {
    let told = latest.trial(app, campaign).await?;
    let Some(told) = told else { return Ok(None) };
    let by_hand = chosen_by(app, shown, campaign, &told).await?;
    let base = format!("/campaigns/{}", campaign.id);
    Ok(Trial::of(shown, &base, &told, by_hand).render().ok())
}

// ── chosen ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A person chooses the variant that everybody else gets.
pub(super) async fn choose(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    form: Typed,
) -> Result<Response, Problem> {
    found(&app, &visitor, id).await?;
    if !form.has("variant") {
        return Err(Problem::new(Code::InvalidField, visitor.shown.say("trial-choose-none")));
    }
    let choice = api::Choice { variant: form.get("variant").to_owned(), because: form.some("because") };
    let Json(_) = api::choose(State(app.clone()), visitor.caller.clone(), At(id), Input(choice)).await?;
    app.desk.latest.forget(id);
    Ok(Redirect::to(&format!("/campaigns/{id}/report#trial")).into_response())
}
