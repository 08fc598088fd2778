//! From the author's language to one HTML page with its styles inlined: MJML by mrml, Markdown by pulldown-cmark.
//!
//! Separate because everything that parses HTML happens here (and in `text`), once per campaign. It works on a text
//! whose merge tags are hidden. Invariant: nothing is fetched: no includes, no remote style sheets.

use super::tags::Hidden;
use super::{ComposeError, Place, SourceKind, span};
use css_inline::CSSInliner;
use lol_html::html_content::ContentType;
use lol_html::{ElementContentHandlers, RewriteStrSettings, Selector, rewrite_str};
use mrml::prelude::parser::{Error as MjmlError, Span};
use mrml::prelude::render::RenderOptions;
use std::borrow::Cow;
use std::cell::RefCell;

/// How a Markdown message looks: one readable column, whatever the screen.
const MARKDOWN_STYLE: &str = "\
body{margin:0;padding:0;background:#ffffff}\
.letter{max-width:600px;margin:0 auto;padding:24px 16px;color:#1f2328;font:16px/1.5 Helvetica,Arial,sans-serif}\
.letter h1{font-size:26px;line-height:1.25;margin:0 0 16px}\
.letter h2{font-size:20px;line-height:1.3;margin:28px 0 12px}\
.letter p,.letter ul,.letter ol{margin:0 0 16px}\
.letter a{color:#0b57d0}\
.letter img{max-width:100%;height:auto}\
.letter blockquote{margin:0 0 16px;padding-left:14px;border-left:3px solid #d0d7de;color:#57606a}\
.letter hr{border:0;border-top:1px solid #d0d7de;margin:28px 0}\
.letter th,.letter td{padding:4px 12px 4px 0;text-align:left}";

/// The page that the author's text describes, styles inlined.
pub(super) fn page(source: &str, hidden: &Hidden, kind: SourceKind) -> Result<String, ComposeError> {
    let html = match kind {
        SourceKind::Mjml => mjml(source, hidden)?,
        SourceKind::Markdown => markdown(&hidden.text),
        SourceKind::Html => html(hidden),
        SourceKind::Text => plain(hidden),
    };
    let inliner = CSSInliner::options().load_remote_stylesheets(false).keep_at_rules(true).keep_link_tags(true).build();
    let html = inliner.inline(&html).map_err(|e| ComposeError::Style { what: e.to_string() })?;
    // A loop before the first row stands outside the tbody that HTML adds, and ends inside it.
    let html = if hidden.text.contains("<tbody") { html } else { hidden.move_into(&html, "<tbody>") };
    let has_doctype = html.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    Ok(if has_doctype { html } else { format!("<!DOCTYPE html>{html}") })
}

/// The author's page. A statement before any element would come to stand outside the page that the parser makes around
/// what follows, and take its beginning with it: then the page begins before it.
fn html(hidden: &Hidden) -> String {
    let text = hidden.text.trim_start();
    let begins_with_a_statement = text.strip_prefix("<!--").is_some_and(|inside| inside.starts_with(&hidden.mark));
    let lower = text.to_ascii_lowercase();
    if begins_with_a_statement && !["<html", "<head", "<body"].iter().any(|element| lower.contains(element)) {
        return format!("<body>{text}");
    }
    hidden.text.clone()
}

/// A text as a browser shows it; hidden statements stay comments.
fn plain(hidden: &Hidden) -> String {
    let text = escape(&hidden.text).replace(&format!("&lt;!--{}", hidden.mark), &format!("<!--{}", hidden.mark));
    let text = text.replace("z--&gt;", "z-->");
    format!("<html><body><div style=\"white-space: pre-wrap; font-family: monospace\">{text}</div></body></html>")
}

fn mjml(source: &str, hidden: &Hidden) -> Result<String, ComposeError> {
    let fault = |at: Option<usize>, what: String| ComposeError::Mjml {
        place: Place::of(source, hidden.source_offset(at.unwrap_or(0))),
        what,
    };
    if let Some(at) = broken_condition(&hidden.text) {
        let what = "this condition for a mail client is not ended: write <!--[if mso]> … <![endif]-->";
        return Err(fault(Some(at), what.to_owned()));
    }
    balance(&hidden.text).map_err(|(at, what)| fault(Some(at), what))?;
    let parsed = mrml::parse(&hidden.text).map_err(|e| {
        let (span, what) = in_words(&e);
        fault(span.map(|s| s.start).or_else(|| position_of(&e, &hidden.text)), what)
    })?;
    let rendered = parsed.element.render(&RenderOptions::default());
    let page = rendered.map_err(|e| fault(None, format!("it cannot be laid out: {e}")))?;
    // What the library does not know it hands on as it is.
    let Some((_, unknown)) = page.split_once("<mj-") else { return Ok(page) };
    let name: String = unknown.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let at = hidden.text.find(&format!("<mj-{name}"));
    Err(fault(at, format!("<mj-{name}> is no element of MJML, or cannot stand here")))
}

/// Is every `<mj-…>` closed by its own end? The library does not mind; the page would look different from what was
/// meant. Gives the offset of what is wrong.
fn balance(text: &str) -> Result<(), (usize, String)> {
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while let Some(found) = span(text, at..).find('<') {
        let start = at + found;
        let rest = span(text, start..);
        if rest.starts_with("<!--") {
            at = start + rest.find("-->").unwrap_or(rest.len());
            continue;
        }
        let end = rest.find('>').unwrap_or(rest.len());
        at = start + end.max(1);
        let tag = span(rest, ..end);
        let name =
            tag.trim_start_matches(['<', '/']).split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        if !(name.starts_with("mj-") || name == "mjml") || tag.ends_with('/') {
            continue;
        }
        if !tag.starts_with("</") {
            open.push((name, start));
        } else if open.pop_if(|(opened, _)| *opened == name).is_none() {
            let what = open.last().map_or("nothing is open".to_owned(), |(opened, _)| format!("<{opened}> is open"));
            return Err((start, format!("</{name}> cannot stand here: {what}")));
        }
    }
    open.pop().map_or(Ok(()), |(name, at)| Err((at, format!("this <{name}> is never closed"))))
}

/// The offset of a conditional comment that does not end as one must. The parser below MJML panics at it.
fn broken_condition(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = span(text, at..).find("<!") {
        let start = at + found;
        let rest = span(text, start..);
        let opening = ["<!--[if", "<![if", "<![endif", "<!--<![endif"].into_iter().find(|o| rest.starts_with(o));
        let Some(opening) = opening else {
            let end = if rest.starts_with("<!--") { rest.find("-->") } else { None };
            at = start + end.unwrap_or("<!".len());
            continue;
        };
        let is_whole = rest.split_once(']').is_some_and(|(condition, end)| {
            let may_hold_text = opening != "<![endif";
            (may_hold_text || condition == opening) && (end.starts_with('>') || end.starts_with("-->"))
        });
        if !is_whole {
            return Some(start);
        }
        at = start + opening.len();
    }
    None
}

fn in_words(error: &MjmlError) -> (Option<Span>, String) {
    match error {
        MjmlError::UnexpectedElement { position, .. } => {
            (Some(*position), "this element is unknown, or cannot stand here".to_owned())
        }
        MjmlError::UnexpectedToken { position, .. } => {
            (Some(*position), "this cannot stand here; is an element before it not closed?".to_owned())
        }
        MjmlError::MissingAttribute { name, position, .. } => {
            (Some(*position), format!("this element needs the attribute {name:?}"))
        }
        MjmlError::InvalidAttribute { position, .. } => {
            (Some(*position), "this attribute's value cannot be understood".to_owned())
        }
        MjmlError::InvalidFormat { position, .. } => (Some(*position), "this is no MJML".to_owned()),
        MjmlError::IncludeLoaderError { position, .. } => {
            (Some(*position), "mj-include is not followed: put the included text here".to_owned())
        }
        MjmlError::EndOfStream { .. } => (None, "it ends in the middle: an element is not closed".to_owned()),
        MjmlError::SizeLimit { .. } => (None, "it is too large".to_owned()),
        MjmlError::ParserError { source, .. } => (None, format!("it cannot be read: {source}")),
        MjmlError::NoRootNode => (None, "it does not begin with <mjml>".to_owned()),
    }
}

/// The parser below MJML counts lines and columns of its own.
fn position_of(error: &MjmlError, text: &str) -> Option<usize> {
    let MjmlError::ParserError { source, .. } = error else {
        return matches!(error, MjmlError::EndOfStream { .. }).then_some(text.len());
    };
    let position = source.pos();
    let line = usize::try_from(position.row).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(position.col).ok()?.checked_sub(1)?;
    let in_line = text.get(before..)?.char_indices().nth(column).map_or(0, |(at, _)| at);
    Some(before + in_line)
}

fn markdown(text: &str) -> String {
    use pulldown_cmark::{Options, Parser, html};
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut body = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut body, parser);
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>{MARKDOWN_STYLE}</style></head>\
         <body><div class=\"letter\">{body}</div></body></html>"
    )
}

/// What was found in a page.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) title: String,
    /// Targets of links, in order.
    pub(super) links: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Reads title, links and doubtful things out of a page, and puts a hidden preheader (already HTML) into its body.
pub(super) fn survey(page: &str, preheader: Option<&str>) -> Result<(String, Findings), ComposeError> {
    let findings = RefCell::new(Findings::default());
    let warn = |text: &str| {
        let mut found = findings.borrow_mut();
        if !found.warnings.iter().any(|w| w == text) {
            found.warnings.push(text.to_owned());
        }
    };
    let title = ElementContentHandlers::default().text(|chunk: &mut lol_html::html_content::TextChunk<'_>| {
        findings.borrow_mut().title.push_str(chunk.as_str());
        Ok(())
    });
    let link = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        findings.borrow_mut().links.extend(el.get_attribute("href"));
        Ok(())
    });
    let image = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        if el.get_attribute("src").is_some_and(|src| is_relative(&src)) {
            warn("an image has a relative address: mail programs need the whole URL, with https://");
        }
        Ok(())
    });
    let dropped = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        warn(&format!("<{}> does not work in mail: most mail programs take it out", el.tag_name()));
        Ok(())
    });
    let handled = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        let handler = el.attributes().iter().map(lol_html::html_content::Attribute::name).find(|name| is_handler(name));
        if let Some(handler) = handler {
            let tag = el.tag_name();
            warn(&format!(
                "<{tag}> has {handler}: mail programs run no scripts, and filters distrust mail that has some; take it out"
            ));
        }
        Ok(())
    });
    let meta = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        if el.get_attribute("http-equiv").is_some_and(|what| what.trim().eq_ignore_ascii_case("refresh")) {
            warn("a <meta> leads on to another page: mail programs do not follow it, and filters distrust it; take it out");
        }
        Ok(())
    });
    let body = ElementContentHandlers::default().element(|el: &mut lol_html::html_content::Element<'_, '_>| {
        if let Some(preheader) = preheader {
            el.prepend(&preheader_html(preheader), ContentType::Html);
        }
        Ok(())
    });
    let mut settings = RewriteStrSettings::new();
    for (selectors, handlers) in [
        ("head > title", title),
        ("a[href], area[href]", link),
        ("img[src]", image),
        ("script, form, iframe, object, embed, video, audio", dropped),
        ("meta[http-equiv]", meta),
        ("*", handled),
        ("body", body),
    ] {
        settings = settings.append_element_content_handler((Cow::Owned(selector(selectors)?), handlers));
    }
    let page = rewrite_str(page, settings).map_err(|e| ComposeError::Style { what: e.to_string() })?;
    let mut found = findings.into_inner();
    if found.links.iter().any(|href| is_relative(href) && !href.starts_with('#')) {
        found
            .warnings
            .push("a link has a relative address: mail programs need the whole URL, with https://".to_owned());
    }
    found.title = unescape(found.title.trim());
    Ok((page, found))
}

/// Does an attribute of this name run something (`onload`, `onerror`)? The shortest is `oncut`.
fn is_handler(name: &str) -> bool {
    name.strip_prefix("on").is_some_and(|what| what.len() >= 3 && what.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

pub(super) fn selector(text: &str) -> Result<Selector, ComposeError> {
    text.parse().map_err(|e| ComposeError::Style { what: format!("{e}") })
}

fn preheader_html(text: &str) -> String {
    const HIDE: &str = "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all";
    format!("<div style=\"{HIDE}\">{text}</div>")
}

/// Neither a whole URL, nor a merge tag (a word without any mark of an address), nor another scheme.
fn is_relative(address: &str) -> bool {
    let address = address.trim();
    address.starts_with(['/', '.', '#', '?']) && !address.starts_with("//")
}

/// Text as HTML, in an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What the inliner's serialiser escapes in text.
pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&quot;", "\"").replace("&amp;", "&")
}
