//! How the machine does: what is known anyway of the ledger, the disk, the ways out and DNS, on one page.
//!
//! Nothing is judged here: whatever is wrong is an alert. Invariant: what nobody looked at is not called well.

use super::forms::Entered;
use super::layout::{Layout, Section};
use super::sheet::{Cell, Sheet, Table};
use super::shown::Shown;
use super::{Visitor, tabs, webhooks};
use crate::App;
use crate::api::alerts::unwritten;
use crate::api::domains;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use model::AlertKind;
use model::access::Scope;
use model::alert::Severity;
use store::Alert;

/// Octets of a gigabyte, as disks are sold.
const GIGABYTE: f64 = 1e9;
/// Octets of a megabyte, likewise.
const MEGABYTE: u64 = 1_000_000;
/// Domains whose keys are looked for in DNS, one after the other.
const DOMAINS_ASKED: usize = 3;

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
    let ledger = sized(shown, app.store.bytes());
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
        dns(&app, &visitor, &alerts).await?,
        part(shown.say("machine-providers"), &[AlertKind::ProviderHeld, AlertKind::ProviderIncident], String::new()),
        certificate(shown, &alerts, app.config.shows_certificate),
        webhooks_row(&app, &visitor, &alerts).await?,
        vec![Cell::text(shown.say("machine-clock")), Cell::text("–"), Cell::text(clock)],
    ];
    if let Some(why) = app.store.held() {
        let held = Cell::badge("hard", "pause", shown.say("machine-held"));
        rows.insert(
            0,
            vec![Cell::text(shown.say("machine-sending")), held, Cell::text(shown.machine_said(&why, &shown.now))],
        );
    }
    let head = shown.says(["machine-part", "state", "machine-known"]);
    let table = Table::new("machine", shown.say("machine"), head, String::new()).rows(rows);
    let layout = Layout::of(&app, &visitor, Section::Delivery, shown.say("machine"));
    let sheet = Sheet::new(layout).lead(shown.say("machine-what")).tabs(tabs::delivery(&visitor, "/machine"));
    Ok(sheet.part(table).answer(&Entered::default()))
}

/// Do receivers see the keys that mail is signed with? Alerts are about mail that is under way; of the rest it is asked now.
async fn dns(app: &App, visitor: &Visitor, alerts: &[Alert]) -> Result<Vec<Cell>, Problem> {
    let shown = &visitor.shown;
    let mut cells = row(shown, alerts, shown.say("machine-dns"), &[AlertKind::DomainDns], String::new());
    if alerts.iter().any(|alert| alert.kind == AlertKind::DomainDns) {
        return Ok(cells);
    }
    let domains = app.store.signing_domains(visitor.caller.workspace, None, DOMAINS_ASKED).await?;
    let unknown = |why: String| vec![Cell::badge("skip", "skip", shown.say("unknown")), Cell::text(why)];
    let told = match (domains.is_empty(), app.config.sending.transport.is_rehearsal()) {
        (true, _) => unknown(shown.say("machine-dns-no-key")),
        (false, true) => unknown(shown.say("machine-dns-rehearsal")),
        (false, false) => {
            let mut unseen = Vec::new();
            for domain in &domains {
                if !domains::is_shown(app, &visitor.caller, domain).await? {
                    unseen.push(domain.as_str());
                }
            }
            match unseen.is_empty() {
                true => vec![Cell::badge("ok", "ok", shown.say("machine-dns-seen")), Cell::text(domains.join(", "))],
                false => {
                    let badge = Cell::badge("soft", "soft", shown.say("machine-dns-unseen"));
                    vec![badge, Cell::text(unseen.join(", "))]
                }
            }
        }
    };
    cells.truncate(1);
    cells.extend(told);
    Ok(cells)
}

/// Are the webhooks of this workspace answered? Alerts come when one failed for long; how each stands is told before.
async fn webhooks_row(app: &App, visitor: &Visitor, alerts: &[Alert]) -> Result<Vec<Cell>, Problem> {
    let shown = &visitor.shown;
    let kinds = [AlertKind::WebhookFailing, AlertKind::WebhookDisabled];
    let stand = match visitor.caller.scopes.has(Scope::WebhooksRead) {
        true => webhooks::in_short(app, visitor).await?,
        false => None,
    };
    let Some((worst, told)) = stand else {
        return Ok(row(shown, alerts, shown.say("webhooks"), &kinds, String::new()));
    };
    let mut cells = row(shown, alerts, shown.say("webhooks"), &kinds, told);
    let is_alerted = alerts.iter().any(|alert| kinds.contains(&alert.kind));
    if let (false, "hard" | "soft", Some(state)) = (is_alerted, worst, cells.get_mut(1)) {
        *state = Cell::badge("soft", "soft", shown.say("machine-webhooks-unwell"));
    }
    Ok(cells)
}

/// Does the certificate last? Where the service shows none, whoever stands in front of it knows.
fn certificate(shown: &Shown, alerts: &[Alert], is_shown: bool) -> Vec<Cell> {
    let name = shown.say("machine-certificate");
    if is_shown {
        return row(shown, alerts, name, &[AlertKind::CertificateEnds], String::new());
    }
    let unknown = Cell::badge("skip", "skip", shown.say("unknown"));
    vec![Cell::text(name), unknown, Cell::text(shown.say("machine-certificate-none"))]
}

/// A size as people read it: whole megabytes below a tenth of a gigabyte.
fn sized(shown: &Shown, octets: u64) -> String {
    match octets as f64 / GIGABYTE {
        few if few < 0.1 => shown.fill("machine-megabytes", &[("n", (octets.div_ceil(MEGABYTE)).into())]),
        many => shown.fill("machine-gigabytes", &[("n", shown.decimal(many, 1).into())]),
    }
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
    let told = wrong
        .into_iter()
        .fold(told, |told, alert| told.sub(shown.machine_said(&alert.standing.text, &alert.standing.last_at)));
    vec![Cell::text(name), state, told]
}
