//! Reading replies as text: normal form for the rules, codes and stage out of raw texts, and how long to wait.
//!
//! Everything here is foreign input: nothing is refused, what is not understood is left out. Invariant: normal text
//! has no upper-case ASCII, no line breaks and no runs of spaces, and is at most [`TEXT_BYTES_MAX`] long.

use model::{EnhancedCode, Stage};
use regex::Regex;
use std::sync::LazyLock;
use std::time::Duration;

/// Only so much of a reply is read by rules; what matters stands at the beginning.
pub const TEXT_BYTES_MAX: usize = 2048;

/// What could be read out of a raw text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The reply code.
    pub code: Option<u16>,
    /// The enhanced code.
    pub enhanced: Option<EnhancedCode>,
    /// Where in the conversation, if the text says so.
    pub stage: Option<Stage>,
    /// The text, normalised, its leading codes taken off.
    pub text: String,
}

/// Lower-case ASCII, one space between words, `’` as `'`, bounded.
pub fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    let mut space = false;
    for c in text.chars() {
        if normal.len() + 4 > TEXT_BYTES_MAX {
            break;
        }
        if c.is_whitespace() || c.is_control() {
            space = !normal.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            normal.push(' ');
        }
        normal.push(if c == '\u{2019}' { '\'' } else { c.to_ascii_lowercase() });
    }
    normal
}

/// Reads codes, stage and text out of whatever somebody kept of a reply.
pub fn read(raw: &str) -> Found {
    let whole = normal(raw);
    let tokens: Vec<&str> = what_was_said(&whole).split(' ').collect();
    let code = find_code(&tokens);
    let enhanced = find_enhanced(&tokens, code);
    let kept: Vec<&str> = tokens.iter().filter_map(|token| without_codes(token, code, enhanced)).collect();
    Found { code, enhanced, stage: find_stage(&whole), text: kept.join(" ") }
}

/// What comes after "host mx.example.org said:" is the reply; what comes before is the relay's own remark.
fn what_was_said(whole: &str) -> &str {
    let marks = [" said: ", " responded: ", " replied: ", "smtp; ", "diagnostic-code: "];
    let after = |mark: &str| whole.split_once(mark).map(|(_, after)| after);
    marks.iter().find_map(|mark| after(mark)).unwrap_or(whole)
}

/// Reply codes of SMTP and its extensions (IANA: SMTP service extensions; RFC 4954, 7504). A bare three-digit number
/// inside a text is taken for a code only if it is one of these.
const KNOWN_CODES: [u16; 36] = [
    211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 422, 431, 432, 450, 451, 452, 453, 454, 455, 458, 459, 471,
    500, 501, 502, 503, 504, 510, 511, 512, 513, 521, 523, 525, 530,
];
/// The rest of them.
const KNOWN_CODES_ABOVE: [u16; 18] =
    [534, 535, 538, 540, 541, 542, 543, 546, 547, 550, 551, 552, 553, 554, 555, 556, 557, 571];

/// The first code: at the very beginning any 2xx, 4xx or 5xx, later only known ones. A later failure code wins over
/// an early success code ("250 queued … 550 no such user" is a failure).
fn find_code(tokens: &[&str]) -> Option<u16> {
    let leading = tokens.first().and_then(|token| code_in(token));
    let known = |code: &u16| KNOWN_CODES.contains(code) || KNOWN_CODES_ABOVE.contains(code);
    let failures = || tokens.iter().skip(1).filter_map(|token| code_in(token)).filter(known).find(|code| *code >= 400);
    match leading {
        Some(code) if code >= 400 => Some(code),
        Some(code) => failures().or(Some(code)),
        None => failures(),
    }
}

/// `550`, `550-…`, `(550`, `#550`, `550:`, `smtp;550`.
fn code_in(token: &str) -> Option<u16> {
    let bare = token.rsplit_once(';').map_or(token, |(_, after)| if after.is_empty() { token } else { after });
    let bare = bare.trim_start_matches(['(', '[', '<', '#', '"', '\'', '{']);
    let digits = bare.get(..3)?;
    let rest = bare.get(3..)?;
    let ends = rest.is_empty() || rest.starts_with(['-', ':', ',', ')', ']', '>', ';', '"', '\'', '}', '#']);
    let code: u16 = digits.parse().ok()?;
    let plausible = matches!(code / 100, 2 | 4 | 5) && code % 100 < 60 || code == 571;
    (ends && plausible && digits.bytes().all(|b| b.is_ascii_digit())).then_some(code)
}

/// The first enhanced code whose class goes with the reply code; without one, the first.
fn find_enhanced(tokens: &[&str], code: Option<u16>) -> Option<EnhancedCode> {
    let all = || tokens.iter().filter_map(|token| enhanced_in(token));
    let agrees = |found: &EnhancedCode| code.is_none_or(|code| code / 100 == u16::from(found.class));
    all().find(|found| agrees(found) && found.class != 2).or_else(|| all().next())
}

/// `5.1.1`, `#5.1.1`, `(5.1.1)`, `550-5.1.1`, `5.1.1:`.
fn enhanced_in(token: &str) -> Option<EnhancedCode> {
    let token = match token.split_once('-') {
        Some((code, rest)) if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => token,
    };
    let bare = token.trim_matches(|c: char| !c.is_ascii_digit());
    bare.parse().ok()
}

/// A token of the text, without the codes already read: servers repeat them on every line.
fn without_codes(token: &str, code: Option<u16>, enhanced: Option<EnhancedCode>) -> Option<&str> {
    let mut rest = token;
    if let Some(code) = code
        && let Some(after) = rest.strip_prefix(code.to_string().as_str())
    {
        match after.strip_prefix('-') {
            Some(after) => rest = after,
            None if after.is_empty() => return None,
            None => {}
        }
    }
    let is_the_code = enhanced.is_some() && rest.parse().ok() == enhanced;
    (!is_the_code && !rest.is_empty()).then_some(rest)
}

/// Remarks by which mail servers say what they had sent before the reply came.
const STAGE_MARKS: [(&str, Stage); 20] = [
    ("reply to rcpt to", Stage::Rcpt),
    ("[rcpt_to]", Stage::Rcpt),
    ("after rcpt to", Stage::Rcpt),
    ("response to rcpt to", Stage::Rcpt),
    ("error from remote mail server after rcpt", Stage::Rcpt),
    (">>> rcpt to", Stage::Rcpt),
    ("reply to mail from", Stage::Mail),
    ("[mail_from]", Stage::Mail),
    ("after mail from", Stage::Mail),
    ("response to mail from", Stage::Mail),
    (">>> mail from", Stage::Mail),
    ("reply to end of data", Stage::Final),
    ("after end of data", Stage::Final),
    ("reply to data", Stage::Data),
    (">>> data", Stage::Data),
    ("reply to helo", Stage::Ehlo),
    ("reply to ehlo", Stage::Ehlo),
    ("after ehlo", Stage::Ehlo),
    ("reply to starttls", Stage::Tls),
    ("after initial connection", Stage::Greeting),
];

fn find_stage(text: &str) -> Option<Stage> {
    STAGE_MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, stage)| *stage)
}

/// How long a server asks to wait: "greylisted for 300 seconds", "try again in 5 minutes", "in 00:04:58".
///
/// Only a length that stands beside a word of waiting is believed; `None` for limits ("100 messages per hour"), for
/// our own remarks ("retry timeout exceeded") and for lengths of nothing or of more than a week.
pub fn retry_after(text: &str) -> Option<Duration> {
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let found = WAIT.captures(text)?;
    let number = |name: &str| found.name(name).and_then(|m| m.as_str().parse::<u64>().ok());
    let seconds = match (number("clock_h"), number("clock_m"), number("clock_s"), number("n")) {
        (Some(h), Some(m), Some(s), _) => h * 3600 + m * 60 + s,
        (None, Some(m), Some(s), _) => m * 60 + s,
        (_, _, _, Some(n)) => n * unit_seconds(found.name("unit").map_or("s", |unit| unit.as_str())),
        _ => return None,
    };
    let asked = Duration::from_secs(seconds);
    (!asked.is_zero() && asked <= RETRY_AFTER_READ_MAX).then_some(asked)
}

/// Longer waits are misreadings.
const RETRY_AFTER_READ_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// A word of waiting, at most forty characters without digits, a length.
static WAIT: LazyLock<Regex> = LazyLock::new(|| {
    let words = "(?:try(?:ing)? (?:it |this |your message )?(?:again|later|back)|retry(?:-after)?|gr[ea]ylist\\w*|wait|\
                 come back|re-?send|reconnect|deferred|delayed?|send again|erneut|wieder|versuchen|r[ée]essay\\w*|\
                 intente\\w*|riprov\\w*|next attempt|resubmit)";
    let clock = "(?:(?P<clock_h>\\d{1,2}):)?(?P<clock_m>\\d{1,2}):(?P<clock_s>\\d{2})\\b";
    let units = "(?P<unit>s|secs?|seconds?|sekunden?|secondes?|segundos?|secondi|m|mins?|minutes?|minuten?|minutos?|\
                 minuti|h|hrs?|hours?|stunden?|heures?|horas?|ore)";
    let length = format!("(?P<n>\\d{{1,6}}) ?\\(?{units}\\b");
    Regex::new(&format!("{words}[^\\d]{{0,40}}?(?:{clock}|{length})")).expect("tested")
});

fn unit_seconds(unit: &str) -> u64 {
    match unit.as_bytes().first() {
        Some(b'm') => 60,
        Some(b'h' | b'o') => 3600,
        _ if unit.starts_with("st") => 3600,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::judge_text;
    use crate::rules::RulePack;
    use proptest::prelude::*;

    fn codes(raw: &str) -> String {
        let found = read(raw);
        let enhanced = found.enhanced.map_or("-".to_owned(), |code| code.to_string());
        let code = found.code.map_or("-".to_owned(), |code| code.to_string());
        format!("{code} {enhanced} {}", found.text)
    }

    #[test]
    fn codes_are_found_where_people_left_them() {
        for (raw, expected) in [
            ("550 5.1.1 No such user", "550 5.1.1 no such user"),
            ("550-5.1.1 No such\r\n550 5.1.1 user", "550 5.1.1 no such user"),
            ("smtp; 550 5.1.1 <a@b.test> gone", "550 5.1.1 <a@b.test> gone"),
            ("Remote host said: 554 go away", "554 - go away"),
            (
                "host mx.b.test[192.0.2.7] said: 550-Blocked 550 for good (in reply to RCPT TO command)",
                "550 - blocked for good (in reply to rcpt to command)",
            ),
            ("5.2.2 <a@b.test>: over quota", "- 5.2.2 <a@b.test>: over quota"),
            ("sorry, no mailbox here (#5.1.1)", "- 5.1.1 sorry, no mailbox here (#5.1.1)"),
            ("user unknown", "- - user unknown"),
            ("I have 300 new messages in 2026", "- - i have 300 new messages in 2026"),
            ("450 4.7.1 mail from 192.0.2.7 deferred", "450 4.7.1 mail from 192.0.2.7 deferred"),
            ("", "- - "),
        ] {
            assert_eq!(codes(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn remarks_tell_the_stage() {
        let stage = |raw: &str| read(raw).stage;
        assert_eq!(stage("550 no (in reply to RCPT TO command)"), Some(Stage::Rcpt));
        assert_eq!(stage("550 no (in reply to MAIL FROM command)"), Some(Stage::Mail));
        assert_eq!(stage("550 no (in reply to end of DATA command)"), Some(Stage::Final));
        assert_eq!(stage("550 no"), None);
    }

    #[test]
    fn waits_are_read_only_beside_words_of_waiting() {
        let seconds = |text: &str| retry_after(&normal(text)).map(|wait| wait.as_secs());
        for (text, expected) in [
            ("Greylisted for 300 seconds", Some(300)),
            ("please try again in 5 minutes", Some(300)),
            ("try again in 00:04:58", Some(298)),
            ("greylisting in effect, come back in 04:30", Some(270)),
            ("Please wait 2 hours", Some(7200)),
            ("retry-after: 90s", Some(90)),
            ("Bitte versuchen Sie es in 10 Minuten erneut", Some(600)),
            ("retry timeout exceeded", None),
            ("too many messages (100 per 60 minutes), try again later", None),
            ("try again later", None),
            ("try again in 0 seconds", None),
            ("try again in 999999 hours", None),
            ("retry at 192.0.2.7 failed", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(raw in "\\PC{0,200}|[0-9 .;:#()\r\n-]{0,60}|(?s).{0,100}") {
            let found = read(&raw);
            prop_assert!(found.text.len() <= TEXT_BYTES_MAX);
            prop_assert!(!found.text.contains("  ") && !found.text.contains('\n'));
            let _wait = retry_after(&found.text);
            judge_text(RulePack::shipped(), &raw);
        }
    }
}
