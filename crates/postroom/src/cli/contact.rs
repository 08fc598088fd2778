//! `postroom contact`: show, change, export or forget a person.
//!
//! A person is named by address or by id (`c_…`). Several contacts may have one address; they are shown together, and
//! a change asks which one is meant. Forgetting cannot be undone and is confirmed by typing.

use super::suppress::told_groups;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, number, text};
use crate::output::{Ink, Output, counted, iso_time, local_time};
use model::{Attempt, ContactId, EmailAddress, ErrorCause};
use serde_json::{Map, Value, json};
use std::path::Path;
use store::{AttemptRow, Contact, Event, HeldMailing, HeldReaction, Preferences, Suppression};

/// Entries of an export that are read at once.
const EXPORT_PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what is known of a person
    Show {
        /// An address or a contact id (c_…)
        #[arg(value_name = "WHO")]
        who: String,
    },
    /// Change a person's address or values, or put them back from "error"
    Edit {
        /// An address or a contact id (c_…)
        #[arg(value_name = "WHO")]
        who: String,
        /// The new address; the old one stays suppressed if it was, an unsubscribe or a complaint goes along
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Set a value, such as city=Oslo; an empty one removes it
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Back from "error" to "active"; needs a reason and lifts no suppression
        #[arg(long, requires = "reason")]
        reactivate: bool,
        /// Why; it is kept with the change
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Bring many back from "error": those whose mail was put off or refused too often, by an answer that was wrong
    Restore {
        /// Why they are there
        #[arg(long, value_name = "CAUSE", value_enum)]
        cause: Cause,
        #[command(flatten)]
        evidence: evidence::Typed,
        /// Why; it is kept in the log and on each timeline
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Bring them back; without this they are only counted
        #[arg(long)]
        yes: bool,
    },
    /// Forget a person: everything goes but anonymous verdicts and the fact that they must not be mailed
    Forget {
        /// The address
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Everything that is held about a person, as JSON
    Export {
        /// An address or a contact id (c_…)
        #[arg(value_name = "WHO")]
        who: String,
    },
}

/// Why contacts are in "error", as far as many are brought back at once.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Cause {
    /// Put off in too many mailings in a row
    SoftBounceLimit,
    /// Refused in too many mailings in a row
    Refused,
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Restore { cause, evidence, reason, yes } => {
            let (evidence, dry_run) = (evidence.read(&Ledger::read_to_change(dir).await?).await?, !yes);
            let cause = match cause {
                Cause::SoftBounceLimit => ErrorCause::SoftBounceLimit,
                Cause::Refused => ErrorCause::Refused,
            };
            let order = Order::RestoreContacts { cause, evidence, reason, dry_run };
            let answer = order::place(dir, order, &mut |_| {}).await?;
            output.answer(&answer, || {
                let people = counted(number(&answer, "restored"), "contact", "contacts");
                if !dry_run {
                    return vec![format!("{people} brought back from \"error\".")];
                }
                let mut lines = vec![format!("{people} would be brought back from \"error\".")];
                lines.extend(told_groups(&answer));
                lines.push("To bring them back, run the same command with --yes.".to_owned());
                lines
            });
        }
        Command::Show { who } => {
            for contact in find(&Ledger::read(dir)?, &who).await? {
                output.answer(&as_json(&contact), || tell(&contact, output));
            }
        }
        Command::Edit { who, email, set, reactivate, reason } => {
            let contact = only(find(&Ledger::read_to_change(dir).await?, &who).await?, &who)?.id;
            if email.is_none() && set.is_empty() && !reactivate {
                return Err(Failure::bad_input("nothing to change").advise("name --email, --set or --reactivate"));
            }
            if let Some(email) = &email {
                EmailAddress::parse(email)
                    .map_err(|why| Failure::bad_input(format!("{email:?} is no address: {why}")))?;
            }
            let order = Order::EditContact { contact, email, attributes: values(&set)?, reactivate, reason };
            let answer = order::place(dir, order, &mut |_| {}).await?;
            output.answer(&answer, || {
                vec![format!(
                    "{} is changed: {} ({})",
                    text(&answer, "id"),
                    text(&answer, "email"),
                    text(&answer, "status")
                )]
            });
        }
        Command::Forget { address, yes } => forget(dir, &address, yes, output).await?,
        Command::Export { who } => {
            let ledger = Ledger::read(dir)?;
            for contact in find(&ledger, &who).await? {
                output.record(&exported(&ledger, &contact).await?);
            }
        }
    }
    Ok(Exit::Done)
}

/// The contacts that `who` names; a failure with the nearest addresses if there are none.
async fn find(ledger: &Ledger, who: &str) -> Result<Vec<Contact>, Failure> {
    if let Ok(id) = who.parse::<ContactId>() {
        let found = ledger.store.contact(id).await?;
        return found
            .map(|contact| vec![contact])
            .ok_or_else(|| Failure::bad_input(format!("there is no contact {who}")));
    }
    let found = match EmailAddress::parse(who) {
        Ok(address) => ledger.store.contacts_by_address(ledger.workspace, &address).await?,
        Err(_) => Vec::new(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let near = ledger.store.similar_addresses(ledger.workspace, who, 3).await?;
    let failure = Failure::bad_input(format!("nobody here has the address {who:?}")).suggest(&near);
    Err(if near.is_empty() { failure.advise("name an address, or a contact id such as c_7f2") } else { failure })
}

fn only(mut found: Vec<Contact>, who: &str) -> Result<Contact, Failure> {
    match (found.pop(), found.as_slice()) {
        (Some(contact), []) => Ok(contact),
        (last, others) => {
            let ids: Vec<String> = others.iter().chain(&last).map(|contact| contact.id.to_string()).collect();
            Err(Failure::bad_input(format!("{} contacts have the address {who:?}", ids.len()))
                .advise(format!("name one by its id: {}", ids.join(", "))))
        }
    }
}

/// `--set` options as a JSON object.
fn values(set: &[String]) -> Result<Option<String>, Failure> {
    let mut object = Map::new();
    for pair in set {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::bad_input(format!("--set {pair:?} is not NAME=VALUE")).advise("such as: --set city=Oslo")
        })?;
        object.insert(name.trim().to_owned(), Value::from(value));
    }
    Ok((!object.is_empty()).then(|| Value::Object(object).to_string()))
}

async fn forget(dir: &Path, address: &str, yes: bool, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read_to_change(dir).await?;
    let found = find(&ledger, address).await?;
    drop(ledger);
    let Some(email) = found.iter().find_map(|contact| contact.address.and(contact.email.clone())) else {
        return Err(Failure::bad_input(format!("{address:?} has no address to be forgotten by"))
            .advise("remove the import it came with: postroom import --remove"));
    };
    if !yes {
        output.confirm(&format!("This cannot be undone. Type the address to forget {email}: "), &email)?;
    }
    let answer = order::place(dir, Order::Forget { address: email.clone() }, &mut |_| {}).await?;
    output.answer(&answer, || {
        let kept = number(&answer, "deliveries_kept_without_a_name");
        vec![
            format!("{email} is forgotten. {kept} verdicts are kept without a name, so that reports still add up."),
            "The address stays suppressed by a keyed hash: an import cannot bring it back.".to_owned(),
        ]
    });
    Ok(())
}

/// A contact as JSON.
pub(crate) fn as_json(contact: &Contact) -> Value {
    let consent = contact.consent.as_ref();
    json!({
        "id": contact.id.to_string(),
        "email": contact.email,
        "readable": contact.address.is_some(),
        "status": contact.status,
        "error": contact.error,
        "external_id": contact.external_id,
        "attributes": serde_json::from_str::<Value>(&contact.attributes).unwrap_or_default(),
        "consent": consent.map(|c| json!({ "source": c.source, "at": c.at.map(iso_time), "ip": c.ip })),
        "lead_source": contact.lead_source,
        "import": contact.import.map(|id| id.to_string()),
        "created_at": iso_time(contact.created_at),
        "shares_address_with": contact.shares_address_with.map(|id| id.to_string()),
        "last_accepted_at": contact.last_accepted_at.map(iso_time),
        "soft_bounced_mailings_in_a_row": contact.soft_count,
        "suppressions": contact.suppressions.iter().map(suppression_json).collect::<Vec<_>>(),
    })
}

/// A suppression as JSON.
pub(crate) fn suppression_json(entry: &Suppression) -> Value {
    json!({
        "target": entry.shown,
        "is_domain": entry.is_domain,
        "hash": entry.hash,
        "reason": entry.reason,
        "evidence": entry.evidence.map(|id| id.to_string()),
        "note": entry.note,
        "provisional": entry.provisional,
        "at": iso_time(entry.at),
        "by": entry.actor,
    })
}

/// Everything that is held about somebody, page by page.
async fn exported(ledger: &Ledger, contact: &Contact) -> Result<Value, Failure> {
    let (store, id) = (&ledger.store, contact.id);
    let addresses = store.held_addresses(id).await?;
    let preferences = store.preferences(contact.workspace, id).await?.unwrap_or_default();
    let (mut mailings, mut reactions, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    loop {
        let page = store.held_mailings(id, last, EXPORT_PAGE).await?;
        last = page.last().map(|held| held.mailing.delivery.delivery);
        mailings.extend(page.iter().map(mailing_json));
        if page.len() < EXPORT_PAGE {
            break;
        }
    }
    let mut last = None;
    loop {
        let page = store.held_reactions(id, last, EXPORT_PAGE).await?;
        last = page.last().map(|held| held.seq);
        reactions.extend(page.iter().map(reaction_json));
        if page.len() < EXPORT_PAGE {
            break;
        }
    }
    let mut last = None;
    loop {
        let page = store.story(contact.workspace, id, last, EXPORT_PAGE).await?;
        last = page.last().map(Event::story_place);
        events.extend(page.iter().map(event_json));
        if page.len() < EXPORT_PAGE {
            break;
        }
    }
    events.reverse();
    let mut value = as_json(contact);
    if let Some(object) = value.as_object_mut() {
        object.insert("former_addresses".to_owned(), addresses.former.into());
        object.insert("suppressions".to_owned(), addresses.suppressions.iter().map(suppression_json).collect());
        object.insert("preferences".to_owned(), preferences_json(&preferences));
        object.insert("mailings".to_owned(), mailings.into());
        object.insert("reactions".to_owned(), reactions.into());
        object.insert("events".to_owned(), events.into());
    }
    Ok(value)
}

/// What is kept as JSON; a text that is none as a text.
fn kept(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn preferences_json(chosen: &Preferences) -> Value {
    let lists = chosen.lists.iter().map(|on| {
        json!({
            "list": on.list.to_string(), "since": iso_time(on.since), "confirmed_at": on.confirmed_at.map(iso_time),
            "left_at": on.ended_at.map(iso_time),
        })
    });
    let consents = chosen.consents.iter().map(|given| {
        json!({
            "source": given.consent.source, "at": given.consent.at.map(iso_time), "ip": given.consent.ip,
            "list": given.list.map(|id| id.to_string()), "said": given.said, "noted_at": iso_time(given.noted_at),
        })
    });
    json!({
        "paused_until": chosen.paused_until.map(iso_time), "topics": chosen.topics,
        "lists": lists.collect::<Vec<_>>(), "consents": consents.collect::<Vec<_>>(),
    })
}

fn reaction_json(held: &HeldReaction) -> Value {
    json!({
        "at": iso_time(held.at), "kind": held.kind, "campaign": held.campaign.map(|id| id.to_string()),
        "delivery": held.delivery.map(|id| id.to_string()), "link": held.link, "name": held.name,
        "value_micros": held.value_micros, "score": held.score, "ip": held.ip, "agent": held.agent,
        "detail": held.detail.as_deref().map(kept),
    })
}

fn mailing_json(held: &HeldMailing) -> Value {
    let HeldMailing { mailing, message, content } = held;
    let message = message.as_ref().map(|message| {
        json!({
            "content": content.as_deref().map(kept), "data": message.data.as_deref().map(kept),
            "to_name": message.to_name, "tags": message.tags.as_deref().map(kept),
        })
    });
    json!({
        "address": mailing.delivery.email,
        "message": message,
        "campaign": mailing.campaign_name,
        "campaign_number": mailing.campaign_number,
        "delivery": mailing.delivery.delivery.to_string(),
        "state": mailing.delivery.state,
        "skipped_for": mailing.delivery.skip,
        "built_at": mailing.built_at.map(iso_time),
        "attempts": mailing.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
    })
}

fn attempt_json(row: &AttemptRow) -> Value {
    let Attempt { number, started_at, duration_ms, verdict, reply, note, host, address, tls, .. } = &row.attempt;
    json!({
        "number": number, "at": iso_time(*started_at), "duration_ms": duration_ms, "became": row.became,
        "category": verdict.category, "stage": verdict.stage, "rule": verdict.rule,
        "reply": reply.as_ref().map(ToString::to_string), "note": note, "host": host, "ip": address, "tls": tls,
    })
}

fn event_json(event: &Event) -> Value {
    json!({ "at": iso_time(event.at), "kind": event.kind, "by": event.actor, "detail": event.detail })
}

fn tell(contact: &Contact, output: &Output) -> Vec<String> {
    let name = contact.email.clone().unwrap_or_else(|| "(no address)".to_owned());
    let mut status = contact.status.to_string();
    if let Some(cause) = contact.error {
        status += &format!(" ({})", cause.word().replace('_', " "));
    }
    let mut lines = vec![format!("{}  ·  {}  ·  {status}", output.ink(Ink::Bold, &name), contact.id)];
    for entry in &contact.suppressions {
        let (reason, whole) =
            (entry.reason.word().replace('_', " "), if entry.is_domain { " (whole domain)" } else { "" });
        let line = format!("must not be mailed{whole}: {reason}, since {}, by {}", local_time(entry.at), entry.actor);
        lines.push(format!("  {}", output.ink(Ink::Red, &line)));
    }
    if let Some(other) = contact.shares_address_with {
        lines.push(format!(
            "  another contact came before with this address: {other}; a campaign that means both mails one"
        ));
    }
    let mut fact = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("  {what:<14} {value}"));
        }
    };
    fact("external id", contact.external_id.clone());
    fact("came", Some(local_time(contact.created_at)));
    fact("lead source", contact.lead_source.clone());
    let consent = contact.consent.as_ref().map(|c| {
        let parts = [c.source.clone(), c.at.map(local_time), c.ip.as_ref().map(|ip| format!("from {ip}"))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    fact("consent", Some(consent.filter(|c| !c.is_empty()).unwrap_or_else(|| "nothing known".to_owned())));
    fact("last accepted", Some(contact.last_accepted_at.map_or_else(|| "never".to_owned(), local_time)));
    if let Ok(Value::Object(values)) = serde_json::from_str(&contact.attributes) {
        for (name, value) in values {
            fact(&name, Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_json_object() {
        let set = ["city=Oslo".to_owned(), "motto=a=b".to_owned()];
        assert_eq!(values(&set).unwrap().unwrap(), r#"{"city":"Oslo","motto":"a=b"}"#);
        assert_eq!(values(&[]).unwrap(), None);
        assert!(values(&["city".to_owned()]).unwrap_err().to_string().contains("--set city=Oslo"));
    }
}
