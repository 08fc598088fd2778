//! Compiling a message: an author's file becomes templates that render one person in microseconds.

pub use crate::headers::{HeaderError, HeaderFields, HeaderPlan, Mailbox, Tokens, Unsubscribe};
pub use crate::message::{Message, Recipient, assemble};
pub use crate::values::Values;
use std::collections::BTreeSet;

/// What language the author wrote in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// MJML.
    Mjml,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
}

impl SourceKind {
    /// By file extension, in any case.
    pub fn from_extension(_extension: &str) -> Option<SourceKind> {
        todo!()
    }
}

/// What a message is compiled against.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// Used when the front matter has none.
    pub subject: Option<String>,
    /// Used, with a warning, when nothing else gives a subject (toward loopback: the campaign's name).
    pub fallback_subject: Option<String>,
    /// The audience's columns, and `unsubscribe_url`, `view_url`, `postal_address`.
    pub known_tags: BTreeSet<String>,
    /// Marketing mail: refuse a message without an unsubscribe place.
    pub needs_unsubscribe: bool,
}

/// A place in the author's file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Why a message cannot be sent as written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No subject anywhere.
    #[error("the message has no subject")]
    NoSubject,
}

/// Why one person's message cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template failed for this person's values.
    #[error("{0}")]
    Template(String),
}

/// A message compiled once per campaign.
pub struct Compiled {}

/// One person's message before it becomes MIME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Subject.
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

/// Compiles a message.
pub fn compile(_source: &str, _kind: SourceKind, _options: &CompileOptions) -> Result<Compiled, ComposeError> {
    todo!()
}

impl Compiled {
    /// The subject, with its tags.
    pub fn subject_template(&self) -> &str {
        todo!()
    }
    /// The From name of the front matter.
    pub fn from_name(&self) -> Option<&str> {
        todo!()
    }
    /// The tags the message uses.
    pub fn tags(&self) -> &BTreeSet<String> {
        todo!()
    }
    /// What the author should look at.
    pub fn warnings(&self) -> &[String] {
        todo!()
    }
    /// Renders one person (the tags Postroom makes must be among the values).
    pub fn render(&self, _values: &Values) -> Result<Rendered, RenderError> {
        todo!()
    }
}
