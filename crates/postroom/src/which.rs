//! Which campaign is meant: by number, id or name, with the nearest names for a slip.

use crate::failure::Failure;
use crate::ledger::Ledger;
use engine::import::nearest;
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
    let near = nearest(typed, all.iter().map(|campaign| campaign.name.as_str()));
    let numbered =
        |name: &str| all.iter().find(|c| c.name == name).map(|c| format!("{:?} (number {})", c.name, c.number));
    Err(match (near.and_then(numbered), all.as_slice()) {
        (Some(near), _) => missing.suggest(&[near]),
        (None, []) => missing.advise("none was made here yet; is --data right?"),
        (None, _) => missing.advise("postroom campaigns lists those there are"),
    })
}
