//! Which campaign is meant: by number, id or name, with the nearest names for a slip.

use crate::failure::Failure;
use crate::ledger::Ledger;
use store::Campaign;

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
    let missing = Failure::bad_input(format!("there is no campaign {typed:?} in {}", ledger.dir.display()));
    let numbered =
        |name: &str| all.iter().find(|c| c.name == name).map(|c| format!("{:?} (number {})", c.name, c.number));
    let near = model::nearest(typed, all.iter().map(|campaign| campaign.name.as_str()));
    let near: Vec<String> = near.into_iter().filter_map(numbered).collect();
    Err(match (near.as_slice(), all.as_slice()) {
        ([], []) => missing.advise("none was made here yet; is --data right?"),
        ([], _) => missing.advise("postroom campaigns lists those there are"),
        (near, _) => missing.suggest(near),
    })
}
