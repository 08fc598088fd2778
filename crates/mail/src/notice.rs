//! A short message from the machine to whoever runs it: plain text, nothing personal, no tokens.

use crate::headers::date_text;
use crate::qp::base64_lines;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

/// What is said, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Whose address stands in From; checked by the caller.
    pub from: &'a str,
    /// Whose in To; likewise.
    pub to: &'a str,
    /// The subject, in ASCII; anything else in it becomes a space.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// When.
    pub at: Timestamp,
    /// Random octets, for Message-ID.
    pub token: [u8; 8],
}

impl Notice<'_> {
    /// The message, with CR LF at the end of every line (RFC 5322). It says that no machine should answer it (RFC 3834).
    pub fn bytes(&self) -> Vec<u8> {
        let plain = |text: &str| text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect::<String>();
        let token: String = self.token.iter().map(|octet| format!("{octet:02x}")).collect();
        let domain = self.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let mut out = format!(
            "From: Postroom <{}>\r\nTo: <{}>\r\nSubject: [Postroom] {}\r\nDate: {}\r\nMessage-ID: <{token}@{}>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            plain(self.from),
            plain(self.to),
            plain(self.subject),
            date_text(self.at),
            plain(domain),
        )
        .into_bytes();
        base64_lines(&mut out, &STANDARD.encode(format!("{}\r\n", self.text)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_message_that_others_read() {
        let text = "Campaign \"Prüfung\": too many hard bounces. ".repeat(5);
        let notice = Notice {
            from: "postroom@example.org",
            to: "ops@example.org",
            subject: "A brake\r\nBcc: x@evil.example",
            text: &text,
            at: Timestamp::from_millis(1_772_442_000_000),
            token: [7; 8],
        };
        let bytes = notice.bytes();
        assert!(
            bytes
                .split(|octet| *octet == b'\n')
                .all(|line| line.len() <= 200 && (line.is_empty() || line.ends_with(b"\r")))
        );
        let read = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(read.subject(), Some("[Postroom] A brake  Bcc: x@evil.example"));
        assert!(read.bcc().is_none(), "nothing becomes a field");
        assert_eq!(read.body_text(0).unwrap().trim_end(), text.trim_end());
        assert_eq!(read.date().unwrap().to_timestamp(), 1_772_442_000);
    }
}
