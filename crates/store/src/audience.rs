//! Who is to be mailed: the groups an audience takes in, and those it leaves out.
//!
//! Resolved and frozen when the campaign is built. A person found in several groups is one recipient, at the place of
//! the first; whoever is in a group that is left out gets a row `skipped(excluded)`, so that everybody is accounted
//! for.

use crate::Store;
use crate::error::Result;
use crate::sqlite::audience::{Share, of_campaign};
use model::{CampaignId, ImportId, ListId, SegmentId, Timestamp, WorkspaceId};
use rusqlite::Connection;

/// A group of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Everybody of the workspace.
    Everyone,
    /// The people of a finished import, in the order of the file.
    Import(ImportId),
    /// Who is on a list; of a list that asks for a confirmation, whoever did not confirm is skipped as unconfirmed.
    List(ListId),
    /// Whom a segment's rule holds for at the time of the build.
    Segment(SegmentId),
}

/// The most groups of an audience, taken in and left out together.
pub const GROUPS_MAX: usize = 100;

/// Whom a campaign is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Taken in, in this order; at least one.
    pub include: Vec<Whom>,
    /// Left out.
    pub exclude: Vec<Whom>,
}

impl Audience {
    /// Everybody of the workspace.
    pub fn everyone() -> Audience {
        Audience { include: vec![Whom::Everyone], exclude: Vec::new() }
    }

    /// The people of these imports, in the order of the files.
    pub fn imports(imports: impl IntoIterator<Item = ImportId>) -> Audience {
        Audience { include: imports.into_iter().map(Whom::Import).collect(), exclude: Vec::new() }
    }
}

/// How many people an audience has that can be mailed, and how many of them had mail from us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acquaintance {
    /// All of them.
    pub people: u64,
    /// With mail accepted in campaigns made since a given time.
    pub accepted_lately: u64,
    /// By where they come from, import and lead source; what is beyond [`ORIGINS_MAX`] is one group.
    pub origins: Vec<Origin>,
}

/// People who came with the same import from the same lead source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// How many they are.
    pub people: u64,
    /// Of them: with mail ever accepted.
    pub accepted: u64,
}

/// Groups of people that are told apart by where they come from.
pub const ORIGINS_MAX: usize = 10_000;

impl Store {
    /// Whom a campaign is for.
    pub async fn audience_of(&self, id: CampaignId) -> Result<Audience> {
        self.core.lanes.read(move |conn| of_campaign(conn, id)).await
    }
    /// How many people an audience has, and how many of them had mail from us: ever, and in campaigns made since `since`.
    /// Reads the whole audience, in bounded pages.
    pub async fn acquaintance(
        &self,
        workspace: WorkspaceId,
        audience: &Audience,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Acquaintance> {
        let audience = audience.clone();
        let begin = move |conn: &Connection| Share::begin(conn, workspace, &audience, since, now);
        let mut share = self.core.lanes.read(begin).await?;
        while !share.is_done() {
            share = self.core.lanes.read(move |conn| share.go_on(conn)).await?;
        }
        Ok(share.found())
    }
}
