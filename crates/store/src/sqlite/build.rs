//! Building a campaign: the audience resolved to one row per person with one decision each, then frozen.
//!
//! Set-based and in bounded steps. What is gathered on the way lives in temporary tables, which are not logged and not
//! kept: a build that was interrupted removes the rows it had written and starts again, before anything was sent.
//! Positions follow engagement: whoever reacted lately is first, the cold are last, and among equals the order of the
//! audience holds. Invariant: delivery ids are contiguous per domain, members of the canary first, then those on whom
//! variants are compared, then everybody else, each in the order of position; domains follow in the order of their lowest
//! position; skipped people come last.

use super::audience::{COLD_TIER, Resolved, tier_sql};
use super::campaigns::{CounterMoves, require};
use super::choices::{choice_sql, topic_to_be};
use super::events::NewEvent;
use super::origins::stopped_sql;
use super::segment_sql::Compiler;
use super::trials;
use super::{Ledger, canary, word};
use crate::draft::{Foreseen, Foresight, VALUES_ASKED_MAX};
use crate::error::Result;
use crate::trial::NewTrial;
use model::id::ID_STEP;
use model::segment::{About, Rule, Test};
use model::{
    Actor, CampaignId, CampaignState, ContactId, ContactStatus, DeliveryState, ErrorCause, EventKind, ReactionKind,
    SkipReason, SuppressionReason, Tally, Timestamp,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

/// Rows resolved or written in one step.
pub(super) const STEP_ROWS: i64 = 10_000;
/// The temporary tables' page cache, in kibibytes.
const SCRATCH_CACHE_KIB: i64 = 16_384;
/// What lies between the places of two tiers: a place is tier × step + number in the tier.
pub(crate) const TIER_STEP: i64 = 1 << 40;
/// Added to the place of everybody who is not a member of the canary.
pub(crate) const NOT_CANARY: i64 = 1 << 50;
/// Added to the place of everybody on whom no variants are compared; more than every other place.
pub(crate) const NOT_TRIAL: i64 = 1 << 51;
/// Stands for "no domain" in the scratch tables: people who are skipped.
pub(super) const SKIPPED: i64 = i64::MAX;

const SCRATCH: &str = "
    CREATE TEMP TABLE IF NOT EXISTS chunk
        (n INTEGER PRIMARY KEY, contact INTEGER UNIQUE, address INTEGER, domain INTEGER, skip INTEGER, tier INTEGER,
        lead TEXT, import INTEGER, place INTEGER, variant INTEGER, lacks INTEGER);
    CREATE TEMP TABLE IF NOT EXISTS person (contact INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS seen (address INTEGER PRIMARY KEY, contact INTEGER NOT NULL);
    CREATE TEMP TABLE IF NOT EXISTS candidate (domain INTEGER, place INTEGER, contact INTEGER NOT NULL,
        address INTEGER, skip INTEGER, variant INTEGER, lacks INTEGER, PRIMARY KEY (domain, place)) WITHOUT ROWID;
    CREATE TEMP TABLE IF NOT EXISTS gathered
        (domain INTEGER PRIMARY KEY, people INTEGER, first INTEGER, canary INTEGER, trial INTEGER, cold INTEGER);
    CREATE TEMP TABLE IF NOT EXISTS layout (rank INTEGER PRIMARY KEY, domain INTEGER, people INTEGER, first_id INTEGER,
        canary INTEGER, trial INTEGER, cold INTEGER);
    CREATE TEMP TABLE IF NOT EXISTS tier (tier INTEGER PRIMARY KEY, people INTEGER, before INTEGER);
    DELETE FROM chunk; DELETE FROM person; DELETE FROM seen; DELETE FROM candidate; DELETE FROM gathered;
    DELETE FROM layout; DELETE FROM tier;";

/// Where somebody stands among those a forecast gathered: domain, then place in it.
pub(crate) type ForeseenAt = (i64, i64);

/// Where a build stands between two steps.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) campaign: CampaignId,
    workspace: i64,
    stage: BuildStage,
    /// Whom it is for.
    audience: Resolved,
    /// Groups of values: of everybody it is noted which of them they have nothing of, one bit each.
    values: Vec<Vec<String>>,
    /// Members of the canary that are wanted; after the draw, that there are.
    pub(crate) canary: i64,
    /// What it is about.
    topic: Option<String>,
    /// How the people on whom variants are compared are found.
    pub(super) split: Option<NewTrial>,
    /// Is everybody who gets it in the sample of the trial?
    all_tried: bool,
    /// Queued people so far.
    queued: i64,
    /// Skipped people so far.
    skipped: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuildStage {
    /// Rows of an interrupted build are being removed.
    Clear,
    /// The `group`th group is being read, after `place` in it.
    Resolve {
        group: usize,
        place: i64,
    },
    /// The canary is being drawn, and where the variants' parts of the others end.
    Draw,
    /// Variants are being dealt, to those behind this domain and place.
    Deal {
        domain: i64,
        place: i64,
    },
    /// Ids are being given out.
    LayOut,
    /// Deliveries are being written: domains after `rank`; within a large one after `position`, `written` so far.
    Write {
        rank: i64,
        position: i64,
        written: i64,
    },
    /// Skipped people are being written, after `position`.
    WriteSkipped {
        position: i64,
    },
    /// It was cancelled meanwhile: what was written is being removed.
    Unmake,
    Done,
}

/// The decision on one person as SQL over `c` (contact) and `a` (address, may be absent): a skip reason or NULL.
/// Made from the words of `model`, so that there is one place where a status means a reason.
pub(crate) fn decision_sql() -> String {
    let status = format!(
        "WHEN {} THEN {} WHEN {} THEN {}",
        ContactStatus::OptedOut.code(),
        SkipReason::Unsubscribed.code(),
        ContactStatus::Unconfirmed.code(),
        SkipReason::Unconfirmed.code()
    );
    let by_us = format!("{}, CASE WHEN c.rests IS NOT NULL THEN {} END", stopped_sql(), SkipReason::AtRest.code());
    decision("", &status, &by_us)
}

/// The same for mail that a program asked for (`m`, a standing campaign): unsubscribing does not end it, and a complaint
/// only where it was about the same stream, or nobody knows what about.
pub(crate) fn urgent_decision_sql() -> String {
    let counts = format!(
        "AND s.reason <> {unsubscribed} AND (s.reason <> {complained} OR s.evidence IS NULL
            OR (SELECT e.campaign FROM delivery e WHERE e.id = s.evidence) = m.id
            OR EXISTS (SELECT 1 FROM reaction r WHERE r.contact = c.id AND r.kind = {reaction} AND r.campaign = m.id))",
        unsubscribed = SuppressionReason::Unsubscribed.code(),
        complained = SuppressionReason::Complained.code(),
        reaction = ReactionKind::Complained.code(),
    );
    decision(&counts, "", "NULL")
}

/// `counts`: which suppressions `s` count; `by_status`: what other statuses than `error` mean; `by_us`: what else here keeps
/// mail away: where they came from, or that they were put to rest.
fn decision(counts: &str, by_status: &str, by_us: &str) -> String {
    let by_suppression: String =
        SuppressionReason::ALL.iter().map(|r| format!(" WHEN {} THEN {}", r.code(), r.skip_reason().code())).collect();
    // The strongest reason first: what no operator may lift.
    let order = "CASE s.reason WHEN 1 THEN 0 WHEN 0 THEN 1 WHEN 5 THEN 2 ELSE 3 + s.reason END";
    let by_error: String =
        ErrorCause::ALL.iter().map(|e| format!(" WHEN {} THEN {}", e.code(), skip_of_error(*e).code())).collect();
    format!(
        "CASE
            WHEN c.address IS NULL AND c.invalid IS NULL THEN {no_email}
            WHEN c.address IS NULL THEN {invalid}
            ELSE coalesce(
                (SELECT CASE s.reason{by_suppression} END FROM suppression s
                    WHERE s.workspace = c.workspace AND s.hash = a.hash {counts} ORDER BY {order} LIMIT 1),
                (SELECT CASE s.reason{by_suppression} END FROM suppressed_domain s
                    WHERE s.workspace = c.workspace AND s.domain = a.domain {counts} ORDER BY {order} LIMIT 1),
                CASE c.status {by_status}
                    WHEN {error} THEN CASE c.error{by_error} ELSE {by_hand} END END,
                {by_us})
        END",
        no_email = SkipReason::NoEmail.code(),
        invalid = SkipReason::InvalidAddress.code(),
        error = ContactStatus::Error.code(),
        by_hand = SkipReason::SuppressedByHand.code(),
    )
}

/// Which groups of values `c` (a contact) has nothing of, a bit for each; NULL where none is asked for.
fn lacks_sql(values: &[Vec<String>], compiler: &mut Compiler) -> String {
    let bit = |(at, names): (usize, &Vec<String>)| {
        let has = |name: &String| Rule::Attribute(About { name: name.clone(), is: Test::Exists });
        let has_any = Rule::Any(names.iter().map(has).collect());
        let has_any = if names.is_empty() { "0".to_owned() } else { compiler.each(&has_any) };
        format!("((NOT {has_any}) << {at})")
    };
    let bits: Vec<String> = values.iter().enumerate().map(bit).collect();
    if bits.is_empty() { "NULL".to_owned() } else { bits.join(" | ") }
}

/// How a contact in `error` is counted when it is skipped.
pub(crate) const fn skip_of_error(cause: ErrorCause) -> SkipReason {
    match cause {
        ErrorCause::Format => SkipReason::InvalidAddress,
        ErrorCause::HardBounced => SkipReason::HardBounced,
        ErrorCause::SoftBounceLimit => SkipReason::SoftBounceLimit,
        ErrorCause::Refused => SkipReason::Refused,
        ErrorCause::Manual => SkipReason::SuppressedByHand,
    }
}

impl Build {
    /// Is everything written?
    pub(crate) fn is_done(&self) -> bool {
        self.stage == BuildStage::Done
    }
}

impl Ledger {
    /// Begins (or begins again) the build of a campaign.
    pub(crate) fn begin_build(&mut self, id: CampaignId) -> Result<Build> {
        let campaign = require(&self.conn, id)?;
        let built = campaign.built_at.is_some() || campaign.state != CampaignState::Building;
        let stage = if built { BuildStage::Done } else { BuildStage::Clear };
        if !built {
            self.clear_scratch()?;
            self.conn.pragma_update(Some("temp"), "cache_size", -SCRATCH_CACHE_KIB)?;
        }
        let audience = Resolved::of_campaign(&self.conn, campaign.workspace, id)?;
        let topic = topic_to_be(&self.conn, id)?;
        if !built {
            // Lists may be about something else later; the campaign is not.
            self.conn.execute("UPDATE campaign SET topic = ?2 WHERE id = ?1", params![id.0, topic])?;
        }
        Ok(Build {
            campaign: id,
            workspace: campaign.workspace.0,
            stage,
            audience,
            values: Vec::new(),
            canary: i64::from(campaign.canary),
            topic,
            split: trials::split(&self.conn, id)?,
            all_tried: false,
            queued: 0,
            skipped: 0,
        })
    }

    /// Begins to look whom a draft would go to, and who has nothing of some values, without writing anything.
    pub(crate) fn begin_forecast(&mut self, id: CampaignId, values: Vec<Vec<String>>) -> Result<Build> {
        let mut build = self.begin_build(id)?;
        build.values = values;
        build.values.truncate(VALUES_ASKED_MAX);
        self.clear_scratch()?;
        build.stage = BuildStage::Resolve { group: 0, place: 0 };
        Ok(build)
    }

    /// One bounded step of that; the forecast without its people, when everybody was looked at.
    pub(crate) fn forecast_step(&mut self, build: &mut Build, now: Timestamp) -> Result<Option<Foresight>> {
        if let BuildStage::Resolve { group, place } = build.stage {
            build.stage = self.resolve(build, group, place, now)?;
            return Ok(None);
        }
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let mut tally = Tally::default();
        tally.by_state.insert(DeliveryState::Queued, count(build.queued));
        tally.by_state.insert(DeliveryState::Skipped, count(build.skipped));
        let sql = "SELECT skip, count(*) FROM temp.candidate WHERE domain = ?1 GROUP BY skip";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([SKIPPED])?;
        while let Some(row) = rows.next()? {
            tally.by_skip_reason.insert(word!(SkipReason, row.get(0)?)?, count(row.get(1)?));
        }
        drop(rows);
        drop(statement);
        let without = self.without(build.values.len())?.into_iter().map(count).collect();
        Ok(Some(Foresight { tally, without, people: Vec::new() }))
    }

    /// Of each of so many groups of values: how many who would get it have nothing of it.
    fn without(&self, groups: usize) -> Result<Vec<i64>> {
        if groups == 0 {
            return Ok(Vec::new());
        }
        let sums: Vec<String> = (0..groups).map(|group| format!("coalesce(sum(lacks >> {group} & 1), 0)")).collect();
        let sql = format!("SELECT {} FROM temp.candidate WHERE domain < ?1", sums.join(", "));
        let read = |row: &rusqlite::Row<'_>| (0..groups).map(|at| row.get(at)).collect();
        Ok(self.conn.prepare_cached(&sql)?.query_row([SKIPPED], read)?)
    }

    /// The next of those a forecast gathered, and after which place the others are: those who would get it by domain, then
    /// those who are skipped.
    pub(crate) fn foreseen(&self, after: ForeseenAt) -> Result<(Vec<Foreseen>, Option<ForeseenAt>)> {
        let sql = "SELECT contact, skip, coalesce(lacks, 0), domain, place FROM temp.candidate
            WHERE (domain, place) > (?1, ?2) ORDER BY domain, place LIMIT ?3";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![after.0, after.1, STEP_ROWS])?;
        let (mut people, mut last) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            people.push(Foreseen {
                contact: ContactId(row.get(0)?),
                skip: row.get::<_, Option<i64>>(1)?.map(|code| word!(SkipReason, code)).transpose()?,
                lacks: row.get::<_, i64>(2)?.cast_unsigned(),
            });
            last = Some((row.get(3)?, row.get(4)?));
        }
        Ok((people, last))
    }

    /// Gives back what was gathered on the way, in memory and in a file. Not within a transaction.
    pub(crate) fn forget_scratch(&self) -> Result<()> {
        // Tables that are emptied keep both. To choose another place for them closes them all; then the choice is undone.
        Ok(self.conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA temp_store = DEFAULT")?)
    }

    /// Empties the scratch tables.
    fn clear_scratch(&self) -> Result<()> {
        self.conn.execute_batch(SCRATCH)?;
        self.conn.execute_batch(canary::SCRATCH)?;
        self.conn.execute_batch(trials::SCRATCH)?;
        for tier in 0..=COLD_TIER {
            let sql = "INSERT INTO temp.tier (tier, people, before) VALUES (?1, 0, 0)";
            self.conn.prepare_cached(sql)?.execute([tier])?;
        }
        Ok(())
    }

    /// One bounded step.
    pub(crate) fn build_step(&mut self, build: &mut Build, actor: &Actor, now: Timestamp) -> Result<()> {
        if require(&self.conn, build.campaign)?.state != CampaignState::Building {
            build.stage = BuildStage::Unmake;
        }
        build.stage = match build.stage {
            BuildStage::Clear => {
                if self.clear_deliveries(build.campaign)? {
                    BuildStage::Resolve { group: 0, place: 0 }
                } else {
                    BuildStage::Clear
                }
            }
            BuildStage::Resolve { group, place } => self.resolve(build, group, place, now)?,
            BuildStage::Draw => self.draw(build)?,
            BuildStage::Deal { domain, place } => match trials::deal(&self.conn, build, (domain, place))? {
                Some((domain, place)) => BuildStage::Deal { domain, place },
                None => BuildStage::LayOut,
            },
            BuildStage::LayOut => self.lay_out(build, now)?,
            BuildStage::Write { rank, position, written } => self.write_queued(build, rank, position, written)?,
            BuildStage::WriteSkipped { position } => self.write_skipped(build, position, actor, now)?,
            BuildStage::Unmake => match self.clear_deliveries(build.campaign)? {
                true => {
                    self.clear_scratch()?;
                    BuildStage::Done
                }
                false => BuildStage::Unmake,
            },
            BuildStage::Done => BuildStage::Done,
        };
        Ok(())
    }

    /// Removes a bounded number of a campaign's deliveries; `true` when none is left.
    pub(crate) fn clear_deliveries(&mut self, id: CampaignId) -> Result<bool> {
        let (first, end) = super::campaigns::delivery_range(&self.conn, id)?;
        let sql = "DELETE FROM delivery WHERE id IN
            (SELECT id FROM delivery WHERE id >= ?1 AND id < ?2 AND campaign = ?3 LIMIT ?4)";
        let removed = self.conn.execute(sql, params![first, end, id.0, STEP_ROWS])?;
        if removed > 0 {
            return Ok(false);
        }
        self.conn
            .execute("DELETE FROM head WHERE id >= ?1 AND id < ?2 AND campaign = ?3", params![first, end, id.0])?;
        self.conn.execute("DELETE FROM counter WHERE campaign = ?1", [id.0])?;
        self.conn.execute("UPDATE campaign SET first_delivery = 0, end_delivery = 0 WHERE id = ?1", [id.0])?;
        Ok(true)
    }

    /// Reads the next part of the audience into the scratch tables.
    fn resolve(&mut self, build: &mut Build, at: usize, place: i64, now: Timestamp) -> Result<BuildStage> {
        let Some(group) = build.audience.groups.get(at) else { return Ok(BuildStage::Draw) };
        let (page, key) = group.page();
        let last = format!("SELECT max(place) FROM ({page})");
        let last: Option<i64> =
            self.conn.prepare_cached(&last)?.query_row(params![key, place, STEP_ROWS], |row| row.get(0))?;
        let Some(last) = last else { return Ok(BuildStage::Resolve { group: at + 1, place: 0 }) };
        let mut compiler = Compiler::new(8, now);
        let gather = format!(
            "INSERT OR IGNORE INTO temp.chunk (contact, address, domain, skip, tier, lead, import, lacks)
             SELECT c.id, c.address, a.domain, coalesce({decision}, CASE WHEN {excluded} THEN {by_rule} END, {choice},
                {rest}), {tier}, c.lead_source, c.import, {lacks}
             FROM campaign m CROSS JOIN ({page}) p CROSS JOIN contact c ON c.id = p.contact LEFT JOIN address a ON a.id = c.address
             WHERE m.id = ?6 AND c.workspace = ?4 AND {member}
                AND NOT EXISTS (SELECT 1 FROM temp.person known WHERE known.contact = c.id)
             ORDER BY p.place",
            decision = decision_sql(),
            excluded = build.audience.excluded_sql(&mut compiler),
            by_rule = SkipReason::Excluded.code(),
            choice = choice_sql("?5", "?7"),
            rest = group.skip().map_or("NULL".to_owned(), |reason| reason.code().to_string()),
            tier = tier_sql("?5"),
            lacks = lacks_sql(&build.values, &mut compiler),
            member = group.member_sql(&mut compiler),
        );
        let given = [key, place, STEP_ROWS, build.workspace, now.as_millis(), build.campaign.0].map(Value::from);
        let topic = build.topic.clone().map_or(Value::Null, Value::from);
        let values = given.into_iter().chain([topic]).chain(compiler.values);
        self.conn.prepare_cached(&gather)?.execute(params_from_iter(values))?;
        self.sort_chunk(build)?;
        Ok(BuildStage::Resolve { group: at, place: last })
    }

    /// Decides duplicates in the chunk and files everybody under their domain.
    fn sort_chunk(&mut self, build: &mut Build) -> Result<()> {
        let conn = &self.conn;
        conn.prepare_cached("INSERT INTO temp.person SELECT contact FROM temp.chunk")?.execute([])?;
        conn.prepare_cached(
            "INSERT OR IGNORE INTO temp.seen SELECT address, contact FROM temp.chunk WHERE skip IS NULL ORDER BY n",
        )?
        .execute([])?;
        conn.prepare_cached(
            "UPDATE temp.chunk SET skip = ?1 WHERE skip IS NULL
                AND (SELECT s.contact FROM temp.seen s WHERE s.address = chunk.address) <> contact",
        )?
        .execute([SkipReason::DuplicateAddress.code()])?;
        conn.prepare_cached(
            "UPDATE temp.chunk SET place = w.place FROM (
                SELECT c.n, ?1 + c.tier * ?2 + t.people + row_number() OVER (PARTITION BY c.tier ORDER BY c.n) AS place
                FROM temp.chunk c JOIN temp.tier t ON t.tier = c.tier WHERE c.skip IS NULL) w WHERE w.n = chunk.n",
        )?
        .execute([NOT_TRIAL + NOT_CANARY, TIER_STEP])?;
        trials::gather(conn, build)?;
        conn.prepare_cached(
            "UPDATE temp.tier SET people = people
                + (SELECT count(*) FROM temp.chunk c WHERE c.skip IS NULL AND c.tier = tier.tier)",
        )?
        .execute([])?;
        conn.prepare_cached(
            "INSERT INTO temp.gathered (domain, people, first, canary, trial, cold)
             SELECT domain, count(*), min(place % ?2), 0, 0, sum(tier = ?1)
             FROM temp.chunk WHERE skip IS NULL GROUP BY domain
             ON CONFLICT (domain) DO UPDATE SET people = people + excluded.people, cold = cold + excluded.cold,
                first = min(first, excluded.first)",
        )?
        .execute([COLD_TIER, NOT_TRIAL])?;
        let queued = conn
            .prepare_cached(
                "INSERT INTO temp.candidate SELECT domain, place, contact, address, NULL, variant, lacks FROM temp.chunk
                 WHERE skip IS NULL",
            )?
            .execute([])?;
        let skipped = conn
            .prepare_cached(
                "INSERT INTO temp.candidate SELECT ?2, ?1 + row_number() OVER (ORDER BY n), contact, address, skip,
                    NULL, NULL FROM temp.chunk WHERE skip IS NOT NULL",
            )?
            .execute([build.skipped, SKIPPED])?;
        self.gather_sample(build)?;
        self.conn.prepare_cached("DELETE FROM temp.chunk")?.execute([])?;
        build.queued += i64::try_from(queued).unwrap_or(0);
        build.skipped += i64::try_from(skipped).unwrap_or(0);
        Ok(())
    }

    /// Draws the canary, and cuts the sample of the trial.
    fn draw(&mut self, build: &mut Build) -> Result<BuildStage> {
        build.canary = self.draw_canary(build)?;
        let Some(trial) = build.split else { return Ok(BuildStage::LayOut) };
        build.all_tried = trials::cut(&self.conn, build, &trial, build.queued)?;
        Ok(BuildStage::Deal { domain: i64::MIN, place: i64::MIN })
    }

    /// Reserves the campaign's ids and gives each domain its range.
    fn lay_out(&mut self, build: &Build, now: Timestamp) -> Result<BuildStage> {
        self.conn.execute(
            "UPDATE temp.tier SET before = (SELECT coalesce(sum(t.people), 0) FROM temp.tier t WHERE t.tier < tier.tier)",
            [],
        )?;
        let people = build.queued + build.skipped;
        let first = self.ids.reserve(now, u32::try_from(people).unwrap_or(u32::MAX));
        let sql = "UPDATE campaign SET first_delivery = ?2, end_delivery = ?3 WHERE id = ?1";
        self.conn.execute(sql, params![build.campaign.0, first, first + ID_STEP * people])?;
        self.conn.execute(
            "INSERT INTO temp.layout SELECT row_number() OVER (ORDER BY first), domain, people,
                ?1 + ?2 * (sum(people) OVER (ORDER BY first) - people), canary, trial, cold FROM temp.gathered",
            params![first, ID_STEP],
        )?;
        Ok(BuildStage::Write { rank: 0, position: 0, written: 0 })
    }

    /// Writes the deliveries and heads of the next domains, or of a part of a large one.
    fn write_queued(&mut self, build: &Build, rank: i64, position: i64, written: i64) -> Result<BuildStage> {
        let Some((upto, total)) = self.domains_of_step(rank)? else {
            return Ok(BuildStage::WriteSkipped { position: 0 });
        };
        if written == 0 {
            self.begin_heads(build, rank, upto)?;
        }
        let large = total > STEP_ROWS;
        // A large domain is written alone, in parts; small ones together.
        let (upto, last) = if large { (rank + 1, self.part_end(rank + 1, position)?) } else { (upto, i64::MAX) };
        let sql = "INSERT INTO delivery (id, workspace, campaign, contact, occurrence, address, position, state,
                attempts, tries, reached, first_try_at, last_attempt, cause, variant)
            SELECT l.first_id + ?1 * (?2 + row_number() OVER (PARTITION BY l.rank ORDER BY p.place) - 1), ?3, ?4,
                p.contact, 0, p.address, t.before + p.place % ?9, 0, 0, 0, 0, 9223372036854775807, 2147483647, 0,
                CASE WHEN p.place < ?10 THEN p.variant END
            FROM temp.layout l CROSS JOIN temp.candidate p ON p.domain = l.domain
                CROSS JOIN temp.tier t ON t.tier = p.place / ?9 % 1024
            WHERE l.rank > ?5 AND l.rank <= ?6 AND p.place > ?7 AND p.place <= ?8 ORDER BY 1";
        let rows = self.conn.prepare_cached(sql)?.execute(params![
            ID_STEP,
            written,
            build.workspace,
            build.campaign.0,
            rank,
            upto,
            position,
            last,
            TIER_STEP,
            NOT_TRIAL
        ])?;
        let rows = i64::try_from(rows).unwrap_or(0);
        let mut counters = CounterMoves::default();
        if build.split.is_some() {
            for (variant, people) in trials::dealt(&self.conn, (rank, upto), (position, last))? {
                counters.variant(build.workspace, build.campaign.0, variant, DeliveryState::Queued, people);
            }
        }
        counters.state(build.workspace, build.campaign.0, DeliveryState::Queued, rows);
        counters.write(self)?;
        let unfinished = large && written + rows < total;
        Ok(if unfinished {
            BuildStage::Write { rank, position: last, written: written + rows }
        } else {
            BuildStage::Write { rank: upto, position: 0, written: 0 }
        })
    }

    /// The last of the domains behind this one that fit into one step, at least one, and how many people theirs are
    /// together; `None`: there are no more.
    fn domains_of_step(&self, rank: i64) -> Result<Option<(i64, i64)>> {
        let sql = "SELECT rank, total FROM (SELECT rank, sum(people) OVER (ORDER BY rank) AS total
                FROM temp.layout WHERE rank > ?1 ORDER BY rank LIMIT ?2)
            WHERE total <= ?2 OR rank = ?1 + 1 ORDER BY rank DESC LIMIT 1";
        let step = self.conn.prepare_cached(sql)?.query_row([rank, STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(step.optional()?)
    }

    /// Writes the heads of the domains behind `rank`, to `upto`.
    fn begin_heads(&self, build: &Build, rank: i64, upto: i64) -> Result<()> {
        let sql =
            "INSERT INTO head (id, workspace, campaign, domain, site, next, end, remaining, canary_end, cold_start,
                trial_end)
            SELECT first_id, ?3, ?4, domain, NULL, first_id, first_id + ?5 * people, people,
                CASE WHEN canary > 0 THEN first_id + ?5 * canary END,
                CASE WHEN cold > 0 THEN first_id + ?5 * (people - cold) END,
                CASE WHEN ?6 AND trial > 0 THEN first_id + ?5 * trial END
            FROM temp.layout WHERE rank > ?1 AND rank <= ?2 ORDER BY rank";
        let key = params![rank, upto, build.workspace, build.campaign.0, ID_STEP, build.split.is_some()];
        self.conn.prepare_cached(sql)?.execute(key)?;
        Ok(())
    }

    /// The last position of the next part of a large domain.
    fn part_end(&self, rank: i64, position: i64) -> Result<i64> {
        let sql = "SELECT max(place) FROM (SELECT p.place FROM temp.layout l CROSS JOIN temp.candidate p
                ON p.domain = l.domain WHERE l.rank = ?1 AND p.place > ?2 ORDER BY p.place LIMIT ?3)";
        let last: Option<i64> =
            self.conn.prepare_cached(sql)?.query_row([rank, position, STEP_ROWS], |row| row.get(0))?;
        Ok(last.unwrap_or(i64::MAX))
    }

    /// Writes the next skipped people; after the last, the campaign is built.
    fn write_skipped(&mut self, build: &Build, position: i64, actor: &Actor, now: Timestamp) -> Result<BuildStage> {
        let last = (position + STEP_ROWS).min(build.skipped);
        let (first, _) = super::campaigns::delivery_range(&self.conn, build.campaign)?;
        let first = first + ID_STEP * build.queued;
        let sql = "INSERT INTO delivery (id, workspace, campaign, contact, occurrence, address, position, state, skip,
                attempts, tries, reached, first_try_at, last_attempt, cause)
            SELECT ?1 + ?2 * (place - 1), ?3, ?4, contact, 0, address, 0, ?5, skip, 0, 0, 0, 9223372036854775807,
                2147483647, 0
            FROM temp.candidate WHERE domain = ?6 AND place > ?7 AND place <= ?8 ORDER BY place";
        self.conn.prepare_cached(sql)?.execute(params![
            first,
            ID_STEP,
            build.workspace,
            build.campaign.0,
            DeliveryState::Skipped.code(),
            SKIPPED,
            position,
            last
        ])?;
        let mut counters = CounterMoves::default();
        for (reason, count) in self.skipped_by_reason(position, last)? {
            counters.state(build.workspace, build.campaign.0, DeliveryState::Skipped, count);
            counters.skip(build.workspace, build.campaign.0, reason, count);
        }
        counters.write(self)?;
        if last < build.skipped {
            return Ok(BuildStage::WriteSkipped { position: last });
        }
        self.end_build(build, actor, now)?;
        Ok(BuildStage::Done)
    }

    fn skipped_by_reason(&self, position: i64, last: i64) -> Result<Vec<(SkipReason, i64)>> {
        let sql = "SELECT skip, count(*) FROM temp.candidate WHERE domain = ?1 AND place > ?2 AND place <= ?3
            GROUP BY skip";
        let mut statement = self.conn.prepare_cached(sql)?;
        statement
            .query_and_then([SKIPPED, position, last], |row| Ok((super::word!(SkipReason, row.get(0)?)?, row.get(1)?)))?
            .collect()
    }

    fn end_build(&mut self, build: &Build, actor: &Actor, now: Timestamp) -> Result<()> {
        let sql = "UPDATE campaign SET built_at = ?2, canary = ?3, cold = t.people,
                cold_from = CASE WHEN t.people > 0 THEN t.before + 1 END
            FROM temp.tier t WHERE t.tier = ?4 AND campaign.id = ?1";
        self.conn.execute(sql, params![build.campaign.0, now.as_millis(), build.canary, COLD_TIER])?;
        let mut counters = CounterMoves::default();
        counters.canary_waits(build.workspace, build.campaign.0, build.canary);
        if build.all_tried {
            trials::note_everybody(&self.conn, build.campaign)?;
        }
        counters.write(self)?;
        self.clear_scratch()?;
        let detail = format!("{} people, {} skipped", build.queued + build.skipped, build.skipped);
        let about = NewEvent { campaign: Some(build.campaign), detail: Some(detail), ..NewEvent::default() };
        self.event(model::WorkspaceId(build.workspace), EventKind::Built, actor, now, about)?;
        Ok(())
    }
}
