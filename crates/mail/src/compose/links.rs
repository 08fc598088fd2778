//! The links of a message: found and numbered once, so that one person's copy is a splice.
//!
//! Works on the page whose merge tags are hidden. A link to a page on the web gets its number and leads through the
//! tracking host; what stands for the host is a tag of our own, filled for each recipient. A link whose target has
//! merge tags becomes a tag of its own: its target is rendered and sealed for each. Separate because it is optional and
//! because the numbers are kept with the campaign. Invariant: links to unsubscribe or to see the message, and whatever is
//! not http(s), stay as the author wrote them.

use super::dialect::{self, FUNCTIONS};
use super::layout::{escape, selector, unescape};
use super::pieces::{Kind, Pieces};
use super::tags::{self, Hidden};
use super::{ComposeError, Draft, OUR_TAGS};
use crate::track::{TRAP, is_web, with_parameters};
use lol_html::html_content::{ContentType, Element};
use lol_html::{ElementContentHandlers, RewriteStrSettings, rewrite_str};
use minijinja::Environment;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The most links of a message that are numbered.
pub const LINKS_MAX: usize = 1_000;

/// The tag of what stands before a link's number.
pub(super) const CLICKS: &str = "__clicks";
/// The tag of the pixel's address.
pub(super) const OPEN: &str = "__open";

/// What is done with the links of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Are opens and clicks counted?
    pub count: bool,
    /// Are the links of the text part counted as well? Readers of text see the long address.
    pub in_text: bool,
    /// Added to the query of every link, where the author wrote no such parameter: `utm_source` and its like.
    pub parameters: Vec<(String, String)>,
    /// Numbers begin after this one: where a campaign has several messages, each has its own.
    pub after: u16,
}

impl LinkOptions {
    /// Is there anything to do?
    pub(super) fn is_needed(&self) -> bool {
        self.count || !self.parameters.is_empty()
    }
}

/// A numbered link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 1 (or what [`LinkOptions::after`] says), in order of the page.
    pub number: u16,
    /// Where it leads, parameters included; with merge tags where it has them.
    pub target: String,
    /// Does it lead to the same place for everybody?
    pub is_fixed: bool,
}

/// Marks stand for our tags until the author's are back.
fn clicks_mark(number: u16) -> String {
    format!("\u{E003}c{number}\u{E003}")
}

fn target_mark(number: u16) -> String {
    format!("\u{E003}t{number}\u{E003}")
}

const OPEN_MARK: &str = "\u{E003}o\u{E003}";

/// The tag of a link whose target differs.
pub(super) fn target_tag(number: u16) -> String {
    format!("__to_{number}")
}

/// The page with its links numbered, and the links.
pub(super) fn number(
    page: &str,
    hidden: &Hidden,
    options: &LinkOptions,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<(String, Vec<Link>), ComposeError> {
    let links: RefCell<Vec<Link>> = RefCell::default();
    let each = ElementContentHandlers::default().element(|el: &mut Element<'_, '_>| {
        let mut links = links.borrow_mut();
        let Some(href) = el.get_attribute("href").filter(|_| links.len() < LINKS_MAX) else { return Ok(()) };
        let number = options.after.saturating_add(u16::try_from(links.len() + 1).unwrap_or(u16::MAX));
        let target = unescape(href.trim());
        if !hidden.has_tag(&target) {
            if is_web(&target) {
                let target = with_parameters(&target, &options.parameters).into_owned();
                let shown = if options.count { clicks_mark(number) } else { escape(&target) };
                el.set_attribute("href", &shown)?;
                links.push(Link { number, target, is_fixed: true });
            }
            return Ok(());
        }
        let target = hidden.restore(&target).0;
        if may_be_page(&target) && stands_alone(&target, is_known) {
            el.set_attribute("href", &target_mark(number))?;
            links.push(Link { number, target, is_fixed: false });
        }
        Ok(())
    });
    let settings =
        RewriteStrSettings::new().append_element_content_handler((Cow::Owned(selector("a[href], area[href]")?), each));
    let page = rewrite_str(page, settings).map_err(|e| ComposeError::Style { what: e.to_string() })?;
    Ok((page, links.into_inner()))
}

/// The page with what nobody sees at its end: a link that only machines follow, and the pixel.
pub(super) fn with_ending(page: &str) -> Result<String, ComposeError> {
    let ending = format!(
        "<a href=\"{}\" aria-hidden=\"true\" tabindex=\"-1\" rel=\"nofollow\" style=\"display:none;mso-hide:all\"></a>\
         <img src=\"{OPEN_MARK}\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;border:0;width:1px;height:1px\">",
        clicks_mark(TRAP)
    );
    let end = ElementContentHandlers::default().element(move |el: &mut Element<'_, '_>| {
        el.append(&ending, ContentType::Html);
        Ok(())
    });
    let settings = RewriteStrSettings::new().append_element_content_handler((Cow::Owned(selector("body")?), end));
    rewrite_str(page, settings).map_err(|e| ComposeError::Style { what: e.to_string() })
}

/// Our tags in the place of their marks, once the author's tags are back.
pub(super) fn put_tags(text: &str, links: &[Link]) -> String {
    let mut out = text.replace(OPEN_MARK, &format!("{{{{ {OPEN} }}}}"));
    let trap = Link { number: TRAP, target: String::new(), is_fixed: true };
    for link in links.iter().chain([&trap]) {
        let (mark, tag) = match link.is_fixed {
            true => (clicks_mark(link.number), format!("{{{{ {CLICKS} }}}}{}", link.number)),
            false => (target_mark(link.number), format!("{{{{ {} }}}}", target_tag(link.number))),
        };
        out = out.replace(&mark, &tag);
    }
    out
}

/// The targets that differ, ready to be rendered.
pub(super) fn targets(env: &mut Environment<'static>, links: &[Link]) -> Result<Vec<(u16, Pieces)>, minijinja::Error> {
    let differing = links.iter().filter(|link| !link.is_fixed);
    differing
        .map(|link| {
            let name = format!("link-{}", link.number);
            env.add_template_owned(name.clone(), link.target.clone())?;
            Ok((link.number, Pieces::cut(env, &name, Kind::Text, &link.target)?))
        })
        .collect()
}

/// A target that begins with a tag may turn out to be a page.
fn may_be_page(target: &str) -> bool {
    is_web(target) || target.starts_with("{{") || target.starts_with("{%")
}

/// Can the target be rendered apart from the page? Not inside a loop whose turn it needs, and not where it leads to what
/// we make ourselves.
fn stands_alone(target: &str, is_known: &dyn Fn(&str) -> bool) -> bool {
    let mut env = dialect::environment();
    let is_read = tags::scan(target, 0).is_ok_and(|found| tags::check(target, &found).is_ok());
    if !is_read || env.add_template_owned("link", target.to_owned()).is_err() {
        return false;
    }
    let used = env.get_template("link").map(|link| link.undeclared_variables(false)).unwrap_or_default();
    let used: BTreeSet<String> = used.into_iter().collect();
    used.iter().all(|name| FUNCTIONS.contains(&name.as_str()) || (is_known(name) && !OUR_TAGS.contains(&name.as_str())))
}

impl Draft<'_> {
    /// Says which links are not counted although the author may think so.
    pub(super) fn warn_of_uncounted(&mut self, all: &[String], numbered: &[Link]) {
        let ours = |href: &String| OUR_TAGS.iter().any(|tag| href.contains(tag));
        let pages: BTreeSet<&String> = all.iter().filter(|href| may_be_page(href) && !ours(href)).collect();
        if all.iter().filter(|href| pages.contains(href)).count() > numbered.len() {
            let text = "a link is not counted: its target needs the turn of a loop, or there are more than 1,000 links";
            self.warnings.push(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{
        CompileOptions, Compiled, HeaderFields, HeaderPlan, Mailbox, Recipient, SourceKind, Tokens, Values, assemble,
        compile,
    };
    use crate::token::KeyRing;
    use crate::track::{Named, Tracker, Whom, click_token, sealed_target};
    use model::{DeliveryId, Timestamp};

    const SOURCE: &str = "<html><body><p><a href=\"https://a.example/?x=1&amp;y=2\">A</a>\
        <a href=\"https://shop.example/{{ sku }}?n={{ name|urlencode }}\">B</a> <a href=\"mailto:x@a.example\">C</a>\
        <a href=\"{{ page }}\">D</a> <a href=\"tel:+49\">E</a>\
        {% for item in items %}<a href=\"https://loop.example/{{ item }}\">F</a>{% endfor %}\
        <a href=\"{{ view_url }}\">G</a> <a href=\"{{ unsubscribe_url }}\">H</a></p></body></html>";

    fn compiled(source: &str, links: LinkOptions) -> Compiled {
        let known_tags = ["name", "sku", "page", "items"].map(str::to_owned).into();
        let options = CompileOptions { known_tags, subject: Some("Hi".to_owned()), links, ..CompileOptions::default() };
        compile(source, SourceKind::Html, &options).unwrap()
    }

    fn counting() -> LinkOptions {
        LinkOptions { count: true, ..LinkOptions::default() }
    }

    /// HTML and text part of one person's copy.
    fn copy(compiled: &Compiled, values: &str) -> (String, String) {
        let ring = KeyRing::new([3; 32]);
        let from = Mailbox { name: None, address: "news@example.org".parse().unwrap() };
        let plan = HeaderPlan::new(HeaderFields {
            view_url: Some("https://t.example/v/{token}".to_owned()),
            ..HeaderFields::from_sender(from)
        });
        let tracker = Tracker { base: "https://t.example".to_owned(), whom: Whom::Each };
        let values = Values::from_json(values).unwrap();
        let to = "kim@example.net".parse().unwrap();
        let delivery = DeliveryId(9);
        let tokens = Tokens::seal(&ring, delivery);
        let tracker = compiled.link_options.count.then_some((&tracker, &ring));
        let recipient = Recipient { to: &to, to_name: None, values: &values, delivery, tokens: &tokens, tracker };
        let made = assemble(compiled, &plan.unwrap(), &recipient, Timestamp::from_millis(0), &[]).unwrap();
        let parsed = mail_parser::MessageParser::default().parse(&made.bytes).unwrap();
        (parsed.body_html(0).unwrap().into_owned(), parsed.body_text(0).unwrap().into_owned())
    }

    fn hrefs(html: &str) -> Vec<String> {
        let found = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.map(unescape).collect()
    }

    #[test]
    fn pages_are_counted_and_nothing_else_is_touched() {
        let compiled = compiled(SOURCE, counting());
        let numbered: Vec<_> =
            compiled.numbered_links().iter().map(|l| (l.number, l.target.as_str(), l.is_fixed)).collect();
        assert_eq!(
            numbered,
            [
                (1, "https://a.example/?x=1&y=2", true),
                (2, "https://shop.example/{{ sku }}?n={{ name|urlencode }}", false),
                (3, "{{ page }}", false)
            ]
        );
        assert!(compiled.warnings().iter().any(|w| w.contains("not counted")), "{:?}", compiled.warnings());
        let values = r#"{"sku":"a<b","name":"K m","page":"https://p.example/","items":["1"]}"#;
        let (html, text) = copy(&compiled, values);
        let hrefs = hrefs(&html);
        let token = hrefs[0].strip_prefix("https://t.example/c/").unwrap().strip_suffix("/1").unwrap();
        let ring = KeyRing::new([3; 32]);
        assert_eq!(click_token(&ring, token), Some(Named::Delivery(DeliveryId(9))));
        for (at, number, expected) in [(1, 2, "https://shop.example/a<b?n=K%20m"), (3, 3, "https://p.example/")] {
            let query = hrefs[at].split_once(&format!("/{number}?to=")).unwrap().1;
            let (to, by) = query.split_once("&by=").unwrap();
            let target = sealed_target(&ring, Named::Delivery(DeliveryId(9)), number, to, by);
            assert_eq!(target.as_deref(), Some(expected));
        }
        assert_eq!(hrefs[2], "mailto:x@a.example");
        assert_eq!(hrefs[4..6], ["tel:+49", "https://loop.example/1"]);
        assert!(hrefs[6].starts_with("https://t.example/v/"));
        assert_eq!(hrefs.last().unwrap(), &format!("https://t.example/c/{token}/0"));
        assert!(html.contains("<img src=\"https://t.example/o/") && html.contains(".gif\" width=\"1\""));
        assert!(text.contains("https://a.example/?x=1&y=2") && !text.contains("t.example/c/"), "{text}");
        assert!(!html.contains('\u{E003}') && !text.contains('\u{E003}'));
    }

    #[test]
    fn a_target_that_is_no_page_for_somebody_is_left_alone() {
        let (html, _) = copy(&compiled(SOURCE, counting()), r#"{"page":"mailto:me@p.example"}"#);
        assert_eq!(hrefs(&html)[3], "mailto:me@p.example");
    }

    #[test]
    fn text_links_are_counted_when_asked_for_and_the_trap_is_never_among_them() {
        let compiled = compiled(SOURCE, LinkOptions { in_text: true, ..counting() });
        let (_, text) = copy(&compiled, r#"{"sku":"s"}"#);
        assert!(text.contains("/1") && text.contains("t.example/c/") && !text.contains("https://a.example"), "{text}");
        assert!(!text.contains("/0"), "{text}");
    }

    #[test]
    fn without_counting_parameters_alone_are_added() {
        let parameters = vec![("utm_source".to_owned(), "news".to_owned())];
        let compiled = compiled(SOURCE, LinkOptions { parameters, ..LinkOptions::default() });
        let (html, text) = copy(&compiled, r#"{"sku":"s","page":"https://p.example/#a"}"#);
        let hrefs = hrefs(&html);
        assert_eq!(hrefs[0], "https://a.example/?x=1&y=2&utm_source=news");
        assert_eq!(hrefs[1], "https://shop.example/s?n=&utm_source=news");
        assert_eq!(hrefs[3], "https://p.example/?utm_source=news#a");
        assert!(text.contains("y=2&utm_source=news") && !html.contains("t.example/o/"), "{text}");
    }

    #[test]
    fn braces_in_a_target_are_braces() {
        let source = "<html><body><a href=\"https://a.example/%7B{'{{'}\">A {{ name }}</a></body></html>";
        let with_braces = source.replace("{'{{'}", "{{ '{{' }}");
        let (html, _) = copy(&compiled(&with_braces, LinkOptions::default()), "{}");
        assert!(html.contains("%7B{{"), "{html}");
        let compiled = compiled(&with_braces, counting());
        assert_eq!(compiled.numbered_links().len(), 1);
        assert!(hrefs(&copy(&compiled, "{}").0)[0].contains("/1?to="), "a tag it is, though a constant one");
    }
}
