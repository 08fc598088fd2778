//! Segments: saved rules, built in a form or written as text, counted and tried while they are made.

use super::conditions::{self, Line, Lines, Shape};
use super::contacts::stands;
use super::forms::{Entered, Form, Typed};
use super::gathered;
use super::layout::{Layout, Section};
use super::sheet::{Cell, Part, Press, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, drawn, page};
use crate::App;
use crate::api::segments as api;
use crate::extract::{Asked, At, Input, given};
use crate::page as pages;
use crate::problem::{Code, Faults, Problem};
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use dispatch::trial::letter;
use engine::report::people::{Deed, Did};
use engine::report::{self, Cause};
use model::access::Scope;
use model::reaction::{By, Doer};
use model::segment::{
    self, About, Counted, Field, FieldRule, Happening, Measure, Moment, Rule, Test, TextOp, TextTest, What, Window,
};
use model::{
    CampaignId, CauseMark, ContactId, ContactStatus, DeliveryState, EMAIL_TAG, EmailAddress, SegmentId, Timestamp,
    WorkspaceId, tag_of_column,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use store::{Among, Campaign, Contact, Explained, Segment, Sought, Stand};

const LIST: &str = "segments";
const PEOPLE: &str = "segment-people";
/// The values of people that are their names.
const NAMES: [&str; 3] = ["first_name", "last_name", "name"];
/// Segments of a page, and people.
const PAGE: usize = 50;
/// After so many seconds a page that waits until everybody was asked looks again.
const GOING_EVERY_S: u8 = 2;
/// People who are shown of whom a rule holds for.
const SAMPLE: usize = 10;
/// Names of people's values that are told where a rule has one that nobody has.
const NAMES_TOLD: usize = 20;
/// Lists, imports and campaigns that may be chosen from.
const CHOICES_MAX: usize = 100;
/// Levels of a rule that are set off from each other.
const DEPTH_SHOWN: usize = 5;
/// What is said when the form and its text are two rules.
const TWO_RULES: &str = "the lines and the text were both changed, to different rules: press once more to take the text, or empty it to take the lines";

/// The segments.
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let shown = &visitor.shown;
    let after: Option<SegmentId> = pages::open_as(LIST, which.after.as_deref())?;
    let mut found = app.store.segments(visitor.caller.workspace, after, PAGE + 1).await?;
    let next = pages::cut(&mut found, PAGE, LIST, |last| last.id);
    let head = shown.says(["segment", "segment-rule", "changed"]);
    let table = Table::new("segments", shown.say("menu-segments"), head, shown.say("segments-empty"))
        .rows(found.into_iter().map(|known| {
            let name = Cell::link(format!("/segments/{}", known.id), known.name);
            vec![name, Cell::code(known.rule.to_string()), Cell::time(shown, Some(known.changed_at))]
        }))
        .next(next.map(|next| format!("/segments?after={next}")))
        .with_csv(shown, "/segments");
    let layout = Layout::of(&app, &visitor, Section::Segments, shown.say("menu-segments"));
    let sheet = Sheet::new(layout).lead(shown.say("segments-what")).part(table);
    let sheet = sheet.press(Press::to("/segments/new", shown.say("segment-new")).class("main"));
    Ok(sheet.answer(&Entered::default()))
}

/// What a segment begins with.
#[derive(Deserialize)]
pub(super) struct Begun {
    #[serde(default)]
    text: String,
    #[serde(default)]
    name: String,
    /// Whom the rule is asked of.
    #[serde(default)]
    who: String,
}

/// Where the people of a term of a campaign's equation become a segment; `None`: no rule says exactly who they are.
pub(super) fn of_term(campaign: &Campaign, term: &str, among: Among) -> Option<String> {
    let Among { variant, put_off, skip, hold: None } = among else { return None };
    let one = |state: &DeliveryState| {
        let (variant, what) = (letter_of(variant), What::of_state(*state));
        once(Happening { variant, put_off, reason: skip, ..with_mail_of(campaign, what) })
    };
    let mut parts: Vec<Rule> = super::people::states(term)?.iter().map(one).collect();
    let rule = if parts.len() > 1 { Rule::Any(parts) } else { parts.pop()? };
    Some(made_of(campaign, &rule))
}

/// Where the people of a cause become a segment.
pub(super) fn of_cause(campaign: &Campaign, cause: &Cause) -> String {
    let what = What::of_state(cause.class);
    made_of(campaign, &once(Happening { cause: Some(cause.mark()), ..with_mail_of(campaign, what) }))
}

/// Where the people of a domain are who stand in one of these states with mail of a campaign.
pub(super) fn at_domain(campaign: CampaignId, domain: &str, states: &[DeliveryState]) -> String {
    let one =
        |state: &DeliveryState| once(Happening { campaign: Some(campaign), ..Happening::any(What::of_state(*state)) });
    let mut stands: Vec<Rule> = states.iter().map(one).collect();
    if stands.len() > 1 {
        stands = vec![Rule::Any(stands)];
    }
    let is = Test::Text(TextTest { op: TextOp::Is, value: domain.to_owned() });
    stands.push(Rule::Field(FieldRule { name: Field::Domain, is }));
    place_of(&Rule::All(stands).to_string())
}

/// Where the people of these causes are; `None`: there is none, or there are more than a rule names.
pub(super) fn of_causes<'a>(campaign: CampaignId, causes: impl Iterator<Item = &'a Cause>) -> Option<String> {
    let one = |cause: &Cause| {
        let what = What::of_state(cause.class);
        once(Happening { campaign: Some(campaign), cause: Some(cause.mark()), ..Happening::any(what) })
    };
    let mut parts: Vec<Rule> = causes.map(one).collect();
    let rule = if parts.len() > 1 { Rule::Any(parts) } else { parts.pop()? };
    rule.check().ok()?;
    Some(place_of(&rule.to_string()))
}

/// What happened with mail of a campaign.
fn with_mail_of(campaign: &Campaign, what: What) -> Happening {
    Happening { campaign: Some(campaign.id), ..Happening::any(what) }
}

fn once(of: Happening) -> Rule {
    Rule::Event(Counted { of, measure: Measure::ONCE })
}

fn letter_of(variant: Option<u8>) -> Option<char> {
    variant.map(|number| letter(number.into()))
}

/// Where those behind a deed become a segment; `None`: no rule says exactly who they are. (The goal of a comparison has a time
/// after which nothing counts, to the millisecond.)
pub(super) fn of_deed(campaign: &Campaign, deed: &Deed) -> Option<String> {
    let what = match deed.did {
        Did::Opened => What::Opened,
        Did::Clicked => What::Clicked,
        Did::Replied => What::Replied,
        Did::Unsubscribed => What::Unsubscribed,
        Did::Complained => What::Complained,
        Did::Reached => return None,
    };
    let window = match deed.within_hours {
        Some(_) => Some(Window::Before(Moment::At(deed.before(campaign)?))),
        None => None,
    };
    let variant = letter_of(deed.variant);
    let of = Happening { variant, link: deed.link, window, ..with_mail_of(campaign, what) };
    let rule = match deed.by {
        By::Person => once(of),
        By::Unknown => {
            let by_any = Happening { machines: true, ..of.clone() };
            Rule::All(vec![once(by_any), Rule::Not(Box::new(once(of)))])
        }
        By::Unsure => once(Happening { by: Some(Doer::Unsure), ..of }),
        By::Machine => once(Happening { by: Some(Doer::Machine), ..of }),
    };
    Some(made_of(campaign, &rule))
}

/// Where a segment of this rule is begun, with the campaign's name.
fn made_of(campaign: &Campaign, rule: &Rule) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("text", &rule.to_string()).append_pair("name", &campaign.name);
    format!("/segments/new?{}", query.finish())
}

/// Where the people who are looked for become a segment; `None`: no rule says exactly who they are. (Rules compare
/// addresses letter by letter, leave out whoever is here by one message alone, and do not know of suppressions.)
pub(super) fn of_sought(sought: &Sought) -> Option<String> {
    let is = |name, value: &str| {
        let is = Test::Text(TextTest { op: TextOp::Is, value: value.to_owned() });
        Rule::Field(FieldRule { name, is })
    };
    if sought.begins.is_some() {
        return None;
    }
    let mut parts = Vec::new();
    match sought.stand {
        None => {}
        Some(Stand::SharesAddress | Stand::Suppressed(_) | Stand::Status(ContactStatus::Unconfirmed)) => return None,
        Some(Stand::Status(status)) => parts.push(is(Field::Status, status.word())),
    }
    parts.extend(sought.domain.as_ref().map(|domain| is(Field::Domain, domain)));
    parts.extend(sought.list.map(Rule::List));
    // Who rests is no rule.
    if sought.rests.is_some() {
        return None;
    }
    match sought.import {
        None => {}
        // Who came with it and who was here before is no rule.
        Some((_, Some(_))) => return None,
        Some((import, None)) => parts.push(Rule::Import(import)),
    }
    let rule = if parts.len() > 1 { Rule::All(parts) } else { parts.pop()? };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", &rule.to_string()).finish();
    Some(format!("/segments/new?{query}"))
}

/// Where people are found whose name is or begins like what was typed; `None`: an address was. There is no index of names, so
/// this is the work of a segment, which looks at everybody.
pub(super) fn of_name(typed: &str) -> Option<String> {
    if typed.is_empty() || typed.contains('@') {
        return None;
    }
    let mut letters = typed.chars();
    let written: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    // Rules compare letter by letter, and names begin with a large one.
    let typed = if written == typed { vec![written] } else { vec![typed.to_owned(), written] };
    let begins = |name: &&str| {
        let name = (*name).to_owned();
        typed.iter().map(move |value| {
            let is = Test::Text(TextTest { op: TextOp::StartsWith, value: value.clone() });
            Rule::Attribute(About { name: name.clone(), is })
        })
    };
    let rule = Rule::Any(NAMES.iter().flat_map(begins).collect());
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", &rule.to_string()).finish();
    Some(format!("/segments/new?{query}"))
}

/// A rule in the making.
struct Draft {
    id: Option<SegmentId>,
    name: String,
    lines: Lines,
    /// The rule as text, as it is now.
    text: String,
    /// As it is compared with what is typed next, to know whether the text was changed: where it differs, the text is meant.
    was: Option<String>,
    is_watched: bool,
    who: String,
    error: Option<Problem>,
    /// The mark of the segment that the page was drawn of; empty of a new one.
    read: String,
    /// What another window made of it since, where that is not what is typed here.
    overtaken: Option<Segment>,
}

impl Draft {
    /// The rule of the lines, if they were changed as well since the page was drawn, and to another rule than the text.
    fn other_rule(&self, was: &str, shown: &Shown) -> Option<Rule> {
        let lines = self.lines.clone().rule(shown).ok()?;
        let is_that = |text: &str| segment::parse(text).is_ok_and(|rule| rule == lines);
        (!is_that(was) && !is_that(&self.text)).then_some(lines)
    }

    /// As it is compared with what is typed next.
    fn was(&self) -> &str {
        self.was.as_deref().unwrap_or(&self.text)
    }

    fn mark(&self) -> String {
        mark(&self.name, &self.text, self.is_watched)
    }
}

/// The mark of a segment as it stands.
fn mark(name: &str, text: &str, is_watched: bool) -> String {
    drawn::mark(&[if is_watched { "watched" } else { "" }, name, text])
}

fn mark_of(kept: &Segment) -> String {
    mark(&kept.name, &kept.rule.to_string(), kept.is_watched)
}

/// Whom a rule holds for.
struct Found {
    people: u64,
    /// What is said while not everybody was asked.
    going: Option<String>,
    /// The time it is of, where it may be older than the page.
    at: Option<String>,
    sample: Vec<Contact>,
    /// What it says of values that nobody can have.
    unknown: Vec<String>,
    /// Of whom it was asked, and what it says of them.
    why: Option<(Contact, Vec<Reason>)>,
}

/// A part of a rule and whether it holds: how deep it stands, from 0.
struct Reason {
    depth: usize,
    text: String,
    holds: bool,
}

impl Reason {
    /// A rule and its parts, each after what it is a part of.
    fn all_of(why: Explained, depth: usize, found: &mut Vec<Reason>) {
        found.push(Reason { depth: depth.min(DEPTH_SHOWN), text: why.text, holds: why.holds });
        why.parts.into_iter().for_each(|part| Reason::all_of(part, depth + 1, found));
    }
}

/// A choice of a form: value and words.
type Choices = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "pages/segment.html")]
struct SegmentPage {
    layout: Layout,
    action: String,
    draft: Draft,
    /// What a condition may be about.
    kinds: Choices,
    lists: Choices,
    imports: Choices,
    campaigns: Choices,
    /// What messages call people's values.
    values: Vec<String>,
    /// The causes of the campaigns that are chosen.
    causes: BTreeMap<String, Vec<Cause>>,
    found: Option<Found>,
    may_write: bool,
    may_export: bool,
    /// Is it saved as it stands here?
    is_saved: bool,
}

impl SegmentPage {
    /// Where the people are of whom it tells how many.
    fn people(&self) -> String {
        match self.draft.id.filter(|_| self.is_saved) {
            Some(id) => format!("/segments/{id}/people"),
            None => place_of(&self.draft.text),
        }
    }

    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.draft.error.as_ref()?.of_field(field)
    }

    /// What is wrong with no field of its own.
    fn wrong_at_all(&self) -> Option<&str> {
        let error = self.draft.error.as_ref()?;
        let known = ["name", "text", "conditions", "who"];
        (!error.field.as_deref().is_some_and(|field| known.contains(&field))).then_some(error.detail.as_str())
    }

    /// What a line may be compared with; what is chosen already is among it, known or not.
    fn choices(&self, line: &Line) -> Choices {
        let known = match line.kind.as_str() {
            conditions::LIST => self.lists.clone(),
            conditions::IMPORT => self.imports.clone(),
            _ => line.choices(&self.layout.shown),
        };
        with_chosen(known, &line.value)
    }

    fn campaigns_of(&self, line: &Line) -> Choices {
        with_chosen(self.campaigns.clone(), &line.campaign)
    }

    /// The causes for which people of the line's campaign stand where the line says; `None`: there is nothing to choose.
    fn causes_of(&self, line: &Line) -> Option<Choices> {
        let stands = line.has_cause()?;
        let shown = &self.layout.shown;
        let known = self.causes.get(&line.campaign).into_iter().flatten().filter(|cause| cause.class == stands);
        let told = |cause: &Cause| {
            let provider = cause.provider.as_deref().map(|key| shown.provider(key));
            let more = [provider, Some(cause.codes()).filter(|codes| !codes.is_empty())];
            let words = [Some(shown.told(&cause.meaning))].into_iter().chain(more).flatten().collect::<Vec<_>>();
            (cause.mark().to_string(), words.join(" · "))
        };
        let chosen = line.cause.as_str();
        let is_of_it = chosen.parse::<CauseMark>().is_ok_and(|cause| cause.class == stands);
        Some(with_chosen(known.map(told).collect(), if is_of_it { chosen } else { "" }))
    }

    fn is(&self, line: &Line, shape: &str) -> bool {
        let of = match line.shape() {
            Shape::Value => "value",
            Shape::Words => "words",
            Shape::Choice => "choice",
            Shape::Time => "time",
            Shape::Member => "member",
            Shape::Event => "event",
            Shape::Text => "text",
        };
        of == shape
    }
}

fn with_chosen(mut known: Choices, chosen: &str) -> Choices {
    if !chosen.is_empty() && !known.iter().any(|(value, _)| value == chosen) {
        known.push((chosen.to_owned(), chosen.to_owned()));
    }
    known
}

/// A segment to be, from nothing or from the people of another page.
pub(super) async fn new(
    State(app): State<App>,
    visitor: Visitor,
    Asked(begun): Asked<Begun>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let (lines, error) = match begun.text.trim() {
        "" => (Lines::default(), None),
        text => match segment::parse(text) {
            Ok(rule) => (Lines::of(&rule), None),
            Err(why) => (Lines::default(), Some(Problem::field("text", why.to_string()))),
        },
    };
    let (read, overtaken) = (String::new(), None);
    let draft = Draft {
        id: None,
        name: begun.name,
        lines,
        text: begun.text,
        was: None,
        is_watched: false,
        who: begun.who,
        error,
        read,
        overtaken,
    };
    let is_to_be_asked = draft.error.is_none() && !draft.lines.lines.is_empty();
    draw(&app, &visitor, draft, is_to_be_asked).await
}

/// A segment.
pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SegmentId>,
    Asked(begun): Asked<Begun>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let known = app.store.segment(visitor.caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::not_found("segment", id))?;
    let read = mark_of(&known);
    let (lines, text) = (Lines::of(&known.rule), known.rule.to_string());
    let (name, is_watched) = (known.name, known.is_watched);
    let draft = Draft {
        id: Some(id),
        name,
        lines,
        text,
        was: None,
        is_watched,
        who: begun.who,
        error: None,
        read,
        overtaken: None,
    };
    draw(&app, &visitor, draft, true).await
}

/// What was pressed on the form of a new segment.
pub(super) async fn build(State(app): State<App>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    pressed(app, visitor, None, typed).await
}

/// The same for a segment that is there.
pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SegmentId>,
    typed: Typed,
) -> Result<Response, Problem> {
    pressed(app, visitor, Some(id), typed).await
}

async fn pressed(app: App, visitor: Visitor, id: Option<SegmentId>, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let wish = typed.get("do").to_owned();
    let mut draft = Draft {
        id,
        name: typed.get("name").to_owned(),
        lines: Lines::typed(&typed),
        text: typed.get("text").to_owned(),
        was: None,
        is_watched: typed.has("watched"),
        who: typed.get("who").to_owned(),
        error: None,
        read: typed.get(drawn::READ).to_owned(),
        overtaken: None,
    };
    match wish.strip_prefix("remove-").map(str::parse) {
        Some(Ok(number)) => draft.lines.remove(number),
        _ if wish == "add" => draft.lines.add(typed.get("add")),
        _ => {}
    }
    let is_edit = wish == "add" || wish.starts_with("remove-");
    // Text that was changed by hand is what is meant; else the lines are. Of both that were changed neither is thrown away
    // before somebody said so.
    let is_emptied = draft.text.trim().is_empty() && !draft.lines.lines.is_empty();
    let is_text_meant = !is_edit && !is_emptied && draft.text != typed.get("was");
    let read = match is_text_meant {
        true if let Some(lines) = draft.other_rule(typed.get("was"), &visitor.shown) => {
            draft.was = Some(lines.to_string());
            Err(Problem::field("text", TWO_RULES))
        }
        true => segment::parse(&draft.text).map_err(|why| Problem::field("text", why.to_string())),
        false => draft.lines.rule(&visitor.shown),
    };
    let rule = match read {
        Ok(rule) => rule,
        Err(problem) => {
            // A line that was just added is not filled in yet, and that is no mistake.
            if is_edit {
                draft.lines.lines.iter_mut().for_each(|line| line.wrong = None);
            } else {
                let mut faults = Faults::default();
                faults.add(problem);
                if wish == "save" {
                    faults.take(api::check_name(&draft.name));
                }
                draft.error = faults.hold().err();
            }
            draft.text = if is_text_meant { draft.text } else { String::new() };
            return draw(&app, &visitor, draft, false).await;
        }
    };
    draft.text = rule.to_string();
    draft.lines = Lines::of(&rule);
    if wish == "save" {
        return save(&app, &visitor, draft).await;
    }
    // By the button it is asked anew; what is changed is asked by itself, and once for each rule.
    if wish == "count" {
        app.desk.gatherings.forget(visitor.caller.workspace, &rule);
    }
    draw(&app, &visitor, draft, true).await
}

/// Keeps it, unless that would throw away what another window kept since the page was drawn: that is shown beside what was
/// typed here, and a second press is meant.
async fn save(app: &App, visitor: &Visitor, mut draft: Draft) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsWrite)?;
    let body = json!({ "name": draft.name, "text": draft.text, "watched": draft.is_watched });
    let caller = &visitor.caller;
    let saved = match draft.id {
        None => {
            let made = api::make(State(app.clone()), caller.clone(), given(&body)?).await;
            made.map(|(_, Json(made))| Some(made.id))
        }
        Some(id) => {
            let (read, own) = (draft.read.clone(), draft.mark());
            let is_meant = move |kept: &Segment| read.is_empty() || [&read, &own].contains(&&mark_of(kept));
            let Input(change) = given(&body)?;
            api::change_if(app, caller, id, change, is_meant).await.map(|changed| changed.map(|changed| changed.id))
        }
    };
    match (saved, draft.id) {
        (Ok(Some(id)), _) => Ok(Redirect::to(&format!("/segments/{id}")).into_response()),
        (Ok(None), None) => Err(Problem::from(Code::NotFound)),
        (Ok(None), Some(id)) => {
            let kept = app.store.segment(caller.workspace, id).await?;
            let kept = kept.ok_or_else(|| Problem::not_found("segment", id))?;
            draft.read = mark_of(&kept);
            draft.overtaken = Some(kept);
            draw(app, visitor, draft, true).await
        }
        (Err(problem), _) => {
            draft.error =
                Entered::refused("", Typed::default(), problem)?.into_problem().map(|problem| match problem {
                    Problem { code: Code::AlreadyExists | Code::Refused, field: None, .. } => {
                        Problem { field: Some("name".to_owned()), ..problem }
                    }
                    other => other,
                });
            draw(app, visitor, draft, false).await
        }
    }
}

async fn draw(app: &App, visitor: &Visitor, mut draft: Draft, is_to_be_asked: bool) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let mut found = None;
    if is_to_be_asked && visitor.caller.scopes.has(Scope::ContactsRead) {
        match ask(app, visitor, &draft).await {
            Ok(came) => found = Some(came),
            Err(problem) if matches!(problem.code, Code::Refused | Code::InvalidField | Code::NotFound) => {
                draft.error = Some(problem);
            }
            Err(problem) => return Err(problem),
        }
    }
    let workspace = visitor.caller.workspace;
    let kept = match draft.id {
        Some(id) => app.store.segment(workspace, id).await?,
        None => None,
    };
    let is_saved = kept.is_some_and(|kept| mark_of(&kept) == draft.mark());
    let (mut lists, mut imports, mut campaigns) = (Vec::new(), Vec::new(), Vec::new());
    if draft.lines.has(conditions::LIST) {
        let found = app.store.lists(workspace, None, CHOICES_MAX).await?;
        lists = found.into_iter().map(|list| (list.id.to_string(), list.list.name)).collect();
    }
    if draft.lines.has(conditions::IMPORT) {
        let found = app.store.imports_page(workspace, None, CHOICES_MAX).await?;
        imports = found.into_iter().map(|import| (import.id.to_string(), import.file_name)).collect();
    }
    if draft.lines.lines.iter().any(Line::has_campaign) {
        let found = app.store.campaigns_page(workspace, None, CHOICES_MAX).await?;
        campaigns = found.into_iter().map(|campaign| (campaign.id.to_string(), campaign.name)).collect();
    }
    let mut causes = BTreeMap::new();
    if visitor.caller.scopes.has(Scope::CampaignsRead) {
        for line in draft.lines.lines.iter().filter(|line| line.has_cause().is_some()) {
            let Ok(id) = line.campaign.parse::<CampaignId>() else { continue };
            let campaign = app.store.campaign(id).await?.filter(|known| known.workspace == workspace);
            if let Some(campaign) = campaign.filter(|_| !causes.contains_key(&line.campaign)) {
                let known = report::overview(&app.store, &campaign, app.now()).await?;
                let all = known.causes.into_iter().chain(known.waiting_causes);
                causes.insert(line.campaign.clone(), all.collect::<Vec<Cause>>());
            }
        }
    }
    let kinds = conditions::kinds().into_iter().map(|kind| (kind.to_owned(), shown.one_of("condition", kind)));
    let title = match draft.id {
        Some(_) if !draft.name.is_empty() => draft.name.clone(),
        _ => shown.say("segment-new"),
    };
    let status = match (&draft.error, &draft.overtaken) {
        (Some(_), _) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, Some(_)) => StatusCode::CONFLICT,
        (None, None) => StatusCode::OK,
    };
    let drawn = SegmentPage {
        layout: Layout::of(app, visitor, Section::Segments, title),
        action: draft.id.map_or_else(|| "/segments/new".to_owned(), |id| format!("/segments/{id}")),
        draft,
        kinds: kinds.collect(),
        lists,
        imports,
        campaigns,
        values: values_of_people(app, workspace).await?,
        causes,
        found,
        may_write: visitor.caller.scopes.has(Scope::SegmentsWrite),
        may_export: visitor.caller.scopes.has(Scope::ContactsExport),
        is_saved,
    };
    Ok((status, page(&drawn)).into_response())
}

/// Asks the rule of everybody, and of one person if somebody is named.
async fn ask(app: &App, visitor: &Visitor, draft: &Draft) -> Result<Found, Problem> {
    let rule: Rule = segment::parse(&draft.text).map_err(|why| Problem::field("text", why.to_string()))?;
    api::everything_is_there(app, &visitor.caller, &rule, "text").await?;
    let (workspace, now) = (visitor.caller.workspace, app.now());
    let rule_asked = rule.clone();
    let seen = gathered::counted(app, &visitor.caller, &rule, SAMPLE).await?;
    let sample = gathered::contacts(app, workspace, seen.page).await?;
    let why = match draft.who.as_str() {
        "" => None,
        who => {
            let contact = person(app, visitor, who).await?;
            let why = app.store.segment_explain(workspace, rule, contact.id, now).await?;
            why.map(|why| {
                let mut reasons = Vec::new();
                Reason::all_of(why, 0, &mut reasons);
                (contact, reasons)
            })
        }
    };
    let unknown = unknown_values(app, visitor, rule_asked).await?;
    let going = seen.asked.map(|asked| going(&visitor.shown, seen.people, asked));
    let at = (seen.is_kept && going.is_none()).then(|| visitor.shown.second(&seen.at));
    Ok(Found { people: seen.people, going, at, sample, unknown, why })
}

/// So many were found among so many who were asked so far.
fn going(shown: &Shown, found: u64, asked: u64) -> String {
    shown.fill("segment-going", &[("found", found.into()), ("asked", asked.into())])
}

/// What messages call the values of people beside their address, each once.
async fn values_of_people(app: &App, workspace: WorkspaceId) -> Result<Vec<String>, Problem> {
    let names = app.store.attribute_names(workspace).await?;
    let tags: BTreeSet<String> = names.iter().map(|name| tag_of_column(name)).collect();
    Ok(tags.into_iter().filter(|tag| tag != EMAIL_TAG).collect())
}

/// What is told of values that a rule asks for and nobody can have.
async fn unknown_values(app: &App, visitor: &Visitor, rule: Rule) -> Result<Vec<String>, Problem> {
    let workspace = visitor.caller.workspace;
    let unknown = app.store.unknown_values(workspace, rule).await?;
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let known = values_of_people(app, workspace).await?;
    let told = |name: String| match known.is_empty() {
        true => visitor.shown.fill("segment-value-none", &[("name", name.into())]),
        false => {
            let some = known.iter().take(NAMES_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = known.len().saturating_sub(NAMES_TOLD) as u64;
            let values = [("name", name.into()), ("known", some.into()), ("more", more.into())];
            visitor.shown.fill("segment-value-unknown", &values)
        }
    };
    Ok(unknown.into_iter().map(told).collect())
}

/// The people of a segment now, in the order they came.
pub(super) async fn people(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SegmentId>,
    Asked(which): Asked<pages::Plain>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let known = app.store.segment(visitor.caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::not_found("segment", id))?;
    let base = format!("/segments/{id}");
    let of = Listed {
        rule: known.rule,
        place: format!("{base}/people"),
        table: format!("/api/v1/exports{base}"),
        title: visitor.shown.fill("segment-people-of", &[("name", known.name.as_str().into())]),
        up: (base, known.name),
    };
    Ok(listed(&app, &visitor, of, which.after).await?.answer(&Entered::default()))
}

/// A rule whose people are asked for.
#[derive(Deserialize)]
pub(super) struct Put {
    #[serde(default)]
    text: String,
    after: Option<String>,
}

/// Where the people of a rule are that is no segment.
fn place_of(text: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("text", text).finish();
    format!("/segments/new/people?{query}")
}

/// The people for whom a rule holds now that is no segment, in the order they came.
pub(super) async fn people_of_rule(
    State(app): State<App>,
    visitor: Visitor,
    Asked(put): Asked<Put>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsRead)?;
    let shown = &visitor.shown;
    let rule = segment::parse(&put.text).map_err(|why| Problem::field("text", why.to_string()))?;
    api::everything_is_there(&app, &visitor.caller, &rule, "text").await?;
    let (text, place) = (rule.to_string(), place_of(&put.text));
    let (_, query) = place.split_once('?').unwrap_or_default();
    let (form, table) = (format!("/segments/new?{query}"), format!("/api/v1/exports/segments?{query}"));
    let up = (form.clone(), shown.say("segment-new"));
    let of = Listed { rule, place, table, title: shown.say("segment-people"), up };
    let mut sheet = listed(&app, &visitor, of, put.after).await?.lead(text);
    if visitor.caller.scopes.has(Scope::SegmentsWrite) {
        sheet = sheet.press(Press::to(form, shown.say("segment-of-these")));
    }
    Ok(sheet.answer(&Entered::default()))
}

/// People who are listed.
struct Listed {
    /// For whom it holds.
    rule: Rule,
    /// The address of their first page.
    place: String,
    /// Where all of them are a table.
    table: String,
    title: String,
    /// Where they belong: address and words.
    up: (String, String),
}

/// A page of them.
async fn listed(app: &App, visitor: &Visitor, of: Listed, after: Option<String>) -> Result<Sheet, Problem> {
    visitor.caller.may(Scope::ContactsRead)?;
    let Listed { rule, place, table, title, up } = of;
    let (shown, workspace) = (&visitor.shown, visitor.caller.workspace);
    let list = pages::within(PEOPLE, [place.as_str()]);
    let from: Option<ContactId> = pages::open_as(&list, after.as_deref())?;
    let mut seen = gathered::listed(app, &visitor.caller, &rule, from, PAGE + 1).await?;
    let next = pages::cut(&mut seen.page, PAGE, &list, |last| *last);
    let is_going = seen.asked.is_some() && next.is_none();
    let found = gathered::contacts(app, workspace, seen.page).await?;
    let with = if place.contains('?') { '&' } else { '?' };
    let head = shown.says(["email", "state", "contact-since", "contact-accepted", "contact-engaged"]);
    let day = |at: Option<Timestamp>| at.map(|at| shown.day(&at));
    let rows = found.into_iter().map(|one| {
        let (class, words) = stands(shown, &one);
        vec![
            Cell::link(format!("/contacts/{}", one.id), one.email.as_deref().unwrap_or("–")),
            Cell::badge(class, class, words),
            Cell::text(shown.day(&one.created_at)),
            Cell::text(day(one.last_accepted_at).unwrap_or_else(|| "–".to_owned())),
            Cell::text(day(one.engaged_at).unwrap_or_else(|| shown.say("unknown"))),
        ]
    });
    let nobody = if is_going { shown.say("segment-nobody-yet") } else { shown.say("segment-nobody-now") };
    let people = Table::new("people", shown.say("segment-people"), head, nobody)
        .rows(rows)
        .next(next.map(|next| format!("{place}{with}after={next}")))
        .first(after.is_some().then(|| place.clone()));
    let people = match visitor.caller.scopes.has(Scope::ContactsExport) {
        true => people.csv(shown, table),
        false => people.without_csv("whoever may not take people out may not take these out"),
    };
    let layout = Layout::of(app, visitor, Section::Segments, title);
    let sheet = Sheet::new(layout).up(up.0, up.1);
    Ok(match seen.asked.filter(|_| is_going) {
        Some(asked) => {
            let note = Part::Note("soft", going(shown, seen.people, asked), None);
            sheet.part(note).part(people).again(GOING_EVERY_S)
        }
        None => sheet.part(people),
    })
}

/// Somebody by their id or their address.
async fn person(app: &App, visitor: &Visitor, who: &str) -> Result<Contact, Problem> {
    let missing = || Problem::field("who", visitor.shown.say("segment-nobody"));
    let workspace = visitor.caller.workspace;
    if let Ok(id) = who.parse::<ContactId>() {
        return app.store.contact_of(workspace, id).await?.ok_or_else(missing);
    }
    let address = EmailAddress::parse(who).map_err(|why| Problem::field("who", why.to_string()))?;
    let found = app.store.contacts_by_address(workspace, &address).await?;
    found.into_iter().next().ok_or_else(missing)
}

/// Asks before a segment is removed.
pub(super) async fn ask_to_remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SegmentId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::SegmentsWrite)?;
    removing(&app, &visitor, id, &Entered::default()).await
}

async fn removing(app: &App, visitor: &Visitor, id: SegmentId, entered: &Entered) -> Result<Response, Problem> {
    let shown = &visitor.shown;
    let known = app.store.segment(visitor.caller.workspace, id).await?;
    let known = known.ok_or_else(|| Problem::not_found("segment", id))?;
    let title = shown.fill("segment-remove-question", &[("name", known.name.as_str().into())]);
    let form = Form::new("remove", "", format!("/segments/{id}/remove"), shown.say("remove"), entered)
        .help(shown.say("segment-remove-meaning"))
        .class("risk");
    let layout = Layout::of(app, visitor, Section::Segments, title);
    Ok(Sheet::new(layout).up(format!("/segments/{id}"), known.name).part(form).answer(entered))
}

/// Removes a segment.
pub(super) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<SegmentId>,
    typed: Typed,
) -> Result<Response, Problem> {
    match api::remove(State(app.clone()), visitor.caller.clone(), At(id)).await {
        Ok(_) => Ok(Redirect::to("/segments").into_response()),
        Err(problem) => removing(&app, &visitor, id, &Entered::refused("remove", typed, problem)?).await,
    }
}
