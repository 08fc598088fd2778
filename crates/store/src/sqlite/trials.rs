//! Trials: who gets which variant, what is counted of each, and what was chosen.
//!
//! The sample is everybody whose hash is below a bound, and all members of the canary; the variant is what is left of the
//! hash when it is divided by their number. Counters move with what they count (`campaigns`, `engage`).

use super::build::{Build, NOT_TRIAL};
use super::campaigns::{COUNT_VARIANT, COUNT_VARIANT_PEOPLE, VARIANT_STEP};
use super::canary::{HASH, MIX};
use super::engage::UNKNOWN;
use super::events::NewEvent;
use super::{Ledger, campaigns, word};
use crate::error::{Result, StoreError};
use crate::trial::{Arm, NewTrial, Settling, Trial, VARIANTS_MAX, WHOLE};
use model::{Actor, CampaignId, DeliveryState, EventKind, ReactionKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Every hash is below it: a prime.
const HASHES: i64 = 2_147_483_647;

/// How the people on whom variants are compared are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    variants: u8,
    /// Whose hash is below it is in the sample.
    bound: i64,
}

/// How a campaign's people are split; `None`: it has no trial.
pub(super) fn split(conn: &Connection, campaign: CampaignId) -> Result<Option<Split>> {
    let sql = "SELECT variants, share FROM trial WHERE campaign = ?1";
    let read =
        |row: &Row<'_>| Ok(Split { variants: row.get(0)?, bound: row.get::<_, i64>(1)? * HASHES / i64::from(WHOLE) });
    Ok(conn.prepare_cached(sql)?.query_row([campaign.0], read).optional()?)
}

/// Gives everybody of the chunk just decided a variant, and puts the sample in front.
pub(super) fn deal(conn: &Connection, build: &Build) -> Result<()> {
    let Some(split) = build.split else { return Ok(()) };
    let sql = format!(
        "UPDATE temp.chunk SET variant = w.hash % ?1, place = place - CASE WHEN w.hash < ?3 THEN ?4 ELSE 0 END FROM (
            SELECT n AS person, {HASH} AS hash FROM (SELECT n, {MIX} AS h FROM (
                SELECT n, (contact / 1024) % {HASHES} AS x FROM temp.chunk WHERE skip IS NULL))) w
         WHERE w.person = chunk.n"
    );
    let seed = build.campaign.0 / 1024 % HASHES;
    conn.prepare_cached(&sql)?.execute(params![split.variants, seed, split.bound, NOT_TRIAL])?;
    Ok(())
}

/// How many of a part of the layout are in the sample, by variant.
pub(super) fn dealt(
    conn: &Connection,
    (after, upto): (i64, i64),
    (position, last): (i64, i64),
) -> Result<Vec<(u8, i64)>> {
    let sql = "SELECT p.variant, count(*) FROM temp.layout l CROSS JOIN temp.candidate p ON p.domain = l.domain
        WHERE l.rank > ?1 AND l.rank <= ?2 AND p.place > ?3 AND p.place <= ?4 AND p.place < ?5 GROUP BY 1";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([after, upto, position, last, NOT_TRIAL], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn trial(conn: &Connection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Option<Trial>> {
    let sql = "SELECT variants, share, out_at, judged_at, found, winner, settled_at FROM trial
        WHERE campaign = ?1 AND workspace = ?2";
    let read = |row: &Row<'_>| {
        let time = |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_millis));
        Ok(Trial {
            variants: row.get(0)?,
            share_millionths: row.get(1)?,
            out_at: time(2)?,
            judged_at: time(3)?,
            found: row.get(4)?,
            winner: row.get(5)?,
            settled_at: time(6)?,
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([campaign.0, workspace.0], read).optional()?)
}

pub(crate) fn arms(conn: &Connection, workspace: WorkspaceId, campaign: CampaignId) -> Result<Vec<Arm>> {
    let Some(trial) = trial(conn, workspace, campaign)? else { return Ok(Vec::new()) };
    let mut arms = vec![Arm::default(); usize::from(trial.variants)];
    let sql = "SELECT kind, key, sum(value) FROM counter WHERE campaign = ?1 AND kind IN (?2, ?3) GROUP BY kind, key";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([campaign.0, COUNT_VARIANT, COUNT_VARIANT_PEOPLE])?;
    while let Some(row) = rows.next()? {
        let (kind, key): (i64, i64) = (row.get(0)?, row.get(1)?);
        let count = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        let at = usize::try_from(key / VARIANT_STEP).unwrap_or(usize::MAX);
        let Some(arm) = arms.get_mut(at) else { continue };
        let what = key % VARIANT_STEP;
        match (kind, what % DOERS) {
            _ if count == 0 => {}
            (COUNT_VARIANT, _) => {
                arm.tally.by_state.insert(word!(DeliveryState, what)?, count);
            }
            (_, 0) => {
                arm.people.insert(word!(ReactionKind, what / DOERS)?, count);
            }
            (_, UNKNOWN) => {
                arm.unknown.insert(word!(ReactionKind, what / DOERS)?, count);
            }
            _ => {}
        }
    }
    Ok(arms)
}

/// Doers of a reaction, those of whom nothing is known among them.
const DOERS: i64 = UNKNOWN + 1;

/// The key of people who did something, below [`VARIANT_STEP`].
pub(super) fn people_key(kind: ReactionKind, doer: i64) -> i64 {
    i64::from(kind.code()) * DOERS + doer
}

/// The variant that was compared on somebody.
pub(super) fn variant_of_contact(conn: &Connection, campaign: i64, contact: i64) -> Result<Option<u8>> {
    let sql = "SELECT variant FROM delivery WHERE contact = ?1 AND campaign = ?2 AND occurrence = 0";
    let found = conn.prepare_cached(sql)?.query_row([contact, campaign], |row| row.get::<_, Option<u8>>(0));
    Ok(found.optional()?.flatten())
}

pub(crate) fn goals(
    conn: &Connection,
    workspace: WorkspaceId,
    campaign: CampaignId,
    name: &str,
    until: Timestamp,
) -> Result<Vec<u64>> {
    let Some(trial) = trial(conn, workspace, campaign)? else { return Ok(Vec::new()) };
    let since = campaigns::require(conn, campaign)?.started_at.unwrap_or(Timestamp::MAX);
    let sql = "SELECT d.variant, count(DISTINCT r.contact) FROM reaction r
        CROSS JOIN delivery d ON d.contact = r.contact AND d.campaign = ?2 AND d.occurrence = 0
        WHERE r.workspace = ?1 AND r.name = (SELECT id FROM word WHERE text = ?3) AND r.at BETWEEN ?4 AND ?5
            AND d.variant IS NOT NULL AND d.state = ?6 AND r.at >= d.first_try_at GROUP BY d.variant";
    let mut statement = conn.prepare_cached(sql)?;
    let accepted = DeliveryState::Accepted.code();
    let key = params![workspace.0, campaign.0, name, since.as_millis(), until.as_millis(), accepted];
    let mut rows = statement.query(key)?;
    let mut found = vec![0; usize::from(trial.variants)];
    while let Some(row) = rows.next()? {
        if let Some(people) = found.get_mut(row.get::<_, usize>(0)?) {
            *people = row.get(1)?;
        }
    }
    Ok(found)
}

impl Ledger {
    /// Keeps what a campaign compares.
    pub(super) fn keep_trial(&mut self, workspace: WorkspaceId, campaign: CampaignId, new: &NewTrial) -> Result<()> {
        if !(2..=VARIANTS_MAX).contains(&new.variants) {
            return Err(StoreError::Refused(format!("2 to {VARIANTS_MAX} variants are compared")));
        }
        if !(1..=WHOLE).contains(&new.share_millionths) {
            return Err(StoreError::Refused("the sample is a share of the audience, at most all of it".to_owned()));
        }
        let sql = "INSERT INTO trial (workspace, campaign, variants, share) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET variants = excluded.variants, share = excluded.share";
        self.conn.execute(sql, params![workspace.0, campaign.0, new.variants, new.share_millionths])?;
        Ok(())
    }

    pub(crate) fn note_trial_out(&mut self, campaign: CampaignId, now: Timestamp) -> Result<Timestamp> {
        let sql = "UPDATE trial SET out_at = coalesce(out_at, ?2) WHERE campaign = ?1 RETURNING out_at";
        let noted = self.conn.prepare_cached(sql)?.query_row(params![campaign.0, now.as_millis()], |row| row.get(0));
        noted.optional()?.map(Timestamp::from_millis).ok_or_else(|| no_trial(campaign))
    }

    pub(crate) fn settle_trial(
        &mut self,
        workspace: WorkspaceId,
        campaign: CampaignId,
        settling: &Settling,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Trial> {
        let known = trial(&self.conn, workspace, campaign)?.ok_or_else(|| no_trial(campaign))?;
        if let Some(winner) = known.winner {
            return Err(StoreError::Refused(format!("variant {} was chosen already", letter(winner))));
        }
        if let Some(wrong) = settling.winner.filter(|winner| *winner >= known.variants) {
            return Err(StoreError::Refused(format!("there is no variant {}", letter(wrong))));
        }
        let event = |kind| {
            let about =
                NewEvent { campaign: Some(campaign), detail: Some(settling.said.clone()), ..NewEvent::default() };
            (kind, about)
        };
        if let Some(found) = &settling.found {
            let sql = "UPDATE trial SET judged_at = ?2, found = ?3 WHERE campaign = ?1";
            self.conn.execute(sql, params![campaign.0, now.as_millis(), found])?;
            let (kind, about) = event(EventKind::TrialJudged);
            self.event(workspace, kind, actor, now, about)?;
        }
        if let Some(winner) = settling.winner {
            let sql = "UPDATE trial SET winner = ?2, settled_at = ?3 WHERE campaign = ?1";
            self.conn.execute(sql, params![campaign.0, winner, now.as_millis()])?;
            // Beside what was found stands who chose without it, and why.
            if settling.found.is_none() {
                let sql = "UPDATE trial SET found = json_set(coalesce(found, '{}'), '$.by_hand',
                    json_object('by', ?2, 'because', ?3)) WHERE campaign = ?1";
                self.conn.execute(sql, params![campaign.0, actor.as_text(), settling.said])?;
            }
            let (kind, mut about) = event(EventKind::VariantChosen);
            about.detail = Some(format!("variant {}: {}", letter(winner), settling.said));
            self.event(workspace, kind, actor, now, about)?;
        }
        trial(&self.conn, workspace, campaign)?.ok_or_else(|| no_trial(campaign))
    }
}

/// What people call a variant: A, B, …
fn letter(variant: u8) -> char {
    char::from(b'A'.saturating_add(variant))
}

fn no_trial(campaign: CampaignId) -> StoreError {
    StoreError::NotFound { what: "comparison of variants", name: campaign.to_string() }
}
