//! The template dialect of messages: what an author may use, and the bounds nobody can leave.
//!
//! minijinja does the work; this file decides what of it is in reach. There are no loaders, no includes, no macros, no
//! assignments: nothing carries a computed value from one tag to the next, and nothing repeats text, so that one tag's
//! size, the values' size and the fuel together bound memory and time. Invariants: a render takes at most [`FUEL`]
//! instructions and writes at most its cap; the HTML part escapes every value that the author did not mark `safe`.

use crate::track::percent;
use crate::values::is_blank;
use minijinja::value::Rest;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, filters, tests};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Instructions one part may take; a page with a hundred tags and a loop takes a few thousand.
pub(super) const FUEL: u64 = 100_000;
/// The most octets a filter may make.
const FILTER_OCTETS_MAX: usize = 256 * 1024;
/// How deep expressions may nest.
const RECURSION_MAX: usize = 50;
/// Templates whose name ends like this escape their values.
pub(super) const ESCAPED: &str = "html";

/// Words a statement may begin with.
pub(super) const STATEMENTS: [&str; 8] = ["if", "elif", "else", "endif", "for", "endfor", "raw", "endraw"];
/// Filters there are.
pub(super) const FILTERS: [&str; 25] = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "times",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
];
/// Functions there are.
pub(super) const FUNCTIONS: [&str; 1] = ["range"];

/// An environment with this dialect and no templates.
pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_debug(false);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION_MAX);
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_auto_escape_callback(|name| if name.ends_with(ESCAPED) { AutoEscape::Html } else { AutoEscape::None });
    env.set_formatter(write_value);
    env.add_function("range", minijinja::functions::range);
    add_filters(&mut env);
    add_tests(&mut env);
    env
}

fn add_filters(env: &mut Environment<'static>) {
    env.add_filter("abs", filters::abs);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("count", filters::length);
    env.add_filter("d", or_else);
    env.add_filter("default", or_else);
    env.add_filter("e", filters::escape);
    env.add_filter("escape", filters::escape);
    env.add_filter("first", filters::first);
    env.add_filter("float", filters::float);
    env.add_filter("int", filters::int);
    env.add_filter("join", join);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("lower", filters::lower);
    env.add_filter("replace", replace);
    env.add_filter("reverse", filters::reverse);
    env.add_filter("round", filters::round);
    env.add_filter("safe", filters::safe);
    env.add_filter("sort", filters::sort);
    env.add_filter("times", times);
    env.add_filter("title", filters::title);
    env.add_filter("trim", filters::trim);
    env.add_filter("truncate", truncate);
    env.add_filter("upper", filters::upper);
    env.add_filter("urlencode", urlencode);
}

fn add_tests(env: &mut Environment<'static>) {
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("number", tests::is_number);
    env.add_test("string", tests::is_string);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("divisibleby", tests::is_divisibleby);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("eq", tests::is_eq);
    env.add_test("equalto", tests::is_eq);
    env.add_test("in", tests::is_in);
}

/// How a value is written: nothing for what is missing, escaped in HTML.
fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let is_escaped = matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() && !value.is_number();
    match value.as_str() {
        Some(text) if is_escaped => write_escaped(out, text)?,
        Some(text) => out.write_str(text)?,
        None if is_escaped => write_escaped(out, &value.to_string())?,
        None => write!(out, "{value}")?,
    }
    Ok(())
}

/// A value as a tag that is only its name shows it; `None`: nothing.
pub(crate) fn shown(value: &Value, in_html: bool) -> Option<Cow<'_, str>> {
    if value.is_undefined() || value.is_none() {
        return None;
    }
    let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
    if in_html && !value.is_safe() && !value.is_number() { Some(escaped(text)) } else { Some(text) }
}

/// The text with the characters replaced that [`write_escaped`] replaces.
pub(crate) fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(SPECIAL) {
        return text;
    }
    let mut out = String::with_capacity(text.len() * 5 / 4 + 8);
    // Writing to a `String` cannot fail.
    write_escaped(&mut out, &text).unwrap_or_default();
    Cow::Owned(out)
}

/// Characters that matter in HTML's text and in its quoted attributes, and the one that nothing may hold.
const SPECIAL: [char; 6] = ['&', '<', '>', '"', '\'', '\0'];

fn write_escaped(out: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(SPECIAL) {
        let (before, from) = rest.split_at(at);
        out.write_str(before)?;
        out.write_str(match from.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            Some(b'\'') => "&#39;",
            _ => "",
        })?;
        rest = from.get(1..).unwrap_or_default();
    }
    out.write_str(rest)
}

/// The value, or the fallback when nothing would show: an empty cell of a table counts as missing.
fn or_else(value: &Value, fallback: Rest<Value>) -> Value {
    if is_blank(value) { fallback.first().cloned().unwrap_or_default() } else { value.clone() }
}

fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the result would be too large")
}

fn capped(text: String) -> Result<String, Error> {
    if text.len() > FILTER_OCTETS_MAX { Err(too_large()) } else { Ok(text) }
}

fn replace(text: String, from: String, to: String) -> Result<String, Error> {
    let times = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&from).count() };
    if text.len() + times.saturating_mul(to.len()) > FILTER_OCTETS_MAX {
        return Err(too_large());
    }
    Ok(text.replace(&from, &to))
}

fn join(list: &Value, between: Option<String>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut text = String::new();
    for (at, item) in list.try_iter()?.enumerate() {
        if at > 0 {
            text.push_str(&between);
        }
        match item.as_str() {
            Some(item) => text.push_str(item),
            None => write!(text, "{item}").map_err(|_| too_large())?,
        }
        text = capped(text)?;
    }
    Ok(text)
}

/// A product of numbers, also of those that a column holds as text. The sign `*` is not in reach ([`super::tags::check`]).
fn times(value: &Value, by: &Value) -> Result<Value, Error> {
    let whole = |value: &Value| value.as_str().map_or_else(|| value.as_i64(), |text| text.trim().parse().ok());
    let real = |value: &Value| {
        value.as_str().map_or_else(|| f64::try_from(value.clone()).ok(), |text| text.trim().parse().ok())
    };
    let product = whole(value).zip(whole(by)).and_then(|(a, b)| a.checked_mul(b));
    if let Some(product) = product {
        return Ok(product.into());
    }
    let product = real(value).zip(real(by)).map(|(a, b)| Value::from(a * b));
    product.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "only numbers can be multiplied"))
}

fn truncate(text: String, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text;
    }
    let mut short: String = text.chars().take(chars.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// A value as part of an address.
fn urlencode(text: String) -> Result<String, Error> {
    capped(percent(&text))
}

/// Renders the template called `name`, writing at most `cap` octets. Also says how many instructions it took.
pub(super) fn render(env: &Environment<'_>, name: &str, scope: &Value, cap: usize) -> Result<(String, u64), Fault> {
    let template = env.get_template(name).map_err(Fault::from)?;
    let mut out = Capped { octets: Vec::with_capacity(template.source().len() * 5 / 4 + 64), cap, is_full: false };
    let result = template.render_captured_to(scope.clone(), &mut out);
    if out.is_full {
        return Err(Fault::TooLarge);
    }
    let spent = result.map_err(Fault::from)?.state().fuel_levels().map_or(0, |(spent, _)| spent);
    Ok((String::from_utf8(out.octets).map_err(|_| Fault::TooLarge)?, spent))
}

/// Why a template could not be rendered.
#[derive(Debug)]
pub(super) enum Fault {
    /// More than its cap came out.
    TooLarge,
    /// The fuel was used up.
    TooMuchWork,
    /// Anything else the engine said.
    Engine(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        if error.kind() == ErrorKind::OutOfFuel { Fault::TooMuchWork } else { Fault::Engine(error) }
    }
}

/// What the engine said, without its own idea of file names.
pub(super) fn in_words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

struct Capped {
    octets: Vec<u8>,
    cap: usize,
    is_full: bool,
}

impl std::io::Write for Capped {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        if self.octets.len() + octets.len() > self.cap {
            self.is_full = true;
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
