//! Sequences: mail that follows an event, step by step, as a tree and as JSON.
//!
//! A definition says by what people come in, what ends it early (the goal), and the steps. Steps are numbered from 1 as
//! they stand in the tree, the arms of a branch before what follows it; whoever goes on goes to a greater number, so a
//! sequence has an end. Invariant: a definition that [`Definition::check`] passes is bounded, and sends every message by
//! one step only: nobody can get it twice in one round.

use crate::segment::{NAME_BYTES_MAX, Rule, RuleError, VALUE_BYTES_MAX};
use crate::verdict::words;
use crate::{ListId, SegmentId, SkipReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The most steps of a sequence, those of its branches included.
pub const STEPS_MAX: usize = 100;
/// The most levels of branches.
pub const DEPTH_MAX: usize = 8;
/// The most rules by which people come in.
pub const ENTRIES_MAX: usize = 10;
/// The longest wait, in minutes: two years.
pub const WAIT_MINUTES_MAX: u32 = 2 * 366 * 24 * 60;

/// What a sequence is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// By what people come in; at least one.
    pub entries: Vec<Entry>,
    /// What ends it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// The time zone (IANA) of people whose own is not known; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What is done, in this order; at least one.
    pub steps: Vec<Step>,
}

/// A rule by which people come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// By what.
    pub by: By,
    /// May the same person come in by it again?
    #[serde(default)]
    pub again: Again,
}

/// By what somebody comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum By {
    /// A custom event of this name, told from now on.
    Event(String),
    /// They come onto this list from now on.
    Joins(#[serde(with = "crate::segment::as_text")] ListId),
    /// They are on this list: everybody when the sequence is activated, and whoever comes onto it.
    List(#[serde(with = "crate::segment::as_text")] ListId),
    /// They are in this segment: everybody when the sequence is activated, and whoever gets into it.
    Segment(#[serde(with = "crate::segment::as_text")] SegmentId),
    /// A program says so.
    Api,
}

/// May somebody come in again by the same rule? Never while they are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Again {
    /// No: once for good.
    #[default]
    Never,
    /// Whenever they are not on their way.
    Always,
    /// No sooner than so long after they last came in by it.
    After(Length),
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Length {
    /// In minutes.
    Minutes(u32),
    /// In hours.
    Hours(u32),
    /// In days of 24 hours.
    Days(u32),
}

/// What ends a sequence early, as reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Goal {
    /// A custom event of this name, after they came in.
    Event(String),
    /// A rule holds for them. Asked before every step, and whenever something about them is told.
    Rule(Rule),
}

/// A step.
#[expect(
    clippy::large_enum_variant,
    reason = "a definition has few steps, and nothing is gained by a box around its rule"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Wait.
    Wait(Wait),
    /// Go one way or the other.
    Branch(Branch),
    /// Send the message of this name.
    Send(String),
    /// Set one of their values.
    Set(Set),
    /// Tell whoever listens (an event `sequence_called` with this name).
    Call(String),
    /// It is over here.
    End,
}

/// How long to wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wait {
    /// So long.
    For(Length),
    /// Until it is next this time of the day where they live.
    Until(TimeOfDay),
    /// Until they do something.
    Event(Awaited),
}

/// Something waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Awaited {
    /// A custom event of this name, from the beginning of the wait on.
    pub name: String,
    /// No longer than this.
    pub at_most: Length,
}

/// One way or the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// If this holds for them …
    pub when: Rule,
    /// … these steps …
    #[serde(default)]
    pub then: Vec<Step>,
    /// … and else these; then what follows the branch.
    #[serde(default, rename = "else")]
    pub otherwise: Vec<Step>,
}

/// A value to be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: Scalar,
}

/// A value of somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// A time of the day; written `09:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

words! {
    /// Where a sequence stands.
    SequenceState {
        /// It is being written; nobody comes in.
        Draft = 0 "draft",
        /// At work.
        Active = 1 "active",
        /// People come in and nobody goes on.
        Paused = 2 "paused",
        /// Over for good.
        Archived = 3 "archived",
    }
}

words! {
    /// How somebody's way through a sequence ended.
    Departure {
        /// They came to its end.
        Ended = 0 "ended",
        /// They reached the goal.
        Reached = 1 "reached",
        /// They unsubscribed.
        Unsubscribed = 2 "unsubscribed",
        /// They complained.
        Complained = 3 "complained",
        /// Their address is dead.
        Bounced = 4 "bounced",
        /// They were suppressed by hand.
        Suppressed = 5 "suppressed",
        /// Somebody took them out.
        Removed = 6 "removed",
        /// The sequence was archived.
        Archived = 7 "archived",
        /// They were forgotten at their own wish.
        Forgotten = 8 "forgotten",
    }
}

impl Departure {
    /// Did it end before its end and the goal?
    pub const fn is_early(self) -> bool {
        !matches!(self, Departure::Ended | Departure::Reached)
    }

    /// Does this reason for not being mailed end a sequence? The others pass, or concern one message: it is skipped and
    /// its person goes on.
    pub const fn of(reason: SkipReason) -> Option<Departure> {
        match reason {
            SkipReason::Unsubscribed => Some(Departure::Unsubscribed),
            SkipReason::Complained => Some(Departure::Complained),
            SkipReason::HardBounced => Some(Departure::Bounced),
            SkipReason::SuppressedByHand => Some(Departure::Suppressed),
            SkipReason::Forgotten => Some(Departure::Forgotten),
            _ => None,
        }
    }
}

impl Length {
    /// In minutes.
    pub const fn minutes(self) -> u32 {
        match self {
            Length::Minutes(minutes) => minutes,
            Length::Hours(hours) => hours.saturating_mul(60),
            Length::Days(days) => days.saturating_mul(24 * 60),
        }
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.minutes() as i64 * 60_000
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self {
            Length::Minutes(count) => (count, "minute"),
            Length::Hours(count) => (count, "hour"),
            Length::Days(count) => (count, "day"),
        };
        write!(f, "{count} {unit}{}", if *count == 1 { "" } else { "s" })
    }
}

impl TimeOfDay {
    /// Minutes after midnight, below 1,440.
    pub const fn minutes(self) -> u16 {
        self.minutes
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = SequenceError;

    fn from_str(text: &str) -> Result<TimeOfDay, SequenceError> {
        let number = |digits: &str| match digits.len() == 2 && digits.bytes().all(|octet| octet.is_ascii_digit()) {
            true => digits.parse::<u16>().ok(),
            false => None,
        };
        let read = text.split_once(':').and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        match read {
            Some((hour, minute)) if hour < 24 && minute < 60 => Ok(TimeOfDay { minutes: hour * 60 + minute }),
            _ => refuse(format!("{text:?} is no time of the day: it is written 09:00")),
        }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = SequenceError;

    fn try_from(text: String) -> Result<TimeOfDay, SequenceError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

/// Why a tree is no sequence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SequenceError {
    /// The part it is about, as a path (`steps[2].wait`); empty: the whole.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

impl From<RuleError> for SequenceError {
    fn from(why: RuleError) -> SequenceError {
        SequenceError { place: String::new(), why: why.to_string() }
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, SequenceError> {
    Err(SequenceError { place: String::new(), why: why.into() })
}

/// What is wrong with the parts of a definition, gathered.
#[derive(Default)]
struct Faults(Vec<SequenceError>);

impl Faults {
    fn note(&mut self, place: impl Into<String>, checked: Result<(), impl Into<SequenceError>>) {
        if let Err(why) = checked {
            self.0.push(SequenceError { place: place.into(), ..why.into() });
        }
    }
}

impl Definition {
    /// Is it a sequence: bounded, every message sent by one step, and does every rule make sense? The first thing that is wrong.
    pub fn check(&self) -> Result<(), SequenceError> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that keeps it from being a sequence, in the order in which it is written.
    pub fn faults(&self) -> Vec<SequenceError> {
        let mut faults = Faults::default();
        if self.entries.is_empty() || self.entries.len() > ENTRIES_MAX {
            let many = format!("a sequence has 1 to {ENTRIES_MAX} rules by which people come in");
            faults.note("entries", refuse::<()>(many));
        } else {
            check_entries(&self.entries, &mut faults);
        }
        match &self.goal {
            Some(Goal::Rule(rule)) => faults.note("goal.rule", rule.check()),
            Some(Goal::Event(name)) if self.entries.iter().any(|entry| entry.by == By::Event(name.clone())) => {
                let both = format!("{name:?} brings people in and cannot be the goal as well");
                faults.note("goal.event", refuse::<()>(both));
            }
            Some(Goal::Event(name)) => faults.note("goal.event", check_event(name)),
            None => {}
        }
        if self.steps.is_empty() {
            faults.note("steps", refuse::<()>("a sequence has at least one step"));
        }
        let mut seen = Seen { faults, ..Seen::default() };
        check_steps(&self.steps, "steps", 1, &mut seen);
        seen.faults.0
    }

    /// The rules of its branches and its goal.
    pub fn rules(&self) -> Vec<&Rule> {
        let mut rules = Vec::new();
        if let Some(Goal::Rule(rule)) = &self.goal {
            rules.push(rule);
        }
        gather_rules(&self.steps, &mut rules);
        rules
    }

    /// The names of the messages it sends, in the order of their steps.
    pub fn messages(&self) -> Vec<&str> {
        let mut names = Vec::new();
        gather(&self.steps, &mut names);
        names
    }
}

fn gather<'a>(steps: &'a [Step], names: &mut Vec<&'a str>) {
    for step in steps {
        match step {
            Step::Send(name) => names.push(name),
            Step::Branch(branch) => {
                gather(&branch.then, names);
                gather(&branch.otherwise, names);
            }
            Step::Wait(_) | Step::Set(_) | Step::Call(_) | Step::End => {}
        }
    }
}

fn gather_rules<'a>(steps: &'a [Step], rules: &mut Vec<&'a Rule>) {
    for step in steps {
        if let Step::Branch(branch) = step {
            rules.push(&branch.when);
            gather_rules(&branch.then, rules);
            gather_rules(&branch.otherwise, rules);
        }
    }
}

fn check_entries(entries: &[Entry], faults: &mut Faults) {
    for (n, entry) in entries.iter().enumerate() {
        if let Again::After(length) = entry.again {
            faults.note(format!("entries[{n}].again"), check_length(length));
        }
        match &entry.by {
            By::Event(name) => faults.note(format!("entries[{n}].by.event"), check_event(name)),
            // Whoever stays where the rule found them would come in again and again without end.
            By::List(_) | By::Segment(_) if entry.again == Again::Always => {
                let endless = "by a list or a segment people come in again after some time at the soonest, or never";
                faults.note(format!("entries[{n}].again"), refuse::<()>(endless));
            }
            By::Joins(_) | By::List(_) | By::Segment(_) | By::Api => {}
        }
        if entries[..n].iter().any(|other| other.by == entry.by) {
            faults.note(format!("entries[{n}].by"), refuse::<()>("two rules by which people come in are the same"));
        }
    }
}

/// What was met on the way through the steps.
#[derive(Default)]
struct Seen<'a> {
    steps: usize,
    sent: BTreeSet<&'a str>,
    faults: Faults,
}

fn check_steps<'a>(steps: &'a [Step], place: &str, depth: usize, seen: &mut Seen<'a>) {
    if depth > DEPTH_MAX {
        seen.faults.note(place, refuse::<()>(format!("branches stand in each other at most {DEPTH_MAX} deep")));
        return;
    }
    for (n, step) in steps.iter().enumerate() {
        seen.steps += 1;
        if seen.steps > STEPS_MAX {
            // Said once, however many there are.
            if seen.steps == STEPS_MAX + 1 {
                seen.faults.note(place, refuse::<()>(format!("a sequence has at most {STEPS_MAX} steps")));
            }
            return;
        }
        check_step(step, &format!("{place}[{n}]"), depth, seen);
    }
}

fn check_step<'a>(step: &'a Step, place: &str, depth: usize, seen: &mut Seen<'a>) {
    match step {
        Step::Wait(Wait::For(length)) => seen.faults.note(format!("{place}.wait.for"), check_length(*length)),
        Step::Wait(Wait::Until(_)) | Step::End => {}
        Step::Wait(Wait::Event(awaited)) => {
            seen.faults.note(format!("{place}.wait.event.name"), check_event(&awaited.name));
            seen.faults.note(format!("{place}.wait.event.at_most"), check_length(awaited.at_most));
        }
        Step::Branch(branch) => {
            seen.faults.note(format!("{place}.branch.when"), branch.when.check());
            check_steps(&branch.then, &format!("{place}.branch.then"), depth + 1, seen);
            check_steps(&branch.otherwise, &format!("{place}.branch.else"), depth + 1, seen);
        }
        Step::Send(name) => {
            let sent = check_word("message", name).and_then(|()| match seen.sent.insert(name) {
                true => Ok(()),
                false => refuse(format!("the message {name:?} is sent by two steps; give each its own")),
            });
            seen.faults.note(format!("{place}.send"), sent);
        }
        Step::Set(set) => {
            seen.faults.note(format!("{place}.set.name"), check_word("value", &set.name));
            seen.faults.note(format!("{place}.set.value"), check_value(&set.value));
        }
        Step::Call(name) => seen.faults.note(format!("{place}.call"), check_event(name)),
    }
}

fn check_value(value: &Scalar) -> Result<(), SequenceError> {
    match value {
        Scalar::Text(text) if text.len() > VALUE_BYTES_MAX || text.chars().any(char::is_control) => {
            refuse(format!("a text has at most {VALUE_BYTES_MAX} octets and no control characters"))
        }
        Scalar::Number(number) if !number.is_finite() => refuse("a number is finite"),
        Scalar::Text(_) | Scalar::Number(_) | Scalar::Bool(_) => Ok(()),
    }
}

fn check_length(length: Length) -> Result<(), SequenceError> {
    if (1..=WAIT_MINUTES_MAX).contains(&length.minutes()) {
        return Ok(());
    }
    refuse("a wait lasts from a minute to two years")
}

fn check_word(what: &str, name: &str) -> Result<(), SequenceError> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return refuse(format!("the name of a {what} has 1 to {NAME_BYTES_MAX} octets and no control characters"));
    }
    Ok(())
}

fn check_event(name: &str) -> Result<(), SequenceError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return refuse(format!("{name:?} is no name of an event: 1 to 64 letters, digits, '_', '-', '.' or ':'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
        "entries": [{"by": {"event": "signed_up"}}, {"by": "api", "again": {"after": {"days": 30}}}],
        "goal": {"event": "booked"},
        "zone": "Europe/Berlin",
        "steps": [
            {"send": "welcome"},
            {"wait": {"for": {"days": 2}}},
            {"wait": {"until": "09:00"}},
            {"branch": {
                "when": {"attribute": {"name": "plan", "is": {"text": {"op": "==", "value": "pro"}}}},
                "then": [{"set": {"name": "tier", "value": 2}}, {"call": "pro"}],
                "else": [{"wait": {"event": {"name": "opened_app", "at_most": {"hours": 12}}}}, {"send": "tour"}]
            }},
            "end"
        ]
    }"#;

    fn example() -> Definition {
        serde_json::from_str(JSON).unwrap()
    }

    #[test]
    fn a_definition_is_written_as_it_is_read() {
        let definition = example();
        definition.check().unwrap();
        assert_eq!(definition.messages(), ["welcome", "tour"]);
        assert_eq!(definition.entries[0].again, Again::Never);
        let text = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&text).unwrap(), definition);
        assert!(serde_json::from_str::<Definition>(&JSON.replace("\"zone\"", "\"zome\"")).is_err());
    }

    #[test]
    fn what_is_none_is_refused() {
        let refused = |change: &dyn Fn(&mut Definition), says: &str| {
            let mut definition = example();
            change(&mut definition);
            let why = definition.check().unwrap_err().to_string();
            assert!(why.contains(says), "{why}");
        };
        refused(&|d| d.entries.clear(), "by which people come in");
        refused(&|d| d.entries[1].by = By::Event("signed_up".into()), "are the same");
        refused(&|d| d.goal = Some(Goal::Event("signed_up".into())), "cannot be the goal");
        refused(&|d| d.steps.clear(), "at least one step");
        refused(&|d| d.steps.push(Step::Send("tour".into())), "sent by two steps");
        refused(&|d| d.steps = vec![Step::End; STEPS_MAX + 1], "at most 100 steps");
        refused(&|d| d.steps.push(Step::Wait(Wait::For(Length::Days(0)))), "from a minute");
        refused(&|d| d.steps.push(Step::Wait(Wait::For(Length::Days(u32::MAX)))), "two years");
        refused(&|d| d.steps.push(Step::Call("two words".into())), "no name of an event");
        let listed = Entry { by: By::List(ListId(7)), again: Again::Always };
        refused(&|d| d.entries.push(listed.clone()), "after some time at the soonest");
        refused(
            &|d| {
                for _ in 0..DEPTH_MAX {
                    let inner = std::mem::take(&mut d.steps);
                    let when = Rule::List(ListId(1));
                    d.steps = vec![Step::Branch(Branch { when, then: inner, otherwise: vec![] })];
                }
            },
            "deep",
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let mut definition = example();
        definition.entries[1].again = Again::After(Length::Days(0));
        definition.goal = Some(Goal::Event("no name".into()));
        definition.steps[1] = Step::Wait(Wait::For(Length::Days(0)));
        let Step::Branch(branch) = &mut definition.steps[3] else { panic!("it is a branch") };
        branch.then.push(Step::Call("two words".into()));
        definition.steps.push(Step::Send("welcome".into()));
        let places: Vec<String> = definition.faults().into_iter().map(|fault| fault.place).collect();
        let expected =
            ["entries[1].again", "goal.event", "steps[1].wait.for", "steps[3].branch.then[2].call", "steps[5].send"];
        assert_eq!(places, expected);
        assert_eq!(definition.check().unwrap_err().place, expected[0], "the first of them");
        definition.steps = vec![Step::End; 3 * STEPS_MAX];
        assert_eq!(definition.faults().len(), 3, "too many are told once");
    }

    #[test]
    fn times_of_the_day_have_two_digits_each() {
        assert_eq!("09:05".parse::<TimeOfDay>().unwrap().minutes(), 545);
        assert_eq!("23:59".parse::<TimeOfDay>().unwrap().to_string(), "23:59");
        for bad in ["9:00", "24:00", "09:60", "0900", "+9:00", ""] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad:?}");
        }
    }
}
