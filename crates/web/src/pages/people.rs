//! The people behind a number: everybody of a campaign who stands where the equation says, or who did something, all or those
//! with one variant, a page at a time.

use super::campaign::{Head, found, has_begun, says_held};
use super::layout::{Layout, Section};
use super::shown::{Shown, verdict_class as class_of};
use super::{Visitor, foreseen, page, segments};
use crate::App;
use crate::api::campaigns as api;
use crate::extract::{Asked, At};
use crate::page as pages;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use dispatch::trial::letter;
use engine::report::people::Deed;
use engine::report::{self, Report};
use engine::why::{HeldTry, held_tries};
use model::access::Scope;
use model::reaction::By;
use model::{CampaignId, CampaignState, ContactId, DeliveryId, DeliveryState, SkipReason, Tally};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Among, Campaign};

/// People of a page.
const PEOPLE: usize = 50;
const RECIPIENTS: &str = "recipients";

/// Which people.
#[derive(Deserialize)]
pub(super) struct Behind {
    /// A state, or a term of the equation.
    #[serde(default)]
    state: String,
    /// Only those who were put off at first.
    #[serde(default)]
    put_off: bool,
    /// Why they were skipped; before it begins, why they would be.
    #[serde(default)]
    reason: String,
    /// Only those whose next try this hold stops.
    #[serde(default)]
    hold: String,
    /// What they did, in place of where they stand.
    #[serde(default)]
    did: String,
    /// Which variant they got, by its letter.
    #[serde(default)]
    variant: String,
    /// With which link they did it.
    link: Option<u32>,
    /// By whom it was done.
    #[serde(default)]
    by: String,
    /// Within how many hours after it began.
    within_hours: Option<u32>,
    after: Option<String>,
}

/// The states whose people make up a term of the equation.
pub(super) fn states(term: &str) -> Option<Vec<DeliveryState>> {
    use DeliveryState::{Accepted, Blocked, Deferred, Hard, InDoubt, Queued, Soft};
    match term {
        "all" | "" => Some(DeliveryState::ALL.to_vec()),
        "attempted" => Some(vec![Accepted, Queued, Deferred, Soft, Hard, Blocked, InDoubt]),
        "in_progress" => Some(vec![Queued, Deferred]),
        "not_delivered" => Some(vec![Soft, Hard, Blocked, InDoubt]),
        word => DeliveryState::from_word(word).map(|state| vec![state]),
    }
}

/// Does whoever stands there have a verdict?
fn is_verdict(term: &str) -> bool {
    states(term).is_some_and(|states| states.iter().all(|state| state.is_attempted() && !state.is_in_progress()))
}

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    layout: Layout,
    head: Head,
    /// Where they stand, or what they did.
    term: String,
    /// The same in words.
    says: String,
    /// The variant that all of them got.
    variant: Option<char>,
    /// Did they do it themselves, so that where they stand was not asked for?
    is_deed: bool,
    /// What narrows either, as the rest of an address.
    narrowed: String,
    people: Vec<report::people::Person>,
    /// What holds those of them who wait for a try, by delivery.
    held: BTreeMap<DeliveryId, HeldTry>,
    /// Who of them is skipped when their turn comes, and why.
    skips: BTreeMap<DeliveryId, SkipReason>,
    next: Option<String>,
    /// Is there a page before this one?
    is_later: bool,
    /// The choices: term, class, and how many; of narrowed lists everybody alone, because where else they stand is not counted.
    terms: Vec<(&'static str, &'static str, u64)>,
    /// Where they become a segment, if a rule can say who they are.
    segment: Option<String>,
    campaign: CampaignId,
    /// Those who are shown, as an export asks for them; empty: everybody.
    exported: String,
    may_export: bool,
    /// May those in doubt, who are shown, be sent to once more?
    may_send_again: bool,
}

impl PeoplePage {
    /// When somebody is tried next, or what keeps them from it; nothing where it is their turn.
    fn next_try(&self, person: &report::people::Person) -> Option<String> {
        let shown = &self.layout.shown;
        if let Some(reason) = person.delivery.parse().ok().and_then(|id: DeliveryId| self.skips.get(&id)) {
            return Some(shown.fill("next-skipped", &[("why", shown.one_of("skip", reason.word()).into())]));
        }
        if let Some(held) = person.delivery.parse().ok().and_then(|id: DeliveryId| self.held.get(&id)) {
            return Some(says_held(shown, &held.by, &held.why, held.until));
        }
        let at = person.next_try_at.filter(|at| *at > shown.now)?;
        Some(format!("{} {}", shown.say("next-try"), shown.time(&at)))
    }

    fn is_here(&self, term: &str) -> bool {
        self.term == term && !self.is_deed && self.narrowed.is_empty()
    }

    /// Who they are, where they all got one variant.
    fn says_variant(&self) -> Option<String> {
        let letter = self.variant?.to_string();
        Some(self.layout.shown.fill("people-variant", &[("variant", letter.into())]))
    }

    /// The rest of an address that keeps to the variant.
    fn kept(&self) -> String {
        self.variant.map(|letter| format!("&variant={letter}")).unwrap_or_default()
    }

    /// The same, and to what narrows who is shown.
    fn rest(&self) -> String {
        self.kept() + &self.narrowed
    }
}

/// The people behind a term of the equation.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Asked(behind): Asked<Behind>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    visitor.caller.may(Scope::ContactsRead)?;
    let campaign = found(&app, &visitor, id).await?;
    let is_before = matches!(campaign.state, CampaignState::Draft | CampaignState::Scheduled);
    // Then nobody has a verdict, and nobody did anything: those lists are empty.
    if is_before && behind.did.is_empty() && !is_verdict(&behind.state) {
        let which = (behind.state.as_str(), behind.reason.as_str());
        let seen = foreseen::show(&app, &visitor, &campaign, which, behind.after.as_deref()).await;
        if seen.is_err() && has_begun(&app, &visitor, id).await? {
            return Ok(Redirect::to(&format!("/campaigns/{id}/people")).into_response());
        }
        return seen;
    }
    let variant = Some(behind.variant.as_str()).filter(|letter| !letter.is_empty());
    let variant = variant.map(api::read_letter).transpose()?;
    let tally = api::tally_of(&app, &campaign, variant).await?;
    let did = Some(behind.did.as_str()).filter(|word| !word.is_empty());
    let narrowed = (behind.link, Some(behind.by.as_str()), behind.within_hours);
    let deed = did.map(|did| api::read_deed(did, variant, narrowed)).transpose()?;
    let states = match &deed {
        Some(_) => Vec::new(),
        None => states(&behind.state).ok_or_else(|| Problem::from(Code::NotFound))?,
    };
    let mut among = api::read_among(&tally, variant, behind.put_off)?;
    among.skip = api::read_reason(Some(behind.reason.as_str()), &states)?;
    among.hold = api::read_hold(&tally, Some(behind.hold.as_str()), &states)?;
    let known = Report::of_tally(&tally);
    let mut terms = vec![
        ("all", "", known.recipients),
        ("skipped", "skip", known.skipped),
        ("accepted", "ok", known.accepted),
        ("in_progress", "go", known.in_progress),
        ("soft", "soft", known.soft),
        ("hard", "hard", known.hard),
        ("blocked", "block", known.blocked),
        ("in_doubt", "doubt", known.in_doubt),
    ];
    if deed.is_some() || among != (Among { variant, ..Among::default() }) {
        terms.truncate(1);
    }
    let head = Head::of(&app, &visitor, &campaign, "people").await?;
    let title = visitor.shown.fill("people-title", &[("name", campaign.name.as_str().into())]);
    let layout = Layout::of(&app, &visitor, Section::Campaigns, title);
    let may_make = visitor.caller.scopes.has(Scope::SegmentsWrite);
    let may_export = visitor.caller.scopes.has(Scope::ContactsExport);
    let letter = variant.map(|number| letter(number.into()));
    let mut asked: Vec<(&str, String)> = letter.map(|letter| ("variant", letter.to_string())).into_iter().collect();
    let narrowed = match &deed {
        Some(deed) => narrowing(deed),
        None => {
            let put_off = among.put_off.then(|| ("put_off", "true".to_owned()));
            let reason = among.skip.map(|reason| ("reason", reason.word().to_owned()));
            let hold = among.hold.map(|hold| ("hold", hold.to_string()));
            put_off.into_iter().chain(reason).chain(hold).collect()
        }
    };
    asked.extend(narrowed.iter().cloned());
    let (term, says, (people, next)) = match &deed {
        Some(deed) => {
            asked.push(("did", deed.did.word().to_owned()));
            let found = page_of_doers(&app, &campaign, deed, behind.after.as_deref()).await?;
            (deed.did.word().to_owned(), says_deed(&visitor.shown, deed), found)
        }
        None => {
            if states.len() < DeliveryState::ALL.len() || among.put_off {
                let words = states.iter().map(|state| state.word()).collect::<Vec<_>>().join(",");
                asked.push(("state", words));
            }
            let found = page_of(&app, id, &tally, (&states, among), behind.after.as_deref()).await?;
            let term = if behind.state.is_empty() { "all".to_owned() } else { behind.state };
            let mut says = visitor.shown.one_of("term", &term);
            if among.put_off {
                says = format!("{says}: {}", visitor.shown.say("people-put-off"));
            }
            if let Some(reason) = among.skip {
                says = format!("{says}: {}", visitor.shown.one_of("skip", reason.word()));
            }
            if among.hold.is_some() {
                says = format!("{says}: {}", visitor.shown.say("people-held"));
            }
            (term, says, found)
        }
    };
    let says = match letter {
        Some(letter) => format!("{} {letter}: {says}", visitor.shown.say("trial-variant")),
        None => says,
    };
    let segment = match &deed {
        Some(deed) => segments::of_deed(&campaign, deed),
        None => segments::of_term(&campaign, &term, among),
    };
    let segment = segment.filter(|_| may_make);
    let waiting: Vec<DeliveryId> =
        people.iter().filter(|one| one.state.is_in_progress()).filter_map(|one| one.delivery.parse().ok()).collect();
    let both = |one: &report::people::Person| -> Option<(DeliveryId, ContactId)> {
        Some((one.delivery.parse().ok()?, one.contact.parse().ok()?))
    };
    let skips = match campaign.state.is_over() {
        true => BTreeMap::new(),
        false => {
            let waiting = people.iter().filter(|one| one.state.is_in_progress()).filter_map(both).collect();
            app.store.skips_ahead(waiting, app.now()).await?
        }
    };
    let held = held_tries(&app.store, &campaign, &waiting, app.now()).await?;
    let may_send_again = term == DeliveryState::InDoubt.word()
        && known.in_doubt > 0
        && campaign.state != CampaignState::Cancelled
        && visitor.caller.scopes.has(Scope::CampaignsSend);
    Ok(page(&PeoplePage {
        layout,
        head,
        term,
        says,
        held,
        skips,
        variant: letter,
        is_deed: deed.is_some(),
        narrowed: narrowed.iter().map(|(name, value)| format!("&{name}={value}")).collect(),
        people,
        next,
        is_later: behind.after.is_some(),
        terms,
        campaign: id,
        exported: form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish(),
        may_export,
        may_send_again,
        segment,
    }))
}

/// What narrows a deed, as an address says it.
fn narrowing(deed: &Deed) -> Vec<(&'static str, String)> {
    let link = deed.link.map(|link| ("link", link.to_string()));
    let by = (deed.by != By::Person).then(|| ("by", deed.by.word().to_owned()));
    let within = deed.within_hours.map(|hours| ("within_hours", hours.to_string()));
    [link, by, within].into_iter().flatten().collect()
}

/// What was done, with which link, by whom, and how soon.
fn says_deed(shown: &Shown, deed: &Deed) -> String {
    let did = shown.one_of("did", deed.did.word());
    let link = deed.link.map(|link| match link {
        0 => shown.say("link-trap"),
        link => shown.count("link-number", &link.into()),
    });
    let by = (deed.by != By::Person).then(|| shown.one_of("doer", deed.by.word()));
    let lasted = |hours: u32| shown.fill("people-within", &[("time", shown.lasted_hours(&hours.into()).into())]);
    let more: Vec<String> = [link, by, deed.within_hours.map(lasted)].into_iter().flatten().collect();
    if more.is_empty() { did } else { format!("{did}: {}", more.join(", ")) }
}

/// A page of people who did something.
async fn page_of_doers(
    app: &App,
    campaign: &Campaign,
    deed: &Deed,
    after: Option<&str>,
) -> Result<(Vec<report::people::Person>, Option<String>), Problem> {
    let list = pages::within(RECIPIENTS, api::of_deed(campaign.id, deed).iter().map(String::as_str));
    let after = pages::open_as(&list, after)?;
    let found = report::people::doers(&app.store, campaign, *deed, after, PEOPLE, app.now()).await?;
    Ok((found.people, found.next.map(|last| pages::seal(&list, &last.to_string()))))
}

/// A page of people who stand in one of `states`, one state after the other. The cursor names the state it stopped in.
async fn page_of(
    app: &App,
    id: CampaignId,
    tally: &Tally,
    (states, among): (&[DeliveryState], Among),
    after: Option<&str>,
) -> Result<(Vec<report::people::Person>, Option<String>), Problem> {
    let place = after.map(|cursor| pages::open(RECIPIENTS, cursor)).transpose()?;
    let place = place.as_deref().and_then(|place| place.split_once(' '));
    let mut after: Option<DeliveryId> = match place.map(|(_, delivery)| delivery).filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|_| Problem::from(Code::InvalidCursor))?),
        None => None,
    };
    let first = place.map(|(state, _)| state);
    let mut people = Vec::new();
    for state in states.iter().skip_while(|state| first.is_some_and(|first| first != state.word())) {
        let room = PEOPLE - people.len();
        let found = report::people::people(&app.store, tally, id, (*state, among), after.take(), room).await?;
        people.extend(found.people);
        if people.len() >= PEOPLE {
            let last = found.next.map(|last| last.to_string()).unwrap_or_default();
            return Ok((people, Some(pages::seal(RECIPIENTS, &format!("{} {last}", state.word())))));
        }
    }
    Ok((people, None))
}
