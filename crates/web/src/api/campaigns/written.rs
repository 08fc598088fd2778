//! What a campaign is to be, as its author writes it: the message, whom it is for, what is counted.

use super::super::messages::house_options;
use super::super::templates;
use super::compared::Compared;
use crate::extract::{self, one_line};
use crate::problem::{Faults, Problem};
use crate::shape::Time;
use crate::{App, Caller};
use dispatch::windows::Windows;
use engine::drafts::Proposal;
use engine::launch::{self, MessageFile, Parts};
use engine::options::{SendOptions, Timing, Tracking, TrackingMode};
use model::{ImportId, ListId, MailDomain, SegmentId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::list::NAME_BYTES_MAX;
use store::{Audience, Whom};
use utoipa::ToSchema;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// The longest source of a message, in octets.
const SOURCE_BYTES_MAX: usize = 900 * 1024;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// MJML.
    Mjml,
    /// Markdown, with front matter.
    Markdown,
    /// HTML.
    Html,
    /// Text alone.
    Text,
}

impl Format {
    /// Every way, with its word.
    const WORDS: [(Format, &str); 4] =
        [(Format::Html, "html"), (Format::Markdown, "markdown"), (Format::Mjml, "mjml"), (Format::Text, "text")];

    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        Format::WORDS.iter().find(|(known, _)| *known == self).map_or("html", |(_, word)| word)
    }

    /// The way of a word.
    pub(crate) fn from_word(word: &str) -> Option<Format> {
        Format::WORDS.iter().find(|(_, known)| *known == word).map(|(format, _)| *format)
    }
}

/// A message as its author wrote it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// How it is written.
    pub(crate) format: Format,
    /// Its source, with merge tags as `{{ first_name }}`.
    pub(crate) source: String,
    /// The text part; without, it is made from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// What mail programs show behind the subject, if the source does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) preheader: Option<String>,
}

/// Whom a campaign is for. A group is `everyone`, or the id of an import (`i_…`), a list (`l_…`) or a segment (`g_…`).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Groups {
    /// Taken in, in this order: at least one, but for the standing campaigns of single messages, which have no audience.
    #[schema(max_items = 100)]
    pub(crate) include: Vec<String>,
    /// Left out; whoever is in one of these is skipped as `excluded`.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub(crate) exclude: Vec<String>,
}

/// What a campaign is to be. Changed as a whole.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// Its name; unique in the workspace.
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// Who it is from: an address, or `Name <address>`.
    pub(crate) from: String,
    /// The subject, if the message does not say it itself.
    #[serde(default)]
    pub(crate) subject: Option<String>,
    /// The message.
    #[serde(default)]
    pub(crate) message: Option<Message>,
    /// A template (`t_…`) in place of the message: it is copied, and later versions of it change nothing here.
    #[serde(default)]
    pub(crate) template: Option<String>,
    /// Where answers go, when not to `from`.
    #[serde(default)]
    pub(crate) reply_to: Option<String>,
    /// Whom it is for.
    pub(crate) audience: Groups,
    /// What it is about: whoever declined that is skipped (`topic_declined`). Left out, it is what all the lists it goes to are
    /// about, if it goes to lists alone and they have one and the same topic.
    #[serde(default)]
    pub(crate) topic: Option<String>,
    /// The domain bounces return to; left out, it is that of `from`, and follows it.
    #[serde(default)]
    pub(crate) return_path: Option<String>,
    /// The hours in which it is sent, by the recipient's clock where it is known: `Mon-Fri 09:00-17:00 Europe/Berlin`.
    #[serde(default)]
    pub(crate) windows: Option<String>,
    /// Whoever was not reached by then is skipped as stale.
    #[serde(default)]
    pub(crate) expires_at: Option<Time>,
    /// Its share among the campaigns of the workspace; 100 is usual.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10000)]
    pub(crate) weight: Option<u32>,
    /// What is done by itself for people of whom nobody knows whether they got it, because the server's last reply was lost.
    #[serde(default)]
    pub(crate) in_doubt: InDoubt,
    /// Only where every server on the way keeps it encrypted (RFC 8689).
    #[serde(default)]
    pub(crate) require_tls: bool,
    /// Whether opens and clicks are counted; left out: they are not.
    #[serde(default)]
    pub(crate) tracking: Counting,
    /// What is compared with the message, on a sample of the audience first.
    #[serde(default)]
    pub(crate) compare: Option<Compared>,
}

/// What is done by itself for people of whom nobody knows whether they got it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InDoubt {
    /// Nothing: they are listed.
    #[default]
    Leave,
    /// After 24 hours without a sign that it arrived they are sent to once more; who got the first copy gets a second.
    OnceMore,
}

impl InDoubt {
    /// Both, with their words.
    const WORDS: [(InDoubt, &'static str); 2] = [(InDoubt::Leave, "leave"), (InDoubt::OnceMore, "once_more")];

    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        InDoubt::WORDS.iter().find(|(known, _)| *known == self).map_or("leave", |(_, word)| word)
    }

    /// What a word says.
    pub(crate) fn from_word(word: &str) -> Option<InDoubt> {
        InDoubt::WORDS.iter().find(|(_, known)| *known == word).map(|(which, _)| *which)
    }
}

impl From<engine::options::InDoubt> for InDoubt {
    fn from(chosen: engine::options::InDoubt) -> InDoubt {
        match chosen {
            engine::options::InDoubt::Leave => InDoubt::Leave,
            engine::options::InDoubt::OnceMore => InDoubt::OnceMore,
        }
    }
}

impl From<InDoubt> for engine::options::InDoubt {
    fn from(chosen: InDoubt) -> engine::options::InDoubt {
        match chosen {
            InDoubt::Leave => engine::options::InDoubt::Leave,
            InDoubt::OnceMore => engine::options::InDoubt::OnceMore,
        }
    }
}

/// Whether opens and clicks are counted, and what is added to links.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Counting {
    /// Whether, and of whom.
    pub(crate) mode: Mode,
    /// Are the links of the text part counted as well?
    pub(crate) text_links: bool,
    /// Added to every link where the author wrote no such parameter: `utm_source` and its like.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Whose opens and clicks are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Nobody's.
    #[default]
    Off,
    /// The campaign's; nobody can tell whose they are.
    Anonymous,
    /// Each recipient's.
    Full,
}

impl Mode {
    const WORDS: [(Mode, &str); 3] = [(Mode::Off, "off"), (Mode::Anonymous, "anonymous"), (Mode::Full, "full")];

    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        Mode::WORDS.iter().find(|(known, _)| *known == self).map_or("off", |(_, word)| word)
    }

    /// The way of a word.
    pub(crate) fn from_word(word: &str) -> Option<Mode> {
        Mode::WORDS.iter().find(|(_, known)| *known == word).map(|(mode, _)| *mode)
    }
}

impl From<Mode> for TrackingMode {
    fn from(mode: Mode) -> TrackingMode {
        match mode {
            Mode::Off => TrackingMode::Off,
            Mode::Anonymous => TrackingMode::Anonymous,
            Mode::Full => TrackingMode::Full,
        }
    }
}

impl From<Counting> for Tracking {
    fn from(counting: Counting) -> Tracking {
        let mode = counting.mode.into();
        let parameters = counting.parameters.into_iter().collect();
        Tracking { mode, url: None, text_links: counting.text_links, parameters }
    }
}

impl From<Tracking> for Counting {
    fn from(tracking: Tracking) -> Counting {
        let mode = match tracking.mode {
            TrackingMode::Off => Mode::Off,
            TrackingMode::Anonymous => Mode::Anonymous,
            TrackingMode::Full => Mode::Full,
        };
        let parameters = tracking.parameters.into_iter().collect();
        Counting { mode, text_links: tracking.text_links, parameters }
    }
}

impl Message {
    /// As the ledger keeps it: a file whose name tells how it is written.
    pub(crate) fn into_file(self) -> Result<MessageFile, Problem> {
        if self.source.len() > SOURCE_BYTES_MAX {
            let text = format!("a message has at most {} kB", SOURCE_BYTES_MAX / 1024);
            return Err(Problem::field("message.source", text));
        }
        let extension = match self.format {
            Format::Mjml => "mjml",
            Format::Markdown => "md",
            Format::Html => "html",
            Format::Text => "txt",
        };
        let parts = Parts { text: self.text, preheader: self.preheader, reply_to: None };
        Ok(MessageFile { parts, ..MessageFile::new(format!("message.{extension}"), self.source) })
    }

    pub(crate) fn from_file(file: MessageFile) -> Message {
        let format = match file.name.rsplit('.').next() {
            Some("mjml") => Format::Mjml,
            Some("html" | "htm") => Format::Html,
            Some("txt") => Format::Text,
            _ => Format::Markdown,
        };
        Message { format, source: file.source, text: file.parts.text, preheader: file.parts.preheader }
    }
}

impl Groups {
    fn read(&self) -> Result<Audience, Problem> {
        let read = |field: &str, groups: &[String]| -> Result<Vec<Whom>, Problem> {
            groups.iter().map(|text| read_group(text).ok_or_else(|| no_group(field, text))).collect()
        };
        let audience = Audience {
            include: read("audience.include", &self.include)?,
            exclude: read("audience.exclude", &self.exclude)?,
        };
        if audience.include.is_empty() {
            return Err(Problem::field("audience.include", "name at least one group"));
        }
        Ok(audience)
    }

    pub(crate) fn of(audience: &Audience) -> Groups {
        let words = |groups: &[Whom]| groups.iter().map(group_word).collect();
        Groups { include: words(&audience.include), exclude: words(&audience.exclude) }
    }
}

fn read_group(text: &str) -> Option<Whom> {
    if text == "everyone" {
        return Some(Whom::Everyone);
    }
    let import = text.parse::<ImportId>().ok().map(Whom::Import);
    let list = || text.parse::<ListId>().ok().map(Whom::List);
    import.or_else(list).or_else(|| text.parse::<SegmentId>().ok().map(Whom::Segment))
}

fn group_word(whom: &Whom) -> String {
    match whom {
        Whom::Everyone => "everyone".to_owned(),
        Whom::Import(id) => id.to_string(),
        Whom::List(id) => id.to_string(),
        Whom::Segment(id) => id.to_string(),
    }
}

fn no_group(field: &str, text: &str) -> Problem {
    let says = format!("{text:?} is no group: everyone, or the id of an import (i_…), a list (l_…) or a segment (g_…)");
    Problem::field(field, says)
}

impl Written {
    /// What was written, to be changed.
    pub(crate) fn of(chosen: Proposal) -> Written {
        let Proposal { name, file, options, audience, trial } = chosen;
        let return_path = chosen_return_path(&options);
        let timing = options.timing;
        Written {
            name,
            from: options.from,
            subject: options.subject,
            reply_to: file.parts.reply_to.clone(),
            message: Some(Message::from_file(file)),
            template: None,
            audience: Groups::of(&audience),
            return_path,
            topic: options.topic,
            windows: timing.windows,
            expires_at: timing.expires_at.map(Time),
            weight: timing.weight,
            in_doubt: timing.in_doubt.into(),
            require_tls: options.require_tls,
            tracking: options.tracking.into(),
            compare: trial.map(Compared::of),
        }
    }

    pub(crate) async fn into_proposal(self, app: &App, caller: &Caller) -> Result<Proposal, Problem> {
        let mut faults = Faults::default();
        let name = faults.take(check_name(&self.name));
        let file = match (self.message, &self.template) {
            (Some(message), None) => message.into_file().map(|file| (file, None)),
            (None, Some(text)) => {
                let parts = templates::parts(app, caller, extract::id("template", text)?, None).await?;
                let subject = parts.subject.clone();
                parts.into_file().map(|file| (file, subject))
            }
            (Some(_), Some(_)) => Err(Problem::field("template", "give a message or a template, not both")),
            (None, None) => Err(Problem::field("message", "give a message or a template")),
        };
        let file = faults.take(file);
        let mailbox = |text: &str, field: &str| {
            launch::parse_mailbox(text).map_err(|error| Problem::field(field, error.to_string()))
        };
        let from = faults.take(mailbox(&self.from, "from"));
        faults.take(self.reply_to.as_deref().map(|text| mailbox(text, "reply_to")).transpose());
        let return_path = self.return_path.as_deref().map(|text| {
            let wrong = |error| Problem::field("return_path", format!("{text:?} is not a domain: {error}"));
            MailDomain::parse(text).map_err(wrong)
        });
        let return_path = faults.take(return_path.transpose());
        faults.take(self.topic.as_deref().map_or(Ok(()), |topic| extract::name("topic", topic, NAME_BYTES_MAX)));
        let audience = faults.take(self.audience.read());
        let hours = self.windows.as_deref().map(Windows::parse).transpose();
        faults.take(hours.map_err(|error| Problem::field("windows", error.to_string())));
        let trial = faults.take(self.compare.map(|compared| compared.read(&self.tracking)).transpose());
        let (Some(name), Some((mut file, of_template)), Some(from), Some(return_path), Some(audience), Some(trial)) =
            (name, file, from, return_path, audience, trial)
        else {
            faults.hold()?;
            return Err(crate::Code::OwnFailure.into());
        };
        faults.hold()?;
        let domain = from.address.domain().as_str().to_owned();
        let return_path = return_path.map_or(domain, |path| path.as_str().to_owned());
        file.parts.reply_to = self.reply_to.or(file.parts.reply_to);
        let links_at = app.links_at(caller.workspace, from.address.domain()).await?;
        let options = SendOptions {
            from: self.from,
            subject: one_line("subject", self.subject)?.or(of_template),
            return_path,
            require_tls: self.require_tls,
            timing: Timing {
                windows: self.windows,
                expires_at: self.expires_at.map(|time| time.0),
                weight: self.weight,
                in_doubt: self.in_doubt.into(),
            },
            tracking: self.tracking.into(),
            topic: self.topic,
            ..house_options(app, links_at)
        };
        Ok(Proposal { name, file, options, audience, trial })
    }
}

/// The domain bounces return to, if one was chosen: the sender's own was not, and follows when the sender changes.
pub(super) fn chosen_return_path(options: &SendOptions) -> Option<String> {
    let sender = launch::parse_mailbox(&options.from).ok();
    let own = sender.as_ref().map(|sender| sender.address.domain().as_str());
    Some(options.return_path.clone()).filter(|path| Some(path.as_str()) != own)
}

pub(super) fn check_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::field("name", format!("a name has 1 to {NAME_CHARS_MAX} characters")));
    }
    Ok(name.to_owned())
}
