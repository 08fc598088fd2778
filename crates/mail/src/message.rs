//! One recipient's message as bytes (RFC 5322, RFC 2045, RFC 2046).
//!
//! Separate because this is what happens once per recipient: everything that could be prepared for the campaign was.
//! Invariants: same arguments, same bytes; CRLF line ends only; 7-bit (but for a To address that needs SMTPUTF8), so
//! that one signed form suits every server; the last line is the closing boundary.

use crate::attach::Attachment;
use crate::compose::{Compiled, PREFERENCES_TAG, RenderError, VIEW_TAG, escaped};
use crate::headers::{HeaderPlan, Tokens};
use crate::token::KeyRing;
use crate::track::Tracker;
use crate::values::{Person, Values};
use model::{DeliveryId, EmailAddress, Timestamp};

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Their address.
    pub to: &'a EmailAddress,
    /// Their name for the To field, when known. Control characters in it become blanks.
    pub to_name: Option<&'a str>,
    /// Their merge values.
    pub values: &'a Values,
    /// The delivery: it names the message for ever.
    pub delivery: DeliveryId,
    /// The delivery's tokens.
    pub tokens: &'a Tokens,
    /// Where what they do with it is counted, if the message was compiled for that, and by whose keys.
    pub tracker: Option<(&'a Tracker, &'a KeyRing)>,
}

/// A whole message, ready to be signed and not dot-stuffed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The octets.
    pub bytes: Vec<u8>,
    /// Tags without a fallback that came out empty: worth counting, no error.
    pub empty_tags: Vec<String>,
}

/// What a reader sees of a message before opening it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its sender: `Anna <anna@example.org>`, or the bare address.
    pub from: String,
    /// Its subject, decoded.
    pub subject: String,
}

/// Reads the sender and the subject of a message as mail programs do (RFC 5322, RFC 2047); what is not there is empty.
pub fn head(octets: &[u8]) -> Head {
    let Some(message) = mail_parser::MessageParser::default().parse_headers(octets) else { return Head::default() };
    let from = message.from().and_then(|from| from.first());
    let from = from.map(|from| match (from.name(), from.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => address.or(name).unwrap_or_default().to_owned(),
    });
    Head { from: from.unwrap_or_default(), subject: message.subject().unwrap_or_default().to_owned() }
}

/// Renders and writes one recipient's message, with its files: those the HTML part names beside it (RFC 2387), the others
/// behind the text. Refuses nothing but what [`Compiled::render`] refuses.
pub fn assemble(
    compiled: &Compiled,
    plan: &HeaderPlan,
    recipient: &Recipient<'_>,
    date: Timestamp,
    files: &[Attachment],
) -> Result<Message, RenderError> {
    let mut person = person(plan, recipient);
    let counted = recipient.tracker.map(|(tracker, ring)| tracker.of(ring, recipient.delivery));
    compiled.address(&mut person, counted.as_ref())?;
    let subject = compiled.subject(&person)?;
    let of_files: usize = files.iter().map(Attachment::wire_octets).sum();
    let mut out = Vec::with_capacity(compiled.fixed_octets() * 9 / 8 + PERSONAL_OCTETS + of_files);
    let to = (recipient.to_name, recipient.to);
    plan.write(&mut out, recipient.delivery, recipient.tokens, date, to, &subject);
    let (shown, attached): (Vec<&Attachment>, Vec<&Attachment>) = files.iter().partition(|file| file.is_inline());
    let wraps = [("mixed", "m", attached), ("related", "r", shown)];
    let wraps: Vec<_> = wraps.into_iter().filter(|(_, _, files)| !files.is_empty()).collect();
    // Neither quoted-printable nor base64 ever writes "=_": no boundary can occur in a part.
    for (kind, letter, _) in &wraps {
        let boundary = format!("=_{letter}{}", recipient.delivery);
        begin_multipart(&mut out, kind, &boundary);
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
    }
    match compiled.is_text_only() {
        true => {
            out.extend_from_slice(PLAIN_TEXT);
            compiled.write_text(&person, &mut out)?;
        }
        false => write_alternatives(compiled, &person, recipient.delivery, &mut out)?,
    }
    for (_, letter, files) in wraps.iter().rev() {
        let boundary = format!("=_{letter}{}", recipient.delivery);
        for file in files {
            out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            file.write(&mut out);
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    }
    Ok(Message { bytes: out, empty_tags: compiled.empty_tags(&person) })
}

/// The message as text and as HTML.
fn write_alternatives(
    compiled: &Compiled,
    person: &Person<'_>,
    delivery: DeliveryId,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    let boundary = format!("=_{delivery}");
    begin_multipart(out, "alternative", &boundary);
    begin_part(out, &boundary, "plain");
    compiled.write_text(person, out)?;
    begin_part(out, &boundary, "html");
    compiled.write_html(person, out)?;
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"--\r\n");
    Ok(())
}

fn begin_multipart(out: &mut Vec<u8>, kind: &str, boundary: &str) {
    out.extend_from_slice(b"Content-Type: multipart/");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b";\r\n boundary=\"");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\"\r\n\r\n");
}

/// One recipient's HTML as a browser shows it. Refuses nothing but what [`Compiled::render`] refuses.
pub fn page(compiled: &Compiled, plan: &HeaderPlan, recipient: &Recipient<'_>) -> Result<String, RenderError> {
    let mut person = person(plan, recipient);
    compiled.address(&mut person, None)?;
    Ok(titled(compiled.html(&person)?, &compiled.subject(&person)?))
}

/// A page has a title (WCAG 2.4.2): its subject, where its author wrote none.
fn titled(mut html: String, subject: &str) -> String {
    let lower = html.to_ascii_lowercase();
    if lower.contains("<title") {
        return html;
    }
    let behind = |element: &str| {
        let (before, rest) = lower.split_once(element)?;
        Some(before.len() + element.len() + rest.find('>')? + 1)
    };
    // `<header` is no head.
    let head = lower.find("<head>").map(|at| at + "<head>".len());
    let at = head.or_else(|| behind("<head ")).or_else(|| behind("<html")).or_else(|| behind("<!doctype")).unwrap_or(0);
    html.insert_str(at, &format!("<title>{}</title>", escaped(subject.into())));
    html
}

fn person<'r>(plan: &HeaderPlan, recipient: &Recipient<'r>) -> Person<'r> {
    Person::new(
        recipient.values,
        [
            ("unsubscribe_url", plan.unsubscribe_url(recipient.tokens)),
            (VIEW_TAG, plan.view_url(recipient.tokens)),
            (PREFERENCES_TAG, plan.preferences_url(recipient.tokens)),
            ("postal_address", plan.postal_address().map(str::to_owned)),
        ],
    )
}

/// Room for header fields, values and signatures: with it, most messages are written and signed without growing.
const PERSONAL_OCTETS: usize = 4_096;
/// The fields of a message that is nothing but text.
const PLAIN_TEXT: &[u8] =
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";

fn begin_part(out: &mut Vec<u8>, boundary: &str, subtype: &str) {
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\r\nContent-Type: text/");
    out.extend_from_slice(subtype.as_bytes());
    out.extend_from_slice(b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_title_gets_its_subject_where_a_title_stands() {
        let titled = |html: &str| titled(html.to_owned(), "1 < 2");
        let title = "<title>1 &lt; 2</title>";
        assert_eq!(titled("<HTML><HEAD><meta></HEAD><p>"), format!("<HTML><HEAD>{title}<meta></HEAD><p>"));
        assert_eq!(titled("<html><head lang=\"en\"></head>"), format!("<html><head lang=\"en\">{title}</head>"));
        assert_eq!(titled("<!DOCTYPE html><header>"), format!("<!DOCTYPE html>{title}<header>"));
        assert_eq!(titled("<html><body>"), format!("<html>{title}<body>"));
        assert_eq!(titled("<p>"), format!("{title}<p>"));
        assert_eq!(titled("<head><Title>own</Title></head>"), "<head><Title>own</Title></head>");
    }
    use crate::compose::{CompileOptions, SourceKind, compile};
    use crate::headers::{HeaderFields, Mailbox, Unsubscribe};
    use crate::token::KeyRing;
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    const DATE: Timestamp = Timestamp::from_millis(1_764_000_000_000);
    const DELIVERY: DeliveryId = DeliveryId(123_456_789);

    fn message(source: &str, values: &[(&str, &str)]) -> Message {
        let options =
            CompileOptions { known_tags: ["name", "city"].map(str::to_owned).into(), ..CompileOptions::default() };
        let compiled = compile(source, SourceKind::Markdown, &options).unwrap();
        let from = Mailbox { name: Some("Café Anna".to_owned()), address: "news@example.org".parse().unwrap() };
        let unsubscribe = Unsubscribe { url: Some("https://example.org/u/{token}".to_owned()), mailto: None };
        let fields = HeaderFields {
            unsubscribe,
            postal_address: Some("1 Way, Ulm".to_owned()),
            ..HeaderFields::from_sender(from)
        };
        let plan = HeaderPlan::new(fields).unwrap();
        let tokens = Tokens::seal(&KeyRing::new([3; 32]), DELIVERY);
        let values: Values = values.iter().copied().collect();
        let to = "kim@example.net".parse().unwrap();
        let to_name = values.text("name").map(str::to_owned);
        let recipient = Recipient {
            to: &to,
            to_name: to_name.as_deref(),
            values: &values,
            delivery: DELIVERY,
            tokens: &tokens,
            tracker: None,
        };
        assemble(&compiled, &plan, &recipient, DATE, &[]).unwrap()
    }

    const SOURCE: &str = "---\nsubject: Hi {{ name }}\n---\nHello {{ name }} in {{ city }}.\n\n\
        [Unsubscribe]({{ unsubscribe_url }}), {{ postal_address }}\n";

    #[test]
    fn a_message_is_what_it_should_be_to_the_octet() {
        let made = message(SOURCE, &[("name", "Jürgen"), ("city", "Ulm")]);
        expect_test::expect![[r#"
            Date: Mon, 24 Nov 2025 16:00:00 +0000
            From: =?utf-8?Q?Caf=C3=A9_Anna?= <news@example.org>
            List-Unsubscribe-Post: List-Unsubscribe=One-Click
            To: =?utf-8?Q?J=C3=BCrgen?= <kim@example.net>
            Subject: =?utf-8?Q?Hi_J=C3=BCrgen?=
            Message-ID: <d_3nqk8n@example.org>
            List-Unsubscribe: <https://example.org/u/ciaaaaaaaadvxtivda6ljmnmbvux774w>
            MIME-Version: 1.0
            Content-Type: multipart/alternative;
             boundary="=_d_3nqk8n"

            --=_d_3nqk8n
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            Hello J=C3=BCrgen in Ulm.

            Unsubscribe (https://example.org/u/ciaaaaaaaadvxtivda6ljmnmbvux774w), 1 Way=
            , Ulm
            --=_d_3nqk8n
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            <!DOCTYPE html><html><head><meta charset=3D"utf-8"><meta name=3D"viewport" =
            content=3D"width=3Ddevice-width,initial-scale=3D1"></head><body style=3D"ma=
            rgin: 0;padding: 0;background: #ffffff;"><div class=3D"letter" style=3D"max=
            -width: 600px;margin: 0 auto;padding: 24px 16px;color: #1f2328;font: 16px/1=
            =2E5 Helvetica,Arial,sans-serif;"><p style=3D"margin: 0 0 16px;">Hello J=C3=
            =BCrgen in Ulm=
            =2E</p>
            <p style=3D"margin: 0 0 16px;"><a href=3D"https://example.org/u/ciaaaaaaaad=
            vxtivda6ljmnmbvux774w=
            " style=3D"color: #0b57d0;">Unsubscribe</a>, 1 Way, Ulm=
            </p>
            </div></body></html>
            --=_d_3nqk8n--
        "#]]
        .assert_eq(&String::from_utf8(made.bytes).unwrap().replace("\r\n", "\n"));
    }

    #[test]
    fn the_same_person_gets_the_same_message_and_empty_tags_are_counted() {
        let values = [("name", "Kim"), ("city", "")];
        assert_eq!(message(SOURCE, &values), message(SOURCE, &values));
        assert_eq!(message(SOURCE, &values).empty_tags, ["city"]);
    }

    /// What a program sends: text alone or a page, with files.
    fn with_files(source: &str, kind: SourceKind, files: &[Attachment]) -> String {
        let options = CompileOptions {
            subject: Some("Hi".to_owned()),
            known_tags: ["name"].map(str::to_owned).into(),
            ..CompileOptions::default()
        };
        let compiled = compile(source, kind, &options).unwrap();
        let from = Mailbox { name: None, address: "shop@example.org".parse().unwrap() };
        let plan = HeaderPlan::new(HeaderFields {
            extra: vec![("X-Order".to_owned(), "77 \u{fc}".to_owned())],
            ..HeaderFields::from_sender(from)
        });
        let tokens = Tokens::seal(&KeyRing::new([3; 32]), DELIVERY);
        let values: Values = [("name", "Kim <kim>")].into_iter().collect();
        let to = "kim@example.net".parse().unwrap();
        let recipient =
            Recipient { to: &to, to_name: None, values: &values, delivery: DELIVERY, tokens: &tokens, tracker: None };
        String::from_utf8(assemble(&compiled, &plan.unwrap(), &recipient, DATE, files).unwrap().bytes).unwrap()
    }

    #[test]
    fn a_text_alone_is_one_part() {
        let made = with_files("Dear {{ name }},\n\n1 < 2 & so on.\n", SourceKind::Text, &[]);
        let parsed = MessageParser::default().parse(made.as_bytes()).unwrap();
        assert!(parsed.parts.len() == 1 && made.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{made}");
        assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), "Dear Kim <kim>,\n\n1 < 2 & so on.\n");
        assert!(made.contains("X-Order: =?utf-8?Q?77_=C3=BC?=\r\n") || made.contains("X-Order: =?utf-8?B?"), "{made}");
    }

    #[test]
    fn files_go_behind_the_text_and_pictures_beside_the_page() {
        let bill = Attachment::new("Rechnung ü.pdf", "application/pdf", None, "aGVsbG8=").unwrap();
        let logo = Attachment::new("logo.png", "image/png", Some("logo@shop"), "aGVsbG8=").unwrap();
        let made = with_files("<p>Hi <img src=\"cid:logo@shop\"></p>", SourceKind::Html, &[bill, logo]);
        let parsed = MessageParser::default().parse(made.as_bytes()).unwrap();
        use mail_parser::MimeHeaders;
        let files: Vec<(Option<&str>, Option<&str>, &[u8])> =
            parsed.attachments().map(|part| (part.attachment_name(), part.content_id(), part.contents())).collect();
        assert_eq!(
            files,
            [(Some("logo.png"), Some("logo@shop"), b"hello".as_slice()), (Some("Rechnung ü.pdf"), None, b"hello")]
        );
        let kinds: Vec<&str> = made.lines().filter(|line| line.starts_with("Content-Type: multipart/")).collect();
        assert_eq!(kinds, ["mixed", "related", "alternative"].map(|kind| format!("Content-Type: multipart/{kind};")));
        assert_eq!((parsed.text_body.len(), parsed.html_body.len()), (1, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_values_a_reader_finds_two_parts_with_them(
            name in "(\\PC|[\r\n\t\0 .=_-]|From |--=_d_){0,60}",
            city in "(\\PC|[\r\n.]|\r\n\r\n|\r\n.\r\n|--=_d_|Content-Type: ){0,60}",
        ) {
            let made = message(SOURCE, &[("name", &name), ("city", &city)]);
            let text = std::str::from_utf8(&made.bytes).unwrap();
            prop_assert!(text.is_ascii() && text.ends_with("--\r\n"));
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= 78 && line != "." && !line.contains(['\r', '\n', '\0']), "{line:?}");
            }
            let parsed = MessageParser::default().parse(&made.bytes).unwrap();
            prop_assert_eq!(parsed.text_body.len(), 1);
            prop_assert_eq!(parsed.html_body.len(), 1);
            prop_assert_eq!(parsed.attachments.len(), 0);
            prop_assert_eq!(parsed.headers().iter().filter(|h| h.name() == "From").count(), 1);
            let body = parsed.body_text(0).unwrap().replace("\r\n", "\n");
            for word in city.split_whitespace() {
                prop_assert!(body.contains(word.trim_matches('\0')), "{word:?} in {body:?}");
            }
        }
    }
}
