//! Rules that are kept, of segments and sequences, and what they name: lists, imports, campaigns.
//!
//! A condition about a list that is not there is false and its negation true, so that somebody left out by it would be
//! mailed. Invariant: what a kept rule names was there when the rule was written, and is not removed while it names it.
//! Rules that were kept before this held are looked through before anybody is mailed by them.

use super::{Ledger, audience, campaigns, causes, engage, imports, lists, segments, sequences};
use crate::audience::Whom;
use crate::error::{Result, StoreError};
use crate::import::{Import, ImportState};
use crate::segment::{Gone, NamedThing, RuleOf, Segment};
use model::segment::{Named, Rule};
use model::sequence::{By, Definition, Goal};
use model::{CampaignId, CampaignKind, CampaignState, SequenceId, SequenceState, WorkspaceId, in_quotes};
use rusqlite::{Connection, params};

/// Names told at once of what is in the way.
const TOLD_MAX: usize = 5;

/// Refuses a rule that names what the workspace does not have.
pub(crate) fn check_named(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<()> {
    missing_in(conn, workspace, rule)?.map_or(Ok(()), |(what, id)| {
        Err(StoreError::Refused(format!("the rule names {} that is not there: {id}", what.with_article())))
    })
}

/// The first thing that a rule names and the workspace does not have: its kind, and as it is written.
fn missing_in(conn: &Connection, workspace: WorkspaceId, rule: &Rule) -> Result<Option<(NamedThing, String)>> {
    let Named { lists: asked, imports: files, campaigns: mailings, links, causes: marks } = rule.named();
    for id in asked {
        if lists::list(conn, workspace, id)?.is_none() {
            return Ok(Some((NamedThing::List, id.to_string())));
        }
    }
    for id in files {
        let is_there = |found: &Import| found.workspace == workspace && found.state != ImportState::Removed;
        if !found(imports::import(conn, id))?.as_ref().is_some_and(is_there) {
            return Ok(Some((NamedThing::Import, id.to_string())));
        }
    }
    for id in mailings {
        if found(campaigns::require(conn, id))?.is_none_or(|found| found.workspace != workspace) {
            return Ok(Some((NamedThing::Campaign, id.to_string())));
        }
    }
    for (campaign, number) in links {
        if !may_have_link(conn, campaign, number)? {
            return Ok(Some((NamedThing::Link, format!("{number} of {campaign}"))));
        }
    }
    for (campaign, mark) in marks {
        if !causes::was_counted(conn, campaign, &mark)? {
            return Ok(Some((NamedThing::Cause, format!("{mark} of {campaign}"))));
        }
    }
    Ok(None)
}

/// Has the message of a campaign this link, or may it still get it? The links of a draft are numbered when it begins, and
/// a standing campaign of single messages has those of each message.
fn may_have_link(conn: &Connection, campaign: CampaignId, number: u32) -> Result<bool> {
    let known = campaigns::require(conn, campaign)?;
    let is_fixed = known.kind != CampaignKind::Transactional
        && !matches!(known.state, CampaignState::Draft | CampaignState::Scheduled);
    // The one that only machines see stands in every message.
    let is_its_own = || Ok(engage::links(conn, campaign)?.iter().any(|(known, _)| u32::from(*known) == number));
    if !is_fixed || number == 0 { Ok(true) } else { is_its_own() }
}

/// What the segments of a campaign's audience name that is not there, the first few of it.
pub(crate) fn gone_from_audience(conn: &Connection, workspace: WorkspaceId, id: CampaignId) -> Result<Vec<Gone>> {
    let audience = audience::of_campaign(conn, id)?;
    let mut gone = Vec::new();
    for whom in audience.include.iter().chain(&audience.exclude) {
        if let Whom::Segment(id) = whom {
            gone.extend(gone_from_segment(conn, workspace, segments::require(conn, workspace, *id)?)?);
        }
    }
    gone.truncate(TOLD_MAX);
    Ok(gone)
}

/// What the rule of a segment names that is not there.
fn gone_from_segment(conn: &Connection, workspace: WorkspaceId, segment: Segment) -> Result<Option<Gone>> {
    let missing = missing_in(conn, workspace, &segment.rule)?;
    Ok(missing.map(|(what, id)| Gone { of: RuleOf::Segment(segment.name), what, id }))
}

/// What a sequence names that is not there, the first few of it with the version that does: of the newest also by what
/// people come in, of those by which people are on their way the rules alone. Of an archived one nothing counts any more.
pub(crate) fn gone_from_sequence(
    conn: &Connection,
    workspace: WorkspaceId,
    id: SequenceId,
) -> Result<Vec<(u32, Gone)>> {
    let sql = "SELECT v.version, v.version = s.newest FROM sequence_version v JOIN sequence s ON s.id = v.sequence
        WHERE s.id = ?1 AND s.workspace = ?2 AND s.state <> ?3 AND (v.version = s.newest OR EXISTS (
            SELECT 1 FROM sequence_place p WHERE p.sequence = s.id AND p.version = v.version)) ORDER BY v.version DESC";
    let mut statement = conn.prepare_cached(sql)?;
    let key = params![id.0, workspace.0, SequenceState::Archived.code()];
    let numbers = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut gone = Vec::new();
    for (number, is_newest) in numbers.collect::<rusqlite::Result<Vec<(u32, bool)>>>()? {
        if let Some(version) = sequences::version(conn, workspace, id, number)? {
            let mut named =
                if is_newest { gone_from_entries(conn, workspace, &version.definition)? } else { Vec::new() };
            named.extend(gone_from_definition(conn, workspace, &version.definition)?);
            gone.extend(named.into_iter().map(|named| (number, named)));
        }
    }
    gone.truncate(TOLD_MAX);
    Ok(gone)
}

/// By what people are to come in that is not there, or whose rule names what is not.
fn gone_from_entries(conn: &Connection, workspace: WorkspaceId, definition: &Definition) -> Result<Vec<Gone>> {
    let mut gone = Vec::new();
    for entry in &definition.entries {
        gone.extend(match entry.by {
            By::Joins(id) | By::List(id) if lists::list(conn, workspace, id)?.is_none() => {
                Some(Gone { of: RuleOf::Entry, what: NamedThing::List, id: id.to_string() })
            }
            By::Segment(id) => match segments::segment(conn, workspace, id)? {
                None => Some(Gone { of: RuleOf::Entry, what: NamedThing::Segment, id: id.to_string() }),
                Some(segment) => gone_from_segment(conn, workspace, segment)?,
            },
            By::Joins(_) | By::List(_) | By::Event(_) | By::Api => None,
        });
    }
    Ok(gone)
}

/// What the goal and the branches of a definition name that is not there.
pub(crate) fn gone_from_definition(
    conn: &Connection,
    workspace: WorkspaceId,
    definition: &Definition,
) -> Result<Vec<Gone>> {
    let mut gone = Vec::new();
    for rule in definition.rules() {
        let is_goal = matches!(&definition.goal, Some(Goal::Rule(goal)) if std::ptr::eq(goal, rule));
        let of = if is_goal { RuleOf::Goal } else { RuleOf::Branch };
        gone.extend(missing_in(conn, workspace, rule)?.map(|(what, id)| Gone { of, what, id }));
    }
    gone.truncate(TOLD_MAX);
    Ok(gone)
}

/// What was found, if it is there.
fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Ledger {
    /// Refuses to remove what a kept rule names, with the names of whose rules these are. `id`: as it is written;
    /// `is_meant`: is it among what a rule names?
    pub(crate) fn refuse_while_named(
        &self,
        workspace: WorkspaceId,
        id: &str,
        is_meant: impl Fn(&Named) -> bool,
    ) -> Result<()> {
        // What cannot be read may name it.
        let sql = "SELECT name, rule FROM segment WHERE workspace = ?1 AND instr(rule, ?2) > 0 ORDER BY id";
        let segments = self.names_of(sql, workspace, id, |text| {
            serde_json::from_str(text).map_or(true, |rule: Rule| is_meant(&rule.named()))
        })?;
        if !segments.is_empty() {
            return Err(StoreError::Refused(format!("the rule of the segment {segments} names it; change that first")));
        }
        // The version by which people come in, the newest, and those somebody is on their way by.
        let sql = format!(
            "SELECT s.name, v.definition FROM sequence s JOIN sequence_version v ON v.sequence = s.id
             WHERE s.workspace = ?1 AND s.state <> {} AND instr(v.definition, ?2) > 0
                AND (v.version = s.newest OR v.version = s.version OR EXISTS (SELECT 1 FROM sequence_place p
                    WHERE p.sequence = s.id AND p.version = v.version)) ORDER BY s.id",
            SequenceState::Archived.code()
        );
        let sequences = self.names_of(&sql, workspace, id, |text| {
            let read: std::result::Result<Definition, _> = serde_json::from_str(text);
            read.map_or(true, |known| known.rules().iter().any(|rule| is_meant(&rule.named())))
        })?;
        if sequences.is_empty() {
            return Ok(());
        }
        Err(StoreError::Refused(format!(
            "a branch or the goal of the sequence {sequences} names it; change that first"
        )))
    }

    /// The names of those whose text names it, the first few of them.
    fn names_of(&self, sql: &str, workspace: WorkspaceId, id: &str, names: impl Fn(&str) -> bool) -> Result<String> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![workspace.0, id])?;
        let mut told: Vec<String> = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, text): (String, String) = (row.get(0)?, row.get(1)?);
            let name = in_quotes(&name);
            if told.len() < TOLD_MAX && !told.contains(&name) && names(&text) {
                told.push(name);
            }
        }
        Ok(told.join(", "))
    }
}
