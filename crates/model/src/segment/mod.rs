//! Segments: a rule over people, as a tree, as JSON and as text.
//!
//! The tree is the rule; JSON is the tree for programs and for the builder, the text is the tree for people (a subset
//! of the syntax of CEL, the Common Expression Language). Two-valued throughout: a condition about something that is
//! not there is false, and its negation true. Invariant: a tree that [`Rule::check`] passes can be written as text and
//! read back as the same tree, and it is bounded: no rule can ask for endless work.

pub mod moment;
mod parse;
mod write;

#[cfg(test)]
mod tests;

pub use parse::{SegmentError, parse};

use crate::reaction::Doer;
use crate::verdict::words;
use crate::{CampaignId, CauseMark, ContactStatus, DeliveryState, ImportId, ListId, SkipReason, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most octets of a rule as text.
pub const TEXT_BYTES_MAX: usize = 8_192;
/// The most levels of a rule.
pub const DEPTH_MAX: usize = 16;
/// The most nodes of a rule: conditions, groups and what stands in them.
pub const NODES_MAX: usize = 100;
/// The most octets of a text in a rule.
pub const VALUE_BYTES_MAX: usize = 512;
/// The most octets of the name of an attribute, a property or an event.
pub const NAME_BYTES_MAX: usize = 128;
/// The most values of an `in [...]`.
pub const VALUES_MAX: usize = 100;
/// The longest span, in hours: ten years.
pub const SPAN_HOURS_MAX: u32 = 10 * 366 * 24;

/// A rule over one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// All of these hold; at least two.
    All(Vec<Rule>),
    /// One of these holds; at least two.
    Any(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
    /// About one of the person's values.
    Attribute(About),
    /// About what the ledger itself knows of them.
    Field(FieldRule),
    /// They are on a list.
    List(#[serde(with = "as_text")] ListId),
    /// They came with an import, or were in it.
    Import(#[serde(with = "as_text")] ImportId),
    /// What happened to them, or what they did, often enough.
    Event(Counted),
}

/// A named value and what holds for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name.
    pub name: String,
    /// What holds.
    pub is: Test,
}

/// A field of the ledger and what holds for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// Which.
    pub name: Field,
    /// What holds.
    pub is: Test,
}

words! {
    /// What the ledger knows of a person apart from their own values.
    Field {
        /// The address, as it is written.
        Email = 0 "email",
        /// Its domain.
        Domain = 1 "domain",
        /// The file's or program's own key.
        ExternalId = 2 "external_id",
        /// Where they were found.
        LeadSource = 3 "lead_source",
        /// `active`, `error`, `opted_out` or `unconfirmed`.
        Status = 4 "status",
        /// How lately they took notice: see [`Level`].
        Engagement = 5 "engagement",
        /// How they consented.
        ConsentSource = 6 "consent_source",
        /// When they consented.
        ConsentAt = 7 "consent_at",
        /// When they came.
        CreatedAt = 8 "created_at",
        /// When they last took notice.
        EngagedAt = 9 "engaged_at",
    }
}

words! {
    /// How lately somebody took notice: a click, a reply or an event of their own; never an open.
    Level {
        /// Within 30 days.
        Active30 = 0 "active_30",
        /// Within 90 days, not within 30.
        Active90 = 1 "active_90",
        /// Within 180 days, not within 90.
        Active180 = 2 "active_180",
        /// Longer ago.
        Cold = 3 "cold",
        /// Never, and no open is known either.
        Never = 4 "never",
        /// Never, but there are opens, which may be a machine's.
        Unknown = 5 "unknown",
    }
}

/// What holds for a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Test {
    /// There is one, and it is not an empty text.
    Exists,
    /// Compared as text, letter by letter.
    Text(TextTest),
    /// It is one of these texts.
    OneOf(Vec<String>),
    /// Compared as a number; a text that is written like one is one.
    Number(NumberTest),
    /// Compared as a time; a text written `2026-05-01` or `2026-05-01T10:00:00Z` is one.
    Time(TimeTest),
    /// It is `true` or `false`.
    Bool(bool),
}

/// A comparison of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTest {
    /// How.
    pub op: TextOp,
    /// With what.
    pub value: String,
}

/// A comparison of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberTest {
    /// How.
    pub op: Order,
    /// With what.
    pub value: f64,
}

/// A comparison of times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeTest {
    /// How.
    pub op: Order,
    /// With what.
    pub value: Moment,
}

words! {
    /// How texts are compared.
    TextOp {
        /// The same.
        Is = 0 "==",
        /// Not the same, or there is none.
        IsNot = 1 "!=",
        /// Has it in it.
        Contains = 2 "contains",
        /// Begins with it.
        StartsWith = 3 "starts_with",
        /// Ends with it.
        EndsWith = 4 "ends_with",
    }
}

words! {
    /// How numbers and times are compared.
    Order {
        /// The same.
        Is = 0 "==",
        /// Not the same, or there is none.
        IsNot = 1 "!=",
        /// Less, earlier.
        Less = 2 "<",
        /// At most, not later.
        AtMost = 3 "<=",
        /// More, later.
        More = 4 ">",
        /// At least, not earlier.
        AtLeast = 5 ">=",
    }
}

/// A point in time: fixed, or as far from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Moment {
    /// Fixed.
    #[serde(with = "moment::text")]
    At(Timestamp),
    /// So long before the rule is asked.
    Ago(Span),
    /// So long after it is asked.
    Ahead(Span),
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Span {
    /// In days of 24 hours.
    Days(u32),
    /// In hours.
    Hours(u32),
}

/// Events counted or summed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Which.
    pub of: Happening,
    /// How often, or how much.
    pub measure: Measure,
}

/// How often, or how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measure {
    /// How many there are; zero when there is none.
    Count(CountTest),
    /// The sum of their values; zero when there is none.
    Sum(NumberTest),
}

/// A comparison of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountTest {
    /// How.
    pub op: Order,
    /// With what.
    pub value: u32,
}

impl Measure {
    /// At least one.
    pub const ONCE: Measure = Measure::Count(CountTest { op: Order::AtLeast, value: 1 });
}

/// Which events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// What happened.
    pub what: What,
    /// The name of a custom event; every event of the kind when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With mail of this campaign only.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text::option")]
    pub campaign: Option<CampaignId>,
    /// For this cause of the report only; it names where they stand as well, which is what happened.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text::option")]
    pub cause: Option<CauseMark>,
    /// Only what was put off at first: a try before the last one ended deferred (mail).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub put_off: bool,
    /// Only whoever was left out for this reason (`skipped`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SkipReason>,
    /// With this variant of the campaign's message only, by its letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<char>,
    /// This link of the message only, from 1; 0: the one that only machines see (clicks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// Only what was done by a person, a machine, or nobody knows by whom; without it, what a person surely did (opens and
    /// clicks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Doer>,
    /// What machines did counts too, and what nobody knows whether they did (opens and clicks).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub machines: bool,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Only after another event, and no later than a span after it; never after itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<After>>,
    /// What holds for the properties (custom events); all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<About>,
}

words! {
    /// What can happen to somebody, or what they can do.
    What {
        /// A message was tried.
        Sent = 0 "sent",
        /// A message was accepted by their server.
        Accepted = 1 "accepted",
        /// A message bounced, hard or soft.
        Bounced = 2 "bounced",
        /// A message was refused for a reason that is not the address.
        Blocked = 3 "blocked",
        /// They opened a message.
        Opened = 4 "opened",
        /// They followed a link.
        Clicked = 5 "clicked",
        /// They answered.
        Replied = 6 "replied",
        /// They called a message spam.
        Complained = 7 "complained",
        /// They unsubscribed.
        Unsubscribed = 8 "unsubscribed",
        /// Another system told of it.
        Did = 9 "did",
        /// A message was put off until nobody tried any more, or could not be delivered this time.
        Soft = 10 "soft",
        /// The address of a message does not work.
        Hard = 11 "hard",
        /// It is not known whether a message arrived.
        InDoubt = 12 "in_doubt",
        /// They were left out of a mailing; that is at no time.
        Skipped = 13 "skipped",
        /// A message waits for its first try, or to be sent once more after a doubt; that is at no time.
        Queued = 14 "queued",
        /// A message was put off and waits for another try.
        Deferred = 15 "deferred",
    }
}

impl What {
    /// Is it found among deliveries, at the time of the first try?
    pub const fn is_of_a_delivery(self) -> bool {
        matches!(self, What::Sent | What::Bounced) || self.state().is_some()
    }

    /// Where somebody's delivery stands then; `None`: it is in no one state, or not about a delivery.
    pub const fn state(self) -> Option<DeliveryState> {
        Some(match self {
            What::Accepted => DeliveryState::Accepted,
            What::Blocked => DeliveryState::Blocked,
            What::Soft => DeliveryState::Soft,
            What::Hard => DeliveryState::Hard,
            What::InDoubt => DeliveryState::InDoubt,
            What::Skipped => DeliveryState::Skipped,
            What::Queued => DeliveryState::Queued,
            What::Deferred => DeliveryState::Deferred,
            What::Sent
            | What::Bounced
            | What::Opened
            | What::Clicked
            | What::Replied
            | What::Complained
            | What::Unsubscribed
            | What::Did => return None,
        })
    }

    /// What happened to whom a delivery stands so.
    pub fn of_state(state: DeliveryState) -> What {
        // Every state has one.
        What::ALL.iter().copied().find(|what| what.state() == Some(state)).unwrap_or(What::Sent)
    }
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    /// In the last so many days.
    Within(Span),
    /// Not before.
    Since(Moment),
    /// Before.
    Before(Moment),
    /// Not before the first, and before the second.
    Between(Moment, Moment),
}

/// Not earlier than another event of the same person, and no later than a span after it. No event is after itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The other event.
    pub event: Happening,
    /// How long after it.
    pub within: Span,
}

impl Happening {
    /// Every event of a kind.
    pub const fn any(what: What) -> Happening {
        Happening {
            what,
            name: None,
            campaign: None,
            cause: None,
            put_off: false,
            reason: None,
            variant: None,
            link: None,
            by: None,
            machines: false,
            window: None,
            after: None,
            properties: Vec::new(),
        }
    }
}

impl Span {
    /// In hours.
    pub const fn hours(self) -> u32 {
        match self {
            Span::Days(days) => days.saturating_mul(24),
            Span::Hours(hours) => hours,
        }
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.hours() as i64 * 3_600_000
    }
}

impl Moment {
    /// Which point in time it is.
    pub const fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::At(at) => at,
            Moment::Ago(span) => Timestamp::from_millis(now.as_millis().saturating_sub(span.as_millis())),
            Moment::Ahead(span) => Timestamp::from_millis(now.as_millis().saturating_add(span.as_millis())),
        }
    }
}

impl Window {
    /// The first millisecond of it and the first after it; `None`: no bound.
    pub fn resolve(self, now: Timestamp) -> (Option<i64>, Option<i64>) {
        let at = |moment: Moment| Some(moment.resolve(now).as_millis());
        match self {
            Window::Within(span) => (at(Moment::Ago(span)), None),
            Window::Since(from) => (at(from), None),
            Window::Before(to) => (None, at(to)),
            Window::Between(from, to) => (at(from), at(to)),
        }
    }
}

impl Field {
    /// Is it a time? The others are texts.
    pub const fn is_time(self) -> bool {
        matches!(self, Field::ConsentAt | Field::CreatedAt | Field::EngagedAt)
    }
}

/// Ids in JSON: as texts, because programs in some languages cannot hold the numbers.
pub(crate) mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(crate) fn serialize<T: Display, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }

    /// Where there may be none.
    pub(super) mod option {
        use super::{Deserializer, Display, FromStr, Serializer};

        pub(in super::super) fn serialize<T: Display, S: Serializer>(
            id: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match id {
                Some(id) => serializer.collect_str(id),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<T>, D::Error> {
            use serde::{Deserialize, de::Error};
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
        }
    }
}

/// Why a tree is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

fn refuse<T>(why: impl Into<String>) -> Result<T, RuleError> {
    Err(RuleError(why.into()))
}

/// What a rule names that may be gone some day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Lists.
    pub lists: BTreeSet<ListId>,
    /// Imports.
    pub imports: BTreeSet<ImportId>,
    /// Campaigns.
    pub campaigns: BTreeSet<CampaignId>,
    /// Links of a campaign's message, by their numbers.
    pub links: BTreeSet<(CampaignId, u32)>,
    /// Causes of a campaign's report.
    pub causes: BTreeSet<(CampaignId, CauseMark)>,
}

impl Rule {
    /// What it names.
    pub fn named(&self) -> Named {
        let mut named = Named::default();
        gather(self, &mut named);
        named
    }

    /// Is it a rule: bounded, and does every comparison make sense?
    pub fn check(&self) -> Result<(), RuleError> {
        let mut nodes = 0;
        check_rule(self, 1, &mut nodes)?;
        if self.to_string().len() > TEXT_BYTES_MAX {
            return refuse(format!("written as text, a rule has at most {TEXT_BYTES_MAX} octets"));
        }
        Ok(())
    }
}

fn gather(rule: &Rule, named: &mut Named) {
    match rule {
        Rule::All(parts) | Rule::Any(parts) => parts.iter().for_each(|part| gather(part, named)),
        Rule::Not(part) => gather(part, named),
        Rule::List(id) => named.lists.extend([*id]),
        Rule::Import(id) => named.imports.extend([*id]),
        Rule::Event(counted) => {
            let mut of = Some(&counted.of);
            while let Some(happening) = of {
                named.campaigns.extend(happening.campaign);
                named.links.extend(happening.campaign.zip(happening.link));
                named.causes.extend(happening.campaign.zip(happening.cause.clone()));
                of = happening.after.as_deref().map(|after| &after.event);
            }
        }
        Rule::Attribute(_) | Rule::Field(_) => {}
    }
}

fn step(depth: usize, nodes: &mut usize) -> Result<(), RuleError> {
    *nodes += 1;
    if *nodes > NODES_MAX {
        return refuse(format!("a rule has at most {NODES_MAX} conditions and groups"));
    }
    if depth > DEPTH_MAX { refuse(format!("a rule has at most {DEPTH_MAX} levels")) } else { Ok(()) }
}

fn check_rule(rule: &Rule, depth: usize, nodes: &mut usize) -> Result<(), RuleError> {
    step(depth, nodes)?;
    match rule {
        Rule::All(parts) | Rule::Any(parts) => {
            if parts.len() < 2 {
                return refuse("all and any need at least two conditions");
            }
            parts.iter().try_for_each(|part| check_rule(part, depth + 1, nodes))
        }
        Rule::Not(part) => check_rule(part, depth + 1, nodes),
        Rule::Attribute(about) => check_about(about),
        Rule::Field(FieldRule { name, is }) => check_field(*name, is),
        Rule::List(_) | Rule::Import(_) => Ok(()),
        Rule::Event(counted) => {
            if let Measure::Sum(test) = &counted.measure {
                if counted.of.what != What::Did {
                    return refuse("only the values of custom events can be summed");
                }
                check_number(test.value)?;
            }
            check_happening(&counted.of, depth, nodes)
        }
    }
}

fn check_name(name: &str) -> Result<(), RuleError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return refuse(format!("a name has 1 to {NAME_BYTES_MAX} octets and no control characters"));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), RuleError> {
    if text.len() > VALUE_BYTES_MAX || text.chars().any(char::is_control) {
        return refuse(format!("a text has at most {VALUE_BYTES_MAX} octets and no control characters"));
    }
    Ok(())
}

fn check_number(number: f64) -> Result<(), RuleError> {
    // Beyond this a decimal text and the number it stands for are no longer told apart safely.
    if number.is_finite() && number.abs() <= 1e15 { Ok(()) } else { refuse("a number lies between -10^15 and 10^15") }
}

fn check_span(span: Span) -> Result<(), RuleError> {
    if span.hours() > SPAN_HOURS_MAX { refuse("a span has at most ten years") } else { Ok(()) }
}

fn check_moment(moment: Moment) -> Result<(), RuleError> {
    match moment {
        Moment::At(at) if moment::is_writable(at) => Ok(()),
        Moment::At(_) => refuse("a time is a whole second between the years 1 and 9999"),
        Moment::Ago(span) | Moment::Ahead(span) => check_span(span),
    }
}

fn check_about(about: &About) -> Result<(), RuleError> {
    check_name(&about.name)?;
    check_test(&about.is)
}

fn check_test(test: &Test) -> Result<(), RuleError> {
    match test {
        Test::Exists | Test::Bool(_) => Ok(()),
        Test::Text(test) => check_text(&test.value),
        Test::OneOf(values) if values.is_empty() || values.len() > VALUES_MAX => {
            refuse(format!("in [...] has 1 to {VALUES_MAX} values"))
        }
        Test::OneOf(values) => values.iter().try_for_each(|value| check_text(value)),
        Test::Number(test) => check_number(test.value),
        Test::Time(test) => check_moment(test.value),
    }
}

fn check_field(field: Field, test: &Test) -> Result<(), RuleError> {
    check_test(test)?;
    let values: Vec<&str> = match test {
        Test::Exists => return Ok(()),
        Test::Time(_) if field.is_time() => return Ok(()),
        Test::Text(test) if !field.is_time() => vec![test.value.as_str()],
        Test::OneOf(values) if !field.is_time() => values.iter().map(String::as_str).collect(),
        _ if field.is_time() => {
            return refuse(format!("{field} is a time: compare it with date(\"…\") or now - days(…)"));
        }
        _ => return refuse(format!("{field} is a text: compare it with \"…\"")),
    };
    let exact = matches!(test, Test::OneOf(_) | Test::Text(TextTest { op: TextOp::Is | TextOp::IsNot, .. }));
    let known: Vec<&str> = match field {
        Field::Status => ContactStatus::ALL.iter().map(|status| status.word()).collect(),
        Field::Engagement => Level::ALL.iter().map(|level| level.word()).collect(),
        _ => return Ok(()),
    };
    match values.iter().find(|value| !known.contains(value)) {
        _ if !exact => refuse(format!("{field} is compared with == != or in")),
        Some(value) => refuse(format!("there is no {field} {value:?}: {}", known.join(", "))),
        None => Ok(()),
    }
}

/// A cause says where people stand, and so does what happened: they have to be of one mind.
fn check_cause(of: &Happening) -> Result<(), RuleError> {
    let Some(cause) = &of.cause else { return Ok(()) };
    check_text(&cause.to_string())?;
    match What::of_state(cause.class) {
        stands if stands == of.what => Ok(()),
        stands => refuse(format!("the cause \"{cause}\" is one of {stands}, not of {}", of.what)),
    }
}

fn check_happening(of: &Happening, depth: usize, nodes: &mut usize) -> Result<(), RuleError> {
    if of.name.is_some() && of.what != What::Did {
        return refuse(format!("{} has no name", of.what));
    }
    of.name.as_deref().map_or(Ok(()), check_name)?;
    if of.campaign.is_some() && of.what == What::Did {
        return refuse("a custom event belongs to no campaign");
    }
    check_cause(of)?;
    if of.put_off && !of.what.is_of_a_delivery() {
        return refuse("only mail is put off");
    }
    if of.reason.is_some() && of.what != What::Skipped {
        return refuse(format!("whoever was skipped has a reason, {} has none", of.what));
    }
    match of.variant {
        None => {}
        Some(_) if of.campaign.is_none() => return refuse("name the campaign whose variant it is"),
        Some(letter) if !letter.is_ascii_uppercase() => {
            return refuse(format!("{letter} is no variant: A, B, …"));
        }
        Some(_) => {}
    }
    if of.link.is_some() && of.what != What::Clicked {
        return refuse("only clicks have a link");
    }
    if (of.machines || of.by.is_some()) && !matches!(of.what, What::Opened | What::Clicked) {
        return refuse("machines only open and click");
    }
    if of.machines && of.by.is_some() {
        return refuse("machines() counts what anybody did, by(…) what one of them did: write one of both");
    }
    if !of.properties.is_empty() && of.what != What::Did {
        return refuse("only custom events have properties");
    }
    match of.window {
        Some(Window::Within(span)) => check_span(span)?,
        Some(Window::Since(moment) | Window::Before(moment)) => check_moment(moment)?,
        Some(Window::Between(from, to)) => {
            check_moment(from)?;
            check_moment(to)?;
        }
        None => {}
    }
    for about in &of.properties {
        step(depth + 1, nodes)?;
        check_about(about)?;
    }
    let Some(after) = &of.after else { return Ok(()) };
    check_span(after.within)?;
    step(depth + 1, nodes)?;
    check_happening(&after.event, depth + 1, nodes)
}
