//! What happened in one mailing to one person, step by step.

use super::{Mailing, ended_at, is_settlement};
use crate::report::{iso, iso_or_null};
use dispatch::words;
use model::{
    Category, DeliveryState, EventKind, Outcome, SourceId, Stage, SuppressionReason, Timestamp, TlsVersion, thousands,
};
use serde::Serialize;
use std::net::IpAddr;
use store::{AttemptRow, Event, PersonData, TimelineEntry};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Step {
    /// The audience was frozen with this person in it.
    Added {
        /// When.
        #[serde(serialize_with = "iso")]
        at: Timestamp,
        /// Place in the queue; 0 for those skipped at once.
        place: u32,
        /// Of how many.
        of: u64,
        /// When an earlier mailing was last accepted.
        #[serde(serialize_with = "iso_or_null")]
        last_accepted_at: Option<Timestamp>,
    },
    /// A try.
    Try(Box<Try>),
    /// The address or its domain was suppressed on the strength of this mailing.
    Suppressed {
        /// When.
        #[serde(serialize_with = "iso")]
        at: Timestamp,
        /// Why.
        reason: SuppressionReason,
        /// The whole domain?
        whole_domain: bool,
        /// The try that proved it.
        evidence_try: u16,
        /// Made while the provider seemed to have an incident: to be confirmed or lifted.
        provisional: bool,
    },
    /// Something else about the person.
    Event {
        /// When.
        #[serde(serialize_with = "iso")]
        at: Timestamp,
        /// What.
        event: EventKind,
        /// By whom.
        by: String,
        /// In words.
        detail: Option<String>,
    },
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Try {
    /// 1 for the first; none where the delivery was settled without one.
    pub number: Option<u16>,
    /// When it began.
    #[serde(serialize_with = "iso")]
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// Where in the conversation.
    pub stage: Stage,
    /// The server.
    pub host: Option<String>,
    /// Its network address.
    pub ip: Option<IpAddr>,
    /// The session's TLS version.
    pub tls: Option<TlsVersion>,
    /// Through which source.
    #[serde(skip)]
    pub source: SourceId,
    /// That source by name, filled in by [`super::Told::name_sources`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Through>,
    /// What the server said last.
    pub reply: Option<String>,
    /// What we saw where it said nothing.
    pub note: Option<String>,
    /// The cause.
    pub category: Category,
    /// The rule that said so.
    pub rule: String,
    /// What it means.
    pub meaning: &'static str,
    /// Was it charged to the recipient?
    pub charged: bool,
    /// Where the delivery went with it.
    pub became: DeliveryState,
    /// When the next try was due.
    #[serde(serialize_with = "iso_or_null")]
    pub next_try_at: Option<Timestamp>,
    /// The conversation, if it was kept.
    pub transcript: Option<String>,
}

/// A source as people know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Through {
    /// Its name.
    pub name: String,
    /// Its address; `None`: what the system chooses.
    pub address: Option<IpAddr>,
    /// The name it greets with; empty: the machine's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ehlo_name: String,
}

/// The steps of a mailing, oldest first. `left_out`: what the campaign's log says of a group they were left out with.
pub(super) fn timeline(
    person: &PersonData,
    entry: &TimelineEntry,
    recipients: u64,
    mailings: &[Mailing<'_>],
    left_out: &[Event],
) -> Vec<Step> {
    let built_at = entry.built_at.unwrap_or_default();
    let earlier =
        mailings.iter().map(|(_, other)| *other).filter(|other| other.campaign_number < entry.campaign_number);
    let accepted = earlier.filter(|other| other.delivery.state == DeliveryState::Accepted);
    let last_accepted_at = accepted.filter_map(|other| other.delivery.last.as_ref().map(ended_at)).max();
    let next_built_at = mailings
        .iter()
        .filter(|(_, other)| other.campaign_number > entry.campaign_number)
        .filter_map(|(_, other)| other.built_at)
        .min();
    let mut steps: Vec<(Timestamp, Step)> = Vec::new();
    if let Some(at) = entry.built_at {
        steps.push((at, Step::Added { at, place: entry.delivery.position, of: recipients, last_accepted_at }));
    }
    steps.extend(entry.attempts.iter().map(|row| (row.attempt.started_at, Step::Try(Box::new(one_try(row))))));
    for kept in person.contact.suppressions.iter().filter(|kept| kept.evidence == Some(entry.delivery.delivery)) {
        let (at, reason, whole_domain, provisional) = (kept.at, kept.reason, kept.is_domain, kept.provisional);
        let evidence_try = entry.delivery.attempts;
        steps.push((at, Step::Suppressed { at, reason, whole_domain, evidence_try, provisional }));
    }
    let told = |event: &&Event| {
        let kinds =
            [EventKind::StatusChanged, EventKind::ContactEdited, EventKind::SuppressionLifted, EventKind::DoubtSettled];
        let in_time = event.at >= built_at && next_built_at.is_none_or(|next| event.at < next);
        kinds.contains(&event.kind) && in_time && event.delivery.is_none_or(|id| id == entry.delivery.delivery)
    };
    for event in person.events.iter().filter(told) {
        let (at, by, detail) = (event.at, event.actor.clone(), event.detail.clone());
        steps.push((at, Step::Event { at, event: event.kind, by, detail }));
    }
    for event in left_out {
        let (at, by) = (event.at, event.actor.clone());
        let detail = match event.kind {
            EventKind::Skipped => Some(left_out_with(event.detail.as_deref())),
            _ => event.detail.clone(),
        };
        steps.push((at, Step::Event { at, event: event.kind, by, detail }));
    }
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// What an event of a group says of one of them: the log counts the group, themselves included.
fn left_out_with(group: Option<&str>) -> String {
    let count =
        group.and_then(|group| group.split_once(' ')).and_then(|(count, _)| count.replace(',', "").parse().ok());
    match count.unwrap_or(0u64).saturating_sub(1) {
        0 => "taken out of the campaign".to_owned(),
        1 => "taken out of the campaign with 1 other".to_owned(),
        others => format!("taken out of the campaign with {} others", thousands(others)),
    }
}

fn one_try(row: &AttemptRow) -> Try {
    let attempt = &row.attempt;
    Try {
        number: Some(attempt.number).filter(|_| !is_settlement(attempt)),
        at: attempt.started_at,
        duration_ms: attempt.duration_ms,
        outcome: attempt.verdict.outcome,
        stage: attempt.verdict.stage,
        host: attempt.host.clone(),
        ip: attempt.address,
        tls: attempt.tls,
        source: row.source.unwrap_or(SourceId::THIS_MACHINE),
        through: None,
        reply: attempt.reply.as_ref().map(ToString::to_string),
        note: attempt.note.clone(),
        category: attempt.verdict.category,
        rule: attempt.verdict.rule.to_string(),
        meaning: words::explain_verdict(&attempt.verdict).meaning,
        charged: row.charged,
        became: row.became,
        next_try_at: row.due,
        transcript: row.transcript.clone(),
    }
}
