//! What a person can do about one delivery: a sentence, and the command where there is one.

use super::{HeldTry, LIFTED, NOT_TRIED_THEN, SENT_ONCE_MORE, Stands, Told, held_tries};
use crate::doubt::once_more_at;
use crate::lanes::LaneView;
use dispatch::words;
use model::{CampaignState, DeliveryId, DeliveryState, SkipReason, Timestamp};
use serde::Serialize;
use store::{Campaign, Contact, DeliveryRow, Store, StoreError};

const LIFT: &str = "Think the server was wrong? Lifting the suppression needs a reason:";
const INCIDENT: &str = "Their provider seemed to know none of its people then, so this is provisional. Once it is over, lift \
                        what it suppressed:";
const DOUBT: &str = "Look for evidence (a bounce, an answer), or send it again at the risk of a second copy:";

const LISTED: &str = "Our address is listed there. Look it up at the list that is named and have it removed, or add another \
                      source. Then:";

const HELD: &str = "It is held, and nobody tries it until then. Let the hold go if it may be tried again:";

const CHOOSE: &str = "The variants were compared, and everybody else waits until somebody chooses theirs, on the campaign's \
                          report or here:";

const ANOTHER: &str = "Ask them for an address that works:";
const SUPPRESS: &str = "Is the address dead? It is mailed again in the next campaign, unless it is suppressed:";

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// In words.
    pub text: String,
    /// The command, without the program's name and `--data`.
    pub command: Option<String>,
}

fn say(text: impl Into<String>) -> Advice {
    Advice { text: text.into(), command: None }
}

fn run(text: impl Into<String>, command: String) -> Advice {
    Advice { text: text.into(), command: Some(command) }
}

pub(super) fn advice(told: &Told, row: &DeliveryRow, contact: &Contact) -> Vec<Advice> {
    match &told.stands {
        Stands::Skipped { reason } => vec![skipped(*reason, contact)],
        Stands::Queued { .. } | Stands::Waiting { .. } => vec![waiting(told)],
        Stands::Ended { ended, .. } => ended_so(*ended, told, row, contact),
    }
}

fn ended_so(ended: DeliveryState, told: &Told, row: &DeliveryRow, contact: &Contact) -> Vec<Advice> {
    let verdict = row.last.as_ref().map(|last| &last.verdict);
    let next_step = verdict.map(|verdict| words::explain_verdict(verdict).next_step);
    let next_step: Vec<Advice> = next_step.map(say).into_iter().collect();
    match ended {
        DeliveryState::Accepted => Vec::new(),
        DeliveryState::Hard if (told.settled.is_some() || told.done == LIFTED) && contact.suppressions.is_empty() => {
            let edit = run(ANOTHER, format!("contact edit {} --email NEW", contact.id));
            let target = told.address.clone().unwrap_or_else(|| contact.id.to_string());
            vec![edit, run(SUPPRESS, format!("suppress add {target} --note \"…\""))]
        }
        DeliveryState::Hard if contact.suppressions.iter().any(|kept| kept.provisional) => {
            vec![run(INCIDENT, "suppress lift --provisional --reason \"…\"".to_owned())]
        }
        DeliveryState::Hard => {
            let whom = contact.suppressions.iter().find(|kept| kept.reason.may_be_lifted());
            let lift = whom
                .and_then(|kept| kept.shown.as_ref())
                .map(|target| run(LIFT, format!("suppress lift {target} --reason \"…\" --yes")));
            let edit = format!("contact edit {} --email NEW", contact.id);
            let edit = run(next_step.first().map_or("", |step| &step.text), edit);
            std::iter::once(edit).chain(lift).collect()
        }
        DeliveryState::InDoubt => {
            let number = told.campaign.number;
            let again = match &told.address {
                Some(address) => format!("doubt resend {number} {address}"),
                None => format!("doubt list {number}"),
            };
            vec![run(DOUBT, again)]
        }
        _ => next_step,
    }
}

impl Told {
    /// Says what comes by itself of the delivery of which this tells, `row` of `campaign`: that whoever is in doubt is sent to
    /// once more, or that whoever waits is skipped when their turn comes. Comes before what is advised of holds and listings:
    /// nobody tries any more who is skipped.
    pub async fn tell_of_what_comes(
        &mut self,
        store: &Store,
        campaign: &Campaign,
        row: &DeliveryRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.once_more_at = once_more_at(store, campaign, row, now).await?;
        if self.once_more_at.is_some() {
            self.done = SENT_ONCE_MORE;
        }
        if !matches!(self.stands, Stands::Queued { .. } | Stands::Waiting { .. }) || campaign.state.is_over() {
            return Ok(());
        }
        let ahead = store.skips_ahead(vec![(row.delivery, row.contact)], now).await?;
        let Some(reason) = ahead.get(&row.delivery).copied() else { return Ok(()) };
        let Some(contact) = store.contact(row.contact).await? else { return Ok(()) };
        self.skipped_then = Some(reason);
        self.done = NOT_TRIED_THEN;
        self.advice = vec![skipped(reason, &contact)];
        Ok(())
    }

    /// What to do where a hold keeps `delivery`, of which this tells, one of `campaign`, from being tried: to let that go.
    pub async fn advise_of_holds(
        &mut self,
        store: &Store,
        campaign: &Campaign,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(held) = held_tries(store, campaign, &[delivery], now).await?.get(&delivery) {
            self.advise_of_hold(held);
        }
        Ok(())
    }

    fn advise_of_hold(&mut self, held: &HeldTry) {
        let state = self.campaign.state;
        if self.skipped_then.is_none() && matches!(state, CampaignState::Sending | CampaignState::Retrying) {
            self.advice.retain(|one| one.text != while_waiting(state));
            self.advice.insert(0, run(HELD, format!("hold lift {}", held.hold)));
        }
    }

    /// What to do first where the mail waits because a source is listed at `operator`, as its lanes say.
    pub fn advise_of_listings(&mut self, lanes: &[LaneView], operator: &str) {
        let is_open = |lane: &&LaneView| lane.operator == operator && lane.held.is_none();
        let at_work = matches!(self.campaign.state, CampaignState::Sending | CampaignState::Retrying);
        if self.skipped_then.is_some() || !at_work || lanes.iter().any(|lane| is_open(&lane)) {
            return;
        }
        let listed = lanes.iter().filter(|lane| lane.operator == operator).filter_map(LaneView::delisted);
        let listed: Vec<Advice> = listed.map(|command| run(LISTED, command)).collect();
        if !listed.is_empty() {
            self.advice.retain(|one| one.text != while_waiting(self.campaign.state));
            self.advice.splice(0..0, listed);
        }
    }
}

fn waiting(told: &Told) -> Advice {
    if told.asks_for_a_choice {
        return run(CHOOSE, format!("choose {} VARIANT", told.campaign.number));
    }
    let state = told.campaign.state;
    let command = match state {
        CampaignState::Paused => Some(told.campaign.resume()),
        CampaignState::Sending | CampaignState::Retrying => Some(format!("resume {}", told.campaign.number)),
        _ => None,
    };
    Advice { text: while_waiting(state).to_owned(), command }
}

const fn while_waiting(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Paused => "The campaign is paused. Take it up again:",
        CampaignState::Building | CampaignState::Draft => "The campaign has not been started.",
        CampaignState::Scheduled => "Nothing: the campaign begins at its time.",
        CampaignState::Cancelled | CampaignState::Complete => "Nothing to do.",
        CampaignState::Sending | CampaignState::Retrying => {
            "Nothing, while a process is sending. If none is, take the campaign up again:"
        }
    }
}

fn skipped(reason: SkipReason, contact: &Contact) -> Advice {
    let id = contact.id;
    let command = match reason {
        SkipReason::NoEmail | SkipReason::InvalidAddress => Some(format!("contact edit {id} --email ADDRESS")),
        SkipReason::HardBounced => Some(format!("contact edit {id} --email NEW")),
        SkipReason::SoftBounceLimit | SkipReason::Refused => {
            Some(format!("contact edit {id} --reactivate --reason \"…\""))
        }
        SkipReason::SuppressedByHand | SkipReason::DomainRefusesMail => {
            let shown = contact.suppressions.iter().find_map(|kept| kept.shown.clone());
            let target = shown.or_else(|| contact.email.clone()).unwrap_or_else(|| id.to_string());
            Some(format!("suppress lift {target} --reason \"…\" --yes"))
        }
        SkipReason::DuplicateAddress | SkipReason::CannotCompose => Some(show(contact)),
        SkipReason::OriginStopped => Some("origins".to_owned()),
        SkipReason::AtRest => Some("sunset list".to_owned()),
        _ => None,
    };
    Advice { text: when_skipped(reason).to_owned(), command }
}

const fn when_skipped(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Unsubscribed => "Nothing: only their own newer confirmed opt-in brings them back.",
        SkipReason::Complained => "Nothing: a complaint cannot be lifted.",
        SkipReason::Forgotten => "Nothing: they asked to be forgotten.",
        SkipReason::NoEmail | SkipReason::InvalidAddress => "Correct the address:",
        SkipReason::HardBounced => "Ask them for an address that works; the new one is free at once:",
        SkipReason::SoftBounceLimit | SkipReason::Refused => "Sure that it works again? Say why:",
        SkipReason::SuppressedByHand | SkipReason::DomainRefusesMail => "To mail them again, lift it with a reason:",
        SkipReason::DuplicateAddress => "The one who was mailed, and the twin:",
        SkipReason::Unconfirmed => "They have to confirm; until then nothing is sent.",
        SkipReason::CannotCompose => "Look at their values; the template needs one that is missing or wrong:",
        SkipReason::Cancelled => "Start a new campaign for those who were left.",
        SkipReason::Excluded | SkipReason::FrequencyCap | SkipReason::QuarantinedImport | SkipReason::Stale => {
            "Nothing to do for this campaign."
        }
        SkipReason::OriginStopped => "Where they came from was stopped; which, and why:",
        SkipReason::AtRest => "Whatever they do wakes them; to wake all who were put to rest with them:",
        SkipReason::TopicDeclined | SkipReason::PausedByPerson => {
            "Nothing: it is their own choice, and they change it on their preference page."
        }
    }
}

/// Every text of an advice but those of rules.
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    let waiting = CampaignState::ALL.iter().map(|state| while_waiting(*state));
    let skipped = SkipReason::ALL.iter().map(|reason| when_skipped(*reason));
    waiting.chain(skipped).chain([LIFT, INCIDENT, DOUBT, LISTED, HELD, CHOOSE, ANOTHER, SUPPRESS])
}

fn show(contact: &Contact) -> String {
    format!("contact show {}", contact.email.clone().unwrap_or_else(|| contact.id.to_string()))
}
