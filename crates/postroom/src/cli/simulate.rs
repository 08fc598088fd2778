//! `postroom simulate`: the simulated receivers on real loopback sockets, for any mail program to be tried against.

use crate::failure::{Exit, Failure};
use crate::output::{Output, counted};
use crate::shift;
use net::SystemClock;
use sim::worlds::World;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The SMTP port of every host; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 2525)]
    port: u16,
    /// The DNS port at 127.0.0.1; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 5353)]
    dns_port: u16,
    /// How much faster the receivers' clock runs: at 60, five minutes of greylisting take five seconds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    time_scale: u32,
    /// Write every accepted copy into this file, a JSON line each
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Keep every accepted letter whole in this folder, a file N.eml each
    #[arg(long, value_name = "DIR")]
    letters: Option<PathBuf>,
    /// Decides every draw
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Who receives and what happens meanwhile: hidden-limits, listed-source, lost-records, stale-list, or a file
    #[arg(long, value_name = "NAME|FILE")]
    world: Option<String>,
    /// Publish a TXT record, such as a sender's SPF, DKIM or DMARC
    #[arg(long = "txt", value_name = "NAME=VALUE")]
    txt: Vec<String>,
}

pub(crate) async fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let records = args.txt.iter().map(|text| record(text)).collect::<Result<Vec<_>, Failure>>()?;
    let world = args.world.as_deref().map_or_else(|| Ok(World::usual()), world)?;
    let about = world.about.clone();
    let options = sim::listen::Options {
        world,
        port: args.port,
        dns_port: args.dns_port,
        time_scale: args.time_scale,
        seed: args.seed,
        ledger: args.ledger,
        letters: args.letters,
        records,
    };
    let listening = sim::listen::listen(&options, Arc::new(SystemClock::new())).await.map_err(|error| {
        Failure::own("the receivers could not be started", error)
            .advise("choose other ports (--port, --dns-port), or 0 for any that is free")
    })?;
    output.record(&listening.ready);
    output.note(format!(
        "{about}: {} on port {}; name server {}. Send to them:\n  postroom send … --dns {} --port {}\nCtrl-C ends it.",
        counted(listening.ready.hosts.len() as u64, "host", "hosts"),
        listening.ready.port,
        listening.ready.dns,
        listening.ready.dns,
        listening.ready.port
    ));
    shift::interrupted().await?;
    Ok(Exit::Done)
}

/// A world that comes with the program, or one in a file.
fn world(named: &str) -> Result<World, Failure> {
    if let Some(world) = World::by_name(named) {
        return Ok(world);
    }
    let known = World::names().collect::<Vec<_>>().join(", ");
    let text = std::fs::read_to_string(named).map_err(|error| {
        Failure::bad_input(format!("the world {named} cannot be read: {error}"))
            .advise(format!("a file, or one of: {known}"))
    })?;
    World::parse(&text).map_err(|error| {
        Failure::bad_input(format!("the world {named} cannot be played: {error}"))
            .advise("docs/contributing/simulator.md tells what such a file may say")
    })
}

fn record(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::bad_input(format!("--txt {text:?} is not NAME=VALUE"))
            .advise("such as: --txt \"example.org=v=spf1 ip4:127.0.0.1 -all\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_known_by_name_or_read_from_a_file_and_what_is_wrong_is_said() {
        assert_eq!(world("hidden-limits").unwrap().profiles.len(), 10);
        let missing = world("/nowhere/at-all.toml").unwrap_err();
        assert_eq!(missing.exit, Exit::BadInput);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.toml");
        std::fs::write(&file, "about = 'x'\nprovders = []\n").unwrap();
        let wrong = world(file.to_str().unwrap()).unwrap_err();
        assert!(wrong.message.contains("line 2") && wrong.message.contains("provders"), "{}", wrong.message);
    }

    #[test]
    fn a_record_is_split_at_its_first_equals_sign() {
        assert_eq!(record("a.test=v=spf1 -all").unwrap(), ("a.test".to_owned(), "v=spf1 -all".to_owned()));
        assert!(record("a.test").is_err() && record("=x").is_err());
    }
}
