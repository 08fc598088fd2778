//! KumoMTA's log records: a JSON object a line. `Delivery`, `TransientFailure` and `Bounce` with a peer are attempts;
//! other types, and failures before anybody was reached, are not.

use super::senders::sender_of;
use super::{Attempt, Ending, Line, Sender, is_inside, verdict_of};
use model::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    timestamp: f64,
    sender: Option<String>,
    response: Option<Response>,
    peer_address: Option<Peer>,
    egress_source: Option<String>,
    source_address: Option<SourceAddress>,
}

#[derive(Deserialize)]
struct Response {
    code: u16,
    enhanced_code: Option<Enhanced>,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Enhanced {
    class: u16,
    subject: u16,
    detail: u16,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    addr: String,
}

#[derive(Deserialize)]
struct SourceAddress {
    #[serde(default)]
    address: String,
}

/// Is this a record?
pub(super) fn is_record(line: &str) -> bool {
    line.starts_with('{') && line.contains("\"type\":") && line.contains("\"peer_address\":")
}

/// Reads one line.
pub(super) fn read(line: &str) -> Line {
    if line.is_empty() {
        return Line::Other;
    }
    let Ok(record) = serde_json::from_str::<Record>(line) else { return Line::Unread("it is no log record") };
    let ending = match record.kind.as_str() {
        "Delivery" => Ending::Taken,
        "TransientFailure" => Ending::PutOff,
        "Bounce" => Ending::Refused,
        _ => return Line::Other,
    };
    let Some(peer) = record.peer_address.filter(|peer| !is_inside(&peer.addr)) else { return Line::Other };
    let named = record.egress_source.filter(|name| !name.is_empty() && name != "unspecified");
    let address = record.source_address.map(|source| without_port(&source.address).to_owned());
    let Some(source) = named.or(address).filter(|source| !source.is_empty()) else {
        return Line::Unread("it names neither egress_source nor source_address");
    };
    let (said, status) = match &record.response {
        None => (String::new(), None),
        Some(Response { code, enhanced_code, content }) => {
            let status = enhanced_code.as_ref().map(|code| format!("{}.{}.{}", code.class, code.subject, code.detail));
            (format!("{code} {} {content}", status.as_deref().unwrap_or_default()), status)
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "what lies beyond is cut to the last time there is")]
    let at = Timestamp::from_millis((record.timestamp * 1000.0) as i64);
    let verdict = verdict_of(ending, &said, status.as_deref());
    let sender = record.sender.as_deref().map_or(Sender::Unnamed, sender_of);
    Line::Attempt(Attempt { at, source, sender, host: peer.name, verdict })
}

/// `192.0.2.1:53211` and `[2001:db8::1]:53211` without the port.
fn without_port(address: &str) -> &str {
    if let Some(v6) = address.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    match address.split_once(':') {
        Some((v4, rest)) if !rest.contains(':') => v4,
        _ => address,
    }
}
