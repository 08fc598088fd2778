//! Which campaign or import is meant: by number, id or name, with the nearest names for a slip.

use crate::failure::Failure;
use crate::ledger::Ledger;
use model::in_quotes;
use store::{Campaign, Import};

/// Finds a campaign by what was typed: its number, its id, or its name.
pub(crate) async fn campaign(ledger: &Ledger, typed: &str) -> Result<Campaign, Failure> {
    if let Ok(number) = typed.trim_start_matches('#').parse::<u32>()
        && let Some(found) = ledger.store.campaign_by_number(ledger.workspace, number).await?
    {
        return Ok(found);
    }
    if let Ok(id) = typed.parse()
        && let Some(found) = ledger.store.campaign(id).await?
    {
        return Ok(found);
    }
    if let Some(found) = ledger.store.campaign_by_name(ledger.workspace, typed).await? {
        return Ok(found);
    }
    let all = ledger.store.list_campaigns(ledger.workspace).await?;
    let missing = Failure::bad_input(format!("there is no campaign {} in {}", in_quotes(typed), ledger.dir.display()));
    let numbered = |name: &str| {
        let found = all.iter().find(|campaign| campaign.name == name);
        found.map(|campaign| format!("{} (number {})", in_quotes(&campaign.name), campaign.number))
    };
    let near = model::nearest(typed, all.iter().map(|campaign| campaign.name.as_str()));
    let near: Vec<String> = near.into_iter().filter_map(numbered).collect();
    Err(match (near.as_slice(), all.as_slice()) {
        ([], []) => missing.advise("none was made here yet; is --data right?"),
        ([], _) => missing.advise("postroom campaigns lists those there are"),
        (near, _) => missing.suggest(near),
    })
}

/// Finds an import by what was typed: its id, or the name of its file (of several, the latest).
pub(crate) async fn import(ledger: &Ledger, typed: &str) -> Result<Import, Failure> {
    let all = ledger.store.list_imports(ledger.workspace).await?;
    let is_it = |import: &&Import| import.id.to_string() == typed || import.file_name == typed;
    if let Some(found) = all.iter().rev().find(is_it) {
        return Ok(found.clone());
    }
    let missing = Failure::bad_input(format!("there is no import {} in {}", in_quotes(typed), ledger.dir.display()));
    let near = model::nearest(typed, all.iter().map(|import| import.file_name.as_str()));
    Err(if near.is_empty() {
        missing.advise("postroom import --list shows those there are")
    } else {
        missing.suggest(&near)
    })
}
