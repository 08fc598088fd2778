//! Compiling a message: an author's file becomes templates that render one person in microseconds.
//!
//! Everything slow and everything that can go wrong happens here, once per campaign, before anybody is mailed:
//! front matter, merge tags, layout, style inlining, text part, links. Invariants: every mistake is told with its
//! line and column in the author's file; rendering ends within its bounds whatever the values are; nothing outside the
//! file is read.

mod dialect;
mod front_matter;
mod gaps;
mod layout;
mod links;
mod pieces;
mod tags;
#[cfg(test)]
mod tests;
mod text;
mod way_out;

pub use crate::headers::{HeaderError, HeaderFields, HeaderPlan, Mailbox, Tokens, Unsubscribe};
pub use crate::message::{Message, Recipient, assemble, page};
pub use crate::values::Values;
pub use front_matter::without_entries;
pub use links::{LINKS_MAX, Link, LinkOptions};

pub(crate) use dialect::{escaped, shown};

use crate::headers::one_line;
use crate::track::{Counted, TARGET_OCTETS_MAX};
use crate::values::{Person, tag_of_column};
use dialect::Fault;
use minijinja::Environment;
use pieces::{Kind, Pieces};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use tags::{Hidden, Tag};
use way_out::WayOut;

/// The most octets of an author's file.
pub const SOURCE_OCTETS_MAX: usize = 1024 * 1024;
/// The most octets of one person's HTML part, and of their text part.
pub const PART_OCTETS_MAX: usize = 1024 * 1024;
/// The most octets of one person's subject, and of their preheader.
pub const SUBJECT_OCTETS_MAX: usize = 2_000;
/// Gmail shows no more of a message's HTML than this.
const CLIPPED_OCTETS: usize = 102 * 1024;
/// Tags that stand for something Postroom makes.
pub const OUR_TAGS: [&str; 4] = [UNSUBSCRIBE_TAG, VIEW_TAG, PREFERENCES_TAG, "postal_address"];
const UNSUBSCRIBE_TAG: &str = "unsubscribe_url";
pub(crate) const VIEW_TAG: &str = "view_url";
pub(crate) const PREFERENCES_TAG: &str = "preferences_url";

/// What language the author wrote in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// MJML.
    Mjml,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// Nothing but text.
    Text,
}

impl SourceKind {
    /// By file extension without its dot, in any case.
    pub fn from_extension(extension: &str) -> Option<SourceKind> {
        match extension.to_ascii_lowercase().as_str() {
            "mjml" => Some(SourceKind::Mjml),
            "md" | "markdown" => Some(SourceKind::Markdown),
            "html" | "htm" => Some(SourceKind::Html),
            "txt" => Some(SourceKind::Text),
            _ => None,
        }
    }
}

/// What a message is compiled against.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Used when the front matter has none.
    pub subject: Option<String>,
    /// Used in place of every other, the front matter's as well.
    pub only_subject: Option<String>,
    /// The preheader, in place of every other, the front matter's as well.
    pub only_preheader: Option<String>,
    /// Used, with a warning, when nothing else gives a subject (toward loopback: the campaign's name).
    pub fallback_subject: Option<String>,
    /// The audience's columns. [`OUR_TAGS`] are always known.
    pub known_tags: BTreeSet<String>,
    /// Nobody knows yet who will be written to: every tag may be known.
    pub any_tag: bool,
    /// Marketing mail: refuse a message without an unsubscribe place.
    pub needs_unsubscribe: bool,
    /// What is done with the links.
    pub links: LinkOptions,
    /// The text part, where it is written apart from the page.
    pub text: Option<String>,
    /// What mail programs show behind the subject, where the front matter does not say it.
    pub preheader: Option<String>,
    /// Stands before the subject, whatever it is: `[Test] `. No template.
    pub subject_prefix: &'static str,
}

/// A place in the author's file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, front matter included; 0 when the text did not come from the file but was given as the subject.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    fn of(source: &str, offset: usize) -> Place {
        let before = source.get(..offset).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { line, column }
    }

    fn in_given_subject(mut self) -> Place {
        self.line = 0;
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "the given subject, column {}", self.column),
            line => write!(f, "line {line}, column {}", self.column),
        }
    }
}

/// A piece of a text. The offsets used here all come from searching that text, so they always fall between
/// characters; were one wrong, the piece would be empty rather than the program over.
fn span<I: std::slice::SliceIndex<str, Output = str>>(text: &str, range: I) -> &str {
    text.get(range).unwrap_or_default()
}

/// Why a message cannot be sent as written. Each text says where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The front matter cannot be read.
    #[error("{place}: {what}")]
    FrontMatter {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// A merge tag is written wrongly.
    #[error("{place}: {what}")]
    Template {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// Something is wrong in a part that was given apart from the file.
    #[error("in the {part}: {error}")]
    Given {
        /// Which part.
        part: &'static str,
        /// What is wrong, with its line and column in that part.
        error: Box<ComposeError>,
    },
    /// A tag that the audience has no column for.
    #[error("{place}: the audience has no column {tag:?}{}", in_words(nearest, known))]
    UnknownTag {
        /// Where it is used first.
        place: Place,
        /// What the author wrote.
        tag: String,
        /// What they may have meant, nearest first.
        nearest: Vec<String>,
        /// All there is.
        known: Vec<String>,
    },
    /// The layout moved or dropped a tag, so that the parts no longer fit together.
    #[error(
        "{place}: {what}; put {{% if %}} and {{% for %}} around whole elements (in MJML: inside mj-text or mj-raw)"
    )]
    Layout {
        /// Where the tag stands.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// The MJML cannot be read.
    #[error("{place}: {what}")]
    Mjml {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// The styles cannot be inlined, or the page cannot be read.
    #[error("the page cannot be prepared: {what}")]
    Style {
        /// What the library said.
        what: String,
    },
    /// No subject anywhere.
    #[error(
        "the message has no subject: give it one, or begin its text with the lines `---`, `subject: …`, `---`, or put a \
         <title> (in MJML: <mj-title>) into its head"
    )]
    NoSubject,
    /// Nothing to unsubscribe with.
    #[error(
        "the message has no unsubscribe place that everybody sees: add a link such as \
         <a href=\"{{{{ unsubscribe_url }}}}\">Unsubscribe</a> (in Markdown: [Unsubscribe]({{{{ unsubscribe_url }}}})); \
         a comment, a hidden element or a link without a text is none"
    )]
    NoUnsubscribe,
    /// Nothing in it.
    #[error("the message is empty")]
    Empty,
    /// More than [`SOURCE_OCTETS_MAX`].
    #[error("the message file has {octets} octets; at most {SOURCE_OCTETS_MAX} are read")]
    TooLarge {
        /// What it has.
        octets: usize,
    },
}

fn in_words(nearest: &[String], known: &[String]) -> String {
    match (nearest, known) {
        ([], []) => String::new(),
        ([], known) => format!("; there is: {}", known.join(", ")),
        (nearest, _) => format!("; did you mean {}?", nearest.join(" or ")),
    }
}

/// Why one person's message cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A tag failed on this person's values.
    #[error("the {part} cannot be made for this person: {what}")]
    Template {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Loops that go on and on.
    #[error("the {part} takes too many steps: a loop in the message runs too often")]
    TooMuchWork {
        /// Which part.
        part: &'static str,
    },
    /// More than its bound came out.
    #[error("the {part} would have more than {max} octets")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// The bound.
        max: usize,
    },
    /// Nothing in this person's copy to unsubscribe with.
    #[error(
        "nothing in this person's copy would be there to unsubscribe with: the link stands under a condition that does not \
         hold for them"
    )]
    NoWayOut,
}

/// A message compiled once per campaign. Cheap to share, never changed.
#[derive(Debug)]
pub struct Compiled {
    env: Environment<'static>,
    html: Pieces,
    text: Pieces,
    subject_pieces: Pieces,
    subject: String,
    has_preheader: bool,
    is_text_only: bool,
    from_name: Option<String>,
    tags: BTreeSet<String>,
    /// Tags that leave a gap somewhere, where they are empty.
    bare_tags: BTreeSet<String>,
    links: Vec<String>,
    numbered: Vec<Link>,
    targets: Vec<(u16, Pieces)>,
    link_options: LinkOptions,
    warnings: Vec<String>,
    /// Is each copy looked through for its way out?
    judges_way_out: bool,
}

/// One person's message before it becomes MIME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Subject, one line.
    pub subject: String,
    /// Preheader, if the message has one.
    pub preheader: Option<String>,
    /// HTML part.
    pub html: String,
    /// Text part.
    pub text: String,
    /// Tags without a fallback that came out empty.
    pub empty_tags: Vec<String>,
}

/// Compiles a message: all that is wrong with it is said here.
pub fn compile(source: &str, kind: SourceKind, options: &CompileOptions) -> Result<Compiled, ComposeError> {
    if source.len() > SOURCE_OCTETS_MAX {
        return Err(ComposeError::TooLarge { octets: source.len() });
    }
    let front = front_matter::read(source)?;
    if span(source, front.body_at..).trim().is_empty() {
        return Err(ComposeError::Empty);
    }
    let mut draft = Draft { source, options, tags: BTreeSet::new(), bare_tags: BTreeSet::new(), warnings: Vec::new() };
    let body_tags = draft.read_piece(front.body_at, source.len())?;
    // The preheader: what it is written in, where, and its tags.
    let preheader = match (&options.only_preheader, &front.preheader, &options.preheader) {
        (None, Some(range), _) => Some((source, range.clone(), draft.read_piece(range.start, range.end)?)),
        (Some(given), ..) | (None, None, Some(given)) => {
            Some((given.as_str(), 0..given.len(), draft.read_given("preheader", given)?))
        }
        (None, None, None) => None,
    };
    if let Some(given) = &options.text {
        draft.read_given("text part", given)?;
    }
    if let Some(range) = &front.subject {
        draft.read_piece(range.start, range.end)?;
    }

    let hidden = tags::hide(source, front.body_at, &body_tags, kind == SourceKind::Markdown);
    let page = layout::page(source, &hidden, kind)?;
    let is_text_only = kind == SourceKind::Text;
    let judges_way_out =
        draft.check_unsubscribe(&page, &hidden, is_text_only.then(|| span(source, front.body_at..)))?;
    let link_options = &options.links;
    let (counted_page, numbered) = match link_options.is_needed() {
        true => links::number(&page, &hidden, link_options, &|name| draft.is_known(name))?,
        false => (page.clone(), Vec::new()),
    };
    let is_counted_in_text = link_options.in_text || !link_options.count;
    let text = text::from_page(if is_counted_in_text { &counted_page } else { &page }, &hidden)?;
    let (_, found) = layout::survey(&page, None)?;
    let (page, _) = layout::survey(&counted_page, preheader.as_ref().map(|_| PREHEADER_MARK))?;
    let page = if link_options.count { links::with_ending(&page)? } else { page };
    let given = front.subject.map(|range| span(source, range).to_owned());
    let subject = format!("{}{}", options.subject_prefix, draft.subject(given, &hidden.restore(&found.title).0)?);

    let (html, html_places) = hidden.restore(&page);
    let html = links::put_tags(&html, &numbered);
    let html = match &preheader {
        Some((text, range, tags)) => html.replacen(PREHEADER_MARK, &escaped_piece(text, range.clone(), tags), 1),
        None => html,
    };
    let (text, text_places) = hidden.restore(&text);
    let text = links::put_tags(&text, &numbered);
    // Text that is written as such stays as it is.
    let (text, text_places) = match (kind, &options.text) {
        (SourceKind::Text, _) => (span(source, front.body_at..).to_owned(), Vec::new()),
        (_, Some(given)) => (draft.with_way_out(given), Vec::new()),
        (_, None) => (text, text_places),
    };
    draft.warn_of(&hidden, &page, &found, &html);
    draft.warn_of_turned(&[
        ("the subject", Some(subject.as_str())),
        ("the preheader", preheader.as_ref().map(|(text, range, _)| span(text, range.clone()))),
        ("the sender's name", front.from_name.clone().map(|range| span(source, range))),
        ("the message", Some(html.as_str())),
        ("the text part", options.text.as_deref()),
    ]);
    let links: Vec<String> = found.links.iter().map(|href| hidden.restore(href).0).collect();
    if link_options.count {
        draft.warn_of_uncounted(&links, &numbered);
    }

    let mut env = dialect::environment();
    let html = draft.add_part(&mut env, HTML, Kind::Html, html, &html_places)?;
    let text = draft.add_part(&mut env, TEXT, Kind::Text, text, &text_places)?;
    let subject_pieces = draft.add_part(&mut env, SUBJECT, Kind::Text, subject.clone(), &[])?;
    let preheader_text = preheader.map(|(text, range, _)| span(text, range).to_owned());
    let has_preheader = preheader_text.is_some();
    draft.add_part(&mut env, PREHEADER, Kind::Text, preheader_text.unwrap_or_default(), &[])?;
    let targets = links::targets(&mut env, &numbered).map_err(|e| draft.of_link(&e))?;
    let Draft { tags, bare_tags, warnings, .. } = draft;
    let from_name = front.from_name.map(|range| one_line(span(source, range), SUBJECT_OCTETS_MAX));
    Ok(Compiled {
        env,
        html,
        text,
        subject_pieces,
        subject,
        has_preheader,
        is_text_only,
        from_name,
        tags,
        bare_tags,
        links,
        numbered,
        targets,
        link_options: options.links.clone(),
        warnings,
        judges_way_out,
    })
}

/// Does a column answer to a tag? Case and what a tag cannot hold make no difference; our own tags are written as they are.
pub fn answers(column: &str, tag: &str) -> bool {
    column == tag || !OUR_TAGS.contains(&column) && tag_of_column(column) == tag_of_column(tag)
}

/// Signs that turn the direction of the letters behind them, whatever these are (LRO and RLO; Unicode Standard Annex 9).
const TURNING: [char; 2] = ['\u{202D}', '\u{202E}'];

/// What its author should look at where a part of a message turns letters around: `exe.txt` may stand there as `txt.exe`.
pub fn turned(part: &str, text: &str) -> Option<String> {
    let says = || {
        format!(
            "{part} has a sign that turns letters around (U+202D or U+202E), so that it reads otherwise than it is written: \
             take it out"
        )
    };
    text.contains(TURNING).then(says)
}

/// Names of the templates; the ending decides about escaping.
const HTML: &str = "page.html";
const TEXT: &str = "text";
const SUBJECT: &str = "subject";
const PREHEADER: &str = "preheader";
/// Stands for the preheader while the page is surveyed.
const PREHEADER_MARK: &str = "preheader\u{E003}goes\u{E003}here";

/// What is known of a message while it is being compiled.
struct Draft<'a> {
    source: &'a str,
    options: &'a CompileOptions,
    tags: BTreeSet<String>,
    bare_tags: BTreeSet<String>,
    warnings: Vec<String>,
}

impl Draft<'_> {
    /// Reads one piece of the file as a template of its own, so that mistakes are found where the author made them.
    fn read_piece(&mut self, start: usize, end: usize) -> Result<Vec<Tag>, ComposeError> {
        let piece = span(self.source, ..end);
        let found = tags::scan(piece, start)?;
        self.read_tags(piece, start, &found)?;
        Ok(found)
    }

    fn read_tags(&mut self, piece: &str, start: usize, found: &[Tag]) -> Result<(), ComposeError> {
        tags::check(piece, found)?;
        let text = without_css_braces(span(piece, start..), start, found);
        let mut env = dialect::environment();
        env.add_template_owned(TEXT, text).map_err(|e| {
            let at = e.range().map_or(start, |range| start + range.start);
            ComposeError::Template { place: Place::of(piece, at), what: dialect::in_words(&e) }
        })?;
        let used = env.get_template(TEXT).map(|t| t.undeclared_variables(false)).unwrap_or_default();
        let used: BTreeSet<String> = used.into_iter().filter(|n| !dialect::FUNCTIONS.contains(&n.as_str())).collect();
        for name in &used {
            if !self.is_known(name) {
                return Err(self.unknown_tag(piece, found, name));
            }
        }
        let bare = gaps::gaps(&env, piece, found).into_iter().filter(|name| used.contains(*name));
        self.bare_tags.extend(bare.map(str::to_owned));
        self.tags.extend(used);
        Ok(())
    }

    fn is_known(&self, name: &str) -> bool {
        self.options.any_tag
            || OUR_TAGS.contains(&name)
            || self.options.known_tags.contains(name)
            || self.options.known_tags.iter().any(|column| answers(column, name))
    }

    fn unknown_tag(&self, piece: &str, found: &[Tag], name: &str) -> ComposeError {
        let place = Place::of(piece, tags::find_name(piece, found, name).unwrap_or(0));
        let columns = self.options.known_tags.iter().map(|column| tag_of_column(column));
        let known: BTreeSet<String> = columns.chain(OUR_TAGS.map(str::to_owned)).collect();
        let nearest = model::nearest(name, known.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
        ComposeError::UnknownTag { place, tag: name.to_owned(), nearest, known: known.into_iter().collect() }
    }

    /// Front matter, else the option, else the title, else the fallback with a warning.
    fn subject(&mut self, given: Option<String>, title: &str) -> Result<String, ComposeError> {
        if let Some(subject) = self.options.only_subject.clone().filter(|s| !s.trim().is_empty()) {
            self.read_given_subject(&subject)?;
            return Ok(subject);
        }
        if let Some(subject) = given.filter(|s| !s.trim().is_empty()) {
            return Ok(subject);
        }
        if let Some(subject) = self.options.subject.clone().filter(|s| !s.trim().is_empty()) {
            self.read_given_subject(&subject)?;
            return Ok(subject);
        }
        if !title.trim().is_empty() {
            return Ok(title.trim().to_owned());
        }
        let fallback = self.options.fallback_subject.as_deref().filter(|s| !s.trim().is_empty());
        let fallback = fallback.ok_or(ComposeError::NoSubject)?;
        self.warnings.push(format!("the message has no subject; {fallback:?} is used, which real mail would refuse"));
        // A campaign's name is no template: braces in it are braces.
        Ok(tags::hide(fallback, 0, &[], false).restore(fallback).0)
    }

    fn read_given_subject(&mut self, subject: &str) -> Result<(), ComposeError> {
        let read = tags::scan(subject, 0).and_then(|found| self.read_tags(subject, 0, &found));
        read.map_err(|error| match error {
            ComposeError::Template { place, what } => ComposeError::Template { place: place.in_given_subject(), what },
            ComposeError::UnknownTag { place, tag, nearest, known } => {
                ComposeError::UnknownTag { place: place.in_given_subject(), tag, nearest, known }
            }
            other => other,
        })
    }

    /// Reads what was given apart from the file; mistakes are told with the name of the part.
    fn read_given(&mut self, part: &'static str, text: &str) -> Result<Vec<Tag>, ComposeError> {
        if text.len() > SOURCE_OCTETS_MAX {
            return Err(ComposeError::TooLarge { octets: text.len() });
        }
        let found = tags::scan(text, 0).and_then(|found| self.read_tags(text, 0, &found).map(|()| found));
        found.map_err(|error| ComposeError::Given { part, error: Box::new(error) })
    }

    /// Refuses a mailing without a way out of it; `true`: whether there is one depends on the person. `text`: there is no
    /// page, only this.
    fn check_unsubscribe(&mut self, page: &str, hidden: &Hidden, text: Option<&str>) -> Result<bool, ComposeError> {
        if !self.options.needs_unsubscribe {
            return Ok(false);
        }
        match text.map_or_else(|| way_out::of_page(page, hidden), |text| Ok(way_out::of_text(text)))? {
            WayOut::Always => Ok(false),
            WayOut::Sometimes => Ok(true),
            WayOut::Own => {
                let says = "the message has its own unsubscribe link; who uses it is not known here: better \
                    {{ unsubscribe_url }}";
                self.warnings.push(says.to_owned());
                Ok(false)
            }
            WayOut::Never => Err(ComposeError::NoUnsubscribe),
        }
    }

    /// A text part that was written apart from the page, with the address at its end if it has none for everybody.
    fn with_way_out(&mut self, text: &str) -> String {
        if !self.options.needs_unsubscribe || way_out::of_text(text) == WayOut::Always {
            return text.to_owned();
        }
        self.tags.insert(UNSUBSCRIBE_TAG.to_owned());
        format!("{}\n\n{{{{ {UNSUBSCRIBE_TAG} }}}}\n", text.trim_end())
    }

    fn warn_of(&mut self, hidden: &Hidden, page: &str, found: &layout::Findings, html: &str) {
        self.warnings.extend(found.warnings.iter().cloned());
        for (tag, at) in hidden.lost_from(page) {
            self.warnings.push(format!("{}: {tag} is not shown anywhere by the layout", Place::of(self.source, at)));
        }
        if html.len() > CLIPPED_OCTETS {
            self.warnings.push(format!("the HTML has {} kB: Gmail cuts messages off at 102 kB", html.len() / 1024));
        }
    }

    /// Says which parts are read otherwise than they are written.
    fn warn_of_turned(&mut self, parts: &[(&str, Option<&str>)]) {
        self.warnings.extend(parts.iter().filter_map(|(part, text)| turned(part, (*text)?)));
    }

    fn of_link(&self, error: &minijinja::Error) -> ComposeError {
        ComposeError::Layout { place: Place::of(self.source, 0), what: format!("a link: {}", dialect::in_words(error)) }
    }

    /// Adds a template that the layout has been over, and cuts it; `places` says where its tags come from.
    fn add_part(
        &self,
        env: &mut Environment<'static>,
        name: &'static str,
        kind: Kind,
        text: String,
        places: &[(usize, usize)],
    ) -> Result<Pieces, ComposeError> {
        let moved = |e: minijinja::Error| {
            let at = e.range().map_or(0, |range| range.start);
            let tag = places.iter().find(|(end, _)| *end > at).or(places.last());
            let place = Place::of(self.source, tag.map_or(0, |(_, source)| *source));
            ComposeError::Layout { place, what: format!("the layout moves this tag ({})", dialect::in_words(&e)) }
        };
        env.add_template_owned(name, text.clone()).map_err(moved)?;
        Pieces::cut(env, name, kind, &text).map_err(moved)
    }
}

/// The piece with `{#` that is CSS made harmless, octet for octet.
fn without_css_braces(piece: &str, start: usize, found: &[Tag]) -> String {
    let mut text = String::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((before, after)) = rest.split_once("{#") {
        let at = start + text.len() + before.len();
        let tag = found.partition_point(|tag| tag.range.end <= at);
        let is_in_tag = found.get(tag).is_some_and(|tag| tag.range.contains(&at));
        text.extend([before, if is_in_tag { "{#" } else { "{ " }]);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A piece of the file as HTML: what is no tag escaped, tags as they are.
fn escaped_piece(source: &str, range: std::ops::Range<usize>, found: &[Tag]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    for tag in found {
        out.push_str(&layout::escape(span(source, at..tag.range.start)));
        out.push_str(span(source, tag.range.clone()));
        at = tag.range.end;
    }
    out.push_str(&layout::escape(span(source, at..range.end)));
    out
}

impl Compiled {
    /// The subject, with its tags.
    pub fn subject_template(&self) -> &str {
        &self.subject
    }

    /// Does it depend on the person whether there is something to unsubscribe with? Then a copy without is refused.
    pub fn judges_way_out(&self) -> bool {
        self.judges_way_out
    }

    /// Is there no page, only text?
    pub(crate) fn is_text_only(&self) -> bool {
        self.is_text_only
    }

    /// The From name of the front matter (`from_name: …`).
    pub fn from_name(&self) -> Option<&str> {
        self.from_name.as_deref()
    }

    /// The tags the message uses, [`OUR_TAGS`] among them.
    pub fn tags(&self) -> &BTreeSet<String> {
        &self.tags
    }

    /// The tags that stand somewhere without a fallback: a gap, for whoever has no value.
    pub fn bare_tags(&self) -> &BTreeSet<String> {
        &self.bare_tags
    }

    /// The targets of the message's links, in order, with their tags.
    pub fn links(&self) -> &[String] {
        &self.links
    }

    /// The links that have numbers: those that are counted, or that parameters were added to.
    pub fn numbered_links(&self) -> &[Link] {
        &self.numbered
    }

    /// What the author should look at before sending.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Renders one person. [`OUR_TAGS`] are taken from `values` as well.
    /// What is counted leads nowhere: compile without, where somebody is to read it.
    pub fn render(&self, values: &Values) -> Result<Rendered, RenderError> {
        let mut person = Person::new(values, []);
        self.address(&mut person, None)?;
        let part = |name, max| {
            dialect::render(&self.env, name, person.scope(), max)
                .map(|(text, _)| text)
                .map_err(|fault| in_part(fault, if name == HTML { HTML_PART } else { name }, max))
        };
        let preheader = part(PREHEADER, SUBJECT_OCTETS_MAX)?;
        let (html, text) = (part(HTML, PART_OCTETS_MAX)?, text::close_up(&part(TEXT, PART_OCTETS_MAX)?));
        // Without an address of theirs there is nothing to be looked for.
        if let Some(url) = person.shown(UNSUBSCRIBE_TAG, false) {
            self.require_way_out(if self.is_text_only { &text } else { &html }, &url)?;
        }
        Ok(Rendered {
            subject: one_line(&part(SUBJECT, SUBJECT_OCTETS_MAX)?, usize::MAX),
            preheader: self.has_preheader.then(|| one_line(&preheader, SUBJECT_OCTETS_MAX)),
            html,
            text,
            empty_tags: self.empty_tags(&person),
        })
    }

    /// Adds what our own tags stand for in this person's copy; `counted`: where what they do is counted.
    pub(crate) fn address(&self, person: &mut Person<'_>, counted: Option<&Counted<'_>>) -> Result<(), RenderError> {
        for (number, target) in &self.targets {
            let target = target.plain(&self.env, person, TARGET_OCTETS_MAX);
            let target = target.map_err(|fault| in_part(fault, "link", TARGET_OCTETS_MAX))?;
            let target = match crate::track::is_web(&target) {
                true => crate::track::with_parameters(&target, &self.link_options.parameters),
                false => Cow::Borrowed(target.as_str()),
            };
            let address = counted.map_or_else(|| target.clone().into_owned(), |counted| counted.to(*number, &target));
            person.add(Cow::Owned(links::target_tag(*number)), address);
        }
        if let Some(counted) = counted {
            person.add(Cow::Borrowed(links::CLICKS), counted.clicks.clone());
            person.add(Cow::Borrowed(links::OPEN), counted.open.clone());
        }
        Ok(())
    }

    /// One person's HTML part, as it is.
    pub(crate) fn html(&self, person: &Person<'_>) -> Result<String, RenderError> {
        self.html.plain(&self.env, person, PART_OCTETS_MAX).map_err(|fault| in_part(fault, HTML_PART, PART_OCTETS_MAX))
    }

    /// One person's subject, one line.
    pub(crate) fn subject(&self, person: &Person<'_>) -> Result<String, RenderError> {
        let subject = self.subject_pieces.plain(&self.env, person, SUBJECT_OCTETS_MAX);
        Ok(one_line(&subject.map_err(|fault| in_part(fault, SUBJECT, SUBJECT_OCTETS_MAX))?, usize::MAX))
    }

    /// Appends one person's text part as quoted-printable.
    pub(crate) fn write_text(&self, person: &Person<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let fault = |fault| in_part(fault, TEXT, PART_OCTETS_MAX);
        if self.judges_way_out && self.is_text_only {
            let text = self.text.plain(&self.env, person, PART_OCTETS_MAX).map_err(fault)?;
            self.require_way_out(&text, &person.shown(UNSUBSCRIBE_TAG, false).unwrap_or_default())?;
        }
        self.text.write(&self.env, person, out).map_err(fault)
    }

    /// Appends one person's HTML part as quoted-printable.
    pub(crate) fn write_html(&self, person: &Person<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        if self.judges_way_out {
            self.require_way_out(&self.html(person)?, &person.shown(UNSUBSCRIBE_TAG, false).unwrap_or_default())?;
        }
        self.html.write(&self.env, person, out).map_err(|fault| in_part(fault, HTML_PART, PART_OCTETS_MAX))
    }

    /// Refuses a copy in which nothing leads to `url`, where that was not clear before.
    fn require_way_out(&self, part: &str, url: &str) -> Result<(), RenderError> {
        let is_there =
            || !url.is_empty() && if self.is_text_only { part.contains(url) } else { way_out::leads_to(part, url) };
        match self.judges_way_out && !is_there() {
            true => Err(RenderError::NoWayOut),
            false => Ok(()),
        }
    }

    /// Octets that both parts have for everybody, about.
    pub(crate) fn fixed_octets(&self) -> usize {
        self.html.fixed_octets() + self.text.fixed_octets()
    }

    /// Tags without a fallback that come out empty.
    pub(crate) fn empty_tags(&self, person: &Person<'_>) -> Vec<String> {
        self.bare_tags.iter().filter(|tag| person.is_empty_for(tag)).cloned().collect()
    }
}

/// What a reader calls the template [`HTML`].
const HTML_PART: &str = "HTML part";

fn in_part(fault: Fault, part: &'static str, max: usize) -> RenderError {
    match fault {
        Fault::TooLarge => RenderError::TooLarge { part, max },
        Fault::TooMuchWork => RenderError::TooMuchWork { part },
        Fault::Engine(error) => RenderError::Template { part, what: dialect::in_words(&error) },
    }
}
