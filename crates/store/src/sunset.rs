//! Sunsets: people who did nothing for long are put to rest by a stated rule, and woken as they were.
//!
//! Asked before each mailing as a suppression is, so that it works in campaigns that run. Nobody is put to rest of whom
//! it is not known that they did nothing: whose mail is opened, perhaps by a machine, is unknown and left alone.
//! Invariant: nothing rests by itself; whoever acts (a click, a reply, an event, a confirmation) is awake again.

use crate::error::Result;
use crate::sqlite::sunsets;
use crate::{Ledger, Store};
use model::{Actor, ContactId, SunsetId, Timestamp, WorkspaceId};

/// The shortest silence that a rule may ask for, in days.
pub const DAYS_MIN: u16 = 30;
/// The longest.
pub const DAYS_MAX: u16 = 3_650;
/// The most mailings that a rule may ask for.
pub const MAILINGS_MAX: u16 = 100;
/// The longest reason, in characters.
pub const WHY_CHARS_MAX: usize = 500;

/// Who is taken to sleep: nothing done for so many days, over at least so many accepted mailings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepRule {
    /// Days without a click, a reply or an event; [`DAYS_MIN`] to [`DAYS_MAX`].
    pub days: u16,
    /// Mailings accepted in that silence at least, 1 to [`MAILINGS_MAX`].
    pub mailings: u16,
}

/// Somebody who can be mailed, by the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drowsy {
    /// The rule does not say it of them.
    Awake,
    /// It would, but their mail is opened: by whom, nobody knows.
    Unknown,
    /// It does.
    Asleep,
}

/// Some of the people who can be mailed, and what the rule says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SunsetPage {
    /// Each: who, their provider's key, where their address was collected, what the rule says.
    pub people: Vec<(ContactId, Option<String>, Option<String>, Drowsy)>,
    /// Go on after this contact; `None`: that was everybody.
    pub next: Option<ContactId>,
}

/// Once that people were put to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sunset {
    /// Its id.
    pub id: SunsetId,
    /// By which rule.
    pub rule: SleepRule,
    /// Why.
    pub why: String,
    /// How many it put to rest.
    pub people: u64,
    /// When.
    pub at: Timestamp,
    /// By whom, as the log writes it.
    pub actor: String,
    /// When it was through; `None`: it was cut short, and is undone or done again like any other.
    pub done_at: Option<Timestamp>,
    /// When it was undone.
    pub undone_at: Option<Timestamp>,
}

impl Store {
    /// What a rule says of the next people after `after`. Refused: a rule beyond its bounds.
    pub async fn sleepers(
        &self,
        workspace: WorkspaceId,
        rule: SleepRule,
        after: Option<ContactId>,
        now: Timestamp,
    ) -> Result<SunsetPage> {
        self.core.lanes.ponder(move |conn| sunsets::page(conn, workspace, rule, after, now)).await
    }

    /// Puts everybody to rest of whom the rule says that they sleep now, in bounded steps. When this returns, no marketing mail
    /// starts toward them. Refused: a rule beyond its bounds, no reason.
    pub async fn put_to_rest(
        &self,
        workspace: WorkspaceId,
        rule: SleepRule,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Sunset> {
        let (why, by) = (why.to_owned(), actor.clone());
        let begin = move |ledger: &mut Ledger| ledger.begin_sunset(workspace, rule, &why, &by, now);
        let id = self.core.lanes.write(begin).await?;
        let mut after = Some(ContactId(0));
        while let Some(from) = after {
            let step = move |ledger: &mut Ledger| ledger.sunset_step(workspace, id, rule, from, now);
            after = self.core.lanes.write(step).await?;
        }
        let by = actor.clone();
        self.core.lanes.write(move |ledger| ledger.end_sunset(workspace, id, &by, now)).await
    }

    /// Wakes whoever a sunset put to rest and is at rest still; how many. Refused: no reason, no such sunset.
    pub async fn undo_sunset(
        &self,
        workspace: WorkspaceId,
        id: SunsetId,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<u64> {
        let mut woken = 0;
        loop {
            let why = why.to_owned();
            let count = self.core.lanes.write(move |ledger| ledger.wake_step(workspace, id, &why)).await?;
            woken += count;
            if count == 0 {
                break;
            }
        }
        let (why, actor) = (why.to_owned(), actor.clone());
        let end = move |ledger: &mut Ledger| ledger.end_waking(workspace, id, woken, &why, &actor, now);
        self.core.lanes.write(end).await?;
        Ok(woken)
    }

    /// The sunsets of a workspace, latest first, before `before`.
    pub async fn sunsets(&self, workspace: WorkspaceId, before: Option<SunsetId>, limit: usize) -> Result<Vec<Sunset>> {
        self.core.lanes.read(move |conn| sunsets::list(conn, workspace, before, limit)).await
    }
}
