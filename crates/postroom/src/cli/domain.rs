//! `postroom domain`: what a sending domain needs. For now: its signing key, and the DNS record that publishes it.
//!
//! The private key stays sealed in the data directory, or goes into a file of the person's own choice; it is never
//! shown. A key in use is never replaced: rotation is a new selector.

use super::absolute;
use crate::failure::{Exit, Failure};
use crate::order::{self, Order, describe_key, text};
use crate::output::{Ink, Output};
use mail::sign::SigningKey;
use model::MailDomain;
use serde_json::Value;
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
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let Command::Keygen { domain, selector, ed25519, out } = command;
    let answer = match &out {
        None => order::place(dir, Order::MakeKey { domain, selector, ed25519 }, &mut |_| {}).await?,
        Some(path) => key_in_file(&domain, &selector, ed25519, path)?,
    };
    output.answer(&answer, || tell(&answer, output));
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
