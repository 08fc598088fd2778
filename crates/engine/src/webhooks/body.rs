//! An event as a webhook tells it: `{type, timestamp, data}`. Ids have their prefixes; an address stands in it as long as
//! the workspace still has it.

use model::reaction::MACHINE_SCORE;
use model::{EventKind, Timestamp};
use serde_json::{Map, Value, json};
use store::{Event, EventFacts, Webhook};

/// The body of a test.
pub(super) fn of_test(webhook: &Webhook, now: Timestamp) -> Vec<u8> {
    let data = json!({ "webhook": webhook.id.to_string(), "text": "This is a test. Nothing happened." });
    json!({ "type": "webhook.test", "timestamp": written(now), "data": data }).to_string().into_bytes()
}

/// The body of an event under the name it has outside.
pub(super) fn of_event(name: &str, event: &Event, facts: &EventFacts) -> Vec<u8> {
    let mut data = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(key.to_owned(), value);
        }
    };
    put("event", Some(json!(event.cursor.to_string())));
    put("actor", Some(json!(event.actor)).filter(|_| !event.actor.is_empty()));
    put("campaign", event.campaign.map(|id| json!(id.to_string())));
    put("campaign_name", facts.campaign.as_ref().map(|name| json!(name)));
    put("message", event.delivery.map(|id| json!(id.to_string())));
    put("contact", event.contact.map(|id| json!(id.to_string())));
    put("to", facts.email.as_ref().map(|email| json!(email)));
    put("import", event.import.map(|id| json!(id.to_string())));
    put("reason", event.skip.map(|reason| json!(reason.word())));
    put("class", class(event.kind).map(|class| json!(class)));
    put("attempt", event.attempt.map(|number| json!(number)));
    if let Some(row) = &facts.attempt {
        let verdict = &row.attempt.verdict;
        put("cause", Some(json!(verdict.category.word())).filter(|_| event.kind != EventKind::Accepted));
        put("server", row.attempt.host.as_ref().map(|host| json!(host)));
        put("provider", row.provider.as_ref().map(|provider| json!(provider)));
        put("code", row.attempt.reply.as_ref().map(|reply| json!(reply.code)));
        let enhanced = row.attempt.reply.as_ref().and_then(|reply| reply.enhanced);
        put("enhanced_code", enhanced.map(|code| json!(code.to_string())));
        put("said", row.attempt.reply.as_ref().map(|reply| json!(reply.text)));
        put("note", row.attempt.note.as_ref().map(|note| json!(note)));
        put("next_attempt_at", row.due.filter(|_| event.kind == EventKind::Deferred).map(|due| json!(written(due))));
    }
    if let Some(reaction) = &event.reaction {
        put("machine", Some(json!(reaction.score >= MACHINE_SCORE)).filter(|_| event.kind != EventKind::CustomEvent));
        put("link", reaction.link.map(|number| json!(number)));
        put("url", facts.url.as_ref().map(|url| json!(url)));
        put("name", reaction.name.as_ref().map(|name| json!(name)));
        put("value", reaction.value_micros.map(|micros| json!(micros as f64 / 1e6)));
        put("properties", event.detail.as_deref().and_then(|text| serde_json::from_str(text).ok()));
    } else {
        put("detail", event.detail.as_ref().map(|detail| json!(detail)));
    }
    json!({ "type": name, "timestamp": written(event.at), "data": data }).to_string().into_bytes()
}

/// Was it the last word of a mailbox, or only of this mailing?
fn class(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::HardBounced => Some("hard"),
        EventKind::SoftBounced => Some("soft"),
        _ => None,
    }
}

/// RFC 3339 in UTC, to the millisecond.
fn written(at: Timestamp) -> String {
    let shown = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    format!("{shown:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        Attempt, CampaignId, Category, ContactId, DeliveryId, DeliveryState, Outcome, ReactionKind, Reply, Scope,
        Stage, Verdict, WorkspaceId,
    };
    use store::AttemptRow;
    use store::reaction::ReactionPart;

    const REFERENCE: &str = include_str!("../../../../docs/reference/webhooks.md");
    const AT: Timestamp = Timestamp::from_millis(1_772_442_000_412);

    /// The examples of the reference, in their order.
    fn examples() -> Vec<Value> {
        let blocks = REFERENCE.split("```json").skip(1);
        blocks.map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap()).collect()
    }

    fn event(place: &str, kind: EventKind, actor: &str) -> Event {
        Event {
            cursor: place.parse().unwrap(),
            workspace: WorkspaceId::FIRST,
            at: AT,
            kind,
            actor: actor.to_owned(),
            campaign: Some(CampaignId(7)),
            delivery: Some(DeliveryId(8)),
            contact: Some(ContactId(9)),
            address: None,
            import: None,
            became: None,
            skip: None,
            attempt: None,
            reaction: None,
            detail: None,
        }
    }

    fn facts() -> EventFacts {
        let email = Some("kim@example.org".to_owned());
        EventFacts { email, campaign: Some("Spring news".to_owned()), ..EventFacts::default() }
    }

    fn said(name: &str, event: &Event, facts: &EventFacts) -> Value {
        serde_json::from_slice(&of_event(name, event, facts)).unwrap()
    }

    #[test]
    fn a_bounce_is_told_as_the_reference_says() {
        let verdict = Verdict {
            outcome: Outcome::Hard,
            category: Category::UnknownRecipient,
            scope: Scope::Recipient,
            stage: Stage::Rcpt,
            rule: "reply-test".into(),
            retry_after: None,
        };
        let attempt = Attempt {
            delivery: DeliveryId(8),
            number: 1,
            started_at: AT,
            duration_ms: 0,
            verdict,
            reply: Some(Reply::new(550, "5.1.1 no such user here")),
            note: None,
            host: Some("mx1.example.org".to_owned()),
            address: None,
            tls: None,
            reached_receiver: true,
        };
        let row = AttemptRow {
            attempt,
            became: DeliveryState::Hard,
            due: None,
            charged: true,
            source: None,
            provider: Some("google".to_owned()),
            transcript: None,
        };
        let bounced = Event { attempt: Some(1), ..event("4711", EventKind::HardBounced, "engine") };
        let told = said("message.bounced", &bounced, &EventFacts { attempt: Some(row), ..facts() });
        assert_eq!(told, examples()[0]);
    }

    #[test]
    fn clicks_and_events_of_others_are_told_as_the_reference_says() {
        let part =
            ReactionPart { kind: ReactionKind::Clicked, link: Some(2), name: None, score: 10, value_micros: None };
        let clicked = Event { reaction: Some(part), ..event("4712", EventKind::Clicked, "recipient") };
        let url = Some("https://shop.example/spring".to_owned());
        assert_eq!(said("message.clicked", &clicked, &EventFacts { url, ..facts() }), examples()[1]);
        let part = ReactionPart {
            kind: ReactionKind::Custom,
            link: None,
            name: Some("purchased".to_owned()),
            score: 0,
            value_micros: Some(49_900_000),
        };
        let told = Event {
            reaction: Some(part),
            detail: Some(r#"{"room":"sea"}"#.to_owned()),
            campaign: None,
            delivery: None,
            ..event("4713", EventKind::CustomEvent, "recipient")
        };
        assert_eq!(said("contact.event", &told, &EventFacts { campaign: None, ..facts() }), examples()[2]);
    }

    #[test]
    fn the_reference_has_every_name() {
        for name in dispatch::webhook::names() {
            assert!(REFERENCE.contains(&format!("`{name}`")), "{name}");
        }
    }
}
