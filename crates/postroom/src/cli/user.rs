//! `postroom user`: who may sign in.

use crate::allot;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, text};
use crate::output::Output;
use crate::people::{People, user_json};
use model::{Role, UserId};
use serde_json::Value;
use std::path::Path;
use store::StoreError;

/// People read at a time.
const PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Invite somebody: prints a link that works once
    Add {
        /// Their address
        #[arg(value_name = "EMAIL")]
        email: String,
        /// Their name [default: the address]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// owner, operator, analyst, postmaster or developer
        #[arg(long, value_name = "ROLE", value_parser = role, default_value = "operator")]
        role: Role,
        /// Into which workspace, by its name or id (w_…) [default: the first]
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// Who may sign in
    List {
        /// To which workspace, by its name or id (w_…) [default: the first]
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// Shut somebody out: their sessions end
    Disable {
        /// Their address or id
        #[arg(value_name = "USER")]
        user: String,
        /// Let them in again
        #[arg(long)]
        undo: bool,
    },
    /// Make a link by which somebody sets a new password
    Reset {
        /// Their address or id
        #[arg(value_name = "USER")]
        user: String,
    },
}

fn role(word: &str) -> Result<Role, String> {
    let names = || Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
    Role::from_word(word).ok_or_else(|| format!("roles are: {}", names()))
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let order = match command {
        Command::List { workspace } => return list(workspace.as_deref(), dir, output).await,
        Command::Add { email, name, role, workspace } => {
            People::Add { name: name.unwrap_or_else(|| email.clone()), email, role, workspace }
        }
        Command::Disable { user, undo } => People::Disable { user: find(dir, &user).await?, disabled: !undo },
        Command::Reset { user } => People::Reset { user: find(dir, &user).await? },
    };
    let answer = order::place(dir, Order::People(order), &mut |_| {}).await?;
    output.answer(&answer, || tell(&answer));
    Ok(Exit::Done)
}

fn tell(answer: &Value) -> Vec<String> {
    if let Some(link) = answer.get("link").and_then(Value::as_str) {
        let email = answer.get("user").map(|user| text(user, "email")).unwrap_or_default();
        return vec![format!("For {email}, once, within a day, at the server's public address:"), format!("  {link}")];
    }
    match answer.get("disabled").and_then(Value::as_bool) {
        Some(true) => vec!["They are shut out.".to_owned()],
        Some(false) | None => vec!["They may sign in again.".to_owned()],
    }
}

async fn list(workspace: Option<&str>, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let ledger = Ledger::read(dir)?;
    let workspace = allot::workspace_or_first(&ledger, workspace).await?;
    let mut after = None;
    loop {
        let page = ledger.store.members(workspace, after, PAGE).await?;
        let Some(last) = page.last() else {
            if after.is_none() {
                output.note("Nobody may sign in yet.");
            }
            return Ok(Exit::Done);
        };
        after = Some(last.user.id);
        for member in &page {
            output.answer(&user_json(member), || {
                let can_sign_in = member.user.has_password || member.user.has_single_sign_on;
                let state = match (member.user.disabled_at, can_sign_in) {
                    (Some(_), _) => "  shut out",
                    (None, false) => "  invited",
                    (None, true) => "",
                };
                vec![format!("{}  {}  {}{state}", member.user.id, member.user.email, member.role)]
            });
        }
    }
}

/// Somebody by address or id.
async fn find(dir: &Path, typed: &str) -> Result<UserId, Failure> {
    if let Ok(id) = typed.parse() {
        return Ok(id);
    }
    let ledger = Ledger::read_to_change(dir).await?;
    if let Some(known) = ledger.store.user_by_email(typed).await? {
        return Ok(known.id);
    }
    let invited = ledger.store.invitations_of(typed).await?.into_iter().next();
    Ok(invited.ok_or_else(|| StoreError::NotFound { what: "user", name: typed.to_owned() })?.user.id)
}
