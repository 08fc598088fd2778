//! What a server said: a reply code, perhaps an enhanced status code, and text (RFC 5321 section 4.2, RFC 3463).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An enhanced status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnhancedCode {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// 0 … 999: what the status is about (1 addressing, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy).
    pub subject: u16,
    /// 0 … 999: what precisely.
    pub detail: u16,
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for EnhancedCode {
    type Err = ();
    fn from_str(text: &str) -> Result<EnhancedCode, ()> {
        let mut parts = text.split('.');
        let mut number = |digits: usize| -> Result<u16, ()> {
            let part = parts.next().ok_or(())?;
            if part.is_empty() || part.len() > digits || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(());
            }
            part.parse().map_err(|_| ())
        };
        let (class, subject, detail) = (number(1)?, number(3)?, number(3)?);
        if !matches!(class, 2 | 4 | 5) || parts.next().is_some() {
            return Err(());
        }
        Ok(EnhancedCode { class: class as u8, subject, detail })
    }
}

/// A complete reply of a server, its lines joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reply {
    /// The three-digit code, 200 … 599.
    pub code: u16,
    /// The enhanced status code, if the text began with one.
    pub enhanced: Option<EnhancedCode>,
    /// The text without codes, lines joined by `\n`; foreign bytes are kept as replacement characters.
    pub text: String,
}

impl Reply {
    /// A reply from a code and the text after it; an enhanced code at the start of each line is taken out of the
    /// text (RFC 2034 repeats it on every line).
    pub fn new(code: u16, text: &str) -> Reply {
        let mut enhanced = None;
        let mut kept = String::with_capacity(text.len());
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                kept.push('\n');
            }
            let (first, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match first.parse::<EnhancedCode>() {
                Ok(found) if enhanced.is_none_or(|known| known == found) => {
                    enhanced = Some(found);
                    kept.push_str(rest.trim_start());
                }
                _ => kept.push_str(line),
            }
        }
        Reply { code, enhanced, text: kept }
    }

    /// 2xx: done.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 4xx: not now.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 5xx: not like this.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    /// One line, as a person would quote it: `550 5.1.1 No such user`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        for line in self.text.lines().filter(|line| !line.is_empty()) {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_code_of_every_line_is_taken_out() {
        let reply = Reply::new(550, "5.1.1 No such user\n5.1.1 here");
        assert_eq!(reply.enhanced, Some(EnhancedCode { class: 5, subject: 1, detail: 1 }));
        assert_eq!(reply.text, "No such user\nhere");
        assert_eq!(reply.to_string(), "550 5.1.1 No such user here");
    }

    #[test]
    fn an_address_or_a_version_is_no_enhanced_code() {
        for text in ["192.0.2.1 refused", "3.1.4 pi", "5.1 short", "5.1.1.1 long", "5.1.1111 wide", "5..1 gap"] {
            assert_eq!(Reply::new(550, text).enhanced, None, "{text}");
        }
    }
}
