//! Trials: who gets which variant, what is counted of each, and what was chosen.
//!
//! The sample is the canary and whoever comes first by a hash, so many as [`NewTrial::parts`] says. While the audience is
//! read, the hash of everybody is noted; when all are known, the bounds between the variants are looked up by counting, and
//! everybody below the last is dealt theirs in bounded steps. Counters move with what they count (`campaigns`, `engage`).

use super::audience::COLD_TIER;
use super::build::{Build, NOT_CANARY, NOT_TRIAL, SKIPPED, STEP_ROWS, TIER_STEP};
use super::campaigns::{COUNT_VARIANT, COUNT_VARIANT_PEOPLE, VARIANT_STEP};
use super::canary::{HASH, MIX};
use super::engage::UNKNOWN;
use super::events::NewEvent;
use super::{Ledger, campaigns, word};
use crate::error::{Result, StoreError};
use crate::trial::{Arm, NewTrial, Portion, Settling, Trial, VARIANTS_MAX, WHOLE};
use model::{Actor, CampaignId, DeliveryState, EventKind, ReactionKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Every hash is below it: a prime.
const HASHES: i64 = 2_147_483_647;

/// The scratch tables: the hash of everybody who would get it and is not in the canary; where each variant's part of them
/// ends; who is being dealt a variant just now.
pub(super) const SCRATCH: &str = "
    CREATE TEMP TABLE IF NOT EXISTS lot (hash INTEGER, contact INTEGER, PRIMARY KEY (hash, contact)) WITHOUT ROWID;
    CREATE TEMP TABLE IF NOT EXISTS bound (hash INTEGER, contact INTEGER);
    CREATE TEMP TABLE IF NOT EXISTS drawn
        (domain INTEGER, place INTEGER, variant INTEGER, PRIMARY KEY (domain, place)) WITHOUT ROWID;
    DELETE FROM lot; DELETE FROM bound; DELETE FROM drawn;";

/// The column `share`: a share in millionths, or, below zero, so many people.
fn portion(share: i64) -> Portion {
    let size = u32::try_from(share.unsigned_abs()).unwrap_or(u32::MAX);
    if share < 0 { Portion::People(size) } else { Portion::Share(size) }
}

/// How a campaign's people are split; `None`: it has no trial.
pub(super) fn split(conn: &Connection, campaign: CampaignId) -> Result<Option<NewTrial>> {
    let sql = "SELECT variants, share FROM trial WHERE campaign = ?1";
    let read = |row: &Row<'_>| Ok(NewTrial { variants: row.get(0)?, sample: portion(row.get(1)?) });
    Ok(conn.prepare_cached(sql)?.query_row([campaign.0], read).optional()?)
}

/// The hash of somebody: `?2` is the campaign's seed.
fn hashed(people: &str) -> String {
    format!(
        "SELECT {HASH} AS hash, contact FROM (SELECT {MIX} AS h, contact FROM (
            SELECT (contact / 1024) % {HASHES} AS x, contact FROM {people}))"
    )
}

fn seed(build: &Build) -> i64 {
    build.campaign.0 / 1024 % HASHES
}

/// Notes the hashes of the chunk just decided.
pub(super) fn gather(conn: &Connection, build: &Build) -> Result<()> {
    if build.split.is_none() {
        return Ok(());
    }
    let people = hashed("temp.chunk WHERE skip IS NULL");
    let sql = format!("INSERT INTO temp.lot (hash, contact) SELECT hash, contact FROM ({people}) ORDER BY 1, 2");
    conn.prepare_cached(&sql)?.execute([0, seed(build)])?;
    Ok(())
}

/// Deals the canary, which was drawn and stands in front, its variants in turn, and notes where each variant's part of the
/// others ends. `queued`: everybody who gets it. Is it everybody who is in the sample?
pub(super) fn cut(conn: &Connection, build: &Build, trial: &NewTrial, queued: i64) -> Result<bool> {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    conn.prepare_cached(
        "INSERT INTO temp.drawn (domain, place, variant)
         SELECT domain, place % ?1, (row_number() OVER (ORDER BY domain, place) - 1) % ?2 FROM temp.canary",
    )?
    .execute(params![NOT_CANARY, trial.variants])?;
    let canary = hashed(
        "(SELECT p.contact FROM temp.drawn w CROSS JOIN temp.candidate p ON p.domain = w.domain AND p.place = w.place)",
    );
    let sql = format!("DELETE FROM temp.lot WHERE (hash, contact) IN (SELECT hash, contact FROM ({canary}))");
    conn.prepare_cached(&sql)?.execute([0, seed(build)])?;
    conn.prepare_cached(
        "UPDATE temp.candidate SET variant = (SELECT w.variant FROM temp.drawn w
            WHERE w.domain = candidate.domain AND w.place = candidate.place)
         WHERE (domain, place) IN (SELECT domain, place FROM temp.drawn)",
    )?
    .execute([])?;
    conn.prepare_cached("DELETE FROM temp.drawn")?.execute([])?;
    let parts = trial.parts(count(queued), count(build.canary));
    let mut upto = 0;
    for (all, of_canary) in parts.iter().zip(trial.divided(count(build.canary))) {
        upto += i64::try_from(all.saturating_sub(of_canary)).unwrap_or(i64::MAX);
        let sql = "SELECT hash, contact FROM temp.lot ORDER BY hash, contact LIMIT 1 OFFSET ?1";
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let (hash, contact) = conn.prepare_cached(sql)?.query_row([upto], read).optional()?.unwrap_or((HASHES, 0));
        let sql = "INSERT INTO temp.bound (hash, contact) VALUES (?1, ?2)";
        conn.prepare_cached(sql)?.execute([hash, contact])?;
    }
    conn.prepare_cached("DELETE FROM temp.lot")?.execute([])?;
    Ok(parts.iter().sum::<u64>() >= count(queued))
}

/// Deals the next people of the others their variant and puts them before those who get none, after `at` (domain and
/// place); where the next step begins, `None` behind the last.
pub(super) fn deal(conn: &Connection, build: &Build, at: (i64, i64)) -> Result<Option<(i64, i64)>> {
    let Some(trial) = build.split else { return Ok(None) };
    let sql = "SELECT domain, place FROM temp.candidate WHERE (domain, place) > (?1, ?2) AND domain < ?3
        ORDER BY domain, place LIMIT 1 OFFSET ?4";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let key = params![at.0, at.1, SKIPPED, STEP_ROWS - 1];
    let last = conn.prepare_cached(sql)?.query_row(key, read).optional()?;
    let upto = last.unwrap_or((SKIPPED - 1, i64::MAX));
    // Whoever lies behind so many bounds gets the variant of that number, and none behind the last.
    let sql = format!(
        "INSERT INTO temp.drawn (domain, place, variant) SELECT domain, place, variant FROM (
            SELECT domain, place, (SELECT count(*) FROM temp.bound b
                WHERE b.hash < w.hash OR (b.hash = w.hash AND b.contact <= w.contact)) AS variant
            FROM (SELECT domain, place, contact, {HASH} AS hash FROM (SELECT domain, place, contact, {MIX} AS h FROM (
                SELECT domain, place, contact, (contact / 1024) % {HASHES} AS x FROM temp.candidate
                WHERE (domain, place) > (?3, ?4) AND (domain, place) <= (?5, ?6) AND place >= ?1))) w)
         WHERE variant < ?7"
    );
    let key = params![NOT_TRIAL, seed(build), at.0, at.1, upto.0, upto.1, trial.variants];
    conn.prepare_cached(&sql)?.execute(key)?;
    // They move in front of where is read from, so that nobody is met twice.
    conn.prepare_cached(
        "UPDATE temp.candidate SET place = place - ?1, variant = (SELECT w.variant FROM temp.drawn w
            WHERE w.domain = candidate.domain AND w.place = candidate.place)
         WHERE (domain, place) IN (SELECT domain, place FROM temp.drawn)",
    )?
    .execute([NOT_TRIAL])?;
    conn.prepare_cached(
        "UPDATE temp.gathered SET trial = trial + w.people, cold = gathered.cold - w.cold
         FROM (SELECT domain, count(*) AS people, sum(place / ?1 % 1024 = ?2) AS cold FROM temp.drawn
            GROUP BY domain) w WHERE w.domain = gathered.domain",
    )?
    .execute([TIER_STEP, COLD_TIER])?;
    conn.prepare_cached("DELETE FROM temp.drawn")?.execute([])?;
    Ok(last)
}

/// Notes that a campaign's sample is everybody, now that the audience is frozen.
pub(super) fn note_everybody(conn: &Connection, campaign: CampaignId) -> Result<()> {
    conn.prepare_cached("UPDATE trial SET share = ?2 WHERE campaign = ?1")?.execute(params![campaign.0, WHOLE])?;
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
            sample: portion(row.get(1)?),
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
        let share = match new.sample {
            Portion::Share(millionths @ 1..=WHOLE) => i64::from(millionths),
            Portion::People(people @ 1..) => -i64::from(people),
            Portion::Share(_) | Portion::People(_) => {
                let why = "the sample is a share of the audience, at most all of it, or a number of people";
                return Err(StoreError::Refused(why.to_owned()));
            }
        };
        let sql = "INSERT INTO trial (workspace, campaign, variants, share) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET variants = excluded.variants, share = excluded.share";
        self.conn.execute(sql, params![workspace.0, campaign.0, new.variants, share])?;
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
