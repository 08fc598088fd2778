//! `postroom why`: what happened to one person's mail, whose problem it is, and what can be done.

use crate::control::{self, Request, Unanswered};
use crate::failure::{Exit, Failure};
use crate::ledger::person_here;
use crate::order::Order;
use crate::output::Output;
use crate::owner::Owner;
use crate::show::{Style, why as lines_of};
use crate::which;
use engine::Stakes;
use engine::lanes::{LaneView, remembered};
use engine::why::{Stands, Who, also_rests, operator_of, waits_for, why};
use model::{ContactId, EmailAddress};
use std::path::Path;

/// Addresses named when nobody has the one that was typed.
const SUGGESTED: usize = 3;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An address, or a contact id (c_…)
    #[arg(value_name = "ADDRESS")]
    who: String,
    /// This campaign (number or name) in place of their latest
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// With every conversation that was kept
    #[arg(long)]
    transcript: bool,
}

pub(crate) async fn run(args: Args, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let typed = args.who.as_str();
    let who = match (typed.parse::<ContactId>(), EmailAddress::parse(typed)) {
        (Ok(id), _) => Some(Who::Contact(id)),
        (Err(_), address) => address.ok().map(Who::Address),
    };
    let campaign = match &args.campaign {
        Some(named) => Some(which::campaign(&ledger, named).await?.id),
        None => None,
    };
    let known = match &who {
        Some(who) => why(&ledger.store, ledger.workspace, who, campaign).await?,
        None => None,
    };
    let Some(mut known) = known else {
        let near = ledger.store.similar_addresses(ledger.workspace, typed, SUGGESTED).await?;
        let failure = Failure::bad_input(format!("nobody here has the address {typed:?}")).suggest(&near);
        let failure =
            if near.is_empty() { failure.advise("name an address, or a contact id such as c_7f2") } else { failure };
        return Err(failure);
    };
    if let Some(told) = &mut known.mailing
        && let Ok(delivery) = told.delivery.parse()
    {
        told.name_sources(&ledger.store).await?;
        told.waits_for = waits_for(&ledger.store, delivery, ledger.now()).await?;
        if let Some(row) = ledger.store.delivery(delivery).await?
            && let Some(campaign) = ledger.store.campaign(row.campaign).await?
        {
            told.tell_of_what_comes(&ledger.store, &campaign, &row, ledger.now()).await?;
            told.advise_of_holds(&ledger.store, &campaign, delivery, ledger.now()).await?;
        }
        let operator = operator_of(&ledger.store, delivery).await?;
        let live = at_work(dir, operator.as_deref(), output).await;
        let is_live = live.is_some();
        let lanes = match live {
            Some(lanes) => lanes,
            None => remembered(&ledger.store, Stakes::Real, ledger.now()).await?,
        };
        if matches!(told.stands, Stands::Queued { .. } | Stands::Waiting { .. })
            && let Some(operator) = &operator
        {
            if is_live && told.skipped_then.is_none() {
                told.waits_for.extend(also_rests(&lanes, operator, &told.waits_for));
            }
            told.advise_of_listings(&lanes, operator);
        }
        told.tell_of_offers(&lanes, operator.as_deref());
    }
    let style = Style::of_this_process(output, dir, ledger.now());
    output.answer(&known, || lines_of::why(&known, args.transcript, &style));
    Ok(Exit::Done)
}

/// How the lanes to an operator's sites, or all, stand in the process that sends from here; `None`: there is none, or it
/// does not answer, which is told.
async fn at_work(dir: &Path, operator: Option<&str>, output: &Output) -> Option<Vec<LaneView>> {
    let order = Order::Lanes { provider: operator.map(str::to_owned), all: true };
    let answer = match control::ask(dir, &Request { actor: person_here(), order }).await {
        Ok(answer) => answer.ok()?,
        Err(Unanswered::Silent { process }) => {
            Owner::silent(process).tell_if_silent(output);
            return None;
        }
        Err(Unanswered::NoOwner) => return None,
    };
    serde_json::from_value(answer.get("lanes").cloned()?).ok()
}
