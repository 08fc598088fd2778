//! Audiences: their groups as SQL, in which order people are reached, and how many have had mail from us before.
//!
//! Engagement is read where it is needed, not written where it changes: an acceptance touches no contact.

use super::build::decision_sql;
use super::segment_sql::Compiler;
use super::segments::VISIBLE;
use super::{imports, names, segments};
use crate::audience::{Acquaintance, Audience, GROUPS_MAX, ORIGINS_MAX, Origin, Whom};
use crate::error::{Result, StoreError};
use crate::import::ImportState;
use model::segment::Rule;
use model::{CampaignId, DeliveryState, ImportId, ListId, SegmentId, SkipReason, Timestamp, WorkspaceId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::collections::BTreeMap;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Whoever reacted within so many days is reached first.
pub(crate) const ENGAGED_DAYS: i64 = 90;
/// Whoever did not within so many is cold, as in the levels of segments.
pub(crate) const COLD_DAYS: i64 = 180;
/// The tier of the cold: the last. Before it: 0 engaged, 1 unknown, 2 lapsing.
pub(crate) const COLD_TIER: i64 = 3;

/// The tier of a person as SQL over `c` (contact), with the time in `now`. When somebody last reacted is known from what
/// they did here or from what an import says of them. Whoever never reacted to anything we know of is unknown, not cold.
pub(crate) fn tier_sql(now: &str) -> String {
    format!(
        "CASE WHEN c.engaged_at IS NULL THEN 1
            WHEN c.engaged_at >= {now} - {engaged} THEN 0
            WHEN c.engaged_at >= {now} - {cold} THEN 2
            ELSE {COLD_TIER} END",
        engaged = ENGAGED_DAYS * DAY_MS,
        cold = COLD_DAYS * DAY_MS,
    )
}

/// How the ledger writes a group.
const fn code(whom: Whom) -> (i64, i64) {
    match whom {
        Whom::Everyone => (0, 0),
        Whom::Import(id) => (1, id.0),
        Whom::List(id) => (2, id.0),
        Whom::Segment(id) => (3, id.0),
    }
}

fn decode(kind: i64, what: i64) -> Result<Whom> {
    Ok(match kind {
        0 => Whom::Everyone,
        1 => Whom::Import(ImportId(what)),
        2 => Whom::List(ListId(what)),
        3 => Whom::Segment(SegmentId(what)),
        kind => return Err(StoreError::Corrupt(format!("audience of kind {kind}"))),
    })
}

/// Writes whom a campaign is for. Refused: nobody to take in, too many groups, a group that is not of the workspace or
/// not finished.
pub(crate) fn write(conn: &Connection, workspace: WorkspaceId, id: CampaignId, audience: &Audience) -> Result<()> {
    if audience.include.is_empty() {
        return Err(StoreError::Refused(
            "a campaign needs somebody to go to: name an import, a list, a segment or everyone".to_owned(),
        ));
    }
    if audience.include.len() + audience.exclude.len() > GROUPS_MAX {
        return Err(StoreError::Refused(format!("an audience has at most {GROUPS_MAX} groups")));
    }
    let sql = "INSERT INTO campaign_audience (workspace, campaign, place, kind, what, excluded)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for (groups, excluded) in [(&audience.include, false), (&audience.exclude, true)] {
        for (place, whom) in (0_i64..).zip(groups) {
            check(conn, workspace, *whom)?;
            let (kind, what) = code(*whom);
            conn.prepare_cached(sql)?.execute(params![workspace.0, id.0, place, kind, what, excluded])?;
        }
    }
    Ok(())
}

/// A group must be there, finished, and of the workspace.
fn check(conn: &Connection, workspace: WorkspaceId, whom: Whom) -> Result<()> {
    let missing = |what: &'static str, name: String| Err(StoreError::NotFound { what, name });
    match whom {
        Whom::Everyone => Ok(()),
        Whom::Import(id) => {
            let import = imports::import(conn, id)?;
            if import.workspace != workspace {
                return missing("import", id.to_string());
            }
            if import.state != ImportState::Done {
                return Err(StoreError::Refused(format!("{id} is not finished")));
            }
            Ok(())
        }
        Whom::List(id) => {
            let sql = "SELECT 1 FROM list WHERE id = ?1 AND workspace = ?2";
            let found = conn.prepare_cached(sql)?.query_row([id.0, workspace.0], |_| Ok(())).optional()?;
            found.map_or_else(|| missing("list", id.to_string()), Ok)
        }
        Whom::Segment(id) => segments::require(conn, workspace, id).map(|_| ()),
    }
}

/// Whom a campaign is for.
pub(crate) fn of_campaign(conn: &Connection, id: CampaignId) -> Result<Audience> {
    let sql = "SELECT kind, what, excluded FROM campaign_audience WHERE campaign = ?1 ORDER BY excluded, place";
    let mut audience = Audience::default();
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    while let Some(row) = rows.next()? {
        let whom = decode(row.get(0)?, row.get(1)?)?;
        if row.get(2)? { &mut audience.exclude } else { &mut audience.include }.push(whom);
    }
    Ok(audience)
}

/// An audience as a text, in the order of its groups.
pub(crate) fn written(audience: &Audience) -> String {
    let groups = |groups: &[Whom]| groups.iter().map(|whom| code(*whom)).collect::<Vec<_>>();
    serde_json::json!([groups(&audience.include), groups(&audience.exclude)]).to_string()
}

/// The audience that was [`written`].
pub(crate) fn read_written(text: &str) -> Result<Audience> {
    let corrupt = |why: serde_json::Error| StoreError::Corrupt(format!("an audience: {why}"));
    let [include, exclude]: [Vec<(i64, i64)>; 2] = serde_json::from_str(text).map_err(corrupt)?;
    let read = |groups: Vec<(i64, i64)>| -> Result<Vec<Whom>> {
        groups.into_iter().map(|(kind, what)| decode(kind, what)).collect()
    };
    Ok(Audience { include: read(include)?, exclude: read(exclude)? })
}

/// An audience with the rules of its segments, as they stood when it was resolved.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// What is read, in this order.
    pub(crate) groups: Vec<Group>,
    excluded: Vec<Member>,
}

/// A group whose members are known by asking each.
#[derive(Clone, Debug)]
enum Member {
    Of(Whom),
    Rule(Rule),
}

/// A group that is read page by page.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    whom: Whom,
    member: Member,
    /// Of a list: those who did not confirm. They come after everybody else, who may be among them.
    unconfirmed: bool,
}

fn member(conn: &Connection, workspace: WorkspaceId, whom: Whom) -> Result<Member> {
    match whom {
        Whom::Segment(id) => {
            let kept = segments::require(conn, workspace, id)?;
            Ok(Member::Rule(names::as_kept(conn, workspace, &kept.rule)?))
        }
        whom => Ok(Member::Of(whom)),
    }
}

impl Resolved {
    /// The audience of a campaign.
    pub(crate) fn of_campaign(conn: &Connection, workspace: WorkspaceId, id: CampaignId) -> Result<Resolved> {
        Resolved::new(conn, workspace, &of_campaign(conn, id)?)
    }

    fn new(conn: &Connection, workspace: WorkspaceId, audience: &Audience) -> Result<Resolved> {
        let group =
            |whom: &Whom, unconfirmed| Ok(Group { whom: *whom, member: member(conn, workspace, *whom)?, unconfirmed });
        let named = audience.include.iter().map(|whom| group(whom, false));
        let lists = audience.include.iter().filter(|whom| matches!(whom, Whom::List(_)));
        Ok(Resolved {
            groups: named.chain(lists.map(|whom| group(whom, true))).collect::<Result<_>>()?,
            excluded: audience.exclude.iter().map(|whom| member(conn, workspace, *whom)).collect::<Result<_>>()?,
        })
    }

    /// Whether `c` (a contact) is left out, as SQL.
    pub(crate) fn excluded_sql(&self, compiler: &mut Compiler) -> String {
        let groups: Vec<String> = self.excluded.iter().map(|member| member.holds_sql(compiler)).collect();
        if groups.is_empty() { "0".to_owned() } else { format!("({})", groups.join(" OR ")) }
    }
}

impl Group {
    /// SQL for (place, contact) of at most `?3` people whose place is after `?2`, with what is bound to `?1`. Some of
    /// them may be no members.
    pub(crate) const fn page(&self) -> (&'static str, i64) {
        let sql = match self.whom {
            Whom::Import(_) => {
                "SELECT m.line AS place, m.contact FROM import_member m WHERE m.import = ?1 AND m.line > ?2
                    ORDER BY m.line LIMIT ?3"
            }
            Whom::List(_) => {
                "SELECT m.contact AS place, m.contact FROM list_member m WHERE m.list = ?1 AND m.contact > ?2
                    ORDER BY m.contact LIMIT ?3"
            }
            Whom::Everyone | Whom::Segment(_) => {
                "SELECT e.id AS place, e.id AS contact FROM contact e WHERE e.id > ?2 AND ?1 >= 0
                    ORDER BY e.id LIMIT ?3"
            }
        };
        (sql, code(self.whom).1)
    }

    /// Whether `c` (a contact of the page) is a member, as SQL.
    pub(crate) fn member_sql(&self, compiler: &mut Compiler) -> String {
        match (self.whom, self.unconfirmed) {
            (Whom::Import(_), _) => "1".to_owned(),
            // Whoever has to confirm and did not comes at the end.
            (Whom::List(id), false) => compiler.each(&Rule::List(id)),
            _ => self.member.holds_sql(compiler),
        }
    }

    /// Why members of it are skipped, if nothing else keeps mail from them.
    pub(crate) const fn skip(&self) -> Option<SkipReason> {
        if self.unconfirmed { Some(SkipReason::Unconfirmed) } else { None }
    }
}

impl Member {
    /// Whether `c` (a contact) is one, as SQL.
    fn holds_sql(&self, compiler: &mut Compiler) -> String {
        match self {
            Member::Of(Whom::Import(id)) => compiler.each(&Rule::Import(*id)),
            Member::Of(Whom::List(id)) => format!(
                "EXISTS (SELECT 1 FROM list_member l WHERE l.list = {} AND l.contact = c.id AND l.ended_at IS NULL)",
                id.0
            ),
            Member::Rule(rule) => format!("({VISIBLE} AND {})", compiler.each(rule)),
            Member::Of(_) => VISIBLE.to_owned(),
        }
    }
}

/// People looked at in one read.
const PAGE_ROWS: i64 = 5_000;

/// Counting how many of an audience had mail from us, page by page.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    workspace: WorkspaceId,
    audience: Resolved,
    group: usize,
    after: i64,
    since: Timestamp,
    now: Timestamp,
    accepted_lately: u64,
    origins: BTreeMap<(Option<i64>, Option<String>), Origin>,
}

/// What one page has of one origin.
struct Page {
    origin: (Option<i64>, Option<String>),
    last: i64,
    people: u64,
    accepted_lately: u64,
    accepted: u64,
}

impl Share {
    /// Nobody is counted yet.
    pub(crate) fn begin(
        conn: &Connection,
        workspace: WorkspaceId,
        audience: &Audience,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Share> {
        let mut audience = Resolved::new(conn, workspace, audience)?;
        audience.groups.retain(|group| group.skip().is_none());
        Ok(Share { workspace, audience, group: 0, after: 0, since, now, accepted_lately: 0, origins: BTreeMap::new() })
    }

    /// Is everybody counted?
    pub(crate) fn is_done(&self) -> bool {
        self.group >= self.audience.groups.len()
    }

    /// What was counted.
    pub(crate) fn found(self) -> Acquaintance {
        let origins: Vec<Origin> = self.origins.into_values().collect();
        let people = origins.iter().map(|origin| origin.people).sum();
        Acquaintance { people, accepted_lately: self.accepted_lately, origins }
    }

    /// Counts one page.
    pub(crate) fn go_on(mut self, conn: &Connection) -> Result<Share> {
        let Some(group) = self.audience.groups.get(self.group) else { return Ok(self) };
        let pages = self.read(conn, group)?;
        match pages.iter().map(|page| page.last).max() {
            Some(last) => self.after = last,
            None => (self.group, self.after) = (self.group + 1, 0),
        }
        for page in pages.into_iter().filter(|page| page.people > 0) {
            self.accepted_lately += page.accepted_lately;
            let is_full = self.origins.len() >= ORIGINS_MAX && !self.origins.contains_key(&page.origin);
            let origin = self.origins.entry(if is_full { (None, None) } else { page.origin }).or_default();
            origin.people += page.people;
            origin.accepted += page.accepted;
        }
        Ok(self)
    }

    fn read(&self, conn: &Connection, group: &Group) -> Result<Vec<Page>> {
        let (page, key) = group.page();
        let mut compiler = Compiler::new(6, self.now);
        // Each person is looked at once, and only at their last acceptance.
        let sql = format!(
            "WITH looked AS MATERIALIZED (
                SELECT p.place, c.id AS person, c.import, c.lead_source,
                    c.workspace = ?4 AND {member} AND NOT {excluded} AND {decision} IS NULL AS free
                FROM ({page}) p CROSS JOIN contact c ON c.id = p.contact LEFT JOIN address a ON a.id = c.address),
             known AS MATERIALIZED (
                SELECT place, import, lead_source, free, CASE WHEN free THEN (
                    SELECT d.campaign FROM delivery d WHERE d.contact = person AND d.state = {accepted}
                    ORDER BY d.campaign DESC LIMIT 1) END AS last FROM looked)
             SELECT import, lead_source, max(place), coalesce(sum(free), 0), coalesce(sum(last >= ?5), 0), count(last)
             FROM known GROUP BY import, lead_source",
            accepted = DeliveryState::Accepted.code(),
            member = group.member_sql(&mut compiler),
            excluded = self.audience.excluded_sql(&mut compiler),
            decision = decision_sql(),
        );
        // Campaigns made since; their ids are in the order of their making.
        let first =
            "SELECT coalesce(min(id), 9223372036854775807) FROM campaign WHERE workspace = ?1 AND created_at >= ?2";
        let first: i64 =
            conn.prepare_cached(first)?.query_row([self.workspace.0, self.since.as_millis()], |row| row.get(0))?;
        let given = [key, self.after, PAGE_ROWS, self.workspace.0, first].map(Value::from);
        let values = params_from_iter(given.into_iter().chain(compiler.values));
        let read = |row: &Row<'_>| {
            Ok(Page {
                origin: (row.get(0)?, row.get(1)?),
                last: row.get(2)?,
                people: row.get(3)?,
                accepted_lately: row.get(4)?,
                accepted: row.get(5)?,
            })
        };
        let mut statement = conn.prepare_cached(&sql)?;
        Ok(statement.query_map(values, read)?.collect::<rusqlite::Result<_>>()?)
    }
}
