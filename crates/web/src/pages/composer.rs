//! The composer: a campaign that is being written, and beside it what it says to a real person.
//!
//! Everything is in one form. What is typed is saved by its button, and by the script while one writes; both ways it is
//! the API's own change of a draft. Invariant: whatever is refused comes back with what was typed, and what cannot be
//! saved because a session ended is carried over the door ([`super::doors`]).

use super::campaign::{Head, found};
use super::equation::Equation;
use super::layout::{Layout, Section};
use super::preview::{self, Seen};
use super::{Visitor, forms, page};
use crate::App;
use crate::api::campaigns::{self as api, Format, Groups, Message, Mode, Written};
use crate::api::images;
use crate::auth::hash;
use crate::extract::{At, Input};
use crate::idempotency;
use crate::problem::{Code, Problem};
use askama::Template;
use axum::extract::{Multipart, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Json};
use engine::brand::SENDER;
use engine::launch::MessageFile;
use engine::options::SendOptions;
use engine::report::Report;
use model::access::Scope;
use model::{CampaignId, CampaignState};
use store::Audience;

/// Groups of one kind that can be chosen here.
const GROUPS_MAX: usize = 100;
/// Pictures that are shown to be put in.
const PICTURES_MAX: usize = 12;
/// The header by which the script learns what it has read.
const READ: &str = "postroom-read";
/// Octets of the mark of a draft.
const MARK_BYTES: usize = 12;
/// Names tried for a copy.
const COPIES_MAX: u32 = 50;

/// What a browser sent of a form: names and values, in its order.
pub(super) type Pairs = Vec<(String, String)>;

/// What was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    name: String,
    from: String,
    subject: String,
    preheader: String,
    reply_to: String,
    /// The domain bounces return to; empty: the sender's.
    return_path: String,
    format: String,
    source: String,
    text: String,
    windows: String,
    /// Until when it is tried, as browsers write times; `None`: it was not asked.
    expires_at: Option<String>,
    tracking: String,
    include: Vec<String>,
    exclude: Vec<String>,
    once: String,
    /// Where to go after saving.
    then: String,
    /// How it is looked at beside.
    seen: Seen,
    /// Is it the script that saves?
    quietly: bool,
    /// The mark of the draft that was read before it was changed; empty: it is not known.
    read: String,
}

impl Typed {
    fn read(pairs: Pairs) -> Typed {
        let mut typed = Typed::default();
        for (name, value) in pairs {
            // Browsers send line ends as CRLF (HTML Living Standard, 4.10.21.8).
            let value = value.replace("\r\n", "\n");
            match name.as_str() {
                "name" => typed.name = value,
                "from" => typed.from = value,
                "subject" => typed.subject = value,
                "preheader" => typed.preheader = value,
                "reply_to" => typed.reply_to = value,
                "return_path" => typed.return_path = value,
                "read" => typed.read = value,
                "format" => typed.format = value,
                "source" => typed.source = value,
                "text" => typed.text = value,
                "windows" => typed.windows = value,
                "expires_at" => typed.expires_at = Some(value),
                "tracking" => typed.tracking = value,
                "include" => typed.include.push(value),
                "exclude" => typed.exclude.push(value),
                "once" => typed.once = value,
                "then" => typed.then = value,
                "contact" => typed.seen.contact = value,
                "as" => typed.seen.way = value,
                "quietly" => typed.quietly = true,
                _ => {}
            }
        }
        typed
    }

    /// A draft as it stands.
    fn of(written: &Written) -> Typed {
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let message = written.message.as_ref();
        Typed {
            name: written.name.clone(),
            from: written.from.clone(),
            subject: some(&written.subject),
            preheader: message.map(|message| some(&message.preheader)).unwrap_or_default(),
            reply_to: some(&written.reply_to),
            return_path: some(&written.return_path),
            format: message.map_or("html", |message| message.format.word()).to_owned(),
            source: message.map(|message| message.source.clone()).unwrap_or_default(),
            text: message.map(|message| some(&message.text)).unwrap_or_default(),
            windows: some(&written.windows),
            tracking: written.tracking.mode.word().to_owned(),
            include: written.audience.include.clone(),
            exclude: written.audience.exclude.clone(),
            ..Typed::default()
        }
    }

    /// The draft as it is to be, its times read in the workspace's zone. Refused: a time that is none.
    fn over(&self, visitor: &Visitor, before: Written) -> Result<Written, Problem> {
        let expires_at = match &self.expires_at {
            Some(text) => {
                let field = "expires_at";
                visitor.shown.typed_time(&forms::Typed::of(vec![(field.to_owned(), text.clone())]), field)?
            }
            None => before.expires_at,
        };
        Ok(Written { expires_at, ..self.onto(before) })
    }

    /// Until when it is tried, for its field.
    fn expires(&self) -> &str {
        self.expires_at.as_deref().unwrap_or_default()
    }

    /// The draft as it is to be. What has no field here stays as it was.
    fn onto(&self, before: Written) -> Written {
        let some = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let known: Vec<String> = before.audience.include.clone();
        let imports = known.into_iter().filter(|group| group.starts_with("i_") && !self.include.contains(group));
        // Imports are taken in over the API, and are no boxes here.
        let include = self.include.iter().cloned().chain(imports).collect();
        Written {
            name: self.name.clone(),
            from: self.from.clone(),
            subject: some(&self.subject),
            reply_to: some(&self.reply_to),
            return_path: some(&self.return_path),
            message: Some(Message {
                format: Format::from_word(&self.format).unwrap_or(Format::Html),
                source: self.source.clone(),
                text: some(&self.text),
                preheader: some(&self.preheader),
            }),
            audience: Groups { include, exclude: self.exclude.clone() },
            windows: some(&self.windows),
            tracking: api::Counting { mode: Mode::from_word(&self.tracking).unwrap_or_default(), ..before.tracking },
            ..before
        }
    }
}

/// A group that can be chosen.
pub(super) struct Group {
    id: String,
    name: String,
    /// What kind of group it is, as a word of the catalogue.
    kind: &'static str,
}

/// Every group that can be chosen: everybody, lists, segments.
async fn groups(app: &App, visitor: &Visitor) -> Result<Vec<Group>, Problem> {
    let workspace = visitor.caller.workspace;
    let mut groups = vec![Group { id: "everyone".to_owned(), name: visitor.shown.say("group-everyone"), kind: "" }];
    let lists = app.store.lists(workspace, None, GROUPS_MAX).await?;
    groups.extend(lists.into_iter().map(|list| {
        let name = match list.list.topic {
            Some(topic) => format!("{} · {topic}", list.list.name),
            None => list.list.name,
        };
        Group { id: list.id.to_string(), name, kind: "group-list" }
    }));
    let segments = app.store.segments(workspace, None, GROUPS_MAX).await?;
    let segments = segments.into_iter();
    groups.extend(segments.map(|one| Group { id: one.id.to_string(), name: one.name, kind: "group-segment" }));
    Ok(groups)
}

// ── a new one ────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Template)]
#[template(path = "pages/new_campaign.html")]
struct NewPage {
    layout: Layout,
    typed: Typed,
    groups: Vec<Group>,
    error: Option<Problem>,
}

impl NewPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        wrong(self.error.as_ref(), field)
    }

    fn is_in(&self, group: &str) -> bool {
        self.typed.include.iter().any(|known| known == group)
    }

    fn is_format(&self, word: &str) -> bool {
        self.typed.format == word
    }
}

/// What is wrong with a field; what belongs to none is shown above all.
fn wrong<'e>(error: Option<&'e Problem>, field: &str) -> Option<&'e str> {
    let error = error?;
    let about = match (error.field.as_deref(), error.code) {
        (Some("message.source" | "message"), _) => "source",
        (Some("audience.include"), _) => "include",
        (Some("audience.exclude"), _) => "exclude",
        (Some(known), _) => known,
        (None, Code::AlreadyExists) => "name",
        (None, _) => "",
    };
    (about == field).then_some(error.detail.as_str())
}

/// Is it a mistake in what was typed?
fn is_mistake(problem: &Problem) -> bool {
    matches!(problem.code, Code::InvalidField | Code::AlreadyExists | Code::Refused)
}

/// Asks for what a campaign cannot be without.
pub(super) async fn ask_for_new(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let from = app.store.setting(visitor.caller.workspace, SENDER).await?.unwrap_or_default();
    let once = idempotency::form_token(&app);
    let typed = Typed { from, once, format: "html".to_owned(), ..Typed::default() };
    Ok(page(&new_page(&app, &visitor, typed, None).await?))
}

async fn new_page(app: &App, visitor: &Visitor, typed: Typed, error: Option<Problem>) -> Result<NewPage, Problem> {
    let groups = groups(app, visitor).await?;
    let layout = Layout::of(app, visitor, Section::Campaigns, visitor.shown.say("new-campaign"));
    Ok(NewPage { layout, typed, groups, error })
}

/// Begins a draft with what every message needs in it.
pub(super) async fn begin(
    State(app): State<App>,
    visitor: Visitor,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let mut typed = Typed::read(pairs);
    typed.source = starter(&visitor, &typed.format);
    let audience = Audience::default();
    let options = SendOptions { from: String::new(), ..crate::api::house_options(&app, String::new()) };
    let file = MessageFile::new("message.html".to_owned(), String::new());
    let blank = engine::drafts::Proposal { name: String::new(), file, options, audience, trial: None };
    let written = typed.onto(Written::of(blank));
    let made = idempotency::form(&app, &visitor.caller, &typed.once, async {
        let made = api::make(State(app.clone()), visitor.caller.clone(), Input(written)).await;
        made.map(|(_, Json(made))| format!("/campaigns/{}/edit", made.id()))
    });
    match made.await {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) if is_mistake(&problem) => {
            let form = new_page(&app, &visitor, typed, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// The first lines of a message: what the law wants in it is there from the beginning.
fn starter(visitor: &Visitor, format: &str) -> String {
    let say = |id: &str| visitor.shown.say(id);
    let (hello, write, leave) = (say("starter-hello"), say("starter-write"), say("starter-leave"));
    match Format::from_word(format).unwrap_or(Format::Html) {
        Format::Html => format!(
            "<!doctype html>\n<html lang=\"{}\">\n<body>\n<p>{hello}</p>\n<p>{write}</p>\n<p><a href=\"{{{{ unsubscribe_url \
             }}}}\">{leave}</a><br>{{{{ postal_address }}}}</p>\n</body>\n</html>\n",
            visitor.shown.words.tag()
        ),
        Format::Mjml => format!(
            "<mjml>\n  <mj-body>\n    <mj-section>\n      <mj-column>\n        <mj-text>{hello}</mj-text>\n        \
             <mj-text>{write}</mj-text>\n        <mj-text><a href=\"{{{{ unsubscribe_url }}}}\">{leave}</a><br/>{{{{ \
             postal_address }}}}</mj-text>\n      </mj-column>\n    </mj-section>\n  </mj-body>\n</mjml>\n"
        ),
        Format::Markdown => {
            format!("{hello}\n\n{write}\n\n[{leave}]({{{{ unsubscribe_url }}}})\n\n{{{{ postal_address }}}}\n")
        }
        Format::Text => format!("{hello}\n\n{write}\n\n{leave}: {{{{ unsubscribe_url }}}}\n{{{{ postal_address }}}}\n"),
    }
}

// ── the draft ────────────────────────────────────────────────────────────────────────────────────────────────────

/// A picture that can be put in.
struct Picture {
    name: String,
    /// What is written to show it.
    markup: String,
}

#[derive(Template)]
#[template(path = "pages/composer.html")]
struct ComposerPage {
    layout: Layout,
    head: Head,
    typed: Typed,
    groups: Vec<Group>,
    people: Vec<preview::Face>,
    /// The names of people's values.
    tags: Vec<String>,
    pictures: Vec<Picture>,
    shown: String,
    error: Option<Problem>,
    may_send: bool,
    /// It was changed elsewhere since it was read here: the version that keeps what was typed here.
    aside: Option<u32>,
}

impl ComposerPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        wrong(self.error.as_ref(), field)
    }

    fn is_in(&self, group: &str) -> bool {
        self.typed.include.iter().any(|known| known == group)
    }

    fn is_format(&self, word: &str) -> bool {
        self.typed.format == word
    }

    fn is_tracking(&self, word: &str) -> bool {
        self.typed.tracking == word
    }

    fn overtaken(&self, version: &u32) -> String {
        self.layout.shown.count("overtaken", &u64::from(*version))
    }

    fn is_way(&self, way: &str) -> bool {
        self.typed.seen.way() == way
    }

    fn is_out(&self, group: &str) -> bool {
        self.typed.exclude.iter().any(|known| known == group)
    }
}

/// A draft of the visitor's workspace with what was written; what is no draft any more leads to its page.
async fn draft(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
) -> Result<Result<(store::Campaign, Written), Response>, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let campaign = found(app, visitor, id).await?;
    if campaign.state != CampaignState::Draft {
        return Ok(Err(Redirect::to(&format!("/campaigns/{id}")).into_response()));
    }
    let written = Written::of(engine::drafts::proposal(&app.store, &campaign).await?);
    Ok(Ok((campaign, written)))
}

/// The composer.
pub(super) async fn edit(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Query(seen): Query<Seen>,
) -> Result<Response, Problem> {
    let (campaign, written) = match draft(&app, &visitor, id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let expires_at = Some(written.expires_at.map(|at| visitor.shown.typed_as(&at.0)).unwrap_or_default());
    let typed = Typed { seen, expires_at, read: mark(&campaign, &written), ..Typed::of(&written) };
    Ok(page(&composer(&app, &visitor, &campaign, typed, None).await?))
}

async fn composer(
    app: &App,
    visitor: &Visitor,
    campaign: &store::Campaign,
    typed: Typed,
    error: Option<Problem>,
) -> Result<ComposerPage, Problem> {
    let workspace = visitor.caller.workspace;
    let columns = app.store.attribute_names(workspace).await?;
    let mut tags: Vec<String> = columns.iter().map(|column| mail::values::tag_of_column(column)).collect();
    tags.sort_unstable();
    tags.dedup();
    let pictures = app.store.images(workspace, None, PICTURES_MAX).await?;
    let pictures = pictures.into_iter().map(|known| {
        let address = images::address(app, &known);
        let markup = match typed.format.as_str() {
            "markdown" => format!("![{}]({address})", known.name),
            "mjml" => format!("<mj-image src=\"{address}\" alt=\"{}\" />", known.name),
            "text" => address,
            _ => format!("<img src=\"{address}\" alt=\"{}\">", known.name),
        };
        Picture { name: known.name, markup }
    });
    let shown = preview::pane(app, visitor, campaign, &typed.seen).await?;
    Ok(ComposerPage {
        layout: Layout::of(app, visitor, Section::Campaigns, campaign.name.clone()),
        head: Head::of(app, visitor, campaign, "edit").await?,
        groups: groups(app, visitor).await?,
        people: preview::faces(app, visitor, &typed.seen).await?,
        tags,
        pictures: pictures.collect(),
        shown,
        error,
        aside: None,
        may_send: visitor.caller.scopes.has(Scope::CampaignsSend),
        typed,
    })
}

/// The mark of a draft as it stands: another one whenever anything in it is another.
fn mark(campaign: &store::Campaign, written: &Written) -> String {
    let Groups { include, exclude } = &written.audience;
    let whole =
        [&campaign.name, &campaign.message, &include.join(" "), &exclude.join(" ")].map(String::as_str).join("\n");
    hash(&whole).iter().take(MARK_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// What was typed over an older copy of the draft is kept beside it, and whoever typed it is told: the draft stays what
/// somebody else, or another window, made of it since.
async fn set_aside(
    app: &App,
    visitor: &Visitor,
    (campaign, before): (store::Campaign, Written),
    typed: Typed,
) -> Result<Response, Problem> {
    let read = mark(&campaign, &before);
    let kept = match typed.over(visitor, before) {
        Ok(written) => api::set_aside(app, &visitor.caller, campaign.id, written).await,
        Err(problem) => Err(problem),
    };
    let (aside, error) = match kept {
        Ok(version) => (Some(version), None),
        Err(problem) if is_mistake(&problem) => (None, Some(problem)),
        Err(problem) => return Err(problem),
    };
    if typed.quietly {
        let pane = match (aside, error) {
            (Some(version), _) => preview::overtaken(visitor, campaign.id, version)?,
            (None, Some(problem)) => preview::refused(visitor, &problem)?,
            (None, None) => String::new(),
        };
        return Ok((StatusCode::CONFLICT, Html(pane)).into_response());
    }
    // Whoever presses again has seen what it says, and means it.
    let typed = Typed { read, ..typed };
    let form = ComposerPage { aside, ..composer(app, visitor, &campaign, typed, error).await? };
    Ok((StatusCode::CONFLICT, page(&form)).into_response())
}

/// Saves what was typed.
pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let typed = Typed::read(pairs);
    // One at a time: what was read is compared with what stands, and nobody may change it in between.
    let _alone = app.desk.writing.lock().await;
    let (campaign, before) = match draft(&app, &visitor, id).await? {
        Ok(found) => found,
        Err(_) => return Err(Problem::new(Code::WrongState, visitor.shown.say("draft-no-more"))),
    };
    if !typed.read.is_empty() && typed.read != mark(&campaign, &before) {
        return set_aside(&app, &visitor, (campaign, before), typed).await;
    }
    let saved = match typed.over(&visitor, before) {
        Ok(written) => api::change(State(app.clone()), visitor.caller.clone(), At(id), Input(written)).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) if typed.quietly => {
            let campaign = found(&app, &visitor, id).await?;
            let written = Written::of(engine::drafts::proposal(&app.store, &campaign).await?);
            let pane = Html(preview::pane(&app, &visitor, &campaign, &typed.seen).await?);
            Ok(([(READ, mark(&campaign, &written))], pane).into_response())
        }
        Ok(_) => Ok(Redirect::to(&after_saving(id, &typed)).into_response()),
        Err(problem) if is_mistake(&problem) && typed.quietly => {
            let pane = preview::refused(&visitor, &problem)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(pane)).into_response())
        }
        Err(problem) if is_mistake(&problem) => {
            let form = composer(&app, &visitor, &campaign, typed, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Where one goes on.
fn after_saving(id: CampaignId, typed: &Typed) -> String {
    match typed.then.as_str() {
        "review" => format!("/campaigns/{id}"),
        "test" => format!("/campaigns/{id}/test"),
        _ => format!("/campaigns/{id}/edit?{}", typed.seen.query()),
    }
}

/// Whom the draft would reach as it is saved: the equation, for beside the audience.
pub(super) async fn audience(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsRead)?;
    found(&app, &visitor, id).await?;
    let tally = app.store.forecast_draft(visitor.caller.workspace, id, app.now()).await?;
    let base = format!("/campaigns/{id}");
    let drawn = Equation::of(&visitor.shown, &Report::of_tally(&tally), &base).first_line().render();
    drawn.map(|html| Html(html).into_response()).map_err(|error| preview::own_failure(&error))
}

/// A picture is sent in from the composer.
pub(super) async fn send_picture(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    mut parts: Multipart,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    found(&app, &visitor, id).await?;
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        if part.name() != Some("picture") {
            continue;
        }
        let name = part.file_name().filter(|name| !name.is_empty()).unwrap_or("picture").to_owned();
        let bytes = part.bytes().await.map_err(|_| broken())?;
        images::keep(&app, &visitor.caller, name, &bytes).await?;
        return Ok(Redirect::to(&format!("/campaigns/{id}/edit#pictures")).into_response());
    }
    Err(Problem::field("picture", visitor.shown.say("picture-none")))
}

fn broken() -> Problem {
    Problem::new(Code::TooLarge, "the picture broke off, or is longer than 5 MB")
}

/// Writes another campaign like this one.
pub(super) async fn duplicate(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let typed = Typed::read(pairs);
    let campaign = found(&app, &visitor, id).await?;
    let made = idempotency::form(&app, &visitor.caller, &typed.once, async {
        for number in 2..COPIES_MAX {
            let name = format!("{} ({number})", campaign.name);
            let copy = Input(api::Copy { name });
            match api::duplicate(State(app.clone()), visitor.caller.clone(), At(id), copy).await {
                Ok((_, Json(made))) => return Ok(format!("/campaigns/{}/edit", made.id())),
                Err(problem) if problem.code == Code::AlreadyExists => {}
                Err(problem) => return Err(problem),
            }
        }
        Err(Code::AlreadyExists.into())
    });
    Ok(Redirect::to(&made.await?).into_response())
}
