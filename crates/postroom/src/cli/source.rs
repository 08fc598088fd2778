//! `postroom source`: the addresses mail leaves from, what they may send today, and what they sent elsewhere before.

use super::workspace::{CeilingArgs, at_most};
use crate::allot::Allot;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::log_history::{LogFormat, LogImport};
use crate::order::{self, Order, number, text};
use crate::output::{Output, counted, local_time, thousands};
use crate::ways_out::{self, Password, WaysOut};
use jiff::{ToSpan, civil};
use model::{MailDomain, Timestamp};
use net::Proxy;
use serde_json::Value;
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Where a proxy's password is looked for when no file is named.
const PASSWORD_VARIABLE: &str = "POSTROOM_PROXY_PASSWORD";
/// The longest password file, in bytes.
const PASSWORD_BYTES_MAX: usize = 4096;
/// From domains told of after logs were counted.
const DOMAINS_SHOWN: usize = 10;
/// Days that were counted before and are told by their date.
const DAYS_SHOWN: usize = 10;
/// The longest name.
const NAME_CHARS_MAX: usize = 64;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Describe an address mail leaves from, or change the one with this name
    Add {
        /// What you call it
        #[arg(value_name = "NAME")]
        name: String,
        /// The address: one of this machine's, or behind a proxy the one receivers see
        #[arg(long, value_name = "IP")]
        address: IpAddr,
        /// The name it greets with; it should resolve to the address, and the address to it
        #[arg(long, value_name = "HOST")]
        ehlo: String,
        /// Where it stands, in your own words (eu, us-east), for `pool use --prefer-region`
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
        /// Through this proxy: socks5://[user@]IP:PORT or haproxy://IP:PORT
        #[arg(long, value_name = "URL")]
        proxy: Option<String>,
        /// Read the proxy's password from this file instead of POSTROOM_PROXY_PASSWORD
        #[arg(long, value_name = "FILE", requires = "proxy")]
        proxy_password_file: Option<PathBuf>,
        /// It is warm already: providers know it. (Better proof: `source history import`)
        #[arg(long)]
        warm: bool,
    },
    /// Every source: its pools, how warm it is toward whom, and what it may send today
    List,
    /// Bound what a source sends, over all sites; ceilings not named are lifted
    Limit {
        /// Its name; of this machine's own: "this machine"
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        ceilings: CeilingArgs,
    },
    /// Say that a source is not listed any more: it is tried again, and does not rest on
    Delisted {
        /// Its name; this machine's own: "this machine"
        #[arg(value_name = "NAME")]
        name: String,
        /// Only at this provider (its key or name) or server, as `lanes` names it
        #[arg(long, value_name = "PROVIDER")]
        provider: Option<String>,
    },
    /// Take a source out of use; what it sent stays known
    Retire {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// What another system sent from an address before
    #[command(subcommand)]
    History(History),
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum History {
    /// Count what logs of Postfix, Exim, PowerMTA or KumoMTA tell; the same again adds nothing
    Import {
        /// The logs; name those of one day together, because a day is replaced as a whole
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Which of your sources it was
        #[arg(long, value_name = "NAME")]
        source: String,
        /// Which source of the log is meant, where it tells of several
        #[arg(long, value_name = "NAME|IP")]
        of: Vec<String>,
        /// Whose mail it was: the domain of the From address; where its bounces went to another domain,
        /// example.org=bounces.mailer.example [default: the domains of the logs' envelope senders]
        #[arg(long, value_name = "DOMAIN")]
        domain: Vec<String>,
        /// Who wrote them [default: found out]
        #[arg(long, value_enum, value_name = "PROGRAM")]
        format: Option<LogFormat>,
        /// The zone of times that name none, such as Europe/Berlin [default: UTC]
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
    },
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Add { name, address, ehlo, region, proxy, proxy_password_file, warm } => {
            let name = checked_name(&name)?;
            let ehlo = MailDomain::parse(&ehlo)
                .map_err(|why| Failure::bad_input(format!("--ehlo {ehlo:?} is not a host name: {why}")))?;
            let password = proxy_password(proxy.as_deref(), proxy_password_file.as_deref())?;
            check_address(address, proxy.is_some(), output)?;
            let order = WaysOut::PutSource {
                name,
                address: Some(address),
                ehlo_name: ehlo.as_str().to_owned(),
                region,
                proxy,
                password,
                is_warm: warm,
            };
            let answer = order::place(dir, Order::WaysOut(order), &mut |_| {}).await?;
            output.answer(&answer, || {
                let done = if answer.get("changed") == Some(&Value::Bool(true)) { "changed" } else { "added" };
                let mut lines = vec![format!("Source {:?} is {done}. {}", text(&answer, "source"), in_force(&answer))];
                if !warm && done == "added" {
                    lines.push(
                        "It is new: it warms up by itself, a little more each day. If it was in use elsewhere: postroom \
                         source history import"
                            .to_owned(),
                    );
                }
                lines
            });
        }
        Command::List => list(dir, output).await?,
        Command::Limit { name, ceilings } => {
            let order = Allot::LimitSource { name, ceilings: ceilings.read() };
            let answer = order::place(dir, Order::Allot(order), &mut |_| {}).await?;
            output.answer(&answer, || {
                vec![format!("Source {:?} now sends {}.", text(&answer, "source"), at_most(text(&answer, "says")))]
            });
        }
        Command::Delisted { name, provider } => {
            let order = WaysOut::Delisted { name, provider };
            let answer = order::place(dir, Order::WaysOut(order), &mut |_| {}).await?;
            output.answer(&answer, || {
                let at = answer.get("delisted_at").and_then(Value::as_array).cloned().unwrap_or_default();
                let at: Vec<&str> = at.iter().filter_map(Value::as_str).collect();
                let tried = match answer.get("in_force_now") {
                    Some(Value::Bool(true)) => "One message goes first; if it is taken, the others follow.",
                    _ => "It is tried again by the next postroom send, resume or serve.",
                };
                vec![format!(
                    "Source {:?} does not rest any more at {}. {tried}",
                    text(&answer, "source"),
                    at.join(", ")
                )]
            });
        }
        Command::Retire { name } => {
            let answer = order::place(dir, Order::WaysOut(WaysOut::RetireSource { name }), &mut |_| {}).await?;
            output.answer(&answer, || {
                vec![format!("Source {:?} is retired. {}", text(&answer, "retired"), told_change(&answer, GOES_ON))]
            });
        }
        Command::History(History::Import { files, source, of, domain: domains, format, zone }) => {
            let files = files.iter().map(|file| super::absolute(file)).collect::<Result<Vec<_>, _>>()?;
            let order = WaysOut::ImportHistory(LogImport { files, source, of, domains, format, zone });
            let answer = order::place(dir, Order::WaysOut(order), &mut |_| {}).await?;
            output.answer(&answer, || told_history(&answer));
        }
    }
    Ok(Exit::Done)
}

/// What becomes of mail that waits for a source, when pools change and when it is retired.
const KEEPS_IT: &str = "what waits for a source keeps it";
const GOES_ON: &str = "what waits for it goes by another that may carry it";

/// What every change of a way out says.
pub(crate) fn in_force(answer: &Value) -> String {
    told_change(answer, KEEPS_IT)
}

/// The same; `waits`: what becomes of mail that waits for a source.
fn told_change(answer: &Value, waits: &str) -> String {
    let when = match answer.get("in_force_now") {
        Some(Value::Bool(true)) => format!("It is in force: what is under way ends as it began, {waits}."),
        _ => "It counts from the next postroom send, resume or serve on.".to_owned(),
    };
    let left = answer.get("carries_nothing").and_then(Value::as_array);
    let left: Vec<&str> = left.into_iter().flatten().filter_map(Value::as_str).collect();
    if left.is_empty() {
        return when;
    }
    format!("{when} Nothing carries {} mail any more: no source in use is left for it.", left.join(", "))
}

fn checked_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let refused = name.is_empty() || name.contains(['=', '"']) || name.chars().any(char::is_control);
    if refused || name.chars().count() > NAME_CHARS_MAX {
        return Err(Failure::bad_input(format!("{name:?} is no name for a source"))
            .advise(format!("choose up to {NAME_CHARS_MAX} characters without = and \"")));
    }
    Ok(name.to_owned())
}

/// An address nobody can send from is refused; one that is not here now is told.
fn check_address(address: IpAddr, has_proxy: bool, output: &Output) -> Result<(), Failure> {
    if address.is_unspecified() || address.is_multicast() {
        return Err(Failure::bad_input(format!("no mail can leave from {address}")));
    }
    if !has_proxy && TcpListener::bind((address, 0)).is_err() {
        output.note(format!(
            "note: {address} is not an address of this machine now; nothing leaves through this source until it is"
        ));
    }
    Ok(())
}

/// The password of a proxy that names a user, from a file or the environment.
fn proxy_password(proxy: Option<&str>, file: Option<&Path>) -> Result<Option<Password>, Failure> {
    let Some(proxy) = proxy else { return Ok(None) };
    let parsed = Proxy::parse(proxy).map_err(Failure::bad_input)?;
    if !matches!(parsed, Proxy::Socks5 { user: Some(_), .. }) {
        return Ok(None);
    }
    let password = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::bad_input(format!("the password file {}: {error}", path.display())))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        None => std::env::var(PASSWORD_VARIABLE).unwrap_or_default(),
    };
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::bad_input("the proxy's URL names a user, and there is no usable password for it").advise(
            format!("put it into a file (--proxy-password-file FILE) or into the variable {PASSWORD_VARIABLE}"),
        ));
    }
    Ok(Some(Password(password)))
}

async fn list(dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    let sources = ways_out::described(&ledger).await?;
    for (at, source) in sources.iter().enumerate() {
        if at > 0 {
            output.line("");
        }
        output.answer(source, || told(source, &|rest| crate::show::command(dir, rest)));
    }
    Ok(())
}

fn told(source: &Value, command: &dyn Fn(&str) -> String) -> Vec<String> {
    let field = |name: &str| source.get(name).and_then(Value::as_str);
    let mut facts = vec![text(source, "name").to_owned()];
    facts.extend(field("address").map(str::to_owned));
    facts.extend(field("ehlo_name").map(|name| format!("greets as {name}")));
    facts.extend(field("region").map(|region| format!("region {region}")));
    facts.extend(field("proxy").map(|proxy| format!("through {proxy}")));
    let pools = source.get("pools").and_then(Value::as_array).cloned().unwrap_or_default();
    let pools: Vec<String> = pools
        .iter()
        .map(|pool| match number(pool, "weight") {
            1 => text(pool, "pool").to_owned(),
            weight => format!("{} (weight {weight})", text(pool, "pool")),
        })
        .collect();
    if !pools.is_empty() {
        facts.push(format!("in {}", pools.join(", ")));
    }
    if field("known_warm_since").is_some() {
        facts.push("known to be warm".to_owned());
    }
    if !text(source, "ceilings_say").is_empty() {
        facts.push(format!("at most {}", text(source, "ceilings_say")));
    }
    let mut lines = vec![facts.join(" · ")];
    let toward = source.get("toward").and_then(Value::as_array).cloned().unwrap_or_default();
    if toward.is_empty() {
        lines.push("    no mail yet (a rehearsal's does not count)".to_owned());
    }
    for listed in source.get("listed").and_then(Value::as_array).into_iter().flatten() {
        let until = text(listed, "until").parse::<jiff::Timestamp>().ok();
        let until = until.map(|at| local_time(Timestamp::from_millis(at.as_millisecond())));
        let until = until.map(|at| format!(" until {at}")).unwrap_or_default();
        let (site, command) = (text(listed, "site"), command(text(listed, "delisted")));
        lines.push(format!("    listed at {site}, rests there{until}; once it is off the list: {command}"));
    }
    lines.extend(toward.iter().map(stands));
    lines
}

/// How a source stands with a provider: `Google: warm; 300 of 12,000 today: …`.
fn stands(toward: &Value) -> String {
    let warmth = if toward.get("is_warm") == Some(&Value::Bool(true)) { "warm" } else { "warming up" };
    let (spent, today) = (number(toward, "spent"), number(toward, "today"));
    let is_of_each = toward.get("provider").is_none_or(Value::is_null);
    let budget = match today >= u64::from(u32::MAX) {
        true => format!("{} today, no bound", thousands(spent)),
        false if is_of_each => format!("at most {} a day, {} today to all of them", thousands(today), thousands(spent)),
        false => format!("{} of {} today", thousands(spent), thousands(today)),
    };
    format!("    {}: {warmth}; {budget}: {}", text(toward, "name"), text(toward, "why"))
}

fn told_history(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for file in answer.get("files").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!(
            "{} is {}: {}, {}",
            text(file, "file"),
            text(file, "is"),
            counted(number(file, "lines"), "line", "lines"),
            counted(number(file, "attempts"), "attempt", "attempts"),
        ));
        let unread = number(file, "unread_lines");
        if let Some(first) = file.get("first_unread").filter(|_| unread > 0) {
            lines.push(format!(
                "  {} about an attempt could not be read; the first is line {}: {}",
                counted(unread, "line", "lines"),
                number(first, "line"),
                text(first, "why")
            ));
        }
        let unnamed = number(file, "attempts_without_sender");
        if unnamed > 0 {
            lines.push(format!("  it does not name the sender of {}", counted(unnamed, "attempt", "attempts")));
        }
    }
    let of = answer.get("counted_of").and_then(Value::as_array).cloned().unwrap_or_default();
    let of: Vec<&str> = of.iter().filter_map(Value::as_str).collect();
    lines.push(format!(
        "Counted for {:?}: {} from {} on {}. The same again adds nothing.",
        text(answer, "source"),
        counted(number(answer, "attempts"), "attempt", "attempts"),
        of.join(", "),
        counted(number(answer, "days"), "day", "days"),
    ));
    lines.extend(left_out(answer));
    lines.extend(replaced_days(answer));
    lines.extend(answer.get("toward").and_then(Value::as_array).into_iter().flatten().map(stands));
    let domains = answer.get("domains").and_then(Value::as_array).cloned().unwrap_or_default();
    if domains.is_empty() {
        lines.push(
            "The logs do not name the senders, so nothing is counted for a From domain: --domain example.org says whose \
             mail it was."
                .to_owned(),
        );
    }
    let shown: Vec<&Value> = domains.iter().filter(|domain| !is_told_above(domain, &domains)).collect();
    lines.extend(shown.iter().take(DOMAINS_SHOWN).flat_map(|domain| domain_lines(domain)));
    let more = shown.len().saturating_sub(DOMAINS_SHOWN) as u64 + number(answer, "domains_left_out");
    if more > 0 {
        let more = counted(more, "domain has", "domains have");
        lines.push(format!("{more} less mail; --domain example.org says which are meant."));
    }
    lines
}

/// What the logs tell of sources that are not meant.
fn left_out(answer: &Value) -> Option<String> {
    let sources = answer.get("sources_left_out").and_then(Value::as_array).filter(|sources| !sources.is_empty())?;
    let told =
        |one: &Value| format!("{} ({})", text(one, "source"), counted(number(one, "attempts"), "attempt", "attempts"));
    let told: Vec<String> = sources.iter().map(told).collect();
    Some(format!("  Left out, of other sources in the logs: {}; --of says which are meant.", told.join(", ")))
}

/// The days that were counted before: what was replaced, and of how many it made no difference.
fn replaced_days(answer: &Value) -> Vec<String> {
    let days = answer.get("replaced").and_then(Value::as_array).cloned().unwrap_or_default();
    let (same, other): (Vec<&Value>, Vec<&Value>) =
        days.iter().partition(|day| number(day, "before") == number(day, "after"));
    let mut lines = Vec::new();
    if !other.is_empty() {
        let told = |day: &&&Value| {
            let (before, after) = (thousands(number(day, "before")), thousands(number(day, "after")));
            format!("{} ({before} before, {after} now)", text(day, "day"))
        };
        let told: Vec<String> = other.iter().take(DAYS_SHOWN).map(|day| told(&day)).collect();
        let more = match other.len().saturating_sub(DAYS_SHOWN) as u64 {
            0 => String::new(),
            more => format!(" and {}", counted(more, "more day", "more days")),
        };
        let replaced = counted(other.len() as u64, "day that was", "days that were");
        lines.push(format!("  Replaced {replaced} counted before: {}{more}", told.join(", ")));
    }
    if !same.is_empty() {
        let same = counted(same.len() as u64, "day was", "days were");
        lines.push(format!("  {same} counted before, with the same sum"));
    }
    lines
}

/// Is it the same mail as that of a domain above, which is told?
fn is_told_above(domain: &Value, all: &[Value]) -> bool {
    let is_above = |above: &&Value| {
        let below = text(domain, "domain").strip_suffix(text(above, "domain"));
        below.is_some_and(|rest| rest.ends_with('.')) && number(above, "attempts") == number(domain, "attempts")
    };
    all.iter().any(|above| is_above(&above))
}

/// What a From domain sent, and what that gives.
pub(super) fn domain_lines(domain: &Value) -> [String; 2] {
    let name = text(domain, "domain");
    let day = |field: &str| {
        let day = domain.get(field).and_then(Value::as_i64).unwrap_or_default();
        let date = i32::try_from(day).ok().and_then(|day| civil::date(1970, 1, 1).checked_add(day.days()).ok());
        date.map(|date| date.to_string()).unwrap_or_default()
    };
    let sent = format!(
        "Counted for mail from {name}: {} on {} from {} to {}, at most {} a day.",
        counted(number(domain, "attempts"), "attempt", "attempts"),
        counted(number(domain, "days"), "day", "days"),
        day("first_day"),
        day("last_day"),
        thousands(number(domain, "greatest_day")),
    );
    let warmth = if domain.get("is_warm") == Some(&Value::Bool(true)) { "warm" } else { "warming up" };
    let (spent, today) = (number(domain, "spent"), number(domain, "today"));
    let why = text(domain, "why");
    [sent, format!("    {name}: {warmth}; {} of {} today: {why}", thousands(spent), thousands(today))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_day_that_is_replaced_is_told_with_both_counts() {
        let day = |day: &str, before: u64, after: u64| json!({ "day": day, "before": before, "after": after });
        let told = |days: Vec<Value>| replaced_days(&json!({ "replaced": days }));
        assert!(told(Vec::new()).is_empty());
        assert_eq!(
            told(vec![day("2026-11-14", 1_200, 1_350), day("2026-11-15", 9, 9)]),
            [
                "  Replaced 1 day that was counted before: 2026-11-14 (1,200 before, 1,350 now)",
                "  1 day was counted before, with the same sum",
            ]
        );
        let many = told((0..DAYS_SHOWN as u64 + 2).map(|n| day("2026-11-14", 1, n + 2)).collect());
        assert!(
            many[0].starts_with("  Replaced 12 days that were counted before: ")
                && many[0].ends_with(" and 2 more days")
        );
    }

    #[test]
    fn what_was_sent_through_other_sources_is_told_as_left_out() {
        assert_eq!(left_out(&json!({ "sources_left_out": [] })), None);
        let answer = json!({ "sources_left_out": [{ "source": "192.0.2.8", "attempts": 1 }] });
        assert_eq!(
            left_out(&answer).unwrap(),
            "  Left out, of other sources in the logs: 192.0.2.8 (1 attempt); --of says which are meant."
        );
    }

    #[test]
    fn a_proxy_that_knows_users_needs_a_password_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "s3cret\n").unwrap();
        let proxy = Some("socks5://anna@192.0.2.1:1080");
        assert_eq!(proxy_password(proxy, Some(&file)).unwrap(), Some(Password("s3cret".into())));
        assert!(!format!("{:?}", proxy_password(proxy, Some(&file)).unwrap()).contains("s3cret"));
        std::fs::write(&file, "").unwrap();
        assert!(proxy_password(proxy, Some(&file)).is_err());
        assert_eq!(proxy_password(Some("haproxy://192.0.2.1:8080"), None).unwrap(), None);
        assert!(proxy_password(Some("http://192.0.2.1"), None).unwrap_err().message.contains("socks5://"));
        assert!(proxy_password(Some("socks5://a:b@192.0.2.1:1080"), None).is_err(), "a password on the command line");
    }

    #[test]
    fn what_waits_keeps_its_source_unless_that_is_retired() {
        let answer = json!({ "in_force_now": true });
        assert!(in_force(&answer).ends_with("what waits for a source keeps it."));
        assert!(told_change(&answer, GOES_ON).ends_with("what waits for it goes by another that may carry it."));
        let last = json!({ "in_force_now": false, "carries_nothing": ["broadcast"] });
        let told = told_change(&last, GOES_ON);
        assert!(
            told.starts_with("It counts from the next") && told.contains("Nothing carries broadcast mail"),
            "{told}"
        );
    }

    #[test]
    fn names_that_cannot_be_typed_again_are_refused() {
        assert!(checked_name("mta1 eu").is_ok());
        for name in ["", "a=2", "a\u{7}b"] {
            assert_eq!(checked_name(name).unwrap_err().exit, Exit::BadInput, "{name:?}");
        }
    }
}
