//! What a sequence is to be as a form: who comes in, the goal, a line for each step with the message it sends, and back again.
//!
//! The form and the JSON are two views of one definition. What the form has no fields for (a branch, a goal that is a rule) stands
//! in it as a line of JSON, and what a message has beside the fields is carried along: nothing is lost between them.

use super::forms::Typed;
use super::shown::Shown;
use crate::problem::Problem;
use serde_json::{Map, Value, json};

/// Lines of a form at most: the most steps of a sequence.
const LINES_MAX: usize = 100;
/// What only JSON can say.
const TEXT: &str = "text";
/// By what people come in.
pub(crate) const ENTRIES: [&str; 5] = ["event", "joins", "list", "segment", "api"];
/// Whether somebody may come in once more.
pub(crate) const AGAIN: [&str; 3] = ["never", "always", "after"];
/// What a step does.
pub(crate) const STEPS: [&str; 7] = ["send", "wait", "until", "event", "set", "call", "end"];
/// Units of a length.
pub(crate) const UNITS: [&str; 3] = ["minutes", "hours", "days"];

/// What is wrong: the field, empty where it is the line as a whole, and what is said. One for each field.
pub(super) type Wrongs = Vec<(String, String)>;

fn told<'w>(wrongs: &'w [(String, String)], field: &str) -> Option<&'w str> {
    wrongs.iter().find(|(known, _)| known == field).map(|(_, says)| says.as_str())
}

fn tell(wrongs: &mut Wrongs, field: &str, says: String) {
    if told(wrongs, field).is_none() {
        wrongs.push((field.to_owned(), says));
    }
}

/// A way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// One of [`ENTRIES`], or [`TEXT`].
    pub(super) kind: String,
    /// The event's name, the id of a list or segment, or JSON.
    pub(super) value: String,
    /// One of [`AGAIN`].
    pub(super) again: String,
    /// Of `after`.
    pub(super) days: String,
    pub(super) wrongs: Wrongs,
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// One of [`STEPS`], or [`TEXT`].
    pub(super) kind: String,
    /// Of the message, the event, the value or the call.
    pub(super) name: String,
    /// A length, and its unit.
    pub(super) amount: String,
    pub(super) unit: String,
    /// The time of the day, what is set, or JSON.
    pub(super) value: String,
    /// Of the message that is sent.
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) source: String,
    /// Of the message, what has no field here: an object of JSON.
    pub(super) rest: String,
    pub(super) wrongs: Wrongs,
}

/// The whole of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) entries: Vec<Entry>,
    /// The event that ends it early; a goal that is none of an event, as JSON.
    pub(super) goal: String,
    /// The time zone of whoever has none.
    pub(super) zone: String,
    pub(super) steps: Vec<Line>,
    /// The messages that only lines of JSON send: an object of JSON.
    pub(super) spare: String,
    /// What is wrong with no line.
    pub(super) wrongs: Wrongs,
}

impl Entry {
    fn of(value: &Value) -> Entry {
        Entry::simple(value).unwrap_or_else(|| Entry {
            kind: TEXT.to_owned(),
            value: value.to_string(),
            ..Entry::default()
        })
    }

    fn simple(value: &Value) -> Option<Entry> {
        let fields = value.as_object()?;
        let is_known = fields.keys().all(|key| key == "by" || key == "again");
        let (kind, value) = match fields.get("by").filter(|_| is_known)? {
            Value::String(word) if word == "api" => (word.clone(), String::new()),
            Value::Object(by) if by.len() == 1 => {
                let (kind, value) = by.iter().next()?;
                (kind.clone(), value.as_str()?.to_owned())
            }
            _ => return None,
        };
        let (again, days) = match fields.get("again") {
            None => (AGAIN[0].to_owned(), String::new()),
            Some(Value::String(word)) => (word.clone(), String::new()),
            Some(after) => ("after".to_owned(), after.pointer("/after/days")?.as_u64()?.to_string()),
        };
        let is_one = ENTRIES.contains(&kind.as_str()) && AGAIN.contains(&again.as_str());
        is_one.then_some(Entry { kind, value, again, days, wrongs: Wrongs::new() })
    }

    /// As it is written. What cannot be read is told, and something stands for it in which nothing is wrong.
    fn json(&mut self, shown: &Shown, at: usize) -> Value {
        if self.is_text() {
            let read = parsed(shown, "value", &self.value, &mut self.wrongs);
            return read.unwrap_or_else(|| json!({ "by": { "event": format!("unread-{at}") } }));
        }
        let by = if self.kind == "api" { json!("api") } else { json!({ self.kind.as_str(): self.value.trim() }) };
        let mut entry = json!({ "by": by });
        match self.again.as_str() {
            "always" => entry["again"] = json!("always"),
            "after" => {
                let days = counted(shown, "days", &self.days, &mut self.wrongs);
                entry["again"] = json!({ "after": { "days": days } });
            }
            _ => {}
        }
        entry
    }

    /// Which of its fields a part of it stands in.
    fn field_of(&self, part: &str) -> &'static str {
        match self.kind.as_str() {
            TEXT => "value",
            "api" if part.starts_with(".by") => "",
            _ if part.starts_with(".again") => "days",
            _ if part.starts_with(".by") => "value",
            _ => "",
        }
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        told(&self.wrongs, field)
    }

    pub(super) fn is_text(&self) -> bool {
        self.kind == TEXT
    }
}

impl Line {
    /// An empty line of a kind; `None`: there is no such kind.
    fn of_kind(kind: &str) -> Option<Line> {
        let known = STEPS.contains(&kind).then(|| kind.to_owned())?;
        Some(Line { kind: known, unit: "days".to_owned(), ..Line::default() })
    }

    fn of(step: &Value, messages: &Map<String, Value>) -> Line {
        Line::simple(step, messages).unwrap_or_else(|| Line {
            kind: TEXT.to_owned(),
            value: step.to_string(),
            ..Line::default()
        })
    }

    fn simple(step: &Value, messages: &Map<String, Value>) -> Option<Line> {
        if step.as_str() == Some("end") {
            return Line::of_kind("end");
        }
        let fields = step.as_object().filter(|fields| fields.len() == 1)?;
        let (what, value) = fields.iter().next()?;
        match (what.as_str(), value) {
            ("send", Value::String(name)) => Line::sending(name, messages.get(name)?),
            ("call", Value::String(name)) => Some(Line { name: name.clone(), ..Line::of_kind("call")? }),
            ("set", set) => {
                let value = set.get("value")?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // A text that reads as a number stays a text only in JSON.
                let is_same = as_value(&text) == *value;
                let name = set.get("name")?.as_str()?.to_owned();
                is_same.then_some(Line { name, value: text, ..Line::of_kind("set")? })
            }
            ("wait", Value::Object(wait)) if wait.len() == 1 => {
                let (how, value) = wait.iter().next()?;
                match how.as_str() {
                    "for" => {
                        let (amount, unit) = length(value)?;
                        Some(Line { amount, unit, ..Line::of_kind("wait")? })
                    }
                    "until" => Some(Line { value: value.as_str()?.to_owned(), ..Line::of_kind("until")? }),
                    "event" => {
                        let (amount, unit) = length(value.get("at_most")?)?;
                        let name = value.get("name")?.as_str()?.to_owned();
                        Some(Line { name, amount, unit, ..Line::of_kind("event")? })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn sending(name: &str, message: &Value) -> Option<Line> {
        let mut rest = message.as_object()?.clone();
        let mut take =
            |key: &str| rest.remove(key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let (from, subject) = (take("from"), take("subject"));
        let source = rest.get_mut("message").and_then(Value::as_object_mut).and_then(|own| own.remove("source"));
        let source = source.and_then(|source| source.as_str().map(str::to_owned)).unwrap_or_default();
        let rest = Value::Object(rest).to_string();
        Some(Line { name: name.to_owned(), from, subject, source, rest, ..Line::of_kind("send")? })
    }

    /// Is the message that is sent a template of the workspace?
    pub(super) fn template(&self) -> Option<String> {
        let rest: Map<String, Value> = serde_json::from_str(&self.rest).ok()?;
        rest.get("template")?.as_str().map(str::to_owned)
    }

    /// The step, with its message where it sends one. What cannot be read is told, and something stands for it in which
    /// nothing is wrong.
    fn json(&mut self, shown: &Shown, messages: &mut Map<String, Value>) -> Value {
        let name = self.name.trim().to_owned();
        match self.kind.as_str() {
            "send" => {
                messages.insert(name.clone(), self.message());
                json!({ "send": name })
            }
            "wait" => {
                let amount = counted(shown, "amount", &self.amount, &mut self.wrongs);
                json!({ "wait": { "for": { self.unit.as_str(): amount } } })
            }
            "until" => json!({ "wait": { "until": self.value.trim() } }),
            "event" => {
                let amount = counted(shown, "amount", &self.amount, &mut self.wrongs);
                json!({ "wait": { "event": { "name": name, "at_most": { self.unit.as_str(): amount } } } })
            }
            "set" => json!({ "set": { "name": name, "value": as_value(&self.value) } }),
            "call" => json!({ "call": name }),
            "end" => json!("end"),
            _ => parsed(shown, "value", &self.value, &mut self.wrongs).unwrap_or_else(|| json!("end")),
        }
    }

    /// Which of its fields a part of it stands in: of the step, or of the message that it sends.
    fn field_of(&self, part: &str) -> &'static str {
        const FIELDS: [(&str, &str); 10] = [
            (".from", "from"),
            (".subject", "subject"),
            (".message", "source"),
            (".wait.for", "amount"),
            (".wait.until", "value"),
            (".wait.event.name", "name"),
            (".wait.event.at_most", "amount"),
            (".set.name", "name"),
            (".set.value", "value"),
            (".call", "name"),
        ];
        if self.kind == TEXT {
            return "value";
        }
        FIELDS.iter().find(|(begins, _)| part.starts_with(begins)).map_or("", |(_, field)| field)
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        told(&self.wrongs, field)
    }

    /// What is wrong, but for what stands right below its own field.
    pub(super) fn wrong_beside(&self) -> impl Iterator<Item = &(String, String)> {
        self.wrongs.iter().filter(|(field, _)| !["from", "subject", "source"].contains(&field.as_str()))
    }

    fn message(&self) -> Value {
        let mut message: Map<String, Value> = serde_json::from_str(&self.rest).unwrap_or_default();
        message.insert("from".to_owned(), json!(self.from.trim()));
        if !self.subject.trim().is_empty() {
            message.insert("subject".to_owned(), json!(self.subject.trim()));
        }
        if !message.contains_key("template") {
            let own = message.entry("message").or_insert_with(|| json!({ "format": "markdown" }));
            own["source"] = json!(self.source);
        }
        Value::Object(message)
    }
}

impl Lines {
    /// Of what is written.
    pub(super) fn of(definition: &Value, messages: &Value) -> Lines {
        let none = Map::new();
        let messages = messages.as_object().unwrap_or(&none);
        let list = |name: &str| definition.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let goal = definition.get("goal").filter(|goal| !goal.is_null());
        let goal = goal.map(|goal| {
            let of_event = goal.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("event"));
            of_event.and_then(Value::as_str).map_or_else(|| goal.to_string(), str::to_owned)
        });
        let steps: Vec<Line> = list("steps").iter().map(|step| Line::of(step, messages)).collect();
        let mut spare = messages.clone();
        steps.iter().filter(|step| step.kind == "send").for_each(|step| {
            spare.remove(&step.name);
        });
        Lines {
            entries: list("entries").iter().map(Entry::of).collect(),
            goal: goal.unwrap_or_default(),
            zone: definition.get("zone").and_then(Value::as_str).unwrap_or_default().to_owned(),
            steps,
            spare: Value::Object(spare).to_string(),
            wrongs: Wrongs::new(),
        }
    }

    /// As it was typed.
    pub(super) fn typed(typed: &Typed) -> Lines {
        let entry = |n: usize| {
            let field = |name: &str| typed.raw(&format!("e{n}-{name}")).to_owned();
            typed.knows(&format!("e{n}-kind")).then(|| Entry {
                kind: field("kind"),
                value: field("value"),
                again: field("again"),
                days: field("days"),
                wrongs: Wrongs::new(),
            })
        };
        let step = |n: usize| {
            let field = |name: &str| typed.raw(&format!("s{n}-{name}")).to_owned();
            typed.knows(&format!("s{n}-kind")).then(|| Line {
                kind: field("kind"),
                name: field("name"),
                amount: field("amount"),
                unit: field("unit"),
                value: field("value"),
                from: field("from"),
                subject: field("subject"),
                source: field("source").replace("\r\n", "\n"),
                rest: field("rest"),
                wrongs: Wrongs::new(),
            })
        };
        Lines {
            entries: (1..=LINES_MAX).map_while(entry).collect(),
            goal: typed.get("goal").to_owned(),
            zone: typed.get("zone").to_owned(),
            steps: (1..=LINES_MAX).map_while(step).collect(),
            spare: typed.get("spare").to_owned(),
            wrongs: Wrongs::new(),
        }
    }

    /// Of a new one: its messages are from `from`, and say what `source` says until somebody writes them.
    pub(super) fn begin(&mut self, from: &str, source: &str) {
        for step in self.steps.iter_mut().filter(|step| step.kind == "send") {
            step.from = from.to_owned();
            step.subject.clear();
            step.source = source.to_owned();
        }
    }

    /// What was pressed: a line more, one less, one further up or down. `false`: none of that.
    pub(super) fn press(&mut self, wish: &str, typed: &Typed) -> bool {
        match wish
            .rsplit_once('-')
            .and_then(|(verb, number)| Some((verb, number.parse::<usize>().ok()?.checked_sub(1)?)))
        {
            Some(("remove", at)) if at < self.steps.len() => {
                self.steps.remove(at);
            }
            Some(("up", at)) if at > 0 && at < self.steps.len() => self.steps.swap(at - 1, at),
            Some(("down", at)) if at + 1 < self.steps.len() => self.steps.swap(at, at + 1),
            Some(("remove_entry", at)) if at < self.entries.len() => {
                self.entries.remove(at);
            }
            Some(("remove" | "up" | "down" | "remove_entry", _)) => {}
            _ if wish == "add" && self.steps.len() < LINES_MAX => self.add(typed.get("add")),
            _ if wish == "add_entry" && self.entries.len() < LINES_MAX => {
                let kind = typed.get("entry").to_owned();
                let known = ENTRIES.contains(&kind.as_str());
                self.entries.extend(known.then(|| Entry { kind, again: AGAIN[0].to_owned(), ..Entry::default() }));
            }
            _ => return wish == "add" || wish == "add_entry",
        }
        true
    }

    /// A step more; a message is from whom the one before it is.
    fn add(&mut self, kind: &str) {
        let Some(mut line) = Line::of_kind(kind) else { return };
        if kind == "send" {
            let from = self.steps.iter().rev().map(|step| &step.from).find(|from| !from.is_empty());
            line.from = from.cloned().unwrap_or_default();
            line.name = self.free_name();
        }
        self.steps.push(line);
    }

    /// A name that no message has.
    fn free_name(&self) -> String {
        let spare = self.spare_messages();
        let is_free = |name: &String| !spare.contains_key(name) && !self.steps.iter().any(|step| step.name == *name);
        (1..=LINES_MAX + 1).map(|n| format!("message_{n}")).find(is_free).unwrap_or_default()
    }

    /// The definition and the messages. What cannot be read is told where it stands ([`Lines::is_wrong`]), and something stands
    /// for it in which nothing is wrong, so that the rest can be looked at as well.
    pub(super) fn json(&mut self, shown: &Shown) -> (Value, Value) {
        let entries: Vec<Value> = self.entries.iter_mut().enumerate().map(|(at, one)| one.json(shown, at)).collect();
        let mut sent = Map::new();
        let steps: Vec<Value> = self.steps.iter_mut().map(|step| step.json(shown, &mut sent)).collect();
        let mut messages = self.spare_messages();
        messages.append(&mut sent);
        let mut definition = json!({ "entries": entries, "steps": steps });
        if self.goal.starts_with('{') {
            if let Some(goal) = parsed(shown, "goal", &self.goal, &mut self.wrongs) {
                definition["goal"] = goal;
            }
        } else if !self.goal.is_empty() {
            definition["goal"] = json!({ "event": self.goal });
        }
        if !self.zone.is_empty() {
            definition["zone"] = json!(self.zone);
        }
        (definition, Value::Object(messages))
    }

    /// Is something wrong, as far as is known?
    pub(super) fn is_wrong(&self) -> bool {
        let of_lines = self.entries.iter().map(|one| &one.wrongs).chain(self.steps.iter().map(|one| &one.wrongs));
        of_lines.chain([&self.wrongs]).any(|wrongs| !wrongs.is_empty())
    }

    /// What is wrong with no line: with one of these fields, or, empty, with none.
    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        told(&self.wrongs, field)
    }

    /// The messages that a line of JSON still names.
    fn spare_messages(&self) -> Map<String, Value> {
        let mut spare: Map<String, Value> = serde_json::from_str(&self.spare).unwrap_or_default();
        let is_read = |step: &&Line| step.kind == TEXT && step.wrongs.is_empty();
        let texts = || self.steps.iter().filter(is_read).map(|step| step.value.as_str());
        spare.retain(|name, _| texts().any(|text| text.contains(&json!(name).to_string())));
        spare
    }

    /// Puts what was refused beside the fields it is about.
    pub(super) fn blame(&mut self, problem: &Problem) {
        for (field, says) in problem.all() {
            let (wrongs, field) = self.place_of(field.unwrap_or("name"));
            tell(wrongs, field, says.to_owned());
        }
    }

    /// Where the field of a request stands here.
    fn place_of(&mut self, path: &str) -> (&mut Wrongs, &'static str) {
        if let Some((at, part)) = element(path, "definition.entries[").filter(|(at, _)| *at < self.entries.len()) {
            let entry = &mut self.entries[at];
            let field = entry.field_of(part);
            return (&mut entry.wrongs, field);
        }
        let sends = |(at, step): (usize, &Line)| Some((at, part_of_message(path, step)?));
        let of_step = element(path, "definition.steps[").filter(|(at, _)| *at < self.steps.len());
        if let Some((at, part)) = of_step.or_else(|| self.steps.iter().enumerate().find_map(sends)) {
            let step = &mut self.steps[at];
            let field = step.field_of(part);
            return (&mut step.wrongs, field);
        }
        let field = ["entries", "steps", "goal", "zone"].into_iter().find(|field| {
            let part = path.strip_prefix("definition.").and_then(|path| path.strip_prefix(field));
            part.is_some_and(|part| part.is_empty() || part.starts_with(['.', '[']))
        });
        (&mut self.wrongs, field.unwrap_or(if path == "name" { "name" } else { "" }))
    }
}

/// The number behind a path's beginning, and what follows it: 2 and `.wait` of `definition.steps[2].wait`.
fn element<'p>(path: &'p str, begins: &str) -> Option<(usize, &'p str)> {
    let (number, part) = path.strip_prefix(begins)?.split_once(']')?;
    Some((number.parse().ok()?, part))
}

/// What follows the name of the message that a step sends: `.from` of `messages.welcome.from`.
fn part_of_message<'p>(path: &'p str, step: &Line) -> Option<&'p str> {
    let part = path.strip_prefix("messages.")?.strip_prefix(step.name.as_str())?;
    (step.kind == "send" && (part.is_empty() || part.starts_with('.'))).then_some(part)
}

/// `{ "days": 3 }` as number and unit.
fn length(value: &Value) -> Option<(String, String)> {
    let (unit, amount) = value.as_object().filter(|fields| fields.len() == 1)?.iter().next()?;
    UNITS.contains(&unit.as_str()).then_some((amount.as_u64()?.to_string(), unit.clone()))
}

/// What is set: a number, yes or no, or else a text.
fn as_value(text: &str) -> Value {
    let read: Option<Value> = serde_json::from_str(text.trim()).ok();
    read.filter(|value| value.is_number() || value.is_boolean()).unwrap_or_else(|| json!(text.trim()))
}

/// A number that was typed; one where it is none.
fn counted(shown: &Shown, field: &str, text: &str, wrongs: &mut Wrongs) -> u32 {
    text.trim().parse().unwrap_or_else(|_| {
        tell(wrongs, field, shown.say("condition-no-number"));
        1
    })
}

fn parsed(shown: &Shown, field: &str, text: &str, wrongs: &mut Wrongs) -> Option<Value> {
    serde_json::from_str(text)
        .map_err(|why| {
            let place = [("line", why.line().to_string().into()), ("column", why.column().to_string().into())];
            tell(wrongs, field, shown.fill("sequence-no-json", &place));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;
    use model::{Language, Timestamp};

    fn shown() -> Shown {
        Shown { words: Words::of(Language::En), zone: jiff::tz::TimeZone::UTC, now: Timestamp::from_millis(0) }
    }

    fn written() -> (Value, Value) {
        let definition = json!({
            "entries": [
                { "by": { "event": "signed_up" } },
                { "by": "api", "again": { "after": { "days": 90 } } },
                { "by": { "list": "l_1" }, "again": { "after": { "hours": 2 } } }
            ],
            "goal": { "event": "booked" },
            "zone": "Europe/Berlin",
            "steps": [
                { "send": "welcome" },
                { "wait": { "for": { "days": 2 } } },
                { "wait": { "until": "09:00" } },
                { "branch": { "when": "attr.plan == \"pro\"", "then": [{ "send": "pro" }] } },
                { "wait": { "event": { "name": "opened_app", "at_most": { "days": 3 } } } },
                { "set": { "name": "onboarded", "value": true } },
                { "set": { "name": "code", "value": "007" } },
                { "set": { "name": "odd", "value": "7" } },
                { "call": "crm" },
                { "send": "offer" },
                "end"
            ]
        });
        let messages = json!({
            "welcome": {
                "from": "Anna <anna@news.example>", "subject": "Hi", "topic": "news",
                "message": { "format": "html", "source": "<p>Hi</p>", "preheader": "soon" }
            },
            "offer": { "from": "anna@news.example", "template": "t_1" },
            "pro": { "from": "anna@news.example", "message": { "format": "text", "source": "Pro" } }
        });
        (definition, messages)
    }

    /// The fields of the form, as a browser sends them.
    fn sent(lines: &Lines) -> Typed {
        let whole = [("goal", &lines.goal), ("zone", &lines.zone), ("spare", &lines.spare)];
        let mut pairs: Vec<(String, String)> = whole.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        for (n, entry) in lines.entries.iter().enumerate() {
            let fields =
                [("kind", &entry.kind), ("value", &entry.value), ("again", &entry.again), ("days", &entry.days)];
            pairs.extend(fields.map(|(name, value)| (format!("e{}-{name}", n + 1), value.clone())));
        }
        for (n, step) in lines.steps.iter().enumerate() {
            let fields = [
                ("kind", &step.kind),
                ("name", &step.name),
                ("amount", &step.amount),
                ("unit", &step.unit),
                ("value", &step.value),
                ("from", &step.from),
                ("subject", &step.subject),
                ("source", &step.source),
                ("rest", &step.rest),
            ];
            pairs.extend(fields.map(|(name, value)| (format!("s{}-{name}", n + 1), value.clone())));
        }
        Typed::of(pairs)
    }

    #[test]
    fn whatever_is_written_stands_in_the_form_and_comes_back_whole() {
        let (definition, messages) = written();
        let mut lines = Lines::of(&definition, &messages);
        let kinds: Vec<&str> = lines.steps.iter().map(|step| step.kind.as_str()).collect();
        let expected = ["send", "wait", "until", "text", "event", "set", "set", "text", "call", "send", "end"];
        assert_eq!(kinds, expected, "a branch, and a text that reads as a number, are JSON");
        assert_eq!(lines.entries[2].kind, "text");
        assert_eq!(lines.steps[9].template().as_deref(), Some("t_1"));
        assert_eq!(lines.json(&shown()), (definition.clone(), messages.clone()));
        let mut typed = Lines::typed(&sent(&lines));
        assert_eq!(typed.json(&shown()), (definition, messages));
        assert!(!typed.is_wrong());
        typed.press("remove-4", &Typed::default());
        let (_, messages) = typed.json(&shown());
        assert!(messages.get("pro").is_none() && messages.get("welcome").is_some(), "nobody sends it any more");
    }

    #[test]
    fn lines_are_added_moved_and_taken_away_and_keep_the_rest() {
        let mut lines = Lines::default();
        let typed = |name: &str, kind: &str| Typed::of(vec![(name.to_owned(), kind.to_owned())]);
        assert!(lines.press("add_entry", &typed("entry", "api")) && lines.press("add", &typed("add", "send")));
        lines.steps[0].from = "anna@news.example".to_owned();
        assert!(lines.press("add", &typed("add", "wait")) && lines.press("add", &typed("add", "send")));
        assert_eq!((lines.steps[2].name.as_str(), lines.steps[2].from.as_str()), ("message_2", "anna@news.example"));
        assert!(lines.press("up-3", &Typed::default()) && lines.press("down-1", &Typed::default()));
        let names: Vec<&str> = lines.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["message_2", "message_1", ""]);
        assert!(lines.press("remove-2", &Typed::default()) && lines.press("remove-9", &Typed::default()));
        assert_eq!(lines.steps.len(), 2);
        assert!(lines.press("add", &typed("add", "nonsense")) && lines.steps.len() == 2);
        assert!(!lines.press("save", &Typed::default()) && !lines.press("", &Typed::default()));
        lines.json(&shown());
        assert!(lines.is_wrong(), "nobody said how long to wait");
        assert!(lines.steps[1].wrong("amount").is_some() && lines.steps[0].wrongs.is_empty());
    }

    #[test]
    fn what_was_refused_stands_beside_its_field() {
        let (definition, messages) = written();
        let mut lines = Lines::of(&definition, &messages);
        let mut problem = Problem::field("messages.offer.from", "no address");
        let also = [
            ("definition.steps[1].wait.for", "too long"),
            ("definition.steps[3].branch.when", "no rule"),
            ("definition.entries[1].again", "too short"),
            ("definition.goal.event", "no name"),
            ("definition.zone", "nowhere"),
            ("name", "empty"),
            ("messages.nobody", "not there"),
        ];
        problem.also = also.map(|(field, says)| (field.to_owned(), says.to_owned())).to_vec();
        lines.blame(&problem);
        for (field, says) in [("name", "empty"), ("goal", "no name"), ("zone", "nowhere"), ("", "not there")] {
            assert_eq!(lines.wrong(field), Some(says));
        }
        assert_eq!(lines.entries[1].wrong("days"), Some("too short"));
        assert_eq!(lines.steps[9].wrong("from"), Some("no address"));
        assert_eq!(lines.steps[1].wrong("amount"), Some("too long"));
        assert_eq!(lines.steps[3].wrong("value"), Some("no rule"), "a line of JSON is one field");
    }

    #[test]
    fn a_line_that_cannot_be_read_hides_nothing_of_the_others() {
        let (definition, messages) = written();
        let mut lines = Lines::of(&definition, &messages);
        lines.goal = "{not json".to_owned();
        lines.steps[1].amount = "1e9x".to_owned();
        lines.steps[3].value.pop();
        lines.entries[2].value.clear();
        let (definition, messages) = lines.json(&shown());
        assert!(lines.wrong("goal").is_some() && lines.steps[1].wrong("amount").is_some());
        assert!(lines.steps[3].wrong("value").is_some() && lines.entries[2].wrong("value").is_some());
        let read: model::sequence::Definition = serde_json::from_value(definition).unwrap();
        let names = messages.as_object().unwrap().keys().map(String::as_str).collect();
        let found = engine::sequences::faults(&read, &names);
        assert!(found.is_empty(), "what stands for them is nothing wrong: {found:?}");
    }
}
