//! A part of a message cut at its tags, so that one person costs their values and little else.
//!
//! What stands between two tags is put into its wire form once per campaign; a tag that is only a name, or a name and
//! what stands in its place where it is empty, is looked up and written; every other tag, and every block from its `if`
//! or `for` to its end, is a small template of its own. Apart from the templates because it must say the same as they
//! do. Invariant: a part written by pieces decodes to what the whole template renders (a property compares them), and
//! takes no more steps and octets than that may.

use super::dialect::{self, FUEL, FUNCTIONS, Fault};
use super::tags::{self, TagKind};
use super::text::{LineEnds, close_up};
use super::{PART_OCTETS_MAX, span};
use crate::qp::{Encoded, Encoder};
use crate::values::Person;
use minijinja::{Environment, Error};
use std::borrow::Cow;
use std::ops::Range;

/// Between two tags, fewer octets than this are encoded for each person: they are cheaper than a soft break on the wire.
const ENCODED_OCTETS_MIN: usize = 24;
/// Names that stand for something else than a column.
const OWN_NAMES: [&str; 3] = ["self", "loop", "super"];

/// Which part a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values are escaped.
    Html,
    /// What conditions leave empty is closed up.
    Text,
}

/// A part cut at its tags.
#[derive(Debug)]
pub(super) struct Pieces {
    kind: Kind,
    pieces: Vec<Piece>,
    /// The columns that are looked up, each once.
    columns: Vec<Column>,
    /// What is the same for everybody, in octets.
    fixed_octets: usize,
}

#[derive(Debug)]
enum Piece {
    /// Between tags.
    Fixed(Fixed),
    /// A column, by its place among them.
    Value(usize),
    /// A template of its own, by its name.
    Template(String),
}

/// A column that a tag shows.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    name: String,
    /// What is shown where it is empty, as `default('…')` has it.
    or: Option<String>,
}

/// What stands between two tags. Of a text part only the inner part is encoded, which begins and ends with something that
/// shows: what becomes of the white space around it depends on what the tags beside it come out as.
#[derive(Debug)]
struct Fixed {
    text: String,
    /// What of it is encoded; the rest is encoded for each person.
    inner: Range<usize>,
    encoded: Option<Encoded>,
}

impl Pieces {
    /// Cuts the template called `name`, whose text is `source`, and adds the templates this takes.
    pub(super) fn cut(env: &mut Environment<'static>, name: &str, kind: Kind, source: &str) -> Result<Pieces, Error> {
        let whole = || {
            let pieces = vec![Piece::Template(name.to_owned())];
            Pieces { kind, pieces, columns: Vec::new(), fixed_octets: source.len() }
        };
        let Ok(found) = tags::scan(source, 0) else { return Ok(whole()) };
        if found.iter().any(|tag| tag.kind == TagKind::Comment || tag.trims(source)) {
            return Ok(whole());
        }
        // As the template engine has it: the line end at the end of a template is not part of it.
        let end = source.strip_suffix('\n').unwrap_or(source);
        let end = end.strip_suffix('\r').unwrap_or(end).len();
        let (pieces, columns) = (Vec::new(), Vec::new());
        let mut cut = Cut { env, name, kind, pieces, columns, fixed: String::new(), fixed_octets: 0 };
        let (mut at, mut depth, mut start) = (0, 0_usize, 0);
        for tag in &found {
            if depth == 0 {
                start = tag.range.start;
                cut.fixed.push_str(span(source, at..start));
            }
            depth = match tag.block_word(source) {
                Some("if" | "for") => depth + 1,
                Some("endif" | "endfor") => depth.saturating_sub(1),
                _ => depth,
            };
            if depth == 0 {
                cut.tag(span(source, start..tag.range.end))?;
                at = tag.range.end;
            }
        }
        cut.fixed.push_str(span(source, at..end));
        cut.end_fixed();
        let Cut { pieces, columns, fixed_octets, .. } = cut;
        Ok(Pieces { kind, pieces, columns, fixed_octets })
    }

    /// Octets that everybody's copy of the part has.
    pub(super) fn fixed_octets(&self) -> usize {
        self.fixed_octets
    }

    /// Appends one person's part as quoted-printable. What it appends ends in CRLF.
    pub(super) fn write(&self, env: &Environment<'_>, person: &Person<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut wire =
            Wire { encoder: Encoder::new(out), line_ends: LineEnds::default(), kind: self.kind, is_ended: false };
        self.each(env, person, PART_OCTETS_MAX, |piece| match piece {
            Said::Fixed(fixed) => wire.fixed(fixed),
            Said::Text(text) => wire.text(text),
        })?;
        wire.end();
        Ok(())
    }

    /// One person's part as it is, nothing encoded and nothing closed up; at most `max` octets.
    pub(super) fn plain(&self, env: &Environment<'_>, person: &Person<'_>, max: usize) -> Result<String, Fault> {
        let mut plain = String::with_capacity(self.fixed_octets + 64);
        self.each(env, person, max, |piece| match piece {
            Said::Fixed(fixed) => plain.push_str(&fixed.text),
            Said::Text(text) => plain.push_str(text),
        })?;
        Ok(plain)
    }

    fn each(
        &self,
        env: &Environment<'_>,
        person: &Person<'_>,
        max: usize,
        mut say: impl FnMut(Said<'_>),
    ) -> Result<(), Fault> {
        let (mut room, mut fuel) = (max, FUEL);
        let shown: Vec<_> = self.columns.iter().map(|column| column.shown(person, self.kind == Kind::Html)).collect();
        for piece in &self.pieces {
            let octets = match piece {
                Piece::Fixed(fixed) => {
                    say(Said::Fixed(fixed));
                    fixed.text.len()
                }
                Piece::Value(column) => {
                    let Some(text) = shown.get(*column).and_then(Option::as_ref) else { continue };
                    say(Said::Text(text));
                    text.len()
                }
                Piece::Template(name) => {
                    let (text, spent) = dialect::render(env, name, person.scope(), room)?;
                    fuel = fuel.checked_sub(spent).ok_or(Fault::TooMuchWork)?;
                    say(Said::Text(&text));
                    text.len()
                }
            };
            room = room.checked_sub(octets).ok_or(Fault::TooLarge)?;
        }
        Ok(())
    }
}

impl Column {
    /// What the inside of a tag shows, if it is a column at all.
    fn of_tag(inside: &str) -> Column {
        let (name, or) = with_default(inside).map_or((inside, None), |(name, or)| (name, Some(or.to_owned())));
        Column { name: name.to_owned(), or }
    }

    /// What one person's tag shows, escaped for HTML if need be; `None`: nothing.
    fn shown<'p>(&'p self, person: &'p Person<'_>, in_html: bool) -> Option<Cow<'p, str>> {
        match &self.or {
            Some(or) if person.is_blank(&self.name) && in_html => Some(dialect::escaped(Cow::Borrowed(or))),
            Some(or) if person.is_blank(&self.name) => Some(Cow::Borrowed(or)),
            Some(_) | None => person.shown(&self.name, in_html),
        }
    }
}

/// `name | default('text')` in its two parts; a text with quotes, line ends or backslashes in it is left to the engine.
fn with_default(inside: &str) -> Option<(&str, &str)> {
    let (name, filter) = inside.split_once('|')?;
    let quoted = filter.trim().strip_prefix("default(")?.strip_suffix(')')?.trim();
    let text = ['\'', '"'].iter().find_map(|quote| quoted.strip_prefix(*quote)?.strip_suffix(*quote))?;
    (!text.contains(['\'', '"', '\\', '\r', '\n'])).then_some((name.trim(), text))
}

/// What a piece comes out as.
enum Said<'p> {
    Fixed(&'p Fixed),
    Text(&'p str),
}

/// A part being cut.
struct Cut<'c> {
    env: &'c mut Environment<'static>,
    name: &'c str,
    kind: Kind,
    pieces: Vec<Piece>,
    columns: Vec<Column>,
    fixed: String,
    fixed_octets: usize,
}

impl Cut<'_> {
    /// A tag, or a block of them.
    fn tag(&mut self, text: &str) -> Result<(), Error> {
        // The ending of a name decides about escaping.
        let name = format!("{}.{}", self.pieces.len(), self.name);
        self.env.add_template_owned(name.clone(), text.to_owned())?;
        let template = self.env.get_template(&name)?;
        let columns = template.undeclared_variables(false);
        let inside = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}")).map(str::trim);
        if columns.is_empty() && inside.is_some() {
            // A brace that would have been read as a tag, or another constant: the same for everybody.
            if let Ok(constant) = template.render(()) {
                self.fixed.push_str(&constant);
                self.env.remove_template(&name);
                return Ok(());
            }
        }
        self.end_fixed();
        let column = inside.map(Column::of_tag).filter(|column| columns.len() == 1 && columns.contains(&column.name));
        let is_own = |name: &str| FUNCTIONS.contains(&name) || OWN_NAMES.contains(&name);
        self.pieces.push(match column.filter(|column| !is_own(&column.name)) {
            Some(column) => {
                self.env.remove_template(&name);
                let known = self.columns.iter().position(|known| *known == column);
                Piece::Value(known.unwrap_or_else(|| {
                    self.columns.push(column);
                    self.columns.len() - 1
                }))
            }
            None => Piece::Template(name),
        });
        Ok(())
    }

    fn end_fixed(&mut self) {
        let text = std::mem::take(&mut self.fixed);
        if text.is_empty() {
            return;
        }
        self.fixed_octets += text.len();
        self.pieces.push(Piece::Fixed(Fixed::new(text, self.kind)));
    }
}

impl Fixed {
    fn new(text: String, kind: Kind) -> Fixed {
        if text.len() < ENCODED_OCTETS_MIN {
            return Fixed { text, inner: 0..0, encoded: None };
        }
        let inner = match kind {
            Kind::Html => 0..text.len(),
            Kind::Text => {
                // The white space before the first thing that shows, in its line, is shown as well.
                let shows_at = text.len() - text.trim_start().len();
                let line_at = span(&text, ..shows_at).rfind('\n').map_or(0, |line_end| line_end + 1);
                line_at..text.trim_end().len().max(line_at)
            }
        };
        let shown = span(&text, inner.clone());
        let encoded = match kind {
            Kind::Html => Some(Encoded::new(shown)),
            Kind::Text if shown.is_empty() => None,
            Kind::Text => Some(Encoded::new(close_up(shown).trim_end())),
        };
        Fixed { text, inner, encoded }
    }
}

/// The wire form of a part under way.
struct Wire<'o> {
    encoder: Encoder<'o>,
    line_ends: LineEnds,
    kind: Kind,
    /// The last text ended a line.
    is_ended: bool,
}

impl Wire<'_> {
    fn text(&mut self, text: &str) {
        match self.kind {
            Kind::Html if text.is_empty() => {}
            Kind::Html => {
                self.encoder.text(text);
                self.is_ended = text.ends_with(['\r', '\n']);
            }
            Kind::Text => self.line_ends.text(&mut self.encoder, text),
        }
    }

    fn fixed(&mut self, fixed: &Fixed) {
        self.text(span(&fixed.text, ..fixed.inner.start));
        if let Some(encoded) = &fixed.encoded {
            if self.kind == Kind::Text {
                self.line_ends.show(&mut self.encoder);
            }
            self.encoder.encoded(encoded);
            self.is_ended = encoded.ends_line();
        }
        self.text(span(&fixed.text, fixed.inner.end..));
    }

    fn end(mut self) {
        if !self.is_ended || self.kind == Kind::Text {
            self.encoder.line_end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qp::tests::decoded;
    use crate::values::Values;
    use proptest::prelude::*;

    /// One person's part from the wire, and from the whole template.
    fn both(kind: Kind, source: &str, values: &Values) -> (Result<String, String>, Result<String, String>) {
        let name = if kind == Kind::Html { "page.html" } else { "text" };
        let mut env = dialect::environment();
        env.add_template_owned(name, source.to_owned()).unwrap();
        let pieces = Pieces::cut(&mut env, name, kind, source).unwrap();
        let person = Person::new(values, [("ours", Some("<ours>".to_owned()))]);
        let mut wire = Vec::new();
        let written = pieces.write(&env, &person, &mut wire).map_err(|fault| format!("{fault:?}"));
        let written = written.map(|()| {
            let wire = String::from_utf8(wire).unwrap();
            assert!(wire.ends_with("\r\n"), "{wire:?}");
            for line in wire.split("\r\n") {
                assert!(line.len() <= 76 && !line.ends_with(' ') && !line.starts_with('.'), "{line:?}");
                assert!(!line.starts_with("From "), "{line:?}");
            }
            decoded(&wire).replace("\r\n", "\n")
        });
        let whole = dialect::render(&env, name, person.scope(), PART_OCTETS_MAX);
        let whole = whole.map(|(text, _)| {
            let text = if kind == Kind::Text { close_up(&text) } else { text };
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            if text.ends_with('\n') { text } else { format!("{text}\n") }
        });
        (written, whole.map_err(|fault| format!("{fault:?}")))
    }

    fn cut(source: &str) -> Vec<String> {
        let pieces = Pieces::cut(&mut dialect::environment(), "text", Kind::Text, source).unwrap();
        let shown = |piece: &Piece| match piece {
            Piece::Fixed(fixed) => fixed.text.clone(),
            Piece::Value(column) => match &pieces.columns[*column] {
                Column { name, or: None } => format!("value {name}"),
                Column { name, or: Some(or) } => format!("value {name} or {or}"),
            },
            Piece::Template(name) => format!("template {name}"),
        };
        pieces.pieces.iter().map(shown).collect()
    }

    #[test]
    fn names_are_looked_up_and_blocks_are_templates() {
        assert_eq!(cut("Hi {{ name }}, you\n"), ["Hi ", "value name", ", you"]);
        assert_eq!(
            cut("{% if a %}{% for b in c %}{{ b }}{% endfor %}{% endif %}.{{ a|upper }}"),
            ["template 0.text", ".", "template 1.text"]
        );
        assert_eq!(cut("{{ a | default('you') }}{{ a|default( \"\" ) }}"), ["value a or you", "value a or "]);
        for left in ["{{ a | default('y\\u006fu') }}", "{{ a | default(b) }}", "{{ a.b | default('c') }}"] {
            assert_eq!(cut(left), ["template 0.text"], "{left}");
        }
        assert_eq!(cut("{{ '{{' }} and {{ 1 + 1 }}"), ["{{ and 2"]);
        assert_eq!(cut("{{ loop }}{{ range }}"), ["template 0.text", "template 1.text"]);
        assert_eq!(cut("a {{- name }}"), ["template text"], "white space is taken away across the cut");
    }

    #[test]
    fn steps_and_octets_are_counted_over_all_pieces() {
        let long: Values = [("name", "x".repeat(PART_OCTETS_MAX / 2).as_str())].into_iter().collect();
        let (written, _) = both(Kind::Html, "{{ name }}{{ name }}x", &long);
        assert_eq!(written, Err("TooLarge".to_owned()));
        let loops = "{% for n in range(9999) %}{{ n }}{% endfor %}".repeat(20);
        assert_eq!(both(Kind::Html, &loops, &long).0, Err("TooMuchWork".to_owned()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn by_pieces_or_whole_the_same_is_said(
            source in proptest::collection::vec(prop_oneof![
                4 => "( |\\.|\n|\n\n|  \n|F|From |[a-z<&=é]{1,8}|[a-z ]{20,90}|\t|\r\n){1,6}",
                4 => Just("{{ name }}".to_owned()),
                2 => Just("{{city}}".to_owned()),
                1 => Just("{{ ours }}".to_owned()),
                1 => Just("{{ missing }}".to_owned()),
                1 => Just("{{ number }}".to_owned()),
                1 => Just("{{ city|default('no city') }}".to_owned()),
                1 => Just("{{ name | default(\"<somebody>\") }}".to_owned()),
                1 => Just("{{ ours | default('nothing of ours') }}".to_owned()),
                1 => Just("{{ city | default('') | upper }}".to_owned()),
                1 => Just("{% if name %}yes,\n\n {{ name }} {% else %}\n{% endif %}".to_owned()),
                1 => Just("{% for n in range(2) %}\n{{ n }} {{ city }}{% endfor %}".to_owned()),
                1 => Just("{{ '{%' }}".to_owned()),
            ], 0..14),
            // A lone CR at a value's end is a line end of its own, whatever follows in the template: not asked for here.
            name in "( |\\.|\n|\rx|F|Fro|m |From |<b>|&|\0|[a-zé]{1,8}|[a-z ]{20,90}){0,4}",
            city in "( |\u{a0}|\n|[a-zé]{1,8}){0,3}",
            is_html in any::<bool>(),
        ) {
            let source = source.concat();
            let values: Values = [("name", name.as_str()), ("city", city.as_str())].into_iter()
                .map(|(column, text)| (column.to_owned(), minijinja::Value::from(text)))
                .chain([("number".to_owned(), minijinja::Value::from(-3.5))])
                .collect();
            let kind = if is_html { Kind::Html } else { Kind::Text };
            let (written, whole) = both(kind, &source, &values);
            prop_assert_eq!(written, whole, "{:?}", source);
        }
    }
}
