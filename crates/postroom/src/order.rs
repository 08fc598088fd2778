//! Orders: what changes the ledger, as a value that can be carried out here or by the process that owns the directory.
//!
//! Every writing command makes one order and shows its answer; where it was carried out makes no difference to either.
//! Invariant: paths in an order are absolute and texts are as the person typed them, checked where the order is
//! carried out.

use crate::alarms::{self, Alarms};
use crate::allot::{self, Allot};
use crate::cli::sunset;
use crate::control::{self, Answer, Request, Unanswered};
use crate::evidence::Evidence;
use crate::failure::{Exit, Failure};
use crate::holding::{self, Reach};
use crate::hosts::{self, Hosts};
use crate::ledger::{Ledger, MOMENT, MOMENTS, person_here};
use crate::moving::{self, MoveIn};
use crate::owner::Owner;
use crate::people::{self, People};
use crate::shift;
use crate::ways_out::{self, WaysOut};
use engine::complaints::{self, Claim};
use engine::import::{ImportRequest, Mapping, Pace, Progress, import_file};
use engine::replies;
use engine::returned;
use engine::trial::CHOSEN_BY_HAND;
use mail::complaint::Report;
use mail::letter::Letter;
use mail::sign::{KeyKind, SigningKey};
use model::origin::Origin;
use model::{
    Actor, CampaignId, ContactId, DeliveryId, DeliveryState, EmailAddress, ErrorCause, HoldId, ImportId, MailDomain,
    SunsetId, SuppressionReason,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::sunset::SleepRule;
use store::{
    Campaign, ContactEdit, Durability, LeftOut, LiftFilter, Recipient, RestoreFilter, RestoreGroup, RestorePreview,
    Settling, Store, StoreError, Target,
};

/// Something to be done to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Import a file of people.
    Import {
        file: PathBuf,
        mapping: Mapping,
        /// The columns that hold JSON.
        #[serde(default)]
        typed: BTreeSet<String>,
        encoding: Option<String>,
        delimiter: Option<u8>,
        rejects: PathBuf,
        /// Only find out what would become of every row.
        dry_run: bool,
    },
    /// Take over a list or a template of another platform.
    MoveIn(MoveIn),
    /// Remove an import that nothing has used.
    RemoveImport { import: ImportId },
    /// Change a contact by hand.
    EditContact {
        contact: ContactId,
        email: Option<String>,
        attributes: Option<String>,
        reactivate: bool,
        reason: Option<String>,
    },
    /// Forget a person.
    Forget { address: String },
    /// Take in a report of a complaint.
    Complaint { report: Box<Report> },
    /// Take in what a recipient wrote back.
    Reply { letter: Box<Letter> },
    /// Suppress an address or a domain.
    Suppress { target: Whom, note: Option<String> },
    /// Remove a suppression by hand.
    Unsuppress { target: Whom, reason: String },
    /// Lift bounce suppressions in bulk.
    Lift {
        /// Only those made while a provider seemed to have an incident.
        #[serde(default)]
        provisional: bool,
        #[serde(flatten)]
        evidence: Evidence,
        reason: String,
        dry_run: bool,
    },
    /// Bring contacts back from `error` in bulk.
    RestoreContacts {
        cause: ErrorCause,
        #[serde(flatten)]
        evidence: Evidence,
        reason: String,
        dry_run: bool,
    },
    /// Stop mailing whoever came from there.
    StopOrigin { origin: Origin, because: String },
    /// Mail them again.
    AllowOrigin { origin: Origin, because: String },
    /// Put people to rest who did nothing for long.
    PutToRest { days: u16, mailings: u16, because: String },
    /// Wake them.
    UndoSunset { sunset: SunsetId, because: String },
    /// Make a signing key and keep it in the ledger.
    MakeKey { domain: String, selector: String, ed25519: bool },
    /// Write a backup.
    Backup { to: PathBuf, verify: bool },
    /// Adopt a restored or copied directory.
    Adopt,
    /// Pause a campaign.
    Pause { campaign: CampaignId, why: Option<String> },
    /// Take a paused campaign up again.
    Resume { campaign: CampaignId, why: Option<String> },
    /// Leave a group of people out of a campaign.
    LeaveOut { campaign: CampaignId, who: Group },
    /// Stop a campaign for good.
    Cancel { campaign: CampaignId },
    /// Stop part of a campaign for good.
    CancelPart { reach: Reach },
    /// Choose the variant of a campaign's message that the rest of its people get.
    ChooseVariant { campaign: CampaignId, variant: u8, because: Option<String> },
    /// Put those in doubt back in the queue.
    ResendInDoubt {
        campaign: CampaignId,
        /// Nobody else; `None`: everybody in doubt.
        #[serde(default)]
        only: Option<Vec<DeliveryId>>,
    },
    /// Settle a delivery in doubt by what somebody found out.
    SettleDoubt { delivery: DeliveryId, to: DeliveryState, because: String },
    /// Set a setting of the workspace.
    Set { name: String, value: String },
    /// Hold part of the work.
    PlaceHold { reach: Reach },
    /// Let what a hold covers go on.
    LiftHold { hold: HoldId },
    /// How much a source or a workspace may send.
    Allot(Allot),
    /// Something about sources and pools.
    WaysOut(WaysOut),
    /// Something about who may use the API.
    People(People),
    /// Something about the names under which links are answered.
    Hosts(Hosts),
    /// Something about alerts.
    Alarms(Alarms),
    /// Read again what may change while the engine is at work.
    Reload,
    /// The lanes, as they stand.
    Lanes { provider: Option<String>, all: bool },
    /// What a trace has gathered since it was last asked.
    Trace { trace: u64, whom: String },
    /// What is the owner doing?
    Status,
}

/// A group of a campaign's people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Group {
    /// Those who came in with an import.
    Import(ImportId),
    /// Those whose address was collected there.
    LeadSource(String),
    /// Those with these addresses, by their keys.
    People(BTreeSet<String>),
}

impl Group {
    /// As the ledger takes it.
    pub(crate) fn as_left_out(&self) -> LeftOut {
        match self {
            Group::Import(import) => LeftOut::Import(*import),
            Group::LeadSource(name) => LeftOut::LeadSource(name.clone()),
            Group::People(keys) => LeftOut::People(Arc::new(keys.clone())),
        }
    }
}

/// An address or a domain, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Whom {
    /// `anna@example.org`.
    Address(String),
    /// `example.org`.
    Domain(String),
}

impl Whom {
    /// Reads what was typed.
    pub(crate) fn read(text: &str) -> Result<Whom, Failure> {
        let refuse = |error| Failure::bad_input(format!("{text:?}: {error}")).advise("name an address or a domain");
        Ok(match Target::parse(text).map_err(refuse)? {
            Target::Address(text) => Whom::Address(text),
            Target::Domain(text) => Whom::Domain(text),
        })
    }

    /// The text.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Whom::Address(text) | Whom::Domain(text) => text,
        }
    }

    /// As the ledger takes it.
    pub(crate) fn target(&self) -> Target {
        match self {
            Whom::Address(text) => Target::Address(text.clone()),
            Whom::Domain(text) => Target::Domain(text.clone()),
        }
    }
}

impl Order {
    /// Does it only ask how things stand? Then nothing comes of it when nobody waits for the answer.
    pub(crate) const fn is_question(&self) -> bool {
        matches!(self, Order::Lanes { .. } | Order::Trace { .. } | Order::Status)
    }

    /// Is it there to keep mail from going out?
    pub(crate) const fn stops(&self) -> bool {
        matches!(self, Order::Pause { .. } | Order::Cancel { .. } | Order::CancelPart { .. } | Order::PlaceHold { .. })
    }

    /// May it be the first thing done in a new directory, because it brings something into it? What concerns something that
    /// must be there already would only make a ledger where `--data` was mistyped, and what keeps mail from somebody or
    /// limits it would say so of a ledger from which nothing is sent. (`send`, `serve` and `demo` begin one as well.)
    fn may_begin(&self) -> bool {
        match self {
            Order::Import { .. }
            | Order::MoveIn(_)
            | Order::MakeKey { .. }
            | Order::Set { .. }
            | Order::People(People::Add { .. } | People::MakeKey { .. })
            | Order::Hosts(Hosts::Add { .. })
            | Order::Alarms(Alarms::Add { .. }) => true,
            Order::WaysOut(order) => order.may_begin(),
            Order::People(People::Disable { .. } | People::Reset { .. } | People::RevokeKey { .. })
            | Order::Hosts(Hosts::Found { .. } | Hosts::Retire { .. })
            | Order::Alarms(Alarms::Remove { .. } | Alarms::Test { .. } | Alarms::Snooze { .. })
            | Order::Allot(_)
            | Order::Suppress { .. }
            | Order::RemoveImport { .. }
            | Order::EditContact { .. }
            | Order::Forget { .. }
            | Order::Unsuppress { .. }
            | Order::Lift { .. }
            | Order::RestoreContacts { .. }
            | Order::Backup { .. }
            | Order::Adopt
            | Order::Pause { .. }
            | Order::Resume { .. }
            | Order::LeaveOut { .. }
            | Order::Cancel { .. }
            | Order::CancelPart { .. }
            | Order::ChooseVariant { .. }
            | Order::ResendInDoubt { .. }
            | Order::SettleDoubt { .. }
            | Order::PlaceHold { .. }
            | Order::LiftHold { .. }
            | Order::Reload
            | Order::Lanes { .. }
            | Order::Trace { .. }
            | Order::Complaint { .. }
            | Order::Reply { .. }
            | Order::StopOrigin { .. }
            | Order::AllowOrigin { .. }
            | Order::PutToRest { .. }
            | Order::UndoSunset { .. }
            | Order::Status => false,
        }
    }
}

/// Has an order carried out: by the owner of `dir` if there is one, else here, under the lock. `progress` is called
/// only for what is done here. Refused: an order about what must be there already, where there is no ledger. Fails, and
/// nobody knows what becomes of the order, when the owner gives no sign of life.
pub(crate) async fn place(dir: &Path, order: Order, progress: &mut (dyn FnMut(Progress) + Send)) -> Answer {
    let request = Request { actor: person_here(), order };
    let mut moments = MOMENTS;
    loop {
        match control::ask(dir, &request).await {
            Ok(answer) => return answer,
            Err(Unanswered::Silent { process }) => return Err(control::unheard(&request.order, process)),
            Err(Unanswered::NoOwner) => {}
        }
        if !request.order.may_begin() {
            refuse_nothing_there(dir).await?;
        }
        // An owner that does not listen yet is about to, or only settles what a kill left.
        let answer = match Ledger::own(dir, Durability::Power) {
            Err(failure) if failure.exit == Exit::Refused && moments > 0 => None,
            Ok(ledger) => {
                let mut alone = |far| {
                    progress(far);
                    Pace::Full
                };
                Some(carry_out(&ledger, &request.actor, &request.order, &mut alone).await)
            }
            Err(failure) => Some(Err(failure)),
        };
        if let Some(answer) = answer {
            return answer.map_err(|failure| in_vain(&request.order, failure));
        }
        moments -= 1;
        tokio::time::sleep(MOMENT).await;
    }
}

/// Refuses a directory in which there is no ledger of ours. What else is wrong with it shows when it is opened to write.
async fn refuse_nothing_there(dir: &Path) -> Result<(), Failure> {
    match Ledger::read_to_change(dir).await {
        Err(failure) if failure.exit == Exit::BadInput => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Somebody wants something stopped, and the disk does not take it: what they need to know is that it stands still.
fn in_vain(order: &Order, failure: Failure) -> Failure {
    if !order.stops() || failure.exit != Exit::OwnFailure {
        return failure;
    }
    let failure = failure.advise("no process sends from this directory, so nothing goes out now");
    let said = failure.message.to_lowercase();
    if said.contains("permission denied") || said.contains("readonly") || said.contains("read-only") {
        return failure.advise("run this command again as somebody who may write in the directory");
    }
    failure
        .advise("make room (or mend the disk), then run this command again, before postroom resume or postroom serve")
}

/// The answer to an order that settled a delivery in doubt.
pub(crate) fn doubt_settled(delivery: DeliveryId, to: DeliveryState, because: &str) -> Value {
    json!({ "delivery": delivery.to_string(), "state": to, "because": because })
}

/// Says in an answer that the order is in force and could not be written down yet.
pub(crate) fn mark_unrecorded(answer: &mut Value) {
    if let Some(object) = answer.as_object_mut() {
        object.insert("recorded".to_owned(), false.into());
    }
}

/// What a person is told of such an answer.
pub(crate) fn unrecorded_in_words(answer: &Value) -> Option<String> {
    (answer.get("recorded") == Some(&Value::Bool(false))).then(|| {
        "It cannot be written down yet: the disk is full or fails. That is done as soon as there is room, and nothing is sent \
         before. If the process ends earlier, give the order again."
            .to_owned()
    })
}

/// Carries out an order on a ledger this process owns. `progress` hears how far what takes long is, and says how fast it may
/// go on.
pub(crate) async fn carry_out(
    ledger: &Ledger,
    actor: &Actor,
    order: &Order,
    progress: &mut (dyn FnMut(Progress) -> Pace + Send),
) -> Answer {
    let (store, workspace, now) = (&ledger.store, ledger.workspace, ledger.now());
    match order {
        Order::Import { file, mapping, typed, encoding, delimiter, rejects, dry_run } => {
            let request = ImportRequest {
                workspace,
                file: file.clone(),
                name: None,
                mapping: mapping.clone(),
                typed: typed.clone(),
                encoding: encoding.clone(),
                delimiter: *delimiter,
                rejects: rejects.clone(),
                dry_run: *dry_run,
            };
            let report = import_file(store, &request, actor, &|| ledger.now(), progress).await;
            as_value(&report.map_err(|error| Failure::from(error).about(file.display()))?)
        }
        Order::MoveIn(order) => moving::carry_out(ledger, actor, order).await,
        Order::RemoveImport { import } => {
            store.remove_import(*import, actor, now).await?;
            Ok(json!({ "removed": import.to_string() }))
        }
        Order::EditContact { contact, email, attributes, reactivate, reason } => {
            let attributes = match email {
                Some(email) => follow_address(ledger, *contact, email, attributes.as_deref()).await?,
                None => attributes.clone(),
            };
            let (email, reason) = (email.clone(), reason.clone());
            let edit = ContactEdit { email, attributes, reactivate: *reactivate, reason };
            let contact = store.edit_contact(*contact, edit, actor, now).await?;
            Ok(crate::cli::contact::as_json(&contact))
        }
        Order::Forget { address } => {
            let address = EmailAddress::parse(address).map_err(|error| Failure::bad_input(error.to_string()))?;
            let left = store.forget(workspace, &address, actor, now).await?;
            Ok(json!({ "contacts_removed": left.contacts, "deliveries_kept_without_a_name": left.deliveries_kept }))
        }
        Order::Complaint { report } => {
            let claim = complaint_claim(ledger, report).await?;
            complaint_answer(complaints::record(store, &claim, actor, now).await?)
        }
        Order::Reply { letter } => {
            let claim = reply_claim(ledger, letter).await?;
            reply_answer(replies::record(store, &claim, now).await?)
        }
        Order::Suppress { target, note } => {
            let reason = SuppressionReason::Manual;
            store.suppress(workspace, target.target(), reason, note.clone(), actor, now).await?;
            Ok(json!({ "suppressed": target.shown(), "reason": reason }))
        }
        Order::Unsuppress { target, reason } => {
            let removed = store.unsuppress(workspace, target.target(), reason, actor, now).await?;
            Ok(json!({ "target": target.shown(), "removed": removed }))
        }
        Order::Lift { provisional, evidence, reason, dry_run } => {
            let filter = LiftFilter { provisional_only: *provisional, ..evidence.filter() };
            if *dry_run {
                return Ok(previewed("lifted", &store.lift_preview(workspace, filter).await?));
            }
            let lifted = store.lift(workspace, filter, reason, false, actor, now).await?;
            Ok(json!({ "lifted": lifted, "dry_run": false }))
        }
        Order::RestoreContacts { cause, evidence, reason, dry_run } => {
            let filter = RestoreFilter { cause: *cause, evidence: evidence.filter() };
            if *dry_run {
                return Ok(previewed("restored", &store.restore_preview(workspace, filter).await?));
            }
            let restored = store.restore_contacts(workspace, filter, reason, actor, now).await?;
            Ok(json!({ "restored": restored, "dry_run": false }))
        }
        Order::StopOrigin { origin, because } => {
            let changed = store.stop_origin(workspace, origin, because, actor, now).await?;
            Ok(json!({ "origin": origin.to_string(), "stopped": true, "changed": changed }))
        }
        Order::AllowOrigin { origin, because } => {
            let changed = store.allow_origin(workspace, origin, because, actor, now).await?;
            Ok(json!({ "origin": origin.to_string(), "stopped": false, "changed": changed }))
        }
        Order::PutToRest { days, mailings, because } => {
            let rule = SleepRule { days: *days, mailings: *mailings };
            Ok(sunset::as_json(&store.put_to_rest(workspace, rule, because, actor, now).await?))
        }
        Order::UndoSunset { sunset, because } => {
            let woken = store.undo_sunset(workspace, *sunset, because, actor, now).await?;
            Ok(json!({ "sunset": sunset.to_string(), "woken": woken }))
        }
        Order::MakeKey { domain, selector, ed25519 } => make_key(ledger, actor, domain, selector, *ed25519).await,
        Order::Backup { to, verify } => {
            let report = store.backup(to, *verify, actor, now).await?;
            Ok(json!({ "backup": to, "bytes": report.bytes, "verified": report.verified }))
        }
        Order::Adopt => {
            let held = store.held();
            store.adopt(actor, now).await?;
            Ok(json!({ "adopted": held.is_some(), "was_held_because": held }))
        }
        Order::LeaveOut { .. } | Order::Pause { .. } | Order::Resume { .. } | Order::Cancel { .. } => {
            shift::move_idle(ledger, actor, order).await
        }
        Order::ChooseVariant { campaign, variant, because } => {
            let said = because.clone().unwrap_or_else(|| CHOSEN_BY_HAND.to_owned());
            let settling = Settling { found: None, winner: Some(*variant), said };
            store.settle_trial(workspace, *campaign, settling, actor, now).await?;
            Ok(json!({ "variant": dispatch::trial::letter(usize::from(*variant)) }))
        }
        Order::SettleDoubt { delivery, to, because } => {
            store.settle_doubt(*delivery, *to, because, actor, now).await?;
            Ok(doubt_settled(*delivery, *to, because))
        }
        Order::ResendInDoubt { campaign, only } => {
            let known = known_campaign(store, *campaign).await?;
            let queued = engine::doubt::queue_again(store, &known, only.as_deref(), |_| true, actor, now).await?;
            Ok(json!({ "queued_again": queued, "goes_on_here": false }))
        }
        Order::Set { name, value } => {
            store.set_setting(workspace, name, value, actor, now).await?;
            Ok(json!({ "setting": name, "value": value }))
        }
        Order::PlaceHold { reach } => holding::place(ledger, None, actor, reach).await,
        Order::CancelPart { reach } => holding::cancel(ledger, None, actor, reach).await,
        Order::LiftHold { hold } => holding::lift(ledger, None, actor, *hold).await,
        Order::Allot(order) => allot::carry_out(ledger, None, actor, order).await,
        Order::WaysOut(order) => ways_out::carry_out(ledger, None, actor, order).await,
        Order::People(order) => people::carry_out(ledger, actor, order).await,
        Order::Hosts(order) => hosts::carry_out(ledger, actor, order).await,
        Order::Alarms(order) => alarms::carry_out(ledger, None, actor, order).await,
        Order::Reload => {
            Err(Failure::refused("no process is at work here")
                .advise("whoever starts next reads everything as it is then"))
        }
        Order::Lanes { .. } | Order::Trace { .. } => Err(Failure::refused("no process is sending from here")),
        Order::Status => Ok(json!(Owner::nobody())),
    }
}

/// The campaign an order is about.
pub(crate) async fn known_campaign(store: &Store, id: CampaignId) -> Result<Campaign, StoreError> {
    store.campaign(id).await?.ok_or_else(|| StoreError::NotFound { what: "campaign", name: id.to_string() })
}

/// What would be restored, as orders answer.
fn previewed(what: &str, told: &RestorePreview) -> Value {
    let group = |one: &RestoreGroup| json!({ "provider": one.provider, "code": one.code, "count": one.count });
    let groups: Vec<Value> = told.groups.iter().map(group).collect();
    json!({ what: told.count, "dry_run": true, "groups": groups, "sample": told.sample })
}

/// What a report claims. Refused: one about a message that is none of ours.
pub(crate) async fn complaint_claim(ledger: &Ledger, report: &Report) -> Result<Claim, Failure> {
    let found = returned::find(&ledger.store, &report.traces, &report.recipients).await?;
    let delivery = found.ok_or_else(|| {
        Failure::bad_input("the report is about no message that was sent from here")
            .advise("a report is known by what we wrote into the message: it must hold its header fields")
    })?;
    Ok(Claim { delivery, kind: report.kind, workspace: None, at: None, how: "feedback_report" })
}

/// What became of a report.
pub(crate) fn complaint_answer(settled: Option<complaints::Settled>) -> Answer {
    let settled = settled.ok_or_else(|| {
        Failure::bad_input("the message that the report is about was never tried, or its recipient was forgotten")
    })?;
    Ok(told_of(settled.done.word(), &settled.recipient))
}

/// What a letter claims. Refused: one that answers no message of ours.
pub(crate) async fn reply_claim(ledger: &Ledger, letter: &Letter) -> Result<replies::Claim, Failure> {
    let claim = replies::claim(&ledger.store, letter).await?;
    claim.ok_or_else(|| {
        Failure::bad_input("the reply is to no message that was sent from here, or not from its recipient")
            .advise("a reply is known by its In-Reply-To and its From, or by a link of ours in what it quotes")
    })
}

/// What became of a letter.
pub(crate) fn reply_answer(settled: Option<replies::Settled>) -> Answer {
    let settled = settled.ok_or_else(|| {
        Failure::bad_input("the message that the reply is to was never tried, or its recipient was forgotten")
    })?;
    Ok(told_of(settled.done.word(), &settled.recipient))
}

/// What was done about what came back, and about which message.
fn told_of(did: &str, recipient: &Recipient) -> Value {
    json!({
        "did": did,
        "delivery": recipient.delivery.to_string(),
        "campaign": recipient.campaign.to_string(),
        "contact": recipient.contact.to_string(),
    })
}

/// The values to set with a new address: those named, and those that repeat the old address (a file's own column of
/// addresses is a value like any other, and would go on saying the old one).
async fn follow_address(
    ledger: &Ledger,
    contact: ContactId,
    email: &str,
    named: Option<&str>,
) -> Result<Option<String>, Failure> {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let mut set = named.map(object).unwrap_or_default();
    if let Some(known) = ledger.store.contact(contact).await? {
        for (name, value) in object(&known.attributes) {
            if value.as_str().is_some_and(|value| is_same_address(value, known.email.as_deref())) {
                set.entry(name).or_insert_with(|| Value::from(email));
            }
        }
    }
    Ok((!set.is_empty()).then(|| Value::Object(set).to_string()))
}

fn is_same_address(value: &str, email: Option<&str>) -> bool {
    let key = |text: &str| EmailAddress::parse(text).map_or_else(|_| text.to_owned(), |address| address.key());
    email.is_some_and(|email| key(email) == key(value))
}

/// Makes a key and keeps it sealed in the ledger; refuses a selector that has one, because mail signed with it is
/// still under way.
async fn make_key(ledger: &Ledger, actor: &Actor, domain: &str, selector: &str, ed25519: bool) -> Answer {
    let bad = |error: &dyn std::fmt::Display| Failure::bad_input(format!("no key was made: {error}"));
    let domain = MailDomain::parse(domain).map_err(|error| bad(&error))?;
    let known = ledger.store.load_keys(ledger.workspace, domain.as_str()).await?;
    if known.iter().any(|(taken, _)| taken == selector) {
        return Err(Failure::refused(format!("{domain} already has a key for the selector {selector:?}"))
            .advise("choose another: --selector NAME (keys in use are never replaced)"));
    }
    let key = if ed25519 { SigningKey::generate_ed25519() } else { SigningKey::generate_rsa() };
    let key = key.map_err(|error| Failure::own("no key was made", error))?;
    let answer = describe_key(&key, &domain, selector)?;
    let pem = key.to_pem().map_err(|error| Failure::own("no key was made", error))?;
    let (nonce, now) = (ledger.random("key nonce"), ledger.now());
    ledger.store.save_key(ledger.workspace, domain.as_str(), selector, pem.as_bytes(), nonce, actor, now).await?;
    Ok(answer)
}

/// A key and the DNS record that publishes it.
pub(crate) fn describe_key(key: &SigningKey, domain: &MailDomain, selector: &str) -> Answer {
    let record = key.dns_record(domain, selector).map_err(|error| Failure::bad_input(error.to_string()))?;
    let kind = match key.kind() {
        KeyKind::Rsa => "rsa",
        KeyKind::Ed25519 => "ed25519",
    };
    Ok(json!({
        "domain": domain.as_str(),
        "selector": selector,
        "kind": kind,
        "record_name": record.name,
        "record_type": "TXT",
        "record_value": record.value,
        "zone_line": record.zone_line(),
    }))
}

fn as_value(value: &impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| Failure::own("the answer could not be written down", error))
}

/// A field of an answer as a number; 0 when it is not there.
pub(crate) fn number(answer: &Value, field: &str) -> u64 {
    answer.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// A field of an answer as text; empty when it is not there.
pub(crate) fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_history::LogImport;

    #[tokio::test]
    async fn an_order_about_what_must_be_there_makes_no_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let history = WaysOut::ImportHistory(LogImport {
            files: Vec::new(),
            source: "mta1".to_owned(),
            of: Vec::new(),
            domains: Vec::new(),
            format: None,
            zone: None,
        });
        let pool = WaysOut::PutPool { name: "p".to_owned(), members: Vec::new(), dedicated: false };
        let stream = WaysOut::UsePool { kind: model::CampaignKind::Broadcast, pool: None, region: None };
        let limit = Allot::LimitSource { name: "mta1".to_owned(), ceilings: model::Ceilings::default() };
        let mistyped = [
            Order::Suppress { target: Whom::Address("kim@a.example".to_owned()), note: None },
            Order::Allot(limit),
            Order::Hosts(Hosts::Retire { host: "links.example.org".to_owned(), retired: true }),
            Order::Pause { campaign: CampaignId(7), why: None },
            Order::WaysOut(history),
            Order::WaysOut(pool),
            Order::WaysOut(stream),
        ];
        for order in mistyped {
            let refused = place(dir.path(), order.clone(), &mut |_| {}).await.unwrap_err();
            let expected = format!("there is no Postroom ledger in {}; check --data", dir.path().display());
            assert_eq!((refused.exit, refused.message), (Exit::BadInput, expected), "{order:?}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{order:?}");
        }
        let first = Order::Set { name: "postal_address".to_owned(), value: "1 High Street".to_owned() };
        place(dir.path(), first, &mut |_| {}).await.unwrap();
        assert!(Ledger::read(dir.path()).is_ok());
    }
}
