//! What the alarm desk looks at by itself, because nobody tells of it: work that does not move, the disk, receivers of
//! webhooks, DNS of sending domains, the certificate; and whether trouble that was told of is over.

use super::{About, Heard};
use crate::Stakes;
use crate::guard::{Objection, published};
use crate::house::House;
use crate::notice::Notice;
use dispatch::alert::{self as rules, Turn};
use mail::sign::SigningKey;
use model::{
    AlertKind, CampaignId, CampaignState, DeliveryState, MailDomain, Tally, Timestamp, WebhookId, WorkspaceId,
    thousands,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Between looks at DNS.
const DNS_EVERY: Duration = Duration::from_secs(3_600);
/// What looks broken is looked at again after this, before anybody is told.
const DNS_AGAIN: Duration = Duration::from_secs(300);
/// How long the scheduler may take to show that it is alive.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// What stands between a selector and its domain (RFC 6376 section 3.6.2.1).
const KEY_LABEL: &str = "._domainkey.";
const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// How far each campaign was, and since when.
    progress: BTreeMap<CampaignId, (Tally, Timestamp)>,
    dns_at: Option<Timestamp>,
    /// What looked broken at the last look.
    suspects: BTreeSet<About>,
}

/// Trouble or its end, as far as it was found.
struct Found<'a> {
    open: &'a [About],
    heard: Vec<Heard>,
}

impl Found<'_> {
    /// Is it so? Then why; else it is over, if it was told of.
    fn is(&mut self, about: About, why: Option<String>) {
        match why {
            Some(text) => self.heard.push(Heard { about, turn: Turn::Lasts(text) }),
            None if self.open.contains(&about) => self.heard.push(Heard { about, turn: Turn::Over }),
            None => {}
        }
    }

    /// Those of a kind that were told of.
    fn known(&self, kind: AlertKind) -> Vec<About> {
        self.open.iter().filter(|about| about.kind == kind).cloned().collect()
    }
}

/// What was told of and is over by now, as far as it shows without a look at the world.
pub(super) async fn over(house: &House, open: &[About]) -> Vec<Heard> {
    let mut found = Found { open, heard: Vec::new() };
    recorded(house, &mut found);
    stopped(house, &mut found).await;
    found.heard
}

fn recorded(house: &House, found: &mut Found<'_>) {
    if !house.gate.is_ledger_in_trouble() {
        found.is(About::house(AlertKind::LedgerUnwritable, ""), None);
    }
}

impl Looks {
    /// Looks once. What cannot be found out now is found out at the next look.
    pub(super) async fn look(
        &mut self,
        house: &House,
        open: &[About],
        certificate_ends: Option<Timestamp>,
    ) -> Vec<Heard> {
        let now = house.now();
        let mut found = Found { open, heard: Vec::new() };
        recorded(house, &mut found);
        disk(house, &mut found);
        certificate(certificate_ends, now, &mut found);
        stopped(house, &mut found).await;
        webhooks(house, now, &mut found).await.ok();
        choices(house, &mut found).await.ok();
        self.stuck(house, now, &mut found).await.ok();
        if self.dns_at.is_none_or(|at| now >= at) {
            self.dns(house, &mut found).await;
            let wait = if self.suspects.is_empty() { DNS_EVERY } else { DNS_AGAIN };
            self.dns_at = Some(now + wait);
        }
        found.heard
    }

    /// A campaign in which people wait, nothing forbids, and nothing moves.
    async fn stuck(&mut self, house: &House, now: Timestamp, found: &mut Found<'_>) -> Result<(), StoreError> {
        let campaigns = house.campaigns();
        self.progress.retain(|campaign, _| campaigns.contains(campaign));
        for about in found.known(AlertKind::WorkStuck) {
            if !about.subject.parse().is_ok_and(|campaign| campaigns.contains(&campaign)) {
                found.is(about, None);
            }
        }
        for campaign in campaigns {
            let Some(mailing) = house.mailing(campaign) else { continue };
            let tally = house.store.tally(campaign).await?;
            let waiting = tally.count(DeliveryState::Queued);
            // Who waits for a choice is told of apart.
            let is_free = !house.gate.is_closed_to(campaign)
                && !house.terms.asks_for_a_choice(campaign)
                && house.not_before(campaign, now).is_none();
            let since = match self.progress.get(&campaign) {
                Some((before, since)) if *before == tally && is_free && waiting > 0 => *since,
                _ => now,
            };
            self.progress.insert(campaign, (tally, since));
            let is_stuck = now.since(since) >= rules::STUCK_AFTER;
            let why = is_stuck.then(|| {
                let hours = rules::STUCK_AFTER.as_secs() / 3_600;
                let waiting = thousands(waiting);
                format!("{waiting} people wait, and nobody was tried for {hours} hours. `postroom lanes` says why.")
            });
            let about = About::house(AlertKind::WorkStuck, campaign.to_string());
            found.is(About { workspace: mailing.workspace, ..about }, why);
        }
        Ok(())
    }

    /// Keys that mail is signed with and DNS does not show; a failing name server says nothing.
    async fn dns(&mut self, house: &House, found: &mut Found<'_>) {
        if house.settings.stakes == Stakes::Rehearsal {
            return;
        }
        let about = |workspace, subject: String| About { workspace, ..About::house(AlertKind::DomainDns, subject) };
        let in_use = house.campaigns().into_iter().filter_map(|campaign| {
            let mailing = house.mailing(campaign)?;
            Some(about(mailing.workspace, mailing.key_name.clone()?))
        });
        let keys: BTreeSet<About> = in_use.chain(found.known(AlertKind::DomainDns)).collect();
        let mut suspects = BTreeSet::new();
        for key in keys {
            match missing(house, key.workspace, &key.subject).await {
                Some(Objection::KeyNotPublished { what, zone_line }) => {
                    if self.suspects.contains(&key) || found.open.contains(&key) {
                        let text = format!("{what}. Receivers cannot verify what it signs. Publish: {zone_line}");
                        found.is(key.clone(), Some(text));
                    }
                    suspects.insert(key);
                }
                Some(_) => {}
                None => found.is(key, None),
            }
        }
        self.suspects = suspects;
    }
}

/// What is wrong with the record of a key, by the record's name.
async fn missing(house: &House, workspace: WorkspaceId, name: &str) -> Option<Objection> {
    let (selector, domain) = name.split_once(KEY_LABEL)?;
    let keys = house.store.load_keys(workspace, domain).await.ok()?;
    let (_, pem) = keys.into_iter().find(|(known, _)| known == selector)?;
    let key = SigningKey::from_pem(&String::from_utf8_lossy(&pem)).ok()?;
    published(&key, &MailDomain::parse(domain).ok()?, selector, &house.world).await.ok()?
}

/// A campaign that goes on, or has ended, is not stopped any more: by a brake, or by a start that could not read it.
async fn stopped(house: &House, found: &mut Found<'_>) {
    let unreadable = found.known(AlertKind::CampaignUnreadable);
    for about in found.known(AlertKind::CampaignBraked).into_iter().chain(unreadable) {
        let Ok(campaign) = about.subject.parse() else { continue };
        if let Ok(known) = house.store.campaign(campaign).await
            && known.is_none_or(|known| known.state != CampaignState::Paused)
        {
            found.is(about, None);
        }
    }
}

/// Variants were compared, and whoever is not in the sample waits until somebody chooses theirs.
async fn choices(house: &House, found: &mut Found<'_>) -> Result<(), StoreError> {
    let asking: BTreeSet<CampaignId> =
        house.campaigns().into_iter().filter(|campaign| house.terms.asks_for_a_choice(*campaign)).collect();
    for about in found.known(AlertKind::ChoiceWaits) {
        if !about.subject.parse().is_ok_and(|campaign| asking.contains(&campaign)) {
            found.is(about, None);
        }
    }
    for campaign in asking {
        let Some(mailing) = house.mailing(campaign) else { continue };
        let waiting = house.store.tally(campaign).await?.count(DeliveryState::Queued);
        let why = (waiting > 0).then(|| {
            let waiting = thousands(waiting);
            format!(
                "{waiting} people wait for their variant: somebody must choose it, on the campaign's report or by \
                 `postroom choose`."
            )
        });
        let about = About::house(AlertKind::ChoiceWaits, campaign.to_string());
        found.is(About { workspace: mailing.workspace, ..about }, why);
    }
    Ok(())
}

async fn webhooks(house: &House, now: Timestamp, found: &mut Found<'_>) -> Result<(), StoreError> {
    let at_work = house.store.webhooks_at_work().await?;
    let of = |about: &About| about.subject.parse::<WebhookId>().ok();
    for about in found.known(AlertKind::WebhookFailing) {
        if !at_work.iter().any(|webhook| Some(webhook.id) == of(&about)) {
            found.is(about, None);
        }
    }
    for about in found.known(AlertKind::WebhookDisabled) {
        if at_work.iter().any(|webhook| Some(webhook.id) == of(&about)) {
            found.is(about, None);
        }
    }
    for webhook in at_work {
        let since = webhook.failing_since.filter(|since| now.since(*since) >= rules::WEBHOOK_FAILS_FOR);
        let why = since.map(|_| {
            let host = webhook.chosen.url.split('/').take(3).collect::<Vec<_>>().join("/");
            format!(
                "{host} has failed for an hour or longer. What it misses waits in the log and is told when it answers."
            )
        });
        let about = About::house(AlertKind::WebhookFailing, webhook.id.to_string());
        found.is(About { workspace: webhook.workspace, ..about }, why);
    }
    Ok(())
}

fn disk(house: &House, found: &mut Found<'_>) {
    let Some((free, total)) = house.store.room() else { return };
    let why = rules::is_disk_low(free, total).then(|| {
        let (free, total) = (room_in_words(free), room_in_words(total));
        format!("{free} of {total} are left. When it is full, nothing is sent until there is room.")
    });
    found.is(About::house(AlertKind::DiskLow, ""), why);
}

/// `412 MiB`, `64 GiB`.
fn room_in_words(octets: u64) -> String {
    match octets / GIB {
        ..10 => format!("{} MiB", thousands(octets / MIB)),
        whole => format!("{} GiB", thousands(whole)),
    }
}

fn certificate(ends_at: Option<Timestamp>, now: Timestamp, found: &mut Found<'_>) {
    let ends_soon = ends_at.filter(|end| end.since(now) <= rules::CERTIFICATE_WARNING);
    let why = ends_soon.map(|end| {
        let shown = jiff::Timestamp::from_millisecond(end.as_millis()).unwrap_or(jiff::Timestamp::MAX);
        format!("It ends {}. Put another in its place and send SIGHUP.", shown.strftime("%Y-%m-%d %H:%M UTC"))
    });
    found.is(About::house(AlertKind::CertificateEnds, ""), why);
}

/// Does the scheduler answer, and can what happens be recorded? That is tried, lest an idle service with a full disk seems well.
pub(super) async fn is_alive(house: &House) -> bool {
    answers(&house.notices).await && !house.gate.is_ledger_in_trouble() && house.store.prove_writable().await.is_ok()
}

/// Does the scheduler come to what it is told, within [`ALIVE_WITHIN`]? One that is idle does at once.
async fn answers(scheduler: &mpsc::UnboundedSender<Notice>) -> bool {
    let (answer, lanes) = oneshot::channel();
    scheduler.send(Notice::Show(answer)).is_ok() && matches!(tokio::time::timeout(ALIVE_WITHIN, lanes).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Shown;

    #[test]
    fn room_is_told_so_that_a_small_disk_has_some() {
        assert_eq!(room_in_words(119 * MIB + 1), "119 MiB");
        assert_eq!(room_in_words(10 * GIB - 1), "10,239 MiB");
        assert_eq!(room_in_words(4_000 * GIB), "4,000 GiB");
    }

    #[tokio::test(start_paused = true)]
    async fn a_scheduler_that_hangs_is_not_taken_for_one_that_is_idle() {
        let (scheduler, mut told) = mpsc::unbounded_channel();
        let idle = tokio::spawn(async move {
            while let Some(Notice::Show(answer)) = told.recv().await {
                answer.send(Shown::default()).ok();
            }
        });
        assert!(answers(&scheduler).await);
        tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
        assert!(answers(&scheduler).await, "a day in which nothing happened");
        idle.abort();
        let (scheduler, told) = mpsc::unbounded_channel();
        let before = tokio::time::Instant::now();
        assert!(!answers(&scheduler).await, "it hears and comes to nothing");
        assert_eq!(before.elapsed().as_secs(), ALIVE_WITHIN.as_secs());
        drop(told);
        assert!(!answers(&scheduler).await, "it is gone");
    }
}
