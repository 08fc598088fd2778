//! Things that go wrong with servers for a while, apart from their habits.
//!
//! A fault names a host or a whole provider, a stretch of time, and what happens. The first that fits counts. What a
//! provider does always stands in its profile instead.

use crate::receiver::{Action, Answer};
use model::{Reply, Stage, Timestamp};
use std::time::Duration;

/// A passing fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A host's name or a provider's key.
    pub at: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// What goes wrong.
    pub trouble: Trouble,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Connections are refused.
    Down,
    /// Connections are not answered.
    Silent,
    /// The line is cut at this stage of a conversation instead of a reply. At `final`, the message is not taken.
    CutAt(Stage),
    /// Nothing is said any more from this stage on, and the line stays open. At `final`, the message is not taken.
    MuteAt(Stage),
    /// Something is said at this stage that is no answer. At `final`, the message is not taken.
    RaveAt(Stage, Rave),
    /// A refusal with this code. At `final`, the message is not taken.
    SayAt(Stage, u16),
}

/// What a server says that is broken, or means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rave {
    /// A reply without an end.
    Endless,
    /// Octets that are no reply.
    Noise,
    /// One octet a minute.
    Dribble,
    /// Positive replies to all that may still be asked.
    Ahead,
}

impl Fault {
    /// Does it concern this host of this provider now?
    pub fn concerns(&self, now: Timestamp, host: &str, provider: &str) -> bool {
        (self.at == host || self.at == provider) && self.from <= now && now < self.until
    }
}

impl Trouble {
    /// What is done at `stage` instead of answering, if anything.
    pub fn at(self, stage: Stage) -> Option<Answer> {
        let action = match self {
            Trouble::CutAt(at) if at == stage => Action::Cut,
            Trouble::MuteAt(at) if at == stage => Action::Mute,
            Trouble::RaveAt(at, rave) if at == stage => Action::Rave(rave),
            Trouble::SayAt(at, code) if at == stage => Action::Say(Reply::new(code, "4.3.2 Not now")),
            Trouble::CutAt(_) | Trouble::MuteAt(_) | Trouble::RaveAt(..) | Trouble::SayAt(..) => return None,
            Trouble::Down | Trouble::Silent => return None,
        };
        Some(Answer { action, after: Duration::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_a_place_and_a_time() {
        let at = Timestamp::from_millis;
        let fault = Fault {
            at: "mx1.northmail.test".into(),
            from: at(10),
            until: at(20),
            trouble: Trouble::CutAt(Stage::Data),
        };
        assert!(fault.concerns(at(10), "mx1.northmail.test", "northmail"));
        assert!(!fault.concerns(at(20), "mx1.northmail.test", "northmail"), "over");
        assert!(!fault.concerns(at(15), "mx2.northmail.test", "northmail"), "another host");
        assert!(fault.trouble.at(Stage::Data).is_some() && fault.trouble.at(Stage::Final).is_none());
    }
}
