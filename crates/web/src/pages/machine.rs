//! How the machine does: what is known anyway of the ledger, the disk, the ways out and DNS, on one page.
//!
//! Nothing is judged here: whatever is wrong is an alert, and whatever no alert is about is well.

use super::forms::Entered;
use super::layout::{Layout, Section};
use super::sheet::{Cell, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs};
use crate::App;
use crate::api::alerts::unwritten;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use model::AlertKind;
use model::access::Scope;
use model::alert::Severity;
use store::Alert;

/// Octets of a gigabyte, as disks are sold.
const GIGABYTE: f64 = 1e9;

/// The page. The machine is that of the whole installation, and is seen in its first workspace.
pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.may(Scope::DispatchRead)?;
    visitor.caller.of_the_house()?;
    let shown = &visitor.shown;
    let mut alerts = app.store.open_alerts().await?;
    alerts.extend(unwritten(&app, &alerts));
    alerts.retain(|alert| alert.standing.over_at.is_none());
    let part = |name: String, kinds: &[AlertKind], known: String| row(shown, &alerts, name, kinds, known);
    let gigabytes = |octets: u64| shown.decimal(octets as f64 / GIGABYTE, 1);
    let ledger = shown.fill("machine-ledger-size", &[("size", gigabytes(app.store.bytes()).into())]);
    let disk = app.store.room().map(|(free, all)| {
        shown.fill("machine-disk-free", &[("free", gigabytes(free).into()), ("all", gigabytes(all).into())])
    });
    let sending = shown.say(if app.engine.is_sending() { "engine-sending" } else { "engine-idle" });
    let sources = shown.count("machine-sources-n", &(app.store.sources().await?.len() as u64));
    let clock = format!("{} {}", shown.second(&shown.now), shown.zone_name());
    let mut rows = vec![
        part(shown.say("machine-ledger"), &[AlertKind::LedgerUnwritable], ledger),
        part(shown.say("machine-disk"), &[AlertKind::DiskLow], disk.unwrap_or_else(|| "–".to_owned())),
        part(shown.say("machine-sending"), &[AlertKind::WorkStuck], sending),
        part(shown.say("sources"), &[AlertKind::SourceDown, AlertKind::SourceListed], sources),
        part(shown.say("machine-dns"), &[AlertKind::DomainDns], String::new()),
        part(shown.say("machine-providers"), &[AlertKind::ProviderHeld, AlertKind::ProviderIncident], String::new()),
        part(shown.say("machine-certificate"), &[AlertKind::CertificateEnds], String::new()),
        part(shown.say("webhooks"), &[AlertKind::WebhookFailing, AlertKind::WebhookDisabled], String::new()),
        vec![Cell::text(shown.say("machine-clock")), Cell::text("–"), Cell::text(clock)],
    ];
    if let Some(why) = app.store.held() {
        let held = Cell::badge("hard", "pause", shown.say("machine-held"));
        rows.insert(0, vec![Cell::text(shown.say("machine-sending")), held, Cell::text(why)]);
    }
    let head = shown.says(["machine-part", "state", "machine-known"]);
    let table = Table::new("machine", shown.say("machine"), head, String::new()).rows(rows);
    let layout = Layout::of(&app, &visitor, Section::Delivery, shown.say("machine"));
    let sheet = Sheet::new(layout).lead(shown.say("machine-what")).tabs(tabs::delivery(&visitor, "/machine"));
    Ok(sheet.part(table).answer(&Entered::default()))
}

/// A part of the machine: well, or what its alerts say.
fn row(shown: &Shown, alerts: &[Alert], name: String, kinds: &[AlertKind], known: String) -> Vec<Cell> {
    let wrong: Vec<&Alert> = alerts.iter().filter(|alert| kinds.contains(&alert.kind)).collect();
    let is_critical = wrong.iter().any(|alert| alert.kind.severity() == Severity::Critical);
    let state = match (wrong.first(), is_critical) {
        (None, _) => Cell::badge("ok", "ok", shown.say("machine-well")),
        (Some(first), true) => Cell::badge("hard", "hard", shown.one_of("alert", first.kind.word())),
        (Some(first), false) => Cell::badge("soft", "soft", shown.one_of("alert", first.kind.word())),
    };
    let told = Cell::text(known);
    let told = wrong.into_iter().fold(told, |told, alert| told.sub(alert.standing.text.clone()));
    vec![Cell::text(name), state, told]
}
