//! Email addresses: as typed, as sent, and as compared.
//!
//! An address is kept as it was typed and compared by its *key*: NFC, local part lower-cased, domain as a lower-case
//! A-label (UTS 46). Dots and plus tags stay: only the receiving server knows what they mean. The syntax is that of
//! RFC 5321 section 4.1.2 with RFC 6531's UTF-8; address literals and single-label domains are refused, because no
//! list of people holds them on purpose.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// RFC 5321 section 4.5.3.1.1.
const LOCAL_OCTETS_MAX: usize = 64;
/// RFC 5321 section 4.5.3.1.3, less the angle brackets.
const ADDRESS_OCTETS_MAX: usize = 254;

/// A domain name as a lower-case A-label, without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailDomain(String);

impl MailDomain {
    /// Reads a domain in Unicode or ASCII, a final dot or not; it is kept as A-labels in lower case (UTS 46). Refused: what is
    /// no name of at least two labels of 63 octets and 253 in all (RFC 1035 section 2.3.4), and addresses in numbers.
    pub fn parse(text: &str) -> Result<MailDomain, AddressError> {
        let text = text.trim().trim_end_matches('.');
        if text.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if text.starts_with('[') {
            return Err(AddressError::Literal);
        }
        let wrong = || AddressError::Domain(text.to_owned());
        let ascii =
            if is_plain(text) { text.to_owned() } else { idna::domain_to_ascii_strict(text).map_err(|_| wrong())? };
        let labels: Vec<&str> = ascii.split('.').collect();
        if labels.len() < 2 {
            return Err(AddressError::SingleLabel(text.to_owned()));
        }
        let label_ok = |label: &&str| !label.is_empty() && label.len() <= 63;
        let all_digits = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        if ascii.len() > 253 || !labels.iter().all(label_ok) || labels.last().is_some_and(|l| all_digits(l)) {
            return Err(wrong());
        }
        Ok(MailDomain(ascii))
    }

    /// The A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address that can be written into `RCPT TO:<…>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    local: String,
    domain: MailDomain,
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty")]
    Empty,
    /// No `@`.
    #[error("there is no @ in it")]
    NoAt,
    /// Nothing after the `@`.
    #[error("there is no domain after the @")]
    NoDomain,
    /// Nothing before the `@`.
    #[error("there is nothing before the @")]
    NoLocalPart,
    /// A character that RFC 5321 does not allow there.
    #[error("{0:?} is not allowed before the @")]
    LocalCharacter(char),
    /// `.a`, `a.`, `a..b`.
    #[error("a dot at the start, at the end or twice in a row before the @")]
    LocalDots,
    /// Longer than 64 octets before the `@`, or than 254 in all.
    #[error("it is too long ({octets} octets, at most {max})")]
    TooLong {
        /// What it has.
        octets: usize,
        /// What is allowed.
        max: usize,
    },
    /// Not a domain name.
    #[error("{0:?} is not a domain name")]
    Domain(String),
    /// No dot in the domain.
    #[error("{0:?} has no dot: a whole domain name is needed")]
    SingleLabel(String),
    /// `*@example.org`, where a pattern is meant and there are none.
    #[error("for everybody at a domain write @{0}")]
    Everybody(String),
    /// `[192.0.2.1]`.
    #[error("address literals such as [192.0.2.1] are not accepted")]
    Literal,
}

impl EmailAddress {
    /// Reads `local@domain`; surrounding white space, `<…>` and `mailto:` are taken off. Refused: a local part that is neither
    /// plain nor quoted as RFC 5321 section 4.1.2 has it, one of more than 64 octets, more than 254 octets in all, and what
    /// [`MailDomain::parse`] refuses.
    pub fn parse(text: &str) -> Result<EmailAddress, AddressError> {
        let text = text.trim();
        let text = text.strip_prefix("mailto:").unwrap_or(text);
        let text = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
        // ASCII is in NFC as it is.
        let local: String = if local.is_ascii() { local.to_owned() } else { local.nfc().collect() };
        check_local(&local)?;
        let domain = MailDomain::parse(domain)?;
        let octets = local.len() + 1 + domain.0.len();
        if octets > ADDRESS_OCTETS_MAX {
            return Err(AddressError::TooLong { octets, max: ADDRESS_OCTETS_MAX });
        }
        Ok(EmailAddress { local, domain })
    }

    /// What stands before the `@`, as typed.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    pub fn domain(&self) -> &MailDomain {
        &self.domain
    }

    /// What addresses are compared by.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// Must the server offer SMTPUTF8 (RFC 6531) to take this address?
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// A function rather than a person (RFC 2142 and what is usual).
    pub fn is_role(&self) -> bool {
        const ROLES: [&str; 28] = [
            "abuse",
            "accounts",
            "admin",
            "billing",
            "compliance",
            "contact",
            "devnull",
            "dns",
            "ftp",
            "help",
            "hostmaster",
            "info",
            "jobs",
            "mailer-daemon",
            "marketing",
            "news",
            "no-reply",
            "noc",
            "noreply",
            "office",
            "postmaster",
            "root",
            "sales",
            "security",
            "spam",
            "support",
            "usenet",
            "webmaster",
        ];
        let local = self.local.to_lowercase();
        let bare = local.split_once('+').map_or(local.as_str(), |(before, _)| before);
        ROLES.binary_search(&bare).is_ok()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<EmailAddress, AddressError> {
        EmailAddress::parse(text)
    }
}

/// Is this its own A-label form already? Of what UTS 46 would change or refuse there is nothing in it: capitals, hyphens
/// where only A-labels have them, anything but letters, digits, hyphens and dots.
fn is_plain(domain: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let hyphens = |label: &str| {
        label.starts_with('-') || label.ends_with('-') || label.as_bytes().get(2..4) == Some(b"--".as_slice())
    };
    domain.bytes().all(plain) && !domain.split('.').any(hyphens)
}

fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if local.len() > LOCAL_OCTETS_MAX {
        return Err(AddressError::TooLong { octets: local.len(), max: LOCAL_OCTETS_MAX });
    }
    if let Some(inner) = local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
        return check_quoted(inner);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::LocalDots);
    }
    let allowed =
        |c: char| c == '.' || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_foreign_text(c);
    match local.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(AddressError::LocalCharacter(c)),
        None => Ok(()),
    }
}

/// The inside of a quoted string: printable, with `"` and `\` only after a backslash.
fn check_quoted(inner: &str) -> Result<(), AddressError> {
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let bad = match c {
            '"' => Some('"'),
            '\\' => chars.next().filter(|c| !(' '..='~').contains(c)).or(None),
            c if (' '..='~').contains(&c) || is_foreign_text(c) => None,
            c => Some(c),
        };
        if let Some(c) = bad {
            return Err(AddressError::LocalCharacter(c));
        }
    }
    if inner.ends_with('\\') && !inner.ends_with("\\\\") {
        return Err(AddressError::LocalCharacter('\\'));
    }
    Ok(())
}

/// Beyond ASCII, anything that is text: no control, no space, no formatting trick.
fn is_foreign_text(c: char) -> bool {
    let is_format =
        matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_format && c != '\u{FFFD}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> String {
        EmailAddress::parse(text).map_or_else(|e| format!("! {e}"), |a| a.key())
    }

    #[test]
    fn the_key_folds_case_and_names_but_keeps_dots_and_tags() {
        assert_eq!(key(" Anna.B+news@Example.COM. "), "anna.b+news@example.com");
        assert_eq!(key("<jürgen@Bücher.example>"), "jürgen@xn--bcher-kva.example");
        assert_eq!(key("ju\u{308}rgen@example.org"), key("jürgen@example.org"));
        assert_eq!(key("\"a b\"@example.org"), "\"a b\"@example.org");
    }

    #[test]
    fn the_original_spelling_is_what_is_sent() {
        assert_eq!(EmailAddress::parse("Anna@Example.COM").unwrap().to_string(), "Anna@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for (text, why) in [
            ("", "the address is empty"),
            ("anna", "there is no @ in it"),
            ("anna@", "there is no domain after the @"),
            ("@example.org", "there is nothing before the @"),
            ("a..b@example.org", "a dot at the start, at the end or twice in a row before the @"),
            ("a b@example.org", "' ' is not allowed before the @"),
            ("a@b@example.org", "'@' is not allowed before the @"),
            ("anna@localhost", "\"localhost\" has no dot: a whole domain name is needed"),
            ("anna@exa mple.org", "\"exa mple.org\" is not a domain name"),
            ("anna@example..org", "\"example..org\" is not a domain name"),
            ("anna@192.0.2.1", "\"192.0.2.1\" is not a domain name"),
            ("anna@[192.0.2.1]", "address literals such as [192.0.2.1] are not accepted"),
            ("an\r\nna@example.org", "'\\r' is not allowed before the @"),
            ("\"a\"b\"@example.org", "'\"' is not allowed before the @"),
        ] {
            assert_eq!(key(text), format!("! {why}"), "{text:?}");
        }
        assert!(key(&format!("{}@example.org", "a".repeat(65))).contains("too long"));
    }

    #[test]
    fn roles_are_known_with_tags_and_in_capitals() {
        let role = |text: &str| EmailAddress::parse(text).unwrap().is_role();
        assert!(role("Postmaster@example.org") && role("info+x@example.org") && role("abuse@example.org"));
        assert!(!role("informed@example.org"));
    }

    proptest! {
        #[test]
        fn what_is_taken_as_it_is_would_have_come_out_so(domain in "[a-z0-9.-]{1,30}|[a-z]{1,8}\\.[a-z]{2,5}|xn--[a-z0-9]{1,6}") {
            if is_plain(&domain) {
                let known = idna::domain_to_ascii_strict(&domain);
                let valid = !domain.split('.').any(|label| label.is_empty() || label.len() > 63) && domain.len() <= 253;
                prop_assert!(!valid || known.as_deref().ok() == Some(domain.as_str()), "{domain:?} {known:?}");
            }
        }

        #[test]
        fn nothing_parsed_can_break_a_command_line(text in "\\PC{0,80}|[a-z\"\\\\@.\r\n\t<> ]{0,20}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                let shown = address.to_string();
                prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
                prop_assert_eq!(EmailAddress::parse(&shown).map(|a| a.key()), Ok(address.key()));
            }
        }
    }
}
