//! The canary: a sample of the audience that is mailed first and whose verdicts decide about the rest.
//!
//! Drawn while the audience is read, in bounded memory: of everybody the ones with the lowest seeded hash are kept, a
//! few times as many as are wanted; of these, in the order of provider, engagement, lead source and import, every n-th is
//! taken. So each of those groups is there in proportion, and the same campaign draws the same people. Who runs a
//! domain's servers is known from earlier mailings; a large domain nobody described or mailed yet is a group of its own,
//! small ones are one together. Integers only and below 2^63, so that any SQL gives the same numbers.

use super::Ledger;
use super::audience::COLD_TIER;
use super::build::{Build, NOT_CANARY, TIER_STEP};
use crate::error::Result;
use rusqlite::params;

/// So many times as many people as are wanted are kept while the audience is read.
const KEPT_TIMES: i64 = 8;

/// With the group of each: the provider, if one was described, or else a large domain, or else neither.
const STRATA: &str = "SELECT s.domain, s.place, s.lead, s.import, s.hash, t.provider,
        CASE WHEN t.provider IS NULL AND count(*) OVER (PARTITION BY s.domain) >= ?3 THEN s.domain END AS large
    FROM temp.sample s LEFT JOIN domain d ON d.id = s.domain LEFT JOIN site t ON t.id = d.site";

/// The scratch tables of a sample.
pub(crate) const SCRATCH: &str = "
    CREATE TEMP TABLE IF NOT EXISTS sample (hash INTEGER, domain INTEGER, place INTEGER, lead TEXT, import INTEGER,
        PRIMARY KEY (hash, domain, place)) WITHOUT ROWID;
    CREATE TEMP TABLE IF NOT EXISTS canary (domain INTEGER, place INTEGER, PRIMARY KEY (domain, place)) WITHOUT ROWID;
    DELETE FROM sample; DELETE FROM canary;";

/// A number below 2^31 out of contact and seed: two rounds of squaring modulo a prime.
pub(super) const HASH: &str = "((h * h) % 2147483647 * 69621 + 12345) % 2147483647";
/// The first round: out of the contact `x`, with the seed ?2.
pub(super) const MIX: &str = "((x * x) % 2147483647 * 48271 + ?2) % 2147483647";

impl Ledger {
    /// Keeps of the chunk just decided whoever may still be drawn.
    pub(crate) fn gather_sample(&mut self, build: &Build) -> Result<()> {
        if build.canary == 0 {
            return Ok(());
        }
        let kept = build.canary * KEPT_TIMES;
        let highest = "SELECT hash FROM temp.sample ORDER BY hash LIMIT 1 OFFSET ?1";
        let gather = format!(
            "INSERT INTO temp.sample (hash, domain, place, lead, import)
             SELECT hash, domain, place, lead, import FROM (
                SELECT {HASH} AS hash, domain, place, lead, import FROM (
                    SELECT {MIX} AS h, domain, place, lead, import FROM (
                        SELECT (contact / 1024) % 2147483647 AS x, domain, place, lead, import FROM temp.chunk
                        WHERE skip IS NULL)))
             WHERE hash <= coalesce(({highest}), 2147483647)"
        );
        let seed = build.campaign.0 / 1024 % 2_147_483_647;
        self.conn.prepare_cached(&gather)?.execute(params![kept - 1, seed])?;
        let trim = format!("DELETE FROM temp.sample WHERE hash > ({highest})");
        self.conn.prepare_cached(&trim)?.execute([kept - 1])?;
        Ok(())
    }

    /// Draws the sample, and puts its members in front of their domains; how many they are.
    pub(crate) fn draw_canary(&mut self, build: &Build) -> Result<i64> {
        if build.canary == 0 {
            return Ok(0);
        }
        let conn = &self.conn;
        let draw = format!(
            "INSERT INTO temp.canary (domain, place) SELECT domain, place FROM (
                SELECT domain, place, count(*) OVER () AS people, row_number() OVER (
                    ORDER BY provider, large, place / ?2, lead, import, hash, domain, place) AS n
                FROM ({STRATA}))
             WHERE n * min(?1, people) / people > (n - 1) * min(?1, people) / people"
        );
        let drawn = conn.prepare_cached(&draw)?.execute([build.canary, TIER_STEP, KEPT_TIMES])?;
        conn.prepare_cached(
            "UPDATE temp.candidate SET place = place % ?1
             WHERE (domain, place) IN (SELECT domain, place FROM temp.canary)",
        )?
        .execute([NOT_CANARY])?;
        conn.prepare_cached(
            "UPDATE temp.gathered SET canary = c.people, trial = trial + c.people, cold = gathered.cold - c.cold
             FROM (SELECT domain, count(*) AS people, sum(place / ?1 % 1024 = ?2) AS cold FROM temp.canary
                GROUP BY domain) c WHERE c.domain = gathered.domain",
        )?
        .execute([TIER_STEP, COLD_TIER])?;
        Ok(i64::try_from(drawn).unwrap_or(0))
    }
}
