//! Orders about holds: part of the work stopped by a person, or part of a campaign cancelled, in force when the order is
//! answered.
//!
//! Beside a running engine its handle places and lifts them; without one the ledger is changed, and the next run obeys.

use crate::control::Answer;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::order;
use crate::output::iso_time;
use crate::shift::recovers_first;
use crate::transport;
use crate::ways_out::source_named;
use dispatch::providers;
use engine::{Handle, Obeyed, lanes};
use model::{Actor, CampaignId, CampaignState, HoldId, SourceId, Timestamp, in_quotes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use store::{Covered, Hold, NewHold, Pool, Store};

/// What a hold is to cover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) campaign: Option<CampaignId>,
    /// A provider's key or name, as typed.
    pub(crate) provider: Option<String>,
    /// A provider's key, or the fingerprint of a site that nobody described and a brake named: known already, and not typed.
    #[serde(default)]
    pub(crate) operator: Option<String>,
    pub(crate) domain: Option<String>,
    /// A source's name.
    pub(crate) source: Option<String>,
    /// Only the people who have not reacted for long.
    pub(crate) cold: bool,
    pub(crate) until: Option<Timestamp>,
    pub(crate) why: String,
}

/// Places a hold, through the engine that is at work or in the ledger alone, and counts what it covers.
pub(crate) async fn place(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, reach: &Reach) -> Answer {
    let new = as_new(ledger, reach).await?;
    let source = new.source;
    let covered = lanes::covered_by(&ledger.store, new.clone()).await?;
    let placed = match engine {
        Some(engine) => engine.place_hold(new, actor).await?,
        None => Obeyed::Recorded(ledger.store.place_hold(new, actor, ledger.now()).await?),
    };
    let mut answer = match placed {
        Obeyed::Recorded(placed) => described(ledger, &placed).await?,
        Obeyed::Unrecorded => foreseen(ledger, reach).await?,
    };
    if let Some(object) = answer.as_object_mut() {
        object.insert("covers".to_owned(), covered.waiting.into());
        object.insert("not_placed_yet".to_owned(), covered.unplaced.into());
        if let Some(source) = source {
            object.insert("others".to_owned(), has_others(ledger, source).await?.into());
        }
    }
    Ok(answer)
}

/// Cancels part of a campaign, through the engine that is at work or in the ledger alone, and counts who was skipped.
pub(crate) async fn cancel(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, reach: &Reach) -> Answer {
    let part = part_of(ledger, reach).await?;
    let covered = ledger.store.covered_by(part.clone()).await?;
    let done = match engine {
        Some(engine) => engine.cancel_part(part, actor).await?,
        None => {
            recovers_first(ledger).await?;
            let (store, now) = (&ledger.store, ledger.now());
            let hold = store.cancel_part(part, actor, now).await?;
            let skipped = match hold.cancelled() {
                Some((campaign, whom)) => {
                    let skipped = store.leave_out(campaign, whom, &[], actor, now).await?;
                    complete_if_all_are_out(store, campaign, actor, now).await?;
                    skipped
                }
                None => 0,
            };
            Obeyed::Recorded((hold, skipped))
        }
    };
    let (mut answer, skipped) = match done {
        Obeyed::Recorded((hold, skipped)) => (described(ledger, &hold).await?, Some(skipped)),
        Obeyed::Unrecorded => (foreseen(ledger, reach).await?, None),
    };
    if let Some(object) = answer.as_object_mut() {
        object.insert("covers".to_owned(), covered.waiting.into());
        object.insert("not_placed_yet".to_owned(), covered.unplaced.into());
        object.insert("skipped".to_owned(), skipped.into());
    }
    Ok(answer)
}

/// They may have been the last of a campaign that is under way and that nobody works on.
async fn complete_if_all_are_out(
    store: &Store,
    campaign: CampaignId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Failure> {
    let is_under_way = order::known_campaign(store, campaign).await?.state.may_send();
    if is_under_way && store.tally(campaign).await?.in_progress() == 0 {
        store.set_campaign_state(campaign, CampaignState::Complete, None, actor, now).await?;
    }
    Ok(())
}

/// How many a part that is to be cancelled has who wait. Refused: what cannot be cancelled, or would skip nobody.
pub(crate) async fn about(ledger: &Ledger, reach: &Reach) -> Result<Covered, Failure> {
    Ok(ledger.store.covered_by(part_of(ledger, reach).await?).await?)
}

async fn part_of(ledger: &Ledger, reach: &Reach) -> Result<NewHold, Failure> {
    let id = reach.campaign.ok_or_else(|| Failure::bad_input("what is cancelled is part of a campaign"))?;
    let campaign = order::known_campaign(&ledger.store, id).await?;
    Ok(lanes::cancelled_with(&ledger.store, &campaign, as_new(ledger, reach).await?).await?)
}

/// A hold that is in force and has no number yet: the ledger cannot record.
async fn foreseen(ledger: &Ledger, reach: &Reach) -> Answer {
    let campaign = match reach.campaign {
        Some(id) => ledger.store.campaign(id).await?,
        None => None,
    };
    let mut answer = json!({
        "hold": null,
        "campaign": campaign.as_ref().map(|campaign| campaign.number),
        "campaign_name": campaign.map(|campaign| campaign.name),
        "provider": reach.operator.as_ref().or(reach.provider.as_ref()),
        "domain": reach.domain,
        "source": reach.source,
        "cold_only": reach.cold,
        "until": reach.until.map(iso_time),
        "why": reach.why,
    });
    order::mark_unrecorded(&mut answer);
    Ok(answer)
}

/// Can another source carry what this one would have? Of a pool its other members can; outside of all pools the other
/// described sources that are in none. This machine's own way out takes part only where nothing else is described.
async fn has_others(ledger: &Ledger, source: SourceId) -> Result<bool, Failure> {
    let (pools, sources) = (ledger.store.pools().await?, ledger.store.sources().await?);
    let its_pools: Vec<&Pool> = pools.iter().filter(|pool| is_member(pool, source)).collect();
    if !its_pools.is_empty() {
        return Ok(its_pools.iter().all(|pool| pool.members.len() > 1));
    }
    let others = sources.iter().filter(|one| one.retired_at.is_none() && one.id != source);
    let mut free = others.filter(|one| !pools.iter().any(|pool| is_member(pool, one.id)));
    Ok(free.any(|one| one.id != SourceId::THIS_MACHINE))
}

fn is_member(pool: &Pool, source: SourceId) -> bool {
    pool.members.iter().any(|(member, _)| *member == source)
}

/// Lifts a hold.
pub(crate) async fn lift(ledger: &Ledger, engine: Option<&Handle>, actor: &Actor, hold: HoldId) -> Answer {
    let lifted = match engine {
        Some(engine) => engine.lift_hold(hold, actor).await?,
        None => ledger.store.lift_hold(hold, actor, ledger.now()).await?,
    };
    described(ledger, &lifted).await
}

async fn as_new(ledger: &Ledger, reach: &Reach) -> Result<NewHold, Failure> {
    let source = match &reach.source {
        Some(name) => Some(source_named(ledger, name).await?.id),
        None => None,
    };
    Ok(NewHold {
        workspace: ledger.workspace,
        campaign: reach.campaign,
        provider: match &reach.operator {
            Some(operator) => Some(operator.clone()),
            None => reach.provider.as_deref().map(|typed| provider_key(typed, &ledger.dir, OF_DOMAIN)).transpose()?,
        },
        domain: reach.domain.clone(),
        source,
        cold_only: reach.cold,
        until: reach.until,
        why: reach.why.clone(),
    })
}

/// The key of a provider, by its key or its name.
/// `of_domain`: what to do about the people at a single domain, where the command can do something.
pub(crate) fn provider_key(typed: &str, dir: &Path, of_domain: Option<&str>) -> Result<String, Failure> {
    let is_it =
        |one: &&providers::Provider| one.key.eq_ignore_ascii_case(typed) || one.name.eq_ignore_ascii_case(typed);
    let known = transport::own_providers(dir)?;
    let known = known.as_ref().map_or(providers::all(), |own| own.all());
    if let Some(found) = known.iter().find(is_it) {
        return Ok(found.key.clone());
    }
    if let Some(of_domain) = of_domain.filter(|_| typed.contains('.')) {
        let what =
            format!("no provider is called {typed:?}: it looks like a server or a domain, and holds name providers");
        return Err(Failure::bad_input(what).advise(format!(
            "to hold the people at a domain whose servers nobody described: {of_domain}, once for each; or describe them \
             in providers.toml"
        )));
    }
    let near = model::nearest(typed, known.iter().map(|provider| provider.key.as_str()));
    let failure = Failure::bad_input(format!("no provider is called {typed:?}")).suggest(&near);
    let of_domain = of_domain.filter(|_| near.is_empty());
    Err(match of_domain {
        Some(of_domain) => failure.advise(format!("for a single domain: {of_domain}")),
        None => failure,
    })
}

/// What to do about the people at a single domain, of a command that places holds.
pub(crate) const OF_DOMAIN: Option<&str> = Some("--domain example.org");

/// A hold as orders about it answer, and as it is listed.
pub(crate) async fn described(ledger: &Ledger, hold: &Hold) -> Answer {
    let campaign = match hold.campaign {
        Some(id) => ledger.store.campaign(id).await?,
        None => None,
    };
    let source = match hold.source {
        Some(id) => ledger.store.sources().await?.into_iter().find(|source| source.id == id),
        None => None,
    };
    Ok(json!({
        "hold": hold.id.to_string(),
        "campaign": campaign.as_ref().map(|campaign| campaign.number),
        "campaign_name": campaign.map(|campaign| campaign.name),
        "provider": hold.provider,
        "domain": hold.domain_name,
        "source": source.map(|source| source.name),
        "cold_only": hold.cold_only,
        "until": hold.until.map(iso_time),
        "why": hold.why,
        "by": hold.actor,
        "since": iso_time(hold.at),
        "lifted_at": hold.lifted_at.map(iso_time),
        "cancels": hold.cancels,
    }))
}

/// What a hold covers, in words.
pub(crate) fn reach_in_words(hold: &Value) -> String {
    let field = |name: &str| hold.get(name).and_then(Value::as_str);
    let cold = hold.get("cold_only") == Some(&Value::Bool(true));
    let mut words = vec![if cold { "the cold part".to_owned() } else { "everything".to_owned() }];
    words.extend(field("campaign_name").map(|name| format!("of campaign {}", in_quotes(name))));
    words.extend(field("provider").map(|provider| format!("to {provider}")));
    words.extend(field("domain").map(|domain| format!("to {domain}")));
    words.extend(field("source").map(|source| format!("through {source}")));
    words.join(" ")
}
