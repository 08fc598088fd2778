//! `postroom host`: the names under which links of messages are answered.

use crate::failure::{Exit, Failure};
use crate::hosts::{Hosts, host_json};
use crate::ledger::Ledger;
use crate::order::{self, Order, text};
use crate::output::Output;
use engine::hosts::look_for;
use model::{AddressError, MailDomain};
use net::{Dnssec, Guard, World};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a name, and look in DNS whether it leads to the server
    Add(Looked),
    /// Look once more
    Check(Looked),
    /// The names, and what DNS said about them
    List,
    /// Keep a name out of new messages; its links are answered all the same
    Retire {
        /// The name
        #[arg(value_name = "HOST", value_parser = read)]
        host: String,
    },
    /// Let a retired name into new messages again
    Reuse {
        /// The name
        #[arg(value_name = "HOST", value_parser = read)]
        host: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Looked {
    /// The name, such as links.example.org
    #[arg(value_name = "HOST", value_parser = read)]
    host: String,
    /// Where the server is reached, as `serve` was told: https://mail.example.org
    #[arg(long, value_name = "URL", env = "POSTROOM_PUBLIC_URL")]
    public_url: String,
    /// The name server to ask instead of this machine's
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<SocketAddr>,
}

/// A name in A-labels.
fn read(text: &str) -> Result<String, AddressError> {
    MailDomain::parse(text).map(|name| name.as_str().to_owned())
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let order = match command {
        Command::List => return list(dir, output).await,
        Command::Retire { host } => Hosts::Retire { host, retired: true },
        Command::Reuse { host } => Hosts::Retire { host, retired: false },
        Command::Add(looked) => {
            let host = looked.host.clone();
            order::place(dir, Order::Hosts(Hosts::Add { host }), &mut |_| {}).await?;
            look(looked).await?
        }
        Command::Check(looked) => look(looked).await?,
    };
    let answer = order::place(dir, Order::Hosts(order), &mut |_| {}).await?;
    output.answer(&answer, || vec![line(&answer)]);
    Ok(Exit::Done)
}

/// Asks DNS here; whoever owns the directory writes it down.
async fn look(looked: Looked) -> Result<Hosts, Failure> {
    let config =
        web::Config { public_url: looked.public_url.trim_end_matches('/').to_owned(), ..web::Config::default() };
    let world = World::production(Guard::production(), looked.dns, Dnssec::Validate)
        .map_err(|error| Failure::own("the name servers of this machine cannot be used", error))?;
    let (found, problem) = look_for(&world, config.public_host(), &looked.host).await;
    Ok(Hosts::Found { host: looked.host, found, problem })
}

async fn list(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    for host in ledger.store.tracking_hosts(ledger.workspace).await? {
        let answer = host_json(&host);
        output.answer(&answer, || vec![line(&answer)]);
    }
    Ok(Exit::Done)
}

fn line(answer: &Value) -> String {
    let state = if answer["retired"] == Value::Bool(true) { "  retired" } else { "" };
    let problem = match text(answer, "problem") {
        "" => String::new(),
        problem => format!("  ({problem})"),
    };
    format!("{}  {}{state}{problem}", text(answer, "host"), text(answer, "found").replace('_', " "))
}
