//! Complaints that come back as reports: the Abuse Reporting Format (RFC 5965), as feedback loops send it (RFC 6650).
//!
//! Providers take out of a report who complained, and some send only the header fields of the message. What survives is
//! what we wrote into it: sealed tokens (return path, unsubscribe, view, open and click addresses) and our own Message-ID.
//! So this reader collects whatever may be one of these, wherever it stands; only the key ring and the ledger can tell
//! which is. Invariant: what it returns is bounded, whatever it reads; nothing in it is believed here.

use crate::traces::Traces;
use mail_parser::{DateTime, Message, MessageParser, MimeHeaders, PartType};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Octets of a report that are read. A report may hold the whole message, files included.
pub const REPORT_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Recipients of one report.
pub const RECIPIENTS_MAX: usize = 32;
/// Octets of a recipient that are kept.
const RECIPIENT_OCTETS_MAX: usize = 320;
/// Messages within messages that are looked into.
const DEPTH_MAX: usize = 4;

/// What the report says of the message (RFC 5965 section 7.3, and registered since).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody called it spam.
    Abuse,
    /// Somebody called it a fraud.
    Fraud,
    /// Somebody who gets it wants no more of it.
    OptOut,
    /// Somebody says that it was no spam.
    NotSpam,
    /// A receiver could not authenticate it (RFC 6591): nobody complained.
    AuthFailure,
    /// Something else: a virus, what no registered word says.
    Other,
}

impl Kind {
    fn read(word: &str) -> Kind {
        match word.trim().to_ascii_lowercase().as_str() {
            "abuse" => Kind::Abuse,
            "fraud" => Kind::Fraud,
            "opt-out" | "opt-out-list" | "unsubscribe" => Kind::OptOut,
            "not-spam" => Kind::NotSpam,
            "auth-failure" => Kind::AuthFailure,
            _ => Kind::Other,
        }
    }

    /// Did somebody complain?
    pub const fn is_complaint(self) -> bool {
        matches!(self, Kind::Abuse | Kind::Fraud)
    }
}

/// A report, as far as it says what became of which message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it says.
    pub kind: Kind,
    /// When the message had arrived, as the report says.
    pub arrived_at: Option<Timestamp>,
    /// Whom it had been sent to, where that was left in.
    pub recipients: Vec<String>,
    /// What may be ours in it.
    pub traces: Traces,
}

/// Why a text is no report that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Too long.
    #[error("a report has at most {} MiB", REPORT_OCTETS_MAX / 1024 / 1024)]
    TooLong,
    /// No part that says what happened.
    #[error(
        "this is no complaint report: it has no part of type message/feedback-report (RFC 5965). Forward the report as it \
         came, with all its header fields"
    )]
    NoReport,
    /// That part does not say what.
    #[error("the report does not say what it is about: it has no Feedback-Type (RFC 5965 section 3.1)")]
    NoType,
}

/// Reads a report (RFC 5965): a message as it arrived, or its part message/feedback-report alone. Refused: more than
/// [`REPORT_OCTETS_MAX`], and what does not say that somebody complained, or of what kind it is.
pub fn read(octets: &[u8]) -> Result<Report, ReadError> {
    if octets.len() > REPORT_OCTETS_MAX {
        return Err(ReadError::TooLong);
    }
    let mut gathered = Gathered::default();
    if fields(&String::from_utf8_lossy(octets)).any(|(name, _)| name.eq_ignore_ascii_case("feedback-type")) {
        gathered.feedback(&String::from_utf8_lossy(octets));
    } else if let Some(message) = MessageParser::default().parse(octets) {
        gathered.message(&message, DEPTH_MAX);
    }
    if !gathered.is_report {
        return Err(ReadError::NoReport);
    }
    let kind = gathered.kind.ok_or(ReadError::NoType)?;
    // What was not encoded is read as it stands, folded lines and soft ends of lines undone.
    gathered.traces.gather(octets);
    let Gathered { arrived_at, recipients, traces, .. } = gathered;
    Ok(Report { kind, arrived_at, recipients, traces })
}

#[derive(Default)]
struct Gathered {
    is_report: bool,
    kind: Option<Kind>,
    arrived_at: Option<Timestamp>,
    recipients: Vec<String>,
    traces: Traces,
}

impl Gathered {
    fn message(&mut self, message: &Message<'_>, depth: usize) {
        for part in &message.parts {
            let kind = part.content_type();
            let is = |subtype: &str| {
                kind.is_some_and(|kind| {
                    kind.ctype().eq_ignore_ascii_case("message")
                        && kind.subtype().is_some_and(|own| own.eq_ignore_ascii_case(subtype))
                })
            };
            match &part.body {
                PartType::Message(inner) if depth > 0 => self.message(inner, depth - 1),
                PartType::Multipart(_) | PartType::Message(_) => {}
                _ if is("feedback-report") => self.feedback(&String::from_utf8_lossy(part.contents())),
                // As it was before it was encoded.
                _ => self.traces.gather(part.contents()),
            }
        }
    }

    /// The part that says what happened (RFC 5965 section 3). Unknown fields are passed over.
    fn feedback(&mut self, text: &str) {
        self.is_report = true;
        for (name, value) in fields(text) {
            match name.to_ascii_lowercase().as_str() {
                "feedback-type" => self.kind = self.kind.or(Some(Kind::read(&value))),
                "arrival-date" | "received-date" => {
                    self.arrived_at = self.arrived_at.or_else(|| read_date(&value));
                }
                "original-rcpt-to" | "removal-recipient" => {
                    let address = value.trim().trim_start_matches('<').trim_end_matches('>').trim();
                    let is_known = self.recipients.iter().any(|known| known == address);
                    let may_be = address.contains('@') && address.len() <= RECIPIENT_OCTETS_MAX;
                    if may_be && !is_known && self.recipients.len() < RECIPIENTS_MAX {
                        self.recipients.push(address.to_owned());
                    }
                }
                _ => {}
            }
        }
        self.traces.gather(text.as_bytes());
    }
}

fn read_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_rfc822(text.trim())?;
    (date.is_valid() && date.year >= 1990).then(|| Timestamp::from_millis(date.to_timestamp() * 1_000))
}

/// The fields at the beginning of a text, each with its folded lines in one, until a line that is none.
fn fields(text: &str) -> impl Iterator<Item = (&str, String)> {
    let mut lines = text.trim_start_matches(['\r', '\n']).lines().peekable();
    std::iter::from_fn(move || {
        let (name, value) = lines.next()?.split_once(':')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        let mut value = is_name.then(|| value.trim().to_owned())?;
        while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty()) {
            value.push(' ');
            value.push_str(more.trim());
        }
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{KeyRing, Purpose};
    use crate::traces::MessageName;
    use model::DeliveryId;

    const DELIVERY: DeliveryId = DeliveryId(4_611_686_018_427_387_904);

    fn token() -> String {
        KeyRing::new([7; 32]).seal(Purpose::Unsubscribe, DELIVERY)
    }

    /// A report as a large provider sends it: nobody is named, and the message is there with its header fields.
    fn report(kind: &str, message: &str) -> String {
        format!(
            "From: feedback@arf.mail.example\r\nTo: fbl@shop.example\r\nSubject: FW: Spring\r\n\
             Message-ID: <1.2@arf.mail.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=\"=_b\"\r\n\r\n\
             --=_b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n\
             --=_b\r\nContent-Type: message/feedback-report\r\n\r\n\
             Feedback-Type: {kind}\r\nUser-Agent: Mail-Feedback/2.0\r\nVersion: 1\r\n\
             Original-Rcpt-To: <redacted@example.net>\r\nArrival-Date: Mon, 05 Jan 2026\r\n 09:10:11 +0100\r\n\r\n\
             --=_b\r\n{message}\r\n--=_b--\r\n"
        )
    }

    fn message() -> String {
        format!(
            "Content-Type: message/rfc822\r\n\r\nReturn-Path: <>\r\nTo: redacted\r\nSubject: Spring\r\n\
             List-Unsubscribe: <https://post.shop.example/u/{}>\r\nMessage-ID: <{DELIVERY}.k3@shop.example>\r\n\r\nHello",
            token()
        )
    }

    #[test]
    fn what_we_wrote_is_found_in_the_returned_message() {
        let read = read(report("abuse", &message()).as_bytes()).unwrap();
        assert!(read.kind.is_complaint());
        assert_eq!(read.traces.tokens, [token()]);
        let id = MessageName { delivery: DELIVERY, tag: "k3".to_owned(), domain: "shop.example".to_owned() };
        assert_eq!(read.traces.messages, [id]);
        assert_eq!(read.recipients, ["redacted@example.net"]);
        assert_eq!(read.arrived_at, Some(Timestamp::from_millis(1_767_600_611_000)));
    }

    #[test]
    fn encoded_and_broken_copies_are_read_too() {
        use base64::Engine as _;
        let broken = message().replace(&token(), &format!("{}=\r\n{}", &token()[..9], &token()[9..]));
        assert_eq!(read(report("abuse", &broken).as_bytes()).unwrap().traces.tokens, [token()]);
        let fields = format!("List-Unsubscribe: <https://x.example/u/{}>\r\n", token().to_uppercase());
        let packed = base64::engine::general_purpose::STANDARD.encode(fields);
        let part = format!("Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n{packed}");
        assert_eq!(read(report("fraud", &part).as_bytes()).unwrap().traces.tokens, [token().to_uppercase()]);
    }

    #[test]
    fn the_part_alone_is_a_report() {
        let text = format!("Feedback-Type: opt-out\nVersion: 1\nOriginal-Mail-From: <b-{}@bounces.example>\n", token());
        let read = read(text.as_bytes()).unwrap();
        assert_eq!((read.kind, read.traces.tokens), (Kind::OptOut, vec![token()]));
    }

    #[test]
    fn the_words_of_the_registry_are_told_apart() {
        for (word, kind) in [
            ("Abuse", Kind::Abuse),
            ("not-spam", Kind::NotSpam),
            ("auth-failure", Kind::AuthFailure),
            ("virus", Kind::Other),
            ("complaint-of-2031", Kind::Other),
        ] {
            assert_eq!(read(report(word, &message()).as_bytes()).unwrap().kind, kind, "{word}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert_eq!(read(b""), Err(ReadError::NoReport));
        assert_eq!(read(b"Subject: Re: Spring\r\n\r\nstop writing to me"), Err(ReadError::NoReport));
        assert_eq!(read(&[0xff, 0, 0xfe, b':', b'\n']), Err(ReadError::NoReport));
        let untyped = report("abuse", &message()).replace("Feedback-Type", "Abuse-Type");
        assert_eq!(read(untyped.as_bytes()), Err(ReadError::NoType));
        assert_eq!(read(&vec![b'a'; REPORT_OCTETS_MAX + 1]), Err(ReadError::TooLong));
    }

    #[test]
    fn whom_it_was_sent_to_is_bounded() {
        let many: String = (0..500).map(|n| format!("Original-Rcpt-To: p{n}@y.example\n")).collect();
        let read = read(format!("Feedback-Type: abuse\n{many}").as_bytes()).unwrap();
        assert_eq!(read.recipients.len(), RECIPIENTS_MAX);
    }

    /// Reports that real programs have sent; see the data directory's own notes.
    #[test]
    fn reports_seen_in_the_wild_are_read() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/bounces/files");
        for (file, kind) in [("b0036.eml", Kind::Abuse), ("b0037.eml", Kind::AuthFailure), ("b0038.eml", Kind::Abuse)] {
            match std::fs::read(directory.join(file)) {
                Ok(octets) => assert_eq!(read(&octets).unwrap().kind, kind, "{file}"),
                Err(_) => eprintln!("{file} is not here: left out"),
            }
        }
    }
}
