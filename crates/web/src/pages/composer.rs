//! The composer: a campaign that is being written, and beside it what it says to a real person.
//!
//! Everything is in one form. What is typed is saved by its button, and by the script while one writes; both ways it is
//! the API's own change of a draft. Invariant: whatever is refused comes back with what was typed, and what cannot be
//! saved because a session ended is carried over the door ([`super::doors`]).

use super::campaign::{Head, found};
use super::equation::Equation;
use super::layout::{Layout, Section};
use super::preview::{self, Seen};
use super::{Visitor, counting, drawn, forms, page, trial};
use crate::App;
use crate::api::campaigns::{self as api, Format, Groups, Message, Mode, Written};
use crate::api::images;
use crate::extract::{Asked, At, Input};
use crate::idempotency;
use crate::problem::{Code, Faults, Problem};
use crate::words::Words;
use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use engine::brand::{Brand, SENDER};
use engine::launch::MessageFile;
use engine::options::SendOptions;
use engine::report::Report;
use mail::compose::OUR_TAGS;
use model::access::Scope;
use model::{CampaignId, CampaignState};
use store::Audience;

/// Groups of one kind that can be chosen here.
const GROUPS_MAX: usize = 100;
/// Pictures that are shown to be put in.
const PICTURES_MAX: usize = 12;
/// The field of a picture that is sent in.
const PICTURE: &str = "picture";
/// The header by which the script learns what it has read …
const READ: &str = "postroom-read";
/// … and the one that says into which element of the page an answer goes. One without it is no piece of this page.
const PART: &str = "postroom-part";
/// The element of what the message says …
const SHOWN: &str = "shown";
/// … and the one of what became of saving it, beside the buttons that save.
const TOLD: &str = "told";
/// The button that writes another draft of what was typed …
const ANEW: &str = "anew";
/// … and the one that takes the campaign back first.
const TAKE_BACK: &str = "take-back";
/// Names tried for a copy.
const COPIES_MAX: u32 = 50;

/// What was typed into the composer, and how its message is looked at beside.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    form: forms::Typed,
    seen: Seen,
}

impl Typed {
    fn read(form: forms::Typed) -> Typed {
        let form = form.with_plain_lines();
        let seen = Seen {
            contact: form.raw("contact").to_owned(),
            who: form.raw("who").to_owned(),
            way: form.raw("as").to_owned(),
            variant: form.raw("variant").to_owned(),
            version: None,
        };
        Typed { form, seen }
    }

    /// A draft as it stands.
    fn of(visitor: &Visitor, written: &Written) -> Typed {
        let message = written.message.as_ref();
        let of_message = |part: fn(&Message) -> &Option<String>| message.and_then(|message| part(message).as_deref());
        let mut pairs = Vec::new();
        let mut put = |name: &str, value: Option<&str>| {
            pairs.push((name.to_owned(), value.unwrap_or_default().to_owned()));
        };
        put("name", Some(&written.name));
        put("from", Some(&written.from));
        put("subject", written.subject.as_deref());
        put("preheader", of_message(|message| &message.preheader));
        put("reply_to", written.reply_to.as_deref());
        put("return_path", written.return_path.as_deref());
        put("format", Some(message.map_or("html", |message| message.format.word())));
        put("source", message.map(|message| message.source.as_str()));
        put("text", of_message(|message| &message.text));
        put("windows", written.windows.as_deref());
        put("expires_at", written.expires_at.map(|at| visitor.shown.typed_as(&at.0)).as_deref());
        put("in_doubt", Some(written.in_doubt.word()));
        put("topic", written.topic.as_deref());
        put("tracking", Some(written.tracking.mode.word()));
        written.audience.include.iter().for_each(|group| put("include", Some(group)));
        written.audience.exclude.iter().for_each(|group| put("exclude", Some(group)));
        trial::put(written.compare.as_ref(), written.tracking.mode.into(), &mut put);
        Typed { form: forms::Typed::of(pairs), seen: Seen::default() }
    }

    /// What is in a field.
    fn raw(&self, name: &str) -> &str {
        self.form.raw(name)
    }

    /// Is it the script that saves?
    fn is_quiet(&self) -> bool {
        self.form.knows("quietly")
    }

    /// The draft as it is to be, its times read in the workspace's zone. What has no field stays as it was. Refused with
    /// everything that is wrong: times and numbers that are none, and what the API would refuse.
    async fn over(&self, app: &App, visitor: &Visitor, before: Written) -> Result<Written, Problem> {
        let mut faults = Faults::default();
        let written = self.read_over(visitor, before, &mut faults);
        if !faults.is_empty() {
            faults.take(written.clone().into_proposal(app, &visitor.caller).await);
        }
        faults.hold()?;
        Ok(written)
    }

    fn read_over(&self, visitor: &Visitor, before: Written, faults: &mut Faults) -> Written {
        let form = &self.form;
        let expires_at = match form.knows("expires_at") {
            true => faults.take(visitor.shown.typed_time(form, "expires_at")).flatten(),
            false => before.expires_at,
        };
        let compare = trial::read(form, before.compare, faults);
        let mut include = form.all("include");
        // Imports are taken in over the API, and are no boxes here.
        let imports = before.audience.include.into_iter().filter(|group| group.starts_with("i_"));
        let imports: Vec<String> = imports.filter(|group| !include.contains(group)).collect();
        include.extend(imports);
        Written {
            name: form.raw("name").to_owned(),
            from: form.raw("from").to_owned(),
            subject: form.some("subject"),
            reply_to: form.some("reply_to"),
            return_path: form.some("return_path"),
            message: Some(Message {
                format: Format::from_word(form.raw("format")).unwrap_or(Format::Html),
                source: form.raw("source").to_owned(),
                text: form.some("text"),
                preheader: form.some("preheader"),
            }),
            audience: Groups { include, exclude: form.all("exclude") },
            windows: form.some("windows"),
            expires_at,
            in_doubt: api::InDoubt::from_word(form.raw("in_doubt")).unwrap_or(before.in_doubt),
            topic: if form.knows("topic") { form.some("topic") } else { before.topic },
            tracking: api::Counting {
                mode: Mode::from_word(form.raw("tracking")).unwrap_or_default(),
                ..before.tracking
            },
            compare,
            ..before
        }
    }
}

/// The group of everybody, as the API calls it.
const EVERYONE: &str = "everyone";

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
    let mut groups = vec![Group { id: EVERYONE.to_owned(), name: visitor.shown.say("group-everyone"), kind: "" }];
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

    fn summary(&self) -> Vec<(&'static str, String)> {
        summary(&self.layout, self.error.as_ref())
    }

    fn is_in(&self, group: &str) -> bool {
        self.typed.form.all("include").iter().any(|known| known == group)
    }

    fn is_format(&self, word: &str) -> bool {
        self.typed.raw("format") == word
    }
}

/// What is wrong with a field; what belongs to none is shown above all.
fn wrong<'e>(error: Option<&'e Problem>, field: &str) -> Option<&'e str> {
    let error = error?;
    let about = |of: Option<&str>| match (of, error.code) {
        (Some("message.source" | "message"), _) => "source".to_owned(),
        (Some("audience.include"), _) => "include".to_owned(),
        (Some("audience.exclude"), _) => "exclude".to_owned(),
        (Some(known), _) if known.starts_with("compare") => "compare".to_owned(),
        (Some(known), _) => known.to_owned(),
        (None, Code::AlreadyExists) => "name".to_owned(),
        (None, _) => String::new(),
    };
    error.all().find(|(of, _)| about(*of) == field).map(|(_, detail)| detail)
}

/// The fields of the composer, in its order, and what each is called.
const FIELDS: [(&str, &str); 12] = [
    ("name", "name"),
    ("from", "from"),
    ("subject", "subject"),
    ("preheader", "preheader"),
    ("include", "audience"),
    ("source", "message-source"),
    ("sample", "compare-sample"),
    ("wait", "compare-wait"),
    ("compare", "compare-title"),
    ("reply_to", "reply-to"),
    ("return_path", "return-path"),
    ("windows", "windows"),
];
/// The same of what stands at the end and beside it.
const LAST_FIELDS: [(&str, &str); 3] =
    [("expires_at", "expires"), ("exclude", "audience-out"), (PICTURE, "picture-choose")];

/// Everything that is wrong with what was typed: where it stands, and what is said.
fn summary(layout: &Layout, error: Option<&Problem>) -> Vec<(&'static str, String)> {
    let fields = FIELDS.iter().chain(&LAST_FIELDS);
    let told = fields.filter_map(|(field, label)| {
        let wrong = wrong(error, field)?;
        Some((*field, format!("{}: {}", layout.say(label), layout.shown.refused(wrong))))
    });
    told.collect()
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
    let form = forms::Typed::default().with("from", from).with("once", once).with("format", "html");
    let typed = Typed { form, ..Typed::default() };
    Ok(page(&new_page(&app, &visitor, typed, None).await?))
}

async fn new_page(app: &App, visitor: &Visitor, typed: Typed, error: Option<Problem>) -> Result<NewPage, Problem> {
    let groups = groups(app, visitor).await?;
    let layout = Layout::of(app, visitor, Section::Campaigns, visitor.shown.say("new-campaign"));
    Ok(NewPage { layout, typed, groups, error })
}

/// Begins a draft with what every message needs in it.
pub(super) async fn begin(State(app): State<App>, visitor: Visitor, form: forms::Typed) -> Result<Response, Problem> {
    // It is for recipients: in their language, not in that of whoever writes.
    let words = Words::of(Brand::of(&app.store, visitor.caller.workspace).await?.language);
    let begun = starter(words, form.raw("format"));
    let typed = Typed::read(form.with("source", begun));
    let audience = Audience::default();
    let options = SendOptions { from: String::new(), ..crate::api::house_options(&app, String::new()) };
    let file = MessageFile::new("message.html".to_owned(), String::new());
    let blank = engine::drafts::Proposal { name: String::new(), file, options, audience, trial: None };
    let written = typed.read_over(&visitor, Written::of(blank), &mut Faults::default());
    let made = idempotency::form(&app, &visitor.caller, typed.raw("once"), async {
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
pub(super) fn starter(words: Words, format: &str) -> String {
    let say = |id: &str| words.say(id);
    let (hello, write, leave) = (say("starter-hello"), say("starter-write"), say("starter-leave"));
    match Format::from_word(format).unwrap_or(Format::Html) {
        Format::Html => format!(
            "<!doctype html>\n<html lang=\"{}\">\n<body>\n<p>{hello}</p>\n<p>{write}</p>\n<p><a href=\"{{{{ unsubscribe_url \
             }}}}\">{leave}</a><br>{{{{ postal_address }}}}</p>\n</body>\n</html>\n",
            words.tag()
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
    /// The variants that can be looked at.
    variants: Vec<char>,
    /// The names of people's values.
    tags: Vec<String>,
    /// What lists are about.
    topics: Vec<String>,
    pictures: Vec<Picture>,
    shown: String,
    error: Option<Problem>,
    may_send: bool,
    /// It was changed elsewhere since it was read here: the version that keeps what was typed here.
    aside: Option<u32>,
    /// What became of saving it, drawn, where it is no draft any more.
    told: Option<String>,
}

impl ComposerPage {
    fn wrong(&self, field: &str) -> Option<&str> {
        wrong(self.error.as_ref(), field)
    }

    fn summary(&self) -> Vec<(&'static str, String)> {
        summary(&self.layout, self.error.as_ref())
    }

    fn is_in(&self, group: &str) -> bool {
        self.typed.form.all("include").iter().any(|known| known == group)
    }

    fn is_format(&self, word: &str) -> bool {
        self.typed.raw("format") == word
    }

    fn is_tracking(&self, word: &str) -> bool {
        self.typed.raw("tracking") == word
    }

    fn overtaken(&self, version: &u32) -> String {
        self.layout.shown.count("overtaken", &u64::from(*version))
    }

    fn is_way(&self, way: &str) -> bool {
        self.typed.seen.way() == way
    }

    fn is_variant(&self, letter: &char) -> bool {
        self.typed.seen.letter() == *letter
    }

    /// Is something compared, or wrong about it?
    fn is_compared(&self) -> bool {
        !self.variants.is_empty() || self.wrong("compare").is_some()
    }

    fn is_chosen(&self, field: &str, word: &str) -> bool {
        self.typed.raw(field) == word
    }

    /// The variants beside the message: the number in their fields and their letter.
    fn others(&self) -> [(usize, char); trial::OTHERS] {
        trial::others()
    }

    fn titled(&self, letter: &char) -> String {
        self.layout.shown.fill("compare-variant", &[("letter", letter.to_string().into())])
    }

    fn has_variant(&self, number: &usize) -> bool {
        trial::is_filled(&self.typed.form, *number)
    }

    fn of_variant(&self, number: &usize, part: &str) -> &str {
        self.typed.raw(&trial::field(*number, part))
    }

    /// What can be left out: everybody would leave nobody.
    fn left_out(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| group.id != EVERYONE || self.is_out(&group.id))
    }

    fn is_out(&self, group: &str) -> bool {
        self.typed.form.all("exclude").iter().any(|known| known == group)
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
    Asked(seen): Asked<Seen>,
) -> Result<Response, Problem> {
    let (campaign, written) = match draft(&app, &visitor, id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let seen = preview::meant(&app, &visitor, seen).await?;
    let form = Typed::of(&visitor, &written).form.with(drawn::READ, mark(&campaign, &written.audience));
    let typed = Typed { form, seen };
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
    tags.push(mail::values::EMAIL_TAG.to_owned());
    tags.sort_unstable();
    tags.dedup();
    tags.splice(0..0, OUR_TAGS.map(str::to_owned));
    let pictures = app.store.images(workspace, None, PICTURES_MAX).await?;
    let pictures = pictures.into_iter().map(|known| {
        let address = images::address(app, &known);
        let markup = match typed.raw("format") {
            "markdown" => format!("![{}]({address})", known.name),
            "mjml" => format!("<mj-image src=\"{address}\" alt=\"{}\" />", known.name),
            "text" => address,
            _ => format!("<img src=\"{address}\" alt=\"{}\">", known.name),
        };
        Picture { name: known.name, markup }
    });
    let mut topics = app.store.topics(workspace).await?;
    // One that no list is about any more stays chosen until another is.
    topics.extend(typed.form.some("topic").filter(|chosen| !topics.contains(chosen)));
    let shown = preview::pane(app, visitor, campaign, &typed.seen).await?;
    Ok(ComposerPage {
        layout: Layout::of(app, visitor, Section::Campaigns, campaign.name.clone()),
        head: Head::of(app, visitor, campaign, "edit").await?,
        groups: groups(app, visitor).await?,
        people: preview::faces(app, visitor, &typed.seen).await?,
        variants: trial::letters(&typed.form),
        tags,
        topics,
        pictures: pictures.collect(),
        shown,
        error,
        aside: None,
        told: None,
        may_send: visitor.caller.scopes.has(Scope::CampaignsSend),
        typed,
    })
}

/// A draft as it stands. Refused: what is none any more.
async fn standing(app: &App, visitor: &Visitor, id: CampaignId) -> Result<(store::Campaign, Written), Problem> {
    let found = draft(app, visitor, id).await?;
    found.map_err(|_| no_draft(visitor))
}

fn no_draft(visitor: &Visitor) -> Problem {
    Problem::new(Code::WrongState, visitor.shown.say("draft-no-more"))
}

/// The mark of a draft as it stands.
fn mark(campaign: &store::Campaign, audience: &Groups) -> String {
    let Groups { include, exclude } = audience;
    drawn::mark(&[&campaign.name, &campaign.message, &include.join(" "), &exclude.join(" ")])
}

/// What was typed over an older copy of the draft is kept beside it, and whoever typed it is told: the draft stays what
/// somebody else, or another window, made of it since.
async fn set_aside(
    app: &App,
    visitor: &Visitor,
    (campaign, before): (store::Campaign, Written),
    typed: Typed,
    picture: Option<Problem>,
) -> Result<Response, Problem> {
    let read = mark(&campaign, &before.audience);
    let kept = match typed.over(app, visitor, before).await {
        Ok(written) => api::set_aside(app, &visitor.caller, campaign.id, written).await,
        Err(problem) => Err(problem),
    };
    let (aside, error) = match kept {
        Ok(version) => (Some(version), picture),
        Err(problem) if is_mistake(&problem) => (None, Some(beside(problem, picture))),
        Err(problem) => return Err(problem),
    };
    if typed.is_quiet() {
        let pane = match (aside, error) {
            (Some(version), _) => preview::overtaken(visitor, campaign.id, version)?,
            (None, Some(problem)) => preview::refused(visitor, &problem)?,
            (None, None) => String::new(),
        };
        return Ok((StatusCode::CONFLICT, [(PART, SHOWN)], Html(pane)).into_response());
    }
    // Whoever presses again has seen what it says, and means it.
    let typed = Typed { form: typed.form.with(drawn::READ, read), ..typed };
    let form = ComposerPage { aside, ..composer(app, visitor, &campaign, typed, error).await? };
    Ok((StatusCode::CONFLICT, page(&form)).into_response())
}

/// Saves what was typed.
pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    form: forms::Typed,
) -> Result<Response, Problem> {
    let mut typed = Typed::read(form);
    typed.seen = preview::meant(&app, &visitor, typed.seen).await?;
    let next = after_saving(id, &typed);
    let then = typed.raw("then").to_owned();
    match then.as_str() {
        ANEW => write_anew(&app, &visitor, id, typed).await,
        TAKE_BACK => take_back(&app, &visitor, id, typed, &next).await,
        _ => keep(&app, &visitor, id, typed, None, &next).await,
    }
}

/// Writes another draft of what was typed, under a name that is free.
async fn write_anew(app: &App, visitor: &Visitor, id: CampaignId, typed: Typed) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    let campaign = found(app, visitor, id).await?;
    let before = Written::of(engine::drafts::proposal(&app.store, &campaign).await?);
    let made = match typed.over(app, visitor, before).await {
        Ok(written) => {
            let making = made_under_a_free_name(app, visitor, written);
            idempotency::form(app, &visitor.caller, typed.raw("once"), making).await
        }
        Err(problem) => Err(problem),
    };
    match made {
        Ok(place) => Ok(Redirect::to(&place).into_response()),
        Err(problem) if is_mistake(&problem) => too_late(app, visitor, id, typed, problem).await,
        Err(problem) => Err(problem),
    }
}

/// Where the draft is written that is made like this.
async fn made_under_a_free_name(app: &App, visitor: &Visitor, written: Written) -> Result<String, Problem> {
    for number in 1..COPIES_MAX {
        let name = if number == 1 { written.name.clone() } else { numbered(&written.name, number) };
        let one = Written { name, ..written.clone() };
        match api::make(State(app.clone()), visitor.caller.clone(), Input(one)).await {
            Ok((_, Json(made))) => return Ok(format!("/campaigns/{}/edit", made.id())),
            Err(problem) if problem.code == Code::AlreadyExists => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(Code::AlreadyExists.into())
}

/// What the copy of that number is called.
fn numbered(name: &str, number: u32) -> String {
    format!("{name} ({number})")
}

/// Takes a campaign back whose time has not come, and saves what was typed.
async fn take_back(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    typed: Typed,
    next: &str,
) -> Result<Response, Problem> {
    let taken = api::take_back(State(app.clone()), visitor.caller.clone(), At(id)).await;
    match taken.err() {
        Some(problem) if !is_about_its_state(&problem) => Err(problem),
        // That it was taken back already, or began in this very moment, saving finds out.
        _ => keep(app, visitor, id, typed, None, next).await,
    }
}

/// Is it refused because the campaign is no draft, or not any more?
fn is_about_its_state(problem: &Problem) -> bool {
    problem.field.is_none() && matches!(problem.code, Code::WrongState | Code::Refused)
}

/// Saves what was typed and goes on to `next`; `picture`: what is wrong with a picture that came with it. Whatever is wrong
/// comes back with what was typed, as far as it could not be saved; so does all of it where the draft is none any more.
async fn keep(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    typed: Typed,
    picture: Option<Problem>,
    next: &str,
) -> Result<Response, Problem> {
    match keep_draft(app, visitor, id, typed.clone(), picture.clone(), next).await {
        Err(problem)
            if is_about_its_state(&problem) && found(app, visitor, id).await?.state != CampaignState::Draft =>
        {
            too_late(app, visitor, id, typed, picture.unwrap_or(problem)).await
        }
        kept => kept,
    }
}

/// What was typed into a draft that was given its time meanwhile, or has begun: it stands in the form as it was, and beside it
/// what happened and what can be done. `problem`: what else is wrong.
async fn too_late(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    typed: Typed,
    problem: Problem,
) -> Result<Response, Problem> {
    let campaign = found(app, visitor, id).await?;
    let told = match campaign.state {
        CampaignState::Draft => None,
        _ => Some(preview::too_late(visitor, &campaign, idempotency::form_token(app))?),
    };
    let error = Some(problem).filter(|problem| told.is_none() || problem.code != Code::WrongState);
    if typed.is_quiet() {
        let (part, pane) = match (told, error) {
            (Some(told), _) => (TOLD, told),
            (None, Some(problem)) => (SHOWN, preview::refused(visitor, &problem)?),
            (None, None) => (SHOWN, String::new()),
        };
        return Ok((StatusCode::CONFLICT, [(PART, part)], Html(pane)).into_response());
    }
    let form = ComposerPage { told, ..composer(app, visitor, &campaign, typed, error).await? };
    Ok((StatusCode::CONFLICT, page(&form)).into_response())
}

/// The same of what is a draft. Refused: what is none any more.
async fn keep_draft(
    app: &App,
    visitor: &Visitor,
    id: CampaignId,
    typed: Typed,
    picture: Option<Problem>,
    next: &str,
) -> Result<Response, Problem> {
    let (campaign, before) = standing(app, visitor, id).await?;
    let stands = mark(&campaign, &before.audience);
    let read = if typed.form.has(drawn::READ) { typed.raw(drawn::READ).to_owned() } else { stands.clone() };
    if read != stands {
        return set_aside(app, visitor, (campaign, before), typed, picture).await;
    }
    let is_meant = move |kept: &store::Campaign, audience: &Audience| mark(kept, &Groups::of(audience)) == read;
    let saved = match typed.over(app, visitor, before).await {
        Ok(written) => api::change_if(app, &visitor.caller, id, written, is_meant).await,
        Err(problem) => Err(problem),
    };
    let wrong = match saved {
        // Another press was quicker in this very moment.
        Ok(None) => return set_aside(app, visitor, standing(app, visitor, id).await?, typed, picture).await,
        Ok(_) if picture.is_none() && !typed.is_quiet() => return Ok(Redirect::to(next).into_response()),
        Ok(_) => picture,
        Err(problem) if is_mistake(&problem) => Some(beside(problem, picture)),
        Err(problem) => return Err(problem),
    };
    let campaign = found(app, visitor, id).await?;
    if wrong.is_some() && campaign.state != CampaignState::Draft {
        return Err(no_draft(visitor));
    }
    let read = mark(&campaign, &Groups::of(&app.store.audience_of(id).await?));
    match wrong {
        None => {
            let pane = Html(preview::pane(app, visitor, &campaign, &typed.seen).await?);
            Ok(([(READ, read.as_str()), (PART, SHOWN)], pane).into_response())
        }
        Some(problem) if typed.is_quiet() => {
            let pane = preview::refused(visitor, &problem)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, [(PART, SHOWN)], Html(pane)).into_response())
        }
        Some(problem) => {
            let typed = Typed { form: typed.form.with(drawn::READ, read), ..typed };
            let form = composer(app, visitor, &campaign, typed, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&form)).into_response())
        }
    }
}

/// What is wrong with what was typed, and with a picture that came with it.
fn beside(problem: Problem, picture: Option<Problem>) -> Problem {
    let mut faults = Faults::default();
    faults.add(problem.clone());
    picture.into_iter().for_each(|picture| faults.add(picture));
    faults.hold().err().unwrap_or(problem)
}

/// Where one goes on.
fn after_saving(id: CampaignId, typed: &Typed) -> String {
    match typed.raw("then") {
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
    let campaign = found(&app, &visitor, id).await?;
    let base = format!("/campaigns/{id}");
    let Some(kept) = counting::known(&app, &campaign).await? else {
        let link = format!("<a href=\"{base}\">{}</a>", visitor.shown.say("audience-count"));
        return Ok(Html(format!("<p>{} {link}</p>", visitor.shown.say("count-going"))).into_response());
    };
    let report = Report::of_tally(&kept.counted.tally);
    let drawn = Equation::of(&visitor.shown, &report, &base).first_line().render();
    drawn.map(|html| Html(html).into_response()).map_err(|error| preview::own_failure(&error))
}

/// A picture is sent in from the composer, and with it everything that was typed, which is saved.
pub(super) async fn send_picture(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    parts: Multipart,
) -> Result<Response, Problem> {
    visitor.caller.may(Scope::CampaignsWrite)?;
    found(&app, &visitor, id).await?;
    let (form, sent) = with_picture(&visitor, parts).await?;
    let kept = match sent {
        Ok((name, bytes)) => images::keep(&app, &visitor.caller, name, &bytes).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    let wrong = match kept {
        Ok(()) => None,
        Err(problem) if is_of_picture(&problem) => Some(Problem::field(PICTURE, problem.detail)),
        Err(problem) => return Err(problem),
    };
    if !form.knows("source") {
        // A picture alone changes nothing else.
        let place = format!("/campaigns/{id}/edit#pictures");
        return wrong.map_or_else(|| Ok(Redirect::to(&place).into_response()), Err);
    }
    let mut typed = Typed::read(form);
    typed.seen = preview::meant(&app, &visitor, typed.seen).await?;
    let next = format!("/campaigns/{id}/edit?{}#pictures", typed.seen.query());
    keep(&app, &visitor, id, typed, wrong, &next).await
}

/// Is it about the picture that was sent in?
fn is_of_picture(problem: &Problem) -> bool {
    is_mistake(problem) || matches!(problem.code, Code::TooLarge | Code::UnsupportedMediaType)
}

/// A picture with its name, or why there is none.
type Sent = Result<(String, Bytes), Problem>;

/// A form with a picture in it: what was typed, and the picture. The picture comes last: where that breaks off, everything
/// that was typed is there. Refused: a form that breaks off before.
async fn with_picture(visitor: &Visitor, mut parts: Multipart) -> Result<(forms::Typed, Sent), Problem> {
    let mut pairs = Vec::new();
    let mut sent = Err(Problem::field(PICTURE, visitor.shown.say("picture-none")));
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let field = part.name().unwrap_or_default().to_owned();
        let Some(name) = part.file_name().map(str::to_owned) else {
            let bytes = part.bytes().await.map_err(|_| broken())?;
            pairs.push((field, String::from_utf8_lossy(&bytes).into_owned()));
            continue;
        };
        if field != PICTURE {
            continue;
        }
        match part.bytes().await {
            // Nobody chose one: it has neither name nor content (HTML Living Standard, 4.10.21.8).
            Ok(bytes) if name.is_empty() && bytes.is_empty() => {}
            Ok(bytes) => {
                let name = if name.is_empty() { PICTURE.to_owned() } else { name };
                sent = Ok((name, bytes));
            }
            Err(_) => {
                sent = Err(broken());
                break;
            }
        }
    }
    Ok((forms::Typed::of(pairs), sent))
}

fn broken() -> Problem {
    Problem::new(Code::TooLarge, "the picture broke off, or is longer than 5 MB")
}

/// Writes another campaign like this one.
pub(super) async fn duplicate(
    State(app): State<App>,
    visitor: Visitor,
    At(id): At<CampaignId>,
    form: forms::Typed,
) -> Result<Response, Problem> {
    let campaign = found(&app, &visitor, id).await?;
    let made = idempotency::form(&app, &visitor.caller, form.raw("once"), async {
        for number in 2..COPIES_MAX {
            let copy = Input(api::Copy { name: numbered(&campaign.name, number) });
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
