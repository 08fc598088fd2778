//! `postroom doubt`: the deliveries of which nobody knows whether they arrived, and what a person does about them.
//!
//! The last bytes of a message went out and its reply was lost: with a killed process, a cut line, a server that went
//! silent. A transactional message is sent once more by itself, and a mailing where its author chose so; nothing else of the
//! kind is. Here they are listed, with what will happen, settled by what somebody found out (in the
//! receiver's log, by asking), or sent to once more.

use crate::cli::campaign::find;
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::order::{self, Order, number};
use crate::output::{Output, counted, iso_time};
use crate::show::{Style, wrapped};
use crate::which;
use engine::doubt::OnceMore;
use engine::report::people::{Person, people};
use engine::report::{Silent, silent_sites};
use model::{CampaignState, DeliveryId, DeliveryState, Timestamp, in_quotes};
use serde_json::json;
use std::path::Path;
use store::{Among, Campaign};

/// People read at once.
const PAGE: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Everybody in doubt: address, server, time, and why
    List {
        /// The campaign's number or name; without it all campaigns
        #[arg(value_name = "CAMPAIGN")]
        campaign: Option<String>,
    },
    /// Say what became of one: it arrived, or it came back
    #[command(group(clap::ArgGroup::new("found").required(true).args(["accepted", "bounced"])))]
    Settle {
        /// The address, or the delivery as `doubt list --json` names it
        #[arg(value_name = "ADDRESS|DELIVERY")]
        who: String,
        /// The campaign, when the address is in doubt in several
        #[arg(long, value_name = "CAMPAIGN")]
        campaign: Option<String>,
        /// The receiver has it
        #[arg(long)]
        accepted: bool,
        /// It was returned for good; the address is not suppressed by this
        #[arg(long)]
        bounced: bool,
        /// How it is known, in words; it is kept in the log
        #[arg(long, value_name = "TEXT")]
        because: String,
    },
    /// Send once more to those in doubt, or to some of them; who got the first copy gets a second
    Resend {
        /// The campaign's number or name
        #[arg(value_name = "CAMPAIGN")]
        campaign: String,
        /// Only to these addresses
        #[arg(value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
}

pub(crate) async fn run(command: Command, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::List { campaign } => list(campaign.as_deref(), dir, output).await,
        Command::Settle { who, campaign, accepted, because, bounced: _ } => {
            let to = if accepted { DeliveryState::Accepted } else { DeliveryState::Hard };
            settle(&who, campaign.as_deref(), to, because, dir, output).await
        }
        Command::Resend { campaign, addresses } => resend(&campaign, &addresses, dir, output).await,
    }
}

/// Somebody in doubt, and in which campaign.
struct Doubt {
    campaign: Campaign,
    person: Person,
    /// When they are sent to once more by itself, if they are.
    once_more_at: Option<Timestamp>,
}

/// Everybody in doubt in these campaigns.
async fn doubts(ledger: &Ledger, campaigns: &[Campaign]) -> Result<Vec<Doubt>, Failure> {
    let mut found = Vec::new();
    for campaign in campaigns {
        let (mut after, tally) = (None, ledger.store.tally(campaign.id).await?);
        let rule = OnceMore::of(campaign);
        loop {
            let page =
                people(&ledger.store, &tally, campaign.id, (DeliveryState::InDoubt, Among::default()), after, PAGE)
                    .await?;
            for person in page.people {
                let once_more_at = match (&rule, person.delivery.parse::<DeliveryId>()) {
                    (Some(rule), Ok(delivery)) => rule.at(&ledger.store, campaign, delivery, ledger.now()).await?,
                    _ => None,
                };
                found.push(Doubt { campaign: campaign.clone(), person, once_more_at });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

async fn chosen(ledger: &Ledger, named: Option<&str>) -> Result<Vec<Campaign>, Failure> {
    match named {
        Some(typed) => Ok(vec![which::campaign(ledger, typed).await?]),
        None => Ok(ledger.store.list_campaigns(ledger.workspace).await?),
    }
}

async fn list(named: Option<&str>, dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let (ledger, _) = super::reading::settled(dir, output).await?;
    let style = Style::of_this_process(output, dir, ledger.now());
    let campaigns = chosen(&ledger, named).await?;
    let found = doubts(&ledger, &campaigns).await?;
    for Doubt { campaign, person, once_more_at } in &found {
        let mut value = serde_json::to_value(person).map_err(|why| Failure::own("the list cannot be written", why))?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("campaign".to_owned(), json!(campaign.number));
            fields.insert("once_more_at".to_owned(), json!(once_more_at.map(iso_time)));
        }
        output.answer(&value, || style.row(told(campaign, person, *once_more_at, &style), 4));
    }
    let silent = silent(&ledger, &campaigns).await?;
    if output.is_json() {
        silent.iter().for_each(|silent| output.record(&json!({ "silent_site": silent })));
        return Ok(Exit::Done);
    }
    for silent in &silent {
        wrapped("", &silent.told(), style.width).iter().for_each(|line| output.line(line));
    }
    let count = found.len() as u64;
    output.line(format!("{} in doubt.", counted(count, "person is", "people are")));
    if count > 0 {
        output.line(format!("Who knows better: {}", style.command("doubt settle ADDRESS --accepted --because TEXT")));
        output.line(format!(
            "Once more, at the risk of a second copy: {}",
            style.command("doubt resend CAMPAIGN ADDRESS")
        ));
    }
    Ok(Exit::Done)
}

async fn silent(ledger: &Ledger, campaigns: &[Campaign]) -> Result<Vec<Silent>, Failure> {
    let mut all = Vec::new();
    for campaign in campaigns {
        all.extend(silent_sites(&ledger.store, campaign.id).await?);
    }
    Ok(all)
}

fn told(campaign: &Campaign, person: &Person, once_more_at: Option<Timestamp>, style: &Style) -> String {
    let address = person.address.as_deref().unwrap_or("(forgotten)");
    let mut parts = vec![address.to_owned(), format!("campaign {}", campaign.number)];
    parts.extend(person.host.clone());
    parts.extend(person.time.map(|at| style.moment(at)));
    parts.extend(person.reply.clone());
    parts.extend(once_more_at.map(|at| match style.is_ahead(at) {
        true => format!("sent to once more {}", style.moment(at)),
        false => "sent to once more as soon as it may be".to_owned(),
    }));
    parts.join("  ·  ")
}

async fn settle(
    who: &str,
    campaign: Option<&str>,
    to: DeliveryState,
    because: String,
    dir: &Path,
    output: &Output,
) -> Result<Exit, Failure> {
    let because = engine::one_line(&because);
    if because.is_empty() {
        return Err(Failure::bad_input("--because says nothing: how is it known?"));
    }
    let delivery = match who.parse::<DeliveryId>() {
        Ok(delivery) => delivery,
        Err(_) => {
            let ledger = Ledger::read_to_change(dir).await?;
            let campaigns = chosen(&ledger, campaign).await?;
            one_of(&doubts(&ledger, &campaigns).await?, who)?
        }
    };
    let answer = order::place(dir, Order::SettleDoubt { delivery, to, because }, &mut |_| {}).await?;
    output.answer(&answer, || {
        let became = if to == DeliveryState::Accepted { "accepted" } else { "hard: it came back" };
        vec![format!("{who} is not in doubt any more: {became}.")]
    });
    Ok(Exit::Done)
}

/// The one delivery to an address.
fn one_of(found: &[Doubt], address: &str) -> Result<DeliveryId, Failure> {
    let is_meant = |doubt: &&Doubt| doubt.person.address.as_deref().is_some_and(|known| is_same(known, address));
    let meant: Vec<&Doubt> = found.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [] => Err(nobody(found, address)),
        [one] => delivery_of(one),
        several => {
            let numbers: Vec<String> = several.iter().map(|one| one.campaign.number.to_string()).collect();
            Err(Failure::bad_input(format!("{address} is in doubt in the campaigns {}", numbers.join(", ")))
                .advise("say which: --campaign NUMBER"))
        }
    }
}

fn is_same(known: &str, typed: &str) -> bool {
    let key = |text: &str| model::EmailAddress::parse(text).map_or_else(|_| text.to_owned(), |address| address.key());
    key(known) == key(typed)
}

fn nobody(found: &[Doubt], address: &str) -> Failure {
    let near = model::nearest(address, found.iter().filter_map(|doubt| doubt.person.address.as_deref()));
    let missing = Failure::bad_input(format!("{address} is not in doubt"));
    let near: Vec<String> = near.into_iter().map(str::to_owned).collect();
    if near.is_empty() { missing.advise("postroom doubt list shows who is") } else { missing.suggest(&near) }
}

fn delivery_of(doubt: &Doubt) -> Result<DeliveryId, Failure> {
    doubt.person.delivery.parse().map_err(|why| Failure::own("the delivery has no id", why))
}

/// Sends once more to those in doubt, or only to these addresses. `postroom resend` is the same for all of them.
pub(crate) async fn resend(named: &str, addresses: &[String], dir: &Path, output: &Output) -> Result<Exit, Failure> {
    let campaign = find(dir, named).await?;
    if campaign.state == CampaignState::Cancelled {
        return Err(Failure::refused(format!("campaign {} was cancelled for good", in_quotes(&campaign.name))));
    }
    let only = match addresses {
        [] => None,
        some => {
            let ledger = Ledger::read_to_change(dir).await?;
            let found = doubts(&ledger, std::slice::from_ref(&campaign)).await?;
            Some(some.iter().map(|address| one_of(&found, address)).collect::<Result<Vec<_>, _>>()?)
        }
    };
    let answer = order::place(dir, Order::ResendInDoubt { campaign: campaign.id, only }, &mut |_| {}).await?;
    output.answer(&answer, || {
        let count = number(&answer, "queued_again");
        let mut lines = vec![format!("{} in doubt will be sent to once more.", counted(count, "person", "people"))];
        if count > 0 && answer["goes_on_here"] == true {
            lines.push("The process that is sending from here takes them up now.".to_owned());
        } else if count > 0 {
            let again = crate::show::command(dir, &format!("resume {}", campaign.number));
            lines.push(format!("To send: {again}"));
        }
        lines
    });
    Ok(Exit::Done)
}
