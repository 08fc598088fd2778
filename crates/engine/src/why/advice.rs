//! What a person can do about one delivery: a sentence, and the command where there is one.

use super::{Stands, Told};
use dispatch::words;
use model::{CampaignState, DeliveryState, SkipReason};
use serde::Serialize;
use store::{Contact, DeliveryRow};

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
        Stands::Queued | Stands::Waiting { .. } => vec![waiting(told)],
        Stands::Ended { ended, .. } => ended_so(*ended, told, row, contact),
    }
}

fn ended_so(ended: DeliveryState, told: &Told, row: &DeliveryRow, contact: &Contact) -> Vec<Advice> {
    let verdict = row.last.as_ref().map(|last| &last.verdict);
    let next_step = verdict.map(|verdict| words::explain_verdict(verdict).next_step);
    let next_step: Vec<Advice> = next_step.map(say).into_iter().collect();
    match ended {
        DeliveryState::Accepted => Vec::new(),
        DeliveryState::Hard => {
            let whom = contact.suppressions.iter().find(|kept| kept.reason.may_be_lifted());
            let lift = whom.and_then(|kept| kept.shown.as_ref()).map(|target| {
                let text = "Think the server was wrong? Lifting the suppression needs a reason:";
                run(text, format!("suppress lift {target} --reason \"…\" --yes"))
            });
            let edit = format!("contact edit {} --email NEW", contact.id);
            let edit = run(next_step.first().map_or("", |step| &step.text), edit);
            std::iter::once(edit).chain(lift).collect()
        }
        DeliveryState::InDoubt => {
            let number = told.campaign.number;
            let text = "Look for evidence (a bounce, an answer), or send it again at the risk of a second copy:";
            vec![run(text, format!("resend {number} --in-doubt"))]
        }
        _ => next_step,
    }
}

fn waiting(told: &Told) -> Advice {
    let number = told.campaign.number;
    match told.campaign.state {
        CampaignState::Paused => run("The campaign is paused. Take it up again:", told.campaign.resume()),
        CampaignState::Building | CampaignState::Draft => say("The campaign has not been started."),
        CampaignState::Scheduled => say("Nothing: the campaign begins at its time."),
        CampaignState::Cancelled | CampaignState::Complete => say("Nothing to do."),
        CampaignState::Sending | CampaignState::Retrying => run(
            "Nothing, while a process is sending. If none is, take the campaign up again:",
            format!("resume {number}"),
        ),
    }
}

fn skipped(reason: SkipReason, contact: &Contact) -> Advice {
    let id = contact.id;
    match reason {
        SkipReason::Unsubscribed => say("Nothing: only their own newer confirmed opt-in brings them back."),
        SkipReason::Complained => say("Nothing: a complaint cannot be lifted."),
        SkipReason::Forgotten => say("Nothing: they asked to be forgotten."),
        SkipReason::NoEmail | SkipReason::InvalidAddress => {
            run("Correct the address:", format!("contact edit {id} --email ADDRESS"))
        }
        SkipReason::HardBounced => run(
            "Ask them for an address that works; the new one is free at once:",
            format!("contact edit {id} --email NEW"),
        ),
        SkipReason::SoftBounceLimit | SkipReason::Refused => {
            run("Sure that it works again? Say why:", format!("contact edit {id} --reactivate --reason \"…\""))
        }
        SkipReason::SuppressedByHand | SkipReason::DomainRefusesMail => {
            let shown = contact.suppressions.iter().find_map(|kept| kept.shown.clone());
            let target = shown.or_else(|| contact.email.clone()).unwrap_or_else(|| id.to_string());
            run("To mail them again, lift it with a reason:", format!("suppress lift {target} --reason \"…\" --yes"))
        }
        SkipReason::DuplicateAddress => run("The one who was mailed, and the twin:", show(contact)),
        SkipReason::Unconfirmed => say("They have to confirm; until then nothing is sent."),
        SkipReason::CannotCompose => {
            run("Look at their values; the template needs one that is missing or wrong:", show(contact))
        }
        SkipReason::Cancelled => say("Start a new campaign for those who were left."),
        SkipReason::Excluded | SkipReason::FrequencyCap | SkipReason::QuarantinedImport | SkipReason::Stale => {
            say("Nothing to do for this campaign.")
        }
        SkipReason::OriginStopped => run("Where they came from was stopped; which, and why:", "origins".to_owned()),
        SkipReason::TopicDeclined | SkipReason::PausedByPerson => {
            say("Nothing: it is their own choice, and they change it on their preference page.")
        }
    }
}

fn show(contact: &Contact) -> String {
    format!("contact show {}", contact.email.clone().unwrap_or_else(|| contact.id.to_string()))
}
