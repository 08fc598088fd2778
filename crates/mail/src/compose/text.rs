//! The text part: the same message for those who read no HTML, made once from the page, merge tags still hidden.
//!
//! Separate because it is a translation with its own taste: layout tables become lines, a link keeps its target in
//! brackets after its words, hidden things are left out. Lines are not wrapped: a paragraph is a line, which mail
//! programs fold to their own width.

use super::layout::selector;
use super::tags::Hidden;
use super::{ComposeError, span};
use crate::qp::Encoder;
use html2text::config;
use html2text::render::TextDecorator;
use lol_html::html_content::{Comment, ContentType, Element};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, RewriteStrSettings, rewrite_str};
use std::borrow::Cow;

/// Wide enough that nothing is wrapped.
const WIDTH: usize = 1 << 20;
/// Marks around a link's words and target until both are known. Private use: no text holds them on purpose.
const LINK_OPEN: char = '\u{E000}';
const LINK_TARGET: char = '\u{E001}';
const LINK_CLOSE: char = '\u{E002}';

/// The text of a page whose tags are hidden.
pub(super) fn from_page(page: &str, hidden: &Hidden) -> Result<String, ComposeError> {
    let linear = linearise(page, hidden)?;
    let text = config::with_decorator(Plain::default())
        .allow_width_overflow()
        .string_from_read(linear.as_bytes(), WIDTH)
        .map_err(|e| ComposeError::Style { what: format!("no text part could be made: {e}") })?;
    Ok(tidy(&resolve_links(&text), hidden))
}

/// Layout tables to blocks, hidden statements to words, and what nobody should see taken out.
fn linearise(page: &str, hidden: &Hidden) -> Result<String, ComposeError> {
    let renamed = |name: &'static str, after: &'static str| {
        ElementContentHandlers::default().element(move |el: &mut Element<'_, '_>| {
            el.after(after, ContentType::Html);
            el.set_tag_name(name)?;
            Ok(())
        })
    };
    let block = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        el.after("<br>", ContentType::Html);
        Ok(())
    });
    let removed = || {
        ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
            el.remove();
            Ok(())
        })
    };
    let rule = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        el.replace("<p>----------</p>", ContentType::Html);
        Ok(())
    });
    let comments = DocumentContentHandlers::default().comments(|comment: &mut Comment<'_>| {
        if hidden.is_hidden_tag(&comment.text()) {
            let word = comment.text();
            comment.replace(&word, ContentType::Text);
        } else {
            comment.remove();
        }
        Ok(())
    });
    let mut settings = RewriteStrSettings::new().append_document_content_handler(comments);
    for (selectors, handlers) in [
        ("head, script, style", removed()),
        ("[style*='display:none'], [style*='display: none'], [hidden]", removed()),
        ("hr", rule),
        ("td > div", block),
        ("table", renamed("div", "<br>")),
        ("tbody, thead, tfoot, tr, caption", renamed("div", "")),
        ("td, th", renamed("span", " ")),
    ] {
        settings = settings.append_element_content_handler((Cow::Owned(selector(selectors)?), handlers));
    }
    rewrite_str(page, settings).map_err(|e| ComposeError::Style { what: e.to_string() })
}

/// Puts a link's target after its words, unless they say the same.
fn resolve_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once(LINK_OPEN) {
        out.push_str(before);
        let parts =
            link.split_once(LINK_TARGET).and_then(|(words, after)| Some((words, after.split_once(LINK_CLOSE)?)));
        let Some((words, (target, after))) = parts else {
            rest = link;
            continue;
        };
        let shown = words.trim();
        let bare = target.strip_prefix("mailto:").unwrap_or(target);
        match () {
            () if shown.is_empty() => out.push_str(bare),
            () if target.is_empty() || target.starts_with('#') || shown == target || shown == bare => {
                out.push_str(words)
            }
            () => out.extend([words.trim_end(), " (", bare, ")"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out.replace([LINK_OPEN, LINK_TARGET, LINK_CLOSE], "")
}

/// No blanks at line ends, no two empty lines in a row, and lines of nothing but statements melted into the next one.
fn tidy(text: &str, hidden: &Hidden) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(|line| line.trim_end().trim_start_matches('\u{a0}')) {
        if hidden.is_statements_only(line) {
            out.push_str(line.trim());
        } else if !line.is_empty() || !out.ends_with("\n\n") && !out.is_empty() {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The text of one person after rendering: what conditions left empty is closed up.
pub(super) fn close_up(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(line);
    }
    out.push('\n');
    out
}

/// [`close_up`] for a text that comes in pieces and goes straight to the wire: line ends and white space at the end of a
/// line are held back until something follows that shows.
#[derive(Debug, Default)]
pub(super) struct LineEnds {
    /// Something has been written.
    begun: bool,
    /// Something that shows stands in this line.
    shows: bool,
    /// Line ends held back: one, or two for any number of empty lines.
    held: u8,
    /// White space held back.
    blanks: String,
}

impl LineEnds {
    /// Writes a piece.
    pub(super) fn text(&mut self, out: &mut Encoder<'_>, text: &str) {
        // Between two tags there is often nothing but the inner part that was encoded before.
        if text.is_empty() {
            return;
        }
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.blanks.clear();
                self.held = if std::mem::take(&mut self.shows) { 1 } else { 2 };
            }
            let shown = line.trim_end();
            if !shown.is_empty() {
                self.show(out);
                out.text(shown);
            }
            self.blanks.push_str(span(line, shown.len()..));
        }
    }

    /// Something that shows follows: writes what was held back.
    pub(super) fn show(&mut self, out: &mut Encoder<'_>) {
        if self.begun {
            (0..self.held).for_each(|_| out.line_end());
        }
        self.held = 0;
        (self.begun, self.shows) = (true, true);
        out.text(&self.blanks);
        self.blanks.clear();
    }
}

/// Marks for links, little else.
#[derive(Clone, Debug, Default)]
struct Plain {
    targets: Vec<String>,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.targets.push(url.to_owned());
        (LINK_OPEN.to_string(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        format!("{LINK_TARGET}{}{LINK_CLOSE}", self.targets.pop().unwrap_or_default())
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, _level: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Plain {
        Plain::default()
    }
}
