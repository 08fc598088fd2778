//! `postroom key`: by which programs use the API.

use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::moment;
use crate::order::{self, Order, text};
use crate::output::Output;
use crate::people::{People, key_json};
use model::access::Scope;
use model::{KeyId, Scopes};
use net::clock::{Clock, SystemClock};
use std::path::Path;

/// Keys read at a time.
const PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key; its secret is shown this once
    Make {
        /// What it is for
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do: contacts.read, campaigns.send, …; may be given several times, or "all"
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Until when it works: "2027-01-01", 90d
        #[arg(long, value_name = "TIME|SPAN")]
        expires: Option<String>,
        /// Of which workspace, by its name or id (w_…) [default: the first]
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// The keys, oldest first; never their secrets
    List,
    /// Revoke a key: it opens nothing any more
    Revoke {
        /// Its id
        #[arg(value_name = "KEY")]
        key: KeyId,
    },
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let order = match command {
        Command::List => return list(dir, output).await,
        Command::Revoke { key } => People::RevokeKey { key },
        Command::Make { name, scopes, expires, workspace } => {
            let now = SystemClock::new().now();
            let expires_at = expires.as_deref().map(|text| moment::to_come(text, now)).transpose()?;
            People::MakeKey { name, scopes: read(&scopes)?.bits(), expires_at, workspace }
        }
    };
    let answer = order::place(dir, Order::People(order), &mut |_| {}).await?;
    output.answer(&answer, || match text(&answer, "secret") {
        "" => vec!["The key opens nothing any more.".to_owned()],
        secret => vec![secret.to_owned()],
    });
    Ok(Exit::Done)
}

fn read(words: &[String]) -> Result<Scopes, Failure> {
    if words == ["all"] {
        return Ok(Scopes::all());
    }
    let names = || Scope::ALL.iter().map(|scope| scope.word());
    let one = |word: &String| {
        Scope::from_word(word).ok_or_else(|| {
            Failure::bad_input(format!("there is no scope {word:?}"))
                .advise(format!("scopes are: {}", names().collect::<Vec<_>>().join(", ")))
                .suggest(&model::nearest(word, names()))
        })
    };
    words.iter().map(one).collect()
}

async fn list(dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    let mut after = None;
    loop {
        let page = ledger.store.api_keys(ledger.workspace, after, PAGE).await?;
        let Some(last) = page.last() else {
            if after.is_none() {
                output.note("No key was made yet.");
            }
            return Ok(Exit::Done);
        };
        after = Some(last.id);
        for key in &page {
            output.answer(&key_json(key), || {
                let state = if key.works(ledger.now()) { "" } else { "  over" };
                let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
                vec![format!("{}  {}…  {}  {}{state}", key.id, key.hint, key.name, scopes.join(","))]
            });
        }
    }
}
