//! What is said about trouble, as every way of telling it needs it.

use super::About;
use dispatch::alert::Saying;
use dispatch::telling::Manner;
use model::alert::{Severity, Standing};
use model::{AlertKind, Timestamp};
use serde_json::{Value, json};

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// `alert.raised`, `alert.repeated`, `alert.lasting`, `alert.over` or `alert.test`.
    pub(super) state: &'static str,
    /// What about; none in a test.
    pub(super) kind: Option<AlertKind>,
    pub(super) severity: Severity,
    pub(super) subject: String,
    /// A line.
    pub(super) title: String,
    /// A sentence or two.
    pub(super) text: String,
    count: u64,
    since: Timestamp,
    pub(super) at: Timestamp,
}

impl Message {
    /// About an alert, told in this manner.
    pub(super) fn of(about: &About, standing: &Standing, saying: Saying, manner: &Manner, at: Timestamp) -> Message {
        Message {
            state: saying.word(),
            kind: Some(about.kind),
            severity: about.kind.severity(),
            subject: about.subject.clone(),
            title: manner.title(about.kind, saying),
            text: manner.words(&standing.text, saying, at),
            count: standing.count,
            since: standing.first_at,
            at,
        }
    }

    /// That the way works.
    pub(super) fn test(manner: &Manner, at: Timestamp) -> Message {
        Message {
            state: "alert.test",
            kind: None,
            severity: Severity::Warning,
            subject: String::new(),
            title: manner.told("A test", at),
            text: manner.told("This is a test. Nothing happened.", at),
            count: 0,
            since: at,
            at,
        }
    }

    /// Title and text in one.
    pub(super) fn line(&self) -> String {
        format!("{}. {}", self.title, self.text)
    }

    /// As programs read it.
    pub(super) fn json(&self) -> Value {
        let moment = |at: Timestamp| {
            let shown = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
            format!("{shown:.3}")
        };
        json!({
            "type": self.state,
            "timestamp": moment(self.at),
            "data": {
                "kind": self.kind.map(AlertKind::word),
                "severity": self.severity.word(),
                "subject": self.subject,
                "title": self.title,
                "text": self.text,
                "count": self.count,
                "since": moment(self.since),
            },
        })
    }
}
