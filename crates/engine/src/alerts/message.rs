//! What is said about trouble, as every way of telling it needs it.

use super::About;
use dispatch::alert::{Saying, words};
use model::alert::{Severity, Standing};
use model::{AlertKind, Timestamp, WorkspaceId};
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
    /// About an alert, and whose it is.
    pub(super) fn of(about: &About, standing: &Standing, saying: Saying, at: Timestamp) -> (WorkspaceId, Message) {
        let title = match saying {
            Saying::Over { .. } => format!("Over: {}", about.kind.title()),
            Saying::First | Saying::More { .. } | Saying::Still { .. } => about.kind.title().to_owned(),
        };
        let message = Message {
            state: saying.word(),
            kind: Some(about.kind),
            severity: about.kind.severity(),
            subject: about.subject.clone(),
            title,
            text: words(&standing.text, saying),
            count: standing.count,
            since: standing.first_at,
            at,
        };
        (about.workspace, message)
    }

    /// That the way works.
    pub(super) fn test(at: Timestamp) -> Message {
        Message {
            state: "alert.test",
            kind: None,
            severity: Severity::Warning,
            subject: String::new(),
            title: "A test".to_owned(),
            text: "This is a test. Nothing happened.".to_owned(),
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
