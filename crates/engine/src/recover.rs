//! At the start: the conversations a dead process left between their last byte and their settlement.
//!
//! A slot with a reply is settled as that reply says. A slot without one is *in doubt*: nobody can know, so it is
//! named, not guessed. Whoever still waits in a campaign that was cancelled, or in a part of one that was, is skipped.
//! Whoever was put off by a clock that was ahead is brought back. Everything else is still queued or deferred and needs
//! nothing.

use crate::journey::{before, change};
use crate::settings::Settings;
use dispatch::judge::{Circumstance, What, judge};
use dispatch::react::{react, rules_hold};
use model::{Actor, Attempt, DeliveryState, Reply, SkipReason, Stage, Timestamp};
use store::{Claimed, Recovered, Settlement, Site, Store, StoreError};

/// What is noted of an attempt whose reply was lost with the process.
pub const LOST_REPLY: &str = "the program ended between the last byte and the reply";

/// Settles what a dead process left in flight. Returns how many deliveries were settled.
///
/// Does nothing when there is nothing; safe to call again after being killed itself.
pub async fn recover(store: &Store, settings: &Settings, now: Timestamp) -> Result<usize, StoreError> {
    store.bring_back(settings.policy.second_lookup_after, now).await?;
    let mut settled = 0;
    for left in answered_first(store.inflight().recovered()) {
        if let Some(claimed) = store.claim_one(left.going.delivery).await? {
            let is_new = claimed.attempts < left.going.number && claimed.state.is_in_progress();
            if is_new {
                let site = store.site_of(&claimed).await?;
                let host = store.host_at(left.going.peer).await?;
                let mut settlement = settlement(&claimed, &left, site.as_ref(), settings, now);
                // The slot has room for the address alone: the name is the one by which it was last known.
                settlement.attempt.iter_mut().for_each(|attempt| attempt.host.clone_from(&host));
                store.settle(vec![settlement]).await?;
                settled += 1;
            }
        }
        store.inflight().free_recovered(left.index);
    }
    for campaign in store.stopped_short().await? {
        store.skip_remaining(campaign, SkipReason::Cancelled, &[], &Actor::Engine, now).await?;
    }
    // Nothing is read for a part in which nobody waits: that its counts say.
    for hold in store.holds(Some(now)).await? {
        let Some((campaign, whom)) = hold.cancelled() else { continue };
        if store.covered_by(hold.reach(campaign)).await?.waiting > 0 {
            store.leave_out(campaign, whom, &[], &Actor::Engine, now).await?;
        }
    }
    Ok(settled)
}

/// An attempt may stand in two slots, one of which could not be taken back: the one that knows the reply decides, and the
/// other is no news any more.
fn answered_first(mut found: Vec<Recovered>) -> Vec<Recovered> {
    found.sort_by_key(|left| left.reply.is_none());
    found
}

fn settlement(
    claimed: &Claimed,
    left: &Recovered,
    site: Option<&Site>,
    settings: &Settings,
    now: Timestamp,
) -> Settlement {
    let provider = site.and_then(|site| site.provider.clone());
    let reply = left.reply.as_deref().and_then(read_reply);
    let what = reply.as_ref().map_or(What::InDoubt, What::Reply);
    let verdict =
        judge(settings.described.rules, &Circumstance { stage: Stage::Final, provider: provider.as_deref(), what });
    let before = before(claimed, true, false);
    let hold = rules_hold(settings.described.rules, &verdict, now, &settings.schedule);
    let reaction = react(&before, &verdict, hold.as_ref(), now, &settings.schedule, &settings.policy, 0.5);
    let note = reply.is_none().then(|| LOST_REPLY.to_owned());
    let attempt = Attempt {
        delivery: claimed.delivery,
        number: left.going.number,
        started_at: left.at,
        duration_ms: 0,
        verdict,
        reply,
        note,
        host: None,
        address: Some(left.going.peer),
        tls: None,
        reached_receiver: true,
    };
    // Without a site to be tried at, a temporary failure is looked up afresh.
    let due = reaction.due.and_then(|at| site.map(|site| (site.id, at)));
    let to = match (reaction.due, due) {
        (Some(_), None) => claimed.state,
        (Some(_), Some(_)) => DeliveryState::Deferred,
        (None, _) => reaction.to,
    };
    Settlement {
        attempt: Some(attempt),
        due,
        site: site.map(|site| site.id),
        provider,
        source: Some(left.going.source),
        suppress: reaction.suppress,
        change: reaction.contact.map(change),
        charge: reaction.charge,
        rehearsed: settings.is_rehearsal(),
        ..Settlement::of(claimed, to, now)
    }
}

/// Reads a reply as the slot keeps it: `250 2.0.0 Ok`.
fn read_reply(bytes: &[u8]) -> Option<Reply> {
    let text = String::from_utf8_lossy(bytes);
    let (code, rest) = text.split_at_checked(3)?;
    Some(Reply::new(code.parse().ok()?, rest.trim_start()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Stakes;
    use model::{AddressId, CampaignId, ContactId, DeliveryId, DomainId, SourceId, WorkspaceId};
    use std::net::IpAddr;
    use store::{Going, Phase};

    /// Somebody at work whose mail soft-bounced before; of campaign 2.
    pub(crate) fn claimed(now: Timestamp) -> Claimed {
        Claimed {
            workspace: WorkspaceId::FIRST,
            delivery: DeliveryId(1),
            campaign: CampaignId(2),
            contact: ContactId(3),
            address: AddressId(4),
            domain: DomainId(5),
            rcpt: "eva@papermill.test".into(),
            domain_name: "papermill.test".into(),
            position: 1,
            state: DeliveryState::Queued,
            attempts: 0,
            tries: 0,
            reached: 0,
            first_try_at: None,
            retry: None,
            source: None,
            soft_count: 3,
            soft_since: Some(now),
            refused_count: 2,
            attributes: "{}".into(),
            import: None,
            lead_source: None,
            variant: None,
            generation: 0,
        }
    }

    fn left(claimed: &Claimed, at: Timestamp, reply: &str) -> Recovered {
        let peer = IpAddr::from([203, 0, 113, 10]);
        let source = SourceId(6);
        let going = Going { delivery: claimed.delivery, number: 1, phase: Phase::FinalDot, peer, source };
        Recovered { index: 0, going, at, reply: Some(reply.as_bytes().to_vec()) }
    }

    fn settings() -> Settings {
        Settings::rehearsal("out.letters.example")
    }

    #[test]
    fn an_acceptance_that_outlived_the_process_forgives_as_any_other() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let claimed = claimed(now);
        let settlement = settlement(&claimed, &left(&claimed, now, "250 2.0.0 Ok"), None, &settings(), now);
        assert_eq!((settlement.to, settlement.source), (DeliveryState::Accepted, Some(SourceId(6))));
        let clean = store::ContactChange { soft: Some((0, None)), refused_count: Some(0), error: None };
        assert_eq!(settlement.change, Some(clean));
    }

    #[test]
    fn a_refusal_that_outlived_the_process_is_read_as_its_provider_means_it() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let (claimed, settings) = (claimed(now), settings());
        let left = left(&claimed, now, "452 4.2.2 The recipient's inbox is out of storage space.");
        let site = Site { id: model::SiteId(9), fingerprint: "gmail".into(), provider: Some("google".into()) };
        let known = settlement(&claimed, &left, Some(&site), &settings, now);
        assert_eq!((known.to, known.due.map(|(site, _)| site)), (DeliveryState::Deferred, Some(site.id)));
        assert_eq!((known.site, known.provider.as_deref()), (Some(site.id), Some("google")));
        let unknown = settlement(&claimed, &left, None, &settings, now);
        assert_eq!((unknown.to, unknown.due), (DeliveryState::Queued, None), "its site is looked up first");
    }

    #[test]
    fn only_what_stays_on_this_machine_is_a_rehearsal() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let claimed = claimed(now);
        for (stakes, rehearsed) in [(Stakes::Rehearsal, true), (Stakes::Relayed, false), (Stakes::Real, false)] {
            let settings = Settings { stakes, ..settings() };
            let settlement = settlement(&claimed, &left(&claimed, now, "250 2.0.0 Ok"), None, &settings, now);
            assert_eq!(settlement.rehearsed, rehearsed, "{stakes:?}");
        }
    }

    #[test]
    fn of_two_slots_of_one_attempt_the_one_with_the_reply_decides() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let replied = left(&claimed(now), now, "250 2.0.0 Ok");
        let refused = Recovered { reply: None, ..replied.clone() };
        assert_eq!(answered_first(vec![refused.clone(), replied.clone()]), [replied, refused]);
    }

    #[test]
    fn a_reply_in_a_slot_is_read_back_as_it_was() {
        let reply = Reply::new(250, "2.0.0 Ok: queued as 4Xy");
        assert_eq!(read_reply(reply.to_string().as_bytes()), Some(reply));
        assert_eq!(read_reply(b"2"), None);
    }
}
