//! Metrics in the text format of Prometheus. Names are a promise: docs/run/serving.md lists them.

use crate::App;
use crate::api::alerts::unwritten;
use crate::auth::{self, Caller};
use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use model::AlertKind;
use model::access::Scope;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the buckets of request times, in milliseconds.
const BUCKETS_MS: [u64; 9] = [5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000];
/// Different routes, methods and statuses that are counted apart; there are fewer unless somebody invents methods.
const SERIES_MAX: usize = 5_000;

/// Requests as they were answered.
#[derive(Default)]
pub(crate) struct Requests {
    by_route: Mutex<BTreeMap<(String, String, u16), u64>>,
    times: Mutex<Times>,
}

#[derive(Clone, Copy, Default)]
struct Times {
    buckets: [u64; BUCKETS_MS.len()],
    count: u64,
    sum_ms: u64,
}

impl Requests {
    /// Counts an answer.
    pub(crate) fn count(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let mut by_route = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        let series = (route.to_owned(), method.as_str().to_owned(), status);
        if by_route.len() < SERIES_MAX || by_route.contains_key(&series) {
            *by_route.entry(series).or_default() += 1;
        }
        drop(by_route);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for (bucket, end) in times.buckets.iter_mut().zip(BUCKETS_MS) {
            *bucket += u64::from(took_ms <= end);
        }
        times.count += 1;
        times.sum_ms = times.sum_ms.saturating_add(took_ms);
    }

    fn write(&self, out: &mut Text) {
        out.head("postroom_http_requests_total", "counter", "Requests answered, by route, method and status");
        for ((route, method, status), count) in &*self.by_route.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = [("route", route.as_str()), ("method", method), ("status", &status.to_string())];
            out.sample("postroom_http_requests_total", &labels, *count as f64);
        }
        let times = *self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "postroom_http_request_seconds";
        out.head(name, "histogram", "How long answers took");
        for (count, end) in times.buckets.iter().zip(BUCKETS_MS) {
            let end = (end as f64 / 1000.0).to_string();
            out.sample(&format!("{name}_bucket"), &[("le", &end)], *count as f64);
        }
        out.sample(&format!("{name}_bucket"), &[("le", "+Inf")], times.count as f64);
        out.sample(&format!("{name}_sum"), &[], times.sum_ms as f64 / 1000.0);
        out.sample(&format!("{name}_count"), &[], times.count as f64);
    }
}

/// The text as it grows.
#[derive(Default)]
pub(crate) struct Text(String);

impl Text {
    /// Begins a metric.
    pub(crate) fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
    }

    /// One value of it.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' }).ok();
        }
        writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" }).ok();
    }
}

/// The page. For whoever may read metrics; for everybody where the operator says so.
pub(crate) async fn show(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    if !app.config.open_metrics {
        let (mut parts, _) = request.into_parts();
        let caller: Caller = auth::caller(&app, &mut parts).await?;
        caller.may(Scope::MetricsRead)?;
        caller.of_the_house()?;
    }
    let mut text = Text::default();
    write_mail(&app, &mut text).await?;
    app.desk.metrics.write(&mut text);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text.0).into_response())
}

/// How long the engine may take to show its lanes; without them the rest is told.
const LANES_WAIT: Duration = Duration::from_secs(2);

/// What becomes of mail, how the lanes stand, and what the ledger weighs.
async fn write_mail(app: &App, text: &mut Text) -> Result<(), Problem> {
    text.head("postroom_deliveries", "gauge", "Deliveries by workspace, kind of mail and state");
    for row in app.store.census().await? {
        let workspace = row.workspace.to_string();
        let labels = [("workspace", workspace.as_str()), ("kind", row.kind.word()), ("state", row.state.word())];
        text.sample("postroom_deliveries", &labels, row.count as f64);
    }
    if let Ok(mut lanes) = tokio::time::timeout(LANES_WAIT, app.engine.lanes()).await {
        lanes.retain(|lane| !lane.is_everywhere());
        text.head("postroom_lane_connections", "gauge", "Connections open, by source and site");
        let labels = |lane: &engine::lanes::LaneView| (lane.source.clone(), lane.site.clone());
        for lane in &lanes {
            let (source, site) = labels(lane);
            text.sample("postroom_lane_connections", &[("source", &source), ("site", &site)], f64::from(lane.open));
        }
        text.head("postroom_lane_waiting", "gauge", "Deliveries read and waiting for a connection, by source and site");
        for lane in &lanes {
            let (source, site) = labels(lane);
            text.sample("postroom_lane_waiting", &[("source", &source), ("site", &site)], lane.waiting as f64);
        }
        text.head("postroom_lane_held", "gauge", "1 while nothing may start in a lane, by source and site");
        for lane in &lanes {
            let ((source, site), held) = (labels(lane), u8::from(lane.held.is_some()));
            text.sample("postroom_lane_held", &[("source", &source), ("site", &site)], f64::from(held));
        }
    }
    text.head("postroom_holds", "gauge", "Holds in force");
    text.sample("postroom_holds", &[], app.store.holds(Some(app.now())).await?.len() as f64);
    text.head("postroom_ledger_bytes", "gauge", "Size of the ledger and its log");
    text.sample("postroom_ledger_bytes", &[], app.store.bytes() as f64);
    text.head("postroom_ledger_reads_total", "counter", "How often the ledger was read");
    text.sample("postroom_ledger_reads_total", &[], app.store.reads() as f64);
    if let Some((free, _)) = app.store.room() {
        text.head("postroom_disk_free_bytes", "gauge", "Room left on the disk of the ledger");
        text.sample("postroom_disk_free_bytes", &[], free as f64);
    }
    text.head("postroom_ledger_trouble", "gauge", "1 while nothing can be recorded, so that nothing is sent");
    text.sample("postroom_ledger_trouble", &[], f64::from(u8::from(app.engine.is_ledger_in_trouble())));
    write_alerts(app, text).await?;
    text.head("postroom_sending_held", "gauge", "1 while the directory is held after a restore or a copy");
    text.sample("postroom_sending_held", &[], f64::from(u8::from(app.store.held().is_some())));
    Ok(())
}

/// What is wrong, and whether those who should hear of it do.
async fn write_alerts(app: &App, text: &mut Text) -> Result<(), Problem> {
    let mut open: BTreeMap<AlertKind, u64> = AlertKind::ALL.iter().map(|kind| (*kind, 0)).collect();
    let mut known = app.store.open_alerts().await?;
    known.extend(unwritten(app, &known));
    for alert in known.iter().filter(|alert| alert.standing.over_at.is_none()) {
        *open.entry(alert.kind).or_default() += 1;
    }
    text.head("postroom_alerts_open", "gauge", "Alerts that are not over, by kind and severity");
    for (kind, count) in open {
        let labels = [("kind", kind.word()), ("severity", kind.severity().word())];
        text.sample("postroom_alerts_open", &labels, count as f64);
    }
    let failing = app.store.alert_channels(None).await?.iter().filter(|channel| channel.failed_at.is_some()).count();
    text.head("postroom_alert_channels_failing", "gauge", "Channels of alerts that failed when they were last used");
    text.sample("postroom_alert_channels_failing", &[], failing as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_prometheus_reads_them() {
        let requests = Requests::default();
        requests.count(&Method::GET, "/api/v1/me", 200, Duration::from_millis(7));
        let mut text = Text::default();
        requests.write(&mut text);
        let wanted = "postroom_http_requests_total{route=\"/api/v1/me\",method=\"GET\",status=\"200\"} 1\n";
        assert!(text.0.contains(wanted), "{}", text.0);
        assert!(text.0.contains("postroom_http_request_seconds_bucket{le=\"0.005\"} 0\n"), "{}", text.0);
        assert!(text.0.contains("postroom_http_request_seconds_bucket{le=\"0.01\"} 1\n"), "{}", text.0);
        let mut text = Text::default();
        text.sample("x", &[("name", "a \"b\"\\")], 0.5);
        assert_eq!(text.0, "x{name=\"a \\\"b\\\"\\\\\"} 0.5\n");
    }
}
