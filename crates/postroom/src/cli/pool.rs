//! `postroom pool`: which sources carry which kind of mail.

use super::source::in_force;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order};
use crate::output::Output;
use crate::ways_out::WaysOut;
use model::CampaignKind;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a pool of sources, or change the one with this name
    Set {
        /// What you call it
        #[arg(value_name = "NAME")]
        name: String,
        /// Its sources; one with =3 takes three times the share
        #[arg(value_name = "SOURCE[=WEIGHT]", required = true)]
        members: Vec<String>,
        /// Only this workspace may use it
        #[arg(long)]
        dedicated: bool,
    },
    /// Every pool, its sources, and which stream goes through it
    List,
    /// Remove a pool no stream goes through
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Send a stream through a pool; what waits already goes on where it began
    Use {
        /// The pool; "-" for every source that is in no pool
        #[arg(value_name = "NAME")]
        name: String,
        /// Which mail: broadcast, automated or transactional
        #[arg(long = "for", value_name = "STREAM", value_parser = stream)]
        kind: CampaignKind,
        /// Prefer sources of this region where there is a choice
        #[arg(long, value_name = "REGION")]
        prefer_region: Option<String>,
    },
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (order, said): (WaysOut, String) = match command {
        Command::List => {
            list(dir, output).await?;
            return Ok(Exit::Done);
        }
        Command::Set { name, members, dedicated } => {
            let members = members.iter().map(|member| read_member(member)).collect::<Result<Vec<_>, _>>()?;
            let said =
                format!("Pool {name:?} has {}.", crate::output::counted(members.len() as u64, "source", "sources"));
            (WaysOut::PutPool { name, members, dedicated }, said)
        }
        Command::Remove { name } => {
            let said = format!("Pool {name:?} is removed.");
            (WaysOut::RemovePool { name }, said)
        }
        Command::Use { name, kind, prefer_region } => {
            let pool = Some(name).filter(|name| name != "-");
            let through = match &pool {
                Some(name) => format!("the pool {name:?}"),
                None => "every source that is in no pool".to_owned(),
            };
            let said = format!("{} mail goes through {through}.", capital(kind.word()));
            (WaysOut::UsePool { kind, pool, region: prefer_region }, said)
        }
    };
    let answer = order::place(dir, Order::WaysOut(order), &mut |_| {}).await?;
    output.answer(&answer, || vec![format!("{said} {}", in_force(&answer))]);
    Ok(Exit::Done)
}

fn stream(text: &str) -> Result<CampaignKind, String> {
    CampaignKind::from_word(text).ok_or_else(|| "the streams are broadcast, automated and transactional".to_owned())
}

/// `mta1` or `mta1=3`.
fn read_member(text: &str) -> Result<(String, u32), Failure> {
    let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
    let weight = weight.parse().ok().filter(|weight| (1..=1_000).contains(weight));
    let wrong = || {
        Failure::bad_input(format!("{text:?} is not SOURCE or SOURCE=WEIGHT"))
            .advise("a weight is a number from 1 to 1000: mta1=3")
    };
    Ok((name.trim().to_owned(), weight.ok_or_else(wrong)?))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

async fn list(dir: &Path, output: &Output) -> Result<(), Failure> {
    let ledger = Ledger::read(dir)?;
    let (sources, pools) = (ledger.store.sources().await?, ledger.store.pools().await?);
    let streams = ledger.store.stream_pools().await?;
    let name_of = |id| sources.iter().find(|source| source.id == id).map_or("?", |source| source.name.as_str());
    if pools.is_empty() && !output.is_json() {
        output.line(
            "No pool: every kind of mail goes through every source that is described, or this machine if none is.",
        );
    }
    for pool in &pools {
        let members: Vec<Value> =
            pool.members.iter().map(|(id, weight)| json!({ "source": name_of(*id), "weight": weight })).collect();
        let carries: Vec<&str> =
            streams.iter().filter(|one| one.pool == Some(pool.id)).map(|one| one.kind.word()).collect();
        let value = json!({
            "pool": pool.name, "dedicated": pool.workspace.is_some(), "members": members, "carries": carries,
        });
        output.answer(&value, || {
            let member = |(id, weight): &(_, u32)| match weight {
                1 => name_of(*id).to_owned(),
                weight => format!("{}={weight}", name_of(*id)),
            };
            let members: Vec<String> = pool.members.iter().map(member).collect();
            let dedicated = if pool.workspace.is_some() { ", dedicated" } else { "" };
            let carries = if carries.is_empty() { "nothing yet".to_owned() } else { carries.join(", ") };
            vec![format!("{}{dedicated}: {}; carries {carries}", pool.name, members.join(", "))]
        });
    }
    for stream in streams.iter().filter(|stream| stream.region.is_some()) {
        let region = stream.region.as_deref().unwrap_or_default();
        output.answer(&json!({ "stream": stream.kind, "prefers_region": region }), || {
            vec![format!("{} mail prefers sources in {region}", capital(stream.kind.word()))]
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_weights() {
        assert_eq!(read_member("mta1").unwrap(), ("mta1".to_owned(), 1));
        assert_eq!(read_member("mta 2=3").unwrap(), ("mta 2".to_owned(), 3));
        for wrong in ["mta1=0", "mta1=x", "mta1=2000"] {
            assert!(read_member(wrong).unwrap_err().message.contains("SOURCE=WEIGHT"), "{wrong}");
        }
    }
}
