//! A page put together from parts: tables, forms, facts, notes. What is kept in lists and changed by forms looks the same
//! everywhere.

use super::forms::{Entered, Field, Form, Kind};
use super::layout::Layout;
use super::page;
use super::shown::Shown;
use super::spread::{self, Spread};
use askama::Template;
use axum::response::Response;
use model::Timestamp;
use std::borrow::Cow;

/// Something in a cell or in the head of a page that is pressed.
pub(super) struct Press {
    pub(super) label: String,
    /// What it is about, for those who hear the page.
    pub(super) about: String,
    pub(super) action: String,
    pub(super) class: &'static str,
    /// What is sent; `None`: it leads there and sends nothing.
    pub(super) sent: Option<Vec<(Cow<'static, str>, String)>>,
}

impl Press {
    /// A link.
    pub(super) fn to(action: impl Into<String>, label: impl Into<String>) -> Press {
        Press { label: label.into(), about: String::new(), action: action.into(), class: "", sent: None }
    }

    /// A form of one button.
    pub(super) fn send(action: impl Into<String>, label: impl Into<String>) -> Press {
        Press { sent: Some(Vec::new()), ..Press::to(action, label) }
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Press {
        self.about = about.into();
        self
    }

    pub(super) fn class(mut self, class: &'static str) -> Press {
        self.class = class;
        self
    }

    pub(super) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Press {
        self.sent.get_or_insert_default().push((name.into(), value.into()));
        self
    }
}

/// A word with a colour and a shape.
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
}

/// What stands in a cell.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// The same for programs, where it is written for people: a number, a time.
    pub(super) exact: Option<String>,
    pub(super) href: Option<String>,
    pub(super) badge: Option<Badge>,
    /// Below it, smaller.
    pub(super) sub: Vec<String>,
    /// Below that, what leads elsewhere: address and words.
    pub(super) below: Vec<(String, String)>,
    pub(super) is_code: bool,
    pub(super) is_number: bool,
    /// Does it stay on one line, as times do?
    pub(super) is_whole: bool,
    pub(super) presses: Vec<Press>,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    pub(super) fn code(text: impl Into<String>) -> Cell {
        Cell { is_code: true, ..Cell::text(text) }
    }

    /// Of an event: with its seconds.
    pub(super) fn second(shown: &Shown, at: &Timestamp) -> Cell {
        Cell { is_whole: true, ..Cell::text(shown.second(at)) }
    }

    pub(super) fn number(shown: &Shown, n: u64) -> Cell {
        Cell { is_number: true, exact: Some(n.to_string()), ..Cell::text(shown.number(&n)) }
    }

    pub(super) fn link(href: impl Into<String>, text: impl Into<String>) -> Cell {
        Cell { href: Some(href.into()), ..Cell::text(text) }
    }

    pub(super) fn badge(class: &'static str, icon: &'static str, text: impl Into<String>) -> Cell {
        Cell { badge: Some(Badge { class, icon, text: text.into() }), ..Cell::default() }
    }

    pub(super) fn presses(presses: Vec<Press>) -> Cell {
        Cell { presses, ..Cell::default() }
    }

    /// A time, or a dash.
    pub(super) fn time(shown: &Shown, at: Option<Timestamp>) -> Cell {
        let exact = Some(at.map(|at| shown.machine(&at)).unwrap_or_default());
        let text = at.map_or_else(|| "–".to_owned(), |at| shown.time(&at));
        Cell { is_whole: true, exact, ..Cell::text(text) }
    }

    pub(super) fn sub(mut self, sub: impl Into<String>) -> Cell {
        self.sub.push(sub.into());
        self
    }

    /// A number, and where the people are whom it counts.
    pub(super) fn people(shown: &Shown, n: u64, href: impl Into<String>) -> Cell {
        Cell { href: Some(href.into()), ..Cell::number(shown, n) }
    }

    /// What leads elsewhere, below it.
    pub(super) fn below(mut self, href: impl Into<String>, words: impl Into<String>) -> Cell {
        self.below.push((href.into(), words.into()));
        self
    }

    /// What it says, without its looks.
    fn plain(&self) -> String {
        let badge = self.badge.iter().map(|badge| badge.text.as_str());
        let said = std::iter::once(self.exact.as_ref().unwrap_or(&self.text).as_str())
            .chain(badge)
            .chain(self.sub.iter().map(String::as_str))
            .chain(self.below.iter().map(|(_, words)| words.as_str()));
        said.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// A table; the first cell of a row is its head.
pub(super) struct Table {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// What is said when there are no rows.
    pub(super) empty: String,
    /// The next page.
    pub(super) next: Option<String>,
    /// Back to the first page, from a later one.
    pub(super) first: Option<String>,
    /// What may be done with all of it.
    pub(super) presses: Vec<Press>,
    /// Where all of it is a table.
    csv: Csv,
}

/// Where a table can be taken out.
enum Csv {
    /// On its page ([`super::spread`]): all of it is there.
    Here,
    /// By a press of its own, because there is more of it than is shown.
    Pressed,
    /// Nowhere, for this reason.
    #[expect(dead_code, reason = "it is for those who read the page's own file")]
    Not(&'static str),
}

impl Table {
    pub(super) fn new(
        id: &'static str,
        title: impl Into<String>,
        head: Vec<String>,
        empty: impl Into<String>,
    ) -> Table {
        Table {
            id,
            title: title.into(),
            head,
            rows: Vec::new(),
            empty: empty.into(),
            next: None,
            first: None,
            presses: Vec::new(),
            csv: Csv::Here,
        }
    }

    pub(super) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Table {
        self.rows.extend(rows);
        self
    }

    pub(super) fn next(mut self, next: Option<String>) -> Table {
        self.next = next;
        self
    }

    pub(super) fn first(mut self, first: Option<String>) -> Table {
        self.first = first;
        self
    }

    pub(super) fn press(mut self, press: Press) -> Table {
        self.presses.push(press);
        self
    }

    /// The whole list as a table, by what the API calls it: `/lists`, or with what is asked of it.
    pub(super) fn with_csv(self, shown: &Shown, list: &str) -> Table {
        let with = if list.contains('?') { '&' } else { '?' };
        self.csv(shown, format!("/api/v1{list}{with}format=csv"))
    }

    /// The whole of it as a table at this address.
    pub(super) fn csv(mut self, shown: &Shown, href: impl Into<String>) -> Table {
        self.csv = Csv::Pressed;
        self.press(Press::to(href, shown.say("export-csv")))
    }

    /// It cannot be taken out, for a reason.
    pub(super) fn without_csv(mut self, why: &'static str) -> Table {
        self.csv = Csv::Not(why);
        self
    }

    /// Its cells as text; columns without a head hold what is pressed.
    fn spread(&self) -> Spread {
        let kept: Vec<usize> = (0..self.head.len()).filter(|at| !self.head_of(at).is_empty()).collect();
        let row = |row: &Vec<Cell>| kept.iter().map(|at| row.get(*at).map(Cell::plain).unwrap_or_default()).collect();
        Spread {
            id: self.id,
            head: kept.iter().map(|at| self.head_of(at).to_owned()).collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// Are there numbers in a column?
    pub(super) fn is_number(&self, index0: &usize) -> bool {
        self.rows.first().and_then(|row| row.get(*index0)).is_some_and(|cell| cell.is_number)
    }

    /// The head of a column.
    pub(super) fn head_of(&self, index0: &usize) -> &str {
        self.head.get(*index0).map_or("", String::as_str)
    }
}

/// Names and what they are.
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) lines: Vec<(String, Cell)>,
}

/// A part of a page.
pub(super) enum Part {
    Table(Table),
    Form(Box<Form>),
    Facts(Facts),
    /// A sentence that stands out: its class and icon, what it says, and what is to be copied from it.
    Note(&'static str, String, Option<String>),
    /// Text that is copied whole: its id, title and help.
    Text(&'static str, String, String, String),
    /// Links to choose from: a label, then address, words, is it the present one?
    Choice(String, Vec<(String, String, bool)>),
}

impl From<Table> for Part {
    fn from(table: Table) -> Part {
        Part::Table(table)
    }
}

impl From<Form> for Part {
    fn from(form: Form) -> Part {
        Part::Form(Box::new(form))
    }
}

impl From<Facts> for Part {
    fn from(facts: Facts) -> Part {
        Part::Facts(facts)
    }
}

/// The page.
#[derive(Template)]
#[template(path = "pages/sheet.html")]
pub(super) struct Sheet {
    layout: Layout,
    /// Where it belongs: address and words.
    up: Option<(String, String)>,
    badge: Option<Badge>,
    lead: String,
    presses: Vec<Press>,
    /// The pages beside it: address, words, is it this one?
    tabs: Vec<(String, String, bool)>,
    parts: Vec<Part>,
    /// Is it drawn anew by itself, every so many seconds?
    again: Option<u8>,
}

impl Sheet {
    pub(super) fn new(layout: Layout) -> Sheet {
        Sheet {
            layout,
            up: None,
            badge: None,
            lead: String::new(),
            presses: Vec::new(),
            tabs: Vec::new(),
            parts: Vec::new(),
            again: None,
        }
    }

    pub(super) fn up(mut self, href: impl Into<String>, words: impl Into<String>) -> Sheet {
        self.up = Some((href.into(), words.into()));
        self
    }

    pub(super) fn badge(mut self, class: &'static str, icon: &'static str, text: impl Into<String>) -> Sheet {
        self.badge = Some(Badge { class, icon, text: text.into() });
        self
    }

    pub(super) fn lead(mut self, lead: impl Into<String>) -> Sheet {
        self.lead = lead.into();
        self
    }

    pub(super) fn press(mut self, press: Press) -> Sheet {
        self.presses.push(press);
        self
    }

    pub(super) fn tabs(mut self, tabs: Vec<(String, String, bool)>) -> Sheet {
        self.tabs = tabs;
        self
    }

    pub(super) fn part(mut self, part: impl Into<Part>) -> Sheet {
        let part = match part.into() {
            Part::Table(table) if matches!(table.csv, Csv::Here) && !table.rows.is_empty() => {
                let press = Press::to(Spread::href(table.id), self.layout.shown.say("export-csv"));
                Part::Table(table.press(press))
            }
            part => part,
        };
        self.parts.push(part);
        self
    }

    /// Drawn anew after so many seconds, until it says otherwise.
    pub(super) fn again(mut self, secs: u8) -> Sheet {
        self.again = Some(secs);
        self
    }

    /// Is there nothing to fill in wide enough to stand across the page?
    fn is_wide(form: &Form) -> bool {
        form.fields.iter().any(|field| matches!(&field.kind, Kind::Area(rows) if *rows > 12))
    }

    /// The page as an answer, with what came of its forms.
    pub(super) fn answer(&self, entered: &Entered) -> Response {
        let mut response = page(self);
        if response.status().is_success() {
            *response.status_mut() = entered.status();
        }
        let tables = self.parts.iter().filter_map(|part| match part {
            Part::Table(table) if matches!(table.csv, Csv::Here) => Some(table.spread()),
            _ => None,
        });
        spread::beside(response, tables.collect())
    }
}

/// The id of a field's element.
fn id_of(form: &Form, field: &Field) -> String {
    format!("{}-{}", form.id, field.name)
}
