//! `postroom domain`: what a sending domain needs: its signing key with the DNS record that publishes it, and its history.
//!
//! The private key stays sealed in the data directory, or goes into a file of the person's own choice; it is never
//! shown. A key in use is never replaced: rotation is a new selector.

use super::absolute;
use super::source::domain_lines;
use crate::failure::{Exit, Failure};
use crate::order::{self, Order, describe_key, text};
use crate::output::{Ink, Output};
use crate::ways_out::WaysOut;
use engine::tls_reports::{day_named, day_text};
use mail::sign::SigningKey;
use model::MailDomain;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a DKIM key and print the DNS record that publishes it
    Keygen {
        /// The domain that signs
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// The key's name under the domain
        #[arg(long, value_name = "NAME", default_value = "postroom")]
        selector: String,
        /// Ed25519 instead of RSA-2048; not every receiver knows it, so use it beside an RSA key
        #[arg(long)]
        ed25519: bool,
        /// Write the private key into this new file instead of keeping it in the data directory
        #[arg(long, value_name = "FILE.pem")]
        out: Option<PathBuf>,
    },
    /// What was sent from a domain before, elsewhere, where no log tells it
    #[command(subcommand)]
    History(History),
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum History {
    /// Say how much went out on which days; it replaces what was said before. (Better proof: `source history import`)
    Declare {
        /// The domain of the From address
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// A day and how much was sent on it, such as 2026-03-02=5000; once for each day
        #[arg(long, value_name = "DAY=MESSAGES", required = true, value_parser = sent)]
        sent: Vec<(i64, u32)>,
        /// How you know
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Take back what was said
    Withdraw {
        /// The domain of the From address
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

fn sent(text: &str) -> Result<(i64, u32), String> {
    let read = || {
        let (day, messages) = text.split_once('=')?;
        Some((day_named(day.trim())?, messages.trim().parse().ok()?))
    };
    read().ok_or_else(|| "a day and a number of messages look like 2026-03-02=5000".to_owned())
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (domain, selector, ed25519, out) = match command {
        Command::Keygen { domain, selector, ed25519, out } => (domain, selector, ed25519, out),
        Command::History(command) => return history(command, dir, output).await,
    };
    let answer = match &out {
        None => order::place(dir, Order::MakeKey { domain, selector, ed25519 }, &mut |_| {}).await?,
        Some(path) => key_in_file(&domain, &selector, ed25519, path)?,
    };
    output.answer(&answer, || tell(&answer, output));
    Ok(Exit::Done)
}

async fn history(command: History, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (domain, sent, why) = match command {
        History::Declare { domain, sent, why } => (domain, sent, why),
        History::Withdraw { domain, why } => (domain, Vec::new(), why),
    };
    let mut days = BTreeMap::new();
    for (day, messages) in sent {
        if days.insert(day, messages).is_some() {
            let day = day_text(day);
            return Err(Failure::bad_input(format!("{day} is named twice")).advise("say once how much went out on it"));
        }
    }
    let is_withdrawn = days.is_empty();
    let order = Order::WaysOut(WaysOut::DeclareHistory { domain, days, why });
    let answer = order::place(dir, order, &mut |_| {}).await?;
    output.answer(&answer, || match (is_withdrawn, domain_lines(&answer)) {
        (true, [_, stands]) => vec!["What was declared is taken back.".to_owned(), stands],
        (false, lines) => lines.to_vec(),
    });
    Ok(Exit::Done)
}

fn key_in_file(domain: &str, selector: &str, ed25519: bool, path: &Path) -> Result<Value, Failure> {
    let own = |error: &dyn std::fmt::Display| Failure::own("no key was made", error);
    let domain = MailDomain::parse(domain).map_err(|error| Failure::bad_input(format!("no key was made: {error}")))?;
    let key = if ed25519 { SigningKey::generate_ed25519() } else { SigningKey::generate_rsa() };
    let key = key.map_err(|error| own(&error))?;
    let mut answer = describe_key(&key, &domain, selector)?;
    let pem = key.to_pem().map_err(|error| own(&error))?;
    // Never over an older key: mail signed with it may still be under way.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| Failure::bad_input(format!("{}: {error}", path.display())).advise("name a new file"))?;
    if let Some(object) = answer.as_object_mut() {
        object.insert("key_file".to_owned(), Value::from(absolute(path)?.display().to_string()));
    }
    Ok(answer)
}

fn tell(answer: &Value, output: &Output) -> Vec<String> {
    let (domain, selector) = (text(answer, "domain"), text(answer, "selector"));
    let mut lines = vec![
        format!("{} key for {domain}, selector {selector}.", text(answer, "kind").to_uppercase()),
        String::new(),
        "Publish this TXT record where the domain's DNS is kept:".to_owned(),
        format!("  name   {}", output.ink(Ink::Bold, text(answer, "record_name"))),
        format!("  value  {}", text(answer, "record_value")),
        String::new(),
        "The same as a line of a zone file:".to_owned(),
        format!("  {}", text(answer, "zone_line")),
        String::new(),
    ];
    lines.push(match text(answer, "key_file") {
        "" => "The private key is sealed in the data directory; mail from this domain is signed with it.".to_owned(),
        file => format!("Sign with it: postroom send … --dkim-key {file} --selector {selector} --dkim-domain {domain}"),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_declared_by_its_date() {
        assert_eq!(sent("2026-03-02=5000"), Ok((20_514, 5_000)));
        for wrong in ["2026-03-02", "5000", "yesterday=5000", "2026-03-02=many", "2026-03-02=-1"] {
            assert!(sent(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_declared_history_makes_a_domain_warm_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let first = Order::Set { name: "postal_address".to_owned(), value: "1 High Street".to_owned() };
        order::place(dir.path(), first, &mut |_| {}).await.unwrap();
        let today = crate::ledger::Ledger::read(dir.path()).unwrap().now().day();
        let say = async |days: BTreeMap<i64, u32>| {
            let (domain, why) = ("News.example".to_owned(), "invoices of the old provider".to_owned());
            let order = Order::WaysOut(WaysOut::DeclareHistory { domain, days, why });
            order::place(dir.path(), order, &mut |_| {}).await.unwrap()
        };
        let weekly = say((1..=5).map(|week| (today - 7 * week, 5_000)).collect()).await;
        assert_eq!(
            (text(&weekly, "domain"), &weekly["is_warm"], &weekly["today"]),
            ("news.example", &true.into(), &10_000.into())
        );
        let none = say(BTreeMap::new()).await;
        assert_eq!((&none["is_warm"], &none["today"]), (&false.into(), &500.into()));
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let answer = key_in_file("Example.org", "s1", true, &path).unwrap();
        assert_eq!(text(&answer, "record_name"), "s1._domainkey.example.org");
        assert!(text(&answer, "record_value").starts_with("v=DKIM1; k=ed25519; p="));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let pem = std::fs::read_to_string(&path).unwrap();
        assert!(SigningKey::from_pem(&pem).is_ok());
        assert_eq!(key_in_file("example.org", "s1", true, &path).unwrap_err().exit, Exit::BadInput);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), pem);
    }
}
