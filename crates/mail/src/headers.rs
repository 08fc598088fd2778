//! The header fields of a campaign (RFC 5322, 2369, 2919, 8058, 9477, 3834), checked once and written once.
//!
//! Separate because what a whole campaign shares is refused before the first recipient, and costs nothing per
//! recipient. Invariants: no value, whoever gave it, can end a line or begin a field; lines have at most 78
//! characters where white space allows; everything is 7-bit except a To address that needs SMTPUTF8 (RFC 6532).

use crate::compose::{PREFERENCES_TAG, VIEW_TAG};
use crate::qp;
use crate::token::{KeyRing, Purpose};
use model::{DeliveryId, EmailAddress, MailDomain, Timestamp};
use std::collections::BTreeSet;

/// Stands for the recipient's token in URLs and addresses.
pub const TOKEN_MARK: &str = "{token}";
/// RFC 5322 section 2.1.1: the preferred most characters of a line, less two for a closing mark.
const LINE_CHARS: usize = 76;
/// A word that is longer is written as encoded words, which can be folded.
const WORD_CHARS_MAX: usize = 60;
/// The most characters of a name to show.
const NAME_CHARS_MAX: usize = 200;
/// The most characters of a URL in a field: lines end at 998 (RFC 5322 section 2.1.1).
const URL_CHARS_MAX: usize = 900;
/// The most characters of the name of a sender's own field.
const EXTRA_NAME_CHARS_MAX: usize = 60;
/// Gmail reads four.
const FEEDBACK_FIELDS_MAX: usize = 4;

/// A name to show and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// What is shown; none: the address alone.
    pub name: Option<String>,
    /// Where it leads.
    pub address: EmailAddress,
}

/// Where unsubscribing leads. [`TOKEN_MARK`] in either is replaced by the recipient's token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsubscribe {
    /// A page, `https://…` (or `http://…`, for rehearsals: then without one-click).
    pub url: Option<String>,
    /// An address that acts on any mail to it, without `mailto:`.
    pub mailto: Option<String>,
}

/// What the header fields of a campaign are made of.
#[derive(Clone, Debug)]
pub struct HeaderFields {
    /// Whom the message is from. The address must be ASCII: a sender that needs SMTPUTF8 reaches few servers.
    pub from: Mailbox,
    /// Where answers go, when not to From.
    pub reply_to: Option<Mailbox>,
    /// Right side of Message-ID: a domain of the sender's.
    pub message_id_domain: MailDomain,
    /// Letters and digits that tell this ledger's Message-IDs from another ledger's; may be empty.
    pub message_id_tag: String,
    /// A stable name for the list, such as `news.example.org`, and what to show for it (RFC 2919).
    pub list_id: Option<(String, Option<String>)>,
    /// Up to four fields, the last one the sender's name (Gmail's feedback loop); empty: no such field.
    pub feedback_id: Vec<String>,
    /// Where complaint reports should go (RFC 9477).
    pub cfbl_address: Option<EmailAddress>,
    /// Where unsubscribing leads.
    pub unsubscribe: Unsubscribe,
    /// Where the message can be seen in a browser; [`TOKEN_MARK`] is replaced.
    pub view_url: Option<String>,
    /// Where topics, lists and a pause are chosen; [`TOKEN_MARK`] is replaced.
    pub preferences_url: Option<String>,
    /// The sender's postal address, for `{{ postal_address }}`.
    pub postal_address: Option<String>,
    /// Made by a program without a person's asking: `Auto-Submitted: auto-generated` (RFC 3834). Not for broadcasts,
    /// which a person sent.
    pub auto_submitted: bool,
    /// Fields of the sender's own: `X-…`, and what makes an answer one (`In-Reply-To`, `References`).
    pub extra: Vec<(String, String)>,
}

impl HeaderFields {
    /// The least there can be: a sender; Message-IDs under its domain.
    pub fn from_sender(from: Mailbox) -> HeaderFields {
        HeaderFields {
            message_id_domain: from.address.domain().clone(),
            from,
            reply_to: None,
            message_id_tag: String::new(),
            list_id: None,
            feedback_id: Vec::new(),
            cfbl_address: None,
            unsubscribe: Unsubscribe::default(),
            view_url: None,
            preferences_url: None,
            postal_address: None,
            auto_submitted: false,
            extra: Vec::new(),
        }
    }
}

/// Why header fields cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A line break, NUL or other control character.
    #[error("{field} holds a control character (a line break, a NUL …), which could forge header fields: take it out")]
    Control {
        /// Which field.
        field: &'static str,
    },
    /// Something else that cannot be written there.
    #[error("{field} {value:?}: {why}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
}

/// The tokens of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// For [`crate::token::return_local_part`].
    pub return_path: String,
    /// For the unsubscribe URL and address.
    pub unsubscribe: String,
    /// For the page that shows the message; `None`: nothing leads there.
    pub view: Option<String>,
    /// For the page where they choose which mail they want; `None`: nothing leads there.
    pub preferences: Option<String>,
}

impl Tokens {
    /// Seals all tokens of a delivery.
    pub fn seal(ring: &KeyRing, delivery: DeliveryId) -> Tokens {
        Tokens::seal_where(ring, delivery, |_| true)
    }

    /// Seals those that a message with these tags needs.
    pub fn seal_for(ring: &KeyRing, delivery: DeliveryId, tags: &BTreeSet<String>) -> Tokens {
        Tokens::seal_where(ring, delivery, |tag| tags.contains(tag))
    }

    fn seal_where(ring: &KeyRing, delivery: DeliveryId, is_named: impl Fn(&str) -> bool) -> Tokens {
        Tokens {
            return_path: ring.seal(Purpose::Return, delivery),
            unsubscribe: ring.seal(Purpose::Unsubscribe, delivery),
            view: is_named(VIEW_TAG).then(|| ring.seal(Purpose::View, delivery)),
            preferences: is_named(PREFERENCES_TAG).then(|| ring.seal(Purpose::Preferences, delivery)),
        }
    }
}

/// The checked header fields of a campaign, those that all recipients share already written.
#[derive(Clone, Debug)]
pub struct HeaderPlan {
    shared: Vec<u8>,
    message_id_end: String,
    url: Option<Marked>,
    mailto: Option<Marked>,
    has_cfbl: bool,
    view_url: Option<Marked>,
    preferences_url: Option<Marked>,
    postal_address: Option<String>,
}

/// A text cut at its [`TOKEN_MARK`]s, so that nobody's copy has to look for them.
#[derive(Clone, Debug)]
struct Marked(Vec<String>);

impl Marked {
    fn cut(text: &str) -> Marked {
        Marked(text.split(TOKEN_MARK).map(str::to_owned).collect())
    }

    /// The text with a token in place of every mark.
    fn with(&self, token: &str) -> String {
        self.0.join(token)
    }
}

impl HeaderPlan {
    /// Checks every field and writes those that are the same for all recipients. Refuses control characters anywhere,
    /// a From address that is not ASCII, URLs that are none, and Feedback-IDs that Gmail would not read.
    pub fn new(fields: HeaderFields) -> Result<HeaderPlan, HeaderError> {
        let mut shared = Vec::with_capacity(512);
        write_mailbox_field(&mut shared, "From", &fields.from)?;
        if let Some(reply_to) = &fields.reply_to {
            write_mailbox_field(&mut shared, "Reply-To", reply_to)?;
        }
        if let Some((id, name)) = &fields.list_id {
            write_list_id(&mut shared, id, name.as_deref())?;
        }
        write_feedback_id(&mut shared, &fields.feedback_id)?;
        if let Some(address) = &fields.cfbl_address {
            refuse_unless(address.to_string().is_ascii(), "CFBL-Address", &address.to_string(), ASCII_ONLY)?;
            push(&mut shared, &format!("CFBL-Address: {address}; report=arf\r\n"));
        }
        if fields.auto_submitted {
            push(&mut shared, "Auto-Submitted: auto-generated\r\n");
        }
        for (name, value) in &fields.extra {
            write_extra(&mut shared, name, value)?;
        }
        let Unsubscribe { url, mailto } = fields.unsubscribe;
        let pages = [
            ("the unsubscribe URL", &url),
            ("the view URL", &fields.view_url),
            ("the preferences URL", &fields.preferences_url),
        ];
        for (field, text) in pages {
            text.as_deref().map_or(Ok(()), |text| check_url(field, text))?;
        }
        mailto.as_deref().map_or(Ok(()), check_mailto)?;
        if url.as_deref().is_some_and(|url| url.starts_with("https://") && url.contains(TOKEN_MARK)) {
            push(&mut shared, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
        }
        let tag = &fields.message_id_tag;
        let tag_ok = tag.len() <= 32 && tag.bytes().all(|b| b.is_ascii_alphanumeric());
        refuse_unless(tag_ok, "the Message-ID tag", tag, "only letters and digits, 32 at most")?;
        let dot = if tag.is_empty() { "" } else { "." };
        Ok(HeaderPlan {
            shared,
            message_id_end: format!("{dot}{tag}@{}", fields.message_id_domain),
            url: url.as_deref().map(Marked::cut),
            mailto: mailto.as_deref().map(Marked::cut),
            has_cfbl: fields.cfbl_address.is_some(),
            view_url: fields.view_url.as_deref().map(Marked::cut),
            preferences_url: fields.preferences_url.as_deref().map(Marked::cut),
            postal_address: fields.postal_address,
        })
    }

    /// The Message-ID of a delivery, without angle brackets: the same on every try.
    pub fn message_id(&self, delivery: DeliveryId) -> String {
        format!("{delivery}{}", self.message_id_end)
    }

    /// Where this delivery's unsubscribing leads: the URL, else a `mailto:` one.
    pub fn unsubscribe_url(&self, tokens: &Tokens) -> Option<String> {
        let mailto = || Some(mailto_url(self.mailto.as_ref()?, tokens));
        self.url.as_ref().map(|url| url.with(&tokens.unsubscribe)).or_else(mailto)
    }

    /// Where this delivery's message can be seen; `None`: nowhere, or its token was not sealed.
    pub fn view_url(&self, tokens: &Tokens) -> Option<String> {
        Some(self.view_url.as_ref()?.with(tokens.view.as_ref()?))
    }

    /// Where this delivery's recipient chooses which mail they want, likewise.
    pub fn preferences_url(&self, tokens: &Tokens) -> Option<String> {
        Some(self.preferences_url.as_ref()?.with(tokens.preferences.as_ref()?))
    }

    /// The sender's postal address.
    pub fn postal_address(&self) -> Option<&str> {
        self.postal_address.as_deref()
    }

    /// Appends all fields of one delivery but the Content-Type.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        delivery: DeliveryId,
        tokens: &Tokens,
        date: Timestamp,
        to: (Option<&str>, &EmailAddress),
        subject: &str,
    ) {
        push(out, "Date: ");
        push(out, &date_text(date));
        push(out, "\r\n");
        out.extend_from_slice(&self.shared);
        push(out, "To:");
        write_mailbox(out, "To:".len(), to.0, to.1);
        push(out, "\r\nSubject:");
        write_text(out, "Subject:".len(), subject);
        push(out, "\r\nMessage-ID: <");
        push(out, &self.message_id(delivery));
        push(out, ">\r\n");
        self.write_list_unsubscribe(out, tokens);
        if self.has_cfbl {
            push(out, &format!("CFBL-Feedback-ID: {delivery}\r\n"));
        }
        push(out, "MIME-Version: 1.0\r\n");
    }

    fn write_list_unsubscribe(&self, out: &mut Vec<u8>, tokens: &Tokens) {
        let url = self.url.as_ref().map(|url| url.with(&tokens.unsubscribe));
        let mailto = self.mailto.as_ref().map(|mailto| mailto_url(mailto, tokens));
        let (first, second) = if url.is_some() { (url, mailto) } else { (mailto, None) };
        let Some(first) = first else { return };
        push(out, "List-Unsubscribe: <");
        push(out, &first);
        if let Some(second) = second {
            push(out, ">,\r\n <");
            push(out, &second);
        }
        push(out, ">\r\n");
    }
}

const ASCII_ONLY: &str = "only ASCII can be written here: most servers could not take the message otherwise";

fn mailto_url(mailto: &Marked, tokens: &Tokens) -> String {
    format!("mailto:{}?subject=unsubscribe", mailto.with(&tokens.unsubscribe))
}

fn check_url(field: &'static str, url: &str) -> Result<(), HeaderError> {
    refuse_control(field, url)?;
    let has_scheme = url.starts_with("https://") || url.starts_with("http://");
    refuse_unless(has_scheme, field, url, "a URL that begins with https:// is needed")?;
    let is_plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
    refuse_unless(is_plain, field, url, "it holds a character that no URL may; percent-encode it")?;
    refuse_unless(url.len() <= URL_CHARS_MAX, field, url, "it has more than 900 characters")
}

fn check_mailto(mailto: &str) -> Result<(), HeaderError> {
    const FIELD: &str = "the unsubscribe address";
    refuse_control(FIELD, mailto)?;
    let sample = "a".repeat(crate::token::TOKEN_CHARS);
    let is_address =
        EmailAddress::parse(&mailto.replace(TOKEN_MARK, &sample)).is_ok() && !mailto.starts_with("mailto:");
    refuse_unless(is_address, FIELD, mailto, "an address is needed, such as unsubscribe+{token}@example.org")?;
    let is_plain = mailto.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"?&#%".contains(&b));
    refuse_unless(is_plain, FIELD, mailto, "it holds a character that cannot stand in a mailto: link")
}

/// A field of the sender's own. What is ours, or what receivers act on, is not among those that may be given.
fn write_extra(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), HeaderError> {
    const FIELD: &str = "a header field";
    let is_answer = ["in-reply-to", "references"].contains(&name.to_ascii_lowercase().as_str());
    let is_own = name.len() > 2 && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
    let is_name = name.len() <= EXTRA_NAME_CHARS_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let may_be = is_name && (is_own || is_answer);
    refuse_unless(may_be, FIELD, name, "fields may be X-…, In-Reply-To and References; the others are ours")?;
    refuse_control(FIELD, value)?;
    refuse_unless(!value.trim().is_empty() && value.len() <= URL_CHARS_MAX, FIELD, name, "1 to 900 octets")?;
    refuse_unless(!is_answer || value.is_ascii(), FIELD, value, "message ids are ASCII")?;
    push(out, name);
    push(out, ":");
    match is_answer {
        true => drop(write_words(out, name.len() + 1, value.split_ascii_whitespace())),
        false => write_text(out, name.len() + 1, value),
    }
    push(out, "\r\n");
    Ok(())
}

fn write_list_id(out: &mut Vec<u8>, id: &str, name: Option<&str>) -> Result<(), HeaderError> {
    const FIELD: &str = "List-Id";
    let label_ok = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let id_ok = id.len() <= 200 && id.contains('.') && id.split('.').all(label_ok);
    refuse_unless(id_ok, FIELD, id, "a name under your domain is needed, such as news.example.org")?;
    refuse_control(FIELD, name.unwrap_or_default())?;
    push(out, "List-Id:");
    let column = write_phrase(out, FIELD.len() + 1, name.unwrap_or_default());
    write_angle(out, column, &format!("<{id}>"));
    push(out, "\r\n");
    Ok(())
}

fn write_feedback_id(out: &mut Vec<u8>, parts: &[String]) -> Result<(), HeaderError> {
    const FIELD: &str = "Feedback-ID";
    let whole = parts.join(":");
    refuse_unless(parts.len() <= FEEDBACK_FIELDS_MAX, FIELD, &whole, "at most four fields")?;
    let part_ok = |p: &String| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let all_ok = parts.iter().all(part_ok) && whole.len() <= 200;
    refuse_unless(all_ok, FIELD, &whole, "fields are of letters, digits, - _ and . and none is empty")?;
    if !parts.is_empty() {
        push(out, &format!("{FIELD}: {whole}\r\n"));
    }
    Ok(())
}

fn write_mailbox_field(out: &mut Vec<u8>, field: &'static str, mailbox: &Mailbox) -> Result<(), HeaderError> {
    refuse_control(field, mailbox.name.as_deref().unwrap_or_default())?;
    refuse_unless(!mailbox.address.needs_smtputf8(), field, &mailbox.address.to_string(), ASCII_ONLY)?;
    push(out, field);
    push(out, ":");
    write_mailbox(out, field.len() + 1, mailbox.name.as_deref(), &mailbox.address);
    push(out, "\r\n");
    Ok(())
}

/// Writes ` Name <address>` or ` address`.
fn write_mailbox(out: &mut Vec<u8>, column: usize, name: Option<&str>, address: &EmailAddress) {
    let after = write_phrase(out, column, name.unwrap_or_default());
    let text = if after == column { address.to_string() } else { format!("<{address}>") };
    write_angle(out, after, &text);
}

fn write_angle(out: &mut Vec<u8>, column: usize, text: &str) {
    push(out, if column + 1 + text.len() > LINE_CHARS { "\r\n " } else { " " });
    push(out, text);
}

/// Writes a name to show (RFC 5322 section 3.2.5, RFC 2047 section 5): as it is, quoted, or as encoded words.
/// Returns the column after it.
fn write_phrase(out: &mut Vec<u8>, column: usize, name: &str) -> usize {
    let name = one_line(name, NAME_CHARS_MAX);
    if name.is_empty() {
        return column;
    }
    let is_atoms = name.bytes().all(|b| b.is_ascii_alphanumeric() || b" !#$%&'*+-/=?^_`{|}~".contains(&b));
    if name.is_ascii() && !name.contains("=?") && name.len() <= WORD_CHARS_MAX {
        let quoted = || format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let text = if is_atoms { name.clone() } else { quoted() };
        return write_words(out, column, std::iter::once(text.as_str()));
    }
    let words = qp::encoded_words(&name, LINE_CHARS - column - 1);
    write_words(out, column, words.iter().map(String::as_str))
}

/// Writes unstructured text (RFC 5322 section 3.2.5), folded, as encoded words where needed.
fn write_text(out: &mut Vec<u8>, column: usize, text: &str) {
    let text = one_line(text, usize::MAX);
    let words_ok = text.is_ascii() && !text.contains("=?") && text.split(' ').all(|word| word.len() <= WORD_CHARS_MAX);
    if words_ok {
        write_words(out, column, text.split(' '));
    } else {
        let words = qp::encoded_words(&text, LINE_CHARS - column - 1);
        write_words(out, column, words.iter().map(String::as_str));
    }
}

/// Writes words with white space before each, folding where a line would grow too long; returns the column after.
fn write_words<'a>(out: &mut Vec<u8>, mut column: usize, words: impl Iterator<Item = &'a str>) -> usize {
    for (at, word) in words.enumerate() {
        if at > 0 && column + 1 + word.len() > LINE_CHARS {
            push(out, "\r\n ");
            column = 1;
        } else {
            push(out, " ");
            column += 1;
        }
        push(out, word);
        column += word.len();
    }
    column
}

/// The text without anything that could end a line: controls and line separators become blanks, runs of white space
/// one blank. Cut after `chars_max` characters.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(1024));
    for c in text.chars().take(chars_max) {
        if c.is_control() || c.is_whitespace() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// RFC 5322 section 3.3, in UTC.
pub(crate) fn date_text(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = at.date();
    let second = at.since(Timestamp::of_day(at.day())).as_secs();
    let name = |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        name(&DAYS, at.day().rem_euclid(7)).unwrap_or_default(),
        name(&MONTHS, month - 1).unwrap_or_default(),
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

fn refuse_control(field: &'static str, text: &str) -> Result<(), HeaderError> {
    if text.chars().any(char::is_control) { Err(HeaderError::Control { field }) } else { Ok(()) }
}

fn refuse_unless(ok: bool, field: &'static str, value: &str, why: &'static str) -> Result<(), HeaderError> {
    if ok { Ok(()) } else { Err(HeaderError::Invalid { field, value: value.to_owned(), why }) }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn fields() -> HeaderFields {
        let name = Some("Café Anna, Ulm".to_owned());
        HeaderFields::from_sender(Mailbox { name, address: address("news@example.org") })
    }

    fn tokens() -> Tokens {
        Tokens::seal(&KeyRing::new([1; 32]), DeliveryId(77))
    }

    fn written(plan: &HeaderPlan, name: Option<&str>, to: &str, subject: &str) -> String {
        let mut out = Vec::new();
        let date = Timestamp::from_millis(1_764_000_000_000);
        plan.write(&mut out, DeliveryId(77), &tokens(), date, (name, &address(to)), subject);
        String::from_utf8(out).unwrap()
    }

    fn mailbox(name: &str) -> String {
        let mut out = Vec::new();
        write_mailbox(&mut out, 3, Some(name), &address("kim@example.net"));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_newsletter_has_every_field_once() {
        let plan = HeaderPlan::new(HeaderFields {
            reply_to: Some(Mailbox { name: None, address: address("anna@example.org") }),
            message_id_tag: "k7".to_owned(),
            list_id: Some(("news.example.org".to_owned(), Some("Anna's news".to_owned()))),
            feedback_id: vec!["spring".to_owned(), "w1".to_owned(), "broadcast".to_owned(), "postroom".to_owned()],
            cfbl_address: Some(address("fbl@example.org")),
            unsubscribe: Unsubscribe {
                url: Some("https://example.org/u/{token}".to_owned()),
                mailto: Some("unsubscribe+{token}@example.org".to_owned()),
            },
            ..fields()
        });
        let text = written(&plan.unwrap(), Some("Kim"), "kim@example.net", "Grüße & more");
        expect_test::expect![[r#"
            Date: Mon, 24 Nov 2025 16:00:00 +0000
            From: =?utf-8?Q?Caf=C3=A9_Anna=2C_Ulm?= <news@example.org>
            Reply-To: anna@example.org
            List-Id: Anna's news <news.example.org>
            Feedback-ID: spring:w1:broadcast:postroom
            CFBL-Address: fbl@example.org; report=arf
            List-Unsubscribe-Post: List-Unsubscribe=One-Click
            To: Kim <kim@example.net>
            Subject: =?utf-8?B?R3LDvMOfZSAmIG1vcmU=?=
            Message-ID: <d_2d.k7@example.org>
            List-Unsubscribe: <https://example.org/u/ciaaaaaaaaaaaacnpm2sle7i52cz7rce>,
             <mailto:unsubscribe+ciaaaaaaaaaaaacnpm2sle7i52cz7rce@example.org?subject=unsubscribe>
            CFBL-Feedback-ID: d_2d
            MIME-Version: 1.0
        "#]]
        .assert_eq(&text.replace("\r\n", "\n"));
    }

    #[test]
    fn a_page_that_the_message_does_not_name_gets_no_token() {
        let ring = KeyRing::new([1; 32]);
        let named = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            Tokens::seal_for(&ring, DeliveryId(77), &tags)
        };
        let all = tokens();
        assert_eq!(named(&["preferences_url", "view_url"]), all);
        assert_eq!(named(&["view_url"]), Tokens { preferences: None, ..all.clone() });
        assert_eq!(named(&["first_name"]), Tokens { view: None, preferences: None, ..all });
    }

    #[test]
    fn one_click_is_promised_only_where_a_post_can_work() {
        let post = |url: Option<&str>, mailto: Option<&str>| {
            let unsubscribe = Unsubscribe { url: url.map(str::to_owned), mailto: mailto.map(str::to_owned) };
            let plan = HeaderPlan::new(HeaderFields { unsubscribe, ..fields() }).unwrap();
            let text = written(&plan, None, "kim@example.net", "x");
            (
                text.contains("List-Unsubscribe: <"),
                text.contains("List-Unsubscribe-Post"),
                plan.unsubscribe_url(&tokens()),
            )
        };
        let token = tokens().unsubscribe;
        assert_eq!(post(Some("https://e.org/{token}"), None), (true, true, Some(format!("https://e.org/{token}"))));
        assert!(!post(Some("https://e.org/all"), None).1, "the URL does not say who");
        assert!(!post(Some("http://127.0.0.1/{token}"), None).1, "not https");
        let by_mail = format!("mailto:u+{token}@example.org?subject=unsubscribe");
        assert_eq!(post(None, Some("u+{token}@example.org")), (true, false, Some(by_mail)));
        assert_eq!(post(None, None), (false, false, None));
    }

    #[test]
    fn names_are_atoms_quoted_or_encoded() {
        assert_eq!(mailbox("Kim Lee"), " Kim Lee <kim@example.net>");
        assert_eq!(mailbox("Lee, \"Kim\" \\"), " \"Lee, \\\"Kim\\\" \\\\\" <kim@example.net>");
        assert_eq!(mailbox("Jürgen"), " =?utf-8?Q?J=C3=BCrgen?= <kim@example.net>");
        assert_eq!(mailbox("=?utf-8?Q?x?="), " =?utf-8?B?PT91dGYtOD9RP3g/PQ==?= <kim@example.net>");
        assert_eq!(mailbox(" \r\n "), " kim@example.net");
    }

    #[test]
    fn what_cannot_be_written_is_refused_in_words() {
        let refusal = |change: &dyn Fn(&mut HeaderFields)| {
            let mut fields = fields();
            change(&mut fields);
            HeaderPlan::new(fields).map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
        };
        assert_eq!(refusal(&|_| ()), "accepted");
        assert!(refusal(&|f| f.from.name = Some("a\r\nBcc: b@c.de".to_owned())).starts_with("From holds a control"));
        assert!(refusal(&|f| f.from.address = address("jürgen@example.org")).contains("only ASCII"));
        assert!(refusal(&|f| f.list_id = Some(("no dots".to_owned(), None))).contains("news.example.org"));
        assert!(refusal(&|f| f.list_id = Some(("a.b".to_owned(), Some("x\0".to_owned())))).contains("control"));
        assert!(refusal(&|f| f.feedback_id = vec!["a".to_owned(); 5]).contains("at most four"));
        assert!(refusal(&|f| f.feedback_id = vec!["a:b".to_owned()]).contains("letters, digits"));
        assert!(refusal(&|f| f.message_id_tag = "a@b".to_owned()).contains("only letters and digits"));
        let url = |text: &'static str| refusal(&|f| f.unsubscribe.url = Some(text.to_owned()));
        assert!(url("ftp://example.org").contains("https://"));
        assert!(url("https://example.org/a b").contains("percent-encode"));
        assert!(url("https://example.org/>\r\nX: y").contains("control"));
        let extra =
            |name: &'static str, value: &'static str| refusal(&|f| f.extra = vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(
            (extra("X-Order", "7 ü"), extra("references", "<a@b> <c@d>")),
            ("accepted".into(), "accepted".into())
        );
        for name in ["Bcc", "From", "List-Unsubscribe", "DKIM-Signature", "X-", "X-a: b", "Received", "Content-Type"] {
            assert!(extra(name, "x").contains("the others are ours"), "{name}");
        }
        assert!(extra("X-A", "a\r\nBcc: b@c.de").contains("control"));
        let mailto = |text: &'static str| refusal(&|f| f.unsubscribe.mailto = Some(text.to_owned()));
        assert!(mailto("mailto:u@example.org").contains("an address is needed"));
        assert!(mailto("u?x@example.org").contains("cannot stand in a mailto"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |secs: i64| date_text(Timestamp::from_millis(secs * 1000));
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_795_305_599), "Sat, 21 Nov 2026 23:59:59 +0000");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 +0000");
        assert_eq!(date(-1), "Wed, 31 Dec 1969 23:59:59 +0000");
    }

    #[test]
    fn an_address_that_needs_smtputf8_is_written_as_it_is() {
        let plan = HeaderPlan::new(fields()).unwrap();
        assert!(written(&plan, None, "jürgen@bücher.example", "x").contains("To: jürgen@xn--bcher-kva.example\r\n"));
    }

    proptest! {
        #[test]
        fn no_value_can_begin_a_field(
            name in "(\\PC|[\r\n\0\u{2028}\u{85}:\"\\\\<>@,=?_ ]){0,80}",
            subject in "(\\PC|[\r\n\0\u{2028}\u{85}:=?_ ]|Bcc: |xxxxxxxxxxxxxxxxxxxxxxxx){0,80}",
        ) {
            let plan = HeaderPlan::new(fields()).unwrap();
            let text = written(&plan, Some(&name), "kim@example.net", &subject);
            prop_assert!(text.is_ascii());
            let known = ["Date:", "From:", "To:", "Subject:", "Message-ID:", "MIME-Version:", " "];
            for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
                prop_assert!(line.len() <= 78 && !line.trim().is_empty(), "{line:?}");
                prop_assert!(!line.contains(['\r', '\n', '\0']) && known.iter().any(|k| line.starts_with(k)), "{line:?}");
            }
            let raw = format!("{text}\r\n");
            let parsed = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
            let to = parsed.to().and_then(|to| to.first()).unwrap();
            prop_assert_eq!(to.address(), Some("kim@example.net"));
            let shown = one_line(&name, NAME_CHARS_MAX);
            prop_assert_eq!(to.name().unwrap_or_default(), shown.as_str());
            let shown = one_line(&subject, usize::MAX);
            prop_assert_eq!(parsed.subject().unwrap_or_default(), shown.as_str());
        }
    }
}
