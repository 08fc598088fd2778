//! Forms: their fields, what was typed into them, and what is wrong with it.
//!
//! A form that is refused comes back with everything that was typed and the reason beside its field. Which field a
//! problem of the API is about is told by the problem itself; what belongs to no field stands above them all.

use crate::problem::{Code, Problem};
use axum::Form as Urlencoded;
use axum::extract::{FromRequest, Request};
use std::borrow::Cow;

/// What a browser sent of a form, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Typed, Problem> {
        let read = Urlencoded::<Vec<(String, String)>>::from_request(request, state).await;
        let Urlencoded(pairs) = read.map_err(|rejection| match rejection.status().as_u16() {
            413 => Problem::from(Code::TooLarge),
            _ => Problem::from(Code::UnsupportedMediaType),
        })?;
        Ok(Typed(pairs))
    }
}

impl Typed {
    /// What is asked for in an address.
    pub(super) const fn of(pairs: Vec<(String, String)>) -> Typed {
        Typed(pairs)
    }

    /// The same as the query of an address.
    pub(super) fn as_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// Was there such a field?
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// What is in a field, as it was typed; empty where there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The same without what is around it.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The same, unless it is empty.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Is a box ticked?
    pub(super) fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Everything that was chosen under one name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// A whole number.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Problem> {
        let read = |text: String| text.parse().map_err(|_| Problem::field(name, "a whole number"));
        self.some(name).map(read).transpose()
    }

    /// The same with the line ends of this side: browsers send CRLF (HTML Living Standard, 4.10.21.8).
    pub(super) fn with_plain_lines(self) -> Typed {
        Typed(self.0.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect())
    }

    /// What was typed, with one field changed.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Typed {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

/// What came of a form that was sent: nothing yet, or a refusal of one of the page's forms.
#[derive(Default)]
pub(super) struct Entered {
    form: &'static str,
    typed: Typed,
    problem: Option<Problem>,
}

impl Entered {
    /// A form of the page was refused. What is no matter of its contents goes on as it is.
    pub(super) fn refused(form: &'static str, typed: Typed, problem: Problem) -> Result<Entered, Problem> {
        // What one may not do, or what is not there, is about the form where it is about a field of it: another choice there
        // is allowed.
        let is_about_it = problem.field.is_some() && matches!(problem.code, Code::NotAllowed | Code::NotFound)
            || matches!(
                problem.code,
                Code::InvalidField
                    | Code::UnknownField
                    | Code::AlreadyExists
                    | Code::Refused
                    | Code::WrongState
                    | Code::Held
                    | Code::BadCredentials
                    | Code::SecondFactorNeeded
                    | Code::SecondFactorWrong
                    | Code::TooManyAttempts
            );
        if is_about_it { Ok(Entered { form, typed, problem: Some(problem) }) } else { Err(problem) }
    }

    /// A form as it stands, with nothing wrong.
    pub(super) fn so_far(form: &'static str, typed: Typed) -> Entered {
        Entered { form, typed, problem: None }
    }

    /// What was typed.
    pub(super) const fn typed(&self) -> &Typed {
        &self.typed
    }

    /// Why it was refused.
    pub(super) fn into_problem(self) -> Option<Problem> {
        self.problem
    }

    /// The same refusal of something else that was typed.
    pub(super) fn again(&self, typed: Typed) -> Entered {
        Entered { form: self.form, typed, problem: self.problem.clone() }
    }

    /// The status of a page with it.
    pub(super) fn status(&self) -> axum::http::StatusCode {
        let status = self.problem.as_ref().map_or(200, |problem| problem.code.status());
        axum::http::StatusCode::from_u16(status).unwrap_or_default()
    }
}

/// What a field looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A line; the type of the input.
    Line(&'static str),
    /// So many lines.
    Area(u8),
    /// One of these: value and words.
    One(Vec<(String, String)>),
    /// Any of these: value, words, chosen.
    Several(Vec<(String, String, bool)>),
    Tick,
    Hidden,
    File(&'static str),
}

/// A field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Cow<'static, str>,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) help: Option<String>,
    /// What is wrong with it; a field that is a whole text may be wrong in several places.
    pub(super) wrongs: Vec<String>,
    pub(super) is_required: bool,
    /// For the browser: what it may fill in by itself.
    pub(super) autocomplete: Option<&'static str>,
}

impl Field {
    pub(super) fn new(name: impl Into<Cow<'static, str>>, label: impl Into<String>, kind: Kind) -> Field {
        Field {
            name: name.into(),
            label: label.into(),
            kind,
            value: String::new(),
            help: None,
            wrongs: Vec::new(),
            is_required: false,
            autocomplete: None,
        }
    }

    pub(super) fn line(name: impl Into<Cow<'static, str>>, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line("text"))
    }

    pub(super) fn number(name: impl Into<Cow<'static, str>>, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line("number"))
    }

    pub(super) fn area(name: impl Into<Cow<'static, str>>, label: impl Into<String>, rows: u8) -> Field {
        Field::new(name, label, Kind::Area(rows))
    }

    pub(super) fn one(
        name: impl Into<Cow<'static, str>>,
        label: impl Into<String>,
        options: Vec<(String, String)>,
    ) -> Field {
        Field::new(name, label, Kind::One(options))
    }

    pub(super) fn tick(name: impl Into<Cow<'static, str>>, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Tick)
    }

    pub(super) fn hidden(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Field {
        Field::new(name, "", Kind::Hidden).value(value)
    }

    /// One's password, once more.
    pub(super) fn password(name: &'static str, label: impl Into<String>) -> Field {
        Field::new(name, label, Kind::Line("password")).autocomplete("current-password").required()
    }

    pub(super) fn value(mut self, value: impl Into<String>) -> Field {
        self.value = value.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Field {
        self.help = Some(help.into());
        self
    }

    pub(super) fn required(mut self) -> Field {
        self.is_required = true;
        self
    }

    pub(super) fn autocomplete(mut self, kind: &'static str) -> Field {
        self.autocomplete = Some(kind);
        self
    }

    /// Is it what stands there now?
    pub(super) fn is_value(&self, value: &str) -> bool {
        self.value == value
    }

    /// Is a problem's field this one, or something in it?
    fn is_meant(&self, field: &str) -> bool {
        field.strip_prefix(self.name.as_ref()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// Takes what was typed; secrets and files are typed again.
    fn take(&mut self, typed: &Typed) {
        match &mut self.kind {
            Kind::Line("password") | Kind::File(_) => {}
            Kind::Several(options) => {
                let chosen = typed.all(&self.name);
                options.iter_mut().for_each(|(value, _, is_chosen)| *is_chosen = chosen.contains(value));
            }
            _ => self.value = typed.raw(&self.name).to_owned(),
        }
    }
}

/// A form.
pub(super) struct Form {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) action: String,
    pub(super) button: String,
    /// The class of its button.
    pub(super) class: &'static str,
    pub(super) help: Option<String>,
    pub(super) fields: Vec<Field>,
    pub(super) is_get: bool,
    /// More buttons: name, value, words.
    pub(super) more: Vec<(&'static str, String, String)>,
    /// Is it folded away until somebody wants it?
    pub(super) is_folded: bool,
    typed: Option<Typed>,
    /// What is wrong: the field, where it is about one, and what is said.
    wrongs: Vec<(Option<String>, String)>,
}

impl Form {
    /// A form; if it is the one that was sent, with what was typed.
    pub(super) fn new(
        id: &'static str,
        title: impl Into<String>,
        action: impl Into<String>,
        button: impl Into<String>,
        entered: &Entered,
    ) -> Form {
        let is_sent = entered.form == id;
        Form {
            id,
            title: title.into(),
            action: action.into(),
            button: button.into(),
            class: "main",
            help: None,
            fields: Vec::new(),
            is_get: false,
            more: Vec::new(),
            is_folded: false,
            typed: is_sent.then(|| entered.typed.clone()),
            wrongs: entered.problem.iter().filter(|_| is_sent).flat_map(Problem::all).map(kept).collect(),
        }
    }

    pub(super) fn field(mut self, mut field: Field) -> Form {
        if let Some(typed) = &self.typed {
            field.take(typed);
        }
        let is_meant =
            |(name, _): &mut (Option<String>, String)| name.as_deref().is_some_and(|name| field.is_meant(name));
        let meant: Vec<String> = self.wrongs.extract_if(.., is_meant).map(|(_, says)| says).collect();
        // Of a line one thing is told at a time: it is one value.
        let told = if matches!(field.kind, Kind::Area(_)) { meant.len() } else { 1 };
        field.wrongs = meant.into_iter().take(told).collect();
        self.fields.push(field);
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Form {
        self.help = Some(help.into());
        self
    }

    pub(super) fn class(mut self, class: &'static str) -> Form {
        self.class = class;
        self
    }

    pub(super) fn get(mut self) -> Form {
        self.is_get = true;
        self
    }

    pub(super) fn more(mut self, name: &'static str, value: impl Into<String>, words: impl Into<String>) -> Form {
        self.more.push((name, value.into(), words.into()));
        self
    }

    /// Folded away, unless something in it is wrong.
    pub(super) fn folded(mut self) -> Form {
        self.is_folded = true;
        self
    }

    /// Was it sent and refused?
    pub(super) fn is_open(&self) -> bool {
        !self.is_folded || self.typed.is_some()
    }

    /// What is wrong with it as a whole.
    pub(super) fn wrong(&self) -> Option<&str> {
        self.wrongs.first().map(|(_, says)| says.as_str())
    }

    /// The fields in which something is wrong.
    pub(super) fn wrong_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.wrongs.is_empty() && field.kind != Kind::Hidden)
    }

    pub(super) fn has_file(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.kind, Kind::File(_)))
    }
}

fn kept((field, says): (Option<&str>, &str)) -> (Option<String>, String) {
    (field.map(str::to_owned), says.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Faults;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        Typed(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_was_typed_comes_back_with_the_reason_beside_its_field() {
        let sent = typed(&[("name", " x "), ("scopes", "b"), ("password", "secret")]);
        let mut faults = Faults::default();
        faults.add(Problem::field("scopes[0]", "no such scope"));
        faults.add(Problem::field("name", "taken"));
        let entered = Entered::refused("add", sent, faults.hold().unwrap_err()).unwrap();
        assert_eq!(entered.status(), 422);
        let options = ["a", "b"].map(|one| (one.to_owned(), one.to_owned(), false)).to_vec();
        let form = Form::new("add", "", "/x", "", &entered)
            .field(Field::line("name", "Name"))
            .field(Field::new("scopes", "Scopes", Kind::Several(options)))
            .field(Field::new("password", "Password", Kind::Line("password")));
        assert_eq!((form.fields[0].value.as_str(), form.fields[2].value.as_str()), (" x ", ""));
        let Kind::Several(options) = &form.fields[1].kind else { panic!() };
        assert_eq!(options.iter().map(|(_, _, chosen)| *chosen).collect::<Vec<_>>(), [false, true]);
        assert_eq!((form.fields[1].wrongs.as_slice(), form.wrong()), (["no such scope".to_owned()].as_slice(), None));
        let all: Vec<_> = form.wrong_fields().flat_map(|field| &field.wrongs).collect();
        assert_eq!(all, ["taken", "no such scope"], "all at once");
        let other = Form::new("other", "", "/y", "", &entered).field(Field::line("name", "Name").value("as it was"));
        assert_eq!((other.fields[0].value.as_str(), other.wrong()), ("as it was", None));
    }

    #[test]
    fn what_belongs_to_no_field_stands_above_them_and_what_is_no_matter_of_the_form_goes_on() {
        let refused = Problem::new(Code::AlreadyExists, "there is one");
        let entered = Entered::refused("add", Typed::default(), refused).unwrap();
        assert_eq!(
            Form::new("add", "", "/x", "", &entered).field(Field::line("name", "")).wrong(),
            Some("there is one")
        );
        assert!(Entered::refused("add", Typed::default(), Problem::from(Code::NotAllowed)).is_err());
    }
}
