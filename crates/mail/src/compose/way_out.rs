//! The way out of a mailing: is there, in what is really shown, something to unsubscribe with?
//!
//! Separate because it is judged twice: once of the page as its author wrote it, tags hidden, and, where it cannot be
//! known for everybody then (the link stands under a condition), of each person's copy. Invariant: what nobody sees is
//! no way out: a comment, a title, an element that is not displayed, a link without anything in it.

use super::layout::{selector, unescape};
use super::tags::{self, Hidden, Tag, TagKind};
use super::{ComposeError, UNSUBSCRIBE_TAG, span};
use lol_html::html_content::{Element, EndTag, TextChunk};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, RewriteStrSettings, rewrite_str};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Whether a message has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayOut {
    /// In everybody's copy.
    Always,
    /// It depends on the person: each copy is judged.
    Sometimes,
    /// A link of the author's own.
    Own,
    /// In nobody's.
    Never,
}

/// Elements whose content nobody sees in a mail.
const UNSEEN: [&str; 9] = ["head", "template", "script", "style", "title", "textarea", "select", "iframe", "object"];

/// What is shown of a page.
#[derive(Debug, Default)]
struct Shown {
    /// Links with something in them.
    links: Vec<Link>,
    /// All text.
    text: String,
    /// Does what is hidden depend on a tag?
    depends: bool,
}

#[derive(Debug)]
struct Link {
    href: String,
    /// Its place among all links.
    number: usize,
}

/// Judges a page whose tags are hidden.
pub(super) fn of_page(page: &str, hidden: &Hidden) -> Result<WayOut, ComposeError> {
    let (marked, shown) = survey(page, &hidden.mark)?;
    let (marked, _) = hidden.restore(&marked);
    let found = tags::scan(&marked, 0).unwrap_or_default();
    // A value that is not escaped may open or close anything.
    let depends = shown.depends || found.iter().any(|tag| span(&marked, tag.range.clone()).contains("safe"));
    let (mut way, mut is_own) = (WayOut::Never, false);
    for link in &shown.links {
        let href = hidden.restore(&unescape(&link.href)).0;
        let at = marked.find(&mark(link.number));
        let is_for_all = !depends && at.is_some_and(|at| depth_at(&marked, &found, at) == 0);
        if is_tag_alone(&href) && is_for_all {
            return Ok(WayOut::Always);
        }
        if href.contains(UNSUBSCRIBE_TAG) {
            way = WayOut::Sometimes;
        }
        is_own |= is_for_all && is_own_link(&href);
    }
    let has_blocks = found.iter().any(|tag| tag.kind == TagKind::Statement);
    let in_text = of_text(&hidden.restore(&shown.text).0);
    Ok(match (in_text, way) {
        (WayOut::Always, _) if !has_blocks && !depends => WayOut::Always,
        _ if is_own => WayOut::Own,
        (WayOut::Always | WayOut::Sometimes, _) => WayOut::Sometimes,
        (_, way) => way,
    })
}

/// Judges a text part as its author wrote it.
pub(super) fn of_text(text: &str) -> WayOut {
    let found = tags::scan(text, 0).unwrap_or_default();
    let names = |tag: &&Tag| tag.kind == TagKind::Expression && span(text, tag.range.clone()).contains(UNSUBSCRIBE_TAG);
    let is_for_all =
        |tag: &Tag| tag.plain_name(text) == Some(UNSUBSCRIBE_TAG) && depth_at(text, &found, tag.range.start) == 0;
    match found.iter().filter(names).map(is_for_all).reduce(|one, other| one || other) {
        Some(true) => WayOut::Always,
        Some(false) => WayOut::Sometimes,
        None => WayOut::Never,
    }
}

/// Does one person's page show a link to `url`, or `url` itself?
pub(super) fn leads_to(page: &str, url: &str) -> bool {
    // Without a mark: nothing is hidden in what is rendered.
    let Ok((_, shown)) = survey(page, "\u{E003}") else { return false };
    shown.links.iter().any(|link| unescape(link.href.trim()) == url) || unescape(&shown.text).contains(url)
}

/// In how many conditions and loops does one stand at `at`?
fn depth_at(text: &str, found: &[Tag], at: usize) -> usize {
    found.iter().take_while(|tag| tag.range.start < at).fold(0, |depth: usize, tag| match tag.block_word(text) {
        Some("if" | "for") => depth + 1,
        Some("endif" | "endfor") => depth.saturating_sub(1),
        _ => depth,
    })
}

/// Is it our tag and nothing else?
fn is_tag_alone(href: &str) -> bool {
    let href = href.trim();
    let found = tags::scan(href, 0).unwrap_or_default();
    matches!(found.as_slice(), [tag] if tag.range == (0..href.len()) && tag.plain_name(href) == Some(UNSUBSCRIBE_TAG))
}

/// A page or an address of the author's own that says what it is for.
fn is_own_link(href: &str) -> bool {
    let href = href.to_lowercase();
    let leads_out = href.starts_with("http") || href.starts_with("mailto:");
    leads_out && ["unsubscribe", "opt-out", "optout"].iter().any(|word| href.contains(word))
}

/// Stands for the target of a link while its place is looked for.
fn mark(number: usize) -> String {
    format!("\u{E003}w{number}\u{E003}")
}

/// What a page shows, and the page with every link marked. `hidden`: what tags begin with.
fn survey(page: &str, hidden: &str) -> Result<(String, Shown), ComposeError> {
    let shown = RefCell::new(Shown::default());
    let unseen = Rc::new(Cell::new(0_usize));
    // The link that is open, until something in it shows.
    let open: Rc<RefCell<Option<Link>>> = Rc::default();
    let count = Cell::new(0_usize);
    let each = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        let style = el.get_attribute("style").unwrap_or_default();
        let names_tag = |name: &str| name.contains(hidden);
        shown.borrow_mut().depends |=
            style.contains(hidden) || el.attributes().iter().any(|attribute| names_tag(&attribute.name()));
        let hides = UNSEEN.contains(&el.tag_name().as_str()) || el.has_attribute("hidden") || is_not_displayed(&style);
        if hides && el.can_have_content() {
            unseen.set(unseen.get() + 1);
            let unseen = Rc::clone(&unseen);
            el.on_end_tag(Box::new(move |_: &mut EndTag<'_>| {
                unseen.set(unseen.get().saturating_sub(1));
                Ok(())
            }))?;
        }
        Ok(())
    });
    let link = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        let Some(href) = el.get_attribute("href") else { return Ok(()) };
        let style = el.get_attribute("style").unwrap_or_default();
        let number = count.get();
        count.set(number + 1);
        el.set_attribute("href", &mark(number))?;
        let is_seen = unseen.get() == 0 && !has(&style, "font-size", is_zero);
        *open.borrow_mut() = is_seen.then_some(Link { href, number });
        if el.can_have_content() {
            let open = Rc::clone(&open);
            el.on_end_tag(Box::new(move |_: &mut EndTag<'_>| {
                open.borrow_mut().take();
                Ok(())
            }))?;
        }
        Ok(())
    });
    let image = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        let is_shown = !el.has_attribute("hidden") && !is_not_displayed(&el.get_attribute("style").unwrap_or_default());
        if unseen.get() == 0 && is_shown {
            shown.borrow_mut().links.extend(open.borrow_mut().take());
        }
        Ok(())
    });
    let text = DocumentContentHandlers::default().text(|chunk: &mut TextChunk<'_>| {
        if unseen.get() == 0 {
            let text = chunk.as_str();
            shown.borrow_mut().text.push_str(text);
            if !unescape(text).trim().is_empty() {
                shown.borrow_mut().links.extend(open.borrow_mut().take());
            }
        }
        Ok(())
    });
    let mut settings = RewriteStrSettings::new().append_document_content_handler(text);
    for (selectors, handlers) in [("*", each), ("a[href]", link), ("img", image)] {
        settings = settings.append_element_content_handler((Cow::Owned(selector(selectors)?), handlers));
    }
    let marked = rewrite_str(page, settings).map_err(|e| ComposeError::Style { what: e.to_string() })?;
    Ok((marked, shown.into_inner()))
}

fn is_not_displayed(style: &str) -> bool {
    has(style, "display", |value| value == "none")
        || has(style, "visibility", |value| value == "hidden" || value == "collapse")
        || has(style, "opacity", is_zero)
}

/// Does a style say this of a property? The last word counts.
fn has(style: &str, property: &str, says: impl Fn(&str) -> bool) -> bool {
    let style = style.to_ascii_lowercase();
    let mut said = style.rsplit(';').filter_map(|part| part.split_once(':'));
    said.find(|(name, _)| name.trim() == property)
        .is_some_and(|(_, value)| says(value.replace("!important", "").trim()))
}

fn is_zero(value: &str) -> bool {
    let number: String = value.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    number.parse().is_ok_and(|number: f64| number <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::super::{CompileOptions, RenderError, SourceKind, compile};
    use super::*;
    use crate::values::Values;

    const URL: &str = "https://example.org/u?a=1&b=2";

    fn options() -> CompileOptions {
        CompileOptions {
            subject: Some("Hi".to_owned()),
            any_tag: true,
            needs_unsubscribe: true,
            ..CompileOptions::default()
        }
    }

    /// `None`: refused. Else, whether somebody of Ulm and somebody of nowhere get a copy.
    fn sent(source: &str, kind: SourceKind) -> Option<(bool, bool)> {
        let compiled = match compile(source, kind, &options()) {
            Ok(compiled) => compiled,
            Err(ComposeError::NoUnsubscribe) => return None,
            Err(other) => panic!("{other}"),
        };
        let gets = |city: &str| {
            let values = Values::from_iter([("city", city), (UNSUBSCRIBE_TAG, URL)]);
            match compiled.render(&values) {
                Ok(_) => true,
                Err(RenderError::NoWayOut) => false,
                Err(other) => panic!("{other}"),
            }
        };
        Some((gets("Ulm"), gets("")))
    }

    #[test]
    fn what_nobody_sees_is_no_way_out() {
        let html = |source: &str| sent(source, SourceKind::Html);
        for unseen in [
            "<p>Hi</p><!-- {{ unsubscribe_url }} -->",
            "<!-- <a href='{{ unsubscribe_url }}'>u</a> --><p>Hi</p>",
            "<p title='{{ unsubscribe_url }}'>Hi</p>",
            "<a href='{{ unsubscribe_url }}' style='display:none'>u</a>",
            "<div style='color:red; DISPLAY : none !important'><p><a href='{{ unsubscribe_url }}'>u</a></p></div>",
            "<style>.x{display:none}</style><p class='x'><a href='{{ unsubscribe_url }}'>u</a></p>",
            "<div hidden><a href='{{ unsubscribe_url }}'>u</a></div>",
            "<p style='visibility:hidden'><a href='{{ unsubscribe_url }}'>u</a></p>",
            "<a href='{{ unsubscribe_url }}' style='font-size:0px'>u</a>",
            "<a href='{{ unsubscribe_url }}'></a> bye",
            "<a href='{{ unsubscribe_url }}'> <img src='https://x.example/a.png' style='display:none'></a>",
            "<template><a href='{{ unsubscribe_url }}'>u</a></template>Hi",
            "{# {{ unsubscribe_url }} #}<p>Hi</p>",
            "{% if city %}<a href='https://x.example/unsubscribe'>u</a>{% endif %}",
        ] {
            assert_eq!(html(unseen), None, "{unseen}");
        }
        for seen in [
            "<a href='{{ unsubscribe_url }}'>u</a>",
            "<a href=\" {{- unsubscribe_url -}} \"><img src='https://x.example/a.png' alt=''></a>",
            "<div style='display:none'>before</div><p>{% if city %}x{% endif %}<a href='{{ unsubscribe_url }}'>u</a></p>",
            "<p>Leave: {{ unsubscribe_url }}</p>",
            "<td style='font-size:0px'><a href='{{ unsubscribe_url }}' style='font-size:13px'>u</a></td>",
            "<a href='https://x.example/unsubscribe?id={{ city }}'>u</a>",
        ] {
            assert_eq!(html(seen), Some((true, true)), "{seen}");
        }
        assert_eq!(sent("Bye [out]({{ unsubscribe_url }})", SourceKind::Markdown), Some((true, true)));
        assert_eq!(sent("Bye {# {{ unsubscribe_url }} #}", SourceKind::Text), None);
        assert_eq!(sent("Bye {{ unsubscribe_url }}", SourceKind::Text), Some((true, true)));
    }

    #[test]
    fn under_a_condition_each_copy_is_judged() {
        let link = "<a href='{{ unsubscribe_url }}'>u</a>";
        let html = |source: String| sent(&source, SourceKind::Html);
        assert_eq!(html(format!("<p>Hi</p>{{% if false %}}{link}{{% endif %}}")), Some((false, false)));
        assert_eq!(html(format!("<p>Hi</p>{{% if city %}}{link}{{% endif %}}")), Some((true, false)));
        assert_eq!(html(format!("<p>Hi</p>{{% if city %}}{link}{{% else %}}{link}{{% endif %}}")), Some((true, true)));
        assert_eq!(html(format!("<p {{% if city %}}hidden{{% endif %}}>{link}</p>")), Some((false, true)));
        assert_eq!(html("<a href='{{ unsubscribe_url | truncate(1) }}'>u</a>".to_owned()), Some((false, false)));
        let inline = "Bye{% if city %} [out]({{ unsubscribe_url }}){% endif %}";
        assert_eq!(sent(inline, SourceKind::Markdown), Some((true, false)));
        let text = "Bye{% if city %} {{ unsubscribe_url }}{% endif %}";
        assert_eq!(sent(text, SourceKind::Text), Some((true, false)));
    }

    #[test]
    fn a_text_part_of_its_own_gets_the_address_at_its_end() {
        let options = CompileOptions { text: Some("Hi".to_owned()), ..options() };
        let compiled = compile("<a href='{{ unsubscribe_url }}'>u</a>", SourceKind::Html, &options).unwrap();
        let rendered = compiled.render(&Values::from_iter([(UNSUBSCRIBE_TAG, URL)])).unwrap();
        assert_eq!(rendered.text.trim_end(), format!("Hi\n\n{URL}"));
    }
}
