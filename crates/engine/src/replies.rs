//! Replies: what recipients write back lands on their timelines, counts for the campaign, and may ask to be left alone.
//!
//! A person's reply is the surest sign of interest there is: it moves engagement, rules and sequences as a click does. A
//! machine's answer means nothing for the person; both tell that the message arrived.

use crate::handle::Handle;
use crate::returned;
use dispatch::judge::judge_text;
use dispatch::rules::RulePack;
use mail::letter::{Letter, Manner};
use mail::token::Purpose;
use model::{Category, DeliveryId, DeliveryState, Timestamp, WorkspaceId};
use store::reply::NewReply;
use store::{Recipient, Store, StoreError};

/// Somebody wrote back, or something did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// To which delivery.
    pub delivery: DeliveryId,
    /// Only if it is of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// What was meant.
    pub meant: Meant,
    /// When; `None`: now.
    pub at: Option<Timestamp>,
    /// The Message-ID of the reply: the same one twice counts once.
    pub id: Option<String>,
}

/// What a letter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// A person wrote something.
    Reply,
    /// A machine answered.
    Automatic,
    /// It was sent to the address by which one unsubscribes.
    Unsubscribe,
}

/// What was done about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The reply counts.
    Replied,
    /// It had been told before.
    Repeated,
    /// A machine wrote it: it does not count.
    Automatic,
    /// They are unsubscribed.
    Unsubscribed,
}

impl Done {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Done::Replied => "replied",
            Done::Repeated => "repeated",
            Done::Automatic => "automatic",
            Done::Unsubscribed => "unsubscribed",
        }
    }
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What was done.
    pub done: Done,
    /// Whose reply it is.
    pub recipient: Recipient,
}

/// What a letter claims; `None`: nothing in it proves to be about a message of ours.
pub async fn claim(store: &Store, letter: &Letter) -> Result<Option<Claim>, StoreError> {
    let asked = returned::sealed(store, &letter.addressed).filter(|(purpose, _)| *purpose == Purpose::Unsubscribe);
    let (delivery, meant) = match asked {
        Some((_, delivery)) => (delivery, Meant::Unsubscribe),
        None => {
            let found = returned::find(store, &letter.traces, letter.from.as_slice()).await?;
            let Some(delivery) = found else { return Ok(None) };
            (delivery, if is_automatic(letter) { Meant::Automatic } else { Meant::Reply })
        }
    };
    Ok(Some(Claim { delivery, workspace: None, meant, at: letter.written_at, id: letter.id.clone() }))
}

/// Did a machine write it? Some say so only before the colon of their subjects: `Out of office: Re: …`. What follows is ours.
fn is_automatic(letter: &Letter) -> bool {
    let prefix = letter.subject.as_deref().and_then(|subject| subject.split_once(':'));
    let says = |(prefix, _): (&str, &str)| judge_text(RulePack::shipped(), prefix).category == Category::AutoReply;
    letter.manner == Manner::Machine || prefix.is_some_and(says)
}

/// Writes down what follows from a claim. `None`: there is no such message, or its person was forgotten.
pub async fn record(store: &Store, claim: &Claim, now: Timestamp) -> Result<Option<Settled>, StoreError> {
    let Some(recipient) = store.recipients(vec![claim.delivery]).await?.pop() else { return Ok(None) };
    let is_meant = claim.workspace.is_none_or(|only| only == recipient.workspace);
    let Some(sent_at) = recipient.tried_at.filter(|_| is_meant) else { return Ok(None) };
    let done = match claim.meant {
        Meant::Unsubscribe => {
            let is_known = store.unsubscribe(claim.delivery, "mail", now).await?;
            is_known.then_some(Done::Unsubscribed)
        }
        Meant::Automatic => Some(Done::Automatic),
        Meant::Reply => {
            // Clocks elsewhere are wrong: nobody replies before the message came, nor later than now.
            let at = claim.at.unwrap_or(now).clamp(sent_at.min(now), now);
            let reply = NewReply { delivery: claim.delivery, at, id: claim.id.clone() };
            let is_new = store.reply(reply, now).await?;
            is_new.map(|is_new| if is_new { Done::Replied } else { Done::Repeated })
        }
    };
    let Some(done) = done else { return Ok(None) };
    if recipient.state == DeliveryState::InDoubt {
        returned::has_arrived(store, claim.delivery, "the message was answered", now).await?;
    }
    Ok(Some(Settled { done, recipient }))
}

impl Handle {
    /// Somebody wrote back: when this returns, that is durable, and nothing starts any more toward whoever asked to be left
    /// alone. `None` as for [`record`].
    pub async fn replied(&self, claim: &Claim) -> Result<Option<Settled>, StoreError> {
        let settled = record(&self.store, claim, self.clock.now()).await?;
        if settled.as_ref().is_some_and(|settled| settled.done == Done::Unsubscribed) {
            self.gate.settle().await;
        }
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::traces::Traces;

    fn letter(manner: Manner, subject: &str) -> Letter {
        Letter {
            manner,
            from: None,
            subject: Some(subject.to_owned()),
            id: None,
            written_at: None,
            addressed: Traces::default(),
            traces: Traces::default(),
        }
    }

    #[test]
    fn notes_of_absence_are_told_from_replies_by_what_they_put_before_our_subject() {
        for subject in ["Out of Office: Spring", "Automatic reply: Spring", "Abwesenheitsnotiz: Frühling"] {
            assert!(is_automatic(&letter(Manner::Person, subject)), "{subject}");
        }
        for subject in
            ["Re: Spring", "AW: Ich bin im Urlaub", "Thank you for your message", "Re: Out of office: a guide"]
        {
            assert!(!is_automatic(&letter(Manner::Person, subject)), "{subject}");
        }
        assert!(is_automatic(&letter(Manner::Machine, "Re: Spring")));
    }
}
