//! The grammar of commands (RFC 5321 section 4.1.1): one line in, one command or the reply it deserves out.
//!
//! Strict where ambiguity helps an attacker (brackets, control characters), tolerant of one habit that does no harm: a
//! space after the colon of `MAIL FROM:`. Nothing here knows the state of the session.

use super::Param;

/// RFC 5321 section 4.5.3.1.1.
const LOCAL_OCTETS_MAX: usize = 64;
/// RFC 5321 section 4.5.3.1.2.
const DOMAIN_OCTETS_MAX: usize = 255;
/// Parameters of one command; more is nonsense.
const PARAMS_MAX: usize = 20;

/// A command, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Hello { name: &'a str, extended: bool },
    StartTls,
    Auth { mechanism: &'a str, initial: Option<&'a str> },
    Mail { from: &'a str, params: Vec<Param> },
    Rcpt { to: &'a str, params: Vec<Param> },
    Data,
    Bdat { octets: u64, last: bool },
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// The reply a wrong command gets: code, and text with its enhanced code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) u16, pub(super) &'static str);

const SYNTAX: Fault = Fault(501, "5.5.4 Syntax error in parameters");
const UNKNOWN: Fault = Fault(500, "5.5.2 Command not recognised");
const BAD_SENDER: Fault = Fault(501, "5.1.7 Bad sender address syntax");
const BAD_RECIPIENT: Fault = Fault(501, "5.1.3 Bad recipient address syntax");

/// Reads a line without its end.
pub(super) fn parse(line: &str) -> Result<Command<'_>, Fault> {
    if line.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(Fault(500, "5.5.2 Control character in a command"));
    }
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_start_matches(' ');
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => hello(rest, true),
        "HELO" => hello(rest, false),
        "STARTTLS" => bare(rest, Command::StartTls),
        "AUTH" => auth(rest),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => bare(rest, Command::Data),
        "BDAT" => bdat(rest),
        "RSET" => bare(rest, Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        "QUIT" => bare(rest, Command::Quit),
        "EXPN" | "TURN" => Err(Fault(502, "5.5.1 Command not implemented")),
        _ => Err(UNKNOWN),
    }
}

fn bare<'a>(rest: &str, command: Command<'a>) -> Result<Command<'a>, Fault> {
    if rest.is_empty() { Ok(command) } else { Err(SYNTAX) }
}

fn bdat(rest: &str) -> Result<Command<'_>, Fault> {
    let (octets, end) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_number = !octets.is_empty() && octets.bytes().all(|byte| byte.is_ascii_digit());
    let octets = octets.parse().ok().filter(|_| is_number).ok_or(SYNTAX)?;
    match end {
        "" => Ok(Command::Bdat { octets, last: false }),
        end if end.eq_ignore_ascii_case("LAST") => Ok(Command::Bdat { octets, last: true }),
        _ => Err(SYNTAX),
    }
}

fn hello(name: &str, extended: bool) -> Result<Command<'_>, Fault> {
    if name.is_empty() || name.contains(' ') || name.len() > DOMAIN_OCTETS_MAX {
        return Err(Fault(501, "5.5.4 A host name is needed"));
    }
    Ok(Command::Hello { name, extended })
}

fn auth(rest: &str) -> Result<Command<'_>, Fault> {
    let mut words = rest.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth { mechanism, initial }),
        _ => Err(SYNTAX),
    }
}

fn mail(rest: &str) -> Result<Command<'_>, Fault> {
    let (path, rest) = keyword(rest, "FROM:").and_then(bracketed).ok_or(BAD_SENDER)?;
    let from = without_route(path);
    if !from.is_empty() && !is_mailbox(from) {
        return Err(BAD_SENDER);
    }
    Ok(Command::Mail { from, params: params(rest)? })
}

fn rcpt(rest: &str) -> Result<Command<'_>, Fault> {
    let (path, rest) = keyword(rest, "TO:").and_then(bracketed).ok_or(BAD_RECIPIENT)?;
    let to = without_route(path);
    if !to.eq_ignore_ascii_case("postmaster") && !is_mailbox(to) {
        return Err(BAD_RECIPIENT);
    }
    Ok(Command::Rcpt { to, params: params(rest)? })
}

fn keyword<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (found, rest) = rest.split_at_checked(word.len())?;
    found.eq_ignore_ascii_case(word).then(|| rest.trim_start_matches(' '))
}

/// What stands between `<` and the `>` that closes it (one within quotes does not), and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// `@one,@two:ada@x.example` is an old way to say `ada@x.example` (RFC 5321 appendix C).
fn without_route(path: &str) -> &str {
    match path.split_once(':') {
        Some((route, mailbox)) if route.starts_with('@') => mailbox,
        _ => path,
    }
}

/// Is it shaped like an address? Whether anybody lives there is the owner's business.
fn is_mailbox(path: &str) -> bool {
    let Some((local, domain)) = path.rsplit_once('@') else { return false };
    let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let is_odd = |c: char| matches!(c, ' ' | '<' | '>' | '"' | '@' | ',' | ';');
    (1..=LOCAL_OCTETS_MAX).contains(&local.len())
        && (1..=DOMAIN_OCTETS_MAX).contains(&domain.len())
        && (is_quoted || !local.contains(is_odd))
        && !domain.contains(is_odd)
}

fn params(rest: &str) -> Result<Vec<Param>, Fault> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(SYNTAX);
    }
    let mut found = Vec::new();
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)));
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if key.is_empty() || !key.bytes().all(is_key) || value == Some("") || found.len() == PARAMS_MAX {
            return Err(SYNTAX);
        }
        found.push(Param { key: key.to_ascii_uppercase(), value: value.map(str::to_owned) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(line: &str, expected: Expect) {
        let found = match parse(line) {
            Ok(command) => format!("{command:?}"),
            Err(Fault(code, text)) => format!("{code} {text}"),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn commands_are_read_whatever_their_case() {
        check("ehlo out.example", expect![[r#"Hello { name: "out.example", extended: true }"#]]);
        check("HELO [192.0.2.1]", expect![[r#"Hello { name: "[192.0.2.1]", extended: false }"#]]);
        check(
            "mail from:<a@x.example> size=12 body=8bitmime",
            expect![[
                r#"Mail { from: "a@x.example", params: [Param { key: "SIZE", value: Some("12") }, Param { key: "BODY", value: Some("8bitmime") }] }"#
            ]],
        );
        check("MAIL FROM:<>", expect![[r#"Mail { from: "", params: [] }"#]]);
        check("MAIL FROM: <a@x.example>", expect![[r#"Mail { from: "a@x.example", params: [] }"#]]);
        check(
            "RCPT TO:<@one.example,@two.example:ada@x.example>",
            expect![[r#"Rcpt { to: "ada@x.example", params: [] }"#]],
        );
        check(
            r#"RCPT TO:<"a >\" b"@x.example> NOTIFY=NEVER"#,
            expect![[
                r#"Rcpt { to: "\"a >\\\" b\"@x.example", params: [Param { key: "NOTIFY", value: Some("NEVER") }] }"#
            ]],
        );
        check("RCPT TO:<Postmaster>", expect![[r#"Rcpt { to: "Postmaster", params: [] }"#]]);
        check("RCPT TO:<jürgen@bücher.example>", expect![[r#"Rcpt { to: "jürgen@bücher.example", params: [] }"#]]);
        check("AUTH PLAIN AGFkYQ==", expect![[r#"Auth { mechanism: "PLAIN", initial: Some("AGFkYQ==") }"#]]);
        check("bdat 12 last", expect!["Bdat { octets: 12, last: true }"]);
        check("BDAT 0", expect!["Bdat { octets: 0, last: false }"]);
        check("QUIT ", expect!["Quit"]);
    }

    #[test]
    fn wrong_ones_get_the_reply_they_deserve() {
        check("", expect!["500 5.5.2 Command not recognised"]);
        check("GET / HTTP/1.1", expect!["500 5.5.2 Command not recognised"]);
        check("EHLO", expect!["501 5.5.4 A host name is needed"]);
        check("MAIL a@x.example", expect!["501 5.1.7 Bad sender address syntax"]);
        check("MAIL FROM:a@x.example", expect!["501 5.1.7 Bad sender address syntax"]);
        check("MAIL FROM:<a@x.example", expect!["501 5.1.7 Bad sender address syntax"]);
        check("MAIL FROM:<a@x.example>SIZE=1", expect!["501 5.5.4 Syntax error in parameters"]);
        check("MAIL FROM:<a@x.example> =1", expect!["501 5.5.4 Syntax error in parameters"]);
        check("RCPT TO:<>", expect!["501 5.1.3 Bad recipient address syntax"]);
        check("RCPT TO:<ada>", expect!["501 5.1.3 Bad recipient address syntax"]);
        check("RCPT TO:<a b@x.example>", expect!["501 5.1.3 Bad recipient address syntax"]);
        check("RCPT TO:<a@b@x.example>", expect!["501 5.1.3 Bad recipient address syntax"]);
        check("DATA now", expect!["501 5.5.4 Syntax error in parameters"]);
        for line in ["BDAT", "BDAT LAST", "BDAT -1", "BDAT +1", "BDAT 12 LATER", "BDAT 99999999999999999999"] {
            check(line, expect!["501 5.5.4 Syntax error in parameters"]);
        }
        check("NOOP \u{7}", expect!["500 5.5.2 Control character in a command"]);
    }
}
