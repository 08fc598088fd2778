//! Merge tags in an author's file: found, checked, hidden from layout tools, and put back.
//!
//! Layout tools (MJML, Markdown, CSS inlining, HTML to text) know nothing of merge tags: they would escape the `>` of a
//! comparison and throw a loop out of a table. So every tag is replaced by a word no tool touches, and put back at the
//! end. A statement between elements is hidden as a comment, because HTML allows a comment anywhere, also in a table.
//!
//! Invariant: what is put back is exactly what the author wrote; braces that are no tag come out as braces.

use super::dialect::{FILTERS, STATEMENTS};
use super::{ComposeError, Place, span};
use std::ops::Range;

/// The most octets of one tag: together with the size of the values this bounds what one expression can grow to.
pub(super) const TAG_OCTETS_MAX: usize = 2_000;
/// The most tags in a message.
const TAGS_MAX: usize = 5_000;

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagKind {
    /// `{{ … }}`
    Expression,
    /// `{% … %}`
    Statement,
    /// `{# … #}`
    Comment,
}

/// A tag in the author's file.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) range: Range<usize>,
    pub(super) kind: TagKind,
}

impl Tag {
    fn inside<'s>(&self, source: &'s str) -> &'s str {
        let text = span(source, self.range.clone());
        let inside = text.get(2..text.len().saturating_sub(2)).unwrap_or_default();
        inside.trim_matches(['-', '+']).trim()
    }

    /// Does it take white space beside it away?
    pub(super) fn trims(&self, source: &str) -> bool {
        let text = span(source, self.range.clone());
        let inside = text.get(2..text.len().saturating_sub(2)).unwrap_or_default();
        inside.starts_with(['-', '+']) || inside.ends_with(['-', '+'])
    }

    /// What a statement begins with.
    pub(super) fn block_word<'s>(&self, source: &'s str) -> Option<&'s str> {
        let is_statement = self.kind == TagKind::Statement;
        self.inside(source).split(|c| !is_name_char(c)).next().filter(|_| is_statement)
    }

    /// The condition of an `if` or `elif`.
    pub(super) fn condition<'s>(&self, source: &'s str) -> Option<&'s str> {
        let word = self.block_word(source).filter(|word| matches!(*word, "if" | "elif"))?;
        self.inside(source).strip_prefix(word).map(str::trim)
    }

    /// The name, when the tag is nothing but a name.
    pub(super) fn plain_name<'s>(&self, source: &'s str) -> Option<&'s str> {
        let inside = self.inside(source);
        let is_name = self.kind == TagKind::Expression && !inside.is_empty() && inside.chars().all(is_name_char);
        is_name.then_some(inside)
    }
}

/// Finds all tags of `source` from `at` on. `{#` inside a style element is CSS, no tag. Refuses a tag that
/// never ends, tags that are too long, and too many of them.
pub(super) fn scan(source: &str, at: usize) -> Result<Vec<Tag>, ComposeError> {
    let styles = styles(source);
    let mut tags = Vec::new();
    let mut at = at;
    while let Some((start, kind)) = next_opening(source, at) {
        if kind == TagKind::Comment && styles.iter().any(|style| style.contains(&start)) {
            at = start + 2;
            continue;
        }
        let end = end_of_tag(source, start, kind).ok_or_else(|| {
            let what = format!("this tag is never closed: {} is missing", closing_mark(kind));
            ComposeError::Template { place: Place::of(source, start), what }
        })?;
        let tag = Tag { range: start..end, kind };
        if end - start > TAG_OCTETS_MAX || tags.len() == TAGS_MAX {
            let what = format!("a tag may have {TAG_OCTETS_MAX} characters, and a message {TAGS_MAX} tags");
            return Err(ComposeError::Template { place: Place::of(source, start), what });
        }
        at = if kind == TagKind::Statement && tag.inside(source) == "raw" { end_of_raw(source, end) } else { end };
        tags.push(tag);
        if at > end {
            tags.extend(closing_raw(source, end, at));
        }
    }
    Ok(tags)
}

fn next_opening(source: &str, from: usize) -> Option<(usize, TagKind)> {
    let mut from = from;
    loop {
        let brace = from + source.get(from..)?.find('{')?;
        let kind = match source.as_bytes().get(brace + 1)? {
            b'{' => TagKind::Expression,
            b'%' => TagKind::Statement,
            b'#' => TagKind::Comment,
            _ => {
                from = brace + 1;
                continue;
            }
        };
        return Some((brace, kind));
    }
}

/// Where the tag ends; marks inside quoted strings do not count.
fn end_of_tag(source: &str, start: usize, kind: TagKind) -> Option<usize> {
    let mark = closing_mark(kind);
    let quotes = kind != TagKind::Comment;
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in source.get(start + 2..)?.char_indices() {
        let at = start + 2 + offset;
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if quotes && matches!(c, '"' | '\'') => quote = Some(c),
            None if span(source, at..).starts_with(mark) => return Some(at + mark.len()),
            None => {}
        }
    }
    None
}

const fn closing_mark(kind: TagKind) -> &'static str {
    match kind {
        TagKind::Expression => "}}",
        TagKind::Statement => "%}",
        TagKind::Comment => "#}",
    }
}

/// Where `{% endraw %}` ends.
fn end_of_raw(source: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = source.get(at..).and_then(|rest| rest.find("{%")) {
        let start = at + found;
        let end = end_of_tag(source, start, TagKind::Statement).unwrap_or(source.len());
        if (Tag { range: start..end, kind: TagKind::Statement }).inside(source) == "endraw" {
            return end;
        }
        at = start + 2;
    }
    source.len()
}

fn closing_raw(source: &str, from: usize, end: usize) -> Option<Tag> {
    let start = from + span(source, from..end).rfind("{%")?;
    Some(Tag { range: start..end, kind: TagKind::Statement })
}

/// What lies inside style elements.
fn styles(source: &str) -> Vec<Range<usize>> {
    let lower = source.to_ascii_lowercase();
    let mut styles = Vec::new();
    let mut at = 0;
    while let Some(found) = span(&lower, at..).find("style") {
        let start = at + found;
        at = start + "style".len();
        if span(&lower, ..start).ends_with('<') || span(&lower, ..start).ends_with("<mj-") {
            at += span(&lower, at..).find("</").unwrap_or(lower.len() - at);
            styles.push(start..at);
        }
    }
    styles
}

/// Refuses what messages do not have: other statements and filters, the sign `*` (one tag could make a hundred million
/// octets of a letter), loops over anything but a plain list, blocks that are not closed.
pub(super) fn check(source: &str, tags: &[Tag]) -> Result<(), ComposeError> {
    let mut open: Vec<(&str, usize)> = Vec::new();
    for tag in tags.iter().filter(|tag| tag.kind != TagKind::Comment) {
        let fault = |what: String| ComposeError::Template { place: Place::of(source, tag.range.start), what };
        let bare = without_strings(tag.inside(source));
        if bare.contains('*') {
            return Err(fault(
                "* would also repeat text without end; a product is written price | times(2)".to_owned(),
            ));
        }
        check_filters(&bare).map_err(fault)?;
        if tag.kind == TagKind::Expression {
            continue;
        }
        let word: String = bare.chars().take_while(|c| is_name_char(*c)).collect();
        let Some(word) = STATEMENTS.iter().copied().find(|known| *known == word) else {
            return Err(fault(format!(
                "{{% {word} %}} cannot be used in a message: if, elif, else, for and raw are what there is"
            )));
        };
        let list = bare.split_once(" in ").map(|(_, list)| list).filter(|_| word == "for");
        if list.is_some_and(|list| list.contains(['~', '+', '['])) {
            return Err(fault("a loop runs over a value or range(…), not over a computed one".to_owned()));
        }
        match word.strip_prefix("end") {
            None if matches!(word, "if" | "for" | "raw") => open.push((word, tag.range.start)),
            None => {}
            Some(block) => match open.pop() {
                Some((opened, _)) if opened == block => {}
                Some((opened, at)) => {
                    let since = Place::of(source, at);
                    return Err(fault(format!("{{% {word} %}} cannot close the {{% {opened} %}} of {since}")));
                }
                None => return Err(fault(format!("{{% {word} %}} closes nothing: no {{% {block} %}} is open"))),
            },
        }
    }
    let Some((word, at)) = open.pop() else { return Ok(()) };
    let what = format!("this {{% {word} %}} is never closed: {{% end{word} %}} is missing");
    Err(ComposeError::Template { place: Place::of(source, at), what })
}

fn check_filters(bare: &str) -> Result<(), String> {
    for after in bare.split('|').skip(1) {
        let name: String = after.trim_start().chars().take_while(|c| is_name_char(*c)).collect();
        if name.is_empty() {
            return Err("the name of a filter is missing after |".to_owned());
        }
        if !FILTERS.contains(&name.as_str()) {
            let near = model::nearest(&name, FILTERS.iter().copied());
            return Err(if near.is_empty() {
                format!("there is no filter {name:?}; there is: {}", FILTERS.join(", "))
            } else {
                format!("there is no filter {name:?}; did you mean {}?", near.join(" or "))
            });
        }
    }
    Ok(())
}

/// The offset of the first use of `name` in a tag.
pub(super) fn find_name(source: &str, tags: &[Tag], name: &str) -> Option<usize> {
    tags.iter().find_map(|tag| {
        let text = without_strings(span(source, tag.range.clone()));
        let mut from = 0;
        while let Some(found) = span(&text, from..).find(name) {
            let at = from + found;
            let before = span(&text, ..at).chars().next_back();
            let after = span(&text, at + name.len()..).chars().next();
            let is_whole = !before.is_some_and(|c| is_name_char(c) || c == '.') && !after.is_some_and(is_name_char);
            if is_whole {
                return Some(tag.range.start + at);
            }
            from = at + name.len();
        }
        None
    })
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with what stands in quotes blanked out, octet for octet.
fn without_strings(text: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let was_inside = quote.is_some();
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        if was_inside || quote.is_some() {
            out.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// A text whose tags are hidden, and what is needed to put them back.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) text: String,
    pub(super) mark: String,
    tags: Vec<HiddenTag>,
    /// Pairs (offset in `text`, offset in the source), growing.
    offsets: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct HiddenTag {
    text: String,
    kind: TagKind,
    at: usize,
}

/// Hides the tags of `source` from `from` on.
pub(super) fn hide(source: &str, from: usize, tags: &[Tag], lines_are_blocks: bool) -> Hidden {
    let mark = unused_mark(source);
    let mut hidden = Hidden { text: String::new(), mark, tags: Vec::new(), offsets: Vec::new() };
    let mut at = from;
    let mut context = Context::Text;
    for tag in tags {
        let plain = span(source, at..tag.range.start);
        hidden.offsets.push((hidden.text.len(), at));
        hidden.text.push_str(plain);
        context = context.after(plain);
        at = tag.range.end;
        let inside = tag.inside(source);
        if tag.kind == TagKind::Comment || inside == "raw" || inside == "endraw" {
            continue;
        }
        let text = span(source, tag.range.clone());
        let known = hidden.tags.iter().position(|t| t.text == text);
        let number = known.unwrap_or(hidden.tags.len());
        if known.is_none() {
            hidden.tags.push(HiddenTag { text: text.to_owned(), kind: tag.kind, at: tag.range.start });
        }
        let word = format!("{}{number}z", hidden.mark);
        let is_block = tag.kind == TagKind::Statement
            && matches!(context, Context::Text)
            && (!lines_are_blocks || stands_alone(source, tags, tag));
        if is_block {
            hidden.text.extend(["<!--", &word, "-->"]);
        } else {
            hidden.text.push_str(&word);
        }
    }
    hidden.offsets.push((hidden.text.len(), at));
    hidden.text.push_str(span(source, at..));
    hidden
}

/// Letters that the source does not hold.
fn unused_mark(source: &str) -> String {
    (0..).map(|n| format!("tagx{n}x")).find(|mark| !source.contains(mark.as_str())).unwrap_or_default()
}

/// Is there nothing but statements on the line (or lines) of this tag?
fn stands_alone(source: &str, tags: &[Tag], tag: &Tag) -> bool {
    let start = span(source, ..tag.range.start).rfind('\n').map_or(0, |newline| newline + 1);
    let end = tag.range.end + span(source, tag.range.end..).find('\n').unwrap_or(source.len() - tag.range.end);
    let mut at = start;
    for other in tags.iter().filter(|other| other.range.start >= start && other.range.end <= end) {
        if other.kind == TagKind::Expression || !span(source, at..other.range.start).trim().is_empty() {
            return false;
        }
        at = other.range.end;
    }
    span(source, at..end).trim().is_empty()
}

/// Where in HTML a text ends.
#[derive(Clone, Copy, Debug)]
enum Context {
    Text,
    Tag,
    Comment,
    /// Inside an element that holds text only.
    Verbatim(&'static str),
}

impl Context {
    fn after(self, text: &str) -> Context {
        let mut context = self;
        let lower = text.to_ascii_lowercase();
        let mut rest = lower.as_str();
        loop {
            let (mark, next) = match context {
                Context::Comment => ("-->", Context::Text),
                Context::Tag => (">", Context::Text),
                Context::Verbatim(end) => (end, Context::Tag),
                Context::Text => ("<", Context::Text),
            };
            let Some((_, after)) = rest.split_once(mark) else { return context };
            rest = after;
            context = if matches!(context, Context::Text) { Context::opened_by(rest) } else { next };
        }
    }

    /// What a `<` before `rest` opens.
    fn opened_by(rest: &str) -> Context {
        const VERBATIM: [(&str, &str); 7] = [
            ("style", "</style"),
            ("script", "</script"),
            ("title", "</title"),
            ("textarea", "</textarea"),
            ("mj-style", "</mj-style"),
            ("mj-title", "</mj-title"),
            ("mj-preview", "</mj-preview"),
        ];
        if rest.starts_with("!--") {
            return Context::Comment;
        }
        for (name, end) in VERBATIM {
            if rest.strip_prefix(name).is_some_and(|after| after.starts_with(|c: char| !is_name_char(c) && c != '-')) {
                return Context::Verbatim(end);
            }
        }
        if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            Context::Tag
        } else {
            Context::Text
        }
    }
}

impl Hidden {
    /// The offset in the author's file that an offset in the hidden text comes from.
    pub(super) fn source_offset(&self, offset: usize) -> usize {
        let piece = self.offsets.partition_point(|(hidden, _)| *hidden <= offset).saturating_sub(1);
        self.offsets.get(piece).map_or(0, |(hidden, source)| source + (offset - hidden))
    }

    /// Puts the tags back. Also says, for each tag put back, where it now ends and where the author wrote it.
    pub(super) fn restore(&self, text: &str) -> (String, Vec<(usize, usize)>) {
        let mut out = String::with_capacity(text.len() + 256);
        let mut places = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(self.mark.as_str()) {
            let number = after.split_once('z').and_then(|(number, after)| Some((number.parse::<usize>().ok()?, after)));
            let Some((tag, after)) = number.and_then(|(number, after)| Some((self.tags.get(number)?, after))) else {
                push_literal(&mut out, before);
                rest = after;
                continue;
            };
            let (before, after) = unwrap_comment(before, after);
            push_literal(&mut out, before);
            out.push_str(&tag.text);
            places.push((out.len(), tag.at));
            rest = after;
        }
        push_literal(&mut out, rest);
        (out, places)
    }

    /// Moves hidden statements that stand right before `element` into it.
    pub(super) fn move_into(&self, page: &str, element: &str) -> String {
        let mut out = String::with_capacity(page.len());
        let mut pieces = page.split(element);
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let mut start = out.len();
            while let Some(comment) = span(&out, ..start).strip_suffix("-->").and_then(|before| before.rfind("<!--"))
                && self.is_hidden_tag(span(&out, comment + 4..start - 3))
            {
                start = comment;
            }
            out.insert_str(start, element);
            out.push_str(piece);
        }
        out
    }

    /// Is every word of the line a hidden statement?
    pub(super) fn is_statements_only(&self, line: &str) -> bool {
        let mut words = line.split_whitespace().peekable();
        words.peek().is_some() && words.all(|word| self.statements_in(word) == Some(true))
    }

    /// Is `word` made of hidden statements alone? `None` when it is made of anything else.
    fn statements_in(&self, word: &str) -> Option<bool> {
        let mut rest = word;
        while !rest.is_empty() {
            let (number, after) = rest.strip_prefix(self.mark.as_str())?.split_once('z')?;
            let tag = self.tags.get(number.parse::<usize>().ok()?)?;
            if tag.kind != TagKind::Statement {
                return Some(false);
            }
            rest = after;
        }
        Some(true)
    }

    /// Is `text` the content of a comment that hides a tag?
    pub(super) fn is_hidden_tag(&self, text: &str) -> bool {
        text.trim().starts_with(self.mark.as_str())
    }

    /// Is a tag hidden in `text`?
    pub(super) fn has_tag(&self, text: &str) -> bool {
        text.contains(self.mark.as_str())
    }

    /// Tags that are not in `text` any more: the layout tool dropped them.
    pub(super) fn lost_from(&self, text: &str) -> Vec<(&str, usize)> {
        let is_lost = |number: &usize| !text.contains(&format!("{}{number}z", self.mark));
        (0..self.tags.len())
            .filter(is_lost)
            .map(|number| (self.tags[number].text.as_str(), self.tags[number].at))
            .collect()
    }
}

/// Takes off the comment around a hidden statement, escaped or not.
fn unwrap_comment<'t>(before: &'t str, after: &'t str) -> (&'t str, &'t str) {
    for (open, close) in [("<!--", "-->"), ("&lt;!--", "--&gt;")] {
        if let (Some(before), Some(after)) = (before.strip_suffix(open), after.strip_prefix(close)) {
            return (before, after);
        }
    }
    (before, after)
}

/// Text that is no tag, whatever braces are in it.
fn push_literal(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(brace) = rest.find('{') {
        let (before, from_brace) = rest.split_at(brace);
        out.push_str(before);
        let two = from_brace.get(..2).filter(|two| matches!(*two, "{{" | "{%" | "{#"));
        out.push_str(&two.map_or("{".to_owned(), |two| format!("{{{{ '{two}' }}}}")));
        rest = from_brace.get(two.map_or(1, str::len)..).unwrap_or_default();
    }
    out.push_str(rest);
}
