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
    pub(super) wrong: Option<String>,
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
    pub(super) wrong: Option<String>,
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
        is_one.then_some(Entry { kind, value, again, days, wrong: None })
    }

    fn json(&mut self, shown: &Shown) -> Option<Value> {
        if self.is_text() {
            return parsed(shown, &self.value, &mut self.wrong);
        }
        let by = if self.kind == "api" { json!("api") } else { json!({ self.kind.as_str(): self.value.trim() }) };
        let mut entry = json!({ "by": by });
        match self.again.as_str() {
            "always" => entry["again"] = json!("always"),
            "after" => {
                let days = counted(shown, &self.days, &mut self.wrong)?;
                entry["again"] = json!({ "after": { "days": days } });
            }
            _ => {}
        }
        Some(entry)
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

    /// The step, with its message where it sends one.
    fn json(&mut self, shown: &Shown, messages: &mut Map<String, Value>) -> Option<Value> {
        let name = self.name.trim().to_owned();
        match self.kind.as_str() {
            "send" => {
                messages.insert(name.clone(), self.message());
                Some(json!({ "send": name }))
            }
            "wait" => {
                let amount = counted(shown, &self.amount, &mut self.wrong)?;
                Some(json!({ "wait": { "for": { self.unit.as_str(): amount } } }))
            }
            "until" => Some(json!({ "wait": { "until": self.value.trim() } })),
            "event" => {
                let amount = counted(shown, &self.amount, &mut self.wrong)?;
                Some(json!({ "wait": { "event": { "name": name, "at_most": { self.unit.as_str(): amount } } } }))
            }
            "set" => Some(json!({ "set": { "name": name, "value": as_value(&self.value) } })),
            "call" => Some(json!({ "call": name })),
            "end" => Some(json!("end")),
            _ => parsed(shown, &self.value, &mut self.wrong),
        }
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
                wrong: None,
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
                wrong: None,
            })
        };
        Lines {
            entries: (1..=LINES_MAX).map_while(entry).collect(),
            goal: typed.get("goal").to_owned(),
            zone: typed.get("zone").to_owned(),
            steps: (1..=LINES_MAX).map_while(step).collect(),
            spare: typed.get("spare").to_owned(),
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

    /// The definition and the messages; `None`: a line cannot be read, and says why.
    pub(super) fn json(&mut self, shown: &Shown) -> Option<(Value, Value)> {
        let mut messages = self.spare_messages();
        let entries: Vec<Option<Value>> = self.entries.iter_mut().map(|entry| entry.json(shown)).collect();
        let steps: Vec<Option<Value>> = self.steps.iter_mut().map(|step| step.json(shown, &mut messages)).collect();
        let mut definition = json!({
            "entries": entries.into_iter().collect::<Option<Vec<_>>>()?,
            "steps": steps.into_iter().collect::<Option<Vec<_>>>()?,
        });
        if !self.goal.is_empty() {
            let rule = serde_json::from_str::<Map<String, Value>>(&self.goal);
            definition["goal"] = rule.map_or_else(|_| json!({ "event": self.goal }), Value::Object);
        }
        if !self.zone.is_empty() {
            definition["zone"] = json!(self.zone);
        }
        Some((definition, Value::Object(messages)))
    }

    /// The messages that a line of JSON still names.
    fn spare_messages(&self) -> Map<String, Value> {
        let mut spare: Map<String, Value> = serde_json::from_str(&self.spare).unwrap_or_default();
        let texts = || self.steps.iter().filter(|step| step.kind == TEXT).map(|step| step.value.as_str());
        spare.retain(|name, _| texts().any(|text| text.contains(&json!(name).to_string())));
        spare
    }

    /// Puts what was refused beside the lines it is about; what is about none is given back, each with its field.
    pub(super) fn blame(&mut self, problem: &Problem) -> Vec<(String, String)> {
        let mut rest = Vec::new();
        for (field, detail) in problem.all() {
            let field = field.unwrap_or("name");
            let wrong = if let Some(path) = field.strip_prefix("messages.") {
                let name = path.split('.').next().unwrap_or_default();
                self.steps.iter_mut().find(|step| step.kind == "send" && step.name == name).map(|step| &mut step.wrong)
            } else if let Some(at) = number_in(field, "definition.steps[") {
                self.steps.get_mut(at).map(|step| &mut step.wrong)
            } else {
                let at = number_in(field, "definition.entries[");
                at.and_then(|at| self.entries.get_mut(at)).map(|entry| &mut entry.wrong)
            };
            match wrong {
                Some(wrong) => {
                    wrong.get_or_insert_with(|| detail.to_owned());
                }
                None => rest.push((field.to_owned(), detail.to_owned())),
            }
        }
        rest
    }
}

/// The number behind a path's beginning: 2 of `definition.steps[2].wait`.
fn number_in(field: &str, begins: &str) -> Option<usize> {
    field.strip_prefix(begins)?.split(']').next()?.parse().ok()
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

fn counted(shown: &Shown, text: &str, wrong: &mut Option<String>) -> Option<u32> {
    let read = text.trim().parse().ok();
    if read.is_none() {
        *wrong = Some(shown.say("condition-no-number"));
    }
    read
}

fn parsed(shown: &Shown, text: &str, wrong: &mut Option<String>) -> Option<Value> {
    serde_json::from_str(text)
        .map_err(|why| {
            let place = [("line", why.line().to_string().into()), ("column", why.column().to_string().into())];
            *wrong = Some(shown.fill("sequence-no-json", &place));
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
        assert_eq!(lines.json(&shown()), Some((definition.clone(), messages.clone())));
        let mut typed = Lines::typed(&sent(&lines));
        assert_eq!(typed.json(&shown()), Some((definition, messages)));
        typed.press("remove-4", &Typed::default());
        let (_, messages) = typed.json(&shown()).unwrap();
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
        assert_eq!(lines.json(&shown()), None, "nobody said how long to wait");
        assert!(lines.steps[1].wrong.is_some() && lines.steps[0].wrong.is_none());
    }

    #[test]
    fn what_was_refused_stands_beside_its_line() {
        let (definition, messages) = written();
        let mut lines = Lines::of(&definition, &messages);
        let mut problem = Problem::field("messages.offer.from", "no address");
        problem.also = vec![
            ("definition.steps[1].wait".to_owned(), "too long".to_owned()),
            ("name".to_owned(), "empty".to_owned()),
        ];
        let rest = lines.blame(&problem);
        assert_eq!(rest, [("name".to_owned(), "empty".to_owned())]);
        assert_eq!(lines.steps[9].wrong.as_deref(), Some("no address"));
        assert_eq!(lines.steps[1].wrong.as_deref(), Some("too long"));
    }
}
